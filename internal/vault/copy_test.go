package vault

import (
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func Test_keys_are_brought_back_without_forgetting_what_is_newer(t *testing.T) {
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	root := t.TempDir()
	dir, kept := filepath.Join(root, "keys"), filepath.Join(root, "kept")
	r, err := Open(dir, "civic", "std")
	if err != nil {
		t.Fatal(err)
	}
	key, wrapped := r.NewKey()
	sealed := key.Seal("c", "李梅")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(r.MarkDestroyed("one"))
	must(r.SaveHead(5, []byte("root"), at))
	must(BackUp(dir, kept, "civic"))
	must(r.MarkDestroyed("two"))
	must(r.SaveHead(9, []byte("later"), at))
	must(r.Rotate(at))

	must(PutBack(kept, dir, "civic")) // over a newer folder: nothing changes
	again, err := Open(dir, "civic", "std")
	must(err)
	ids, err := again.Destroyed()
	head, err2 := again.Head()
	if err != nil || err2 != nil || again.Generation() != 2 || !slices.Equal(ids, []string{"one", "two"}) || head.Size != 9 {
		t.Errorf("over a newer folder: generation %d, %v, %+v, %v %v", again.Generation(), ids, head, err, err2)
	}

	empty := filepath.Join(root, "empty")
	must(PutBack(kept, empty, "civic"))
	back, err := Open(empty, "civic", "std")
	must(err)
	k, err := back.Unwrap(wrapped)
	must(err)
	if plain, err := k.Open("c", sealed); plain != "李梅" || err != nil {
		t.Errorf("from the backup: %q, %v", plain, err)
	}
	ids, err = back.Destroyed()
	head, err2 = back.Head()
	if err != nil || err2 != nil || !slices.Equal(ids, []string{"one"}) || head.Size != 5 {
		t.Errorf("into an empty folder: %v, %+v, %v %v", ids, head, err, err2)
	}

	must(BackUp(dir, filepath.Join(root, "newer"), "civic"))
	must(PutBack(filepath.Join(root, "newer"), empty, "civic"))
	if back, err = Open(empty, "civic", "std"); err != nil || back.Generation() != 2 {
		t.Errorf("a newer backup over an older folder: %v", err)
	}

	other := filepath.Join(root, "other")
	_, err = Open(other, "civic", "std")
	must(err)
	if err := PutBack(kept, other, "civic"); err == nil {
		t.Error("the keys of one city were put over those of another")
	}
	if err := PutBack(kept, dir, "youth"); err == nil {
		t.Error("keys that the backup does not hold were brought back")
	}
	must(Forget(dir))
	if Exists(dir, "civic") {
		t.Error("a forgotten folder holds keys")
	}
}

func Test_a_head_can_be_replaced_by_a_shorter_one_on_purpose_only(t *testing.T) {
	r := Memory("civic", "std")
	if err := r.SaveHead(9, []byte("a"), time.Time{}); err != nil {
		t.Fatal(err)
	}
	if err := r.SaveHead(5, []byte("b"), time.Time{}); err == nil {
		t.Error("a head was saved over a longer one")
	}
	if err := r.ReplaceHead(5, []byte("b"), time.Time{}); err != nil {
		t.Fatal(err)
	}
	if h, err := r.Head(); err != nil || h.Size != 5 {
		t.Errorf("%+v, %v", h, err)
	}
}

func Test_bytes_open_with_their_own_key_only(t *testing.T) {
	for _, s := range suites {
		sealed, key, err := SealBytes(s.name, []byte("photo"))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := OpenBytes(key, sealed); string(got) != "photo" || err != nil {
			t.Errorf("%s: %q, %v", s.name, got, err)
		}
		_, other, err := SealBytes(s.name, []byte("photo"))
		if err != nil {
			t.Fatal(err)
		}
		for _, wrong := range []string{other, "", key[:len(key)-2], "z" + key[1:]} {
			if _, err := OpenBytes(wrong, sealed); err == nil {
				t.Errorf("%s: key %q opens it", s.name, wrong)
			}
		}
	}
	if _, _, err := SealBytes("rot13", nil); err == nil {
		t.Error("a suite nobody knows")
	}
}
