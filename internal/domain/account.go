package domain

import "slices"

// Account is a customer of the vendor.
type Account struct {
	ID        string
	Name      string
	Region    string
	TimeZone  string   // IANA name, for display only
	Domains   []string // registered domains
	CreatedAt Instant
}

// Contact is somebody of the account who is written to.
type Contact struct {
	ID        string
	AccountID string
	Name      string
	Email     string
}

// Role is what a person or machine may do.
type Role string

// The roles. Each of an account's roles includes the ones before it; operator
// belongs to the vendor and stands for no account.
const (
	RoleView     Role = "view"
	RoleMigrate  Role = "migrate"
	RoleApprove  Role = "approve"
	RoleOperator Role = "operator"
)

var accountRoles = []Role{RoleView, RoleMigrate, RoleApprove}

// Includes reports whether holding r is enough where need is asked for.
func (r Role) Includes(need Role) bool {
	have, want := slices.Index(accountRoles, r), slices.Index(accountRoles, need)
	return have >= 0 && want >= 0 && have >= want
}

// Valid reports whether r is one of the roles.
func (r Role) Valid() bool { return r == RoleOperator || slices.Contains(accountRoles, r) }

// Person is an identity of the console's identity provider. For Entra issuers
// Subject is tenant id + "/" + object id, because "sub" is pairwise there.
// Nobody is ever recognised by an e-mail address.
type Person struct {
	ID         string
	Issuer     string
	Subject    string
	Name       string
	CreatedAt  Instant
	SignedInAt Instant // last, to this console; zero: never
}

// Grant gives a person a role: in an account, or as an operator (AccountID "").
type Grant struct {
	ID        string
	PersonID  string
	AccountID string
	Role      Role
	GrantedAt Instant
	GrantedBy string
}

// Session is a signed-in browser. ID is the digest of the cookie's value.
type Session struct {
	ID        string
	PersonID  string
	CreatedAt Instant
	ExpiresAt Instant
}

// SignInState is one attempt to sign in to the console. ID is the digest of the
// state parameter; the row is deleted when it is used.
type SignInState struct {
	ID        string
	Nonce     string
	Verifier  string
	Return    string // local path to go on to
	ExpiresAt Instant
}

// CallerKind tells people, machines and the product's own parts apart.
type CallerKind string

// The kinds of caller.
const (
	CallerPerson    CallerKind = "person"
	CallerMachine   CallerKind = "machine"   // a bearer token
	CallerSystem    CallerKind = "system"    // workers and start-up
	CallerAnonymous CallerKind = "anonymous" // a browser that is not signed in
)

// Caller is who asks: every command and read has one.
type Caller struct {
	Kind   CallerKind
	ID     string // person id, token id, or the part's name
	Name   string
	Grants []Grant
	// Session is the browser's session, by the digest of its cookie; "" for
	// everybody who has none.
	Session string
}

// System is the caller of the product's own parts.
func System(part string) Caller { return Caller{Kind: CallerSystem, ID: part} }

// Anonymous is a browser before it signed in.
func Anonymous() Caller { return Caller{Kind: CallerAnonymous, ID: "anonymous"} }

// Operator reports whether the caller acts for the vendor.
func (c Caller) Operator() bool {
	return c.Kind == CallerSystem || slices.ContainsFunc(c.Grants, func(g Grant) bool { return g.Role == RoleOperator })
}

// Sees reports whether anything of the account exists for the caller.
func (c Caller) Sees(accountID string) bool { return c.Operator() || c.Has(RoleView, accountID) }

// Has reports whether the caller holds at least the role in the account.
// Operators see every account but do not take a customer's decisions: consent,
// description and approval are the customer's own.
func (c Caller) Has(role Role, accountID string) bool {
	if c.Kind == CallerSystem {
		return true
	}
	return slices.ContainsFunc(c.Grants, func(g Grant) bool { return g.AccountID == accountID && accountID != "" && g.Role.Includes(role) })
}

// Accounts lists the ids of the accounts the caller has a role in.
func (c Caller) Accounts() []string {
	var ids []string
	for _, g := range c.Grants {
		if g.AccountID != "" && !slices.Contains(ids, g.AccountID) {
			ids = append(ids, g.AccountID)
		}
	}
	return ids
}
