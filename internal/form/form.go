// Package form owns fields and their checks: what a pack asks for and what counts as an answer.
//
// It refuses markup and phrases: a problem is a rule name and its figures, the words are the pack's.
// Surfaces derive the HTML control, the API schema and the help text from the same Field.
//
// Open this file first; it is the whole package.
package form

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Kind says what sort of answer a field takes.
type Kind string

// The kinds a pack may use.
const (
	Text     Kind = "text"     // one line
	LongText Kind = "longtext" // several lines
	Choice   Kind = "choice"   // one of Options
	Number   Kind = "number"   // a whole number between Min and Max
	Date     Kind = "date"     // 2006-01-02
	Yes      Kind = "yes"      // "yes" or empty
	Phone    Kind = "phone"    // digits with the usual signs
	Unit     Kind = "unit"     // a unit id; that it exists is checked where units are known
	Officer  Kind = "officer"  // an account id of the holding unit
	Outcome  Kind = "outcome"  // an outcome code of the procedure
)

// Kinds lists every kind, for the pack loader.
var Kinds = []Kind{Text, LongText, Choice, Number, Date, Yes, Phone, Unit, Officer, Outcome}

// Field is one question.
type Field struct {
	Name     string
	Kind     Kind
	Required bool
	Min, Max int      // runes for text (Max 0 = 4000), value for numbers
	Options  []string // for Choice
	Public   bool     // the resident reads the answer
	Personal bool     // the answer says something about a person: masked in lists, never indexed
	Caucus   bool     // said in confidence: only whoever mediates reads it, and nothing carries it on
	When     *When    // required only in this case
}

// When makes a field required if another field has one of these values.
type When struct {
	Field string
	In    []string
}

// Problem is one answer that cannot stand.
type Problem struct {
	Field  string            `json:"field"`
	Rule   string            `json:"rule"` // form.required, form.too_long, …: the key of the text
	Params map[string]string `json:"params,omitempty"`
}

// MaxText is the longest answer a field takes when the pack names no limit, in runes.
const MaxText = 4000

// Check reads raw answers against the fields. Answers come back trimmed and with line ends as \n;
// problems are in field order, then the unknown names. Nothing is silently dropped: a name that is
// not a field is a problem too.
func Check(fields []Field, raw map[string]string) (map[string]string, []Problem) {
	clean := make(map[string]string, len(fields))
	var bad []Problem
	for _, f := range fields {
		v, problem := checkOne(f, raw)
		if problem != nil {
			bad = append(bad, *problem)
			continue
		}
		if v != "" {
			clean[f.Name] = v
		}
	}
	var unknown []string
	for name := range raw {
		if !slices.ContainsFunc(fields, func(f Field) bool { return f.Name == name }) {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	for _, name := range unknown {
		bad = append(bad, Problem{Field: strings.ToValidUTF8(name, "�"), Rule: "form.unknown"})
	}
	return clean, bad
}

func checkOne(f Field, raw map[string]string) (string, *Problem) {
	fail := func(rule string, kv ...string) (string, *Problem) {
		p := Problem{Field: f.Name, Rule: rule}
		for i := 0; i+1 < len(kv); i += 2 {
			if p.Params == nil {
				p.Params = map[string]string{}
			}
			p.Params[kv[i]] = kv[i+1]
		}
		return "", &p
	}
	v := raw[f.Name]
	if !utf8.ValidString(v) {
		return fail("form.encoding")
	}
	v = strings.TrimSpace(strings.ReplaceAll(strings.ReplaceAll(v, "\r\n", "\n"), "\r", "\n"))
	if i := strings.IndexFunc(v, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }); i >= 0 {
		return fail("form.control")
	}
	if v == "" {
		if f.Required || (f.When != nil && slices.Contains(f.When.In, strings.TrimSpace(raw[f.When.Field]))) {
			return fail("form.required")
		}
		return "", nil
	}
	switch f.Kind {
	case Text, LongText:
		limit := f.Max
		if limit == 0 {
			limit = MaxText
		}
		n := utf8.RuneCountInString(v)
		if n > limit {
			return fail("form.too_long", "max", strconv.Itoa(limit), "got", strconv.Itoa(n))
		}
		if n < f.Min {
			return fail("form.too_short", "min", strconv.Itoa(f.Min))
		}
		if f.Kind == Text && strings.Contains(v, "\n") {
			return fail("form.one_line")
		}
	case Choice, Outcome:
		if len(f.Options) > 0 && !slices.Contains(f.Options, v) {
			return fail("form.choice", "got", clip(v))
		}
	case Number:
		n, err := strconv.Atoi(v)
		if err != nil {
			return fail("form.number", "got", clip(v))
		}
		if top := cmp.Or(f.Max, math.MaxInt32); n < f.Min || n > top {
			return fail("form.range", "min", strconv.Itoa(f.Min), "max", strconv.Itoa(top))
		}
	case Date:
		if _, err := time.Parse(time.DateOnly, v); err != nil {
			return fail("form.date", "got", clip(v))
		}
	case Yes:
		if v != "yes" {
			return fail("form.choice", "got", clip(v))
		}
	case Phone:
		p, ok := phone(v)
		if !ok {
			return fail("form.phone")
		}
		v = p
	case Unit, Officer:
		if utf8.RuneCountInString(v) > 100 {
			return fail("form.choice", "got", clip(v))
		}
	}
	return v, nil
}

// phone keeps digits and a leading plus; 5 to 20 digits, because short hotline numbers exist.
func phone(s string) (string, bool) {
	var b strings.Builder
	for i, r := range s {
		switch {
		case r >= '0' && r <= '9':
			b.WriteRune(r)
		case r >= '０' && r <= '９': // typed with a Chinese input method
			b.WriteRune(r - '０' + '0')
		case (r == '+' || r == '＋') && i == 0:
			b.WriteRune('+')
		case strings.ContainsRune(" -().（）－", r):
		default:
			return "", false
		}
	}
	n := len(strings.TrimPrefix(b.String(), "+"))
	return b.String(), n >= 5 && n <= 20
}

// clip keeps an echoed answer short enough for an error message.
func clip(s string) string {
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return s
}
