package open311

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/explain"
	"comity/internal/form"
	"comity/internal/journal"
	"comity/internal/ledger"
	"comity/internal/text"
)

// refused is a "no" with its status: one line for each thing that has to change. Its words are the texts
// open311.no.RULE.
type refused struct {
	status int
	rules  []rule
	wait   time.Duration
	as     string // the rule in the security journal where it has a name of its own there
}

type rule struct {
	name   string
	params []string // name, value, name, value
}

// Error is for logs.
func (r *refused) Error() string { return "open311: " + r.rules[0].name }

// no refuses for one reason.
func no(status int, name string, params ...string) *refused {
	return &refused{status: status, rules: []rule{{name, params}}}
}

// methodError says that an address does not take a method.
type methodError struct{ get, post bool }

func (m *methodError) Error() string { return "open311: the address does not take this method" }

func (m *methodError) allow() string {
	var out []string
	if m.get {
		out = append(out, http.MethodGet, http.MethodHead)
	}
	if m.post {
		out = append(out, http.MethodPost)
	}
	return strings.Join(out, ", ")
}

func errPanic(v any) error { return fmt.Errorf("panic: %v", v) }

// refuse writes an error as the specification has it, and tells its status.
func (s *Server) refuse(w http.ResponseWriter, c *call, err error) int {
	say := s.say("", c.lang)
	status, lines := s.lines(w, c, say, err)
	out := list{item: "error"}
	for _, l := range lines {
		out.of = append(out.of, object{{"code", number(strconv.Itoa(status))}, {"description", l}})
	}
	s.write(w, c, status, answer{root: "errors", list: &out})
	return status
}

// lines are the words of an error, with what goes along in headers and the journal.
func (s *Server) lines(w http.ResponseWriter, c *call, say text.Speaker, err error) (int, []string) {
	var r *refused
	var method *methodError
	var wrong *casework.Refusal
	switch {
	case errors.As(err, &r):
		journal.Say(w, cmp.Or(r.as, "open311."+r.rules[0].name))
		if r.wait > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(r.wait.Seconds()))))
		}
		var out []string
		for _, one := range r.rules {
			out = append(out, say.T("open311.no."+one.name, one.params...))
		}
		return r.status, out
	case errors.As(err, &method):
		w.Header().Set("Allow", method.allow())
		return http.StatusMethodNotAllowed, []string{say.T("open311.no.method", "list", method.allow())}
	case errors.As(err, &wrong):
		journal.Say(w, wrong.Rule)
		return s.refusal(c, say, wrong)
	case errors.Is(err, ledger.ErrNotFound):
		return http.StatusNotFound, []string{say.T("open311.no.request.unknown", "got", clip(c.id))}
	case errors.Is(err, ledger.ErrClosed):
		return http.StatusServiceUnavailable, []string{say.T("open311.no.closing")}
	// Both come again as the JSON API asks for it: a server changes in seconds, a disk is looked after by somebody.
	case errors.Is(err, db.ErrCommitUnknown):
		s.Log.WarnContext(c.Context(), "a change was sent to the database, and nobody answered", "error", err)
		w.Header().Set("Retry-After", "5")
		return http.StatusServiceUnavailable, []string{say.T("open311.no.unknown")}
	case errors.Is(err, db.ErrDisk):
		s.Log.ErrorContext(c.Context(), "a change could not be stored", "error", err)
		w.Header().Set("Retry-After", "60")
		return http.StatusServiceUnavailable, []string{say.T("open311.no.disk")}
	}
	var b [4]byte
	rand.Read(b[:])
	incident := strings.ToUpper(hex.EncodeToString(b[:]))
	s.Log.ErrorContext(c.Context(), "a request of Open311 failed", "incident", incident, "error", err)
	return http.StatusInternalServerError, []string{say.T("open311.no.incident", "incident", incident)}
}

// refusal says a "no" of the procedure: a line for each answer that cannot stand, named as it was sent.
func (s *Server) refusal(c *call, say text.Speaker, r *casework.Refusal) (int, []string) {
	status := http.StatusBadRequest
	switch r.Rule {
	case "actor.forbidden", "actor.barred":
		status = http.StatusForbidden
	case "case.unknown":
		status = http.StatusNotFound
	}
	if len(r.Fields) == 0 {
		return status, []string{say.T("refusal."+r.Rule, explain.Figures(say, r.Params)...)}
	}
	var out []string
	for _, f := range r.Fields {
		out = append(out, say.T("open311.no.value", "name", c.sentAs(f), "why", say.T("problem."+f.Rule, explain.Figures(say, f.Params)...)))
	}
	return status, out
}

// parameters are the names under which a report was sent, by the names the kernel knows.
var parameters = map[string]string{"title": "description", "text": "description", "place": "lat, long", "unit": "address_string",
	"address": "address_string", "contact": "email, phone", "name": "first_name, last_name", "category": "service_code"}

func (c *call) sentAs(f form.Problem) string {
	if strings.HasPrefix(f.Field, "attribute[") {
		return f.Field
	}
	if name, ok := parameters[f.Field]; ok && !c.asks(f.Field) {
		return name
	}
	return "attribute[" + f.Field + "]"
}

func clip(s string) string {
	s = strings.ToValidUTF8(s, "�")
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return s
}
