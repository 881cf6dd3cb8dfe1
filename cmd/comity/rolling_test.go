package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"comity/internal/account"
	"comity/internal/authz"
	"comity/internal/courier/gateway/smtptest"
	"comity/internal/intake"
	"comity/internal/org"
)

// rounds is how often each node is restarted.
var rounds = flag.Int("rolling", 1, "how often Test_nodes_are_restarted… restarts each node")

// serveChild names the arguments of a process that serves: the same program, as a test that does what main does.
const serveChild = "COMITY_TEST_SERVES"

func Test_child_that_serves(t *testing.T) {
	args := os.Getenv(serveChild)
	if args == "" {
		t.Skip("this is the other process of Test_nodes_are_restarted…")
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := run(ctx, strings.Split(args, "\n"), os.Stdout, os.Stderr); err != nil {
		t.Fatal(err)
	}
}

// rolled is a city in a process of its own.
type rolled struct {
	t    *testing.T
	addr string
	args []string
	cmd  *exec.Cmd
	said syncBuffer
	up   atomic.Bool // as the proxy sees it
	seen atomic.Int64
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (n *rolled) start() {
	n.t.Helper()
	n.cmd = exec.Command(os.Args[0], "-test.run=^Test_child_that_serves$")
	n.cmd.Env = append(os.Environ(), serveChild+"="+strings.Join(append([]string{"serve", "--addr", n.addr}, n.args...), "\n"))
	n.cmd.Stdout, n.cmd.Stderr = &n.said, &n.said
	if err := n.cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
}

// stop restarts nothing: it asks the node to go, and waits until it has gone by itself.
func (n *rolled) stop() {
	n.t.Helper()
	if err := n.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		n.t.Fatal(err)
	}
	if err := n.cmd.Wait(); err != nil {
		n.t.Errorf("the node did not end well: %v\n%s", err, n.said.String())
	}
}

func (n *rolled) ready() bool {
	client := http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	a, err := client.Get("http://" + n.addr + "/readyz")
	if err != nil {
		return false
	}
	a.Body.Close()
	return a.StatusCode == http.StatusOK
}

func (n *rolled) waitReady() {
	n.t.Helper()
	for end := time.Now().Add(60 * time.Second); !n.up.Load(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			n.t.Fatalf("the node does not become ready\n%s", n.said.String())
		}
	}
}

// balance is a proxy that goes by /readyz alone and tries nothing twice.
func balance(t *testing.T, nodes ...*rolled) *httptest.Server {
	t.Helper()
	stop := make(chan struct{})
	var looks sync.WaitGroup
	for _, n := range nodes {
		looks.Go(func() {
			for {
				n.up.Store(n.ready())
				select {
				case <-stop:
					return
				case <-time.After(50 * time.Millisecond):
				}
			}
		})
	}
	var turn atomic.Int64
	proxy := &httputil.ReverseProxy{Transport: &http.Transport{MaxIdleConnsPerHost: 20},
		Rewrite: func(r *httputil.ProxyRequest) {
			first := int(turn.Add(1)) // taken once: of two requests at a time each would see the same node twice
			for i := range nodes {
				if n := nodes[(first+i)%len(nodes)]; n.up.Load() {
					r.SetURL(&url.URL{Scheme: "http", Host: n.addr})
					r.Out.Host = r.In.Host
					n.seen.Add(1)
					return
				}
			}
			r.SetURL(&url.URL{Scheme: "http", Host: "127.0.0.1:1"}) // nobody is ready
		}}
	s := httptest.NewServer(proxy)
	t.Cleanup(func() { s.Close(); close(stop); looks.Wait() })
	return s
}

func Test_nodes_are_restarted_one_after_the_other_and_no_request_fails(t *testing.T) {
	to, _ := newCityDatabases(t)
	relay := smtptest.Start(t, smtptest.Plain)
	post := postFile(t, "allow: [127.0.0.1]\ngateways:\n  - {name: relay, kind: smtp, channels: [mail], host: 127.0.0.1, port: "+relay.Port+", security: none, from: noreply@linjiang.example}\n")
	data := filepath.Join(t.TempDir(), "city")
	token := anOfficer(t, to, data)

	a, b := &rolled{t: t, addr: freePort(t)}, &rolled{t: t, addr: freePort(t)}
	site := balance(t, a, b)
	for _, n := range []*rolled{a, b} {
		n.args = []string{"--pack", "demo", "--data", data, "--db", to, "--base", site.URL, "--post", post, "--drain", "700ms", "--grace", "20s"}
		n.start()
		n.waitReady()
		t.Cleanup(func() { _ = n.cmd.Process.Kill() })
	}
	w := &work{t: t, site: site.URL, token: token, going: make(chan struct{})}
	var working sync.WaitGroup
	for i := range 3 {
		working.Go(func() { w.create(i) })
	}
	working.Go(w.look)
	for range *rounds {
		for _, n := range []*rolled{a, b} {
			before := w.done.Load()
			n.stop()
			n.up.Store(false)
			n.start()
			n.waitReady()
			if w.done.Load() == before {
				t.Error("nobody was answered during a restart")
			}
		}
	}
	close(w.going)
	working.Wait()
	if w.failed.Load() > 0 || a.seen.Load() == 0 || b.seen.Load() == 0 {
		t.Errorf("%d of %d requests failed; %d went to one node and %d to the other\n%s\n%s", w.failed.Load(), w.done.Load(), a.seen.Load(), b.seen.Load(), a.said.String(), b.said.String())
	}
	w.heard(relay, to)
	for _, n := range []*rolled{a, b} {
		n.stop()
	}
	out, errs, err := said(t, "verify", "--pack", "demo", "--data", data, "--db", to, "--quiet", "--lang", "en")
	if err != nil {
		t.Errorf("verify: %v\n%s%s", err, out, errs)
	}
	t.Logf("%d requests, %d cases", w.done.Load(), len(w.refs))
	if t.Failed() {
		for _, n := range []*rolled{a, b} {
			for line := range strings.SplitSeq(n.said.String(), "\n") {
				if !strings.Contains(line, `"INFO"`) && !strings.Contains(line, "level=INFO") {
					t.Log(line)
				}
			}
		}
	}
}

// anOfficer makes the city, and a key for programs of somebody who may accept cases of the square.
func anOfficer(t *testing.T, db, data string) string {
	t.Helper()
	fsys, err := packFS("demo")
	if err != nil {
		t.Fatal(err)
	}
	c, err := openCity(t.Context(), cityConfig{DB: db, Data: data, Pack: fsys, Clock: &clock{}, Hashing: account.Cheap()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	cmd, err := intake.Command(c.packs.Current(), intake.Report{Category: rollingCategory, Text: "-", Unit: rollingUnit, Source: "web"})
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.ledger.Do(t.Context(), authz.Reporter(), cmd)
	if err != nil {
		t.Fatal(err)
	}
	k, err := c.reader.ByID(t.Context(), authz.Machine().Scope(), r.Case)
	if err != nil {
		t.Fatal(err)
	}
	o, err := c.accounts.Create(t.Context(), account.Account{Login: "wu", Name: map[string]string{"en": "Wu"}, Grants: []authz.Grant{{Role: "officer", Unit: k.Holder}, {Role: "clerk", Unit: k.Holder}}}, demoPassword)
	if err != nil {
		t.Fatal(err)
	}
	_, key, err := c.accounts.CreateToken(t.Context(), authz.Actor{}, account.Token{Account: o.ID, Name: "x", Powers: authz.Powers, Expires: time.Now().AddDate(0, 1, 0)})
	if err != nil {
		t.Fatal(err)
	}
	return key
}

const (
	rollingCategory = "road.pavement"
	rollingUnit     = org.UnitID("guiyuan-ganyuan")
)

// work is what people and programs do meanwhile.
type work struct {
	t            *testing.T
	site, token  string
	going        chan struct{}
	done, failed atomic.Int64

	mu    sync.Mutex
	refs  []string // of cases whose opening was acknowledged
	codes []string
	mails []string
	acts  []string // cases whose acceptance was acknowledged
}

func (w *work) over() bool {
	select {
	case <-w.going:
		return true
	default:
		return false
	}
}

// ask sends one request, once.
func (w *work) ask(method, path, body string, want int, into any) bool {
	r, err := http.NewRequest(method, w.site+path, strings.NewReader(body))
	if err != nil {
		w.t.Error(err)
		return false
	}
	if strings.HasPrefix(path, "/api/") {
		r.Header.Set("Authorization", "Bearer "+w.token)
		r.Header.Set("Content-Type", "application/json")
	}
	w.done.Add(1)
	a, err := http.DefaultClient.Do(r)
	var raw []byte
	if err == nil {
		raw, err = io.ReadAll(a.Body)
		err = errors.Join(err, a.Body.Close())
	}
	if err == nil && a.StatusCode != want {
		err = fmt.Errorf("status %d: %.300s", a.StatusCode, raw)
	}
	if err == nil && into != nil {
		err = json.NewDecoder(bytes.NewReader(raw)).Decode(into)
	}
	if err != nil {
		w.failed.Add(1)
		w.t.Errorf("%s %s: %v", method, path, err)
	}
	return err == nil
}

func (w *work) create(worker int) {
	for i := 0; !w.over(); i++ {
		time.Sleep(50 * time.Millisecond) // as people come, and the notices have to go out before the test ends
		mail := fmt.Sprintf("r%d-%d@linjiang.example", worker, i)
		var opened struct {
			Ref, Code string
			Version   int
		}
		body := fmt.Sprintf(`{"category":%q,"text":"A loose tile.","unit":%q,"contact":{"channel":"mail","address":%q,"lang":"en"}}`, rollingCategory, rollingUnit, mail)
		if !w.ask("POST", "/api/v1/cases", body, http.StatusCreated, &opened) {
			continue
		}
		w.mu.Lock()
		w.refs, w.codes, w.mails = append(w.refs, opened.Ref), append(w.codes, opened.Code), append(w.mails, mail)
		w.mu.Unlock()
		if w.ask("POST", "/api/v1/cases/"+opened.Ref+"/acts/accept", fmt.Sprintf(`{"version":%d}`, opened.Version), http.StatusOK, nil) {
			w.mu.Lock()
			w.acts = append(w.acts, opened.Ref)
			w.mu.Unlock()
		}
	}
}

func (w *work) look() {
	for i := 0; !w.over(); i++ {
		w.mu.Lock()
		code := ""
		if len(w.codes) > 0 {
			code = w.codes[i%len(w.codes)]
		}
		w.mu.Unlock()
		w.ask("GET", "/", "", http.StatusOK, nil)
		w.ask("GET", "/report", "", http.StatusOK, nil)
		if code != "" {
			w.ask("GET", "/f/"+code, "", http.StatusOK, nil)
		}
	}
}

// heard waits until every notice has gone out, and holds what arrived against what was acknowledged.
func (w *work) heard(relay *smtptest.Relay, db string) {
	w.t.Helper()
	c, err := pgx.Connect(w.t.Context(), db)
	if err != nil {
		w.t.Fatal(err)
	}
	defer c.Close(w.t.Context())
	count := func(q string) (n int) {
		w.t.Helper()
		if err := c.QueryRow(w.t.Context(), q).Scan(&n); err != nil {
			w.t.Fatal(err)
		}
		return n
	}
	const waiting = `SELECT COUNT(*) FROM jobs WHERE done_at IS NULL AND dead = 0 AND run_at < EXTRACT(EPOCH FROM now()) * 1000000 + 5000000`
	for end := time.Now().Add(60 * time.Second); count(waiting) > 0; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("%d jobs are still waiting", count(waiting))
		}
	}
	if dead := count(`SELECT COUNT(*) FROM jobs WHERE dead = 1`); dead > 0 {
		w.t.Errorf("%d jobs are dead", dead)
	}
	if n := count(`SELECT COUNT(*) FROM cases`); n != len(w.refs)+1 {
		w.t.Errorf("%d cases for %d that were acknowledged", n, len(w.refs)+1)
	}
	if n := count(`SELECT COUNT(*) FROM cases WHERE state = 'accepted'`); n != len(w.acts) {
		w.t.Errorf("%d cases are accepted, %d were acknowledged", n, len(w.acts))
	}
	got := map[string]int{}
	same := map[string]int{}
	for _, l := range relay.Letters() {
		subject := ""
		for line := range strings.SplitSeq(l.Raw, "\r\n") {
			if s, ok := strings.CutPrefix(line, "Message-ID: "); ok {
				subject = s
			}
		}
		got[l.To]++
		same[l.To+" "+subject]++
	}
	for _, m := range w.mails {
		if got[m] < 2 {
			w.t.Errorf("%s heard %d times, of being received and of being accepted", m, got[m])
		}
	}
	for what, n := range same {
		if n > 1 {
			w.t.Errorf("%s was sent %d times", what, n)
		}
	}
}
