package gateway

import (
	"bytes"
	"encoding/base64"
	"errors"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"comity/internal/courier"
)

// errAddress is a mail address nothing can be sent to.
var errAddress = errors.New("not a mail address")

// mailbox is a bare address, without a name and without anything that could begin a header line. Addresses
// beyond ASCII need a mail system that says it takes them; few do, so they are refused here and not lost there.
func mailbox(s string) (string, error) {
	if strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f || r > unicode.MaxASCII }) || len(s) > 254 {
		return "", errAddress
	}
	a, err := mail.ParseAddress(s)
	if err != nil || a.Address != s || strings.ContainsAny(s, "<>\"") {
		return "", errAddress
	}
	return s, nil
}

// letter is the message as it goes over the wire, lines ending in CR LF.
//
// RFC 5322 for the form, RFC 2047 for Chinese in headers, RFC 3834 for Auto-Submitted: a machine that answers
// by itself is not to answer this.
func (g *SMTP) letter(p courier.Parcel, to string) []byte {
	var b bytes.Buffer
	from := mail.Address{Name: oneLine(g.From.Name), Address: g.From.Address}
	header := func(name, value string) { b.WriteString(name + ": " + value + "\r\n") }
	header("Date", p.At.UTC().Format(time.RFC1123Z))
	header("From", folded(from.String()))
	header("To", "<"+to+">")
	if to := g.answersTo(p); to != "" {
		header("Reply-To", "<"+to+">")
	}
	header("Subject", encoded(oneLine(p.Subject)))
	header("Message-ID", messageID(p.Key, g.From.Address))
	header("Content-Language", oneLine(p.Lang))
	header("Auto-Submitted", "auto-generated")
	header("X-Auto-Response-Suppress", "All")
	header("MIME-Version", "1.0")
	header("Content-Type", "text/plain; charset=utf-8")
	text := strings.ReplaceAll(strings.ReplaceAll(p.Text, "\r\n", "\n"), "\r", "\n")
	if strings.ContainsFunc(text, func(r rune) bool { return r > unicode.MaxASCII }) {
		header("Content-Transfer-Encoding", "base64")
		b.WriteString("\r\n")
		b.Write(wrapped([]byte(strings.ReplaceAll(text, "\n", "\r\n") + "\r\n")))
		return b.Bytes()
	}
	header("Content-Transfer-Encoding", "quoted-printable")
	b.WriteString("\r\n")
	w := quotedprintable.NewWriter(&b)
	w.Write([]byte(strings.ReplaceAll(text, "\n", "\r\n") + "\r\n")) // into memory: cannot fail
	w.Close()
	return b.Bytes()
}

// answersTo is where an answer goes: what the message itself says, where that is an address.
func (g *SMTP) answersTo(p courier.Parcel) string {
	if to, err := mailbox(p.Reply); err == nil {
		return to
	}
	return g.ReplyTo
}

// messageID never changes for a message, so that a second copy is known for one.
func messageID(key, from string) string {
	_, domain, _ := strings.Cut(from, "@")
	return "<" + key + "@" + domain + ">"
}

// oneLine takes out whatever could end a header line.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }), " ")
}

// maxSubject bounds a subject, in characters.
const maxSubject = 200

// encoded writes a subject in words that are short enough to keep each line within 76 characters (RFC 2047, 2).
func encoded(s string) string {
	const word = 36 // bytes, of which base64 makes 48
	runes := []rune(s)
	runes = runes[:min(len(runes), maxSubject)]
	if mime.BEncoding.Encode("utf-8", string(runes)) == string(runes) {
		return string(runes)
	}
	var words []string
	for len(runes) > 0 {
		n, size := 0, 0
		for n < len(runes) && size+utf8.RuneLen(runes[n]) <= word {
			size += utf8.RuneLen(runes[n])
			n++
		}
		words = append(words, "=?utf-8?b?"+base64.StdEncoding.EncodeToString([]byte(string(runes[:n])))+"?=")
		runes = runes[n:]
	}
	return strings.Join(words, "\r\n ")
}

// folded breaks a header between encoded words, which the library sets one after another on one line.
func folded(s string) string { return strings.ReplaceAll(s, "?= =?", "?=\r\n =?") }

func wrapped(raw []byte) []byte {
	const width = 76
	text := base64.StdEncoding.EncodeToString(raw)
	var b bytes.Buffer
	for len(text) > 0 {
		n := min(width, len(text))
		b.WriteString(text[:n] + "\r\n")
		text = text[n:]
	}
	return b.Bytes()
}
