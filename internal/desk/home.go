package desk

import (
	"net/http"
	"slices"
	"strconv"

	"comity/internal/ledger"
	"comity/internal/org"
	"comity/internal/web"
)

// homePage is the unit's home: figures that each lead to their list.
type homePage struct {
	Unit    string // text key
	Up      string // home of the unit above, if it is the officer's to see
	UpKey   string
	Sub     string
	Figures []figure
	Groups  []stateGroup
	Units   []unitRow
	Rows    []listRow
	More    string
	Others  []web.Link // further units of the officer

	Invariants *invariantsCard // for who stands at the top
}

type figure struct{ Label, Count, Href, Class string }

type stateGroup struct {
	Name  string
	Icon  string
	Lines []stateLine
}

type stateLine struct {
	Label, Count, Href string
	Width              string // of its bar, per cent
}

type unitRow struct {
	Key, Href, List, Open, Overdue, OverdueHref string
}

// firstRows is how many of the next deadlines the home shows.
const firstRows = 8

func (v *visit) home() error {
	unit, err := v.unit()
	if err != nil {
		return err
	}
	c, err := v.Reader.Counts(v.ctx(), v.scope, unit, v.endOfToday())
	if err != nil {
		return err
	}
	p := v.page("desk.home.title", "unit", v.site.Text.In(v.site.Lang(v.r)).T("unit."+string(unit)))
	q := listQuery{View: "todo"}
	if unit != v.who.Home() {
		q.Unit = string(unit)
	}
	data := homePage{Unit: "unit." + string(unit), Sub: p.Moment(v.now), Figures: v.figures(p, q, c), Groups: v.byState(p, q, c.ByState), Units: v.byUnit(q, c.ByUnit), More: q.href()}
	if up, ok := v.pack.Units.Superior(unit); ok && v.reads(up) {
		data.Up, data.UpKey = "/desk?unit="+string(up), "unit."+string(up)
	}
	for _, g := range v.who.Grants {
		if g.Unit != unit && !slices.ContainsFunc(data.Others, func(l web.Link) bool { return l.Href == "/desk?unit="+string(g.Unit) }) {
			data.Others = append(data.Others, web.Link{Href: "/desk?unit=" + string(g.Unit), Label: p.T("unit." + string(g.Unit))})
		}
	}
	page, err := v.Reader.Worklist(v.ctx(), v.scope, ledger.Filter{Unit: unit, States: v.narrow(nil, ours), Limit: firstRows})
	if err != nil {
		return err
	}
	if err := v.learn(p, page.Items); err != nil {
		return err
	}
	for _, it := range page.Items {
		data.Rows = append(data.Rows, v.row(p, q, it))
	}
	if data.Invariants, err = v.invariantsCard(p); err != nil {
		return err
	}
	return v.write(p, http.StatusOK, homeBody(p, data))
}

func (v *visit) figures(p *web.Page, q listQuery, c ledger.Counts) []figure {
	today := q.with("view", "open").with("due", midnight(v.now, v.site.Zone).Format("2006-01-02"))
	fig := func(key string, n int, to listQuery, class string) figure {
		if n == 0 {
			class = ""
		}
		return figure{Label: p.T("desk.home." + key), Count: strconv.Itoa(n), Href: to.href(), Class: class}
	}
	figures := []figure{
		fig("todo", v.sum(c.ByState, ours), q, ""),
		fig("overdue", c.Overdue, q.with("view", "overdue"), "over"),
		fig("today", c.Today, today, "today"),
		fig("unassigned", c.Unassigned, q.with("view", "unassigned"), ""),
		fig("offered", c.Offered, q.with("view", "offered"), ""),
		fig("resident", v.sum(c.ByState, theirs), q.with("view", "resident"), ""),
		fig("open", c.Open, q.with("view", "open"), ""),
	}
	if n := v.followers(c.ByState); n > 0 { // the same reports, each matter once
		figures = append(figures, fig("matters", c.Open-n, q.with("view", "open"), ""))
	}
	return figures
}

// followers counts the reports that wait for the answer of another one.
func (v *visit) followers(counts []ledger.StateCount) (n int) {
	for _, c := range counts {
		if d := v.pack.Procedures[c.Procedure]; d != nil {
			if _, waits := d.Hearing(c.State, ""); waits != nil {
				n += c.N
			}
		}
	}
	return n
}

func (v *visit) byState(p *web.Page, q listQuery, counts []ledger.StateCount) []stateGroup {
	var out []stateGroup
	most := 1
	for _, s := range counts {
		most = max(most, s.N)
	}
	at := map[string]int{}
	for _, id := range v.procedures() {
		d := v.pack.Procedures[id]
		for _, st := range d.States {
			i := slices.IndexFunc(counts, func(s ledger.StateCount) bool { return s.Procedure == id && s.State == st.ID })
			if i < 0 {
				continue
			}
			g, ok := at[d.Programme]
			if !ok {
				g = len(out)
				at[d.Programme] = g
				out = append(out, stateGroup{Name: p.T("programme." + d.Programme), Icon: v.pack.Icons[id]})
			}
			n := counts[i].N
			out[g].Lines = append(out[g].Lines, stateLine{Label: p.T("state." + id + "." + st.ID), Count: strconv.Itoa(n),
				Href: q.with("view", "open").with("state", id+"."+st.ID).href(), Width: percent(100 * float64(n) / float64(most))})
		}
	}
	return out
}

// procedures lists the procedures in a stable order.
func (v *visit) procedures() []string {
	var ids []string
	for id := range v.pack.Procedures {
		if v.here(id) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

func (v *visit) byUnit(q listQuery, counts []ledger.UnitCount) []unitRow {
	var out []unitRow
	for _, c := range counts {
		if u, _ := v.pack.Units.Unit(c.Unit); len(u.Roles) == 0 && c.Open == 0 {
			continue
		}
		to := q.with("view", "open").with("unit", string(c.Unit))
		r := unitRow{Key: "unit." + string(c.Unit), Href: homeOf(c.Unit), List: to.href(), Open: strconv.Itoa(c.Open), Overdue: strconv.Itoa(c.Overdue)}
		if c.Overdue > 0 {
			r.OverdueHref = to.with("view", "overdue").href()
		}
		out = append(out, r)
	}
	return out
}

func homeOf(unit org.UnitID) string { return "/desk?unit=" + string(unit) }
