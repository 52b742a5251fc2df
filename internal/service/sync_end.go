package service

import (
	"context"

	"consentry/internal/contract"
	"consentry/internal/domain"
)

// EndRun closes a run that did not reach its end, because a fault outlasted the
// retries or its workflow was cancelled. A run that is closed already answers
// with how it ended.
func (s *Service) EndRun(ctx context.Context, caller domain.Caller, e contract.EndRun) (contract.DirectorySyncResult, error) {
	return Do(ctx, s, caller, "", "end-run", e.RunID, func(tx *Tx) (contract.DirectorySyncResult, error) {
		run, err := tx.Rows.SyncRuns().Get(e.RunID)
		if err != nil {
			return contract.DirectorySyncResult{}, err
		}
		if run.State != domain.RunReading && run.State != domain.RunApplying {
			return resultOf(run), nil
		}
		i, err := tx.Rows.Integrations().Get(run.IntegrationID)
		if err != nil {
			return contract.DirectorySyncResult{}, err
		}
		text, err := tx.endText(i, e.Code)
		if err != nil {
			return contract.DirectorySyncResult{}, err
		}
		if domain.RunState(e.State) == domain.RunStopped {
			err = tx.stopRun(&run, &i, e.Code, text)
		} else {
			err = tx.failRun(&run, &i, e.Code, text)
		}
		return resultOf(run), err
	})
}

// StopOpenRun closes the open run of an integration, if there is one: the next
// page or slice of it finds the row closed and is not taken.
func (t *Tx) StopOpenRun(integrationID, code string) error {
	run, err := t.Rows.SyncRuns().Find(By(Where{"integration_id": integrationID, "open": true}))
	if domain.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return t.closeRun(&run, domain.RunStopped, code, syncText(code))
}

// stopRun closes a run because a rule said no. The date stops and deletes
// nothing; other rules are no condition of the integration.
func (t *Tx) stopRun(run *domain.SyncRun, i *domain.Integration, code, text string) error {
	if err := t.closeRun(run, domain.RunStopped, code, text); err != nil {
		return err
	}
	if code == contract.SyncDeadlinePassed && conditional(*run) {
		if err := t.setCondition(i, domain.ConditionStopped, code, text); err != nil {
			return err
		}
	}
	t.dueAfter(i)
	return t.Rows.Integrations().Update(i)
}

// failRun closes a run that a fault ended and says so on what it is a fault of.
func (t *Tx) failRun(run *domain.SyncRun, i *domain.Integration, code, text string) error {
	if err := t.closeRun(run, domain.RunError, code, text); err != nil {
		return err
	}
	if conditional(*run) {
		if err := t.setCondition(i, domain.ConditionError, code, text); err != nil {
			return err
		}
		if code == contract.SyncConsentLost && run.Binding == domain.BoundConnector {
			c, err := t.Rows.Connectors().Get(i.ConnectorID)
			if err != nil {
				return err
			}
			if err := t.markConnector(&c, domain.ConditionError, code, text); err != nil {
				return err
			}
		}
	}
	t.dueAfter(i)
	return t.Rows.Integrations().Update(i)
}

// conditional reports whether how the run ends says how the integration fares. A
// shadow run and a first synchronization speak of a migration only, which goes
// on or back by itself.
func conditional(run domain.SyncRun) bool {
	return run.Purpose != domain.RunShadow && run.Purpose != domain.RunFirst
}

// closeRun ends a run's row and forgets what it staged.
func (t *Tx) closeRun(run *domain.SyncRun, state domain.RunState, code, text string) error {
	if err := t.Mirror().DropStage(run.ID); err != nil {
		return err
	}
	return t.endRun(run, state, code, text)
}

// endRun ends a run's row.
func (t *Tx) endRun(run *domain.SyncRun, state domain.RunState, code, text string) error {
	run.State, run.Open, run.Code, run.Text = state, false, code, text
	run.UpdatedAt, run.FinishedAt = t.At(), t.At()
	if err := t.Rows.SyncRuns().Update(run); err != nil {
		return err
	}
	outcome := "refused"
	if state == domain.RunError {
		outcome = "error"
	}
	if err := t.Audit(run.AccountID, "synchronize", run.ID, outcome, code, map[string]string{"integration": run.IntegrationID, "purpose": string(run.Purpose)}); err != nil {
		return err
	}
	t.ended = append(t.ended, *run)
	return t.Changed(run.AccountID, "run", run.ID, string(state))
}
