package engine

// inMemory reports whether a directory lies in memory, which is not asked here.
func inMemory(string) bool { return false }
