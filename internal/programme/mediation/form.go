package mediation

import (
	"net/http"
	"strconv"
	"time"

	"comity/internal/form"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/programme"
	"comity/internal/web"
	"comity/internal/worktime"
)

// formPage is a form of the desk.
type formPage struct {
	Title, Intro, To, Back, Button string
	Key                            string
	Refused                        string
	Controls                       []web.Control
	Mistakes                       []web.Mistake
	Hidden                         map[string]string
	Facts                          []web.Fact
	Way                            web.Link // another way to do the same
	Upload                         string   // name of a file field; empty: none
	Lines                          []string // what is wrong with the lines of a file
}

// list is a field that takes several of its options: a checkbox for each, named FIELD.OPTION.
type list struct {
	Name    string
	Options []string
	key     func(option string) string // where its words are
}

// boxes are the checkboxes of a list as fields of their own.
func (l list) boxes() (out []form.Field) {
	for _, o := range l.Options {
		out = append(out, form.Field{Name: l.Name + "." + o, Kind: form.Yes})
	}
	return out
}

// chosen reads them back.
func (l list) chosen(clean map[string]string) (out []string) {
	for _, o := range l.Options {
		if clean[l.Name+"."+o] == "yes" {
			out = append(out, o)
		}
	}
	return out
}

// tick sets them for a form that is shown.
func (l list) tick(values map[string]string, chosen []string) {
	for _, o := range chosen {
		values[l.Name+"."+o] = "yes"
	}
}

// posted reads the fields of a form that was sent.
func posted(o *programme.Officer, fields []form.Field, more ...string) (map[string]string, error) {
	known := more
	for _, f := range fields {
		known = append(known, f.Name)
	}
	if err := web.ReadForm(o.R, known...); err != nil {
		return nil, err
	}
	raw := map[string]string{}
	for _, f := range fields {
		if v := o.R.PostFormValue(f.Name); v != "" {
			raw[f.Name] = v
		}
	}
	return raw, nil
}

// number reads a number of the address.
func number(s string) (int64, error) {
	id, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, errNone
	}
	return id, nil
}

func atoi(s string) int {
	n, _ := strconv.Atoi(s) // the form has checked it
	return n
}

func href(parts ...string) string {
	out := "/desk/mediation"
	for _, p := range parts {
		out += "/" + p
	}
	return out
}

func idOf(n int64) string { return strconv.FormatInt(n, 10) }

// notYours is the answer to whoever may read and not change.
func notYours() error {
	return &web.Refused{Status: http.StatusForbidden, Rule: "mediation.not_yours"}
}

// hourFields are the questions for a week: one line a day.
func hourFields() (out []form.Field) {
	for _, d := range Weekdays {
		out = append(out, form.Field{Name: d, Kind: form.Text, Max: 60})
	}
	return out
}

// hoursFrom reads a week from its answers.
func hoursFrom(clean map[string]string) (h Hours, bad []form.Problem) {
	for i, d := range Weekdays {
		day, ok := parseDay(clean[d])
		if !ok {
			bad = append(bad, form.Problem{Field: d, Rule: "mediation.hours"})
		}
		h[i] = day
	}
	return h, bad
}

func hourValues(values map[string]string, h Hours) {
	for i, d := range Weekdays {
		values[d] = h.day(i)
	}
}

// officeWeek is what a new form begins with: the mornings and afternoons of working days.
const officeWeek = "mon 09:00-12:00 14:00-17:00; tue 09:00-12:00 14:00-17:00; wed 09:00-12:00 14:00-17:00; thu 09:00-12:00 14:00-17:00; fri 09:00-12:00 14:00-17:00"

// hoursText says a week in words, a day after the other; days without hours are left out.
func hoursText(p *web.Page, h Hours) string {
	out := ""
	for i, d := range Weekdays {
		if len(h[i]) == 0 {
			continue
		}
		if out != "" {
			out += p.T("mediation.semi")
		}
		out += p.T("mediation.day."+d) + " " + h.day(i)
	}
	if out == "" {
		return p.T("mediation.hours.none")
	}
	return out
}

// unitChoices offers units by name.
func unitChoices(p *web.Page, units []org.UnitID) (out []web.Choice) {
	for _, u := range units {
		out = append(out, web.Choice{Value: string(u), Label: p.T("unit." + string(u))})
	}
	return out
}

func ids(units []org.UnitID) (out []string) {
	for _, u := range units {
		out = append(out, string(u))
	}
	return out
}

// whenOf says a session's day and hours.
func whenOf(p *web.Page, s Session, zone *time.Location) string {
	if s.Begins.IsZero() {
		return p.T("mediation.when.unknown")
	}
	return p.Date(s.Begins, zone) + " " + hoursOf(p, s.Begins, s.Ends, zone)
}

func hoursOf(p *web.Page, begins, ends time.Time, zone *time.Location) string {
	return p.T("mediation.span", "from", web.HourOf(begins, zone), "to", web.HourOf(ends, zone))
}

// civil says a stored day.
func civil(p *web.Page, d worktime.Day) string { return p.CivilDate(d.String()) }

// logView is one line of a log as a page shows it.
type logView struct{ What, Who, When, ISO, Detail string }

func logViews(o *programme.Officer, page *web.Page, lines []logLine) (out []logView) {
	for _, l := range lines {
		out = append(out, logView{What: page.T("mediation.log." + l.What), Who: nameOf(o, page, l.Actor), When: page.Moment(l.At), ISO: page.ISO(l.At), Detail: l.Detail})
	}
	return out
}

// nameOf is what whoever did something is called. It may read the database, so no transaction is open around it.
func nameOf(o *programme.Officer, page *web.Page, actor string) string {
	switch actor {
	case "resident", "member", "system":
		return page.T("mediation.by." + actor)
	}
	if o.Name == nil {
		return actor
	}
	return o.Name(page, actor)
}

// fieldWords says kinds of disputes.
func fieldWords(page *web.Page, p *pack.Pack, list []string) string {
	_, key := fieldsOf(p)
	return joined(page, list, func(s string) string { return key[s] })
}

func languageWords(page *web.Page, list []string) string {
	return joined(page, list, func(s string) string { return "mediation.language." + s })
}

func joined(page *web.Page, list []string, key func(string) string) string {
	out := ""
	for _, s := range list {
		k := key(s)
		if k == "" || !page.Has(k) {
			continue // a value that this version of the pack has no more
		}
		if out != "" {
			out += page.T("mediation.comma")
		}
		out += page.T(k)
	}
	return out
}
