package rotation

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Action is what to do next.
type Action string

// The actions. Retire removes a key from the registration, or only forgets one that never got there.
const (
	Nothing  Action = "nothing"
	Mint     Action = "mint"
	Publish  Action = "publish"
	Prove    Action = "prove"
	Activate Action = "activate"
	Retire   Action = "retire"
)

// Reason says why, as a stable code.
type Reason string

// The reasons. They are shown in the workflow's history and on the cell's page.
const (
	// FirstKey: no certificate of the cell can sign, so a person has to add the next one to the registration.
	FirstKey Reason = "first_key"
	// WaitingForPerson: a certificate waits to be added by a person; a token will show when it was.
	WaitingForPerson Reason = "waiting_for_person"
	Due              Reason = "due"
	Requested        Reason = "requested"
	Expiring         Reason = "expiring"
	ActiveTainted    Reason = "active_tainted"
	// NoActive: an older certificate signs because the active one expired or was tainted.
	NoActive     Reason = "no_active"
	NotPublished Reason = "not_published"
	// AnswerLost: addKey was called and its answer is unknown; a token tells whether it worked.
	AnswerLost     Reason = "answer_lost"
	PublishAgain   Reason = "publish_again"
	NotProven      Reason = "not_proven"
	ProvenKey      Reason = "proven"
	GraceOver      Reason = "grace_over"
	TaintedKey     Reason = "tainted"
	ExpiredKey     Reason = "expired"
	NeverProven    Reason = "never_proven"
	TooOldToStart  Reason = "too_old_to_start"
	Surplus        Reason = "surplus"
	AllCurrent     Reason = "all_current"
	WaitingToProve Reason = "waiting_to_prove"
)

// Step is the answer of Next.
type Step struct {
	Action       Action
	CredentialID string // empty for Mint and Nothing
	// SignerID is the credential whose key signs the proof of possession that Publish and Retire send along.
	// Empty on Retire means that nothing is to be removed at Microsoft.
	SignerID string
	Reason   Reason
	Message  string
	// Until, for Nothing: the time at which to ask again at the latest.
	Until time.Time
}

type view struct {
	now         time.Time
	policy      Policy
	credentials []Credential
	signing     *Credential // signs assertions now
	successor   *Credential // on its way to replace it
	until       time.Time
	waiting     Reason
}

// Next says what should happen to the credentials of one cell. Ask again after every recorded step.
func Next(now time.Time, credentials []Credential, policy Policy) Step {
	v := &view{now: now, policy: policy, credentials: credentials, waiting: AllCurrent}
	if signing, ok := Signing(now, credentials, policy); ok {
		v.signing = &signing
	}
	v.successor = v.findSuccessor()
	// The order matters: a compromised key goes before anything else; what was begun is finished before
	// something new is begun; clearing up comes last because nothing depends on it.
	for _, check := range []func(*view) (Step, bool){
		removeTainted, activate, prove, publish, mint, removeReplaced, removeLeftOver,
	} {
		if step, applies := check(v); applies {
			return step
		}
	}
	if v.until.IsZero() {
		v.until = now.Add(policy.Period)
	}
	return Step{Action: Nothing, Reason: v.waiting, Message: messages[v.waiting], Until: v.until}
}

// Signing says which credential signs assertions now: the active one, and while there is none that could, the
// best that a token server would still accept. A tainted key signs only when nothing else can, because without
// it the cell could not even publish its successor.
func Signing(now time.Time, credentials []Credential, policy Policy) (Credential, bool) {
	rank := map[State]int{Active: 5, Verified: 4, Retiring: 3, Published: 2, Prepared: 2, Tainted: 1}
	var best Credential
	found := false
	for _, c := range credentials {
		if !c.usable(now, policy) {
			continue
		}
		if !found || cmp.Or(
			cmp.Compare(rank[c.State], rank[best.State]),
			c.ActivatedAt.Compare(best.ActivatedAt),
			c.NotAfter.Compare(best.NotAfter),
			cmp.Compare(c.ID, best.ID),
		) > 0 {
			best, found = c, true
		}
	}
	return best, found
}

// secure means that an active key would remain if any other were removed.
func (v *view) secure() bool { return v.signing != nil && v.signing.State == Active }

func (v *view) isSigning(c Credential) bool { return v.signing != nil && v.signing.ID == c.ID }

func (v *view) isSuccessor(c Credential) bool { return v.successor != nil && v.successor.ID == c.ID }

func (v *view) wait(until time.Time, why Reason) {
	if v.until.IsZero() || until.Before(v.until) {
		v.until = until
		v.waiting = why
	}
}

func (v *view) findSuccessor() *Credential {
	rank := map[State]int{Verified: 3, Published: 2, Prepared: 1}
	candidates := slices.DeleteFunc(slices.Clone(v.credentials), func(c Credential) bool {
		return rank[c.State] == 0 || !c.RemovingAt.IsZero() || v.hopeless(c) != ""
	})
	if len(candidates) == 0 {
		return nil
	}
	best := slices.MaxFunc(candidates, func(a, b Credential) int {
		return cmp.Or(
			cmp.Compare(rank[a.State], rank[b.State]),
			cmp.Compare(min(a.Proofs, 1), min(b.Proofs, 1)),
			a.NotAfter.Compare(b.NotAfter),
			cmp.Compare(a.ID, b.ID),
		)
	})
	return &best
}

// hopeless says why a credential that is not active yet should never become so. While nothing can sign, a key
// is given up only when it has expired or Microsoft refused it long after it was published: another one may be
// the one that a person is just adding, but waiting for one that is gone would keep the person from being asked.
func (v *view) hopeless(c Credential) Reason {
	switch {
	case c.expired(v.now):
		return ExpiredKey
	case v.isSigning(c):
		return ""
	case v.signing == nil:
		if c.State == Published && c.Proofs == 0 && c.TriedAt.Sub(c.PublishedAt) >= v.policy.ProofPatience {
			return NeverProven
		}
		return ""
	case c.NotAfter.Sub(v.now) < v.policy.minimalRest():
		return TooOldToStart
	case c.State == Published && !c.proven(v.policy) && v.now.Sub(c.PublishedAt) >= v.policy.ProofPatience:
		return NeverProven
	}
	return ""
}

func removeTainted(v *view) (Step, bool) {
	for _, c := range v.credentials {
		if c.State == Tainted && v.secure() {
			return v.retire(c, TaintedKey), true
		}
	}
	return Step{}, false
}

func activate(v *view) (Step, bool) {
	c := v.successor
	if c == nil || !c.usable(v.now, v.policy) {
		return Step{}, false
	}
	return step(Activate, c.ID, ProvenKey), true
}

func prove(v *view) (Step, bool) {
	c := v.successor
	if c == nil || c.proven(v.policy) {
		return Step{}, false
	}
	why := NotProven
	if c.State == Prepared {
		switch {
		case v.signing == nil:
			why = WaitingForPerson
		case c.Proofs > 0:
			why = AnswerLost
		case c.PublishingAt.IsZero() || v.now.Sub(c.PublishingAt) >= v.policy.PublishSettle:
			return Step{}, false
		default:
			why = AnswerLost
		}
	}
	at := c.NotBefore
	if next := c.TriedAt.Add(v.policy.ProofInterval); !c.TriedAt.IsZero() && next.After(at) {
		at = next
	}
	if v.now.Before(at) {
		v.wait(at, WaitingToProve)
		return Step{}, false
	}
	return step(Prove, c.ID, why), true
}

func publish(v *view) (Step, bool) {
	c := v.successor
	if c == nil || c.State != Prepared || c.Proofs > 0 || v.signing == nil {
		return Step{}, false
	}
	why := NotPublished
	if !c.PublishingAt.IsZero() {
		if v.now.Sub(c.PublishingAt) < v.policy.PublishSettle {
			return Step{}, false
		}
		why = PublishAgain
	}
	s := step(Publish, c.ID, why)
	s.SignerID = v.signing.ID
	return s, true
}

func mint(v *view) (Step, bool) {
	switch s := v.signing; {
	case v.successor != nil:
		return Step{}, false
	case s == nil:
		return step(Mint, "", FirstKey), true
	case s.State == Tainted:
		return step(Mint, "", ActiveTainted), true
	case s.State != Active:
		return step(Mint, "", NoActive), true
	case s.ActivatedAt.Before(v.policy.RequestedAt) && !v.policy.RequestedAt.After(v.now):
		return step(Mint, "", Requested), true
	case s.NotAfter.Sub(v.now) < v.policy.minimalRest():
		return step(Mint, "", Expiring), true
	case v.now.Sub(s.ActivatedAt) >= v.policy.dueAfter():
		return step(Mint, "", Due), true
	default:
		v.wait(s.ActivatedAt.Add(v.policy.dueAfter()), AllCurrent)
		return Step{}, false
	}
}

func removeReplaced(v *view) (Step, bool) {
	if !v.secure() {
		return Step{}, false
	}
	for _, c := range v.credentials {
		replacedAt := c.RetiringAt
		switch {
		case v.isSigning(c):
			continue
		case c.State == Active, c.State == Retiring && replacedAt.IsZero():
			replacedAt = v.signing.ActivatedAt
		case c.State != Retiring:
			continue
		}
		if over := replacedAt.Add(v.policy.OldKeyGrace); v.now.Before(over) && !c.expired(v.now) {
			v.wait(over, AllCurrent)
			continue
		}
		return v.retire(c, GraceOver), true
	}
	return Step{}, false
}

func removeLeftOver(v *view) (Step, bool) {
	if !v.secure() {
		return Step{}, false
	}
	for _, c := range v.credentials {
		if c.State != Prepared && c.State != Published && c.State != Verified || v.isSuccessor(c) {
			continue
		}
		return v.retire(c, cmp.Or(v.hopeless(c), Surplus)), true
	}
	return Step{}, false
}

func (v *view) retire(c Credential, why Reason) Step {
	s := step(Retire, c.ID, why)
	switch {
	case c.KeyID != "":
		s.SignerID = v.signing.ID
	case c.published():
		s.Message += fmt.Sprintf(" Its key id was never recorded, so it cannot be removed from the registration by us;"+
			" it stops working on %s, or when a person removes it.", c.NotAfter.UTC().Format(time.DateOnly))
	}
	return s
}

func step(action Action, id string, why Reason) Step {
	return Step{Action: action, CredentialID: id, Reason: why, Message: messages[why]}
}

var messages = map[Reason]string{
	FirstKey:         "No certificate of this cell can sign. A new one is minted; a person has to add it to the app registration.",
	WaitingForPerson: "This certificate waits to be added to the app registration by a person. A token will show when it was.",
	Due:              "The active certificate has served its period.",
	Requested:        "A person asked for a rotation.",
	Expiring:         "The active certificate ends soon.",
	ActiveTainted:    "The certificate in use is tainted and must be replaced.",
	NoActive:         "An older certificate signs because the active one cannot be used.",
	NotPublished:     "The certificate is minted and not yet on the app registration.",
	AnswerLost:       "The certificate was sent to the app registration and the answer was lost. A token will show whether it arrived.",
	PublishAgain:     "The certificate was sent to the app registration and never became visible, so it is sent again.",
	NotProven:        "The certificate is on the app registration. Tokens must show that every token server knows it.",
	ProvenKey:        "The certificate has been proven and takes over.",
	GraceOver:        "The certificate was replaced and its grace is over.",
	TaintedKey:       "The certificate is tainted and another one is active.",
	ExpiredKey:       "The certificate has expired.",
	NeverProven:      "The certificate was published and no token server ever accepted it.",
	TooOldToStart:    "The certificate would end too soon to take over.",
	Surplus:          "Another certificate is further on its way to take over.",
	AllCurrent:       "Nothing is due.",
	WaitingToProve:   "The next proof is not due yet.",
}
