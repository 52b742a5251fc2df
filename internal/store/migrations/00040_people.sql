-- +goose Up
-- Machines that call with a bearer token, invitations by link, and since when
-- and by whom a role was given. Of a token and of a link only the digest is
-- kept.

CREATE TABLE tokens (
    id text NOT NULL PRIMARY KEY,
    digest text NOT NULL,
    name text NOT NULL,
    account_id text NOT NULL,
    role text NOT NULL,
    created_by text NOT NULL,
    created_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    last_used_at bigint NOT NULL,
    revoked_at bigint NOT NULL,
    revoked_by text NOT NULL
);

CREATE UNIQUE INDEX tokens_digest ON tokens (digest);
CREATE INDEX tokens_account ON tokens (account_id, created_at);
CREATE INDEX tokens_creator ON tokens (created_by);

CREATE TABLE invitations (
    id text NOT NULL PRIMARY KEY,
    digest text NOT NULL,
    name text NOT NULL,
    account_id text NOT NULL,
    role text NOT NULL,
    invited_by text NOT NULL,
    created_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    redeemed_at bigint NOT NULL,
    redeemed_by text NOT NULL,
    revoked_at bigint NOT NULL
);

CREATE UNIQUE INDEX invitations_digest ON invitations (digest);
CREATE INDEX invitations_account ON invitations (account_id, created_at);

ALTER TABLE grants ADD COLUMN granted_at bigint NOT NULL DEFAULT 0;
ALTER TABLE grants ADD COLUMN granted_by text NOT NULL DEFAULT '';
CREATE INDEX grants_account ON grants (account_id, role);
