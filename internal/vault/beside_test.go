package vault

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// eachKind runs a test with rings of both suites, on disk and in memory; again opens the ring once more.
func eachKind(t *testing.T, test func(t *testing.T, r *Ring, again func() *Ring)) {
	each(t, func(t *testing.T, r *Ring) { test(t, r, func() *Ring { return r }) })
	eachOpened(t, func(t *testing.T, r *Ring, dir string) {
		test(t, r, func() *Ring { return opened(t, dir, "youth", "std") })
	})
}

func Test_what_was_destroyed_is_remembered_once_and_in_order(t *testing.T) {
	eachKind(t, func(t *testing.T, r *Ring, again func() *Ring) {
		if ids, err := r.Destroyed(); len(ids) != 0 || err != nil {
			t.Errorf("a new ring: %v, %v", ids, err)
		}
		if err := errors.Join(r.MarkDestroyed(), r.MarkDestroyed("case-2", "case-1"), r.MarkDestroyed("case-1", "case-12", "case-12"), r.Rotate(noon)); err != nil {
			t.Fatal(err)
		}
		if ids, err := again().Destroyed(); !slices.Equal(ids, []string{"case-2", "case-1", "case-12"}) || err != nil {
			t.Errorf("%v, %v", ids, err)
		}
		for _, bad := range []string{"", "a b", "a\nb", "a\tb", "\x00"} {
			if err := r.MarkDestroyed("case-9", bad); err == nil {
				t.Errorf("%q is an id", bad)
			}
		}
		if ids, err := again().Destroyed(); len(ids) != 3 || err != nil {
			t.Errorf("a refused call left something: %v, %v", ids, err)
		}
	})
}

func Test_the_list_may_grow_for_years(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	r := opened(t, dir, "civic", "std")
	ids := make([]string, 50_000)
	for i := range ids {
		ids[i] = fmt.Sprint("civic-case-", i)
	}
	if err := errors.Join(r.MarkDestroyed(ids...), r.MarkDestroyed("last", ids[7])); err != nil {
		t.Fatal(err)
	}
	if got, err := r.Destroyed(); len(got) != len(ids)+1 || err != nil {
		t.Errorf("%d ids, %v", len(got), err)
	}
}

// longList has the ring list more keys than are read of the end of its list.
func longList(t *testing.T, r *Ring) []string {
	t.Helper()
	ids := make([]string, 5000)
	for i := range ids {
		ids[i] = fmt.Sprintf("case-%07d", i)
	}
	if err := r.MarkDestroyed(ids...); err != nil {
		t.Fatal(err)
	}
	return ids
}

func Test_what_was_alive_a_moment_ago_goes_on_the_list_without_all_of_it_being_read(t *testing.T) {
	eachKind(t, func(t *testing.T, r *Ring, again func() *Ring) {
		for range 2 {
			if _, _, err := r.JustDestroyed("one", "two"); err != nil {
				t.Fatal(err)
			}
		}
		if ids, err := again().Destroyed(); !slices.Equal(ids, []string{"one", "two"}) || err != nil {
			t.Errorf("%q, %v", ids, err)
		}
		if _, _, err := r.JustDestroyed("a b"); err == nil {
			t.Error("an id with a space was taken")
		}
	})
	eachOpened(t, func(t *testing.T, r *Ring, dir string) {
		ids := longList(t, r)
		path := destroyedPath(dir, "youth")
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		changed := []byte(strings.Replace(string(whole), "case-0000001 ", "case-9999999 ", 1))
		if err := os.WriteFile(path, append(changed, "case-55"...), 0o600); err != nil { // a crash cut the last line off
			t.Fatal(err)
		}
		before, err := r.DestroyedEnd()
		if err != nil {
			t.Fatal(err)
		}
		from, to, err := r.JustDestroyed("fresh", ids[4999])
		if err != nil || from != before || to.Size != before.Size+int64(len(r.line("fresh"))) {
			t.Errorf("from %+v to %+v, %v; before it was %+v", from, to, err, before)
		}
		if _, err := r.Destroyed(); err == nil || !strings.Contains(err.Error(), path+":2") {
			t.Errorf("what reads all of it did not see the changed line: %v", err)
		}
		if err := os.WriteFile(path, []byte(strings.Replace(string(whole), "case-0004999 ", "case-9999999 ", 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := r.JustDestroyed("other"); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("behind a line of somebody else: %v", err)
		}
	})
}

func Test_the_end_of_a_list_is_that_of_no_other_list(t *testing.T) {
	eachKind(t, func(t *testing.T, r *Ring, again func() *Ring) {
		seen := map[ListEnd]bool{}
		for i := range 5 {
			end, err := again().DestroyedEnd()
			if err != nil || seen[end] {
				t.Fatalf("after %d: %+v, %v", i, end, err)
			}
			seen[end] = true
			from, to, err := r.AddDestroyed(fmt.Sprint("case-", i))
			if err != nil || from != end || seen[to] {
				t.Errorf("from %+v to %+v, %v", from, to, err)
			}
			if from, same, err := r.AddDestroyed(fmt.Sprint("case-", i)); err != nil || from != to || same != to {
				t.Errorf("nothing was added, and it goes from %+v to %+v, %v", from, same, err)
			}
		}
	})
	eachOpened(t, func(t *testing.T, r *Ring, dir string) {
		ids := longList(t, r)
		end, err := r.DestroyedEnd()
		if err != nil {
			t.Fatal(err)
		}
		path := destroyedPath(dir, "youth")
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for what, text := range map[string]string{"a line more": string(b) + r.line("one"), "a line less": string(b[:len(b)-len(r.line(ids[0]))]), "another last line": string(b[:len(b)-len(r.line(ids[0]))]) + r.line("case-9999999")} {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if other, err := r.DestroyedEnd(); err != nil || other == end {
				t.Errorf("%s: %+v, %v", what, other, err)
			}
		}
		if err := os.WriteFile(path, append(b, "half a li"...), 0o600); err != nil {
			t.Fatal(err)
		}
		if other, err := r.DestroyedEnd(); err != nil || other != end {
			t.Errorf("with half a line behind it: %+v, want %+v, %v", other, end, err)
		}
	})
}

func Test_half_a_line_is_nobody_and_does_not_spoil_the_next(t *testing.T) {
	eachOpened(t, func(t *testing.T, r *Ring, dir string) {
		path := destroyedPath(dir, "youth")
		if err := r.MarkDestroyed("case-7"); err != nil {
			t.Fatal(err)
		}
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		line := r.line("case-12-with-a-longer-name")
		for i := range line {
			if err := os.WriteFile(path, append(slices.Clone(good), line[:i]...), 0o600); err != nil {
				t.Fatal(err)
			}
			if ids, err := r.Destroyed(); !slices.Equal(ids, []string{"case-7"}) || err != nil {
				t.Fatalf("cut at %d: %v, %v", i, ids, err)
			}
			if err := r.MarkDestroyed("case-8"); err != nil {
				t.Fatal(err)
			}
			if ids, err := r.Destroyed(); !slices.Equal(ids, []string{"case-7", "case-8"}) || err != nil {
				t.Fatalf("cut at %d and continued: %v, %v", i, ids, err)
			}
			if b, err := os.ReadFile(path); string(b) != string(good)+r.line("case-8") || err != nil {
				t.Fatalf("cut at %d and continued: the file is %q, %v", i, b, err)
			}
		}
	})
}

func Test_a_list_changed_by_hand_is_refused_with_its_line(t *testing.T) {
	eachOpened(t, func(t *testing.T, r *Ring, dir string) {
		path := destroyedPath(dir, "youth")
		if err := r.MarkDestroyed("case-7", "case-8"); err != nil {
			t.Fatal(err)
		}
		b, _ := os.ReadFile(path)
		for _, text := range []string{
			strings.Replace(string(b), "case-8", "case-9", 1),
			string(b[:len(b)/2]) + "case-10\n",
			string(b[:len(b)/2]) + "\n",
		} {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := r.Destroyed(); err == nil || !strings.Contains(err.Error(), path+":2") {
				t.Errorf("%q: %v", text, err)
			}
			if err := r.MarkDestroyed("case-11"); err == nil {
				t.Errorf("%q: something was added", text)
			}
		}
	})
}

func Test_the_last_head_is_remembered_and_never_goes_back(t *testing.T) {
	eachKind(t, func(t *testing.T, r *Ring, again func() *Ring) {
		if h, err := r.Head(); h.Size != 0 || h.Root != nil || !h.At.IsZero() || err != nil {
			t.Errorf("a new ring: %v, %v", h, err)
		}
		for _, size := range []int64{0, 5, 5, 9} {
			if err := r.SaveHead(size, []byte{byte(size)}, noon.In(time.FixedZone("", 3600))); err != nil {
				t.Fatal(err)
			}
		}
		for _, bad := range []struct {
			size int64
			root byte
		}{{8, 8}, {9, 8}, {0, 0}, {-1, 9}} {
			if err := r.SaveHead(bad.size, []byte{bad.root}, noon); !errors.Is(err, ErrHeadBack) {
				t.Errorf("%v: %v", bad, err)
			}
		}
		if h, err := again().Head(); h.Size != 9 || string(h.Root) != "\x09" || !h.At.Equal(noon) || err != nil {
			t.Errorf("%v, %v", h, err)
		}
	})
}

func Test_a_saved_head_that_is_cut_off_is_refused(t *testing.T) {
	eachOpened(t, func(t *testing.T, r *Ring, dir string) {
		for _, text := range []string{"", "{", `{"size":-1}`, "null x"} {
			if err := os.WriteFile(headPath(dir, "youth"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := r.Head(); err == nil || !strings.Contains(err.Error(), headPath(dir, "youth")) {
				t.Errorf("%q: %v", text, err)
			}
			if err := r.SaveHead(1, nil, noon); err == nil {
				t.Errorf("%q was written over", text)
			}
		}
	})
}
