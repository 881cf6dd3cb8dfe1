// Package whole writes a file whole or not at all.
//
// It refuses to make folders and to make the file's name durable: a crash just after Write may bring
// the old file back, and who cannot bear that syncs the folder.
//
// This file is the whole package.
package whole

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
)

// Write writes data beside path and renames it, so that path is either what it was before (or absent)
// or complete. Mode 0600. What a crash leaves beside it is named .put-* and may be deleted.
func Write(path string, data []byte) error {
	_, err := put(path, bytes.NewReader(data))
	return err
}

// Copy is Write of what another file holds, which may be larger than the memory; n are its bytes.
func Copy(from, path string) (n int64, err error) {
	in, err := os.Open(from)
	if err != nil {
		return 0, err
	}
	defer in.Close()
	return put(path, in)
}

func put(path string, data io.Reader) (n int64, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".put-*")
	if err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	n, err = io.Copy(f, data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return 0, err
	}
	return n, os.Rename(f.Name(), path)
}
