package engine

// fixSignalStack is for Linux alone: elsewhere the engine has no such handler.
func fixSignalStack() {}
