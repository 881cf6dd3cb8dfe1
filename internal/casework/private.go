package casework

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"comity/internal/authz"
	"comity/internal/form"
	"comity/internal/place"
	"comity/internal/procedure"
)

// Veil stands where something is that the reader has not been shown. It is not empty, so that rules which
// ask whether there is an address to write to, or whether a field was answered, stay true.
const Veil = "•••"

// Keep is told of one string that says something about people, and answers what stands there instead. It
// is how the ledger seals an event, how a look opens one, and how pages without a look veil one.
type Keep func(level authz.Level, s string) string

// Private goes through every string of the event that says something about people, in a copy: the level is
// how much of the case it gives away. What kernels and lists need to work by (states, dates, units,
// choices) is not private. With no definition every answer counts as a story.
func (e Event) Private(d *procedure.Definition, keep Keep) Event {
	if o := e.Opening; o != nil {
		c := *o
		c.Title, c.Text = keep.at(authz.Story, c.Title), keep.at(authz.Story, c.Text)
		c.Code = Code(keep.at(authz.Key, string(c.Code)))
		c.Place, c.Contact = keep.place(c.Place), keep.contact(c.Contact)
		c.Members = keep.members(c.Members)
		e.Opening = &c
	}
	e.Fields = keep.answers(e.Fields, e.asked(d))
	if e.Joins != nil {
		m := e.Joins.Private(keep)
		e.Joins = &m
	}
	if e.Note != nil {
		n := *e.Note
		n.Text = keep.at(authz.Story, n.Text)
		e.Note = &n
	}
	if e.Checked != nil {
		v := *e.Checked
		v.Reason = keep.at(authz.Story, v.Reason)
		e.Checked = &v
	}
	e.Files = keep.files(e.Files)
	if len(e.Spawn) > 0 {
		e.Spawn = slices.Clone(e.Spawn)
		for i := range e.Spawn {
			e.Spawn[i].Fields = keep.answers(e.Spawn[i].Fields, nil)
		}
	}
	return e
}

// asked are the fields the event answers; nil without a definition.
func (e Event) asked(d *procedure.Definition) []form.Field {
	switch {
	case d == nil:
		return nil
	case e.Opening != nil:
		return d.Intake
	}
	if a, ok := d.Act(e.Act); ok {
		return a.Fields
	}
	return nil
}

// Private is the same for a case that was folded from such events.
func (c Case) Private(d *procedure.Definition, keep Keep) Case {
	c.Title, c.Text = keep.at(authz.Story, c.Title), keep.at(authz.Story, c.Text)
	c.Code = Code(keep.at(authz.Key, string(c.Code)))
	c.Place, c.Contact = keep.place(c.Place), keep.contact(c.Contact)
	c.Files = keep.files(c.Files)
	c.Members = keep.members(c.Members)
	var answers []form.Field
	if d != nil {
		for i := range d.Acts {
			if d.Acts[i].Answers {
				answers = append(answers, d.Acts[i].Fields...)
			}
		}
		c.Intake = keep.answers(c.Intake, d.Intake)
	} else {
		c.Intake = keep.answers(c.Intake, nil)
	}
	c.Answer = keep.answers(c.Answer, answers)
	return c
}

func (keep Keep) at(level authz.Level, s string) string {
	if s == "" {
		return ""
	}
	return keep(level, s)
}

func (keep Keep) members(list []Member) []Member {
	if len(list) == 0 {
		return nil
	}
	list = slices.Clone(list)
	for i := range list {
		list[i] = list[i].Private(keep)
	}
	return list
}

func (keep Keep) contact(c Contact) Contact {
	c.Name, c.Address = keep.at(authz.Identity, c.Name), keep.at(authz.Identity, c.Address)
	return c
}

// place keeps the unit, by which a case is routed, and hides where in it the matter is.
func (keep Keep) place(p Place) Place {
	p.Address = keep.at(authz.Story, p.Address)
	if p.Point != nil {
		p.Spot, p.Point = spell(*p.Point), nil
	}
	if p.Spot = keep.at(authz.Story, p.Spot); p.Spot != "" {
		if at, ok := unspell(p.Spot); ok {
			p.Spot, p.Point = "", &at
		}
	}
	return p
}

func spell(p place.Point) string {
	return strconv.FormatFloat(p.Lat, 'g', -1, 64) + "," + strconv.FormatFloat(p.Lon, 'g', -1, 64)
}

func unspell(s string) (place.Point, bool) {
	lat, lon, _ := strings.Cut(s, ",")
	y, err1 := strconv.ParseFloat(lat, 64)
	x, err2 := strconv.ParseFloat(lon, 64)
	return place.Point{Lat: y, Lon: x}, err1 == nil && err2 == nil
}

func (keep Keep) files(list []File) []File {
	if len(list) == 0 {
		return list
	}
	list = slices.Clone(list)
	for i := range list {
		list[i].Name = keep.at(authz.Story, list[i].Name)
		list[i].Key = keep.at(authz.Story, list[i].Key)
		list[i].Locked = keep.at(authz.Story, list[i].Locked)
		list[i].OriginalKey = keep.at(authz.Story, list[i].OriginalKey)
	}
	return list
}

// answers hides what was written in people's own words, and every answer about a person. Codes, dates,
// numbers and units stay: rules read them.
func (keep Keep) answers(given map[string]string, fields []form.Field) map[string]string {
	if len(given) == 0 {
		return given
	}
	given = maps.Clone(given)
	for name, value := range given {
		level := authz.Story
		if i := slices.IndexFunc(fields, func(f form.Field) bool { return f.Name == name }); i >= 0 {
			f := fields[i]
			switch {
			case f.Caucus && f.Kind != form.Choice && f.Kind != form.Yes:
				level = authz.Caucus
			case f.Personal || f.Kind == form.Phone:
				level = authz.Identity
			case f.Kind != form.Text && f.Kind != form.LongText:
				continue
			}
		}
		given[name] = keep.at(level, value)
	}
	return given
}
