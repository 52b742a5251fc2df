-- +goose Up
-- The audit of a deleted account goes in batches, from its end: what is left is a
-- whole beginning of the chain at any time.

ALTER TABLE account_deletions ADD COLUMN audit_purge_began_at bigint NOT NULL DEFAULT 0;
