package vault

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// eachOpened runs a test with a ring of both suites whose key file is in dir.
func eachOpened(t *testing.T, test func(t *testing.T, r *Ring, dir string)) {
	for _, s := range suites {
		t.Run(s.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "city.keys")
			test(t, opened(t, dir, "youth", s.name), dir)
		})
	}
}

func opened(t *testing.T, dir string, c Compartment, suiteName string) *Ring {
	t.Helper()
	r, err := Open(dir, c, suiteName)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func Test_a_key_file_is_made_once_and_read_ever_after(t *testing.T) {
	eachOpened(t, func(t *testing.T, r *Ring, dir string) {
		key, w := r.NewKey()
		sealed := key.Seal("c", "李梅")
		if err := r.Rotate(noon); err != nil {
			t.Fatal(err)
		}
		again := opened(t, dir, "youth", "std")
		if again.Suite() != r.Suite() || again.Generation() != 2 || again.Compartment() != "youth" {
			t.Errorf("%v became %v; the suite of the file wins", r, again)
		}
		if again.Index("code", "x") != r.Index("code", "x") || again.Token("x") != r.Token("x") || again.Public().String() != r.Public().String() {
			t.Error("keys changed by being read again, or by a rotation")
		}
		k, err := again.Unwrap(w)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := k.Open("c", sealed); got != "李梅" || err != nil {
			t.Errorf("opened %q, %v", got, err)
		}
		info, err := os.Stat(keyPath(dir, "youth"))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("key file: %v, %v", info.Mode(), err)
		}
		if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("key folder: %v, %v", info.Mode(), err)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) != 0 {
			t.Errorf("left behind: %v", left)
		}
		if !Exists(dir, "youth") || Exists(dir, "mental") {
			t.Error("Exists is wrong about which files there are")
		}
	})
}

func Test_a_generation_dropped_is_gone_from_the_file(t *testing.T) {
	eachOpened(t, func(t *testing.T, r *Ring, dir string) {
		_, old := r.NewKey()
		_, held, err := read(keyPath(dir, "youth"), "youth")
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(r.Rotate(noon), r.DropBefore(2)); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(keyPath(dir, "youth"))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), base64.StdEncoding.EncodeToString(held.Generations[0].Key)) {
			t.Error("the file still holds the key of the dropped generation")
		}
		if _, err := opened(t, dir, "youth", "std").Unwrap(old); !errors.Is(err, ErrNoGeneration) {
			t.Error(err)
		}
	})
}

func Test_two_processes_that_start_at_once_have_the_same_keys(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	var made [8]string
	var wg sync.WaitGroup
	for i := range made {
		wg.Go(func() {
			if r, err := Open(dir, "civic", "std"); err != nil {
				t.Error(err)
			} else {
				made[i] = r.Public().String()
			}
		})
	}
	wg.Wait()
	for _, m := range made {
		if m != made[0] {
			t.Fatalf("different keys: %v", made)
		}
	}
}

// The loser of that race made keys too, and finds a file where it wants to put them.
func Test_first_keys_never_take_the_place_of_others(t *testing.T) {
	eachOpened(t, func(t *testing.T, r *Ring, dir string) {
		if err := first(dir, "youth", r.Suite()); err != nil {
			t.Fatal(err)
		}
		if again := opened(t, dir, "youth", "std"); again.Public().String() != r.Public().String() {
			t.Error("the keys were replaced")
		}
	})
}

func Test_a_rotation_of_one_process_reaches_the_other(t *testing.T) {
	eachOpened(t, func(t *testing.T, a *Ring, dir string) {
		b := opened(t, dir, "youth", "std")
		if err := a.Rotate(noon); err != nil {
			t.Fatal(err)
		}
		_, w := a.NewKey()
		if _, err := b.Unwrap(w); err != nil || b.Generation() != 2 {
			t.Errorf("generation %d, %v", b.Generation(), err)
		}
		if err := a.Rotate(noon); err != nil {
			t.Fatal(err)
		}
		if _, w := b.NewKey(); w.Generation() != 3 {
			t.Errorf("a key was wrapped under generation %d, which the other process may have dropped", w.Generation())
		}
		if err := errors.Join(b.Rotate(noon), a.Rotate(noon)); err != nil || a.Generation() != 5 {
			t.Errorf("two processes made the same generation: %d, %v", a.Generation(), err)
		}
		if _, err := b.Unwrap(Wrapped("9." + strings.Repeat("A", 80))); !errors.Is(err, ErrNoGeneration) {
			t.Error(err)
		}
	})
}

func Test_a_crash_while_a_key_file_is_written_leaves_the_old_one(t *testing.T) {
	eachOpened(t, func(t *testing.T, r *Ring, dir string) {
		_, w := r.NewKey()
		path := keyPath(dir, "youth")
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		// What is left when the power fails: half of a new file that never got its name.
		if err := os.WriteFile(filepath.Join(dir, ".put-123"), b[:len(b)/2], 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Join(dir, ".new-123"), 0o700); err != nil {
			t.Fatal(err)
		}
		again := opened(t, dir, "youth", "std")
		if _, err := again.Unwrap(w); err != nil {
			t.Error(err)
		}
		if err := again.Rotate(noon); err != nil {
			t.Error(err)
		}
	})
}

func Test_a_file_that_is_not_whole_or_was_changed_is_refused_by_name(t *testing.T) {
	eachOpened(t, func(t *testing.T, r *Ring, dir string) {
		path := keyPath(dir, "youth")
		_, w := r.NewKey()
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		refused := func(why, text string) {
			t.Helper()
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := Open(dir, "youth", "std")
			if err == nil {
				// A change without a meaning: the case of a field's name, a bit that base64 does not use.
				_, unwraps := got.Unwrap(w)
				if got.Public().String() != r.Public().String() || got.Index("k", "v") != r.Index("k", "v") || unwraps != nil {
					t.Errorf("%s: it was read as other keys", why)
				}
				if !strings.HasPrefix(why, "changed at") {
					t.Errorf("%s: it was read", why)
				}
				return
			}
			if !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "backup") {
				t.Errorf("%s: the error names no file or no way out: %v", why, err)
			}
			for _, secret := range []string{encode(r.fixed.index)[:8], string(whole[150:170])} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("%s: the error quotes the file: %v", why, err)
				}
			}
			if after, _ := os.ReadFile(path); string(after) != text {
				t.Errorf("%s: the file was written to", why)
			}
		}
		for i := range len(whole) - 1 {
			refused(fmt.Sprint("cut at ", i), string(whole[:i]))
			refused(fmt.Sprint("changed at ", i), flip(string(whole), i))
		}
		if len(whole) < 300 {
			t.Fatalf("only %d bytes", len(whole))
		}
		refused("twice", string(whole)+string(whole))
		refused("a bracket behind", string(whole)+"}")
		refused("zeros", strings.Repeat("\x00", len(whole)))
		refused("a later format", strings.Replace(string(whole), "keys-1", "keys-2", 1))
		refused("the compartment rewritten", strings.Replace(string(whole), "youth", "civic", 1))
	})
}

func Test_the_key_file_of_another_compartment_is_refused(t *testing.T) {
	dir := t.TempDir()
	opened(t, dir, "civic", "std")
	if err := os.Rename(keyPath(dir, "civic"), keyPath(dir, "youth")); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, "youth", "std"); err == nil || !strings.Contains(err.Error(), "another compartment") {
		t.Error(err)
	}
}

func Test_keys_that_went_missing_are_not_replaced_by_new_ones(t *testing.T) {
	eachOpened(t, func(t *testing.T, r *Ring, dir string) {
		if err := r.MarkDestroyed("case-1"); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(keyPath(dir, "youth")); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir, "youth", "std"); err == nil || !strings.Contains(err.Error(), "backup") || Exists(dir, "youth") {
			t.Errorf("new keys were made: %v", err)
		}
	})
}

func Test_a_key_file_replaced_under_a_running_program_is_not_written_over(t *testing.T) {
	eachOpened(t, func(t *testing.T, r *Ring, dir string) {
		other := filepath.Join(t.TempDir(), "other")
		opened(t, other, "youth", r.Suite())
		if err := os.Rename(keyPath(other, "youth"), keyPath(dir, "youth")); err != nil {
			t.Fatal(err)
		}
		if err := r.Rotate(noon); err == nil || r.Generation() != 1 {
			t.Errorf("rotated to %d: %v", r.Generation(), err)
		}
	})
}

func Test_an_older_or_lost_key_file_is_noticed_by_a_running_program(t *testing.T) {
	eachOpened(t, func(t *testing.T, r *Ring, dir string) {
		path := keyPath(dir, "youth")
		older, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(r.Rotate(noon), r.Refresh(), os.WriteFile(path, older, 0o600)); err != nil {
			t.Fatal(err)
		}
		if err := r.Refresh(); err == nil || !strings.Contains(err.Error(), path) || r.Generation() != 2 {
			t.Errorf("an older file: %v, generation %d", err, r.Generation())
		}
		if _, w := r.NewKey(); w.Generation() != 2 {
			t.Errorf("a key was wrapped under generation %d", w.Generation())
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := r.Refresh(); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("a lost file: %v", err)
		}
	})
}

func Test_a_rotation_that_cannot_be_saved_changes_nothing(t *testing.T) {
	eachOpened(t, func(t *testing.T, r *Ring, dir string) {
		if err := os.Rename(dir, dir+".away"); err != nil {
			t.Fatal(err)
		}
		if err := r.Rotate(noon); err == nil || r.Generation() != 1 {
			t.Errorf("generation %d, %v", r.Generation(), err)
		}
		if _, w := r.NewKey(); w.Generation() != 1 {
			t.Error("a key was wrapped under a generation that was never saved")
		}
	})
}

func Test_files_and_folders_that_others_may_touch_are_refused(t *testing.T) {
	eachOpened(t, func(t *testing.T, r *Ring, dir string) {
		if err := errors.Join(r.MarkDestroyed("case-1"), r.SaveHead(1, []byte("r"), noon)); err != nil {
			t.Fatal(err)
		}
		for path, read := range map[string]func() error{
			keyPath(dir, "youth"):       func() error { _, err := Open(dir, "youth", "std"); return err },
			destroyedPath(dir, "youth"): func() error { _, err := r.Destroyed(); return err },
			headPath(dir, "youth"):      func() error { _, err := r.Head(); return err },
		} {
			for _, mode := range []os.FileMode{0o604, 0o640, 0o602, 0o620, 0o644, 0o777} {
				if err := os.Chmod(path, mode); err != nil {
					t.Fatal(err)
				}
				if err := read(); err == nil || !strings.Contains(err.Error(), "chmod 600 "+path) {
					t.Errorf("%s with %v: %v", path, mode, err)
				}
			}
			if err := errors.Join(os.Chmod(path, 0o600), read()); err != nil {
				t.Error(err)
			}
			if err := errors.Join(os.Chmod(path, 0o400), read()); err != nil {
				t.Error(err)
			}
		}
		if err := os.Chmod(dir, 0o770); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir, "youth", "std"); err == nil || !strings.Contains(err.Error(), "chmod 700 "+dir) {
			t.Error(err)
		}
	})
}

func Test_what_is_no_file_or_far_too_large_is_refused(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(keyPath(dir, "youth"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(keyPath(dir, "civic"), make([]byte, largest+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []Compartment{"youth", "civic"} {
		if _, err := Open(dir, c, "std"); err == nil || !strings.Contains(err.Error(), keyPath(dir, c)) {
			t.Errorf("%s: %v", c, err)
		}
	}
	if _, err := Open(keyPath(dir, "civic"), "youth", "std"); err == nil {
		t.Error("a file is a key folder")
	}
}

func Test_the_key_folder_lies_outside_the_data(t *testing.T) {
	top := t.TempDir()
	data := filepath.Join(top, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(data, filepath.Join(top, "link")); err != nil {
		t.Fatal(err)
	}
	for keys, ok := range map[string]bool{
		data + ".keys":                            true,
		filepath.Join(top, "keys", "deep"):        true,
		filepath.Join(data, "..", "keys"):         true,
		filepath.Join(top, "..keys"):              true,
		data:                                      false,
		filepath.Join(data, "keys"):               false,
		filepath.Join(data, "..keys"):             false,
		filepath.Join(top, "link"):                false,
		filepath.Join(top, "link", "keys"):        false,
		filepath.Join(top, "x", "..", "data/k"):   false,
		top:                                       false,
		string(filepath.Separator):                false,
		data + string(filepath.Separator) + "./k": false,
	} {
		if err := Outside(keys, data); (err == nil) != ok {
			t.Errorf("%s: %v", keys, err)
		}
	}
	t.Chdir(data)
	if Outside("keys", ".") == nil || Outside("../keys", ".") != nil {
		t.Error("relative paths are taken for something else")
	}
}

// The child is this program again: it changes all files of a ring and says what was promised.
func Test_child_that_is_killed(t *testing.T) {
	dir := os.Getenv("VAULT_KILL_DIR")
	if dir == "" {
		t.Skip("runs as the child of another test")
	}
	r := opened(t, dir, "youth", "std")
	ids, err := r.Destroyed()
	if err != nil {
		t.Fatal(err)
	}
	for i := len(ids); ; i++ {
		id := fmt.Sprint("case-", i)
		if err := errors.Join(r.Rotate(noon), r.MarkDestroyed(id), r.SaveHead(int64(i), []byte(id), noon)); err != nil {
			t.Fatal(err)
		}
		fmt.Println("promised", id, r.Generation())
	}
}

func Test_a_program_killed_at_any_moment_keeps_what_it_promised(t *testing.T) {
	if testing.Short() {
		t.Skip("starts and kills programs")
	}
	dir := filepath.Join(t.TempDir(), "keys")
	_, w := opened(t, dir, "youth", "sm").NewKey()
	for round := range 12 {
		child := exec.Command(os.Args[0], "-test.run=^Test_child_that_is_killed$")
		child.Env = append(os.Environ(), "VAULT_KILL_DIR="+dir)
		var out strings.Builder
		child.Stdout = &out
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(60+17*round) * time.Millisecond)
		child.Process.Kill()
		child.Wait()

		r := opened(t, dir, "youth", "std")
		if _, err := r.Unwrap(w); err != nil {
			t.Fatal(err)
		}
		ids, err := r.Destroyed()
		if err != nil {
			t.Fatal(err)
		}
		head, err := r.Head()
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(out.String()) {
			var id string
			var generation int
			if n, _ := fmt.Sscanf(line, "promised %s %d\n", &id, &generation); n == 2 {
				if r.Generation() < generation || len(ids) == 0 || !strings.Contains(strings.Join(ids, " ")+" ", id+" ") {
					t.Fatalf("%s was promised with generation %d; there are %v, %v", id, generation, r, ids)
				}
			}
		}
		if n := int64(len(ids)); head.Size != n-1 && head.Size != n-2 && n > 0 {
			t.Errorf("head %d after %d ids", head.Size, n)
		}
	}
	ids, err := opened(t, dir, "youth", "std").Destroyed()
	if err != nil || len(ids) == 0 {
		t.Errorf("no round of work was done before the kills: %v", err)
	}
	t.Logf("%d rounds of work", len(ids))
}
