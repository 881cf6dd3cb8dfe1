package ledger

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"comity/internal/authz"
	"comity/internal/db"
	"comity/internal/org"
)

// NewsKind says what became notable.
type NewsKind string

// The kinds of news.
const (
	NewsLate NewsKind = "late" // a promised date passed without an answer
	NewsRisk NewsKind = "risk" // a date comes near
)

// News is a case that became late or at risk, as it stands now.
type News struct {
	Item  Item
	Clock string // which date
	At    time.Time
}

// NewsFilter narrows the news of a unit and all below it.
type NewsFilter struct {
	Unit  org.UnitID
	Since time.Time
	Kind  NewsKind
	Limit int    // 1 to 200; 0 = 50
	After string // cursor of the page before
}

// NewsPage is one page, newest first; Next is the cursor of the following one, empty at the end.
type NewsPage struct {
	News []News
	Next string
}

// News answers what became late or at risk in a unit inside the scope. A case that has left the unit's
// lists since is not in it.
func (r *Reader) News(ctx context.Context, in authz.Scope, f NewsFilter) (p NewsPage, err error) {
	if f.Limit <= 0 {
		f.Limit = 50
	}
	f.Limit = min(f.Limit, 200)
	after, err := parseNewsCursor(f.After)
	if err != nil {
		return p, err
	}
	roots := r.roots(in, f.Unit)
	if f.Unit == "" || len(roots) == 0 {
		return p, ErrNotFound
	}
	err = r.db.View(ctx, func(tx *db.Tx) error {
		p.News = nil
		for _, root := range roots { // the unit's list, and what is sealed to it for those who stand there
			more, err := listNews(ctx, tx, root, f, after)
			if err != nil {
				return err
			}
			p.News = append(p.News, more...)
		}
		slices.SortStableFunc(p.News, News.newer)
		p.News = p.News[:min(len(p.News), f.Limit+1)]
		return nil
	})
	if len(p.News) > f.Limit {
		p.News = p.News[:f.Limit]
		p.Next = p.News[f.Limit-1].cursor()
	}
	return p, err
}

// newer orders news as listNews does.
func (n News) newer(o News) int {
	a, _ := number(n.Item.ID)
	b, _ := number(o.Item.ID)
	return cmp.Or(o.At.Compare(n.At), cmp.Compare(b, a), cmp.Compare(o.Clock, n.Clock))
}

type newsCursor struct {
	set   bool
	at, n int64
	clock string
}

func (n News) cursor() string {
	id, _ := number(n.Item.ID)
	parts := []string{strconv.FormatInt(db.Micros(n.At), 36), strconv.FormatInt(id, 36), n.Clock}
	return base64.RawURLEncoding.EncodeToString([]byte(strings.Join(parts, ",")))
}

func parseNewsCursor(s string) (newsCursor, error) {
	if s == "" {
		return newsCursor{}, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(s)
	parts := strings.SplitN(string(raw), ",", 3)
	if err != nil || len(parts) != 3 {
		return newsCursor{}, &BadFilter{"cursor", s}
	}
	at, err1 := strconv.ParseInt(parts[0], 36, 64)
	n, err2 := strconv.ParseInt(parts[1], 36, 64)
	if errors.Join(err1, err2) != nil {
		return newsCursor{}, &BadFilter{"cursor", s}
	}
	return newsCursor{set: true, at: at, n: n, clock: parts[2]}, nil
}
