-- +goose Up

-- When a person replaced the secret of an old app; 0: it came with the inventory.
ALTER TABLE legacy_apps ADD COLUMN secret_entered_at bigint NOT NULL DEFAULT 0;
