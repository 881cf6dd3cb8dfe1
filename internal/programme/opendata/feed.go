package opendata

import (
	"encoding/xml"
	"strings"
	"time"

	"comity/internal/casework"
	"comity/internal/ledger"
	"comity/internal/pack"
	"comity/internal/programme"
	"comity/internal/text"
	"comity/internal/web"
)

// The elements of a feed that RFC 4287 asks for, and those we fill.
type atomFeed struct {
	XMLName xml.Name    `xml:"http://www.w3.org/2005/Atom feed"`
	Lang    string      `xml:"http://www.w3.org/XML/1998/namespace lang,attr"`
	ID      string      `xml:"id"`
	Title   string      `xml:"title"`
	Updated string      `xml:"updated"`
	Author  atomAuthor  `xml:"author"`
	Links   []atomLink  `xml:"link"`
	Rights  string      `xml:"rights,omitempty"`
	Entries []atomEntry `xml:"entry"`
}

type atomAuthor struct {
	Name string `xml:"name"`
}

type atomLink struct {
	Rel  string `xml:"rel,attr"`
	Type string `xml:"type,attr,omitempty"`
	Href string `xml:"href,attr"`
}

type atomEntry struct {
	ID        string       `xml:"id"`
	Title     string       `xml:"title"`
	Updated   string       `xml:"updated"`
	Published string       `xml:"published"`
	Links     []atomLink   `xml:"link"`
	Category  atomCategory `xml:"category"`
	Summary   string       `xml:"summary"`
}

type atomCategory struct {
	Term  string `xml:"term,attr"`
	Label string `xml:"label,attr"`
}

// feedLength is how many requests the feed has, newest first.
const feedLength = 50

// feed tells of the newest requests what open311.yaml shows of them to anybody, and nothing beyond.
func (o *Office) feed(v *programme.Visitor) error {
	p, err := o.rules()
	if err != nil {
		return err
	}
	if p.Open311 == nil {
		return web.ErrNotFound
	}
	list, err := o.Reader.Published(v.R.Context(), ledger.PublicFilter{Categories: shownCategories(p), Limit: feedLength}, shows(p))
	if err != nil {
		return err
	}
	page := v.Page("opendata.feed")
	origin := v.Site.Origin(v.R)
	f := atomFeed{Lang: page.Lang, ID: origin + "/data/requests.atom", Title: page.T("opendata.feed") + " - " + page.T("city"), Author: atomAuthor{page.T("opendata.publisher")}, Rights: page.T("opendata.licence"),
		Links: []atomLink{{"self", "application/atom+xml", origin + "/data/requests.atom"}, {"alternate", "text/html", origin + "/data"}}}
	newest := time.Unix(0, 0)
	for _, c := range list {
		f.Entries = append(f.Entries, entry(page.Speaker, c, origin))
		if c.Changed.After(newest) {
			newest = c.Changed
		}
	}
	f.Updated = newest.UTC().Format(time.RFC3339)
	raw, err := xml.MarshalIndent(f, "", " ")
	if err != nil {
		return err
	}
	headers(v.W, "application/atom+xml; charset=utf-8", "requests.atom")
	v.W.Header().Del("Content-Disposition")
	_, err = v.W.Write(append([]byte(xml.Header), raw...))
	return err
}

func entry(say text.Speaker, c casework.Case, origin string) atomEntry {
	at := origin + "/open311/v2/requests/" + string(c.Ref) + ".xml"
	category := say.T("category." + c.Category)
	parts := []string{say.T("state." + c.Procedure + "." + c.State)}
	if c.Outcome != "" {
		parts = append(parts, say.T("outcome."+c.Procedure+"."+c.Outcome))
	}
	if c.Place.Unit != "" {
		parts = append(parts, say.T("unit."+string(c.Place.Unit)))
	}
	if c.Place.Address != "" {
		parts = append(parts, c.Place.Address)
	}
	if c.Text != "" {
		parts = append(parts, c.Text)
	}
	return atomEntry{ID: at, Title: sound(category + " " + string(c.Ref)), Updated: c.Changed.UTC().Format(time.RFC3339), Published: c.Opened.UTC().Format(time.RFC3339),
		Links: []atomLink{{"alternate", "application/xml", at}}, Category: atomCategory{c.Category, category}, Summary: sound(strings.Join(parts, "\n"))}
}

// sound takes out what XML has no way to write.
func sound(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == '\ufffe' || r == '\uffff' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
}

func shownCategories(p *pack.Pack) (out []string) {
	for _, s := range p.Open311.Services {
		if s.Shown > pack.ShowNothing {
			out = append(out, s.Category)
		}
	}
	return out
}

// shows is what the pack says of a case to somebody without a key.
func shows(p *pack.Pack) ledger.Show {
	return func(c casework.Case) ledger.Public {
		s, ok := p.Open311.ServiceOf(c.Category)
		if !ok {
			return ledger.PublicNothing
		}
		return map[pack.Shown]ledger.Public{pack.ShowStatus: ledger.PublicSteps, pack.ShowPlace: ledger.PublicPlace, pack.ShowText: ledger.PublicText}[s.Shown]
	}
}
