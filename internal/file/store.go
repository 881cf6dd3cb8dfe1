package file

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"comity/internal/synced"
	"comity/internal/vault"
)

// Store keeps files sealed, by the SHA-256 of the bytes as they lie there:
//
//	Dir/ab/abcdef…   64 hexadecimal digits, mode 0600, folders 0700
//	Dir/.put-*       being written, sealed as well; a left-over of a crash may be deleted
//
// Each file has a key of its own, which is not kept here: who loses it has lost
// the file, and to destroy it is to destroy the file in every backup. The same
// content put twice gives two names that have nothing in common. Files of
// before there were keys lie in the clear, and one may belong to several
// records: whoever removes a file must know that no other record names it.
//
// With a Bucket the sealed bytes rest there under the same names, and Dir is
// where they are put together. What already lies in Dir is still found.
type Store struct {
	Dir    string
	Suite  string // algorithms, "std" or "sm"; empty is std
	Bucket Bucket // nil: the files rest in Dir
	// KeepSent keeps what was sent beside what is shown, sealed under a key of its own, because it may be evidence.
	KeepSent bool
	Scan     Scan // looks for viruses in what is taken in; nil: nobody does
}

// Bucket is a place of others for sealed bytes. It is handed nothing that opens them. An absent name is
// fs.ErrNotExist to Get, and no error to Remove.
type Bucket interface {
	Put(ctx context.Context, name string, body io.ReadSeeker, size int64) error
	Get(ctx context.Context, name string) (io.ReadCloser, error)
	Remove(ctx context.Context, name string) error
}

var (
	// ErrName is returned for a name that is not 64 lower-case hexadecimal digits.
	// Nothing else becomes part of a path.
	ErrName = errors.New("file: the name is not a SHA-256 in lower-case hexadecimal")
	// ErrSealed is returned where a sealed file is asked for without its key.
	ErrSealed = errors.New("file: it is sealed, and there is no key to open it")
)

// Put stores data sealed and returns its name, and the key that alone opens it.
func (s Store) Put(data []byte) (name, key string, err error) {
	return s.PutFrom(context.Background(), bytes.NewReader(data))
}

// PutFrom stores what r gives, holding no more than a piece of it.
// When it returns without error the content and its name have reached the disk,
// or the bucket; before that no file of this name exists in part.
func (s Store) PutFrom(ctx context.Context, r io.Reader) (name, key string, err error) {
	d, err := s.draft()
	if err != nil {
		return "", "", err
	}
	defer d.drop()
	if _, err := io.Copy(d, r); err != nil {
		return "", "", fmt.Errorf("file: %w", err)
	}
	name, err = s.keep(ctx, d)
	return name, d.key, err
}

// draft is a sealed file that has no name yet: it is written, may be read back while it has none, and is kept or
// dropped.
type draft struct {
	f     *os.File
	sum   hasher
	w     io.WriteCloser
	key   string
	kept  bool
	close bool
}

func (s Store) draft() (*draft, error) {
	suite := s.Suite
	if suite == "" {
		suite = "std"
	}
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("file: %w", err)
	}
	f, err := os.CreateTemp(s.Dir, ".put-*") // mode 0600
	if err != nil {
		return nil, fmt.Errorf("file: %w", err)
	}
	d := &draft{f: f, sum: newHasher()}
	if d.w, d.key, err = vault.SealTo(suite, io.MultiWriter(f, d.sum)); err != nil {
		d.drop()
		return nil, fmt.Errorf("file: %w", err)
	}
	return d, nil
}

func (d *draft) Write(p []byte) (int, error) { return d.w.Write(p) }

// open ends the writing and reads what was written, from the beginning.
func (d *draft) open() (*vault.Opened, error) {
	if err := d.w.Close(); err != nil {
		return nil, fmt.Errorf("file: %w", err)
	}
	info, err := d.f.Stat()
	if err != nil {
		return nil, fmt.Errorf("file: %w", err)
	}
	o, err := vault.OpenFrom(d.key, d.f, info.Size())
	if err != nil {
		return nil, fmt.Errorf("file: %w", err)
	}
	return o, nil
}

// drop takes a draft away that was not kept. It may be called twice.
func (d *draft) drop() {
	if d.close {
		return
	}
	d.close = true
	d.f.Close()
	if !d.kept {
		os.Remove(d.f.Name())
	}
}

// keep gives a draft its name, and the disk or the bucket the content.
func (s Store) keep(ctx context.Context, d *draft) (name string, err error) {
	if err := d.w.Close(); err != nil {
		return "", fmt.Errorf("file: %w", err)
	}
	name = d.sum.String()
	if s.Bucket != nil {
		size, err := d.f.Seek(0, io.SeekEnd)
		if err == nil {
			_, err = d.f.Seek(0, io.SeekStart)
		}
		if err == nil {
			err = s.Bucket.Put(ctx, name, d.f, size)
		}
		if err != nil {
			return "", fmt.Errorf("file: %w", err)
		}
		return name, nil
	}
	final, err := s.path(name)
	if err != nil {
		return "", err
	}
	folder := filepath.Dir(final)
	if err := makeFolder(s.Dir, folder); err != nil {
		return "", fmt.Errorf("file: %w", err)
	}
	if err := d.f.Sync(); err != nil {
		return "", fmt.Errorf("file: %w", err)
	}
	if err := os.Rename(d.f.Name(), final); err != nil {
		return "", fmt.Errorf("file: %w", err)
	}
	d.kept = true
	if err := synced.Path(folder); err != nil {
		return "", fmt.Errorf("file: %w", err)
	}
	return name, nil
}

// Open returns the stored file; an absent one is fs.ErrNotExist. The caller
// closes it. A part of it can be asked for like any other. With no key it
// opens what lies in the clear, and nothing that is sealed.
func (s Store) Open(name, key string) (io.ReadSeekCloser, error) {
	f, err := s.raw(name)
	if err != nil {
		return nil, err
	}
	o, err := opened(f, key)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("file: %s: %w", name, err)
	}
	return o, nil
}

func opened(f *os.File, key string) (io.ReadSeekCloser, error) {
	head := make([]byte, vault.StreamHead)
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	switch streamed := vault.Streamed(head[:n]); {
	case key == "" && streamed:
		return nil, ErrSealed
	case key == "":
		return f, nil
	case streamed:
		o, err := vault.OpenFrom(key, f, info.Size())
		if err != nil {
			return nil, err
		}
		return closing{o, f}, nil
	}
	// Sealed in one piece, as files were before version 2 of the format; none is larger than an upload was.
	sealed, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	data, err := vault.OpenBytes(key, sealed)
	if err != nil {
		return nil, err
	}
	return closing{bytes.NewReader(data), f}, nil
}

type closing struct {
	io.ReadSeeker
	io.Closer
}

// fetchTime bounds the way of one file out of a bucket, so that a store that falls silent keeps nobody waiting for ever.
const fetchTime = 5 * time.Minute

// raw is the file as it lies there. What rests in a bucket is fetched into a file without a name, still sealed.
func (s Store) raw(name string) (*os.File, error) {
	path, err := s.path(name)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err == nil || s.Bucket == nil || !errors.Is(err, fs.ErrNotExist) {
		if err != nil {
			return nil, fmt.Errorf("file: %w", err)
		}
		return f, nil
	}
	ctx, stop := context.WithTimeout(context.Background(), fetchTime)
	defer stop()
	body, err := s.Bucket.Get(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("file: %w", err)
	}
	defer body.Close()
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("file: %w", err)
	}
	if f, err = os.CreateTemp(s.Dir, ".put-*"); err != nil {
		return nil, fmt.Errorf("file: %w", err)
	}
	err = os.Remove(f.Name())
	sum := newHasher()
	if err == nil {
		_, err = io.Copy(io.MultiWriter(f, sum), body)
	}
	if err == nil && sum.String() != name {
		err = fmt.Errorf("the bucket holds other bytes under this name: %w", vault.ErrBroken)
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("file: %s: %w", name, err)
	}
	return f, nil
}

// Remove deletes the file for good; removing an absent one is no error, so that
// an interrupted erasure can be repeated.
func (s Store) Remove(name string) error {
	path, err := s.path(name)
	if err != nil {
		return err
	}
	if s.Bucket != nil {
		if err := s.Bucket.Remove(context.Background(), name); err != nil {
			return fmt.Errorf("file: %w", err)
		}
	}
	if err := os.Remove(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return fmt.Errorf("file: %w", err)
	}
	if err := synced.Path(filepath.Dir(path)); err != nil {
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
	return synced.Path(dir)
}

// hasher is a SHA-256 in the spelling of names.
type hasher struct{ hash.Hash }

func newHasher() hasher { return hasher{sha256.New()} }

func (h hasher) String() string { return hex.EncodeToString(h.Sum(nil)) }
