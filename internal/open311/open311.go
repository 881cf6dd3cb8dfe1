// Package open311 serves Open311 GeoReport v2, in XML and JSON, with the updates extension that its real
// clients need: what a city offers (open311.yaml of its pack), reports from other programs, and how they
// stand.
//
// It refuses decisions of its own: a report is one ledger.Do through intake.Command, every list one Reader
// call. It refuses a shortened list: on any error it answers an error, since clients delete what a list
// leaves out. It reads forms only and parses no XML. Without a key it shows what the pack says is shown of a
// service and nothing about people; what is sealed or not offered is answered as if it were not there.
//
// Open this file first: it has the addresses. post.go takes reports in, media.go their pictures, fetch.go
// the pictures behind addresses; list.go and update.go answer how things stand; services.go says what is
// offered; form.go and key.go read what was sent and by whom; encode.go and problem.go write the answers.
// docs/open311.md says what of the specification is kept, with the test of each line.
package open311

import (
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/language"

	"comity/internal/account"
	"comity/internal/file"
	"comity/internal/ledger"
	"comity/internal/limit"
	"comity/internal/pack"
	"comity/internal/text"
)

// Deps is what the server stands on. Log, Client and Observe may be nil.
type Deps struct {
	Ledger   *ledger.Ledger // of the civic compartment
	Reader   *ledger.Reader
	Packs    *pack.Registry
	Text     *text.Catalogue // the base words; those of the case's pack are laid over them here
	Accounts *account.Store
	Files    file.Store
	Secret   []byte // signs tokens
	Now      func() time.Time
	Log      *slog.Logger
	Base     string // public address of the site, without a slash at the end; empty: as the request says
	Test     bool   // the endpoint calls itself a test
	// Hosts are names of machines pictures may be fetched from although their addresses are not public.
	Hosts []string
	// Client names where a request comes from, for the limit on wrong keys; nil = its network address.
	Client func(r *http.Request) string
	// Observe counts a request by its route.
	Observe func(route string, status int, took time.Duration)
}

// Server answers below Root. It is safe for concurrent use.
type Server struct {
	Deps
	match language.Matcher
	langs []string
	brake brake
	fetch fetcher

	patience time.Duration // with all pictures of a report
}

// Addresses. Clients append to the endpoint as to a string, so it ends in a slash.
const (
	Root     = "/open311/"
	Endpoint = Root + "v2/"
)

// New makes a server.
func New(d Deps) *Server {
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	if d.Client == nil {
		d.Client = limit.AddressOf
	}
	if d.Observe == nil {
		d.Observe = func(string, int, time.Duration) {}
	}
	s := &Server{Deps: d, brake: newBrake(), fetch: newFetcher(d.Hosts), patience: fetchTime}
	s.langs = d.Packs.Current().Langs
	tags := make([]language.Tag, len(s.langs))
	for i, l := range s.langs {
		tags[i] = language.Make(l)
	}
	s.match = language.NewMatcher(tags)
	return s
}

// Router is where routes are put: an http.ServeMux, or one that remembers them.
type Router interface {
	HandleFunc(pattern string, h func(http.ResponseWriter, *http.Request))
}

// Register puts the routes on the site's mux.
func (s *Server) Register(mux Router) {
	// One pattern per method: a pattern for all of them would contradict "GET /" of the pages.
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions} {
		mux.HandleFunc(method+" "+Root, s.serve)
	}
}

// call is one request while it is answered.
type call struct {
	*http.Request
	format format
	lang   string
	from   string
	form   values
	parts  []sentPart // pictures of the form, as they came
	id     string     // of the address: a service, a request or a token
	by     caller
	pack   *pack.Pack
	in     pack.Jurisdiction
}

// route is what one address does.
type route struct {
	name  string
	get   func(*call) (answer, error)
	post  func(*call) (answer, error)
	apart bool // asks for no jurisdiction
}

// routes are the addresses below Root, without format; those with a slash at the end go on with an id.
func (s *Server) routes() map[string]route {
	discovery := route{name: "discovery", get: s.discovery, apart: true}
	return map[string]route{
		"discovery":                discovery,
		"v2/discovery":             discovery,
		"v2/services":              {name: "services", get: s.services},
		"v2/services/":             {name: "services/{code}", get: s.definition},
		"v2/requests":              {name: "requests", get: s.list, post: s.report},
		"v2/requests/":             {name: "requests/{id}", get: s.one},
		"v2/tokens/":               {name: "tokens/{token}", get: s.token},
		"v2/servicerequestupdates": {name: "servicerequestupdates", get: s.updates, post: s.update},
	}
}

// find reads the address: route, id and format. An address without a format that we write is answered in XML,
// which every client reads.
func (s *Server) find(path string) (r route, id string, f format, ok bool) {
	path = strings.TrimPrefix(path, Root)
	f = inXML
	i := strings.LastIndexByte(path, '.')
	if i < 0 {
		return r, "", f, false
	}
	switch path[i+1:] {
	case "xml":
	case "json":
		f = inJSON
	default:
		return r, "", f, false
	}
	path = path[:i]
	all := s.routes()
	if r, ok = all[path]; ok && !strings.HasSuffix(path, "/") {
		return r, "", f, true
	}
	cut := strings.LastIndexByte(path, '/')
	if r, ok = all[path[:cut+1]]; ok && cut >= 0 && path[cut+1:] != "" {
		return r, path[cut+1:], f, true
	}
	return r, "", f, false
}

// serve answers every request below Root.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	began, name, status := s.Now(), "none", http.StatusOK
	defer func() { s.Observe(Root+name, status, s.Now().Sub(began)) }()
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	found, id, f, ok := s.find(r.URL.Path)
	c := &call{Request: r, format: f, id: id, lang: s.language(r.Header.Get("Accept-Language")), from: s.Client(r), pack: s.Packs.Current()}
	w.Header().Set("Content-Language", c.lang)
	out, err := answer{}, error(nil)
	if !ok {
		err = no(http.StatusNotFound, "address")
	} else {
		name = found.name
		out, err = s.answer(c, found)
	}
	if err != nil {
		status = s.refuse(w, c, err)
		return
	}
	s.write(w, c, status, out)
}

// answer does what the address says, and keeps a failure of ours from ending the connection.
func (s *Server) answer(c *call, r route) (out answer, err error) {
	defer func() {
		if v := recover(); v != nil {
			if v == http.ErrAbortHandler {
				panic(v)
			}
			err = errPanic(v)
		}
	}()
	do := r.get
	switch c.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodPost:
		do = r.post
	default:
		do = nil
	}
	if do == nil {
		return out, &methodError{get: r.get != nil, post: r.post != nil}
	}
	if c.pack.Open311 == nil {
		return out, no(http.StatusNotFound, "nothing_offered")
	}
	defer c.forget()
	if err := s.read(c); err != nil {
		return out, err
	}
	if !r.apart {
		if err := s.jurisdiction(c); err != nil {
			return out, err
		}
	}
	return do(c)
}

// jurisdiction settles which one is asked. It may be left out where there is but one.
func (s *Server) jurisdiction(c *call) error {
	list := c.pack.Open311.Jurisdictions
	asked, err := c.form.one("jurisdiction_id")
	if err != nil {
		return err
	}
	if asked == "" {
		if len(list) > 1 {
			return no(http.StatusBadRequest, "jurisdiction.needed", "list", jurisdictionNames(list))
		}
		c.in = list[0]
		return nil
	}
	i := slices.IndexFunc(list, func(j pack.Jurisdiction) bool { return j.ID == asked })
	if i < 0 {
		return no(http.StatusNotFound, "jurisdiction.unknown", "got", clip(asked), "list", jurisdictionNames(list))
	}
	c.in = list[i]
	return nil
}

func jurisdictionNames(list []pack.Jurisdiction) string {
	var out []string
	for _, j := range list {
		out = append(out, j.ID)
	}
	return strings.Join(out, ", ")
}

func (s *Server) language(accept string) string {
	tags, _, err := language.ParseAcceptLanguage(accept)
	if err != nil || len(tags) == 0 {
		return s.langs[0]
	}
	_, i, _ := s.match.Match(tags...)
	return s.langs[i]
}

// say speaks a language with the words of the pack a case was opened under; of no pack, the current one's.
func (s *Server) say(digest, lang string) text.Speaker {
	return s.Text.With(s.Packs.Pack(digest).Texts).In(lang)
}

// written is a date as the specification has it: whole seconds, with the zone of the city; empty for none.
func (c *call) written(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(c.pack.Zone).Truncate(time.Second).Format(time.RFC3339)
}

var errNoService = errors.New("open311: a public case is of no service")
