package file

import (
	"bufio"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"strconv"

	"golang.org/x/image/draw"
	"golang.org/x/image/webp"

	"comity/internal/vault"
)

const (
	jpegQuality = 85
	// maxScans bounds the passes a progressive JPEG may ask for: a scan of a
	// few bytes costs a walk over the whole picture. Encoders use about ten.
	maxScans = 64
)

// cleanImage rebuilds a picture from its pixels into out. Nothing of src but the pixels reaches the result.
// as is the kind to encode; "" decides by whether something is transparent.
func cleanImage(out io.Writer, src io.ReadSeeker, kind, as string, lim Limits) (Cleaned, error) {
	defer heavy()()
	if err := checkCost(src, kind, lim); err != nil {
		return Cleaned{}, err
	}
	img, err := decode(src, kind)
	if err != nil || img.Bounds().Empty() {
		return Cleaned{}, failed(err, broken(kind, "decode"))
	}
	return encode(out, turn(shrink(img, lim.MaxSide), orientation(src, kind)), as)
}

// heavy lets few pictures be decoded at a time: each takes up to a few hundred megabytes, and a hundred people may
// send one in the same second.
func heavy() (done func()) {
	decoders <- struct{}{}
	return func() { <-decoders }
}

var decoders = make(chan struct{}, 2)

// encode writes a picture anew.
func encode(out io.Writer, canvas *image.RGBA, as string) (Cleaned, error) {
	c := Cleaned{Kind: as, Width: canvas.Rect.Dx(), Height: canvas.Rect.Dy()}
	if as == "" {
		c.Kind = KindPNG
		if canvas.Opaque() {
			c.Kind = KindJPEG
		}
	}
	var err error
	if c.Kind == KindJPEG {
		err = jpeg.Encode(out, canvas, &jpeg.Options{Quality: jpegQuality})
	} else {
		err = png.Encode(out, canvas)
	}
	if err != nil {
		return Cleaned{}, fmt.Errorf("encode picture: %w", err)
	}
	return c, nil
}

// The decoders are called by kind and not through image.Decode, so that no
// other decoder a program registers can ever be reached by an upload. A decoder
// that panics on crafted bytes has not decoded them: that is a refusal too, and
// must not end the job that fetches the mail.
func decode(src io.ReadSeeker, kind string) (img image.Image, err error) {
	defer func() {
		if p := recover(); p != nil {
			img, err = nil, fmt.Errorf("decoder of %s panicked: %v", kind, p)
		}
	}()
	if _, err := src.Seek(0, io.SeekStart); err != nil {
		return nil, unread{err}
	}
	r := bufio.NewReader(src)
	switch kind {
	case KindJPEG:
		return jpeg.Decode(r)
	case KindPNG:
		return png.Decode(r)
	}
	return webp.Decode(r)
}

func decodeConfig(src io.ReadSeeker, kind string) (image.Config, error) {
	if _, err := src.Seek(0, io.SeekStart); err != nil {
		return image.Config{}, unread{err}
	}
	r := bufio.NewReader(src)
	switch kind {
	case KindJPEG:
		return jpeg.DecodeConfig(r)
	case KindPNG:
		return png.DecodeConfig(r)
	}
	return webp.DecodeConfig(r)
}

// checkCost refuses, before any pixel is decoded, a picture whose decoding
// would take too much memory or time, whatever the size of the upload.
func checkCost(src io.ReadSeeker, kind string, lim Limits) error {
	cfg, err := decodeConfig(src, kind)
	if err != nil || cfg.Width <= 0 || cfg.Height <= 0 {
		return failed(err, broken(kind, "decode"))
	}
	const reference = 4 // bytes per pixel that MaxPixels counts on
	perPixel, scans := bytesPerPixel(cfg.ColorModel), 1
	if kind == KindJPEG {
		var progressive int
		if progressive, scans, err = jpegWork(src); err != nil {
			return err
		}
		perPixel += progressive
	}
	// Division, because a product of two lengths of 32 bits may overflow.
	most := lim.MaxPixels * reference / int64(max(perPixel, reference))
	if int64(cfg.Height) > most/int64(cfg.Width) || scans > maxScans {
		return Refused{"file.too_many_pixels", map[string]string{
			"width": strconv.Itoa(cfg.Width), "height": strconv.Itoa(cfg.Height), "max": strconv.FormatInt(most, 10)}}
	}
	return nil
}

// unread is trouble with our own copy of an upload, which is not the sender's fault.
type unread struct{ error }

func (u unread) Unwrap() error { return u.error }

// failed is what to answer when a decoder fails: the file is broken, unless it was us who could not read it.
func failed(err, otherwise error) error {
	if u := (unread{}); errors.As(err, &u) || errors.Is(err, vault.ErrBroken) {
		return err
	}
	return otherwise
}

func bytesPerPixel(m color.Model) int {
	switch m {
	case color.RGBA64Model, color.NRGBA64Model:
		return 8
	}
	return 4
}

// jpegWork returns the extra bytes per pixel a progressive JPEG needs (four per
// sample, all coefficients are held until the last scan) and its scans.
func jpegWork(src io.ReadSeeker) (extra, scans int, err error) {
	if _, err := src.Seek(0, io.SeekStart); err != nil {
		return 0, 0, unread{err}
	}
	jpegSegments(bufio.NewReaderSize(src, 64<<10), func(marker byte, payload []byte) bool {
		const startProgressive = 0xC2
		switch {
		case marker == startProgressive && len(payload) >= 6:
			extra = 4 * samplesPerPixel(payload)
		case marker == markerSOS:
			scans++
		}
		return scans <= maxScans
	})
	return extra, scans, nil
}

// samplesPerPixel reads a frame header: for each component its sampling
// factors, of which the first component of a picture normally has the largest.
func samplesPerPixel(frame []byte) int {
	sum, largest := 0, 1
	for i := 6; i+2 < len(frame); i += 3 {
		area := int(frame[i+1]>>4) * int(frame[i+1]&15)
		sum += area
		largest = max(largest, area)
	}
	return (sum + largest - 1) / largest
}

// shrink copies img onto a fresh canvas, scaled so that no side exceeds side.
func shrink(img image.Image, side int) *image.RGBA {
	from := img.Bounds()
	w, h := from.Dx(), from.Dy()
	if long := max(w, h); long > side {
		// 64 bits: the longest PNG side times 1600 exceeds 32.
		w = max(1, int(int64(w)*int64(side)/int64(long)))
		h = max(1, int(int64(h)*int64(side)/int64(long)))
	}
	canvas := image.NewRGBA(image.Rect(0, 0, w, h))
	if w == from.Dx() && h == from.Dy() {
		draw.Copy(canvas, image.Point{}, img, from, draw.Src, nil)
	} else {
		draw.ApproxBiLinear.Scale(canvas, canvas.Rect, img, from, draw.Src, nil)
	}
	return canvas
}

// turn makes a picture upright that is stored with the given EXIF orientation.
// Orientations 5 to 8 exchange width and height.
func turn(img *image.RGBA, orientation int) *image.RGBA {
	if orientation == upright {
		return img
	}
	w, h := img.Rect.Dx(), img.Rect.Dy()
	size := image.Rect(0, 0, w, h)
	if orientation >= 5 {
		size = image.Rect(0, 0, h, w)
	}
	out := image.NewRGBA(size)
	for y := range size.Dy() {
		for x := range size.Dx() {
			sx, sy := storedAt(x, y, w, h, orientation)
			copy(out.Pix[out.PixOffset(x, y):][:4], img.Pix[img.PixOffset(sx, sy):][:4])
		}
	}
	return out
}

// storedAt returns where in the stored picture (w × h) the upright pixel x, y is.
func storedAt(x, y, w, h, orientation int) (int, int) {
	switch orientation {
	case 2: // mirrored left to right
		return w - 1 - x, y
	case 3: // upside down
		return w - 1 - x, h - 1 - y
	case 4: // mirrored top to bottom
		return x, h - 1 - y
	case 5: // mirrored along the falling diagonal
		return y, x
	case 6: // to be turned clockwise
		return y, h - 1 - x
	case 7: // mirrored along the rising diagonal
		return w - 1 - y, h - 1 - x
	case 8: // to be turned counter-clockwise
		return w - 1 - y, x
	}
	return x, y
}
