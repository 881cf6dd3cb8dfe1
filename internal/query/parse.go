package query

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Parse reads a text.
func (v Vocabulary) Parse(text string) Query {
	r := reader{v: v, text: text}
	if n, at := 0, 0; len(text) > MaxRunes {
		for at = range text {
			if n++; n > MaxRunes {
				r.long(at)
				break
			}
		}
	}
	for r.space(); r.at < len(r.text); r.space() {
		if len(r.q.Words)+len(r.q.Terms)+len(r.q.Problems) >= MaxParts {
			r.long(r.at)
			break
		}
		r.part()
	}
	return r.q
}

// reader walks over the text once.
type reader struct {
	v    Vocabulary
	text string
	at   int
	q    Query

	values int // of all terms so far
}

// long leaves out what begins at a place.
func (r *reader) long(at int) {
	r.q.Problems = append(r.q.Problems, Problem{Kind: Long, At: Span{at, len(r.text)}})
	r.text = r.text[:at]
}

func (r *reader) peek() rune {
	c, _ := utf8.DecodeRuneInString(r.text[r.at:])
	return c
}

func (r *reader) step() {
	_, n := utf8.DecodeRuneInString(r.text[r.at:])
	r.at += n
}

func (r *reader) space() {
	for r.at < len(r.text) && unicode.IsSpace(r.peek()) {
		r.step()
	}
}

// part reads one word, phrase or term.
func (r *reader) part() {
	from, not := r.at, false
	if plain(r.peek()) == '-' {
		if r.step(); r.at == len(r.text) || unicode.IsSpace(r.peek()) {
			return // a dash between words
		}
		not = true
	}
	if closing(r.peek()) != "" {
		text := r.quoted()
		r.word(Word{Text: text, Phrase: true, Not: not, At: Span{from, r.at}})
		return
	}
	if name, op, ok := r.key(); ok {
		r.term(from, not, name, op)
		return
	}
	begin := r.at
	for r.at < len(r.text) && !unicode.IsSpace(r.peek()) {
		r.step()
	}
	r.word(Word{Text: r.text[begin:r.at], Not: not, At: Span{from, r.at}})
}

func (r *reader) word(w Word) {
	if strings.TrimSpace(w.Text) != "" {
		r.q.Words = append(r.q.Words, w)
	}
}

// key reads letters and an operator, or nothing: what is no key is a word.
func (r *reader) key() (name string, op Op, ok bool) {
	rest := r.text[r.at:]
	n := strings.IndexFunc(rest, func(c rune) bool { return !unicode.IsLetter(c) && c != '_' })
	if n <= 0 {
		return "", "", false
	}
	op, length := operator(rest[n:])
	if op == "" || strings.HasPrefix(rest[n+length:], "//") { // an address of the web
		return "", "", false
	}
	r.at += n + length
	return rest[:n], op, true
}

// operator reads an operator at the beginning of a text.
func operator(s string) (op Op, length int) {
	c, n := utf8.DecodeRuneInString(s)
	next, m := utf8.DecodeRuneInString(s[n:])
	switch c = plain(c); {
	case c == '≤':
		return Until, n
	case c == '≥':
		return From, n
	case c == ':' || c == '=':
		return Is, n
	case c == '<' && plain(next) == '=':
		return Until, n + m
	case c == '>' && plain(next) == '=':
		return From, n + m
	case c == '<' || c == '>':
		return Op(c), n
	}
	return "", 0
}

// term reads what stands behind a key. Of several values those that are unknown are told, and the others hold.
func (r *reader) term(from int, not bool, name string, op Op) {
	values, spans := r.alternatives()
	at := Span{from, r.at}
	k, known := r.v.key(name)
	switch {
	case !known:
		r.problem(Problem{Kind: NoKey, Got: name, Near: r.v.nearKey(name), At: at})
	case len(values) == 0:
		r.problem(Problem{Kind: Empty, Key: k.ID, At: at})
	case k.Kind == Date:
		w, ok := r.v.when(values[0], k.Back)
		if !ok || len(values) > 1 {
			r.problem(Problem{Kind: NoDate, Key: k.ID, Got: strings.Join(values, ","), At: at})
			return
		}
		r.q.Terms = append(r.q.Terms, Term{Key: k.ID, Not: not, Op: op, When: w, At: at})
	case op != Is:
		r.problem(Problem{Kind: NoOp, Key: k.ID, Got: string(op), At: at})
	default:
		t := Term{Key: k.ID, Not: not, Op: Is, At: at}
		for i, value := range values {
			found := find(k.Values, value)
			if len(found) == 0 {
				r.problem(Problem{Kind: NoValue, Key: k.ID, Got: value, Near: near(k.Values, value), At: spans[i]})
			}
			t.IDs = append(t.IDs, found...)
		}
		t.IDs = inOrder(k.Values, t.IDs)
		switch {
		case k.Single && len(t.IDs) > 1:
			r.problem(Problem{Kind: OneOnly, Key: k.ID, Got: strings.Join(values, ","), At: at})
		case r.values+len(t.IDs) > MaxValues:
			r.problem(Problem{Kind: Long, Key: k.ID, At: at})
		case len(t.IDs) > 0:
			r.values += len(t.IDs)
			r.q.Terms = append(r.q.Terms, t)
		}
	}
}

func (r *reader) problem(p Problem) { r.q.Problems = append(r.q.Problems, p) }

// alternatives reads values, separated by commas without spaces.
func (r *reader) alternatives() (out []string, at []Span) {
	for r.at < len(r.text) && !unicode.IsSpace(r.peek()) {
		from, value := r.at, ""
		if closing(r.peek()) != "" {
			value = strings.TrimSpace(r.quoted())
		} else {
			for r.at < len(r.text) && !unicode.IsSpace(r.peek()) && !comma(r.peek()) {
				r.step()
			}
			value = r.text[from:r.at]
		}
		if value != "" {
			out, at = append(out, value), append(at, Span{from, r.at})
		}
		if r.at < len(r.text) && comma(r.peek()) {
			r.step()
		}
	}
	return out, at
}

func comma(c rune) bool { return plain(c) == ',' || c == '、' }

// quoted reads up to the mark that closes the one that stands here.
func (r *reader) quoted() string {
	from := r.at
	marks := closing(r.peek())
	r.step()
	begin := r.at
	n := strings.IndexAny(r.text[r.at:], marks)
	if n < 0 {
		r.at = len(r.text)
		r.problem(Problem{Kind: Open, At: Span{from, r.at}})
		return r.text[begin:]
	}
	r.at += n
	r.step()
	return r.text[begin : begin+n]
}

// closing are the marks that end what a mark begins; empty where it begins nothing.
func closing(open rune) string {
	switch plain(open) {
	case '"', '“', '”':
		return "\"＂“”"
	case '「':
		return "」"
	case '『':
		return "』"
	}
	return ""
}

// plain is the plain form of a full-width character.
func plain(c rune) rune {
	if c >= '！' && c <= '～' {
		return c - ('！' - '!')
	}
	return c
}

// folded is how names are compared.
func folded(s string) string {
	return strings.Map(func(c rune) rune { return unicode.ToLower(plain(c)) }, strings.TrimSpace(s))
}

func (v Vocabulary) key(name string) (Key, bool) {
	name = folded(name)
	i := slices.IndexFunc(v.Keys, func(k Key) bool { return folded(k.ID) == name || named(k.Names, name) })
	if i < 0 {
		return Key{}, false
	}
	return v.Keys[i], true
}

func named(names []string, folded string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return folded != "" && foldedIs(n, folded) })
}

func foldedIs(name, want string) bool { return folded(name) == want }

// find lists the values of a name: the one whose ID it is, else all that are called so.
func find(values []Value, name string) (ids []string) {
	name = folded(name)
	for _, v := range values {
		if folded(v.ID) == name {
			return []string{v.ID}
		}
	}
	for _, v := range values {
		if named(v.Names, name) {
			ids = append(ids, v.ID)
		}
	}
	return ids
}

// inOrder is each ID once, as the vocabulary has them.
func inOrder(values []Value, ids []string) (out []string) {
	for _, v := range values {
		if slices.Contains(ids, v.ID) {
			out = append(out, v.ID)
		}
	}
	return out
}

// maxSteps keeps a counted day in this century.
const maxSteps = 9999

// when reads a day. A number of days is one of days past where back is set.
func (v Vocabulary) when(s string, back bool) (When, bool) {
	s = folded(s)
	for day, n := range map[string]int{Today: 0, Tomorrow: 1, Yesterday: -1} {
		if slices.Contains(find(v.Days, s), day) {
			return When{N: n, Step: Day}, true
		}
	}
	if d, err := time.Parse(time.DateOnly, strings.ReplaceAll(s, "/", "-")); err == nil {
		return When{Date: d.Format(time.DateOnly)}, true
	}
	i := strings.LastIndexAny(s, "0123456789") + 1
	n, err := strconv.Atoi(s[:i])
	if err != nil || n < -maxSteps || n > maxSteps {
		return When{}, false
	}
	step := find(v.Steps, s[i:])
	if len(step) != 1 {
		return When{}, false
	}
	if back {
		n = -n
	}
	return When{N: n, Step: step[0]}, true
}
