package desk

import (
	"bytes"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"comity/internal/authz"
	"comity/internal/casefile"
	"comity/internal/casework"
	"comity/internal/form"
	"comity/internal/paper"
	"comity/internal/procedure"
	"comity/internal/web"
)

// documentPage is one paper, ready to be printed.
type documentPage struct {
	Ref, Back string
	PDF       string // address
	City      string
	Printed   string
	Blocks    []paper.Block
}

// documentLink is one paper of a case.
type documentLink struct{ Label, Href, Sub string }

// paperOf finds the template of a paper in the version the case was opened under, in the language of the
// page.
func (v *visit) paperOf(p *web.Page, d *procedure.Definition, c casework.Case, id string) (paper.Template, bool) {
	doc, ok := d.Document(id)
	if !ok {
		return paper.Template{}, false
	}
	t, ok := v.Packs.Pack(c.Pack).Documents[doc.Template][p.Lang]
	return t, ok
}

// documentLinks lists the papers of one event, each by its title.
func (v *visit) documentLinks(p *web.Page, d *procedure.Definition, c casework.Case, e casework.Event) []documentLink {
	var out []documentLink
	for _, id := range e.Documents {
		if _, ok := v.paperOf(p, d, c, id); !ok {
			continue // the pack the case was opened under brings no words for it
		}
		out = append(out, documentLink{Label: p.T("document." + d.ID + "." + id), Href: documentAddress(string(c.Ref), e.Seq, id), Sub: p.Short(e.At)})
	}
	return out
}

func documentAddress(ref string, seq int, id string) string {
	return "/desk/cases/" + url.PathEscape(ref) + "/documents/" + strconv.Itoa(seq) + "/" + url.PathEscape(id)
}

// document shows a paper with the facts of the case as they were right after the event that made it:
// printed again in a year it reads the same, but for the date of printing.
func (v *visit) document() error {
	p, data, err := v.documentOf()
	if err != nil {
		return err
	}
	return v.write(p, http.StatusOK, documentBody(p, data))
}

// documentOf opens the case, as every page does that shows words of it, and fills the paper.
func (v *visit) documentOf() (*web.Page, documentPage, error) {
	var data documentPage
	c, d, events, err := v.recordUpTo(authz.Identity)
	if err != nil {
		return nil, data, err
	}
	seq, err := strconv.Atoi(v.r.PathValue("seq"))
	if err != nil || seq < 1 || seq > len(events) || !slices.Contains(events[seq-1].Documents, v.r.PathValue("id")) {
		return nil, data, web.ErrNotFound
	}
	p := v.page("desk.document.title", "ref", string(c.Ref))
	v.speak(p, c)
	t, ok := v.paperOf(p, d, c, v.r.PathValue("id"))
	if !ok {
		return nil, data, web.ErrNotFound
	}
	events = events[:seq]
	var then casework.Case
	for _, e := range events {
		then = casework.Fold(then, e)
	}
	data = documentPage{Ref: string(c.Ref), Back: caseAddress(string(c.Ref), v.r.URL.Query().Get("in")), City: p.Name(),
		PDF:     documentAddress(string(c.Ref), seq, v.r.PathValue("id")) + "/pdf?lang=" + url.QueryEscape(p.Lang),
		Printed: p.T("desk.print.by", "who", v.who.NameIn(p.Lang), "when", p.Moment(v.now)),
		Blocks:  t.Fill(func(name string) string { return v.paperFact(p, d, then, events, v.r.PathValue("id"), name) })}
	p.Title = strings.Join(data.Blocks[0].Lines, "") + p.T("desk.sep") + data.Ref
	return p, data, nil
}

// documentPDF gives the same paper as a file that can be kept. To fetch it is to look, like to see it.
func (v *visit) documentPDF() error {
	p, data, err := v.documentOf()
	if err != nil {
		return err
	}
	title := strings.Join(data.Blocks[0].Lines, "")
	var b bytes.Buffer
	err = casefile.WriteLetter(&b, casefile.Letter{Case: data.Ref, From: data.City, Lang: p.Lang, Made: v.now, Note: data.Printed, Say: p.T,
		Paper: casefile.Paper{Title: title, Blocks: casefile.FromPaper(data.Blocks)}})
	if err != nil {
		return err
	}
	return v.sendPDF(title+" "+data.Ref+".pdf", &b)
}

// paperFact fills one place of a paper. What the case had not at that time is a gap to be seen.
func (v *visit) paperFact(p *web.Page, d *procedure.Definition, then casework.Case, events []casework.Event, id, name string) string {
	last := events[len(events)-1]
	said := ""
	switch kind, rest, _ := strings.Cut(name, "."); {
	case name == "opened":
		said = p.Day(then.Opened)
	case name == "text":
		said = then.Text
	case name == "name":
		said = then.Contact.Name
	case name == "unit.phone":
		said = v.Packs.Pack(then.Pack).Phone
	case name == "act.date":
		said = p.Day(last.At)
	case name == "officer":
		said = v.person(p, last.By)
	case name == "outcome" && then.Outcome != "":
		said = p.T("outcome." + d.ID + "." + then.Outcome)
	case name == "law":
		said = lawOf(p, d, last, id)
	case kind == "fact" && then.Facts[rest] != "":
		said = p.T("fact." + d.ID + "." + rest + "." + then.Facts[rest])
	case kind == "child":
		said = childRef(then, strings.TrimSuffix(rest, ".ref"))
	case kind == "roll":
		said = v.membersOn(p, d, then, rest)
	case kind == "each":
		said = v.eachOf(p, d, events, rest)
	case kind == "field":
		said = v.saidIn(p, d, events, rest)
	case kind == "clock" || slices.Contains([]string{"ref", "title", "holder", "today"}, name):
		said = v.replyFact(p.Speaker, then, name)
	}
	if said == "" {
		return blankPlace
	}
	return said
}

// lawOf is the rule behind a paper: its own, else that of the act that made it, else the procedure's.
func lawOf(p *web.Page, d *procedure.Definition, e casework.Event, id string) string {
	if doc, ok := d.Document(id); ok && doc.Law.ID != "" {
		return p.Law(doc.Law)
	}
	if a, ok := d.Act(e.Act); ok && a.Law.ID != "" {
		return p.Law(a.Law)
	}
	return p.Law(d.Law)
}

// saidIn is the answer to a field, in words. A field that the act itself asks for is taken from that act
// alone, and stays a gap when it was left empty; for others the last answer that the resident may read, or
// the opening, is used. What officers wrote for each other never gets on a paper.
func (v *visit) saidIn(p *web.Page, d *procedure.Definition, events []casework.Event, field string) string {
	for back, e := range slices.Backward(events) {
		a, ok := d.Act(e.Act)
		if !ok {
			a = &procedure.Act{ID: "open", Fields: d.Intake}
		}
		own := back == len(events)-1
		i := slices.IndexFunc(a.Fields, func(f form.Field) bool { return f.Name == field })
		if i < 0 || e.Fields[field] == "" && !own || a.Fields[i].Caucus {
			continue // what one side said in confidence gets on no paper
		}
		if e.Fields[field] == "" {
			return ""
		}
		if own || !ok || a.Fields[i].Public {
			return v.fieldWords(p, d, a, a.Fields[i], e.Fields[field])
		}
	}
	return ""
}

// membersOn names who is on a roll, a line each.
func (v *visit) membersOn(p *web.Page, d *procedure.Definition, c casework.Case, roll string) string {
	var lines []string
	for _, m := range c.On(roll) {
		lines = append(lines, v.memberName(p, d, c, m))
	}
	return strings.Join(lines, "\n")
}

// eachOf sets what an act was done with, each time since the draft was begun: the terms of an agreement. An act
// that leads to where the list is made, such as a new draft, begins it anew, also before anything stands on it;
// those that end it come after it.
func (v *visit) eachOf(p *web.Page, d *procedure.Definition, events []casework.Event, act string) string {
	a, ok := d.Act(act)
	if !ok {
		return ""
	}
	var found []casework.Event
	for _, e := range slices.Backward(events) {
		other, _ := d.Act(e.Act)
		if e.Act == act {
			found = append(found, e)
		} else if other != nil && other.To != "" && (len(found) > 0 || slices.Contains(a.From, other.To)) {
			break
		}
	}
	slices.Reverse(found)
	f := web.ActForm(d.ID, a.ID)
	var lines []string
	for i, e := range found {
		var said []string
		for _, field := range a.Fields {
			if x := e.Fields[field.Name]; x != "" && !field.Caucus {
				said = append(said, p.T(f.Prefix+"."+field.Name)+p.T("web.colon")+v.fieldWords(p, d, a, field, x))
			}
		}
		lines = append(lines, p.T("desk.paper.item", "n", strconv.Itoa(i+1), "what", strings.Join(said, p.T("desk.paper.then"))))
	}
	return strings.Join(lines, "\n")
}

// childRef is the number of the last case that was opened through a link.
func childRef(c casework.Case, link string) string {
	for _, k := range slices.Backward(c.Children) {
		if k.Link == link {
			return string(k.Ref)
		}
	}
	return ""
}
