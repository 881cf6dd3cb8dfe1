package db

import "syscall"

// rightNow is UTIME_NOW, which the standard library does not name. Whoever may write a file may set its times to now.
var rightNow = syscall.Timespec{Nsec: 1<<30 - 1}

// touch sets the times of a file to now. It goes by the name: kernels do not look whether the file system became read
// only where they are given an open file.
func touch(path string) error {
	return syscall.UtimesNano(path, []syscall.Timespec{rightNow, rightNow})
}
