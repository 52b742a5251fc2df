-- +goose Up
-- An operator's decision that an account may use a tenant which others use too.

CREATE TABLE tenant_uses (
    id text NOT NULL PRIMARY KEY,
    tenant_id text NOT NULL,
    account_id text NOT NULL,
    reason text NOT NULL,
    decided_by text NOT NULL,
    decided_at bigint NOT NULL
);
CREATE INDEX tenant_uses_account ON tenant_uses (account_id);
