//go:build unix

package file

import (
	"os"
	"syscall"
)

// lock keeps other processes away from a file until free is called or this one ends; ok is false where one of them holds
// it. On a shared file system it reaches as far as that file system's locks do.
func lock(name string) (free func(), ok bool, err error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, false, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err != syscall.EINTR {
			break
		}
	}
	if err != nil {
		f.Close()
		if err == syscall.EWOULDBLOCK {
			err = nil
		}
		return nil, false, err
	}
	return func() { f.Close() }, true, nil
}
