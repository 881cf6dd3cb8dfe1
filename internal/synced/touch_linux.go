package synced

import (
	"os"
	"syscall"
)

// rightNow is UTIME_NOW, which the standard library does not name. Whoever may write a file may set its times to now.
var rightNow = syscall.Timespec{Nsec: 1<<30 - 1}

// touch sets the times of a file to now. It goes by the name: kernels do not look whether the file system became read
// only where they are given an open file.
func touch(path string) error {
	switch err := syscall.UtimesNano(path, []syscall.Timespec{rightNow, rightNow}); err {
	case nil, syscall.EPERM, syscall.EACCES, syscall.ENOSYS, syscall.EOPNOTSUPP, syscall.ENOSPC, syscall.EDQUOT:
		return nil // a file system that keeps no times, or none now, has not given itself up
	default:
		return &os.PathError{Op: "prove the sync of", Path: path, Err: err}
	}
}
