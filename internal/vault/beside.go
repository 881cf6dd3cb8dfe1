package vault

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Head is the last published head of a compartment's log, as the ring remembers it. A log that is shorter
// than that was brought back from before.
type Head struct {
	Size int64     `json:"size"`
	Root []byte    `json:"root"`
	At   time.Time `json:"at"`
}

// ErrHeadBack: a head is not saved over one that it cannot follow.
var ErrHeadBack = errors.New("the log has gone back behind its last published head")

// memory is what a ring without files keeps.
type memory struct {
	secrets   secrets
	destroyed []string
	head      Head
}

func destroyedPath(dir string, c Compartment) string {
	return filepath.Join(dir, string(c)+".destroyed")
}
func headPath(dir string, c Compartment) string { return filepath.Join(dir, string(c)+".head") }

// Destroyed lists the ids of data keys that are gone for ever, in the order in which they went. A key of
// the list that turns up wrapped in the data came out of a backup, and is destroyed again.
func (r *Ring) Destroyed() ([]string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	ids, _, err := r.destroyed()
	return ids, err
}

// ListEnd is how far the list of destroyed keys reaches: its length, and a check of what stands at its end. Two lists
// with the same end are the same list, unless somebody who has the keys made them so.
type ListEnd struct{ Size, Check int64 }

// endWindow bounds what is read for a ListEnd: more than a thousand lines.
const endWindow = 64 << 10

// DestroyedEnd is how far the list reaches. It takes as long for a list of millions as for a short one.
func (r *Ring) DestroyedEnd() (ListEnd, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.end()
}

// MarkDestroyed adds ids to the list before it returns; those already in it are not added twice.
func (r *Ring) MarkDestroyed(ids ...string) error {
	_, _, err := r.AddDestroyed(ids...)
	return err
}

// AddDestroyed is MarkDestroyed, and tells how far the list reached before and reaches now.
func (r *Ring) AddDestroyed(ids ...string) (from, to ListEnd, err error) {
	return r.added(r.destroyed, ids)
}

// JustDestroyed is AddDestroyed for keys that were alive a moment ago. Whether they are on the list is asked of its last
// lines alone, where a second try finds them, so that it takes as long for a list of millions as for a short one.
func (r *Ring) JustDestroyed(ids ...string) (from, to ListEnd, err error) {
	return r.added(r.lastDestroyed, ids)
}

func (r *Ring) added(known func() ([]string, int64, error), ids []string) (from, to ListEnd, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if from, err = r.end(); err != nil {
		return from, to, err
	}
	if err := r.add(known, ids); err != nil {
		return from, to, err
	}
	to, err = r.end()
	return from, to, err
}

// add writes what is not known behind the list, of which known tells ids and how many bytes of the file are whole lines.
func (r *Ring) add(known func() ([]string, int64, error), ids []string) error {
	there, size, err := known()
	if err != nil {
		return err
	}
	gone := make(map[string]bool, len(there)+len(ids))
	for _, id := range there {
		gone[id] = true
	}
	var lines strings.Builder
	var fresh []string
	for _, id := range ids {
		if id == "" || strings.ContainsFunc(id, func(c rune) bool { return c <= ' ' || c == 0x7f }) {
			return fmt.Errorf("%q is no id of a key: it is empty or has a space or line break in it", id)
		}
		if !gone[id] {
			gone[id] = true
			fresh = append(fresh, id)
			lines.WriteString(r.line(id))
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	if r.folder == "" {
		r.kept.destroyed = append(r.kept.destroyed, fresh...)
		return nil
	}
	return appendAt(destroyedPath(r.folder, r.compartment), size, lines.String())
}

// line is an id and its check. The check keeps what a crash cut off from being read as another, shorter id,
// and a hand without the keys from adding one.
func (r *Ring) line(id string) string {
	return id + " " + r.hashed(r.fixed.line, "", id, tokenLength) + "\n"
}

// destroyed reads the list, and how many bytes of the file are whole lines: a crash while appending leaves
// the beginning of one, which was never promised to anybody.
func (r *Ring) destroyed() (ids []string, size int64, err error) {
	if r.folder == "" {
		return slices.Clone(r.kept.destroyed), 0, nil
	}
	path := destroyedPath(r.folder, r.compartment)
	b, err := private(path, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	b = b[:bytes.LastIndexByte(b, '\n')+1]
	for line := range strings.Lines(string(b)) {
		id, ok := r.read(line)
		if !ok {
			return nil, 0, fmt.Errorf("%s:%d: the line %w", path, len(ids)+1, errForeignLine)
		}
		ids = append(ids, id)
	}
	return ids, int64(len(b)), nil
}

var errForeignLine = errors.New("was not written by this ring or was changed; bring the file back from the backup of the key folder")

// read takes a line apart; ok is false for one that this ring did not write.
func (r *Ring) read(line string) (id string, ok bool) {
	id, _, _ = strings.Cut(line, " ")
	return id, line == r.line(id)
}

// lastDestroyed is destroyed for the last lines: some thousand.
func (r *Ring) lastDestroyed() (ids []string, size int64, err error) {
	if r.folder == "" {
		return r.kept.destroyed[max(0, len(r.kept.destroyed)-1000):], 0, nil
	}
	b, size, err := r.last()
	if err != nil {
		return nil, 0, err
	}
	if int64(len(b)) < size { // it begins within a line
		b = b[bytes.IndexByte(b, '\n')+1:]
	}
	for line := range strings.Lines(string(b)) {
		id, ok := r.read(line)
		if !ok {
			return nil, 0, fmt.Errorf("%s: one of the last lines %w", destroyedPath(r.folder, r.compartment), errForeignLine)
		}
		ids = append(ids, id)
	}
	return ids, size, nil
}

// last reads the end of the file up to its last whole line, and tells how long the file is up to there: what a crash left
// behind it is no line.
func (r *Ring) last() (b []byte, size int64, err error) {
	f, size, err := openPrivate(destroyedPath(r.folder, r.compartment))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	b = make([]byte, min(size, 2*endWindow))
	if _, err := f.ReadAt(b, size-int64(len(b))); err != nil {
		return nil, 0, err
	}
	whole := bytes.LastIndexByte(b, '\n') + 1
	return b[:whole], size - int64(len(b)-whole), nil
}

func (r *Ring) end() (ListEnd, error) {
	if r.folder == "" {
		n := len(r.kept.destroyed)
		return r.endOf(int64(n), []byte(strings.Join(r.kept.destroyed[max(0, n-1000):], "\n"))), nil
	}
	b, size, err := r.last()
	if err != nil {
		return ListEnd{}, err
	}
	return r.endOf(size, b[max(0, len(b)-endWindow):]), nil
}

func (r *Ring) endOf(size int64, end []byte) ListEnd {
	h := r.suite.hash()
	h.Write(end)
	return ListEnd{size, int64(binary.BigEndian.Uint64(h.Sum(nil)))}
}

// appendAt writes text after the first size bytes of a file and makes it durable.
func appendAt(path string, size int64, text string) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := f.Truncate(size); err != nil {
		return err
	}
	if _, err := f.WriteAt([]byte(text), size); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// Head returns the last head that was saved, the zero Head if none was.
func (r *Ring) Head() (Head, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.head()
}

func (r *Ring) head() (Head, error) {
	if r.folder == "" {
		return r.kept.head, nil
	}
	path := headPath(r.folder, r.compartment)
	b, err := private(path, largest)
	if errors.Is(err, fs.ErrNotExist) {
		return Head{}, nil
	}
	if err != nil {
		return Head{}, err
	}
	var h Head
	if json.Unmarshal(b, &h) != nil || h.Size < 0 {
		return Head{}, fmt.Errorf("%s: the saved head is cut off or no head; bring the file back from the backup of the key folder", path)
	}
	return h, nil
}

// SaveHead remembers a published head. It answers ErrHeadBack for one that is shorter than the last, or as
// long and different.
func (r *Ring) SaveHead(size int64, root []byte, at time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	last, err := r.head()
	if err != nil {
		return err
	}
	if size < last.Size || size == last.Size && last.Root != nil && !bytes.Equal(root, last.Root) {
		return fmt.Errorf("%w: compartment %s, size %d after %d", ErrHeadBack, r.compartment, size, last.Size)
	}
	return r.putHead(Head{Size: size, Root: bytes.Clone(root), At: at.UTC()})
}
