package ha_test

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// machine is a network namespace with a cable to a bridge, and a view of /etc, /var/lib and /run of its own. What its
// programs write there survives its death, as a disk does.
type machine struct {
	t    *testing.T
	key  string // as in the list of values
	name string
	ip   string
	dir  string
	init *exec.Cmd // holds the view of the file system while the machine is on
}

const (
	bridge  = "comity-ha"
	gateway = "10.77.0.1/24"
)

func must(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// needMachines fails where there can be no machines: who asked for them by name is not to read PASS instead. All that is
// missing is named at once.
func needMachines(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Fatal("only root makes network namespaces")
	}
	missing := map[string]bool{}
	for tool, from := range map[string]string{"ip": "iproute2", "nsenter": "util-linux", "setpriv": "util-linux", "etcd": "etcd-server", "patroni": "patroni", "haproxy": "haproxy", "nft": "nftables", "openssl": "openssl", "/usr/lib/postgresql/15/bin/initdb": "postgresql-15"} {
		if _, err := exec.LookPath(tool); err != nil {
			missing[from] = true
		}
	}
	if len(missing) > 0 {
		t.Fatalf("not all is here that the machines are made of: apt-get install %s", strings.Join(slices.Sorted(maps.Keys(missing)), " "))
	}
	if out, err := exec.Command("ip", "netns", "add", "comity-try").CombinedOutput(); err != nil {
		t.Fatalf("this system makes no network namespaces: %s", out)
	}
	must(t, "ip", "netns", "del", "comity-try")
}

// lay lays the bridge, after clearing what a run left that was ended by force.
func lay(t *testing.T, keys map[string]string) {
	t.Helper()
	clear := func() {
		for key := range keys {
			endAll(space(key))
			_ = exec.Command("ip", "netns", "del", space(key)).Run()
			_ = exec.Command("ip", "link", "del", cable(key)).Run()
		}
		_ = exec.Command("ip", "link", "del", bridge).Run()
	}
	clear()
	t.Cleanup(clear)
	must(t, "ip", "link", "add", bridge, "type", "bridge")
	must(t, "ip", "addr", "add", gateway, "dev", bridge)
	must(t, "ip", "link", "set", bridge, "up")
}

func space(key string) string { return "comity-" + strings.ToLower(key) }
func cable(key string) string { return "cha-" + strings.ToLower(key) }

// endAll kills what runs in a namespace of ours, by its numbers.
func endAll(space string) {
	out, err := exec.Command("ip", "netns", "pids", space).Output()
	if err != nil {
		return
	}
	for _, p := range strings.Fields(string(out)) {
		if n, err := strconv.Atoi(p); err == nil {
			_ = syscall.Kill(n, syscall.SIGKILL)
		}
	}
}

func build(t *testing.T, dir, key, name, ip string) *machine {
	t.Helper()
	m := &machine{t: t, key: key, name: name, ip: ip, dir: filepath.Join(dir, strings.ToLower(key))}
	for _, sub := range []string{"etc", "etc.work", "lib", "lib.work", "run/postgresql", "run/haproxy", "log"} {
		if err := os.MkdirAll(filepath.Join(m.dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	m.own("run/postgresql", "postgres")
	must(t, "ip", "netns", "add", space(key))
	must(t, "ip", "link", "add", cable(key), "type", "veth", "peer", "name", "eth0", "netns", space(key))
	must(t, "ip", "link", "set", cable(key), "master", bridge)
	must(t, "ip", "-n", space(key), "addr", "add", ip+"/24", "dev", "eth0")
	must(t, "ip", "-n", space(key), "link", "set", "lo", "up")
	must(t, "ip", "-n", space(key), "link", "set", "eth0", "up")
	return m
}

func (m *machine) own(path, who string) {
	m.t.Helper()
	u, err := user.Lookup(who)
	if err != nil {
		m.t.Fatal(err)
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	if err := os.Chown(filepath.Join(m.dir, path), uid, gid); err != nil {
		m.t.Fatal(err)
	}
}

// write puts a file below /etc of the machine.
func (m *machine) write(path, text, owner string, mode os.FileMode) {
	m.t.Helper()
	file := filepath.Join("etc", path)
	if err := os.MkdirAll(filepath.Dir(filepath.Join(m.dir, file)), 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(m.dir, file), []byte(text), mode); err != nil {
		m.t.Fatal(err)
	}
	m.own(file, owner)
}

// on switches the machine on: cable, disks, and no program yet. Shared folders are bound below /var/lib.
func (m *machine) on(shared ...string) {
	m.t.Helper()
	m.plug()
	script := `set -e
mount -t overlay overlay -o lowerdir=/etc,upperdir="$1/etc",workdir="$1/etc.work" /etc
mount -t overlay overlay -o lowerdir=/var/lib,upperdir="$1/lib",workdir="$1/lib.work" /var/lib
mount --bind "$1/run" /run
dir=$1; shift
for share; do mkdir -p "/var/lib/${share##*/}"; mount --bind "$share" "/var/lib/${share##*/}"; done
touch "$dir/run/on"
exec sleep infinity`
	_ = os.Remove(filepath.Join(m.dir, "run", "on"))
	cmd := exec.Command("ip", append([]string{"netns", "exec", space(m.key), "sh", "-c", script, "on", m.dir}, shared...)...)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.init = cmd
	go func() { _ = cmd.Wait() }()
	m.wait(10*time.Second, "it is switched on", func() bool {
		_, err := os.Stat(filepath.Join(m.dir, "run", "on"))
		return err == nil
	})
}

func (m *machine) wait(most time.Duration, what string, there func() bool) {
	m.t.Helper()
	for end := time.Now().Add(most); !there(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			m.t.Fatalf("%s: %v passed and not yet: %s", m.key, most, what)
		}
	}
}

func (m *machine) plug()   { must(m.t, "ip", "link", "set", cable(m.key), "up") }
func (m *machine) unplug() { must(m.t, "ip", "link", "set", cable(m.key), "down") }

// off is loss of power: nothing leaves the machine any more, no farewell of its kernel either.
func (m *machine) off() {
	m.t.Helper()
	m.unplug()
	endAll(space(m.key))
	m.wait(10*time.Second, "all is dead", func() bool {
		out, _ := exec.Command("ip", "netns", "pids", space(m.key)).Output()
		return len(strings.TrimSpace(string(out))) == 0
	})
}

// command is a program on the machine, as one of its users.
func (m *machine) command(who string, args ...string) *exec.Cmd {
	into := []string{"-t", strconv.Itoa(m.init.Process.Pid), "-m", "-n", "--", "setpriv", "--reuid", who, "--regid", group(who), "--init-groups", "--"}
	cmd := exec.Command("nsenter", append(into, args...)...)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "HOME=/var/lib/postgresql"}
	return cmd
}

func group(who string) string {
	if who == "nobody" {
		return "nogroup"
	}
	return who
}

// start has a program run on the machine until one of them ends; its words go to a file.
func (m *machine) start(cmd *exec.Cmd, log string) *exec.Cmd {
	m.t.Helper()
	f, err := os.OpenFile(filepath.Join(m.dir, "log", log), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		m.t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = f, f
	if err := cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	f.Close()
	go func() { _ = cmd.Wait() }()
	return cmd
}

// do runs a program on the machine to its end.
func (m *machine) do(who, input string, args ...string) (string, error) {
	cmd := m.command(who, args...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s on %s: %w\n%s", strings.Join(args, " "), m.key, err, out)
	}
	return string(out), err
}

func (m *machine) logged(log, words string) int {
	raw, _ := os.ReadFile(filepath.Join(m.dir, "log", log))
	return strings.Count(string(raw), words)
}
