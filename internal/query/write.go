package query

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Write is the inverse of Parse: the text that reads as the same words and terms, with the first names of the
// vocabulary. Problems are left out.
func (v Vocabulary) Write(q Query) string {
	var parts []string
	for _, t := range q.Terms {
		if s := v.WriteTerm(t); s != "" {
			parts = append(parts, s)
		}
	}
	for _, w := range q.Words {
		parts = append(parts, writeWord(w))
	}
	return strings.Join(parts, " ")
}

// WriteTerm writes one term; empty where the vocabulary lacks its key or values.
func (v Vocabulary) WriteTerm(t Term) string {
	i := slices.IndexFunc(v.Keys, func(k Key) bool { return k.ID == t.Key })
	if i < 0 {
		return ""
	}
	k := v.Keys[i]
	text := first(k.Names, k.ID)
	if found, ok := v.key(text); !ok || found.ID != k.ID {
		text = k.ID // another key has that name
	}
	text += string(t.Op)
	if t.Not {
		text = "-" + text
	}
	if k.Kind == Date {
		return text + v.writeWhen(t.When, k.Back)
	}
	values := v.writeValues(k.Values, t.IDs)
	if len(values) == 0 {
		return ""
	}
	return text + strings.Join(values, ",")
}

// writeValues names the values: by the name that means them and no others, else by ID.
func (v Vocabulary) writeValues(values []Value, ids []string) (out []string) {
	var done []string
	for _, id := range inOrder(values, ids) {
		if slices.Contains(done, id) {
			continue
		}
		i := slices.IndexFunc(values, func(x Value) bool { return x.ID == id })
		name := first(values[i].Names, id)
		means := find(values, name)
		if strings.ContainsAny(name, "\"＂“”") || !slices.Contains(means, id) || !slices.Equal(inOrder(values, append(means, ids...)), inOrder(values, ids)) {
			name, means = id, []string{id}
		}
		done = append(done, means...)
		out = append(out, Quote(name))
	}
	return out
}

func first(names []string, otherwise string) string {
	if len(names) > 0 && names[0] != "" {
		return names[0]
	}
	return otherwise
}

func (v Vocabulary) writeWhen(w When, back bool) string {
	if w.Date != "" {
		return w.Date
	}
	days := map[int]string{0: Today, 1: Tomorrow, -1: Yesterday}
	if day := days[w.N]; day != "" && w.Step == Day {
		for _, x := range v.Days {
			if x.ID == day {
				return first(x.Names, x.ID)
			}
		}
	}
	if back {
		w.N = -w.N
	}
	for _, x := range v.Steps {
		if x.ID == w.Step {
			return strconv.Itoa(w.N) + first(x.Names, x.ID)
		}
	}
	return strconv.Itoa(w.N) + w.Step
}

func writeWord(w Word) string {
	text := w.Text
	switch {
	case w.Phrase && strings.ContainsAny(text, "\"＂“”"):
		text = "「" + text + "」"
	case w.Phrase:
		text = `"` + text + `"`
	}
	if w.Not {
		return "-" + text
	}
	return text
}

// Quote puts quotation marks around a value that would otherwise end too early.
func Quote(value string) string {
	if value == "" || strings.ContainsFunc(value, func(c rune) bool { return comma(c) || c == ' ' || c == '\u3000' || closing(c) != "" }) {
		return `"` + value + `"`
	}
	return value
}

// Without is the text with one part cut out.
func Without(text string, at Span) string {
	if at.From < 0 || at.To > len(text) || at.From > at.To {
		return text
	}
	return strings.TrimSpace(strings.TrimSpace(text[:at.From]) + " " + strings.TrimSpace(text[at.To:]))
}

// From is the day that is meant, seen from today. working moves over working days.
func (w When) From(today time.Time, working func(day time.Time, n int) time.Time) time.Time {
	if w.Date != "" {
		d, err := time.ParseInLocation(time.DateOnly, w.Date, today.Location())
		if err == nil {
			return d
		}
	}
	switch w.Step {
	case Week:
		return today.AddDate(0, 0, 7*w.N)
	case WorkDay:
		return working(today, w.N)
	}
	return today.AddDate(0, 0, w.N)
}
