package talks

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"comity/internal/authz"
	"comity/internal/programme"
	"comity/internal/web"
)

// pointView is one thing a term needs, and whether it is there.
type pointView struct {
	Label, Value string
	Lacks        bool
}

type termView struct {
	No     string
	Issue  string
	Points []pointView
	Vague  string // the words that leave it indefinite
	Fine   bool
}

// changeView is one answer of two versions, side by side.
type changeView struct {
	Label    string
	Old, New []piece
	Changed  bool
}

// choiceOf is one version among those to compare.
type choiceOf struct {
	No, Label string
	Left      bool // chosen on the left
	Right     bool
}

type draftPage struct {
	head
	Any      bool
	No, When string
	Hash     string
	LeftOpen string
	Terms    []termView
	Ready    []web.Link // accepted offers that are no term yet
	Add      *web.Link
	Anew     *web.Link
	Versions []choiceOf
	Changes  []changeView
	Left     string // which two are compared
	Right    string
	Same     bool
}

// draft shows the terms with what each of them lacks, and how the drafts differ.
func (s *service) draft(o *programme.Officer) error {
	m, err := s.deskMatter(o, authz.Identity)
	if err != nil {
		return err
	}
	p := o.Page("talks.draft.title", "ref", string(m.c.Ref))
	s.speak(p, m.c)
	v := draftPage{head: m.head(p, "draft")}
	now := o.Site.Now()
	if m.can(m.t.Draft.Act, o.Actor, now) {
		v.Anew = &web.Link{Href: base(m.c) + "/do/" + m.t.Draft.Act, Label: p.T("act." + m.d.ID + "." + m.t.Draft.Act), Icon: "doc"}
	}
	adds := m.can(m.t.Term.Act, o.Actor, now)
	if adds {
		v.Add = &web.Link{Href: base(m.c) + "/do/" + m.t.Term.Act, Label: p.T("act." + m.d.ID + "." + m.t.Term.Act), Icon: "plus"}
	}
	all := m.drafts()
	if d, ok := m.last(); ok {
		v.Any, v.No, v.When, v.Hash = true, strconv.Itoa(d.no), p.Moment(d.event.At), m.hash(d, len(d.terms))
		v.LeftOpen = d.event.Fields[m.t.Draft.LeftOpen]
		for i, t := range d.terms {
			v.Terms = append(v.Terms, m.termView(p, i+1, t))
		}
		if adds {
			v.Ready = m.ready(p, d)
		}
	}
	v.compare(p, m, all, o.R)
	return o.Write(p, http.StatusOK, draftBody(p, v))
}

func (m *matter) termView(p *web.Page, no int, t term) termView {
	v := termView{No: strconv.Itoa(no), Issue: t.event.Fields[m.t.Term.Issue], Vague: strings.Join(t.vague, p.T("talks.and")), Fine: len(t.lacks)+len(t.vague) == 0}
	f := web.ActForm(m.d.ID, m.t.Term.Act)
	for _, name := range m.t.Term.List() {
		lacks := slices.Contains(t.lacks, name)
		x := pointView{Label: p.T(f.Prefix + "." + name), Value: t.event.Fields[name], Lacks: lacks}
		if name == m.t.Term.Day {
			x.Value = p.CivilDate(x.Value)
		}
		if x.Value != "" || lacks {
			v.Points = append(v.Points, x)
		}
	}
	return v
}

// ready are the issues on which an offer was accepted and no term of the draft says anything.
func (m *matter) ready(p *web.Page, d draft) []web.Link {
	var out []web.Link
	for _, x := range m.issues() {
		in := slices.ContainsFunc(d.terms, func(t term) bool { return alike(t.event.Fields[m.t.Term.Issue], x.name) })
		if x.agreed > 0 && !in {
			out = append(out, web.Link{Href: m.termOf(x), Label: p.T("talks.make.of", "issue", x.name), Icon: "plus"})
		}
	}
	return out
}

// compare sets two drafts side by side: the last two, unless the address names others.
func (v *draftPage) compare(p *web.Page, m *matter, all []draft, r *http.Request) {
	if len(all) < 2 {
		return
	}
	a, b := len(all)-1, len(all)
	if x := number(r.URL.Query().Get("a")); x >= 1 && x <= len(all) {
		a = x
	}
	if x := number(r.URL.Query().Get("b")); x >= 1 && x <= len(all) {
		b = x
	}
	for _, d := range all {
		v.Versions = append(v.Versions, choiceOf{strconv.Itoa(d.no), p.T("talks.version", "n", strconv.Itoa(d.no), "when", p.Moment(d.event.At)), d.no == a, d.no == b})
	}
	v.Left, v.Right = strconv.Itoa(a), strconv.Itoa(b)
	v.Changes = m.changes(p, all[a-1], all[b-1])
	v.Same = !slices.ContainsFunc(v.Changes, func(c changeView) bool { return c.Changed })
}

// changes compares two drafts answer by answer, and term by term in the order in which they stand.
func (m *matter) changes(p *web.Page, old, now draft) []changeView {
	var out []changeView
	f := web.ActForm(m.d.ID, m.t.Draft.Act)
	for _, field := range m.act(m.t.Draft.Act).Fields {
		was, is := p.Answer(f, field, old.event.Fields[field.Name]), p.Answer(f, field, now.event.Fields[field.Name])
		if was != "" || is != "" {
			out = append(out, changed(p.T(f.Prefix+"."+field.Name), was, is))
		}
	}
	text := func(d draft, i int) string {
		if i >= len(d.terms) {
			return ""
		}
		var said []string
		for _, x := range m.lines(p, d.terms[i].event) {
			said = append(said, x.Label+p.T("web.colon")+x.Value)
		}
		return strings.Join(said, "\n")
	}
	for i := range max(len(old.terms), len(now.terms)) {
		out = append(out, changed(p.T("talks.term", "n", strconv.Itoa(i+1)), text(old, i), text(now, i)))
	}
	return out
}

func changed(label, old, now string) changeView {
	v := changeView{Label: label, Changed: old != now}
	for _, x := range compare(old, now) {
		if x.fate != fresh {
			v.Old = append(v.Old, x)
		}
		if x.fate != gone {
			v.New = append(v.New, x)
		}
	}
	return v
}
