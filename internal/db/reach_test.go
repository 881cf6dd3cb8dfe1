package db_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"comity/internal/db"
	"comity/internal/db/dbtest"
)

const pid = `SELECT pg_backend_pid()`

// away is a database whose server goes away in every manner, and a connection of its administrator.
type away struct {
	*testing.T
	address string
	d       *db.DB
	admin   *pgx.Conn
}

func goingAway(t *testing.T) away {
	t.Helper()
	ctx := context.Background()
	address := dbtest.Postgres(t)
	d, err := db.Open(ctx, address, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	admin, err := pgx.Connect(ctx, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(d.Close(), admin.Close(ctx)); err != nil {
			t.Error(err)
		}
	})
	mustMigrate(t, d, set("0001_pets.sql", petTable))
	return away{t, address, d, admin}
}

func (a away) ask(q string, args ...any) (n int64) {
	a.Helper()
	if err := a.admin.QueryRow(context.Background(), q, args...).Scan(&n); err != nil {
		a.Fatal(err)
	}
	return n
}

// add stores a pet after what else is to happen in its transaction.
func (a away) add(name string, before func(tx *db.Tx)) error {
	ctx := context.Background()
	return a.d.Transact(ctx, func(tx *db.Tx) error {
		if before != nil {
			before(tx)
		}
		_, err := tx.Exec(ctx, `INSERT INTO pets (name, kind) VALUES (?1, 'a')`, name)
		return err
	})
}

func Test_a_transaction_whose_connection_is_lost_before_the_commit_is_run_again(t *testing.T) {
	a := goingAway(t)
	tries := 0
	err := a.add("p", func(tx *db.Tx) {
		if tries++; tries == 1 {
			_, _ = tx.Exec(context.Background(), `SELECT pg_terminate_backend(pg_backend_pid())`)
		}
	})
	if err != nil || tries != 2 {
		t.Errorf("%d tries: %v", tries, err)
	}
	if n := a.ask(`SELECT COUNT(*) FROM pets`); n != 1 {
		t.Errorf("%d rows", n)
	}
}

// A savepoint that fails on such a server must not be taken for a command that was refused.
func Test_a_server_that_became_a_standby_is_left(t *testing.T) {
	a := goingAway(t)
	ctx := context.Background()
	err := a.add("first", func(tx *db.Tx) {
		if _, err := tx.Exec(ctx, `SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY`); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 9 { // every session of the pool has its turn
		tries := 0
		err := a.d.Transact(ctx, func(tx *db.Tx) error {
			tries++
			return tx.Savepoint(ctx, func() error {
				_, err := tx.Exec(ctx, `INSERT INTO pets (name, kind) VALUES (?1, 'a')`, fmt.Sprint("p", i))
				return err
			})
		})
		if err != nil || tries > 2 {
			t.Errorf("transaction %d, %d tries: %v", i, tries, err)
		}
	}
}

func Test_one_lost_connection_has_all_the_others_made_anew(t *testing.T) {
	a := goingAway(t)
	old := a.together(4)
	slices.Sort(old)
	a.ask(`SELECT CAST(pg_terminate_backend(CAST($1 AS INTEGER)) AS INTEGER)`, old[0])
	a.together(4) // all have their turn, and one is found dead
	for _, p := range a.together(4) {
		if slices.Contains(old, p) {
			t.Errorf("session %d was opened before another one was found dead, and is still believed", p)
		}
	}
}

// together runs so many transactions at a time and tells the sessions they had.
func (a away) together(n int) (pids []int64) {
	a.Helper()
	ctx := context.Background()
	var mu sync.Mutex
	var all, done sync.WaitGroup
	all.Add(n)
	for range n {
		done.Go(func() {
			err := a.d.Transact(ctx, func(tx *db.Tx) error {
				all.Done()
				all.Wait()
				p, err := db.One(ctx, tx, pid, nil, number)
				mu.Lock()
				pids = append(pids, p)
				mu.Unlock()
				return err
			})
			if err != nil {
				a.Error(err)
			}
		})
	}
	done.Wait()
	return pids
}

// A server told to wait for a standby commits on its own machine first. When the waiting is broken off, it answers that
// the commit went well and only warns; or, told to end, it answers nothing.
func Test_a_commit_that_no_standby_has_confirmed_is_not_acknowledged(t *testing.T) {
	if os.Getenv("COMITY_TEST_POSTGRES") != "" {
		t.Skip("skipped: it would have a server that others use wait for a standby that never comes")
	}
	for _, how := range []string{"pg_cancel_backend", "pg_terminate_backend"} {
		t.Run(how, func(t *testing.T) {
			a := goingAway(t)
			ctx := context.Background()
			a.set(`ALTER SYSTEM SET synchronous_standby_names = 'nobody'`)
			defer a.set(`ALTER SYSTEM RESET synchronous_standby_names`)
			ended := make(chan error, 1)
			go func() {
				ended <- a.add("p", func(tx *db.Tx) { _, _ = tx.Exec(ctx, `SET LOCAL synchronous_commit = on`) })
			}()
			waits := `SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'`
			for a.ask(waits) == 0 {
				time.Sleep(10 * time.Millisecond)
			}
			a.ask(`SELECT COUNT(` + how + `(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'`)
			if err := <-ended; !errors.Is(err, db.ErrCommitUnknown) {
				t.Errorf("it says %v", err)
			}
			if n := a.ask(`SELECT COUNT(*) FROM pets`); n != 1 {
				t.Errorf("%d rows, although the server did commit on its own machine", n)
			}
			a.set(`ALTER SYSTEM RESET synchronous_standby_names`)
			if err := a.add("q", nil); err != nil {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

func (a away) set(q string) {
	a.Helper()
	for _, q := range []string{q, `SELECT pg_reload_conf()`} {
		if _, err := a.admin.Exec(context.Background(), q); err != nil {
			a.Error(err)
		}
	}
	time.Sleep(100 * time.Millisecond) // the server reads its settings in its own time; nothing depends on it
}

// door lets connections through to a server, until it is shut.
type door struct {
	net.Listener
	mu   sync.Mutex
	open []net.Conn
}

// doorTo listens at an address and hands everything on to the server's socket.
func doorTo(t *testing.T, at, socket string) *door {
	t.Helper()
	l, err := net.Listen("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	d := &door{Listener: l}
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("unix", socket)
			if err != nil {
				in.Close()
				continue
			}
			d.mu.Lock()
			d.open = append(d.open, in, out)
			d.mu.Unlock()
			go func() { _, _ = io.Copy(in, out); in.Close() }()
			go func() { _, _ = io.Copy(out, in); out.Close() }()
		}
	}()
	t.Cleanup(d.shut)
	return d
}

func (d *door) shut() {
	d.Close()
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.open {
		c.Close()
	}
	d.open = nil
}

// through is the address of the same database by way of TCP addresses, the first of which is tried first.
func through(t *testing.T, address string, hosts ...string) (dsn, socket string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	folder := q.Get("host")
	if !strings.HasPrefix(folder, "/") {
		t.Skip("skipped: the server has no socket of its own")
	}
	q.Del("host")
	u.Host, u.RawQuery = strings.Join(hosts, ","), q.Encode()
	return u.String(), folder + "/.s.PGSQL.5432"
}

func Test_what_has_not_begun_waits_for_a_server_that_was_there(t *testing.T) {
	address := dbtest.Postgres(t)
	_, socket := through(t, address)
	first := doorTo(t, "127.0.0.1:0", socket)
	at := first.Addr().String()
	dsn, _ := through(t, address, at)
	ctx := context.Background()
	d, err := db.Open(ctx, dsn, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	transact(t, d, func(tx *db.Tx) error { return nil })
	first.shut()
	if other, err := db.Open(ctx, dsn, time.Now); err == nil {
		t.Error("a server that is away was opened")
		other.Close()
	}
	var work sync.WaitGroup
	for _, begin := range []func(context.Context, func(*db.Tx) error) error{d.Transact, d.View, d.Transact} {
		work.Go(func() {
			err := begin(ctx, func(tx *db.Tx) error {
				_, err := db.One(ctx, tx, pid, nil, number)
				return err
			})
			if err != nil {
				t.Errorf("it did not wait: %v", err)
			}
		})
	}
	time.Sleep(500 * time.Millisecond) // so that they find it shut; passes without, too
	doorTo(t, at, socket)
	work.Wait()
}

// Of several machines the one that can be written to is looked for, whatever order they are named in.
func Test_a_machine_that_is_silent_or_a_standby_is_passed_over(t *testing.T) {
	address := dbtest.Postgres(t)
	_, socket := through(t, address)
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and never says a word
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	good := doorTo(t, "127.0.0.1:0", socket)
	dsn, _ := through(t, address, silent.Addr().String(), good.Addr().String())
	d, err := db.Open(context.Background(), dsn+"&connect_timeout=1", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	// A standby is imitated by what it says when asked whether it can be written to.
	dsn, _ = through(t, address, good.Addr().String(), silent.Addr().String())
	if d, err := db.Open(context.Background(), dsn+"&connect_timeout=1&default_transaction_read_only=on", time.Now); err == nil {
		t.Error("a city was opened on a standby")
		d.Close()
	} else if !strings.Contains(err.Error(), "read only") {
		t.Errorf("it says %v", err)
	}
}
