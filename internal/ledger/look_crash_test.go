package ledger_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/ledger"
	"comity/internal/ledger/ledgertest"
)

// lookEnv holds the orders of a child that looks at one case and is killed at a step of it.
const lookEnv = "COMITY_TEST_LOOK_CHILD"

type lookOrders struct {
	Path, Step string
	Case       casework.CaseID
}

// lookAndDie looks at the case and kills this process at the step; what it was shown goes to the output first.
func lookAndDie(raw string) error {
	var o lookOrders
	if err := json.Unmarshal([]byte(raw), &o); err != nil {
		return err
	}
	ctx := context.Background()
	d, err := db.Open(ctx, "sqlite:"+o.Path, func() time.Time { return dbtest.Start })
	if err != nil {
		return err
	}
	p, err := ledgertest.Sound(os.DirFS("../../packs"), "demo")
	if err != nil {
		return err
	}
	c, err := ledgertest.New(ctx, d, p)
	if err != nil {
		return err
	}
	d.InterceptCommit(func(commit func() error) error {
		if o.Step == "before the commit" {
			die()
		}
		err := commit()
		if o.Step == "after the commit" {
			die()
		}
		return err
	})
	look, err := c.Ledger.Look(ctx, authz.Machine(), ledger.Ticket{Case: o.Case, Purpose: "notice", Level: authz.Identity})
	if err != nil {
		return err
	}
	fmt.Println(look.Ref, look.Case().Text)
	die()
	return nil
}

func die() {
	syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

func Test_a_process_killed_while_it_looks_has_shown_nothing_that_is_not_recorded(t *testing.T) {
	for step, want := range map[string]struct{ rows, lines int }{"before the commit": {0, 0}, "after the commit": {1, 0}, "after it was shown": {1, 1}} {
		t.Run(step, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "look.db")
			now, _ := dbtest.Clock(t)
			d, err := db.Open(t.Context(), "sqlite:"+path, now)
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			c := newCity(t, d)
			r, err := c.open("k")
			if err != nil {
				t.Fatal(err)
			}
			orders, err := json.Marshal(lookOrders{path, step, r.Case})
			if err != nil {
				t.Fatal(err)
			}
			child := exec.Command(os.Args[0], "-test.run=^$")
			child.Env = append(os.Environ(), lookEnv+"="+string(orders))
			out, err := child.Output()
			var ended *exec.ExitError
			if !errors.As(err, &ended) || ended.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
				t.Fatalf("the child was not killed: %v %s", err, out)
			}
			looks, err := c.r.Looks(t.Context(), r.Case, 10)
			if err != nil || len(looks) != want.rows || strings.Count(string(out), "\n") != want.lines {
				t.Fatalf("%d looks are recorded, want %d; shown: %q (%v)", len(looks), want.rows, out, err)
			}
			c.counts(map[string]int{"looks": want.rows, "log_entries": 1 + want.rows})
			if want.lines == 1 && !strings.HasPrefix(string(out), looks[0].Ref+" ") {
				t.Errorf("shown under %q, recorded under %s", out, looks[0].Ref)
			}
			c.whole()
		})
	}
}

func Test_what_cannot_be_recorded_is_not_shown(t *testing.T) {
	for what, breakage := range map[string][2]string{
		"no row":  {`ALTER TABLE looks RENAME TO looks_away`, `ALTER TABLE looks_away RENAME TO looks`},
		"no leaf": {`ALTER TABLE log_entries RENAME TO entries_away`, `ALTER TABLE entries_away RENAME TO log_entries`},
	} {
		t.Run(what, func(t *testing.T) {
			dbtest.Each(t, func(t *testing.T, d *db.DB) {
				c := newCity(t, d)
				r, err := c.open("k")
				if err != nil {
					t.Fatal(err)
				}
				do := func(text string) {
					if err := d.Transact(t.Context(), func(tx *db.Tx) error { _, err := tx.Exec(t.Context(), text); return err }); err != nil {
						t.Fatal(err)
					}
				}
				ask := func() (*ledger.Look, error) {
					return c.l.Look(t.Context(), authz.Machine(), ledger.Ticket{Case: r.Case, Purpose: "notice", Level: authz.Identity})
				}
				do(breakage[0])
				look, err := ask()
				shown, showErr := c.l.Show(t.Context(), authz.Machine(), ledger.Ticket{Case: r.Case, Purpose: "notice", Level: authz.Identity})
				do(breakage[1])
				if err == nil || look != nil || showErr == nil || shown != nil {
					t.Errorf("shown %v (%v) and %v (%v) with nothing to record it in", look, err, shown, showErr)
				}
				c.counts(map[string]int{"looks": 0, "log_entries": 1})
				if look, err := ask(); err != nil || look.Case().Text == casework.Veil {
					t.Errorf("mended, it gives %v", err)
				}
				c.counts(map[string]int{"looks": 1, "log_entries": 2})
				c.whole()
			})
		})
	}
}

func Test_a_look_whose_commit_fails_shows_nothing(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		c := newCity(t, d)
		r, err := c.open("k")
		if err != nil {
			t.Fatal(err)
		}
		for name, hook := range map[string]func(func() error) error{
			"nothing stored":          func(func() error) error { return errCut },
			"stored, and not told so": func(commit func() error) error { return errors.Join(commit(), errCut) },
		} {
			d.InterceptCommit(hook)
			look, err := c.l.Look(t.Context(), authz.Machine(), ledger.Ticket{Case: r.Case, Purpose: "notice", Level: authz.Identity})
			d.InterceptCommit(nil)
			if look != nil || !errors.Is(err, errCut) {
				t.Errorf("%s: %v, %v", name, look, err)
			}
		}
		c.counts(map[string]int{"looks": 1, "log_entries": 2})
		c.whole()
	})
}
