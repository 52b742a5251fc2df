package service

import (
	"context"
	"time"

	"consentry/internal/consent"
	"consentry/internal/domain"
)

// TenantDoor is the way of a browser to Microsoft and back, for one cell and
// one tenant. Both legs come back to the same address of ours, by GET.
type TenantDoor interface {
	// AdminConsentURL is where an administrator of the tenant sees the cell's
	// permissions and accepts them.
	AdminConsentURL(ctx context.Context, cell domain.Cell, tenantID, state string) (string, error)
	// SignInURL is where somebody signs in to the cell's app, in that tenant only.
	SignInURL(ctx context.Context, leg SignInLeg) (string, error)
	// Redeem exchanges the code of a sign-in and verifies the id token: signature,
	// issuer of that tenant, audience, nonce. The identity is the token's word.
	Redeem(ctx context.Context, leg RedeemLeg) (consent.Identity, error)
}

// SignInLeg is what the second leg takes along.
type SignInLeg struct {
	Cell     domain.Cell
	TenantID string
	State    string
	Nonce    string
	Verifier string // PKCE; only its challenge is sent
	Prompt   string
}

// RedeemLeg is what the second leg brings back, with what was kept of it.
type RedeemLeg struct {
	Cell     domain.Cell
	TenantID string
	Code     string
	Nonce    string
	Verifier string
}

// DoorFault is what a TenantDoor's error may say about itself: what kind of
// fault it is (unavailable, throttled, sign_in_stale, identity_rejected,
// misconfigured, …) and Microsoft's own code, if there was one.
type DoorFault interface {
	error
	FaultKind() string
	FaultCode() string
}

// How long the steps of a consent may take. The address can be handed to an
// administrator who has no login of ours, so it lives longer than what follows
// once a browser has opened it.
const (
	consentStartFor   = 24 * time.Hour
	consentSessionFor = time.Hour
	consentLegFor     = 10 * time.Minute
)

// ConsentStart answers the beginning of a consent. Path is an address of ours
// that works for the first browser that opens it.
type ConsentStart struct {
	SessionID string
	Path      string
	ExpiresAt domain.Instant
}

// ConsentStep says where a consent session stands after a browser came by.
type ConsentStep struct {
	SessionID   string // "" when the attempt is not known
	MigrationID string
	ConnectorID string // set instead when it is for a connector
	AccountID   string
	Redirect    string // the address at Microsoft to go on to, "" to stay
	Browser     string // the cookie value that binds this browser
	Verified    bool
	Refusal     *consent.Refusal
	Again       bool // the same leg may be tried again in this browser
}

// ConsentFlow leads a browser through the two legs. It is made of commands of
// the Service around calls to Microsoft; between any two of them the process
// may end, and the browser can try the leg again.
type ConsentFlow struct {
	service *Service
	door    TenantDoor
}

// NewConsentFlow joins the service and the door.
func NewConsentFlow(s *Service, door TenantDoor) *ConsentFlow {
	return &ConsentFlow{service: s, door: door}
}
