package file

import (
	"bytes"
	"unicode/utf8"
)

// survey looks at an upload while it passes by, and remembers what the kind is decided from: no more than its
// beginning. It is an io.Writer that never fails.
type survey struct {
	size   int64
	head   []byte
	sum    hasher
	text   textCheck
	marker tail
}

// headSize holds every signature, and white space before a tag as far as a browser looks (1445 bytes).
const headSize = 4096

func newSurvey() *survey {
	return &survey{sum: newHasher(), text: textCheck{ok: true}, marker: tail{want: marker}}
}

func (s *survey) Write(p []byte) (int, error) {
	s.size += int64(len(p))
	s.sum.Write(p)
	if room := headSize - len(s.head); room > 0 {
		s.head = append(s.head, p[:min(room, len(p))]...)
	}
	s.text.add(p)
	s.marker.add(p)
	return len(p), nil
}

// kind returns the media type by the content alone, "" when unknown.
func (s *survey) kind() string { return sniffed(s.head, s.text.sound()) }

// textCheck tells plain UTF-8 without control characters but line ends, tabs and form feeds.
type textCheck struct {
	ok   bool
	rest []byte // of a character cut in two
}

func (c *textCheck) add(p []byte) {
	if !c.ok {
		return
	}
	if len(c.rest) > 0 {
		take := min(utf8.UTFMax, len(p))
		both := append(c.rest, p[:take]...)
		if !utf8.FullRune(both) {
			c.rest = both
			return
		}
		r, n := utf8.DecodeRune(both)
		if c.ok = r != utf8.RuneError || n > 1; !c.ok {
			return
		}
		p, c.rest = p[n-len(c.rest):], nil
	}
	for _, b := range p {
		if b < ' ' && b != '\n' && b != '\r' && b != '\t' && b != '\f' || b == 0x7F {
			c.ok = false
			return
		}
	}
	end := len(p)
	for back := 1; back < utf8.UTFMax && back <= len(p); back++ {
		if utf8.RuneStart(p[len(p)-back]) {
			if !utf8.FullRune(p[len(p)-back:]) {
				end = len(p) - back
			}
			break
		}
	}
	c.ok = utf8.Valid(p[:end])
	c.rest = bytes.Clone(p[end:])
}

func (c *textCheck) sound() bool { return c.ok && len(c.rest) == 0 }

// tail finds a string also where it lies across two writes.
type tail struct {
	want  []byte
	kept  []byte
	found bool
}

func (t *tail) add(p []byte) {
	if t.found {
		return
	}
	most := len(t.want) - 1
	seam := append(t.kept, p[:min(len(p), most)]...)
	t.found = bytes.Contains(seam, t.want) || bytes.Contains(p, t.want)
	if len(p) >= most {
		t.kept = bytes.Clone(p[len(p)-most:])
	} else {
		t.kept = bytes.Clone(seam[max(0, len(seam)-most):])
	}
}
