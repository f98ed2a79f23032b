#!/bin/sh
# Makes the secrets that compose.yaml mounts, in the folder secrets beside this file; what is there stays as it is.
# The folder is closed to others. The files are not: each container reads its own ones by another user.
set -eu
cd "$(dirname "$0")"
umask 077
mkdir -p secrets
umask 022

# make NAME: what comes on standard input, unless the secret is there
make() {
  if [ -e "secrets/$1" ]; then return; fi
  cat >"secrets/$1.new"
  mv "secrets/$1.new" "secrets/$1"
  echo "made secrets/$1"
}

random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

random | make database_password
random | make grafana_password
random | make ray_token
make scrapinsta.env <<END
SCRAPINSTA_DATABASE_URL='mysql://scrapinsta:$(cat secrets/database_password)@database:3306/scrapinsta?charset=utf8mb4'
SCRAPINSTA_SECRET_KEY='$(head -c 32 /dev/urandom | base64 | tr '+/' '-_')'
END
