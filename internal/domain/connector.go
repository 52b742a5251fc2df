package domain

// PermissionSet is a versioned list of what a connector may read.
type PermissionSet struct {
	Version     int
	Application []string
	Delegated   []string
}

// PermissionSets lists every set there has been; a new one means asking every
// customer again. Set 1 is the least that directory delta needs.
var PermissionSets = map[int]PermissionSet{
	1: {Version: 1, Application: []string{"User.Read.All", "GroupMember.Read.All"}, Delegated: []string{"openid", "profile"}},
}

// CurrentPermissionSet is the set new connectors are consented with.
const CurrentPermissionSet = 1

// Connector is an account's consented link to one tenant for one product. The
// three together are unique among the connectors that were not disconnected.
type Connector struct {
	ID               string
	AccountID        string
	TenantID         string
	Product          string
	Name             string
	Description      string
	CellID           string
	PermissionSet    int
	ConsentSessionID string
	ConsentedBy      string // object id of the administrator in the tenant
	ConsentedAt      Instant
	ConfirmedAt      Instant // when calls with the cell's certificate proved it
	EnrolledAt       Instant // when it was handed to its cell's rotation
	Condition        Condition
	ConditionCode    string
	ConditionText    string
	ConditionSince   Instant
	ReconnectSession string  // verified, and being checked with real calls; "" = none
	ReconnectSince   Instant // of that check
	ReconnectCode    string  // why the last consent for it came to nothing; "" = it did not
	ReconnectText    string
	DisconnectedAt   Instant // the row stays as evidence …
	DisconnectedBy   string
	EvidenceUntil    Instant // … until then
	CreatedAt        Instant
	UpdatedAt        Instant
}

// Cell is one of the vendor's own multi-tenant app registrations.
type Cell struct {
	ID                  string
	Name                string
	Cloud               string
	Region              string
	ClientID            string
	ApplicationObjectID string
	HomeTenantID        string
	Rotation            RotationPolicy
	RotationRequestedAt Instant // a person asked to rotate now
	CreatedAt           Instant
}

// RotationPolicy is how a cell's certificates are replaced. A zero field means
// the product's default; a demonstration sets seconds.
type RotationPolicy struct {
	Period        Duration `json:"period,omitempty"`
	Lifetime      Duration `json:"lifetime,omitempty"`
	OldKeyGrace   Duration `json:"oldKeyGrace,omitempty"`
	Proofs        int      `json:"proofs,omitempty"`
	ProofInterval Duration `json:"proofInterval,omitempty"`
	PublishSettle Duration `json:"publishSettle,omitempty"`
	ProofPatience Duration `json:"proofPatience,omitempty"`
}

// CredentialState is where a certificate of a cell stands in its life.
type CredentialState string

// The states, in their order; tainted stands beside them.
const (
	CredentialPrepared  CredentialState = "prepared"
	CredentialPublished CredentialState = "published"
	CredentialVerified  CredentialState = "verified"
	CredentialActive    CredentialState = "active"
	CredentialRetiring  CredentialState = "retiring"
	CredentialRetired   CredentialState = "retired"
	CredentialTainted   CredentialState = "tainted"
)

// Credential is one certificate of a cell. Intent is recorded before each
// outside effect, so that whatever the crash, the next run knows what may have
// happened.
type Credential struct {
	ID              string
	CellID          string
	State           CredentialState
	SecretRef       string // the sealed private key
	CertificateDER  []byte
	Thumbprint      string // SHA-256, hex
	SHA1            string // hex; what Microsoft's portal shows
	KeyID           string // Graph's id of the published key; ours to remove
	NotBefore       Instant
	NotAfter        Instant
	PreparedAt      Instant
	PublishBeganAt  Instant // intent: addKey may have been sent since
	PublishedAt     Instant
	Proofs          int // consecutive fresh tokens signed by it
	LastProofAt     Instant
	ProofCode       string // why the last proof was refused: the kind of fault; "" when it was given
	ProofText       string
	VerifiedAt      Instant
	ActivatedAt     Instant
	RetiringAt      Instant
	RetireBeganAt   Instant // intent: removeKey may have been sent since
	RetiredAt       Instant
	PersonPublished bool // added by a person, the cell's first
}
