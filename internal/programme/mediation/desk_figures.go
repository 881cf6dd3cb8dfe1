package mediation

import (
	"context"
	"encoding/csv"
	"net/http"
	"slices"
	"strconv"
	"time"

	"comity/internal/db"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/programme"
	"comity/internal/stat"
	"comity/internal/web"
	"comity/internal/worktime"
)

// figuresPage is the statistics of what ended in a year, over all that the officer reads and up to the end of
// the last whole month: no page of another day or of a part of the city can be held against it.
type figuresPage struct {
	Title, Year string
	Years       []web.Choice
	Tables      []tableView
	CSV         string
	Least       string
}

type tableView struct {
	ID, Title string
	Head      []string
	Rows      [][]string
	Hidden    bool
	Empty     bool
	Withheld  bool // not shown at all: with the other table a small count could be reckoned
}

// asks reads which year a page of figures is about.
func asks(o *programme.Officer, p *pack.Pack) (year int, from, to time.Time) {
	now := o.Site.Now().In(p.Zone)
	year, err := strconv.Atoi(o.R.URL.Query().Get("year"))
	if err != nil || year < 2000 || year > now.Year() {
		year = now.Year()
	}
	from, to = time.Date(year, 1, 1, 0, 0, 0, 0, p.Zone), time.Date(year+1, 1, 1, 0, 0, 0, 0, p.Zone)
	if month := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, p.Zone); to.After(month) {
		to = month
	}
	return year, from, to
}

func (s *service) figures(o *programme.Officer) error {
	p, err := s.open()
	if err != nil {
		return err
	}
	page := o.Page("mediation.figures.title")
	year, from, to := asks(o, p)
	v := figuresPage{Title: page.Title, Year: strconv.Itoa(year), Least: strconv.Itoa(p.Mediation.Figures.Least)}
	now := o.Site.Now().In(p.Zone)
	for y := now.Year(); y > now.Year()-5; y-- {
		v.Years = append(v.Years, web.Choice{Value: strconv.Itoa(y), Label: strconv.Itoa(y)})
	}
	v.CSV = href("figures.csv") + "?year=" + v.Year
	if v.Tables, err = s.tables(o, page, p, from, to); err != nil {
		return err
	}
	return o.Write(page, http.StatusOK, figuresBody(page, v))
}

// tables are what ended: by field and outcome, and by level and outcome. They count the same matters, so what one
// hides the other could give away. Where both show every sum over an outcome, each was protected with these sums
// known, and nothing else joins them. Where not, levels are shown without outcomes, if both show how many there
// were in all, and else not at all.
func (s *service) tables(o *programme.Officer, page *web.Page, p *pack.Pack, from, to time.Time) ([]tableView, error) {
	ctx := o.R.Context()
	var list []tally
	if err := s.DB.View(ctx, func(tx *db.Tx) (err error) { list, err = ended(ctx, tx, from, to); return err }); err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(t tally) bool { return !sees(p, o.Actor, t.Unit) })
	if len(list) == 0 {
		return []tableView{{ID: "field", Title: page.T("mediation.figures.field"), Empty: true}}, nil
	}
	_, key := fieldsOf(p)
	named := func(key, other string) string {
		if key == "" || !page.Has(key) {
			key = other
		}
		return page.T(key)
	}
	field := func(t tally) string { return named(key[t.Field], "mediation.field.none") }
	outcome := func(t tally) string { return named("outcome."+t.Procedure+"."+t.Outcome, "mediation.outcome.none") }
	level := func(t tally) string {
		u, _ := p.Units.Unit(t.Unit)
		return page.T("mediation.level." + u.Level.String())
	}
	least := p.Mediation.Figures.Least
	fields, err := protected(list, least, field, outcome)
	if err != nil {
		return nil, err
	}
	levels, err := protected(list, least, level, outcome)
	if err != nil {
		return nil, err
	}
	out := []tableView{viewOf(page, fields, "field")}
	if whole(fields) && whole(levels) {
		return append(out, viewOf(page, levels, "level")), nil
	}
	all := page.T("mediation.figures.ended")
	if levels, err = protected(list, least, level, func(tally) string { return all }); err != nil {
		return nil, err
	}
	_, a := fields.Sum.Value()
	if _, b := levels.Sum.Value(); a && b {
		return append(out, viewOf(page, levels, "level")), nil
	}
	return append(out, tableView{ID: "level", Title: page.T("mediation.figures.level"), Withheld: true}), nil
}

// whole reports a table that shows every sum over a column.
func whole(t stat.Published) bool {
	_, shown := t.Sum.Value()
	return shown && !slices.ContainsFunc(t.ColSums, func(c stat.Count) bool { _, shown := c.Value(); return !shown })
}

// protected is one table as it may be shown.
func protected(list []tally, least int, row, col func(tally) string) (stat.Published, error) {
	var t stat.Table
	at := func(names *[]string, name string) int {
		if i := slices.Index(*names, name); i >= 0 {
			return i
		}
		*names = append(*names, name)
		return len(*names) - 1
	}
	for _, x := range list {
		at(&t.Rows, row(x))
		at(&t.Cols, col(x))
	}
	for range t.Rows {
		t.N = append(t.N, make([]int, len(t.Cols)))
	}
	for _, x := range list {
		t.N[at(&t.Rows, row(x))][at(&t.Cols, col(x))] += x.N
	}
	return stat.Protect(t, least)
}

func viewOf(page *web.Page, pub stat.Published, id string) tableView {
	v := tableView{ID: id, Title: page.T("mediation.figures." + id)}
	show := func(c stat.Count) string {
		if _, shown := c.Value(); !shown {
			v.Hidden = true
			return page.T("stat.withheld")
		}
		return c.String()
	}
	v.Head = append(append([]string{page.T("mediation.figures.row." + id)}, pub.Cols...), page.T("stat.sum"))
	for i, name := range pub.Rows {
		line := []string{name}
		for _, c := range pub.Cells[i] {
			line = append(line, show(c))
		}
		v.Rows = append(v.Rows, append(line, show(pub.RowSums[i])))
	}
	last := []string{page.T("stat.sum")}
	for _, c := range pub.ColSums {
		last = append(last, show(c))
	}
	v.Rows = append(v.Rows, append(last, show(pub.Sum)))
	return v
}

// figuresCSV is the same tables, hidden in the same way.
func (s *service) figuresCSV(o *programme.Officer) error {
	p, err := s.open()
	if err != nil {
		return err
	}
	page := o.Page("mediation.figures.title")
	year, from, to := asks(o, p)
	tables, err := s.tables(o, page, p, from, to)
	if err != nil {
		return err
	}
	o.W.Header().Set("Content-Type", "text/csv; charset=utf-8")
	o.W.Header().Set("Content-Disposition", `attachment; filename="mediation-`+strconv.Itoa(year)+`.csv"`)
	if _, err := o.W.Write([]byte("\xef\xbb\xbf")); err != nil { // spreadsheets take it for UTF-8
		return err
	}
	w := csv.NewWriter(o.W)
	for _, t := range tables {
		lines := append([][]string{{t.Title}, t.Head}, t.Rows...)
		for _, line := range append(lines, []string{""}) {
			if err := w.Write(line); err != nil {
				return err
			}
		}
	}
	w.Flush()
	return w.Error()
}

// signalsPage is the control chart of one kind of dispute in one part of the city.
type signalsPage struct {
	Title, Unit, Field string
	Units, Fields      []web.Choice
	What               string
	SVG                string
	Head               []string
	Rows               [][]string
	Method             []string
	Found              []signalRow
}

type signalRow struct{ Href, What, Week, Sign string }

// weeksBack is how many weeks a chart shows.
const weeksBack = 52

func (s *service) signals(o *programme.Officer) error {
	p, err := s.open()
	if err != nil {
		return err
	}
	page := o.Page("mediation.signals.title")
	values, key := fieldsOf(p)
	unit := chosenUnit(p, o)
	v := signalsPage{Title: page.Title, Unit: string(unit), Field: o.R.URL.Query().Get("field"), Units: unitChoices(page, readable(p, o))}
	if !slices.Contains(values, v.Field) {
		v.Field = ""
	}
	for _, f := range values {
		v.Fields = append(v.Fields, web.Choice{Value: f, Label: page.T(key[f])})
	}
	weeks, err := s.weekly(o.R.Context(), p, o.Site.Now())
	if err != nil {
		return err
	}
	say := stat.Words{T: page.T, Day: func(t time.Time) string { return page.ShortDate(t, p.Zone) }}
	here := func(f string, u org.UnitID) func(tally) bool {
		return func(t tally) bool { return (f == "" || t.Field == f) && within(p, o, u, t.Unit) }
	}
	c, err := weeks.chart(p, here(v.Field, unit))
	if err != nil {
		return err
	}
	v.What = page.T("mediation.signals.all")
	if v.Field != "" {
		v.What = page.T(key[v.Field])
	}
	if unit != "" {
		v.What += " · " + page.T("unit."+string(unit))
	}
	v.SVG = c.SVG(say, stat.Options{What: v.What})
	v.Head, v.Rows = c.Table(say)
	v.Method = c.Method.Explain(say)
	if v.Found, err = foundIn(page, p, o, weeks, values, key, say); err != nil {
		return err
	}
	return o.Write(page, http.StatusOK, signalsBody(page, v))
}

// week is what came in during one week, by issue and place.
type week struct {
	begins time.Time
	list   []tally
}

type weekly []week

// weekly reads the weeks of a year, each from Monday. The week that is under way is left out: it is not over.
func (s *service) weekly(ctx context.Context, p *pack.Pack, now time.Time) (out weekly, err error) {
	monday := mondayOf(dayOf(now, p.Zone))
	err = s.DB.View(ctx, func(tx *db.Tx) error {
		for i := weeksBack; i > 0; i-- {
			from := monday - worktime.Day(7*i)
			list, err := cameIn(ctx, tx, on(from, 0, p.Zone), on(from+7, 0, p.Zone))
			if err != nil {
				return err
			}
			out = append(out, week{on(from, 0, p.Zone), list})
		}
		return nil
	})
	return out, err
}

// chart judges each week by those before it. Small counts are hidden before the method sees them.
func (w weekly) chart(p *pack.Pack, keep func(tally) bool) (stat.Chart, error) {
	least := p.Mediation.Figures.Least
	var weeks []stat.Week
	for _, x := range w {
		n := 0
		for _, t := range x.list {
			if keep(t) {
				n += t.N
			}
		}
		weeks = append(weeks, stat.Week{Begins: x.begins, Count: stat.Hide(n, least)})
	}
	m := stat.Standard
	m.Least = least
	return stat.Watch(weeks, m)
}

// foundIn looks through every kind of dispute in every street and above that the officer reads, for weeks out of the ordinary
// in the last two months.
func foundIn(page *web.Page, p *pack.Pack, o *programme.Officer, weeks weekly, values []string, key map[string]string, say stat.Words) (out []signalRow, err error) {
	for _, id := range p.Units.All() {
		u, _ := p.Units.Unit(id)
		if u.Level > org.Street || len(u.Roles) == 0 || !sees(p, o.Actor, id) {
			continue
		}
		for _, f := range values {
			c, err := weeks.chart(p, func(t tally) bool { return t.Field == f && within(p, o, id, t.Unit) })
			if err != nil {
				return nil, err
			}
			for _, pt := range c.Points[max(0, len(c.Points)-8):] {
				if pt.Signal == stat.None {
					continue
				}
				out = append(out, signalRow{href("signals") + "?field=" + f + "&unit=" + string(id), page.T(key[f]) + " · " + page.T("unit."+string(id)),
					say.Day(pt.Begins), page.T("stat.signal." + string(pt.Signal))})
			}
		}
	}
	return out, nil
}
