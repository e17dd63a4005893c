#!/bin/sh
# Create keys, token and passwords for compose.yaml; existing ones are kept. Without them the database is unreadable.
set -eu
cd "$(dirname "$0")"

random() { # random LENGTH: letters and digits
  LC_ALL=C tr -dc 'A-Za-z0-9' </dev/urandom | head -c "$1"
}

# Only the owner can enter the folder; the files are world-readable, since the containers have another user.
mkdir -p -m 0700 secrets
umask 022
[ -s secrets/secret-key ] || random 64 >secrets/secret-key
[ -s secrets/credential-keys ] || head -c 32 /dev/urandom | base64 | tr '+/' '-_' >secrets/credential-keys
[ -s secrets/admin-password ] || random 20 >secrets/admin-password
[ -s secrets/pipeline-token ] || random 64 >secrets/pipeline-token
umask 077
[ -s .env ] || printf 'DATABASE_PASSWORD=%s\n' "$(random 32)" >.env
