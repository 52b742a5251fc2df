package jobbench

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/labstack/echo/v4"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	"github.com/uptrace/bun/schema"
	_ "modernc.org/sqlite" // the driver

	"consentry/api/server"
	"consentry/internal/domain"
	"consentry/internal/store"
)

// bareEcho is what one writes with Echo and bun alone: no caller, no middleware, no validation; one consistent view a
// request, where that takes more than a statement, and the same answers.
func bareEcho(database string) (e *echo.Echo, end func() error, err error) {
	raw, dialect, err := plain(database)
	if err != nil {
		return nil, nil, err
	}
	raw.SetMaxOpenConns(16)
	raw.SetMaxIdleConns(16)
	b := bare{bun.NewDB(raw, dialect)}
	e = echo.New()
	e.GET("/api/v1/migrations", b.migrations)
	e.GET("/api/v1/migrations/:id", b.migration)
	e.GET("/api/v1/integrations/:id", b.integration)
	e.GET("/api/v1/changes", b.changes)
	return e, raw.Close, nil
}

// plain opens a database as bun's documentation does; on PostgreSQL without preparing texts that no other request repeats.
func plain(database string) (*sql.DB, schema.Dialect, error) {
	if !store.IsURL(database) {
		raw, err := sql.Open("sqlite", "file:"+database+"?_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_pragma=busy_timeout(15000)")
		return raw, sqlitedialect.New(), err
	}
	config, err := pgx.ParseConfig(database)
	if err != nil {
		return nil, nil, err
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	return stdlib.OpenDB(*config), pgdialect.New(), nil
}

type bare struct{ db *bun.DB }

func (b bare) view(c echo.Context, fn func(context.Context, bun.Tx) error) error {
	ctx := c.Request().Context()
	return b.db.RunInTx(ctx, &sql.TxOptions{ReadOnly: true}, fn)
}

func optional(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	return err
}

// named reads the row of an id, and asks nothing where there is no id, as we do.
func named[T any](ctx context.Context, tx bun.Tx, row *T, id string) error {
	if id == "" {
		return nil
	}
	return optional(tx.NewSelect().Model(row).Where("id = ?", id).Scan(ctx))
}

func (b bare) migrations(c echo.Context) error {
	var rows []domain.Migration
	if err := b.db.NewSelect().Model(&rows).Order("started_at DESC", "id DESC").Limit(51).Scan(c.Request().Context()); err != nil {
		return err
	}
	items := make([]server.Migration, 0, 50)
	for _, m := range rows[:min(50, len(rows))] {
		items = append(items, migrationOf(m))
	}
	return c.JSON(http.StatusOK, map[string]any{"items": items, "next": "cursor", "asOf": time.Now()})
}

func (b bare) migration(c echo.Context) error {
	var m domain.Migration
	var i domain.Integration
	var campaign domain.Campaign
	var session domain.ConsentSession
	var connector domain.Connector
	var proof domain.Proof
	var legacy domain.LegacyApp
	var decisions []domain.Decision
	err := b.view(c, func(ctx context.Context, tx bun.Tx) error {
		if err := tx.NewSelect().Model(&m).Where("id = ?", c.Param("id")).Scan(ctx); err != nil {
			return err
		}
		return errors.Join(
			tx.NewSelect().Model(&i).Where("id = ?", m.IntegrationID).Scan(ctx),
			tx.NewSelect().Model(&campaign).Where("id = ?", m.CampaignID).Scan(ctx),
			optional(tx.NewSelect().Model(&session).Where("migration_id = ?", m.ID).Order("created_at DESC", "id DESC").Limit(1).Scan(ctx)),
			named(ctx, tx, &connector, m.ConnectorID),
			named(ctx, tx, &proof, m.ProofID),
			optional(tx.NewSelect().Model(&legacy).Where("id = ?", m.IntegrationID).Scan(ctx)),
			tx.NewSelect().Model(&decisions).Where("migration_id = ?", m.ID).Order("given_at DESC", "id DESC").Limit(50).Scan(ctx),
		)
	})
	if err != nil {
		return err
	}
	date := campaign.Terms.Deadline.Time
	return c.JSON(http.StatusOK, server.MigrationDetail{
		Migration: migrationOf(m), DateInForce: &date, Armed: server.Armed{For: m.ArmedFor, CampaignVersion: m.ArmedVersion, ReadAt: m.ArmedReadAt}, Decisions: []server.Decision{}, Deadline: m.Deadline,
	})
}

func (b bare) integration(c echo.Context) error {
	var i domain.Integration
	var legacy domain.LegacyApp
	var m domain.Migration
	err := b.view(c, func(ctx context.Context, tx bun.Tx) error {
		if err := tx.NewSelect().Model(&i).Where("id = ?", c.Param("id")).Scan(ctx); err != nil {
			return err
		}
		return errors.Join(
			optional(tx.NewSelect().Model(&legacy).Where("id = ?", i.ID).Scan(ctx)),
			optional(tx.NewSelect().Model(&m).Where("integration_id = ?", i.ID).Where("open").Limit(1).Scan(ctx)),
		)
	})
	if err != nil {
		return err
	}
	open := migrationOf(m)
	return c.JSON(http.StatusOK, server.IntegrationDetail{
		Integration: server.Integration{
			ID: i.ID, AccountID: i.AccountID, Name: i.Name, TenantID: i.TenantID, TenantDomain: i.TenantDomain, Product: i.Product,
			Binding: i.Binding, ConnectorID: i.ConnectorID, Epoch: i.Epoch, Settings: i.Settings, Schedule: i.Schedule, Frozen: i.Frozen, SharedTenant: i.SharedTenant,
			Condition: server.Condition{State: i.Condition, Code: i.ConditionCode, Text: i.ConditionText, Since: i.ConditionSince},
			NextDueAt: i.NextDueAt, LastSyncedAt: i.LastSyncedAt, LastRunID: i.LastRunID,
			Mirror: domain.Counts{Users: i.Users, Groups: i.Groups, Memberships: i.Memberships}, CreatedAt: i.CreatedAt,
		},
		LegacyApp: &server.LegacyApp{ClientID: legacy.ClientID, Name: legacy.Name, SecretEndsAt: legacy.SecretEndsAt, DestroyedAt: legacy.DestroyedAt}, Migration: &open,
	})
}

func (b bare) changes(c echo.Context) error {
	limit, err := strconv.Atoi(c.QueryParam("limit"))
	if err != nil {
		return err
	}
	var rows []domain.Change
	err = b.db.NewSelect().Model(&rows).Where("seq > ?", 0).Order("seq").Limit(int64(limit)).Scan(c.Request().Context())
	if err != nil {
		return err
	}
	items := make([]server.Change, 0, len(rows))
	for _, r := range rows {
		items = append(items, server.Change{Seq: r.Seq, AccountID: r.AccountID, Kind: r.Kind, SubjectID: r.SubjectID, What: r.What, At: r.At})
	}
	return c.JSON(http.StatusOK, map[string]any{"items": items, "last": rows[len(rows)-1].Seq, "asOf": time.Now()})
}

func migrationOf(m domain.Migration) server.Migration {
	return server.Migration{
		ID: m.ID, AccountID: m.AccountID, IntegrationID: m.IntegrationID, CampaignID: m.CampaignID, Region: m.Region,
		Phase: m.Phase, PhaseSince: m.PhaseSince, NeedsPerson: m.Phase.NeedsPerson(), Open: m.Open, Overdue: m.Overdue, OverdueSince: m.OverdueSince,
		ConnectorID: m.ConnectorID, Description: m.Description, GoOnIfUnchanged: m.GoOnIfUnchanged, ProofID: m.ProofID,
		WaitingSince: m.WaitingSince, MigratedAt: m.MigratedAt, WayBackUntil: m.WayBackUntil, StartedAt: m.StartedAt, EndedAt: m.EndedAt, UpdatedAt: m.UpdatedAt,
	}
}
