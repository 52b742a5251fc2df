-- +goose Up
-- When a look for an approval found that the tenant had not consented. What has
-- been looked for before was not there then, or it would have been taken.

ALTER TABLE consent_sessions ADD COLUMN absent_at bigint NOT NULL DEFAULT 0;

UPDATE consent_sessions SET absent_at = ended_at WHERE ended_at > 0 AND next_check_at > ended_at;
