package web

import (
	"encoding/xml"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"rsc.io/qr"
)

// quietZone is the empty border, in modules, that ISO/IEC 18004 asks for so
// that a camera finds the code on any background.
const quietZone = 4

// QRSVG draws text as a QR code (error correction level M): one svg element
// of class "qr" with a single path, one unit per module and a quiet zone of
// four modules.
//
// title is the accessible name, in the reader's language; an image without a
// name is not made. The element carries no style attribute, so it passes a
// strict content security policy, and paints its own white ground, because
// scanners fail on a code that a dark theme has inverted. Colour and size come
// from the style sheet; without one the code is black and fills its box.
//
// The error is for the programmer: an empty text or title, or a text longer
// than the largest QR code holds (2331 bytes).
func QRSVG(text, title string) (string, error) {
	if text == "" {
		return "", errors.New("web: QR code without text")
	}
	if strings.TrimSpace(title) == "" {
		return "", errors.New("web: QR code without a title; give the accessible name")
	}
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		// The text may be a secret link: report its length, not its content.
		return "", fmt.Errorf("web: QR code of %d bytes: %w", len(text), err)
	}
	var name strings.Builder
	if err := xml.EscapeText(&name, []byte(title)); err != nil {
		return "", fmt.Errorf("web: QR code title: %w", err)
	}
	side := strconv.Itoa(code.Size + 2*quietZone)
	return `<svg xmlns="http://www.w3.org/2000/svg" class="qr" role="img" aria-label="` + name.String() +
		`" viewBox="0 0 ` + side + ` ` + side + `" shape-rendering="crispEdges"><title>` + name.String() +
		`</title><path class="qr-ground" fill="#fff" d="M0 0h` + side + `v` + side + `H0z"/><path class="qr-dark" d="` +
		qrPath(code) + `"/></svg>`, nil
}

// qrPath returns the dark modules as one rectangle per horizontal run, which
// is a third of the length of one rectangle per module.
func qrPath(code *qr.Code) string {
	var d strings.Builder
	for y := range code.Size {
		for x := 0; x < code.Size; {
			run := 0
			for x+run < code.Size && code.Black(x+run, y) {
				run++
			}
			if run > 0 {
				fmt.Fprintf(&d, "M%d %dh%dv1h-%dz", x+quietZone, y+quietZone, run, run)
			}
			x += max(run, 1)
		}
	}
	return d.String()
}
