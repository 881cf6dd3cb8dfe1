package pack

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"comity/internal/form"
	"comity/internal/paper"
	"comity/internal/procedure"
)

// Reply is a stock answer an officer may start from. Its name is the text reply.<id>, its words are
// reply.<id>.text.
type Reply struct {
	ID        string
	Procedure string
	Acts      []string
	Field     string
}

// RepliesFor lists the stock answers that fit an act.
func (p *Pack) RepliesFor(procedure, act string) (out []Reply) {
	for _, r := range p.Replies {
		if r.Procedure == procedure && slices.Contains(r.Acts, act) {
			out = append(out, r)
		}
	}
	return out
}

// Values that any paper, and any reply, may name.
var (
	replyNames = []string{"ref", "title", "holder", "today"}
	paperNames = []string{"ref", "opened", "title", "text", "holder", "unit.phone", "today", "act.date", "outcome", "law", "officer", "name"}
)

// replies reads replies.yaml; a pack may do without it.
func (l *loader) replies() {
	if _, err := fs.Stat(l.fsys, "replies.yaml"); errors.Is(err, fs.ErrNotExist) {
		return
	}
	var f repliesFile
	if !readYAML(l.fsys, "replies.yaml", &f, &l.bad) {
		return
	}
	for _, y := range f.Replies {
		l.reply(y)
	}
}

func (l *loader) reply(y replyYAML) {
	bad := func(format string, args ...any) {
		l.bad.at(y.Mark.file, y.Mark.line, "reply %q: %s", y.ID, fmt.Sprintf(format, args...))
	}
	l.id(y.Mark, "reply", y.ID)
	if slices.ContainsFunc(l.p.Replies, func(r Reply) bool { return r.ID == y.ID }) {
		bad("is listed twice")
	}
	l.p.Replies = append(l.p.Replies, Reply{ID: y.ID, Procedure: y.Procedure, Acts: y.Acts, Field: y.Field})
	l.say(y.Mark, "reply."+y.ID, y.Name, true)
	l.say(y.Mark, "reply."+y.ID+".text", y.Text, true)
	d := l.p.Procedures[y.Procedure]
	if d == nil {
		bad("procedure %q is not in procedures/%s", y.Procedure, suggest(y.Procedure, keys(l.p.Procedures)))
		return
	}
	if len(y.Acts) == 0 {
		bad("name the acts it is for")
	}
	for _, id := range y.Acts {
		l.replyField(d, id, y.Field, bad)
	}
	for _, lang := range l.p.Langs {
		places, err := paper.Places(y.Text[lang])
		if err != nil {
			bad("%s: %v", lang, err)
		}
		for _, p := range places {
			if why := unknownPlace(p.Name, replyNames, []*procedure.Definition{d}, false); why != "" {
				bad("%s: %s", lang, why)
			}
		}
	}
}

func (l *loader) replyField(d *procedure.Definition, act, field string, bad func(string, ...any)) {
	a, ok := d.Act(act)
	if !ok {
		var acts []string
		for _, x := range d.Acts {
			acts = append(acts, x.ID)
		}
		bad("act %q is not one of %s%s", act, d.ID, suggest(act, acts))
		return
	}
	i := slices.IndexFunc(a.Fields, func(f form.Field) bool { return f.Name == field })
	if i < 0 {
		bad("act %q has no field %q%s", act, field, suggest(field, fieldNames(a.Fields)))
		return
	}
	if k := a.Fields[i].Kind; k != form.Text && k != form.LongText {
		bad("field %q of act %q takes no text, it is of kind %s", field, act, k)
	}
}

func fieldNames(list []form.Field) (out []string) {
	for _, f := range list {
		out = append(out, f.Name)
	}
	return out
}

// documents reads documents/NAME.LANG.md: every paper in every language of the pack.
func (l *loader) documents() {
	files, _ := fs.Glob(l.fsys, "documents/*.md")
	var procs []*procedure.Definition
	for _, id := range keys(l.p.Procedures) {
		procs = append(procs, l.p.Procedures[id])
	}
	for _, file := range files {
		stem := strings.TrimSuffix(path.Base(file), ".md")
		name, lang, ok := strings.Cut(stem, ".")
		if !ok || !idPattern.MatchString(name) || !slices.Contains(l.p.Langs, lang) {
			l.bad.at(l.fsys.holder(file), 1, "a paper is called NAME.LANGUAGE.md, with a language of %v", l.p.Langs)
			continue
		}
		if t, ok := l.document(file, procs); ok {
			if l.p.Documents[name] == nil {
				l.p.Documents[name] = map[string]paper.Template{}
			}
			l.p.Documents[name][lang] = t
		}
	}
	for _, name := range keys(l.p.Documents) {
		for _, lang := range l.p.Langs {
			if _, ok := l.p.Documents[name][lang]; !ok {
				l.bad.at(path.Join("documents", name+"."+lang+".md"), 1, "the paper %q does not exist in %s", name, lang)
			}
		}
	}
}

// template asks for the paper of a document in the first language; that it is there in the others is
// asked of every paper.
func (b *builder) template(y documentYAML, template string) {
	file := "documents/" + template + "." + b.p.Langs[0] + ".md"
	if _, err := fs.Stat(b.fsys, file); err != nil && !b.kept {
		b.bad.at(y.Mark.file, y.Mark.line, "document %q has no paper; write it in %s", y.ID, file)
	}
}

func (l *loader) document(file string, procs []*procedure.Definition) (paper.Template, bool) {
	raw, err := readFile(l.fsys, file)
	file = l.fsys.holder(file)
	if err != nil {
		l.bad.at(file, 1, "%v", err)
		return paper.Template{}, false
	}
	t, err := paper.Read(string(raw))
	var m *paper.Mistake
	if errors.As(err, &m) {
		l.bad.at(file, m.Line, "%s", m.Why)
		return t, false
	}
	for _, p := range t.Places {
		if why := unknownPlace(p.Name, paperNames, procs, true); why != "" {
			l.bad.at(file, p.Line, "%s", why)
		}
	}
	return t, true
}

// unknownPlace says why a place cannot be filled; empty when it can. A paper's places are looked for in
// every procedure, since several may make the same paper.
func unknownPlace(name string, plain []string, procs []*procedure.Definition, full bool) string {
	if slices.Contains(plain, name) {
		return ""
	}
	some := func(has func(*procedure.Definition) bool) bool { return slices.ContainsFunc(procs, has) }
	kind, id, _ := strings.Cut(name, ".")
	switch {
	case kind == "clock" && (strings.HasSuffix(id, ".due") || (full && strings.HasSuffix(id, ".raw"))):
		id = id[:len(id)-len(".due")]
		if some(func(d *procedure.Definition) bool { _, ok := d.Clock(id); return ok }) {
			return ""
		}
		return fmt.Sprintf("{%s}: there is no clock %q", name, id)
	case kind == "field" && full:
		if some(func(d *procedure.Definition) bool { return hasField(d, id) }) {
			return ""
		}
		return fmt.Sprintf("{%s}: no act and no opening has a field %q", name, id)
	case kind == "fact" && full:
		if some(func(d *procedure.Definition) bool { _, ok := d.Fact(id); return ok }) {
			return ""
		}
		return fmt.Sprintf("{%s}: there is no fact %q", name, id)
	case kind == "roll" && full:
		if some(func(d *procedure.Definition) bool { _, ok := d.Roll(id); return ok }) {
			return ""
		}
		return fmt.Sprintf("{%s}: there is no roll %q", name, id)
	case kind == "each" && full:
		if some(func(d *procedure.Definition) bool { a, ok := d.Act(id); return ok && len(a.Fields) > 0 }) {
			return ""
		}
		return fmt.Sprintf("{%s}: there is no act %q with a form", name, id)
	case kind == "child" && full && strings.HasSuffix(id, ".ref"):
		id = strings.TrimSuffix(id, ".ref")
		if some(func(d *procedure.Definition) bool { _, ok := d.Link(id); return ok }) {
			return ""
		}
		return fmt.Sprintf("{%s}: there is no link %q", name, id)
	}
	known := slices.Clone(plain)
	known = append(known, "clock.ID.due")
	if full {
		known = append(known, "clock.ID.raw", "field.NAME", "fact.ID", "child.LINK.ref", "roll.ID", "each.ACT")
	}
	return fmt.Sprintf("{%s} is not known here%s", name, suggest(name, known))
}

func hasField(d *procedure.Definition, name string) bool {
	if slices.Contains(fieldNames(d.Intake), name) {
		return true
	}
	return slices.ContainsFunc(d.Acts, func(a procedure.Act) bool { return slices.Contains(fieldNames(a.Fields), name) })
}
