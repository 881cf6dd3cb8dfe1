package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"
)

// maxStatements bounds the prepared statements of one connection. Texts are
// constants, so the limit is met only by a caller that builds them from values.
const maxStatements = 400

// session is one connection with its prepared statements. Statements belong to
// the connection, not to database/sql's pool: preparing through the pool would
// wait for a second connection while the only writer is ours.
type session struct {
	engine Engine
	conn   *sql.Conn
	stmts  map[string]*statement
	pg     *postgresConn // nil for SQLite
	ahead  *waiting      // statements that have not been sent
	began  place         // where BEGIN was put in line
	open   bool          // a transaction is open
	broken bool          // do not use again
}

type statement struct {
	*sql.Stmt
	params int // placeholders ?1 … ?params
}

func (s *session) prepare(ctx context.Context, q string) (*statement, error) {
	if st, ok := s.stmts[q]; ok {
		return st, nil
	}
	text, params, err := rebind(s.engine, q)
	if err != nil {
		return nil, err
	}
	if len(s.stmts) >= maxStatements {
		if err := s.flush(ctx); err != nil { // what waits needs its statement
			return nil, err
		}
		s.forget()
	}
	prepared, err := s.conn.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	st := &statement{prepared, params}
	s.stmts[q] = st
	return st, nil
}

func (s *session) forget() {
	for _, st := range s.stmts {
		st.Close()
	}
	clear(s.stmts)
}

// control runs BEGIN, COMMIT and their like: no arguments, not prepared. What waits goes with it.
func (s *session) control(ctx context.Context, text string) error {
	_, err := s.conn.ExecContext(ctx, text)
	return err
}

// later is control for what needs no answer.
func (s *session) later(ctx context.Context, text string) error {
	return s.control(unanswered(ctx), text)
}

// flush sends what waits and learns how it went.
func (s *session) flush(ctx context.Context) error {
	if len(s.ahead.line) == 0 {
		return nil
	}
	return s.pg.flush(ctx)
}

func (s *session) begin(ctx context.Context, text string) error {
	s.began = s.ahead.end()
	if err := s.later(ctx, text); err != nil {
		return err
	}
	s.open = true
	return nil
}

// unbegun takes back a BEGIN that was never sent: then there is nothing to end.
func (s *session) unbegun() bool {
	if !s.ahead.holds(s.began) {
		return false
	}
	s.ahead.drop(s.began)
	s.open = false
	return true
}

func (s *session) commit() error {
	if s.unbegun() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), controlLimit)
	defer cancel()
	err := s.control(ctx, "COMMIT")
	if err == nil {
		s.open = false
		return nil
	}
	if !isVerdict(err) {
		s.broken = true
		return fmt.Errorf("%w (%w)", ErrCommitUnknown, onDisk(err))
	}
	return fmt.Errorf("db: commit: %w", onDisk(err))
}

// rollback never fails: a connection that cannot roll back is thrown away, and
// the engine rolls back when it closes.
func (s *session) rollback() {
	if !s.open || s.broken || s.unbegun() {
		return
	}
	s.ahead.drop(s.began) // all that waits
	s.broken = true       // stays so if the driver panics below
	defer func() { _ = recover() }()
	ctx, cancel := context.WithTimeout(context.Background(), controlLimit)
	defer cancel()
	if err := s.control(ctx, "ROLLBACK"); err == nil || rolledBackAlready(err) {
		s.open, s.broken = false, false
	}
}

// close closes statements before the connection: a SQLite connection closed
// under an open statement keeps its memory for ever.
func (s *session) close() error {
	s.hangUp()
	s.forget()
	return s.conn.Close()
}

// pool is a fixed number of places for sessions. A session is opened when it is
// first needed, and again after one broke. Whoever comes gets the session that was
// used last, whose statements are prepared, and not one after the other.
type pool struct {
	open   func(context.Context) (*session, error)
	reach  *reach        // nil for SQLite
	places chan struct{} // one for each session that may still be taken
	closed chan struct{}
	once   sync.Once

	mu   sync.Mutex
	idle []*session
}

func newPool(n int, open func(context.Context) (*session, error)) *pool {
	p := &pool{open: open, places: make(chan struct{}, n), closed: make(chan struct{})}
	for range n {
		p.places <- struct{}{}
	}
	return p
}

// last takes the session that was put back last; nil where there is none.
func (p *pool) last() *session {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.idle) - 1
	if n < 0 {
		return nil
	}
	s := p.idle[n]
	p.idle = p.idle[:n]
	return s
}

// put gives a place back, with its session unless it broke.
func (p *pool) put(s *session) {
	if s != nil {
		p.mu.Lock()
		p.idle = append(p.idle, s)
		p.mu.Unlock()
	}
	p.places <- struct{}{}
}

// begin takes a session and opens a transaction on it. An idle connection may
// have died unnoticed, so a failure on an old one is tried once on a new one.
func (p *pool) begin(ctx context.Context, text string) (*session, error) {
	s, err := p.take(ctx)
	if err != nil {
		return nil, err
	}
	if s != nil && s.era() != p.reach.era() { // opened before another one was found dead
		_ = s.close()
		s = nil
	}
	if s != nil {
		err := s.begin(ctx, text)
		if err == nil {
			return s, nil
		}
		_ = s.close()
		if ctx.Err() != nil {
			p.put(nil)
			return nil, fmt.Errorf("db: begin: %w", onDisk(locked(err)))
		}
	}
	if s, err = p.fresh(ctx, text); err != nil {
		p.put(nil)
	}
	return s, err
}

// fresh opens a session and a transaction on it.
func (p *pool) fresh(ctx context.Context, text string) (*session, error) {
	s, err := p.open(ctx)
	if err != nil {
		return nil, fmt.Errorf("db: connect: %w", onDisk(err))
	}
	if err := s.begin(ctx, text); err != nil {
		_ = s.close()
		return nil, fmt.Errorf("db: begin: %w", onDisk(locked(err)))
	}
	return s, nil
}

func (p *pool) take(ctx context.Context) (*session, error) {
	select {
	case <-p.closed:
		return nil, ErrClosed
	default:
	}
	select { // the common case needs no timer
	case <-p.places:
		return p.last(), nil
	default:
	}
	limit := time.NewTimer(acquireLimit)
	defer limit.Stop()
	select {
	case <-p.places:
		return p.last(), nil
	case <-p.closed:
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, fmt.Errorf("db: waiting for a connection: %w", ctx.Err())
	case <-limit.C:
		return nil, fmt.Errorf("%w within %v; is a transaction begun inside another?", ErrBusy, acquireLimit)
	}
}

func (p *pool) release(s *session) {
	if s.broken || s.open {
		_ = s.close()
		s = nil
	}
	p.put(s)
}

func (p *pool) close() error {
	var errs []error
	p.once.Do(func() {
		close(p.closed)
		limit := time.NewTimer(closeLimit)
		defer limit.Stop()
		for range cap(p.places) {
			select {
			case <-p.places:
				if s := p.last(); s != nil {
					errs = append(errs, s.close())
				}
			case <-limit.C:
				errs = append(errs, errors.New("db: close: a transaction is still running"))
				return
			}
		}
	})
	return errors.Join(errs...)
}
