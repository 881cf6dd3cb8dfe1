package db

import (
	"cmp"
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// The few methods of a database/sql driver that session uses, over a plain pgx
// connection. pgx's own adapter brings a second connection pool along, which
// would stay unused: sessions are pooled here.
//
// Every wait for the server costs a trip over the network, so statements whose
// answer nobody needs are kept in line (see waiting) and leave together with the
// next one that has to be answered.

type postgresConnector struct {
	config *pgx.ConnConfig
	reach  *reach
}

func (c postgresConnector) Connect(ctx context.Context) (driver.Conn, error) {
	made := &postgresConn{server: c, ahead: &waiting{}}
	return made, made.connect(ctx)
}

func (c postgresConnector) Driver() driver.Driver { return c }

func (c postgresConnector) Open(string) (driver.Conn, error) { return c.Connect(context.Background()) }

type postgresConn struct {
	*pgx.Conn
	server   postgresConnector
	era      int64 // how many connections had been lost when this one was made
	prepared int   // names the statements
	ahead    *waiting
	used     bool // has answered before, and may have died since
	warned   bool // the server has warned since this was last reset
}

func (c *postgresConn) Begin() (driver.Tx, error) {
	return nil, errors.New("transactions begin with db.Transact")
}

func (c *postgresConn) Close() error { return c.Conn.Close(context.Background()) }

func (c *postgresConn) Prepare(q string) (driver.Stmt, error) {
	return c.PrepareContext(context.Background(), q)
}

// PrepareContext lets what waits go first: the statement may speak of a table that is made there.
func (c *postgresConn) PrepareContext(ctx context.Context, q string) (driver.Stmt, error) {
	if err := c.flush(ctx); err != nil {
		return nil, err
	}
	c.prepared++
	s := &postgresStmt{conn: c, name: "s" + strconv.Itoa(c.prepared), text: q}
	return s, s.prepare(ctx)
}

// ExecContext without arguments takes several statements at once where nothing waits, which migrations need.
func (c *postgresConn) ExecContext(ctx context.Context, q string, args []driver.NamedValue) (driver.Result, error) {
	switch {
	case len(args) > 0:
		return nil, driver.ErrSkip
	case mayWait(ctx):
		c.ahead.add(&query{text: q})
		return driver.RowsAffected(0), nil
	}
	c.warned = false
	rows, err := c.together(ctx, q)
	if err == nil && c.warned && q == "COMMIT" {
		err = errAlone
	}
	return rows, err
}

func (c *postgresConn) together(ctx context.Context, q string) (driver.Result, error) {
	if len(c.ahead.line) > 0 {
		return c.exec(ctx, &query{text: q})
	}
	tag, err := c.Conn.Exec(ctx, q)
	return driver.RowsAffected(tag.RowsAffected()), err
}

func (c *postgresConn) exec(ctx context.Context, q *query) (driver.Result, error) {
	answers, err := c.ask(ctx, q)
	if err != nil {
		return nil, err
	}
	tag, err := answers.ResultReader().Close()
	return driver.RowsAffected(tag.RowsAffected()), cmp.Or(answers.Close(), err)
}

// flush sends what waits and learns how it went.
func (c *postgresConn) flush(ctx context.Context) error {
	n := len(c.ahead.line) - 1
	if n < 0 {
		return nil
	}
	last := c.ahead.line[n]
	if err := ctx.Err(); err != nil {
		return err
	}
	c.ahead.line = c.ahead.line[:n]
	_, err := c.exec(ctx, last)
	if early := (*earlyError)(nil); err != nil && !errors.As(err, &early) {
		err = &earlyError{last.text, err}
	}
	return err
}

// ask sends what waits, and q behind it, in one trip, and returns standing before q's answer. When one fails the
// server passes over all behind it. A connection may have died while it lay idle; as long as it has not even begun
// the transaction, nothing has happened, and a new one takes its place.
func (c *postgresConn) ask(ctx context.Context, q *query) (*pgconn.MultiResultReader, error) {
	if err := ctx.Err(); err != nil {
		return nil, err // all stays in line
	}
	line := append(c.ahead.take(), q)
	answers, failed, err := c.send(ctx, line)
	if err != nil && failed == 0 && c.used && line[0].begins() && ctx.Err() == nil {
		c.server.reach.lost()
		_ = c.Conn.Close(ctx)
		if err := c.connect(ctx); err != nil {
			return nil, &earlyError{line[0].text, WithoutPassword(err, c.Config().ConnString())}
		}
		answers, failed, err = c.send(ctx, line)
	}
	if err != nil && failed < len(line)-1 {
		err = &earlyError{line[failed].text, err}
	}
	c.used = c.used || err == nil
	return answers, err
}

// send returns which statement failed.
func (c *postgresConn) send(ctx context.Context, line []*query) (answers *pgconn.MultiResultReader, failed int, err error) {
	var b pgconn.Batch
	for _, q := range line {
		if q.stmt == nil {
			b.ExecParams(q.text, nil, nil, nil, nil)
			continue
		}
		if err := q.stmt.prepare(ctx); err != nil {
			return nil, 0, err
		}
		b.ExecStatement(q.stmt.desc, q.args.ParamValues, q.args.ParamFormats, q.args.ResultFormats)
	}
	answers = c.PgConn().ExecBatch(ctx, &b)
	for i := range line {
		if !answers.NextResult() {
			return nil, i, cmp.Or(answers.Close(), errNoAnswer)
		}
		if i == len(line)-1 {
			break
		}
		if _, err := answers.ResultReader().Close(); err != nil {
			_ = answers.Close() // says the same again
			return nil, i, err
		}
	}
	return answers, 0, nil
}

var errNoAnswer = errors.New("the server did not answer the statement")

// query is a statement on its way, its arguments in the form of the wire.
type query struct {
	text string
	stmt *postgresStmt // nil: the text goes as it is
	args pgx.ExtendedQueryBuilder
}

func (q *query) begins() bool { return strings.HasPrefix(q.text, "BEGIN") }

// waiting is the line of a session's statements that have not been sent. On SQLite it is always empty.
type waiting struct {
	line  []*query
	trips int // how often the line has left
}

// longestLine bounds what a session keeps in memory for a transaction that sends thousands.
const longestLine = 256

// place is a point in the line.
type place struct{ at, trips int }

func (w *waiting) end() place { return place{len(w.line), w.trips} }

// holds tells whether the statement that was put in line at p is still there.
func (w *waiting) holds(p place) bool { return w.trips == p.trips && len(w.line) > p.at }

// steps tells whether any statement waits beside BEGIN and SAVEPOINT, which have no effect of their own.
func (w *waiting) steps() bool {
	return slices.ContainsFunc(w.line, func(q *query) bool { return q.stmt != nil })
}

func (w *waiting) add(q *query) { w.line = append(w.line, q) }

// drop takes back what was put in line from p on.
func (w *waiting) drop(p place) {
	if w.trips != p.trips {
		p.at = 0
	}
	w.line = w.line[:min(p.at, len(w.line))]
}

func (w *waiting) take() []*query {
	line := w.line
	w.line, w.trips = nil, w.trips+1
	return line
}

// earlyError is the failure of a statement that waited, told to whoever came after it.
type earlyError struct {
	text string
	err  error
}

func (e *earlyError) Error() string { return e.err.Error() }
func (e *earlyError) Unwrap() error { return e.err }

type waitKey struct{}

// unanswered marks a statement whose answer nobody needs. SQLite's driver does not look and runs it at once.
func unanswered(ctx context.Context) context.Context { return context.WithValue(ctx, waitKey{}, true) }

func mayWait(ctx context.Context) bool { return ctx.Value(waitKey{}) != nil }

type postgresStmt struct {
	conn *postgresConn
	name string
	text string
	on   *pgx.Conn // where it is prepared
	desc *pgconn.StatementDescription
}

func (s *postgresStmt) prepare(ctx context.Context) (err error) {
	if s.on == s.conn.Conn {
		return nil
	}
	if s.desc, err = s.conn.Conn.Prepare(ctx, s.name, s.text); err == nil {
		s.on = s.conn.Conn
	}
	return err
}

func (s *postgresStmt) Close() error {
	if s.on != s.conn.Conn || s.on.IsClosed() {
		return nil
	}
	return s.on.Deallocate(context.Background(), s.name)
}

func (s *postgresStmt) NumInput() int { return len(s.desc.ParamOIDs) }

func (s *postgresStmt) Exec([]driver.Value) (driver.Result, error) { return nil, driver.ErrSkip }

func (s *postgresStmt) Query([]driver.Value) (driver.Rows, error) { return nil, driver.ErrSkip }

// with encodes the arguments at once, so that what cannot be said fails here and the caller may reuse its bytes.
func (s *postgresStmt) with(args []driver.NamedValue) (*query, error) {
	q := &query{text: s.text, stmt: s}
	return q, q.args.Build(s.conn.TypeMap(), s.desc, values(args))
}

func (s *postgresStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	q, err := s.with(args)
	if err != nil {
		return nil, err
	}
	if mayWait(ctx) && len(s.conn.ahead.line) < longestLine {
		s.conn.ahead.add(q)
		return driver.RowsAffected(0), nil
	}
	return s.conn.exec(ctx, q)
}

func (s *postgresStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	q, err := s.with(args)
	if err != nil {
		return nil, err
	}
	answers, err := s.conn.ask(ctx, q)
	if err != nil {
		return nil, err
	}
	return &postgresRows{pgx.RowsFromResultReader(s.conn.TypeMap(), answers.ResultReader()), answers}, nil
}

func values(args []driver.NamedValue) []any {
	out := make([]any, len(args))
	for i, a := range args {
		out[i] = a.Value
	}
	return out
}

type postgresRows struct {
	pgx.Rows
	answers *pgconn.MultiResultReader
}

func (r *postgresRows) Columns() []string {
	fields := r.FieldDescriptions()
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
	}
	return names
}

func (r *postgresRows) Close() error {
	r.Rows.Close()
	return r.answers.Close()
}

func (r *postgresRows) Next(dest []driver.Value) error {
	if !r.Rows.Next() {
		if err := r.Rows.Err(); err != nil {
			return err
		}
		return cmp.Or(r.answers.Close(), io.EOF)
	}
	row, err := r.Rows.Values()
	if err != nil {
		return err
	}
	for i, v := range row {
		if dest[i], err = narrow(v); err != nil {
			return err
		}
	}
	return nil
}

// narrow brings a value to one of database/sql's few types. Sums are NUMERIC in
// PostgreSQL and pass as text, from which database/sql reads an integer.
func narrow(v any) (driver.Value, error) {
	switch v := v.(type) {
	case int32:
		return int64(v), nil
	case int16:
		return int64(v), nil
	case float32:
		return float64(v), nil
	case driver.Valuer:
		return v.Value()
	}
	return v, nil
}
