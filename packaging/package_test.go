// Package packaging_test builds the Debian package and looks at it as an operator would: what is in it, whether the
// same bytes come out twice, what its scripts do to a system, and whether the program in it runs.
//
// The files beside this one are what goes into the package; scripts/package.sh puts them together. It refuses to touch
// the machine: packages are unpacked and installed below a folder of the test. Open this file first; it is the whole package.
package packaging_test

import (
	"bytes"
	"debug/elf"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// needs skips a test on a machine that lacks a tool of Debian's.
func needs(t *testing.T, tools ...string) {
	t.Helper()
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("skipped: %s is not on this machine", tool)
		}
	}
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// The program is built once, as the other tests build it: what make package adds (no paths, no symbols) would compile
// every library anew.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "comity-package")
	if err != nil {
		return "", err
	}
	built = dir
	file := filepath.Join(dir, "comity")
	cmd := exec.Command("go", "build", "-o", file, "../cmd/comity")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = errors.New(string(out))
	}
	return file, err
})

var built string // folder of the program, if a test wanted one

func TestMain(m *testing.M) {
	status := m.Run()
	if built != "" {
		os.RemoveAll(built)
	}
	os.Exit(status)
}

// packed is a package of this commit.
func packed(t *testing.T) string {
	t.Helper()
	needs(t, "dpkg-deb", "bash", "git")
	if testing.Short() {
		t.Skip("skipped: it links the whole program")
	}
	if exec.Command("git", "rev-parse", "--verify", "--quiet", "HEAD").Run() != nil {
		t.Skip("skipped: this is no checkout with a commit, from which a package takes its version and its time")
	}
	file, err := program()
	if err != nil {
		t.Fatal(err)
	}
	out := run(t, "../scripts/package.sh", "--arch", runtime.GOARCH, "--binary", file, "--quick", "--out", t.TempDir())
	return strings.TrimSpace(out)
}

func Test_the_same_commit_gives_the_same_bytes_twice(t *testing.T) {
	t.Parallel()
	first, second := packed(t), packed(t)
	if filepath.Base(first) != filepath.Base(second) {
		t.Fatalf("two names: %s and %s", first, second)
	}
	a, err := os.ReadFile(first)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(second)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a, b) {
		t.Error("the two packages differ; something in them is of the hour and not of the commit")
	}
}

func Test_the_package_says_what_it_is_and_holds_what_an_operator_needs(t *testing.T) {
	t.Parallel()
	deb := packed(t)
	info := run(t, "dpkg-deb", "--info", deb)
	for _, want := range []string{"Package: comity", "Architecture: " + runtime.GOARCH, "conffiles", "postinst", "prerm", "postrm", "Installed-Size: "} {
		if !strings.Contains(info, want) {
			t.Errorf("dpkg-deb --info lacks %q:\n%s", want, info)
		}
	}
	if strings.Contains(info, "@VERSION@") {
		t.Error("a place in the control file was not filled")
	}
	contents := run(t, "dpkg-deb", "--contents", deb)
	for _, want := range []string{"-rwxr-xr-x root/root", "./usr/bin/comity", "./usr/sbin/comity-here", "./usr/lib/systemd/system/comity.service", "./usr/lib/systemd/system/comity-follow.service", "./usr/share/doc/comity/operations.md", "./usr/share/doc/comity/copyright", "./usr/share/comity/monitoring/comity.rules.yml", "./usr/share/comity/ha/patroni.yml"} {
		if !strings.Contains(contents, want) {
			t.Errorf("dpkg-deb --contents lacks %q:\n%s", want, contents)
		}
	}
	for line := range strings.Lines(contents) {
		if strings.Contains(line, "./etc/comity/comity.env") && !strings.HasPrefix(line, "-rw-r----- root/root") {
			t.Errorf("the environment file may hold a password, and is %s", line)
		}
		if !strings.Contains(line, "root/root") {
			t.Errorf("somebody else owns %s", line)
		}
	}
}

func Test_the_program_in_the_package_is_static_and_runs(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	run(t, "dpkg-deb", "-x", packed(t), root)
	comity := filepath.Join(root, "usr/bin/comity")
	file, err := elf.Open(comity)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, p := range file.Progs {
		if p.Type == elf.PT_INTERP {
			t.Error("the program asks for a loader, so it is not static")
		}
	}
	if out := run(t, comity, "version"); !strings.HasPrefix(out, "comity ") {
		t.Errorf("version says %q", out)
	}
	if out := run(t, comity, "--help"); !strings.Contains(out, "serve") || !strings.Contains(out, "doctor") {
		t.Errorf("--help says %q", out)
	}
}

var units = []string{"comity.service", "comity-follow.service"}

func Test_systemd_accepts_the_units(t *testing.T) {
	t.Parallel()
	needs(t, "systemd-analyze")
	for _, name := range units {
		// The program is not installed here; any other one stands for it, so that the rest is looked at.
		stand := filepath.Join(t.TempDir(), name)
		here := strings.ReplaceAll(read(t, name), "/usr/bin/comity", "/bin/true")
		if err := os.WriteFile(stand, []byte(here), 0o644); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("systemd-analyze", "verify", "--man=no", stand).CombinedOutput()
		if err != nil || strings.Contains(string(out), name+":") {
			t.Errorf("systemd-analyze verify: %v\n%s", err, out)
		}
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func Test_the_units_leave_the_program_nothing_it_does_not_need(t *testing.T) {
	for _, name := range units {
		unit := read(t, name)
		for _, want := range []string{"User=comity", "StateDirectory=comity comity.keys", "StateDirectoryMode=0700", "ProtectSystem=strict", "ProtectHome=yes", "NoNewPrivileges=yes",
			"RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX", "CapabilityBoundingSet=\n", "MemoryDenyWriteExecute=yes", "EnvironmentFile=/etc/comity/comity.env"} {
			if !strings.Contains(unit, want) {
				t.Errorf("%s lacks %q", name, want)
			}
		}
	}
	if !strings.Contains(read(t, "comity.service"), "#MemoryMax=") {
		t.Error("the unit does not show how its memory is bounded")
	}
}

func Test_what_is_not_configured_is_not_started(t *testing.T) {
	for _, c := range []struct{ unit, name, value string }{{"comity.service", "COMITY_PACK", "demo"}, {"comity-follow.service", "COMITY_FOLLOW", "--to /backup/follow"}} {
		_, line, found := strings.Cut(read(t, c.unit), "ExecCondition=/bin/sh -c '")
		script, _, closed := strings.Cut(line, "'\n")
		if !found || !closed {
			t.Fatalf("%s has no condition", c.unit)
		}
		script = strings.ReplaceAll(script, "$$", "$")
		for value, started := range map[string]bool{"": false, c.value: true} {
			cmd := exec.Command("/bin/sh", "-c", script)
			cmd.Env = []string{c.name + "=" + value}
			out, err := cmd.CombinedOutput()
			if (err == nil) != started {
				t.Errorf("with %s=%q the condition of %s ends with %v: %s", c.name, value, c.unit, err, out)
			}
			if !started && !strings.Contains(string(out), c.name) {
				t.Errorf("it does not say what to do: %s", out)
			}
		}
		// The example names nothing, so that nothing starts by itself.
		for line := range strings.Lines(read(t, "comity.env")) {
			if value, set := strings.CutPrefix(line, c.name+"="); set && value != "\n" {
				t.Errorf("the example says %s", line)
			}
		}
	}
}

// A root of its own: dpkg keeps its list there, and the scripts are told of it by DPKG_ROOT.
func Test_installed_it_makes_its_user_starts_nothing_and_purged_it_leaves_the_data(t *testing.T) {
	t.Parallel()
	needs(t, "dpkg", "useradd")
	if os.Geteuid() != 0 {
		t.Skip("skipped: dpkg --root makes a user in the root it is given, which only root may")
	}
	deb, root := packed(t), t.TempDir()
	for name, text := range map[string]string{"etc/passwd": "root:x:0:0:root:/root:/bin/sh\n", "etc/group": "root:x:0:\n", "etc/shadow": "root:*:1:0:99999:7:::\n", "etc/gshadow": "root:*::\n", "var/lib/dpkg/status": "", "var/lib/dpkg/info/format": "1\n"} {
		file := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o640)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(root, "var/lib/dpkg/updates"), 0o755); err != nil {
		t.Fatal(err)
	}
	dpkg := func(args ...string) string {
		return run(t, "dpkg", append([]string{"--root=" + root, "--force-script-chrootless", "--force-depends", "--no-triggers", "--log=" + filepath.Join(root, "dpkg.log")}, args...)...)
	}
	dpkg("--install", deb)
	passwd, err := os.ReadFile(filepath.Join(root, "etc/passwd"))
	if err != nil || !strings.Contains(string(passwd), "\ncomity:") || !strings.Contains(string(passwd), ":/var/lib/comity:/usr/sbin/nologin") {
		t.Errorf("the user was not made: %s %v", passwd, err)
	}
	env, err := os.Stat(filepath.Join(root, "etc/comity/comity.env"))
	if err != nil || env.Mode().Perm() != 0o640 {
		t.Errorf("the environment file: %v %v", env, err)
	}
	if links, _ := filepath.Glob(filepath.Join(root, "etc/systemd/system/*.wants/comity*")); len(links) > 0 {
		t.Errorf("the unit was enabled by itself: %v", links)
	}
	run(t, filepath.Join(root, "usr/bin/comity"), "version")

	// An operator's change outlives an upgrade, and records outlive the package.
	kept := map[string]string{"etc/comity/comity.env": "COMITY_PACK=/srv/mycity\n", "var/lib/comity/comity.db": "cases", "var/lib/comity.keys/civic.json": "keys"}
	for name, text := range kept {
		file := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(text), 0o640)); err != nil {
			t.Fatal(err)
		}
	}
	dpkg("--force-confold", "--install", deb)
	for name, text := range kept {
		if got, err := os.ReadFile(filepath.Join(root, name)); err != nil || string(got) != text {
			t.Errorf("after the second installation %s is %q, %v", name, got, err)
		}
	}
	if err := os.Remove(filepath.Join(root, "etc/comity/comity.env")); err != nil {
		t.Fatal(err)
	}
	dpkg("--install", deb) // ends well without the file too
	dpkg("--remove", "comity")
	said := dpkg("--purge", "comity")
	if !strings.Contains(said, "/var/lib/comity.keys is left") {
		t.Errorf("purging does not say what is left: %s", said)
	}
	for _, name := range []string{"var/lib/comity/comity.db", "var/lib/comity.keys/civic.json"} {
		if _, err := os.Stat(filepath.Join(root, name)); err != nil {
			t.Errorf("purging took %s away: %v", name, err)
		}
	}
	if _, err := os.Stat(filepath.Join(root, "usr/bin/comity")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the program is still there: %v", err)
	}
}

func Test_commands_of_the_operator_get_the_environment_of_the_service(t *testing.T) {
	dir := t.TempDir()
	env := filepath.Join(dir, "comity.env")
	text := "# a comment\nCOMITY_PACK=/srv/my city\nCOMITY_OPTIONS=\"--secure --metrics\"\nCOMITY_DB='postgres://comity@db/$(id)'\nPATH=/nowhere\nCOMITY_BASE=\nPGPASSFILE=/etc/comity/pgpass"
	if err := os.WriteFile(env, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	script, err := os.ReadFile("comity-here")
	if err != nil {
		t.Fatal(err)
	}
	// Who calls counts as the user comity here, and the program only tells what it is given.
	tell := strings.Replace(string(script), `"$(id -un)" != comity`, `"" != ""`, 1)
	tell = strings.Replace(tell, `exec /usr/bin/comity "$@"`, `printf '%s\n' "$COMITY_PACK" "$COMITY_OPTIONS" "$COMITY_DB" "${COMITY_BASE-none}" "$PGPASSFILE" "$@"`, 1)
	want := "/srv/my city\n--secure --metrics\npostgres://comity@db/$(id)\nnone\n/etc/comity/pgpass\nbackup\n--to\na b\n"
	for where, script := range map[string]string{
		"in a folder that is open": tell,
		// As from the home of root before the first start, when the user comity has no folder either.
		"in a closed folder": strings.NewReplacer("[ -x . ]", "false", "cd /var/lib/comity", "cd /nowhere").Replace(tell),
	} {
		cmd := exec.Command("/bin/sh", "-c", script, "comity-here", "backup", "--to", "a b")
		cmd.Env = []string{"COMITY_ENV=" + env, "PATH=" + os.Getenv("PATH")}
		out, err := cmd.CombinedOutput()
		if err != nil || string(out) != want {
			t.Errorf("%s the command was given\n%swant\n%s%v", where, out, want, err)
		}
	}
}
