package race

import "os"

// EndChildrenAtOnce has the child processes that a test starts of its own binary
// end when they are done. Under the race detector they would first sleep for a
// second, in case another thread was about to race: what a test shows, it shows
// before its children end. GORACE, where it is set, is left as it is.
func EndChildrenAtOnce() {
	if _, set := os.LookupEnv("GORACE"); Enabled && !set {
		_ = os.Setenv("GORACE", "atexit_sleep_ms=0") // without it they end later
	}
}
