package backup

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"

	"comity/internal/synced"
)

// Recipients reads who may open what is written: lines as age writes them, age1….
func Recipients(lines ...string) ([]age.Recipient, error) {
	list, err := age.ParseRecipients(strings.NewReader(strings.Join(lines, "\n")))
	if err != nil {
		return nil, fmt.Errorf("a recipient does not read: %w; it begins with age1, and age-keygen -y FILE prints it", err)
	}
	return list, nil
}

// Secrets open what was encrypted to one of theirs.
type Secrets []age.Identity

// Identities reads the file of secrets that age-keygen writes.
func Identities(path string) (Secrets, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	list, err := age.ParseIdentities(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("%s holds no identity: %w; it is the file that age-keygen wrote, with a line AGE-SECRET-KEY-1…", path, err)
	}
	return list, nil
}

// NewIdentity draws a secret, and the recipient that belongs to it.
func NewIdentity() (secret, recipient string, err error) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return "", "", err
	}
	return id.String(), id.Recipient().String(), nil
}

// writing is a file that has no name yet.
type writing struct {
	io.Writer // what is sealed
	head      Head
	f         *os.File
	sum       hash.Hash
	sealed    io.WriteCloser
	packed    *zstd.Encoder
}

// begin begins a file in a folder that is there.
func begin(dir string, h Head, to []age.Recipient) (w *writing, err error) {
	f, err := os.CreateTemp(dir, ".put-*")
	if err != nil {
		return nil, err
	}
	w = &writing{head: h, f: f, sum: sha256.New()}
	defer func() {
		if err != nil {
			w.drop()
		}
	}()
	line, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	line = append(line, '\n')
	out := io.MultiWriter(f, w.sum)
	if _, err := out.Write(line); err != nil {
		return nil, err
	}
	if w.sealed, err = age.Encrypt(out, to...); err != nil {
		return nil, err
	}
	if w.packed, err = zstd.NewWriter(w.sealed, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedDefault)); err != nil {
		return nil, err
	}
	w.Writer = w.packed
	_, err = w.Write(line)
	return w, err
}

// keep makes the file durable under a name nobody had, and answers its hash.
func (w *writing) keep(path string) (digest string, err error) {
	if err := errors.Join(w.packed.Close(), w.sealed.Close(), w.f.Sync()); err != nil {
		return "", err
	}
	if _, err := os.Lstat(path); err == nil {
		return "", fmt.Errorf("%s is there already: does another comity backup follow write into this folder?", path)
	}
	if err := os.Rename(w.f.Name(), path); err != nil {
		return "", err
	}
	return hex.EncodeToString(w.sum.Sum(nil)), synced.Path(filepath.Dir(path))
}

// drop takes away what was not kept; after keep it does nothing that matters.
func (w *writing) drop() {
	w.f.Close()
	os.Remove(w.f.Name())
}

// digestOf is the hash of a file.
func digestOf(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// ErrIdentity says that the secret given is not one of those a file was encrypted to.
var ErrIdentity = errors.New("it was encrypted to another recipient than the one this identity belongs to; name the right file with --identity")

// errBroken says that a file is cut off or was changed.
var errBroken = errors.New("it is cut off or was changed")

// opened reads a file: read is handed what follows its head.
func opened(path string, ids Secrets, read func(Head, *bufio.Reader) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	outer := bufio.NewReaderSize(f, 1<<16)
	line, err := outer.ReadBytes('\n')
	var h Head
	if err != nil || len(line) > maxHead || json.Unmarshal(line, &h) != nil || h.Format != format {
		return fmt.Errorf("%s: %w: its first line is no head of a backup", path, errBroken)
	}
	sealed, err := age.Decrypt(outer, ids...)
	if _, wrong := errors.AsType[*age.NoIdentityMatchError](err); wrong {
		return fmt.Errorf("%s: %w", path, ErrIdentity)
	}
	if err != nil {
		return fmt.Errorf("%s: %w: %w", path, errBroken, err)
	}
	packed, err := zstd.NewReader(sealed, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return fmt.Errorf("%s: %w: %w", path, errBroken, err)
	}
	defer packed.Close()
	inner := bufio.NewReaderSize(packed, 1<<16)
	again, err := inner.ReadBytes('\n')
	if err != nil || !bytes.Equal(line, again) {
		return fmt.Errorf("%s: %w: the head outside is not the one inside", path, errBroken)
	}
	if err := read(h, inner); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	// What read has left is read too: only at the end is it known that nothing is missing.
	if _, err := io.Copy(io.Discard, inner); err != nil {
		return fmt.Errorf("%s: %w: %w", path, errBroken, err)
	}
	if _, err := io.Copy(io.Discard, sealed); err != nil {
		return fmt.Errorf("%s: %w: %w", path, errBroken, err)
	}
	return nil
}
