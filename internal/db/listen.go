package db

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	channel     = "comity"               // of NOTIFY
	sendPause   = 50 * time.Millisecond  // between two messages of one process: what is rung for meanwhile goes with the next
	quietLimit  = 30 * time.Second       // after which a silent connection is asked whether it lives
	firstRetry  = 250 * time.Millisecond // before a broken connection is made anew, doubled each time
	lastRetry   = 30 * time.Second
	deafRetry   = 10 * time.Minute // before a pooler is tried again
	commonLimit = 10 * time.Second // for a statement that should take no time
)

// echoLimit is the time in which the server must repeat what we said.
var echoLimit = 5 * time.Second

// errDeaf says that LISTEN was taken and nothing arrives.
var errDeaf = errors.New("the server takes LISTEN and what is told does not arrive: a pooler that lends its connections for single transactions stands between; name the server itself, or one that keeps a connection to its client (session pooling)")

// Listening says how the line to other processes does.
type Listening struct {
	Up                bool  // others hear us at once, and we them
	Sent, Heard, Lost int64 // messages, and connections that broke
}

// Listening tells about the line that [DB.Listen] keeps.
func (d *DB) Listening() Listening {
	d.bells.mu.Lock()
	defer d.bells.mu.Unlock()
	s := d.bells.seen
	s.Up = d.bells.up
	return s
}

// Listen keeps a connection on which processes that share a PostgreSQL database wake each other, until the context
// ends: see [Tx.Ring]. It makes the connection anew when it breaks. SQLite has one process, whose bells ring without
// it.
//
// What is rung for is told after the commit, on this connection alone. NOTIFY inside the transaction would hold a lock
// of the whole database while the commit is written to disk, one commit after the other. A message lost with a process
// that dies in between costs its sleepers [Soon].
func (d *DB) Listen(ctx context.Context, log *slog.Logger) {
	if d.engine != Postgres {
		return
	}
	wait, told := firstRetry, false
	for ctx.Err() == nil {
		heard, err := d.listen(ctx)
		d.bells.down()
		if ctx.Err() != nil {
			return
		}
		wait = min(2*wait, lastRetry)
		switch {
		case errors.Is(err, errDeaf):
			if wait = deafRetry; !told {
				told = true
				log.Warn("nodes do not wake each other; each looks by itself every few seconds", "error", err)
			}
		case heard:
			wait = firstRetry
			log.Warn("the connection on which nodes wake each other broke; it is made anew", "error", err)
		}
		if sleep(ctx, wait) != nil {
			return
		}
	}
}

// listen is one connection; heard says that it worked for a while.
func (d *DB) listen(ctx context.Context) (heard bool, err error) {
	short, cancel := context.WithTimeout(ctx, commonLimit)
	defer cancel()
	conn, err := pgx.ConnectConfig(short, d.config.Copy())
	if err != nil {
		return false, errors.New("no connection to listen on") // the driver's words may quote the address
	}
	defer conn.Close(context.WithoutCancel(ctx))
	// Nobody waits for a message to reach the disk.
	if _, err := conn.Exec(short, "SET synchronous_commit = off; LISTEN "+channel); err != nil {
		return false, err
	}
	me := rand.Text()
	if err := echo(ctx, conn, me); err != nil {
		return false, err
	}
	d.bells.lineUp()
	for {
		if err := d.turn(ctx, conn, me); err != nil {
			return true, err
		}
	}
}

// echo makes sure that what is told arrives.
func echo(ctx context.Context, conn *pgx.Conn, me string) error {
	limit, cancel := context.WithTimeout(ctx, echoLimit)
	defer cancel()
	if err := tell(limit, conn, me); err != nil {
		return err
	}
	for {
		n, err := conn.WaitForNotification(limit)
		switch {
		case err != nil && ctx.Err() == nil && limit.Err() != nil:
			return errDeaf
		case err != nil:
			return err
		case n.Payload == me:
			return nil
		}
	}
}

func tell(ctx context.Context, conn *pgx.Conn, payload string) error {
	_, err := conn.Exec(ctx, "SELECT pg_notify($1, $2)", channel, payload)
	return err
}

// turn sends what is to be sent, or else waits for one message, for something to send, or for a while.
func (d *DB) turn(ctx context.Context, conn *pgx.Conn, me string) error {
	wait, cancel := context.WithTimeout(ctx, quietLimit)
	defer cancel()
	if out := d.bells.take(cancel); len(out) > 0 {
		return d.send(ctx, conn, me, out)
	}
	n, err := conn.WaitForNotification(wait)
	d.bells.awake()
	switch {
	case err == nil:
		d.hear(n.Payload, me)
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(wait.Err(), context.Canceled):
		return nil
	case wait.Err() != nil:
		short, done := context.WithTimeout(ctx, commonLimit)
		defer done()
		return conn.Ping(short)
	}
	return err
}

func (d *DB) send(ctx context.Context, conn *pgx.Conn, me string, out map[string]time.Time) error {
	short, cancel := context.WithTimeout(ctx, commonLimit)
	defer cancel()
	for topic, at := range out {
		if err := tell(short, conn, fmt.Sprintf("%s %s %d", me, topic, Micros(at))); err != nil {
			return err
		}
		d.bells.count(func(s *Listening) { s.Sent++ })
	}
	return sleep(ctx, sendPause)
}

// hear rings for what another process has told. A line that does not read is from a newer version: everybody looks.
func (d *DB) hear(payload, me string) {
	from, what, _ := strings.Cut(payload, " ")
	if from == me || what == "" {
		return
	}
	topic, when, _ := strings.Cut(what, " ")
	us, err := strconv.ParseInt(when, 10, 64)
	if err != nil {
		topic = ""
	}
	d.bells.mu.Lock()
	defer d.bells.mu.Unlock()
	d.bells.seen.Heard++
	d.bells.here(topic, FromMicros(us))
}

// lineUp begins to tell others. Whoever sleeps looks once: something may have been told before we listened.
func (b *bells) lineUp() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.up, b.pending = true, map[string]time.Time{}
	b.here("", time.Time{})
}

func (b *bells) down() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.up {
		b.seen.Lost++
	}
	b.up, b.pending, b.send = false, nil, nil
}

// take gives what is to be sent; where there is nothing, send is called as soon as there is.
func (b *bells) take(send func()) map[string]time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.pending) == 0 {
		b.send = send
		return nil
	}
	out := b.pending
	b.pending = map[string]time.Time{}
	return out
}

func (b *bells) awake() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.send = nil
}

func (b *bells) count(change func(*Listening)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(&b.seen)
}
