package contract

// Error types that cross from activities to workflows: one type is one decision
// of the caller. They are stored in clear and matched by equality.
const (
	ErrThrottled            = "GraphThrottled"       // wait as told, then the same call
	ErrUnavailable          = "MicrosoftUnavailable" // wait, then the same call
	ErrConsentNotVisibleYet = "ConsentNotVisibleYet" // granted, still spreading
	ErrConsentLost          = "ConsentLost"          // ask the administrator again
	ErrLegacyCredentialDead = "LegacyCredentialDead" // nothing can be read through legacy
	ErrTenantMismatch       = "TenantMismatch"       // never retry: wrong directory
	ErrDeltaExpired         = "DeltaExpired"         // a full round is needed
	ErrKeyRejected          = "KeyRejected"          // Microsoft does not know the key
	ErrProofRejected        = "KeyProofRejected"     // addKey refused the proof of possession
	ErrStopped              = "StoppedByRule"        // the predicate or an epoch said no
	ErrNotFound             = "NotFound"
	ErrStoreUnavailable     = "StoreUnavailable"
	ErrMisconfigured        = "Misconfigured"  // a person of the vendor must act
	ErrRunOpen              = "RunOpen"        // wait: another run of the integration holds its row
	ErrPageUnreadable       = "PageUnreadable" // never retry: no delta page
)
