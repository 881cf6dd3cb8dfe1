package main

import (
	"os"
	"slices"
	"testing"
)

func TestMain(m *testing.M) {
	if !grownUp() {
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// few is how many rounds of each scene are among the tests; make reliability plays more.
const few = 3

// long are scenes that take half a minute or more. make reliability plays them.
var long = []string{"clock", "kill-server", "restart", "hang"}

func Test_plugs_can_be_pulled_and_nothing_acknowledged_is_lost(t *testing.T) {
	if testing.Short() {
		t.Skip("pulls plugs for a minute")
	}
	for _, s := range scenes {
		if slices.Contains(long, s.name) {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			r, err := s.run(t.Context(), options{rounds: few, clients: 6, seed: 1, dir: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			if r.Skipped != "" {
				t.Skip(r.Skipped)
			}
			for _, b := range r.Broken {
				t.Error(b)
			}
			if r.Rounds == 0 || r.Lost > 0 || r.Twice > 0 {
				t.Errorf("%d rounds, %d lost, %d twice", r.Rounds, r.Lost, r.Twice)
			}
			t.Logf("%d rounds, %d operations, %d acknowledged, %d not stored, %d not known", r.Rounds, r.Ops, r.Acked, r.Failed, r.Unknown)
		})
	}
}
