package portal

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"comity/internal/draw"
	"comity/internal/pack"
	"comity/internal/procedure"
	"comity/internal/web"
	"comity/internal/worktime"
)

// lawIndex lists the procedures of the pack, by programme.
type lawIndex struct{ Groups []lawGroup }

type lawGroup struct {
	Name, Icon string
	Items      []lawItem
}

type lawItem struct{ Href, Name, Law, Sub string }

// lawPage is one procedure in a drawing and in plain words.
type lawPage struct {
	Name         string
	Rule         *lawRef // where the procedure as a whole comes from
	Words        string  // what that article says
	Since        string
	Narrow, Wide string // the drawing, for a phone and for a screen
	Case         *lawCase
	Roads        []lawRoad // the longest lawful roads, as the model checker found them
	Phases       []lawPhase
	Clocks       []lawClock
	Facts        []web.Fact // what about the matter decides which way it goes
	Kept         string     // how long the file is kept
	Sources      []lawSource
}

// lawCase is where one case stands in the procedure, and what can come next.
type lawCase struct {
	Base, Ref      string
	State, StateID string
	Now            string
	Next           []lawNext
}

// lawNext is one way on, with the latest date for it.
type lawNext struct {
	Name, Who, When string
	To, ToID        string // empty when the case stays where it is
	Clock           bool
}

// lawRoad is one longest road: how long it is in all, what may lengthen it, and stop by stop.
type lawRoad struct {
	Name, Total string
	Notes       []string
	Stops       []lawStop
}

// lawStop is one stop of a road: where the case is and from which day, how long that may last and by
// which term, and what comes then.
type lawStop struct {
	State, StateID  string
	Day, Long, Term string
	Then            string
	Law             *lawRef
}

// lawPhase is a heading over states.
type lawPhase struct {
	Name   string
	States []lawState
}

// lawState is one state: whose turn it is, how long it may last and what leads out of it.
type lawState struct {
	ID, Number, Name, Now, Turn string
	Here                        bool
	Terms                       []lawTerm
	Ways                        []lawWay
}

// lawTerm points from a state to a clock that runs or stands still there.
type lawTerm struct{ ID, Words string }

// lawWay is one act: who does it, where it leads and what goes with it.
type lawWay struct {
	Name, Who, To, ToID string
	Clock               bool
	Facts               []web.Fact
	Law                 *lawRef
}

// lawClock is one term with everything that moves it.
type lawClock struct {
	ID, Name string
	Facts    []web.Fact
	Law      *lawRef
}

// lawRef names an article and leads to its words below on the page.
type lawRef struct{ ID, Name string }

// lawSource is one article: its words and what in this procedure comes from it. The first article of
// a law tells of the law, too.
type lawSource struct {
	ID, Name, Words string
	Rules           []string
	Law             string
	About           []string // since when it is in force, and whether its words were compared
}

func (p *Portal) law(w http.ResponseWriter, r *http.Request) error {
	page := p.Site.Page(r, "portal.law.title")
	return page.Write(w, r, http.StatusOK, web.PublicLayout(page, lawIndexBody(page, lawIndexOf(page, p.Packs.Current()))))
}

func lawIndexOf(page *web.Page, pk *pack.Pack) lawIndex {
	var v lawIndex
	for _, pr := range pk.Programmes {
		g := lawGroup{Name: page.T("programme." + pr.ID), Icon: pr.Icon}
		for _, id := range slices.Sorted(maps.Keys(pk.Procedures)) {
			d := pk.Procedures[id]
			if d.Programme == pr.ID {
				g.Items = append(g.Items, lawItem{Href: "/law/" + id, Name: page.T("procedure." + id), Law: page.Law(d.Law),
					Sub: page.T("portal.law.size", "states", strconv.Itoa(len(d.States)), "acts", strconv.Itoa(len(d.Acts)), "clocks", strconv.Itoa(len(d.Clocks)))})
			}
		}
		if len(g.Items) > 0 {
			v.Groups = append(v.Groups, g)
		}
	}
	return v
}

func (p *Portal) lawOf(w http.ResponseWriter, r *http.Request) error {
	pk := p.Packs.Current()
	d, ok := pk.Procedures[r.PathValue("procedure")]
	if !ok {
		return web.ErrNotFound
	}
	page := p.Site.Page(r, "procedure."+d.ID)
	t := lawTeller{page: page, d: d, pk: pk}
	return page.Write(w, r, http.StatusOK, web.PublicLayout(page, lawBody(page, t.view("", nil))))
}

// lawTeller tells a procedure in plain words.
type lawTeller struct {
	page   *web.Page
	d      *procedure.Definition
	pk     *pack.Pack // the version the procedure is of
	number map[string]string
}

// view is the page; mark is the state a case is in, on the page of a case.
func (t *lawTeller) view(mark string, c *lawCase) lawPage {
	order := draw.Order(t.d, t.pk.Phases[t.d.ID])
	t.number = map[string]string{}
	for i, s := range order {
		t.number[s] = strconv.Itoa(i + 1)
	}
	v := lawPage{
		Name: t.page.T("procedure." + t.d.ID), Rule: t.ref(t.d.Law), Words: t.page.Article(t.d.Law), Since: t.dated("portal.law.since", t.d.Law.Since),
		Narrow: t.drawing(1, mark), Wide: t.drawing(3, mark), Case: c, Facts: t.facts(), Roads: t.roads(t.pk.Reports[t.d.ID].Road), Sources: t.sources(),
	}
	if y := t.d.Retention.Years; y > 0 {
		v.Kept = t.page.N("portal.law.kept", y)
	}
	for _, s := range order {
		st, _ := t.d.State(s)
		name := t.phase(st)
		if n := len(v.Phases); n == 0 || v.Phases[n-1].Name != name {
			v.Phases = append(v.Phases, lawPhase{Name: name})
		}
		last := &v.Phases[len(v.Phases)-1]
		last.States = append(last.States, t.state(st, mark))
	}
	for i := range t.d.Clocks {
		v.Clocks = append(v.Clocks, t.clock(&t.d.Clocks[i]))
	}
	return v
}

func (t *lawTeller) words() draw.Words { return draw.Words{T: t.page.T, N: t.page.N} }

func (t *lawTeller) drawing(columns int, mark string) string {
	return draw.Draw(t.d, t.words(), draw.Options{
		Columns: columns, Phases: t.pk.Phases[t.d.ID], Mark: mark, ID: "law-" + strconv.Itoa(columns),
		Link: func(s string) string { return "#state-" + s },
	}).SVG()
}

func (t *lawTeller) stateName(id string) string { return t.page.T("state." + t.d.ID + "." + id) }
func (t *lawTeller) actName(id string) string   { return t.page.T("act." + t.d.ID + "." + id) }
func (t *lawTeller) phase(s *procedure.State) string {
	return t.page.T("phase." + t.d.ID + "." + s.Phase)
}

// dated says a day written as an ISO date in a sentence; nothing without a day.
func (t *lawTeller) dated(key, iso string) string {
	day, err := time.Parse(time.DateOnly, iso)
	if err != nil {
		return ""
	}
	return t.page.T(key, "when", t.page.Date(day, time.UTC))
}

func (t *lawTeller) ref(l procedure.Law) *lawRef {
	if l.None() {
		return nil
	}
	return &lawRef{ID: lawID(l), Name: t.page.Law(l)}
}

func lawID(l procedure.Law) string { return "law-" + l.ID + "-" + l.Article }

func (t *lawTeller) state(s *procedure.State, mark string) lawState {
	v := lawState{ID: s.ID, Number: t.number[s.ID], Name: t.stateName(s.ID), Now: t.page.T("state." + t.d.ID + "." + s.ID + ".now"),
		Turn: t.page.T(draw.Turn(s)), Here: s.ID == mark}
	for i := range t.d.Clocks {
		c := &t.d.Clocks[i]
		name := t.clockName(c.ID)
		switch {
		case slices.Contains(c.Pause, s.ID):
			v.Terms = append(v.Terms, lawTerm{c.ID, t.page.T("portal.law.still", "term", name)})
		case t.mayRun(c, s.ID):
			v.Terms = append(v.Terms, lawTerm{c.ID, t.named(c)})
		}
	}
	for i := range t.d.Acts {
		if a := &t.d.Acts[i]; slices.Contains(a.From, s.ID) {
			v.Ways = append(v.Ways, t.way(a, s))
		}
	}
	return v
}

// named is a term with its length, where it has one of its own.
func (t *lawTeller) named(c *procedure.Clock) string {
	name := t.clockName(c.ID)
	if long := draw.Term(c.Rule, t.words()); long != "" {
		return t.page.T("portal.law.term", "name", name, "long", long)
	}
	return name
}

// mayRun reports a state in which the clock may be running. A clock that acts start runs until acts
// stop it, so what its end does tells in which states that can be.
func (t *lawTeller) mayRun(c *procedure.Clock, state string) bool {
	if len(c.In) > 0 {
		return slices.Contains(c.In, state)
	}
	a, ok := t.d.Act(c.Expire)
	return ok && slices.Contains(a.From, state)
}

func (t *lawTeller) way(a *procedure.Act, s *procedure.State) lawWay {
	v := lawWay{Name: t.actName(a.ID), Who: t.who(a), Clock: slices.Contains(a.By, procedure.BySystem), Law: t.ref(a.Law)}
	if a.To != "" && a.To != s.ID {
		v.To, v.ToID = t.page.T("portal.law.numbered", "n", t.number[a.To], "name", t.stateName(a.To)), a.To
	}
	var f lawFacts
	if v.Clock {
		f.add(t, "portal.law.after", strings.Join(draw.Terms(t.d, a, s.ID, t.words()), " / "))
	}
	t.bounds(a, &f)
	t.changes(a, &f)
	var asked, papers, told []string
	form := web.ActForm(t.d.ID, a.ID)
	for _, x := range a.Fields {
		asked = append(asked, t.page.T(form.Prefix+"."+x.Name))
	}
	for _, x := range a.Documents {
		papers = append(papers, t.page.T("document."+t.d.ID+"."+x))
	}
	for _, n := range a.Notices {
		key := "portal.law.told." + n.To
		if _, ok := t.d.Roll(n.To); ok {
			key = "roll." + t.d.ID + "." + n.To
		}
		if who := t.page.T(key); !slices.Contains(told, who) {
			told = append(told, who)
		}
	}
	f.add(t, "portal.law.written", t.list(asked))
	f.add(t, "portal.law.papers", t.list(papers))
	f.add(t, "portal.law.told", t.list(told))
	v.Facts = f
	return v
}

// lawFacts gathers labels with what stands behind them; what is empty is left out.
type lawFacts []web.Fact

func (f *lawFacts) add(t *lawTeller, key, value string) {
	if value != "" {
		*f = append(*f, web.Fact{Label: t.page.T(key), Value: value})
	}
}

// bounds tells when and by whom an act can be done.
func (t *lawTeller) bounds(a *procedure.Act, f *lawFacts) {
	if a.When.Root != nil {
		f.add(t, "portal.law.unless", t.page.T("when."+t.d.ID+"."+a.ID))
	}
	if a.While != "" {
		f.add(t, "portal.law.while", t.clockName(a.While))
	}
	if a.Times > 0 {
		f.add(t, "portal.law.times", t.page.N("portal.law.count", a.Times))
	}
	var before []string
	for _, x := range a.NotBy {
		before = append(before, t.actName(x))
	}
	f.add(t, "portal.law.not_by", t.list(before))
	if len(a.Behalf) > 0 {
		f.add(t, "portal.law.behalf", t.page.T("portal.law.behalf.paper"))
	}
}

// changes tells what an act does beside leading to another state.
func (t *lawTeller) changes(a *procedure.Act, f *lawFacts) {
	var also []string
	for _, e := range a.Effects {
		also = append(also, t.page.T("portal.law.effect."+string(e)))
	}
	if a.Recall {
		also = append(also, t.page.T("portal.law.recall"))
	}
	if a.Proof {
		also = append(also, t.page.T("portal.law.proof"))
	}
	f.add(t, "portal.law.also", t.list(also))
	var facts []string
	for _, x := range a.Sets {
		name := t.page.T("fact." + t.d.ID + "." + x.Fact)
		if x.Value != "" {
			name = t.page.T("portal.law.term", "name", name, "long", t.page.T("fact."+t.d.ID+"."+x.Fact+"."+x.Value))
		}
		facts = append(facts, name)
	}
	f.add(t, "portal.law.settles", t.list(facts))
	for _, x := range a.Spawn {
		if l, ok := t.d.Link(x); ok {
			f.add(t, "portal.law.opens."+string(l.Kind), t.page.T("portal.law.opened", "purpose", t.page.T("link."+t.d.ID+"."+x), "procedure", t.page.T("procedure."+l.Procedure)))
		}
	}
	switch c, ok := t.d.Clock(a.Remedy); {
	case ok:
		f.add(t, "portal.law.remedy", t.named(c))
	case a.Remedy == procedure.RemedyNone:
		f.add(t, "portal.law.remedy", t.page.T("portal.law.remedy.none"))
	}
}

// roads tells the longest lawful roads to the first answer and to the end; none where the checker
// could not find them.
func (t *lawTeller) roads(r procedure.Road) []lawRoad {
	if !r.Ordinary.Known {
		return nil
	}
	var notes, repeats []string
	for _, a := range r.Repeats {
		repeats = append(repeats, t.actName(a))
	}
	if len(repeats) > 0 {
		notes = append(notes, t.page.T("portal.law.road.repeats", "acts", t.list(repeats)))
	}
	road := func(key string, days, worst int, stays []procedure.Stay) lawRoad {
		v := lawRoad{Name: t.page.T(key), Total: t.page.N("portal.law.road.days", days), Notes: notes, Stops: t.stops(stays)}
		if r.Worst.Known && worst > days {
			v.Notes = append([]string{t.page.T("portal.law.road.worst", "days", t.page.N("portal.law.road.days", worst))}, notes...)
		}
		return v
	}
	o, w := r.Ordinary, r.Worst
	return []lawRoad{road("portal.law.road.first", o.First, w.First, o.ToFirst), road("portal.law.road.final", o.Final, w.Final, o.ToFinal)}
}

func (t *lawTeller) stops(stays []procedure.Stay) []lawStop {
	var out []lawStop
	day := 0
	for _, x := range stays {
		v := lawStop{
			State: t.page.T("portal.law.numbered", "n", t.number[x.State], "name", t.stateName(x.State)), StateID: x.State,
			Day: t.page.T("portal.law.road.day", "n", strconv.Itoa(day)), Long: t.page.N("portal.law.road.days", x.Days),
		}
		if c, ok := t.d.Clock(x.Clock); ok {
			v.Term, v.Law = t.named(c), t.ref(c.Law)
		} else if l, ok := t.d.Link(x.Link); ok {
			v.Term, v.Law = t.page.T("link."+t.d.ID+"."+l.ID), t.ref(l.Law)
		}
		if x.Act != "" {
			v.Then = t.actName(x.Act)
		}
		day += x.Days
		out = append(out, v)
	}
	return out
}

// facts lists what about a matter decides which way it goes, with the values there are.
func (t *lawTeller) facts() []web.Fact {
	var out []web.Fact
	for _, x := range t.d.Facts {
		key := "fact." + t.d.ID + "." + x.ID
		var values []string
		for _, v := range x.Values {
			values = append(values, t.page.T(key+"."+v))
		}
		out = append(out, web.Fact{Label: t.page.T(key), Value: strings.Join(values, "\n")})
	}
	return out
}

// list joins words as the language does.
func (t *lawTeller) list(words []string) string {
	return strings.Join(words, t.page.T("portal.law.comma"))
}

// who does an act: the clock, the resident, another case, or people of a unit with some roles.
func (t *lawTeller) who(a *procedure.Act) string {
	for _, who := range []string{procedure.BySystem, procedure.ByResident, procedure.ByParent, procedure.ByChild, procedure.ByGroup} {
		if len(a.By) > 0 && a.By[0] == who {
			return t.page.T("portal.law.who." + who)
		}
	}
	unit := t.page.T("portal.law.who." + string(cmp.Or(a.Of, procedure.OfHolder)))
	var roles []string
	for _, r := range a.By {
		for _, key := range []string{"role." + r, "desk.role." + r} {
			if t.page.Has(key) {
				roles = append(roles, t.page.T(key))
				break
			}
		}
	}
	if len(roles) == 0 {
		return unit
	}
	return t.page.T("portal.law.roles", "unit", unit, "roles", t.list(roles))
}

func (t *lawTeller) clock(c *procedure.Clock) lawClock {
	v := lawClock{ID: c.ID, Name: t.clockName(c.ID), Law: t.ref(c.Law)}
	var f lawFacts
	if c.Until != "" {
		f.add(t, "portal.law.until", t.fieldOf(c, c.Until))
	} else {
		f.add(t, "portal.law.long", draw.Term(c.Rule, t.words()))
	}
	if c.Rule.Roll == worktime.NextWorkingDay {
		f.add(t, "portal.law.roll", t.page.T("portal.law.roll.next"))
	}
	f.add(t, "portal.law.special", strings.Join(t.special(c), "\n"))
	f.add(t, "portal.law.in", t.list(t.stateNames(c.In)))
	f.add(t, "portal.law.start", t.list(t.eventNames(c.Start)))
	if c.From != "" {
		f.add(t, "portal.law.counted", t.fieldOf(c, c.From))
	}
	f.add(t, "portal.law.stop", t.list(t.eventNames(c.Stop)))
	pause := t.list(t.stateNames(c.Pause))
	if l := t.page.Law(c.PauseLaw); l != "" && pause != "" {
		pause = t.page.T("portal.law.named", "name", pause, "law", l)
	}
	f.add(t, "portal.law.pause", pause)
	if c.Extend.Max > 0 {
		most := t.page.N("draw.term."+string(c.Rule.Unit), c.Extend.Max)
		f.add(t, "portal.law.extend", t.page.N("portal.law.extended", c.Extend.Times, "most", most))
	}
	if a, ok := t.d.Act(c.Expire); ok {
		then := t.actName(a.ID)
		if a.To != "" {
			then = t.page.T("portal.law.leads", "act", then, "state", t.stateName(a.To))
		}
		f.add(t, "portal.law.then", then)
	}
	var alerts []string
	for _, n := range c.Alerts {
		when := t.page.N("portal.law.days_before", n)
		if n == 0 {
			when = t.page.T("portal.law.last_day")
		}
		alerts = append(alerts, when)
	}
	f.add(t, "portal.law.alert", t.list(alerts))
	if c.TimeBar {
		f.add(t, "portal.law.note", t.page.T("portal.law.time_bar"))
	}
	v.Facts = f
	return v
}

func (t *lawTeller) clockName(id string) string { return t.page.T("clock." + t.d.ID + "." + id) }

// fieldOf is the label of a date that a clock reads from the form of the act that starts it, or from
// the report.
func (t *lawTeller) fieldOf(c *procedure.Clock, name string) string {
	for i := range t.d.Acts {
		a := &t.d.Acts[i]
		if key := web.ActForm(t.d.ID, a.ID).Prefix + "." + name; slices.Contains(c.Start, a.Event) && t.page.Has(key) {
			return t.page.T(key)
		}
	}
	return t.page.T(web.ActForm(t.d.ID, "open").Prefix + "." + name)
}

// special are the other terms of some categories, those of one length on one line.
func (t *lawTeller) special(c *procedure.Clock) []string {
	var lines []string
	names := map[string][]string{}
	for _, cat := range slices.Sorted(maps.Keys(c.ByCategory)) {
		long := draw.Term(c.ByCategory[cat], t.words())
		if names[long] == nil {
			lines = append(lines, long)
		}
		names[long] = append(names[long], t.page.T("category."+cat))
	}
	for i, long := range lines {
		lines[i] = t.page.T("portal.law.term", "name", t.list(names[long]), "long", long)
	}
	return lines
}

func (t *lawTeller) stateNames(ids []string) []string {
	var out []string
	for _, s := range ids {
		out = append(out, t.stateName(s))
	}
	return out
}

func (t *lawTeller) eventNames(events []string) []string {
	var out []string
	for _, e := range events {
		out = append(out, t.page.T("event."+t.d.ID+"."+e))
	}
	return out
}

// sources are the articles the procedure names, in the order of the pack's laws and of their numbers,
// each with what comes from it.
func (t *lawTeller) sources() []lawSource {
	var out []lawSource
	laws := map[string]procedure.Law{}
	t.eachRule(func(l procedure.Law, key, name string) {
		if l.None() {
			return
		}
		i := slices.IndexFunc(out, func(s lawSource) bool { return s.ID == lawID(l) })
		if i < 0 {
			i = len(out)
			out = append(out, lawSource{ID: lawID(l), Name: t.page.Law(l), Words: t.page.Article(l)})
			laws[lawID(l)] = l
		}
		if rule := t.page.T("portal.law.from."+key, "name", name); !slices.Contains(out[i].Rules, rule) {
			out[i].Rules = append(out[i].Rules, rule)
		}
	})
	slices.SortStableFunc(out, func(a, b lawSource) int {
		x, y := laws[a.ID], laws[b.ID]
		return cmp.Or(cmp.Compare(slices.Index(t.pk.Laws, x.ID), slices.Index(t.pk.Laws, y.ID)),
			cmp.Compare(leadingNumber(x.Article), leadingNumber(y.Article)), strings.Compare(x.Article, y.Article))
	})
	last := ""
	for i := range out {
		if id := laws[out[i].ID].ID; id != last {
			out[i].Law, out[i].About, last = t.page.T("law."+id), t.about(id), id
		}
	}
	return out
}

// about tells of a law what the pack says of it.
func (t *lawTeller) about(id string) []string {
	var out []string
	if key := "law." + id + ".note"; t.page.Has(key) {
		out = append(out, t.page.T(key))
	}
	dates := t.pk.LawDates[id]
	for _, words := range []string{t.dated("portal.law.since", dates.Since), t.dated("portal.law.verified", dates.Verified)} {
		if words != "" {
			out = append(out, words)
		}
	}
	return out
}

// eachRule calls f with the law of everything in the procedure that can name one.
func (t *lawTeller) eachRule(f func(l procedure.Law, key, name string)) {
	d, p := t.d, t.d.ID+"."
	f(d.Law, "procedure", "")
	for _, x := range d.States {
		f(x.Law, "state", t.stateName(x.ID))
	}
	for _, x := range d.Acts {
		f(x.Law, "act", t.actName(x.ID))
	}
	for i := range d.Clocks {
		f(d.Clocks[i].Law, "clock", t.named(&d.Clocks[i]))
		f(d.Clocks[i].PauseLaw, "pause", t.clockName(d.Clocks[i].ID))
		f(d.Clocks[i].Extend.Law, "extend", t.clockName(d.Clocks[i].ID))
	}
	for _, x := range d.Facts {
		f(x.Law, "fact", t.page.T("fact."+p+x.ID))
	}
	for _, x := range d.Links {
		f(x.Law, "link", t.page.T("link."+p+x.ID))
	}
	for _, x := range d.Documents {
		f(x.Law, "document", t.page.T("document."+p+x.ID))
	}
	for _, x := range d.Outcomes {
		f(x.Law, "outcome", t.page.T("outcome."+p+x.ID))
	}
	f(d.Retention.Law, "retention", "")
}

// leadingNumber sorts article 9 before article 10, and 12a after 12.
func leadingNumber(s string) int {
	end := 0
	for end < len(s) && s[end] >= '0' && s[end] <= '9' {
		end++
	}
	n, _ := strconv.Atoi(s[:end]) // no digits: 0, before all numbers
	return n
}
