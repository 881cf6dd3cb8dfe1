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
	open   bool // a transaction is open
	broken bool // do not use again
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

// control runs BEGIN, COMMIT and their like: no arguments, not prepared.
func (s *session) control(ctx context.Context, text string) error {
	_, err := s.conn.ExecContext(ctx, text)
	return err
}

func (s *session) begin(ctx context.Context, text string) error {
	if err := s.control(ctx, text); err != nil {
		return err
	}
	s.open = true
	return nil
}

func (s *session) commit() error {
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
	if !s.open || s.broken {
		return
	}
	s.broken = true // stays so if the driver panics below
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
	s.forget()
	return s.conn.Close()
}

// pool is a fixed number of places for sessions. A place holds nil until its
// session is first needed, and again after a session broke.
type pool struct {
	open   func(context.Context) (*session, error)
	places chan *session
	closed chan struct{}
	once   sync.Once
}

func newPool(n int, open func(context.Context) (*session, error)) *pool {
	p := &pool{open: open, places: make(chan *session, n), closed: make(chan struct{})}
	for range n {
		p.places <- nil
	}
	return p
}

// begin takes a session and opens a transaction on it. An idle connection may
// have died unnoticed, so a failure on an old one is tried once on a new one.
func (p *pool) begin(ctx context.Context, text string) (*session, error) {
	s, err := p.take(ctx)
	if err != nil {
		return nil, err
	}
	if s != nil {
		err := s.begin(ctx, text)
		if err == nil {
			return s, nil
		}
		_ = s.close()
		if ctx.Err() != nil {
			p.places <- nil
			return nil, fmt.Errorf("db: begin: %w", onDisk(locked(err)))
		}
	}
	s, err = p.open(ctx)
	if err != nil {
		p.places <- nil
		return nil, fmt.Errorf("db: connect: %w", onDisk(err))
	}
	if err := s.begin(ctx, text); err != nil {
		_ = s.close()
		p.places <- nil
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
	case s := <-p.places:
		return s, nil
	default:
	}
	limit := time.NewTimer(acquireLimit)
	defer limit.Stop()
	select {
	case s := <-p.places:
		return s, nil
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
	p.places <- s
}

func (p *pool) close() error {
	var errs []error
	p.once.Do(func() {
		close(p.closed)
		limit := time.NewTimer(closeLimit)
		defer limit.Stop()
		for range cap(p.places) {
			select {
			case s := <-p.places:
				if s != nil {
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
