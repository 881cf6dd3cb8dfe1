package ledger_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/ledger"
	"comity/internal/ledger/ledgertest"
	"comity/internal/procedure"
	"comity/internal/vault"
)

// eraserEnv holds the orders of a child that erases one case and kills itself at one step.
const eraserEnv = "COMITY_TEST_ERASER_CHILD"

// eraser is what the child is told.
type eraser struct {
	Database, Keys, Files string
	Case                  casework.CaseID
	Step                  int // the durable step at which it dies: commits and removals, before and after each
}

// steps counts the moments at which an erasure can be cut off, and cuts it at one of them.
type steps struct {
	at, now int
	cut     func()
}

func (s *steps) pass() {
	if s.now++; s.now == s.at {
		s.cut()
	}
}

// around lets a commit happen between two steps.
func (s *steps) around(do func() error) error {
	s.pass()
	err := do()
	s.pass()
	return err
}

func eraseAndDie(raw string) error {
	var o eraser
	if err := json.Unmarshal([]byte(raw), &o); err != nil {
		return err
	}
	ctx := context.Background()
	p, err := ledgertest.Sound(os.DirFS("../../packs"), "demo")
	if err != nil {
		return err
	}
	ring, err := vault.Open(o.Keys, procedure.Civic, "std")
	if err != nil {
		return err
	}
	d, err := db.Open(ctx, "sqlite:"+o.Database, dbtest.Start.UTC)
	if err != nil {
		return err
	}
	s := &steps{at: o.Step, cut: func() { _ = syscall.Kill(os.Getpid(), syscall.SIGKILL) }}
	c, err := ledgertest.New(ctx, d, p, func(cfg *ledger.Config) {
		cfg.Ring = ring
		cfg.Remove = func(name string) error {
			return s.around(func() error { return os.RemoveAll(filepath.Join(o.Files, name)) })
		}
	})
	if err != nil {
		return err
	}
	d.InterceptCommit(s.around)
	_, err = c.Ledger.Erase(ctx, authz.Machine(), o.Case, ledger.GroundUnlawful, pipl, "")
	fmt.Println("done")
	return err
}

// onDisk is a city whose photos are files.
func onDisk(t *testing.T, dir string) (*registry, func()) {
	t.Helper()
	now, _ := dbtest.Clock(t)
	d, err := db.Open(t.Context(), "sqlite:"+filepath.Join(dir, "city.db"), now)
	if err != nil {
		t.Fatal(err)
	}
	ring, err := vault.Open(filepath.Join(dir, "keys"), procedure.Civic, "std")
	if err != nil {
		t.Fatal(err)
	}
	p := keeping(t, 0, "")
	c, err := ledgertest.New(t.Context(), d, p, func(o *ledger.Config) {
		o.Ring = ring
		o.Remove = func(name string) error { return os.RemoveAll(filepath.Join(dir, "files", name)) }
	})
	if err != nil {
		t.Fatal(err)
	}
	r := &registry{city: city{t: t, db: d, l: c.Ledger, r: c.Reader, pack: p}, ring: ring, dir: filepath.Join(dir, "keys")}
	return r, func() {
		c.Ledger.Close()
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
}

func Test_a_program_killed_at_any_step_of_an_erasure_has_erased_all_or_nothing_after_the_next_start(t *testing.T) {
	for step := 1; ; step++ {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, "files"), 0o700); err != nil {
			t.Fatal(err)
		}
		photos := []string{"photo-1", "photo-2"}
		for _, name := range photos {
			if err := os.WriteFile(filepath.Join(dir, "files", name), []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		c, end := onDisk(t, dir)
		id := c.closed("a", photos...)
		c.publish()
		if _, err := c.l.Reconcile(t.Context(), nil); err != nil { // list and database are in step
			t.Fatal(err)
		}
		end()

		finished := runEraser(t, eraser{Database: filepath.Join(dir, "city.db"), Keys: filepath.Join(dir, "keys"), Files: filepath.Join(dir, "files"), Case: id, Step: step})
		c, end = onDisk(t, dir)
		if _, err := c.l.Reconcile(t.Context(), nil); err != nil {
			t.Fatalf("step %d: the city does not start: %v", step, err)
		}
		look, err := c.looked(id)
		if err != nil {
			t.Fatal(err)
		}
		left, err := os.ReadDir(filepath.Join(dir, "files"))
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case look.Erased():
			c.gone(id)
			if ids, err := c.ring.Destroyed(); err != nil || len(ids) != 1 {
				t.Errorf("step %d: of one erasure the list beside the keys holds %d, %v", step, len(ids), err)
			}
			if len(left) > 0 {
				t.Errorf("step %d: the case is erased and %d of its photos are left", step, len(left))
			}
		case step > 1:
			t.Errorf("step %d: the case came back", step) // the first step is before the commit that decides it
		default:
			if k := look.Case(); k.Text != told+"a" || len(left) != len(photos) {
				t.Errorf("step %d: a case that was not erased reads %q and has %d photos", step, k.Text, len(left))
			}
			c.sound()
		}
		end()
		if finished {
			if step != 13 { // the erasure, that its key is listed, two removals and their rows: a step before and after each
				t.Errorf("the erasure has %d steps, want 12", step-1)
			}
			return
		}
	}
}

// runEraser tells whether the child came to its end alive.
func runEraser(t *testing.T, o eraser) bool {
	t.Helper()
	raw, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), eraserEnv+"="+string(raw))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		t.Fatal(err)
	}
	return string(out) == "done\n"
}

func Test_a_connection_cut_at_any_step_of_an_erasure_leaves_all_or_nothing_after_the_next_start(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		for step := 1; step < 20; step++ {
			c := newRegistry(t, d, keeping(t, 0, ""))
			id := c.closed("a", fmt.Sprint("photo-", step, "-1"), fmt.Sprint("photo-", step, "-2"))
			cut := errors.New("cut off")
			s := &steps{at: step}
			d.InterceptCommit(func(commit func() error) error {
				var lost error
				s.cut = func() { lost = cut }
				if s.pass(); lost != nil {
					return lost
				}
				err := commit()
				s.pass()
				return errors.Join(err, lost)
			})
			_, err := c.l.Erase(t.Context(), authz.Machine(), id, ledger.GroundUnlawful, pipl, "")
			d.InterceptCommit(nil)
			again, _, e := c.start()
			if e != nil {
				t.Fatal(e)
			}
			look, e := again.looked(id)
			if e != nil {
				t.Fatal(e)
			}
			if look.Erased() {
				again.gone(id)
			} else if step > 1 || look.Case().Text != told+"a" {
				t.Errorf("step %d: the case reads %q", step, look.Case().Text)
			}
			change(t, d, `DELETE FROM cases`) // each step has its own keys
			change(t, d, `DELETE FROM events`)
			for _, table := range []string{"case_keys", "worklist", "timers", "looks", "tallies"} {
				change(t, d, `DELETE FROM `+table)
			}
			change(t, d, `DELETE FROM erasures`)
			change(t, d, `DELETE FROM log_entries`)
			change(t, d, `DELETE FROM log_hashes`)
			change(t, d, `DELETE FROM log_heads`)
			if err == nil {
				return
			}
		}
		t.Error("the erasure never came to its end")
	})
}
