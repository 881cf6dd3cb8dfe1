package pdf

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"slices"
)

// picture is an image as it lies in the file.
type picture struct {
	sum    [32]byte // of the bytes that were given
	w, h   int
	filter string
	space  string
	parms  string
	data   []byte
}

// ErrImage is returned for what is no picture this package takes.
var ErrImage = errors.New("pdf: only JPEG and PNG pictures can be set")

// Image sets a picture as large as the page allows, never larger than at 150 dots an inch, with a caption.
// One that would be less than half as large on this page goes on the next.
func (d *Doc) Image(data []byte, caption string) error {
	n, err := d.picture(data)
	if err != nil {
		return err
	}
	d.Space(6)
	p := d.images[n]
	s := Style{Size: 9, Leading: 1.5, Align: Center, Keep: true}
	under := 0.0
	if caption != "" {
		under = 6 + float64(len(d.wrap(caption, bodyWidth/s.Size, 0)))*s.Size*s.Leading
	}
	scale := p.scale(bodyBottom - d.y - under)
	if whole := p.scale(bodyBottom - marginTop - under); scale < whole/2 || scale <= 0 {
		d.NewPage()
		scale = whole
	}
	w, h := float64(p.w)*scale, float64(p.h)*scale
	d.cur.op("q %s 0 0 %s %s %s cm /I%d Do Q", num(w), num(h), num(marginLeft+(bodyWidth-w)/2), num(Height-d.y-h), n)
	d.cur.pieces = append(d.cur.pieces, Piece{Image: p.sum})
	if !slices.Contains(d.cur.images, n) {
		d.cur.images = append(d.cur.images, n)
	}
	d.y += h + 4
	if caption != "" {
		d.Text(s, caption)
	}
	d.y += 4
	return nil
}

// scale is points for each pixel, so that the picture fits the width and a height.
func (p *picture) scale(height float64) float64 {
	return min(72.0/150, bodyWidth/float64(p.w), height/float64(p.h))
}

// picture takes a picture in, once.
func (d *Doc) picture(data []byte) (int, error) {
	sum := sha256.Sum256(data)
	if i := slices.IndexFunc(d.images, func(p *picture) bool { return p.sum == sum }); i >= 0 {
		return i, nil
	}
	cfg, format, err := image.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return 0, fmt.Errorf("%w: %v", ErrImage, err)
	}
	if cfg.Width < 1 || cfg.Height < 1 || cfg.Width > 30000 || cfg.Height > 30000 {
		return 0, fmt.Errorf("%w: %d by %d pixels", ErrImage, cfg.Width, cfg.Height)
	}
	p := &picture{sum: sum, w: cfg.Width, h: cfg.Height}
	switch {
	case format == "jpeg" && cfg.ColorModel == color.YCbCrModel:
		p.filter, p.space, p.data = "DCTDecode", "DeviceRGB", data
	case format == "jpeg" && cfg.ColorModel == color.GrayModel:
		p.filter, p.space, p.data = "DCTDecode", "DeviceGray", data
	default:
		// PNG, and JPEG in the colours of a printing press, which the output intent does not cover.
		err = p.pixels(data, format)
	}
	if err != nil {
		return 0, err
	}
	d.images = append(d.images, p)
	return len(d.images) - 1, nil
}

func (p *picture) pixels(data []byte, format string) (err error) {
	var img image.Image
	switch format {
	case "jpeg":
		img, err = jpeg.Decode(bytes.NewReader(data))
	case "png":
		img, err = png.Decode(bytes.NewReader(data))
	default:
		return fmt.Errorf("%w: %s", ErrImage, format)
	}
	if err != nil {
		return fmt.Errorf("%w: %v", ErrImage, err)
	}
	rows := rgb(img)
	p.space, p.filter = "DeviceRGB", "FlateDecode"
	n := 3
	if allGrey(rows) {
		rows, p.space, n = onlyGrey(rows), "DeviceGray", 1
	}
	p.parms = fmt.Sprintf("/DecodeParms <</Predictor 15 /Colors %d /Columns %d>> ", n, p.w)
	p.data, err = deflate(above(rows, p.w*n))
	return err
}

// rgb is the pixels on white paper: PDF/A could keep transparency, printers and offices cannot.
func rgb(img image.Image) []byte {
	b := img.Bounds()
	out := make([]byte, 0, b.Dx()*b.Dy()*3)
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			r, g, bl, a := img.At(x, y).RGBA()
			out = append(out, byte((r+0xffff-a)>>8), byte((g+0xffff-a)>>8), byte((bl+0xffff-a)>>8))
		}
	}
	return out
}

func allGrey(rows []byte) bool {
	for i := 0; i < len(rows); i += 3 {
		if rows[i] != rows[i+1] || rows[i] != rows[i+2] {
			return false
		}
	}
	return true
}

func onlyGrey(rows []byte) []byte {
	out := make([]byte, 0, len(rows)/3)
	for i := 0; i < len(rows); i += 3 {
		out = append(out, rows[i])
	}
	return out
}

// above writes each row as its difference to the one above (filter 2 of PNG): scans shrink by it.
func above(rows []byte, width int) []byte {
	out := make([]byte, 0, len(rows)+len(rows)/width)
	last := make([]byte, width)
	for len(rows) > 0 {
		out = append(out, 2)
		for i := range width {
			out = append(out, rows[i]-last[i])
		}
		last, rows = rows[:width], rows[width:]
	}
	return out
}
