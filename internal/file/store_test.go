package file

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"comity/internal/vault"
)

func read(t *testing.T, s Store, name, key string) string {
	t.Helper()
	f, err := s.Open(name, key)
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

func TestStore_keeps_content_sealed_and_for_the_owner_only(t *testing.T) {
	for _, suite := range []string{"std", "sm", ""} {
		s := Store{Dir: filepath.Join(t.TempDir(), "deep", "blobs"), Suite: suite}
		content := strings.Repeat("a photo of the lamp ", 40)
		one, key, err := s.Put([]byte(content))
		if err != nil {
			t.Fatal(err)
		}
		two, other, err := s.Put([]byte(content))
		if err != nil || one == two || key == other {
			t.Fatalf("put twice the same gives %q and %q: whoever sees both folders can tell; %v", one, two, err)
		}
		if read(t, s, one, key) != content || read(t, s, two, other) != content {
			t.Error("what comes out is not what was put in")
		}
		for _, name := range files(t, s.Dir) {
			info, err := os.Stat(name)
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Fatalf("mode %v, %v", info.Mode(), err)
			}
			folder, err := os.Stat(filepath.Dir(name))
			if err != nil || folder.Mode().Perm() != 0o700 {
				t.Fatalf("folder mode %v, %v", folder.Mode(), err)
			}
			raw, err := os.ReadFile(name)
			if err != nil || bytes.Contains(raw, []byte("photo")) {
				t.Errorf("the content lies in the clear, %v", err)
			}
		}
		if f, err := s.Open(one, other); err == nil {
			f.Close()
			t.Error("the key of another file opens it")
		}
		for _, wrong := range []string{"s.", "x." + key[2:], key[:len(key)-1], "\u2022\u2022\u2022"} {
			if f, err := s.Open(one, wrong); err == nil {
				f.Close()
				t.Errorf("key %q opens it", wrong)
			}
		}
	}
}

func TestStore_a_changed_file_does_not_open(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	name, key, err := s.Put([]byte("photo"))
	if err != nil {
		t.Fatal(err)
	}
	path := files(t, s.Dir)[0]
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		bad := bytes.Clone(raw)
		bad[i] ^= 1
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Open(name, key); !errors.Is(err, vault.ErrBroken) {
			t.Fatalf("byte %d changed: %v", i, err)
		}
	}
}

func TestStore_a_part_of_a_sealed_file_can_be_read_and_files_of_before_still_open(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	name, key, err := s.Put([]byte("0123456789"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := s.Open(name, key)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Seek(4, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	part := make([]byte, 3)
	if _, err := io.ReadFull(f, part); err != nil || string(part) != "456" {
		t.Errorf("read %q, %v", part, err)
	}
	old := strings.Repeat("ab", 32)
	if err := os.MkdirAll(filepath.Join(s.Dir, "ab"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.Dir, "ab", old), []byte("clear"), 0o600); err != nil {
		t.Fatal(err)
	}
	if read(t, s, old, "") != "clear" {
		t.Error("a file of before there were keys does not open")
	}
}

func TestStore_removes_for_good_and_twice_without_complaint(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	name, key, err := s.Put([]byte("photo"))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Open(name, key); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("Open after Remove: %v", err)
	}
	if names := files(t, s.Dir); len(names) != 0 {
		t.Fatalf("left: %v", names)
	}
}

func TestStore_no_name_leads_out_of_the_folder(t *testing.T) {
	dir := t.TempDir()
	outside := filepath.Join(dir, "secret")
	if err := os.WriteFile(outside, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := Store{Dir: filepath.Join(dir, "blobs")}
	for _, name := range []string{"", "..", "../secret", strings.Repeat("A", 64), strings.Repeat("g", 64),
		strings.Repeat("../", 21) + "x", strings.Repeat("a", 63), strings.Repeat("a", 65), strings.Repeat("a", 63) + "\x00"} {
		if _, err := s.Open(name, ""); !errors.Is(err, ErrName) {
			t.Errorf("Open(%q): %v", name, err)
		}
		if err := s.Remove(name); !errors.Is(err, ErrName) {
			t.Errorf("Remove(%q): %v", name, err)
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
	if name, key, err := s.Put([]byte("photo")); err == nil || name != "" || key != "" {
		t.Fatalf("Put into a file: %q, %v", name, err)
	}
}

func TestStore_many_may_put_the_same_at_once(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, _, err := s.Put([]byte("photo")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if names := files(t, s.Dir); len(names) != 8 {
		t.Fatalf("files: %v", names)
	}
}
