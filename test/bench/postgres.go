package main

import (
	"context"
	"fmt"
	"math"
	"slices"
)

// onPostgres sets the same migration on PostgreSQL beside SQLite.
func onPostgres(ctx context.Context, report func(figure)) error {
	const pairs = 3
	var quotients []float64
	var difference float64
	var note string
	for range pairs {
		lite, err := migrated(ctx, "sqlite")
		if err != nil {
			return fmt.Errorf("a migration on SQLite: %w", err)
		}
		pg, err := migrated(ctx, "postgres")
		if err != nil {
			return fmt.Errorf("a migration on PostgreSQL: %w", err)
		}
		quotients = append(quotients, pg.took.Seconds()/lite.took.Seconds())
		note = fmt.Sprintf("%d and %d actions, those of its runs included", pg.own.Actions()+pg.syncs, lite.own.Actions()+lite.syncs)
		difference = max(difference, math.Abs(float64(pg.own.Actions()+pg.syncs-lite.own.Actions()-lite.syncs)))
	}
	slices.Sort(quotients)
	report(figure{Name: "job.postgres.migration_actions_difference", Value: difference, Unit: "actions", Op: "<=", Note: note})
	report(figure{Name: "job.postgres.migration_to_sqlite", Value: quotients[pairs/2], Unit: "ratio", Target: 1.5, Op: "<=",
		Baseline: "the same migration on SQLite, in turn", Note: "time from the ready system to the confirmed removal of the old app, median of 3 pairs"})
	return nil
}
