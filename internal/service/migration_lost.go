package service

import (
	"context"
	"slices"
	"time"

	"go.uber.org/zap"

	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/logkey"
	"consentry/internal/migration"
)

const (
	// lostBatch bounds how many workflows one sweep asks the engine about.
	lostBatch = 500
	// cutOverSilence is how long a switch may be without an open run before it is
	// looked at: between two commands of a healthy one lie moments.
	cutOverSilence = 2 * time.Minute
)

// LostMigrations counts the open migrations of a region whose workflow may be
// gone: as many as the engine has fewer at work than rows are open, or else the
// switches that have been without a run for a while. It is asked at every sweep,
// so it costs two counts while nothing is wrong. It may name too many; HealLost
// asks for each.
func (s *Service) LostMigrations(ctx context.Context, caller domain.Caller, region string) (lost int, err error) {
	var silent int
	err = s.Read(ctx, caller, func(tx *Tx) error {
		if lost, err = tx.Rows.Migrations().Count(By(Where{"region": region, "open": true})); err != nil || lost == 0 {
			return err
		}
		silent, err = tx.silentCutOvers(region)
		return err
	})
	if err != nil || lost == 0 {
		return 0, err
	}
	running, err := s.engine.RunningMigrations(ctx, region)
	if err != nil {
		return 0, err
	}
	return max(lost-running, silent), nil
}

func (t *Tx) silentCutOvers(region string) (n int, err error) {
	switching, err := t.Rows.Migrations().List(By(Where{"region": region, "open": true, "phase": domain.CuttingOver, "phase_since <=": t.In(-cutOverSilence)}))
	for _, m := range switching {
		open, err := t.Rows.SyncRuns().Count(By(Where{"integration_id": m.IntegrationID, "open": true}))
		if err != nil {
			return n, err
		}
		if open == 0 {
			n++
		}
	}
	return n, err
}

// HealLost starts the lost workflows of a region again, each in a command of its
// own, and counts them. Whether one is lost, the engine says about each; while it
// does not answer, nothing is concluded and the next sweep looks again.
func (s *Service) HealLost(ctx context.Context, caller domain.Caller, region string) (healed int, err error) {
	var open []domain.Migration
	err = s.Read(ctx, caller, func(tx *Tx) (err error) {
		open, err = tx.Rows.Migrations().List(Query{Where: Where{"region": region, "open": true}, Order: []string{"id"}})
		return err
	})
	if err != nil {
		return 0, err
	}
	for _, m := range lostFirst(open, s.now()) {
		running, err := s.engine.Running(ctx, contract.MigrationID(m.IntegrationID))
		if err != nil {
			return healed, err
		}
		if running {
			continue
		}
		yes, err := s.healLost(ctx, caller, m)
		if domain.KindOf(err) == domain.Unavailable || ctx.Err() != nil {
			return healed, err
		}
		if err != nil {
			s.logFor(ctx).Error("a lost migration could not be started again; the sweep goes on with the others", zap.String(logkey.Migration, m.ID), zap.Error(err))
			continue
		}
		if yes {
			healed++
		}
	}
	return healed, nil
}

// lostFirst is the order in which to ask: switches first, because an integration
// stands still meanwhile, and then a window that moves on with the minutes, so
// that every migration has its turn.
func lostFirst(open []domain.Migration, now time.Time) []domain.Migration {
	if len(open) > lostBatch {
		at := int(now.Unix()/60%int64(len(open))) * lostBatch % len(open)
		open = slices.Concat(open[at:], open[:at])
	}
	slices.SortStableFunc(open, func(a, b domain.Migration) int {
		rank := func(m domain.Migration) int {
			if m.Phase == domain.CuttingOver {
				return 0
			}
			return 1
		}
		return rank(a) - rank(b)
	})
	return open[:min(len(open), lostBatch)]
}

// healLost has the workflow of an attempt started again where its row stands. A
// switch that was made is taken back first, exactly as the workflow itself would
// have: nobody knows how far it had come. One that was approved and not made is
// made now: the approval stands, and nobody has to give it again. seen is the row as it was before the engine was
// asked: one that has changed since was alive, or another sweep was first.
func (s *Service) healLost(ctx context.Context, caller domain.Caller, seen domain.Migration) (bool, error) {
	return Do(ctx, s, caller, "", "restart-migration", seen.ID, func(tx *Tx) (bool, error) {
		m, err := tx.Rows.Migrations().Get(seen.ID)
		if err != nil || m.Phase.Ended() || m.PhaseSeq != seen.PhaseSeq || m.Restarts != seen.Restarts || tx.Now.Before(restartAfter(m)) {
			return false, err
		}
		starting, err := tx.Rows.EngineCalls().Count(By(Where{"target": contract.MigrationID(m.IntegrationID), "kind": domain.CallStart, "state": "waiting"}))
		if err != nil || starting > 0 {
			return false, err
		}
		was := m.Phase
		made, err := tx.switchMade(m)
		if err != nil {
			return false, err
		}
		if made {
			if err := tx.compensate(&m, migration.WorkflowLost); err != nil {
				return false, err
			}
		}
		c, err := tx.campaignOf(m)
		if err != nil {
			return false, err
		}
		dates, err := tx.readDates(&m, c)
		if err != nil {
			return false, err
		}
		m.Restarts, m.RestartedAt = m.Restarts+1, tx.At()
		clearWaiting(&m)
		if err := tx.keep(&m); err != nil {
			return false, err
		}
		if err := tx.Done(m.AccountID, "restart-migration", "migration", m.ID, map[string]string{"found": string(was), "phase": string(m.Phase)}); err != nil {
			return false, err
		}
		in := startOf(m, dates)
		in.Standing = standing(m)
		return true, tx.Call(domain.CallStart, m.AccountID, contract.MigrationID(m.IntegrationID), contract.MigrationWorkflow, m.ID, in)
	})
}

// restartAfter keeps a workflow that ends again and again without getting
// anywhere from being started every minute.
func restartAfter(m domain.Migration) time.Time {
	if m.RestartedAt.IsZero() || m.PhaseSince.After(m.RestartedAt.Time) {
		return time.Time{}
	}
	return m.RestartedAt.Add(min(time.Minute<<min(m.Restarts, 10), 6*time.Hour))
}
