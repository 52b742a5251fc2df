package directory

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/google/uuid"
)

// User holds the properties of a Graph user that are modelled, under their Graph names. Moments are Graph's own
// text form, so that a value survives a round trip unchanged.
type User struct {
	ID                              string          `json:"id"`
	DisplayName                     string          `json:"displayName,omitempty"`
	GivenName                       string          `json:"givenName,omitempty"`
	Surname                         string          `json:"surname,omitempty"`
	UserPrincipalName               string          `json:"userPrincipalName,omitempty"`
	Mail                            string          `json:"mail,omitempty"`
	MailNickname                    string          `json:"mailNickname,omitempty"`
	AccountEnabled                  bool            `json:"accountEnabled"`
	UserType                        string          `json:"userType,omitempty"`
	JobTitle                        string          `json:"jobTitle,omitempty"`
	Department                      string          `json:"department,omitempty"`
	CompanyName                     string          `json:"companyName,omitempty"`
	OfficeLocation                  string          `json:"officeLocation,omitempty"`
	EmployeeID                      string          `json:"employeeId,omitempty"`
	EmployeeType                    string          `json:"employeeType,omitempty"`
	MobilePhone                     string          `json:"mobilePhone,omitempty"`
	BusinessPhones                  []string        `json:"businessPhones,omitempty"`
	PreferredLanguage               string          `json:"preferredLanguage,omitempty"`
	UsageLocation                   string          `json:"usageLocation,omitempty"`
	City                            string          `json:"city,omitempty"`
	Country                         string          `json:"country,omitempty"`
	ProxyAddresses                  []string        `json:"proxyAddresses,omitempty"`
	OtherMails                      []string        `json:"otherMails,omitempty"`
	CreationType                    string          `json:"creationType,omitempty"`
	ExternalUserState               string          `json:"externalUserState,omitempty"`
	ExternalUserStateChangeDateTime string          `json:"externalUserStateChangeDateTime,omitempty"`
	CreatedDateTime                 string          `json:"createdDateTime,omitempty"`
	StreetAddress                   string          `json:"streetAddress,omitempty"`
	PostalCode                      string          `json:"postalCode,omitempty"`
	State                           string          `json:"state,omitempty"`
	FaxNumber                       string          `json:"faxNumber,omitempty"`
	Identities                      json.RawMessage `json:"identities,omitempty"`                    // a list of objectIdentity
	OnPremisesExtensionAttributes   json.RawMessage `json:"onPremisesExtensionAttributes,omitempty"` // an object
	OnPremisesSyncEnabled           *bool           `json:"onPremisesSyncEnabled,omitempty"`
	OnPremisesImmutableID           string          `json:"onPremisesImmutableId,omitempty"`
	OnPremisesSamAccountName        string          `json:"onPremisesSamAccountName,omitempty"`
	OnPremisesDomainName            string          `json:"onPremisesDomainName,omitempty"`
	OnPremisesDistinguishedName     string          `json:"onPremisesDistinguishedName,omitempty"`
	OnPremisesSecurityIdentifier    string          `json:"onPremisesSecurityIdentifier,omitempty"`
	OnPremisesUserPrincipalName     string          `json:"onPremisesUserPrincipalName,omitempty"`
	OnPremisesLastSyncDateTime      string          `json:"onPremisesLastSyncDateTime,omitempty"`
	SecurityIdentifier              string          `json:"securityIdentifier,omitempty"`
	SignInActivity                  json.RawMessage `json:"signInActivity,omitempty"` // an object
}

// Group holds the modelled properties of a Graph group.
type Group struct {
	ID                       string   `json:"id"`
	DisplayName              string   `json:"displayName,omitempty"`
	Description              string   `json:"description,omitempty"`
	Mail                     string   `json:"mail,omitempty"`
	MailEnabled              bool     `json:"mailEnabled"`
	MailNickname             string   `json:"mailNickname,omitempty"`
	SecurityEnabled          bool     `json:"securityEnabled"`
	GroupTypes               []string `json:"groupTypes,omitempty"`
	Visibility               string   `json:"visibility,omitempty"`
	MembershipRule           string   `json:"membershipRule,omitempty"`
	ProxyAddresses           []string `json:"proxyAddresses,omitempty"`
	CreatedDateTime          string   `json:"createdDateTime,omitempty"`
	OnPremisesSyncEnabled    *bool    `json:"onPremisesSyncEnabled,omitempty"`
	OnPremisesSamAccountName string   `json:"onPremisesSamAccountName,omitempty"`
	OnPremisesDomainName     string   `json:"onPremisesDomainName,omitempty"`
	SecurityIdentifier       string   `json:"securityIdentifier,omitempty"`
	IsAssignableToRole       *bool    `json:"isAssignableToRole,omitempty"`
	UniqueName               string   `json:"uniqueName,omitempty"`
}

// Membership says that a user or a group is a direct member of a group.
type Membership struct {
	GroupID    string `json:"groupId"`
	MemberID   string `json:"memberId"`
	MemberType string `json:"memberType"` // "user" or "group"
}

// Dump is a whole directory as it stands, each list ordered by id, for comparing a copy object by object.
type Dump struct {
	Users       []User       `json:"users"`
	Groups      []Group      `json:"groups"`
	Memberships []Membership `json:"memberships"`
	Owners      []Membership `json:"owners,omitempty"`   // of groups
	Managers    []Manager    `json:"managers,omitempty"` // of users
}

// Manager says who manages a user.
type Manager struct {
	UserID    string `json:"userId"`
	ManagerID string `json:"managerId"`
}

// Patch names the properties of an object to set, by Graph name; null clears one.
type Patch map[string]any

// Kind tells users from groups.
type Kind uint8

const (
	KindUser Kind = iota
	KindGroup
)

func (k Kind) String() string {
	if k == KindGroup {
		return "group"
	}
	return "user"
}

// NotFoundError says that the directory holds no such live object.
type NotFoundError struct{ ID string }

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("Resource '%s' does not exist or one of its queried reference-property objects are not present.", e.ID)
}

// InvalidError says why a mutation makes no sense for the directory as it stands.
type InvalidError struct{ Reason string }

func (e *InvalidError) Error() string { return e.Reason }

func invalid(format string, args ...any) error {
	return &InvalidError{Reason: fmt.Sprintf(format, args...)}
}

func parseID(id string) (uuid.UUID, error) {
	parsed, err := uuid.Parse(id)
	if err != nil || len(id) != 36 {
		return uuid.Nil, invalid("Invalid object identifier '%s'.", id)
	}
	return parsed, nil
}

func sameText(a, b string) bool { return strings.EqualFold(a, b) }
