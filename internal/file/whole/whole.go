// Package whole writes a file whole or not at all.
//
// It refuses to make folders and to make the file's name durable: a crash just after Write may bring
// the old file back, and who cannot bear that syncs the folder.
//
// This file is the whole package.
package whole

import (
	"errors"
	"os"
	"path/filepath"
)

// Write writes data beside path and renames it, so that path is either what it was before (or absent)
// or complete. Mode 0600. What a crash leaves beside it is named .put-* and may be deleted.
func Write(path string, data []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".put-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
