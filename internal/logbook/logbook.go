// Package logbook is the public side of the tamper-evident log: what it is, its signed heads, proofs for
// programs, and the page where a resident checks a receipt.
//
// It owns the addresses below /log. It refuses to tell what is recorded: whoever asks for a proof must
// know the opaque id of the record, and the answer holds hashes only. The receipt page checks in the
// browser, by a script of its own that asks the network for nothing; where no script runs the server
// checks and the page says so. Neither is kept or logged.
//
// Open this file first; log.go is the page for people, machine.go the answers for programs, verify.go
// and verify.js check receipts.
package logbook

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"net/http"

	"comity/internal/receipt"
	"comity/internal/translog"
	"comity/internal/web"
)

// Deps is what the pages stand on.
type Deps struct {
	Site *web.Site
	Log  *translog.Log
	At   string // address of the pages; empty = /log. Logs of other compartments have their own
}

// Book serves the pages of one log.
type Book struct {
	Deps
	script, style sheet
}

// New makes the pages.
func New(d Deps) *Book {
	if d.At == "" {
		d.At = "/log"
	}
	return &Book{Deps: d,
		script: sheet{d.At + "/verify.js", "text/javascript; charset=utf-8", script},
		style:  sheet{d.At + "/log.css", "text/css; charset=utf-8", style}}
}

// Register mounts every page.
func (b *Book) Register(mux web.Router) {
	for path, h := range map[string]web.Handler{
		"GET " + b.At:              b.log,
		"GET " + b.At + "/verify":  b.check,
		"POST " + b.At + "/verify": b.checkPost,
		"GET " + b.script.path:     b.script.serve,
		"GET " + b.style.path:      b.style.serve,
	} {
		mux.Handle(path, b.Site.Serve(h))
	}
	for path, h := range map[string]web.Handler{
		"GET " + b.At + "/head":        b.head,
		"GET " + b.At + "/proof":       b.proof,
		"GET " + b.At + "/consistency": b.consistency,
	} {
		mux.Handle(path, b.machine(h))
	}
}

// Address is the page that checks this receipt, for a link or a QR code. The receipt stands behind the #,
// which browsers do not send.
func (b *Book) Address(r *http.Request, has receipt.Receipt) string {
	return b.Site.Origin(r) + b.At + "/verify#" + has.Compact()
}

var (
	//go:embed verify.js
	script []byte
	//go:embed log.css
	style []byte
)

// sheet is an embedded file of these pages.
type sheet struct {
	path, kind string
	body       []byte
}

// href holds the hash of the file, so that browsers may keep it for good.
func (s sheet) href() string {
	sum := sha256.Sum256(s.body)
	return s.path + "?v=" + hex.EncodeToString(sum[:6])
}

func (s sheet) serve(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", s.kind)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	_, err := w.Write(s.body)
	return err
}
