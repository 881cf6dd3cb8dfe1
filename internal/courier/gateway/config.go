package gateway

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"comity/internal/courier"
	"comity/internal/jobs"
	"comity/internal/outward"
)

// Config is the operator's file, read and checked.
type Config struct {
	Post *courier.Post
	SMTP []*SMTP
	HTTP []*HTTP
	Hook []*Webhook
	Next []*Neighbour

	Channels map[string]string // channel → what carries it
}

// The channels a gateway can have.
var channels = []string{"mail", "sms", "chat"}

const (
	usualTime = 30 * time.Second
	mostTries = 100
	mostHours = 14 * 24
)

// Read reads the file. The error is a *Wrong that lists everything, each with file, line and field.
func Read(file string, raw []byte) (*Config, error) {
	r := reader{faults: faults{file: file}, c: &Config{Channels: map[string]string{}}}
	var doc yaml.Node
	if err := yaml.NewDecoder(bytes.NewReader(raw)).Decode(&doc); err != nil {
		return nil, &Wrong{[]string{fmt.Sprintf("%s: %v", file, err)}}
	}
	if len(doc.Content) == 0 {
		return nil, &Wrong{[]string{file + ":1: the file is empty"}}
	}
	r.top(sectionOf(&r.faults, "", doc.Content[0]))
	if len(r.list) > 0 {
		return nil, &Wrong{r.list}
	}
	return r.c, nil
}

// Load is Read of a file on disk.
func Load(file string) (*Config, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return Read(file, raw)
}

type reader struct {
	faults
	c     *Config
	guard outward.Guard
	names []string
}

func (r *reader) top(s *section) {
	r.allow(s)
	tries, hours := s.number("tries", courier.UsualTries, 1, mostTries), s.number("hours", int(courier.UsualHours/time.Hour), 1, mostHours)
	first, most := s.time("first_wait", courier.UsualWait, time.Second, 24*time.Hour), s.time("longest_wait", courier.UsualLonger, time.Second, 48*time.Hour)
	p := &courier.Post{Gateways: map[string]courier.Gateway{}, Tries: tries, Hours: time.Duration(hours) * time.Hour, Wait: jobs.Backoff(first, most, rand.Float64)}
	r.c.Post = p
	for _, g := range s.sections("gateways") {
		r.gateway(g)
	}
	if p.Letters = s.oneOf("letters", "no", "yes", "no") == "yes"; p.Letters {
		r.c.Channels[courier.Letters] = "print"
	}
	for _, h := range s.sections("webhooks") {
		r.webhook(h)
	}
	for _, n := range s.sections("neighbours") {
		r.neighbour(n)
	}
	s.rest()
}

// allow reads which machines in private ranges may be called.
func (r *reader) allow(s *section) {
	for _, a := range s.texts("allow") {
		if p, err := netip.ParsePrefix(a); err == nil {
			r.guard.Networks = append(r.guard.Networks, p.Masked())
			continue
		}
		if strings.ContainsAny(a, "/ ") || a == "" {
			s.bad("allow", "%q is neither a host (with or without a port) nor a range such as 10.0.0.0/24", a)
			continue
		}
		r.guard.Hosts = append(r.guard.Hosts, a)
	}
}

func (r *reader) name(s *section) string {
	name := s.text("name", true)
	if slices.Contains(r.names, name) {
		s.bad("name", "%q stands twice; attempts in the ledger are told apart by it", name)
	}
	r.names = append(r.names, name)
	return name
}

func (r *reader) gateway(s *section) {
	name := r.name(s)
	var g courier.Gateway
	switch s.oneOf("kind", "", "smtp", "http") {
	case "smtp":
		x := r.smtp(s)
		x.Name = name
		r.c.SMTP, g = append(r.c.SMTP, x), x.Gateway()
	case "http":
		x := r.http(s)
		x.Name = name
		r.c.HTTP, g = append(r.c.HTTP, x), x.Gateway()
	}
	list := s.texts("channels")
	if len(list) == 0 {
		s.bad("channels", "is missing; say which of %s it carries", strings.Join(channels, ", "))
	}
	for _, c := range list {
		switch {
		case !slices.Contains(channels, c):
			s.bad("channels", "%q is not one of %s", c, strings.Join(channels, ", "))
		case r.c.Channels[c] != "":
			s.bad("channels", "%q is carried by %s already", c, r.c.Channels[c])
		case (c == "mail") != (s.nodes["kind"] != nil && s.nodes["kind"].Value == "smtp"):
			s.bad("channels", "mail goes by smtp, and everything else by http")
		}
		r.c.Channels[c], r.c.Post.Gateways[c] = name, g
	}
	s.rest()
}

// secret reads what must not stand in the file itself: from a file of its own or the environment.
func (r *reader) secret(s *section, name string) string {
	file, env := s.text(name+"_file", false), s.text(name+"_env", false)
	switch {
	case s.has(name):
		s.node(name)
		s.bad(name, "does not belong into this file; name a file (%s_file) or a variable of the environment (%s_env)", name, name)
	case file != "" && env != "":
		s.bad(name+"_file", "stands beside %s_env; keep one", name)
	case file != "":
		raw, err := os.ReadFile(file)
		if err != nil {
			s.bad(name+"_file", "cannot be read: %v", err)
		}
		return strings.TrimSpace(string(raw))
	case env != "":
		v, ok := os.LookupEnv(env)
		if !ok {
			s.bad(name+"_env", "the environment has no variable %s", env)
		}
		return v
	}
	return ""
}

func (r *reader) smtp(s *section) *SMTP {
	g := &SMTP{Host: s.text("host", true), Security: s.oneOf("security", StartTLS, StartTLS, TLS, Plain), Helo: s.text("helo", false), User: s.text("user", false),
		Password: r.secret(s, "password"), ReplyTo: s.text("reply_to", false), Timeout: s.time("timeout", usualTime, time.Second, courier.SendingTime), Guard: r.guard}
	g.Port = s.text("port", false)
	if g.Port == "" {
		g.Port = map[string]string{StartTLS: "587", TLS: "465", Plain: "25"}[g.Security]
	}
	if n, err := net.LookupPort("tcp", g.Port); err != nil || n == 0 {
		s.bad("port", "%q is not a port", g.Port)
	}
	if from, err := mail.ParseAddress(s.text("from", true)); err == nil {
		g.From = *from
	} else if s.has("from") {
		s.bad("from", "is not an address such as \"City of Linjiang <noreply@example.gov>\"")
	}
	if g.ReplyTo != "" {
		if _, err := mailbox(g.ReplyTo); err != nil {
			s.bad("reply_to", "is not a bare mail address")
		}
	}
	if (g.User == "") != (g.Password == "") {
		s.bad("user", "a user needs a password (password_file or password_env), and a password a user")
	}
	if g.User != "" && g.Security == Plain {
		s.bad("security", "none would send the password in the clear; use starttls or tls")
	}
	r.callable(s, "host", g.Host, g.Port)
	return g
}

// callable complains about a host in a private range that is not listed, as far as its name tells.
func (r *reader) callable(s *section, name, host, port string) {
	if err := r.guard.Refuses(host, port); err != nil {
		s.bad(name, "%v; list it under allow if that is meant", err)
	}
}

// address reads the address of a gateway or receiver.
func (r *reader) address(s *section) string {
	raw := s.text("url", true)
	if raw == "" {
		return ""
	}
	_, rest, _ := strings.Cut(raw, "://")
	host, _, _ := strings.Cut(rest, "/")
	if strings.Contains(host, "{") {
		s.bad("url", "the host has a place to fill; who is called cannot depend on a message")
		return ""
	}
	u, err := url.Parse(strings.NewReplacer("{", "_", "}", "_").Replace(raw))
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || u.User != nil {
		s.bad("url", "is not an address such as https://gateway.example/send, without a user in it")
		return ""
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	if u.Scheme == "http" && !r.guard.Lists(u.Hostname(), port) {
		s.bad("url", "http is open to everybody on the way; use https, or list the host under allow if it stands on your own network")
	}
	r.callable(s, "url", u.Hostname(), port)
	return raw
}

func (r *reader) http(s *section) *HTTP {
	g := &HTTP{URL: r.address(s), Method: s.oneOf("method", "POST", "POST", "PUT", "GET"), Headers: s.pairs("headers"), Secret: r.secret(s, "secret"),
		Form: s.pairs("form"), JSON: s.tree("json"), Timeout: s.time("timeout", usualTime, time.Second, courier.SendingTime), Guard: r.guard}
	if g.Form != nil && g.JSON != nil {
		s.bad("form", "stands beside json; a body is one of the two")
	}
	said := fmt.Sprint(g.URL, g.Form, g.JSON)
	for _, place := range []string{"{address}", "{text}"} {
		if !strings.Contains(said, place) {
			s.bad("url", "nowhere in url, form or json stands %s; the gateway would not learn it", place)
		}
	}
	if strings.Contains(said+fmt.Sprint(g.Headers), "{secret}") && g.Secret == "" {
		s.bad("secret_file", "is missing: {secret} is used and there is none")
	}
	n := s.node("accept")
	if n == nil {
		return g
	}
	a := sectionOf(&r.faults, s.path+"accept.", n)
	g.Accept = Accept{Field: a.text("field", false), Values: a.texts("values"), Never: a.texts("never"), ID: a.text("id", false)}
	for _, v := range a.texts("status") {
		var code int
		if _, err := fmt.Sscanf(v, "%d", &code); err != nil || code < 200 || code > 599 {
			a.bad("status", "%q is not a status", v)
		}
		g.Accept.Status = append(g.Accept.Status, code)
	}
	if (g.Accept.Field == "") != (len(g.Accept.Values) == 0) {
		a.bad("field", "field and values belong together: which field of the answer, and which of its values mean taken")
	}
	a.rest()
	return g
}

func (r *reader) webhook(s *section) {
	w := &Webhook{Name: r.name(s), URL: r.address(s), Events: s.texts("events"), Timeout: s.time("timeout", 15*time.Second, time.Second, courier.SendingTime), Guard: r.guard}
	lines := strings.Fields(r.secret(s, "secrets"))
	if len(lines) == 0 {
		s.bad("secrets_file", "is missing or empty: one secret (whsec_…) a line, the newest first")
	}
	for i, l := range lines {
		secret, err := ParseSecret(l)
		if err != nil {
			s.bad("secrets_file", "secret %d: %v", i+1, err)
		}
		w.Secrets = append(w.Secrets, secret)
	}
	r.c.Hook = append(r.c.Hook, w)
	r.c.Post.Hooks = append(r.c.Post.Hooks, w.Hook())
	s.rest()
}
