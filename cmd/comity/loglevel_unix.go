//go:build unix

package main

import (
	"os"
	"syscall"
)

// Signals that change the level of the log: see volume.
var signalMore, signalLess os.Signal = syscall.SIGUSR1, syscall.SIGUSR2
