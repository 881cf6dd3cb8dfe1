package inmail

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// Bounds of a mail. What is larger is for a person to look at.
const (
	maxMail  = 40 << 20
	maxDepth = 10
	maxParts = 200
	maxWords = 1 << 20 // bytes of text that are looked at
)

// Mail is what was read of a message. Nothing in it was checked: anybody can write any header.
type Mail struct {
	ID       string // Message-ID, without brackets
	From     mail.Address
	To       []string // every address it says it went to
	Subject  string
	Language string
	Text     string
	Parts    []Part
	header   mail.Header
	report   bool // it tells of another message, such as a bounce
	blocks   []block
	count    int
	beyond   bool // some of it was not read, for the bounds
	mute     bool // nobody stands behind its address who could be answered
}

// Part is a file that came with it.
type Part struct {
	Name string
	Data []byte
}

// block is one piece of text in the order of the mail.
type block struct {
	text string
	html bool
}

// errMail says that something is no mail.
var errMail = errors.New("inmail: this is no mail that can be read")

// Parse reads a message. It gives what can be read of one that is damaged; only what has no readable header is
// an error.
func Parse(raw []byte) (*Mail, error) {
	if len(raw) > maxMail {
		return nil, fmt.Errorf("%w: it has %d bytes, and %d is the most", errMail, len(raw), maxMail)
	}
	if bytes.HasPrefix(raw, []byte("From ")) { // as mailboxes in one file begin each mail
		_, raw, _ = bytes.Cut(raw, []byte("\n"))
	}
	msg, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errMail, err)
	}
	m := &Mail{header: msg.Header}
	m.ID = strings.Trim(oneLine(msg.Header.Get("Message-Id")), "<> ")
	m.Subject = decoded(msg.Header.Get("Subject"))
	m.Language = oneLine(msg.Header.Get("Content-Language"))
	if list, err := m.addresses("From"); err == nil && len(list) > 0 {
		m.From = *list[0]
	}
	for _, name := range []string{"To", "Cc", "Delivered-To", "X-Original-To", "Envelope-To"} {
		list, err := m.addresses(name)
		if err != nil {
			continue
		}
		for _, a := range list {
			m.To = append(m.To, a.Address)
		}
	}
	body, err := io.ReadAll(msg.Body)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errMail, err)
	}
	m.part(textproto.MIMEHeader(msg.Header), body, 0)
	m.Text = m.words()
	return m, nil
}

// addresses reads the addresses of every header of a name.
func (m *Mail) addresses(name string) (out []*mail.Address, err error) {
	p := mail.AddressParser{WordDecoder: wordDecoder()}
	for _, line := range m.header[name] {
		list, fail := p.ParseList(joined(oneLine(unmixed(line))))
		out, err = append(out, list...), errors.Join(err, fail)
	}
	for _, a := range out {
		a.Name, a.Address = oneLine(a.Name), oneLine(a.Address)
	}
	if len(out) > 0 {
		err = nil
	}
	return out, err
}

// part reads one part and what is inside it.
func (m *Mail) part(h textproto.MIMEHeader, body []byte, depth int) {
	if m.count++; m.count > maxParts || depth > maxDepth {
		m.beyond = true
		return
	}
	kind, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if !strings.Contains(kind, "/") || err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
		kind, params = "text/plain", nil
	}
	switch {
	case strings.HasPrefix(kind, "multipart/"):
		m.report = m.report || kind == "multipart/report"
		m.several(kind, params["boundary"], body, depth)
		return
	case kind == "message/rfc822":
		m.within(plain(h.Get("Content-Transfer-Encoding"), body), depth)
		return
	}
	data := plain(h.Get("Content-Transfer-Encoding"), body)
	disposition, more, _ := mime.ParseMediaType(h.Get("Content-Disposition"))
	name := more["filename"]
	if name == "" {
		name = params["name"]
	}
	if words := kind == "text/plain" || kind == "text/html"; words && disposition != "attachment" && name == "" {
		m.blocks = append(m.blocks, block{inUTF8(params["charset"], m.most(data)), kind == "text/html"})
		return
	}
	if len(data) > 0 || name != "" { // an empty file is told as one that was not kept
		m.Parts = append(m.Parts, Part{Name: decoded(name), Data: data})
	}
}

// most is as much of a text as is looked at.
func (m *Mail) most(data []byte) []byte {
	m.beyond = m.beyond || len(data) > maxWords
	return data[:min(len(data), maxWords)]
}

// several reads a part made of parts. Of alternatives the first with words counts: plain text stands before
// the same in HTML.
func (m *Mail) several(kind, boundary string, body []byte, depth int) {
	before := len(m.blocks)
	if boundary == "" {
		m.blocks = append(m.blocks, block{inUTF8("", m.most(body)), false})
		return
	}
	r := multipart.NewReader(bytes.NewReader(body), boundary)
	for m.count <= maxParts {
		p, err := r.NextRawPart()
		if err != nil {
			break // the end, or damage: what was read is kept
		}
		data, err := io.ReadAll(p)
		if len(data) > 0 || err == nil {
			m.part(p.Header, data, depth+1)
		}
		if err != nil {
			break
		}
	}
	if kind != "multipart/alternative" {
		return
	}
	chosen := m.blocks[before:]
	for _, html := range []bool{false, true} {
		for _, b := range chosen {
			if b.html == html && strings.TrimSpace(b.words()) != "" {
				m.blocks = append(m.blocks[:before:before], b)
				return
			}
		}
	}
	m.blocks = m.blocks[:before]
}

// within reads a mail that was sent on inside another: its words belong to the matter.
func (m *Mail) within(raw []byte, depth int) {
	inner, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return
	}
	if s := decoded(inner.Header.Get("Subject")); s != "" {
		m.blocks = append(m.blocks, block{s, false})
	}
	if body, err := io.ReadAll(inner.Body); err == nil {
		m.part(textproto.MIMEHeader(inner.Header), body, depth+1)
	}
}

func (b block) words() string {
	if b.html {
		return textOf(b.text)
	}
	return b.text
}

// words joins the blocks, each line without what no terminal should get.
func (m *Mail) words() string {
	var out []string
	for _, b := range m.blocks {
		if w := strings.TrimSpace(b.words()); w != "" {
			out = append(out, w)
		}
	}
	return tidy(strings.Join(out, "\n\n"))
}

// tidy makes line ends one kind, takes out control characters and more than one empty line in turn.
func tidy(s string) string {
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u2028", "\n", "\u2029", "\n", "\u00a0", " ").Replace(strings.ToValidUTF8(s, "\ufffd"))
	s = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || !unicode.IsControl(r) && !unicode.Is(unicode.Bidi_Control, r) && r != '\ufeff' {
			return r
		}
		return -1
	}, s)
	var out []string
	empty := 0
	for line := range strings.SplitSeq(s, "\n") {
		line = strings.TrimRightFunc(line, unicode.IsSpace)
		if empty++; line != "" {
			empty = 0
		}
		if empty < 2 {
			out = append(out, line)
		}
	}
	return strings.TrimSpace(strings.Join(out, "\n"))
}

// plain undoes the transfer encoding as far as it can be undone.
func plain(encoding string, body []byte) []byte {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "base64":
		kept := make([]byte, 0, len(body))
		for _, c := range body {
			if c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '+' || c == '/' {
				kept = append(kept, c)
			}
		}
		if len(kept)%4 == 1 { // torn in the middle of a character
			kept = kept[:len(kept)-1]
		}
		out := make([]byte, base64.RawStdEncoding.DecodedLen(len(kept)))
		n, _ := base64.RawStdEncoding.Decode(out, kept)
		return out[:n]
	case "quoted-printable":
		out, err := io.ReadAll(quotedprintable.NewReader(bytes.NewReader(body)))
		if err != nil {
			return body // as it was sent, rather than half of it
		}
		return out
	}
	return body
}

// inUTF8 reads words in the charset they say they are in; words that say none, or lie, are UTF-8 where they
// can be and else what most mail without a charset is in here.
func inUTF8(charset string, data []byte) string {
	if charset != "" && !strings.EqualFold(charset, "utf-8") && !strings.EqualFold(charset, "us-ascii") {
		if enc, err := htmlindex.Get(strings.TrimSpace(charset)); err == nil {
			if out, err := enc.NewDecoder().Bytes(data); err == nil {
				return string(out)
			}
		}
	}
	if utf8.Valid(data) {
		return string(data)
	}
	if out, err := simplifiedchinese.GB18030.NewDecoder().Bytes(data); err == nil && !bytes.ContainsRune(out, utf8.RuneError) {
		return string(out)
	}
	return strings.ToValidUTF8(string(data), "\ufffd")
}

func wordDecoder() *mime.WordDecoder {
	return &mime.WordDecoder{CharsetReader: func(charset string, r io.Reader) (io.Reader, error) {
		raw, err := io.ReadAll(r)
		return strings.NewReader(inUTF8(charset, raw)), err
	}}
}

// decoded reads a header value as RFC 2047 writes it, and as programs write it that have not read it.
func decoded(s string) string {
	s = unmixed(s)
	out, err := wordDecoder().DecodeHeader(joined(strings.Join(strings.Fields(s), " ")))
	if err != nil {
		out = s
	}
	return oneLine(out)
}

var (
	encodedWord = regexp.MustCompile(`=\?([^?\s]+)\?([bBqQ])\?([^?\s]*)\?=`)
	wordRun     = regexp.MustCompile(encodedWord.String() + `(?:\s*` + encodedWord.String() + `)+`)
)

// joined makes one encoded word of neighbours in one charset: programs break them inside a character, and neither
// half alone is one.
func joined(s string) string {
	return wordRun.ReplaceAllStringFunc(s, func(run string) string {
		var out []string
		var raw []byte
		words := encodedWord.FindAllStringSubmatch(run, -1)
		for i, w := range words {
			if strings.EqualFold(w[2], "q") {
				raw = append(raw, plain("quoted-printable", []byte(strings.ReplaceAll(w[3], "_", "=20")))...)
			} else {
				raw = append(raw, plain("base64", []byte(w[3]))...)
			}
			if i+1 == len(words) || !strings.EqualFold(words[i+1][1], w[1]) {
				out, raw = append(out, "=?"+w[1]+"?B?"+base64.StdEncoding.EncodeToString(raw)+"?="), nil
			}
		}
		return strings.Join(out, " ")
	})
}

// unmixed makes raw bytes in a header UTF-8.
func unmixed(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return inUTF8("", []byte(s))
}

// oneLine takes out whatever could end a header line, or turn the direction of reading.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
	return strings.Join(strings.Fields(s), " ")
}
