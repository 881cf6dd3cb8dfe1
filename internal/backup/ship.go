package backup

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"filippo.io/age"

	"comity/internal/db/pages"
)

// Folder is where something is kept, and for whom.
type Folder struct {
	Dir        string
	Recipients []age.Recipient
}

// Source is one compartment that is followed.
type Source struct {
	Compartment string
	Database    string // file
	Files       string // folder of attachments
	FilesTo     string // and where copies of them go
	Temp        string // folder with room for a copy of the database
	Data        Folder
	Keys        Folder                             // Dir empty: keys are not kept
	Rule        pages.Rule                         // what is a key
	Row         func(pages.Row) (row any, ok bool) // a key as it is kept; false where it need not be
	Ring        func() (map[string][]byte, error)  // what the key folder holds
	Now         func() time.Time
	Anew        time.Duration // age after which a generation is followed by the next
	Keep        int           // generations; and more, where a follower that began again made them sooner: what was Keep times Anew ago can be brought back
	Log         *slog.Logger
}

// keyGenerations is how many generations of keys are kept: with the newest alone, a moment without any would come.
const keyGenerations = 2

// anewAgain is when a generation is tried again that could not be begun: it may be a copy of everything that failed.
const anewAgain = 10 * time.Minute

// Shipper follows one compartment into its folders. It is for one goroutine.
type Shipper struct {
	Source
	chain
	keys    *writing             // being written; nil: none so far
	seen    map[string]time.Time // folders of attachments, by when they were changed
	failed  time.Time            // when the next generation could not be begun
	Until   time.Time            // what was acknowledged before is kept
	Count   int                  // files of the chain written so far
	Shipped int64                // bytes in them, and in attachments
}

// chain is a generation, and where it has come to.
type chain struct {
	follower *pages.Follower
	last     Head              // newest file of the data
	digest   string            // its hash
	key      Head              // newest file of the keys
	keyed    string            // its hash
	ring     map[string][]byte // what was kept of the key folder
}

// Tick ships what has changed. After an error it may be called again; nothing is lost by it.
func (s *Shipper) Tick(ctx context.Context) error {
	if s.follower == nil {
		if err := s.start(ctx); err != nil {
			return err
		}
	}
	if now := s.Now(); s.old(now) && now.Sub(s.failed) >= anewAgain {
		err := s.anew(ctx)
		if err == nil || ctx.Err() != nil {
			return err
		}
		s.failed = now
		s.Log.Error("not everything could be copied anew; the generation before goes on, and its chain grows longer", "compartment", s.Compartment, "error", err)
	}
	has := s.Now()
	ship := func(c pages.Change) error { return s.ship(ctx, c, has) }
	err := s.follower.GiveWay(ctx, ship)
	if err == nil {
		err = s.follower.Next(ctx, ship)
	}
	if errors.Is(err, pages.ErrLost) {
		s.Log.Warn("the log of the database was cut behind the backup's back; everything is copied anew", "compartment", s.Compartment, "error", err)
		return s.anew(ctx)
	}
	if err == nil {
		err = s.shipRing()
	}
	if err == nil {
		s.Until = has
	}
	return err
}

// old tells whether the generation is to be followed by the next.
func (s *Shipper) old(now time.Time) bool {
	begun, err := time.Parse(generationName, s.last.Generation)
	return err == nil && now.Sub(begun) >= s.Anew
}

// Breathe lets go on who waits for the log to be emptied; call it soon after Tick.
func (s *Shipper) Breathe(ctx context.Context) error {
	if s.follower == nil {
		return nil
	}
	return s.follower.Breathe(ctx)
}

// Close lets the database go.
func (s *Shipper) Close() error {
	if s.follower == nil {
		return nil
	}
	err := s.follower.Close()
	s.follower = nil
	return err
}

// generationName names a generation by when it begins.
const generationName = "20060102T150405Z"

// start goes on with the newest generation, if the log of the database still has what comes behind it.
func (s *Shipper) start(ctx context.Context) error {
	err := s.resume(ctx)
	if err == nil {
		return nil
	}
	if !errors.Is(err, pages.ErrLost) {
		return err
	}
	return s.anew(ctx)
}

func (s *Shipper) resume(ctx context.Context) error {
	names, err := generations(s.Data.Dir, s.Compartment, Data)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return pages.ErrLost
	}
	if s.last, s.digest, err = newest(s.Data.Dir, s.Compartment, names[len(names)-1], Data); err != nil {
		return err
	}
	if s.Keys.Dir != "" {
		s.key, s.keyed, err = newest(s.Keys.Dir, s.Compartment, s.last.Generation, Keys)
		if errors.Is(err, os.ErrNotExist) {
			return pages.ErrLost // keys were not kept so far
		}
		if err != nil {
			return err
		}
	}
	if s.follower, err = pages.Resume(ctx, s.Database, s.last.Place, s.Rule, s.take); err != nil {
		return err
	}
	return s.removeBroken(func(name string) bool { return name > s.last.Generation })
}

// newest is the last file of a generation, and its hash.
func newest(dir, compartment, generation string, kind Kind) (h Head, digest string, err error) {
	list, err := parts(filepath.Join(dir, compartment, generation), kind)
	if err != nil {
		return h, "", err
	}
	if len(list) == 0 {
		return h, "", os.ErrNotExist
	}
	path := list[len(list)-1].path
	if h, err = readHead(path); err != nil {
		return h, "", err
	}
	digest, err = digestOf(path)
	return h, digest, err
}

// abandoned is how long nobody has written to a copy of a database that a crash left behind.
const abandoned = time.Hour

// anew begins a generation with everything there is. Until it is whole the one before keeps its place in the log.
func (s *Shipper) anew(ctx context.Context) (err error) {
	has := s.Now().UTC()
	if err := pages.Sweep(s.Temp, has.Add(-abandoned)); err != nil {
		return err
	}
	name, err := s.freshName(has)
	if err != nil {
		return err
	}
	for _, dir := range []string{s.Data.Dir, s.Keys.Dir} {
		if dir == "" {
			continue
		}
		if err := os.MkdirAll(filepath.Join(dir, s.Compartment, name), 0o700); err != nil {
			return err
		}
	}
	follower, err := pages.Begin(ctx, s.Database, s.Rule, s.take)
	if err != nil {
		return err
	}
	before, at := s.chain, s.later(s.Now())
	s.chain = chain{follower: follower, last: Head{Generation: name, Number: -1}, key: Head{Generation: name, Number: -1}}
	err = s.write(ctx, Head{Has: has, At: at}, func(each pages.Each) (uint32, error) { return s.follower.Base(ctx, s.Temp, each) })
	if err != nil {
		s.chain = before
		return errors.Join(err, follower.Close(), s.removeBroken(func(other string) bool { return other == name }))
	}
	s.Until = has
	if before.follower != nil {
		err = before.follower.Close()
	}
	return errors.Join(err, s.tidy(name))
}

func (s *Shipper) freshName(now time.Time) (string, error) {
	name := now.Format(generationName)
	names, err := generations(s.Data.Dir, s.Compartment, Data)
	if err != nil || len(names) == 0 {
		return name, err
	}
	if last := names[len(names)-1]; name <= last { // the clock went back, or hardly on
		t, err := time.Parse(generationName, last)
		return t.Add(time.Second).Format(generationName), err
	}
	return name, nil
}

// later is a time that is not before the newest file's.
func (s *Shipper) later(t time.Time) time.Time {
	if t.Before(s.last.At) {
		return s.last.At
	}
	return t.UTC()
}

func (s *Shipper) ship(ctx context.Context, c pages.Change, has time.Time) error {
	if c.More && has.After(s.last.Has) {
		has = s.last.Has
	}
	h := Head{Has: has.UTC(), At: s.later(s.Now()), Place: c.Place}
	return s.write(ctx, h, func(each pages.Each) (uint32, error) { return c.Size, c.Each(each) })
}

// write writes the next file of the data, with the keys that were cut out of it and the attachments it may name kept
// before it has its name.
func (s *Shipper) write(ctx context.Context, h Head, all func(pages.Each) (uint32, error)) error {
	h.Format, h.Kind, h.Compartment, h.Generation, h.Number, h.Before = format, Data, s.Compartment, s.last.Generation, s.last.Number+1, s.digest
	dir := filepath.Join(s.Data.Dir, s.Compartment, h.Generation)
	w, err := begin(dir, h, s.Data.Recipients)
	if err != nil {
		return err
	}
	defer w.drop()
	defer s.dropKeys()
	if s.Keys.Dir != "" && h.Number == 0 { // the base of the keys is there even if there are no keys
		if err := s.beginKeys(h.Has, h.At); err != nil {
			return err
		}
	}
	size, err := all(func(n uint32, page []byte) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if _, err := w.Write(binary.BigEndian.AppendUint32(nil, n)); err != nil {
			return err
		}
		_, err := w.Write(page)
		return err
	})
	if err != nil {
		return err
	}
	end := binary.BigEndian.AppendUint32([]byte{0, 0, 0, 0}, size) // no page has the number 0
	if _, err := w.Write(end); err != nil {
		return err
	}
	// Files are stored before the commit that names them, and this commit is over.
	if err := s.shipFiles(ctx); err != nil {
		return err
	}
	if err := s.keepKeys(); err != nil {
		return err
	}
	digest, err := s.keep(w, filepath.Join(dir, fileName(Data, h.Number)))
	if err != nil {
		return err
	}
	s.last, s.digest = h, digest
	return nil
}

func (s *Shipper) keep(w *writing, path string) (string, error) {
	digest, err := w.keep(path)
	if err != nil {
		return "", err
	}
	info, err := w.f.Stat()
	if err == nil {
		s.Count, s.Shipped = s.Count+1, s.Shipped+info.Size()
	}
	return digest, err
}

// line is one line of a file of keys: a key of a case, or a piece of a file of the key folder.
type line struct {
	Row  json.RawMessage `json:"row,omitempty"`
	File string          `json:"file,omitempty"`
	From int             `json:"from,omitempty"` // where the piece belongs; what the file had from there on is gone
	Data []byte          `json:"data,omitempty"`
}

// take keeps a key that was cut out of a page.
func (s *Shipper) take(r pages.Row) error {
	if s.Keys.Dir == "" {
		return nil
	}
	row, ok := s.Row(r)
	if !ok {
		return nil
	}
	b, err := json.Marshal(row)
	if err != nil {
		return err
	}
	return s.putKey(line{Row: b})
}

func (s *Shipper) beginKeys(has, at time.Time) (err error) {
	h := Head{Format: format, Kind: Keys, Compartment: s.Compartment, Generation: s.key.Generation, Number: s.key.Number + 1, Has: has, At: at, Before: s.keyed}
	s.keys, err = begin(filepath.Join(s.Keys.Dir, s.Compartment, h.Generation), h, s.Keys.Recipients)
	return err
}

func (s *Shipper) putKey(l line) error {
	if s.keys == nil {
		now := s.Now().UTC()
		if err := s.beginKeys(now, now); err != nil {
			return err
		}
	}
	return json.NewEncoder(s.keys).Encode(l)
}

func (s *Shipper) dropKeys() {
	if s.keys != nil {
		s.keys.drop()
		s.keys = nil
	}
}

// keepKeys ends the file of keys that was begun, if any, with what is new in the key folder.
func (s *Shipper) keepKeys() error {
	if s.Keys.Dir == "" {
		return nil
	}
	now, err := s.Ring()
	if err != nil {
		return err
	}
	for name, b := range now {
		old, from := s.ring[name], 0
		if s.ring != nil && bytes.Equal(old, b) {
			continue
		}
		if len(old) > 0 && bytes.HasPrefix(b, old) {
			from = len(old)
		}
		if err := s.putKey(line{File: name, From: from, Data: b[from:]}); err != nil {
			return err
		}
	}
	if s.keys == nil {
		return nil
	}
	h := s.keys.head
	digest, err := s.keep(s.keys, filepath.Join(s.Keys.Dir, s.Compartment, h.Generation, fileName(Keys, h.Number)))
	if err != nil {
		return err
	}
	s.key, s.keyed, s.ring = h, digest, now
	s.dropKeys()
	return nil
}

// shipRing keeps what is new in the key folder where no page has changed.
func (s *Shipper) shipRing() error {
	defer s.dropKeys()
	return s.keepKeys()
}

// tidy removes generations that need not be kept any more, and attachments none of those that are left can name.
func (s *Shipper) tidy(newest string) error {
	now := s.Now()
	err := removeOlder(filepath.Join(s.Data.Dir, s.Compartment), newest, s.Keep, now.Add(-s.Anew*time.Duration(s.Keep)))
	if s.Keys.Dir != "" { // those of erased cases are in older ones
		err = errors.Join(err, removeOlder(filepath.Join(s.Keys.Dir, s.Compartment), newest, min(s.Keep, keyGenerations), now))
	}
	if err != nil {
		return err
	}
	return s.tidyFiles()
}

// removeBroken removes what was broken off while it was to become the next generation. Its keys may be whole, and whoever
// brings keys back would take them for the newest.
func (s *Shipper) removeBroken(which func(name string) bool) error {
	for _, f := range []Folder{s.Data, s.Keys} {
		if f.Dir == "" {
			continue
		}
		list, err := os.ReadDir(filepath.Join(f.Dir, s.Compartment))
		if err != nil {
			return err
		}
		for _, e := range list {
			if _, err := time.Parse(generationName, e.Name()); err != nil || !which(e.Name()) {
				continue
			}
			if err := os.RemoveAll(filepath.Join(f.Dir, s.Compartment, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// removeOlder removes generations but for the newest ones, and for those that tell of a moment after since. A generation
// tells of every moment until the next one began.
func removeOlder(dir, newest string, keep int, since time.Time) error {
	list, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	slices.SortFunc(list, func(a, b os.DirEntry) int { return strings.Compare(b.Name(), a.Name()) })
	kept, until := 0, time.Time{}
	for _, e := range list {
		begun, err := time.Parse(generationName, e.Name())
		if err != nil || e.Name() > newest {
			continue
		}
		whole := slices.ContainsFunc([]Kind{Data, Keys}, func(k Kind) bool {
			_, err := os.Stat(filepath.Join(dir, e.Name(), fileName(k, 0)))
			return err == nil
		})
		if whole && (kept < keep || until.After(since)) {
			kept, until = kept+1, begun
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return fmt.Errorf("an older generation could not be removed: %w", err)
		}
	}
	return nil
}
