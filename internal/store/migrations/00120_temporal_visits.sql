-- +goose Up
-- Operators' stays at the Temporal UI, on its own host: first a pass, then a
-- cookie. Of either only the digest is kept.

CREATE TABLE temporal_visits (
    id text NOT NULL PRIMARY KEY,
    session_id text NOT NULL,
    "return" text NOT NULL,
    entered boolean NOT NULL,
    expires_at bigint NOT NULL
);

CREATE INDEX temporal_visits_session ON temporal_visits (session_id);
