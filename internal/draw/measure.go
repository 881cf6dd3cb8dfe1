package draw

import "strings"

// Sizes of letters and lines.
const (
	nameSize, nameLine   = 14.0, 18.0
	ownerSize, ownerLine = 11.5, 15.0
	rowSize, rowLine     = 12.5, 16.0
	bandSize, bandLine   = 12.5, 16.0
	boldWider            = 1.07
)

// em is how wide a letter is, in parts of its size. No font is asked: the reader's is not known. Wide
// letters take a square, the others a little more than most fonts give them.
func em(r rune) float64 {
	switch {
	case wide(r):
		return 1
	case strings.ContainsRune("iljI.,:;'|!()[]-·/ ", r):
		return 0.32
	case strings.ContainsRune("mwMW@", r):
		return 0.9
	case r >= 'A' && r <= 'Z':
		return 0.68
	case strings.ContainsRune("frt", r):
		return 0.4
	}
	return 0.57
}

// wide reports letters that take a square: East Asian wide and full width (Unicode UAX #11).
func wide(r rune) bool {
	return r >= 0x1100 && r <= 0x115f || r >= 0x2e80 && r <= 0xa4cf || r >= 0xac00 && r <= 0xd7a3 ||
		r >= 0xf900 && r <= 0xfaff || r >= 0xfe30 && r <= 0xfe6f || r >= 0xff00 && r <= 0xff60 ||
		r >= 0xffe0 && r <= 0xffe6 || r >= 0x20000 && r <= 0x3fffd
}

func measure(s string, size float64) float64 {
	w := 0.0
	for _, r := range s {
		w += em(r)
	}
	return w * size
}

// Marks that may not begin a line, and such that may not end one.
const (
	notFirst = "\uff0c\u3002\uff1b\uff1a\u3001\uff09\u300b\u300d\u300f\uff01\uff1f\u201d\u2019,.;:)!?"
	notLast  = "\uff08\u300a\u300c\u300e\u201c\u2018("
)

// wrap breaks words into lines of at most the width: at spaces, between wide letters, and inside a
// word only when it would not fit a line by itself.
func wrap(s string, size, width float64) []string {
	var lines []string
	line := ""
	for _, piece := range pieces(s) {
		if measure(strings.TrimRight(line+piece, " "), size) <= width {
			line += piece
			continue
		}
		if t := strings.TrimSpace(line); t != "" {
			lines = append(lines, t)
		}
		line = strings.TrimLeft(piece, " ")
		for measure(strings.TrimRight(line, " "), size) > width {
			head, rest := split(line, size, width)
			lines = append(lines, head)
			line = rest
		}
	}
	if t := strings.TrimSpace(line); t != "" || len(lines) == 0 {
		lines = append(lines, t)
	}
	return lines
}

// split cuts a word that is too long for a line.
func split(s string, size, width float64) (head, rest string) {
	w := 0.0
	for i, r := range s {
		if w += em(r) * size; w > width && i > 0 {
			return s[:i], s[i:]
		}
	}
	return s, ""
}

// pieces cuts a text where a line may be broken.
func pieces(s string) []string {
	var out []string
	from := 0
	runes := []rune(s)
	for i := 1; i < len(runes); i++ {
		a, b := runes[i-1], runes[i]
		breaks := a == ' ' || a == '/' || wide(a) || wide(b) && (a < '0' || a > '9') // a figure keeps its unit
		if breaks && !strings.ContainsRune(notFirst, b) && !strings.ContainsRune(notLast, a) && b != ' ' {
			out = append(out, string(runes[from:i]))
			from = i
		}
	}
	return append(out, string(runes[from:]))
}
