package service

import (
	"context"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/logkey"
	"consentry/internal/migration"
)

const (
	// lostBatch is how many migrations one sweep looks up at the engine.
	lostBatch = 500
	// cutOverSilence is how long a switch may be without an open run before it is
	// looked at: between two commands of a healthy one lie moments.
	cutOverSilence = 2 * time.Minute
)

// LostMigrations counts the open migrations of a region whose workflow may be
// gone: the engine does not list it under its id, or a switch has been without a
// run for a while. Counts of both sides would not do, because a workflow that
// should be gone would hide one that is. It is asked at every sweep, so it looks
// up a bounded number, and goes on with the next where there are more. It may
// name too many; HealLost asks for each.
func (s *Service) LostMigrations(ctx context.Context, caller domain.Caller, region string) (lost int, err error) {
	open, err := s.openAfter(ctx, caller, region, s.lostAfter.of(region))
	if err != nil {
		return 0, err
	}
	missing, err := s.unlisted(ctx, open)
	if err != nil {
		return 0, err
	}
	lost = len(missing)
	err = s.Read(ctx, caller, func(tx *Tx) error {
		silent, err := tx.silentCutOvers(region)
		for _, m := range silent {
			if !slices.ContainsFunc(missing, func(x domain.Migration) bool { return x.ID == m.ID }) {
				lost++
			}
		}
		return err
	})
	if len(open) < lostBatch {
		s.lostAfter.set(region, "") // from the beginning again
	} else {
		s.lostAfter.set(region, open[len(open)-1].ID)
	}
	return lost, err
}

// lookedUpTo remembers per region which migration was looked up last. It is only
// a turn: a process that starts anew begins at the first.
type lookedUpTo struct {
	mu sync.Mutex
	id map[string]string
}

func (l *lookedUpTo) of(region string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.id[region]
}

func (l *lookedUpTo) set(region, id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.id == nil {
		l.id = map[string]string{}
	}
	l.id[region] = id
}

// openAfter gives the next open migrations of a region.
func (s *Service) openAfter(ctx context.Context, caller domain.Caller, region, id string) (open []domain.Migration, err error) {
	err = s.Read(ctx, caller, func(tx *Tx) (err error) {
		open, err = tx.Rows.Migrations().List(Query{Where: Where{"region": region, "open": true, "id >": id}, Order: []string{"id"}, Limit: lostBatch})
		return err
	})
	return open, err
}

// unlisted gives those whose workflow the engine's list does not hold.
func (s *Service) unlisted(ctx context.Context, open []domain.Migration) ([]domain.Migration, error) {
	if len(open) == 0 {
		return nil, nil
	}
	ids := make([]string, len(open))
	for n, m := range open {
		ids[n] = contract.MigrationID(m.IntegrationID)
	}
	listed, err := s.engine.RunningAmong(ctx, ids)
	if err != nil {
		return nil, err
	}
	var missing []domain.Migration
	for n, m := range open {
		if !slices.Contains(listed, ids[n]) {
			missing = append(missing, m)
		}
	}
	return missing, nil
}

// silentCutOvers gives the switches that have been without a run for a while.
func (t *Tx) silentCutOvers(region string) (silent []domain.Migration, err error) {
	switching, err := t.Rows.Migrations().List(By(Where{"region": region, "open": true, "phase": domain.CuttingOver, "phase_since <=": t.In(-cutOverSilence)}))
	for _, m := range switching {
		open, err := t.Rows.SyncRuns().Count(By(Where{"integration_id": m.IntegrationID, "open": true}))
		if err != nil {
			return nil, err
		}
		if open == 0 {
			silent = append(silent, m)
		}
	}
	return silent, err
}

// HealLost starts the lost workflows of a region again, each in a command of its
// own, and counts them. Whether one is lost, the engine says about each; while it
// does not answer, nothing is concluded and the next sweep looks again. Switches
// come first, because an integration stands still meanwhile.
func (s *Service) HealLost(ctx context.Context, caller domain.Caller, region string) (healed int, err error) {
	var switching []domain.Migration
	err = s.Read(ctx, caller, func(tx *Tx) (err error) {
		switching, err = tx.Rows.Migrations().List(Query{Where: Where{"region": region, "open": true, "phase": domain.CuttingOver}, Order: []string{"id"}})
		return err
	})
	if err != nil {
		return 0, err
	}
	if healed, err = s.healAmong(ctx, caller, switching); err != nil {
		return healed, err
	}
	for after := ""; ; {
		open, err := s.openAfter(ctx, caller, region, after)
		if err != nil {
			return healed, err
		}
		missing, err := s.unlisted(ctx, open)
		if err != nil {
			return healed, err
		}
		n, err := s.healAmong(ctx, caller, missing)
		healed += n
		if err != nil || len(open) < lostBatch {
			return healed, err
		}
		after = open[len(open)-1].ID
	}
}

func (s *Service) healAmong(ctx context.Context, caller domain.Caller, some []domain.Migration) (healed int, err error) {
	for _, m := range some {
		if s.now().Before(restartAfter(m)) {
			continue
		}
		running, err := s.engine.Running(ctx, contract.MigrationID(m.IntegrationID))
		if err != nil {
			return healed, err
		}
		if running { // the engine's list lags moments behind
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
