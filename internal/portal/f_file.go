package portal

import (
	"errors"
	"io/fs"
	"mime"
	"net/http"
	"time"

	"comity/internal/casework"
	"comity/internal/file"
	"comity/internal/web"
)

// file serves an attachment of the case whose code is in the address, and of no other.
func (p *Portal) file(w http.ResponseWriter, r *http.Request) error {
	door, c, err := p.held(r)
	if err != nil {
		return err
	}
	look, err := door.look(r, c)
	if err != nil {
		return err
	}
	if c = look.Case(); look.Erased() {
		return web.ErrNotFound
	}
	for _, f := range c.Files {
		if f.SHA256 == r.PathValue("sha256") && f.Public {
			return p.serve(w, r, door.Files, f)
		}
	}
	return web.ErrNotFound
}

// serve sends a stored file. Only pictures are shown in the page; anything else is a download, and
// a sandbox keeps a browser that opens it anyway from running anything.
func (p *Portal) serve(w http.ResponseWriter, r *http.Request, store file.Store, f casework.File) error {
	if f.Held != "" {
		return web.ErrNotFound
	}
	body, err := store.Open(f.SHA256, f.Key)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, file.ErrName) {
		return web.ErrNotFound
	}
	if err != nil {
		return err
	}
	defer body.Close()
	how := "attachment"
	if picture(f) {
		how = "inline"
	}
	h := w.Header()
	h.Set("Content-Type", f.Kind)
	h.Set("Content-Disposition", mime.FormatMediaType(how, map[string]string{"filename": f.Name}))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox")
	h.Set("Cache-Control", "no-store")
	http.ServeContent(w, r, "", time.Time{}, body)
	return nil
}

// picture reports kinds the pipeline has redrawn from their pixels.
func picture(f casework.File) bool {
	return f.Held == "" && (f.Kind == file.KindJPEG || f.Kind == file.KindPNG)
}

// waits is the key of the words for a file that cannot be opened.
func waits(f casework.File) string {
	if f.Held == casework.HeldRefused {
		return "file.refused"
	}
	return "file.waits"
}
