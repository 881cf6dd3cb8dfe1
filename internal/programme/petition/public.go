package petition

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"comity/internal/db"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/programme"
	"comity/internal/web"
	"comity/internal/worktime"
)

// How far the public calendar looks: it begins today, and a feed keeps what is just over, so that
// a cancellation reaches whoever fetches it a little late.
const (
	ahead  = 2 * 366
	behind = 31
)

// dayView is a day as everybody sees it.
type dayView struct {
	Date, ISO, Hours string
	Who, Unit        string
	Topics, Place    string
	Room             string // how many slots are free, or that there is a waiting list
	Closes           string
	Cancelled        string // with the reason
	File             string // the day for a calendar program
}

type monthView struct {
	Name string
	Days []dayView
}

// calendarPage is the public list.
type calendarPage struct {
	Months       []monthView
	Unit, Month  string
	Units, Spans []web.Choice
	Feed         string
	Law, Article string
	Filtered     bool
}

// published lists the days everybody may see.
func (r *receptions) published(ctx context.Context, from, to worktime.Day) (out []Day, bookings map[int64][]Booking, err error) {
	bookings = map[int64][]Booking{}
	err = r.DB.View(ctx, func(tx *db.Tx) error {
		all, err := daysBetween(ctx, tx, from, to)
		if err != nil {
			return err
		}
		for _, d := range all {
			if d.Published.IsZero() {
				continue
			}
			out = append(out, d)
			if bookings[d.ID], err = bookingsOf(ctx, tx, d.ID); err != nil {
				return err
			}
		}
		return nil
	})
	return out, bookings, err
}

func (r *receptions) calendar(v *programme.Visitor) error {
	p, err := r.open()
	if err != nil {
		return err
	}
	now := today(v.Site.Now(), p.Zone)
	all, bookings, err := r.published(v.R.Context(), now, now+ahead)
	if err != nil {
		return err
	}
	page := v.Page("reception.title")
	l := law(p)
	q := v.R.URL.Query()
	c := calendarPage{Unit: q.Get("unit"), Month: q.Get("month"), Law: page.Law(l), Article: page.Article(l), Feed: "/reception.ics"}
	c.Filtered = c.Unit != "" || c.Month != ""
	if c.Unit != "" {
		c.Feed += "?unit=" + url.QueryEscape(c.Unit)
	}
	for _, d := range all {
		c.choices(page, d)
		if (c.Unit != "" && c.Unit != string(d.Unit)) || (c.Month != "" && c.Month != monthOf(d.Date)) {
			continue
		}
		name := monthWords(page, d.Date)
		if len(c.Months) == 0 || c.Months[len(c.Months)-1].Name != name {
			c.Months = append(c.Months, monthView{Name: name})
		}
		m := &c.Months[len(c.Months)-1]
		m.Days = append(m.Days, r.shown(page, p, d, bookings[d.ID], now))
	}
	return v.Write(page, http.StatusOK, calendarBody(page, c))
}

// choices adds what the list can be narrowed to.
func (c *calendarPage) choices(page *web.Page, d Day) {
	add := func(list *[]web.Choice, value, label string) {
		if !slices.ContainsFunc(*list, func(o web.Choice) bool { return o.Value == value }) {
			*list = append(*list, web.Choice{Value: value, Label: label})
		}
	}
	add(&c.Units, string(d.Unit), page.T("unit."+string(d.Unit)))
	add(&c.Spans, monthOf(d.Date), monthWords(page, d.Date))
}

func monthOf(d worktime.Day) string { return d.String()[:7] }

func monthWords(page *web.Page, d worktime.Day) string {
	year, month, _ := d.Date()
	return page.T("reception.month", "month", page.T("date.month."+strconv.Itoa(int(month))), "year", strconv.Itoa(year))
}

func (r *receptions) shown(page *web.Page, p *pack.Pack, d Day, bookings []Booking, now worktime.Day) dayView {
	v := dayView{Date: dateOf(page.Speaker, d.Date), ISO: d.Date.String(), Hours: hoursOf(page.Speaker, d, p.Zone), Who: whoOf(page.Speaker, d),
		Unit: page.T("unit." + string(d.Unit)), Topics: d.Topics, Place: d.Place, File: "/reception/" + strconv.FormatInt(d.ID, 10) + ".ics"}
	if !d.Cancelled.IsZero() {
		v.Cancelled = page.T("reception.cancelled", "why", d.CancelledWhy)
		return v
	}
	v.Closes = page.T("reception.closes", "when", dateOf(page.Speaker, d.Closes))
	v.Room = page.T("reception.room.closed")
	if d.Open(now) {
		v.Room = page.T("reception.room.full")
		if n := len(free(d, bookings)); n > 0 {
			v.Room = page.N("reception.room.free", n, "all", strconv.Itoa(d.Slots))
		}
	}
	return v
}

// feed is the calendar for programs that keep one: all days, or those of a unit.
func (r *receptions) feed(v *programme.Visitor) error {
	p, err := r.open()
	if err != nil {
		return err
	}
	now := today(v.Site.Now(), p.Zone)
	days, _, err := r.published(v.R.Context(), now-behind, now+ahead)
	if err != nil {
		return err
	}
	if unit := org.UnitID(v.R.URL.Query().Get("unit")); unit != "" {
		days = slices.DeleteFunc(days, func(d Day) bool { return d.Unit != unit })
	}
	return r.writeFile(v, days, p.Zone, "reception.ics")
}

// dayFile is one day for a calendar program, under /reception/NUMBER.ics.
func (r *receptions) dayFile(v *programme.Visitor) error {
	p, err := r.open()
	if err != nil {
		return err
	}
	name, ok := strings.CutSuffix(v.R.PathValue("file"), ".ics")
	id, err := strconv.ParseInt(name, 10, 64)
	if !ok || err != nil {
		return errNone
	}
	var d Day
	err = r.DB.View(v.R.Context(), func(tx *db.Tx) (err error) {
		d, err = loadDay(v.R.Context(), tx, id)
		return err
	})
	if err != nil {
		return err
	}
	if d.Published.IsZero() {
		return errNone
	}
	return r.writeFile(v, []Day{d}, p.Zone, "reception-"+name+".ics")
}

func (r *receptions) writeFile(v *programme.Visitor, days []Day, zone *time.Location, name string) error {
	say := v.Page("reception.title").Speaker
	site := v.Site.Origin(v.R)
	file, err := icalendar(say, days, zone, v.Site.Host(v.R), site)
	if err != nil {
		return err
	}
	h := v.W.Header()
	h.Set("Content-Type", "text/calendar; charset=utf-8")
	h.Set("Content-Language", say.Lang)
	h.Set("Content-Disposition", `inline; filename="`+name+`"`)
	h.Set("Cache-Control", "public, max-age=300")
	_, err = v.W.Write(file)
	return err
}

// front leads from the first page to the calendar where the city has receptions.
func (r *receptions) front(page *web.Page) []web.Link {
	if _, err := r.open(); err != nil {
		return nil
	}
	return []web.Link{{Href: "/reception", Label: page.T("reception.title"), Icon: "calendar"}}
}
