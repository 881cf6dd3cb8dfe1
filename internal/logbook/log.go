package logbook

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"comity/internal/receipt"
	"comity/internal/translog"
	"comity/internal/web"
)

// headsPage is how many heads a page lists.
const headsPage = 30

// logPage is what the page for people shows.
type logPage struct {
	At, Style   string
	None        bool // nothing signed yet
	Now         receipt.Head
	Since       time.Time
	Key, Note   string
	Former      []string
	Origin      string
	Heads       []receipt.Head
	Pager       web.Pager
	Consistency string // an address that works, as an example
}

func (b *Book) log(w http.ResponseWriter, r *http.Request) error {
	v, err := b.page(r)
	if err != nil {
		return err
	}
	page := b.Site.Page(r, "log.title")
	return page.Write(w, r, http.StatusOK, web.PublicLayout(page, logBody(page, v)))
}

func (b *Book) page(r *http.Request) (logPage, error) {
	v := logPage{At: b.At, Style: b.style.href(), Key: b.Log.Key, Former: b.Log.Former, Origin: b.Log.Origin, Note: receipt.NoteKey(b.Log.Origin, b.Log.Key)}
	first, err := b.Log.First(r.Context())
	if errors.Is(err, translog.ErrNoHead) {
		v.None = true
		return v, nil
	}
	if err != nil {
		return v, err
	}
	v.Since = first.At
	if v.Now, err = b.Log.Head(r.Context()); err != nil {
		return v, err
	}
	v.Heads, err = b.Log.Heads(r.Context(), before(r.URL.Query().Get("before")), headsPage+1)
	if err != nil {
		return v, err
	}
	if len(v.Heads) > headsPage {
		v.Heads = v.Heads[:headsPage]
		last := v.Heads[headsPage-1]
		v.Pager.Next = b.At + "?before=" + strconv.FormatInt(last.Size, 10) + "." + strconv.FormatInt(last.At.Unix(), 10)
	}
	if r.URL.Query().Has("before") {
		v.Pager.Prev = b.At
	}
	v.Consistency = b.At + "/consistency?from=1&to=" + strconv.FormatInt(v.Now.Size, 10)
	return v, nil
}

// before reads where a page of heads goes on; what is no place begins at the newest.
func before(mark string) *receipt.Head {
	size, at, _ := strings.Cut(mark, ".")
	n, err1 := strconv.ParseInt(size, 10, 64)
	s, err2 := strconv.ParseInt(at, 10, 64)
	if err1 != nil || err2 != nil {
		return nil
	}
	return &receipt.Head{Size: n, At: time.Unix(s, 0)}
}
