#!/bin/sh
# Copies what the console vendors out of npm packages, at the versions and
# checksums of package-lock.json, and writes the checksums that the tests hold
# the copies against. Needs npm; nothing else in this repository does.
set -eu
cd "$(dirname "$0")"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cp package.json package-lock.json "$dir"
(cd "$dir" && npm ci --ignore-scripts --no-audit --no-fund >/dev/null)
mkdir -p vendor
cp "$dir/node_modules/htmx.org/dist/htmx.min.js" vendor/htmx.min.js
cp "$dir/node_modules/htmx.org/LICENSE" vendor/htmx.LICENSE
(cd vendor && sha256sum htmx.min.js htmx.LICENSE > SHA256SUMS)
