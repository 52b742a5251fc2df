-- +goose Up

-- What asking Microsoft about the old app last showed: evidence for a way back
-- and for a removal.
ALTER TABLE legacy_apps ADD COLUMN probed_at bigint NOT NULL DEFAULT 0;
ALTER TABLE legacy_apps ADD COLUMN probe_verdict text NOT NULL DEFAULT '';
ALTER TABLE legacy_apps ADD COLUMN probe_code text NOT NULL DEFAULT '';

-- The next rung of the clean-up ladder, and how often a lost workflow was
-- started again for the attempt.
ALTER TABLE migrations ADD COLUMN clean_up_next_at bigint NOT NULL DEFAULT 0;
ALTER TABLE migrations ADD COLUMN restarts bigint NOT NULL DEFAULT 0;
ALTER TABLE migrations ADD COLUMN restarted_at bigint NOT NULL DEFAULT 0;
