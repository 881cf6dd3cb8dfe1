//go:build !linux

package db

// touch has nothing to prove here: it is there for a habit of Linux.
func touch(string) error { return nil }
