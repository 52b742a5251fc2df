package domain

// ConsentLeg is which of the two roads to Microsoft a consent session is on.
type ConsentLeg string

// The legs, in their order.
const (
	LegConsent ConsentLeg = "consent"
	LegSignIn  ConsentLeg = "sign-in"
)

// ConsentOutcome is how a consent session stands.
type ConsentOutcome string

// The outcomes.
const (
	ConsentOpen     ConsentOutcome = "open"
	ConsentVerified ConsentOutcome = "verified"
	ConsentRefused  ConsentOutcome = "refused"
	ConsentExpired  ConsentOutcome = "expired"
)

// ConsentSession is one single-use attempt of a person to consent for one
// migration, or for one connector that is connected anew. Digests stand for
// every value a browser holds; the verifier is sealed, because it would let its
// finder redeem the code.
type ConsentSession struct {
	ID             string
	AccountID      string
	MigrationID    string // "" when it is for a connector
	ConnectorID    string // "" when it is for a migration
	PersonID       string // who began it in the console
	TenantID       string // the only tenant it can be for
	CellID         string
	Leg            ConsentLeg
	StartDigest    string // of the one-use address that sends a browser on
	CookieDigest   string // of the browser that opened it; "" until then
	StateDigest    string // of the open leg's state; "" = spent
	StateExpiresAt Instant
	Nonce          string
	SealedVerifier []byte
	Outcome        ConsentOutcome
	Code           string // of a refusal
	Text           string
	VerifiedTenant string // tid of the verified id token
	VerifiedObject string // oid
	VerifiedRoles  []string
	NextCheckAt    Instant // when the tenant is looked at again for an approval; zero = nobody waits for one
	AbsentAt       Instant // when such a look last found no consent; zero = none has
	CreatedAt      Instant
	ExpiresAt      Instant
	EndedAt        Instant
}
