-- +goose Up
-- An account that leaves: the request, how far the deletion is, and its receipt.
-- The row outlives the account, so that its id is never given again.

CREATE TABLE account_deletions (
    id text NOT NULL PRIMARY KEY,
    region text NOT NULL,
    state text NOT NULL,
    requested_by text NOT NULL,
    requested_at bigint NOT NULL,
    due_at bigint NOT NULL,
    withdrawn_by text NOT NULL,
    withdrawn_at bigint NOT NULL,
    began_at bigint NOT NULL,
    finished_at bigint NOT NULL,
    deleted text NOT NULL,
    kept text NOT NULL,
    evidence_until bigint NOT NULL,
    audit_purged_at bigint NOT NULL
);
CREATE INDEX account_deletions_due ON account_deletions (region, state, due_at);
CREATE INDEX connectors_evidence ON connectors (evidence_until) WHERE evidence_until > 0;
CREATE INDEX sync_runs_account ON sync_runs (account_id);
CREATE INDEX integrations_account ON integrations (account_id);
