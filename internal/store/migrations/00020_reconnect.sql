-- +goose Up
-- A consent session is for a migration or for a connector; a connector can be
-- consented anew and can be let go of. Only those in use are unique.

ALTER TABLE consent_sessions ADD COLUMN connector_id text NOT NULL DEFAULT '';
ALTER TABLE consent_sessions ADD COLUMN next_check_at bigint NOT NULL DEFAULT 0;
CREATE INDEX consent_sessions_connector ON consent_sessions (connector_id);
CREATE INDEX consent_sessions_waiting ON consent_sessions (next_check_at) WHERE next_check_at > 0;

ALTER TABLE connectors ADD COLUMN reconnect_session text NOT NULL DEFAULT '';
ALTER TABLE connectors ADD COLUMN reconnect_since bigint NOT NULL DEFAULT 0;
ALTER TABLE connectors ADD COLUMN reconnect_code text NOT NULL DEFAULT '';
ALTER TABLE connectors ADD COLUMN reconnect_text text NOT NULL DEFAULT '';
ALTER TABLE connectors ADD COLUMN disconnected_at bigint NOT NULL DEFAULT 0;
ALTER TABLE connectors ADD COLUMN disconnected_by text NOT NULL DEFAULT '';
ALTER TABLE connectors ADD COLUMN evidence_until bigint NOT NULL DEFAULT 0;
DROP INDEX connectors_one_each;
CREATE UNIQUE INDEX connectors_one_each ON connectors (account_id, tenant_id, product) WHERE disconnected_at = 0;
