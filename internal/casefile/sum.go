package casefile

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"unicode"
)

// Sum is the hash of what a file says. It is made of the pages in their order, and of each page of its
// texts and the hashes of its pictures in the order they stand; not of the bytes of a PDF, so that
// another edition of the program, with another font or another way of compressing, gives the same sum as
// long as each page says the same.
//
//	page  = SHA-256( "comity page 1\n" part "\n" number "\n" { "t" text "\ni" SHA-256 of a picture } "t" text "\n" )
//	sum   = SHA-256( "comity case file 1\n" case "\n" { page } )
//
// White space does not count in a text: lines may break elsewhere on the same page. Head, foot and QR
// code are not part of it; they say the sum.
type Sum [32]byte

// sum is the hash of the file as laid out.
func (b *book) sum() Sum {
	h := sha256.New()
	h.Write([]byte("comity case file 1\n" + b.f.Case + "\n"))
	for i, l := range b.pages {
		page := sha256.New()
		page.Write([]byte("comity page 1\n" + l.part + "\n" + itoa(l.page) + "\n"))
		var text strings.Builder
		for _, p := range b.doc.Content(i + 1) {
			if p.Image == ([32]byte{}) {
				text.WriteString(squeezed(p.Text))
				continue
			}
			page.Write([]byte("t" + text.String() + "\ni"))
			page.Write(p.Image[:])
			text.Reset()
		}
		page.Write([]byte("t" + text.String() + "\n"))
		h.Write(page.Sum(nil))
	}
	return Sum(h.Sum(nil))
}

func squeezed(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, s)
}

// Content is the sum of a file and how many numbered pages it has: what goes into the log when a file is
// closed.
func Content(f File) (Sum, int, error) {
	b, err := lay(f)
	if err != nil {
		return Sum{}, 0, err
	}
	return b.sum(), b.body, nil
}

// Mark is what the QR code of a page says.
type Mark struct {
	Case    string
	Part    string // id of the part; cover, index or back for the pages around them
	Page    int    // its number; 0 for pages without one
	Of      int    // numbered pages of the file
	Content Sum
}

func (b *book) mark(i int, sum Sum) Mark {
	return Mark{b.f.Case, b.pages[i].part, b.pages[i].page, b.body, sum}
}

// Address is the mark behind the address of the page that checks it. It holds no follow code and no word
// of the case.
func (m Mark) Address(check string) string {
	q := "c=" + url.QueryEscape(m.Case) + "&p=" + url.QueryEscape(m.Part) + "&n=" + itoa(m.Page) + "&of=" + itoa(m.Of) +
		"&h=" + base64.RawURLEncoding.EncodeToString(m.Content[:])
	if strings.Contains(check, "?") {
		return check + "&" + q
	}
	return check + "?" + q
}

// ErrMark is returned for what is no mark.
var ErrMark = errors.New("casefile: not a mark of a page")

// ParseMark reads a mark from the query of an address.
func ParseMark(q url.Values) (Mark, error) {
	m := Mark{Case: q.Get("c"), Part: q.Get("p")}
	var err, errOf error
	m.Page, err = strconv.Atoi(q.Get("n"))
	m.Of, errOf = strconv.Atoi(q.Get("of"))
	sum, errSum := base64.RawURLEncoding.Strict().DecodeString(q.Get("h"))
	if err != nil || errOf != nil || errSum != nil || len(sum) != len(m.Content) || m.Case == "" || m.Part == "" || len(m.Case)+len(m.Part) > 200 || m.Page < 0 || m.Page > m.Of {
		return Mark{}, ErrMark
	}
	m.Content = Sum(sum)
	return m, nil
}

// Verdict is what came of holding a mark against a file.
type Verdict struct {
	Case    bool // the file is of that case
	Content bool // the file says what it said when the page was printed
	Page    bool // the file has such a page, in that part, of so many
	Part    string
}

// OK tells whether the page belongs to the file as it stands.
func (v Verdict) OK() bool { return v.Case && v.Content && v.Page }

// Verify holds the mark of a page against the file as it can be made today. The file has to be made as it
// was then: in the same language, with the papers it had. That it was so at the time, and since when, is
// told by the log, into which whoever closes the file writes the sum ([Content]).
func Verify(f File, m Mark) (Verdict, error) {
	b, err := lay(f)
	if err != nil {
		return Verdict{}, err
	}
	v := Verdict{Case: m.Case == f.Case, Content: m.Content == b.sum()}
	for i, l := range b.pages {
		if l.part == m.Part && l.page == m.Page && m.Of == b.body {
			v.Page, v.Part = true, b.pages[i].name
		}
	}
	return v, nil
}
