package ledger

import (
	"bytes"
	"strings"
	"time"

	"comity/internal/vault"
)

// A mould is a stored text with holes where a copy of its case has something else: who it is, its sealed words, its
// times. It is made of the text as it is stored and not of the event, so that it stays whole whatever an event holds.
type mould struct {
	holes []hole
	rest  string // behind the last hole
}

type hole struct {
	before string
	kind   holeKind
	of     int       // which value, or which sealed text
	at     time.Time // of a time, in the zone in which it is spelled
}

type holeKind byte

const (
	holeValue   holeKind = iota // a number, code or address that each copy has for itself
	holeSealed                  // a text that is sealed under the key of the copy
	holeDate                    // a date that was promised: some weeks later
	holeInstant                 // when something happened: some weeks and minutes later
)

// instants are the names under which events and cases keep when something happened. Other times are dates of clocks.
var instants = map[string]bool{"at": true, "recorded": true, "opened": true, "closed": true, "changed": true, "answered": true}

// mouldOf makes the mould of a JSON text. values are looked for among its strings, sealed names the place of each sealed one.
func mouldOf(doc []byte, values map[string]int, sealed func(string) int) mould {
	var m mould
	key, from := "", 0
	for i := 0; i < len(doc); i++ {
		if doc[i] != '"' {
			continue
		}
		begin := i + 1
		for i = begin; doc[i] != '"'; i++ {
			if doc[i] == '\\' {
				i++
			}
		}
		text := string(doc[begin:i])
		if i+1 < len(doc) && doc[i+1] == ':' {
			key = text
			continue
		}
		h := hole{before: string(doc[from:begin])}
		if v, ok := values[text]; ok {
			h.kind, h.of = holeValue, v
		} else if vault.Sealed(text) {
			h.kind, h.of = holeSealed, sealed(text)
		} else if at, ok := instantOf(text); ok {
			h.kind, h.at = holeDate, at
			if instants[strings.ToLower(key)] {
				h.kind = holeInstant
			}
		} else {
			continue
		}
		m.holes, from = append(m.holes, h), i
	}
	m.rest = string(doc[from:])
	return m
}

func instantOf(text string) (time.Time, bool) {
	if len(text) < len("2006-01-02T15:04:05Z") || text[4] != '-' || text[10] != 'T' {
		return time.Time{}, false
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	return at, err == nil && !at.IsZero()
}

// wordsMould makes the mould of a text in clear, in which values stand among words.
func wordsMould(text string, values map[string]int) mould {
	var m mould
	for {
		first, found := len(text), ""
		for v := range values {
			if i := strings.Index(text, v); i >= 0 && (i < first || i == first && len(v) > len(found)) {
				first, found = i, v
			}
		}
		if found == "" {
			m.rest = text
			return m
		}
		m.holes = append(m.holes, hole{before: text[:first], kind: holeValue, of: values[found]})
		text = text[first+len(found):]
	}
}

// cast is what one copy has in the place of holes.
type cast struct {
	values []string
	sealed []string
	weeks  time.Duration
	wait   time.Duration // beyond the weeks
}

// fill writes a mould out.
func (m *mould) fill(b *bytes.Buffer, c *cast) {
	var spelled [40]byte
	for i := range m.holes {
		h := &m.holes[i]
		b.WriteString(h.before)
		switch h.kind {
		case holeValue:
			b.WriteString(c.values[h.of])
		case holeSealed:
			b.WriteString(c.sealed[h.of])
		case holeDate:
			b.Write(h.at.Add(c.weeks).AppendFormat(spelled[:0], time.RFC3339Nano))
		case holeInstant:
			b.Write(h.at.Add(c.weeks+c.wait).AppendFormat(spelled[:0], time.RFC3339Nano))
		}
	}
	b.WriteString(m.rest)
}
