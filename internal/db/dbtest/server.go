package dbtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"sort"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"comity/internal/db"
)

// server is the PostgreSQL server of this test binary. One process runs many
// tests, and starting a server takes about a second, hence the package variable.
var server struct {
	once  sync.Once
	dsn   string
	admin *db.DB
	err   error
	count atomic.Int64
}

var errNoServer = errors.New("no PostgreSQL server: set COMITY_TEST_POSTGRES=postgres://… or install PostgreSQL")

// postgresDatabase returns the address of an empty schema, dropped after the test.
func postgresDatabase(t testing.TB) string {
	t.Helper()
	server.once.Do(func() { server.dsn, server.admin, server.err = connectServer() })
	if errors.Is(server.err, errNoServer) && os.Getenv("CI") == "" {
		t.Skip(server.err)
	}
	if server.err != nil {
		t.Fatal(server.err)
	}
	schema := fmt.Sprintf("t%d_%d", os.Getpid(), server.count.Add(1))
	adminExec(t, "CREATE SCHEMA "+schema)
	t.Cleanup(func() { adminExec(t, "DROP SCHEMA "+schema+" CASCADE") })
	u, err := url.Parse(server.dsn)
	if err != nil {
		t.Fatal("COMITY_TEST_POSTGRES is not a postgres:// address")
	}
	q := u.Query()
	q.Set("search_path", schema)
	q.Set("application_name", schema) // tells this test's connections from all others
	u.RawQuery = q.Encode()
	return u.String()
}

func adminExec(t testing.TB, text string) {
	t.Helper()
	ctx := context.Background()
	err := server.admin.Transact(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func connectServer() (string, *db.DB, error) {
	dsn := os.Getenv("COMITY_TEST_POSTGRES")
	if dsn == "" {
		dir, err := startServer()
		if err != nil {
			return "", nil, err
		}
		dsn = (&url.URL{Scheme: "postgres", User: url.User("postgres"), Path: "/postgres",
			RawQuery: url.Values{"host": {dir}, "sslmode": {"disable"}}.Encode()}).String()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second) // other work may share the machine
	defer cancel()
	for {
		admin, err := db.Open(ctx, dsn, time.Now)
		if err == nil {
			return dsn, admin, nil
		}
		// A server that has just been started refuses at first.
		if os.Getenv("COMITY_TEST_POSTGRES") != "" || !pause(ctx, 20*time.Millisecond) {
			return "", nil, err
		}
	}
}

func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// watch runs the server beside a reader of the pipe that this process holds. The
// pipe closes when the process ends, even by kill -9; then the server is stopped
// and its folder removed.
const watch = `"$1/postgres" -D "$2/data" -k "$2" -c listen_addresses= -c fsync=off -c synchronous_commit=off \
	-c full_page_writes=off -c max_connections=1000 -c shared_buffers=32MB >"$2/log" 2>&1 &
cat >/dev/null
kill -QUIT $!
wait
rm -rf "$2"`

// startServer makes a cluster in a temporary folder and starts it without
// waiting. It listens on a socket in that folder only. The cluster is thrown
// away, so nothing is synced to disk.
func startServer() (dir string, err error) {
	bin, err := programs()
	if err != nil {
		return "", err
	}
	who, err := serverUser()
	if err != nil {
		return "", err
	}
	// Socket paths are limited to about 100 bytes, TMPDIR may be longer.
	if dir, err = os.MkdirTemp("/tmp", "comity-pg-"); err != nil {
		return "", err
	}
	if who != nil {
		if err := os.Chown(dir, int(who.Uid), int(who.Gid)); err != nil {
			return "", err
		}
	}
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", dir+"/data", "-U", "postgres",
		"--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions")
	initdb.Dir = dir
	initdb.SysProcAttr = &syscall.SysProcAttr{Credential: who}
	if out, err := initdb.CombinedOutput(); err != nil {
		return "", errors.Join(fmt.Errorf("initdb: %w: %s", err, out), os.RemoveAll(dir))
	}
	return dir, startWatch(dir, bin, who)
}

// lifelines are the writing ends of the watches' pipes, open as long as we live.
var lifelines []io.Closer

func startWatch(dir, bin string, who *syscall.Credential) error {
	cmd := exec.Command("/bin/sh", "-c", watch, "watch", bin, dir)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: who, Setsid: true} // an interrupt at the terminal is ours
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	lifelines = append(lifelines, pipe)
	return cmd.Start()
}

// programs finds the folder with initdb and postgres: PATH first, then the
// newest version where Debian puts them.
func programs() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err != nil { // the others lie where it lies
			return "", err
		}
		return filepath.Dir(path), nil
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return "", errNoServer
	}
	version := func(path string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
		return n
	}
	sort.Slice(found, func(i, j int) bool { return version(found[i]) < version(found[j]) })
	return filepath.Dir(found[len(found)-1]), nil
}

// serverUser is nil for ordinary users. PostgreSQL refuses to run as root, so
// root runs it as the user its package made.
func serverUser() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("%w (running as root, and there is no user named postgres to run it)", errNoServer)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// Postgres gives the address of an empty PostgreSQL database, for tests that need that engine.
func Postgres(t testing.TB) string {
	t.Helper()
	return postgresDatabase(t)
}
