package portal

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"comity/internal/file"
	"comity/internal/limit"
)

// Photos that arrive in pieces, by the protocol tus 1.0 (creation, expiration, termination): POST /upload begins one,
// HEAD asks how far it got, PATCH sends the next piece. The last piece is answered with a ticket in the header
// Photo-Ticket, which the form of a report or a note sends as its field "photo". Without script the form sends the
// file itself, as it always could.

const (
	tusVersion   = "1.0.0"
	maxUpload    = 20 << 20 // bytes of one file, as the pipeline has it
	uploadsBurst = 40       // that one network may begin at once
	uploadsEvery = 30 * time.Second
)

//go:embed upload.js
var uploadScript []byte

func uploadHref() string {
	sum := sha256.Sum256(uploadScript)
	return "/report/upload.js?v=" + hex.EncodeToString(sum[:6])
}

func (p *Portal) uploadScript(w http.ResponseWriter, _ *http.Request) error {
	h := w.Header()
	h.Set("Content-Type", "text/javascript; charset=utf-8")
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	_, err := w.Write(uploadScript)
	return err
}

func (p *Portal) uploads() *file.Uploads {
	p.once.Do(func() {
		p.begun = limit.New(uploadsBurst, uploadsEvery)
		p.coming = &file.Uploads{Dir: filepath.Join(p.Files.Dir, "uploads"), Suite: p.Files.Suite, Now: p.Site.Now}
	})
	return p.coming
}

func tusHead(w http.ResponseWriter) http.Header {
	h := w.Header()
	h.Set("Tus-Resumable", tusVersion)
	h.Set("Cache-Control", "no-store")
	return h
}

func (p *Portal) uploadOptions(w http.ResponseWriter, _ *http.Request) error {
	h := tusHead(w)
	h.Set("Tus-Version", tusVersion)
	h.Set("Tus-Extension", "creation,expiration,termination")
	h.Set("Tus-Max-Size", strconv.Itoa(maxUpload))
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// spoken reports a request that speaks the protocol; it has been answered otherwise.
func spoken(w http.ResponseWriter, r *http.Request) bool {
	if r.Header.Get("Tus-Resumable") == tusVersion {
		return true
	}
	w.Header().Set("Tus-Version", tusVersion)
	w.WriteHeader(http.StatusPreconditionFailed)
	return false
}

func (p *Portal) uploadBegin(w http.ResponseWriter, r *http.Request) error {
	h := tusHead(w)
	if !spoken(w, r) {
		return nil
	}
	up := p.uploads()
	from, now := p.Client(r), p.Site.Now()
	if p.begun.Wait(from, now) > 0 {
		w.WriteHeader(http.StatusTooManyRequests)
		return nil
	}
	length, err := strconv.ParseInt(r.Header.Get("Upload-Length"), 10, 64)
	if err != nil || length < 1 {
		w.WriteHeader(http.StatusBadRequest)
		return nil
	}
	if length > maxUpload {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return nil
	}
	about := metadata(r.Header.Get("Upload-Metadata"))
	p.begun.Count(from, now)
	name, at, err := up.Begin(length, about["filename"], about["filetype"])
	if errors.Is(err, file.ErrMany) {
		w.WriteHeader(http.StatusServiceUnavailable)
		return nil
	}
	if err != nil {
		return err
	}
	h.Set("Location", "/upload/"+name)
	h.Set("Upload-Expires", at.Until.UTC().Format(http.TimeFormat))
	w.WriteHeader(http.StatusCreated)
	return nil
}

// metadata reads "key base64, key base64".
func metadata(s string) map[string]string {
	out := map[string]string{}
	for pair := range strings.SplitSeq(s, ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(pair), " ")
		if raw, err := base64.StdEncoding.DecodeString(value); err == nil && len(raw) <= 500 {
			out[key] = string(raw)
		}
	}
	return out
}

func (p *Portal) uploadAt(w http.ResponseWriter, r *http.Request) error {
	h := tusHead(w)
	if !spoken(w, r) {
		return nil
	}
	at, err := p.uploads().At(r.PathValue("name"))
	if err != nil {
		return uploadNo(w, err)
	}
	state(h, at)
	w.WriteHeader(http.StatusOK)
	return nil
}

func state(h http.Header, at file.Upload) {
	h.Set("Upload-Offset", strconv.FormatInt(at.Offset, 10))
	h.Set("Upload-Length", strconv.FormatInt(at.Length, 10))
	h.Set("Upload-Expires", at.Until.UTC().Format(http.TimeFormat))
}

func (p *Portal) uploadMore(w http.ResponseWriter, r *http.Request) error {
	h := tusHead(w)
	if !spoken(w, r) {
		return nil
	}
	if r.Header.Get("Content-Type") != "application/offset+octet-stream" {
		w.WriteHeader(http.StatusUnsupportedMediaType)
		return nil
	}
	offset, err := strconv.ParseInt(r.Header.Get("Upload-Offset"), 10, 64)
	if err != nil || offset < 0 {
		w.WriteHeader(http.StatusBadRequest)
		return nil
	}
	name := r.PathValue("name")
	at, err := p.uploads().At(name)
	if err == nil && !(at.Offset == at.Length && offset == at.Length) { // a last answer that was lost is asked for again
		at, err = p.uploads().Add(name, offset, r.Body)
	}
	var large *http.MaxBytesError
	if errors.Is(err, file.ErrCut) && !errors.As(err, &large) {
		w.WriteHeader(http.StatusRequestTimeout) // if anybody is there to hear it: the line broke, which is no failure of ours
		return nil
	}
	if err != nil {
		return uploadNo(w, err)
	}
	state(h, at)
	if at.Offset < at.Length {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	f, err := p.uploads().Finish(r.Context(), name, p.Files)
	var no file.Refused
	if errors.As(err, &no) {
		return p.uploadRefused(w, r, name, no)
	}
	if err != nil {
		return uploadNo(w, err)
	}
	f.Public = true
	h.Set("Photo-Ticket", p.sign(f))
	h.Set("Photo-Held", f.Held)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// uploadRefused tells in words why the file cannot be taken, and forgets it.
func (p *Portal) uploadRefused(w http.ResponseWriter, r *http.Request, name string, no file.Refused) error {
	if err := p.uploads().Drop(name); err != nil && !errors.Is(err, file.ErrBusy) { // it goes with its time
		return err
	}
	page := p.Site.Page(r, "portal.report.photos")
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(http.StatusUnprocessableEntity)
	_, err := w.Write([]byte(page.Problem(no.Rule, no.Params)))
	return err
}

func (p *Portal) uploadDrop(w http.ResponseWriter, r *http.Request) error {
	tusHead(w)
	if !spoken(w, r) {
		return nil
	}
	if err := p.uploads().Drop(r.PathValue("name")); err != nil {
		return uploadNo(w, err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// uploadNo is the status the protocol has for what went wrong.
func uploadNo(w http.ResponseWriter, err error) error {
	var large *http.MaxBytesError
	switch {
	case errors.Is(err, file.ErrNoUpload):
		w.WriteHeader(http.StatusNotFound)
	case errors.Is(err, file.ErrOffset):
		w.WriteHeader(http.StatusConflict)
	case errors.Is(err, file.ErrBusy):
		w.WriteHeader(http.StatusLocked)
	case errors.As(err, &large):
		w.WriteHeader(http.StatusRequestEntityTooLarge)
	default:
		return err
	}
	return nil
}
