//go:build !race

// Package race says whether the race detector watches a build. Tests that make up
// and send a hundred thousand events are ten times slower under it and have nothing
// for it that smaller ones do not: they are skipped then, and scripts/check-tests.sh
// runs them without it, as it does those that take fewer cases under the detector.
package race

// Enabled reports whether the race detector watches this build.
const Enabled = false
