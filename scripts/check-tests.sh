#!/bin/sh
# Runs all tests under the race detector, and then prints which were skipped and
# why: a suite that ran nothing is not green. What makes up the example, or sends
# it, takes minutes under the detector, which has nothing to say of it: those tests
# run without it. The estimators run twice, since their long tests take fewer cases
# under the detector. `make lint` vets all, so it is not done here again.
set -eu
cd "$(dirname "$0")/.."
log="$(mktemp)"
trap 'rm -f "$log"' EXIT INT TERM
status=0
# A test binary that is done does not wait a second for one more race.
export GORACE="${GORACE-atexit_sleep_ms=0}"
example='/examples/acme$'
go test -race -shuffle=on -vet=off -timeout 30m -skip '^TestDemo$' -json $(go list ./... | grep -v "$example") >"$log" || status=$?
go test -shuffle=on -vet=off -timeout 10m -json ./pkg/impact $(go list ./... | grep "$example") >>"$log" || status=$?
go test -vet=off -timeout 10m -run '^TestDemo$' -json ./cmd/payoff >>"$log" || status=$?
# One test of all that fails beside the others is run alone, twice: if it passes, it is
# named as unstable, at the end where it is seen. A race, a panic or a second failure
# is none of that.
unstable=
if [ "$status" -ne 0 ] && one="$(go run ./internal/testlog -single <"$log")"; then
    echo "run alone, twice, since it alone failed: $one"
    if go test -race -vet=off -timeout 20m -count=2 -run "^${one#* }\$" "${one% *}"; then
        unstable=-unstable
        status=0
    fi
fi
go run ./internal/testlog $unstable <"$log" || status=1
exit "$status"
