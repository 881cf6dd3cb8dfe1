package vault

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"comity/internal/synced"
)

// Outside refuses a key folder that a copy of the data folder would take along, and the other way round:
// whoever finds one backup must not find both.
func Outside(keys, data string) error {
	k, err := real(keys)
	if err != nil {
		return fmt.Errorf("key folder %s: %w", keys, err)
	}
	d, err := real(data)
	if err != nil {
		return fmt.Errorf("data folder %s: %w", data, err)
	}
	if within(k, d) || within(d, k) {
		return fmt.Errorf("the key folder %s and the data folder %s lie one in the other; keys need a folder apart, which is backed up apart: name one with --keys", keys, data)
	}
	return nil
}

func within(inner, outer string) bool {
	rel, err := filepath.Rel(outer, inner)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// real follows links as far as the path exists: folders may be made later.
func real(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	rest := ""
	for {
		found, err := filepath.EvalSymlinks(path)
		if err == nil {
			return filepath.Join(found, rest), nil
		}
		if !os.IsNotExist(err) || path == filepath.Dir(path) {
			return "", err
		}
		path, rest = filepath.Dir(path), filepath.Join(filepath.Base(path), rest)
	}
}

// folder makes the key folder, or refuses one in which others could put files.
func folder(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("key folder %s: %w", dir, err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("key folder %s: %w", dir, err)
	}
	if !info.IsDir() {
		return fmt.Errorf("key folder %s: it is no folder", dir)
	}
	if info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("key folder %s: others may write into it (%v); take that away with: chmod 700 %s", dir, info.Mode().Perm(), dir)
	}
	return nil
}

// private reads a file that nobody but its owner may read or write; limit 0 is none.
func private(path string, limit int64) ([]byte, error) {
	f, size, err := openPrivate(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if limit > 0 && size > limit {
		return nil, fmt.Errorf("%s: with %d bytes it is too large", path, size)
	}
	return io.ReadAll(f)
}

func openPrivate(path string) (f *os.File, size int64, err error) {
	if f, err = os.Open(path); err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case !info.Mode().IsRegular():
		err = fmt.Errorf("%s: it is no ordinary file", path)
	case info.Mode().Perm()&0o077 != 0:
		err = fmt.Errorf("%s: others than its owner may read or write it (%v); take that away with: chmod 600 %s", path, info.Mode().Perm(), path)
	default:
		return f, info.Size(), nil
	}
	return nil, 0, errors.Join(err, f.Close())
}

// syncFolder makes the names of the files in it durable.
func syncFolder(dir string) error {
	if err := synced.Path(dir); err != nil {
		return fmt.Errorf("key folder %s: what was written may not be durable: %w", dir, err)
	}
	return nil
}
