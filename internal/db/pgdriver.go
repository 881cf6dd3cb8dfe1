package db

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"strconv"

	"github.com/jackc/pgx/v5"
)

// The few methods of a database/sql driver that session uses, over a plain pgx
// connection. pgx's own adapter brings a second connection pool along, which
// would stay unused: sessions are pooled here.

type postgresConnector struct{ config *pgx.ConnConfig }

func (c postgresConnector) Connect(ctx context.Context) (driver.Conn, error) {
	made, config := &postgresConn{}, c.config.Copy()
	made.watchful(config)
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	made.Conn = conn
	return made, nil
}

func (c postgresConnector) Driver() driver.Driver { return c }

func (c postgresConnector) Open(string) (driver.Conn, error) { return c.Connect(context.Background()) }

type postgresConn struct {
	*pgx.Conn
	prepared int  // names the statements
	warned   bool // the server has warned since this was last reset
}

func (c *postgresConn) Begin() (driver.Tx, error) {
	return nil, errors.New("transactions begin with db.Transact")
}

func (c *postgresConn) Close() error { return c.Conn.Close(context.Background()) }

func (c *postgresConn) Prepare(q string) (driver.Stmt, error) {
	return c.PrepareContext(context.Background(), q)
}

func (c *postgresConn) PrepareContext(ctx context.Context, q string) (driver.Stmt, error) {
	c.prepared++
	desc, err := c.Conn.Prepare(ctx, "s"+strconv.Itoa(c.prepared), q)
	if err != nil {
		return nil, err
	}
	return &postgresStmt{conn: c.Conn, name: desc.Name, params: len(desc.ParamOIDs)}, nil
}

// ExecContext without arguments takes several statements at once, which
// migrations need.
func (c *postgresConn) ExecContext(ctx context.Context, q string, args []driver.NamedValue) (driver.Result, error) {
	if len(args) > 0 {
		return nil, driver.ErrSkip
	}
	c.warned = false
	tag, err := c.Conn.Exec(ctx, q)
	if err == nil && c.warned && q == "COMMIT" {
		err = errAlone
	}
	return driver.RowsAffected(tag.RowsAffected()), err
}

type postgresStmt struct {
	conn   *pgx.Conn
	name   string
	params int
}

func (s *postgresStmt) Close() error {
	if s.conn.IsClosed() {
		return nil
	}
	return s.conn.Deallocate(context.Background(), s.name)
}

func (s *postgresStmt) NumInput() int { return s.params }

func (s *postgresStmt) Exec([]driver.Value) (driver.Result, error) { return nil, driver.ErrSkip }

func (s *postgresStmt) Query([]driver.Value) (driver.Rows, error) { return nil, driver.ErrSkip }

func (s *postgresStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	tag, err := s.conn.Exec(ctx, s.name, values(args)...)
	return driver.RowsAffected(tag.RowsAffected()), err
}

func (s *postgresStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	rows, err := s.conn.Query(ctx, s.name, values(args)...)
	if err != nil {
		return nil, err
	}
	return &postgresRows{rows}, nil
}

func values(args []driver.NamedValue) []any {
	out := make([]any, len(args))
	for i, a := range args {
		out[i] = a.Value
	}
	return out
}

type postgresRows struct{ pgx.Rows }

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
	return nil // a failure was reported by Next
}

func (r *postgresRows) Next(dest []driver.Value) error {
	if !r.Rows.Next() {
		if err := r.Rows.Err(); err != nil {
			return err
		}
		return io.EOF
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
