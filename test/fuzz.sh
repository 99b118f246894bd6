#!/usr/bin/env bash
# Runs every fuzz target of the module for the given time, one after the other, and
# tells in the end which failed.
set -euo pipefail
time=${1:-1m}
grep -rhoE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' . >/dev/null || { echo "no fuzz targets"; exit 1; }
log=$(mktemp)
trap 'rm -f "$log"' EXIT
failed=()
while read -r dir; do
	for target in $(grep -hoE '^func Fuzz[A-Za-z0-9_]+' "$dir"/*_test.go | awk '{print $2}'); do
		echo "== $dir $target"
		go test "$dir" -run '^$' -fuzz "^$target\$" -fuzztime "$time" 2>&1 | tee "$log" && continue
		# On a slow machine Go takes the end of the time for a failure, of no input.
		if grep -q 'context deadline exceeded' "$log" && ! grep -qE 'Failing input|panic' "$log"; then
			echo "(the time was over)"
		else
			failed+=("$dir $target")
		fi
	done
done < <(grep -rlE --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u)
if [ ${#failed[@]} -gt 0 ]; then
	printf 'FAILED %s\n' "${failed[@]}"
	exit 1
fi
