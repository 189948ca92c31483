#!/bin/sh
# Generated files must be what the sources make: the tests that compare them can
# also write them (-update, see `make generate`).
set -eu
cd "$(dirname "$0")/.."
go test -run "Fresh|Golden|Published" ./pkg/events ./internal/handbook ./pkg/dashboard
