package web

import (
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"strings"

	"comity/internal/posted"
)

// ParseForm reads a posted form of either encoding, whatever is in it: pages use ReadForm, which says what may
// be. A body over the limit stays that error; any other
// fault is the sender's and becomes a refusal instead of an incident.
func ParseForm(r *http.Request) error {
	read := r.ParseForm
	if strings.HasPrefix(strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Type"))), "multipart/") {
		read = func() error { return readParts(r) }
	}
	err := read()
	var large *http.MaxBytesError
	switch {
	case err == nil, errors.As(err, &large), errors.Is(err, posted.ErrKeep):
		return err
	case errors.Is(err, posted.ErrLarge):
		return &Refused{Status: http.StatusRequestEntityTooLarge, Rule: "web.too_large"}
	case late(err):
		return &Refused{Status: http.StatusRequestTimeout, Rule: "web.slow"}
	case r.Context().Err() != nil:
		return r.Context().Err()
	}
	return &Refused{Status: http.StatusBadRequest, Rule: "web.bad_form"}
}

// filesOf is what is left of the body of a form that was read: its files.
type filesOf struct{ *posted.Form }

func (filesOf) Read([]byte) (int, error) { return 0, io.EOF }

// readParts reads a form with files, once. What it lists of them in MultipartForm is opened by File and FormFile.
func readParts(r *http.Request) error {
	if r.MultipartForm != nil {
		return nil
	}
	if err := r.ParseForm(); err != nil { // the query
		return err
	}
	f, err := posted.Read(r)
	if err != nil {
		return err
	}
	for name, values := range f.Value {
		r.Form[name] = append(r.Form[name], values...)
		r.PostForm[name] = append(r.PostForm[name], values...)
	}
	r.MultipartForm, r.Body = f.Form, filesOf{f}
	return nil
}

// forget lets go of the files of a form.
func forget(r *http.Request) {
	if f, ok := r.Body.(filesOf); ok {
		f.Close()
	}
}

// File reads a file of a form that ParseForm or ReadForm has read.
func File(r *http.Request, h *multipart.FileHeader) (io.ReadSeeker, error) {
	f, ok := r.Body.(filesOf)
	if !ok {
		return nil, http.ErrMissingFile
	}
	return f.Open(h)
}

// FormFile is File of the first file of a field; http.ErrMissingFile where there is none.
func FormFile(r *http.Request, field string) (io.ReadSeeker, *multipart.FileHeader, error) {
	if r.MultipartForm == nil || len(r.MultipartForm.File[field]) == 0 {
		return nil, nil, http.ErrMissingFile
	}
	h := r.MultipartForm.File[field][0]
	src, err := File(r, h)
	return src, h, err
}
