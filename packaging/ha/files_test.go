// Package ha_test looks after the files beside it, with which an operator makes a city that outlives its machines:
// docs/failover.md says what each is for. The ordinary tests fill them in and ask the programs they are for. `make
// failover` goes on: it builds the machines as network namespaces, starts the programs with these files, and switches
// machines off under load.
//
// Open files_test.go first. machines_test.go is the machines, cluster_test.go what runs on them, traffic_test.go who
// uses the city, failover_test.go what happens to it. It refuses to touch the machine it runs on beyond namespaces, a
// bridge and a folder of its own, which are gone afterwards.
package ha_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// files are those with places to fill in.
var files = []string{"hosts", "etcd", "patroni.yml", "databases.sql", "comity.env", "pgpass", "haproxy.cfg", "nftables.conf"}

// filledValues writes a list of values as an operator would: passwords made up, the rest as it is or as changed.
func filledValues(t *testing.T, dir string, changes ...string) string {
	t.Helper()
	raw, err := os.ReadFile("values")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(raw), "change-me", "2f6c1e9a7b")
	text = strings.NewReplacer(changes...).Replace(text)
	file := filepath.Join(dir, "values")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func fill(t *testing.T, values, machine, file string) string {
	t.Helper()
	out, err := exec.Command("./fill", values, machine, file).CombinedOutput()
	if err != nil {
		t.Fatalf("fill %s %s: %v\n%s", machine, file, err, out)
	}
	return string(out)
}

func Test_every_place_has_a_value_and_every_value_a_place(t *testing.T) {
	values := filledValues(t, t.TempDir())
	place := regexp.MustCompile(`@[A-Z][A-Z0-9_]*@`)
	used := map[string]bool{}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range place.FindAllString(string(raw), -1) {
			used[strings.Trim(p, "@")] = true
		}
		if left := place.FindString(fill(t, values, "APP1", file)); left != "" {
			t.Errorf("%s keeps %s", file, left)
		}
	}
	raw, err := os.ReadFile("values")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^([A-Z0-9_]+)=`).FindAllStringSubmatch(string(raw), -1) {
		if !used[m[1]] {
			t.Errorf("no file uses %s", m[1])
		}
	}
}

func Test_a_value_that_was_forgotten_is_named(t *testing.T) {
	dir := t.TempDir()
	for want, values := range map[string]string{
		"PATRONI_PASSWORD still says change-me": "values",
		"has no value for SHARED_BUFFERS":       filledValues(t, dir, "SHARED_BUFFERS=2GB", ""),
	} {
		out, err := exec.Command("./fill", values, "DB1", "patroni.yml").CombinedOutput()
		if err == nil || !strings.Contains(string(out), want) {
			t.Errorf("%v: %.300s, want %q", err, out, want)
		}
	}
	if out, err := exec.Command("./fill", filledValues(t, dir), "DB4", "hosts").CombinedOutput(); err == nil || !strings.Contains(string(out), "knows no machine DB4") {
		t.Errorf("%v: %s", err, out)
	}
}

func Test_the_page_for_operators_names_every_file_and_every_setting_of_Patroni(t *testing.T) {
	raw, err := os.ReadFile("../../docs/failover.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(raw)
	for _, file := range append([]string{"values", "fill", "certificates"}, files...) {
		if !strings.Contains(page, "`"+file+"`") && !strings.Contains(page, " "+file) {
			t.Errorf("it does not name %s", file)
		}
	}
	for _, setting := range []string{"ttl", "loop_wait", "retry_timeout", "synchronous_mode_strict", "failsafe_mode", "wal_sender_timeout", "connect_timeout", "watchdog"} {
		if !strings.Contains(page, setting) {
			t.Errorf("it does not explain %s", setting)
		}
	}
}

func Test_HAProxy_takes_its_file(t *testing.T) {
	for _, tool := range []string{"haproxy", "openssl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("skipped: %s is not on this machine", tool)
		}
	}
	dir := t.TempDir()
	values := filledValues(t, dir)
	proxyCertificate(t, values, dir)
	cfg := filepath.Join(dir, "haproxy.cfg")
	text := strings.ReplaceAll(fill(t, values, "FRONT", "haproxy.cfg"), "/etc/haproxy/site.pem", filepath.Join(dir, "site.pem"))
	if err := os.WriteFile(cfg, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("haproxy", "-c", "-f", cfg).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// proxyCertificate makes the certificates of a set-up, and one for the name of the site as a city would buy it.
func proxyCertificate(t *testing.T, values, dir string) {
	t.Helper()
	if out, err := exec.Command("./certificates", values, dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	pem, key := filepath.Join(dir, "site.crt"), filepath.Join(dir, "site.key")
	out, err := exec.Command("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
		"-subj", "/CN=help.example.gov", "-addext", "subjectAltName=DNS:help.example.gov", "-keyout", key, "-out", pem).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var both []byte
	for _, name := range []string{pem, key} {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		both = append(both, raw...)
	}
	if err := os.WriteFile(filepath.Join(dir, "site.pem"), both, 0o600); err != nil {
		t.Fatal(err)
	}
}
