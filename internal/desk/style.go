package desk

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"net/http"
)

//go:embed desk.css
var css []byte

// styleHref holds the hash of the sheet, so that browsers may keep it for good.
func styleHref() string {
	sum := sha256.Sum256(css)
	return "/desk/desk.css?v=" + hex.EncodeToString(sum[:6])
}

func (d *Desk) style(w http.ResponseWriter, _ *http.Request) error {
	h := w.Header()
	h.Set("Content-Type", "text/css; charset=utf-8")
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	_, err := w.Write(css)
	return err
}
