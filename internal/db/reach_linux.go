package db

import (
	"strings"
	"syscall"
)

// tcpUserTimeout is TCP_USER_TIMEOUT, which the standard library does not name.
const tcpUserTimeout = 18

// giveUp has the kernel give a connection up when what was sent on it stays unanswered. Questions after a silent
// machine are asked only while nothing is under way, so that without this a cut cable would be noticed after a quarter
// of an hour.
func giveUp(network, _ string, raw syscall.RawConn) (err error) {
	if !strings.HasPrefix(network, "tcp") {
		return nil
	}
	ctl := raw.Control(func(fd uintptr) {
		err = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int(silence.Milliseconds()))
	})
	if ctl != nil {
		return ctl
	}
	return err
}
