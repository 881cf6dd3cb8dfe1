package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"comity/internal/db/dbtest"
	"comity/internal/load"
	"comity/internal/org"
	"comity/internal/text"
)

// programChild is the environment by which this test executable runs as the program itself.
const programChild = "COMITY_TEST_PROGRAM"

// asProgram is this test executable, run as the program.
func asProgram() load.Program {
	return load.Program{Path: os.Args[0], Before: []string{"-test.run=^Test_child_that_is_the_program$", "--"}, Env: []string{programChild + "=yes"}}
}

func Test_child_that_is_the_program(t *testing.T) {
	if os.Getenv(programChild) == "" {
		t.Skip("it is the child of other tests")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	args := os.Args
	for len(args) > 0 && args[0] != "--" {
		args = args[1:]
	}
	if err := run(ctx, args[1:], os.Stdout, os.Stderr); err != nil {
		t.Fatal(err)
	}
}

// smallCity makes a city for measuring with a few cases, in a folder of its own.
func smallCity(t *testing.T, cases int) cityFlags {
	t.Helper()
	cf := cityAt("demo", filepath.Join(t.TempDir(), "city"), "")
	m := measuring{log: slog.New(slog.DiscardHandler)}
	c, err := m.open(t.Context(), cf, true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := load.Changes(t.Context(), roomsOf(c), 4, cases); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	return cf
}

func Test_a_small_and_a_large_city_are_asked_in_turns(t *testing.T) {
	t.Parallel()
	words, err := text.Base()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	m := measuring{say: words.In("en"), out: &out, log: slog.New(slog.DiscardHandler)}
	got, err := m.scale(t.Context(), asProgram(), smallCity(t, 10), smallCity(t, 40), scaleFlags{turns: 1, turn: 600 * time.Millisecond, clients: 2, changes: 10, clocks: 1, within: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	if got.Wrong > 0 || got.Small.Cases != 10 || got.Large.Cases != 40 || len(got.Pages) == 0 || got.Process <= 0 {
		t.Errorf("%+v", got)
	}
	if rows := got.Page(load.List(org.Community)).Rows; !slices.Equal(rows, []int{fullList, fullList}) {
		t.Errorf("the lists of the communities hold %v cases", rows)
	}
	for name, p := range map[string]load.Pair{"door": got.Door, "start": got.Start, "idle": got.Idle, "busy": got.Busy, "late": got.Late} {
		if len(p.Small) != 1 || len(p.Large) != 1 {
			t.Errorf("%s: %+v", name, p)
		}
	}
	m.tellScale(got)
	for _, want := range []string{"large over small", "≤ 1.30", "memory when nobody asks", "10 cases", "40 cases"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not said in\n%s", want, out.String())
		}
	}
	raw, err := json.Marshal(got)
	if err != nil || !bytes.Contains(raw, []byte(`"turn_ns"`)) {
		t.Errorf("%s, %v", raw, err)
	}
}

func Test_cities_that_were_not_made_for_measuring_are_not_compared(t *testing.T) {
	err := runBenchCompare(t.Context(), []string{"--pack", "demo", "--small", filepath.Join(t.TempDir(), "a"), "--large", filepath.Join(t.TempDir(), "b")}, io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "bench seed") {
		t.Errorf("got %v", err)
	}
	if err := runBenchCompare(t.Context(), nil, io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), "--small") {
		t.Errorf("got %v", err)
	}
}

func Test_a_report_says_what_was_reached_what_was_not_and_what_was_not_measured(t *testing.T) {
	t.Parallel()
	fill := func(ctx context.Context, cf cityFlags, cases int) error {
		m := measuring{log: slog.New(slog.DiscardHandler)}
		c, err := m.open(ctx, cf, true)
		if err != nil {
			return err
		}
		_, err = load.Changes(ctx, roomsOf(c), 4, cases)
		return errors.Join(err, c.Close())
	}
	r := reportFlags{pack: "demo", dir: filepath.Join(t.TempDir(), "report"), sizes: []int{10, 30}, note: "This disk is a test.", long: time.Second, clients: 4, cases: 12, nodes: 2,
		scale: scaleFlags{turns: 1, turn: 500 * time.Millisecond, clients: 2, changes: 8, within: time.Minute}}
	page, err := r.measure(t.Context(), asProgram(), fill, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"# How fast it is", "## SQLite 3.", "holds 10 cases", "the large one 30", "nothing about more", "Histories are short here", "This disk is a test.", "≥ 0.50", "≤ 1.30", "**Not measured in this run:** from when a clock runs out", "| follow |", "answers were the pages that were asked for"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("%q is not said in\n%s", want, page)
		}
	}
	if strings.Contains(string(page), r.dir) {
		t.Error("the page names a folder of this machine")
	}
	if left, _ := filepath.Glob(filepath.Join(r.dir, "*")); len(left) > 0 {
		t.Errorf("cities are left behind: %v", left)
	}
}

func Test_nodes_share_the_work_on_one_city(t *testing.T) {
	t.Parallel()
	dbtest.EachAddress(t, func(t *testing.T, address func() string) {
		at, folder := address(), t.TempDir()
		fsys, err := packFS("demo")
		if err != nil {
			t.Fatal(err)
		}
		s := scratch{dir: folder, address: at}
		if err := s.open(t.Context(), measuring{log: slog.New(slog.DiscardHandler)}, fsys, cityAt("demo", folder, "")); err != nil {
			t.Fatal(err)
		}
		defer s.c.Close()
		before := -1
		took, err := nodes(t.Context(), asProgram(), "demo", &load.Scratch{Rooms: roomsOf(s.c), Address: at, Folder: folder}, 2, 2, 10, func() { before, _ = s.c.reader.Total(t.Context()) })
		if err != nil || took <= 0 || before != 0 {
			t.Fatalf("%v %v; %d cases when they began", took, err, before)
		}
		total, err := s.c.reader.Total(t.Context())
		if err != nil || total != 10 {
			t.Errorf("%d cases, %v; want the 5 of each", total, err)
		}
	})
}

func Test_a_city_of_a_report_that_was_broken_off_goes_on_or_begins_anew_where_nothing_was_copied(t *testing.T) {
	dir := t.TempDir()
	var happened []string
	e := engineOf{name: "sqlite", place: func(context.Context, int) (cityFlags, func() error, error) {
		happened = append(happened, "place")
		data := filepath.Join(dir, "city")
		return cityAt("demo", data, ""), func() error { happened = append(happened, "away"); return os.RemoveAll(data) }, os.MkdirAll(data, 0o700)
	}}
	fails := []error{errBarelyBegun, errors.New("the disk is full"), nil}
	fill := func(context.Context, cityFlags, int) error {
		happened = append(happened, "fill")
		err := fails[0]
		fails = fails[1:]
		return err
	}
	r := reportFlags{keep: true}
	for _, want := range []struct{ did, err string }{{"place fill away place fill", "the disk is full"}, {"place fill", ""}, {"place", ""}} {
		happened = nil
		_, _, err := r.city(t.Context(), fill, e, 30)
		if did := strings.Join(happened, " "); did != want.did || want.err == "" && err != nil || want.err != "" && (err == nil || err.Error() != want.err) {
			t.Errorf("%s, %v; want %s, %q", did, err, want.did, want.err)
		}
	}
}

func Test_what_a_kept_report_measured_is_not_measured_again(t *testing.T) {
	r := reportFlags{keep: true, dir: t.TempDir()}
	times := 0
	measure := func() (engineFigures, error) {
		times++
		return engineFigures{Large: load.City{Cases: 30}, Missed: []string{"one"}, Closed: &load.Result{Clients: 4}}, nil
	}
	first, err := r.kept(engineOf{name: "sqlite", sizes: []int{10, 30}}, measure)
	if err != nil {
		t.Fatal(err)
	}
	again, err := r.kept(engineOf{name: "sqlite", sizes: []int{10, 30}}, measure)
	if err != nil || times != 1 || !reflect.DeepEqual(again, first) {
		t.Errorf("measured %d times, %v, and %+v became %+v", times, err, first, again)
	}
	if _, err := r.kept(engineOf{name: "postgres", sizes: []int{10, 30}}, measure); err != nil || times != 2 {
		t.Errorf("another engine: measured %d times, %v", times, err)
	}
	file := filepath.Join(r.dir, "sqlite-10-30.json")
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := r.kept(engineOf{name: "sqlite", sizes: []int{10, 30}}, measure); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("a damaged file: %v", err)
	}
}
