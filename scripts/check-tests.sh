#!/bin/sh
# Runs all tests under the race detector, and then prints which were skipped and
# why: a suite that ran nothing is not green.
set -eu
cd "$(dirname "$0")/.."
log="$(mktemp)"
trap 'rm -f "$log"' EXIT INT TERM
status=0
go test -race -shuffle=on -timeout 30m -json ./... >"$log" || status=$?
go run ./internal/testlog <"$log" || status=1
exit "$status"
