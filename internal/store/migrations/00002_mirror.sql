-- +goose Up
-- The directory tables of internal/mirror. Keys begin with the staging or the
-- integration, so that each is read and removed as one range.

CREATE TABLE sync_cursors (
    run_id text NOT NULL PRIMARY KEY,
    stage_id text NOT NULL,
    state text NOT NULL
);
CREATE INDEX sync_cursors_stage ON sync_cursors (stage_id);

CREATE TABLE stage_users (
    stage_id text NOT NULL,
    object_id text NOT NULL,
    state text NOT NULL,
    fresh boolean NOT NULL,
    patch text NOT NULL,
    hash text NOT NULL,
    PRIMARY KEY (stage_id, object_id)
);

CREATE TABLE stage_groups (
    stage_id text NOT NULL,
    object_id text NOT NULL,
    state text NOT NULL,
    fresh boolean NOT NULL,
    patch text NOT NULL,
    hash text NOT NULL,
    PRIMARY KEY (stage_id, object_id)
);

CREATE TABLE stage_members (
    stage_id text NOT NULL,
    group_id text NOT NULL,
    member_id text NOT NULL,
    member_kind text NOT NULL,
    removed boolean NOT NULL,
    PRIMARY KEY (stage_id, group_id, member_id)
);

CREATE TABLE mirror_users (
    integration_id text NOT NULL,
    object_id text NOT NULL,
    name text NOT NULL,
    data text NOT NULL,
    hash text NOT NULL,
    PRIMARY KEY (integration_id, object_id)
);

CREATE TABLE mirror_groups (
    integration_id text NOT NULL,
    object_id text NOT NULL,
    name text NOT NULL,
    data text NOT NULL,
    hash text NOT NULL,
    PRIMARY KEY (integration_id, object_id)
);

CREATE TABLE mirror_members (
    integration_id text NOT NULL,
    group_id text NOT NULL,
    member_id text NOT NULL,
    member_kind text NOT NULL,
    PRIMARY KEY (integration_id, group_id, member_id)
);
CREATE INDEX mirror_members_member ON mirror_members (integration_id, member_id);

-- Delta links belong to the app that made them: another app may not go on from
-- them.
CREATE TABLE sync_links (
    integration_id text NOT NULL,
    stream text NOT NULL,
    client_id text NOT NULL,
    link text NOT NULL,
    PRIMARY KEY (integration_id, stream, client_id)
);

-- How a row was before a migration's first synchronisation touched it; no data
-- means that it did not exist.
CREATE TABLE before_images (
    migration_id text NOT NULL,
    integration_id text NOT NULL,
    stream text NOT NULL,
    object_id text NOT NULL,
    member_id text NOT NULL,
    data text,
    PRIMARY KEY (migration_id, stream, object_id, member_id)
);
CREATE INDEX before_images_integration ON before_images (integration_id);
