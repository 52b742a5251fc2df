package service

import (
	"context"
	"math"

	"consentry/internal/campaign"
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
		m.CleanUpNextAt = domain.At(campaign.NextCleanUp(c.Terms, tx.Now, m.CleanUpUntil.Time, tx.Now))
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

// AdvanceCleanUp takes the rung of the clean-up ladder that has been reached: it
// closes the migration where the old app's removal was confirmed, is proven by
// what asking for it just showed, or has been recommended for the last time;
// else it recommends it again and answers when to come back.
func (s *Service) AdvanceCleanUp(ctx context.Context, caller domain.Caller, attemptID string) (contract.Standing, error) {
	return Do(ctx, s, caller, "", "advance-clean-up", attemptID, func(tx *Tx) (contract.Standing, error) {
		m, err := tx.attempt(attemptID, domain.CleanUp)
		if err != nil || !m.CleanUpNextAt.Due(tx.Now) {
			return standing(m), err
		}
		c, err := tx.campaignOf(m)
		if err != nil {
			return contract.Standing{}, err
		}
		app, err := optional(tx.Rows.LegacyApps().Get(m.IntegrationID))
		if err != nil {
			return contract.Standing{}, err
		}
		if m.OldAppRemoved == "" && migration.OldApp(app.ProbeVerdict) == migration.OldAppGone && !app.ProbedAt.Before(m.PhaseSince.Time) {
			m.OldAppRemoved = oldAppProven
		}
		if m.OldAppRemoved != "" || m.CleanUpUntil.Due(tx.Now) {
			return tx.close(&m, nil)
		}
		rung := m.CleanUpNextAt
		m.CleanUpNextAt = domain.At(campaign.NextCleanUp(c.Terms, m.PhaseSince.Time, m.CleanUpUntil.Time, tx.Now))
		if err := tx.keep(&m); err != nil {
			return contract.Standing{}, err
		}
		i, err := tx.Rows.Integrations().Get(m.IntegrationID)
		if err != nil {
			return contract.Standing{}, err
		}
		if err := tx.Notify(cleanUpAgain(m, i, app, rung)); err != nil {
			return contract.Standing{}, err
		}
		return standing(m), tx.Changed(m.AccountID, "migration", m.ID, "clean-up-reminded")
	})
}

// How the question about the old app was answered.
const (
	oldAppConfirmed = "confirmed"
	oldAppProven    = "proven"
	oldAppDeclined  = "declined"
)

// close completes a migration: nothing of the old app is kept that could be
// misused, and the receipt says so.
func (t *Tx) close(m *domain.Migration, detail map[string]string) (contract.Standing, error) {
	app, err := t.destroyOldSecret(*m)
	if err != nil {
		return contract.Standing{}, err
	}
	if detail == nil {
		detail = map[string]string{}
	}
	detail["oldApp"], detail["probe"] = m.OldAppRemoved, app.ProbeVerdict
	if err := t.end(m, domain.Closed, detail); err != nil {
		return contract.Standing{}, err
	}
	i, err := t.Rows.Integrations().Get(m.IntegrationID)
	if err != nil {
		return contract.Standing{}, err
	}
	return standing(*m), t.Notify(closed(*m, i, app))
}

// applyCleanUp takes the answer about the old app. "Removed" closes the way back
// too, because it needed that app; where Microsoft has just said that the app is
// still there, it is refused instead, and the way back stays open.
func (t *Tx) applyCleanUp(m *domain.Migration, d domain.Decision) (*refusal, error) {
	if !d.Detail.Removed {
		if m.Phase == domain.Migrated {
			return refused(migration.WayBackStillOpen), nil
		}
		m.OldAppRemoved = oldAppDeclined
		_, err := t.close(m, map[string]string{"decision": d.ID})
		return nil, err
	}
	app, err := optional(t.Rows.LegacyApps().Get(m.IntegrationID))
	if err != nil {
		return nil, err
	}
	if v := migration.OldApp(app.ProbeVerdict); !app.ProbedAt.Before(d.GivenAt.Time) && (v == migration.OldAppWorks || v == migration.OldAppLives) {
		return &refusal{migration.OldAppStillThere, migration.Text(migration.OldAppStillThere) + " What Microsoft says: " + migration.OldAppText(v, app.ProbeCode) + "."}, nil
	}
	m.OldAppRemoved = oldAppConfirmed
	if m.Phase == domain.Migrated {
		m.WayBackUntil, m.CleanUpUntil, m.CleanUpNextAt = t.At(), t.At(), t.At()
		return nil, t.move(m, domain.CleanUp, map[string]string{"decision": d.ID})
	}
	_, err = t.close(m, map[string]string{"decision": d.ID})
	return nil, err
}

// StopMigration records that the workflow of an attempt was cancelled from
// outside. Before the switch that cancels the attempt, during the switch after
// taking it back. After the switch cancelling is no way out: the attempt stays
// as it is, and a sweep starts its workflow again.
func (s *Service) StopMigration(ctx context.Context, caller domain.Caller, attemptID string) (contract.Standing, error) {
	return Do(ctx, s, caller, "", "stop-migration", attemptID, func(tx *Tx) (contract.Standing, error) {
		m, err := tx.Rows.Migrations().Get(attemptID)
		if domain.IsNotFound(err) { // deleted with its account
			return contract.Standing{Phase: domain.Closed, PhaseSeq: math.MaxInt64}, nil
		}
		if err != nil || m.Phase.Ended() {
			return standing(m), err
		}
		if m.Phase.Switched() {
			return standing(m), tx.Audit(m.AccountID, "stop-migration", m.ID, "refused", migration.NotInPhase, map[string]string{"phase": string(m.Phase)})
		}
		if m.Phase == domain.CuttingOver {
			if err := tx.compensate(&m, contract.SyncCancelled); err != nil {
				return contract.Standing{}, err
			}
		}
		err = tx.cancel(&m, map[string]string{"code": "stopped-by-operator"})
		return standing(m), err
	})
}

func (t *Tx) cancel(m *domain.Migration, detail map[string]string) error {
	if err := t.end(m, domain.Cancelled, detail); err != nil {
		return err
	}
	i, err := t.Rows.Integrations().Get(m.IntegrationID)
	if err != nil {
		return err
	}
	c, err := optional(t.Rows.Connectors().Get(m.ConnectorID))
	if err != nil {
		return err
	}
	return t.Notify(cancelled(*m, i, c))
}

// end closes an attempt and takes away what only it needed, so that nothing half
// begun stays behind. Its connector stays: the consent it stands for exists at
// Microsoft whatever we keep, the customer can see and disconnect it, and a
// later attempt finds it.
func (t *Tx) end(m *domain.Migration, to domain.Phase, detail map[string]string) error {
	m.Open, m.EndedAt, m.ArmedFor, m.Overdue = false, t.At(), domain.Instant{}, false
	if err := t.move(m, to, detail); err != nil {
		return err
	}
	for _, leave := range []func(domain.Migration) error{t.endRuns, t.endSessions, t.forgetWayBack, t.dropStart, t.thaw} {
		if err := leave(*m); err != nil {
			return err
		}
	}
	return t.answerDecisions(*m, detail["decision"])
}

// endRuns closes the attempt's own runs and forgets what they read.
func (t *Tx) endRuns(m domain.Migration) error {
	runs, err := t.Rows.SyncRuns().List(By(Where{"migration_id": m.ID, "state": []string{string(domain.RunReading), string(domain.RunApplying)}}))
	if err != nil {
		return err
	}
	for _, run := range runs {
		if err := t.closeRun(&run, domain.RunStopped, contract.SyncNotMigrating, syncText(contract.SyncNotMigrating)); err != nil {
			return err
		}
	}
	return t.dropShadows(m.IntegrationID)
}

// endSessions ends consents that somebody has begun and not completed, and the
// looking for those that somebody else was to give: nobody asks Microsoft about a
// tenant for an attempt that has ended.
func (t *Tx) endSessions(m domain.Migration) error {
	begun, err := t.Rows.ConsentSessions().List(By(Where{"migration_id": m.ID}))
	if err != nil {
		return err
	}
	for _, cs := range begun {
		looked := !cs.NextCheckAt.IsZero()
		cs.NextCheckAt = domain.Instant{}
		switch {
		case cs.Outcome == domain.ConsentOpen:
			err = t.endConsent(&cs, domain.ConsentRefused, migration.MigrationEnded, migration.Text(migration.MigrationEnded))
		case looked:
			err = t.Rows.ConsentSessions().Update(&cs)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// forgetWayBack drops what restoring the state before the switch would need.
func (t *Tx) forgetWayBack(m domain.Migration) error {
	if _, err := t.Rows.Snapshots().Delete(By(Where{"id": m.ID})); err != nil {
		return err
	}
	return t.Mirror().DropBefore(m.IntegrationID)
}

// dropStart takes back a start that the engine has not taken, lest a workflow
// begin for an attempt that has ended.
func (t *Tx) dropStart(m domain.Migration) error {
	waiting, err := t.Rows.EngineCalls().List(By(Where{"target": contract.MigrationID(m.IntegrationID), "kind": domain.CallStart, "dedupe_id": m.ID, "state": "waiting"}))
	if err != nil {
		return err
	}
	for _, call := range waiting {
		call.State, call.LastError = "dropped", "the migration has ended"
		if err := t.Rows.EngineCalls().Update(&call); err != nil {
			return err
		}
	}
	return nil
}

// thaw lets the integration's settings be edited again, and says what the date
// means for it now that no attempt is open.
func (t *Tx) thaw(m domain.Migration) error {
	i, err := t.Rows.Integrations().Get(m.IntegrationID)
	if err != nil {
		return err
	}
	i.Frozen = false
	if err := t.Rows.Integrations().Update(&i); err != nil {
		return err
	}
	verdict, err := t.MaySync(i)
	if err != nil {
		return err
	}
	return t.markStopped(&i, verdict)
}

// answerDecisions refuses what nobody applied in time; the decision that ends
// the attempt is answered by whoever applies it.
func (t *Tx) answerDecisions(m domain.Migration, but string) error {
	given, err := t.Rows.Decisions().List(By(Where{"migration_id": m.ID, "state": domain.DecisionGiven}))
	if err != nil {
		return err
	}
	for _, d := range given {
		if d.ID == but {
			continue
		}
		if err := t.refuseDecision(m, &d, migration.MigrationEnded, migration.NotNow(m.Phase, d.Kind)); err != nil {
			return err
		}
	}
	return nil
}
