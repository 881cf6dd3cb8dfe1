package dataaccess

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"comity/internal/db"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/programme"
	"comity/internal/web"
)

// perPage is how many entries one page of the public list shows.
const perPage = 50

// entryView is an entry as everybody sees it.
type entryView struct {
	Number, Href              string
	Place, Area, Operator     string
	Purpose, Basis            string
	Law, Article              string
	Retention, Count, Contact string
	Changed, ChangedISO       string
	Withdrawn                 string // since when and why
	Footage                   string // where to ask to see a recording
}

// areaView is a part of the city with its entries.
type areaView struct {
	Name    string
	Entries []entryView
}

// camerasPage is the public list.
type camerasPage struct {
	Areas        []areaView
	Query, Unit  string
	Units        []web.Choice
	Found        string
	Filtered     bool
	CSV, JSON    string
	Law, Article string
	Footage      string
	Pager        web.Pager
}

// register reads every entry.
func (a *access) register(ctx context.Context) (out []Entry, err error) {
	err = a.DB.View(ctx, func(tx *db.Tx) (err error) { out, err = everyEntry(ctx, tx); return err })
	return out, err
}

// rules are those of the pack; a city without a register of cameras has no such pages.
func (a *access) rules() (*pack.Pack, error) {
	p := a.Packs.Current()
	if p.Cameras == nil {
		return nil, errNone
	}
	return p, nil
}

// sought lists the standing entries a visitor looks for, by area in the order of the city's units.
func (a *access) sought(v *programme.Visitor, p *pack.Pack, page *web.Page) (fit, all []Entry, err error) {
	entries, err := a.register(v.R.Context())
	if err != nil {
		return nil, nil, err
	}
	q := v.R.URL.Query()
	words, unit := strings.Fields(strings.ToLower(q.Get("q"))), org.UnitID(q.Get("unit"))
	for _, e := range entries {
		if !e.Stands() {
			continue
		}
		all = append(all, e)
		if unit != "" && !p.Units.Under(unit, e.Area) {
			continue
		}
		text := strings.ToLower(strings.Join([]string{e.Place, e.Operator, e.Purpose, page.T("unit." + string(e.Area)), strconv.FormatInt(e.ID, 10)}, " "))
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) }) {
			fit = append(fit, e)
		}
	}
	sortByArea(p, fit)
	return fit, all, nil
}

func sortByArea(p *pack.Pack, list []Entry) {
	rank := map[org.UnitID]int{}
	for i, id := range p.Units.All() {
		rank[id] = i
	}
	slices.SortStableFunc(list, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(rank[a.Area], rank[b.Area]), strings.Compare(a.Place, b.Place), cmp.Compare(a.ID, b.ID))
	})
}

func (a *access) cameras(v *programme.Visitor) error {
	p, err := a.rules()
	if err != nil {
		return err
	}
	page := v.Page("cameras.title")
	fit, all, err := a.sought(v, p, page)
	if err != nil {
		return err
	}
	q := v.R.URL.Query()
	c := camerasPage{Query: q.Get("q"), Unit: q.Get("unit"), Law: page.Law(p.Cameras.Law), Article: page.Article(p.Cameras.Law), Footage: footage(p)}
	c.Filtered = c.Query != "" || c.Unit != ""
	c.Units = areaChoices(p, page, all)
	c.Found = page.N("cameras.found", len(fit))
	filter := url.Values{}
	for _, k := range []string{"q", "unit"} {
		if s := q.Get(k); s != "" {
			filter.Set(k, s)
		}
	}
	c.CSV, c.JSON = address("/cameras.csv", filter), address("/cameras.json", filter)
	from := max(0, min(len(fit), (atoi(q.Get("page"))-1)*perPage))
	to := min(len(fit), from+perPage)
	c.Pager = pager(page, "/cameras", filter, from, to, len(fit))
	for _, e := range fit[from:to] {
		name := page.T("unit." + string(e.Area))
		if len(c.Areas) == 0 || c.Areas[len(c.Areas)-1].Name != name {
			c.Areas = append(c.Areas, areaView{Name: name})
		}
		last := &c.Areas[len(c.Areas)-1]
		last.Entries = append(last.Entries, shownEntry(page, p, e))
	}
	return v.Write(page, http.StatusOK, camerasBody(page, c))
}

func atoi(s string) int { n, _ := strconv.Atoi(s); return n }

func address(path string, q url.Values) string {
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// pager leads to the neighbouring pages of a list.
func pager(page *web.Page, path string, filter url.Values, from, to, n int) web.Pager {
	var g web.Pager
	if n <= perPage {
		return g
	}
	g.Words = page.T("cameras.rows", "from", strconv.Itoa(from+1), "to", strconv.Itoa(to), "all", strconv.Itoa(n))
	turn := func(at int) string {
		q := url.Values{"page": {strconv.Itoa(at/perPage + 1)}}
		for k, v := range filter {
			q[k] = v
		}
		return address(path, q)
	}
	if from > 0 {
		g.Prev = turn(from - perPage)
	}
	if to < n {
		g.Next = turn(to)
	}
	return g
}

// areaChoices are the units above and at the entries, so that a list can be narrowed to a part of the city.
func areaChoices(p *pack.Pack, page *web.Page, entries []Entry) []web.Choice {
	used := map[org.UnitID]bool{}
	for _, e := range entries {
		for _, id := range p.Units.Path(e.Area) {
			used[id] = true
		}
	}
	var out []web.Choice
	for _, id := range p.Units.All() {
		u, _ := p.Units.Unit(id)
		if used[id] && u.Level > org.City {
			out = append(out, web.Choice{Value: string(id), Label: strings.Repeat("\u2003", int(u.Level-org.District)) + page.T("unit."+string(id))})
		}
	}
	return out
}

// footage is where somebody asks to see a recording.
func footage(p *pack.Pack) string {
	if p.Cameras.Footage == "" {
		return ""
	}
	return "/report?category=" + url.QueryEscape(p.Cameras.Footage)
}

func shownEntry(page *web.Page, p *pack.Pack, e Entry) entryView {
	id := strconv.FormatInt(e.ID, 10)
	v := entryView{Number: id, Href: "/cameras/" + id, Place: e.Place, Area: page.T("unit." + string(e.Area)), Operator: e.Operator, Purpose: e.Purpose, Contact: e.Contact,
		Retention: page.N("cameras.days", e.Retention), Count: page.N("cameras.count", e.Cameras), Changed: page.Day(e.Changed), ChangedISO: page.ISO(e.Changed), Footage: footage(p)}
	if b, ok := p.Cameras.Basis(e.Basis); ok {
		v.Basis, v.Law, v.Article = page.T("camera.basis."+b.ID), page.Law(b.Law), page.Article(b.Law)
	}
	if !e.Stands() {
		v.Withdrawn = page.T("cameras.withdrawn", "when", page.Day(e.Withdrawn), "why", e.WithdrawnWhy)
	}
	return v
}

// historyView is one change as everybody reads it; who it was is told by the unit, and at the desk by name
// of the account too.
type historyView struct {
	When, ISO, What, Unit, Actor, Why string
	Values                            []valueView
}

type valueView struct{ Name, Was, Is string }

// entryPage is one entry with its history.
type entryPage struct {
	Entry   entryView
	History []historyView
	Edit    string // address of its pages at the desk; empty where nothing can be changed
	Public  string
	Done    string
}

// found reads the entry of the address with its history.
func (a *access) found(v *programme.Visitor) (Entry, []changed, error) {
	id, err := strconv.ParseInt(v.R.PathValue("id"), 10, 64)
	if err != nil {
		return Entry{}, nil, errNone
	}
	var e Entry
	var history []changed
	ctx := v.R.Context()
	err = a.DB.View(ctx, func(tx *db.Tx) (err error) {
		if e, err = loadEntry(ctx, tx, id); err == nil {
			history, err = historyOf(ctx, tx, id)
		}
		return err
	})
	return e, history, err
}

func (a *access) camera(v *programme.Visitor) error {
	p, err := a.rules()
	if err != nil {
		return err
	}
	e, history, err := a.found(v)
	if err != nil {
		return err
	}
	page := v.Page("cameras.entry.title", "number", strconv.FormatInt(e.ID, 10), "place", e.Place)
	return v.Write(page, http.StatusOK, cameraBody(page, entryPage{Entry: shownEntry(page, p, e), History: told(page, p, history, false)}))
}

// told puts a history into words, newest first.
func told(page *web.Page, p *pack.Pack, history []changed, names bool) []historyView {
	var out []historyView
	for _, c := range slices.Backward(history) {
		h := historyView{When: page.Moment(c.At), ISO: page.ISO(c.At), What: page.T("cameras.log." + c.What), Unit: page.T("unit." + string(c.Unit)), Why: c.Why}
		if names {
			h.Actor = c.Actor
		}
		if c.Before && c.Then {
			was, is := inWords(page, c.Was), inWords(page, c.Became)
			for _, name := range columns {
				if was[name] != is[name] {
					h.Values = append(h.Values, valueView{page.T("cameras.field." + name), was[name], is[name]})
				}
			}
		}
		out = append(out, h)
	}
	return out
}

// inWords are the values of an entry as people read them.
func inWords(page *web.Page, e Entry) map[string]string {
	v := e.values()
	v["area"] = page.T("unit." + string(e.Area))
	if key := "camera.basis." + e.Basis; page.Has(key) {
		v["basis"] = page.T(key)
	}
	return v
}

func (a *access) camerasCSV(v *programme.Visitor) error {
	p, err := a.rules()
	if err != nil {
		return err
	}
	fit, _, err := a.sought(v, p, v.Page("cameras.title"))
	if err != nil {
		return err
	}
	raw, err := table(fit)
	if err != nil {
		return err
	}
	return send(v, "text/csv; charset=utf-8", "cameras.csv", raw)
}

// entryJSON is an entry for programs.
type entryJSON struct {
	Number int64 `json:"number"`
	Entry
	Law     string `json:"law"`
	Article string `json:"article"`
	Changed string `json:"changed"`
	Page    string `json:"page"`
}

func (a *access) camerasJSON(v *programme.Visitor) error {
	p, err := a.rules()
	if err != nil {
		return err
	}
	page := v.Page("cameras.title")
	fit, _, err := a.sought(v, p, page)
	if err != nil {
		return err
	}
	out := make([]entryJSON, 0, len(fit))
	for _, e := range fit {
		b, _ := p.Cameras.Basis(e.Basis)
		out = append(out, entryJSON{Number: e.ID, Entry: e, Law: b.Law.ID, Article: b.Law.Article, Changed: page.ISO(e.Changed),
			Page: v.Site.Origin(v.R) + "/cameras/" + strconv.FormatInt(e.ID, 10)})
	}
	return sendJSON(v, "cameras.json", out)
}
