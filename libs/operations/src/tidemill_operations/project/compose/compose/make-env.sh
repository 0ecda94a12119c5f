#!/bin/sh
# Writes .env beside docker-compose.yml: a random password for everything that has one, readable by you alone.
# What stands in it already stays; run it again after an upgrade to add what is new.
set -eu
cd "$(dirname "$0")/.."
umask 077
touch .env
chmod 600 .env
added=""
while read -r name; do
    case "$name" in "" | "#"*) continue ;; esac
    grep -q "^$name=." .env && continue
    value=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
    grep -v "^$name=$" .env >.env.part || true
    printf '%s=%s\n' "$name" "$value" >>.env.part
    mv .env.part .env
    added="$added $name"
done <compose/secrets.txt
if [ -n "$added" ]; then echo ".env: added$added"; else echo ".env has every password already"; fi
