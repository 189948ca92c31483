#!/bin/sh
# Runs every fuzz target of the module, one after the other, for the given time.
set -eu
time="${1:-10s}"
cd "$(dirname "$0")/.."
grep -rlE '^func Fuzz' --include='*_test.go' pkg cmd | while read -r file; do
	package="./$(dirname "$file")"
	sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$file" | while read -r target; do
		echo "== $package $target"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "$package"
	done
done
