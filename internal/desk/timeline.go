package desk

import (
	"slices"
	"time"

	"github.com/a-h/templ"

	"comity/internal/casework"
	"comity/internal/explain"
	"comity/internal/form"
	"comity/internal/procedure"
	"comity/internal/web"
)

// timeline tells the events, newest first. publicOnly leaves what the resident can see.
func (v *visit) timeline(p *web.Page, d *procedure.Definition, c casework.Case, events []casework.Event, publicOnly bool) []web.Entry {
	var out []web.Entry
	for _, e := range slices.Backward(events) {
		if publicOnly && !public(d, e) && !v.told(p, d, c, events).ForResident(e) {
			continue
		}
		out = append(out, v.entry(p, d, c, e, events))
	}
	return out
}

// public reports whether the resident sees something of the event.
func public(d *procedure.Definition, e casework.Event) bool {
	switch {
	case e.Note != nil:
		return e.Note.Public
	case e.Opening != nil:
		return true
	case e.Sent != nil:
		return e.Sent.To == procedure.ByResident
	}
	return slices.ContainsFunc(e.Notices, func(n casework.Notice) bool { return n.To == procedure.ByResident }) ||
		slices.ContainsFunc(e.Files, func(f casework.File) bool { return f.Public }) || hasPublicField(d, e)
}

func hasPublicField(d *procedure.Definition, e casework.Event) bool {
	a, ok := d.Act(e.Act)
	return ok && slices.ContainsFunc(a.Fields, func(f form.Field) bool { return f.Public && e.Fields[f.Name] != "" })
}

func (v *visit) entry(p *web.Page, d *procedure.Definition, c casework.Case, e casework.Event, events []casework.Event) web.Entry {
	out := web.Entry{Icon: "next", Title: v.eventWords(p, d, c, e, events), When: when(p, v.now, e.At), ISO: p.ISO(e.At), By: v.byline(p, e)}
	var said []saidField
	switch {
	case e.Note != nil:
		out.Icon, out.Text, out.Public = "lock", e.Note.Text, e.Note.Public
		if e.Note.Public {
			out.Icon, out.Class = "reply", "pub"
		}
	case e.Sent != nil:
		out.Icon = "letter"
		if e.Sent.Error != "" {
			out.Text = p.Problem(e.Sent.Error, nil)
		}
	case e.Opening != nil:
		out.Icon = "inbox"
	case e.Act != "":
		out.Icon, out.Class = dot(d, e)
		said = v.said(p, d, e)
	case len(e.Files) > 0:
		out.Icon = "doc"
	case e.Alert != "" || e.Expired != "" || len(e.Recounted) > 0:
		out.Icon, out.Class = "clock", "hold"
	}
	var files []fileRow
	for _, f := range e.Files {
		files = append(files, v.fileRow(p, c, f, []casework.Event{}))
	}
	papers := v.documentLinks(p, d, c, e)
	if body := entryBody(p, said, files, papers); len(said)+len(files)+len(papers) > 0 {
		out.Body = body
	}
	changes := slices.DeleteFunc(v.told(p, d, c, events).Changes(e), func(change explain.Change) bool {
		_, linked := v.paperOf(p, d, c, change.Document)
		return change.Kind == "document" && linked // told by its link already
	})
	if len(changes) > 0 {
		list := web.ChangesOf(p, web.Changes(changes, v.changeHref))
		if out.Body != nil {
			list = templ.Join(out.Body, list)
		}
		out.Body = list
	}
	return out
}

// dot is how an act looks on the line.
func dot(d *procedure.Definition, e casework.Event) (icon, class string) {
	switch {
	case e.Answers || e.Final:
		return "check", "ok"
	case e.Raised:
		return "up", "hold"
	case e.Offered != "":
		return "route", ""
	case e.Expired != "":
		return "clock", "hold"
	case hasPublicField(d, e):
		return "reply", "pub"
	}
	return "check", ""
}

func (v *visit) eventWords(p *web.Page, d *procedure.Definition, c casework.Case, e casework.Event, events []casework.Event) string {
	switch {
	case e.Note != nil && e.Note.Public && e.By.Role == "resident":
		return p.T("desk.event.noted.resident")
	case e.Note != nil && e.Note.Public:
		return p.T("desk.event.noted.public")
	case e.Note != nil:
		return p.T("desk.event.noted")
	case e.Sent != nil && e.Sent.Error != "":
		return p.T("desk.event.notice.failed", "to", recipient(p, *e.Sent, events))
	case e.Sent != nil:
		return p.T("desk.event.notice.sent", "to", recipient(p, *e.Sent, events))
	case e.Act == "" && e.Opening == nil && len(e.Files) > 0:
		return p.N("desk.event.attached", len(e.Files))
	}
	title, _ := v.told(p, d, c, events).Title(e)
	return title
}

// recipient names whom a message went to: the resident, or the unit the ordering event names.
func recipient(p *web.Page, s casework.Sent, events []casework.Event) string {
	switch s.To {
	case procedure.ByResident:
		return p.T("desk.by.resident")
	case procedure.ByMember:
		return p.T("desk.by.member")
	}
	if s.Seq >= 1 && s.Seq <= len(events) {
		if list := events[s.Seq-1].Notices; s.N < len(list) && list[s.N].Unit != "" {
			return short(p, list[s.N].Unit)
		}
	}
	return p.T("desk.by.unit")
}

// byline is who did it and in whose name.
func (v *visit) byline(p *web.Page, e casework.Event) string {
	by := v.person(p, e.By)
	if e.Behalf {
		by = p.T("desk.by.behalf", "who", by)
	}
	if e.By.Unit != "" && e.By.Role != "system" {
		by += p.T("desk.sep") + short(p, e.By.Unit)
	}
	if e.Sent != nil && e.Sent.Channel != "" {
		by += p.T("desk.sep") + channelName(p, e.Sent.Channel)
	}
	if !e.Recorded.IsZero() {
		by += p.T("desk.sep") + p.T("desk.event.recorded", "when", p.Moment(e.Recorded))
	}
	return by
}

func channelName(p *web.Page, channel string) string {
	if key := "desk.channel." + channel; p.Has(key) {
		return p.T(key)
	}
	return channel
}

// saidField is one answer of an act's form on the timeline.
type saidField struct {
	Label, Value string
	Public       bool
}

func (v *visit) said(p *web.Page, d *procedure.Definition, e casework.Event) []saidField {
	a, ok := d.Act(e.Act)
	if !ok {
		return nil
	}
	var out []saidField
	for _, f := range a.Fields {
		if e.Fields[f.Name] == "" {
			continue
		}
		out = append(out, saidField{Label: p.T("field." + d.ID + "." + a.ID + "." + f.Name), Value: v.fieldWords(p, d, a, f, e.Fields[f.Name]), Public: f.Public})
	}
	return out
}

// fieldWords says an answer in the reader's language where it is a code.
func (v *visit) fieldWords(p *web.Page, d *procedure.Definition, a *procedure.Act, f form.Field, value string) string {
	switch f.Kind {
	case form.Unit:
		return p.T("unit." + value)
	case form.Officer:
		return v.officer(p, value)
	case form.Outcome:
		return p.T("outcome." + d.ID + "." + value)
	case form.Yes:
		return p.T("desk.csv.yes")
	case form.Date:
		return p.CivilDate(value)
	case form.Choice:
		for _, key := range []string{"option." + d.ID + "." + a.ID + "." + f.Name + "." + value, "rating." + value} {
			if p.Has(key) {
				return p.T(key)
			}
		}
	}
	return value
}

// when says a moment of the past shortly: the time alone for today.
func when(p *web.Page, now, at time.Time) string {
	if sameDay(at, now, p.Site.Zone) {
		return p.T("desk.when.today", "time", at.In(p.Site.Zone).Format("15:04"))
	}
	return p.Short(at) + " " + at.In(p.Site.Zone).Format("15:04")
}
