package main

import (
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"comity/internal/account"
	"comity/internal/backup"
	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/procedure"
)

// examined runs comity doctor and gives what it says of each thing, the worst first where a thing is told more than once.
func examined(t *testing.T, args ...string) (status int, of map[string][]finding) {
	t.Helper()
	out, _, err := said(t, append([]string{"doctor", "--json"}, args...)...)
	var d *diagnosis
	switch {
	case errors.As(err, &d):
		status = d.status
	case err != nil:
		t.Fatal(err)
	}
	var told struct{ Findings []finding }
	if err := json.Unmarshal([]byte(out), &told); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	of = map[string][]finding{}
	for _, f := range told.Findings {
		of[f.What] = append(of[f.What], f)
	}
	return status, of
}

func tells(t *testing.T, of map[string][]finding, what, state, part string) {
	t.Helper()
	if !slices.ContainsFunc(of[what], func(f finding) bool { return f.State == state && strings.Contains(f.Text, part) }) {
		t.Errorf("nothing says that %s is %s with %q: %+v", what, state, part, of[what])
	}
}

// listed is every file below a folder, with its content.
func listed(t *testing.T, dirs ...string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
			if err != nil || e.IsDir() || strings.HasSuffix(path, "-shm") || strings.HasSuffix(path, "-wal") {
				return err // SQLite makes and removes these two by itself for whoever reads
			}
			raw, err := os.ReadFile(path)
			out[path] = string(raw)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func Test_the_doctor_looks_at_a_city_and_changes_nothing(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	data := filepath.Join(root, "data")
	packDir := quietPack(t, root)
	args := []string{"--pack", packDir, "--data", data}

	status, of := examined(t, args...)
	if status != odd {
		t.Errorf("before the first start the status is %d: %+v", status, of)
	}
	tells(t, of, "data", "odd", "the first start makes it")
	tells(t, of, "database", "odd", "comity.db is not there")
	if exists(data) || exists(data+".keys") {
		t.Fatal("looking made a folder")
	}

	c, _ := testHouse(t, packDir, data)
	if err := c.surveyIfDue(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	before := listed(t, data, data+".keys")
	_, of = examined(t, args...)
	for what, part := range map[string]string{"clock": "passes evenly", "keys": "is kept", "data": "is kept", "database": "sqlite answers", "schema": "those of this program", "pack": "last started with", "invariants": "none was broken", "calendar": "known until"} {
		if what != "calendar" { // whose state depends on the day
			tells(t, of, what, "good", part)
		} else if len(of[what]) == 0 {
			t.Error("no calendar is told")
		}
	}
	after := listed(t, data, data+".keys")
	if len(before) != len(after) {
		t.Errorf("%d files before, %d after", len(before), len(after))
	}
	for name, text := range before {
		if after[name] != text {
			t.Errorf("%s is another", name)
		}
	}

	// What an operator gets wrong, one thing after the other.
	if err := os.Chmod(data, 0o755); err != nil {
		t.Fatal(err)
	}
	status, of = examined(t, args...)
	if status != wrong {
		t.Errorf("a data folder that others read ends with %d", status)
	}
	tells(t, of, "data", "wrong", "chmod 0700 "+data)
	if err := os.Chmod(data, 0o700); err != nil {
		t.Fatal(err)
	}
	_, of = examined(t, append(args, "--keys", filepath.Join(root, "elsewhere"))...)
	tells(t, of, "keys", "wrong", "restore keys")
	_, of = examined(t, append(args, "--keys", filepath.Join(data, "keys"))...)
	tells(t, of, "keys", "wrong", "one in the other")
	if exists(filepath.Join(root, "elsewhere")) {
		t.Error("looking made a key folder")
	}
	_, of = examined(t, "--pack", filepath.Join(root, "nowhere"), "--data", data)
	tells(t, of, "pack", "wrong", "there is no pack.yaml")

	category := filepath.Join(packDir, "categories.yaml")
	raw, err := os.ReadFile(category)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(category, append(raw, "# changed\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	_, of = examined(t, args...)
	tells(t, of, "pack", "odd", "raise version in pack.yaml")
}

func Test_the_doctor_says_the_same_in_both_languages(t *testing.T) {
	args := []string{"doctor", "--pack", "demo", "--data", filepath.Join(t.TempDir(), "data")}
	en, _, _ := said(t, append(args, "--lang", "en")...)
	zh, _, _ := said(t, append(args, "--lang", "zh-CN")...)
	if a, b := strings.Count(en, "\n"), strings.Count(zh, "\n"); a != b || a < 5 {
		t.Errorf("%d lines and %d lines:\n%s%s", a, b, en, zh)
	}
	if !strings.HasPrefix(en, "good   Clock: ") || !strings.HasPrefix(zh, "正常  时钟：") {
		t.Errorf("it begins\n%s\n%s", en, zh)
	}
}

func Test_the_doctor_asks_what_the_files_of_the_operator_name(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	post := write("post.yaml", "trys: 3\n")
	files := write("files.yaml", "scanner:\n  clamd: tcp:127.0.0.1:1\n")
	args := []string{"--pack", "demo", "--data", filepath.Join(dir, "data"), "--post", post, "--files", files, "--mail", filepath.Join(dir, "none.yaml"),
		"--archive", filepath.Join(dir, "no archive"), "--witness", write("head", "no head"), "--traces", "http://127.0.0.1:1"}
	status, of := examined(t, args...)
	if status != wrong {
		t.Errorf("the status is %d", status)
	}
	tells(t, of, "post", "wrong", "trys: is not known here")
	tells(t, of, "files", "wrong", "127.0.0.1:1")
	tells(t, of, "mail", "wrong", "none.yaml")
	tells(t, of, "archive", "wrong", "no archive")
	tells(t, of, "witness", "wrong", "head")
	tells(t, of, "traces", "wrong", "127.0.0.1:1")
	_, of = examined(t, append(args, "--offline")...)
	tells(t, of, "files", "good", "reads well")
	tells(t, of, "witness", "unseen", "was not asked")
	tells(t, of, "traces", "unseen", "was not asked")
	half := write("half.yaml", "bucket:\n  endpoint: https://objects.invalid\n")
	_, of = examined(t, "--pack", "demo", "--data", filepath.Join(dir, "data"), "--files", half, "--offline")
	tells(t, of, "files", "wrong", "secret_key")
}

func Test_the_doctor_says_what_it_did_not_look_at(t *testing.T) {
	root := t.TempDir()
	data, packDir := filepath.Join(root, "data"), quietPack(t, root)
	c, _ := testHouse(t, packDir, data)
	err := c.db.Transact(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), "INSERT INTO jobs (id, kind, key, payload, run_at, prio, max_attempts, dead) VALUES ('a', 'notice', 'a', '{}', 0, 0, 1, 1)")
		return err
	})
	if err := errors.Join(err, c.Close()); err != nil {
		t.Fatal(err)
	}
	args := []string{"--pack", packDir, "--data", data}
	_, of := examined(t, args...)
	tells(t, of, "base", "odd", "--base")
	tells(t, of, "invariants", "unseen", "not looked at yet")
	tells(t, of, "backup", "unseen", "--backups")
	tells(t, of, "jobs", "odd", "given up: 1")
	_, of = examined(t, append(args, "--base", "help.example.gov")...)
	tells(t, of, "base", "wrong", "https://help.example.gov")
	_, of = examined(t, append(args, "--base", "https://help.example.gov", "--hosts", "a b")...)
	tells(t, of, "base", "wrong", "--hosts")
	_, of = examined(t, "--pack", filepath.Join(root, "nowhere"), "--data", data, "--base", "https://help.example.gov")
	tells(t, of, "base", "good", "help.example.gov")
	tells(t, of, "database", "unseen", "said by the pack")

	if os.Geteuid() != 0 {
		return // only root gives files away
	}
	if err := os.Chown(filepath.Join(data, "comity.db"), 12345, 12345); err != nil {
		t.Fatal(err)
	}
	_, of = examined(t, args...)
	tells(t, of, "database", "wrong", "user number 12345")
	if exists(filepath.Join(data, "comity.db-shm")) {
		t.Error("a file was made beside the database of another user")
	}
}

func Test_the_doctor_tells_no_password(t *testing.T) {
	for _, args := range [][]string{
		{"--db", "host=db.invalid dbname=comity password=hunter2"},
		{"--db", "mysql://comity:hunter2@db.invalid/comity"},
		{"--db", "postgres://comity:hunter2@127.0.0.1:1/comity"},
		{"--db", "postgres://127.0.0.1:1/comity?user=comity&password=hunter2"},
		{"--witness", "http://comity:hunter2@127.0.0.1:1/head"},
		{"--traces", "http://comity:hunter2@127.0.0.1:1"},
	} {
		out, _, _ := said(t, append([]string{"doctor", "--pack", "demo", "--data", filepath.Join(t.TempDir(), "data")}, args...)...)
		if strings.Contains(out, "hunter2") || !strings.Contains(out, "WRONG") {
			t.Errorf("%s: %s", args[1], out)
		}
	}
	if told := withoutPassword("postgres://db/comity?user=comity&password=hunter2"); strings.Contains(told, "hunter2") {
		t.Errorf("the way on tells %s", told)
	}
	if told := withoutPassword("sqlite:/srv/my city.db"); told != "sqlite:/srv/my city.db" {
		t.Errorf("an address without a password became %s", told)
	}
}

func Test_the_doctor_tells_how_old_the_backups_are(t *testing.T) {
	dir := t.TempDir()
	madeBackup := func(name, format string, age time.Duration) {
		t.Helper()
		at := filepath.Join(dir, name)
		if err := os.MkdirAll(at, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := writeManifest(at, manifest{Format: format, At: time.Now().Add(-age)}); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{"--pack", "demo", "--data", filepath.Join(dir, "none"), "--backups", dir}
	_, of := examined(t, args...)
	tells(t, of, "backup", "wrong", "comity backup --to")
	madeBackup("data/old", dataFormat, 9*24*time.Hour)
	_, of = examined(t, args...)
	tells(t, of, "backup", "wrong", "see why")
	madeBackup("data/new", dataFormat, 40*time.Hour)
	_, of = examined(t, args...)
	tells(t, of, "backup", "odd", "see why")
	madeBackup("data/newest", dataFormat, time.Hour)
	madeBackup("keys/first", keysFormat, 31*24*time.Hour)
	_, of = examined(t, args...)
	tells(t, of, "backup", "good", "the newest")
	tells(t, of, "backup", "wrong", "older than 30 days")
}

func Test_the_doctor_reads_until_when_a_follower_has_shipped(t *testing.T) {
	dir := t.TempDir()
	args := []string{"--pack", "demo", "--data", filepath.Join(dir, "none"), "--backups", dir}
	if err := backup.WriteStatus(dir, backup.Data, time.Now().Add(-40*time.Hour)); err != nil {
		t.Fatal(err)
	}
	_, of := examined(t, args...)
	tells(t, of, "backup", "odd", "see why")
	if err := backup.WriteStatus(dir, backup.Data, time.Now()); err != nil {
		t.Fatal(err)
	}
	_, of = examined(t, args...)
	tells(t, of, "backup", "good", "the newest")
}

func Test_the_doctor_says_when_a_follower_has_stopped(t *testing.T) {
	data := t.TempDir()
	args := []string{"--pack", "demo", "--data", data, "--lang", "en"}
	_, of := examined(t, args...)
	if len(of["follow"]) > 0 {
		t.Errorf("nobody follows, and it says %v", of["follow"])
	}
	for age, want := range map[time.Duration]string{time.Second: "good", 10 * time.Minute: "odd", time.Hour: "wrong"} {
		if err := backup.WriteBeat(data, time.Now().Add(-age)); err != nil {
			t.Fatal(err)
		}
		words := "is not shipped"
		if want == "good" {
			words = "is shipped"
		}
		_, of = examined(t, args...)
		tells(t, of, "follow", want, words)
	}
	if err := os.WriteFile(filepath.Join(data, "followed.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, of = examined(t, args...)
	tells(t, of, "follow", "wrong", "followed.json")
}

func Test_the_doctor_looks_at_the_settings_of_PostgreSQL(t *testing.T) {
	address := dbtest.Postgres(t)
	_, of := examined(t, "--pack", "demo", "--data", filepath.Join(t.TempDir(), "data"), "--db", address)
	// The server of the tests does not wait for its disk, which is just what an operator must be told.
	tells(t, of, "postgres", "wrong", "fsync is off")
	tells(t, of, "database", "odd", "is empty")
	_, of = examined(t, "--pack", "demo", "--data", filepath.Join(t.TempDir(), "data"), "--db", "postgres://nobody@127.0.0.1:1/none")
	tells(t, of, "database", "wrong", "pg_hba.conf")
}

func Test_the_doctor_holds_the_tables_of_PostgreSQL_against_the_program(t *testing.T) {
	t.Parallel()
	to, admin := newCityDatabases(t)
	root := t.TempDir()
	packDir, data := quietPack(t, root), filepath.Join(root, "data")
	cfg := cityConfig{DB: to, Data: data, Pack: os.DirFS(packDir), Bases: basesOf(packDir), Clock: &clock{}, Log: slog.New(slog.DiscardHandler), Hashing: account.Cheap()}
	c, err := openCity(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	args := []string{"--pack", packDir, "--data", data, "--db", to}
	_, of := examined(t, args...)
	tells(t, of, "database", "good", "postgres answers")
	tells(t, of, "schema", "good", "those of this program")
	tells(t, of, "pack", "good", "last started with")

	const newer = "INSERT INTO db_migrations (set_name, number, name, checksum, applied_at) VALUES ('jobs', 9999, '9999_later.sql', '', 0)"
	admin(procedure.Civic, newer)
	_, of = examined(t, args...)
	tells(t, of, "schema", "wrong", "9999_later.sql")
	admin(procedure.Civic, "DELETE FROM db_migrations WHERE number = 9999")
	admin(procedure.Civic, "DELETE FROM db_migrations WHERE set_name = 'jobs'")
	_, of = examined(t, args...)
	tells(t, of, "schema", "odd", "make a backup, then start")
}
