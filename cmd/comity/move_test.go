package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
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

// playedIn plays a small year into a folder of its own and closes it.
func playedIn(t *testing.T, cases int) (data string, card demoCard) {
	t.Helper()
	words, err := text.Base()
	if err != nil {
		t.Fatal(err)
	}
	data = filepath.Join(t.TempDir(), "city")
	c, card, err := openDemo(t.Context(), demoConfig{data: data, cases: cases, seed: 7, say: words.In("en"), out: io.Discard})
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
	return data, card
}

// serving opens a city as serve does, with somebody at the desk.
func serving(t *testing.T, data, db string, card demoCard) *walker {
	t.Helper()
	fsys, err := packFS("demo")
	if err != nil {
		t.Fatal(err)
	}
	at := &clock{}
	at.Fix(time.Now().Truncate(24 * time.Hour).Add(25 * time.Hour)) // the same for every opening
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
	data, card := playedIn(t, 300)
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
	if out, errs, err = said(t, "move", "--pack", "demo", "--data", data, "--db", to, "--to", home, "--lang", "zh-CN"); err != nil {
		t.Fatalf("%v\n%s%s", err, out, errs)
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

const moveChild = "COMITY_TEST_MOVE"

func Test_child_that_moves(t *testing.T) {
	args := os.Getenv(moveChild)
	if args == "" {
		t.Skip("it is the child of the next test")
	}
	if err := run(t.Context(), strings.Split(args, "\n"), os.Stdout, os.Stderr); err != nil {
		t.Fatal(err)
	}
}

func Test_a_move_that_is_killed_anywhere_leaves_no_city_that_opens_and_goes_on(t *testing.T) {
	data, card := playedIn(t, 120)
	print := filesIn(t, data)
	to, admin := newCityDatabases(t)
	args := []string{"move", "--pack", "demo", "--data", data, "--to", to, "--lang", "en"}
	// child is killed a while after it has begun; a negative time lets it end.
	child := func(wait time.Duration) (said string, ended bool) {
		cmd := exec.Command(os.Args[0], "-test.run=^Test_child_that_moves$")
		cmd.Env = append(os.Environ(), moveChild+"="+strings.Join(args, "\n"))
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		var all strings.Builder
		for lines := bufio.NewScanner(out); lines.Scan(); {
			all.WriteString(lines.Text() + "\n")
			if wait >= 0 && (strings.HasPrefix(lines.Text(), "Moving:") || strings.HasPrefix(lines.Text(), "Going on")) {
				time.AfterFunc(wait, func() { _ = cmd.Process.Kill() })
			}
		}
		err = cmd.Wait()
		if err != nil && !strings.Contains(err.Error(), "killed") {
			t.Fatalf("%v\n%s", err, all.String())
		}
		return all.String(), err == nil
	}
	marked, again, rounds := 0, 0, 0
	for ended := false; !ended; rounds++ {
		wait := time.Duration(rand.IntN(1000*(rounds+1))) * time.Millisecond // into every part of it
		if rounds == 6 {
			wait = -1
		}
		var out string
		out, ended = child(wait)
		if strings.Contains(out, "had been copied before") {
			again++
		}
		if ended {
			break
		}
		if filesIn(t, data) != print {
			t.Fatal("the source was changed")
		}
		_, _, err := said(t, "verify", "--pack", "demo", "--data", data, "--db", to, "--quiet")
		switch {
		case err == nil:
			t.Fatal("a target that was not finished opens")
		case strings.Contains(err.Error(), "target of a move"):
			marked++
		default: // before the mark there is nothing: what opened it now made the tables
			for _, c := range procedure.AllCompartments {
				admin(c, "DROP SCHEMA public CASCADE; CREATE SCHEMA public")
			}
		}
	}
	t.Logf("killed %d times; the target was marked %d times, and tables were kept %d times", rounds, marked, again)
	if marked == 0 {
		t.Fatal("the move was never killed in between")
	}
	if filesIn(t, data) != print {
		t.Error("the source was changed")
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
	data, _ := playedIn(t, 60)
	to, _ := newCityDatabases(t)
	m, err := move.Begin(t.Context(), filepath.Join(data, "comity.db"), to, "a city")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := said(t, "serve", "--pack", "demo", "--data", data, "--addr", "127.0.0.1:0"); err == nil || !strings.Contains(err.Error(), "for example comity move") {
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
	data, card := playedIn(t, 60)
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
