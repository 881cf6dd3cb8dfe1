package portal

import (
	"net/http"
	"strings"

	"comity/internal/web"
)

// sentPage is the receipt: what to keep, and by when an answer comes.
type sentPage struct {
	Again            bool // looked at later: a draft of another report stays on the device
	Code, Ref, Title string
	Link, QR         string
	By               string // date of the answer, in words; empty when the procedure promises none
	Provisional      bool
	Unit             string
	Filed            string
	Told             bool // they also get a message
}

func (p *Portal) sent(w http.ResponseWriter, r *http.Request) error {
	door, c, err := p.held(r)
	if err != nil {
		return err
	}
	look, err := door.look(r, c)
	if err != nil {
		return err
	}
	c = look.Case()
	again := r.URL.Query().Has("again") // opened from the case: nothing was sent just now
	page := p.Site.Page(r, titleOfReceipt(again))
	page.Private = true
	link := p.Site.Origin(r) + "/f/" + string(c.Code)
	qr, err := web.QRSVG(link, page.T("portal.sent.qr", "code", spelled(string(c.Code))))
	if err != nil {
		return err
	}
	v := sentPage{
		Again: again, Code: string(c.Code), Ref: string(c.Ref), Title: c.Title, Link: link, QR: qr,
		Unit: page.T("unit." + string(c.Holder)), Filed: page.Moment(c.Opened), Told: c.Contact.Address != "",
	}
	if k, ok := c.Promised(); ok && k.Running() {
		v.By, v.Provisional = promise(page, c, k, "portal.sent.by"), k.Provisional
	}
	return page.Write(w, r, http.StatusOK, web.PublicLayout(page, sentBody(page, v)))
}

func titleOfReceipt(again bool) string {
	if again {
		return "portal.sent.receipt"
	}
	return "portal.sent.title"
}

// spelled separates the characters of a code, so that a screen reader says them one by one.
func spelled(code string) string { return strings.Join(strings.Split(code, ""), " ") }
