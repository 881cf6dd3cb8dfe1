package main

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"comity/internal/account"
	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db/dbtest"
	"comity/internal/ledger"
	"comity/internal/pack"
)

// cluster is a PostgreSQL server of one test.
type cluster struct {
	t *testing.T
	*dbtest.Cluster
}

// newCluster starts one that archives its log as docs/operations.md says.
func newCluster(t *testing.T) cluster {
	t.Helper()
	c, err := dbtest.NewCluster(t.Context(), "max_connections = 150", "fsync = off", "archive_mode = on",
		"archive_command = 'mkdir -p ../archive && test ! -f ../archive/%f && cp %p ../archive/%f'",
		"restore_command = 'cp ../archive/%f %p'")
	if errors.Is(err, dbtest.ErrNoServer) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return cluster{t, c}
}

func (k cluster) run(program string, args ...string) string {
	k.t.Helper()
	out, err := k.Run(k.t.Context(), program, args...)
	if err != nil {
		k.t.Fatal(err)
	}
	return out
}

func (k cluster) sql(text string) string {
	k.t.Helper()
	return k.run("psql", "-d", "comity", "-Atqc", text)
}

// compartmentsOf are those a pack needs a database for, beside the civic one.
func compartmentsOf(t *testing.T, dir string) []string {
	t.Helper()
	p, err := pack.LoadWith(os.DirFS(dir), basesOf(dir), shipped())
	if err != nil {
		t.Fatal(err)
	}
	return others(p)
}

func Test_a_drill_a_city_on_PostgreSQL_is_brought_back_to_a_moment_and_its_erased_case_stays_erased(t *testing.T) {
	t.Parallel()
	k := newCluster(t)
	k.run("createdb", "comity")
	root := t.TempDir()
	data, laws, kept := filepath.Join(root, "data"), quietPack(t, root), filepath.Join(root, "kept")
	for _, c := range compartmentsOf(t, laws) {
		k.run("createdb", "comity_"+c)
	}
	cfg := cityConfig{DB: k.Address("comity"), Data: data, Pack: os.DirFS(laws), Bases: basesOf(laws), Clock: &clock{}, Log: slog.New(slog.DiscardHandler), Hashing: account.Cheap()}
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
	k.run("pg_basebackup", "-D", "base", "-c", "fast", "-X", "stream", "--no-sync")
	first := tell(t, c)
	moment := k.sql(`SELECT clock_timestamp()`)
	time.Sleep(20 * time.Millisecond)
	second := tell(t, c)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	city := []string{"--pack", laws, "--data", data, "--db", k.Address("comity"), "--lang", "en"}
	mustSay(t, append([]string{"erase", string(gone.Ref), "--ground", "unlawful", "--law", "PIPL/47"}, city...)...)
	// The base backup and the archive hold wrapped keys. A new generation makes them worthless.
	mustSay(t, append([]string{"keys", "rotate"}, city...)...)
	mustSay(t, append([]string{"keys", "drop"}, city...)...)
	mustSay(t, append([]string{"backup", "keys", "--to", kept}, city...)...)
	k.sql(`SELECT pg_switch_wal()`)
	if err := k.Kill(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	k.run("/bin/sh", "-c", `cat >>base/postgresql.auto.conf <<END
recovery_target_time = '`+moment+`'
recovery_target_action = 'promote'
END
touch base/recovery.signal`)
	if err := k.StartOn(t.Context(), "base"); err != nil {
		t.Fatal(err)
	}
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
