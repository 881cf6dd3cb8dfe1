package backup

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"comity/internal/db/pages"
)

// Reached says what was brought back.
type Reached struct {
	Head
	Files  int    // of the chain
	Broken string // a file at the end that was left out, and why; empty: none
}

// Compartments lists those a folder has whole generations of.
func Compartments(dir string, kind Kind) (list []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if names, err := generations(dir, e.Name(), kind); e.IsDir() && err == nil && len(names) > 0 {
			list = append(list, e.Name())
		}
	}
	return list, nil
}

// Restore makes the database of a compartment at path as it was at a moment; the zero time is the newest there is.
// edit is SQL that is run on it before it takes its name.
func Restore(ctx context.Context, dir, compartment string, at time.Time, ids Secrets, path, edit string) (r Reached, err error) {
	chain, r, err := chainFor(dir, compartment, Data, at, ids)
	if err != nil {
		return r, err
	}
	file, err := pages.Create(path)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	var size uint32
	for _, p := range chain {
		if ctx.Err() != nil {
			return r, ctx.Err()
		}
		if err := opened(p.path, ids, func(_ Head, in *bufio.Reader) error {
			size, err = put(in, file.Put)
			return err
		}); err != nil {
			return r, err
		}
	}
	return r, file.Finish(ctx, size, edit)
}

// put reads pages up to the size that ends them.
func put(in io.Reader, page func(uint32, []byte) error) (size uint32, err error) {
	var head [4]byte
	b := make([]byte, pages.Size)
	for {
		if _, err := io.ReadFull(in, head[:]); err != nil {
			return 0, fmt.Errorf("%w: %w", errBroken, err)
		}
		n := binary.BigEndian.Uint32(head[:])
		if n == 0 {
			break
		}
		if _, err := io.ReadFull(in, b); err != nil {
			return 0, fmt.Errorf("%w: %w", errBroken, err)
		}
		if err := page(n, b); err != nil {
			return 0, err
		}
	}
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return 0, fmt.Errorf("%w: %w", errBroken, err)
	}
	return binary.BigEndian.Uint32(head[:]), nil
}

// chainFor chooses the generation and its files up to a moment, and proves them: each names the hash of the one
// before, the file after the last one vouches for it, and the very last one is read to its end.
func chainFor(dir, compartment string, kind Kind, at time.Time, ids Secrets) (chain []part, r Reached, err error) {
	names, err := generations(dir, compartment, kind)
	if err != nil {
		return nil, r, err
	}
	for i := len(names) - 1; i >= 0; i-- {
		base, err := readHead(filepath.Join(dir, compartment, names[i], fileName(kind, 0)))
		if err != nil {
			return nil, r, err
		}
		if at.IsZero() || !base.At.After(at) {
			return chainOf(filepath.Join(dir, compartment, names[i]), compartment, kind, at, ids)
		}
	}
	if len(names) == 0 {
		return nil, r, fmt.Errorf("%s holds no whole generation of compartment %s", dir, compartment)
	}
	base, err := readHead(filepath.Join(dir, compartment, names[0], fileName(kind, 0)))
	return nil, r, errors.Join(err, fmt.Errorf("compartment %s: the backup begins at %s, after the moment asked for", compartment, base.At.Format(time.RFC3339)))
}

func chainOf(dir, compartment string, kind Kind, at time.Time, ids Secrets) (chain []part, r Reached, err error) {
	list, err := parts(dir, kind)
	if err != nil {
		return nil, r, err
	}
	l := links{kind: kind, compartment: compartment, generation: filepath.Base(dir)}
	for _, p := range list {
		if !at.IsZero() && len(l.heads) > 0 && !l.last().At.Before(at) {
			break // exactly the moment asked for
		}
		h, err := l.join(p)
		if err != nil {
			if p.path == list[len(list)-1].path && p.number > 0 && p.number == len(l.parts) {
				r.Broken = err.Error() // nothing but the end is broken
				break
			}
			return nil, r, l.upTo(err)
		}
		if !at.IsZero() && h.At.After(at) {
			l.vouched = true
			l.drop()
			break
		}
	}
	for !l.vouched && len(l.parts) > 0 {
		last := l.parts[len(l.parts)-1]
		err := opened(last.path, ids, func(Head, *bufio.Reader) error { return nil })
		if err == nil {
			break
		}
		if errors.Is(err, ErrIdentity) || last.number == 0 || len(l.parts) < len(list) {
			return nil, r, err
		}
		r.Broken = err.Error()
		l.drop()
		l.vouched = true // the one left out has named its hash
	}
	if len(l.parts) == 0 {
		return nil, r, fmt.Errorf("%s: nothing of the generation is left", dir)
	}
	r.Head, r.Files = l.last(), len(l.parts)
	return l.parts, r, nil
}

// links is a chain as far as it holds.
type links struct {
	kind                    Kind
	compartment, generation string
	parts                   []part
	heads                   []Head
	before                  string // hash of the last part
	vouched                 bool   // by the file behind it
}

func (l *links) last() Head { return l.heads[len(l.heads)-1] }

func (l *links) drop() {
	l.parts, l.heads = l.parts[:len(l.parts)-1], l.heads[:len(l.heads)-1]
}

// join takes the file that comes next, or says why it is not that.
func (l *links) join(p part) (Head, error) {
	h, err := readHead(p.path)
	if err == nil {
		err = follows(h, p, len(l.parts), l.compartment, l.generation, l.before)
	}
	if err == nil {
		l.before, err = digestOf(p.path)
	}
	if err == nil {
		l.parts, l.heads = append(l.parts, p), append(l.heads, h)
	}
	return h, err
}

// upTo adds to an error what can be had all the same. The last part may be the one that was changed.
func (l *links) upTo(err error) error {
	if len(l.heads) < 2 {
		return err
	}
	return fmt.Errorf("%w; what can be brought back reaches to %s: name that moment, or an earlier one, with --at", err, l.heads[len(l.heads)-2].At.Format(time.RFC3339Nano))
}

// follows tells whether a file is the one that has to come next.
func follows(h Head, p part, number int, compartment, generation, before string) error {
	missing := filepath.Join(filepath.Dir(p.path), fileName(h.Kind, number))
	switch {
	case p.number != number:
		return fmt.Errorf("%s is missing", missing)
	case h.Compartment != compartment:
		return fmt.Errorf("%s belongs to compartment %s, not to %s", p.path, h.Compartment, compartment)
	case h.Generation != generation || h.Number != number:
		return fmt.Errorf("%s is file %d of generation %s under another's name", p.path, h.Number, h.Generation)
	case h.Before != before:
		return fmt.Errorf("%s was changed after it was written, or %s does not belong behind it", filepath.Join(filepath.Dir(p.path), fileName(h.Kind, number-1)), filepath.Base(p.path))
	}
	return nil
}

// RestoreKeys reads the newest keys of a compartment: each key is handed over, the newest state of it first, and what
// the key folder held is answered.
func RestoreKeys(dir, compartment string, ids Secrets, row func(json.RawMessage) error) (ring map[string][]byte, r Reached, err error) {
	chain, r, err := chainFor(dir, compartment, Keys, time.Time{}, ids)
	if err != nil {
		return nil, r, err
	}
	ring = map[string][]byte{}
	for _, p := range chain {
		if err := lines(p, ids, func(l line) error { return piece(ring, l) }); err != nil {
			return nil, r, err
		}
	}
	for _, p := range slices.Backward(chain) {
		if err := lines(p, ids, func(l line) error {
			if l.Row == nil {
				return nil
			}
			return row(l.Row)
		}); err != nil {
			return nil, r, err
		}
	}
	return ring, r, nil
}

// piece puts a piece of a file of the key folder where it belongs.
func piece(ring map[string][]byte, l line) error {
	if l.File == "" {
		return nil
	}
	if l.From > len(ring[l.File]) {
		return fmt.Errorf("%w: a piece of %s is missing", errBroken, l.File)
	}
	ring[l.File] = append(ring[l.File][:l.From], l.Data...)
	return nil
}

// lines reads a file of keys.
func lines(p part, ids Secrets, do func(line) error) error {
	return opened(p.path, ids, func(_ Head, in *bufio.Reader) error {
		for d := json.NewDecoder(in); ; {
			var l line
			err := d.Decode(&l)
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return fmt.Errorf("%w: %w", errBroken, err)
			}
			if err := do(l); err != nil {
				return err
			}
		}
	})
}
