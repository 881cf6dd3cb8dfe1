package ha_test

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// set is the whole set-up, made from the files as they are shipped.
type set struct {
	t      *testing.T
	dir    string
	values string
	all    map[string]*machine
	shared []string
	city   map[string]*exec.Cmd // comity serve, by machine
	etcd   map[string]*exec.Cmd
	proxy  *exec.Cmd
}

var databases = []string{"DB1", "DB2", "DB3"}
var nodes = []string{"APP1", "APP2"}

// addresses of the list of values, and of whoever uses the city.
var addresses = map[string]string{"DB1": "10.77.0.11", "DB2": "10.77.0.12", "DB3": "10.77.0.13", "APP1": "10.77.0.21", "APP2": "10.77.0.22",
	"FRONT": "10.77.0.31", "CLIENT": "10.77.0.40"}

const post = `gateways:
  - {name: relay, kind: smtp, channels: [mail], host: 10.77.0.40, port: 2525, security: none, from: "City <noreply@help.example.gov>"}
allow: [10.77.0.40]
`

func setUp(t *testing.T) *set {
	t.Helper()
	dir, err := os.MkdirTemp("", "comity-ha-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if os.Getenv("COMITY_HA_KEEP") == "" {
			os.RemoveAll(dir)
		}
	})
	s := &set{t: t, dir: dir, all: map[string]*machine{}, city: map[string]*exec.Cmd{}, etcd: map[string]*exec.Cmd{}}
	s.values = filledValues(t, dir, "SHARED_BUFFERS=2GB", "SHARED_BUFFERS=64MB", "PACK=/etc/comity/pack", "PACK=demo")
	proxyCertificate(t, s.values, dir)
	s.build()
	lay(t, addresses)
	for _, share := range []string{"comity", "comity.keys"} {
		folder := filepath.Join(dir, "shared", share)
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		must(t, "chown", "nobody:nogroup", folder)
		s.shared = append(s.shared, folder)
	}
	for key, ip := range addresses {
		s.all[key] = build(t, dir, key, strings.ToLower(key)+".city.internal", ip)
		s.install(s.all[key])
	}
	return s
}

// build builds the program once for all machines.
func (s *set) build() {
	s.t.Helper()
	cmd := exec.Command("go", "build", "-o", filepath.Join(s.dir, "comity-program"), "../../cmd/comity")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("%v\n%s", err, out)
	}
}

func (s *set) read(name string) string {
	s.t.Helper()
	raw, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(raw)
}

// install puts the files where docs/failover.md says.
func (s *set) install(m *machine) {
	s.t.Helper()
	filled := func(file string) string { return fill(s.t, s.values, m.key, file) }
	if m.key == "CLIENT" {
		return
	}
	m.write("hosts", "127.0.0.1 localhost\n"+filled("hosts"), "root", 0o644)
	switch {
	case strings.HasPrefix(m.key, "DB"):
		m.write("default/etcd", filled("etcd"), "root", 0o644)
		m.write("patroni/config.yml", filled("patroni.yml"), "postgres", 0o600)
		m.write("patroni/ca.pem", s.read("ca.pem"), "postgres", 0o644)
		m.write("patroni/server.pem", s.read(m.key+".pem"), "postgres", 0o644)
		m.write("patroni/server.key", s.read(m.key+".key"), "postgres", 0o600)
		m.write("nftables.d/comity.conf", filled("nftables.conf"), "root", 0o644)
	case strings.HasPrefix(m.key, "APP"):
		m.write("comity/comity.env", filled("comity.env")+"COMITY_POST=/etc/comity/post.yaml\n", "root", 0o644)
		m.write("comity/pgpass", filled("pgpass"), "nobody", 0o600)
		m.write("comity/ca.pem", s.read("ca.pem"), "nobody", 0o644)
		m.write("comity/post.yaml", post, "nobody", 0o600)
		m.write("nftables.d/comity.conf", filled("nftables.conf"), "root", 0o644)
	default:
		m.write("haproxy/haproxy.cfg", filled("haproxy.cfg"), "root", 0o644)
		m.write("haproxy/site.pem", s.read("site.pem"), "root", 0o600)
	}
}

// startDatabase switches a database machine on and starts what its units would.
func (s *set) startDatabase(key string) {
	s.t.Helper()
	m := s.all[key]
	m.on()
	if out, err := m.do("root", "", "nft", "-f", "/etc/nftables.d/comity.conf"); err != nil {
		s.t.Fatal(out, err)
	}
	s.startEtcd(key)
	s.startPatroni(key)
}

func (s *set) startEtcd(key string) {
	m := s.all[key]
	s.etcd[key] = m.start(m.command("etcd", "sh", "-c", "set -a; . /etc/default/etcd; exec /usr/bin/etcd"), "etcd")
}

func (s *set) startPatroni(key string) {
	m := s.all[key]
	m.start(m.command("postgres", "/usr/bin/patroni", "/etc/patroni/config.yml"), "patroni")
}

// environment is comity.env as systemd reads it.
func (m *machine) environment() (env, options []string) {
	f, err := os.Open(filepath.Join(m.dir, "etc/comity/comity.env"))
	if err != nil {
		m.t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		name, value, ok := strings.Cut(lines.Text(), "=")
		if !ok || strings.HasPrefix(name, "#") {
			continue
		}
		value = strings.Trim(value, `"`)
		if name == "COMITY_OPTIONS" {
			options = strings.Fields(value)
			continue
		}
		env = append(env, name+"="+value)
	}
	return env, options
}

// comity is a command of the program on a machine.
func (s *set) comity(key string, args ...string) *exec.Cmd {
	m := s.all[key]
	env, _ := m.environment()
	cmd := m.command("nobody", append([]string{filepath.Join(s.dir, "comity-program")}, args...)...)
	cmd.Env = append(cmd.Env, env...)
	return cmd
}

// startCity starts comity serve, as the unit of the package does.
func (s *set) startCity(key string) {
	m := s.all[key]
	_, options := m.environment()
	s.city[key] = m.start(s.comity(key, append([]string{"serve"}, options...)...), "comity")
}

func (s *set) startProxy() {
	m := s.all["FRONT"]
	s.proxy = m.start(m.command("root", "/usr/sbin/haproxy", "-db", "-f", "/etc/haproxy/haproxy.cfg"), "haproxy")
}

// member is one line of patronictl list.
type member struct {
	Member, Host, Role, State string
	TL                        int
	Lag                       any `json:"Lag in MB"`
}

// members asks one machine that is on; nothing comes back while there is no answer.
func (s *set) members(asked string) (list []member) {
	out, err := s.all[asked].command("postgres", "patronictl", "-c", "/etc/patroni/config.yml", "list", "-f", "json").Output()
	if err != nil || json.Unmarshal(out, &list) != nil {
		return nil
	}
	return list
}

func keyOf(m member) string { return strings.ToUpper(strings.TrimSuffix(m.Member, ".city.internal")) }

// role finds the machine of a role, such as "Leader".
func (s *set) role(asked, role string) string {
	s.t.Helper()
	for range 100 {
		for _, m := range s.members(asked) {
			if m.Role == role && (m.State == "running" || m.State == "streaming") {
				return keyOf(m)
			}
		}
		time.Sleep(300 * time.Millisecond)
	}
	s.t.Fatalf("nobody is %s: %v", role, s.members(asked))
	return ""
}

// whole waits until all machines are members on one timeline, one of them the synchronous standby.
func (s *set) whole(asked string, most time.Duration) {
	s.t.Helper()
	s.all[asked].wait(most, "three members on one timeline", func() bool {
		list := s.members(asked)
		roles := map[string]int{}
		for _, m := range list {
			if (m.State != "running" && m.State != "streaming") || m.TL != list[0].TL {
				return false
			}
			roles[m.Role]++
		}
		return roles["Leader"] == 1 && roles["Sync Standby"] == 1 && roles["Replica"] == 1
	})
}

func (s *set) sql(key, database, q string) string {
	s.t.Helper()
	out, err := s.all[key].do("postgres", "", "psql", "-X", "-At", "-d", database, "-c", q)
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.TrimSpace(out)
}

func kill(cmd *exec.Cmd) { _ = syscall.Kill(cmd.Process.Pid, syscall.SIGKILL) }
