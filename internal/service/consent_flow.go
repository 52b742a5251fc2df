package service

import (
	"context"
	"fmt"
	"net/url"

	"go.uber.org/zap"

	"consentry/internal/consent"
	"consentry/internal/domain"
	"consentry/internal/logkey"
)

// legKeys are the fresh one-use values of a leg, made and sealed before the
// transaction that keeps them, because sealing may use the network.
type legKeys struct {
	state, nonce, verifier string
	sealed                 []byte
}

func (f *ConsentFlow) newLegKeys(ctx context.Context) (legKeys, error) {
	k := legKeys{state: domain.NewToken(), nonce: domain.NewToken(), verifier: domain.NewToken()}
	var err error
	if k.sealed, err = f.service.keeper.Seal(ctx, []byte(k.verifier)); err != nil {
		return k, fmt.Errorf("seal the verifier of a consent: %w", err)
	}
	return k, nil
}

// Open takes the one-use address of a session: the first browser that opens it
// is bound by a cookie and sent to Microsoft. The same browser may open it again
// and is sent on to the leg that is still to be done. browser is the cookie's
// value, "" if there is none.
func (f *ConsentFlow) Open(ctx context.Context, caller domain.Caller, token, browser string) (ConsentStep, error) {
	return f.beginLeg(ctx, caller, "open-consent", browser, consent.PromptSelectAccount, func(tx *Tx) (domain.ConsentSession, error) {
		cs, err := tx.ConsentSessions().Find(By(Where{"start_digest": consent.Hash(token)}))
		if domain.IsNotFound(err) {
			return cs, domain.Refuse(domain.NotFound, "link-unknown", "This link is not known here. Start the consent again from the page of the migration.")
		}
		return cs, err
	})
}

// Again starts the leg that a session of this browser still has to do, with new
// one-use values. fresh asks Microsoft for the password again, so that the token
// shows a role that was activated a minute ago.
func (f *ConsentFlow) Again(ctx context.Context, caller domain.Caller, sessionID, browser string, fresh bool) (ConsentStep, error) {
	prompt := consent.PromptSelectAccount
	if fresh {
		prompt = consent.PromptLogin
	}
	return f.beginLeg(ctx, caller, "retry-consent", browser, prompt, func(tx *Tx) (domain.ConsentSession, error) {
		cs, err := tx.ConsentSessions().Get(sessionID)
		if err != nil || !boundTo(cs, browser) {
			return cs, notHere("consent session of this browser", err)
		}
		return cs, nil
	})
}

// boundTo reports whether the session belongs to the browser with this cookie.
func boundTo(cs domain.ConsentSession, browser string) bool {
	return cs.CookieDigest != "" && browser != "" && cs.CookieDigest == consent.Hash(browser)
}

// bindBrowser gives the session to the browser. A browser that already carries
// a session of ours keeps its value, so that two migrations can be consented
// side by side.
func (t *Tx) bindBrowser(cs *domain.ConsentSession, browser string) (string, error) {
	known := 0
	if isToken(browser) {
		var err error
		if known, err = t.ConsentSessions().Count(By(Where{"cookie_digest": consent.Hash(browser)})); err != nil {
			return "", err
		}
	}
	if known == 0 {
		browser = domain.NewToken()
	}
	cs.CookieDigest, cs.ExpiresAt = consent.Hash(browser), t.In(consentSessionFor)
	return browser, nil
}

func (f *ConsentFlow) beginLeg(ctx context.Context, caller domain.Caller, action, browser, prompt string, find func(*Tx) (domain.ConsentSession, error)) (ConsentStep, error) {
	// A guessed address costs neither a sealing nor the write lock.
	var begun domain.ConsentSession
	err := f.service.Read(ctx, caller, func(tx *Tx) (err error) {
		begun, err = find(tx)
		return err
	})
	if err != nil {
		f.service.auditRefusal(ctx, caller, action, "consent", err)
		return ConsentStep{}, err
	}
	keys, err := f.newLegKeys(ctx)
	if err != nil {
		return ConsentStep{}, err
	}
	var cell domain.Cell
	cs, err := Do(ctx, f.service, caller, "", action, "consent", func(tx *Tx) (domain.ConsentSession, error) {
		cs, err := find(tx)
		if err != nil {
			return cs, err
		}
		switch {
		case cs.Outcome != domain.ConsentOpen:
			return cs, domain.Refuse(domain.Gone, "link-used", "This link was already used or has been replaced by a newer one. Go on from the page of the migration.")
		case cs.ExpiresAt.Due(tx.Now):
			return cs, domain.Refuse(domain.Gone, "link-expired", "This link is too old. Start the consent again from the page of the migration.")
		case cs.CookieDigest != "" && !boundTo(cs, browser):
			return cs, domain.Refuse(domain.Gone, "link-bound", "This link was already opened in another browser. Finish there, or start the consent again.")
		}
		subject, err := tx.subjectOf(cs)
		if err != nil {
			return cs, err
		}
		if refusal := subject.waits(); refusal != nil {
			return cs, refusal
		}
		if cell, err = tx.Rows.Cells().Get(cs.CellID); err != nil {
			return cs, err
		}
		if cs.CookieDigest == "" {
			if browser, err = tx.bindBrowser(&cs, browser); err != nil {
				return cs, err
			}
		}
		if err := tx.openLeg(&cs, cs.Leg, keys); err != nil {
			return cs, err
		}
		kind, id := about(cs)
		return cs, tx.Done(cs.AccountID, action, kind, id, map[string]string{"session": cs.ID, "leg": string(cs.Leg)})
	})
	if err != nil {
		return ConsentStep{}.from(caller, begun), err
	}
	step := stepOf(cs)
	step.Browser = browser
	step.Redirect, err = f.addressOf(ctx, cs, cell, keys, prompt)
	return step, err
}

func (t *Tx) openLeg(cs *domain.ConsentSession, leg domain.ConsentLeg, k legKeys) error {
	cs.Leg, cs.StateDigest, cs.StateExpiresAt = leg, consent.Hash(k.state), t.In(consentLegFor)
	cs.Nonce, cs.SealedVerifier = k.nonce, k.sealed
	return t.ConsentSessions().Update(cs)
}

func stepOf(cs domain.ConsentSession) ConsentStep {
	return ConsentStep{SessionID: cs.ID, MigrationID: cs.MigrationID, ConnectorID: cs.ConnectorID, AccountID: cs.AccountID, Again: cs.Outcome == domain.ConsentOpen}
}

// addressOf is where the browser goes for the session's leg.
func (f *ConsentFlow) addressOf(ctx context.Context, cs domain.ConsentSession, cell domain.Cell, k legKeys, prompt string) (address string, err error) {
	if cs.Leg == domain.LegConsent {
		address, err = f.door.AdminConsentURL(ctx, cell, cs.TenantID, k.state)
	} else {
		address, err = f.door.SignInURL(ctx, SignInLeg{Cell: cell, TenantID: cs.TenantID, State: k.state, Nonce: k.nonce, Verifier: k.verifier, Prompt: prompt})
	}
	if err != nil {
		return "", &domain.Error{Kind: domain.Unavailable, Code: "microsoft-unavailable", Message: "Microsoft does not answer at the moment. Nothing has changed; try again in a minute.", Err: err}
	}
	return address, nil
}

// Return takes what Microsoft sent the browser back with, for either leg. The
// state says which attempt it is for; nothing in the query is evidence of who or
// which tenant it was. A refusal is part of the step, audited, and not an error.
func (f *ConsentFlow) Return(ctx context.Context, caller domain.Caller, query url.Values, browser string) (ConsentStep, error) {
	r := consentReturn{query: query, browser: browser}
	// A forged callback costs neither a sealing nor the write lock.
	err := f.service.Read(ctx, caller, func(tx *Tx) error {
		_, err := tx.attemptOf(&r)
		return err
	})
	if err != nil {
		return ConsentStep{}, err
	}
	if r.stray {
		return f.refuseStray(ctx, caller, r)
	}
	if r.next, err = f.newLegKeys(ctx); err != nil {
		return ConsentStep{}, err
	}
	cs, err := Do(ctx, f.service, caller, "", "consent-return", "consent", func(tx *Tx) (domain.ConsentSession, error) { return tx.takeReturn(&r) })
	if err != nil {
		return ConsentStep{}, err
	}
	if r.stray { // another callback was quicker
		return f.refuseStray(ctx, caller, r)
	}
	if r.refusal != nil {
		f.service.observe.ConsentRefused(r.refusal.Code)
	}
	step := stepOf(cs)
	step.Refusal, step.Again = r.refusal, step.Again && !r.over
	switch {
	case r.refusal != nil:
		return step, nil
	case r.code == "": // the first leg is done
		step.Redirect, err = f.addressOf(ctx, cs, r.cell, r.next, consent.PromptSelectAccount)
		return step, err
	}
	identity, fault := f.redeem(ctx, r, cs.TenantID)
	return f.bind(ctx, caller, cs.ID, identity, fault)
}

func (f *ConsentFlow) redeem(ctx context.Context, r consentReturn, tenantID string) (consent.Identity, error) {
	verifier, err := f.service.keeper.Open(ctx, r.sealed)
	if err != nil {
		return consent.Identity{}, fmt.Errorf("open the verifier of a consent: %w", err)
	}
	return f.door.Redeem(ctx, RedeemLeg{Cell: r.cell, TenantID: tenantID, Code: r.code, Nonce: r.nonce, Verifier: string(verifier)})
}

// bind lets the verified identity grant the consent, or tells why it may not.
func (f *ConsentFlow) bind(ctx context.Context, caller domain.Caller, sessionID string, identity consent.Identity, fault error) (ConsentStep, error) {
	var refusal *consent.Refusal
	cs, err := Do(ctx, f.service, caller, "", "verify-consent", sessionID, func(tx *Tx) (domain.ConsentSession, error) {
		refusal = nil
		cs, err := tx.ConsentSessions().Get(sessionID)
		if err != nil {
			return cs, err
		}
		subject, err := tx.subjectOf(cs)
		if err != nil {
			return cs, err
		}
		switch {
		case cs.Outcome != domain.ConsentOpen:
			refusal = &consent.Refusal{Code: consent.CodeNotWaiting, Sentence: "Another attempt took the place of this one. Nothing has changed."}
			return cs, tx.auditConsent(cs, refusal, nil)
		case subject.waits() != nil:
			refusal = &consent.Refusal{Code: consent.CodeNotWaiting, Sentence: subject.waits().Message}
			return cs, tx.auditConsent(cs, refusal, nil)
		case fault != nil:
			refusal = refusalOfFault(fault)
			f.service.logFor(ctx).Warn("a sign-in for a consent could not be redeemed", zap.String(logkey.Session, cs.ID), zap.Error(fault))
		default:
			if refusal = consent.CheckIdentity(cs.TenantID, identity); refusal == nil {
				if refusal, err = tx.tenantUse(cs.AccountID, cs.TenantID); err != nil {
					return cs, err
				}
				if refusal != nil {
					tx.keepForDecision(&cs, identity, refusal)
				}
			}
		}
		if refusal != nil {
			return cs, tx.refuseLeg(&cs, subject, refusal, map[string]string{"object": identity.ObjectID})
		}
		cs.NextCheckAt = domain.Instant{}
		cs.VerifiedTenant, cs.VerifiedObject, cs.VerifiedRoles = identity.TenantID, identity.ObjectID, identity.Roles
		if err := tx.endConsent(&cs, domain.ConsentVerified, "", ""); err != nil {
			return cs, err
		}
		if err := tx.endConsents(openConsentsOf(cs)); err != nil {
			return cs, err
		}
		if err := tx.grantSubject(subject, cs); err != nil {
			return cs, err
		}
		kind, id := about(cs)
		return cs, tx.Done(cs.AccountID, "verify-consent", kind, id, map[string]string{"session": cs.ID, "object": cs.VerifiedObject})
	})
	if err != nil {
		return ConsentStep{}, err
	}
	if refusal != nil {
		f.service.observe.ConsentRefused(refusal.Code)
	}
	step := stepOf(cs)
	step.Refusal, step.Verified = refusal, cs.Outcome == domain.ConsentVerified && refusal == nil
	step.Again = step.Again && (refusal == nil || refusal.Code != consent.CodeNotWaiting)
	return step, nil
}
