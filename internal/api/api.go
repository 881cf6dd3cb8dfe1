// Package api is the JSON API under /api/v1: the same commands, refusals and scopes as the pages,
// described by an OpenAPI 3.1 document that is made from the very types the handlers use.
//
// It refuses decisions of its own: every change is one ledger.Do, every list one Reader call, and a
// case outside the caller's scope is answered exactly like one that does not exist. It refuses to
// answer without words: every "no" is a problem document (RFC 9457) in the language that was asked.
//
// Open this file first, then cases.go and follow.go for the routes, view.go for the shapes, problem.go
// for the refusals; ops.go holds health and metrics.
package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"golang.org/x/text/language"

	"comity/internal/account"
	"comity/internal/authz"
	"comity/internal/db"
	"comity/internal/file"
	"comity/internal/jobs"
	"comity/internal/journal"
	"comity/internal/ledger"
	"comity/internal/limit"
	"comity/internal/pack"
	"comity/internal/text"
)

// Deps is what the API stands on. Jobs and Log may be nil; everything else is needed.
type Deps struct {
	DB       *db.DB
	Ledger   *ledger.Ledger
	Reader   *ledger.Reader
	Packs    *pack.Registry
	Text     *text.Catalogue // the base words; those of the case's pack are laid over them here
	Accounts *account.Store
	Files    file.Store // attachments; the city's one
	// Compartment is the one whose ledger this is; empty = the civic one.
	Compartment string
	Jobs        *jobs.Runner
	Now         func() time.Time
	Log         *slog.Logger
	Version     string                    // of the program, for the OpenAPI document
	Metrics     bool                      // whether /metrics is served
	Journal     *journal.Journal          // its counts go to /metrics; nil leaves them out
	Unready     func() string             // a word why this node should be sent nothing more, empty while there is none; nil: there never is
	Followed    func() (time.Time, error) // until when a backup that follows has everything, zero where none does; nil: nobody knows
	// Client names where a request comes from, for the limit on wrong codes; nil = its network
	// address. Behind a proxy it has to read the proxy's header.
	Client func(r *http.Request) string
}

// API answers /api and the health pages. It is safe for concurrent use.
type API struct {
	Deps
	inner *http.ServeMux
	huma  huma.API
	doc   []byte
	ops   *Ops
	match language.Matcher
	langs []string
	wrong *limit.Limiter // wrong codes
	brake brake
}

// maxBody is the largest request body, in bytes.
const maxBody = 1 << 20

// New describes every route. It panics when a route is described wrongly, which only a programming
// mistake can cause.
func New(d Deps) *API {
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	if d.Client == nil {
		d.Client = limit.AddressOf
	}
	a := &API{Deps: d, inner: http.NewServeMux(), wrong: limit.New(limit.CodesAtOnce, limit.CodesEvery), brake: newBrake()}
	a.ops = newOps(a)
	a.langs = d.Packs.Current().Langs
	tags := make([]language.Tag, len(a.langs))
	for i, l := range a.langs {
		tags[i] = language.Make(l)
	}
	a.match = language.NewMatcher(tags)
	a.huma = humago.New(a.inner, a.config())
	a.huma.UseMiddleware(a.enter)
	a.caseRoutes()
	a.fileRoutes()
	a.followRoutes()
	for _, unused := range []string{"ErrorModel", "ErrorDetail"} { // huma's own; every answer here is a Problem
		delete(a.huma.OpenAPI().Components.Schemas.Map(), unused)
	}
	doc, err := json.MarshalIndent(a.huma.OpenAPI(), "", "  ")
	if err != nil {
		panic(err)
	}
	a.doc = append(doc, '\n')
	return a
}

// Router is where routes are put: an http.ServeMux, or one that remembers them.
type Router interface {
	HandleFunc(pattern string, h func(http.ResponseWriter, *http.Request))
}

// Register puts the routes on the site's mux.
func (a *API) Register(mux Router) {
	mux.HandleFunc("GET /api", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/api/openapi.json", http.StatusSeeOther)
	})
	mux.HandleFunc("GET /api/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.Write(a.doc)
	})
	// One pattern per method: a pattern for all of them would contradict "GET /" of the pages.
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions} {
		mux.HandleFunc(method+" /api/", a.serve)
	}
	a.ops.register(mux)
}

// Patterns lists every route below /api/v1, as an http.ServeMux would write it.
func (a *API) Patterns() []string {
	var out []string
	for path, item := range a.huma.OpenAPI().Paths {
		for method, op := range map[string]*huma.Operation{http.MethodGet: item.Get, http.MethodPost: item.Post, http.MethodPut: item.Put, http.MethodPatch: item.Patch, http.MethodDelete: item.Delete} {
			if op != nil {
				out = append(out, method+" "+path)
			}
		}
	}
	slices.Sort(out)
	return out
}

// Ops gives the counters, so that other surfaces can report their requests too.
func (a *API) Ops() *Ops { return a.ops }

func (a *API) config() huma.Config {
	c := huma.DefaultConfig(a.Text.In("en").T("api.title"), a.versionText())
	c.Info.Description = a.Text.In("en").T("api.description")
	c.OpenAPIPath, c.DocsPath, c.SchemasPath, c.CreateHooks = "", "", "", nil
	c.RejectUnknownQueryParameters = true
	format := huma.Format{Marshal: writeJSON, Unmarshal: readJSON}
	c.Formats = map[string]huma.Format{"application/json": format, "json": format}
	c.Transformers = []huma.Transformer{a.translate}
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{bearer: {Type: "http", Scheme: "bearer"}}
	return c
}

func (a *API) versionText() string {
	if a.Version == "" {
		return "dev"
	}
	return a.Version
}

const bearer = "bearer"

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// caller is what the middleware learned about a request.
type caller struct {
	who  authz.Actor
	lang string
	from string // network address, for the limit on wrong codes
}

type callerKey struct{}

func callerOf(ctx context.Context) caller {
	c, _ := ctx.Value(callerKey{}).(caller)
	return c
}

// enter settles language and identity. Routes that name the bearer scheme need a valid token.
func (a *API) enter(ctx huma.Context, next func(huma.Context)) {
	r, _ := humago.Unwrap(ctx)
	c := caller{lang: a.language(ctx.Header("Accept-Language")), from: a.Client(r)}
	ctx.SetHeader("Content-Language", c.lang)
	if len(ctx.Operation().Security) > 0 {
		now := a.Now()
		if wait := a.brake.guessed.Wait(c.from, now); wait > 0 {
			a.answer(ctx, a.slow("token.guessed", c.lang, wait))
			return
		}
		who, err := a.bearer(ctx.Context(), ctx.Header("Authorization"))
		switch {
		case errors.Is(err, account.ErrNoSession):
			a.brake.guessed.Count(c.from, now)
			if err := a.forged(r, c.from); err != nil {
				a.answer(ctx, a.problem(ctx.Context(), err, c.lang, ""))
				return
			}
			ctx.SetHeader("WWW-Authenticate", `Bearer realm="comity"`)
			a.answer(ctx, a.plain("token.invalid", http.StatusUnauthorized, c.lang))
			return
		case err != nil:
			a.answer(ctx, a.problem(ctx.Context(), err, c.lang, ""))
			return
		}
		if wait := a.brake.tooMany(now, nameOf(ctx.Header("Authorization")), "account:"+who.ID()); wait > 0 {
			a.answer(ctx, a.slow("token.too_many", c.lang, wait))
			return
		}
		if no := a.missing(ctx.Operation(), who, c.lang); no != nil {
			ctx.SetHeader("WWW-Authenticate", `Bearer realm="comity", error="insufficient_scope", scope="`+no.Scope+`"`)
			a.answer(ctx, no)
			return
		}
		c.who = who
	}
	next(huma.WithValue(ctx, callerKey{}, c))
}

// forged writes down that somebody came with a token that opens nothing; who brings none only forgot it.
func (a *API) forged(r *http.Request, from string) error {
	if r.Header.Get("Authorization") == "" {
		return nil
	}
	return a.Accounts.Refuse(r.Context(), "", account.ByToken, account.WhyForged, account.From{Address: from, Agent: r.UserAgent()})
}

// bearer finds who a token acts for. Whatever is wrong with it, the answer is the same.
func (a *API) bearer(ctx context.Context, header string) (authz.Actor, error) {
	scheme, token, ok := strings.Cut(header, " ")
	if token = strings.TrimSpace(token); !ok || token == "" || !strings.EqualFold(scheme, "Bearer") {
		return authz.Actor{}, account.ErrNoSession
	}
	acc, err := a.Accounts.Token(ctx, token)
	if err != nil {
		return authz.Actor{}, err
	}
	who := acc.Actor(a.Packs.Current().Rules).In(a.Compartment)
	if who.ID() == "" {
		return who, account.ErrNoSession
	}
	return who, nil
}

func (a *API) language(accept string) string {
	tags, _, err := language.ParseAcceptLanguage(accept)
	if err != nil || len(tags) == 0 {
		return a.langs[0]
	}
	_, i, _ := a.match.Match(tags...)
	return a.langs[i]
}

// say speaks a language with the words of the pack a case was opened under.
func (a *API) say(digest, lang string) text.Speaker {
	return a.Text.With(a.Packs.Pack(digest).Texts).In(lang)
}

// serve counts, bounds and guards every request below /api/.
func (a *API) serve(w http.ResponseWriter, r *http.Request) {
	began := a.Now()
	rec := &recorder{ResponseWriter: w, status: http.StatusOK}
	route := "none"
	defer func() { a.ops.Observe(route, rec.status, a.Now().Sub(began)) }()
	defer func() {
		if v := recover(); v != nil {
			if v == http.ErrAbortHandler {
				panic(v)
			}
			a.write(rec, a.incident(r.Context(), errPanic(v), a.language(r.Header.Get("Accept-Language"))))
		}
	}()
	rec.Header().Set("Cache-Control", "no-store")
	rec.Header().Set("X-Content-Type-Options", "nosniff")
	h, pattern := a.inner.Handler(r)
	most := int64(maxBody)
	if pattern == http.MethodPost+" "+filesPath {
		most = maxUpload
	}
	r.Body = http.MaxBytesReader(rec, r.Body, most+1) // one more, so that huma sees what is too much
	if pattern == "" {
		a.lost(rec, r, h)
		return
	}
	route = pattern
	a.inner.ServeHTTP(rec, r)
}

// lost answers an address or method that is not there.
func (a *API) lost(w http.ResponseWriter, r *http.Request, h http.Handler) {
	var probe probe
	h.ServeHTTP(&probe, r)
	lang := a.language(r.Header.Get("Accept-Language"))
	if probe.status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", probe.header.Get("Allow"))
		a.write(w, a.plain("request.method", http.StatusMethodNotAllowed, lang))
		return
	}
	a.write(w, a.plain("request.address", http.StatusNotFound, lang))
}

func (a *API) write(w http.ResponseWriter, p *Problem) {
	journal.Say(w, p.Rule)
	w.Header().Set("Content-Type", problemType)
	w.WriteHeader(p.Status)
	if err := writeJSON(w, p); err != nil {
		a.Log.Warn("an answer could not be sent", "error", err)
	}
}

func (a *API) answer(ctx huma.Context, p *Problem) {
	note(ctx, p)
	ctx.SetHeader("Content-Type", problemType)
	for name := range p.GetHeaders() {
		ctx.SetHeader(name, p.GetHeaders().Get(name))
	}
	ctx.SetStatus(p.Status)
	if err := writeJSON(ctx.BodyWriter(), p); err != nil {
		a.Log.Warn("an answer could not be sent", "error", err)
	}
}

// recorder remembers the status for the counters.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// probe takes what the mux would have answered without sending it.
type probe struct {
	header http.Header
	status int
	bytes.Buffer
}

func (p *probe) Header() http.Header {
	if p.header == nil {
		p.header = http.Header{}
	}
	return p.header
}

func (p *probe) WriteHeader(status int) { p.status = status }
