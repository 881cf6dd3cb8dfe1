// Package explain says in words what the rules of a case came to: why something was refused, what an
// event changed, and why a date is the date. Every surface tells it with these words, so that a page, a
// message and the API never disagree.
//
// It refuses to decide anything and to read anything: it is given a case, its events and its procedure.
// It refuses phrases too; they are texts of the catalogue, those of the pack included.
//
// Open this file first, then event.go (what an event changed) and date.go (why this date).
package explain

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/procedure"
	"comity/internal/text"
)

// Matter is a case with what is needed to speak about it.
type Matter struct {
	Say    text.Speaker
	Zone   *time.Location
	D      *procedure.Definition // with the calendar in force, as pack.Registry hands it out
	Case   casework.Case
	Events []casework.Event // oldest first
}

// Law is a rule of law in words; Words are those of the article, empty where the pack has none.
type Law struct{ Name, Words string }

// LawOf names a law by its short name and article.
func LawOf(say text.Speaker, l procedure.Law) Law {
	if l.None() {
		return Law{}
	}
	out := Law{Name: l.ID}
	for _, key := range []string{"law." + l.ID + ".short", "law." + l.ID} {
		if say.Has(key) {
			out.Name = say.T(key)
			break
		}
	}
	if l.Article == "" {
		return out
	}
	if key := "law." + l.ID + ".article." + l.Article; say.Has(key) {
		out.Words = say.T(key)
	}
	out.Name = say.T("web.law.article", "law", out.Name, "article", l.Article)
	return out
}

// Figures are what the words of a refusal or problem are filled with, as name, value, name, value: its
// own figures, {size} for a number of bytes, and for those that name a part of a procedure the words of that part.
// {why} are the words a pack gives to the condition of an act.
func Figures(say text.Speaker, params map[string]string) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(params)) {
		out = append(out, name, params[name])
	}
	if n, err := strconv.ParseInt(params["bytes"], 10, 64); err == nil {
		out = append(out, "size", Bytes(say, n))
	}
	d := params["procedure"]
	if d == "" {
		return out
	}
	for _, part := range []struct{ figure, param, family string }{
		{"why", "act", "when"}, {"act_name", "act", "act"}, {"link_name", "link", "link"}, {"clock_name", "clock", "clock"}, {"state_name", "state", "state"},
	} {
		if id := params[part.param]; id != "" && say.Has(part.family+"."+d+"."+id) {
			out = append(out, part.figure, say.T(part.family+"."+d+"."+id))
		}
	}
	return out
}

// Bytes is a size as people read it.
func Bytes(say text.Speaker, n int64) string {
	if n < 1<<20 {
		return say.T("web.bytes.kb", "n", strconv.FormatInt(max(1, n>>10), 10))
	}
	return say.T("web.bytes.mb", "n", strings.TrimSuffix(strconv.FormatFloat(float64(n)/(1<<20), 'f', 1, 64), ".0"))
}

// Passes reports a refusal for which the person is told what can be done instead: the matter stands where
// the act does not fit, or its time is over. Other refusals are about the answers or about the person.
func Passes(rule string) bool {
	return strings.HasPrefix(rule, "act.") || strings.HasPrefix(rule, "clock.")
}

// Instead lists what the actor can do now.
func Instead(d *procedure.Definition, c casework.Case, who authz.Actor, now time.Time) []*procedure.Act {
	var out []*procedure.Act
	for i := range d.Acts {
		if a := &d.Acts[i]; casework.CanAct(d, c, a, who, now) {
			out = append(out, a)
		}
	}
	return out
}

// Theirs reports a child that the resident is told of: one whose link carries the way to reach them. What
// offices ask each other stays inside.
func Theirs(d *procedure.Definition, link string) bool {
	l, ok := d.Link(link)
	return ok && slices.Contains(l.Carry, casework.CarryContact)
}

// Purpose says what a link of a procedure is for.
func Purpose(say text.Speaker, procedure, link string) string {
	if key := "link." + procedure + "." + link; say.Has(key) {
		return say.T(key)
	}
	return link
}

// Outcome says how a case of a procedure ended; empty when it ended without one.
func Outcome(say text.Speaker, procedure, id string) string {
	switch key := "outcome." + procedure + "." + id; {
	case id == "":
		return ""
	case id == casework.Recalled:
		return say.T("told.recalled.outcome")
	case say.Has(key):
		return say.T(key)
	}
	return id
}

// Fact says the name of a fact and its value; an empty value is said as not set.
func Fact(say text.Speaker, procedure, id, value string) (name, words string) {
	name = say.T("fact." + procedure + "." + id)
	if value == "" {
		return name, say.T("told.fact.unset")
	}
	return name, say.T("fact." + procedure + "." + id + "." + value)
}

func (m Matter) unit(id string) string { return m.Say.T("unit." + id) }

func (m Matter) clock(id string) string { return m.Say.T("clock." + m.D.ID + "." + id) }
