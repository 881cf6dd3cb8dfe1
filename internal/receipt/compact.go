package receipt

import (
	"encoding/base64"
	"encoding/binary"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// mark begins the line form and names its version.
const mark = "R1."

// Compact is the receipt as one line of letters, digits, - and _: what a QR code holds. The record's
// hash is left out, since it follows from the rest.
func (r Receipt) Compact() string {
	var b []byte
	for _, s := range []string{r.Case, r.Event, r.Record.Kind, r.Record.ID, r.Key, r.Head} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	b = binary.AppendVarint(b, r.At.UnixMicro())
	b = binary.AppendUvarint(b, uint64(r.Pos))
	b = append(b, r.Hash[:]...)
	for _, h := range r.Proof {
		b = append(b, h[:]...)
	}
	return mark + base64.RawURLEncoding.EncodeToString(b)
}

// parseCompact also takes an address with the line behind its #.
func parseCompact(text string) (Receipt, error) {
	if i := strings.LastIndexByte(text, '#'); i >= 0 {
		text = text[i+1:]
	}
	body, ok := strings.CutPrefix(text, mark)
	if !ok {
		return Receipt{}, refuse("malformed")
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(body)
	if err != nil {
		return Receipt{}, refuse("malformed")
	}
	in := reader{rest: raw}
	r := Receipt{Format: 1}
	for _, s := range []*string{&r.Case, &r.Event, &r.Record.Kind, &r.Record.ID, &r.Key, &r.Head} {
		*s = in.text()
	}
	r.At = time.UnixMicro(in.signed()).UTC()
	r.Pos = int64(in.number())
	r.Hash = in.hash()
	r.Proof = Path{}
	for len(in.rest) > 0 && !in.bad {
		r.Proof = append(r.Proof, in.hash())
	}
	if in.bad || r.Pos < 0 {
		return Receipt{}, refuse("malformed")
	}
	r.Record.Hash = tlog.Hash(Digest(r.Case, r.Event, r.At, r.Hash[:]))
	if err := r.shape(); err != nil {
		return Receipt{}, err
	}
	if r.Compact() != text {
		return Receipt{}, refuse("malformed") // a number written longer than needed
	}
	return r, nil
}

// reader takes the parts off one after the other; after the first that is missing all are.
type reader struct {
	rest []byte
	bad  bool
}

func (in *reader) take(n int) []byte {
	if in.bad || n < 0 || n > len(in.rest) {
		in.bad = true
		return nil
	}
	part := in.rest[:n]
	in.rest = in.rest[n:]
	return part
}

func (in *reader) number() uint64 {
	v, n := binary.Uvarint(in.rest)
	if n <= 0 {
		in.bad = true
		return 0
	}
	in.take(n)
	return v
}

func (in *reader) signed() int64 {
	v, n := binary.Varint(in.rest)
	if n <= 0 {
		in.bad = true
		return 0
	}
	in.take(n)
	return v
}

func (in *reader) text() string {
	n := in.number()
	if n > maxHead {
		in.bad = true
		return ""
	}
	return string(in.take(int(n)))
}

func (in *reader) hash() (h tlog.Hash) {
	copy(h[:], in.take(tlog.HashSize))
	return h
}
