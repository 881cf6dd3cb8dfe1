package quarantine

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/courier"
	"comity/internal/db"
	"comity/internal/file"
	"comity/internal/pack"
	"comity/internal/programme"
	"comity/internal/web"
)

type rowView struct {
	Href, Ref, Why, Kind, When, ISO string
	State                           web.Tag
}

type listPage struct {
	Rows []rowView
	Next string
	None bool // no scanner is configured
}

type onePage struct {
	Row      rowView
	CaseHref string
	Facts    []web.Fact
	Do       string // what was chosen before the form was refused
	Reason   string
	Wrong    string
}

const pageSize = 50

// reach is what an officer may see: nothing without a role that looks after files, by the pack.
func reach(p *pack.Pack, who authz.Actor) []courier.Reach {
	return courier.ReachOf(p.Units, who, func(id authz.Role) bool {
		r, ok := p.Role(id)
		return ok && r.Files
	})
}

func (x *office) keeper(o *programme.Officer) ([]courier.Reach, error) {
	in := reach(x.Packs.Current(), o.Actor)
	if len(in) == 0 {
		return nil, &web.Refused{Status: http.StatusForbidden, Rule: "held.not_yours"}
	}
	return in, nil
}

func (x *office) menu(page *web.Page, who authz.Actor, at string) []web.NavItem {
	if len(reach(x.Packs.Current(), who)) == 0 {
		return nil
	}
	return []web.NavItem{{Href: "/desk/held", Label: page.T("held.title"), Icon: "lock", Current: strings.HasPrefix(at, "/desk/held")}}
}

func (x *office) list(o *programme.Officer) error {
	in, err := x.keeper(o)
	if err != nil {
		return err
	}
	after, _ := strconv.ParseInt(o.R.URL.Query().Get("after"), 10, 64)
	var found []held
	err = x.DB.View(o.R.Context(), func(tx *db.Tx) (err error) {
		found, err = listHeld(o.R.Context(), tx, in, after, pageSize+1)
		return err
	})
	if err != nil {
		return err
	}
	page := o.Page("held.title")
	l := listPage{None: x.Files.Scan == nil}
	if len(found) > pageSize {
		found = found[:pageSize]
		l.Next = "/desk/held?after=" + strconv.FormatInt(found[pageSize-1].ID, 10)
	}
	for _, h := range found {
		l.Rows = append(l.Rows, rowOf(page, h))
	}
	return o.Write(page, http.StatusOK, listBody(page, l))
}

func rowOf(page *web.Page, h held) rowView {
	r := rowView{Href: "/desk/held/" + strconv.FormatInt(h.ID, 10), Ref: string(h.Ref), Why: page.T("held.why." + h.Why), Kind: kindOf(page, h.Kind) + page.T("held.sep") + page.Bytes(h.Size),
		When: page.Moment(h.At), ISO: page.ISO(h.At), State: web.Tag{Class: "hold", Icon: "clock", Label: page.T("held.state." + h.Why)}}
	if h.Sealed { // of it nothing but its number is told
		r.Kind = page.T("held.sealed")
	}
	if h.Why == file.HeldVirus {
		r.State.Class, r.State.Icon = "warn", "alert"
	}
	return r
}

// kindOf is a kind of file in words.
func kindOf(page *web.Page, kind string) string {
	switch {
	case strings.HasPrefix(kind, "image/"):
		return page.T("held.kind.image")
	case kind == file.KindPDF:
		return page.T("held.kind.pdf")
	case kind == file.KindText:
		return page.T("held.kind.text")
	}
	return page.T("held.kind.office")
}

// found is one file within the officer's reach.
func (x *office) found(o *programme.Officer) (h held, err error) {
	in, err := x.keeper(o)
	if err != nil {
		return h, err
	}
	id, err := strconv.ParseInt(o.R.PathValue("id"), 10, 64)
	if err != nil {
		return h, web.ErrNotFound
	}
	err = x.DB.View(o.R.Context(), func(tx *db.Tx) (err error) {
		h, err = findHeld(o.R.Context(), tx, in, id)
		return err
	})
	if errors.Is(err, db.ErrNoRows) {
		return h, web.ErrNotFound
	}
	return h, err
}

func (x *office) show(o *programme.Officer) error {
	h, err := x.found(o)
	if err != nil {
		return err
	}
	return x.write(o, http.StatusOK, h, onePage{})
}

func (x *office) write(o *programme.Officer, status int, h held, v onePage) error {
	page := o.Page("held.one", "ref", string(h.Ref))
	v.Row = rowOf(page, h)
	v.CaseHref = "/desk/cases/" + url.PathEscape(string(h.Ref))
	looked := page.T("held.never")
	if !h.Since.IsZero() {
		looked = page.Moment(h.Since)
	}
	v.Facts = []web.Fact{{Label: page.T("held.col.file"), Value: v.Row.Kind}, {Label: page.T("held.col.since"), Value: v.Row.When}, {Label: page.T("held.looked"), Value: looked}}
	if !h.Sealed {
		v.Facts = append(v.Facts, web.Fact{Label: page.T("held.hash"), Value: h.SHA256[:16]})
	}
	return o.Write(page, status, oneBody(page, v))
}

func (x *office) decide(o *programme.Officer) error {
	h, err := x.found(o)
	if err != nil {
		return err
	}
	if err := web.ReadForm(o.R, "do", "reason"); err != nil {
		return err
	}
	v := onePage{Do: o.R.PostFormValue("do"), Reason: o.R.PostFormValue("reason")}
	page := o.Page("held.title")
	if v.Do != "release" && v.Do != "refuse" {
		v.Wrong = page.T("held.choose")
		return x.write(o, http.StatusUnprocessableEntity, h, v)
	}
	_, err = x.Ledger.Do(o.R.Context(), o.Actor, casework.Command{Case: h.Case, Version: casework.AnyVersion, Key: web.KeyOf(o.R),
		Checked: &casework.Checked{SHA256: h.SHA256, Release: v.Do == "release", Reason: v.Reason}})
	var no *casework.Refusal
	if errors.As(err, &no) {
		v.Wrong = page.Problem(no.Rule, no.Params)
		return x.write(o, web.StatusOf(no), h, v)
	}
	if err != nil {
		return err
	}
	return o.Go("/desk/held")
}
