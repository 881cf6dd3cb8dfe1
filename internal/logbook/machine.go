package logbook

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"

	"comity/internal/receipt"
	"comity/internal/translog"
	"comity/internal/web"
)

// machine serves programs: what goes wrong is told as JSON, whatever they accept.
func (b *Book) machine(h web.Handler) http.Handler {
	inner := b.Site.Serve(h)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked := r.Clone(r.Context())
		asked.Header.Set("Accept", "application/problem+json")
		inner.ServeHTTP(w, asked)
	})
}

// head is the newest checkpoint as text.
func (b *Book) head(w http.ResponseWriter, r *http.Request) error {
	h, err := b.Log.Head(r.Context())
	if err != nil {
		return refusal(err)
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "public, max-age=10")
	_, err = w.Write([]byte(h.Text()))
	return err
}

// proofAnswer is where a record stands under a head.
type proofAnswer struct {
	Record receipt.Record `json:"record"`
	Pos    int64          `json:"pos"`
	Size   int64          `json:"size"`
	Proof  receipt.Path   `json:"proof"`
	Head   string         `json:"head,omitempty"` // when no size was asked for
	Key    string         `json:"key,omitempty"`
}

// proof proves inclusion, under the newest head unless ?size= names another size.
func (b *Book) proof(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	var a proofAnswer
	if text := q.Get("size"); text != "" {
		size, err := strconv.ParseInt(text, 10, 64)
		if err != nil || size < 1 {
			return refusal(translog.ErrSizes)
		}
		a.Size = size
	} else {
		h, err := b.Log.Head(r.Context())
		if err != nil {
			return refusal(err)
		}
		a.Size, a.Head, a.Key = h.Size, h.Text(), b.keyOf(h)
	}
	p, err := b.Log.Proof(r.Context(), q.Get("kind"), q.Get("id"), a.Size)
	if err != nil {
		return refusal(err)
	}
	a.Record = receipt.Record{Kind: p.Entry.Kind, ID: p.Entry.ID, Hash: tlog.Hash(p.Entry.Hash)}
	a.Pos, a.Proof = p.Entry.Pos, p.Path
	return answer(w, a)
}

// keyOf is the key that signed a head, of those that are believed.
func (b *Book) keyOf(h receipt.Head) string {
	for _, key := range b.Log.Keys() {
		if _, ok := h.Own(key); ok {
			return key
		}
	}
	return ""
}

// consistencyAnswer proves that one size continues another.
type consistencyAnswer struct {
	From  int64       `json:"from"`
	To    int64       `json:"to"`
	Proof []tlog.Hash `json:"proof"`
}

func (b *Book) consistency(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	from, err1 := strconv.ParseInt(q.Get("from"), 10, 64)
	to, err2 := strconv.ParseInt(q.Get("to"), 10, 64)
	if err1 != nil || err2 != nil {
		return refusal(translog.ErrSizes)
	}
	path, err := b.Log.Consistency(r.Context(), from, to)
	if err != nil {
		return refusal(err)
	}
	return answer(w, consistencyAnswer{from, to, path})
}

func answer(w http.ResponseWriter, v any) error {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	return json.NewEncoder(w).Encode(v)
}

// refusal turns what the log says into what a caller is told.
func refusal(err error) error {
	switch {
	case errors.Is(err, translog.ErrNoEntry):
		return &web.Refused{Status: http.StatusNotFound, Rule: "log.unknown"}
	case errors.Is(err, translog.ErrNotYet):
		return &web.Refused{Status: http.StatusConflict, Rule: "log.not_yet"}
	case errors.Is(err, translog.ErrSizes):
		return &web.Refused{Status: http.StatusBadRequest, Rule: "log.sizes"}
	case errors.Is(err, translog.ErrNoHead):
		return &web.Refused{Status: http.StatusNotFound, Rule: "log.no_head"}
	}
	return err
}
