package file

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"comity/internal/file/whole"
	"comity/internal/vault"
)

// Store keeps files sealed, by the SHA-256 of the bytes as they lie there:
//
//	Dir/ab/abcdef…   64 hexadecimal digits, mode 0600, folders 0700
//	Dir/ab/.put-*    being written; a left-over of a crash may be deleted
//
// Each file has a key of its own, which is not kept here: who loses it has lost
// the file, and to destroy it is to destroy the file in every backup. The same
// content put twice gives two names that have nothing in common. Files of
// before there were keys lie in the clear, and one may belong to several
// records: whoever removes a file must know that no other record names it.
type Store struct {
	Dir   string
	Suite string // algorithms, "std" or "sm"; empty is std
}

// ErrName is returned for a name that is not 64 lower-case hexadecimal digits.
// Nothing else becomes part of a path.
var ErrName = errors.New("file: the name is not a SHA-256 in lower-case hexadecimal")

// Put stores data sealed and returns its name, and the key that alone opens it.
// When it returns without error the content and its name have reached the disk;
// before that no file of this name exists in part.
func (s Store) Put(data []byte) (name, key string, err error) {
	suite := s.Suite
	if suite == "" {
		suite = "std"
	}
	sealed, key, err := vault.SealBytes(suite, data)
	if err != nil {
		return "", "", fmt.Errorf("file: %w", err)
	}
	sum := sha256.Sum256(sealed)
	name = hex.EncodeToString(sum[:])
	final, err := s.path(name)
	if err != nil {
		return "", "", err
	}
	folder := filepath.Dir(final)
	if err := makeFolder(s.Dir, folder); err != nil {
		return "", "", fmt.Errorf("file: %w", err)
	}
	if err := whole.Write(final, sealed); err != nil {
		return "", "", fmt.Errorf("file: %w", err)
	}
	if err := syncFolder(folder); err != nil {
		return "", "", fmt.Errorf("file: %w", err)
	}
	return name, key, nil
}

// Open returns the stored file; an absent one is fs.ErrNotExist. The caller
// closes it. A sealed file is opened in memory as a whole, since none is larger
// than an upload may be; so a part of it can be asked for like any other. With
// no key it opens what lies in the clear.
func (s Store) Open(name, key string) (io.ReadSeekCloser, error) {
	path, err := s.path(name)
	if err != nil {
		return nil, err
	}
	if key == "" {
		f, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("file: %w", err)
		}
		return f, nil
	}
	sealed, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("file: %w", err)
	}
	data, err := vault.OpenBytes(key, sealed)
	if err != nil {
		return nil, fmt.Errorf("file: %s: %w", name, err)
	}
	return inMemory{bytes.NewReader(data)}, nil
}

type inMemory struct{ *bytes.Reader }

func (inMemory) Close() error { return nil }

// Remove deletes the file for good; removing an absent one is no error, so that
// an interrupted erasure can be repeated.
func (s Store) Remove(name string) error {
	path, err := s.path(name)
	if err != nil {
		return err
	}
	if err := os.Remove(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return fmt.Errorf("file: %w", err)
	}
	if err := syncFolder(filepath.Dir(path)); err != nil {
		return fmt.Errorf("file: %w", err)
	}
	return nil
}

func (s Store) path(name string) (string, error) {
	if len(name) != 2*sha256.Size {
		return "", ErrName
	}
	for _, c := range []byte(name) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return "", ErrName
		}
	}
	return filepath.Join(s.Dir, name[:2], name), nil
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
