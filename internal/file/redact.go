package file

import (
	"context"
	"image"
	"image/color"

	"golang.org/x/image/draw"

	"comity/internal/casework"
)

// Picture reports a kind that was redrawn from its pixels.
func Picture(kind string) bool { return kind == KindJPEG || kind == KindPNG }

// Size is how large a stored picture is, in pixels.
func (s Store) Size(f casework.File) (w, h int, err error) {
	src, err := s.Open(f.SHA256, f.Key)
	if err != nil {
		return 0, 0, err
	}
	defer src.Close()
	cfg, err := decodeConfig(src, f.Kind)
	return cfg.Width, cfg.Height, err
}

// Redact makes a copy of a stored picture in which the boxes are black, as a file of its own: what was under them is
// in no byte of it. The picture itself stays as it is. Boxes may reach beyond the edges; at least one has to cover
// something.
//
//	file.redact.kind     the file is no picture
//	file.redact.nothing  no box covers a pixel
func (s Store) Redact(ctx context.Context, f casework.File, boxes []image.Rectangle, name string) (casework.File, error) {
	if !Picture(f.Kind) || f.Held != "" {
		return casework.File{}, Refused{Rule: "file.redact.kind"}
	}
	src, err := s.Open(f.SHA256, f.Key)
	if err != nil {
		return casework.File{}, err
	}
	defer src.Close()
	defer heavy()()
	img, err := decode(src, f.Kind)
	if err != nil {
		return casework.File{}, failed(err, broken(f.Kind, "decode"))
	}
	canvas := image.NewRGBA(image.Rect(0, 0, img.Bounds().Dx(), img.Bounds().Dy()))
	draw.Copy(canvas, image.Point{}, img, img.Bounds(), draw.Src, nil)
	covered := false
	for _, b := range boxes {
		b = b.Intersect(canvas.Rect)
		covered = covered || !b.Empty()
		draw.Draw(canvas, b, image.NewUniform(color.Black), image.Point{}, draw.Src)
	}
	if !covered {
		return casework.File{}, Refused{Rule: "file.redact.nothing"}
	}
	out, err := s.draft()
	if err != nil {
		return casework.File{}, err
	}
	defer out.drop()
	sum := newHasher()
	sized := &counted{w: out}
	c, err := encode(&both{sized, sum}, canvas, f.Kind)
	if err != nil {
		return casework.File{}, err
	}
	made := casework.File{Sent: sum.String(), Kind: c.Kind, Size: sized.n, Redacts: f.SHA256, Name: cleanName(name, c.Kind, sum.String()), Key: out.key}
	made.SHA256, err = s.keep(ctx, out)
	return made, err
}

// both writes to the first and lets the second know.
type both struct {
	*counted
	sum hasher
}

func (b *both) Write(p []byte) (int, error) {
	b.sum.Write(p)
	return b.counted.Write(p)
}
