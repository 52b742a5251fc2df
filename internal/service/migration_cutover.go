package service

import (
	"context"

	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/migration"
)

// BeginCutOver switches an integration to its connector: the run that is at work
// is closed, what the way back needs is kept, and binding and epoch change
// together. Repeating it finds the switch made.
func (s *Service) BeginCutOver(ctx context.Context, caller domain.Caller, attemptID string) (contract.CutOver, error) {
	return Do(ctx, s, caller, "", "begin-cut-over", attemptID, func(tx *Tx) (contract.CutOver, error) {
		var out contract.CutOver
		m, err := tx.attempt(attemptID, domain.CuttingOver)
		if err != nil {
			return out, err
		}
		if m.ApprovedProof == "" || m.ApprovedProof != m.ProofID {
			return out, domain.Refuse(domain.Conflict, "not-approved", "The comparison that stands has not been approved, so nothing is switched.")
		}
		proof, err := tx.Rows.Proofs().Get(m.ProofID)
		if err != nil {
			return out, err
		}
		c, err := tx.campaignOf(m)
		if err != nil {
			return out, err
		}
		i, err := tx.Rows.Integrations().Get(m.IntegrationID)
		if err != nil {
			return out, err
		}
		out = contract.CutOver{Standing: standing(m), ShadowRunID: proof.ShadowRunID, Budget: c.Terms.FirstSync.Std()}
		if boundBy(m, i) {
			return out, nil
		}
		if err := tx.StopOpenRun(i.ID, contract.SyncCuttingOver); err != nil {
			return out, err
		}
		// Closing the run may have written the integration's row.
		if i, err = tx.Rows.Integrations().Get(i.ID); err != nil {
			return out, err
		}
		if err := tx.snapshot(m, i); err != nil {
			return out, err
		}
		i.Binding, i.ConnectorID = domain.BoundConnector, m.ConnectorID
		i.Epoch++
		if err := tx.Rows.Integrations().Update(&i); err != nil {
			return out, err
		}
		return out, tx.Done(m.AccountID, "bind-connector", "integration", i.ID, map[string]string{"migration": m.ID, "connector": m.ConnectorID, "proof": proof.ID})
	})
}

// boundBy reports whether a migration's switch is made.
func boundBy(m domain.Migration, i domain.Integration) bool {
	return i.Binding == domain.BoundConnector && i.ConnectorID == m.ConnectorID
}

// switchMade reports whether a migration is between its switch and the end of
// its first synchronization.
func (t *Tx) switchMade(m domain.Migration) (bool, error) {
	if m.Phase != domain.CuttingOver {
		return false, nil
	}
	i, err := t.Rows.Integrations().Get(m.IntegrationID)
	return err == nil && boundBy(m, i), err
}

// snapshot keeps how the integration was bound, set and scheduled: the latest
// cut-over of the attempt replaces an earlier one, which was taken back.
func (t *Tx) snapshot(m domain.Migration, i domain.Integration) error {
	snap := domain.CutOverSnapshot{
		ID: m.ID, IntegrationID: i.ID, Binding: i.Binding, ConnectorID: i.ConnectorID, Settings: i.Settings, Schedule: i.Schedule,
		Epoch: i.Epoch, NextDueAt: i.NextDueAt, LastSyncedAt: i.LastSyncedAt, LastRunID: i.LastRunID,
		Condition: i.Condition, ConditionCode: i.ConditionCode, ConditionText: i.ConditionText, ConditionSince: i.ConditionSince, CreatedAt: t.At(),
	}
	if _, err := t.Rows.Snapshots().Delete(By(Where{"id": m.ID})); err != nil {
		return err
	}
	return t.Rows.Snapshots().Insert(&snap)
}

// FinishMigration records that the first synchronization through the connector
// is complete. From here the page leaves the list of tasks, the cell's rotation
// looks after the certificate, and the way back is open for its window.
func (s *Service) FinishMigration(ctx context.Context, caller domain.Caller, in contract.FirstSyncDone) (contract.Standing, error) {
	return Do(ctx, s, caller, "", "finish-migration", in.AttemptID, func(tx *Tx) (contract.Standing, error) {
		m, err := tx.attempt(in.AttemptID, domain.CuttingOver)
		if err != nil {
			return contract.Standing{}, err
		}
		run, err := tx.Rows.SyncRuns().Get(in.RunID)
		if err != nil {
			return contract.Standing{}, err
		}
		if run.MigrationID != m.ID || run.Purpose != domain.RunFirst || run.State != domain.RunDone {
			return contract.Standing{}, domain.Refuse(domain.Conflict, "first-sync-not-done", "The run %s is not the completed first synchronization of this migration.", run.ID)
		}
		i, err := tx.Rows.Integrations().Get(m.IntegrationID)
		if err != nil {
			return contract.Standing{}, err
		}
		if !boundBy(m, i) || run.Epoch != i.Epoch { // a late word of a worker that died
			return contract.Standing{}, domain.Refuse(domain.Conflict, CodeOutOfOrder, "The run %s belongs to an earlier switch of this migration, which was taken back.", run.ID)
		}
		c, err := tx.campaignOf(m)
		if err != nil {
			return contract.Standing{}, err
		}
		m.Overdue, m.FailureCode, m.FailureText = false, "", ""
		m.MigratedAt, m.WayBackUntil = tx.At(), tx.In(c.Terms.WayBack.Std())
		m.RemovalAdvised, m.ArmedFor = m.WayBackUntil, domain.Instant{}
		if err := tx.move(&m, domain.Migrated, map[string]string{"run": run.ID}); err != nil {
			return contract.Standing{}, err
		}
		if err := tx.releaseMigrated(&i); err != nil {
			return contract.Standing{}, err
		}
		return standing(m), tx.handOver(m, i)
	})
}

// releaseMigrated gives the integration back to its schedule.
func (t *Tx) releaseMigrated(i *domain.Integration) error {
	i.Frozen = false
	if i.Condition != domain.ConditionDisabled && i.Condition != domain.ConditionOK {
		i.Condition, i.ConditionCode, i.ConditionText, i.ConditionSince = domain.ConditionOK, "", "", t.At()
	}
	i.NextDueAt = t.In(i.Schedule.Interval())
	return t.Rows.Integrations().Update(i)
}

// handOver enrols the connector in its cell's rotation and tells the account
// what was done and what is left to do.
func (t *Tx) handOver(m domain.Migration, i domain.Integration) error {
	connector, err := t.Rows.Connectors().Get(m.ConnectorID)
	if err != nil {
		return err
	}
	if connector.EnrolledAt.IsZero() || connector.Description != m.Description {
		if connector.EnrolledAt.IsZero() {
			connector.EnrolledAt = t.At()
		}
		connector.Description = m.Description
		if err := t.saveConnector(&connector, true); err != nil {
			return err
		}
	}
	app, err := t.Rows.LegacyApps().Get(i.ID)
	if err != nil {
		return err
	}
	for _, n := range []domain.Notice{migrated(m, i, connector), receipt(m, i, app)} {
		if err := t.Notify(n); err != nil {
			return err
		}
	}
	return t.Call(domain.CallSchedule, "", contract.RotationScheduleID(connector.CellID), contract.CertificateRotationWorkflow, connector.CellID,
		contract.RotationInput{CellID: connector.CellID})
}

// CompensateCutOver puts an integration back exactly as it was before the switch
// and the migration before its approval, with the reason. Only the epoch does
// not go back: whoever still writes under the connector is refused by it.
func (s *Service) CompensateCutOver(ctx context.Context, caller domain.Caller, in contract.FirstSyncFailed) (contract.Standing, error) {
	return Do(ctx, s, caller, "", "compensate-cut-over", in.AttemptID, func(tx *Tx) (contract.Standing, error) {
		m, err := tx.attempt(in.AttemptID, domain.CuttingOver)
		if err != nil {
			return contract.Standing{}, err
		}
		if err := tx.compensate(&m, in.Code); err != nil {
			return contract.Standing{}, err
		}
		c, err := tx.campaignOf(m)
		if err != nil {
			return contract.Standing{}, err
		}
		dates, err := tx.readDates(&m, c) // the date may have passed meanwhile
		if err != nil {
			return contract.Standing{}, err
		}
		if err := tx.keep(&m); err != nil {
			return contract.Standing{}, err
		}
		out, message := standing(m), datesMessage(dates)
		out.Dates = &message
		return out, nil
	})
}

// compensate does the same inside any transaction, whether or not the switch had
// been made yet.
func (t *Tx) compensate(m *domain.Migration, code string) error {
	i, err := t.Rows.Integrations().Get(m.IntegrationID)
	if err != nil {
		return err
	}
	snap, err := optional(t.Rows.Snapshots().Get(m.ID))
	if err != nil {
		return err
	}
	if snap.ID != "" && boundBy(*m, i) {
		if err := t.restore(m, i.ID, snap); err != nil {
			return err
		}
	}
	m.ApprovedProof = ""
	m.FailureCode, m.FailureText = failureOf(code)
	if err := t.move(m, domain.AwaitingApproval, map[string]string{"code": m.FailureCode, "cause": code}); err != nil {
		return err
	}
	return t.Notify(cutOverFailed(*m, i))
}

func (t *Tx) restore(m *domain.Migration, integrationID string, snap domain.CutOverSnapshot) error {
	if err := t.StopOpenRun(integrationID, contract.SyncBindingChanged); err != nil {
		return err
	}
	if err := t.RestoreMirror(m.ID); err != nil {
		return err
	}
	i, err := t.Rows.Integrations().Get(integrationID)
	if err != nil {
		return err
	}
	i.Binding, i.ConnectorID, i.Settings, i.Schedule = snap.Binding, snap.ConnectorID, snap.Settings, snap.Schedule
	i.NextDueAt, i.LastSyncedAt, i.LastRunID = snap.NextDueAt, snap.LastSyncedAt, snap.LastRunID
	if snap.Condition != "" && i.Condition != domain.ConditionDisabled {
		i.Condition, i.ConditionCode, i.ConditionText, i.ConditionSince = snap.Condition, snap.ConditionCode, snap.ConditionText, snap.ConditionSince
	}
	i.Epoch++
	if err := t.Rows.Integrations().Update(&i); err != nil {
		return err
	}
	return t.Done(m.AccountID, "bind-legacy-again", "integration", i.ID, map[string]string{"migration": m.ID})
}

// failureOf says why a switch was taken back. What it names has to be possible
// where the migration stands then: no consent can be given in AwaitingApproval,
// and a comparison that finds none asks for one (see LoseConsent).
func failureOf(code string) (string, string) {
	switch code {
	case contract.SyncBudgetExceeded:
		code = migration.FirstSyncLate
	case contract.SyncCancelled:
		code = migration.CutOverCancelled
	case migration.WorkflowLost:
	case contract.SyncConsentLost, contract.SyncConsentPending:
		code = migration.FirstSyncUnconsented
	case contract.SyncTenantMismatch:
		return migration.FirstSyncFailed, migration.Text(migration.FirstSyncFailed) + " The answers came from another directory than the integration's. The comparison is made again before the next switch; where that is still so, a consent of the right tenant is asked for."
	default:
		return migration.FirstSyncFailed, migration.Text(migration.FirstSyncFailed) + " " + migration.Text(code)
	}
	return code, migration.Text(code)
}
