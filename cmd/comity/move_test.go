package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"comity/internal/account"
	"comity/internal/authz"
	"comity/internal/db/dbtest"
	"comity/internal/db/move"
	"comity/internal/intake"
	"comity/internal/procedure"
	"comity/internal/text"
)

var newDatabases atomic.Int64

// newCityDatabases makes what an administrator makes before a move: an empty database for each compartment. It
// returns the address of the civic one and a way to run SQL on any.
func newCityDatabases(t *testing.T) (to string, admin func(compartment, text string)) {
	t.Helper()
	u, err := url.Parse(dbtest.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Del("search_path")
	q.Del("application_name")
	u.RawQuery = q.Encode()
	exec := func(path, text string) {
		at := *u
		if path != "" {
			at.Path = path
		}
		c, err := pgx.Connect(context.Background(), at.String())
		if err == nil {
			_, err = c.Exec(context.Background(), text)
			err = errors.Join(err, c.Close(context.Background()))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	name := fmt.Sprintf("city_%d_%d", os.Getpid(), newDatabases.Add(1))
	of := func(compartment string) string {
		if compartment == procedure.Civic {
			return name
		}
		return name + "_" + compartment
	}
	for _, c := range procedure.AllCompartments {
		exec("", "CREATE DATABASE "+of(c)+" TEMPLATE template0 ENCODING 'UTF8'")
		t.Cleanup(func() { exec("", "DROP DATABASE "+of(c)+" WITH (FORCE)") })
	}
	civic := *u
	civic.Path = "/" + name
	return civic.String(), func(compartment, text string) { exec("/"+of(compartment), text) }
}

// lastYear is a small year that is played once for all tests here. It is held in memory, and each writes files of its own.
var lastYear struct {
	once  sync.Once
	files map[string][]byte
	card  demoCard
}

// playedIn lays the small year into a folder, as it is when the city was stopped.
func playedIn(t *testing.T) (data string, card demoCard) {
	t.Helper()
	lastYear.once.Do(func() { play(t) })
	root := t.TempDir()
	for name, raw := range lastYear.files {
		path := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, raw, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(root, "city"), lastYear.card
}

func play(t *testing.T) {
	t.Helper()
	words, err := text.Base()
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	c, card, err := openDemo(t.Context(), demoConfig{data: filepath.Join(root, "city"), cases: 100, seed: 7, say: words.In("en"), out: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	// A log with heads, so that both sides have a tree to verify.
	for _, r := range c.all() {
		if err := r.tree.Tick(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	if err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err == nil {
			files[name], err = os.ReadFile(path)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	lastYear.files, lastYear.card = files, card
}

// tomorrow is the same moment for every opening, whenever the tests began.
var tomorrow = sync.OnceValue(func() time.Time { return time.Now().Truncate(24 * time.Hour).Add(25 * time.Hour) })

// serving opens a city as serve does, with somebody at the desk.
func serving(t *testing.T, data, db string, card demoCard) *walker {
	t.Helper()
	fsys, err := packFS("demo")
	if err != nil {
		t.Fatal(err)
	}
	at := &clock{}
	at.Fix(tomorrow())
	c, err := openCity(t.Context(), cityConfig{DB: db, Data: data, Pack: fsys, Clock: at, Log: slog.New(slog.DiscardHandler), Hashing: account.Cheap()})
	if err != nil {
		t.Fatal(err)
	}
	w := &walker{t: t, c: c, card: card, log: &syncBuffer{}, samples: map[string][]string{}}
	w.h, w.patterns = joined(c, surfaceOptions{demo: &card, dev: true})
	return w
}

// pages are what residents and an officer see.
func (w *walker) pages() map[string]string {
	out := map[string]string{}
	for state, code := range w.card.Codes {
		out["follow "+state] = w.get("/f/"+code, nobody).alike()
	}
	for _, target := range []string{"/desk", "/desk/cases", "/desk/cases?view=all&q=lamp", "/desk/cases?view=all&q=" + url.QueryEscape("路灯"), "/desk/me/calendar"} {
		out[target] = w.get(target, officer).alike()
	}
	for state, ref := range w.card.Refs {
		out["case "+state] = w.get("/desk/cases/"+ref, officer).alike()
	}
	for page, text := range out {
		out[page] = formKey.ReplaceAllString(text, "")
	}
	return out
}

// formKey is drawn anew each time a form is shown.
var formKey = regexp.MustCompile(`name="_key" value="[a-z0-9]+"`)

func filesIn(t *testing.T, data string) string {
	t.Helper()
	h := sha256.New()
	list, err := filepath.Glob(filepath.Join(data, "comity*.db"))
	if err != nil || len(list) != len(procedure.AllCompartments) {
		t.Fatalf("%v, %v", list, err)
	}
	for _, name := range list {
		for _, end := range []string{"", "-wal"} {
			raw, err := os.ReadFile(name + end)
			if err != nil && end == "" {
				t.Fatal(err)
			}
			fmt.Fprintf(h, "%s %d\n", name+end, len(raw))
			h.Write(raw)
		}
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

func Test_a_city_moves_to_PostgreSQL_and_back_and_its_pages_stay_the_same(t *testing.T) {
	t.Parallel()
	data, card := playedIn(t)
	w := serving(t, data, "", card)
	w.signIn("clerk")
	session := w.session
	before := w.pages()
	if err := w.c.Close(); err != nil {
		t.Fatal(err)
	}
	shown := 0
	for page, was := range before {
		if strings.HasPrefix(was, "200") {
			shown++
		} else if !strings.HasPrefix(page, "case ") { // the clerk does not see them all
			t.Errorf("%s: %.60s", page, was)
		}
	}
	if shown < 30 {
		t.Errorf("only %d of %d pages show something", shown, len(before))
	}
	verified := func(more ...string) string {
		t.Helper()
		out, errs, err := said(t, append([]string{"verify", "--pack", "demo", "--data", data, "--lang", "en", "--quiet"}, more...)...)
		if err != nil {
			t.Fatalf("%v\n%s%s", err, out, errs)
		}
		return out
	}
	old := verified()
	print := filesIn(t, data)
	to, _ := newCityDatabases(t)
	out, errs, err := said(t, "move", "--pack", "demo", "--data", data, "--to", to, "--lang", "en")
	if err != nil {
		t.Fatalf("%v\n%s%s", err, out, errs)
	}
	t.Log(out)
	if filesIn(t, data) != print {
		t.Error("the source was changed")
	}
	for _, c := range procedure.AllCompartments {
		if !strings.Contains(out, c+": ") {
			t.Errorf("nothing is said of %s", c)
		}
	}
	for _, want := range []string{"0 wrong", "comity serve --pack demo --data " + data, "--db '" + to + "'", "comity.db"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not said", want)
		}
	}
	if there := verified("--db", to); there != old {
		t.Errorf("verify says of the old\n%s\nand of the new\n%s", old, there)
	}
	w = serving(t, data, to, card)
	w.session = session
	for page, now := range w.pages() {
		if now != before[page] {
			t.Errorf("%s changed: %s", page, firstDifferent(before[page], now))
		}
	}
	cmd, err := intake.Command(w.c.packs.Current(), intake.Report{Category: "road.pavement", Text: "A loose tile after the move.", Unit: "guiyuan-ganyuan", Source: "web"})
	if err != nil {
		t.Fatal(err)
	}
	r, err := w.c.ledger.Do(t.Context(), authz.Reporter(), cmd)
	if err != nil {
		t.Fatal(err)
	}
	if a := w.get("/f/"+string(r.Code), nobody); a.status != http.StatusOK {
		t.Errorf("the new report answers %d", a.status)
	}
	for _, r := range w.c.all() { // its logs go on
		if err := r.tree.Tick(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.c.Close(); err != nil {
		t.Fatal(err)
	}
	moved := verified("--db", to)
	// A second time there is nothing to do, and the way back needs a place of its own.
	if _, _, err := said(t, "move", "--pack", "demo", "--data", data, "--to", to); err == nil || !strings.Contains(err.Error(), "nothing is left to move") {
		t.Errorf("moved twice: %v", err)
	}
	if _, _, err := said(t, "move", "--pack", "demo", "--data", data, "--db", to, "--to", "sqlite:"+filepath.Join(data, "comity.db")); err == nil || !strings.Contains(err.Error(), "it is not empty") {
		t.Errorf("the way back over the old files: %v", err)
	}
	home := "sqlite:" + filepath.Join(data, "back", "comity.db")
	if out, errs, err = said(t, "move", "--pack", "demo", "--data", data, "--db", to, "--to", home, "--rows-only", "--lang", "zh-CN"); err != nil {
		t.Fatalf("%v\n%s%s", err, out, errs)
	}
	if !strings.Contains(out, withoutPassword(to)) {
		t.Errorf("nothing is said of the databases that are left: %s", out)
	}
	if back := verified("--db", home); back != moved {
		t.Errorf("verify says of PostgreSQL\n%s\nand back home\n%s", moved, back)
	}
	w = serving(t, data, home, card)
	defer w.c.Close()
	if a := w.get("/f/"+string(r.Code), nobody); a.status != http.StatusOK {
		t.Errorf("back home the new report answers %d", a.status)
	}
}

// A child moves the city whose data folder, target and moment of death these name.
const moveChild = "COMITY_TEST_MOVE"

// fatal ends the program, without a word to anybody, the n-th time it is asked.
type fatal struct{ n int }

func (f *fatal) moment() {
	if f.n--; f.n == 0 {
		p, err := os.FindProcess(os.Getpid())
		if err == nil {
			err = p.Kill()
		}
		if err != nil {
			panic(err)
		}
		select {}
	}
}

func Test_child_that_moves(t *testing.T) {
	at := strings.Split(os.Getenv(moveChild), "\n")
	if len(at) != 3 {
		t.Skip("it is the child of the next test")
	}
	f := flag.NewFlagSet("move", flag.ContinueOnError)
	cf := addCityFlags(f)
	if err := f.Parse([]string{"--pack", "demo", "--data", at[0]}); err != nil {
		t.Fatal(err)
	}
	cfg, err := moveConfig(cf, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	words, err := text.Base()
	if err != nil {
		t.Fatal(err)
	}
	end := &fatal{}
	if end.n, err = strconv.Atoi(at[2]); err != nil {
		t.Fatal(err)
	}
	// Its moments: before anything is written, every thousand rows that are read, copied or compared, and the end of each.
	begun := writerFunc(func(p []byte) {
		if strings.HasPrefix(string(p), "Moving") {
			end.moment()
		}
	})
	m := &mover{from: cfg, to: cfg, rowsOnly: true, out: io.MultiWriter(os.Stdout, begun), say: words.In("en"), progress: func(string, int) func(int) { return func(int) { end.moment() } }}
	m.to.DB = at[1]
	if err := m.run(t.Context()); err != nil {
		t.Fatal(err)
	}
}

type writerFunc func(p []byte)

func (w writerFunc) Write(p []byte) (int, error) { w(p); return len(p), nil }

func Test_a_move_that_is_killed_anywhere_leaves_no_city_that_opens_and_goes_on(t *testing.T) {
	t.Parallel()
	data, card := playedIn(t)
	print := filesIn(t, data)
	to, _ := newCityDatabases(t)
	// child says what it had to say, and whether it came to its end.
	child := func(moment int) (said string, ended bool) {
		cmd := exec.Command(os.Args[0], "-test.run=^Test_child_that_moves$")
		cmd.Env = append(os.Environ(), moveChild+"="+strings.Join([]string{data, to, strconv.Itoa(moment)}, "\n"))
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil && !strings.Contains(err.Error(), "killed") {
			t.Fatalf("%v\n%s", err, out)
		}
		return string(out), err == nil
	}
	const never = 0
	last := ""
	for _, c := range []struct {
		moment int
		says   string
	}{
		{1, "Moving:"}, // before the first mark
		{3, "Moving:"}, // among the first tables
		{12, "Going on"},
		{40, "Going on"}, // while it is compared
		{never, "Going on"},
	} {
		out, ended := child(c.moment)
		if last = out; ended != (c.moment == never) || !strings.HasPrefix(out, c.says) {
			t.Fatalf("to be killed at moment %d; it ended: %v\n%s", c.moment, ended, out)
		}
		if filesIn(t, data) != print {
			t.Fatal("the source was changed")
		}
		if c.moment == 1 || c.moment == never {
			continue
		}
		if _, _, err := said(t, "verify", "--pack", "demo", "--data", data, "--db", to, "--quiet"); err == nil || !strings.Contains(err.Error(), "target of a move") {
			t.Fatalf("killed at moment %d, the target opens: %v", c.moment, err)
		}
	}
	if !strings.Contains(last, "had been copied before") {
		t.Errorf("nothing was kept: %s", last)
	}
	w := serving(t, data, to, card)
	defer w.c.Close()
	for state, code := range card.Codes {
		if a := w.get("/f/"+code, nobody); a.status != http.StatusOK {
			t.Errorf("%s answers %d", state, a.status)
		}
	}
}

func Test_nobody_starts_a_city_while_it_is_being_moved(t *testing.T) {
	t.Parallel()
	data, _ := playedIn(t)
	to, _ := newCityDatabases(t)
	m, err := move.Begin(t.Context(), filepath.Join(data, "comity.db"), to, "a city")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := said(t, "serve", "--pack", "demo", "--data", data, "--addr", "127.0.0.1:0"); err == nil || strings.Count(err.Error(), "for example comity move") != 1 {
		t.Errorf("it starts: %v", err)
	}
	if err := m.Mark(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := said(t, "serve", "--pack", "demo", "--data", data, "--addr", "127.0.0.1:0", "--db", to); err == nil || !strings.Contains(err.Error(), "target of a move") {
		t.Errorf("it starts on half a city: %v", err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
}

func Test_a_move_tells_everything_in_its_way_before_it_writes(t *testing.T) {
	t.Parallel()
	data, card := playedIn(t)
	to, admin := newCityDatabases(t)
	refused := func(want string, args ...string) {
		t.Helper()
		_, _, err := said(t, append([]string{"move", "--pack", "demo", "--data", data, "--lang", "en"}, args...)...)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	refused("--to", "--quiet")
	refused("comity backup", "--to", "sqlite:"+filepath.Join(t.TempDir(), "comity.db"))
	refused("createdb", "--to", strings.Replace(to, "/city_", "/atlantis_", 1))
	refused("the key folder", "--to", to, "--keys", filepath.Join(t.TempDir(), "none"))
	refused("no city's data folder", "--to", to, "--data", t.TempDir())
	w := serving(t, data, "", card)
	refused("stop the city", "--to", to)
	if err := w.c.Close(); err != nil {
		t.Fatal(err)
	}
	admin(procedure.Youth, "CREATE TABLE other (n INTEGER)")
	refused("compartment youth: the target: it is not empty", "--to", to)
	admin(procedure.Youth, "DROP TABLE other")
	// Nothing was written by what was refused. A move without deriving cases again says so.
	if out, errs, err := said(t, "move", "--pack", "demo", "--data", data, "--to", to, "--rows-only", "--quiet", "--lang", "en"); err != nil || !strings.Contains(out, "run comity verify") {
		t.Errorf("%v\n%s%s", err, out, errs)
	}
	// As if the power had failed when only the other compartments' marks had been taken away.
	admin(procedure.Civic, "UPDATE db_move SET ended_at = 0")
	if _, _, err := said(t, "verify", "--pack", "demo", "--data", data, "--db", to); err == nil || !strings.Contains(err.Error(), "target of a move") {
		t.Errorf("it opens: %v", err)
	}
	out, errs, err := said(t, "move", "--pack", "demo", "--data", data, "--to", to, "--rows-only", "--quiet", "--lang", "en")
	if err != nil || strings.Count(out, "had been copied before") != len(procedure.AllCompartments) {
		t.Errorf("%v\n%s%s", err, out, errs)
	}
}
