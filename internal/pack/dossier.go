package pack

import (
	"errors"
	"io/fs"
	"slices"

	"comity/internal/paper"
	"comity/internal/procedure"
)

// Dossier says how the file of an ended case is put together for the archive: what stands on its cover,
// which parts it has, in which order, and what fills each. Its words are texts: dossier.ID,
// dossier.ID.number, dossier.ID.retention, dossier.ID.part.PART, dossier.ID.cover.ROW with
// dossier.ID.cover.ROW.value, the same for back, dossier.ID.back and dossier.ID.back.text.
type Dossier struct {
	ID          string
	Programme   string   // for every procedure of it
	Procedures  []string // or for these
	Before      []string // acts that come only when every required part holds something
	Parts       []DossierPart
	Cover, Back []string // rows
	Law         procedure.Law
}

// DossierPart is one part of a file.
type DossierPart struct {
	ID        string
	Required  bool
	Excuses   bool     // a paper here says why required ones are not there
	Documents []string // papers that acts make; one of them makes a required part complete
	Also      []string // papers that belong here and do not
	Acts      []string // whose attachments belong here
	Rest      bool     // papers and attachments that no other part takes
	Law       procedure.Law
}

// DossierFor finds the dossier for the cases of a procedure; one that names it goes before one that names
// its programme.
func (p *Pack) DossierFor(d *procedure.Definition) (Dossier, bool) {
	i := slices.IndexFunc(p.Dossiers, func(x Dossier) bool { return slices.Contains(x.Procedures, d.ID) })
	if i < 0 {
		i = slices.IndexFunc(p.Dossiers, func(x Dossier) bool { return x.covers(d) })
	}
	if i < 0 {
		return Dossier{}, false
	}
	return p.Dossiers[i], true
}

// covers tells whether the cases of a procedure get such a file. Of a programme, those do whose procedure
// makes a paper that the file must hold: the smaller matters such a case opens go into its file.
func (d Dossier) covers(proc *procedure.Definition) bool {
	if d.Programme == "" || d.Programme != proc.Programme {
		return slices.Contains(d.Procedures, proc.ID)
	}
	return slices.ContainsFunc(d.Parts, func(p DossierPart) bool { return p.Required && len(p.makers(proc)) > 0 })
}

// makers are the acts that make a paper of the part.
func (p DossierPart) makers(proc *procedure.Definition) []string {
	var out []string
	for _, a := range proc.Acts {
		if slices.ContainsFunc(a.Documents, func(id string) bool { return slices.Contains(p.Documents, id) }) {
			out = append(out, a.ID)
		}
	}
	return out
}

// PartOf finds the part a paper goes into; empty where none takes it.
func (d Dossier) PartOf(document string) string {
	rest := ""
	for _, part := range d.Parts {
		if slices.Contains(part.Documents, document) || slices.Contains(part.Also, document) {
			return part.ID
		}
		if part.Rest {
			rest = part.ID
		}
	}
	return rest
}

// Beside tells of a paper that it goes into a part without making it complete.
func (d Dossier) Beside(document string) bool {
	return !slices.ContainsFunc(d.Parts, func(p DossierPart) bool { return slices.Contains(p.Documents, document) })
}

// BesideFiles tells the same of the attachments of an act.
func (d Dossier) BesideFiles(act string) bool {
	return !slices.ContainsFunc(d.Parts, func(p DossierPart) bool { return slices.Contains(p.Acts, act) })
}

// PartOfFiles finds the part the attachments of an act go into; empty where none takes them.
func (d Dossier) PartOfFiles(act string) string {
	rest := ""
	for _, part := range d.Parts {
		if slices.Contains(part.Acts, act) {
			return part.ID
		}
		if part.Rest {
			rest = part.ID
		}
	}
	return rest
}

// dossierNames are what rows of cover and back, and the number of a file, may name.
var dossierNames = []string{"ref", "year", "title", "holder", "officer", "opened", "ended", "today", "outcome", "pages", "retention"}

type dossiersFile struct {
	Mark     mark          `yaml:"-"`
	Dossiers []dossierYAML `yaml:"dossiers" doc:"The kinds of files."`
}

type dossierYAML struct {
	Mark       mark              `yaml:"-"`
	ID         string            `yaml:"id" doc:"Id of the kind of file."`
	Programme  string            `yaml:"programme" doc:"It is for the cases of every procedure of this programme that makes a paper of a required part."`
	Procedures []string          `yaml:"procedures" doc:"Or for the cases of these procedures."`
	Before     []string          `yaml:"before" doc:"Acts that come only when every required part holds a paper, such as the one that closes a case. Every road to them is proved when the pack is read."`
	Name       words             `yaml:"name" doc:"What stands on the cover."`
	Number     words             `yaml:"number" doc:"How the number of a file is written; {year} and {ref} stand for those of the case."`
	Retention  words             `yaml:"retention" doc:"How long the file is kept, in words."`
	Cover      []dossierRowYAML  `yaml:"cover" doc:"Rows of the cover."`
	Parts      []dossierPartYAML `yaml:"parts" doc:"The parts, in order, between index and back cover. The back cover is the last part."`
	Back       dossierBackYAML   `yaml:"back" doc:"The back cover."`
	Law        lawRefYAML        `yaml:"law" doc:"The law that asks for the file."`
}

type dossierRowYAML struct {
	Mark  mark   `yaml:"-"`
	ID    string `yaml:"id" doc:"Id of the row."`
	Name  words  `yaml:"name" doc:"What the row says."`
	Value words  `yaml:"value" doc:"What stands beside it, with places: {ref}, {year}, {title}, {holder}, {officer}, {opened}, {ended}, {today}, {outcome}, {pages}, {retention}. Left out: room to write."`
}

type dossierPartYAML struct {
	Mark      mark       `yaml:"-"`
	ID        string     `yaml:"id" doc:"Id of the part."`
	Name      words      `yaml:"name" doc:"What the index calls it."`
	Required  bool       `yaml:"required" doc:"Without it the file is not complete."`
	Excuses   bool       `yaml:"excuses" doc:"A paper here says why required ones are not there: the file counts as complete. One part at most."`
	Documents []string   `yaml:"documents" doc:"Documents that acts make and that go here, by their id in the procedure. One of them makes a required part complete."`
	Also      []string   `yaml:"also" doc:"Documents that go here too, and do not make the part complete."`
	Acts      []string   `yaml:"acts" doc:"Acts whose attachments go here."`
	Rest      bool       `yaml:"rest" doc:"Papers and attachments that no other part takes go here; one part at most."`
	Law       lawRefYAML `yaml:"law" doc:"The article that asks for it."`
}

type dossierBackYAML struct {
	Mark mark             `yaml:"-"`
	Name words            `yaml:"name" doc:"What the index calls the back cover."`
	Text words            `yaml:"text" doc:"What stands on it."`
	Rows []dossierRowYAML `yaml:"rows" doc:"Rows on it."`
}

// dossiers reads dossier.yaml, after the procedures; a pack may do without it.
func (l *loader) dossiers() {
	if _, err := fs.Stat(l.fsys, "dossier.yaml"); errors.Is(err, fs.ErrNotExist) {
		return
	}
	var f dossiersFile
	if !readYAML(l.fsys, "dossier.yaml", &f, &l.bad) {
		return
	}
	for _, y := range f.Dossiers {
		l.id(y.Mark, "dossier", y.ID)
		if slices.ContainsFunc(l.p.Dossiers, func(x Dossier) bool { return x.ID == y.ID }) {
			l.bad.on(y.Mark, "dossier %q is listed twice", y.ID)
		}
		l.p.Dossiers = append(l.p.Dossiers, l.dossier(y))
	}
}

func (l *loader) dossier(y dossierYAML) Dossier {
	key := "dossier." + y.ID
	b := builder{loader: l}
	d := Dossier{ID: y.ID, Programme: y.Programme, Procedures: y.Procedures, Before: y.Before, Law: b.law(y.Law)}
	if (y.Programme == "") == (len(y.Procedures) == 0) {
		l.bad.on(y.Mark, "dossier %q: name the programme or the procedures it is for, one of the two", y.ID)
	}
	for _, id := range y.Procedures {
		if l.p.Procedures[id] == nil {
			l.bad.on(y.Mark.of("procedures"), "dossier %q: procedure %q is not in procedures/%s", y.ID, id, suggest(id, keys(l.p.Procedures)))
		}
	}
	l.say(y.Mark, key, y.Name, true)
	l.sayPlaces(y.Mark, key+".number", y.Number, true)
	l.say(y.Mark, key+".retention", y.Retention, true)
	d.Cover = l.dossierRows(key+".cover", y.Cover)
	l.say(y.Back.Mark, key+".back", y.Back.Name, true)
	l.say(y.Back.Mark, key+".back.text", y.Back.Text, false)
	d.Back = l.dossierRows(key+".back", y.Back.Rows)
	if len(y.Parts) == 0 {
		l.bad.on(y.Mark.of("parts"), "dossier %q: list its parts", y.ID)
	}
	for _, p := range y.Parts {
		l.dossierPart(&d, p)
	}
	if !slices.ContainsFunc(d.Parts, func(p DossierPart) bool { return p.Rest }) {
		l.bad.on(y.Mark.of("parts"), "dossier %q: let one part take the rest, or papers that no part names would be left out", y.ID)
	}
	l.dossierDocuments(y, d)
	return d
}

func (l *loader) dossierPart(d *Dossier, y dossierPartYAML) {
	l.id(y.Mark, "part", y.ID)
	for _, x := range d.Parts {
		if x.ID == y.ID {
			l.bad.on(y.Mark, "part %q is listed twice", y.ID)
		}
		if x.Rest && y.Rest {
			l.bad.on(y.Mark.of("rest"), "part %q: part %q takes the rest already", y.ID, x.ID)
		}
		if x.Excuses && y.Excuses {
			l.bad.on(y.Mark.of("excuses"), "part %q: part %q excuses already", y.ID, x.ID)
		}
		for _, doc := range slices.Concat(y.Documents, y.Also) {
			if slices.Contains(x.Documents, doc) || slices.Contains(x.Also, doc) {
				l.bad.on(y.Mark.of("documents"), "part %q: document %q goes into part %q already", y.ID, doc, x.ID)
			}
		}
	}
	if len(y.Documents)+len(y.Also) == 0 && len(y.Acts) == 0 && !y.Rest {
		l.bad.on(y.Mark, "part %q: nothing can fill it; name documents or acts, or let it take the rest", y.ID)
	}
	l.say(y.Mark, "dossier."+d.ID+".part."+y.ID, y.Name, true)
	b := builder{loader: l}
	d.Parts = append(d.Parts, DossierPart{ID: y.ID, Required: y.Required, Excuses: y.Excuses, Documents: y.Documents, Also: y.Also, Acts: y.Acts, Rest: y.Rest, Law: b.law(y.Law)})
}

// dossierDocuments asks of every required part whether the procedures can fill it, and claims of every
// procedure that nothing comes before its time: an act of Before is preceded, on every road there is, by
// one that makes a paper of each required part. The checker proves it like any other order, so that no
// case can be closed with a file that lacks something. A pack may describe the file of a programme whose
// procedures a pack above brings; there is nothing to ask then.
func (l *loader) dossierDocuments(y dossierYAML, d Dossier) {
	known := false
	for _, id := range keys(l.p.Procedures) {
		proc := l.p.Procedures[id]
		if !d.covers(proc) {
			continue
		}
		known = true
		for i, part := range d.Parts {
			if part.Required {
				l.dossierOrder(y, y.Parts[i], d, part, proc)
			}
		}
	}
	for _, act := range y.Before {
		if known && !slices.ContainsFunc(keys(l.p.Procedures), func(id string) bool { _, ok := l.p.Procedures[id].Act(act); return ok && d.covers(l.p.Procedures[id]) }) {
			l.bad.on(y.Mark.of("before"), "dossier %q: no procedure it is for has the act %q", d.ID, act)
		}
	}
}

func (l *loader) dossierOrder(y dossierYAML, py dossierPartYAML, d Dossier, part DossierPart, proc *procedure.Definition) {
	makers := part.makers(proc)
	if len(makers) == 0 {
		l.bad.on(py.Mark, "part %q is required, and procedure %q makes none of its documents", part.ID, proc.ID)
		return
	}
	for _, act := range d.Before {
		if _, ok := proc.Act(act); !ok || slices.ContainsFunc(proc.Orders, func(o procedure.Order) bool { return o.Act == act && len(o.Anew) == 0 && within(o.After, makers) }) {
			continue
		}
		o := procedure.Order{ID: "file-" + part.ID + "-" + act, Act: act, After: makers, Law: part.Law}
		if o.Law.None() {
			o.Law = d.Law
		}
		proc.Orders = append(proc.Orders, o)
		l.say(py.Mark, "order."+proc.ID+"."+o.ID, py.Name, true)
	}
}

func within(some, all []string) bool {
	return !slices.ContainsFunc(some, func(x string) bool { return !slices.Contains(all, x) })
}

func (l *loader) dossierRows(key string, rows []dossierRowYAML) []string {
	var out []string
	for _, r := range rows {
		if l.id(r.Mark, "row", r.ID); slices.Contains(out, r.ID) {
			l.bad.on(r.Mark, "row %q is listed twice", r.ID)
		}
		out = append(out, r.ID)
		l.say(r.Mark, key+"."+r.ID, r.Name, true)
		if len(r.Value) > 0 {
			l.sayPlaces(r.Mark, key+"."+r.ID+".value", r.Value, true)
		}
	}
	return out
}

// sayPlaces is say for words with places that are filled when a file is printed.
func (l *loader) sayPlaces(m mark, key string, w words, needed bool) {
	l.say(m, key, w, needed)
	for _, lang := range l.p.Langs {
		places, err := paper.Places(w[lang])
		if err != nil {
			l.bad.on(m, "%s: %v", lang, err)
		}
		for _, p := range places {
			if !slices.Contains(dossierNames, p.Name) {
				l.bad.on(m, "%s: {%s} is not one of %v", lang, p.Name, dossierNames)
			}
		}
	}
}
