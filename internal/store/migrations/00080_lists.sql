-- +goose Up

-- The lists of operators go over all accounts, the latest first.
CREATE INDEX migrations_latest ON migrations (started_at, id);
CREATE INDEX integrations_latest ON integrations (created_at, id);
CREATE INDEX sync_runs_latest ON sync_runs (started_at, id);
