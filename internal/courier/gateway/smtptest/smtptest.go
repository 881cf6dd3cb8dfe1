// Package smtptest is a mail relay for tests: it listens on a port of this machine and speaks SMTP as RFC 5321
// writes it, strictly, so that what a real relay would refuse fails a test.
//
// It refuses to forgive: a line that does not end in CR LF, a bare LF, a line beyond 998 characters or a byte beyond
// ASCII in what is sent as 7 bit is kept in [Relay.Faults]. It is for tests alone; this file is the whole package.
package smtptest

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"io"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// Letter is one message a relay took.
type Letter struct {
	From, To string
	Raw      string // as it was before dots were doubled
	Secure   bool
	User     string
}

// Relay is a mail relay that runs until the test ends.
type Relay struct {
	Host, Port string
	Roots      *x509.CertPool // that vouch for it

	tls  *tls.Config
	mode string
	mu   sync.Mutex
	got  []Letter
	bad  []string
	says func(command, line string) string
	keys Keys
}

// Keys are what a relay wants to know of who sends.
type Keys struct {
	Ways           []string // it offers to sign in; none offers none
	User, Password string   // it takes
}

// Says has the relay answer a command (EHLO, AUTH, MAIL, RCPT, DATA, or "." for the end of a message) as the test wants; empty
// lets the relay answer. Silent never answers it.
func (r *Relay) Says(answer func(command, line string) string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.says = answer
}

// Wants has the relay ask who sends.
func (r *Relay) Wants(k Keys) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keys = k
}

// now is how the relay is set.
func (r *Relay) now() (func(command, line string) string, Keys) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.says, r.keys
}

// Silent is an answer that never comes.
const Silent = "silent"

// How a relay protects its connections.
const (
	Plain    = "none"
	StartTLS = "starttls"
	TLS      = "tls"
)

// Start starts a relay.
func Start(t testing.TB, mode string) *Relay {
	t.Helper()
	r := &Relay{Host: "127.0.0.1", mode: mode}
	r.certificate(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, r.Port, _ = net.SplitHostPort(l.Addr().String())
	var open sync.Map
	t.Cleanup(func() {
		l.Close()
		open.Range(func(c, _ any) bool { c.(net.Conn).Close(); return true })
	})
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			open.Store(c, true)
			go r.serve(c)
		}
	}()
	return r
}

// Letters are the messages taken so far.
func (r *Relay) Letters() []Letter {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Letter{}, r.got...)
}

// Faults are the breaches of the protocol seen so far.
func (r *Relay) Faults() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string{}, r.bad...)
}

func (r *Relay) fault(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bad = append(r.bad, fmt.Sprintf(format, args...))
}

func (r *Relay) certificate(t testing.TB) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "relay"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	raw, err := x509.CreateCertificate(rand.Reader, cert, cert, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	r.Roots = x509.NewCertPool()
	r.Roots.AddCert(parsed)
	r.tls = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{{Certificate: [][]byte{raw}, PrivateKey: key}}}
}

// session is one connection.
type session struct {
	*Relay
	conn   net.Conn
	in     *bufio.Reader
	secure bool
	user   string
	from   string
	to     string
}

func (r *Relay) serve(c net.Conn) {
	defer c.Close()
	s := &session{Relay: r, conn: c}
	if r.mode == TLS {
		s.upgrade()
	}
	s.in = bufio.NewReader(s.conn)
	if !s.answer("HELLO", "", "220 relay.test ready") {
		return
	}
	for {
		line, ok := s.line()
		if !ok || !s.command(line) {
			return
		}
	}
}

func (s *session) upgrade() {
	s.conn = tls.Server(s.conn, s.tls)
	s.in, s.secure = bufio.NewReader(s.conn), true
}

func (s *session) say(text string) bool {
	_, err := io.WriteString(s.conn, text+"\r\n")
	return err == nil
}

// answer says what the test wants said, or else what is usual; false ends the connection.
func (s *session) answer(command, line, usual string) bool {
	if says, _ := s.now(); says != nil {
		switch a := says(command, line); a {
		case "":
		case Silent:
			io.Copy(io.Discard, s.conn) // until the other side gives up
			return false
		default:
			if !s.say(a) {
				return false
			}
			return !strings.HasPrefix(a, "421")
		}
	}
	return s.say(usual)
}

// refused says whether the test has the relay refuse a command.
func (s *session) refused(command, line string) (done, open bool) {
	says, _ := s.now()
	if says == nil {
		return false, true
	}
	if a := says(command, line); a == "" || strings.HasPrefix(a, "2") || strings.HasPrefix(a, "3") {
		return false, true
	}
	return true, s.answer(command, line, "")
}

func (s *session) line() (string, bool) {
	line, err := s.in.ReadString('\n')
	if err != nil {
		return "", false
	}
	if !strings.HasSuffix(line, "\r\n") {
		s.fault("a line ends in LF alone: %q", line)
	}
	line = strings.TrimRight(line, "\r\n")
	if len(line) > 998 || strings.ContainsAny(line, "\r\x00") {
		s.fault("a line no relay takes: %.60q", line)
	}
	return line, true
}

func (s *session) command(line string) bool {
	verb, rest, _ := strings.Cut(line, " ")
	verb = strings.ToUpper(verb)
	if done, open := s.refused(verb, line); done {
		return open
	}
	switch verb {
	case "EHLO":
		return s.say("250-relay.test") && s.offers() && s.say("250 8BITMIME")
	case "STARTTLS":
		if !s.say("220 go ahead") {
			return false
		}
		s.upgrade()
		return true
	case "AUTH":
		return s.auth(rest)
	case "MAIL":
		s.from = path(rest)
		return s.say("250 sender ok")
	case "RCPT":
		s.to = path(rest)
		return s.say("250 recipient ok")
	case "DATA":
		return s.say("354 end with a dot") && s.data()
	case "QUIT":
		s.say("221 bye")
		return false
	case "RSET", "NOOP":
		return s.say("250 ok")
	}
	s.fault("an unknown command: %.60q", line)
	return s.say("502 unknown")
}

func (s *session) offers() bool {
	if s.mode == StartTLS && !s.secure && !s.say("250-STARTTLS") {
		return false
	}
	_, keys := s.now()
	return len(keys.Ways) == 0 || s.say("250-AUTH "+strings.Join(keys.Ways, " "))
}

// path is the address of FROM:<a> or TO:<a>.
func path(s string) string {
	_, s, _ = strings.Cut(s, "<")
	s, _, _ = strings.Cut(s, ">")
	return s
}

func (s *session) auth(rest string) bool {
	way, first, _ := strings.Cut(rest, " ")
	var user, password string
	switch strings.ToUpper(way) {
	case "PLAIN":
		raw, _ := base64.StdEncoding.DecodeString(first)
		parts := strings.Split(string(raw), "\x00")
		if len(parts) == 3 {
			user, password = parts[1], parts[2]
		}
	case "LOGIN":
		user, password = s.asked("Username:"), s.asked("Password:")
	}
	if _, keys := s.now(); user != keys.User || password != keys.Password {
		return s.say("535 no")
	}
	s.user = user
	return s.say("235 welcome")
}

func (s *session) asked(what string) string {
	s.say("334 " + base64.StdEncoding.EncodeToString([]byte(what)))
	line, _ := s.line()
	raw, _ := base64.StdEncoding.DecodeString(line)
	return string(raw)
}

func (s *session) data() bool {
	var b strings.Builder
	for {
		line, ok := s.line()
		if !ok {
			return false
		}
		if line == "." {
			break
		}
		if strings.HasPrefix(line, ".") {
			if !strings.HasPrefix(line, "..") {
				s.fault("a dot at the beginning of a line stands alone: %.60q", line)
			}
			line = line[1:]
		}
		for _, c := range []byte(line) {
			if c > 0x7e || c < 0x20 && c != '\t' {
				s.fault("a byte beyond ASCII in the message: %.60q", line)
				break
			}
		}
		b.WriteString(line + "\r\n")
	}
	if done, open := s.refused(".", ""); done {
		return open
	}
	s.mu.Lock()
	s.got = append(s.got, Letter{From: s.from, To: s.to, Raw: b.String(), Secure: s.secure, User: s.user})
	n := len(s.got)
	s.mu.Unlock()
	return s.answer(".", "", fmt.Sprintf("250 queued as %d", n))
}
