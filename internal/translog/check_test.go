package translog

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/receipt"
)

// testLog is a log with a key made of one byte repeated.
func testLog(d *db.DB, seed byte) *Log {
	bytes := make([]byte, ed25519.SeedSize)
	for i := range bytes {
		bytes[i] = seed
	}
	private := ed25519.NewKeyFromSeed(bytes)
	return &Log{DB: d, Origin: receipt.Origin("linjiang", "civic"), Key: receipt.KeyText(private.Public().(ed25519.PublicKey)),
		Sign: func(msg []byte) []byte { return ed25519.Sign(private, msg) }}
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func grow(t *testing.T, l *Log, from, to int) receipt.Head {
	t.Helper()
	add(t, l.DB, from, to)
	must[int](t)(l.Sequence(t.Context()))
	return must[receipt.Head](t)(l.SignHead(t.Context()))
}

func Test_heads_are_notes_that_others_can_open_and_every_proof_leads_to_them(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		migrated(t, d)
		l := testLog(d, 1)
		var heads []receipt.Head
		for n := range 12 {
			heads = append(heads, grow(t, l, n*n, (n+1)*(n+1)))
		}
		verifier := must[note.Verifier](t)(note.NewVerifier(receipt.NoteKey(l.Origin, l.Key)))
		for _, h := range heads {
			opened, err := note.Open([]byte(h.Text()), note.VerifierList(verifier))
			if err != nil || opened.Text != h.Body() {
				t.Fatalf("%v\n%s", err, h.Text())
			}
			for i := range int(h.Size) {
				e := record(i)
				p := must[Proof](t)(l.Proof(t.Context(), e.Kind, e.ID, h.Size))
				if err := tlog.CheckRecord(p.Path, h.Size, h.Root, p.Entry.Pos, e.Leaf()); err != nil {
					t.Fatalf("record %d in %d: %v", i, h.Size, err)
				}
			}
			for _, old := range heads {
				if old.Size > h.Size {
					break
				}
				path := must[[]tlog.Hash](t)(l.Consistency(t.Context(), old.Size, h.Size))
				if err := tlog.CheckTree(path, h.Size, h.Root, old.Size, old.Root); err != nil {
					t.Fatalf("%d to %d: %v", old.Size, h.Size, err)
				}
			}
		}
		seen := must[Checked](t)(l.Check(t.Context(), nil))
		if seen.Entries != 144 || seen.Heads != 12 || seen.Hashes != tlog.StoredHashCount(144) || seen.Waiting != 0 {
			t.Fatalf("%+v", seen)
		}
		if list := must[[]receipt.Head](t)(l.Heads(t.Context(), &heads[4], 3)); len(list) != 3 || list[0].Text() != heads[3].Text() {
			t.Fatalf("heads before the fifth: %v", list)
		}
	})
}

func Test_what_is_not_there_yet_or_never_was_has_no_proof(t *testing.T) {
	d := dbtest.OpenSQLite(t)
	migrated(t, d)
	l, e := testLog(d, 1), record(5)
	ask := func(size int64) error { _, err := l.Proof(t.Context(), e.Kind, e.ID, size); return err }
	if _, err := l.Head(t.Context()); !errors.Is(err, ErrNoHead) {
		t.Fatal(err)
	}
	grow(t, l, 0, 5)
	if err := ask(0); !errors.Is(err, ErrNoEntry) {
		t.Fatal(err)
	}
	add(t, d, 5, 6)
	if err := ask(0); !errors.Is(err, ErrNotYet) {
		t.Fatal(err)
	}
	must[int](t)(l.Sequence(t.Context()))
	if err := ask(0); !errors.Is(err, ErrNotYet) {
		t.Fatal("the head does not cover it: ", err)
	}
	for _, size := range []int64{-1, 7, 1 << 62} {
		if err := ask(size); !errors.Is(err, ErrSizes) {
			t.Fatal(size, err)
		}
		if _, err := l.Consistency(t.Context(), 1, size); !errors.Is(err, ErrSizes) {
			t.Fatal(size, err)
		}
	}
	must[receipt.Head](t)(l.SignHead(t.Context()))
	if err := ask(0); err != nil {
		t.Fatal(err)
	}
}

func Test_random_appends_in_random_batches_make_the_naive_tree(t *testing.T) {
	d := dbtest.OpenSQLite(t)
	migrated(t, d)
	l := testLog(d, 1)
	var leaves []tlog.Hash
	rapid.Check(t, func(rt *rapid.T) {
		for range rapid.IntRange(1, 4).Draw(rt, "appends") {
			leaves = append(leaves, add(t, d, len(leaves), len(leaves)+rapid.IntRange(0, 9).Draw(rt, "records"))...)
			if rapid.Bool().Draw(rt, "sequence") {
				must[int](t)(l.Sequence(t.Context()))
			}
		}
		must[int](t)(l.Sequence(t.Context()))
		h := must[receipt.Head](t)(l.SignHead(t.Context()))
		if h.Size != int64(len(leaves)) || h.Root != naive(leaves) {
			rt.Fatalf("size %d, %d records", h.Size, len(leaves))
		}
	})
	must[Checked](t)(l.Check(t.Context(), nil))
}

var errKilled = errors.New("killed")

func Test_killed_at_every_commit_the_log_is_whole_after_the_next_run(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		migrated(t, d)
		l := testLog(d, 1)
		n := 0
		for _, stored := range []bool{false, true} {
			for step := 0; ; step++ {
				add(t, d, n, n+batch+3)
				n += batch + 3
				commits := 0
				d.InterceptCommit(func(commit func() error) error {
					commits++
					if commits != step+1 {
						return commit()
					}
					if stored {
						if err := commit(); err != nil {
							return err
						}
					}
					return errKilled
				})
				_, err := l.Sequence(t.Context())
				if err == nil {
					_, err = l.SignHead(t.Context())
				}
				d.InterceptCommit(nil)
				if err != nil && !errors.Is(err, errKilled) {
					t.Fatal(err)
				}
				must[int](t)(l.Sequence(t.Context()))
				if h := must[receipt.Head](t)(l.SignHead(t.Context())); h.Size != int64(n) {
					t.Fatalf("step %d: the head has %d of %d", step, h.Size, n)
				}
				if seen := must[Checked](t)(l.Check(t.Context(), nil)); seen.Entries != int64(n) || seen.Waiting != 0 {
					t.Fatalf("step %d: %+v of %d", step, seen, n)
				}
				if err == nil {
					break // killed behind the last commit
				}
			}
		}
	})
}

func Test_nodes_that_write_and_sequence_at_once_give_every_record_one_place(t *testing.T) {
	dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) {
		migrated(t, d)
		const writers, each = 3, 40
		var work sync.WaitGroup
		for w := range writers {
			work.Go(func() {
				for i := range each {
					e := record(w*each + i)
					if err := d.Transact(context.Background(), func(tx *db.Tx) error { return Add(context.Background(), tx, e.Kind, e.ID, e.Hash) }); err != nil {
						t.Error(err)
					}
				}
			})
			l := testLog(d, 1)
			l.Node = fmt.Sprint("node ", w)
			work.Go(func() {
				for range each {
					if _, err := l.Sequence(context.Background()); err != nil {
						t.Error(err)
					}
					if _, err := l.SignHead(context.Background()); err != nil {
						t.Error(err)
					}
				}
			})
		}
		work.Wait()
		l := testLog(d, 1)
		set(dbtest.Start.Add(lease + time.Second)) // in case a node kept the lease
		must[int](t)(l.Sequence(t.Context()))
		h := must[receipt.Head](t)(l.SignHead(t.Context()))
		seen := must[Checked](t)(l.Check(t.Context(), nil))
		if h.Size != writers*each || seen.Entries != writers*each {
			t.Fatalf("head %d, %+v", h.Size, seen)
		}
	})
}

func Test_another_node_waits_for_the_lease_of_a_dead_one(t *testing.T) {
	dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) {
		migrated(t, d)
		dead, next := testLog(d, 1), testLog(d, 1)
		dead.Node, next.Node = "dead", "next"
		add(t, d, 0, 3)
		if mine := must[bool](t)(dead.lease(t.Context())); !mine {
			t.Fatal("no lease")
		}
		if n := must[int](t)(next.Sequence(t.Context())); n != 0 {
			t.Fatal("sequenced under another node's lease")
		}
		set(dbtest.Start.Add(lease + time.Second))
		if n := must[int](t)(next.Sequence(t.Context())); n != 3 {
			t.Fatalf("sequenced %d after the lease", n)
		}
	})
}

func Test_a_head_is_signed_each_minute_that_has_news_and_each_hour_without(t *testing.T) {
	now, set := dbtest.Clock(t)
	d, err := db.Open(t.Context(), t.TempDir()+"/a.db", now)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	migrated(t, d)
	l := testLog(d, 1)
	for i, step := range []struct {
		after time.Duration
		add   int
		heads int
	}{{0, 0, 1}, {30 * time.Second, 1, 1}, {time.Minute, 0, 2}, {3 * time.Minute, 0, 2}, {4 * time.Minute, 1, 3}, {65 * time.Minute, 0, 4}} {
		set(dbtest.Start.Add(step.after))
		add(t, d, 100*i, 100*i+step.add)
		if err := l.Tick(t.Context()); err != nil {
			t.Fatal(err)
		}
		if list := must[[]receipt.Head](t)(l.Heads(t.Context(), nil, 9)); len(list) != step.heads {
			t.Errorf("after %v: %d heads, want %d", step.after, len(list), step.heads)
		}
	}
	must[Checked](t)(l.Check(t.Context(), nil))
}

// The last head would lie in the future until the clock has caught up with it, and nobody would get a proof before.
func Test_heads_go_on_when_the_clock_was_years_ahead_and_is_set_back(t *testing.T) {
	now, set := dbtest.Clock(t)
	d, err := db.Open(t.Context(), t.TempDir()+"/a.db", now)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	migrated(t, d)
	l := testLog(d, 1)
	for i, at := range []time.Duration{2 * 365 * 24 * time.Hour, 0, time.Minute} {
		set(dbtest.Start.Add(at))
		add(t, d, 100*i, 100*i+3)
		if err := l.Tick(t.Context()); err != nil {
			t.Fatal(err)
		}
		if head := must[receipt.Head](t)(l.Head(t.Context())); head.Size != int64(3*(i+1)) || head.At.Before(dbtest.Start.Add(2*365*24*time.Hour)) {
			t.Errorf("with the clock at %v the last head is of %d records at %v; want all of them, and no head before the one before it", at, head.Size, head.At)
		}
	}
	must[Checked](t)(l.Check(t.Context(), nil))
}

func Test_a_tree_that_does_not_continue_is_not_signed(t *testing.T) {
	d := dbtest.OpenSQLite(t)
	migrated(t, d)
	l := testLog(d, 1)
	h := grow(t, l, 0, 9)
	if err := l.Continues(t.Context(), h.Size, h.Root); err != nil {
		t.Fatal(err)
	}
	if err := l.Continues(t.Context(), h.Size+1, h.Root); !errors.Is(err, ErrFork) {
		t.Fatal(err)
	}
	if err := l.Continues(t.Context(), h.Size-1, h.Root); !errors.Is(err, ErrFork) {
		t.Fatal(err)
	}
	tamper(t, d, `DELETE FROM log_entries WHERE pos = 8`)
	if _, err := l.SignHead(t.Context()); !errors.Is(err, ErrFork) {
		t.Fatal(err)
	}
	other := testLog(d, 2)
	other.Sign = l.Sign
	if _, err := other.SignHead(t.Context()); err == nil {
		t.Fatal("signed with a key that does not fit")
	}
}

func tamper(t *testing.T, d *db.DB, q string, args ...any) {
	t.Helper()
	if err := d.Transact(t.Context(), func(tx *db.Tx) error { _, err := tx.Exec(t.Context(), q, args...); return err }); err != nil {
		t.Fatal(err)
	}
}

// cell is one value of one stored row.
type cell struct {
	table, key, column string
	row                int64
	value              any
}

func cells(t *testing.T, d *db.DB) (out []cell) {
	t.Helper()
	for _, c := range []struct{ table, key, column string }{
		{"log_entries", "id", "kind"}, {"log_entries", "id", "ref"}, {"log_entries", "id", "hash"}, {"log_entries", "id", "pos"},
		{"log_hashes", "idx", "idx"}, {"log_hashes", "idx", "hash"},
		{"log_heads", "size", "size"}, {"log_heads", "size", "at"}, {"log_heads", "size", "root"}, {"log_heads", "size", "signature"}, {"log_heads", "size", "key"},
	} {
		err := d.View(t.Context(), func(tx *db.Tx) error {
			rows, err := db.All(t.Context(), tx, `SELECT `+c.key+`, `+c.column+` FROM `+c.table, nil, func(row db.Scanner) (x cell, err error) {
				x = cell{table: c.table, key: c.key, column: c.column}
				err = row.Scan(&x.row, &x.value)
				return x, err
			})
			out = append(out, rows...)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// flipped is the value with one bit of each byte changed in turn.
func flipped(v any) (out []any) {
	switch v := v.(type) {
	case int64:
		for i := range 8 {
			out = append(out, v^1<<(8*i))
		}
	case string:
		for i := range len(v) {
			b := []byte(v)
			b[i] ^= 1
			out = append(out, string(b))
		}
	case []byte:
		for i := range v {
			b := append([]byte{}, v...)
			b[i] ^= 1
			out = append(out, b)
		}
	}
	return out
}

func Test_any_stored_byte_flipped_is_named(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		migrated(t, d)
		l := testLog(d, 1)
		for n := range 4 {
			grow(t, l, 2*n, 2*n+2)
		}
		flips := 0
		for _, c := range cells(t, d) {
			values := flipped(c.value)
			if len(values) == 0 {
				t.Fatalf("%s.%s is a %T", c.table, c.column, c.value)
			}
			if len(values) > 8 && d.Engine() == db.Postgres {
				rand.Shuffle(len(values), func(i, j int) { values[i], values[j] = values[j], values[i] })
				values = values[:4] // each flip is a round trip; SQLite has seen them all
			}
			for _, v := range values {
				flips++
				flipAndCheck(t, l, c, v)
			}
		}
		must[Checked](t)(l.Check(t.Context(), nil))
		t.Logf("%d flips", flips)
	})
}

// flipAndCheck writes a wrong value, checks, and puts the right one back. The engine may refuse it too.
func flipAndCheck(t *testing.T, l *Log, c cell, wrong any) {
	t.Helper()
	ctx, row, back := t.Context(), c.row, c.row
	set := func(v any, at int64) error {
		return l.DB.Transact(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(ctx, `UPDATE `+c.table+` SET `+c.column+` = ?1 WHERE `+c.key+` = ?2`, v, at)
			return err
		})
	}
	if set(wrong, row) != nil {
		return
	}
	if c.column == c.key {
		back = wrong.(int64)
	}
	var named *Difference
	if _, err := l.Check(ctx, nil); !errors.As(err, &named) {
		t.Errorf("%s.%s of %d: %v instead of %v: %v", c.table, c.column, c.row, wrong, c.value, err)
	}
	if err := set(c.value, back); err != nil {
		t.Fatal(err)
	}
}

func Test_rows_taken_away_or_slipped_in_are_named(t *testing.T) {
	for _, q := range []string{
		`DELETE FROM log_entries WHERE pos = 3`, `DELETE FROM log_entries WHERE pos = 7`, `DELETE FROM log_hashes WHERE idx = 4`,
		`UPDATE log_entries SET pos = NULL WHERE pos = 7`, `DELETE FROM log_hashes WHERE idx = (SELECT MAX(idx) FROM log_hashes)`,
		`INSERT INTO log_hashes SELECT idx + 1000, hash FROM log_hashes WHERE idx = 1`, `INSERT INTO log_hashes SELECT -1, hash FROM log_hashes WHERE idx = 1`,
		`INSERT INTO log_heads SELECT size + 1, at, root, signature, key FROM log_heads WHERE size = 8`,
		`INSERT INTO log_heads SELECT size - 9, at, root, signature, key FROM log_heads WHERE size = 8`,
		`INSERT INTO log_entries (kind, ref, hash, pos) SELECT kind, 'slipped-in-behind-the-end', hash, 8 FROM log_entries WHERE pos = 7`,
	} {
		d := dbtest.OpenSQLite(t)
		migrated(t, d)
		l := testLog(d, 1)
		grow(t, l, 0, 4)
		grow(t, l, 4, 8)
		tamper(t, d, q)
		var named *Difference
		if _, err := l.Check(t.Context(), nil); !errors.As(err, &named) {
			t.Errorf("%s: %v", q, err)
		}
	}
}

func Test_a_log_rewritten_and_signed_anew_is_not_ours(t *testing.T) {
	d := dbtest.OpenSQLite(t)
	migrated(t, d)
	grow(t, testLog(d, 1), 0, 4)
	var named *Difference
	if _, err := testLog(d, 2).Check(t.Context(), nil); !errors.As(err, &named) || named.What != "head" {
		t.Fatal(err)
	}
	next := testLog(d, 2)
	next.Former = []string{testLog(d, 1).Key}
	grow(t, next, 4, 6)
	must[Checked](t)(next.Check(t.Context(), nil))
}

func Test_check_asks_what_each_entry_records(t *testing.T) {
	d := dbtest.OpenSQLite(t)
	migrated(t, d)
	l := testLog(d, 1)
	grow(t, l, 0, checkPage+5)
	asked := 0
	must[Checked](t)(l.Check(t.Context(), func(_ context.Context, e Entry) error {
		if e.ID != record(asked).ID || e.Pos != int64(asked) {
			t.Fatalf("asked about %d as %d", e.Pos, asked)
		}
		asked++
		return nil
	}))
	stop := errors.New("the event says otherwise")
	if _, err := l.Check(t.Context(), func(_ context.Context, e Entry) error {
		if e.Pos == 7 {
			return stop
		}
		return nil
	}); !errors.Is(err, stop) || asked != checkPage+5 {
		t.Fatal(asked, err)
	}
}

func Test_who_knows_the_ids_can_ask_whether_each_record_is_there(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		migrated(t, d)
		grow(t, testLog(d, 1), 0, 3)
		add(t, d, 3, 4)
		ask := func(e Entry) error {
			return d.View(t.Context(), func(tx *db.Tx) error { return Holds(t.Context(), tx, e.Kind, e.Hash, e.ID) })
		}
		for i := range 4 {
			if err := ask(record(i)); err != nil {
				t.Error(err)
			}
		}
		if err := ask(record(4)); !errors.Is(err, ErrNoEntry) {
			t.Error(err)
		}
		other := record(2)
		other.Hash = record(1).Hash
		var named *Difference
		if err := ask(other); !errors.As(err, &named) || named.At != 2 {
			t.Error(err)
		}
	})
}

func Test_a_log_may_sign_less_often(t *testing.T) {
	dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) {
		migrated(t, d)
		l := testLog(d, 1)
		l.Every = 20 * time.Minute
		for i, heads := range []int{1, 1, 2} {
			set(dbtest.Start.Add(time.Duration(10*i) * time.Minute))
			add(t, d, i, i+1)
			if err := l.Tick(t.Context()); err != nil {
				t.Fatal(err)
			}
			if list := must[[]receipt.Head](t)(l.Heads(t.Context(), nil, 9)); len(list) != heads {
				t.Errorf("after %d minutes %d heads", 10*i, len(list))
			}
		}
	})
}

// The holder of the lease is killed while a batch is on its way to the disk: the server undoes the batch, the lease
// stays, and when it has run out one of the others goes on.
func Test_a_holder_that_is_killed_in_the_middle_of_a_batch_is_followed_by_another(t *testing.T) {
	now, set := dbtest.Clock(t)
	address := dbtest.Postgres(t)
	var nodes []*Log
	for i := range 3 {
		d := must[*db.DB](t)(db.Open(t.Context(), address, now))
		t.Cleanup(func() { d.Close() })
		l := testLog(d, 1)
		l.Node = fmt.Sprint("node ", i)
		nodes = append(nodes, l)
	}
	migrated(t, nodes[0].DB)
	const all = 3 * batch
	add(t, nodes[0].DB, 0, all)
	commits := 0
	nodes[0].DB.InterceptCommit(func(commit func() error) error {
		if commits++; commits == 3 { // the lease, a batch, and this one
			err := nodes[1].DB.Transact(t.Context(), func(tx *db.Tx) error {
				_, err := db.All(t.Context(), tx, `SELECT CASE WHEN pg_terminate_backend(pid) THEN 1 ELSE 0 END FROM pg_stat_activity
					WHERE application_name = current_setting('application_name') AND state = 'idle in transaction' AND pid <> pg_backend_pid()`, nil, scanInt)
				return err
			})
			if err != nil {
				t.Error(err)
			}
		}
		return commit()
	})
	if _, err := nodes[0].Sequence(t.Context()); err == nil || commits != 3 {
		t.Fatalf("the holder was not killed: %v after %d commits", err, commits)
	}
	for _, l := range nodes[1:] {
		if n := must[int](t)(l.Sequence(t.Context())); n != 0 {
			t.Errorf("%s sequenced %d under the lease of another", l.Node, n)
		}
	}
	set(dbtest.Start.Add(lease))
	var work sync.WaitGroup
	for _, l := range nodes[1:] {
		work.Go(func() {
			if _, err := l.Sequence(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	work.Wait()
	for _, l := range nodes[1:] { // whoever came late, while the other had the lease
		must[int](t)(l.Sequence(t.Context()))
	}
	must[receipt.Head](t)(nodes[1].SignHead(t.Context()))
	if seen := must[Checked](t)(nodes[2].Check(t.Context(), nil)); seen.Entries != all || seen.Waiting != 0 {
		t.Errorf("%+v of %d", seen, all)
	}
}
