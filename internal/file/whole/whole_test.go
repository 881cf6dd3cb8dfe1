package whole

import (
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
