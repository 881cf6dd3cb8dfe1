// Package synced makes files and the names in a folder durable, and believes that only where it is proven.
//
// When ext4 finds an error in itself it ends its journal first and becomes read only some milliseconds later. A sync in
// between is answered well although what it stood for, such as the new length of a file, will never be written: the
// kernel finds that the part of the journal it would have to wait for is over, and does not look how it ended.
//
// The proof is a change that goes through the journal and was begun after the sync ended. An ended journal does not
// begin again, so that one which takes a change was alive during the sync. The change is to set the times of the very
// file. The kernel swallows the journal's refusal of it, but has made the file system read only by the time it is back;
// only a second one is told. Both together cost some hundredths of a sync.
//
// It refuses to write.
//
// This file is the whole package, but for what differs between systems.
package synced

import (
	"errors"
	"os"
)

// Path makes a file, or the names in a folder, durable.
func Path(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return Proven(name)
}

// Proven is asked after a sync that succeeded of anything in the file system of path: it fails where that sync may have
// kept nothing.
func Proven(path string) error {
	if err := touch(path); err != nil {
		return err
	}
	return touch(path)
}
