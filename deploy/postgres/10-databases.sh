#!/bin/bash
# Runs once, on an empty volume: two roles with databases of their own, neither of which may see the other's.
set -euo pipefail
secret() { tr -d '\r\n' <"/run/secrets/$1"; }
psql --set=ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres \
	--set=consentry="$(secret consentry-password)" --set=temporal="$(secret temporal-password)" <<'SQL'
CREATE ROLE consentry LOGIN PASSWORD :'consentry';
CREATE ROLE temporal LOGIN PASSWORD :'temporal';
CREATE DATABASE consentry OWNER consentry ENCODING 'UTF8' TEMPLATE template0;
CREATE DATABASE temporal OWNER temporal ENCODING 'UTF8' TEMPLATE template0;
CREATE DATABASE temporal_visibility OWNER temporal ENCODING 'UTF8' TEMPLATE template0;
REVOKE CONNECT ON DATABASE consentry, temporal, temporal_visibility FROM PUBLIC;
SQL
# Extensions of trusted languages only: Temporal's visibility schema wants btree_gin.
psql --set=ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname temporal_visibility --command 'CREATE EXTENSION IF NOT EXISTS btree_gin'
