package synced_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"comity/internal/synced"
)

func Test_a_file_that_is_gone_or_cannot_be_changed_any_more_proves_nothing(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux is asked for a proof")
	}
	dir := t.TempDir()
	if err := synced.Proven(filepath.Join(dir, "none")); err == nil {
		t.Error("a file that is not there is believed")
	}
	if out, err := exec.Command("mount", "-t", "tmpfs", "none", dir).CombinedOutput(); err != nil {
		t.Skipf("nothing can be mounted here: %s", out)
	}
	t.Cleanup(func() { _ = exec.Command("umount", dir).Run() })
	path := filepath.Join(dir, "a")
	if err := os.WriteFile(path, []byte("a"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, dir} {
		if err := synced.Path(name); err != nil {
			t.Error(err)
		}
	}
	if out, err := exec.Command("mount", "-o", "remount,ro", dir).CombinedOutput(); err != nil {
		t.Fatalf("%s", out)
	}
	for _, name := range []string{path, dir} {
		if err := synced.Path(name); err == nil {
			t.Errorf("%s is read only, and a sync of it is believed", name)
		}
	}
}
