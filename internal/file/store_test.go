package file

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func read(t *testing.T, s Store, key string) string {
	t.Helper()
	f, err := s.Open(key)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestStore_keeps_the_same_content_once_and_for_the_owner_only(t *testing.T) {
	s := Store{Dir: filepath.Join(t.TempDir(), "deep", "blobs")}
	a, err := s.Put([]byte("photo"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.Put([]byte("photo"))
	if err != nil || a != b || read(t, s, a) != "photo" {
		t.Fatalf("%q %q %v", a, b, err)
	}
	names := files(t, s.Dir)
	if len(names) != 1 {
		t.Fatalf("files: %v", names)
	}
	info, err := os.Stat(names[0])
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
	folder, err := os.Stat(filepath.Dir(names[0]))
	if err != nil || folder.Mode().Perm() != 0o700 {
		t.Fatalf("folder mode %v, %v", folder.Mode(), err)
	}
}

func TestStore_repairs_a_damaged_file_when_its_content_comes_again(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	key, err := s.Put([]byte("photo"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(files(t, s.Dir)[0], []byte("phot!"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put([]byte("photo")); err != nil || read(t, s, key) != "photo" {
		t.Fatalf("still damaged, %v", err)
	}
}

func TestStore_removes_for_good_and_twice_without_complaint(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	key, err := s.Put([]byte("photo"))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Remove(key); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Open(key); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("Open after Remove: %v", err)
	}
	if names := files(t, s.Dir); len(names) != 0 {
		t.Fatalf("left: %v", names)
	}
}

func TestStore_no_key_leads_out_of_the_folder(t *testing.T) {
	dir := t.TempDir()
	outside := filepath.Join(dir, "secret")
	if err := os.WriteFile(outside, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := Store{Dir: filepath.Join(dir, "blobs")}
	for _, key := range []string{"", "..", "../secret", strings.Repeat("A", 64), strings.Repeat("g", 64),
		strings.Repeat("../", 21) + "x", strings.Repeat("a", 63), strings.Repeat("a", 65), strings.Repeat("a", 63) + "\x00"} {
		if _, err := s.Open(key); !errors.Is(err, ErrKey) {
			t.Errorf("Open(%q): %v", key, err)
		}
		if err := s.Remove(key); !errors.Is(err, ErrKey) {
			t.Errorf("Remove(%q): %v", key, err)
		}
	}
	if _, err := os.Stat(outside); err != nil {
		t.Fatal(err)
	}
}

func TestStore_a_failed_write_leaves_nothing_behind(t *testing.T) {
	s := Store{Dir: filepath.Join(t.TempDir(), "blobs")}
	if err := os.WriteFile(s.Dir, []byte("a file in the way"), 0o600); err != nil {
		t.Fatal(err)
	}
	if key, err := s.Put([]byte("photo")); err == nil || key != "" {
		t.Fatalf("Put into a file: %q, %v", key, err)
	}
}

func TestStore_many_may_put_the_same_at_once(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := s.Put([]byte("photo")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if names := files(t, s.Dir); len(names) != 1 {
		t.Fatalf("files: %v", names)
	}
}
