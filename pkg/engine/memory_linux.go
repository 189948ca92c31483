package engine

import "syscall"

// tmpfsMagic is what statfs(2) calls a file system in memory.
const tmpfsMagic = 0x01021994

// inMemory reports whether a directory lies in memory.
func inMemory(dir string) bool {
	var fs syscall.Statfs_t
	return syscall.Statfs(dir, &fs) == nil && int64(fs.Type) == tmpfsMagic
}
