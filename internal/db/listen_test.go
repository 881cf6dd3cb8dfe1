package db_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"comity/internal/db"
	"comity/internal/db/dbtest"
)

// node is one process of several that share a database.
type node struct {
	*db.DB
	bell *db.Bell
	log  *noted
}

// noted is a log that a test reads while it is written.
type noted struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (n *noted) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.b.Write(p)
}

func (n *noted) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.b.String()
}

func openNode(t *testing.T, address string) node {
	t.Helper()
	now, _ := dbtest.Clock(t)
	d, err := db.Open(t.Context(), address, now)
	if err != nil {
		t.Fatal(err)
	}
	n := node{d, d.Bell("work"), &noted{}}
	ctx, stop := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() { d.Listen(ctx, slog.New(slog.NewTextHandler(n.log, nil))) })
	t.Cleanup(func() {
		stop()
		done.Wait()
		n.bell.Close()
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

// eventually waits for something that other goroutines bring about.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for range 6000 {
		if is() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal("never: " + what)
}

// linked waits until the node hears others, and takes the bell that rings then.
func (n node) linked(t *testing.T) {
	t.Helper()
	eventually(t, "the line is up", func() bool { return n.Listening().Up })
	<-n.bell.C()
}

func (n node) ring(t *testing.T, at time.Time, end error) {
	t.Helper()
	err := n.Transact(t.Context(), func(tx *db.Tx) error {
		tx.Ring("work", at)
		return end
	})
	if !errors.Is(err, end) {
		t.Fatal(err)
	}
}

func (n node) hears(t *testing.T, want time.Time) {
	t.Helper()
	select {
	case at := <-n.bell.C():
		if !at.Equal(want) {
			t.Errorf("heard of %v, want %v", at, want)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("nothing was heard")
	}
}

func Test_a_bell_rings_in_its_own_process_after_the_commit_for_the_earliest_thing(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		n := node{DB: d, bell: d.Bell("work")}
		defer n.bell.Close()
		other := d.Bell("other")
		defer other.Close()
		at := func(s int) time.Time { return dbtest.Start.Add(time.Duration(s) * time.Second) }
		n.ring(t, at(-9), errors.New("not today"))
		n.ring(t, at(3600), nil) // everybody looks before that
		n.ring(t, at(4), nil)
		n.ring(t, at(2), nil)
		n.ring(t, at(3), nil)
		n.hears(t, at(2))
		select {
		case <-n.bell.C():
			t.Error("the bell rang once more")
		case <-other.C():
			t.Error("another topic's bell rang")
		default:
		}
	})
}

func Test_a_sleeper_is_woken_for_what_is_due_before_it_would_look_and_for_nothing_else(t *testing.T) {
	d := dbtest.OpenSQLite(t)
	n := node{DB: d, bell: d.Bell("work")}
	defer n.bell.Close()
	awake := make(chan struct{})
	go func() {
		n.bell.Sleep(context.Background(), time.Hour, dbtest.Start.Add(3*time.Second), nil)
		close(awake)
	}()
	n.ring(t, dbtest.Start.Add(4*time.Second), nil)
	select {
	case <-awake:
		t.Fatal("woken for what is due later")
	case <-time.After(20 * time.Millisecond):
	}
	n.ring(t, dbtest.Start.Add(2*time.Second), nil)
	<-awake
}

func Test_what_one_process_rings_for_is_heard_in_the_others(t *testing.T) {
	address := dbtest.Postgres(t)
	a, b := openNode(t, address), openNode(t, address)
	a.linked(t)
	b.linked(t)
	a.ring(t, dbtest.Start.Add(-time.Second), errors.New("rolled back"))
	a.ring(t, dbtest.Start.Add(time.Second), nil)
	a.hears(t, dbtest.Start.Add(time.Second))
	b.hears(t, dbtest.Start.Add(time.Second))
	b.ring(t, dbtest.Start, nil)
	a.hears(t, dbtest.Start)
	if s := a.Listening(); s.Sent != 1 || s.Heard != 1 || s.Lost != 0 {
		t.Errorf("%+v, want one message each way", s)
	}
}

// A busy city rings thousands of times a second; others are told a few times.
func Test_what_is_rung_for_while_a_message_is_on_its_way_goes_with_the_next(t *testing.T) {
	address := dbtest.Postgres(t)
	a, b := openNode(t, address), openNode(t, address)
	a.linked(t)
	b.linked(t)
	const rings = 400
	for i := range rings {
		a.ring(t, dbtest.Start.Add(time.Duration(rings-i)*time.Millisecond), nil)
	}
	eventually(t, "the last one is heard", func() bool {
		select {
		case at := <-b.bell.C():
			return at.Equal(dbtest.Start.Add(time.Millisecond))
		default:
			return false
		}
	})
	if s := a.Listening(); s.Sent >= rings {
		t.Errorf("%d messages for %d commits", s.Sent, rings)
	}
}

func Test_a_listening_connection_that_breaks_is_made_anew_and_everybody_looks_once(t *testing.T) {
	address := dbtest.Postgres(t)
	a, b := openNode(t, address), openNode(t, address)
	a.linked(t)
	b.linked(t)
	err := a.Transact(t.Context(), func(tx *db.Tx) error {
		_, err := db.All(t.Context(), tx, `SELECT CAST(pg_terminate_backend(pid) AS INTEGER) FROM pg_stat_activity
			WHERE application_name = current_setting('application_name') AND (query LIKE '%pg_notify%' OR query LIKE '%LISTEN%') AND pid <> pg_backend_pid()`, nil, db.ScanID)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []node{a, b} {
		eventually(t, "it breaks", func() bool { return n.Listening().Lost == 1 })
		eventually(t, "it is told", func() bool { return strings.Contains(n.log.String(), "made anew") })
		n.linked(t)
	}
	b.ring(t, dbtest.Start, nil)
	a.hears(t, dbtest.Start)
}

// A pooler that lends its connections for single transactions takes LISTEN, and nothing it brings arrives.
func Test_behind_a_pooler_nodes_go_by_their_own_clocks_and_say_so_once(t *testing.T) {
	defer db.HasteEcho(300 * time.Millisecond)()
	n := openNode(t, deaf(t, dbtest.Postgres(t)))
	eventually(t, "it says so", func() bool { return strings.Contains(n.log.String(), "pooler") })
	if n.Listening().Up || strings.Count(n.log.String(), "level=WARN") != 1 {
		t.Errorf("%+v, log:\n%s", n.Listening(), n.log)
	}
	n.ring(t, dbtest.Start, nil) // at home all is well
	n.hears(t, dbtest.Start)
}

// deaf puts a proxy before a server that passes everything on but notifications.
func deaf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	network, server := "tcp", u.Host
	if host := q.Get("host"); host != "" {
		network, server = "unix", filepath.Join(host, ".s.PGSQL.5432")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go pass(client, network, server)
		}
	}()
	q.Del("host")
	q.Set("sslmode", "disable")
	u.Host, u.RawQuery = l.Addr().String(), q.Encode()
	return u.String()
}

// pass carries one connection. Every message of a server is a letter, a length and as many bytes.
func pass(client net.Conn, network, address string) {
	defer client.Close()
	server, err := net.Dial(network, address)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		io.Copy(server, client)
		server.Close()
	}()
	for {
		head := make([]byte, 5)
		if _, err := io.ReadFull(server, head); err != nil {
			return
		}
		body := make([]byte, binary.BigEndian.Uint32(head[1:])-4)
		if _, err := io.ReadFull(server, body); err != nil {
			return
		}
		if head[0] == 'A' {
			continue
		}
		if _, err := client.Write(append(head, body...)); err != nil {
			return
		}
	}
}
