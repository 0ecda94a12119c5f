#!/bin/sh
# Writes docker-compose.images.yml: the images of others by the digest that was pulled here. Use it from then on:
#   docker compose -f docker-compose.yml -f docker-compose.images.yml up --wait
set -eu
cd "$(dirname "$0")/../.."
target=docker-compose.images.yml
docker compose pull --quiet --ignore-buildable
{
    echo "# Written by deploy/compose/pin-images.sh; run it again after a change of versions."
    echo "services:"
    docker compose config --format json | python3 -c '
import json, sys
for name, service in sorted(json.load(sys.stdin)["services"].items()):
    if "build" not in service:
        print(name, service["image"])' | while read -r service image; do
        digest=$(docker image inspect --format '{{index .RepoDigests 0}}' "$image")
        [ -n "$digest" ] || { echo "$image has no digest: it was not pulled from a registry" >&2; exit 1; }
        echo "  $service: {image: \"$digest\"}"
    done
} >"$target.part"
mv "$target.part" "$target"
echo "$target pins $(grep -c '@sha256:' "$target") images"
