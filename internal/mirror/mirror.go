// Package mirror keeps the directory tables: what a run staged and what we hold
// of each customer's directory.
package mirror

import (
	"context"

	"github.com/uptrace/bun"

	"consentry/internal/service"
)

// Tables is the directory tables on one transaction.
type Tables struct {
	ctx context.Context
	db  bun.IDB
}

// On builds the tables on a transaction's handle.
func On(ctx context.Context, db bun.IDB) service.Mirror { return &Tables{ctx: ctx, db: db} }
