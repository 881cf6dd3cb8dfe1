package db

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// A PostgreSQL server goes away while the city stays open: its machine dies, its cable is cut, another one becomes the
// primary. This file says how that is noticed, what is waited for, and what is never believed again.

const (
	// connectLimit bounds one try to reach one machine, unless the address says connect_timeout. Without it a machine
	// that is switched off holds the only writer for as long as the kernel is patient, which is two minutes.
	connectLimit = 5 * time.Second
	// patience is how long a transaction that has not begun waits for a server that was reached before: about as long
	// as another one takes to be made the primary on purpose.
	patience = 10 * time.Second
	// silence is how long what was sent may stay unanswered by the other machine's kernel.
	silence = 10 * time.Second

	againAfter = 200 * time.Millisecond // between two tries to reach a server
)

// alive asks a silent machine after five seconds whether it is there, and gives it up after six more.
var alive = net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: 2 * time.Second, Count: 3}

// steady sets what an address leaves open. Several machines in one address are those of a cluster, of which only the
// primary is meant unless the address says otherwise: a standby would answer with what was true some time ago.
func steady(config *pgx.ConnConfig) {
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectLimit
	}
	config.DialFunc = (&net.Dialer{KeepAliveConfig: alive, Control: giveUp}).DialContext
	several := slices.ContainsFunc(config.Fallbacks, func(f *pgconn.FallbackConfig) bool {
		return f.Host != config.Host || f.Port != config.Port
	})
	if several && config.ValidateConnect == nil {
		config.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
}

// reach is what both pools of a database know about its server; nil for SQLite, which is always there.
type reach struct {
	closed <-chan struct{} // with the database
	losses atomic.Int64    // connections found lost; a session opened before the last one is not believed
	met    atomic.Bool     // the server was reached once: before that an address may simply be wrong
	down   atomic.Bool     // somebody has waited in vain, so nobody waits until it is back
}

func (r *reach) era() int64 {
	if r == nil {
		return 0
	}
	return r.losses.Load()
}

// lost says that a connection broke without our doing. All others to that server are probably as dead, and each would
// take as long to say so.
func (r *reach) lost() {
	if r != nil {
		r.losses.Add(1)
	}
}

func (r *reach) there() {
	if r != nil {
		r.met.Store(true)
		r.down.Store(false)
	}
}

// worthWaiting tells whether the server may be back soon, or another in its place.
func (r *reach) worthWaiting(err error) bool {
	if r == nil || !r.met.Load() || r.down.Load() {
		return false
	}
	pg, ok := errors.AsType[*pgconn.PgError](err)
	// A server that starts, stops or is full, and a standby. Everything else it says, such as a password that is
	// wrong, stays true.
	return !ok || slices.Contains([]string{"57", "08", "53", "25", "0A"}, class(pg))
}

// class is the first half of a code, which names its sort.
func class(pg *pgconn.PgError) string {
	if len(pg.Code) < 2 {
		return ""
	}
	return pg.Code[:2]
}

// connect reaches the server, and waits for one that was there before.
func (c *postgresConn) connect(ctx context.Context) error {
	r := c.server.reach
	err := c.dial(ctx)
	if err == nil || !r.worthWaiting(err) {
		return err
	}
	until, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for r.pause(until) {
		if err = c.dial(until); err == nil || !r.worthWaiting(err) {
			return err
		}
	}
	if ctx.Err() == nil {
		r.down.Store(true)
	}
	return err
}

// dial is one try.
func (c *postgresConn) dial(ctx context.Context) error {
	era, config := c.server.reach.era(), c.server.config.Copy()
	c.watchful(config)
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	c.Conn, c.era = conn, era
	c.server.reach.there()
	return nil
}

func (r *reach) pause(ctx context.Context) bool {
	t := time.NewTimer(againAfter)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
	case <-r.closed:
	}
	return false
}

// dead tells whether the connection of a session is gone.
func (s *session) dead() bool { return s.pg != nil && s.pg.IsClosed() }

// era is how many connections had been lost when that of a session was made.
func (s *session) era() int64 {
	if s.pg == nil {
		return 0
	}
	return s.pg.era
}

// hangUp closes the connection before its statements: closing them first would ask a machine that may be gone about
// each of them.
func (s *session) hangUp() {
	if s.pg == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = s.pg.Conn.Close(ctx)
}

// notPrimary recognises the answer of a server on which nothing can be written: it is a standby, or was made one.
func notPrimary(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.Code == "25006"
}

// errAlone is what COMMIT becomes when the server warns that it gave up waiting for its standby: the change is on one
// machine, and lost with it if another takes over.
var errAlone = errors.New("the server stopped waiting for its standby, so that the change is on one machine only")

// watchful makes a connection remember such a warning. Its words depend on the language of the server, its code says
// only that it is a warning; but COMMIT has no other of that code.
func (c *postgresConn) watchful(config *pgx.ConnConfig) {
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		if n.Code == "01000" && n.SeverityUnlocalized == "WARNING" {
			c.warned = true
		}
	}
}
