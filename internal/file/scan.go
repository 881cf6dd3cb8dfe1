package file

import (
	"context"
	"io"
)

// Scan looks for viruses in an upload: it returns what it found, "" for nothing. An error means that it could not
// look, which is not the sender's fault and not a verdict.
type Scan func(ctx context.Context, r io.Reader) (found string, err error)

// Why a file is held. They are the ends of keys of words.
const (
	HeldUnseen = "unseen" // the scanner could not be reached, or could not look at it
	HeldVirus  = "virus"  // the scanner found something
)

// inspect asks the scanner, and says why the file has to wait; "" is for what may be shown.
func (s Store) inspect(ctx context.Context, src io.ReadSeeker, size int64) string {
	if s.Scan == nil {
		return ""
	}
	if _, err := src.Seek(0, io.SeekStart); err != nil {
		return HeldUnseen
	}
	found, err := s.Scan(ctx, io.LimitReader(src, size))
	switch {
	case err != nil:
		return HeldUnseen
	case found != "":
		return HeldVirus
	}
	return ""
}

// Look has a file looked at again that is stored. It returns why it still waits, "" when it need not.
func (s Store) Look(ctx context.Context, name, key string) (held string, err error) {
	f, err := s.Open(name, key)
	if err != nil {
		return "", err
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return "", err
	}
	return s.inspect(ctx, f, size), nil
}
