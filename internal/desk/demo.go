package desk

import (
	"net/http"
	"time"

	"comity/internal/web"
)

// inbox shows what the courier wrote: demonstration and development only.
func (v *visit) inbox() error {
	list, err := v.Messages(v.ctx())
	if err != nil {
		return err
	}
	p := v.page("desk.inbox.title")
	var rows []inboxRow
	for _, m := range list {
		r := inboxRow{To: m.To, Channel: channelName(p, m.Channel), Ref: m.Ref, Text: m.Text, When: when(p, v.now, m.At), ISO: p.ISO(m.At)}
		if m.Ref != "" {
			r.Href = caseAddress(m.Ref, "")
		}
		rows = append(rows, r)
	}
	return v.write(p, http.StatusOK, inboxBody(p, rows))
}

type inboxRow struct{ To, Channel, Ref, Href, Text, When, ISO string }

// clockPage is the movable clock of a demonstration.
type clockPage struct {
	Now   string
	ISO   string
	Steps []web.Choice
	Done  bool
}

var clockSteps = []string{"hour", "workday", "5workdays", "15days"}

func (v *visit) clockShow() error {
	p := v.page("desk.clock.title")
	now := v.Clock.Now()
	data := clockPage{Now: p.Moment(now), ISO: now.In(v.site.Zone).Format("2006-01-02T15:04"), Done: v.r.URL.Query().Get("done") != ""}
	for _, s := range clockSteps {
		data.Steps = append(data.Steps, web.Choice{Value: s, Label: p.T("desk.clock." + s)})
	}
	return v.write(p, http.StatusOK, clockBody(p, data))
}

func (v *visit) clockMove() error {
	if err := web.ReadForm(v.r, "step", "at"); err != nil {
		return err
	}
	now := v.Clock.Now()
	var err error
	switch step := v.r.PostForm.Get("step"); step {
	case "hour":
		err = v.Clock.Advance(v.ctx(), time.Hour)
	case "workday":
		err = v.Clock.Advance(v.ctx(), v.workdays(now, 1))
	case "5workdays":
		err = v.Clock.Advance(v.ctx(), v.workdays(now, 5))
	case "15days":
		err = v.Clock.Advance(v.ctx(), 15*24*time.Hour)
	default:
		at, bad := time.ParseInLocation("2006-01-02T15:04", v.r.PostForm.Get("at"), v.site.Zone)
		if bad != nil || !at.After(now) {
			return &web.Refused{Status: http.StatusUnprocessableEntity, Rule: "desk.clock.back"}
		}
		err = v.Clock.Set(v.ctx(), at)
	}
	if err != nil {
		return err
	}
	if token := v.site.Secret(v.r, sessionCookie); token != "" {
		if err := v.Accounts.Carry(v.ctx(), token); err != nil {
			return err
		}
	}
	http.Redirect(v.w, v.r, "/desk/clock?done=1", http.StatusSeeOther)
	return nil
}

// workdays is how long it is until the same time n working days ahead, by the calendar of the pack's
// first procedure.
func (v *visit) workdays(now time.Time, n int) time.Duration {
	for _, id := range v.procedures() {
		cal := v.pack.Procedures[id].Calendar
		from := now.In(v.site.Zone)
		day := cal.AddWorking(cal.DayAt(now), n)
		return cal.InstantAt(day, from.Hour(), from.Minute(), from.Second(), 0).Sub(now)
	}
	return time.Duration(n) * 24 * time.Hour
}
