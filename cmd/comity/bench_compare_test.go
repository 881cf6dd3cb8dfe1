package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"comity/internal/load"
	"comity/internal/text"
)

// programChild is the environment by which this test executable runs as the program itself.
const programChild = "COMITY_TEST_PROGRAM"

// asProgram is this test executable, run as the program.
func asProgram() executable {
	return executable{path: os.Args[0], before: []string{"-test.run=^Test_child_that_is_the_program$", "--"}, env: []string{programChild + "=yes"}}
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
