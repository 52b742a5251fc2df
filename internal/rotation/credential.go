// Package rotation decides what should happen to the certificates of a cell now, and why.
//
// A cell is one multi-tenant app registration, so it has one set of keys for all connectors pinned to it. A
// certificate (credential) lives through
//
//	prepared   minted; its private key is sealed and durable, Microsoft does not know it yet
//	published  addKey answered, its key id is recorded; token servers learn it within seconds to minutes
//	verified   several tokens in a row were signed with it, each from a token server that had to know it
//	active     signs every assertion
//	retiring   replaced, but still on the registration, for token servers and workers that lag behind
//	retired    removed from the registration
//	tainted    not to be trusted: replaced and removed without any grace
//
// Next is pure: it sees only what was recorded, so it may be asked again after a crash at any point. For that,
// the intent of an effect is recorded before the effect (Begin) and its outcome afterwards (Done). Two rules
// hold whatever happened before: a key is removed only while another, proven and active one can sign the
// removal, and only by a key id that was recorded when we added it.
package rotation

import (
	"errors"
	"fmt"
	"time"
)

// State of a credential; see the package comment.
type State string

// The states of a credential.
const (
	Prepared  State = "prepared"
	Published State = "published"
	Verified  State = "verified"
	Active    State = "active"
	Retiring  State = "retiring"
	Retired   State = "retired"
	Tainted   State = "tainted"
)

// Credential is what is recorded of one certificate of a cell. A zero time means "not yet".
type Credential struct {
	ID    string
	State State
	// KeyID is Microsoft's name of the key, known only from the answer to addKey: the app may not read its own
	// registration. It is empty for a key that a person added, and when the answer was lost.
	KeyID               string
	NotBefore, NotAfter time.Time

	PublishingAt time.Time // intent: addKey may have happened since then
	PublishedAt  time.Time
	VerifiedAt   time.Time
	ActivatedAt  time.Time
	RetiringAt   time.Time
	RemovingAt   time.Time // intent: removeKey may have happened since then, so nothing counts on the key any more
	RetiredAt    time.Time

	Proofs  int       // tokens obtained in a row; a refusal starts again at zero
	TriedAt time.Time // the last attempt to prove
}

func (c Credential) expired(now time.Time) bool { return !now.Before(c.NotAfter) }

// proven means that token servers have accepted the key, often enough to rely on it.
func (c Credential) proven(policy Policy) bool {
	return !c.VerifiedAt.IsZero() || c.Proofs >= policy.Proofs
}

// usable means that an assertion signed now would be accepted.
func (c Credential) usable(now time.Time, policy Policy) bool {
	return c.State != Retired && c.RemovingAt.IsZero() && c.proven(policy) && !now.Before(c.NotBefore) && !c.expired(now)
}

// published means that the key is, or may be, on the registration.
func (c Credential) published() bool {
	return c.KeyID != "" || !c.PublishingAt.IsZero() || !c.PublishedAt.IsZero() || c.Proofs > 0 || !c.VerifiedAt.IsZero()
}

// Policy holds every duration of a rotation. It is data, so that a demonstration may use seconds.
type Policy struct {
	// Period is how often the key changes.
	Period time.Duration
	// Lifetime of a certificate: several periods, so that days in which Graph or we are down are survived; and
	// short, because a home tenant may limit it by policy.
	Lifetime time.Duration
	// Backdate moves the start of a certificate's validity into the past, for clocks that differ.
	Backdate time.Duration
	// OldKeyGrace is how long a replaced key stays on the registration.
	OldKeyGrace time.Duration
	// Proofs is how many tokens in a row verify a key, ProofInterval the time between two: replicas of the token
	// service learn of a key at different times and one success proves one replica.
	Proofs        int
	ProofInterval time.Duration
	// PublishSettle is how long a publication whose answer was lost may still become visible before it is
	// repeated.
	PublishSettle time.Duration
	// ProofPatience is how long a published key may stay unproven before it is given up and replaced.
	ProofPatience time.Duration
	// RequestedAt is when a person last asked to rotate now; zero if nobody did.
	RequestedAt time.Time
}

// DefaultPolicy rotates daily and survives twelve days of outage.
func DefaultPolicy() Policy {
	return Policy{
		Period:        24 * time.Hour,
		Lifetime:      14 * 24 * time.Hour,
		Backdate:      5 * time.Minute,
		OldKeyGrace:   2 * time.Hour,
		Proofs:        5,
		ProofInterval: time.Minute,
		PublishSettle: 15 * time.Minute,
		ProofPatience: 6 * time.Hour,
	}
}

// Validate reports everything that is wrong with the policy at once.
func (p Policy) Validate() error {
	var problems []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	check(p.Period > 0, "the rotation period must be positive")
	check(p.Lifetime >= 4*p.Period, "a certificate must live at least four periods (%s), or a short outage disconnects every connector", 4*p.Period)
	check(p.Lifetime <= 365*24*time.Hour, "a certificate may live one year at most")
	check(p.Backdate >= 0 && p.OldKeyGrace >= 0 && p.ProofInterval >= 0 && p.PublishSettle >= 0, "durations must not be negative")
	check(p.Proofs >= 1, "at least one proof is needed before a key may be activated")
	check(p.ProofPatience > time.Duration(p.Proofs)*p.ProofInterval, "the patience for proofs must exceed the time that %d proofs take", p.Proofs)
	check(p.OldKeyGrace+time.Duration(p.Proofs)*p.ProofInterval < p.Period, "the grace of an old key and the proofs must fit into one period")
	return errors.Join(problems...)
}

// Validity is the window of a certificate minted now.
func (p Policy) Validity(now time.Time) (notBefore, notAfter time.Time) {
	return now.Add(-p.Backdate), now.Add(p.Lifetime)
}

// dueAfter is the age at which the active key is replaced. It is less than a period because the schedule that
// asks runs once a period with jitter: a key of 23 h 50 min must not wait for tomorrow.
func (p Policy) dueAfter() time.Duration { return p.Period - p.Period/4 }

// minimalRest is the validity a key must have left to be worth activating or keeping active.
func (p Policy) minimalRest() time.Duration { return 2 * p.Period }
