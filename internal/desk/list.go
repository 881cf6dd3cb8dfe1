package desk

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"comity/internal/casework"
	"comity/internal/ledger"
	"comity/internal/org"
	"comity/internal/query"
	"comity/internal/web"
)

// listPage is what the work list shows.
type listPage struct {
	Q       listQuery
	Heading string
	Sub     string
	Views   []viewLink
	Strip   []stripBar
	Chips   []chip
	Picks   []picker
	Caption string
	Sorts   map[string]sortLink
	Rows    []listRow
	Pager   web.Pager
	Blank   web.Blank
	Peek    *peek
	Files   []web.Link // the list as a file, by format
	All     string     // the same page with every row selected
	Bulk    bool       // acts on many cases at once are set up

	Box      string // everything the list is narrowed by, as it can be typed
	Problems []queryProblem
	Help     []helpLine
	Saved    []viewLink
	Save     string // what to keep of the list, where that is offered
}

type viewLink struct {
	Href, Label, Count string
	Current            bool
}

// stripBar is one bar of the due strip. Height and Y are in the units of its 32 high drawing.
type stripBar struct {
	Href, Class, Words, Count string
	Y, Height                 string
	Gap                       bool // a gap comes before it
	Long                      string
}

// chip is one filter that is on; Href takes it off.
type chip struct{ Label, Href string }

// picker is one filter that can be added.
type picker struct {
	Name, Label string
	Options     []web.Choice
}

type sortLink struct{ Href, Mark, Aria string }

type listRow struct {
	Ref, Title, Href, PeekHref string
	TitleMarks, AddressMarks   []piece // the same words, marked where they were searched for
	Pill                       web.Pill
	Clock                      string // what the deadline is for, with its date
	Icon, Category             string
	State, Stage               string
	Place                      string // text key of the unit
	Address                    string
	Officer                    string
	Tags                       []web.Tag
	On                         bool
	Picked                     bool
}

func (v *visit) list() error {
	if v.elsewhere() {
		http.Redirect(v.w, v.r, "/desk/compartment", http.StatusSeeOther)
		return nil
	}
	q := readQuery(v.r.URL.Query())
	typed := v.parsed(q)
	f, err := v.filter(q, typed)
	if err != nil {
		return err
	}
	unread := len(typed.Problems) > 0 && len(typed.Words)+len(typed.Terms) == 0
	if as := formatOf(v.r); as != "" && !unread {
		return v.export(q, f, as)
	}
	var page ledger.Page
	if !unread { // or a slip of the pen would list everything
		page, err = v.Reader.Worklist(v.ctx(), v.scope, f)
	}
	var bad *ledger.BadFilter
	if errors.As(err, &bad) && q.After != "" {
		// A position in a list that is sorted otherwise now: begin at its first page.
		http.Redirect(v.w, v.r, q.page("").href(), http.StatusSeeOther)
		return nil
	}
	if bad != nil && bad.Field == "values" { // more alternatives than a statement takes
		typed.Problems = append(typed.Problems, query.Problem{Kind: query.Long, At: query.Span{To: len(q.Q)}})
		err = nil
	}
	if err != nil {
		return err
	}
	p := v.page("desk.view."+q.View, "n", strconv.Itoa(len(page.Items)))
	data, err := v.listPage(p, q, typed, f, page)
	if err != nil {
		return err
	}
	return v.write(p, http.StatusOK, listBody(p, data))
}

func (v *visit) listPage(p *web.Page, q listQuery, typed query.Query, f ledger.Filter, page ledger.Page) (listPage, error) {
	data := listPage{Q: q, Heading: p.T("desk.view." + q.View), Sub: p.T("desk.list.unit", "unit", short(p, f.Unit)) + p.T("desk.sep") + p.Moment(v.now),
		Caption: p.T("desk.list.caption", "view", p.T("desk.view."+q.View), "unit", short(p, f.Unit))}
	count, err := v.Reader.Counts(v.ctx(), v.scope, f.Unit, v.endOfToday())
	if err != nil {
		return data, err
	}
	data.Views = v.viewLinks(p, q, count)
	if q.plain() {
		if data.Strip, err = v.strip(p, q, f, count.Overdue); err != nil {
			return data, err
		}
	}
	data.Chips, data.Picks = v.chips(p, q)
	data.Chips = append(data.Chips, v.typedChips(p, q, typed)...)
	data.Box, data.Problems, data.Help = v.typed(p, q), v.queryProblems(p, q, typed), v.queryHelp(p)
	if err := v.savedLinks(p, q, &data); err != nil {
		return data, err
	}
	if len(f.Words) == 0 && !f.Both { // what is searched comes newest first
		data.Sorts = map[string]sortLink{"due": sorted(q, "due"), "opened": sorted(q, "opened")}
	}
	all := v.r.URL.Query().Get("pick") == "all"
	if err := v.learn(p, page.Items); err != nil {
		return data, err
	}
	for _, it := range page.Items {
		row := v.row(p, q, it)
		row.Picked = all
		v.mark(p, &row, it, f)
		data.Rows = append(data.Rows, row)
	}
	if len(data.Rows) > 1 {
		data.All = "/desk/cases?" + strings.TrimPrefix(q.encode()+"&pick=all", "&")
	}
	data.Bulk = v.Bulk != nil
	data.Pager = pager(p, q, page)
	data.Blank = blank(p, q)
	data.Files = fileLinks(p, q)
	if q.Peek != "" {
		data.Peek, err = v.peek(p, q)
	}
	return data, err
}

// mark shows in a line where the words stand that were searched for. Only what the line tells anyway is looked at:
// of one without title or address there is nothing to mark.
func (v *visit) mark(p *web.Page, row *listRow, it ledger.Item, f ledger.Filter) {
	wanted := slices.ContainsFunc(f.Words, func(w ledger.Word) bool { return !w.Not })
	if !wanted || it.Title == "" || it.Sealed {
		return
	}
	title, address := f.Marks(it.Title), f.Marks(it.Address)
	row.TitleMarks, row.AddressMarks = pieces(it.Title, title), pieces(it.Address, address)
	if len(title)+len(address) == 0 && !slices.ContainsFunc(f.Words, func(w ledger.Word) bool { return strings.EqualFold(w.Text, string(it.Ref)) }) {
		row.Tags = append(row.Tags, web.Tag{Class: "line", Icon: "search", Label: p.T("query.intext")})
	}
}

func (v *visit) viewLinks(p *web.Page, q listQuery, c ledger.Counts) []viewLink {
	n := map[string]int{"todo": v.sum(c.ByState, ours), "resident": v.sum(c.ByState, theirs), "open": c.Open, "unassigned": c.Unassigned, "offered": c.Offered, "overdue": c.Overdue, "paused": c.Paused}
	var out []viewLink
	for _, name := range views {
		if (name == "paused" || name == "search") && q.View != name {
			continue // reached from the unit's home and from the search field
		}
		to := listQuery{View: name, Unit: q.Unit}
		if name == "search" {
			to.Q = q.Q
		}
		l := viewLink{Href: to.href(), Label: p.T("desk.view." + name), Current: name == q.View}
		if k, ok := n[name]; ok {
			l.Count = strconv.Itoa(k)
		}
		out = append(out, l)
	}
	return out
}

// stripDays is how many days the due strip shows one by one, stripCap where counting stops.
const (
	stripDays = 14
	stripCap  = 100
)

// longAgo and farAhead stand for "any time before" and "any time after". farAhead lies before the
// date that cases without a running clock are sorted under.
var (
	longAgo  = time.Date(1970, 1, 2, 0, 0, 0, 0, time.UTC)
	farAhead = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
)

// strip is the due strip: overdue, one bar a day, later.
func (v *visit) strip(p *web.Page, q listQuery, f ledger.Filter, late int) ([]stripBar, error) {
	all := f
	all.DueFrom, all.DueBefore, all.After = time.Time{}, time.Time{}, ""
	today := midnight(v.now, v.site.Zone)
	edges := []time.Time{longAgo, v.now}
	for i := 1; i <= stripDays; i++ {
		edges = append(edges, today.AddDate(0, 0, i))
	}
	edges = append(edges, farAhead)
	n, err := v.Reader.Strip(v.ctx(), v.scope, all, edges, stripCap)
	if err != nil {
		return nil, err
	}
	// A clock that runs out raises the case at once, so what is late is not what is due before now.
	n[0] = min(late, stripCap)
	most := 1
	for _, k := range n {
		most = max(most, k)
	}
	var out []stripBar
	for i, k := range n {
		b := stripBar{Count: capped(k, stripCap)}
		height := max(1, k*29/most)
		b.Height, b.Y = strconv.Itoa(height), strconv.Itoa(31-height)
		due := ""
		switch {
		case i == 0:
			due, b.Class, b.Words = "over", "over", p.T("desk.strip.over")
			b.Long = b.Words
		case i > stripDays:
			due, b.Words, b.Gap = "later", p.T("desk.strip.later"), true
			b.Long = b.Words
		default:
			day := today.AddDate(0, 0, i-1)
			due, b.Words, b.Long = day.Format(time.DateOnly), strconv.Itoa(day.Day()), p.Day(day)
			if i == 1 {
				b.Class, b.Words, b.Gap = "today", p.T("desk.strip.today"), true
			} else if day.Day() == 1 {
				b.Words = p.Short(day)
			}
		}
		if k == 0 && b.Class == "" {
			b.Class = "off"
		}
		b.Href = listQuery{View: "open", Unit: q.Unit, Due: due}.href()
		out = append(out, b)
	}
	return out, nil
}

// chips are the filters that are on, and the pickers for the others.
func (v *visit) chips(p *web.Page, q listQuery) ([]chip, []picker) {
	var on []chip
	var off []picker
	add := func(name, value, label string, options func() []web.Choice) {
		if value != "" {
			on = append(on, chip{Label: p.T("desk.filter."+name) + p.T("web.colon") + label, Href: q.with(name, "").href()})
			return
		}
		if options == nil {
			return
		}
		if o := options(); len(o) > 0 {
			off = append(off, picker{Name: name, Label: p.T("desk.filter." + name), Options: o})
		}
	}
	add("due", q.Due, v.dueWords(p, q.Due), nil)
	add("unit", q.Unit, p.T("unit."+q.Unit), func() []web.Choice { return v.unitsBelow(p, v.who.Home()) })
	add("programme", q.Programme, p.T("programme."+q.Programme), func() []web.Choice { return v.programmes(p) })
	add("state", q.State, p.T("state."+q.State), func() []web.Choice { return v.states(p, q) })
	add("category", q.Category, p.T("category."+q.Category), func() []web.Choice { return v.categories(p) })
	if q.View != "mine" && q.View != "unassigned" {
		add("holder", q.Holder, v.officer(p, q.Holder), func() []web.Choice { return v.officers(p, v.filterUnit(q)) })
	}
	return on, off
}

func (v *visit) filterUnit(q listQuery) org.UnitID {
	if q.Unit != "" {
		return org.UnitID(q.Unit)
	}
	return v.who.Home()
}

func (v *visit) dueWords(p *web.Page, due string) string {
	switch due {
	case "over":
		return p.T("desk.strip.over")
	case "later":
		return p.T("desk.strip.later")
	}
	if day, err := time.ParseInLocation(time.DateOnly, due, v.site.Zone); err == nil {
		return p.Day(day)
	}
	return due
}

func (v *visit) unitsBelow(p *web.Page, top org.UnitID) []web.Choice {
	var out []web.Choice
	for _, id := range v.pack.Units.All() {
		if u, _ := v.pack.Units.Unit(id); id != top && len(u.Roles) > 0 && v.pack.Units.Under(top, id) {
			depth := len(v.pack.Units.Path(id)) - len(v.pack.Units.Path(top)) - 1
			out = append(out, web.Choice{Value: string(id), Label: strings.Repeat("\u2003", depth) + p.T("unit."+string(id))})
		}
	}
	return out
}

func (v *visit) programmes(p *web.Page) []web.Choice {
	var out []web.Choice
	for _, g := range v.pack.Programmes {
		if !v.leads(g.ID) {
			continue
		}
		out = append(out, web.Choice{Value: g.ID, Label: p.T("programme." + g.ID)})
	}
	if len(out) < 2 {
		return nil
	}
	return out
}

func (v *visit) states(p *web.Page, q listQuery) []web.Choice {
	var out []web.Choice
	for _, id := range v.procedures() {
		d := v.pack.Procedures[id]
		if q.Programme != "" && d.Programme != q.Programme {
			continue
		}
		for _, s := range d.States {
			if fits := (q.View == "todo" && ours(s)) || (q.View == "resident" && theirs(s)); fits || (q.View != "todo" && q.View != "resident" && (q.View == "search" || s.Final == (q.View == "closed"))) {
				out = append(out, web.Choice{Value: id + "." + s.ID, Label: p.T("state." + id + "." + s.ID)})
			}
		}
	}
	return out
}

func (v *visit) categories(p *web.Page) []web.Choice {
	var out []web.Choice
	for _, c := range v.pack.Categories {
		if !v.here(c.Procedure) {
			continue
		}
		out = append(out, web.Choice{Value: c.ID, Label: p.T("category." + c.ID)})
	}
	return out
}

func (v *visit) officers(p *web.Page, unit org.UnitID) []web.Choice {
	list, err := v.Accounts.OfUnit(v.ctx(), unit)
	if err != nil {
		return nil
	}
	var out []web.Choice
	for _, a := range list {
		out = append(out, web.Choice{Value: a.ID, Label: a.NameIn(p.Lang)})
	}
	return out
}

// stateOf takes the state from "<procedure>.<state>".
func stateOf(s string) string { return s[strings.LastIndexByte(s, '.')+1:] }

func sorted(q listQuery, by string) sortLink {
	now := q.Sort
	if now == "" {
		now = "due"
	}
	switch now {
	case by:
		return sortLink{q.with("sort", "-"+by).href(), "▲", "ascending"}
	case "-" + by:
		return sortLink{q.with("sort", by).href(), "▼", "descending"}
	}
	return sortLink{Href: q.with("sort", by).href()}
}

func (v *visit) row(p *web.Page, q listQuery, it ledger.Item) listRow {
	ref := string(it.Ref)
	final := v.final(it.Procedure, it.State)
	r := listRow{
		Ref: ref, Title: it.Title, Href: q.caseHref(ref), PeekHref: q.peek(ref).href(), On: q.Peek == ref,
		Pill: deadline(p, it.Due, it.Paused, final), Icon: v.icon(it.Category), Category: p.T("category." + it.Category),
		State: p.T("state." + it.Procedure + "." + it.State), Address: it.Address,
		Officer: v.officer(p, it.Assignee),
	}
	if it.Sealed {
		r.Title = p.T("desk.sealed")
	} else if r.Title == "" {
		r.Title = r.Category
	}
	if it.PlaceUnit != "" {
		r.Place = "unit." + string(it.PlaceUnit)
	}
	switch {
	case final:
		r.Clock = p.T("desk.row.opened", "date", p.Short(it.Opened))
	case !it.Due.IsZero():
		r.Clock = p.T("clock."+it.Procedure+"."+it.Clock) + " " + shortDue(p, it.Due)
	}
	if it.Holder != v.who.Home() {
		r.Stage = short(p, it.Holder)
	}
	r.Tags = v.rowTags(p, it, final)
	return r
}

// shortDue says a deadline by its day, with the time unless that is the end of the day.
func shortDue(p *web.Page, due time.Time) string {
	if t := web.HourOf(due, p.Site.Zone); t != "24:00" {
		return p.Short(due) + " " + t
	}
	return p.Short(due)
}

func (v *visit) rowTags(p *web.Page, it ledger.Item, final bool) []web.Tag {
	var out []web.Tag
	if it.Sealed {
		out = append(out, web.Tag{Class: "seal", Icon: "lock", Label: p.T("desk.tag.sealed")})
	}
	if it.Joint {
		out = append(out, web.Tag{Class: "info", Icon: "people", Label: p.T("desk.tag.joint")})
	}
	if it.Late && !final {
		out = append(out, web.Tag{Class: "bad", Label: p.T("desk.tag.late")})
	}
	if it.Raised > 0 {
		out = append(out, web.Tag{Class: "warn", Icon: "up", Label: p.N("desk.tag.raised", it.Raised)})
	}
	if it.Offered != "" {
		out = append(out, web.Tag{Class: "info", Icon: "route", Label: p.T("desk.tag.offered", "unit", short(p, it.Offered))})
	}
	if it.Assignee == "" && !final {
		out = append(out, web.Tag{Class: "warn", Label: p.T("desk.tag.unassigned")})
	}
	if it.Files > 0 {
		out = append(out, web.Tag{Icon: "camera", Label: p.N("desk.tag.files", it.Files)})
	}
	if it.Outcome != "" && (final || v.waits(it.Procedure, it.State)) { // a contested answer does not stand
		out = append(out, web.Tag{Class: "line", Label: p.T("outcome." + it.Procedure + "." + it.Outcome)})
	}
	return out
}

// final reports whether a state ends a case, by the current pack; older packs keep their states' names.
func (v *visit) final(procedure, state string) bool {
	if d := v.pack.Procedures[procedure]; d != nil {
		if s, ok := d.State(state); ok {
			return s.Final
		}
	}
	return false
}

// waits reports whether it is the resident's turn in a state.
func (v *visit) waits(procedure, state string) bool {
	if d := v.pack.Procedures[procedure]; d != nil {
		if s, ok := d.State(state); ok {
			return theirs(*s)
		}
	}
	return false
}

func (v *visit) icon(category string) string {
	c, ok := v.pack.Category(category)
	if !ok {
		return "more"
	}
	if c.Icon != "" {
		return c.Icon
	}
	for _, g := range v.pack.Groups {
		if g.ID == c.Group {
			return g.Icon
		}
	}
	return "more"
}

func pager(p *web.Page, q listQuery, page ledger.Page) web.Pager {
	g := web.Pager{Words: p.N("desk.list.rows", len(page.Items))}
	if q.After != "" {
		g.Prev = q.page("").href()
	}
	if page.Next != "" {
		g.Next = q.page(page.Next).href()
	}
	return g
}

// blank says what an empty list means and offers one way on.
func blank(p *web.Page, q listQuery) web.Blank {
	plain := listQuery{View: q.View, Unit: q.Unit}
	if q.View == "search" {
		plain.View = "todo"
	}
	if q.Q != "" {
		return web.Blank{Icon: "search", Title: p.T("query.blank"), Next: p.T("query.blank.next"), Way: web.Link{Href: plain.href(), Label: p.T("desk.blank.filtered.way")}}
	}
	if q.encode() != plain.encode() {
		return web.Blank{Icon: "search", Title: p.T("desk.blank.filtered"), Next: p.T("desk.blank.filtered.next"),
			Way: web.Link{Href: plain.href(), Label: p.T("desk.blank.filtered.way")}}
	}
	b := web.Blank{Icon: "check", Title: p.T("desk.blank." + q.View), Next: p.T("desk.blank." + q.View + ".next")}
	if q.View != "todo" {
		b.Way = web.Link{Href: "/desk/cases", Label: p.T("desk.view.todo")}
	} else {
		b.Way = web.Link{Href: "/desk/new", Label: p.T("desk.new")}
	}
	return b
}

// peek is the side panel: the row in focus on wide screens.
type peek struct {
	Row    listRow
	Acts   []actButton
	Text   string
	Facts  []web.Fact
	Plan   *Plan
	Latest []web.Entry
}

func (v *visit) peek(p *web.Page, q listQuery) (*peek, error) {
	c, err := v.Reader.Case(v.ctx(), v.scope, q.Peek)
	if missing(err) {
		return nil, nil // it may have left the officer's units since the list was drawn
	}
	if err != nil {
		return nil, err
	}
	if c.Sealed != "" { // the list may be read over a shoulder
		return &peek{Row: v.row(p, q, v.itemOf(c)), Text: p.T("desk.seal", "unit", p.T("unit."+string(c.Sealed)))}, nil
	}
	open, err := v.open(c)
	if err != nil {
		return nil, err
	}
	c = open.c
	sheet, err := v.sheet(p, open, q, true)
	if err != nil {
		return nil, err
	}
	out := &peek{Row: v.row(p, q, v.itemOf(c)), Acts: sheet.Acts, Text: c.Text, Facts: sheet.Facts, Plan: sheet.Plan, Latest: sheet.Timeline}
	if len(out.Latest) > 3 {
		out.Latest = out.Latest[:3]
	}
	if len(out.Acts) > 5 {
		out.Acts = out.Acts[:5]
	}
	return out, nil
}

// itemOf is a case as a row of the list.
func (v *visit) itemOf(c casework.Case) ledger.Item {
	it := ledger.Item{Ref: c.Ref, Title: c.Title, State: c.State, Procedure: c.Procedure, Programme: c.Programme, Category: c.Category,
		Holder: c.Holder, Offered: c.Offered, PlaceUnit: c.Place.Unit, Assignee: c.Assignee, Paused: anyPaused(c),
		Opened: c.Opened, Files: len(c.Files), Raised: c.Raised, Late: c.Late, Outcome: c.Outcome, Address: c.Place.Address, Joint: len(c.Joint) > 0, Sealed: c.Sealed != ""}
	if it.Title = v.heading(c); it.Title == "" {
		it.Address = ""
	}
	if it.Sealed {
		it.Title, it.Address, it.PlaceUnit = "", "", ""
	}
	if k, ok := c.Due(); ok {
		it.Due, it.Clock = k.Due, k.ID
	}
	return it
}

// backTo is the list a page was opened from.
func backTo(u url.Values) string {
	q, _ := inList(u)
	if q.View == "" {
		return "/desk/cases"
	}
	return q.href()
}
