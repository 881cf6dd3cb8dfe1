package db

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Phrase is a part of a query: its tokens stand side by side in a matching text.
// With Prefix the last token may go on.
type Phrase struct {
	Tokens []string
	Prefix bool
	Not    bool // it must not occur
}

// prefixFrom is the length in characters from which a word in a query also finds
// longer words: "lamp" finds "lamps", "no" does not find "notice".
const prefixFrom = 3

// Bigrams cuts text into index tokens, in order: words of alphabetic scripts in
// lower case, and for each run of Chinese, Japanese or Korean characters all
// pairs and then the last character alone. So every character begins exactly one
// token and a single one is found by prefix. Full-width forms count as their
// plain ones. Tokens hold letters, digits and marks only.
func Bigrams(text string) []string {
	var tokens []string
	for run := range runs(text) {
		if !run.paired {
			tokens = append(tokens, string(run.chars))
			continue
		}
		for i := range run.chars {
			tokens = append(tokens, string(run.chars[i:min(i+2, len(run.chars))]))
		}
	}
	return tokens
}

// longestPrefix bounds how much of a word can be typed before the rest is taken
// on trust.
const longestPrefix = 12

// Prefixes lists the beginnings of an index token by which a query finds it: for
// an index that cannot be asked for beginnings, because its tokens are keyed.
func Prefixes(token string) []string {
	r := []rune(token)
	if byPairs(r[0]) {
		return []string{string(r[:1])}
	}
	var out []string
	for n := prefixFrom; n <= min(len(r), longestPrefix); n++ {
		out = append(out, string(r[:n]))
	}
	return out
}

// PrefixOf is the one of [Prefixes] that a word in a query stands for.
func PrefixOf(word string) string {
	r := []rune(word)
	return string(r[:min(len(r), longestPrefix)])
}

// QueryPhrases cuts what a person typed into phrases that all must occur. It is
// the counterpart of [Bigrams]: any part of a text is found again, if words of
// alphabetic scripts are typed from their beginning.
func QueryPhrases(typed string) []Phrase {
	var phrases []Phrase
	for run := range runs(typed) {
		switch {
		case !run.paired:
			phrases = append(phrases, Phrase{Tokens: []string{string(run.chars)}, Prefix: len(run.chars) >= prefixFrom})
		case len(run.chars) == 1:
			phrases = append(phrases, Phrase{Tokens: []string{string(run.chars)}, Prefix: true})
		default:
			var pairs []string
			for i := range len(run.chars) - 1 {
				pairs = append(pairs, string(run.chars[i:i+2]))
			}
			phrases = append(phrases, Phrase{Tokens: pairs})
		}
	}
	return phrases
}

// ExactPhrase is a text whose words must stand side by side, as in quotation marks: one phrase, or none where there
// is nothing to look for.
func ExactPhrase(typed string) []Phrase {
	tokens := Bigrams(typed)
	if len(tokens) == 0 {
		return nil
	}
	var last run
	for last = range runs(typed) {
	}
	switch {
	case last.paired && len(last.chars) == 1: // nothing is known of the character that follows
		return []Phrase{{Tokens: tokens, Prefix: true}}
	case last.paired:
		tokens = tokens[:len(tokens)-1]
	}
	return []Phrase{{Tokens: tokens}}
}

// Found lists where in a text phrases stand, as pairs of byte offsets in order, none touching another. What must not
// occur is left out.
func Found(text string, phrases []Phrase) (out [][2]int) {
	marked := make([]bool, len(text)+1)
	tokens := spots(text)
	for _, p := range phrases {
		for at := range tokens {
			if from, to, ok := p.at(tokens[at:]); ok && !p.Not {
				for i := from; i < to; i++ {
					marked[i] = true
				}
			}
		}
	}
	for i := 0; i < len(text); i++ {
		if !marked[i] {
			continue
		}
		from := i
		for marked[i] {
			i++
		}
		out = append(out, [2]int{from, i})
	}
	return out
}

// at is where a phrase stands that begins with the first of some tokens.
func (p Phrase) at(tokens []spot) (from, to int, ok bool) {
	if len(tokens) < len(p.Tokens) || len(p.Tokens) == 0 {
		return 0, 0, false
	}
	for i, want := range p.Tokens {
		got := tokens[i]
		if begun := p.Prefix && i == len(p.Tokens)-1 && strings.HasPrefix(got.token, want); begun && got.paired {
			to = got.first
		} else if begun || got.token == want {
			to = got.to
		} else {
			return 0, 0, false
		}
	}
	return tokens[0].from, to, true
}

// spot is an index token with its place in the text, and where its first character ends.
type spot struct {
	token           string
	from, first, to int
	paired          bool
}

// spots are the tokens of Bigrams with their places.
func spots(text string) (out []spot) {
	var at []int // where each character of the run begins, and where the last ends
	var cur run
	flush := func() {
		n := len(cur.chars)
		switch {
		case n == 0:
		case !cur.paired:
			out = append(out, spot{string(cur.chars), at[0], at[1], at[n], false})
		default:
			for i := range n {
				end := min(i+2, n)
				out = append(out, spot{string(cur.chars[i:end]), at[i], at[i+1], at[end], true})
			}
		}
		at, cur = nil, run{}
	}
	for i, c := range text {
		c = fold(c)
		letter := byPairs(c) || unicode.In(c, unicode.Letter, unicode.Number, unicode.Mark)
		if !letter || len(cur.chars) > 0 && cur.paired != byPairs(c) {
			flush()
		}
		if !letter {
			continue
		}
		if len(at) == 0 {
			at = append(at, i)
		}
		cur.paired, cur.chars, at = byPairs(c), append(cur.chars, c), append(at, i+widthAt(text, i))
	}
	flush()
	return out
}

func widthAt(text string, i int) int {
	_, n := utf8.DecodeRuneInString(text[i:])
	return n
}

// run is a stretch of one kind: a word, or characters indexed by pairs.
type run struct {
	chars  []rune
	paired bool
}

func runs(text string) func(yield func(run) bool) {
	return func(yield func(run) bool) {
		var cur run
		flush := func() bool {
			done := cur
			cur = run{}
			return len(done.chars) == 0 || yield(done)
		}
		for _, c := range text {
			c = fold(c)
			switch {
			case !byPairs(c) && !unicode.In(c, unicode.Letter, unicode.Number, unicode.Mark):
				if !flush() {
					return
				}
				continue
			case len(cur.chars) > 0 && cur.paired != byPairs(c):
				if !flush() {
					return
				}
			}
			cur.paired = byPairs(c)
			cur.chars = append(cur.chars, c)
		}
		flush()
	}
}

// fold makes characters that mean the same equal: case, and the full-width
// letters and digits that Chinese keyboards produce.
func fold(c rune) rune {
	if c >= '！' && c <= '～' {
		c -= '！' - '!'
	}
	return unicode.ToLower(c)
}

// byPairs tells scripts written without spaces. Characters beyond the basic
// plane are included: rare characters of personal names live there.
func byPairs(c rune) bool {
	return unicode.In(c, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul) ||
		c >= 0x20000 && c <= 0x3FFFF || strings.ContainsRune("々〇", c)
}
