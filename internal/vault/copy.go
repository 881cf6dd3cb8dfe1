package vault

import (
	"crypto/hmac"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"comity/internal/file/whole"
)

// Files are those the key folder holds of a compartment, by their names.
func Files(dir string, c Compartment) (map[string][]byte, error) {
	files := map[string][]byte{}
	// The list and the head first: they only grow, and a key file younger than they are is none the worse.
	for _, path := range []string{destroyedPath(dir, c), headPath(dir, c), keyPath(dir, c)} {
		b, err := private(path, 0)
		if errors.Is(err, fs.ErrNotExist) && path != keyPath(dir, c) {
			continue
		}
		if err != nil {
			return nil, err
		}
		files[filepath.Base(path)] = b
	}
	return files, nil
}

// BackUp copies what the key folder holds of a compartment into the folder to, which is made if need be.
func BackUp(dir, to string, c Compartment) error {
	if err := folder(to); err != nil {
		return err
	}
	files, err := Files(dir, c)
	if err != nil {
		return err
	}
	for name, b := range files {
		if err := whole.Write(filepath.Join(to, name), b); err != nil {
			return err
		}
	}
	return syncFolder(to)
}

// PutBack brings the keys of a compartment back from a backup. What is newer in the key folder stays: it
// takes over a key file only where there is none or an older one, and never forgets a destroyed key or a
// published head.
func PutBack(from, dir string, c Compartment) error {
	if !Exists(from, c) {
		return fmt.Errorf("%s holds no key file of compartment %s", from, c)
	}
	kept, err := Open(from, c, "std")
	if err != nil {
		return err
	}
	if err := folder(dir); err != nil {
		return err
	}
	if Exists(dir, c) {
		now, err := Open(dir, c, "std")
		if err != nil {
			return err
		}
		if !hmac.Equal(now.fixed.index, kept.fixed.index) {
			return fmt.Errorf("%s and %s are key files of two different cities; move away the one that does not belong to the data", keyPath(from, c), keyPath(dir, c))
		}
		if kept.Generation() <= now.Generation() {
			return kept.leaveTo(now)
		}
	}
	b, err := private(keyPath(from, c), largest)
	if err != nil {
		return err
	}
	if err := whole.Write(keyPath(dir, c), b); err != nil {
		return err
	}
	if err := syncFolder(dir); err != nil {
		return err
	}
	now, err := Open(dir, c, "std")
	if err != nil {
		return err
	}
	return kept.leaveTo(now)
}

// leaveTo hands on what must not be forgotten.
func (r *Ring) leaveTo(now *Ring) error {
	ids, err := r.Destroyed()
	if err != nil {
		return err
	}
	if err := now.MarkDestroyed(ids...); err != nil {
		return err
	}
	mine, err := r.Head()
	if err != nil {
		return err
	}
	if err := now.SaveHead(mine.Size, mine.Root, mine.At); err != nil && !errors.Is(err, ErrHeadBack) {
		return err
	}
	return nil
}

// Forget removes what the key folder holds of every compartment: for a demonstration that begins anew.
func Forget(dir string) error {
	for _, c := range Compartments() {
		for _, path := range []string{keyPath(dir, c), destroyedPath(dir, c), headPath(dir, c)} {
			if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("%s: %w", filepath.Base(path), err)
			}
		}
	}
	return nil
}
