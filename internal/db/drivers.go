package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/driver"
	"github.com/ncruces/go-sqlite3/ext/fts5"
)

const (
	sqliteReaders   = 4
	postgresWriters = 8
	postgresReaders = 8
	busyTimeout     = 10 * time.Second
)

func openEngine(ctx context.Context, dsn string, now func() time.Time) (*DB, error) {
	file, lite := FileOf(dsn)
	switch {
	case strings.HasPrefix(dsn, "postgres://"), strings.HasPrefix(dsn, "postgresql://"):
		return openPostgres(dsn, now)
	case lite && strings.HasPrefix(dsn, volatile):
		return openSQLite(ctx, file, "", "OFF", now)
	case lite:
		return openSQLite(ctx, file, "", "FULL", now)
	case keywords(dsn):
		return nil, errors.New("write a PostgreSQL address as postgres://user:password@host:5432/name")
	}
	scheme, _, _ := strings.Cut(dsn, "://")
	return nil, fmt.Errorf("%q is no known engine; write sqlite:/path/file.db or postgres://user@host/name", scheme)
}

const volatile = "sqlite-volatile:"

// FileOf is the file that an address of SQLite names; false where it names anything else, which may hold a password.
func FileOf(dsn string) (file string, lite bool) {
	for _, engine := range []string{"sqlite:", volatile} {
		if file, lite := strings.CutPrefix(dsn, engine); lite {
			return file, true
		}
	}
	if keywords(dsn) || strings.Contains(dsn, "://") {
		return "", false
	}
	return dsn, true
}

// keywords tells an address of PostgreSQL in the other spelling, which is not taken.
func keywords(dsn string) bool {
	return strings.Contains(dsn, "host=") || strings.Contains(dsn, "password=")
}

// openSQLite opens one writer and a few readers on one file. Journal and
// synchronous are chosen so that an acknowledged commit survives power loss.
// Caches stay at 16 MB or less: the driver's heap is bounded per connection and
// running out of it is a panic. sync OFF gives the power-loss part up. disk names
// a file system of the driver; empty is the machine's, with its syncs proven.
func openSQLite(ctx context.Context, path, disk, sync string, now func() time.Time) (*DB, error) {
	path, err := prepareFile(path)
	if err != nil {
		return nil, err
	}
	if disk == "" {
		disk = proven()
	}
	pool, err := driver.Open(fileURI(path, disk), func(c *sqlite3.Conn) error {
		if err := c.BusyTimeout(busyTimeout); err != nil {
			return err
		}
		if err := fts5.Register(c); err != nil {
			return err
		}
		// Otherwise a statement is parsed and planned anew whenever its LIMIT is bound, so at each time it runs.
		if _, err := c.Config(sqlite3.DBCONFIG_ENABLE_QPSG, true); err != nil {
			return err
		}
		return c.Exec(`PRAGMA journal_mode=WAL; PRAGMA synchronous=` + sync + `; PRAGMA foreign_keys=ON; PRAGMA secure_delete=ON; PRAGMA trusted_schema=OFF`)
	})
	if err != nil {
		return nil, err
	}
	pool.SetMaxIdleConns(-1) // sessions keep their connections; one given back is closed
	check := newCheckpointer(path)
	d := &DB{engine: SQLite, now: now, sql: pool, stop: check.halt, check: check}
	d.writers = newPool(1, func(ctx context.Context) (*session, error) {
		s, err := openSession(ctx, SQLite, pool, `PRAGMA cache_size=-16000`)
		if err != nil {
			return nil, err
		}
		return s, s.raw(func(c *sqlite3.Conn) { c.WALHook(check.committed) })
	})
	d.readers = newPool(sqliteReaders, func(ctx context.Context) (*session, error) {
		return openSession(ctx, SQLite, pool, `PRAGMA cache_size=-8000; PRAGMA query_only=ON`)
	})
	check.start(pool, d.writers)
	return d, nil
}

// FileURI names the file so that its syncs are proven and the driver gives its log the same mode, which
// would otherwise be what the umask allows.
func FileURI(path string) string { return fileURI(path, proven()) }

func fileURI(path, disk string) string {
	// SQLite does not read + as a space.
	mode := strings.ReplaceAll(url.QueryEscape(path), "+", "%20")
	return (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: "modeof=" + mode + "&vfs=" + url.QueryEscape(disk)}).String()
}

// prepareFile makes the folder (0700), and the file and its shared-memory index,
// both empty, with mode 0600.
func prepareFile(path string) (string, error) {
	if path == "" || strings.Contains(path, ":memory:") {
		return "", errors.New("a SQLite database needs a file, as in sqlite:/path/file.db")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", err
	}
	for _, name := range []string{path, path + "-shm"} {
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return "", err
		}
		if err := f.Close(); err != nil {
			return "", err
		}
	}
	return path, nil
}

// hungLimit has the server end a writing transaction whose node says nothing for long: one that was cut off from the
// network would otherwise keep its locks, among them that of the sequencer, until the server's TCP gives up after hours.
const hungLimit = `SET idle_in_transaction_session_timeout = '30s'`

func openPostgres(dsn string, now func() time.Time) (*DB, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		// The parser's own words may quote the address, password and all.
		return nil, errors.New("the PostgreSQL address cannot be read; write postgres://user:password@host:5432/name?sslmode=verify-full and percent-encode special characters")
	}
	steady(config)
	known := &reach{}
	pool := sql.OpenDB(postgresConnector{config, known})
	pool.SetMaxIdleConns(-1)
	open := func(ctx context.Context) (*session, error) {
		s, err := openSession(ctx, Postgres, pool, "")
		return s, WithoutPassword(err, dsn)
	}
	hung := func(ctx context.Context) (*session, error) {
		s, err := openSession(ctx, Postgres, pool, hungLimit)
		return s, WithoutPassword(err, dsn)
	}
	d := &DB{engine: Postgres, now: now, sql: pool, config: config, stop: func() {}, lonely: make(chan struct{}, 1),
		writers: newPool(postgresWriters, hung), readers: newPool(postgresReaders, open)}
	known.closed = d.writers.closed
	d.writers.reach, d.readers.reach = known, known
	return d, nil
}

func openSession(ctx context.Context, e Engine, pool *sql.DB, setup string) (*session, error) {
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, err
	}
	s := &session{engine: e, conn: conn, stmts: map[string]*statement{}, ahead: &waiting{}}
	err = conn.Raw(func(c any) error {
		if c, ok := c.(*postgresConn); ok {
			s.pg, s.ahead = c, c.ahead
		}
		return nil
	})
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	if setup != "" {
		if err := s.control(ctx, setup); err != nil {
			return nil, errors.Join(err, s.close())
		}
	}
	return s, nil
}

func (s *session) raw(fn func(*sqlite3.Conn)) error {
	return s.conn.Raw(func(c any) error {
		fn(c.(driver.Conn).Raw())
		return nil
	})
}

// WithoutPassword removes the password of dsn from an error's text.
func WithoutPassword(err error, dsn string) error {
	u, parseErr := url.Parse(dsn)
	if err == nil || parseErr != nil {
		return err
	}
	secret, _ := u.User.Password()
	text := err.Error()
	for _, s := range []string{secret, u.Query().Get("password")} {
		if s != "" {
			text = strings.ReplaceAll(text, s, "xxxxx")
		}
	}
	if text == err.Error() {
		return err
	}
	return errors.New(text)
}

// IsUnique tells whether err says that a row with this key exists already.
func IsUnique(err error) bool {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code == "23505"
	}
	return errors.Is(err, sqlite3.CONSTRAINT_UNIQUE) || errors.Is(err, sqlite3.CONSTRAINT_PRIMARYKEY) ||
		errors.Is(err, sqlite3.CONSTRAINT_ROWID)
}

// locked adds to SQLite's answer what it means: all transactions of one program queue, so the lock is another's.
func locked(err error) error {
	if errors.Is(err, sqlite3.BUSY) {
		return fmt.Errorf("another program is writing to this database, for example comity move or import; try again when it has ended (%w)", err)
	}
	return err
}

// retryable tells whether the same transaction may succeed when run again:
// serialization failure, deadlock, a server that is not the primary any more, or
// whoever wrote it says so. SQLite has none of the first, its writers queue.
func retryable(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return errors.Is(err, ErrAgain) || ok && (pg.Code == "40001" || pg.Code == "40P01") || notPrimary(err)
}

// notGranted tells whether a lock was not granted in the time a transaction may wait for it.
func notGranted(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.Code == "55P03"
}

// NoDatabase tells whether the server that was asked for has no database of this name.
func NoDatabase(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.Code == "3D000"
}

// isVerdict tells whether the engine itself answered, so that a failed commit is
// known not to be stored. A server that ends the connection while it commits has
// said why it goes, not what became of the commit.
func isVerdict(err error) bool {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.SeverityUnlocalized == "ERROR" && class(pg) != "08" && !strings.HasPrefix(pg.Code, "57P")
	}
	code, ok := sqliteCode(err)
	// A page that could not be written leaves no commit behind. A sync that failed does: until it is written over, what
	// was to be committed stands in the log, and a process that dies now brings it back.
	return ok && (byte(code) != byte(sqlite3.IOERR) || code == sqlite3.IOERR_WRITE)
}

// sqliteCode finds SQLite's extended code. The driver gives it alone where there is nothing to say beside it.
func sqliteCode(err error) (sqlite3.ExtendedErrorCode, bool) {
	if code, ok := errors.AsType[sqlite3.ExtendedErrorCode](err); ok {
		return code, true
	}
	code, ok := errors.AsType[sqlite3.ErrorCode](err)
	return sqlite3.ExtendedErrorCode(code), ok
}

// onDisk adds to SQLite's answer what it means for whoever looks after the machine. Its words are the same for every
// trouble of a disk; the number tells them apart.
func onDisk(err error) error {
	code, ok := sqliteCode(err)
	switch {
	case !ok || errors.Is(err, ErrDisk):
		return err
	case code == sqlite3.IOERR_WRITE, byte(code) == byte(sqlite3.FULL), byte(code) == byte(sqlite3.READONLY):
		return fmt.Errorf("%w (%w, code %d)", ErrDisk, err, code)
	case byte(code) == byte(sqlite3.IOERR):
		return fmt.Errorf("%w, code %d", err, code)
	}
	return err
}

// rolledBackAlready recognises SQLite's answer to ROLLBACK after an error that
// ended the transaction by itself (disk full, out of memory).
func rolledBackAlready(err error) bool {
	e, ok := errors.AsType[*sqlite3.Error](err)
	return ok && e.Code() == sqlite3.ERROR && strings.Contains(e.Error(), "no transaction is active")
}
