package pages

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/driver"

	"comity/internal/db"
	"comity/internal/synced"
)

// File is a database that is put together again beside the place where it will lie.
type File struct {
	f    *os.File
	path string
}

// Create begins one; path must not be there.
func Create(path string) (*File, error) {
	if _, err := os.Lstat(path); err == nil {
		return nil, fmt.Errorf("%s is there already; move it away first, together with its -wal and -shm", path)
	}
	dir, err := os.MkdirTemp(filepath.Dir(path), ".restore-*")
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, "database"), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return &File{f, path}, nil
}

// Put stores a page, over an older one of its number.
func (f *File) Put(number uint32, page []byte) error {
	if number == 0 || number >= mostPages || len(page) != Size {
		return fmt.Errorf("pages: %d bytes under number %d are no page", len(page), number)
	}
	_, err := f.f.WriteAt(page, int64(number-1)*Size)
	return err
}

// Finish cuts the file to size pages, runs edit on it, has SQLite look through it, and gives it its name.
func (f *File) Finish(ctx context.Context, size uint32, edit string) error {
	temp := f.f.Name()
	if err := f.f.Truncate(int64(size) * Size); err != nil {
		return err
	}
	if err := edited(ctx, temp, edit); err != nil {
		return fmt.Errorf("the pages that were put together are no sound database: %w", err)
	}
	if err := f.f.Sync(); err != nil {
		return err
	}
	if err := os.Rename(temp, f.path); err != nil {
		return err
	}
	return synced.Path(filepath.Dir(f.path))
}

// Close takes away what is left beside the finished file, or all of an unfinished one.
func (f *File) Close() error {
	return errors.Join(f.f.Close(), os.RemoveAll(filepath.Dir(f.f.Name())))
}

func edited(ctx context.Context, path, edit string) (err error) {
	pool, err := driver.Open(db.FileURI(path), func(c *sqlite3.Conn) error {
		return c.Exec(`PRAGMA secure_delete=ON; PRAGMA cache_size=-16000`)
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	if _, err := pool.ExecContext(ctx, edit); err != nil {
		return err
	}
	var verdict string
	if err := pool.QueryRowContext(ctx, `PRAGMA quick_check(1)`).Scan(&verdict); err != nil {
		return err
	}
	if verdict != "ok" {
		return errors.New(verdict)
	}
	return nil
}
