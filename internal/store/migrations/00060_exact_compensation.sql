-- +goose Up
-- What a first synchronization changes beside the mirror, so that taking it back
-- leaves it as it was: which run ended a hold, and the condition before the switch.

ALTER TABLE holds ADD COLUMN gone_at bigint NOT NULL DEFAULT 0;
ALTER TABLE holds ADD COLUMN gone_run_id text NOT NULL DEFAULT '';
ALTER TABLE cut_over_snapshots ADD COLUMN condition text NOT NULL DEFAULT '';
ALTER TABLE cut_over_snapshots ADD COLUMN condition_code text NOT NULL DEFAULT '';
ALTER TABLE cut_over_snapshots ADD COLUMN condition_text text NOT NULL DEFAULT '';
ALTER TABLE cut_over_snapshots ADD COLUMN condition_since bigint NOT NULL DEFAULT 0;
