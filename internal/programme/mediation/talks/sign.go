package talks

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/form"
	"comity/internal/procedure"
	"comity/internal/programme"
	"comity/internal/web"
)

// signerView is one line of the list of those who have to sign.
type signerView struct {
	Name, As string
	Done     bool
	How      string // paper, tablet or link, with the day
	Ways     []web.Link
}

type signingPage struct {
	head
	Any     bool
	No      string
	Hash    string
	Signers []signerView
	Missing []string
	All     bool
	Seals   []web.Link
	Why     *web.No // why nobody can sign now
}

// signing is the list of who has to sign and who has.
func (s *service) signing(o *programme.Officer) error {
	m, err := s.deskMatter(o, authz.Identity)
	if err != nil {
		return err
	}
	p := o.Page("talks.sign.title", "ref", string(m.c.Ref))
	s.speak(p, m.c)
	v := signingPage{head: m.head(p, "sign")}
	d, ok := m.last()
	if ok {
		v.Any, v.No, v.Hash = true, strconv.Itoa(d.no), m.hash(d, len(d.terms))
	}
	now := o.Site.Now()
	may := map[string]bool{}
	for _, act := range []string{m.t.Sign.Act, m.t.Witness.Act} {
		for _, x := range casework.Choices(m.d, m.c, m.act(act), o.Actor, now) {
			may[x.ID] = true
		}
	}
	for _, x := range m.signers() {
		v.add(p, m, x, o.Name, may[x.member.ID] && ok)
	}
	v.All = ok && len(v.Missing) == 0 && len(v.Signers) > 0
	for _, id := range m.t.Seals {
		if m.can(id, o.Actor, now) {
			v.Seals = append(v.Seals, web.Link{Href: base(m.c) + "/do/" + id, Label: p.T("act." + m.d.ID + "." + id), Icon: "seal"})
		}
	}
	if no := casework.WhyNot(m.d, m.c, m.act(m.t.Sign.Act), o.Actor, now); no != nil && ok && len(v.Missing) > 0 {
		said := p.No(no, nil)
		v.Why = &said
	}
	return o.Write(p, http.StatusOK, signingBody(p, v))
}

func (v *signingPage) add(p *web.Page, m *matter, x signer, staff func(*web.Page, string) string, may bool) {
	row := signerView{Name: m.name(p, x.member, staff), As: p.T("roll." + m.d.ID + "." + x.member.Roll), Done: x.how != ""}
	if side := x.member.Marks[m.t.Side]; x.party && side != "" {
		row.As = m.sideName(p, side)
	}
	if row.Done {
		mark := m.t.Witness.Mark
		if x.party {
			mark = m.t.Sign.Mark
		}
		row.How = p.T("mark." + m.d.ID + "." + x.member.Roll + "." + mark + "." + x.how)
		if !x.at.IsZero() {
			row.How += p.T("talks.on") + p.Moment(x.at)
		}
	} else {
		v.Missing = append(v.Missing, row.Name)
	}
	id := url.PathEscape(x.member.ID)
	switch {
	case row.Done || !may:
	case x.party:
		row.Ways = []web.Link{{Href: base(m.c) + "/sign/" + id + "/tablet", Label: p.T("talks.way.tablet"), Icon: "sign"},
			{Href: base(m.c) + "/sign/" + id + "/paper", Label: p.T("talks.way.paper"), Icon: "upload"}}
	default:
		row.Ways = []web.Link{{Href: base(m.c) + "/do/" + m.t.Witness.Act + "?" + procedure.FieldMember + "=" + id, Label: p.T("act." + m.d.ID + "." + m.t.Witness.Act), Icon: "sign"}}
	}
	v.Signers = append(v.Signers, row)
}

// formPage asks for an act about one member, with a file.
type formPage struct {
	Ref, Back, Title, Who string
	Hint                  string
	Hash, Key             string
	Law, Article          string
	Controls              []web.Control
	Mistakes              []web.Mistake
	FileWrong             string
	No                    *web.No
	Button                string
}

// party finds the member in the address among those an act can be about now.
func (m *matter) party(o *programme.Officer, act string) (casework.Member, error) {
	list := casework.Choices(m.d, m.c, m.act(act), o.Actor, o.Site.Now())
	i := slices.IndexFunc(list, func(x casework.Member) bool { return x.ID == o.R.PathValue("member") })
	if i < 0 {
		return casework.Member{}, web.ErrNotFound
	}
	return list[i], nil
}

// paper asks for the scan of what a party signed on paper.
func (s *service) paper(o *programme.Officer) error {
	m, err := s.deskMatter(o, authz.Identity)
	if err != nil {
		return err
	}
	return s.showPaper(o, m, http.StatusOK, nil, nil)
}

func (s *service) showPaper(o *programme.Officer, m *matter, status int, values map[string]string, no *casework.Refusal) error {
	x, err := m.party(o, m.t.Sign.Act)
	if err != nil {
		return err
	}
	d, ok := m.last()
	if !ok {
		return web.ErrNotFound
	}
	p := o.Page("talks.paper.title", "ref", string(m.c.Ref))
	s.speak(p, m.c)
	a := m.act(m.t.Sign.Act)
	v := formPage{Ref: string(m.c.Ref), Back: base(m.c) + "/sign", Title: p.T("talks.paper.title", "ref", string(m.c.Ref)), Who: m.name(p, x, o.Name),
		Hint: p.T("talks.paper.hint"), Hash: m.hash(d, len(d.terms)), Button: p.T("talks.paper.do")}
	v.fill(p, m, a, []string{m.t.Sign.How}, values, no)
	return o.Write(p, status, formBody(p, v))
}

// fill puts the questions of an act on the page, but for those the page answers itself.
func (v *formPage) fill(p *web.Page, m *matter, a *procedure.Act, own []string, values map[string]string, no *casework.Refusal) {
	fields := slices.DeleteFunc(slices.Clone(a.Fields), func(f form.Field) bool { return slices.Contains(own, f.Name) })
	f := web.ActForm(m.d.ID, a.ID)
	f.Values = values
	if no != nil {
		p.Wrong = true
		f.Problems = no.Fields
		if len(no.Fields) == 0 {
			said := p.No(no, nil)
			v.No = &said
		}
	}
	v.Controls = p.Controls(fields, f)
	v.Key, v.Law, v.Article = web.NewKey(), p.Law(a.Law), p.Article(a.Law)
	var rest []form.Problem
	for _, bad := range f.Problems {
		if bad.Field == "files" {
			v.FileWrong = p.Problem(bad.Rule, bad.Params)
			v.Mistakes = append(v.Mistakes, web.Mistake{ID: "f-files", Words: p.T("talks.file") + p.T("web.colon") + v.FileWrong})
		} else {
			rest = append(rest, bad)
		}
	}
	v.Mistakes = append(v.Mistakes, p.Mistakes(v.Controls, rest)...)
}

// given reads the answers of a posted act, but for those the page gives itself.
func given(r *http.Request, a *procedure.Act) map[string]string {
	out := map[string]string{}
	for _, f := range a.Fields {
		if v := r.PostFormValue(f.Name); v != "" {
			out[f.Name] = v
		}
	}
	return out
}

// asked are the names a form about an act may hold.
func asked(a *procedure.Act, more ...string) []string {
	for _, f := range a.Fields {
		more = append(more, f.Name)
	}
	return more
}

func (s *service) paperPost(o *programme.Officer) error {
	m, err := s.deskMatter(o, authz.Identity)
	if err != nil {
		return err
	}
	a := m.act(m.t.Sign.Act)
	if err := web.ReadForm(o.R, asked(a, "hash", "files*")...); err != nil {
		return err
	}
	x, err := m.party(o, a.ID)
	if err != nil {
		return err
	}
	values := given(o.R, a)
	values[m.t.Sign.How] = m.t.Sign.Paper
	files, err := o.Uploads()
	if no, is := refused(err); is {
		return s.showPaper(o, m, http.StatusUnprocessableEntity, values, no)
	}
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return s.showPaper(o, m, http.StatusUnprocessableEntity, values, &casework.Refusal{Rule: "form.invalid", Fields: []form.Problem{{Field: "files", Rule: "act.paper"}}})
	}
	err = s.sign(o.R, func() (*matter, error) { return s.deskMatter(o, authz.Identity) }, o.Actor, x.ID, o.R.PostFormValue("hash"), values, files)
	if no, is := refused(err); is {
		return s.showPaper(o, m, web.StatusOf(no), values, no)
	}
	if err != nil {
		return err
	}
	return o.Go(base(m.c) + "/sign")
}

// stale says that the words changed after the page was drawn: nobody signs what they did not see.
func stale() *casework.Refusal { return &casework.Refusal{Rule: "talks.stale"} }

// opener opens the case of a request again.
type opener func() (*matter, error)

// tries is how often a signature is put under the same words when others sign in the same moment.
const tries = 4

// sign does the act of signing under the very words whose hash the page showed. The version of the case in
// the command keeps a new draft from slipping in between; whatever else happened meanwhile, such as the
// signature of somebody else, leaves the words as they are, and the signature is put under them again.
func (s *service) sign(r *http.Request, open opener, who authz.Actor, member, hash string, answers map[string]string, files []casework.File) error {
	fields := maps.Clone(answers)
	if member != "" {
		fields[procedure.FieldMember] = member
	}
	for range tries {
		m, err := open()
		if err != nil {
			return err
		}
		d, ok := m.last()
		if !ok || m.hash(d, len(d.terms)) != hash {
			return stale()
		}
		_, err = s.Ledger.Do(r.Context(), who, casework.Command{Case: m.c.ID, Version: m.c.Seq, Key: web.KeyOf(r), Act: m.t.Sign.Act, Fields: fields, Files: files})
		if no, is := refused(err); !is || no.Rule != casework.Conflict {
			return err
		}
	}
	return &casework.Refusal{Rule: casework.Conflict}
}
