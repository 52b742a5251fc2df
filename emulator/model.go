package emulator

import (
	"time"

	"consentry/emulator/directory"
)

// The directory's own types, for callers of the emulator.
type (
	User       = directory.User
	Group      = directory.Group
	Membership = directory.Membership
	Dump       = directory.Dump
	Patch      = directory.Patch
	Mutation   = directory.Mutation
)

// Tenant is one organisation.
type Tenant struct {
	ID          string    `json:"id"`
	DisplayName string    `json:"displayName"`
	Domain      string    `json:"domain"`
	Generate    *Generate `json:"generate,omitempty"` // nil starts with an empty directory
	Policy      Policy    `json:"policy,omitzero"`
}

// Policy is what a tenant lets its people do, and which of the observed ways the service behaves in for it.
type Policy struct {
	UserConsentOff  bool      `json:"userConsentOff,omitempty"`  // people cannot consent for themselves
	ConsentRequests bool      `json:"consentRequests,omitempty"` // who may not consent may ask a reviewer to
	Reviewers       []string  `json:"reviewers,omitempty"`       // user principal names; they need a role that may consent, too
	RequestLifetime Duration  `json:"requestLifetime,omitempty"` // until an unanswered request expires; default 30 days
	Premium         bool      `json:"premium,omitempty"`         // has the licence that reports and sign-in activity take
	Switches        *Switches `json:"switches,omitempty"`        // nil: those of the emulator
}

// Generate describes the directory a tenant starts with. The same numbers give the same directory.
type Generate struct {
	Seed   uint64 `json:"seed"`
	Users  int    `json:"users"`
	Groups int    `json:"groups"`
}

// Person is somebody who can sign in; there are no passwords, the sign-in page offers its people as buttons. A person
// is a user of the tenant's directory too, under the same object id.
type Person struct {
	TenantID string   `json:"tenantId"`
	ObjectID string   `json:"objectId"`
	UPN      string   `json:"upn"`
	Name     string   `json:"name"`
	Roles    []string `json:"roles,omitempty"` // template ids of active directory roles; they become wids
	Guest    bool     `json:"guest,omitempty"` // an account of another organisation, invited here
}

// Template ids of the directory roles that decide who may consent, and two that every account has.
const (
	RoleGlobalAdministrator           = "62e90394-69f5-4237-9190-012177145e10"
	RolePrivilegedRoleAdministrator   = "e8611ab8-c189-46e8-94e1-60213ab1f814"
	RoleApplicationAdministrator      = "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3"
	RoleCloudApplicationAdministrator = "158c047a-c907-4556-b7ef-446551a6b5f7"
	roleMember                        = "b79fbf4d-3ef9-4689-8143-76b194e85509"
	roleGuest                         = "10dae51f-b6af-4016-8d66-8c2a99b929b3"
)

var roleNames = map[string]string{
	RoleGlobalAdministrator:           "Global Administrator",
	RolePrivilegedRoleAdministrator:   "Privileged Role Administrator",
	RoleApplicationAdministrator:      "Application Administrator",
	RoleCloudApplicationAdministrator: "Cloud Application Administrator",
}

// Application is an app registration in its home tenant.
type Application struct {
	AppID                 string   `json:"appId"`
	ObjectID              string   `json:"objectId,omitempty"` // made from AppID when empty
	TenantID              string   `json:"tenantId"`           // home tenant
	DisplayName           string   `json:"displayName"`
	MultiTenant           bool     `json:"multiTenant,omitempty"`
	RedirectURIs          []string `json:"redirectUris,omitempty"`
	RequiredRoles         []string `json:"requiredRoles,omitempty"`         // app role ids of Microsoft Graph
	DelegatedScopes       []string `json:"delegatedScopes,omitempty"`       // names, such as openid
	GroupMembershipClaims string   `json:"groupMembershipClaims,omitempty"` // DirectoryRole or All puts wids into id tokens
	OptionalClaims        []string `json:"optionalClaims,omitempty"`        // of id tokens: acct, email
	Secrets               []Secret `json:"secrets,omitempty"`
	Certificates          [][]byte `json:"certificates,omitempty"`       // DER
	AssignmentRequired    bool     `json:"assignmentRequired,omitempty"` // only assigned people may sign in; nobody is
	// ServicePrincipal gives the app a presence in its home tenant, without which no token is issued there.
	ServicePrincipal bool `json:"servicePrincipal,omitempty"`
	// Consented grants everything required in the home tenant at once, as the administrator of a hand-made
	// single-tenant app does.
	Consented bool `json:"consented,omitempty"`
}

// Secret is a client secret; it works until NotAfter.
type Secret struct {
	Value    string    `json:"value"`
	NotAfter time.Time `json:"notAfter"`
}

// Grant is what a tenant has consented to for an app, as the index page and the control API show it.
type Grant struct {
	TenantID           string    `json:"tenantId"`
	AppID              string    `json:"appId"`
	ServicePrincipalID string    `json:"servicePrincipalId"`
	Enabled            bool      `json:"enabled"`
	Roles              []string  `json:"roles"`
	Scopes             []string  `json:"scopes"`
	VisibleAt          time.Time `json:"visibleAt"` // from when tokens carry the roles
}

// Key is a certificate of an app as the index page and the control API show it.
type Key struct {
	KeyID      string    `json:"keyId"`
	Thumbprint string    `json:"thumbprint"` // hex SHA-1 of the certificate
	NotBefore  time.Time `json:"startDateTime"`
	NotAfter   time.Time `json:"endDateTime"`
	VisibleAt  time.Time `json:"visibleAt"` // from when the token endpoint accepts it
}
