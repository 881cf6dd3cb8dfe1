package move

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"comity/internal/db"
)

// pgSide is a PostgreSQL database, on one connection.
type pgSide struct {
	address string
	c       *pgx.Conn
}

func openPostgres(ctx context.Context, address string) (*pgSide, error) {
	config, err := pgx.ParseConfig(address)
	if err != nil {
		return nil, errors.New("the PostgreSQL address cannot be read; write postgres://user:password@host:5432/name?sslmode=verify-full and percent-encode special characters")
	}
	// A move lasts, and nobody waits behind it.
	config.RuntimeParams["statement_timeout"] = "0"
	config.RuntimeParams["idle_in_transaction_session_timeout"] = "0"
	config.RuntimeParams["lock_timeout"] = "5s"
	// Whatever the address says of these: rows are taken as they come, in binary.
	config.RuntimeParams["client_encoding"] = "UTF8"
	config.DefaultQueryExecMode = pgx.QueryExecModeCacheStatement
	c, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "3D000" {
			return nil, fmt.Errorf("there is no database %s yet; make it with: createdb -O %s %s", config.Database, config.User, config.Database)
		}
		return nil, db.WithoutPassword(err, address)
	}
	return &pgSide{address: address, c: c}, nil
}

// close also ends a transaction that holds a source, and gives a claim up.
func (s *pgSide) close() error {
	if s.c == nil || s.c.IsClosed() {
		return nil
	}
	ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
	defer stop()
	return s.c.Close(ctx)
}

// hold keeps a city out in two ways: sessions of the same role and name are refused, and every table is locked
// against writing, in the transaction whose snapshot is read. A city that starts meanwhile waits for the lock of migrations.
func (s *pgSide) hold(ctx context.Context) error {
	for range 10 { // the session of a program that was just killed lives on for a moment
		open, err := s.sessions(ctx)
		if err != nil {
			return err
		}
		if !open {
			return s.lock(ctx)
		}
		if _, err := s.c.Exec(ctx, `SELECT pg_sleep(0.2)`); err != nil {
			return err
		}
	}
	return ErrOpen
}

// sessions tells whether others of the same role and name are there.
func (s *pgSide) sessions(ctx context.Context) (open bool, err error) {
	err = s.c.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
		 AND usename = current_user AND application_name = current_setting('application_name'))`).Scan(&open)
	return open, err
}

func (s *pgSide) lock(ctx context.Context) error {
	list, err := s.relations(ctx)
	if err != nil {
		return err
	}
	if _, err := s.c.Exec(ctx, `BEGIN ISOLATION LEVEL REPEATABLE READ`); err != nil {
		return err
	}
	if len(list) > 0 { // before the first query: its snapshot then holds whatever was committed
		var names []string
		for _, name := range list {
			names = append(names, quoted(name))
		}
		// It waits for lock_timeout: the server's own vacuum holds a table too, and gives way once somebody waits.
		if _, err := s.c.Exec(ctx, `LOCK TABLE `+strings.Join(names, ", ")+` IN SHARE MODE`); err != nil {
			if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "55P03" {
				return ErrOpen
			}
			return err
		}
	}
	var locked bool
	if err := s.c.QueryRow(ctx, `SELECT pg_try_advisory_xact_lock(7020310)`).Scan(&locked); err != nil {
		return err
	}
	open, err := s.sessions(ctx)
	if err == nil && (open || !locked) {
		err = ErrOpen
	}
	return err
}

func (s *pgSide) claim(ctx context.Context) error {
	// A server that is busy with an index otherwise notices late that its client was killed, and keeps the claim. Servers
	// that cannot do this refuse it, which changes nothing else.
	_, _ = s.c.Exec(ctx, `SELECT set_config(name, '1000', false) FROM pg_settings WHERE name = 'client_connection_check_interval'`)
	if _, err := s.c.Exec(ctx, `SELECT pg_advisory_lock(7020311)`); err != nil { // waits for lock_timeout: a move that was just killed lets go soon
		if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "55P03" {
			return ErrTaken
		}
		return err
	}
	var standby bool
	var encoding string
	if err := s.c.QueryRow(ctx, `SELECT pg_is_in_recovery(), current_setting('server_encoding')`).Scan(&standby, &encoding); err != nil {
		return err
	}
	switch {
	case standby:
		return errors.New("it is a standby and takes no changes; name the primary server")
	case encoding != "UTF8":
		return fmt.Errorf("its encoding is %s; create it again with ENCODING 'UTF8' TEMPLATE template0", encoding)
	}
	return nil
}

func quoted(name string) string { return pgx.Identifier{name}.Sanitize() }

// own is a condition on pg_class c: of the schema in use, and not made by an extension.
const own = `c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
	AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')`

func (s *pgSide) strings(ctx context.Context, q string, args ...any) ([]string, error) {
	rows, err := s.c.Query(ctx, q, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

func (s *pgSide) relations(ctx context.Context) ([]string, error) {
	return s.strings(ctx, `SELECT c.relname::text FROM pg_class c WHERE c.relkind IN ('r', 'p') AND `+own+` ORDER BY 1`)
}

func (s *pgSide) mark(ctx context.Context) (m mark, ok, others bool, err error) {
	var there bool
	if err := s.c.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM pg_class c WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relname NOT IN ('db_move', 'db_move_tables') AND `+own+`),
		EXISTS (SELECT 1 FROM pg_class c WHERE c.relkind = 'r' AND c.relname = 'db_move' AND `+own+`)`).Scan(&others, &there); err != nil || !there {
		return m, false, others, err
	}
	var city string
	var begun, ended int64
	err = s.c.QueryRow(ctx, `SELECT city, begun_at, ended_at FROM db_move`).Scan(&city, &begun, &ended)
	if errors.Is(err, pgx.ErrNoRows) {
		return m, false, others, nil
	}
	return markOf(city, begun, ended), err == nil, others, err
}

func (s *pgSide) setMark(ctx context.Context, m mark) error {
	return s.worded(pgx.BeginFunc(ctx, s.c, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `
			CREATE TABLE IF NOT EXISTS db_move (one BIGINT PRIMARY KEY CHECK (one = 1), city TEXT NOT NULL, begun_at BIGINT NOT NULL, ended_at BIGINT NOT NULL);
			CREATE TABLE IF NOT EXISTS db_move_tables (name TEXT NOT NULL PRIMARY KEY, summary TEXT NOT NULL)`); err != nil {
			return err
		}
		begun, ended := m.times()
		_, err := tx.Exec(ctx, `INSERT INTO db_move (one, city, begun_at, ended_at) VALUES (1, $1, $2, $3)
			ON CONFLICT (one) DO UPDATE SET city = excluded.city, begun_at = excluded.begun_at, ended_at = excluded.ended_at`, m.city, begun, ended)
		return err
	}))
}

func (s *pgSide) copied(ctx context.Context) (map[string]string, error) {
	rows, err := s.c.Query(ctx, `SELECT name, summary FROM db_move_tables`)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	var name, sum string
	_, err = pgx.ForEachRow(rows, []any{&name, &sum}, func() error { out[name] = sum; return nil })
	return out, err
}

func (s *pgSide) migrations(ctx context.Context) (out []string, err error) {
	list, err := s.relations(ctx)
	if err != nil {
		return nil, err
	}
	for _, name := range list {
		if name != "db_migrations" {
			continue
		}
		rows, err := s.c.Query(ctx, `SELECT set_name, name FROM db_migrations ORDER BY set_name, number`)
		if err != nil {
			return nil, err
		}
		var set, file string
		_, err = pgx.ForEachRow(rows, []any{&set, &file}, func() error { out = append(out, migration(set, file)); return nil })
		return out, err
	}
	return nil, nil
}

func (s *pgSide) tables(ctx context.Context) ([]table, error) {
	rows, err := s.c.Query(ctx, `SELECT c.relname::text, a.attname::text, t.typname::text, a.attidentity <> '' FROM pg_class c
		JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped JOIN pg_type t ON t.oid = a.atttypid
		WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname NOT IN `+notMoved+` AND `+own+` ORDER BY c.relname, a.attnum`)
	if err != nil {
		return nil, err
	}
	var out []table
	var name, col, typ string
	var serial bool
	if _, err := pgx.ForEachRow(rows, []any{&name, &col, &typ, &serial}, func() error {
		if len(out) == 0 || out[len(out)-1].name != name {
			out = append(out, table{name: name})
		}
		t := &out[len(out)-1]
		if typ == "tsvector" && col == "tokens" && len(t.columns) == 1 && t.columns[0].name == "id" {
			t.search, t.columns = true, searchColumns
			return nil
		}
		k, ok := map[string]kind{"int8": integer, "text": words, "bytea": bytes, "float8": decimal}[typ]
		if !ok || t.search {
			return fmt.Errorf("column %s of table %s has the type %q, which is not moved", col, name, typ)
		}
		t.columns = append(t.columns, column{col, k, serial})
		return nil
	}); err != nil {
		return nil, err
	}
	for i, t := range out {
		if out[i].needs, err = s.strings(ctx, `SELECT DISTINCT f.relname::text FROM pg_constraint k JOIN pg_class f ON f.oid = k.confrelid
			WHERE k.contype = 'f' AND k.conrelid = $1::text::regclass`, quoted(t.name)); err != nil {
			return nil, err
		}
	}
	return ordered(out)
}

func (s *pgSide) count(ctx context.Context, t table) (n int64, err error) {
	err = s.c.QueryRow(ctx, `SELECT COUNT(*) FROM `+quoted(t.name)).Scan(&n)
	return n, err
}

func pgNames(t table) string {
	var out []string
	for _, c := range t.columns {
		out = append(out, quoted(c.name))
	}
	return strings.Join(out, ", ")
}

func (s *pgSide) rows(ctx context.Context, t table, each func([]byte) error) error {
	q := `SELECT ` + pgNames(t) + ` FROM ` + quoted(t.name)
	if t.search {
		q = `SELECT id, NULL::text, NULL::bigint FROM ` + quoted(t.name) + ` UNION ALL
			SELECT i.id, w.lexeme, p::bigint FROM ` + quoted(t.name) + ` AS i, unnest(i.tokens) AS w, unnest(w.positions) AS p`
	}
	rows, err := s.c.Query(ctx, q)
	if err != nil {
		return s.worded(err)
	}
	defer rows.Close()
	var b []byte
	for rows.Next() { // the bytes of the answer are the bytes of the row: all types asked for travel in binary
		b = b[:0]
		for _, v := range rows.RawValues() {
			if v == nil {
				b = putNull(b)
			} else {
				b = putBytes(b, v)
			}
		}
		if err := each(b); err != nil {
			return err
		}
	}
	return s.worded(rows.Err())
}

func (s *pgSide) empty(ctx context.Context, all []table) error {
	names := []string{"db_move_tables"}
	for _, t := range all {
		names = append(names, quoted(t.name))
	}
	_, err := s.c.Exec(ctx, `TRUNCATE `+strings.Join(names, ", ")+` RESTART IDENTITY`)
	return s.worded(err)
}

// fill takes indexes and keys off the empty table, which are made faster afterwards than row by row, copies, and
// makes them again: all in one transaction.
func (s *pgSide) fill(ctx context.Context, t table, feed func(put func([]byte) error) (Summary, error)) error {
	return s.worded(pgx.BeginFunc(ctx, s.c, func(tx pgx.Tx) error {
		again, err := s.undress(ctx, tx, t)
		if err != nil {
			return err
		}
		sum, err := s.insert(ctx, tx, t, feed)
		if err != nil {
			return err
		}
		for _, text := range again {
			if _, err := tx.Exec(ctx, text); err != nil {
				return err
			}
		}
		for _, c := range t.columns {
			if !c.serial {
				continue
			}
			if _, err := tx.Exec(ctx, `SELECT setval(pg_get_serial_sequence($1, $2), GREATEST(COALESCE(MAX(`+quoted(c.name)+`), 0), 1), COALESCE(MAX(`+quoted(c.name)+`), 0) >= 1) FROM `+quoted(t.name),
				quoted(t.name), c.name); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, `ANALYZE `+quoted(t.name)); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO db_move_tables (name, summary) VALUES ($1, $2)`, t.name, noted(sum))
		return err
	}))
}

// undress drops indexes and keys that no other table leans on, and returns the statements that make them again.
func (s *pgSide) undress(ctx context.Context, tx pgx.Tx, t table) (again []string, err error) {
	if _, err := tx.Exec(ctx, `SET LOCAL maintenance_work_mem = '128MB'`); err != nil {
		return nil, err
	}
	rows, err := tx.Query(ctx, `SELECT 'ALTER TABLE ' || $1 || ' DROP CONSTRAINT ' || quote_ident(k.conname), 'ALTER TABLE ' || $1 || ' ADD CONSTRAINT ' || quote_ident(k.conname) || ' ' || pg_get_constraintdef(k.oid)
		 FROM pg_constraint k WHERE k.conrelid = $1::text::regclass AND k.contype IN ('p', 'u')
		 AND NOT EXISTS (SELECT 1 FROM pg_constraint f WHERE f.contype = 'f' AND f.confrelid = k.conrelid)
		UNION ALL SELECT 'DROP INDEX ' || x.indexrelid::regclass, pg_get_indexdef(x.indexrelid)
		 FROM pg_index x WHERE x.indrelid = $1::text::regclass AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = x.indexrelid)`, quoted(t.name))
	if err != nil {
		return nil, err
	}
	var drops []string
	var drop, remake string
	if _, err := pgx.ForEachRow(rows, []any{&drop, &remake}, func() error {
		drops, again = append(drops, drop), append(again, remake)
		return nil
	}); err != nil {
		return nil, err
	}
	for _, text := range drops {
		if _, err := tx.Exec(ctx, text); err != nil {
			return nil, err
		}
	}
	return again, nil
}

func (s *pgSide) insert(ctx context.Context, tx pgx.Tx, t table, feed func(put func([]byte) error) (Summary, error)) (Summary, error) {
	if !t.search {
		return s.copyIn(ctx, quoted(t.name), t, feed)
	}
	if _, err := tx.Exec(ctx, `CREATE TEMP TABLE move_places (id BIGINT, term TEXT COLLATE "C", place BIGINT) ON COMMIT DROP`); err != nil {
		return Summary{}, err
	}
	sum, err := s.copyIn(ctx, "move_places", t, feed)
	if err != nil {
		return sum, err
	}
	_, err = tx.Exec(ctx, `INSERT INTO `+quoted(t.name)+` (id, tokens)
		SELECT id, CAST(COALESCE(string_agg('''' || replace(replace(term, '\', '\\'), '''', '''''') || ''':' || place, ' '), '') AS TSVECTOR) FROM move_places GROUP BY id`)
	return sum, err
}

// copyHead begins a binary COPY; after it and before each row, a count of columns.
const copyHead = "PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00"

// copyIn streams rows; at any time no more than a buffer of them is in memory.
func (s *pgSide) copyIn(ctx context.Context, into string, t table, feed func(put func([]byte) error) (Summary, error)) (Summary, error) {
	r, w := io.Pipe()
	var sum Summary
	var fed error
	done := make(chan struct{})
	go func() {
		defer close(done)
		out := bufio.NewWriterSize(w, 256<<10)
		count := []byte{byte(len(t.columns) >> 8), byte(len(t.columns))}
		_, _ = out.WriteString(copyHead) // an error of out is told again by every later call
		sum, fed = feed(func(row []byte) error {
			_, _ = out.Write(count)
			_, err := out.Write(row)
			return err
		})
		if fed == nil {
			_, _ = out.Write([]byte{0xff, 0xff})
			fed = out.Flush()
		}
		w.CloseWithError(fed)
	}()
	_, err := s.c.PgConn().CopyFrom(ctx, r, `COPY `+into+` (`+pgNames(t)+`) FROM STDIN (FORMAT BINARY)`)
	r.CloseWithError(errStopped)
	<-done
	if fed != nil && !errors.Is(fed, errStopped) { // the cause; what COPY says is that its input broke off
		return sum, fed
	}
	return sum, err
}

var errStopped = errors.New("the target takes no more rows")

// worded adds the way out to what the server says. Its words may quote a row, so only code and names are kept.
func (s *pgSide) worded(err error) error {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	switch {
	case err == nil:
		return nil
	case ok && pg.Code == "53100":
		return errors.New("the disk of the PostgreSQL server is full; make room there and give the same command again")
	case ok && pg.Code == "42501":
		return fmt.Errorf("the role of the address may not make tables there (%s); let it own the database: ALTER DATABASE … OWNER TO …", pg.Message)
	case ok && (strings.HasPrefix(pg.Code, "22") || pg.Code == "42601"): // what it cannot read stands in its message
		return fmt.Errorf("PostgreSQL cannot read a value (SQLSTATE %s, table %s, column %s)", pg.Code, pg.TableName, pg.ColumnName)
	case ok && !strings.HasPrefix(pg.Code, "57P"): // which means that it goes away
		return fmt.Errorf("PostgreSQL refuses: %s (SQLSTATE %s, table %s, column %s)", pg.Message, pg.Code, pg.TableName, pg.ColumnName)
	case ok, s.c.IsClosed():
		return fmt.Errorf("the connection to the PostgreSQL server was lost; give the same command again (%w)", db.WithoutPassword(err, s.address))
	}
	return err
}
