#!/bin/sh
# Keys, token and passwords for compose.yaml, made once: what is there stays. Without them the database cannot be read.
set -eu
cd "$(dirname "$0")"

random() { # random LENGTH: letters and digits
  LC_ALL=C tr -dc 'A-Za-z0-9' </dev/urandom | head -c "$1"
}

# The folder is closed to others; the files in it are open, since the containers' user is another.
mkdir -p -m 0700 secrets
umask 022
[ -s secrets/secret-key ] || random 64 >secrets/secret-key
[ -s secrets/credential-keys ] || head -c 32 /dev/urandom | base64 | tr '+/' '-_' >secrets/credential-keys
[ -s secrets/admin-password ] || random 20 >secrets/admin-password
[ -s secrets/pipeline-token ] || random 64 >secrets/pipeline-token
umask 077
[ -s .env ] || printf 'DATABASE_PASSWORD=%s\n' "$(random 32)" >.env
