package portal

import (
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"

	"comity/internal/alike"
	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/file"
	"comity/internal/ledger"
	"comity/internal/pack"
	"comity/internal/web"
)

const (
	sameNone  = "none"
	mostAlike = 4   // proposals a small screen can hold
	likeText  = 120 // characters of each that are shown
)

// likeRow is an open report as anybody may see it.
type likeRow struct{ Ref, Title, Text, Where, Stands, Photo string }

// alike lists the open reports that the one about to be sent may repeat, as far as anybody may see them. A
// category whose cases lie in another compartment has none: its door shows nothing of them.
func (p *Portal) alike(r *http.Request, category string, o *casework.Opening) ([]alike.Likely, error) {
	return p.finder(category).Public(r.Context(), alike.Of(o), mostAlike)
}

func (p *Portal) finder(category string) alike.Finder {
	return alike.Finder{Reader: p.doorOf(category).Reader, Pack: p.Packs.Current(), Now: p.Site.Now()}
}

// sameAs is the report that was chosen, if it is one of those that were shown.
func (p *Portal) sameAs(r *http.Request, d *draft, o *casework.Opening) (casework.Ref, error) {
	if d.Same == "" || d.Same == sameNone {
		return "", nil
	}
	return p.finder(d.Category).Named(r.Context(), authz.Scope{}, o.Category, d.Same)
}

func likeRows(page *web.Page, pk *pack.Pack, list []alike.Likely) []likeRow {
	var out []likeRow
	for _, x := range list {
		row := likeRow{Ref: string(x.Ref), Title: x.Title, Stands: phaseOf(page, pk, x) + page.T("portal.sep") + page.T("portal.alike.since", "day", page.Day(x.Opened))}
		if x.Photo != "" {
			row.Photo = file.PublicPath(x.Ref, x.Photo)
		}
		if row.Title == "" {
			row.Title = page.T("portal.alike.number", "ref", row.Ref)
		}
		if text := []rune(x.Text); strings.TrimSpace(x.Text) != strings.TrimSpace(x.Title) {
			row.Text = string(text[:min(likeText, len(text))])
			if len(text) > likeText {
				row.Text += "…"
			}
		}
		var where []string
		if x.Metres >= 0 {
			where = append(where, page.T("portal.alike.metres", "n", strconv.Itoa(nearly(x.Metres))))
		}
		if x.Address != "" {
			where = append(where, x.Address)
		}
		if x.Unit != "" {
			where = append(where, page.T("unit."+string(x.Unit)))
		}
		row.Where = strings.Join(where, page.T("portal.sep"))
		out = append(out, row)
	}
	return out
}

// phaseOf says how far a report has come, in the words residents know.
func phaseOf(page *web.Page, pk *pack.Pack, x alike.Likely) string {
	if d := pk.Procedures[x.Procedure]; d != nil {
		if s, ok := d.State(x.State); ok {
			return page.T("phase." + d.ID + "." + s.Phase)
		}
	}
	return page.T("portal.alike.open")
}

// nearly rounds a distance to ten metres, upwards: places are no more exact than that.
func nearly(metres float64) int { return 10 * max(1, int(math.Ceil(metres/10))) }

// publicPhoto serves a redacted picture that the office shows to everybody beside a report. Only cases of the civic
// compartment have any; every other address is answered as if nothing were there.
func (p *Portal) publicPhoto(w http.ResponseWriter, r *http.Request) error {
	door := p.doors()[0]
	f, err := alike.Finder{Reader: door.Reader, Pack: p.Packs.Current(), Now: p.Site.Now()}.Photo(r.Context(), r.PathValue("ref"), r.PathValue("sha256"))
	if errors.Is(err, ledger.ErrNotFound) {
		return web.ErrNotFound
	}
	if err != nil {
		return err
	}
	f.Name = r.PathValue("ref") + "." + strings.TrimPrefix(f.Kind, "image/") // what it was called may name somebody
	return p.serve(w, r, door.Files, f)
}
