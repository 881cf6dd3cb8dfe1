package web

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"comity/internal/procedure"
	"comity/internal/worktime"
)

// Problem says why something cannot stand: problem.<rule> for one answer of a form, refusal.<rule> for
// what could not be done, web.problem.<rule> for what only a page can run into.
func (p *Page) Problem(rule string, params map[string]string) string {
	var kv []string
	for _, k := range slices.Sorted(maps.Keys(params)) {
		kv = append(kv, k, params[k])
	}
	for _, key := range []string{"problem." + rule, "refusal." + rule, "web.problem." + rule} {
		if p.Has(key) {
			return p.T(key, kv...)
		}
	}
	return p.T("web.problem.other", "rule", rule)
}

// Law names a law and its article; empty when there is none.
func (p *Page) Law(l procedure.Law) string {
	if l.ID == "" {
		return ""
	}
	name := l.ID
	for _, key := range []string{"law." + l.ID + ".short", "law." + l.ID} {
		if p.Has(key) {
			name = p.T(key)
			break
		}
	}
	if l.Article == "" {
		return name
	}
	return p.T("web.law.article", "law", name, "article", l.Article)
}

// Article is the paraphrase of an article, or empty.
func (p *Page) Article(l procedure.Law) string {
	key := "law." + l.ID + ".article." + l.Article
	if l.Article == "" || !p.Has(key) {
		return ""
	}
	return p.T(key)
}

// CalendarDay says a day of a count: date, weekday and, when the calendar names it, the holiday or
// make-up day; a name no language has a word for stands for itself.
func (p *Page) CalendarDay(l worktime.Line) (date, weekday, name string) {
	year, month, day := l.Day.Date()
	noon := time.Date(year, month, day, 12, 0, 0, 0, time.UTC) // a day of the calendar is in no zone
	name = l.Name
	if p.Has(name) {
		name = p.T(name)
	}
	return p.ShortDate(noon, time.UTC), p.T("date.weekday." + strconv.Itoa(int(noon.Weekday()))), name
}
