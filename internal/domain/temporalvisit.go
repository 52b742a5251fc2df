package domain

// TemporalVisit is an operator's stay at the Temporal UI on its own host, where
// the console's cookie does not reach. It begins as a pass, which the browser
// carries over and spends once. ID is the digest of the pass's value, and from
// then on of the cookie's.
type TemporalVisit struct {
	ID        string
	SessionID string // of the console: the visit ends with it
	Return    string // path at the Temporal UI to go on to
	Entered   bool
	ExpiresAt Instant
}
