package talks

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"comity/internal/casework"
	"comity/internal/pack"
	"comity/internal/procedure"
)

// matter is one case as it was opened for a page, with the words of its pack.
type matter struct {
	t      *pack.Talks
	p      *pack.Pack
	d      *procedure.Definition
	c      casework.Case
	events []casework.Event
}

// offer is one thing a side said it would do. Its number is its place among all offers of the case.
type offer struct {
	no, seq  int
	at       time.Time
	member   string // who offered
	side     string
	issue    string
	points   []string // who, what, amount, day, place
	reply    int      // number of the offer it answers, 0 where it answers none
	accepts  bool     // it says the same as the offer it answers
	accepted []string // sides that accepted it
	answered bool     // another was made in reply that says something else
}

// issue is what was offered on one point of the quarrel.
type issue struct {
	name   string
	offers []offer
	agreed int // number of the offer that every other side accepted, 0 while it is open
}

// issues reads the offers, in the order in which their issues came up.
func (m *matter) issues() []issue {
	offers := m.offers()
	var out []issue
	for _, o := range offers {
		i := slices.IndexFunc(out, func(x issue) bool { return alike(x.name, o.issue) })
		if i < 0 {
			i = len(out)
			out = append(out, issue{name: o.issue})
		}
		out[i].offers = append(out[i].offers, o)
		if m.settled(o) {
			out[i].agreed = o.no
		}
	}
	return out
}

// offers reads what was offered openly, oldest first.
func (m *matter) offers() []offer {
	var out []offer
	for _, e := range m.events {
		if e.Act != m.t.Offer.Act {
			continue
		}
		o := offer{no: len(out) + 1, seq: e.Seq, at: e.At, member: e.Member, side: m.side(e.Member), issue: e.Fields[m.t.Offer.Issue]}
		for _, name := range m.t.Offer.List() {
			o.points = append(o.points, e.Fields[name])
		}
		if n := number(e.Fields[m.t.Offer.ReplyTo]); n > 0 && n < o.no {
			o.reply = n
			if to := &out[n-1]; to.side != o.side && alike(to.issue, o.issue) && slices.EqualFunc(to.points, o.points, alike) {
				o.accepts = true
				if !slices.Contains(to.accepted, o.side) {
					to.accepted = append(to.accepted, o.side)
				}
			} else {
				to.answered = true
			}
		}
		out = append(out, o)
	}
	return out
}

// settled reports an offer that every other side accepted. That binds nobody: what binds is what is signed.
func (m *matter) settled(o offer) bool {
	sides := m.sides()
	return len(sides) > 1 && !slices.ContainsFunc(sides, func(s string) bool { return s != o.side && !slices.Contains(o.accepted, s) })
}

// sides are those that somebody is on, in the order of the pack.
func (m *matter) sides() []string {
	r, ok := m.d.Roll(m.t.Party)
	if !ok {
		return nil
	}
	mark, ok := r.Mark(m.t.Side)
	if !ok {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(mark.Values), func(v string) bool {
		return !slices.ContainsFunc(m.c.On(m.t.Party), func(x casework.Member) bool { return x.Marks[m.t.Side] == v })
	})
}

func (m *matter) side(member string) string {
	x, _ := m.c.Member(member)
	return x.Marks[m.t.Side]
}

// number reads the number in an answer such as "no. 3"; 0 where there is none.
func number(s string) int {
	digits := strings.FieldsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	if len(digits) == 0 {
		return 0
	}
	n, err := strconv.Atoi(digits[0])
	if err != nil {
		return 0
	}
	return n
}

// alike compares what people typed, without regard to spaces and capitals.
func alike(a, b string) bool {
	squeeze := func(s string) string {
		return strings.Map(func(r rune) rune {
			if unicode.IsSpace(r) {
				return -1
			}
			return unicode.ToLower(r)
		}, s)
	}
	return squeeze(a) == squeeze(b)
}

// term is one promise of a draft.
type term struct {
	event  casework.Event
	lacks  []string // fields that are empty and have to be filled
	vague  []string // words that leave it indefinite
	points []string
}

// draft is one draft of the agreement with the terms listed under it.
type draft struct {
	no    int
	event casework.Event
	terms []term
}

// drafts reads every draft that was made, oldest first.
func (m *matter) drafts() []draft {
	var out []draft
	for _, e := range m.events {
		switch e.Act {
		case m.t.Draft.Act:
			out = append(out, draft{no: len(out) + 1, event: e})
		case m.t.Term.Act:
			if n := len(out); n > 0 {
				out[n-1].terms = append(out[n-1].terms, m.term(e))
			}
		}
	}
	return out
}

// last is the draft that stands now.
func (m *matter) last() (draft, bool) {
	all := m.drafts()
	if len(all) == 0 {
		return draft{}, false
	}
	return all[len(all)-1], true
}

func (m *matter) term(e casework.Event) term {
	x := term{event: e}
	for _, name := range m.t.Term.List() {
		v := e.Fields[name]
		x.points = append(x.points, v)
		if v == "" && (name != m.t.Term.Amount || slices.Contains(m.t.Term.Counted, e.Fields[m.t.Term.Kind])) {
			x.lacks = append(x.lacks, name)
		}
		x.vague = append(x.vague, vagueIn(m.t, v)...)
	}
	return x
}

// vagueIn finds the words in an answer that leave it indefinite.
func vagueIn(t *pack.Talks, answer string) []string {
	answer = strings.ToLower(answer)
	var out []string
	for _, w := range t.Vague {
		if strings.Contains(answer, strings.ToLower(w)) {
			out = append(out, w)
		}
	}
	return out
}

// hash names the words of a draft with its first n terms: whoever signs, signs these and no others. It is
// made from the answers alone, so that it is the same in every language.
func (m *matter) hash(d draft, n int) string {
	type part struct {
		Act    string            `json:"act"`
		Fields map[string]string `json:"fields"`
	}
	doc := struct {
		Case  casework.Ref `json:"case"`
		Parts []part       `json:"parts"`
	}{m.c.Ref, []part{{d.event.Act, d.event.Fields}}}
	for _, t := range d.terms[:n] {
		doc.Parts = append(doc.Parts, part{t.event.Act, t.event.Fields})
	}
	raw, err := json.Marshal(doc)
	if err != nil {
		return "" // strings and maps of strings always marshal
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

// known finds the version whose words have a hash, to tell what changed since.
func (m *matter) known(hash string) (draft, bool) {
	for _, d := range m.drafts() {
		for n := range len(d.terms) + 1 {
			if m.hash(d, n) == hash {
				d.terms = d.terms[:n]
				return d, true
			}
		}
	}
	return draft{}, false
}

// signer is somebody whose signature the agreement needs.
type signer struct {
	member casework.Member
	how    string // value of the mark; empty where the signature is missing
	at     time.Time
	party  bool // and no mediator
}

// signers lists everybody who has to sign the draft that stands.
func (m *matter) signers() []signer {
	var out []signer
	for _, x := range m.c.On(m.t.Party) {
		s := signer{member: x, party: true}
		if v := x.Marks[m.t.Sign.Mark]; slices.Contains([]string{m.t.Sign.Paper, m.t.Sign.Tablet, m.t.Sign.Link}, v) {
			s.how, s.at = v, m.signedAt(m.t.Sign.Act, x.ID)
		}
		out = append(out, s)
	}
	given := m.witnessed()
	for _, x := range m.c.On(m.t.Mediator) {
		s := signer{member: x}
		if v := x.Marks[m.t.Witness.Mark]; v != "" && v == given {
			s.how, s.at = v, m.signedAt(m.t.Witness.Act, x.ID)
		}
		out = append(out, s)
	}
	return out
}

// witnessed is the value that the signature of a mediator sets.
func (m *matter) witnessed() string {
	a, ok := m.d.Act(m.t.Witness.Act)
	if !ok {
		return ""
	}
	for _, s := range a.Marks {
		if s.Fact == m.t.Witness.Mark {
			return s.Value
		}
	}
	return ""
}

func (m *matter) signedAt(act, member string) time.Time {
	for _, e := range slices.Backward(m.events) {
		if e.Act == act && e.Member == member {
			return e.At
		}
	}
	return time.Time{}
}
