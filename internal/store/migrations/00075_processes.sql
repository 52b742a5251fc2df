-- +goose Up
-- The programs of ours that run, as they tell of themselves, so that a build
-- that does not fit the others is seen.

CREATE TABLE processes (
    id text NOT NULL PRIMARY KEY,
    program text NOT NULL,
    kinds text NOT NULL,
    version text NOT NULL,
    revision text NOT NULL,
    schema_version bigint NOT NULL,
    incompatible text NOT NULL,
    started_at bigint NOT NULL,
    seen_at bigint NOT NULL
);
