package portal

import (
	"errors"
	"net/http"

	"comity/internal/casefile"
	"comity/internal/casework"
	"comity/internal/ledger"
	"comity/internal/web"
)

// pageCheck is what comes of asking whether a page belongs to a case file.
type pageCheck struct {
	Asked         bool
	True          bool
	Ref, Page, Of string
	Sum           string // as typed
	Words         string // what came of it
	Newer         string // that the file was put together again later
	When          string
	Log           string // address that checks the entry of the log
	Wrong         string
}

// filePage answers the QR code of one page. It says that the page belongs to the file as it was put on
// record, and when that was: whoever asks holds the page and knows its number, and learns nothing else. A
// file that is not there, a page that is not in it and a case nobody may know of get the same answer.
func (p *Portal) filePage(w http.ResponseWriter, r *http.Request) error {
	return p.checkPageOf(w, r, pageCheck{Asked: true, Ref: r.PathValue("ref"), Page: r.PathValue("page"), Of: r.PathValue("of"), Sum: r.PathValue("sum")})
}

// filePageForm is for whoever cannot scan the code: the same is printed at the foot of each page.
func (p *Portal) filePageForm(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	v := pageCheck{Ref: q.Get("ref"), Page: q.Get("page"), Of: q.Get("of"), Sum: q.Get("sum")}
	v.Asked = v.Ref+v.Page+v.Of+v.Sum != ""
	return p.checkPageOf(w, r, v)
}

func (p *Portal) checkPageOf(w http.ResponseWriter, r *http.Request, v pageCheck) error {
	page := p.Site.Page(r, "portal.page.title")
	if !v.Asked {
		return page.Write(w, r, http.StatusOK, web.PublicLayout(page, pageBody(page, v)))
	}
	m, err := casefile.ParseMark(v.Ref, v.Page, v.Of, v.Sum)
	if err != nil && r.PathValue("ref") != "" {
		return p.noSuchPage(w, r, page)
	}
	if err != nil {
		page.Wrong, v.Asked, v.Wrong = true, false, page.T("portal.page.no_mark")
		return page.Write(w, r, http.StatusUnprocessableEntity, web.PublicLayout(page, pageBody(page, v)))
	}
	c, door, which, err := p.fileOf(r, m)
	if err != nil {
		return err
	}
	if which < 0 {
		return p.noSuchPage(w, r, page)
	}
	made := c.Filed[which]
	v.True, v.Ref, v.When = true, string(c.Ref), page.Moment(made.At)
	if v.Words = page.T("portal.page.true", "page", v.Page, "of", v.Of, "ref", v.Ref); m.Page == 0 {
		v.Words = page.T("portal.page.true.cover", "of", v.Of, "ref", v.Ref)
	}
	if last := c.Filed[len(c.Filed)-1]; last.Seq != made.Seq {
		v.Newer = page.T("portal.page.newer", "when", page.Moment(last.At))
	}
	if door.Prove != nil {
		if got, ok, err := door.Prove(r.Context(), c, made.Seq); err != nil {
			return err
		} else if ok {
			v.Log = door.Log + "/verify#" + got.Compact()
		}
	}
	return page.Write(w, r, http.StatusOK, web.PublicLayout(page, pageBody(page, v)))
}

// noSuchPage is the answer to everything that is not on record, and it repeats nothing of what was asked.
func (p *Portal) noSuchPage(w http.ResponseWriter, r *http.Request, page *web.Page) error {
	page.Here = "/v"
	return page.Write(w, r, http.StatusNotFound, web.PublicLayout(page, pageBody(page, pageCheck{Asked: true, Words: page.T("portal.page.unknown")})))
}

// fileOf finds the file a mark names, in whichever compartment it lies; -1 where there is none.
func (p *Portal) fileOf(r *http.Request, m casefile.Mark) (casework.Case, Door, int, error) {
	for _, door := range p.doors() {
		c, err := door.Reader.Filed(r.Context(), m.Case)
		if errors.Is(err, ledger.ErrNotFound) {
			continue
		}
		if err != nil {
			return c, door, -1, err
		}
		var known []casefile.Known
		for _, f := range c.Filed {
			sum, _ := casefile.ParseSum(f.Sum) // of one that is none: the zero sum, which no page has
			known = append(known, casefile.Known{Content: sum, Pages: f.Pages})
		}
		which, _ := casefile.Verify(m, known)
		return c, door, which, nil
	}
	return casework.Case{}, Door{}, -1, nil
}
