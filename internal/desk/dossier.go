package desk

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"comity/internal/authz"
	"comity/internal/casefile"
	"comity/internal/casework"
	"comity/internal/form"
	"comity/internal/ledger"
	"comity/internal/pack"
	"comity/internal/paper"
	"comity/internal/procedure"
	"comity/internal/web"
)

// dossierCard tells on the page of a case how far its file is, for procedures whose pack says how a file
// is put together.
type dossierCard struct {
	Name     string
	Full, Of int      // parts that hold something, and all of them
	Missing  []string // required parts that hold nothing
	Draft    string   // address of the file as it stands
	Filed    []filedRow
	To       string // where the file is put on record; empty while the case is open or the file lacks something
}

// filedRow is one file on record.
type filedRow struct{ When, Pages, Href string }

// record is a case with what happened to it, as far as it was opened.
type record struct {
	c      casework.Case
	d      *procedure.Definition
	events []casework.Event
}

// leafOf is one paper of a case file before it is filled: a document an act made, or an attachment.
type leafOf struct {
	record
	part     string
	at       int // of its event
	document string
	file     casework.File
}

// beside tells of a paper that it fills no part by itself.
func (l leafOf) beside(x pack.Dossier) bool {
	if l.document == "" {
		return x.BesideFiles(l.events[l.at].Act)
	}
	return x.Beside(l.document)
}

func (v *visit) dossierOf(c casework.Case, d *procedure.Definition) (pack.Dossier, bool) {
	if pk := v.Packs.Pack(c.Pack); pk != nil {
		return pk.DossierFor(d)
	}
	return pack.Dossier{}, false
}

// dossierCard counts without opening anything: which papers there are is no secret of the case.
func (v *visit) dossierCard(p *web.Page, c casework.Case, d *procedure.Definition, events []casework.Event) (*dossierCard, error) {
	x, ok := v.dossierOf(c, d)
	if !ok || !v.writes(c) {
		return nil, nil
	}
	records, err := v.dossierRecords(record{c, d, events}, v.readOf)
	if err != nil {
		return nil, err
	}
	f := dossierFrame(p, x)
	for _, l := range dossierLeaves(x, records) {
		putPaper(&f, l.part, casefile.Paper{Beside: l.beside(x)})
	}
	card := &dossierCard{Name: f.Name, Of: len(f.Parts) + 1, Full: 1, Draft: dossierAddress(c) + "?lang=" + url.QueryEscape(p.Lang)}
	for _, part := range f.Parts {
		if len(part.Papers) > 0 {
			card.Full++
		}
	}
	for _, part := range f.Missing() {
		card.Missing = append(card.Missing, part.Name)
	}
	for _, made := range slices.Backward(c.Filed) {
		card.Filed = append(card.Filed, filedRow{When: p.Moment(made.At), Pages: p.N("desk.dossier.pages", made.Pages), Href: filedHref(c, made)})
	}
	if st, ok := d.State(c.State); ok && st.Final && len(card.Missing) == 0 {
		card.To = dossierAddress(c)
	}
	return card, nil
}

func dossierAddress(c casework.Case) string { return caseHref(string(c.Ref)) + "/dossier" }

// filedHref is where the file itself is kept, with the attachments of the case.
func filedHref(c casework.Case, made casework.Filed) string {
	i := slices.IndexFunc(c.Files, func(f casework.File) bool { return f.Seq == made.Seq })
	if i < 0 {
		return ""
	}
	return caseHref(string(c.Ref)) + "/files/" + c.Files[i].SHA256
}

// dossierRecords is the case and the smaller matters it opened and waited for: their papers go into its file.
func (v *visit) dossierRecords(of record, read func(casework.Case) (record, error)) ([]record, error) {
	out := []record{of}
	kids, err := v.Reader.Children(v.ctx(), of.c)
	if err != nil {
		return nil, err
	}
	for _, k := range of.c.Children {
		kid, ok := kids[k.Case]
		if k.Kind != procedure.Child || !ok || !kid.ReadableBy(v.scope, v.pack.Units) {
			continue
		}
		r, err := read(kid)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

// readOf reads what happened to a case without opening it.
func (v *visit) readOf(c casework.Case) (record, error) {
	d, err := v.definition(c)
	if err != nil {
		return record{}, err
	}
	events, err := v.Reader.Events(v.ctx(), c.ID)
	return record{c, d, events}, err
}

// openRecord opens a case for its file. What the officer may not see is refused as on every other page.
func (v *visit) openRecord(c casework.Case) (record, error) {
	d, err := v.definition(c)
	if err != nil {
		return record{}, err
	}
	open, err := v.openAs(c, ledger.Ticket{Purpose: ledger.PurposeHandle, Level: authz.Identity})
	if err != nil {
		return record{}, err
	}
	if open.no != nil {
		return record{}, open.no
	}
	return record{open.c, d, open.events}, nil
}

// dossierLeaves lists what goes into the file, in the order it came to be. What was said in confidence is
// left out with everything handed in beside it, and so are files that were put together before.
func dossierLeaves(x pack.Dossier, records []record) []leafOf {
	var out []leafOf
	for _, r := range records {
		for i, e := range r.events {
			if e.Filed != nil || inConfidence(r.d, e) {
				continue
			}
			for _, id := range e.Documents {
				out = append(out, leafOf{record: r, part: x.PartOf(id), at: i, document: id})
			}
			for _, f := range e.Files {
				out = append(out, leafOf{record: r, part: x.PartOfFiles(e.Act), at: i, file: f})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b leafOf) int { return a.events[a.at].At.Compare(b.events[b.at].At) })
	return out
}

// inConfidence tells of an event whose act asks what one side says in confidence.
func inConfidence(d *procedure.Definition, e casework.Event) bool {
	a, ok := d.Act(e.Act)
	return ok && slices.ContainsFunc(a.Fields, func(f form.Field) bool { return f.Caucus })
}

// dossierFrame is the file with its parts and no paper in them.
func dossierFrame(p *web.Page, x pack.Dossier) casefile.File {
	key := "dossier." + x.ID
	f := casefile.File{Name: p.T(key), Organ: p.Name(), Lang: p.Lang, BackName: p.T(key + ".back"), Say: p.T}
	for _, part := range x.Parts {
		f.Parts = append(f.Parts, casefile.Part{ID: part.ID, Name: p.T(key + ".part." + part.ID), Required: part.Required, Excuses: part.Excuses})
	}
	return f
}

func putPaper(f *casefile.File, part string, x casefile.Paper) {
	for i := range f.Parts {
		if f.Parts[i].ID == part {
			f.Parts[i].Papers = append(f.Parts[i].Papers, x)
			return
		}
	}
}

// dossierFile opens the case and fills its file.
func (v *visit) dossierFile(p *web.Page, x pack.Dossier, c casework.Case) (casefile.File, error) {
	r, err := v.openRecord(c)
	if err != nil {
		return casefile.File{}, err
	}
	f := dossierFrame(p, x)
	f.Case, f.Made = string(c.Ref), v.now.UTC().Truncate(time.Second)
	v.dossierRows(p, x, r, &f)
	records, err := v.dossierRecords(r, v.openRecord)
	if err != nil {
		return f, err
	}
	for _, l := range dossierLeaves(x, records) {
		set, ok, err := v.paperOfLeaf(p, l)
		if err != nil {
			return f, err
		}
		if ok {
			set.Beside = l.beside(x)
			putPaper(&f, l.part, set)
		}
	}
	return f, nil
}

// dossierRows fills cover and back cover.
func (v *visit) dossierRows(p *web.Page, x pack.Dossier, r record, f *casefile.File) {
	key, c := "dossier."+x.ID, r.c
	facts := map[string]string{"ref": string(c.Ref), "year": c.Opened.In(p.Site.Zone).Format("2006"), "title": c.Title, "holder": p.T("unit." + string(c.Holder)),
		"officer": v.officer(p, c.Assignee), "opened": p.Day(c.Opened), "today": p.Day(v.now), "pages": "{pages}", "retention": p.T(key + ".retention")}
	if !c.Closed.IsZero() {
		facts["ended"] = p.Day(c.Closed)
	}
	if c.Outcome != "" {
		facts["outcome"] = p.T("outcome." + r.d.ID + "." + c.Outcome)
	}
	fill := func(key string) string {
		if !p.Has(key) {
			return ""
		}
		return paper.Fill(p.T(key), func(name string) string { return facts[name] })
	}
	rows := func(where string, ids []string) (out []casefile.Row) {
		for _, id := range ids {
			k := key + "." + where + "." + id
			out = append(out, casefile.Row{Label: p.T(k), Value: fill(k + ".value")})
		}
		return out
	}
	f.Number, f.Organ = fill(key+".number"), facts["holder"]
	f.Cover, f.Back = rows("cover", x.Cover), rows("back", x.Back)
	f.BackText = fill(key + ".back.text")
}

// paperOfLeaf fills a document with the facts of its day, or takes an attachment as it is. false for a
// document the pack has no words for, and for an attachment whose content is gone.
func (v *visit) paperOfLeaf(p *web.Page, l leafOf) (casefile.Paper, bool, error) {
	e := l.events[l.at]
	out := casefile.Paper{Date: e.At.In(p.Site.Zone).Format(time.DateOnly)}
	stored, err := v.Reader.Stored(v.ctx(), l.c, e.Seq)
	if err != nil {
		return out, false, err
	}
	out.Record = casefile.Record{Seq: e.Seq, Hash: casefile.Hex(stored.Hash)}
	if l.document == "" {
		scan, ok, err := v.scanOf(l)
		out.Title, out.Scans = l.file.Name, []casefile.Scan{scan}
		return out, ok, err
	}
	t, ok := v.paperOf(p, l.d, l.c, l.document)
	if !ok {
		return out, false, nil
	}
	var then casework.Case
	for _, e := range l.events[:l.at+1] {
		then = casework.Fold(then, e)
	}
	out.Title = p.T("document." + l.d.ID + "." + l.document)
	out.Blocks = casefile.FromPaper(t.Fill(func(name string) string { return v.paperFact(p, l.d, then, l.events[:l.at+1], l.document, name) }))
	return out, true, nil
}

func (v *visit) scanOf(l leafOf) (casefile.Scan, bool, error) {
	s := casefile.Scan{Name: l.file.Name, Kind: l.file.Kind, Where: v.site.Origin(v.r) + caseHref(string(l.c.Ref)) + "/files/" + l.file.SHA256}
	if l.file.Key == casework.Veil || l.file.Held != "" {
		return s, false, nil
	}
	content, err := v.Files.Open(l.file.SHA256, l.file.Key)
	if errors.Is(err, fs.ErrNotExist) {
		return s, false, nil
	}
	if err != nil {
		return s, false, err
	}
	defer content.Close()
	s.Data, err = io.ReadAll(content)
	return s, true, err
}

// dossierShow is the file as it stands, as a draft: nothing of it is on record.
func (v *visit) dossierShow() error {
	c, x, err := v.dossierAsked()
	if err != nil {
		return err
	}
	p := v.page("desk.case.title")
	v.speak(p, c)
	f, err := v.dossierFile(p, x, c)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := casefile.Write(&b, f); err != nil {
		return err
	}
	return v.sendPDF(f.Name+" "+string(c.Ref)+".pdf", &b)
}

func (v *visit) dossierAsked() (casework.Case, pack.Dossier, error) {
	c, err := v.found()
	if err != nil {
		return c, pack.Dossier{}, err
	}
	d, err := v.definition(c)
	if err != nil {
		return c, pack.Dossier{}, err
	}
	x, ok := v.dossierOf(c, d)
	if !ok || !v.writes(c) {
		return c, x, web.ErrNotFound
	}
	return c, x, nil
}

// dossierDo puts the file of an ended case together, in the language of the city, keeps it with the case
// and puts on record what its pages say. From then on anybody who holds a page can have it checked.
func (v *visit) dossierDo() error {
	if err := v.parse(); err != nil {
		return err
	}
	c, x, err := v.dossierAsked()
	if err != nil {
		return err
	}
	p := v.page("desk.case.title")
	v.speak(p, c)
	asked := p.Speaker
	p.Speaker = v.site.Text.With(v.Packs.Pack(c.Pack).Texts).In(v.pack.Langs[0])
	v.names = map[string]string{} // in the language of the city
	f, err := v.dossierFile(p, x, c)
	if err != nil {
		return err
	}
	if lacks := f.Missing(); len(lacks) > 0 {
		var names []string
		for _, part := range lacks {
			names = append(names, asked.T("dossier."+x.ID+".part."+part.ID))
		}
		return &web.Refused{Status: http.StatusUnprocessableEntity, Rule: "filed.missing", Params: map[string]string{"parts": strings.Join(names, asked.T("desk.comma"))}}
	}
	f.Check = v.site.Origin(v.r) + casefile.CheckPage
	made, err := casefile.Make(f)
	if err != nil {
		return err
	}
	kept, err := v.keepFile(f.Name+" "+string(c.Ref)+".pdf", made.Data, made.Content)
	if err != nil {
		return err
	}
	_, err = v.Ledger.Do(v.ctx(), v.actor, casework.Command{Case: c.ID, Version: casework.AnyVersion, Key: web.KeyOf(v.r),
		Files: []casework.File{kept}, Filed: &casework.Filed{Sum: made.Content.String(), Pages: made.Pages}})
	if err != nil {
		return err
	}
	http.Redirect(v.w, v.r, caseAddress(string(c.Ref), v.r.URL.Query().Get("in"), "done", "dossier"), http.StatusSeeOther)
	return nil
}

// keepFile keeps what the program wrote itself; it needs no cleaning. It is known again by what its pages
// say: bytes differ by the second they were written in.
func (v *visit) keepFile(name string, data []byte, sum casefile.Sum) (casework.File, error) {
	at, key, err := v.Files.Put(data)
	return casework.File{SHA256: at, Key: key, Sent: sum.String(), Name: name, Kind: "application/pdf", Size: int64(len(data))}, err
}

func (v *visit) sendPDF(name string, b *bytes.Buffer) error {
	h := v.w.Header()
	h.Set("Content-Type", "application/pdf")
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	h.Set("Cache-Control", "private, no-store")
	v.w.WriteHeader(http.StatusOK)
	_, err := b.WriteTo(v.w)
	return err
}
