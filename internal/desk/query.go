package desk

import (
	"net/url"
	"slices"
	"time"

	"comity/internal/ledger"
	"comity/internal/org"
	"comity/internal/procedure"
	"comity/internal/query"
	"comity/internal/web"
)

// listQuery is the state of the work list. All of it stands in the address, so that a list can be kept,
// shared and loaded again.
type listQuery struct {
	View      string // one of views
	Unit      string
	State     string // "<procedure>.<state>"
	Programme string
	Category  string
	Holder    string // account id of the officer
	Due       string // over, later or a day 2006-01-02
	Q         string
	Sort      string // due, -due, opened, -opened
	After     string // keyset position
	Peek      string // number of the case in the side panel
}

// views are the saved views, the first is what an empty address shows.
var views = []string{"todo", "mine", "unassigned", "offered", "overdue", "resident", "open", "paused", "search", "closed"}

var sorts = []string{"due", "-due", "opened", "-opened"}

func readQuery(u url.Values) listQuery {
	var q listQuery
	for _, p := range q.parts() {
		*p.value = u.Get(p.name)
	}
	switch {
	case q.View == "" && q.Q != "":
		q.View = "search" // open and closed alike, whoever's turn it is
	case !slices.Contains(views, q.View), q.View == "search" && q.Q == "":
		q.View = views[0]
	}
	if !slices.Contains(sorts, q.Sort) {
		q.Sort = ""
	}
	return q
}

// part is a name in the address and where the query keeps its value.
type part struct {
	name  string
	value *string
}

// parts are all that makes up the list, in the order of the address.
func (q *listQuery) parts() []part {
	return []part{{"view", &q.View}, {"unit", &q.Unit}, {"programme", &q.Programme}, {"state", &q.State}, {"category", &q.Category},
		{"holder", &q.Holder}, {"due", &q.Due}, {"q", &q.Q}, {"sort", &q.Sort}, {"after", &q.After}, {"peek", &q.Peek}}
}

// pairs are the parts as the address has them; what goes without saying is empty.
func (q listQuery) pairs() [][2]string {
	if (q.View == views[0] && q.Q == "") || q.View == "search" {
		q.View = ""
	}
	var out [][2]string
	for _, p := range q.parts() {
		out = append(out, [2]string{p.name, *p.value})
	}
	return out
}

func (q listQuery) encode() string {
	u := url.Values{}
	for _, p := range q.pairs() {
		if p[1] != "" {
			u.Set(p[0], p[1])
		}
	}
	return u.Encode()
}

// plain reports a list that is only narrowed by unit and day: what the due strip counts.
func (q listQuery) plain() bool {
	q.Unit, q.Due, q.Sort, q.After, q.Peek = "", "", "", "", ""
	return q == listQuery{View: "todo"} || q == listQuery{View: "open"}
}

// href is the address of the list.
func (q listQuery) href() string {
	if s := q.encode(); s != "" {
		return "/desk/cases?" + s
	}
	return "/desk/cases"
}

// with is the same list with one part changed, from its first page.
func (q listQuery) with(name, value string) listQuery {
	for _, p := range q.parts() {
		if p.name == name {
			*p.value = value
		}
	}
	q.After, q.Peek = "", ""
	return q
}

// peek is the same page with a case in the side panel.
func (q listQuery) peek(ref string) listQuery { q.Peek = ref; return q }

// page is the same list from a keyset position on; empty is the first page.
func (q listQuery) page(after string) listQuery { q.After, q.Peek = after, ""; return q }

// caseHref is a case opened from this list, so that it knows its neighbours.
func (q listQuery) caseHref(ref string) string {
	q.Peek = ""
	if in := q.encode(); in != "" {
		return "/desk/cases/" + url.PathEscape(ref) + "?in=" + url.QueryEscape(in)
	}
	return "/desk/cases/" + url.PathEscape(ref) + "?in=-"
}

// inList reads the list a case was opened from; false when it was opened alone.
func inList(r url.Values) (listQuery, bool) {
	in := r.Get("in")
	if in == "" {
		return listQuery{}, false
	}
	u, err := url.ParseQuery(in)
	if err != nil || in == "-" {
		u = nil
	}
	return readQuery(u), true
}

// pageSize is how many cases one page of the list shows.
const pageSize = 50

// filter says the query in the ledger's terms. The officer's own unit is what a query without a unit
// means; one outside the scope does not exist.
func (v *visit) filter(q listQuery, typed query.Query) (ledger.Filter, error) {
	f := ledger.Filter{Unit: org.UnitID(q.Unit), Programme: q.Programme, Category: q.Category, Assignee: q.Holder,
		Sort: q.Sort, Limit: pageSize, After: q.After, Both: q.View == "search"}
	if f.Unit == "" {
		f.Unit = v.who.Home()
	}
	if !v.reads(f.Unit) {
		return f, web.ErrNotFound
	}
	if q.State != "" {
		f.States = []string{stateOf(q.State)}
		f.Tests = append(f.Tests, ledger.Test{Field: ledger.TestState, Values: []string{q.State}})
	}
	switch q.View {
	case "todo":
		f.States = v.narrow(f.States, ours)
	case "resident":
		f.States = v.narrow(f.States, theirs)
	case "mine":
		f.Assignee = v.actor.Seat()
	case "unassigned":
		f.Unassigned = true
	case "offered":
		f.Offered = true
	case "overdue":
		f.Late = true
	case "paused":
		f.Paused = true
	case "closed":
		f.Closed = true
		if f.Sort == "" {
			f.Sort = "-opened"
		}
	}
	if err := v.due(q.Due, &f); err != nil {
		return f, err
	}
	v.narrowTyped(typed, &f)
	return f, nil
}

// ours are the states in which a unit has to act, theirs those in which the resident may.
func ours(s procedure.State) bool   { return !s.Final && s.Owner != procedure.OwnerResident }
func theirs(s procedure.State) bool { return !s.Final && s.Owner == procedure.OwnerResident }

// narrow lists the states of every procedure that fit, or those of them that were asked for. None left
// lists nothing, which no state is called.
func (v *visit) narrow(asked []string, fits func(procedure.State) bool) []string {
	var out []string
	for _, id := range v.procedures() {
		for _, s := range v.pack.Procedures[id].States {
			if fits(s) && !slices.Contains(out, s.ID) && (len(asked) == 0 || slices.Contains(asked, s.ID)) {
				out = append(out, s.ID)
			}
		}
	}
	if len(out) == 0 {
		return []string{"-"}
	}
	return out
}

// sum counts the open cases in states that fit.
func (v *visit) sum(counts []ledger.StateCount, fits func(procedure.State) bool) int {
	n := 0
	for _, c := range counts {
		if d := v.pack.Procedures[c.Procedure]; d != nil {
			if s, ok := d.State(c.State); ok && fits(*s) {
				n += c.N
			}
		}
	}
	return n
}

func (v *visit) due(due string, f *ledger.Filter) error {
	switch due {
	case "":
		return nil
	case "over":
		f.Late = true
		f.Both = false
		return nil
	case "later":
		f.Both = false
		f.DueFrom, f.DueBefore = midnight(v.now, v.site.Zone).AddDate(0, 0, stripDays), farAhead
		return nil
	}
	day, err := time.ParseInLocation(time.DateOnly, due, v.site.Zone)
	if err != nil {
		return web.ErrNotFound
	}
	f.Both = false
	f.DueFrom, f.DueBefore = later(day, v.now), day.AddDate(0, 0, 1)
	return nil
}
