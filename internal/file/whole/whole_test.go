package whole

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func Test_a_file_is_replaced_whole_and_a_failure_leaves_nothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "kept")
	for _, want := range []string{"first and longer", "second"} {
		if err := Write(path, []byte(want)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("read %q, %v; want %q", got, err, want)
		}
	}
	from := filepath.Join(t.TempDir(), "from")
	if err := os.WriteFile(from, []byte("third"), 0o600); err != nil {
		t.Fatal(err)
	}
	if n, err := Copy(from, path); err != nil || n != 5 {
		t.Errorf("%d bytes were copied, %v", n, err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "third" {
		t.Errorf("the copy is %q, %v", got, err)
	}
	if _, err := Copy(from+"?", path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what is not there is copied: %v", err)
	}
	folder := filepath.Join(dir, "folder") // a file cannot take the name of a folder that holds something
	if err := os.MkdirAll(filepath.Join(folder, "inside"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Write(folder, []byte("x")); err == nil {
		t.Error("a folder was replaced by a file")
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 2 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
