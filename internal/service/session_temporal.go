package service

import (
	"context"
	"time"

	"consentry/internal/consent"
	"consentry/internal/domain"
)

// temporalPassFor is how long a pass may take from the console to the Temporal
// UI's host: a browser carries it there at once.
const temporalPassFor = time.Minute

// PassToTemporal makes a pass with which the caller's browser enters the host of
// the Temporal UI, once, and goes on to returnTo there. The value is the only
// copy. Operators only, in a session of the console: the visit ends with it.
func (s *Service) PassToTemporal(ctx context.Context, caller domain.Caller, returnTo string) (string, error) {
	pass := domain.NewToken()
	_, err := Do(ctx, s, caller, "", "pass-to-temporal", "temporal-ui", func(tx *Tx) (struct{}, error) {
		if !caller.Operator() || caller.Session == "" {
			return struct{}{}, domain.Refuse(domain.Forbidden, "operator-needed", "Only an operator of the vendor, signed in to the console, may open the Temporal UI.")
		}
		if _, err := tx.TemporalVisits().Delete(By(Where{"expires_at <=": tx.At()})); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, tx.TemporalVisits().Insert(&domain.TemporalVisit{
			ID: consent.Hash(pass), SessionID: caller.Session, Return: LocalPath(returnTo), ExpiresAt: tx.In(temporalPassFor),
		})
	})
	if err != nil {
		return "", err
	}
	return pass, nil
}

// TemporalEntered is a browser's new visit. Cookie is its only copy.
type TemporalEntered struct {
	Caller  domain.Caller
	Cookie  string
	Return  string
	Expires time.Time
}

// EnterTemporal spends a pass. A session has one visit: the one before, and
// passes that were not used, end.
func (s *Service) EnterTemporal(ctx context.Context, pass string) (TemporalEntered, error) {
	// A made-up pass does not take the write lock.
	err := s.Read(ctx, domain.Anonymous(), func(tx *Tx) error {
		_, err := tx.openPass(pass)
		return err
	})
	if err != nil {
		s.auditRefusal(ctx, domain.Anonymous(), "enter-temporal", "temporal-ui", err)
		return TemporalEntered{}, err
	}
	in := TemporalEntered{Cookie: domain.NewToken()}
	_, err = Do(ctx, s, domain.Anonymous(), "", "enter-temporal", "temporal-ui", func(tx *Tx) (struct{}, error) {
		v, err := tx.openPass(pass)
		if err != nil {
			return struct{}{}, err
		}
		tx.Caller, in.Caller, in.Return, in.Expires = v.caller, v.caller, v.Return, v.sessionEnds.Time
		if _, err := tx.TemporalVisits().Delete(By(Where{"session_id": v.SessionID})); err != nil {
			return struct{}{}, err
		}
		entered := domain.TemporalVisit{ID: consent.Hash(in.Cookie), SessionID: v.SessionID, Return: v.Return, Entered: true, ExpiresAt: v.sessionEnds}
		if err := tx.TemporalVisits().Insert(&entered); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, tx.Audit("", "enter-temporal", "temporal-ui", "done", "", nil)
	})
	if err != nil {
		return TemporalEntered{}, err
	}
	return in, nil
}

// TemporalCaller gives who stands behind a cookie of the Temporal UI's host, with
// the grants as they are now; Anonymous as soon as the console session has ended
// or its person is no operator.
func (s *Service) TemporalCaller(ctx context.Context, cookie string) (caller domain.Caller, err error) {
	err = s.Read(ctx, domain.Anonymous(), func(tx *Tx) error {
		v, err := tx.temporalVisit(cookie, true)
		caller = v.caller
		return err
	})
	if domain.IsNotFound(err) {
		return domain.Anonymous(), nil
	}
	return caller, err
}

// liveVisit is a visit with whose it is. The caller names no session: a visit
// opens no further one.
type liveVisit struct {
	domain.TemporalVisit
	caller      domain.Caller
	sessionEnds domain.Instant
}

// openPass finds what a pass opens. Why one opens nothing is not said: whoever
// tries values learns nothing from it.
func (t *Tx) openPass(pass string) (liveVisit, error) {
	v, err := t.temporalVisit(pass, false)
	if domain.IsNotFound(err) {
		return v, domain.Refuse(domain.Gone, "pass-spent", "This way to the Temporal UI was used already, is older than a minute, or its session has ended. Nothing has changed; open the Temporal UI from the console again.")
	}
	return v, err
}

// temporalVisit finds the visit behind a value. It counts as long as the console
// session it came from, and as its person is an operator.
func (t *Tx) temporalVisit(value string, entered bool) (liveVisit, error) {
	if !isToken(value) {
		return liveVisit{}, domain.Missing("visit")
	}
	v, err := t.TemporalVisits().Get(consent.Hash(value))
	if err != nil {
		return liveVisit{}, err
	}
	o, err := t.Owner(v.SessionID)
	if err != nil {
		return liveVisit{}, err
	}
	caller := o.caller()
	if v.Entered != entered || v.ExpiresAt.Due(t.Now) || o.ExpiresAt.Due(t.Now) || !caller.Operator() {
		return liveVisit{}, domain.Missing("visit")
	}
	return liveVisit{TemporalVisit: v, caller: caller, sessionEnds: o.ExpiresAt}, nil
}
