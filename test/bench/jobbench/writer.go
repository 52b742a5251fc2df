package jobbench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.uber.org/zap"

	"consentry/dev/postgres"
	"consentry/internal/domain"
	"consentry/internal/mirror"
	"consentry/internal/service"
	"consentry/internal/store"
)

// Writer measures how many commands a second pass the one writer, on PostgreSQL and on SQLite in turn.
func Writer(ctx context.Context, report func(Figure)) error {
	return writer(ctx, size{requests: 400, pairs: 7}, report)
}

func writer(ctx context.Context, n size, report func(Figure)) (err error) {
	dir, err := os.MkdirTemp("", "consentry-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // a temporary folder left behind harms nothing
	cluster, err := postgres.Start(ctx, postgres.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cluster.Stop()) }()
	if err := cluster.Create(ctx, "consentry"); err != nil {
		return err
	}
	var quotients, rates, lites []float64
	for range n.pairs {
		pg, err := turns(ctx, cluster.URL("consentry"), n.requests)
		if err != nil {
			return fmt.Errorf("commands on PostgreSQL: %w", err)
		}
		lite, err := turns(ctx, filepath.Join(dir, "c.db"), n.requests)
		if err != nil {
			return fmt.Errorf("commands on SQLite: %w", err)
		}
		quotients, rates, lites = append(quotients, pg/lite), append(rates, pg), append(lites, lite)
	}
	report(Figure{Name: "job.postgres.commands", Value: median(rates), Unit: "1/s", Note: fmt.Sprintf("8 callers through 2 pools, every commit on the disk; SQLite %.0f", median(lites))})
	report(Figure{Name: "job.postgres.commands_to_sqlite", Value: median(quotients), Unit: "ratio",
		Baseline: "the same commands on SQLite, whose commits reach the disk at a checkpoint (synchronous=NORMAL)", Note: "median of pairs in turn"})
	return nil
}

// turns gives commands through two handles on one database, as two processes do, and tells how many passed in a second. A
// command is a small one with its key: a row, its audit entry, its change, its answer.
func turns(ctx context.Context, database string, commands int) (rate float64, err error) {
	var all sync.WaitGroup
	var mu sync.Mutex
	var failed error
	var handles []*store.Store
	defer func() {
		for _, h := range handles {
			err = errors.Join(err, h.Close())
		}
	}()
	for range 2 {
		h, err := store.Open(ctx, database, mirror.On)
		if err != nil {
			return 0, err
		}
		handles = append(handles, h)
	}
	began := time.Now()
	for i := range 2 * callers {
		s := service.New(service.Deps{Store: handles[i%2], Now: time.Now, Log: zap.NewNop()})
		all.Go(func() {
			for range commands / (2 * callers) {
				id := domain.NewID("con")
				_, err := service.Do(ctx, s, domain.System("bench"), id, "note", id, func(tx *service.Tx) (bool, error) {
					c := domain.Contact{ID: id, AccountID: "acc", Name: "somebody"}
					return true, errors.Join(tx.Contacts().Insert(&c), tx.Done("acc", "note", "contact", id, nil))
				})
				if err != nil {
					mu.Lock()
					failed = errors.Join(failed, err)
					mu.Unlock()
					return
				}
			}
		})
	}
	all.Wait()
	return float64(commands) / time.Since(began).Seconds(), failed
}
