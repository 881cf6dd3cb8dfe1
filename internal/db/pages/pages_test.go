package pages

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"comity/internal/db"
)

const schema = `CREATE TABLE secrets (n INTEGER NOT NULL, slot TEXT NOT NULL, word TEXT NOT NULL, state TEXT NOT NULL, PRIMARY KEY (n, slot)) STRICT, WITHOUT ROWID;
CREATE TABLE notes (id INTEGER PRIMARY KEY, said TEXT NOT NULL, other TEXT NOT NULL) STRICT;
CREATE TABLE orders (id INTEGER PRIMARY KEY, asked TEXT NOT NULL, again TEXT NOT NULL, hours INTEGER NOT NULL, word TEXT NOT NULL) STRICT;
CREATE INDEX notes_said ON notes (said, other);`

// secretWord is the rule of the tests: entries of four columns with a word in the third.
func secretWord(r Row) (int, bool) {
	if r.Kinds() == "-ttit" {
		return 4, true
	}
	word, ok := r.Text(2)
	return 2, r.Columns() == 4 && ok && bytes.HasPrefix(word, []byte("secret."))
}

func source(t *testing.T) (*db.DB, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.db")
	d, err := db.Open(t.Context(), path, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	write(t, d, strings.Split(schema, ";\n")...)
	return d, path
}

func write(t *testing.T, d *db.DB, texts ...string) {
	t.Helper()
	err := d.Transact(t.Context(), func(tx *db.Tx) error {
		for _, text := range texts {
			if _, err := tx.Exec(t.Context(), text); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// shadow is what arrives elsewhere.
type shadow struct {
	pages map[uint32][]byte
	size  uint32
	parts int
}

func (s *shadow) put(n uint32, page []byte) error {
	s.pages[n] = bytes.Clone(page)
	return nil
}

func (s *shadow) ship(c Change) error {
	s.size, s.parts = c.Size, s.parts+1
	return c.Each(s.put)
}

func (s *shadow) restored(t *testing.T) *db.DB {
	t.Helper()
	path := filepath.Join(t.TempDir(), "b.db")
	f, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for n, page := range s.pages {
		if n <= s.size {
			if err := f.Put(n, page); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := errors.Join(f.Finish(t.Context(), s.size, `UPDATE secrets SET word = '' WHERE word <> ''`), f.Close()); err != nil {
		t.Fatal(err)
	}
	d, err := db.Open(t.Context(), path, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// dump is all a database holds, but the secrets.
func dump(t *testing.T, d *db.DB) string {
	t.Helper()
	var b strings.Builder
	err := d.View(t.Context(), func(tx *db.Tx) error {
		for _, q := range []string{`SELECT id, said, other FROM notes ORDER BY id`, `SELECT n, slot, state FROM secrets ORDER BY n, slot`,
			`SELECT hours, asked, again FROM orders ORDER BY id`} {
			list, err := db.All(t.Context(), tx, q, nil, func(row db.Scanner) (s string, err error) {
				var n int64
				var x, y string
				err = row.Scan(&n, &x, &y)
				return fmt.Sprint(n, x, y, "\n"), err
			})
			if err != nil {
				return err
			}
			b.WriteString(strings.Join(list, ""))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func follow(t *testing.T, path string, taken func(Row) error) (*Follower, *shadow) {
	t.Helper()
	f, err := Begin(t.Context(), path, secretWord, taken)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	s := &shadow{pages: map[uint32][]byte{}}
	if s.size, err = f.Base(t.Context(), filepath.Dir(path), s.put); err != nil {
		t.Fatal(err)
	}
	return f, s
}

// left finds a secret of which 16 bytes or more lie in a page.
func left(pages map[uint32][]byte, secrets []string) string {
	pieces := map[string]string{}
	for _, word := range secrets {
		for piece := word[7:]; len(piece) >= 16; piece = piece[16:] {
			pieces[piece[:16]] = word
		}
	}
	for _, page := range pages {
		for i := range len(page) - 16 {
			if page[i] != 0 && page[i] != blank {
				if word := pieces[string(page[i:i+16])]; word != "" {
					return word
				}
			}
		}
	}
	return ""
}

func Test_what_is_followed_is_the_same_after_any_work_and_no_piece_of_a_secret_has_left(t *testing.T) {
	d, path := source(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	draw := rand.New(rand.NewPCG(seed, 1))
	var secrets []string
	secret := func() string {
		s := "secret."
		for range 4 + draw.IntN(4) {
			s += fmt.Sprintf("%016x", draw.Uint64())
		}
		secrets = append(secrets, s)
		return s
	}
	long := func() string { return strings.Repeat(fmt.Sprintf("%08x", draw.Uint32()), draw.IntN(900)) }
	work := func() {
		var texts []string
		for range 1 + draw.IntN(30) {
			n := draw.IntN(400)
			switch draw.IntN(8) {
			case 0, 1:
				texts = append(texts, fmt.Sprintf(`INSERT INTO secrets VALUES (%d, '%d', '%s', 'live') ON CONFLICT DO UPDATE SET word = '%s'`, n, draw.IntN(3), secret(), secret()))
			case 2:
				texts = append(texts, fmt.Sprintf(`UPDATE secrets SET word = '', state = 'erased' WHERE n = %d`, n))
			case 3:
				texts = append(texts, fmt.Sprintf(`DELETE FROM secrets WHERE n BETWEEN %d AND %d`, n, n+draw.IntN(9)))
			case 4:
				texts = append(texts, fmt.Sprintf(`INSERT INTO notes (said, other) VALUES ('%s', '%d')`, long(), n))
			case 6:
				texts = append(texts, fmt.Sprintf(`INSERT INTO orders VALUES (%d, '%s', '%s', 3, '%s') ON CONFLICT DO UPDATE SET asked = '%s', word = '%s'`,
					1+n%20, long(), long(), secret(), long(), secret()))
			case 7:
				texts = append(texts, fmt.Sprintf(`UPDATE orders SET hours = %d, word = '' WHERE id = %d`, n, 1+n%20))
			case 5:
				texts = append(texts, fmt.Sprintf(`DELETE FROM notes WHERE id %% 7 = %d`, n%7))
			}
		}
		write(t, d, texts...)
	}
	for range 20 {
		work()
	}
	taken := map[string]bool{}
	f, s := follow(t, path, func(r Row) error {
		word, _ := r.Text(r.Columns() - 2)
		taken[string(word)] = true
		return nil
	})
	for i := range 40 {
		work()
		switch draw.IntN(8) {
		case 0:
			done := make(chan error)
			go func() { done <- d.Scrub(t.Context()) }() // waits until the follower has gone on
			for scrubbed := false; !scrubbed; {
				if err := f.Next(t.Context(), s.ship); err != nil {
					t.Fatal(err)
				}
				select {
				case err := <-done:
					if err != nil {
						t.Fatal(err)
					}
					scrubbed = true
				case <-time.After(5 * time.Millisecond):
				}
			}
		case 1, 2, 3:
			continue
		}
		if err := f.Next(t.Context(), s.ship); err != nil {
			t.Fatal(err)
		}
		if i%6 == 0 {
			if got, want := dump(t, s.restored(t)), dump(t, d); got != want {
				t.Fatalf("after %d rounds the copy differs: %d bytes, %d at the source", i, len(got), len(want))
			}
		}
		if word := left(s.pages, secrets); word != "" {
			t.Fatalf("in round %d a piece of the secret %s has left", i, word)
		}
	}
	if err := f.Next(t.Context(), s.ship); err != nil {
		t.Fatal(err)
	}
	if got, want := dump(t, s.restored(t)), dump(t, d); got != want {
		t.Fatal("at the end the copy differs")
	}
	if s.parts < 12 || len(taken) < 100 {
		t.Errorf("only %d changes and %d secrets were met", s.parts, len(taken))
	}
	again, err := db.Open(t.Context(), path, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	err = again.View(t.Context(), func(tx *db.Tx) error {
		words, err := db.All(t.Context(), tx, `SELECT word FROM secrets WHERE word <> ''`, nil, func(row db.Scanner) (s string, err error) { return s, row.Scan(&s) })
		for _, word := range words {
			if !taken[word] {
				t.Errorf("the secret %s was cut out and not handed over", word)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func Test_a_long_log_begins_anew_and_nothing_is_lost(t *testing.T) {
	d, path := source(t)
	f, s := follow(t, path, nil)
	size := func() int64 {
		info, err := os.Stat(path + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	grown := func() {
		for size() < longLog {
			write(t, d, `INSERT INTO notes (said, other) SELECT hex(randomblob(3000)), value FROM generate`)
		}
	}
	write(t, d, `CREATE TABLE generate (value TEXT NOT NULL) STRICT`, `INSERT INTO generate VALUES ('1'), ('2'), ('3'), ('4'), ('5'), ('6'), ('7'), ('8'), ('9')`)
	grown()
	write(t, d, `DELETE FROM notes WHERE id % 50 <> 0`)
	full := size()
	before := f.Place().Salt
	if err := f.GiveWay(t.Context(), s.ship); err != nil {
		t.Fatal(err)
	}
	write(t, d, `INSERT INTO notes (said, other) VALUES ('after', '1')`)
	if err := f.Next(t.Context(), s.ship); err != nil {
		t.Fatal(err)
	}
	if after := f.Place(); before == after.Salt || after.Frames > 100 {
		t.Errorf("the log of %d bytes did not begin anew: %+v", full, after)
	}
	if dump(t, s.restored(t)) != dump(t, d) {
		t.Error("the copy differs")
	}
}

func Test_a_follower_goes_on_where_another_came_to_or_says_that_it_cannot(t *testing.T) {
	d, path := source(t)
	f, s := follow(t, path, nil)
	write(t, d, `INSERT INTO notes (said, other) VALUES ('one', '1')`)
	if err := f.Next(t.Context(), s.ship); err != nil {
		t.Fatal(err)
	}
	at := f.Place()
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, d, `INSERT INTO notes (said, other) VALUES ('two', '2')`)
	f, err := Resume(t.Context(), path, at, secretWord, nil)
	if err != nil {
		t.Fatal(err)
	}
	refused := errors.New("the disk is full")
	if err := f.Next(t.Context(), func(Change) error { return refused }); !errors.Is(err, refused) {
		t.Fatal(err)
	}
	if err := f.Next(t.Context(), s.ship); err != nil {
		t.Fatal(err)
	}
	if dump(t, s.restored(t)) != dump(t, d) {
		t.Error("what was refused once is missing")
	}
	at = f.Place()
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := d.Scrub(t.Context()); err != nil {
		t.Fatal(err)
	}
	write(t, d, `INSERT INTO notes (said, other) VALUES ('three', '3')`)
	if _, err := Resume(t.Context(), path, at, secretWord, nil); !errors.Is(err, ErrLost) {
		t.Errorf("a log that began anew unseen: %v", err)
	}
}

func Test_writers_under_load_are_followed(t *testing.T) {
	d, path := source(t)
	f, s := follow(t, path, nil)
	ctx, stop := context.WithTimeout(t.Context(), 1500*time.Millisecond)
	defer stop()
	done := make(chan int)
	go func() {
		n := 0
		for ctx.Err() == nil {
			if d.Transact(context.WithoutCancel(ctx), func(tx *db.Tx) error {
				_, err := tx.Exec(t.Context(), `INSERT INTO notes (said, other) VALUES (hex(randomblob(200)), 'x')`)
				return err
			}) == nil {
				n++
			}
		}
		done <- n
	}()
	for ctx.Err() == nil {
		if err := f.Next(t.Context(), s.ship); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
	n := <-done
	if err := f.Next(t.Context(), s.ship); err != nil {
		t.Fatal(err)
	}
	if n < 10 || s.parts < 5 || dump(t, s.restored(t)) != dump(t, d) {
		t.Errorf("%d commits in %d changes: the copy differs, or nothing was tried", n, s.parts)
	}
}

// A writer that is killed between its last frame and the index of the log leaves a commit that is none: the next one
// writes over it.
func Test_what_a_killed_writer_left_in_the_log_is_no_commit(t *testing.T) {
	d, path := source(t)
	write(t, d, `INSERT INTO notes (said, other) VALUES ('before', '')`)
	f, s := follow(t, path, nil)
	next := func() {
		t.Helper()
		if err := f.Next(t.Context(), s.ship); err != nil {
			t.Fatal(err)
		}
	}
	next()
	parts, place := s.parts, f.Place()

	l, err := f.opened()
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	w, err := os.OpenFile(path+"-wal", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	const left = 20 // more than the next commit has
	sum, page := place.Sum, bytes.Repeat([]byte("left"), Size/4)
	for i := range int64(left) {
		b := binary.BigEndian.AppendUint32(nil, s.size)
		b = binary.BigEndian.AppendUint32(b, s.size)
		sum = l.check(l.check(sum, b), page)
		b = binary.BigEndian.AppendUint64(b, l.salt)
		b = append(binary.BigEndian.AppendUint64(b, sum), page...)
		if _, err := w.WriteAt(b, at(place.Frames+i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	next()
	if s.parts != parts {
		t.Error("what was never committed was shipped")
	}
	write(t, d, `INSERT INTO notes (said, other) VALUES ('after', '')`)
	next()
	if got, want := dump(t, s.restored(t)), dump(t, d); got != want || s.parts == parts {
		t.Errorf("followed\n%swant\n%s", got, want)
	}
}
