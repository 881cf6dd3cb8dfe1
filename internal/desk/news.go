package desk

import (
	"errors"
	"net/http"
	"net/url"
	"time"

	"comity/internal/ledger"
	"comity/internal/web"
	"comity/internal/worktime"
)

// newsPage is what became late or at risk in a unit and below.
type newsPage struct {
	Heading, Sub string
	Kind         string
	Unit, Since  string
	Today        string
	Tabs         []viewLink
	Rows         []newsRow
	Units        []web.Choice
	Pager        web.Pager
	Blank        web.Blank
}

// newsRow is one case, with what happened and when.
type newsRow struct {
	listRow
	When, ISO string
	What      string
}

var newsKinds = []ledger.NewsKind{ledger.NewsLate, ledger.NewsRisk}

func (v *visit) news() error {
	unit, err := v.unit()
	if err != nil {
		return err
	}
	u := v.r.URL.Query()
	kind := ledger.NewsLate
	if u.Get("kind") == string(ledger.NewsRisk) {
		kind = ledger.NewsRisk
	}
	since, err := time.ParseInLocation(time.DateOnly, u.Get("since"), v.site.Zone)
	if err != nil {
		since = v.lastWorkday()
	}
	found, err := v.Reader.News(v.ctx(), v.scope, ledger.NewsFilter{Unit: unit, Kind: kind, Since: since, Limit: pageSize, After: u.Get("after")})
	var bad *ledger.BadFilter
	if errors.As(err, &bad) {
		return web.ErrNotFound
	}
	if err != nil {
		return err
	}
	p := v.page("desk.news.title")
	data := newsPage{Heading: p.T("desk.news.title"), Sub: p.T("desk.list.unit", "unit", short(p, unit)) + p.T("desk.sep") + p.T("desk.news.since", "date", p.Day(since)),
		Kind: string(kind), Unit: u.Get("unit"), Since: since.Format(time.DateOnly), Today: v.today(), Units: v.unitsBelow(p, v.who.Home())}
	address := func(kind ledger.NewsKind, after string) string {
		q := url.Values{"kind": {string(kind)}, "since": {data.Since}}
		for name, value := range map[string]string{"unit": data.Unit, "after": after} {
			if value != "" {
				q.Set(name, value)
			}
		}
		return "/desk/news?" + q.Encode()
	}
	for _, k := range newsKinds {
		data.Tabs = append(data.Tabs, viewLink{Href: address(k, ""), Label: p.T("desk.news." + string(k)), Current: k == kind})
	}
	for _, n := range found.News {
		data.Rows = append(data.Rows, newsRow{listRow: v.row(p, listQuery{View: "open"}, n.Item), When: when(p, v.now, n.At), ISO: p.ISO(n.At),
			What: p.T("clock." + n.Item.Procedure + "." + n.Clock)})
	}
	data.Pager = web.Pager{Words: p.N("desk.list.rows", len(data.Rows))}
	if u.Get("after") != "" {
		data.Pager.Prev = address(kind, "")
	}
	if found.Next != "" {
		data.Pager.Next = address(kind, found.Next)
	}
	data.Blank = web.Blank{Icon: "check", Title: p.T("desk.news.none." + string(kind)), Next: p.T("desk.news.none.next"), Way: web.Link{Href: "/desk/cases?view=overdue", Label: p.T("desk.view.overdue")}}
	return v.write(p, http.StatusOK, newsBody(p, data))
}

// lastWorkday is the beginning of the last day before today on which the office worked, by the calendar
// of the first procedure.
func (v *visit) lastWorkday() time.Time {
	today := midnight(v.now, v.site.Zone)
	ids := v.procedures()
	if len(ids) == 0 {
		return today.AddDate(0, 0, -1)
	}
	cal := v.pack.Procedures[ids[0]].Calendar
	day := cal.DayAt(v.now) - 1
	for range 60 { // longer than any run of holidays
		if cal.Working(day) {
			break
		}
		day--
	}
	return midnightOf(day, v.site.Zone)
}

func midnightOf(day worktime.Day, zone *time.Location) time.Time {
	y, m, d := day.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, zone)
}
