-- +goose Up
-- Keys that payloads at the workflow engine are encrypted with, sealed. A retired key still opens what it encrypted, so
-- no row is ever deleted.

CREATE TABLE codec_keys (
    id text NOT NULL PRIMARY KEY,
    state text NOT NULL,
    sealed blob,
    created_at bigint NOT NULL,
    retired_at bigint NOT NULL
);

CREATE UNIQUE INDEX codec_keys_one_active ON codec_keys (state) WHERE state = 'active';
