package file

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"comity/internal/file/whole"
)

// Store keeps files by the SHA-256 of their content:
//
//	Dir/ab/abcdef…   64 hexadecimal digits, mode 0600, folders 0700
//	Dir/ab/.put-*    being written; a left-over of a crash may be deleted
//
// The same content is kept once, so whoever removes a key must know that no
// other record points to it. One Dir belongs to one compartment: the store must
// never tell one programme that another holds the same photo.
type Store struct {
	Dir string
}

// ErrKey is returned for a key that is not 64 lower-case hexadecimal digits.
// Nothing else becomes part of a path.
var ErrKey = errors.New("file: key is not a SHA-256 in lower-case hexadecimal")

// Put stores data and returns its key. When it returns without error the
// content and its name have reached the disk; before that no file of this name
// exists in part. Putting the same content again is harmless.
func (s Store) Put(data []byte) (key string, err error) {
	sum := sha256.Sum256(data)
	key = hex.EncodeToString(sum[:])
	final, err := s.path(key)
	if err != nil {
		return "", err
	}
	folder := filepath.Dir(final)
	if err := makeFolder(s.Dir, folder); err != nil {
		return "", fmt.Errorf("file: %w", err)
	}
	if old, err := os.ReadFile(final); err != nil || sha256.Sum256(old) != sum {
		if err := whole.Write(final, data); err != nil {
			return "", fmt.Errorf("file: %w", err)
		}
	}
	// Also when it was there: the one who wrote it may not have come this far.
	if err := syncFolder(folder); err != nil {
		return "", fmt.Errorf("file: %w", err)
	}
	return key, nil
}

// Open returns the stored file; an absent one is fs.ErrNotExist. The caller closes it.
func (s Store) Open(key string) (io.ReadSeekCloser, error) {
	name, err := s.path(key)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("file: %w", err)
	}
	return f, nil
}

// Remove deletes the file for good; removing an absent one is no error, so that
// an interrupted erasure can be repeated.
func (s Store) Remove(key string) error {
	name, err := s.path(key)
	if err != nil {
		return err
	}
	if err := os.Remove(name); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return fmt.Errorf("file: %w", err)
	}
	if err := syncFolder(filepath.Dir(name)); err != nil {
		return fmt.Errorf("file: %w", err)
	}
	return nil
}

func (s Store) path(key string) (string, error) {
	if len(key) != 2*sha256.Size {
		return "", ErrKey
	}
	for _, c := range []byte(key) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return "", ErrKey
		}
	}
	return filepath.Join(s.Dir, key[:2], key), nil
}

// makeFolder creates folder below dir and makes its name durable.
func makeFolder(dir, folder string) error {
	if _, err := os.Stat(folder); err == nil {
		return nil
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	return syncFolder(dir)
}

func syncFolder(folder string) error {
	d, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
