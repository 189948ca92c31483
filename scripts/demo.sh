#!/bin/sh
# Fills a data directory with the made-up organisation of examples/ and runs it
# until Ctrl-C: `make demo` calls it with the directory. What is there already is
# not made again. DEMO_ONCE=1 ends when everything is computed, for CI;
# DEMO_ARGS are further words for `payoff demo`, such as '--teams 10'.
set -eu

data="${1:?usage: scripts/demo.sh DIRECTORY}"
cd "$(dirname "$0")/.."

began="$(date +%s)"
if [ -n "${DEMO_ONCE:-}" ]; then
	# shellcheck disable=SC2086 # words
	bin/payoff demo --once --data "$data" ${DEMO_ARGS:-}
	echo "$data is filled after $(($(date +%s) - began)) s"
	exit 0
fi
PATH="$PWD/bin:$PATH"
export PATH
# shellcheck disable=SC2086 # words
exec bin/payoff demo --data "$data" ${DEMO_ARGS:-}
