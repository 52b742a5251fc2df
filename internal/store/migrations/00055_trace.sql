-- +goose Up
-- The trace of the command that wrote the call (W3C traceparent), so that a
-- call delivered later, by another process, still belongs to it.
ALTER TABLE engine_calls ADD COLUMN traceparent text NOT NULL DEFAULT '';
