package api

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/danielgtaylor/huma/v2/validation"

	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/explain"
	"comity/internal/form"
	"comity/internal/journal"
	"comity/internal/ledger"
	"comity/internal/procedure"
	"comity/internal/text"
)

const problemType = "application/problem+json"

// Problem is how every "no" looks (RFC 9457).
type Problem struct {
	Type     string         `json:"type" doc:"Relative URI made of the rule"`
	Title    string         `json:"title"`
	Status   int            `json:"status"`
	Detail   string         `json:"detail" doc:"Why, and what to do next, in the language asked for"`
	Rule     string         `json:"rule" doc:"Stable name of the reason; test on this"`
	Law      *LawView       `json:"law,omitempty"`
	Fields   []FieldProblem `json:"fields,omitempty"`
	Can      []CanView      `json:"can,omitempty" doc:"What the caller can do instead, where the matter or its dates do not allow the act"`
	Version  int            `json:"version,omitempty" doc:"With 409: the version that stands now"`
	Scope    string         `json:"scope,omitempty" doc:"With 403: what the token was not given"`
	Incident string         `json:"incident,omitempty" doc:"With 500: the number to tell the administrator"`

	wait  time.Duration // with 429 and 503: told in the header Retry-After
	event string        // the rule in the security journal where it says more than Rule may
}

// CanView is an act that is open to the caller, with the address to post it to.
type CanView struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Href string `json:"href"`
}

// FieldProblem is one answer or parameter that cannot stand.
type FieldProblem struct {
	Field  string            `json:"field"`
	Rule   string            `json:"rule"`
	Detail string            `json:"detail"`
	Params map[string]string `json:"params,omitempty"`
}

// LawView is the rule of law or of the city behind something.
type LawView struct {
	ID      string `json:"id"`
	Article string `json:"article,omitempty"`
	Since   string `json:"since,omitempty"`
	Name    string `json:"name,omitempty"`
	Short   string `json:"short,omitempty" doc:"Short name with the article"`
	Text    string `json:"text,omitempty" doc:"Words of the article"`
}

// Error makes a Problem what a handler returns.
func (p *Problem) Error() string { return p.Rule }

// GetStatus tells huma the status.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType names the media type whatever was negotiated.
func (p *Problem) ContentType(string) string { return problemType }

// GetHeaders tells huma the headers that go with the problem.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{}
	if p.wait > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(p.wait.Seconds()))))
	}
	return h
}

// plain is a problem of the API itself.
func (a *API) plain(rule string, status int, lang string) *Problem {
	return a.build(rule, status, a.say("", lang), nil)
}

func (a *API) build(rule string, status int, say text.Speaker, params map[string]string) *Problem {
	return &Problem{
		Type: "/problems/" + rule, Status: status, Rule: rule,
		Title:  say.T("api.title." + strconv.Itoa(status)),
		Detail: reason(say, rule, params),
	}
}

// reason says a refusal: the city's or the program's words, else the API's own.
func reason(say text.Speaker, rule string, params map[string]string) string {
	for _, key := range []string{"refusal." + rule, "api.refusal." + rule} {
		if say.Has(key) {
			return say.T(key, explain.Figures(say, params)...)
		}
	}
	return say.T("refusal."+rule, explain.Figures(say, params)...)
}

// unknownWait is when whoever was not told what became of a change should ask again.
const unknownWait = 5 * time.Second

// diskWait is when a disk that takes nothing may have been looked after.
const diskWait = time.Minute

// problem turns any error into what the caller may know of it. digest names the pack whose words and
// laws apply.
func (a *API) problem(ctx context.Context, err error, lang, digest string) *Problem {
	say := a.say(digest, lang)
	var ready *Problem
	var no *casework.Refusal
	var filter *ledger.BadFilter
	var code casework.CodeError
	switch {
	case errors.As(err, &ready):
		return ready
	case errors.As(err, &no):
		return a.refusal(no, say)
	case errors.Is(err, ledger.ErrNotFound):
		return a.build("case.unknown", http.StatusNotFound, say, nil)
	case errors.As(err, &filter):
		p := a.build("request.invalid", http.StatusUnprocessableEntity, say, nil)
		p.Fields = a.fields(say, []form.Problem{{Field: filter.Field, Rule: "form.choice", Params: map[string]string{"got": clip(filter.Value)}}})
		return p
	case errors.As(err, &code):
		p := a.build("form.invalid", http.StatusUnprocessableEntity, say, nil)
		p.Fields = a.fields(say, []form.Problem{{Field: "code", Rule: code.Rule, Params: map[string]string{"at": strconv.Itoa(code.At), "char": code.Char}}})
		return p
	case errors.Is(err, ledger.ErrClosed):
		return a.build("service.closing", http.StatusServiceUnavailable, say, nil)
	case errors.Is(err, db.ErrCommitUnknown):
		a.Log.WarnContext(ctx, "a change was sent to the database, and nobody answered", "error", err)
		p := a.build("outcome.unknown", http.StatusServiceUnavailable, say, nil)
		p.wait = unknownWait
		return p
	case errors.Is(err, db.ErrDisk):
		a.Log.ErrorContext(ctx, "a change could not be stored", "error", err)
		p := a.build("disk.full", http.StatusServiceUnavailable, say, nil)
		p.wait = diskWait
		return p
	}
	return a.incident(ctx, err, lang)
}

func (a *API) refusal(no *casework.Refusal, say text.Speaker) *Problem {
	status := http.StatusUnprocessableEntity
	switch no.Rule {
	case casework.Conflict:
		status = http.StatusConflict
	case "actor.forbidden", "actor.barred":
		status = http.StatusForbidden
	case "case.unknown":
		status = http.StatusNotFound
	}
	p := a.build(no.Rule, status, say, no.Params)
	p.Law = law(say, no.Law)
	p.Fields = a.fields(say, no.Fields)
	if status == http.StatusConflict {
		p.Version, _ = strconv.Atoi(no.Params["now"])
	}
	return p
}

func (a *API) fields(say text.Speaker, list []form.Problem) []FieldProblem {
	var out []FieldProblem
	for _, f := range list {
		key := "problem." + f.Rule
		if !say.Has(key) && say.Has("api."+key) {
			key = "api." + key
		}
		out = append(out, FieldProblem{Field: f.Field, Rule: f.Rule, Params: f.Params, Detail: say.T(key, explain.Figures(say, f.Params)...)})
	}
	return out
}

func law(say text.Speaker, l procedure.Law) *LawView {
	if l.ID == "" {
		return nil
	}
	said := explain.LawOf(say, l)
	return &LawView{ID: l.ID, Article: l.Article, Since: l.Since, Name: say.T("law." + l.ID), Short: said.Name, Text: said.Words}
}

// incident hides a failure behind a number and writes the failure itself to the log.
func (a *API) incident(ctx context.Context, err error, lang string) *Problem {
	var b [4]byte
	rand.Read(b[:])
	number := strings.ToUpper(hex.EncodeToString(b[:]))
	a.Log.ErrorContext(ctx, "a request of the API failed", "incident", number, "error", err)
	p := a.build("incident", http.StatusInternalServerError, a.say("", lang), map[string]string{"incident": number})
	p.Incident = number
	return p
}

func errPanic(v any) error { return fmt.Errorf("panic: %v", v) }

// translate turns huma's own errors (body, parameters) into problems in the caller's language.
func (a *API) translate(ctx huma.Context, _ string, v any) (any, error) {
	if p, ok := v.(*Problem); ok {
		note(ctx, p)
	}
	m, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	lang := a.language(ctx.Header("Accept-Language"))
	if slices.ContainsFunc(m.Errors, func(e *huma.ErrorDetail) bool { return strings.HasSuffix(e.Message, bodyTooLarge) }) {
		m.Status = http.StatusRequestEntityTooLarge // huma reads forms without looking why reading ended
		ctx.SetStatus(m.Status)
	}
	rule := map[int]string{
		http.StatusBadRequest: "request.malformed", http.StatusRequestEntityTooLarge: "request.too_large",
		http.StatusUnsupportedMediaType: "request.media_type", http.StatusUnprocessableEntity: "request.invalid",
		http.StatusRequestTimeout: "request.slow",
	}[m.Status]
	if m.Status >= http.StatusInternalServerError || rule == "" {
		return a.incident(ctx.Context(), m, lang), nil
	}
	say := a.say("", lang)
	p := a.build(rule, m.Status, say, nil)
	if rule == "request.invalid" {
		for _, e := range m.Errors {
			p.Fields = append(p.Fields, a.fields(say, []form.Problem{mistake(e)})...)
		}
	}
	if slices.ContainsFunc(p.Fields, func(f FieldProblem) bool { return f.Rule == "request.unknown" }) {
		p.event = "request.unknown"
	}
	note(ctx, p)
	return p, nil
}

// note tells whoever keeps the security journal why a request was refused.
func note(ctx huma.Context, p *Problem) {
	_, w := humago.Unwrap(ctx)
	journal.Say(w, cmp.Or(p.event, p.Rule))
}

// bodyTooLarge is how an http.MaxBytesError reads.
var bodyTooLarge = (&http.MaxBytesError{}).Error()

// mistake classes one finding of huma's validation. Its English message goes along as a parameter for
// the programmer who reads the answer.
func mistake(e *huma.ErrorDetail) form.Problem {
	p := form.Problem{Field: e.Location, Rule: "request.value", Params: map[string]string{"expected": e.Message}}
	var name string
	switch {
	case e.Message == validation.MsgUnexpectedProperty || strings.HasPrefix(e.Message, "unknown query"):
		p.Rule, p.Params = "request.unknown", nil
	case strings.HasPrefix(e.Message, "expected required property"):
		if _, err := fmt.Sscanf(e.Message, validation.MsgExpectedRequiredProperty, &name); err == nil {
			p.Rule, p.Field, p.Params = "form.required", e.Location+"."+name, nil
		}
	}
	return p
}

func clip(s string) string {
	s = strings.ToValidUTF8(s, "�")
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return s
}
