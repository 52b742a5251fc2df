-- +goose Up
-- When a person last signed in here: whose role nobody uses is the first to take.
ALTER TABLE people ADD COLUMN signed_in_at bigint NOT NULL DEFAULT 0;
