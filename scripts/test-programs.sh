#!/bin/sh
# Installs the programs that some tests run beside ours, from Debian; nothing where all are there, or named by TIDEMILL_CHROMIUM and
# the like. None of them is started.
set -eu
missing=""
for pair in promtool:prometheus amtool:prometheus-alertmanager redis-server:redis-server chromium:chromium openssl:openssl go:golang-go; do
    named=$(printenv "TIDEMILL_$(printf %s "${pair%%:*}" | tr a-z- A-Z_)" || true)
    command -v "${named:-${pair%%:*}}" >/dev/null 2>&1 || missing="$missing ${pair#*:}"
done
[ -z "$missing" ] && exit 0
echo "test-programs: installing$missing"
export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
apt-get update -qq
# shellcheck disable=SC2086 # a word a package
apt-get install -y -qq --no-install-recommends $missing >/dev/null
