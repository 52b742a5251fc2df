#!/bin/sh
# The server takes its password from a variable only; it is set here, so that the container's description does not show it.
set -eu
POSTGRES_PWD=$(tr -d '\r\n' </run/secrets/temporal-password)
export POSTGRES_PWD
exec /etc/temporal/entrypoint.sh
