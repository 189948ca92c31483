#!/bin/sh
# Runs all tests under the race detector, and then prints which were skipped and
# why: a suite that ran nothing is not green. What makes up the example, or sends
# it, takes minutes under the detector, which has nothing to say of it: those tests
# run without it. The estimators run twice, since their long tests take fewer cases
# under the detector. `make lint` vets all, so it is not done here again.
set -eu
cd "$(dirname "$0")/.."
# The engine's tables are thousands of small files that live for seconds: finding room
# for the next takes a disk's file system a fifth of the tests' time. They are kept in
# memory where there is plenty of it and programs may be run from there.
enough() {
    [ "$(awk '/^MemAvailable:/ {print int($2 / 1048576)}' /proc/meminfo 2>/dev/null || echo 0)" -ge 12 ] &&
        [ "$(df -Pk "$1" | awk 'NR == 2 {print int($4 / 1048576)}')" -ge 8 ] &&
        printf '#!/bin/sh\n' >"$1/runs" && chmod +x "$1/runs" && "$1/runs"
}
scratch="$(mktemp -d)"
memory="$(mktemp -d /dev/shm/payoff.XXXXXX 2>/dev/null || true)"
trap 'rm -rf "$scratch" ${memory:+"$memory"}' EXIT INT TERM
log="$scratch/log"
export GOTMPDIR="$scratch"
if [ -n "$memory" ] && enough "$memory" 2>/dev/null; then
    export TMPDIR="$memory"
    echo "temporary files are kept in $memory"
fi
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
