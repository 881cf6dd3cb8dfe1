package desk

import (
	"slices"
	"strings"
	"time"

	"comity/internal/ledger"
	"comity/internal/org"
	"comity/internal/procedure"
	"comity/internal/query"
	"comity/internal/web"
	"comity/internal/worktime"
)

// What stands in the search box. Everything a list can be narrowed by has a typed form, so that what was chosen in
// the form is shown in the box and can be gone on with there. Names of keys and values are those of the catalogue
// and the pack, in every language at once.

// Keys of a typed query, in the order of the help.
const (
	keyUnit      = "unit"
	keyState     = "state"
	keyCategory  = "category"
	keyProcedure = "procedure"
	keyProgramme = "programme"
	keyChannel   = "channel"
	keyHolder    = "holder"
	keyDue       = "due"
	keyOpened    = "opened"
	keyIs        = "is"
)

var queryKeys = []string{keyUnit, keyState, keyCategory, keyHolder, keyIs, keyDue, keyOpened, keyChannel, keyProcedure, keyProgramme}

// Values of holder that are no account.
const (
	holderMe   = "me"
	holderNone = "none"
)

// conditions are the values of is, with what they ask of the ledger; the first four are about open and closed.
var conditions = []string{"open", "closed", "todo", "waiting", "overdue", "paused", "unassigned", "offered", "raised", "joint"}

// channels are where cases come from.
var channels = []string{"web", "counter", "phone", "letter", "api", "open311", "kiosk", "mail", "import", "self", "desk", "link"}

// vocabulary is what this officer can type.
func (v *visit) vocabulary(p *web.Page) query.Vocabulary {
	if v.typable != nil {
		return *v.typable
	}
	voc := query.Vocabulary{}
	for _, id := range queryKeys {
		voc.Keys = append(voc.Keys, query.Key{ID: id, Names: v.aliases(p, "query.key."+id), Values: v.valuesOf(p, id), Single: id == keyIs, Back: id == keyOpened})
		if id == keyDue || id == keyOpened {
			voc.Keys[len(voc.Keys)-1].Kind = query.Date
		}
	}
	for _, day := range []string{query.Today, query.Tomorrow, query.Yesterday} {
		voc.Days = append(voc.Days, query.Value{ID: day, Names: v.aliases(p, "query.day."+day)})
	}
	for _, step := range []string{query.Day, query.WorkDay, query.Week} {
		voc.Steps = append(voc.Steps, query.Value{ID: step, Names: v.aliases(p, "query.step."+step)})
	}
	v.typable = &voc
	return voc
}

// parsed is what was typed, read.
func (v *visit) parsed(q listQuery) query.Query {
	if strings.TrimSpace(q.Q) == "" {
		return query.Query{}
	}
	return v.vocabulary(v.site.Page(v.r, "query.box")).Parse(q.Q)
}

// aliases are the names in the catalogue, separated by commas, those of the page's language first.
func (v *visit) aliases(p *web.Page, key string) (out []string) {
	for _, words := range v.everywhere(p, key) {
		for _, name := range strings.Split(words, ",") {
			out = append(out, strings.TrimSpace(name))
		}
	}
	return out
}

// everywhere is the words of keys in every language that has them, the page's own first.
func (v *visit) everywhere(p *web.Page, keys ...string) (out []string) {
	langs := append([]string{p.Lang}, v.site.Langs...)
	for _, lang := range langs {
		s := v.site.Text.In(lang)
		for _, key := range keys {
			if s.Has(key) && !slices.Contains(out, s.T(key)) {
				out = append(out, s.T(key))
			}
		}
	}
	return out
}

func (v *visit) valuesOf(p *web.Page, key string) (out []query.Value) {
	add := func(id string, names ...string) { out = append(out, query.Value{ID: id, Names: names}) }
	switch key {
	case keyUnit:
		for _, id := range v.pack.Units.All() {
			if v.reads(id) {
				add(string(id), v.everywhere(p, "unit."+string(id), "unit."+string(id)+".short")...)
			}
		}
	case keyState:
		for _, id := range v.procedures() {
			for _, s := range v.pack.Procedures[id].States {
				add(id+"."+s.ID, append(v.everywhere(p, "state."+id+"."+s.ID), s.ID)...)
			}
		}
	case keyCategory:
		for _, c := range v.pack.Categories {
			if v.here(c.Procedure) {
				add(c.ID, v.everywhere(p, "category."+c.ID)...)
			}
		}
	case keyProcedure:
		for _, id := range v.procedures() {
			add(id, v.everywhere(p, "procedure."+id)...)
		}
	case keyProgramme:
		for _, g := range v.pack.Programmes {
			if v.leads(g.ID) {
				add(g.ID, v.everywhere(p, "programme."+g.ID)...)
			}
		}
	case keyChannel:
		for _, id := range channels {
			add(id, v.everywhere(p, "desk.source."+id)...)
		}
	case keyHolder:
		add(holderMe, v.aliases(p, "query.holder.me")...)
		add(holderNone, v.aliases(p, "query.holder.none")...)
		for _, o := range v.officers(p, v.who.Home()) {
			add(o.Value, o.Label)
		}
	case keyIs:
		for _, id := range conditions {
			add(id, v.aliases(p, "query.is."+id)...)
		}
	}
	return out
}

// typed is what the box shows: the filters of the form and what was typed, as one text.
func (v *visit) typed(p *web.Page, q listQuery) string {
	if plain := (listQuery{View: views[0]}); q.page("") == plain {
		return ""
	}
	voc := v.vocabulary(p)
	var parts []string
	for _, t := range v.terms(q) {
		if s := voc.WriteTerm(t); s != "" {
			parts = append(parts, s)
		}
	}
	if s := strings.TrimSpace(q.Q); s != "" {
		parts = append(parts, s)
	}
	return strings.Join(parts, " ")
}

// viewTerms say a view as it would be typed.
var viewTerms = map[string][2]string{"todo": {keyIs, "todo"}, "mine": {keyHolder, holderMe}, "unassigned": {keyIs, "unassigned"}, "offered": {keyIs, "offered"},
	"overdue": {keyIs, "overdue"}, "resident": {keyIs, "waiting"}, "open": {keyIs, "open"}, "paused": {keyIs, "paused"}, "closed": {keyIs, "closed"}}

// terms are the filters of the form as they would be typed.
func (v *visit) terms(q listQuery) (out []query.Term) {
	add := func(key, id string) {
		if id != "" {
			out = append(out, query.Term{Key: key, Op: query.Is, IDs: []string{id}})
		}
	}
	if t, ok := viewTerms[q.View]; ok {
		add(t[0], t[1])
	}
	if slices.Contains([]string{"mine", "unassigned", "offered", "overdue", "paused"}, q.View) {
		add(keyIs, "open")
	}
	add(keyUnit, q.Unit)
	add(keyProgramme, q.Programme)
	add(keyState, q.State)
	add(keyCategory, q.Category)
	add(keyHolder, q.Holder)
	switch q.Due {
	case "":
	case "over":
		add(keyIs, "overdue")
	case "later":
		out = append(out, query.Term{Key: keyDue, Op: query.From, When: query.When{N: stripDays, Step: query.Day}})
	default:
		out = append(out, query.Term{Key: keyDue, Op: query.Is, When: query.When{Date: q.Due}})
	}
	return out
}

// narrowTyped adds to a filter what was typed.
func (v *visit) narrowTyped(in query.Query, f *ledger.Filter) {
	for _, w := range in.Words {
		f.Words = append(f.Words, ledger.Word{Text: w.Text, Phrase: w.Phrase, Not: w.Not})
	}
	for _, t := range in.Terms {
		v.narrowTerm(t, f)
	}
}

func (v *visit) narrowTerm(t query.Term, f *ledger.Filter) {
	test := func(field string, values ...string) {
		f.Tests = append(f.Tests, ledger.Test{Field: field, Not: t.Not, Values: values})
	}
	switch t.Key {
	case keyDue, keyOpened:
		if t.Key == keyDue {
			openOnly(f, true)
		}
		f.Ranges = append(f.Ranges, v.rangeOf(t))
	case keyIs:
		v.narrowIs(t, f)
	case keyState:
		test(ledger.TestState, t.IDs...)
		if !t.Not {
			v.narrowState(t.IDs, f)
		}
	case keyUnit:
		if len(t.IDs) == 1 && !t.Not && f.Unit == v.who.Home() {
			f.Unit = org.UnitID(t.IDs[0])
			return
		}
		test(ledger.TestUnit, t.IDs...)
	case keyHolder:
		ids := slices.Clone(t.IDs)
		for i, id := range ids {
			switch id {
			case holderMe:
				ids[i] = v.actor.Seat()
			case holderNone:
				ids[i] = ""
			}
		}
		if len(ids) == 1 && !t.Not && f.Assignee == "" {
			f.Assignee = ids[0] // has an index of its own
		}
		test(ledger.TestAssignee, ids...)
	default:
		field := map[string]string{keyCategory: ledger.TestCategory, keyProcedure: ledger.TestProcedure, keyProgramme: ledger.TestProgramme, keyChannel: ledger.TestSource}
		test(field[t.Key], t.IDs...)
	}
}

// narrowState lets the list use its index of states, and leaves out open or closed cases where no state asked for has any.
func (v *visit) narrowState(ids []string, f *ledger.Filter) {
	final, states := 0, []string{}
	for _, id := range ids {
		name, state, _ := strings.Cut(id, ".")
		if v.final(name, state) {
			final++
		}
		if !slices.Contains(states, state) {
			states = append(states, state)
		}
	}
	if len(f.States) == 0 {
		f.States = states
	}
	switch final {
	case 0:
		openOnly(f, true)
	case len(ids):
		openOnly(f, false)
	}
}

// openOnly leaves open cases, or closed ones; asked for both one after the other, nothing.
func openOnly(f *ledger.Filter, open bool) {
	switch {
	case f.Both:
		f.Both, f.Closed = false, !open
	case f.Closed == open:
		f.Tests = append(f.Tests, ledger.Test{Field: ledger.TestState})
	}
}

func (v *visit) narrowIs(t query.Term, f *ledger.Filter) {
	test := func(field string, values ...string) {
		f.Tests = append(f.Tests, ledger.Test{Field: field, Not: t.Not, Values: values})
	}
	switch id := t.IDs[0]; id {
	case "open", "closed":
		openOnly(f, (id == "open") != t.Not)
	case "todo":
		v.isState(t, ours, f)
	case "waiting":
		v.isState(t, theirs, f)
	case "overdue":
		if !t.Not {
			openOnly(f, true)
		}
		test(ledger.TestLate)
	case "unassigned":
		test(ledger.TestAssignee, "")
	case "offered":
		test(ledger.TestOffered, string(f.Unit))
	case "paused":
		test(ledger.TestPaused)
	case "raised":
		test(ledger.TestRaised)
	case "joint":
		test(ledger.TestJoint)
	}
}

func (v *visit) isState(t query.Term, fits func(procedure.State) bool, f *ledger.Filter) {
	ids := v.narrow(nil, fits)
	if !t.Not {
		openOnly(f, true)
	}
	if !t.Not && len(f.States) == 0 {
		f.States = ids
		return
	}
	f.Tests = append(f.Tests, ledger.Test{Field: ledger.TestState, Not: t.Not, Values: ids})
}

// rangeOf is a day compared, as a span of time.
func (v *visit) rangeOf(t query.Term) ledger.Range {
	day := t.When.From(midnight(v.now, v.site.Zone), v.working)
	next := day.AddDate(0, 0, 1)
	r := ledger.Range{Field: map[string]string{keyDue: ledger.RangeDue, keyOpened: ledger.RangeOpened}[t.Key], Not: t.Not}
	switch t.Op {
	case query.Is:
		r.From, r.Before = day, next
	case query.Before:
		r.Before = day
	case query.Until:
		r.Before = next
	case query.After:
		r.From = next
	case query.From:
		r.From = day
	}
	return r
}

// working moves over working days, by the calendar of the first procedure.
func (v *visit) working(day time.Time, n int) time.Time {
	ids := v.procedures()
	if len(ids) == 0 {
		return day.AddDate(0, 0, n)
	}
	return midnightOf(v.pack.Procedures[ids[0]].Calendar.AddWorking(worktime.DayOf(day.Date()), n), v.site.Zone)
}

// typedChips are the parts of what was typed, each with the query without it.
func (v *visit) typedChips(p *web.Page, q listQuery, in query.Query) (out []chip) {
	voc := v.vocabulary(p)
	less := func(at query.Span) string {
		return q.with("q", query.Without(q.Q, at)).href()
	}
	for _, t := range in.Terms {
		out = append(out, chip{Label: v.termWords(p, voc, t), Href: less(t.At)})
	}
	for _, w := range in.Words {
		label := p.T("desk.filter.q") + p.T("web.colon") + w.Text
		if w.Not {
			label = p.T("query.not", "what", label)
		}
		out = append(out, chip{Label: label, Href: less(w.At)})
	}
	return out
}

// termWords says a term in words: a counted day by its date, so that nobody has to guess.
func (v *visit) termWords(p *web.Page, voc query.Vocabulary, t query.Term) string {
	words := ""
	if t.Key == keyDue || t.Key == keyOpened {
		day := t.When.From(midnight(v.now, v.site.Zone), v.working)
		words = p.T("query.label."+t.Key) + " " + p.T("query.op."+map[query.Op]string{query.Is: "is", query.Before: "before", query.Until: "until", query.After: "after", query.From: "from"}[t.Op], "day", p.Day(day))
	} else {
		text := voc.WriteTerm(query.Term{Key: t.Key, Op: t.Op, IDs: t.IDs})
		_, value, _ := strings.Cut(text, string(query.Is))
		words = p.T("query.label."+t.Key) + p.T("web.colon") + strings.ReplaceAll(value, `"`, "")
	}
	if t.Not {
		return p.T("query.not", "what", words)
	}
	return words
}

// queryProblem is a part of the query that does not count, and the same query with what may have been meant.
type queryProblem struct {
	Words string
	Fix   web.Link
}

func (v *visit) queryProblems(p *web.Page, q listQuery, in query.Query) (out []queryProblem) {
	for _, x := range in.Problems {
		key := ""
		if x.Key != "" {
			key = p.T("query.label." + x.Key)
		}
		o := queryProblem{Words: p.T("query.problem."+x.Kind, "key", key, "got", clip(x.Got), "at", clip(q.Q[x.At.From:x.At.To]))}
		if x.Near != "" {
			near := x.Near
			if x.Kind == query.NoValue {
				near = query.Quote(near)
			}
			fixed := q
			fixed.Q = q.Q[:x.At.From] + strings.Replace(q.Q[x.At.From:x.At.To], strings.Trim(x.Got, `"`), near, 1) + q.Q[x.At.To:]
			if strings.Contains(q.Q[x.At.From:x.At.To], `"`) && x.Kind == query.NoValue {
				fixed.Q = q.Q[:x.At.From] + near + q.Q[x.At.To:]
			}
			o.Fix = web.Link{Href: fixed.page("").href(), Label: p.T("query.near", "near", x.Near)}
		}
		out = append(out, o)
	}
	return out
}

// piece is a part of a text, marked where it was searched for.
type piece struct {
	Text string
	On   bool
}

// pieces cuts a text that is shown at the places that were searched for.
func pieces(text string, marks [][2]int) (out []piece) {
	last := 0
	for _, m := range marks {
		if m[0] > last {
			out = append(out, piece{Text: text[last:m[0]]})
		}
		out = append(out, piece{text[m[0]:m[1]], true})
		last = m[1]
	}
	if last < len(text) || len(out) == 0 {
		out = append(out, piece{Text: text[last:]})
	}
	return out
}

// helpLine explains one key of the box.
type helpLine struct {
	Names    []string
	Words    string
	Examples []web.Link
}

// queryHelp is the table of keys with examples that can be followed.
func (v *visit) queryHelp(p *web.Page) (out []helpLine) {
	voc := v.vocabulary(p)
	example := func(text string) web.Link {
		return web.Link{Href: listQuery{View: "search", Q: text}.href(), Label: text}
	}
	for _, k := range voc.Keys {
		line := helpLine{Names: slices.Compact(slices.Clone(k.Names)), Words: p.T("query.help." + k.ID)}
		switch {
		case k.Kind == query.Date && k.Back:
			line.Examples = append(line.Examples, example(voc.WriteTerm(query.Term{Key: k.ID, Op: query.From, When: query.When{N: -7, Step: query.Day}})),
				example(voc.WriteTerm(query.Term{Key: k.ID, Op: query.Before, When: query.When{Date: v.now.In(v.site.Zone).AddDate(0, -1, 0).Format(time.DateOnly)}})))
		case k.Kind == query.Date:
			line.Examples = append(line.Examples, example(voc.WriteTerm(query.Term{Key: k.ID, Op: query.Until, When: query.When{N: 3, Step: query.WorkDay}})),
				example(voc.WriteTerm(query.Term{Key: k.ID, Op: query.Before, When: query.When{Date: v.now.In(v.site.Zone).AddDate(0, 0, 14).Format(time.DateOnly)}})))
		case k.ID == keyIs:
			for _, x := range k.Values {
				line.Examples = append(line.Examples, example(voc.WriteTerm(query.Term{Key: k.ID, Op: query.Is, IDs: []string{x.ID}})))
			}
		case len(k.Values) > 0:
			line.Examples = append(line.Examples, example(voc.WriteTerm(query.Term{Key: k.ID, Op: query.Is, IDs: []string{k.Values[0].ID}})))
		default:
			continue
		}
		out = append(out, line)
	}
	return out
}
