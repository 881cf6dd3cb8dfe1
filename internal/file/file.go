// Package file owns the one pipeline every attachment passes, whatever channel
// brought it, and the folder in which the cleaned bytes rest.
//
// Clean reads, decides by content what the bytes are, and rebuilds pictures
// from their decoded pixels, so that position, camera, previews, comments and
// anything hidden behind the picture are gone. It fails closed: what cannot be
// decoded is refused, never passed through. Store keeps the result, sealed under
// a key of its own.
//
// It refuses to know cases, people and channels, to keep originals, and to
// phrase a refusal: a Refused names a rule, the words are in the packs.
//
// Two things are left to those who serve the bytes: send the Kind given here
// with "X-Content-Type-Options: nosniff", and a PDF only as a download or in a
// sandbox, because its inside is scanned, not rebuilt.
//
// Open file.go first, then image.go, pdf.go, sniff.go, virus.go, exif.go and store.go.
package file

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
)

// Limits is what an upload is held to. Zero fields take the default.
type Limits struct {
	// MaxBytes is the largest accepted upload; default 20 MiB.
	MaxBytes int64
	// MaxPixels bounds width × height of a picture whose pixels take four bytes
	// when decoded; formats that need more memory per pixel (16 bits per
	// channel, progressive JPEG) get proportionally fewer. Default 50 million,
	// that is 200 MB at work.
	MaxPixels int64
	// MaxSide is the longest side of the picture that is kept, in pixels;
	// larger ones are scaled down. Default 1600.
	MaxSide int
	// Declared is the media type the sender gave, if any. It is held against
	// the content and never believed.
	Declared string
}

const (
	defaultMaxBytes  = 20 << 20
	defaultMaxPixels = 50_000_000
	defaultMaxSide   = 1600
)

func (l Limits) filled() Limits {
	if l.MaxBytes <= 0 {
		l.MaxBytes = defaultMaxBytes
	}
	if l.MaxPixels <= 0 {
		l.MaxPixels = defaultMaxPixels
	}
	if l.MaxSide <= 0 {
		l.MaxSide = defaultMaxSide
	}
	return l
}

// Cleaned is an attachment that is safe to keep and to show.
type Cleaned struct {
	Name          string // at most 120 characters, with the extension of Kind
	Kind          string // media type, found by content: one of the Kind constants but never WebP
	Size          int64  // bytes, len(Data)
	Width, Height int    // pixels; 0 for what is not a picture
	SHA256        string // of Data, 64 lower-case hexadecimal digits
	Data          []byte
}

// Refused is why an attachment was not accepted: a value for the person who
// sent it. Rule is the key of the explanation in the pack, Params its variables.
//
//	file.too_big          max: bytes
//	file.kind             found: media type, or "" when nothing known
//	file.mismatch         said, found: media types
//	file.broken           kind: media type or ""; why: empty, decode, header, trailer, encoding, hidden
//	file.too_many_pixels  width, height, max
//	file.active           found: the PDF feature, without slash
//	file.virus            the marker by which scanners for viruses are tested
type Refused struct {
	Rule   string
	Params map[string]string
}

// Error is for the log; it holds neither name nor content of the file.
func (r Refused) Error() string { return fmt.Sprintf("attachment refused: %s %v", r.Rule, r.Params) }

func broken(kind, why string) error {
	return Refused{"file.broken", map[string]string{"kind": kind, "why": why}}
}

// Clean reads an upload, decides what it is by its content and returns what may
// be kept. name is the sender's name for the file; together with lim.Declared
// it can only contradict the content, never decide it.
//
// Pictures (JPEG, PNG, WebP) are decoded, turned upright, scaled to MaxSide and
// encoded anew: as PNG when something in them is transparent, otherwise as
// JPEG. Colour profiles go as well, so colours outside sRGB shift slightly. An
// animation is refused or reduced to its first picture.
//
// A PDF is checked for beginning, end and active or hidden parts and otherwise
// kept byte for byte: the author and the program named in its metadata are NOT
// removed yet. Text is kept as it is, and must be UTF-8 and not markup.
//
// The error is a Refused, or a wrapped error of r.
func Clean(r io.Reader, name string, lim Limits) (Cleaned, error) {
	lim = lim.filled()
	data, err := io.ReadAll(io.LimitReader(r, lim.MaxBytes+1))
	if err != nil {
		return Cleaned{}, fmt.Errorf("read attachment: %w", err)
	}
	if int64(len(data)) > lim.MaxBytes {
		return Cleaned{}, Refused{"file.too_big", map[string]string{"max": strconv.FormatInt(lim.MaxBytes, 10)}}
	}
	if marked(data) {
		return Cleaned{}, Refused{Rule: "file.virus"}
	}
	kind := sniff(data)
	if err := agree(kind, data, name, lim.Declared); err != nil {
		return Cleaned{}, err
	}
	c := Cleaned{Kind: kind, Data: data}
	switch kind {
	case KindJPEG, KindPNG, KindWebP:
		c, err = cleanImage(data, kind, lim)
	case KindPDF:
		err = checkPDF(data)
	case KindText: // sniff has read all of it
	default:
		err = Refused{"file.kind", map[string]string{"found": kind}}
	}
	if err != nil {
		return Cleaned{}, err
	}
	sum := sha256.Sum256(c.Data)
	c.SHA256 = hex.EncodeToString(sum[:])
	c.Size = int64(len(c.Data))
	c.Name = cleanName(name, c.Kind, c.SHA256)
	return c, nil
}

// agree refuses an upload whose extension or declared type tells something
// else than its content: a mistake at best, and at worst a file made to be
// opened by a program the reader does not expect.
func agree(kind string, data []byte, name, declared string) error {
	if len(data) == 0 {
		return broken("", "empty")
	}
	for _, said := range []string{saidByName(name), saidByType(declared)} {
		switch {
		case said == "" || said == kind:
		case kind == "" && said == KindText:
			return broken(said, "encoding")
		case kind == "":
			// Nothing known contradicts the claim, nothing supports it either.
			return broken(said, "header")
		case kind == kindMarkup && said == KindText:
			return Refused{"file.kind", map[string]string{"found": kind}}
		default:
			return Refused{"file.mismatch", map[string]string{"said": said, "found": kind}}
		}
	}
	return nil
}
