package pack

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"comity/internal/authz"
	"comity/internal/form"
	"comity/internal/org"
	"comity/internal/place"
	"comity/internal/procedure"
	"comity/internal/worktime"
)

// FileKind is one kind of file a pack is made of. Schemas and the reference page are made from the
// same structs that read the files, so they cannot say anything else.
type FileKind struct {
	Name  string // of the schema
	Files string // pattern inside a pack
	doc   string
	of    reflect.Type
}

// FileKinds lists the kinds of files, in the order of the reference page.
var FileKinds = []FileKind{
	{"pack", "pack.yaml", "What the pack is, who runs it, and the laws it cites.", reflect.TypeFor[packFile]()},
	{"units", "units.yaml", "The offices, from the city down to groups of buildings.", reflect.TypeFor[unitsFile]()},
	{"roles", "roles.yaml", "Who may read what: the roles, how far each reaches and how much it shows.", reflect.TypeFor[rolesFile]()},
	{"categories", "categories.yaml", "What people report, and which office receives it.", reflect.TypeFor[categoriesFile]()},
	{"routes", "routes.yaml", "Rules of routing by category, place, answers and time: the first that fits.", reflect.TypeFor[routesFile]()},
	{"areas", "areas.yaml", "Outlines of units, drawn features and named places. Outlines can also stand in areas.geojson, see docs/packs.md.", reflect.TypeFor[areasFile]()},
	{"landmarks", "landmarks.yaml", "Places that people name when they are asked where, with what else they are called.", reflect.TypeFor[landmarksFile]()},
	{"calendar", "calendars/*.yaml", "Days off, make-up working days and office hours.", reflect.TypeFor[calendarFile]()},
	{"procedure", "procedures/*.yaml", "States, acts and terms of one procedure.", reflect.TypeFor[procedureFile]()},
	{"purposes", "purposes.yaml", "For which purposes sealed words are opened.", reflect.TypeFor[purposesFile]()},
	{"questions", "questions.yaml", "What may be asked of other bodies about a person: a closed, published register.", reflect.TypeFor[questionsFile]()},
	{"cameras", "cameras.yaml", "What the public register of cameras rests on, and who keeps it.", reflect.TypeFor[camerasFile]()},
	{"explorer", "explorer.yaml", "The guide before filing: plain questions that lead to the right door, here or elsewhere.", reflect.TypeFor[explorerFile]()},
	{"mediation", "mediation.yaml", "On which acts and answers the roster, the rooms and the sessions of mediation rest.", reflect.TypeFor[mediationFile]()},
	{"talks", "talks.yaml", "Which acts are offers, drafts and signatures, and which words leave a term indefinite.", reflect.TypeFor[talksFile]()},
	{"open311", "open311.yaml", "What other programs are offered through Open311 GeoReport v2, and how much of it anybody may see.", reflect.TypeFor[open311File]()},
	{"neighbours", "neighbours.yaml", "Units that work on a system of their own: what is handed to it by Open311 GeoReport v2, and what it says means here.", reflect.TypeFor[neighboursFile]()},
	{"opendata", "opendata.yaml", "Which figures of cases are published, and how small counts are kept from being read.", reflect.TypeFor[openDataFile]()},
	{"post", "post.yaml", "Who looks after messages that did not arrive, when people are left in peace, and what is not said twice.", reflect.TypeFor[postFile]()},
	{"notices", "notices.yaml", "What people are told before they are asked for a consent, by version.", reflect.TypeFor[noticesFile]()},
	{"dossier", "dossier.yaml", "How the files of ended cases are put together for the archive.", reflect.TypeFor[dossiersFile]()},
	{"replies", "replies.yaml", "Stock answers an officer may start from.", reflect.TypeFor[repliesFile]()},
	{"texts", "texts/*.yaml", "Words of one language, by key: notices and anything else.", reflect.TypeFor[textsFile]()},
}

// closed lists are named by enum:"…" on the fields that take one of their words.
func closed(name string) []string {
	switch name {
	case "level":
		return []string{org.City.String(), org.District.String(), org.Street.String(), org.Community.String(), org.Group.String()}
	case "system":
		return wordsOf(place.Systems...)
	case "yesno":
		return []string{yes, "no"}
	case "reach":
		var names []string
		for _, r := range authz.Reaches {
			names = append(names, r.String())
		}
		return names
	case "seen":
		return []string{authz.Steps.String(), authz.Story.String(), authz.Identity.String(), authz.Caucus.String()}
	case "weekday":
		return []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}
	case "owner":
		return wordsOf(procedure.Owners...)
	case "of":
		return wordsOf(procedure.Ofs...)
	case "effect":
		return wordsOf(procedure.Effects...)
	case "kind":
		return wordsOf(form.Kinds...)
	case "unit":
		return wordsOf(worktime.CalendarDays, worktime.WorkingDays, worktime.Hours, worktime.Minutes)
	case "roll":
		return wordsOf(worktime.NoRoll, worktime.NextWorkingDay)
	case "arrival":
		return wordsOf(worktime.AnyTime, worktime.Office)
	case "link":
		return wordsOf(procedure.Child, procedure.Referral)
	case "compartment":
		return procedure.AllCompartments
	case "heading":
		return procedure.Headings
	case "sealing":
		return procedure.Sealings
	case "entitled":
		return Entitled
	case "ground":
		return procedure.Grounds
	case "channel":
		return PostChannels
	case "door":
		return []string{doorOurs, doorElsewhere}
	case "shown":
		return shownWords
	case "service_type":
		return serviceTypes
	case "binds":
		return []string{"unit", "resident"}
	}
	return nil
}

func wordsOf[T ~string](list ...T) []string {
	out := make([]string, len(list))
	for i, x := range list {
		out[i] = string(x)
	}
	return out
}

// field is one name of a struct, with its tags.
type field struct {
	name, doc, enum string
	plain           bool // texts by name that are not words in languages
	typ             reflect.Type
}

func fieldsOf(t reflect.Type) []field {
	var out []field
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Type != markType {
			out = append(out, field{f.Tag.Get("yaml"), f.Tag.Get("doc"), f.Tag.Get("enum"), f.Tag.Get("plain") != "", f.Type})
		}
	}
	return out
}

// typeName is a struct's name as schemas and the reference page have it: lawRefYAML is lawRef.
func typeName(t reflect.Type) string {
	return strings.TrimSuffix(strings.TrimSuffix(t.Name(), "YAML"), "File")
}

// Schema is the JSON Schema (draft 2020-12) of a kind of file, for editors. An overlay says only what
// differs from its base, so nothing is required but what identifies an item of a list.
func (k FileKind) Schema() ([]byte, error) {
	defs := schemas{}
	root := map[string]any{
		"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Comity: " + k.Files, "description": k.doc,
	}
	for name, v := range defs.of(k.of, "") {
		root[name] = v
	}
	if len(defs) > 0 {
		root["$defs"] = defs
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(root)
	return b.Bytes(), err
}

// schemas collects the definitions a schema refers to, by type name.
type schemas map[string]any

func (s schemas) of(t reflect.Type, enum string) map[string]any {
	switch t.Kind() {
	case reflect.Struct:
		return s.structure(t)
	case reflect.Slice:
		items := s.of(t.Elem(), enum)
		if keys := mergeKeys(t.Elem()); len(keys) == 1 {
			items["required"] = keys
		}
		return map[string]any{"type": "array", "items": items}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": s.of(t.Elem(), enum)}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Int:
		return map[string]any{"type": "integer"}
	case reflect.Float64:
		return map[string]any{"type": "number"}
	}
	if list := closed(enum); list != nil {
		return map[string]any{"enum": list}
	}
	return map[string]any{"type": []string{"string", "number", "boolean"}} // read as written: article: 5 is "5"
}

func (s schemas) structure(t reflect.Type) map[string]any {
	short, hasShort := shortField(t)
	if hasShort && t.Field(short).Tag.Get("short") == "only" {
		return s.of(t.Field(short).Type, "")
	}
	name := typeName(t)
	ref := map[string]any{"$ref": "#/$defs/" + name}
	if hasShort {
		ref = map[string]any{"anyOf": []any{s.of(t.Field(short).Type, ""), ref}}
	}
	if _, known := s[name]; known {
		return ref
	}
	properties := map[string]any{"remove": map[string]any{"const": true, "description": "takes away what the base says here"}}
	def := map[string]any{"type": "object", "additionalProperties": false, "properties": properties}
	s[name] = def
	for _, f := range fieldsOf(t) {
		p := s.of(f.typ, f.enum)
		p["description"] = f.doc
		properties[f.name] = p
	}
	return ref
}

// Reference is one page that names every file, field and closed list, in Markdown.
func Reference() string {
	var b strings.Builder
	b.WriteString("# Reference of packs\n\nThis page is generated from the structs that read packs (`make generate`); " +
		"[packs.md](packs.md) explains them. *Words* are one text per language: `{zh-CN: …, en: …}`.\n")
	for _, k := range FileKinds {
		b.WriteString("\n## " + k.Files + "\n\n" + k.doc + "\n")
		if k.of.Kind() == reflect.Map {
			b.WriteString("\nA key with its text on each line; keys are not closed.\n")
			continue
		}
		done := []reflect.Type{k.of}
		for i := 0; i < len(done); i++ {
			if i > 0 {
				b.WriteString("\n### " + typeName(done[i]) + " (" + k.Name + ")\n")
			}
			done = table(&b, done[i], done)
		}
	}
	return b.String()
}

// table writes the fields of a struct and notes the structs among them.
func table(b *strings.Builder, t reflect.Type, done []reflect.Type) []reflect.Type {
	b.WriteString("\n| Name | Takes | Meaning |\n|---|---|---|\n")
	short, hasShort := shortField(t)
	for _, f := range fieldsOf(t) {
		doc := f.doc
		if hasShort && t.Field(short).Tag.Get("yaml") == f.name {
			doc += " May stand alone for the whole."
		}
		b.WriteString("| `" + f.name + "` | " + takes(f) + " | " + strings.ReplaceAll(doc, "|", `\|`) + " |\n")
		inner := f.typ
		for inner.Kind() == reflect.Slice || inner.Kind() == reflect.Map {
			inner = inner.Elem()
		}
		if inner.Kind() == reflect.Struct && !slices.Contains(done, inner) {
			done = append(done, inner)
		}
	}
	return done
}

// takes says in words what a field holds.
func takes(f field) string {
	if f.typ == reflect.TypeFor[words]() && !f.plain {
		return "words"
	}
	inner := f
	switch f.typ.Kind() {
	case reflect.Struct:
		return typeName(f.typ)
	case reflect.Slice:
		inner.typ = f.typ.Elem()
		return "list of " + takes(inner)
	case reflect.Map:
		inner.typ = f.typ.Elem()
		return takes(inner) + " by name"
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "whole number"
	case reflect.Float64:
		return "number"
	}
	if list := closed(f.enum); list != nil {
		return "`" + strings.Join(list, "` `") + "`"
	}
	return "text"
}
