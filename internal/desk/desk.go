// Package desk is where officers work: the unit's home, the work list, the case with its acts, intake
// on behalf of a resident. Pages are whole documents that need no script.
//
// It refuses to know a programme: which acts, fields, states and dates exist comes from the definition
// a case was opened under, the words from the catalogue. It refuses to offer what would be refused
// (casework.CanAct decides what becomes a button), and a case outside the officer's units does not
// exist here: it answers like any wrong address. It holds no SQL and changes nothing except through
// the ledger.
//
// Before a sensitive act a page asks for a fresh proof: see (*visit).fresh in again.go.
//
// Open this file first, then list.go and case.go; every page has a .go file with what it shows and a
// .templ file with how. The *_templ.go files are generated:
// go run github.com/a-h/templ/cmd/templ@v0.3.977 generate -path internal/desk
package desk

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"comity/internal/account"
	"comity/internal/authz"
	"comity/internal/bulk"
	"comity/internal/casework"
	"comity/internal/file"
	"comity/internal/ledger"
	"comity/internal/limit"
	"comity/internal/maps"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/procedure"
	"comity/internal/programme"
	"comity/internal/query"
	"comity/internal/web"
)

// Deps is what the desk is built from.
type Deps struct {
	Site     *web.Site
	Ledger   *ledger.Ledger
	Reader   *ledger.Reader
	Packs    *pack.Registry
	Accounts *account.Store
	Files    file.Store
	// Compartment is the one whose ledger this is; empty = the civic one. See Front.
	Compartment string
	// Bulk does one act on many cases; nil leaves that out.
	Bulk *bulk.Book
	// Maps are the operator's; nil draws maps from the pack alone.
	Maps *maps.Source
	// Client names where a request comes from, for the brake on wrong passwords; nil = its network
	// address. Behind a proxy it has to read the proxy's header.
	Client func(r *http.Request) string
	// Follow is the path of the resident's page for a follow code, printed on the slip; nil leaves it out.
	Follow func(casework.Code) string
	// Provider is the city's identity provider; nil leaves it out.
	Provider *account.Provider
	// Secret keys what telephones in the field keep for an account; see field.go. Without one there is no
	// application for the field.
	Secret []byte
	// Programmes add their pages; the desk mounts them behind its own sign-in.
	Programmes []programme.Programme
	// Heads are the roles of those who lead a unit and may arrange a deputy for others of it.
	Heads []authz.Role

	// The rest is for demonstrations and development only; leave it zero in a real installation.
	SignIns  []SignIn                                 // shown on the sign-in page, one click each
	Messages func(context.Context) ([]Message, error) // what the courier wrote
	Clock    *Clock                                   // a clock that can be moved
}

// SignIn is a demonstration account shown on the sign-in page.
type SignIn struct {
	Login, Password string
	Unit            org.UnitID
	Role            string
}

// Message is one message the courier sent.
type Message struct {
	At       time.Time
	To       string // address or unit name, as sent
	Channel  string
	Template string
	Ref      string
	Text     string
}

// Clock moves the time of a demonstration.
type Clock struct {
	Now     func() time.Time
	Set     func(context.Context, time.Time) error
	Advance func(context.Context, time.Duration) error
}

// Desk serves /desk.
type Desk struct {
	Deps
	others  []string  // the compartments that have a desk, see Front
	site    *web.Site // a copy whose error pages keep the officer's shell
	guard   account.Guard
	strays  *limit.Limiter // session cookies that open nothing, written down
	begun   *limit.Limiter // sign-ins begun and not finished
	codes   *limit.Limiter // follow codes that open nothing, by operator of a telephone
	guesses *limit.Limiter // wrong invitations, setup codes and PINs, by address
}

// New builds the desk.
func New(deps Deps) *Desk {
	if deps.Client == nil {
		deps.Client = limit.AddressOf
	}
	d := &Desk{Deps: deps, strays: limit.New(10, time.Minute), begun: limit.New(300, time.Second), codes: limit.New(limit.CodesAtOnce, limit.CodesEvery), guesses: limit.New(limit.SignInsAtOnce, limit.SignInsEvery)}
	site := *deps.Site
	site.Missing = append(slices.Clone(site.Missing), ledger.ErrNotFound)
	site.Shell = d.errorShell
	d.site = &site
	return d
}

// Register adds every address of the desk.
func (d *Desk) Register(mux web.Router) {
	open := func(pattern string, h web.Handler) { mux.Handle(pattern, d.site.Serve(h)) }
	page := func(pattern string, h func(*visit) error) { mux.Handle(pattern, d.site.Serve(d.signed(h))) }

	open("GET /desk/signin", d.signInPage)
	open("POST /desk/signin", d.signIn)
	open("GET /desk/signin/step", d.stepPage)
	open("POST /desk/signin/step", d.stepDo)
	open("POST /desk/signin/passkey/ask", d.passkeyAsk)
	open("POST /desk/signin/passkey", d.passkeyDo)
	open("GET /desk/passkey.js", d.passkeyScript)
	if d.Provider != nil {
		open("GET /desk/signin/oidc", d.toProvider)
		open("GET "+providerBack, d.fromProvider)
		page("GET /desk/again/oidc", (*visit).againProvider)
	}
	page("GET /desk/again", (*visit).againPage)
	page("POST /desk/again", (*visit).againDo)
	page("POST /desk/again/passkey/ask", (*visit).againPasskeyAsk)
	page("GET /desk/again/done", (*visit).providerDone)
	open("POST /desk/signout", d.signOut)
	open("GET /desk/desk.css", d.style)
	open("GET /desk/setup", d.setup)
	open("POST /desk/setup", d.setupDo)
	open("GET /desk/welcome/{secret}", d.welcome)
	open("POST /desk/welcome/{secret}", d.welcomeDo)
	open("GET /desk/locked", d.locked)
	open("POST /desk/unlock", d.braked(d.unlock))
	page("GET /desk", (*visit).front)
	page("GET /desk/{$}", (*visit).front)
	page("GET /desk/cases", (*visit).list)
	page("GET /desk/views", (*visit).savedViews)
	page("POST /desk/views", (*visit).viewSave)
	page("POST /desk/views/{id}", (*visit).viewChange)
	page("GET /desk/cases/{ref}", (*visit).caseShow)
	page("GET /desk/cases/{ref}/do/{act}", (*visit).actShow)
	page("POST /desk/cases/{ref}/do/{act}", (*visit).actDo)
	page("GET /desk/cases/{ref}/why/{clock}", (*visit).whyShow)
	page("GET /desk/cases/{ref}/who", (*visit).whoShow)
	page("GET /desk/cases/{ref}/seal", (*visit).sealShow)
	page("POST /desk/cases/{ref}/seal", (*visit).sealDo)
	page("GET /desk/orders", (*visit).orders)
	page("POST /desk/orders", (*visit).orderAsk)
	page("GET /desk/orders/{id}", (*visit).orderShow)
	page("POST /desk/orders/{id}/share", (*visit).orderShare)
	page("POST /desk/orders/{id}/end", (*visit).orderEnd)
	page("POST /desk/orders/{id}/look", (*visit).orderLook)
	page("GET /desk/emergencies", (*visit).emergencies)
	page("POST /desk/emergencies", (*visit).emergencyDo)
	page("GET /desk/emergencies/{id}", (*visit).emergencyShow)
	page("POST /desk/emergencies/{id}/look", (*visit).emergencyLook)
	page("POST /desk/emergencies/{id}/delay", (*visit).emergencyDelay)
	page("POST /desk/emergencies/{id}/review", (*visit).emergencyReview)
	page("POST /desk/cases/{ref}/note", (*visit).note)
	page("POST /desk/cases/{ref}/look", (*visit).lookDo)
	page("POST /desk/cases/{ref}/files", (*visit).attach)
	page("GET /desk/cases/{ref}/files/{sha256}", (*visit).fileShow)
	page("GET /desk/cases/{ref}/files/{sha256}/redact", (*visit).redactShow)
	page("POST /desk/cases/{ref}/files/{sha256}/redact", (*visit).redactDo)
	page("POST /desk/cases/{ref}/files/{sha256}/publish", (*visit).publishDo)
	open("GET /desk/redact.js", d.redactScript)
	page("GET /desk/cases/{ref}/documents/{seq}/{id}", (*visit).document)
	page("GET /desk/cases/{ref}/documents/{seq}/{id}/pdf", (*visit).documentPDF)
	page("GET /desk/cases/{ref}/dossier", (*visit).dossierShow)
	page("POST /desk/cases/{ref}/dossier", (*visit).dossierDo)
	if d.Bulk != nil {
		page("GET /desk/bulk", (*visit).bulkShow)
		page("POST /desk/bulk", (*visit).bulkDo)
		page("GET /desk/bulk/{id}", (*visit).bulkProgress)
		page("POST /desk/bulk/{id}/undo", (*visit).bulkUndo)
	}
	page("GET /desk/compartment", (*visit).compartmentShow)
	page("POST /desk/compartment", (*visit).compartmentGo)
	page("GET /desk/news", (*visit).news)
	page("GET /desk/new", (*visit).newShow)
	page("POST /desk/new", (*visit).newDo)
	page("GET /desk/where", (*visit).whereShow)
	page("GET /desk/where/{door}", (*visit).whereShow)
	page("GET "+phonePath, (*visit).phoneShow)
	page("POST "+phonePath, (*visit).phoneDo)
	page("POST "+phonePath+"/find", (*visit).phoneFind)
	if len(d.Secret) > 0 && d.name() == procedure.Civic {
		open("GET "+fieldPath, d.fieldShow)
		open("GET "+fieldWorker, d.fieldWorkerShow)
		open("GET "+fieldPath+"/app.webmanifest", d.fieldManifest)
		page("GET "+fieldPath+"/me", (*visit).fieldMe)
		page("POST "+fieldPath+"/send", (*visit).fieldSend)
	}
	page("GET /desk/me", (*visit).me)
	page("GET "+securityPath, (*visit).security)
	page("GET "+securityPath+"/totp", (*visit).totpShow)
	page("POST "+securityPath+"/totp", (*visit).totpConfirm)
	page("POST "+securityPath+"/totp/remove", (*visit).totpRemove)
	page("POST "+securityPath+"/recovery", (*visit).recoveryNew)
	page("POST "+securityPath+"/passkey/ask", (*visit).passkeyOffer)
	page("POST "+securityPath+"/passkey", (*visit).passkeyAdd)
	page("POST "+securityPath+"/passkey/change", (*visit).passkeyChange)
	page("POST "+securityPath+"/session", (*visit).sessionEnd)
	page("POST "+securityPath+"/others", (*visit).sessionsEnd)
	page("POST /desk/acting", (*visit).standDo)
	page("GET /desk/me/delegations", (*visit).delegations)
	page("POST /desk/me/delegations", (*visit).delegate)
	page("POST /desk/me/delegations/{id}/revoke", (*visit).delegationRevoke)
	page("GET /desk/me/tokens", (*visit).tokens)
	page("POST /desk/me/tokens", (*visit).tokenMake)
	page("POST /desk/me/tokens/{id}/revoke", (*visit).tokenRevoke)
	page("GET /desk/me/calendar", (*visit).calendar)
	page("POST /desk/me/calendar", (*visit).calendarMake)
	page("POST /desk/me/calendar/drop", (*visit).calendarDrop)
	open("GET /desk/calendar/{secret}", d.calendarFile)
	page("GET /desk/me/counter", (*visit).counterShow)
	page("POST /desk/me/counter", (*visit).counterOpen)
	page("POST /desk/me/counter/close", (*visit).counterClose)
	page("POST /desk/counter/alive", (*visit).counterAlive)
	page("GET /desk/admin", (*visit).admin)
	page("GET /desk/admin/new", (*visit).newAccount)
	page("POST /desk/admin/new", (*visit).newAccountDo)
	page("GET /desk/admin/{id}", (*visit).accountShow)
	page("POST /desk/admin/{id}/grants", (*visit).grantsDo)
	page("POST /desk/admin/{id}/do", (*visit).accountDo)
	page("POST /desk/waiting/{id}", (*visit).waitingDo)
	page("GET /desk/invariants", (*visit).invariants)
	if d.Messages != nil {
		page("GET /desk/inbox", (*visit).inbox)
	}
	if d.Clock != nil {
		page("GET /desk/clock", (*visit).clockShow)
		page("POST /desk/clock", (*visit).clockMove)
	}
	for _, g := range d.Programmes {
		for pattern, h := range g.Desk {
			page(pattern, func(v *visit) error { return h(v.officerOf()) })
		}
	}
	page("GET /desk/{rest...}", func(*visit) error { return web.ErrNotFound })
}

// visit is one request of a signed-in officer.
type visit struct {
	*Desk
	w     http.ResponseWriter
	r     *http.Request
	live  account.Session
	who   account.Account
	actor authz.Actor
	scope authz.Scope
	now   time.Time
	pack  *pack.Pack // the current version
	names map[string]string

	typable *query.Vocabulary // what can be typed above a list, once it was asked for

	standing *account.Standing // whom the officer acts for; nil = for nobody else
	shared   string            // secret of the shared counter; empty = the browser is the officer's own
}

// officerOf is what a programme's page gets of a visit.
func (v *visit) officerOf() *programme.Officer {
	return &programme.Officer{Visitor: programme.Visitor{W: v.w, R: v.r, Site: v.site}, Actor: v.actor, Home: v.who.Home(), Name: v.officer, Shell: v.shell, Sheet: sheetLink(), Fresh: v.fresh, Hand: v.hand,
		Uploads: func() ([]casework.File, error) { return v.uploads(false) }}
}

const sessionCookie = "comity_desk"

// signed lets only signed-in officers in and sends everybody else to the sign-in page.
func (d *Desk) signed(h func(*visit) error) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		live, err := d.session(r)
		if errors.Is(err, account.ErrNoSession) {
			if err := d.forged(w, r); err != nil {
				return err
			}
			if r.Method != http.MethodGet {
				return &web.Refused{Status: http.StatusForbidden, Rule: "desk.session.ended"}
			}
			http.Redirect(w, r, "/desk/signin?back="+url.QueryEscape(r.URL.RequestURI()), http.StatusSeeOther)
			return nil
		}
		if err != nil {
			return err
		}
		if done, err := d.astray(w, r); done || err != nil {
			return err
		}
		shared, done, err := d.guarded(w, r)
		if done || err != nil {
			return err
		}
		v := d.visit(w, r, live)
		v.shared = shared
		standing, err := d.stand(r, live.Account)
		switch {
		case errors.Is(err, account.ErrNoSession):
			return d.ended(w, r)
		case err != nil:
			return err
		case standing != nil && r.URL.Path != "/desk/acting":
			v.sit(standing)
		}
		if err = h(v); errors.Is(err, errAnswered) {
			return nil
		}
		return err
	}
}

func (d *Desk) visit(w http.ResponseWriter, r *http.Request, live account.Session) *visit {
	who := live.Account
	actor := who.Actor(d.Packs.Current().Rules).In(d.Compartment)
	return &visit{Desk: d, w: w, r: r, live: live, who: who, actor: actor, scope: actor.Scope(), now: d.site.Now(),
		pack: d.Packs.Current(), names: map[string]string{}}
}

func (d *Desk) session(r *http.Request) (account.Session, error) {
	token := d.site.Secret(r, sessionCookie)
	if token == "" {
		return account.Session{}, account.ErrNoSession
	}
	return d.Accounts.Live(r.Context(), token)
}

func (v *visit) ctx() context.Context { return v.r.Context() }

// reads reports whether a unit lies in what the officer may read.
func (v *visit) reads(unit org.UnitID) bool {
	return v.scope.Sees(v.pack.Units, unit)
}

// unit is the unit the page is about: ?unit=, else the officer's own. One outside the scope does not
// exist.
func (v *visit) unit() (org.UnitID, error) {
	id := org.UnitID(v.r.URL.Query().Get("unit"))
	if id == "" {
		return v.who.Home(), nil
	}
	if !v.reads(id) {
		return "", web.ErrNotFound
	}
	return id, nil
}

// page starts an answer with the officer's shell around it.
func (v *visit) page(title string, kv ...string) *web.Page {
	p := v.site.Page(v.r, title, kv...)
	p.Officer = v.shell(p)
	return p
}

// write sends a page in the officer's shell.
func (v *visit) write(p *web.Page, status int, body templ.Component) error {
	return p.Write(v.w, v.r, status, web.OfficerLayout(p, body))
}

// errorShell keeps the officer's surroundings on error pages; without a session the plain shell.
func (d *Desk) errorShell(p *web.Page, r *http.Request, body templ.Component) templ.Component {
	live, err := d.session(r)
	if err != nil {
		return web.PublicLayout(p, body)
	}
	v := d.visit(nil, r, live)
	p.Here = "/desk"
	if standing, err := d.stand(r, live.Account); err == nil && standing != nil {
		v.sit(standing)
	}
	p.Officer = v.shell(p)
	p.Officer.Query = "" // an error repeats nothing of the request
	return web.OfficerLayout(p, body)
}

func (v *visit) shell(p *web.Page) *web.Shell {
	home := v.who.Home()
	s := &web.Shell{
		Home: "/desk", Person: v.who.NameIn(p.Lang), Account: "/desk/me", SignOut: "/desk/signout",
		Search: web.Link{Href: "/desk/cases", Label: p.T("desk.search.hint")},
		Query:  v.r.URL.Query().Get("q"),
		New:    web.Button{Label: p.T("desk.new"), Icon: "plus", Class: "prime", Href: "/desk/new", Key: "c"},
	}
	path := v.pack.Units.Path(home)
	slices.Reverse(path)
	for _, u := range path {
		s.Where = append(s.Where, short(p, u))
	}
	if len(s.Where) > 3 {
		s.Where = s.Where[len(s.Where)-3:]
	}
	if v.r.URL.Path == "/desk/cases" { // the page has the field itself, with room for all that can be typed
		s.Search = web.Link{}
		s.Keys = append(s.Keys, web.KeyGroup{Title: p.T("query.box"), Keys: []web.KeyHelp{{Keys: []string{"/"}, Label: p.T("web.search")}}})
	}
	if v.keepsOnly() {
		s.Search, s.New = web.Link{}, web.Button{}
	}
	v.navigation(p, s)
	v.above(p, s)
	return s
}

// counterScreen is how long nobody may type or point at a shared counter before it locks itself.
const counterScreen = 2 * time.Minute

// above says over every page whose seat the officer sits at, and locks a shared counter.
func (v *visit) above(p *web.Page, s *web.Shell) {
	if v.shared != "" {
		p.Idle = &web.Idle{After: counterScreen, Plain: account.CounterIdle, To: "/desk/locked", Alive: "/desk/counter/alive"}
	}
	if v.standing != nil || v.shared != "" {
		s.Above = aboveBody(p, v.aboveOf(p))
	}
}

// aboveLine is the line over a page.
type aboveLine struct {
	For, Until string
	Shared     bool
}

func (v *visit) aboveOf(p *web.Page) aboveLine {
	line := aboveLine{Shared: v.shared != ""}
	if v.standing != nil {
		line.For, line.Until = v.standing.Absent.NameIn(p.Lang), p.Day(v.standing.Ends.Add(-time.Second))
	}
	return line
}

func (v *visit) navigation(p *web.Page, s *web.Shell) {
	count := v.counts()
	at := v.r.URL.Path
	view := v.r.URL.Query().Get("view")
	item := func(label, icon, key, href string, n int, current bool) web.NavItem {
		it := web.NavItem{Href: href, Label: p.T(label), Icon: icon, Key: key, Current: current}
		if n > 0 {
			it.Count = strconv.Itoa(n)
		}
		return it
	}
	cases := at == "/desk/cases"
	work := web.NavGroup{Title: p.T("desk.nav.work"), Items: []web.NavItem{
		item("desk.nav.home", "home", "g h", homeOf(v.who.Home()), 0, at == "/desk" || at == "/desk/"),
		item("desk.view.todo", "list", "g w", "/desk/cases", v.sum(count.ByState, ours), cases && (view == "todo" || (view == "" && v.r.URL.Query().Get("q") == ""))),
		item("desk.view.mine", "check2", "g m", "/desk/cases?view=mine", 0, cases && view == "mine"),
		item("desk.view.unassigned", "people", "g u", "/desk/cases?view=unassigned", count.Unassigned, cases && view == "unassigned"),
		item("desk.view.offered", "route", "g t", "/desk/cases?view=offered", count.Offered, cases && view == "offered"),
		item("desk.nav.news", "alert", "g n", "/desk/news", 0, at == "/desk/news"),
		item("desk.nav.new", "inbox", "g i", "/desk/new", 0, at == "/desk/new"),
	}}
	work.Items[4].New = count.Offered > 0
	work.Items = append(work.Items, item("desk.nav.phone", "phone", "g p", phonePath, 0, at == phonePath))
	if len(v.Secret) > 0 && v.name() == procedure.Civic {
		work.Items = append(work.Items, item("desk.nav.field", "pin", "", fieldPath, 0, at == fieldPath))
	}
	if len(v.actor.Administers()) > 0 {
		s.Nav = append(s.Nav, web.NavGroup{Title: p.T("accounts.nav"), Items: []web.NavItem{
			item("accounts.admin.title", "people", "", "/desk/admin", 0, strings.HasPrefix(at, "/desk/admin")),
		}})
	}
	if v.keepsOnly() {
		s.Tabs = []web.NavItem{item("accounts.admin.title", "people", "", "/desk/admin", 0, strings.HasPrefix(at, "/desk/admin")), item("desk.tab.me", "home", "", "/desk/me", 0, at == "/desk/me")}
		return
	}
	if in := v.entries(); len(in) > 1 || v.name() != procedure.Civic {
		work.Items = append(work.Items, item("desk.compartment.nav", "route", "", "/desk/compartment", 0, at == "/desk/compartment"))
	}
	orders, emergencies := v.exceptions()
	if orders {
		work.Items = append(work.Items, item("seal.orders.nav", "lock", "", "/desk/orders", 0, at == "/desk/orders"))
	}
	if emergencies {
		work.Items = append(work.Items, item("seal.glass.nav", "alert", "", "/desk/emergencies", 0, at == "/desk/emergencies"))
	}
	s.Nav = append(s.Nav, work)
	programmes := web.NavGroup{Title: p.T("desk.nav.programmes")}
	for _, g := range v.pack.Programmes {
		if !v.leads(g.ID) {
			continue
		}
		href := "/desk/cases?programme=" + url.QueryEscape(g.ID)
		programmes.Items = append(programmes.Items, web.NavItem{Href: href, Label: p.T("programme." + g.ID), Icon: g.Icon,
			Current: cases && v.r.URL.Query().Get("programme") == g.ID})
	}
	for _, g := range v.Programmes {
		if g.Menu != nil {
			programmes.Items = append(programmes.Items, g.Menu(p, v.actor, at)...)
		}
	}
	if len(programmes.Items) > 1 {
		s.Nav = append(s.Nav, programmes)
	}
	if v.Messages != nil || v.Clock != nil {
		s.Nav = append(s.Nav, v.demoNavigation(p, at))
	}
	s.Tabs = []web.NavItem{
		item("desk.nav.home", "home", "", homeOf(v.who.Home()), 0, at == "/desk"),
		item("desk.tab.work", "list", "", "/desk/cases", 0, cases && view != "mine"),
		item("desk.tab.mine", "check2", "", "/desk/cases?view=mine", 0, cases && view == "mine"),
		item("desk.tab.new", "plus", "", "/desk/new", 0, at == "/desk/new"),
		item("desk.tab.me", "people", "", "/desk/me", 0, at == "/desk/me"),
	}
	if cases {
		keys := p.ListKeys()
		if v.Bulk != nil {
			keys.Keys = append(keys.Keys, web.KeyHelp{Keys: []string{"b"}, Label: p.T("desk.bulk.act")})
		}
		s.Keys = append(s.Keys, keys)
	}
}

func (v *visit) demoNavigation(p *web.Page, at string) web.NavGroup {
	g := web.NavGroup{Title: p.T("desk.nav.demo")}
	if v.Messages != nil {
		g.Items = append(g.Items, web.NavItem{Href: "/desk/inbox", Label: p.T("desk.nav.inbox"), Icon: "letter", Current: at == "/desk/inbox"})
	}
	if v.Clock != nil {
		g.Items = append(g.Items, web.NavItem{Href: "/desk/clock", Label: p.T("desk.nav.clock"), Icon: "clock", Current: at == "/desk/clock"})
	}
	return g
}

// counts feeds the navigation. A failure leaves the numbers out: the page itself will report it.
func (v *visit) counts() ledger.Counts {
	c, err := v.Reader.Counts(v.ctx(), v.scope, v.who.Home(), v.endOfToday())
	if err != nil {
		return ledger.Counts{}
	}
	return c
}

func (v *visit) endOfToday() time.Time { return midnight(v.now, v.site.Zone).AddDate(0, 0, 1) }

// missing reports an error that means "not found" for this person.
func missing(err error) bool {
	return errors.Is(err, ledger.ErrNotFound) || errors.Is(err, web.ErrNotFound)
}

// short is the short name of a unit, or its name.
func short(p *web.Page, unit org.UnitID) string {
	if key := "unit." + string(unit) + ".short"; p.Has(key) {
		return p.T(key)
	}
	return p.T("unit." + string(unit))
}

// person names who did something: an officer by name, the resident and the system by role.
func (v *visit) person(p *web.Page, by casework.By) string {
	switch authz.Role(by.Role) {
	case authz.Resident:
		return p.T("desk.by.resident")
	case authz.Member:
		return p.T("desk.by.member")
	case authz.System:
		return p.T("desk.by.system")
	case authz.Importer:
		return p.T("desk.by.importer")
	}
	if by.For != "" {
		return p.T("desk.by.for", "who", v.officer(p, by.Actor), "absent", v.officer(p, by.For))
	}
	return v.officer(p, by.Actor)
}

// learn looks up the names of those who are at the cases of a list, all with one question.
func (v *visit) learn(p *web.Page, list []ledger.Item) error {
	var ids []string
	for _, it := range list {
		if _, known := v.names[it.Assignee]; it.Assignee != "" && !known && !slices.Contains(ids, it.Assignee) {
			ids = append(ids, it.Assignee)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	found, err := v.Accounts.Named(v.ctx(), ids)
	for _, a := range found {
		v.names[a.ID] = a.NameIn(p.Lang)
	}
	return err
}

// officer names an account; one that is gone keeps its id.
func (v *visit) officer(p *web.Page, id string) string {
	if id == "" {
		return ""
	}
	if name, ok := v.names[id]; ok {
		return name
	}
	name := id
	if _, ok := v.Packs.Current().NeighbourActing(id); ok {
		name = p.T("neighbour.system")
	} else if a, err := v.Accounts.ByID(v.ctx(), id); err == nil {
		name = a.NameIn(p.Lang)
	}
	v.names[id] = name
	return name
}
