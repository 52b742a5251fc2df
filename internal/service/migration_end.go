package service

import (
	"context"

	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/migration"
)

// OpenCleanUp closes the way back and recommends the removal of the old app.
func (s *Service) OpenCleanUp(ctx context.Context, caller domain.Caller, attemptID string) (contract.Standing, error) {
	return Do(ctx, s, caller, "", "open-clean-up", attemptID, func(tx *Tx) (contract.Standing, error) {
		m, err := tx.attempt(attemptID, domain.Migrated)
		if err != nil {
			return contract.Standing{}, err
		}
		c, err := tx.campaignOf(m)
		if err != nil {
			return contract.Standing{}, err
		}
		m.CleanUpUntil = tx.In(c.Terms.CleanUp.Std())
		if err := tx.move(&m, domain.CleanUp, nil); err != nil {
			return contract.Standing{}, err
		}
		i, err := tx.Rows.Integrations().Get(m.IntegrationID)
		if err != nil {
			return contract.Standing{}, err
		}
		app, err := tx.Rows.LegacyApps().Get(i.ID)
		if err != nil {
			return contract.Standing{}, err
		}
		return standing(m), tx.Notify(cleanUp(m, i, app))
	})
}

// CloseMigration ends an attempt whose recommendation was answered or has run
// out.
func (s *Service) CloseMigration(ctx context.Context, caller domain.Caller, attemptID string) (contract.Standing, error) {
	return Do(ctx, s, caller, "", "close-migration", attemptID, func(tx *Tx) (contract.Standing, error) {
		m, err := tx.attempt(attemptID, domain.CleanUp)
		if err != nil {
			return contract.Standing{}, err
		}
		err = tx.end(&m, domain.Closed, map[string]string{"oldApp": m.OldAppRemoved})
		return standing(m), err
	})
}

// StopMigration records that the workflow of an attempt was cancelled from
// outside. Before the switch that cancels the attempt, during the switch after
// taking it back; a migrated integration stays migrated.
func (s *Service) StopMigration(ctx context.Context, caller domain.Caller, attemptID string) (contract.Standing, error) {
	return Do(ctx, s, caller, "", "stop-migration", attemptID, func(tx *Tx) (contract.Standing, error) {
		m, err := tx.Rows.Migrations().Get(attemptID)
		if err != nil || m.Phase.Ended() {
			return standing(m), err
		}
		if m.Phase == domain.CuttingOver {
			if err := tx.compensate(&m, contract.SyncCancelled); err != nil {
				return contract.Standing{}, err
			}
		}
		if m.Phase == domain.Migrated {
			m.CleanUpUntil = tx.At()
			if err := tx.move(&m, domain.CleanUp, nil); err != nil {
				return contract.Standing{}, err
			}
		}
		to := domain.Cancelled
		if !migration.BeforeCutOver(m.Phase) {
			to = domain.Closed
		}
		err = tx.end(&m, to, map[string]string{"code": "stopped-by-operator"})
		return standing(m), err
	})
}
