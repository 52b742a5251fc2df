-- +goose Up

-- Why the last proof of a certificate was refused; empty when it was given.
ALTER TABLE credentials ADD COLUMN proof_code text NOT NULL DEFAULT '';
ALTER TABLE credentials ADD COLUMN proof_text text NOT NULL DEFAULT '';
