package web

import (
	"strconv"

	"comity/internal/explain"
	"comity/internal/procedure"
	"comity/internal/worktime"
)

// DateView is the answer to "why this date?" as pages draw it.
type DateView struct {
	explain.Date
	Unit worktime.Unit
	Ends string // the sentence about the date itself
}

// DateView prepares the answer for a page.
func (p *Page) DateView(d explain.Date, unit worktime.Unit) DateView {
	v := DateView{Date: d, Unit: unit}
	switch {
	case d.Paused:
		v.Ends = p.T("why.waits")
	case d.Status != procedure.Running.String():
		v.Ends = p.T("why.stopped")
	default:
		v.Ends = p.T("why.ends", "when", p.T("date.time", "date", p.Day(d.Due), "time", HourOf(d.Due, p.Site.Zone)))
	}
	return v
}

// number is what stands beside a counted day.
func (v DateView) number(p *Page, d explain.Day) string {
	if !d.Counted {
		return ""
	}
	unit := "day"
	if v.Unit == worktime.Hours || v.Unit == worktime.Minutes {
		unit = string(v.Unit)
	}
	return p.T("why.number."+unit, "n", strconv.Itoa(d.N))
}

func dayClass(d explain.Day) string {
	switch {
	case d.Due:
		return "due-day"
	case !d.Counted:
		return "off"
	}
	return ""
}
