#!/bin/sh
# Runs a command with its temporary files in memory, where there is plenty of it and
# programs may be run from there, and removes them. The tables of the tests' engines are
# thousands of small files that live for seconds: finding room for the next takes a
# disk's file system a fifth of the tests' time.
set -eu
memory="$(mktemp -d /dev/shm/payoff.XXXXXX 2>/dev/null || true)"
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch" ${memory:+"$memory"}' EXIT
trap 'exit 130' INT TERM
enough() {
    [ "$(awk '/^MemAvailable:/ {print int($2 / 1048576)}' /proc/meminfo 2>/dev/null || echo 0)" -ge 12 ] &&
        [ "$(df -Pk "$1" | awk 'NR == 2 {print int($4 / 1048576)}')" -ge 8 ] &&
        printf '#!/bin/sh\n' >"$1/runs" && chmod +x "$1/runs" && "$1/runs"
}
export GOTMPDIR="$scratch" # what is built needs no haste
if [ -n "$memory" ] && enough "$memory" 2>/dev/null; then
    export TMPDIR="$memory"
    echo "temporary files are kept in $memory"
fi
"$@"
