package service

import (
	"context"

	"consentry/internal/domain"
	"consentry/internal/migration"
)

// OldAppTrial says whether, and how, Microsoft is to be asked about an old app
// before a step of its migration is taken. Asking leaves a sign-in in the
// customer's log, so it is done where the answer decides something and nowhere
// else.
type OldAppTrial struct {
	How           OldAppCall
	TenantID      string
	IntegrationID string
}

// OldAppCall is what is asked.
type OldAppCall int

// The calls.
const (
	AskNothing  OldAppCall = iota
	AskReading             // everything a synchronization lives on: may we go back to it?
	AskForToken            // a token and no more: is it still there?
)

// TrialForDecision says what has to be tried before a decision can be applied: a
// way back has to lead somewhere, and an app that is said to be removed may be
// asked for.
func (s *Service) TrialForDecision(ctx context.Context, caller domain.Caller, decisionID string) (trial OldAppTrial, err error) {
	err = s.Read(ctx, caller, func(tx *Tx) error {
		d, err := tx.Rows.Decisions().Get(decisionID)
		if err != nil || d.State != domain.DecisionGiven {
			return err
		}
		m, err := tx.Rows.Migrations().Get(d.MigrationID)
		if err != nil || !migration.Allows(m.Phase, d.Kind) {
			return err
		}
		how := AskNothing
		switch {
		case d.Kind == domain.DecideRollBack:
			no, err := tx.noWayBack(m)
			if err != nil || no != nil { // refused without asking
				return err
			}
			how = AskReading
		case d.Kind == domain.DecideCleanUp && d.Detail.Removed:
			how = AskForToken
		}
		trial, err = tx.trial(m, how)
		return err
	})
	return trial, err
}

// TrialForCleanUp says whether a rung of the clean-up ladder has been reached,
// where it is looked whether the old app is gone before anybody is reminded.
func (s *Service) TrialForCleanUp(ctx context.Context, caller domain.Caller, attemptID string) (trial OldAppTrial, err error) {
	err = s.Read(ctx, caller, func(tx *Tx) error {
		m, err := tx.Rows.Migrations().Get(attemptID)
		if err != nil || m.Phase != domain.CleanUp || m.OldAppRemoved != "" || !m.CleanUpNextAt.Due(tx.Now) {
			return err
		}
		trial, err = tx.trial(m, AskForToken)
		return err
	})
	return trial, err
}

func (t *Tx) trial(m domain.Migration, how OldAppCall) (OldAppTrial, error) {
	i, err := t.Rows.Integrations().Get(m.IntegrationID)
	return OldAppTrial{How: how, TenantID: i.TenantID, IntegrationID: i.ID}, err
}

// NoteOldApp keeps what asking Microsoft about the old app showed.
func (s *Service) NoteOldApp(ctx context.Context, caller domain.Caller, integrationID string, verdict migration.OldApp, code string) error {
	_, err := Do(ctx, s, caller, "", "try-old-app", integrationID, func(tx *Tx) (struct{}, error) {
		i, err := tx.Rows.Integrations().Get(integrationID)
		if err != nil {
			return struct{}{}, err
		}
		app, err := tx.Rows.LegacyApps().Get(integrationID)
		if err != nil {
			return struct{}{}, err
		}
		app.ProbedAt, app.ProbeVerdict, app.ProbeCode = tx.At(), string(verdict), code
		if err := tx.Rows.LegacyApps().Update(&app); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, tx.Done(i.AccountID, "try-old-app", "integration", i.ID, map[string]string{"verdict": string(verdict), "code": code})
	})
	return err
}

// destroyOldSecret makes an old app's secret unusable for good: the sealed bytes
// are gone, and row, audit entry and the caller's notice say when.
func (t *Tx) destroyOldSecret(m domain.Migration) (domain.LegacyApp, error) {
	app, err := optional(t.Rows.LegacyApps().Get(m.IntegrationID))
	if err != nil || app.ID == "" || app.SecretRef == "" {
		return app, err
	}
	destroyed := app.SecretRef
	if err := t.destroySecret(destroyed); err != nil {
		return app, err
	}
	app.SecretRef, app.DestroyedAt = "", t.At()
	if err := t.Rows.LegacyApps().Update(&app); err != nil {
		return app, err
	}
	return app, t.Done(m.AccountID, "destroy-legacy-secret", "integration", m.IntegrationID, map[string]string{"migration": m.ID, "secret": destroyed})
}

// destroySecret drops a secret's sealed bytes; its row says when.
func (t *Tx) destroySecret(id string) error {
	secret, err := t.Rows.Secrets().Get(id)
	if err != nil {
		return err
	}
	secret.Sealed, secret.DestroyedAt = nil, t.At()
	return t.Rows.Secrets().Update(&secret)
}
