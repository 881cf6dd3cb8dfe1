// Package file owns the one pipeline every attachment passes, whatever channel
// brought it, and the folder or bucket in which the cleaned bytes rest.
//
// Store.Take is the way in. It reads an upload in pieces, decides by content what the bytes are, and rebuilds
// them: pictures from their decoded pixels, a PDF from the objects its pages need, papers of office programs from
// the parts that can be looked into, so that position, camera, previews, authors, comments' names and anything
// hidden behind are gone. It fails closed: what cannot be decoded is refused, never passed through, and what the
// scanner could not look at, or found something in, is held until somebody decides. What is kept lies sealed under
// a key of its own.
//
// What is held in memory is a piece of 64 KiB, the pixels of a picture, a run of words of an office paper, or the
// objects of a PDF, two pictures or PDFs at a time.
//
// It refuses to know of a case anything but what it says of a file, to know people and channels, and to phrase a
// refusal: a Refused names a rule, the words are in the packs.
//
// Left to those who serve the bytes: send the Kind given here with "X-Content-Type-Options: nosniff", and anything
// but a picture only as a download or in a sandbox.
//
// Open file.go first, then survey.go and sniff.go, image.go, pdf.go, office.go, scan.go, redact.go and store.go.
package file

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"

	"comity/internal/casework"
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
//	file.too_big          bytes: the most there may be
//	file.kind             found: media type, or "" when nothing known
//	file.mismatch         said, found: media types
//	file.broken           kind: media type or ""; why: empty, decode, header, trailer, encoding, hidden
//	file.too_many_pixels  width, height, max
//	file.active           found: the feature of a PDF or office paper that can run or hide something
//	file.heic             a photo as some telephones keep it, which nothing here can decode
//	file.inside           part: of an office paper, which cannot be looked into
//	file.unpacked         an archive that unpacks to too much
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

// ErrCut stands beside the error of a reader that gave no more: it is the line that broke, and nothing of ours.
var ErrCut = errors.New("file: it broke off on its way")

// arriving is an upload on its way.
type arriving struct{ io.Reader }

func (a arriving) Read(p []byte) (int, error) {
	n, err := a.Reader.Read(p)
	if err != nil && err != io.EOF {
		err = errors.Join(ErrCut, err)
	}
	return n, err
}

// Take is the way in for every channel: it reads an upload, cleans it, has it looked at and stores what may be
// kept. The result belongs with a case; whoever does not file it has lost its key, and with it the file.
//
// The upload passes in pieces: it is sealed while it arrives, and read back from there. What a scanner finds
// something in, or cannot look at, is kept apart: the file then has Held and no Key, so that nothing can show it.
//
// name is the sender's name for the file; together with lim.Declared it can only contradict the content, never
// decide it. The error is a Refused, ErrCut with the error of r, or an error of the store.
func (s Store) Take(ctx context.Context, r io.Reader, name string, lim Limits) (casework.File, error) {
	got, err := s.Receive(r, name, lim)
	if err != nil {
		return casework.File{}, err
	}
	defer got.Drop()
	return got.Keep(ctx)
}

// Received is an upload that has arrived and waits, sealed, until it is known whether it is wanted: a form is
// judged by its fields, and they may come after its files.
type Received struct {
	s    Store
	sent *draft
	look *survey
	name string
	lim  Limits
}

// Receive is the first half of Take. Whoever gets something drops it in the end.
func (s Store) Receive(r io.Reader, name string, lim Limits) (*Received, error) {
	lim = lim.filled()
	sent, err := s.draft()
	if err != nil {
		return nil, err
	}
	look, err := surveyed(sent, r, lim)
	if err != nil {
		sent.drop()
		return nil, err
	}
	return &Received{s, sent, look, name, lim}, nil
}

// Drop forgets what was not kept. It may be called twice.
func (g *Received) Drop() { g.sent.drop() }

// Keep is the second half of Take. It works once.
func (g *Received) Keep(ctx context.Context) (casework.File, error) {
	s, look := g.s, g.look
	src, err := g.sent.open()
	if err != nil {
		return casework.File{}, err
	}
	clean, err := s.draft()
	if err != nil {
		return casework.File{}, err
	}
	defer clean.drop()
	sized := &counted{w: clean}
	c, err := rebuild(sized, src, look, g.name, g.lim, s.Scan == nil)
	if err != nil {
		return casework.File{}, err
	}
	held := s.inspect(ctx, src, src.Size())
	f := casework.File{Sent: look.sum.String(), Kind: c.Kind, Size: sized.n, Held: held}
	if f.SHA256, err = s.keep(ctx, clean); err != nil {
		return casework.File{}, err
	}
	f.Name, f.Key = cleanName(g.name, c.Kind, f.Sent), clean.key
	if held != "" || s.KeepSent {
		if f.Original, err = s.keep(ctx, g.sent); err != nil {
			return casework.File{}, err
		}
		f.OriginalKey = g.sent.key
	}
	if held != "" {
		f.Key, f.Locked = "", f.Key
	}
	return f, nil
}

// surveyed copies an upload into w within its limit, and looks at it on the way.
func surveyed(w io.Writer, r io.Reader, lim Limits) (*survey, error) {
	look := newSurvey()
	if _, err := io.Copy(io.MultiWriter(w, look), io.LimitReader(arriving{r}, lim.MaxBytes+1)); err != nil {
		return nil, fmt.Errorf("read attachment: %w", err)
	}
	if look.size > lim.MaxBytes {
		return nil, Refused{"file.too_big", map[string]string{"bytes": strconv.FormatInt(lim.MaxBytes, 10)}}
	}
	return look, nil
}

// source is an upload that can be read again.
type source interface {
	io.ReadSeeker
	io.ReaderAt
	Size() int64
}

// counted counts what is written.
type counted struct {
	w io.Writer
	n int64
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// rebuild writes into out what may be kept of an upload, and says what it is.
//
// Pictures (JPEG, PNG, WebP) are decoded, turned upright, scaled to MaxSide and
// encoded anew: as PNG when something in them is transparent, otherwise as
// JPEG. Colour profiles go as well, so colours outside sRGB shift slightly. An
// animation is refused or reduced to its first picture.
//
// Of a PDF the objects its pages need are written anew; papers of office programs are put together anew from the
// parts that can be looked into. Text is kept as it is, and must be UTF-8 and not markup.
func rebuild(out io.Writer, src source, look *survey, name string, lim Limits, byMarker bool) (Cleaned, error) {
	if byMarker && look.marker.found {
		return Cleaned{}, Refused{Rule: "file.virus"}
	}
	kind := look.kind()
	if kind == kindZip {
		kind = officeKind(src)
	}
	if err := agree(kind, look.size, name, lim.Declared); err != nil {
		return Cleaned{}, err
	}
	c := Cleaned{Kind: kind}
	var err error
	switch kind {
	case KindJPEG, KindPNG, KindWebP:
		c, err = cleanImage(out, src, kind, "", lim)
	case KindPDF:
		err = cleanPDF(out, src, byMarker)
	case KindText: // the survey has read all of it
		if _, err = src.Seek(0, io.SeekStart); err == nil {
			_, err = io.Copy(out, src)
		}
	default:
		switch {
		case office[kind] != nil:
			err = cleanOffice(out, src, kind, lim)
		case kind == kindHEIC:
			err = Refused{"file.heic", nil}
		default:
			err = Refused{"file.kind", map[string]string{"found": kind}}
		}
	}
	return c, err
}

// Clean is Take without a store, for what is small and stays in memory, such as a picture the program is to print:
// the result has its bytes, and nobody but the built-in marker of virus.go has looked for viruses.
func Clean(r io.Reader, name string, lim Limits) (Cleaned, error) {
	lim = lim.filled()
	var sent, out bytes.Buffer
	look, err := surveyed(&sent, r, lim)
	if err != nil {
		return Cleaned{}, err
	}
	c, err := rebuild(&out, bytes.NewReader(sent.Bytes()), look, name, lim, true)
	if err != nil {
		return Cleaned{}, err
	}
	c.Data = out.Bytes()
	sum := sha256.Sum256(c.Data)
	c.SHA256, c.Size = hex.EncodeToString(sum[:]), int64(len(c.Data))
	c.Name = cleanName(name, c.Kind, c.SHA256)
	return c, nil
}

// agree refuses an upload whose extension or declared type tells something
// else than its content: a mistake at best, and at worst a file made to be
// opened by a program the reader does not expect.
func agree(kind string, size int64, name, declared string) error {
	if size == 0 {
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
		case said == kindZip && office[kind] != nil: // what an older program calls every one of them
		case kind == kindZip && office[said] != nil:
			return broken(said, "header")
		case kind == kindMarkup && said == KindText:
			return Refused{"file.kind", map[string]string{"found": kind}}
		default:
			return Refused{"file.mismatch", map[string]string{"said": said, "found": kind}}
		}
	}
	return nil
}
