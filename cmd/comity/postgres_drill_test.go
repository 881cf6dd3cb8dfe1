package main

import (
	"errors"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"comity/internal/account"
	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/ledger"
	"comity/internal/pack"
)

// cluster is a PostgreSQL server of one test, which archives its log as docs/operations.md says.
type cluster struct {
	t        *testing.T
	bin, dir string
	who      *syscall.Credential
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	path, err := exec.LookPath("pg_basebackup")
	if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pg_basebackup"); len(found) > 0 {
		path, err = found[len(found)-1], nil
	}
	if err != nil {
		t.Skip("there is no PostgreSQL here")
	}
	k := &cluster{t: t, bin: filepath.Dir(path)}
	if k.dir, err = os.MkdirTemp("", "comity-pg-"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(k.dir) })
	if os.Getuid() == 0 { // PostgreSQL does not run as root
		u, err := user.Lookup("postgres")
		if err != nil {
			t.Skip("root cannot run PostgreSQL, and there is no user postgres")
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		k.who = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if err := os.Chown(k.dir, uid, gid); err != nil {
			t.Fatal(err)
		}
	}
	k.run("initdb", "-D", k.dir+"/data", "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
	k.shell(`mkdir archive && cat >>data/postgresql.conf <<END
listen_addresses = ''
unix_socket_directories = '` + k.dir + `'
max_connections = 150
shared_buffers = 32MB
fsync = off
archive_mode = on
archive_command = 'test ! -f ` + k.dir + `/archive/%f && cp %p ` + k.dir + `/archive/%f'
restore_command = 'cp ` + k.dir + `/archive/%f %p'
END`)
	return k
}

func (k *cluster) run(program string, args ...string) string {
	k.t.Helper()
	return k.command(filepath.Join(k.bin, program), args...)
}

func (k *cluster) shell(text string) { k.t.Helper(); k.command("/bin/sh", "-c", text) }

func (k *cluster) command(name string, args ...string) string {
	k.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = k.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: k.who}
	out, err := cmd.CombinedOutput()
	if err != nil {
		log, _ := os.ReadFile(k.dir + "/log")
		k.t.Fatalf("%s %v: %v\n%s\n%s", name, args, err, out, log)
	}
	return string(out)
}

func (k *cluster) start(data string) {
	k.t.Helper()
	k.shell(filepath.Join(k.bin, "pg_ctl") + " -D " + data + " -l log -t 60 -w start >/dev/null")
	k.t.Cleanup(func() {
		cmd := exec.Command(filepath.Join(k.bin, "pg_ctl"), "-D", data, "-m", "immediate", "stop")
		cmd.Dir, cmd.SysProcAttr = k.dir, &syscall.SysProcAttr{Credential: k.who}
		cmd.Run()
	})
}

func (k *cluster) sql(text string) string {
	k.t.Helper()
	return strings.TrimSpace(k.run("psql", "-h", k.dir, "-U", "postgres", "-d", "comity", "-Atqc", text))
}

func (k *cluster) dsn() string {
	return (&url.URL{Scheme: "postgres", User: url.User("postgres"), Path: "/comity", RawQuery: url.Values{"host": {k.dir}, "sslmode": {"disable"}}.Encode()}).String()
}

// compartmentsOf are those a pack needs a database for, beside the civic one.
func compartmentsOf(t *testing.T, dir string) []string {
	t.Helper()
	p, err := pack.LoadWith(os.DirFS(dir), basesOf(dir))
	if err != nil {
		t.Fatal(err)
	}
	return others(p)
}

func Test_a_drill_a_city_on_PostgreSQL_is_brought_back_to_a_moment_and_its_erased_case_stays_erased(t *testing.T) {
	if os.Getenv("COMITY_DRILL_ROUNDS") == "" {
		t.Skip("it takes half a minute: make drill")
	}
	k := newCluster(t)
	k.start("data")
	k.run("createdb", "-h", k.dir, "-U", "postgres", "comity")
	root := t.TempDir()
	data, laws, kept := filepath.Join(root, "data"), quietPack(t, root), filepath.Join(root, "kept")
	for _, c := range compartmentsOf(t, laws) {
		k.run("createdb", "-h", k.dir, "-U", "postgres", "comity_"+c)
	}
	cfg := cityConfig{DB: k.dsn(), Data: data, Pack: os.DirFS(laws), Bases: basesOf(laws), Clock: &clock{}, Log: slog.New(slog.DiscardHandler), Hashing: account.Cheap()}
	open := func() *city {
		t.Helper()
		c, err := openCity(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := open()
	gone := tell(t, c)
	if _, err := c.ledger.Do(t.Context(), authz.Holder(string(gone.Case)), casework.Command{Case: gone.Case, Version: casework.AnyVersion, Act: "withdraw"}); err != nil {
		t.Fatal(err)
	}
	k.run("pg_basebackup", "-h", k.dir, "-U", "postgres", "-D", "base", "-c", "fast", "-X", "stream", "--no-sync")
	first := tell(t, c)
	moment := k.sql(`SELECT clock_timestamp()`)
	time.Sleep(20 * time.Millisecond)
	second := tell(t, c)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	city := []string{"--pack", laws, "--data", data, "--db", k.dsn(), "--lang", "en"}
	mustSay(t, append([]string{"erase", string(gone.Ref), "--ground", "unlawful", "--law", "PIPL/47"}, city...)...)
	// The base backup and the archive hold wrapped keys. A new generation makes them worthless.
	mustSay(t, append([]string{"keys", "rotate"}, city...)...)
	mustSay(t, append([]string{"keys", "drop"}, city...)...)
	mustSay(t, append([]string{"backup", "keys", "--to", kept}, city...)...)
	k.sql(`SELECT pg_switch_wal()`)
	k.run("pg_ctl", "-D", "data", "-m", "fast", "-w", "stop")

	k.shell(`cat >>base/postgresql.auto.conf <<END
recovery_target_time = '` + moment + `'
recovery_target_action = 'promote'
END
touch base/recovery.signal`)
	k.start("base")
	for k.sql(`SELECT pg_is_in_recovery()`) != "f" {
		time.Sleep(50 * time.Millisecond)
	}
	if n := k.sql(`SELECT COUNT(*) FROM case_keys WHERE wrapped <> ''`); n != "2" {
		t.Fatalf("%s wrapped keys came back, the test is about two", n)
	}
	// The two wrapped keys, that of the erased case among them, open nothing any more.
	if c, err := openCity(t.Context(), cfg); err == nil {
		c.Close()
		t.Fatal("a city started with keys of a dropped generation")
	} else if !errors.Is(err, ledger.ErrOtherKey) {
		t.Fatal(err)
	}
	k.sql(`UPDATE case_keys SET wrapped = '' WHERE state <> 'erased'`)
	mustSay(t, append([]string{"restore", "keys", "--from", kept}, city...)...)
	if out := mustSay(t, append([]string{"verify", "--quiet"}, city...)...); !strings.Contains(out, "; 0 wrong") {
		t.Error(out)
	}
	c = open()
	defer c.Close()
	look := func(r ledger.Receipt) (string, error) {
		l, err := c.ledger.Look(t.Context(), authz.Machine(), ledger.Ticket{Case: r.Case, Purpose: "notice", Level: authz.Identity})
		if err != nil {
			return "", err
		}
		return l.Case().Contact.Name, nil
	}
	if name, err := look(first); err != nil || name != personal["name"] {
		t.Errorf("the case of before the moment reads %q, %v", name, err)
	}
	if _, err := look(second); !errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("the case of after the moment: %v", err)
	}
	if name, err := look(gone); err != nil || name != casework.Veil {
		t.Errorf("the erased case reads %q, %v", name, err)
	}
}
