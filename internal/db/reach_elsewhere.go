//go:build !linux

package db

import "syscall"

// giveUp has no equal here: a cut cable is noticed when the kernel's own patience ends.
func giveUp(string, string, syscall.RawConn) error { return nil }
