-- +goose Up
-- One column a field of internal/domain's types. Instants are microseconds
-- since 1970 in UTC (0 = never); lists and small structs are JSON texts.

CREATE TABLE accounts (
    id text NOT NULL PRIMARY KEY,
    name text NOT NULL,
    region text NOT NULL,
    time_zone text NOT NULL,
    domains text NOT NULL,
    created_at bigint NOT NULL
);

CREATE TABLE contacts (
    id text NOT NULL PRIMARY KEY,
    account_id text NOT NULL,
    name text NOT NULL,
    email text NOT NULL
);

CREATE TABLE people (
    id text NOT NULL PRIMARY KEY,
    issuer text NOT NULL,
    subject text NOT NULL,
    name text NOT NULL,
    created_at bigint NOT NULL
);

CREATE TABLE grants (
    id text NOT NULL PRIMARY KEY,
    person_id text NOT NULL,
    account_id text NOT NULL,
    role text NOT NULL
);

CREATE TABLE sessions (
    id text NOT NULL PRIMARY KEY,
    person_id text NOT NULL,
    created_at bigint NOT NULL,
    expires_at bigint NOT NULL
);

CREATE TABLE sign_in_states (
    id text NOT NULL PRIMARY KEY,
    nonce text NOT NULL,
    verifier text NOT NULL,
    "return" text NOT NULL,
    expires_at bigint NOT NULL
);

CREATE TABLE integrations (
    id text NOT NULL PRIMARY KEY,
    account_id text NOT NULL,
    name text NOT NULL,
    tenant_id text NOT NULL,
    tenant_domain text NOT NULL,
    product text NOT NULL,
    binding text NOT NULL,
    connector_id text NOT NULL,
    epoch bigint NOT NULL,
    settings text NOT NULL,
    schedule text NOT NULL,
    frozen boolean NOT NULL,
    shared_tenant boolean NOT NULL,
    "condition" text NOT NULL,
    condition_code text NOT NULL,
    condition_text text NOT NULL,
    condition_since bigint NOT NULL,
    next_due_at bigint NOT NULL,
    last_synced_at bigint NOT NULL,
    last_run_id text NOT NULL,
    users bigint NOT NULL,
    "groups" bigint NOT NULL,
    memberships bigint NOT NULL,
    created_at bigint NOT NULL
);

CREATE TABLE legacy_apps (
    id text NOT NULL PRIMARY KEY,
    client_id text NOT NULL,
    name text NOT NULL,
    secret_ref text NOT NULL,
    secret_ends_at bigint NOT NULL,
    destroyed_at bigint NOT NULL
);

CREATE TABLE secrets (
    id text NOT NULL PRIMARY KEY,
    sealed blob,
    created_at bigint NOT NULL,
    destroyed_at bigint NOT NULL
);

CREATE TABLE cells (
    id text NOT NULL PRIMARY KEY,
    name text NOT NULL,
    cloud text NOT NULL,
    region text NOT NULL,
    client_id text NOT NULL,
    application_object_id text NOT NULL,
    home_tenant_id text NOT NULL,
    rotation text NOT NULL,
    rotation_requested_at bigint NOT NULL,
    created_at bigint NOT NULL
);

CREATE TABLE credentials (
    id text NOT NULL PRIMARY KEY,
    cell_id text NOT NULL,
    state text NOT NULL,
    secret_ref text NOT NULL,
    certificate_der blob,
    thumbprint text NOT NULL,
    sha1 text NOT NULL,
    key_id text NOT NULL,
    not_before bigint NOT NULL,
    not_after bigint NOT NULL,
    prepared_at bigint NOT NULL,
    publish_began_at bigint NOT NULL,
    published_at bigint NOT NULL,
    proofs bigint NOT NULL,
    last_proof_at bigint NOT NULL,
    verified_at bigint NOT NULL,
    activated_at bigint NOT NULL,
    retiring_at bigint NOT NULL,
    retire_began_at bigint NOT NULL,
    retired_at bigint NOT NULL,
    person_published boolean NOT NULL
);

CREATE TABLE connectors (
    id text NOT NULL PRIMARY KEY,
    account_id text NOT NULL,
    tenant_id text NOT NULL,
    product text NOT NULL,
    name text NOT NULL,
    description text NOT NULL,
    cell_id text NOT NULL,
    permission_set bigint NOT NULL,
    consent_session_id text NOT NULL,
    consented_by text NOT NULL,
    consented_at bigint NOT NULL,
    confirmed_at bigint NOT NULL,
    enrolled_at bigint NOT NULL,
    "condition" text NOT NULL,
    condition_code text NOT NULL,
    condition_text text NOT NULL,
    condition_since bigint NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL
);

CREATE TABLE campaigns (
    id text NOT NULL PRIMARY KEY,
    name text NOT NULL,
    region text NOT NULL,
    product text NOT NULL,
    version bigint NOT NULL,
    terms text NOT NULL,
    paused boolean NOT NULL,
    started_at bigint NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL
);

CREATE TABLE migrations (
    id text NOT NULL PRIMARY KEY,
    account_id text NOT NULL,
    integration_id text NOT NULL,
    campaign_id text NOT NULL,
    region text NOT NULL,
    phase text NOT NULL,
    phase_since bigint NOT NULL,
    phase_seq bigint NOT NULL,
    open boolean NOT NULL,
    overdue boolean NOT NULL,
    overdue_since bigint NOT NULL,
    deadline bigint NOT NULL,
    consent_began_at bigint NOT NULL,
    consent_session text NOT NULL,
    consent_code text NOT NULL,
    consent_text text NOT NULL,
    connector_id text NOT NULL,
    description text NOT NULL,
    go_on_if_unchanged boolean NOT NULL,
    proof_id text NOT NULL,
    approved_proof text NOT NULL,
    failure_code text NOT NULL,
    failure_text text NOT NULL,
    waiting_code text NOT NULL,
    waiting_text text NOT NULL,
    waiting_since bigint NOT NULL,
    armed_for bigint NOT NULL,
    armed_version bigint NOT NULL,
    armed_read_at bigint NOT NULL,
    reminded_rungs bigint NOT NULL,
    reminded_for bigint NOT NULL,
    migrated_at bigint NOT NULL,
    way_back_until bigint NOT NULL,
    clean_up_until bigint NOT NULL,
    removal_advised bigint NOT NULL,
    old_app_removed text NOT NULL,
    started_by text NOT NULL,
    started_at bigint NOT NULL,
    ended_at bigint NOT NULL,
    updated_at bigint NOT NULL
);

CREATE TABLE cut_over_snapshots (
    id text NOT NULL PRIMARY KEY,
    integration_id text NOT NULL,
    binding text NOT NULL,
    connector_id text NOT NULL,
    settings text NOT NULL,
    schedule text NOT NULL,
    epoch bigint NOT NULL,
    next_due_at bigint NOT NULL,
    last_synced_at bigint NOT NULL,
    last_run_id text NOT NULL,
    created_at bigint NOT NULL
);

CREATE TABLE decisions (
    id text NOT NULL PRIMARY KEY,
    account_id text NOT NULL,
    migration_id text NOT NULL,
    kind text NOT NULL,
    detail text NOT NULL,
    state text NOT NULL,
    code text NOT NULL,
    reason text NOT NULL,
    given_by text NOT NULL,
    given_at bigint NOT NULL,
    decided_at bigint NOT NULL
);

CREATE TABLE consent_sessions (
    id text NOT NULL PRIMARY KEY,
    account_id text NOT NULL,
    migration_id text NOT NULL,
    person_id text NOT NULL,
    tenant_id text NOT NULL,
    cell_id text NOT NULL,
    leg text NOT NULL,
    start_digest text NOT NULL,
    cookie_digest text NOT NULL,
    state_digest text NOT NULL,
    state_expires_at bigint NOT NULL,
    nonce text NOT NULL,
    sealed_verifier blob,
    outcome text NOT NULL,
    code text NOT NULL,
    "text" text NOT NULL,
    verified_tenant text NOT NULL,
    verified_object text NOT NULL,
    verified_roles text NOT NULL,
    created_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    ended_at bigint NOT NULL
);

CREATE TABLE proofs (
    id text NOT NULL PRIMARY KEY,
    account_id text NOT NULL,
    migration_id text NOT NULL,
    shadow_run_id text NOT NULL,
    frozen boolean NOT NULL,
    as_of bigint NOT NULL,
    read_at bigint NOT NULL,
    mirror text NOT NULL,
    shadow text NOT NULL,
    added text NOT NULL,
    changed text NOT NULL,
    removed text NOT NULL,
    examples text NOT NULL,
    created_at bigint NOT NULL
);

CREATE TABLE sync_runs (
    id text NOT NULL PRIMARY KEY,
    account_id text NOT NULL,
    integration_id text NOT NULL,
    migration_id text NOT NULL,
    purpose text NOT NULL,
    "full" boolean NOT NULL,
    epoch bigint NOT NULL,
    binding text NOT NULL,
    client_id text NOT NULL,
    state text NOT NULL,
    open boolean NOT NULL,
    pages bigint NOT NULL,
    "read" bigint NOT NULL,
    added bigint NOT NULL,
    changed bigint NOT NULL,
    removed bigint NOT NULL,
    held bigint NOT NULL,
    code text NOT NULL,
    "text" text NOT NULL,
    started_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    finished_at bigint NOT NULL
);

CREATE TABLE holds (
    id text NOT NULL PRIMARY KEY,
    account_id text NOT NULL,
    integration_id text NOT NULL,
    run_id text NOT NULL,
    kind text NOT NULL,
    object_id text NOT NULL,
    member_id text NOT NULL,
    operation text NOT NULL,
    reason text NOT NULL,
    state text NOT NULL,
    created_at bigint NOT NULL,
    decided_at bigint NOT NULL,
    decided_by text NOT NULL
);

CREATE TABLE notices (
    id text NOT NULL PRIMARY KEY,
    account_id text NOT NULL,
    migration_id text NOT NULL,
    "key" text NOT NULL,
    kind text NOT NULL,
    title text NOT NULL,
    body text NOT NULL,
    created_at bigint NOT NULL,
    read_at bigint NOT NULL
);

CREATE TABLE changes (
    seq integer PRIMARY KEY AUTOINCREMENT,
    account_id text NOT NULL,
    kind text NOT NULL,
    subject_id text NOT NULL,
    what text NOT NULL,
    "at" bigint NOT NULL
);

CREATE TABLE audit_entries (
    seq integer PRIMARY KEY AUTOINCREMENT,
    chain text NOT NULL,
    chain_seq bigint NOT NULL,
    "at" bigint NOT NULL,
    actor_kind text NOT NULL,
    actor_id text NOT NULL,
    action text NOT NULL,
    subject text NOT NULL,
    outcome text NOT NULL,
    code text NOT NULL,
    detail text NOT NULL,
    previous text NOT NULL,
    hash text NOT NULL
);

CREATE TABLE command_keys (
    id text NOT NULL PRIMARY KEY,
    answer blob,
    created_at bigint NOT NULL
);

CREATE TABLE engine_calls (
    id text NOT NULL PRIMARY KEY,
    kind text NOT NULL,
    account_id text NOT NULL,
    target text NOT NULL,
    name text NOT NULL,
    dedupe_id text NOT NULL,
    payload blob,
    state text NOT NULL,
    attempts bigint NOT NULL,
    last_error text NOT NULL,
    next_at bigint NOT NULL,
    created_at bigint NOT NULL,
    taken_at bigint NOT NULL
);

-- What must be unique is what the product's promises stand on.
CREATE UNIQUE INDEX migrations_one_open ON migrations (integration_id) WHERE open;
CREATE UNIQUE INDEX sync_runs_one_open ON sync_runs (integration_id) WHERE open;
CREATE UNIQUE INDEX connectors_one_each ON connectors (account_id, tenant_id, product);
CREATE UNIQUE INDEX people_identity ON people (issuer, subject);
CREATE UNIQUE INDEX grants_once ON grants (person_id, account_id, role);
CREATE UNIQUE INDEX notices_key ON notices ("key");
CREATE UNIQUE INDEX audit_chain ON audit_entries (chain, chain_seq);
CREATE UNIQUE INDEX integrations_name ON integrations (account_id, name);
CREATE UNIQUE INDEX credentials_one_active ON credentials (cell_id) WHERE state = 'active';

CREATE INDEX integrations_due ON integrations (next_due_at);
CREATE INDEX integrations_tenant ON integrations (tenant_id);
CREATE INDEX migrations_integration ON migrations (integration_id, started_at);
CREATE INDEX migrations_account ON migrations (account_id);
CREATE INDEX migrations_campaign ON migrations (campaign_id);
CREATE INDEX decisions_migration ON decisions (migration_id, given_at);
CREATE INDEX consent_sessions_state ON consent_sessions (state_digest);
CREATE INDEX consent_sessions_start ON consent_sessions (start_digest);
CREATE INDEX consent_sessions_cookie ON consent_sessions (cookie_digest);
CREATE INDEX consent_sessions_migration ON consent_sessions (migration_id);
CREATE INDEX sync_runs_integration ON sync_runs (integration_id, started_at);
CREATE INDEX holds_integration ON holds (integration_id, state);
CREATE INDEX notices_account ON notices (account_id, created_at);
CREATE INDEX changes_account ON changes (account_id, seq);
CREATE INDEX engine_calls_waiting ON engine_calls (next_at) WHERE state = 'waiting';
CREATE INDEX grants_person ON grants (person_id);
CREATE INDEX contacts_account ON contacts (account_id);
CREATE INDEX proofs_migration ON proofs (migration_id, created_at);
