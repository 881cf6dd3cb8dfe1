package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"mime"
	"net/http"
	"path"
	"strings"
	"sync"
)

//go:embed assets
var assetFiles embed.FS

type asset struct {
	plain, gzipped []byte
	kind, hash     string
}

// assets holds every embedded file, hashed and compressed once per process.
var assets = sync.OnceValue(func() map[string]asset {
	entries, err := assetFiles.ReadDir("assets")
	if err != nil {
		panic("web: embedded assets are missing: " + err.Error())
	}
	out := make(map[string]asset, len(entries))
	for _, e := range entries {
		data, err := assetFiles.ReadFile("assets/" + e.Name())
		if err != nil {
			panic("web: embedded asset " + e.Name() + ": " + err.Error())
		}
		sum := sha256.Sum256(data)
		out[e.Name()] = asset{plain: data, gzipped: gzipped(data), kind: kindOf(e.Name()), hash: hex.EncodeToString(sum[:6])}
	}
	return out
})

// kindOf does not ask the system's table alone, which a machine may have changed.
func kindOf(name string) string {
	switch path.Ext(name) {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	return mime.TypeByExtension(path.Ext(name))
}

func gzipped(data []byte) []byte {
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // the level is valid, so there is no error
	z.Write(data)                                         // a bytes.Buffer takes everything
	z.Close()
	return b.Bytes()
}

// Asset is the address of an embedded file. It holds the hash of the content, so that browsers may
// keep the answer for good.
func Asset(name string) string { return "/assets/" + name + "?v=" + assets()[name].hash }

func (s *Site) asset(w http.ResponseWriter, r *http.Request) error {
	a, ok := assets()[r.PathValue("name")]
	if !ok {
		return ErrNotFound
	}
	h := w.Header()
	h.Set("Content-Type", a.kind)
	h.Set("Vary", "Accept-Encoding")
	h.Set("Cache-Control", "no-cache")
	if r.URL.Query().Get("v") == a.hash {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	body := a.plain
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		body = a.gzipped
	}
	if r.Method == http.MethodHead {
		return nil
	}
	_, err := w.Write(body)
	return err
}

// Mount registers what belongs to the kit itself.
func (s *Site) Mount(mux Router) {
	mux.Handle("GET /assets/{name}", s.Serve(s.asset))
	mux.Handle("GET /favicon.ico", http.RedirectHandler(Asset("mark.svg"), http.StatusMovedPermanently))
	mux.Handle("POST /prefs", s.Serve(s.savePrefs))
}
