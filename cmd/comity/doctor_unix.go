//go:build linux || darwin

package main

import (
	"io/fs"
	"syscall"
)

// ownerOf is the number of the user a file belongs to.
func ownerOf(info fs.FileInfo) (uid int, known bool) {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(s.Uid), true
}

// freeBytes is how much the user may still write where a folder lies.
func freeBytes(dir string) (n uint64, known bool) {
	var s syscall.Statfs_t
	if syscall.Statfs(dir, &s) != nil {
		return 0, false
	}
	return s.Bavail * uint64(s.Bsize), true
}
