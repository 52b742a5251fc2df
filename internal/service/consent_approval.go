package service

import (
	"context"
	"time"

	"consentry/internal/consent"
	"consentry/internal/domain"
)

const (
	// approvalFor is how long a session waits for an approval that Microsoft
	// announces to nobody: as long as Microsoft's own requests live.
	approvalFor = 30 * 24 * time.Hour
	// approvalBatch bounds what one sweep looks at; the next one is a minute away.
	approvalBatch = 200
	// approvalGiven is the code of a session whose consent came without a callback.
	approvalGiven = "approved_out_of_band"
)

// waitForApproval marks a session whose consent may still be given where we are
// not told: by a reviewer of the tenant, in Microsoft's portal, or because
// somebody with a custom role consented whose token shows no role. The caller
// writes the row.
func (t *Tx) waitForApproval(cs *domain.ConsentSession) {
	if cs.MigrationID != "" { // a connector notices by itself when it can read again
		cs.NextCheckAt = t.At()
	}
}

// ApprovalCheck is a session that waits for an approval, and where to look.
type ApprovalCheck struct {
	SessionID     string
	IntegrationID string
	TenantID      string
	CellID        string
}

// ApprovalsToLookFor lists the sessions of a region that are due to be looked
// after, the longest due first. Those of other regions, and what is left of a
// migration that was deleted with its account, stand in nobody's way.
func (s *Service) ApprovalsToLookFor(ctx context.Context, caller domain.Caller, region string) (due []ApprovalCheck, err error) {
	err = s.Read(ctx, caller, func(tx *Tx) error {
		due = nil
		waiting, err := tx.ConsentSessions().List(Query{
			Where: Where{"next_check_at >": domain.Instant{}, "next_check_at <=": tx.At()}, Order: []string{"next_check_at", "id"},
		})
		if err != nil || len(waiting) == 0 {
			return err
		}
		ids := make([]string, 0, len(waiting))
		for _, cs := range waiting {
			ids = append(ids, cs.MigrationID)
		}
		here, err := tx.Rows.Migrations().List(By(Where{"id": ids, "region": region}))
		if err != nil {
			return err
		}
		integrations := make(map[string]string, len(here))
		for _, m := range here {
			integrations[m.ID] = m.IntegrationID
		}
		for _, cs := range waiting {
			if i := integrations[cs.MigrationID]; i != "" && len(due) < approvalBatch {
				due = append(due, ApprovalCheck{SessionID: cs.ID, IntegrationID: i, TenantID: cs.TenantID, CellID: cs.CellID})
			}
		}
		return nil
	})
	return due, err
}

// Approval is what looking at a tenant showed.
type Approval struct {
	SessionID         string
	NoAnswer          bool // Microsoft did not say enough: it is asked again after a pause, as long as the session waits
	Consented         bool // the app's calls work in the tenant
	LegacySecretWorks bool // the account's own client secret obtained a token there just now
}

// TakeApproval counts a consent that came without a callback, if a session of the
// migration waits for it and the tenant is proven the account's. Everything else
// leaves the migration where it is, with what somebody can do.
func (s *Service) TakeApproval(ctx context.Context, caller domain.Caller, a Approval) (taken bool, err error) {
	return Do(ctx, s, caller, "", "take-approval", a.SessionID, func(tx *Tx) (bool, error) {
		cs, err := tx.ConsentSessions().Get(a.SessionID)
		if err != nil || cs.NextCheckAt.IsZero() {
			return false, err
		}
		m, err := tx.Rows.Migrations().Get(cs.MigrationID)
		if err != nil {
			return false, err
		}
		waited := tx.Now.Sub(cs.CreatedAt.Time)
		waiting := m.Phase == domain.AwaitingConsent && waited < approvalFor
		if !waiting || a.NoAnswer || !a.Consented {
			return false, tx.noApproval(cs, a, waiting, waited)
		}
		if declined(cs) && cs.AbsentAt.IsZero() {
			return false, tx.declinedAnyway(cs, m)
		}
		// Somebody is at Microsoft for it this minute. What that person proves is
		// worth more, and taking the migration on would end the way back from there.
		atMicrosoft, err := tx.ConsentSessions().Count(By(Where{
			"migration_id": cs.MigrationID, "outcome": string(domain.ConsentOpen), "state_expires_at >": tx.At(),
		}))
		if err != nil {
			return false, err
		}
		if atMicrosoft > 0 {
			cs.NextCheckAt = tx.In(approvalPause(waited))
			return false, tx.ConsentSessions().Update(&cs)
		}
		evidence := consent.TenantEvidence{LegacySecretWorks: a.LegacySecretWorks}
		if cs.VerifiedTenant != "" {
			evidence.SignedIn = &consent.Identity{TenantID: cs.VerifiedTenant, ObjectID: cs.VerifiedObject, Roles: cs.VerifiedRoles}
		}
		refusal := consent.CheckOutOfBand(waiting, cs.TenantID, evidence)
		if refusal == nil {
			if refusal, err = tx.tenantUse(cs.AccountID, cs.TenantID); err != nil {
				return false, err
			}
		}
		if refusal != nil {
			return false, tx.refuseApproval(cs, m, refusal, waited)
		}
		cs.NextCheckAt, cs.VerifiedTenant = domain.Instant{}, cs.TenantID
		if err := tx.endConsent(&cs, domain.ConsentVerified, approvalGiven, ""); err != nil {
			return false, err
		}
		if err := tx.endConsents(openConsentsOf(cs)); err != nil {
			return false, err
		}
		if err := tx.ConsentGranted(&m, cs); err != nil {
			return false, err
		}
		proof := "signed-in"
		if a.LegacySecretWorks {
			proof = "legacy-secret"
		}
		return true, tx.Done(cs.AccountID, "take-approval", "migration", m.ID, map[string]string{"session": cs.ID, "tenantProvenBy": proof})
	})
}

// noApproval writes down a look that found none.
func (t *Tx) noApproval(cs domain.ConsentSession, a Approval, waiting bool, waited time.Duration) error {
	cs.NextCheckAt = domain.Instant{}
	if waiting {
		cs.NextCheckAt = t.In(approvalPause(waited))
	}
	if !a.NoAnswer {
		cs.AbsentAt = t.At()
		if cs.Code == consent.CodeTenantShared { // what waited for that decision is not there any more
			cs.Code, cs.Text = "", ""
		}
	}
	return t.ConsentSessions().Update(&cs)
}

// declined reports a session that ended with what Microsoft says both of somebody
// who refuses and of somebody who has asked the reviewers (facts of the field:
// AADSTS65004 with the sub-code cancel).
func declined(cs domain.ConsentSession) bool {
	return cs.Outcome == domain.ConsentRefused && cs.Code == string(consent.ReasonDeclined)
}

// declinedAnyway ends the looking for an approval where the consent was there when
// it was looked for first: it may be from before, and whoever pressed Cancel
// refused. Only one that comes after a look that found none is an answer to a
// request. A reviewer who is quicker than the first look costs one more consent.
func (t *Tx) declinedAnyway(cs domain.ConsentSession, m domain.Migration) error {
	const sentence = "Microsoft told us that the permissions were not accepted, and yet our application is consented in the tenant: from before, or by a reviewer within the same minute. We cannot tell which, so it does not count by itself, and nothing has changed. If you want to go on, continue to Microsoft once more and accept."
	cs.NextCheckAt, cs.Text = domain.Instant{}, sentence
	if err := t.ConsentSessions().Update(&cs); err != nil {
		return err
	}
	if err := t.failSubject(consentSubject{migration: &m}, cs.Code, sentence); err != nil {
		return err
	}
	if err := t.Audit(cs.AccountID, "take-approval", cs.ID, "refused", cs.Code, map[string]string{"session": cs.ID}); err != nil {
		return err
	}
	return t.Changed(cs.AccountID, "migration", m.ID, "consent-refused")
}

// refuseApproval says once, and not at every look, why a consent that is there
// does not count.
func (t *Tx) refuseApproval(cs domain.ConsentSession, m domain.Migration, refusal *consent.Refusal, waited time.Duration) error {
	cs.NextCheckAt = t.In(approvalPause(waited))
	if cs.Code == refusal.Code && m.ConsentCode == refusal.Code {
		return t.ConsentSessions().Update(&cs)
	}
	cs.Code, cs.Text = refusal.Code, refusal.Sentence
	if err := t.ConsentSessions().Update(&cs); err != nil {
		return err
	}
	if err := t.failSubject(consentSubject{migration: &m}, refusal.Code, refusal.Sentence); err != nil {
		return err
	}
	if err := t.Audit(cs.AccountID, "take-approval", cs.ID, "refused", refusal.Code, map[string]string{"session": cs.ID}); err != nil {
		return err
	}
	return t.Changed(cs.AccountID, "migration", m.ID, "consent-refused")
}

// approvalPause is how long the next look waits: a reviewer may answer within
// minutes, and after an hour it is rather days.
func approvalPause(waited time.Duration) time.Duration {
	return min(max(waited/10, time.Minute), 15*time.Minute)
}
