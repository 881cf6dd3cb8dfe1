package web

import (
	"strconv"
	"strings"
	"time"

	"comity/internal/form"
)

// Control is a form.Field as drawn: with words, the value typed so far and what is wrong with it.
type Control struct {
	form.Field
	ID      string
	Label   string
	Hint    string
	Value   string
	Choices []Choice
	Wrong   string // words of the problem; empty = fine
	LabelVH bool   // the label is read aloud only, because a heading above says the same
}

// Choice is one answer of a control.
type Choice struct{ Value, Label, Hint string }

// Form is what Controls needs beside the fields.
type Form struct {
	Prefix   string              // of text keys and ids: field.<procedure>.<act>
	Values   map[string]string   // typed so far
	Problems []form.Problem      // of an earlier attempt
	Choices  map[string][]Choice // by field name: units, officers, outcomes; Options are filled here
	Options  string              // prefix of option texts: option.<procedure>.<act>
	Outcomes string              // prefix of outcome texts: outcome.<procedure>
}

// ActForm is the Form of an act of a procedure, with the key families packs use.
func ActForm(procedure, act string) Form {
	return Form{Prefix: "field." + procedure + "." + act, Options: "option." + procedure + "." + act, Outcomes: "outcome." + procedure}
}

// Controls derives the controls of a form from its fields.
func (p *Page) Controls(fields []form.Field, f Form) []Control {
	out := make([]Control, 0, len(fields))
	for _, field := range fields {
		key := f.Prefix + "." + field.Name
		c := Control{Field: field, ID: "f-" + field.Name, Label: p.T(key), Value: f.Values[field.Name], Choices: f.Choices[field.Name]}
		if p.Has(key + ".hint") {
			c.Hint = p.T(key + ".hint")
		}
		if when := field.When; when != nil && c.Hint == "" {
			c.Hint = p.whenWords(fields, f, when)
		}
		if c.Choices == nil {
			for _, o := range field.Options {
				c.Choices = append(c.Choices, Choice{Value: o, Label: p.optionWords(f, field, o)})
			}
		}
		for _, bad := range f.Problems {
			if bad.Field == field.Name && c.Wrong == "" {
				c.Wrong = p.Problem(bad.Rule, bad.Params)
			}
		}
		out = append(out, c)
	}
	return out
}

// whenWords says in which case a field has to be filled in; no script hides it in the others.
func (p *Page) whenWords(fields []form.Field, f Form, when *form.When) string {
	var values []string
	for _, other := range fields {
		for _, v := range when.In {
			if other.Name == when.Field {
				values = append(values, p.Answer(f, other, v))
			}
		}
	}
	return p.T("web.form.when", "field", p.T(f.Prefix+"."+when.Field), "values", strings.Join(values, p.T("web.form.or")))
}

// optionWords finds the words of one option: those of this very form, or those every form shares under
// the name of the field, such as rating.good.
func (p *Page) optionWords(f Form, field form.Field, option string) string {
	if field.Kind == form.Outcome {
		return p.T(f.Outcomes + "." + option)
	}
	key := f.Options + "." + field.Name + "." + option
	if !p.Has(key) && p.Has(field.Name+"."+option) {
		key = field.Name + "." + option
	}
	return p.T(key)
}

// Answer says a given answer of a field in words: the label of an option, else what was typed.
func (p *Page) Answer(f Form, field form.Field, value string) string {
	switch {
	case value == "":
		return ""
	case field.Kind == form.Choice || field.Kind == form.Outcome:
		return p.optionWords(f, field, value)
	case field.Kind == form.Yes:
		return p.T("web.yes")
	case field.Kind == form.Unit:
		return p.T("unit." + value)
	case field.Kind == form.Date:
		return p.CivilDate(value)
	}
	return value
}

// CivilDate says a date as forms write it, with its weekday; what is no date stays as it is.
func (p *Page) CivilDate(value string) string {
	at, err := time.Parse(time.DateOnly, value)
	if err != nil {
		return value
	}
	return p.Date(at, time.UTC) // a date is in no zone
}

// Mistakes is the error summary of controls: the same words as beside each field. Problems of names
// that have no control are listed too, so that nothing fails silently.
func (p *Page) Mistakes(controls []Control, problems []form.Problem) []Mistake {
	var out []Mistake
	drawn := map[string]bool{}
	for _, c := range controls {
		drawn[c.Name] = true
		if c.Wrong != "" {
			out = append(out, Mistake{ID: c.target(), Words: c.Label + p.T("web.colon") + c.Wrong})
		}
	}
	for _, bad := range problems {
		if !drawn[bad.Field] {
			out = append(out, Mistake{Words: bad.Field + p.T("web.colon") + p.Problem(bad.Rule, bad.Params)})
		}
	}
	return out
}

// radios shows few answers at a glance; many go into a select.
func (c Control) radios() bool {
	return (c.Kind == form.Choice || c.Kind == form.Outcome) && len(c.Choices) <= 8
}

// target is the id the error summary jumps to: for radios the first of them.
func (c Control) target() string {
	if c.radios() && len(c.Choices) > 0 {
		return c.ID + "-0"
	}
	return c.ID
}

func (c Control) option(i int) string { return c.ID + "-" + strconv.Itoa(i) }

func (c Control) class() string {
	if c.Wrong != "" {
		return "field wrong"
	}
	return "field"
}

// describedBy lists hint and message for screen readers; empty leaves the attribute out.
func (c Control) describedBy() string {
	s := ""
	if c.Hint != "" {
		s = c.ID + "-h"
	}
	if c.Wrong != "" {
		if s != "" {
			s += " "
		}
		s += c.ID + "-e"
	}
	return s
}

// inputType and inputMode choose the keyboard a phone shows.
func (c Control) inputType() string {
	switch c.Kind {
	case form.Date:
		return "date"
	case form.Phone:
		return "tel"
	}
	return "text"
}

func (c Control) inputMode() string {
	switch c.Kind {
	case form.Number:
		return "numeric"
	case form.Phone:
		return "tel"
	}
	return ""
}
