package receipt

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// Head is the state of a log at a moment, signed. Its text is a signed note with a checkpoint in it,
// the form in which transparency logs are witnessed: origin, size, root, the moment, a blank line, and
// a line for each signature.
type Head struct {
	Origin string
	Size   int64
	Root   tlog.Hash
	At     time.Time // whole seconds, UTC
	Marks  []Mark    // signatures; only the city's own is looked at
}

// Mark is one signature under a head.
type Mark struct {
	Name string // the origin for the log's own
	Key  uint32 // which key, see [KeyHash]
	Sig  []byte
}

// Origin names a log: the city's pack and the compartment.
func Origin(city, compartment string) string { return "comity/" + city + "/" + compartment }

const dash = "— " // as signed notes spell it

// Body is what is signed.
func (h Head) Body() string {
	return h.Origin + "\n" + strconv.FormatInt(h.Size, 10) + "\n" + h.Root.String() + "\n" + h.At.UTC().Format(time.RFC3339) + "\n"
}

// Text is the whole note.
func (h Head) Text() string {
	var b strings.Builder
	b.WriteString(h.Body() + "\n")
	for _, m := range h.Marks {
		raw := append([]byte{byte(m.Key >> 24), byte(m.Key >> 16), byte(m.Key >> 8), byte(m.Key)}, m.Sig...)
		b.WriteString(dash + m.Name + " " + base64.StdEncoding.EncodeToString(raw) + "\n")
	}
	return b.String()
}

// Sign returns the head with the log's own signature under it.
func (h Head) Sign(key string, sign func([]byte) []byte) Head {
	h.Marks = append(h.Marks, Mark{Name: h.Origin, Key: KeyHash(h.Origin, key), Sig: sign([]byte(h.Body()))})
	return h
}

const (
	maxHead = 4096    // bytes of a head; a dozen witnesses fit
	maxSize = 1 << 60 // records; the arithmetic of trees runs over not far above
)

// ParseHead reads a note. It is strict: what it returns gives the same text again.
func ParseHead(text string) (Head, error) {
	bad := refuse("head")
	body, marks, ok := strings.Cut(text, "\n\n")
	lines := strings.Split(body, "\n")
	if len(text) > maxHead || !ok || len(lines) != 4 {
		return Head{}, bad
	}
	h := Head{Origin: lines[0]}
	var errSize, errRoot, errAt error
	h.Size, errSize = strconv.ParseInt(lines[1], 10, 64)
	h.Root, errRoot = tlog.ParseHash(lines[2])
	h.At, errAt = time.Parse(time.RFC3339, lines[3])
	if errSize != nil || errRoot != nil || errAt != nil || h.Size < 0 || h.Size > maxSize || !word(h.Origin) {
		return Head{}, bad
	}
	for _, line := range strings.SplitAfter(marks, "\n") {
		if line == "" {
			continue
		}
		m, ok := parseMark(strings.TrimSuffix(line, "\n"))
		if !ok {
			return Head{}, bad
		}
		h.Marks = append(h.Marks, m)
	}
	if len(h.Marks) == 0 || h.Text() != text {
		return Head{}, bad
	}
	return h, nil
}

func parseMark(line string) (Mark, bool) {
	rest, ok := strings.CutPrefix(line, dash)
	name, sig, ok2 := strings.Cut(rest, " ")
	raw, err := base64.StdEncoding.DecodeString(sig)
	if !ok || !ok2 || err != nil || len(raw) < 5 || !word(name) {
		return Mark{}, false
	}
	return Mark{Name: name, Key: uint32(raw[0])<<24 | uint32(raw[1])<<16 | uint32(raw[2])<<8 | uint32(raw[3]), Sig: raw[4:]}, true
}

// word tells whether s can stand as a name in a note: printable ASCII without space and plus.
func word(s string) bool {
	return s != "" && len(s) <= 200 && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '+' })
}

// Own is the log's own signature by this key.
func (h Head) Own(key string) (Mark, bool) {
	for _, m := range h.Marks {
		if m.Name == h.Origin && m.Key == KeyHash(h.Origin, key) {
			return m, true
		}
	}
	return Mark{}, false
}

// Signed tells whether key signed the head.
func (h Head) Signed(key string, verify Verifier) bool {
	m, ok := h.Own(key)
	return ok && verify(key, []byte(h.Body()), m.Sig)
}

// Verifier checks a signature by a key in text form.
type Verifier func(key string, msg, sig []byte) bool

// Ed25519 checks keys of the form std:BASE64URL.
func Ed25519(key string, msg, sig []byte) bool {
	raw, ok := standard(key)
	return ok && len(sig) == ed25519.SignatureSize && ed25519.Verify(raw, msg, sig)
}

const suite = "std:"

// keys is how the bytes of a key are spelled, the same as in vault.
var keys = base64.RawURLEncoding.Strict()

func standard(key string) (ed25519.PublicKey, bool) {
	text, ok := strings.CutPrefix(key, suite)
	raw, err := keys.DecodeString(text)
	return raw, ok && err == nil && len(raw) == ed25519.PublicKeySize && keys.EncodeToString(raw) == text
}

// KeyText is the text form of an Ed25519 key.
func KeyText(public ed25519.PublicKey) string {
	return suite + keys.EncodeToString(public)
}

// KeyHash tells keys of one origin apart, as signed notes do it.
func KeyHash(origin, key string) uint32 {
	sum := sha256.Sum256(append([]byte(origin+"\n"), noteKey(key)...))
	return uint32(sum[0])<<24 | uint32(sum[1])<<16 | uint32(sum[2])<<8 | uint32(sum[3])
}

// noteKey is the key as signed notes encode it: a byte for the algorithm, then the key. 255 means one
// that notes have no number for; its name follows.
func noteKey(key string) []byte {
	if raw, ok := standard(key); ok {
		return append([]byte{1}, raw...)
	}
	return append([]byte{255}, key...)
}

// NoteKey is the key in the form that other tools for signed notes take.
func NoteKey(origin, key string) string {
	var hash bytes.Buffer
	h := KeyHash(origin, key)
	for _, shift := range []uint{28, 24, 20, 16, 12, 8, 4, 0} {
		hash.WriteByte("0123456789abcdef"[h>>shift&15])
	}
	return origin + "+" + hash.String() + "+" + base64.StdEncoding.EncodeToString(noteKey(key))
}
