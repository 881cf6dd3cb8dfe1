package mediation

import (
	"strings"
	"unicode"

	"comity/internal/casework"
	"comity/internal/pack"
)

// Hint is one thing in a case that a mediator shares with somebody on its rolls. It is for the officer who names
// a mediator to ask about; it is stored nowhere, and no other case is looked at.
type Hint struct {
	Rule string // mediation.hint.RULE says it
	With casework.Member
}

// hints compares what the roster says of a mediator with who takes part in this one case.
func hints(m *pack.Mediation, c casework.Case, who Mediator) (out []Hint) {
	for _, x := range c.Members {
		if x.Roll == m.Mediator {
			continue
		}
		name, contact := x.Name, x.Contact
		if x.Own {
			name, contact = c.Contact.Name, c.Contact
		}
		if rule := alike(who, name, contact.Address); rule != "" {
			x.Name = name
			out = append(out, Hint{rule, x})
		}
	}
	return out
}

// alike is the first thing that a mediator and a member share.
func alike(who Mediator, name, address string) string {
	if name == casework.Veil {
		name = ""
	}
	switch {
	case digits(who.Phone) != "" && digits(who.Phone) == digits(address):
		return "phone"
	case name == "":
		return ""
	case squeezed(name) == squeezed(who.Name):
		return "name"
	case len([]rune(who.Organisation)) >= 2 && (strings.Contains(squeezed(name), squeezed(who.Organisation)) || strings.Contains(squeezed(who.Organisation), squeezed(name))):
		return "organisation"
	case family(name) != "" && family(name) == family(who.Name):
		return "family"
	}
	return ""
}

// digits is a telephone number without its signs and its country code; empty for anything shorter than a number.
func digits(s string) string {
	d := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, s)
	if len(d) < 7 || strings.Contains(s, "@") {
		return ""
	}
	return d[max(0, len(d)-11):]
}

func squeezed(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), "")) }

// family is the part of a name that families share: the first sign of a Chinese name of two to four, the last
// word of another. What looks like the name of an organisation has none.
func family(name string) string {
	r := []rune(squeezed(name))
	if len(r) == 0 {
		return ""
	}
	if unicode.Is(unicode.Han, r[0]) {
		if len(r) < 2 || len(r) > 4 {
			return ""
		}
		return string(r[0])
	}
	words := strings.Fields(strings.ToLower(name))
	if len(words) < 2 || len(words) > 4 {
		return ""
	}
	return words[len(words)-1]
}
