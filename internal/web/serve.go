package web

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"comity/internal/casework"
	"comity/internal/journal"
)

// Handler answers a request or says why not. It writes nothing before it returns an error.
type Handler func(w http.ResponseWriter, r *http.Request) error

// ErrNotFound is what a handler returns for an address that leads nowhere, or to something the
// person may not know of.
var ErrNotFound = errors.New("web: not found")

// Refused is a "no" of the surface itself, such as too many attempts. Its words are found like those
// of a casework.Refusal.
type Refused struct {
	Status int
	Rule   string
	Params map[string]string
	Wait   time.Duration // with 429: told in the header Retry-After
}

// Error is for the log.
func (r *Refused) Error() string { return "web refused: " + r.Rule }

// Noted is an error that is answered like the one inside and has a name of its own in the security
// journal, such as a follow code nobody was given: the page must not tell it from a wrong address.
type Noted struct {
	Err error
	As  string // a rule the journal knows
}

// Error is for the log.
func (n *Noted) Error() string { return n.As + ": " + n.Err.Error() }

// Unwrap lets the answer be that of the error inside.
func (n *Noted) Unwrap() error { return n.Err }

func noted(err error, rule string) string {
	var n *Noted
	if errors.As(err, &n) {
		return n.As
	}
	return rule
}

// Serve makes a Handler an http.Handler. It is the one place where errors become answers.
func (s *Site) Serve(h Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer forget(r)
		if err := h(w, r); err != nil {
			s.fail(w, r, err)
		}
	})
}

// Answer is what an error becomes.
type Answer struct {
	Status   int               `json:"status"`
	Rule     string            `json:"type"`
	Title    string            `json:"title"`
	Detail   string            `json:"detail,omitempty"`
	Params   map[string]string `json:"params,omitempty"`
	Law      string            `json:"law,omitempty"`
	Article  string            `json:"article,omitempty"` // words of the article
	Fields   []AnswerField     `json:"fields,omitempty"`
	Incident string            `json:"incident,omitempty"`
	Again    bool              `json:"-"` // the same request, sent once more, brings it to an end
}

// AnswerField is one field that cannot stand.
type AnswerField struct {
	Field string `json:"field"`
	Rule  string `json:"rule"`
	Words string `json:"detail"`
}

func (s *Site) fail(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		return // the person went away; there is nobody to tell
	}
	// A body that did not arrive ends the request for the server, and the person is still there to be told.
	r = r.WithContext(context.WithoutCancel(r.Context()))
	p := s.Page(r, "web.error.title")
	p.Here = "/" // an error repeats nothing of the request, or "not yours" and "not there" could be told apart
	a := s.answer(p, err)
	journal.Say(w, noted(err, a.Rule))
	var slow *Refused
	if errors.As(err, &slow) && slow.Wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int((slow.Wait+time.Second-1)/time.Second)))
	}
	if a.Incident != "" {
		s.logger().Error("request failed", "incident", a.Incident, "method", r.Method, "route", r.Pattern, "error", err.Error())
	}
	if wantsJSON(r) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.Header().Set("Content-Language", p.Lang)
		w.WriteHeader(a.Status)
		if err := json.NewEncoder(w).Encode(a); err != nil {
			s.logger().Warn("answer not written", "error", err.Error())
		}
		return
	}
	p.Title = a.Title
	body := ErrorBody(p, a)
	shell := PublicLayout(p, body)
	if s.Shell != nil {
		shell = s.Shell(p, r, body)
	}
	if err := p.Write(w, r, a.Status, shell); err != nil {
		s.logger().Error("error page failed", "incident", a.Incident, "error", err.Error())
		http.Error(w, a.Title, http.StatusInternalServerError)
	}
}

// answer maps an error once for pages and for JSON.
func (s *Site) answer(p *Page, err error) Answer {
	var refusal *casework.Refusal
	var refused *Refused
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &refusal):
		return p.refusal(refusal)
	case errors.As(err, &refused):
		return p.plain(refused.Status, refused.Rule, refused.Params)
	case errors.As(err, &large):
		return p.plain(http.StatusRequestEntityTooLarge, "web.too_large", nil)
	case s.missing(err):
		return p.plain(http.StatusNotFound, "web.not_found", nil)
	}
	var a Answer
	switch { // to go back would fetch the form anew, with another key
	case isAny(err, s.Unsure):
		a = p.plain(http.StatusInternalServerError, "web.unsure", nil)
		a.Again = true
	case isAny(err, s.Full):
		a = p.plain(http.StatusServiceUnavailable, "web.full", nil)
		a.Again = true
	default:
		a = p.plain(http.StatusInternalServerError, "web.incident", nil)
	}
	a.Incident = "E-" + rand.Text()[:8]
	return a
}

func (s *Site) missing(err error) bool {
	return errors.Is(err, ErrNotFound) || isAny(err, s.Missing)
}

func isAny(err error, list []error) bool {
	return slices.ContainsFunc(list, func(m error) bool { return errors.Is(err, m) })
}

// StatusOf is the HTTP status of a refusal.
func StatusOf(r *casework.Refusal) int {
	switch r.Rule {
	case casework.Conflict:
		return http.StatusConflict
	case "actor.forbidden":
		return http.StatusForbidden
	case "case.unknown":
		return http.StatusNotFound
	}
	return http.StatusUnprocessableEntity
}

func (p *Page) refusal(r *casework.Refusal) Answer {
	a := p.plain(StatusOf(r), r.Rule, r.Params)
	a.Law, a.Article = p.Law(r.Law), p.Article(r.Law)
	for _, f := range r.Fields {
		a.Fields = append(a.Fields, AnswerField{Field: f.Field, Rule: f.Rule, Words: p.Problem(f.Rule, f.Params)})
	}
	return a
}

func (p *Page) plain(status int, rule string, params map[string]string) Answer {
	title := "web.error." + http.StatusText(status)
	if !p.Has(title) {
		title = "web.error.title"
	}
	return Answer{Status: status, Rule: rule, Title: p.T(title), Detail: p.Problem(rule, params), Params: params}
}

// wantsJSON tells programs from browsers: a browser always lists text/html.
func wantsJSON(r *http.Request) bool {
	accept := r.Header.Get("Accept")
	return strings.HasPrefix(r.URL.Path, "/api/") || (strings.Contains(accept, "json") && !strings.Contains(accept, "text/html"))
}

func (s *Site) logger() *slog.Logger {
	if s.Log != nil {
		return s.Log
	}
	return slog.Default()
}
