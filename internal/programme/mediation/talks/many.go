package talks

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/file"
	"comity/internal/form"
	"comity/internal/procedure"
	"comity/internal/programme"
	"comity/internal/web"
)

// mostLines bounds one list; a larger crew comes in several.
const mostLines = 300

// The answers of a list that are each person's own; all others are given once, for everybody on it.
const (
	nameField  = "name"
	phoneField = "phone"
	mailField  = "mail"
)

// entry is one line of a list of people.
type entry struct {
	line              int
	raw               string
	name, phone, mail string
	heading           bool
	problems          []form.Problem
}

type entryView struct {
	Line, Name, Phone string
	State             web.Tag
	Why               string
}

type manyPage struct {
	head
	Acts     []web.Choice
	Act      string
	Name     string // of the act
	List     string // as typed, or what is left of it
	Controls []web.Control
	Mistakes []web.Mistake
	Rows     []entryView
	Good     string // how many can be put on the roll, in words
	Ready    bool   // was looked through and at least one line is good
	Done     bool
	Key      string
	Most     string
	None     bool // no such act is open now
	Law      string
}

// lists are the acts by which somebody can be put on a roll now.
func (m *matter) lists(o *programme.Officer) []*procedure.Act {
	var out []*procedure.Act
	for _, id := range m.t.Adds {
		if m.can(id, o.Actor, o.Site.Now()) {
			out = append(out, m.act(id))
		}
	}
	return out
}

// many asks for a list of people, each of whom becomes a member of this case and of no other.
func (s *service) many(o *programme.Officer) error {
	m, err := s.deskMatter(o, authz.Identity)
	if err != nil {
		return err
	}
	return s.showMany(o, m, http.StatusOK, manyPage{Act: o.R.URL.Query().Get("act")}, nil, nil)
}

func (s *service) showMany(o *programme.Officer, m *matter, status int, v manyPage, values map[string]string, bad []form.Problem) error {
	p := o.Page("talks.many.title", "ref", string(m.c.Ref))
	s.speak(p, m.c)
	v.head, v.Key, v.Most = m.head(p, "parties"), web.NewKey(), strconv.Itoa(mostLines)
	acts := m.lists(o)
	if len(acts) == 0 {
		v.None = !v.Done
		return o.Write(p, status, manyBody(p, v))
	}
	i := max(0, slices.IndexFunc(acts, func(a *procedure.Act) bool { return a.ID == v.Act }))
	v.Act, v.Name, v.Law = acts[i].ID, p.T("act."+m.d.ID+"."+acts[i].ID), p.Law(acts[i].Law)
	for _, a := range acts {
		v.Acts = append(v.Acts, web.Choice{Value: a.ID, Label: p.T("act." + m.d.ID + "." + a.ID)})
	}
	f := web.ActForm(m.d.ID, v.Act)
	f.Values, f.Problems = values, bad
	v.Controls = p.Controls(shared(acts[i]), f)
	v.Mistakes = p.Mistakes(v.Controls, bad)
	p.Wrong = len(bad) > 0
	return o.Write(p, status, manyBody(p, v))
}

// shared are the answers that are given once for the whole list.
func shared(a *procedure.Act) []form.Field {
	return slices.DeleteFunc(slices.Clone(a.Fields), func(f form.Field) bool {
		return slices.Contains([]string{nameField, phoneField, mailField}, f.Name)
	})
}

func (s *service) manyPost(o *programme.Officer) error {
	m, err := s.deskMatter(o, authz.Identity)
	if err != nil {
		return err
	}
	names := []string{"act", "list", "step", "table"}
	for _, a := range m.lists(o) {
		names = asked(a, names...)
	}
	if err := web.ReadForm(o.R, names...); err != nil {
		return err
	}
	v := manyPage{Act: o.R.PostFormValue("act"), List: o.R.PostFormValue("list")}
	acts := m.lists(o)
	i := slices.IndexFunc(acts, func(a *procedure.Act) bool { return a.ID == v.Act })
	if i < 0 {
		return s.showMany(o, m, http.StatusConflict, v, nil, nil)
	}
	values := given(o.R, acts[i])
	more, err := table(o.R)
	if no, is := refused(err); is {
		return s.showMany(o, m, http.StatusUnprocessableEntity, v, values, no.Fields)
	}
	if err != nil {
		return err
	}
	if more != "" {
		v.List = strings.TrimRight(v.List+"\n"+more, "\n")
	}
	list, bad := m.look(acts[i], v.List, values)
	if len(list) == 0 || len(list) > mostLines {
		rule := "form.required"
		if len(list) > 0 {
			rule = "talks.many.long"
		}
		bad = append(bad, form.Problem{Field: "list", Rule: rule, Params: map[string]string{"max": strconv.Itoa(mostLines)}})
	}
	if len(bad) > 0 {
		return s.showMany(o, m, http.StatusUnprocessableEntity, v, values, bad)
	}
	if o.R.PostFormValue("step") != "do" {
		s.rows(o, &v, list, nil)
		v.Ready = slices.ContainsFunc(list, func(e entry) bool { return !e.heading && len(e.problems) == 0 })
		return s.showMany(o, m, http.StatusOK, v, values, nil)
	}
	return s.putAll(o, m, acts[i], v, list, values)
}

// putAll sends one command for each good line, in the order of the list. What could not be put on the roll
// stays in the box with the reason, so that nothing has to be typed again; a list that is sent twice adds
// nobody twice.
func (s *service) putAll(o *programme.Officer, m *matter, a *procedure.Act, v manyPage, list []entry, values map[string]string) error {
	done := map[int]bool{} // lines that were done
	key := web.KeyOf(o.R)
	p := o.Page("talks.many.title", "ref", string(m.c.Ref))
	s.speak(p, m.c)
	var left []string
	for i := range list {
		e := &list[i]
		if e.heading {
			continue
		}
		if len(e.problems) > 0 {
			left = append(left, e.raw)
			continue
		}
		_, err := s.Ledger.Do(o.R.Context(), o.Actor, casework.Command{Case: m.c.ID, Version: casework.AnyVersion, Key: key + "-" + strconv.Itoa(e.line), Act: a.ID, Fields: e.answers(a, values)})
		no, is := refused(err)
		if err != nil && !is {
			return err
		}
		if is {
			left = append(left, e.raw)
			if e.problems = no.Fields; len(e.problems) == 0 {
				e.problems = []form.Problem{{Rule: no.Rule, Params: no.Params}}
			}
			continue
		}
		done[e.line] = true
	}
	m, err := s.deskMatter(o, authz.Identity)
	if err != nil {
		return err
	}
	s.rows(o, &v, list, done)
	v.Done, v.List = true, strings.Join(left, "\n")
	v.Good = p.N("talks.many.done", len(done))
	return s.showMany(o, m, http.StatusOK, v, values, nil)
}

// answers are those of one line together with those of the whole list.
func (e entry) answers(a *procedure.Act, shared map[string]string) map[string]string {
	out := map[string]string{}
	for _, f := range a.Fields {
		v := shared[f.Name]
		switch f.Name {
		case nameField:
			v = e.name
		case phoneField:
			v = e.phone
		case mailField:
			v = e.mail
		}
		if v != "" {
			out[f.Name] = v
		}
	}
	return out
}

// rows says line by line what will be done, or was.
func (s *service) rows(o *programme.Officer, v *manyPage, list []entry, done map[int]bool) {
	p := o.Page("talks.many.title")
	good := 0
	for _, e := range list {
		row := entryView{Line: strconv.Itoa(e.line), Name: e.name, Phone: e.phone}
		switch {
		case e.heading:
			row.State = web.Tag{Class: "line", Label: p.T("talks.many.heading")}
		case done[e.line]:
			row.State = web.Tag{Class: "ok", Icon: "check", Label: p.T("talks.many.added")}
		case len(e.problems) > 0:
			row.State = web.Tag{Class: "bad", Icon: "alert", Label: p.T("talks.many.not")}
			row.Why = p.Problem(e.problems[0].Rule, e.problems[0].Params)
		default:
			good++
			row.State = web.Tag{Class: "line", Label: p.T("talks.many.good")}
		}
		v.Rows = append(v.Rows, row)
	}
	v.Good = p.N("talks.many.can", good)
}

// table is an uploaded list as text. It is read and kept nowhere.
func table(r *http.Request) (string, error) {
	f, h, err := web.FormFile(r, "table")
	if err != nil || h.Size == 0 {
		return "", nil // nothing was chosen
	}
	clean, err := file.Clean(f, h.Filename, file.Limits{MaxBytes: 1 << 20})
	if err == nil && clean.Kind != file.KindText {
		err = file.Refused{Rule: "file.kind", Params: map[string]string{"found": clean.Kind}}
	}
	return strings.TrimPrefix(string(clean.Data), "\ufeff"), err
}

// look reads a list and finds what is wrong with it: each line by the questions of the act, people named
// twice, and people the case has already. The second answer is what is wrong with the answers for all.
func (m *matter) look(a *procedure.Act, text string, values map[string]string) ([]entry, []form.Problem) {
	_, bad := form.Check(shared(a), only(values, shared(a)))
	own := slices.DeleteFunc(slices.Clone(a.Fields), func(f form.Field) bool {
		return slices.ContainsFunc(shared(a), func(x form.Field) bool { return x.Name == f.Name })
	})
	seen := map[string]int{}
	for _, x := range m.c.Members {
		if x.Roll == a.Adds && !x.Left {
			name, phone := x.Name, x.Contact.Address
			if x.Own {
				name, phone = m.c.Contact.Name, m.c.Contact.Address
			}
			seen[personOf(name, phone)] = -1
		}
	}
	list := entries(text)
	for i := range list {
		e := &list[i]
		if e.heading {
			continue
		}
		clean, wrong := form.Check(own, only(map[string]string{nameField: e.name, phoneField: e.phone, mailField: e.mail}, own))
		e.problems = wrong
		if p := clean[phoneField]; p != "" {
			e.phone = p
		}
		k := personOf(e.name, e.phone)
		switch at := seen[k]; {
		case at < 0:
			e.problems = append(e.problems, form.Problem{Field: nameField, Rule: "talks.many.there"})
		case at > 0:
			e.problems = append(e.problems, form.Problem{Field: nameField, Rule: "talks.many.twice", Params: map[string]string{"line": strconv.Itoa(at)}})
		default:
			seen[k] = e.line
		}
	}
	return list, bad
}

// personOf is what two lines have in common that mean one person: the telephone number, or the name where there
// is none. It is compared inside this list and this case and is kept nowhere.
func personOf(name, phone string) string {
	if phone != "" {
		return "phone " + strings.Map(func(r rune) rune {
			if unicode.IsDigit(r) {
				return r
			}
			return -1
		}, phone)
	}
	return "name " + strings.ToLower(strings.Join(strings.Fields(name), " "))
}

func only(values map[string]string, fields []form.Field) map[string]string {
	out := map[string]string{}
	for _, f := range fields {
		if v := values[f.Name]; v != "" {
			out[f.Name] = v
		}
	}
	return out
}

// entries cuts a pasted list into lines: a name, a telephone number, an address for mail, parted by commas of
// any script, semicolons or tabs. A first line without any digit whose second part is words is a heading.
func entries(text string) []entry {
	var out []entry
	for i, raw := range strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text), "\n") {
		if strings.TrimSpace(raw) == "" {
			continue
		}
		cells := strings.FieldsFunc(raw, func(r rune) bool { return strings.ContainsRune(",;\t\uff0c\uff1b\u3001", r) })
		e := entry{line: i + 1, raw: raw}
		for j, c := range cells {
			c = strings.Trim(strings.TrimSpace(c), `"`)
			switch {
			case j == 0:
				e.name = c
			case strings.Contains(c, "@"):
				e.mail = c
			case e.phone == "":
				e.phone = c
			}
		}
		e.heading = len(out) == 0 && len(cells) > 1 && !strings.ContainsFunc(raw, unicode.IsDigit) && !strings.Contains(raw, "@") && e.phone != ""
		out = append(out, e)
	}
	return out
}
