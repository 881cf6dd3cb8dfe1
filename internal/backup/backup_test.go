package backup

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"comity/internal/db"
	"comity/internal/db/pages"
)

// house is a database that is followed, with a clock that goes on by a second each time it is asked.
type house struct {
	t      *testing.T
	d      *db.DB
	s      *Shipper
	now    time.Time
	ring   map[string][]byte
	secret string // file
	root   string
	times  []time.Time // behind each word
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, root: t.TempDir(), now: time.Date(2026, 3, 2, 1, 0, 0, 0, time.UTC), ring: map[string][]byte{"civic.keys": []byte("ring")}}
	var err error
	if h.d, err = db.Open(t.Context(), filepath.Join(h.root, "a.db"), h.clock); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.d.Close() })
	h.exec(`CREATE TABLE words (id INTEGER PRIMARY KEY, word TEXT NOT NULL) STRICT`)
	secret, recipient, err := NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	h.secret = filepath.Join(h.root, "identity")
	if err := os.WriteFile(h.secret, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	to, err := Recipients(recipient)
	if err != nil {
		t.Fatal(err)
	}
	h.s = &Shipper{Source: Source{Compartment: "civic", Database: filepath.Join(h.root, "a.db"), Temp: h.root,
		Files: filepath.Join(h.root, "files"), FilesTo: filepath.Join(h.root, "to", "files"),
		Data: Folder{filepath.Join(h.root, "to"), to}, Keys: Folder{filepath.Join(h.root, "safe"), to},
		Rule: func(r pages.Row) (int, bool) {
			word, ok := r.Text(1)
			return 1, ok && r.Columns() == 2 && bytes.HasPrefix(word, []byte("key."))
		},
		Row:  func(r pages.Row) (any, bool) { word, _ := r.Text(1); return string(word), true },
		Ring: func() (map[string][]byte, error) { return h.ring, nil },
		Now:  h.clock, Anew: time.Hour, Keep: 3, Log: slog.New(slog.DiscardHandler)}}
	t.Cleanup(func() { h.s.Close() })
	return h
}

func (h *house) clock() time.Time {
	h.now = h.now.Add(time.Second)
	return h.now
}

func (h *house) exec(text string) {
	h.t.Helper()
	err := h.d.Transact(h.t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(h.t.Context(), text)
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) tick() {
	h.t.Helper()
	if err := h.s.Tick(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
}

// say writes words, ships after each, and keeps when that was.
func (h *house) say(words ...string) {
	h.t.Helper()
	for _, w := range words {
		h.exec(fmt.Sprintf(`INSERT INTO words (word) VALUES ('%s')`, w))
		h.tick()
		h.times = append(h.times, h.clock())
	}
}

func (h *house) restore(at time.Time) (words string, r Reached, err error) {
	h.t.Helper()
	ids, err := Identities(h.secret)
	if err != nil {
		h.t.Fatal(err)
	}
	path := filepath.Join(h.t.TempDir(), "b.db")
	if r, err = Restore(h.t.Context(), filepath.Join(h.root, "to"), "civic", at, ids, path, `UPDATE words SET word = '' WHERE word LIKE '---%'`); err != nil {
		return "", r, err
	}
	d, err := db.Open(h.t.Context(), path, h.clock)
	if err != nil {
		h.t.Fatal(err)
	}
	defer d.Close()
	err = d.View(h.t.Context(), func(tx *db.Tx) error {
		list, err := db.All(h.t.Context(), tx, `SELECT word FROM words ORDER BY id`, nil, func(row db.Scanner) (s string, err error) { return s, row.Scan(&s) })
		words = strings.Join(list, " ")
		return err
	})
	return words, r, err
}

func (h *house) files() []part {
	h.t.Helper()
	names, err := generations(h.s.Data.Dir, "civic", Data)
	if err != nil || len(names) == 0 {
		h.t.Fatal(names, err)
	}
	list, err := parts(filepath.Join(h.s.Data.Dir, "civic", names[len(names)-1]), Data)
	if err != nil {
		h.t.Fatal(err)
	}
	return list
}

func Test_a_database_is_brought_back_to_any_moment_between_two_files(t *testing.T) {
	h := newHouse(t)
	h.tick()
	begun := h.clock()
	h.say("one", "key.secret", "two", "three")
	for at, want := range map[time.Time]string{begun: "", h.times[0]: "one", h.times[1]: "one ", h.times[2]: "one  two", h.times[3]: "one  two three", {}: "one  two three"} {
		if got, r, err := h.restore(at); err != nil || got != want {
			t.Errorf("at %s (%+v): %q, want %q, %v", at, r, got, want, err)
		}
	}
	if _, _, err := h.restore(begun.Add(-time.Hour)); err == nil || !strings.Contains(err.Error(), "begins at") {
		t.Errorf("a moment before everything: %v", err)
	}
	if list, err := List(h.s.Data.Dir, Data, true); err != nil || len(list) != 1 || list[0].Files != 6 || len(list[0].Gaps) > 0 || !list[0].Until.After(h.times[2]) {
		t.Errorf("%+v, %v", list, err)
	}
}

func Test_keys_are_kept_apart_with_what_is_new_in_the_key_folder(t *testing.T) {
	h := newHouse(t)
	h.exec(`INSERT INTO words (word) VALUES ('key.first')`)
	h.tick()
	h.ring = map[string][]byte{"civic.keys": []byte("ring and more"), "secret": []byte("s")}
	h.tick()
	h.say("plain")
	h.exec(`UPDATE words SET word = 'key.second' WHERE word = 'key.first'`)
	h.tick()
	ids, err := Identities(h.secret)
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	ring, _, err := RestoreKeys(h.s.Keys.Dir, "civic", ids, func(row json.RawMessage) error {
		rows = append(rows, string(row))
		return nil
	})
	if err != nil || string(ring["civic.keys"]) != "ring and more" || string(ring["secret"]) != "s" {
		t.Errorf("%q, %v", ring, err)
	}
	if rows[0] != `"key.second"` || rows[len(rows)-1] != `"key.first"` {
		t.Errorf("the newest state comes first: %v", rows)
	}
	all := readTree(t, h.s.Data.Dir)
	for _, f := range h.files() {
		if err := opened(f.path, ids, func(_ Head, in *bufio.Reader) error {
			_, err := put(in, func(_ uint32, page []byte) error { all = append(all, page...); return nil })
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	for _, secret := range []string{"key.", "first", "second"} {
		if bytes.Contains(all, []byte(secret)) {
			t.Errorf("%q lies with the data", secret)
		}
	}
}

func readTree(t *testing.T, dir string) (all []byte) {
	t.Helper()
	for _, pattern := range []string{"*", "*/*", "*/*/*"} {
		found, _ := filepath.Glob(filepath.Join(dir, pattern))
		for _, path := range found {
			if b, err := os.ReadFile(path); err == nil {
				all = append(all, b...)
			}
		}
	}
	return all
}

func Test_a_broken_chain_is_refused_by_the_name_of_the_file_and_what_lies_before_it_comes_back(t *testing.T) {
	for what, c := range map[string]struct {
		breaks func(list []part) error
		names  int // file in the refusal
	}{
		"a file is missing":    {func(l []part) error { return os.Remove(l[3].path) }, 3},
		"a file was changed":   {func(l []part) error { return spoil(l[3].path) }, 3},
		"a file was exchanged": {func(l []part) error { return os.Rename(l[4].path, l[3].path) }, 3},
		"the base was cut off": {func(l []part) error { return os.Truncate(l[0].path, l[0].size-9) }, 0},
	} {
		h := newHouse(t)
		h.tick()
		h.say("one", "two", "three", "four")
		list := h.files()
		if err := c.breaks(list); err != nil {
			t.Fatal(err)
		}
		good, err := readHead(list[2].path)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = h.restore(time.Time{})
		if err == nil || !strings.Contains(err.Error(), fileName(Data, c.names)) {
			t.Errorf("%s: %v", what, err)
		}
		if got, _, err := h.restore(good.At); c.names == 3 && (err != nil || got != "one") {
			t.Errorf("%s: before it there is %q, %v", what, got, err)
		}
		if g, err := List(h.s.Data.Dir, Data, true); err != nil || len(g[0].Gaps) == 0 {
			t.Errorf("%s: the list shows no gap: %+v, %v", what, g, err)
		}
	}
}

func spoil(path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	b[len(b)-20] ^= 1
	return os.WriteFile(path, b, 0o600)
}

func Test_a_last_file_that_is_broken_off_is_left_out_and_said(t *testing.T) {
	h := newHouse(t)
	h.tick()
	h.say("one", "two", "three")
	list := h.files()
	last := list[len(list)-1]
	if err := os.Truncate(last.path, last.size-5); err != nil {
		t.Fatal(err)
	}
	got, r, err := h.restore(time.Time{})
	if err != nil || got != "one two" || !strings.Contains(r.Broken, filepath.Base(last.path)) || r.At.After(h.times[1]) {
		t.Errorf("%q, %+v, %v", got, r, err)
	}
}

func Test_a_wrong_identity_and_another_compartment_are_refused_in_words(t *testing.T) {
	h := newHouse(t)
	h.tick()
	h.say("one")
	other, _, err := NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	mine, err := os.ReadFile(h.secret)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(h.secret, []byte(other), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.restore(time.Time{}); err == nil || !strings.Contains(err.Error(), "--identity") {
		t.Errorf("a wrong identity: %v", err)
	}
	if err := os.WriteFile(h.secret, mine, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(h.s.Data.Dir, "civic"), filepath.Join(h.s.Data.Dir, "youth")); err != nil {
		t.Fatal(err)
	}
	ids, err := Identities(h.secret)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Restore(t.Context(), h.s.Data.Dir, "youth", time.Time{}, ids, filepath.Join(h.root, "c.db"), `SELECT 1`)
	if err == nil || !strings.Contains(err.Error(), "belongs to compartment civic") {
		t.Errorf("another compartment: %v", err)
	}
}

func Test_a_follower_that_was_killed_goes_on_and_one_that_missed_something_begins_anew(t *testing.T) {
	h := newHouse(t)
	h.tick()
	h.say("one")
	if err := h.s.Close(); err != nil {
		t.Fatal(err)
	}
	h.s = &Shipper{Source: h.s.Source}
	h.say("two")
	if n := len(h.files()); n != 4 {
		t.Errorf("%d files: the second follower did not go on", n)
	}
	if err := h.s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := h.d.Scrub(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.s = &Shipper{Source: h.s.Source}
	h.say("three")
	h.now = h.now.Add(2 * time.Hour) // older than a generation may be
	h.say("four")
	if names, err := generations(h.s.Data.Dir, "civic", Data); err != nil || len(names) != 3 {
		t.Errorf("generations %v, %v", names, err)
	}
	for i, want := range []string{"one", "one two", "one two three", "one two three four"} {
		if got, _, err := h.restore(h.times[i]); err != nil || got != want {
			t.Errorf("at %s: %q, want %q, %v", h.times[i], got, want, err)
		}
	}
	for range 3 {
		h.now = h.now.Add(2 * time.Hour)
		h.tick()
	}
	data, err1 := generations(h.s.Data.Dir, "civic", Data)
	keys, err2 := generations(h.s.Keys.Dir, "civic", Keys)
	if err1 != nil || err2 != nil || len(data) != 3 || len(keys) != 2 {
		t.Errorf("kept are %v and %v of keys, %v %v", data, keys, err1, err2)
	}
}

func Test_a_follower_that_begins_anew_all_the_time_does_not_push_the_older_days_out(t *testing.T) {
	h := newHouse(t)
	h.tick()
	h.say("one")
	for range 6 {
		if err := h.s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := h.d.Scrub(t.Context()); err != nil { // what it missed it cannot know
			t.Fatal(err)
		}
		h.s = &Shipper{Source: h.s.Source}
		h.say("more")
	}
	if got, _, err := h.restore(h.times[0]); err != nil || got != "one" {
		t.Errorf("%q, %v; want what was a minute ago", got, err)
	}
	if keys, err := generations(h.s.Keys.Dir, "civic", Keys); err != nil || len(keys) != keyGenerations {
		t.Errorf("keys of %v are kept, %v; erased ones stay in them", keys, err)
	}
	h.now = h.now.Add(4 * time.Hour)
	h.tick()
	if data, err := generations(h.s.Data.Dir, "civic", Data); err != nil || len(data) != 3 {
		t.Errorf("%v are kept when the time is over, %v", data, err)
	}
}

func Test_a_database_that_takes_the_place_of_another_is_not_taken_for_its_continuation(t *testing.T) {
	h := newHouse(t)
	h.tick()
	h.say("one", "two")
	if err := h.d.Close(); err != nil {
		t.Fatal(err)
	}
	for _, end := range []string{"", "-wal", "-shm"} { // as whoever brings a backup back does
		if err := os.Rename(filepath.Join(h.root, "a.db"+end), filepath.Join(h.root, "away.db"+end)); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
	if err := h.s.Tick(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("there is no database, and the backup says %v", err)
	}
	var err error
	if h.d, err = db.Open(t.Context(), filepath.Join(h.root, "a.db"), h.clock); err != nil {
		t.Fatal(err)
	}
	h.exec(`CREATE TABLE words (id INTEGER PRIMARY KEY, word TEXT NOT NULL) STRICT`)
	h.say("three")
	for i, want := range []string{"one", "one two", "three"} {
		if got, _, err := h.restore(h.times[i]); err != nil || got != want {
			t.Errorf("at %s: %q, want %q, %v", h.times[i], got, want, err)
		}
	}
}

func Test_copies_a_crash_left_behind_are_taken_away(t *testing.T) {
	h := newHouse(t)
	for name, age := range map[string]time.Duration{"old": 2 * time.Hour, "new": time.Minute} { // the new one may be another follower's
		path := filepath.Join(h.root, ".copy-"+name, "copy")
		if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("erased since"), 0o600); err != nil {
			t.Fatal(err)
		}
		at := h.now.Add(-age)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	h.tick()
	if left, err := filepath.Glob(filepath.Join(h.root, ".copy-*")); err != nil || len(left) != 1 || filepath.Base(left[0]) != ".copy-new" {
		t.Errorf("left are %v, %v", left, err)
	}
}

func Test_a_generation_that_cannot_be_begun_does_not_stop_the_one_before(t *testing.T) {
	h := newHouse(t)
	h.tick()
	h.say("one")
	temp := h.s.Temp
	h.s.Temp = filepath.Join(h.root, "full") // a disk that has no room for a copy
	h.now = h.now.Add(2 * time.Hour)
	h.say("two", "three")
	h.s.Temp = temp
	h.now = h.now.Add(anewAgain)
	h.say("four")
	for i, want := range []string{"one", "one two", "one two three", "one two three four"} {
		if got, _, err := h.restore(h.times[i]); err != nil || got != want {
			t.Errorf("at %s: %q, want %q, %v", h.times[i], got, want, err)
		}
	}
	if list, err := List(h.s.Data.Dir, Data, true); err != nil || len(list) != 2 || list[0].Files != 5 || len(list[0].Gaps)+len(list[1].Gaps) > 0 {
		t.Errorf("%+v, %v", list, err)
	}
}

func Test_keys_of_a_generation_that_was_broken_off_are_not_taken_for_the_newest(t *testing.T) {
	h := newHouse(t)
	h.tick()
	h.say("key.first")
	h.now = h.now.Add(2 * time.Hour)
	h.tick()
	if err := h.s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, f := range h.files() { // it was killed before the data had their name
		if err := os.Remove(f.path); err != nil {
			t.Fatal(err)
		}
	}
	h.s = &Shipper{Source: h.s.Source}
	h.s.Anew = 24 * time.Hour
	h.say("key.second")
	ids, err := Identities(h.secret)
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	_, _, err = RestoreKeys(h.s.Keys.Dir, "civic", ids, func(row json.RawMessage) error {
		rows = append(rows, string(row))
		return nil
	})
	if err != nil || !slices.Contains(rows, `"key.first"`) || !slices.Contains(rows, `"key.second"`) {
		t.Errorf("%v, %v", rows, err)
	}
}

func Test_an_attachment_is_copied_once_and_goes_when_no_generation_can_name_it(t *testing.T) {
	h := newHouse(t)
	name := filepath.Join("ab", "abcd")
	if err := os.MkdirAll(filepath.Join(h.s.Files, "ab"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(h.s.Files, name), []byte("sealed"), 0o600); err != nil {
		t.Fatal(err)
	}
	h.tick()
	there := func() bool {
		_, err := os.Stat(filepath.Join(h.s.FilesTo, name))
		return err == nil
	}
	if !there() {
		t.Fatal("it was not copied")
	}
	if err := os.Remove(filepath.Join(h.s.Files, name)); err != nil {
		t.Fatal(err)
	}
	for i := range 6 {
		h.now = h.now.Add(2 * time.Hour)
		h.tick()
		if i < 2 && !there() {
			t.Errorf("generation %d, which may name it, has lost it", i)
		}
	}
	if there() {
		t.Error("it is still there when nothing can name it")
	}
}
