package ha_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/mail"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// trafficEnv holds the orders of this binary when it is run again on the machine of those who use the city.
const trafficEnv = "COMITY_HA_TRAFFIC"

func TestMain(m *testing.M) {
	if orders := os.Getenv(trafficEnv); orders != "" {
		if err := traffic(orders); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// orders say what the city is and where to keep the record.
type orders struct {
	Front, Mail, CA, Token, Record string
	From                           []string // addresses, one for each person
}

// ack is one answer that said: it happened. Times are nanoseconds.
type ack struct {
	Who      int    // whose
	What     string // created or accepted
	Ref      string
	Code     string
	State    string
	Start    int64 // when it was first asked for
	At       int64 // when it was acknowledged
	Tries    int
	Replayed bool
}

// told is what those who use the city have to say in the end, or when asked in between.
type told struct {
	Created, Accepted int
	Missing           []string       // acknowledged, and not found
	Odd               []string       // answers that must not come
	No                map[string]int // answers that something did not happen, and silences, by their sort
	Replayed          int            // answers to a repeated request whose first one had happened
	Letters, Repeats  int            // letters by their Message-ID, and how often one came again under the same
	Twice             []string       // somebody got the same words under two Message-IDs
}

type users struct {
	o      orders
	roots  *x509.CertPool
	record *json.Encoder

	mu      sync.Mutex
	acks    []ack
	checked int
	told    told
	letters map[string]int             // by Message-ID
	words   map[string]map[string]bool // recipient and subject and beginning → Message-IDs
	stop    bool
}

func traffic(file string) error {
	u := &users{letters: map[string]int{}, words: map[string]map[string]bool{}, told: told{No: map[string]int{}}, roots: x509.NewCertPool()}
	raw, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(raw, &u.o)
	}
	if err != nil {
		return err
	}
	ca, err := os.ReadFile(u.o.CA)
	if err != nil {
		return err
	}
	u.roots.AppendCertsFromPEM(ca)
	out, err := os.Create(u.o.Record)
	if err != nil {
		return err
	}
	defer out.Close()
	u.record = json.NewEncoder(out)
	relay, err := net.Listen("tcp", u.o.Mail)
	if err != nil {
		return err
	}
	go u.relay(relay)
	var work sync.WaitGroup
	for i, from := range u.o.From {
		work.Go(func() { u.live(i, from) })
	}
	return u.listen(&work)
}

// listen answers the one who ordered all this: check, letters and end.
func (u *users) listen(work *sync.WaitGroup) error {
	say := json.NewEncoder(os.Stdout)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		if lines.Text() == "end" {
			u.mu.Lock()
			u.stop = true
			u.mu.Unlock()
			work.Wait()
		}
		if lines.Text() != "letters" {
			u.check()
		}
		if err := say.Encode(u.tell()); err != nil {
			return err
		}
	}
	return nil
}

func (u *users) tell() told {
	u.mu.Lock()
	defer u.mu.Unlock()
	t := u.told
	t.Letters, t.Repeats = len(u.letters), 0
	for _, n := range u.letters {
		t.Repeats += n - 1
	}
	for words, ids := range u.words {
		if len(ids) > 1 {
			t.Twice = append(t.Twice, words)
		}
	}
	return t
}

// person speaks from one address.
func (u *users) person(from string) *http.Client {
	dial := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 3 * time.Second}
	return &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dial.DialContext(ctx, "tcp", u.o.Front)
		},
		TLSClientConfig: &tls.Config{RootCAs: u.roots}, ForceAttemptHTTP2: true,
	}}
}

// live files a report, has it accepted and looks how it stands, again and again.
func (u *users) live(i int, from string) {
	c := u.person(from)
	for n := 0; ; n++ {
		u.mu.Lock()
		stop := u.stop
		u.mu.Unlock()
		if stop {
			return
		}
		key := fmt.Sprintf("p%d-%d-%s", i, n, rand.Text()[:8])
		opened, ok := u.insist(c, i, "created", "/api/v1/cases", key, map[string]any{"category": "road.pavement", "text": "A tile is loose, says " + key, "unit": "guiyuan-ganyuan",
			"contact": map[string]string{"channel": "mail", "address": key + "@example.org", "lang": "en"}})
		if !ok {
			return
		}
		if _, ok := u.insist(c, i, "accepted", "/api/v1/cases/"+opened.Ref+"/acts/accept", key+"-a", map[string]any{"version": opened.Version}); !ok {
			return
		}
		u.follow(c, opened.Code)
		time.Sleep(250 * time.Millisecond)
	}
}

type answer struct {
	Ref, Code string
	Version   int
	State     struct{ ID string }
	Replayed  bool
}

// insist asks under one key until it is told that it happened, as a careful program does.
func (u *users) insist(c *http.Client, who int, what, path, key string, body any) (answer, bool) {
	raw, err := json.Marshal(body)
	if err != nil {
		u.odd(err.Error())
		return answer{}, false
	}
	start := time.Now()
	for try := 1; ; try++ {
		if time.Since(start) > 5*time.Minute {
			u.odd(what + " " + key + " was not answered in five minutes")
			return answer{}, false
		}
		r, err := http.NewRequest(http.MethodPost, "https://help.example.gov"+path, bytes.NewReader(raw))
		if err != nil {
			u.odd(err.Error())
			return answer{}, false
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", key)
		status, got, err := u.ask(c, r)
		if err == nil && status < 300 {
			var a answer
			if err := json.Unmarshal(got, &a); err != nil || a.Ref == "" {
				u.odd(fmt.Sprintf("%s: %d %.200s", what, status, got))
				return a, false
			}
			u.happened(ack{Who: who, What: what, Ref: a.Ref, Code: a.Code, State: a.State.ID, Start: start.UnixNano(), At: time.Now().UnixNano(), Tries: try, Replayed: a.Replayed})
			return a, true
		}
		u.didNot(status, got, err)
		if status >= 400 && status < 500 && status != http.StatusTooManyRequests {
			return answer{}, false
		}
		time.Sleep(300 * time.Millisecond)
	}
}

func (u *users) ask(c *http.Client, r *http.Request) (status int, body []byte, err error) {
	r.Header.Set("Authorization", "Bearer "+u.o.Token)
	a, err := c.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer a.Body.Close()
	body, err = io.ReadAll(io.LimitReader(a.Body, 1<<20))
	return a.StatusCode, body, err
}

func (u *users) happened(a ack) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.acks = append(u.acks, a)
	if a.What == "created" {
		u.told.Created++
	} else {
		u.told.Accepted++
	}
	if a.Replayed {
		u.told.Replayed++
	}
	if err := u.record.Encode(a); err != nil {
		u.told.Odd = append(u.told.Odd, err.Error())
	}
}

func (u *users) didNot(status int, body []byte, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	var slow net.Error
	switch {
	case errors.As(err, &slow) && slow.Timeout():
		u.told.No["silence"]++
	case err != nil:
		u.told.No["no connection"]++
	default:
		u.told.No[fmt.Sprint(status)]++
		if status >= 400 && status < 500 && status != http.StatusTooManyRequests {
			u.told.Odd = append(u.told.Odd, fmt.Sprintf("%d %.300s", status, body))
		}
	}
}

func (u *users) odd(what string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.told.Odd = append(u.told.Odd, what)
}

func (u *users) follow(c *http.Client, code string) (state string, err error) {
	r, err := http.NewRequest(http.MethodGet, "https://help.example.gov/api/v1/follow/"+code, nil)
	if err != nil {
		return "", err
	}
	status, body, err := u.ask(c, r)
	if err != nil {
		return "", err
	}
	var got struct{ State struct{ ID string } }
	if status != http.StatusOK {
		return "", fmt.Errorf("%d %.200s", status, body)
	}
	err = json.Unmarshal(body, &got)
	return got.State.ID, err
}

// check looks for everything acknowledged since the last time: each case by its code, in the state that was told last.
func (u *users) check() {
	u.mu.Lock()
	fresh := append([]ack(nil), u.acks[u.checked:]...)
	u.checked = len(u.acks)
	u.mu.Unlock()
	codes, states := map[string]string{}, map[string]string{}
	for _, a := range fresh {
		if a.Code != "" {
			codes[a.Ref] = a.Code
		}
		if a.What == "accepted" || states[a.Ref] == "" {
			states[a.Ref] = a.State
		}
	}
	c := u.person(u.o.From[0])
	c.Transport.(*http.Transport).DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{Timeout: 3 * time.Second}).DialContext(ctx, "tcp", u.o.Front)
	}
	for ref, code := range codes {
		state, err := u.follow(c, code)
		for try := 0; err != nil && try < 60; try++ { // the request may fail; what is stored may not
			time.Sleep(time.Second)
			state, err = u.follow(c, code)
		}
		if err != nil || state != states[ref] && states[ref] == "accepted" {
			u.mu.Lock()
			u.told.Missing = append(u.told.Missing, fmt.Sprintf("%s is %q, told %q (%v)", ref, state, states[ref], err))
			u.mu.Unlock()
		}
		time.Sleep(20 * time.Millisecond) // the proxy's bound for one address
	}
}

// relay is the mail relay of the city. It writes down what it took.
func (u *users) relay(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go u.smtp(c)
	}
}

func (u *users) smtp(c net.Conn) {
	defer c.Close()
	in := bufio.NewReader(c)
	say := func(s string) { fmt.Fprintf(c, "%s\r\n", s) }
	say("220 relay")
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		switch word := strings.ToUpper(strings.TrimSpace(line)); {
		case strings.HasPrefix(word, "EHLO"):
			say("250-relay\r\n250 8BITMIME")
		case word == "DATA":
			say("354 go on")
			var letter strings.Builder
			for {
				line, err := in.ReadString('\n')
				if err != nil {
					return
				}
				if line == ".\r\n" {
					break
				}
				letter.WriteString(strings.TrimPrefix(line, "."))
			}
			u.took(letter.String())
			say("250 taken")
		case word == "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func (u *users) took(raw string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	m, err := mail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		u.told.Odd = append(u.told.Odd, "a letter cannot be read: "+err.Error())
		return
	}
	body, _ := io.ReadAll(m.Body)
	id := m.Header.Get("Message-Id")
	u.letters[id]++
	words := m.Header.Get("To") + " " + string(body)
	if u.words[words] == nil {
		u.words[words] = map[string]bool{}
	}
	u.words[words][id] = true
}
