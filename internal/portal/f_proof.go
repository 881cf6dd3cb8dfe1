package portal

import (
	"net/http"
	"strconv"

	"comity/internal/casework"
	"comity/internal/receipt"
	"comity/internal/web"
)

// proofPage is what the resident keeps to prove later that their matter is what it was.
type proofPage struct {
	Base, Ref string
	Soon      bool   // what happened last is not yet under a signed head
	QR        string // of the newest receipt
	Check     string // address that checks it
	Log       string
	Events    []proofLine
}

type proofLine struct{ When, ISO, Words, Href string }

// proof shows the receipts of everything the resident sees. They hold numbers, times and hashes, and nothing
// of what was written.
func (p *Portal) proof(w http.ResponseWriter, r *http.Request) error {
	m, err := p.matter(r, "portal.proof.title")
	if err != nil {
		return err
	}
	if m.door.Prove == nil {
		return web.ErrNotFound
	}
	v := proofPage{Base: m.base(), Ref: string(m.c.Ref), Log: m.door.Log}
	for i := len(m.events) - 1; i >= 0; i-- {
		e := m.events[i]
		words, ok := m.told().Title(e)
		if !ok || e.Act == "" && e.Opening == nil {
			continue
		}
		v.Events = append(v.Events, proofLine{m.page.Moment(e.At), m.page.ISO(e.At), words, m.base() + "/proof/" + strconv.Itoa(e.Seq)})
	}
	newest, ok, err := p.newest(r, m)
	if err != nil {
		return err
	}
	if v.Soon = !ok; ok {
		v.Check = p.Site.Origin(r) + m.door.Log + "/verify#" + newest.Compact()
		if v.QR, err = web.QRSVG(v.Check, m.page.T("portal.proof.qr")); err != nil {
			v.QR = "" // a very large log makes a receipt that no code holds; the file remains
		}
	}
	return m.page.Write(w, r, http.StatusOK, web.PublicLayout(m.page, proofBody(m.page, v)))
}

// newest is the receipt of the last event there is one for.
func (p *Portal) newest(r *http.Request, m *matter) (out receipt.Receipt, ok bool, err error) {
	for seq := len(m.events); seq > 0 && !ok; seq-- {
		if out, ok, err = m.door.Prove(r.Context(), m.c, seq); err != nil {
			return out, false, err
		}
	}
	return out, ok, nil
}

// proofFile is one receipt as a file, for comity verify receipt and the page that checks it.
func (p *Portal) proofFile(w http.ResponseWriter, r *http.Request) error {
	door, c, err := p.held(r)
	if err != nil {
		return err
	}
	seq, err := strconv.Atoi(r.PathValue("seq"))
	if err != nil || seq < 1 || seq > c.Seq || door.Prove == nil {
		return web.ErrNotFound
	}
	got, ok, err := door.Prove(r.Context(), c, seq)
	if err != nil {
		return err
	}
	if !ok {
		return &web.Refused{Status: http.StatusServiceUnavailable, Rule: "portal.proof.soon"}
	}
	return sendReceipt(w, c, seq, got)
}

func sendReceipt(w http.ResponseWriter, c casework.Case, seq int, got receipt.Receipt) error {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Disposition", `attachment; filename="`+string(c.Ref)+"-"+strconv.Itoa(seq)+`.receipt.json"`)
	h.Set("Cache-Control", "no-store")
	_, err := w.Write(got.JSON())
	return err
}
