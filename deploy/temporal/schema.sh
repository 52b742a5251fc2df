#!/bin/sh
# Brings both of Temporal's databases to the schema of this image. Safe to repeat; run before every upgrade of the server,
# one minor version at a time.
set -eu
SQL_PASSWORD=$(tr -d '\r\n' </run/secrets/temporal-password)
export SQL_PASSWORD
for pair in temporal:temporal temporal_visibility:visibility; do
	database=${pair%%:*} schema=${pair##*:}
	# The first version exists from the first run on; making it again would begin the schema anew.
	if ! temporal-sql-tool --database "$database" update-schema --schema-name "postgresql/v12/$schema" 2>/dev/null; then
		temporal-sql-tool --database "$database" setup-schema --version 0.0
		temporal-sql-tool --database "$database" update-schema --schema-name "postgresql/v12/$schema"
	fi
done
