package service

import (
	"context"
	"errors"
	"maps"
	"net/url"

	"consentry/internal/consent"
	"consentry/internal/domain"
)

// consentReturn is one callback on its way through takeReturn: what came, and
// what the next step needs.
type consentReturn struct {
	query   url.Values
	browser string
	next    legKeys // of the second leg, if this callback ends the first

	refusal *consent.Refusal
	cell    domain.Cell
	code    string // of a sign-in, to be redeemed
	nonce   string
	sealed  []byte
	over    bool // no leg of the session can be tried again

	// stray: forged, replayed, too old or foreign. aimed is the attempt it names,
	// if it names one.
	stray bool
	aimed domain.ConsentSession
}

// attemptOf finds the attempt a callback belongs to. One that is not this
// browser's to make is a stray: it changes nothing, and whoever sent it learns
// nothing about any attempt.
func (t *Tx) attemptOf(r *consentReturn) (cs domain.ConsentSession, err error) {
	r.refusal, r.code, r.stray, r.aimed = nil, "", false, domain.ConsentSession{}
	state := r.query.Get("state")
	switch {
	case len(r.query["state"]) > 1:
		r.refusal = &consent.Refusal{Code: consent.CodeMalformed, Sentence: "The answer from Microsoft names its attempt twice and cannot be trusted. Nothing has changed; start again."}
	case state == "":
		cs, err = t.attemptOfBrowser(r)
	default:
		if r.aimed, err = optional(t.ConsentSessions().Find(By(Where{"state_digest": consent.Hash(state)}))); err != nil {
			return cs, err
		}
		cs = r.aimed
		r.refusal = consent.CheckCallback(t.Now, pendingOf(cs), consent.Callback{Leg: legOf(cs.Leg), State: state, Browser: r.browser})
	}
	r.stray = r.refusal != nil
	return cs, err
}

// takeReturn spends the state of the attempt that a callback belongs to.
func (t *Tx) takeReturn(r *consentReturn) (domain.ConsentSession, error) {
	cs, err := t.attemptOf(r)
	if err != nil || r.stray {
		return domain.ConsentSession{}, err
	}
	if r.query.Get("state") == "" {
		return t.takeStateless(r, cs)
	}
	subject, err := t.subjectOf(cs)
	if err != nil {
		return cs, err
	}
	if no := subject.waits(); no != nil || cs.ExpiresAt.Due(t.Now) {
		r.over = true
		r.refusal = &consent.Refusal{Code: consent.CodeStateExpired, Sentence: "This attempt is too old. Nothing has changed; start again."}
		if no != nil {
			r.refusal = &consent.Refusal{Code: consent.CodeNotWaiting, Sentence: no.Message}
		}
		return cs, t.auditConsent(cs, r.refusal, nil)
	}
	if r.cell, err = t.Rows.Cells().Get(cs.CellID); err != nil {
		return cs, err
	}
	if cs.Leg == domain.LegConsent {
		return t.takeConsent(r, cs, subject)
	}
	return t.takeSignIn(r, cs, subject)
}

// pendingOf is the open leg as the rules look at it; nil when there is none.
func pendingOf(cs domain.ConsentSession) *consent.Pending {
	if cs.ID == "" || cs.Outcome != domain.ConsentOpen {
		return nil
	}
	return &consent.Pending{Leg: legOf(cs.Leg), StateHash: cs.StateDigest, BrowserHash: cs.CookieDigest, ExpiresAt: cs.StateExpiresAt.Time}
}

// legOf: one address of ours takes both legs, so the session says which it is.
func legOf(leg domain.ConsentLeg) consent.Leg {
	if leg == domain.LegSignIn {
		return consent.LegSignIn
	}
	return consent.LegAdminConsent
}

// attemptOfBrowser: Microsoft leaves the state out of some refusals. Such an
// answer ends the one open session of this browser; any other is refused.
func (t *Tx) attemptOfBrowser(r *consentReturn) (cs domain.ConsentSession, err error) {
	var open []domain.ConsentSession
	if r.browser != "" {
		open, err = t.ConsentSessions().List(By(Where{"cookie_digest": consent.Hash(r.browser), "outcome": string(domain.ConsentOpen), "expires_at >": t.At()}))
		if err != nil {
			return cs, err
		}
	}
	if r.refusal = consent.CheckStateless(r.query, r.browser, len(open)); r.refusal != nil {
		return cs, nil
	}
	return open[0], nil
}

func (t *Tx) takeStateless(r *consentReturn, cs domain.ConsentSession) (domain.ConsentSession, error) {
	subject, err := t.subjectOf(cs)
	if err != nil {
		return cs, err
	}
	failure := consent.FailureOf(r.query)
	return cs, t.refuseSession(r, &cs, subject, refusalOfHelp(failure.Help), detailOf(failure))
}

// takeConsent reads the first leg's answer and opens the second.
func (t *Tx) takeConsent(r *consentReturn, cs domain.ConsentSession, subject consentSubject) (domain.ConsentSession, error) {
	outcome := consent.CheckConsentReturn(cs.TenantID, r.query)
	switch outcome.Kind {
	case consent.Granted:
		if err := t.openLeg(&cs, domain.LegSignIn, r.next); err != nil {
			return cs, err
		}
		kind, id := about(cs)
		return cs, t.Done(cs.AccountID, "accept-consent", kind, id, map[string]string{"session": cs.ID})
	case consent.Declined, consent.ApprovalRequested: // which Microsoft says in the same words
		t.waitForApproval(&cs)
		return cs, t.refuseSession(r, &cs, subject, refusalOfHelp(outcome.Failure.Help), detailOf(outcome.Failure))
	case consent.Refused:
		return cs, t.refuseSession(r, &cs, subject, outcome.Refusal, nil)
	default:
		return cs, t.refuseSession(r, &cs, subject, refusalOfHelp(outcome.Failure.Help), detailOf(outcome.Failure))
	}
}

// takeSignIn spends the second leg's state before its code is redeemed, so that
// of two callbacks that race only one goes on.
func (t *Tx) takeSignIn(r *consentReturn, cs domain.ConsentSession, subject consentSubject) (domain.ConsentSession, error) {
	codes := r.query["code"]
	switch {
	case r.query.Get("error") != "":
		failure := consent.FailureOf(r.query)
		r.refusal = refusalOfHelp(failure.Help)
		return cs, t.refuseLeg(&cs, subject, r.refusal, detailOf(failure))
	case len(codes) != 1 || codes[0] == "":
		r.refusal = &consent.Refusal{Code: consent.CodeMalformed, Sentence: "The answer from Microsoft carries no sign-in. Nothing has changed; sign in again."}
		return cs, t.refuseLeg(&cs, subject, r.refusal, nil)
	}
	r.code, r.nonce, r.sealed = codes[0], cs.Nonce, cs.SealedVerifier
	spendLeg(&cs)
	return cs, t.ConsentSessions().Update(&cs)
}

// refuseStray leaves the trace of a stray, whose attempt it aimed at, if any,
// and answers it.
func (f *ConsentFlow) refuseStray(ctx context.Context, caller domain.Caller, r consentReturn) (ConsentStep, error) {
	subject := r.aimed.ID
	if subject == "" {
		subject = "unknown"
	}
	f.service.observe.ConsentRefused(r.refusal.Code)
	if err := f.service.auditStranger(ctx, caller, r.aimed.AccountID, "consent-return", subject, r.refusal.Code); err != nil {
		return ConsentStep{Refusal: r.refusal}, err
	}
	from := r.aimed
	if from.ID == "" && caller.Kind != domain.CallerAnonymous && isToken(r.browser) { // spent before, or named none
		err := f.service.Read(ctx, caller, func(tx *Tx) (err error) {
			from, err = optional(tx.ConsentSessions().Find(Query{Where: Where{"cookie_digest": consent.Hash(r.browser)}, Order: []string{"-created_at", "-id"}, Limit: 1}))
			return err
		})
		if err != nil {
			return ConsentStep{Refusal: r.refusal}, err
		}
	}
	return ConsentStep{Refusal: r.refusal}.from(caller, from), nil
}

// from names what a session was for to whoever may see it, and to nobody else. It
// leaves the session itself out: there is nothing of it to go on with.
func (s ConsentStep) from(caller domain.Caller, cs domain.ConsentSession) ConsentStep {
	if cs.ID != "" && caller.Sees(cs.AccountID) {
		s.MigrationID, s.ConnectorID, s.AccountID = cs.MigrationID, cs.ConnectorID, cs.AccountID
	}
	return s
}

// refuseSession ends the session with a reason that its subject shows.
func (t *Tx) refuseSession(r *consentReturn, cs *domain.ConsentSession, subject consentSubject, refusal *consent.Refusal, detail map[string]string) error {
	r.refusal = refusal
	if err := t.endConsent(cs, domain.ConsentRefused, refusal.Code, refusal.Sentence); err != nil {
		return err
	}
	if err := t.failSubject(subject, refusal.Code, refusal.Sentence); err != nil {
		return err
	}
	return t.auditConsent(*cs, refusal, detail)
}

// refuseLeg refuses one try of the second leg: the session stays open for the
// same browser to try that leg again.
func (t *Tx) refuseLeg(cs *domain.ConsentSession, subject consentSubject, refusal *consent.Refusal, detail map[string]string) error {
	cs.Code, cs.Text = refusal.Code, refusal.Sentence
	if refusal.Code == consent.CodeRoleMissing || refusal.Code == consent.CodeRoleInsufficient {
		t.waitForApproval(cs) // a custom role may have consented, and no token shows it
	}
	spendLeg(cs)
	if err := t.ConsentSessions().Update(cs); err != nil {
		return err
	}
	if err := t.failSubject(subject, refusal.Code, refusal.Sentence); err != nil {
		return err
	}
	return t.auditConsent(*cs, refusal, detail)
}

func (t *Tx) auditConsent(cs domain.ConsentSession, refusal *consent.Refusal, detail map[string]string) error {
	all := map[string]string{"session": cs.ID, "leg": string(cs.Leg)}
	if refusal.Returned != "" {
		all["expectedTenant"], all["returnedTenant"] = refusal.Expected, refusal.Returned
	}
	maps.Copy(all, detail)
	maps.DeleteFunc(all, func(_, v string) bool { return v == "" })
	if err := t.Audit(cs.AccountID, "consent-return", cs.ID, "refused", refusal.Code, all); err != nil {
		return err
	}
	kind, id := about(cs)
	return t.Changed(cs.AccountID, kind, id, "consent-refused")
}

func refusalOfHelp(h consent.Help) *consent.Refusal {
	return &consent.Refusal{Code: string(h.Reason), Sentence: h.Sentence, Prompt: h.Prompt}
}

func detailOf(f consent.Failure) map[string]string {
	return map[string]string{"error": f.Error, "code": f.Code, "correlation": f.CorrelationID, "trace": f.TraceID}
}

// refusalOfFault turns what redeeming the code met into words. Microsoft's own
// code picks the words where there is one; what we found ourselves has its own.
func refusalOfFault(fault error) *consent.Refusal {
	var known DoorFault
	if !errors.As(fault, &known) {
		return refusalOfHelp(consent.HelpFor("", ""))
	}
	switch known.FaultKind() {
	case "unavailable", "throttled":
		return refusalOfHelp(consent.HelpFor("temporarily_unavailable", ""))
	case "sign_in_stale":
		return refusalOfHelp(consent.HelpFor("invalid_grant", ""))
	case "misconfigured", "key_unknown":
		return refusalOfHelp(consent.HelpFor("invalid_client", ""))
	case "identity_rejected":
		return &consent.Refusal{Code: "sign_in_invalid", Sentence: "The sign-in at Microsoft could not be verified. Nothing has changed; sign in again.", Prompt: consent.PromptSelectAccount}
	}
	return refusalOfHelp(consent.HelpFor("", known.FaultCode()))
}
