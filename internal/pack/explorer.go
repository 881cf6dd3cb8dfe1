package pack

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"comity/internal/explore"
	"comity/internal/form"
	"comity/internal/procedure"
)

// Explorer is the guide before filing: questions in plain words, and the doors they lead to. Words of a
// question are the texts guide.q.ID and guide.q.ID.help, of an answer guide.a.QUESTION.ID and …tells, of a
// door guide.door.ID.name, …what, …cost and so on; package explore says what is promised about its roads.
type Explorer struct {
	Graph explore.Graph
	Doors []Door // in the order of Graph.Doors

	fills map[explore.Step]filled
}

// filled is what an answer puts into a filing, beside its words.
type filled struct {
	fields   map[string]string
	category string // closer than that of the door, of the same procedure; empty = none
}

// Door is where a matter belongs: a category of this pack, or another body.
type Door struct {
	ID, Icon string
	Category string            // of this pack; empty = elsewhere
	Fields   map[string]string // answers its filing begins with
	Urgent   bool
	Bring    int // things to bring: texts guide.door.ID.bring.0 and so on
	Phone    string
	URL      string
	Laws     []procedure.Law
	LimitLaw procedure.Law // the article that sets the time limit guide.door.ID.limit
	Also     []string      // doors that stay open beside it
}

// Elsewhere reports a door of another body.
func (d Door) Elsewhere() bool { return d.Category == "" }

// Door finds a door; there are none without a guide.
func (e *Explorer) Door(id string) (Door, bool) {
	if e == nil {
		return Door{}, false
	}
	i := slices.IndexFunc(e.Doors, func(d Door) bool { return d.ID == id })
	if i < 0 {
		return Door{}, false
	}
	return e.Doors[i], true
}

// Filing is what answers put into a filing. Everything in it can be changed before it is sent.
type Filing struct {
	Category, Text string
	Fields         map[string]string
}

// Filing gathers what the answers on a road fill in for a door of ours. The door need not be the one the
// road leads to: what its form does not ask is left aside.
func (p *Pack) Filing(lang string, road []explore.Step, door string) (Filing, bool) {
	d, ok := p.Explorer.Door(door)
	if !ok || d.Elsewhere() {
		return Filing{}, false
	}
	out := Filing{Category: p.CategoryOn(road, d), Fields: map[string]string{}}
	var said []string
	fill := func(fields map[string]string) {
		for name, value := range fields {
			if p.takes(out.Category, name, value) == "" {
				out.Fields[name] = value
			}
		}
	}
	fill(d.Fields)
	for _, s := range road {
		fill(p.Explorer.fills[s].fields)
		if words := p.Texts[lang][answerKey(s)+".tells"]; words != "" {
			said = append(said, words)
		}
	}
	if stub := p.Texts[lang]["guide.door."+d.ID+".stub"]; stub != "" {
		said = append(said, stub)
	}
	out.Text = strings.Join(said, "\n")
	return out, true
}

// CategoryOn is the category under which a door of ours files for whoever came by a road: the closest that
// an answer names, as long as it is of the door's own procedure.
func (p *Pack) CategoryOn(road []explore.Step, d Door) string {
	category := d.Category
	for _, s := range road {
		if closer := p.Explorer.fills[s].category; p.sameProcedure(closer, d.Category) {
			category = closer
		}
	}
	return category
}

func (p *Pack) sameProcedure(a, b string) bool {
	of := p.ProcedureFor(a)
	return of != nil && of == p.ProcedureFor(b)
}

// takes says why the form of a category does not take an answer; empty = it does.
func (p *Pack) takes(category, name, value string) string {
	d := p.ProcedureFor(category)
	if d == nil {
		return fmt.Sprintf("category %q has no procedure", category)
	}
	i := slices.IndexFunc(d.Intake, func(f form.Field) bool { return f.Name == name })
	if i < 0 {
		return fmt.Sprintf("the form of category %q (procedure %q) has no field %q", category, d.ID, name)
	}
	f := d.Intake[i]
	f.When = nil // whether it must be answered is not the question here
	if _, bad := form.Check([]form.Field{f}, map[string]string{name: value}); len(bad) > 0 {
		return fmt.Sprintf("field %q of category %q does not take %q (%s)", name, category, value, bad[0].Rule)
	}
	return ""
}

func answerKey(s explore.Step) string { return "guide.a." + s.Question + "." + s.Option }

// The kinds of doors, as authors write them.
const (
	doorOurs      = "ours"
	doorElsewhere = "elsewhere"
)

// Rules about doors, beside those of package explore about roads.
const (
	ruleFiles explore.Rule = "door-files" // a door of ours opens a form that takes what is filled in
	ruleTells explore.Rule = "door-tells" // a door says cost, time, what to bring and how to get there
)

// A guide is small; its check walks around every question. One digit chooses an answer at the counter.
const (
	maxQuestions = 200
	maxDoors     = 200
	maxAnswers   = 9
	maxRoad      = 20
)

type explorerFile struct {
	Mark      mark       `yaml:"-"`
	Most      int        `yaml:"most" doc:"No road asks more questions than this."`
	Start     string     `yaml:"start" doc:"The first question."`
	Emergency string     `yaml:"emergency" doc:"The urgent door that every page shows."`
	Otherwise []string   `yaml:"otherwise" doc:"Doors of ours for whom none of the answers fits."`
	Questions []askYAML  `yaml:"questions" doc:"What is asked. Several answers may lead to the same question; no road comes back to one."`
	Doors     []doorYAML `yaml:"doors" doc:"Where matters belong."`
}

type askYAML struct {
	Mark    mark         `yaml:"-"`
	ID      string       `yaml:"id" doc:"Id of the question."`
	Text    words        `yaml:"text" doc:"The question, in plain words."`
	Help    words        `yaml:"help" doc:"A line below it: what is meant, where to look."`
	Options []optionYAML `yaml:"options" doc:"Its answers, two to nine."`
}

type optionYAML struct {
	Mark   mark              `yaml:"-"`
	ID     string            `yaml:"id" doc:"Id of the answer; it stands in addresses."`
	Text   words             `yaml:"text" doc:"The answer, in plain words."`
	Help   words             `yaml:"help" doc:"A line below it."`
	To     string            `yaml:"to" doc:"The question or door it leads to."`
	Tells  words             `yaml:"tells" doc:"A sentence the answer puts into the text of a filing."`
	Fields map[string]string `yaml:"fields" plain:"yes" doc:"Answers it fills in; every door of ours behind it must ask for them."`
	// A door stands for a procedure; which kind of matter it is often shows on the way there.
	Category string `yaml:"category" doc:"The category to file under, closer than that of the door it leads to and of the same procedure."`
}

type doorYAML struct {
	Mark     mark              `yaml:"-"`
	ID       string            `yaml:"id" doc:"Id of the door."`
	Kind     string            `yaml:"kind" enum:"door" doc:"ours: a category of this pack; elsewhere: another body."`
	Icon     string            `yaml:"icon" doc:"Name of its drawing."`
	Urgent   bool              `yaml:"urgent" doc:"Help comes when one calls: numbers are shown first."`
	Name     words             `yaml:"name" doc:"What it is called."`
	What     words             `yaml:"what" doc:"What happens there, in a sentence or two."`
	Category string            `yaml:"category" doc:"Of ours: the category to file under."`
	Fields   map[string]string `yaml:"fields" plain:"yes" doc:"Of ours: answers the form begins with."`
	Stub     words             `yaml:"stub" doc:"Of ours: how the text of the filing may begin."`
	Body     words             `yaml:"body" doc:"Of another body: its name."`
	Phone    string            `yaml:"phone" doc:"Its number, as people dial it."`
	Address  words             `yaml:"address" doc:"Where it is, and when it is open."`
	URL      string            `yaml:"url" doc:"Its page, beginning with https://."`
	Cost     words             `yaml:"cost" doc:"What it costs."`
	Time     words             `yaml:"time" doc:"How long it takes. Of ours it comes from the terms of the procedure and is left out here."`
	Bring    []words           `yaml:"bring" doc:"What to bring, one thing a line."`
	Law      []doorLawYAML     `yaml:"law" doc:"The articles it rests on, by law."`
	Limit    words             `yaml:"limit" doc:"By when one has to go there."`
	LimitLaw lawRefYAML        `yaml:"limit_law" doc:"The article that sets that time."`
	Also     []string          `yaml:"also" doc:"Doors that stay open beside it."`
}

type doorLawYAML struct {
	Mark     mark     `yaml:"-"`
	ID       string   `yaml:"id" doc:"Id of a law in pack.yaml."`
	Articles []string `yaml:"articles" doc:"Its articles, which must have words there."`
}

// explorer reads the guide, where there is one, and holds it to its promises. A kept version is only read.
func (l *loader) explorer() {
	if !l.has("explorer.yaml") {
		return
	}
	var f explorerFile
	if !readYAML(l.fsys, "explorer.yaml", &f, &l.bad) {
		return
	}
	if len(f.Questions) > maxQuestions || len(f.Doors) > maxDoors {
		l.bad.on(f.Mark, "%d questions and %d doors: a guide has at most %d and %d", len(f.Questions), len(f.Doors), maxQuestions, maxDoors)
		return
	}
	e := &Explorer{fills: map[explore.Step]filled{},
		Graph: explore.Graph{Start: f.Start, Most: f.Most, Emergency: f.Emergency, Otherwise: f.Otherwise}}
	g := guide{loader: l, f: f, e: e, at: map[string]mark{}}
	before := l.bad.n
	g.read()
	l.p.Explorer = e
	if l.kept || l.bad.n > before {
		return // what names do not give cannot be judged
	}
	for _, b := range explore.Check(&e.Graph) {
		g.tell(b)
	}
	if l.bad.n == before {
		g.fillings()
	}
}

// guide is an explorer while it is read.
type guide struct {
	*loader
	f  explorerFile
	e  *Explorer
	at map[string]mark // question, door and question/answer → where it stands
}

// broken reports a rule with the place where it is broken.
func (g *guide) broken(m mark, rule explore.Rule, format string, args ...any) {
	g.bad.on(m, "%s: %s", rule, fmt.Sprintf(format, args...))
}

func (g *guide) read() {
	if g.f.Most < 1 || g.f.Most > maxRoad {
		g.bad.on(g.f.Mark.of("most"), "most: say how many questions a road may ask, 1 to %d", maxRoad)
	}
	for _, q := range g.f.Questions {
		g.question(q)
	}
	for _, d := range g.f.Doors {
		g.door(d)
	}
	named := func(m mark, what, id string) {
		if _, ok := g.e.Door(id); !ok {
			g.bad.on(m, "%s: %q is not a door", what, id)
		}
	}
	if g.f.Emergency != "" {
		named(g.f.Mark.of("emergency"), "emergency", g.f.Emergency)
	}
	for _, id := range g.f.Otherwise {
		named(g.f.Mark.of("otherwise"), "otherwise", id)
		if d, ok := g.e.Door(id); ok && d.Elsewhere() {
			g.broken(g.f.Mark.of("otherwise"), ruleFiles, "door %q is elsewhere; whoever finds no answer that fits must be able to file", id)
		}
	}
	if len(g.f.Otherwise) == 0 {
		g.broken(g.f.Mark, ruleFiles, "otherwise: name at least one door of ours for whom none of the answers fits")
	}
	for _, d := range g.f.Doors {
		for _, id := range d.Also {
			named(d.Mark.of("also"), "also", id)
		}
	}
}

// names keeps ids apart: one name space for questions and doors, because answers lead to either.
func (g *guide) names(m mark, what, id string) {
	if _, twice := g.at[id]; twice {
		g.bad.on(m, "%s %q: the id is taken; questions and doors share their ids", what, id)
	}
	if g.id(m, what, id) {
		g.at[id] = m
	}
}

func (g *guide) question(q askYAML) {
	g.names(q.Mark, "question", q.ID)
	g.say(q.Mark, "guide.q."+q.ID, q.Text, true)
	g.say(q.Mark, "guide.q."+q.ID+".help", q.Help, false)
	if len(q.Options) > maxAnswers {
		g.bad.on(q.Mark, "question %q has %d answers; one digit chooses, so %d are the most", q.ID, len(q.Options), maxAnswers)
	}
	out := explore.Question{ID: q.ID}
	for _, o := range q.Options {
		s := explore.Step{Question: q.ID, Option: o.ID}
		if _, twice := g.at[q.ID+"/"+o.ID]; twice {
			g.bad.on(o.Mark, "question %q: answer %q is listed twice", q.ID, o.ID)
		}
		g.id(o.Mark, "answer", o.ID)
		g.at[q.ID+"/"+o.ID] = o.Mark
		g.say(o.Mark, answerKey(s), o.Text, true)
		g.say(o.Mark, answerKey(s)+".help", o.Help, false)
		g.say(o.Mark, answerKey(s)+".tells", o.Tells, len(o.Tells) > 0)
		g.e.fills[s] = filled{o.Fields, o.Category}
		out.Options = append(out.Options, explore.Option{ID: o.ID, To: o.To, Fills: len(o.Fields)+len(o.Tells)+len(o.Category) > 0})
	}
	g.e.Graph.Questions = append(g.e.Graph.Questions, out)
}

func (g *guide) door(d doorYAML) {
	g.names(d.Mark, "door", d.ID)
	key := "guide.door." + d.ID
	g.say(d.Mark, key+".name", d.Name, true)
	g.say(d.Mark, key+".what", d.What, true)
	g.say(d.Mark, key+".cost", d.Cost, false)
	g.say(d.Mark, key+".time", d.Time, false)
	for i, b := range d.Bring {
		g.say(d.Mark.of("bring"), fmt.Sprintf("%s.bring.%d", key, i), b, true)
	}
	for name, w := range map[string]words{"stub": d.Stub, "body": d.Body, "address": d.Address, "limit": d.Limit} {
		g.say(d.Mark.of(name), key+"."+name, w, len(w) > 0)
	}
	out := Door{ID: d.ID, Icon: d.Icon, Category: d.Category, Fields: d.Fields, Urgent: d.Urgent, Bring: len(d.Bring), Phone: d.Phone, URL: d.URL, Also: d.Also}
	law := builder{loader: g.loader}
	for i, r := range d.Law {
		if slices.ContainsFunc(d.Law[:i], func(o doorLawYAML) bool { return o.ID == r.ID }) {
			g.bad.on(r.Mark, "door %q: law %q stands twice; write its articles in one list", d.ID, r.ID)
		}
		if len(r.Articles) == 0 {
			g.bad.on(r.Mark, "door %q: law %q is named without articles", d.ID, r.ID)
		}
		for _, article := range r.Articles {
			out.Laws = append(out.Laws, law.law(lawRefYAML{Mark: r.Mark, ID: r.ID, Article: article}))
		}
	}
	out.LimitLaw = law.law(d.LimitLaw)
	g.e.Doors = append(g.e.Doors, out)
	g.e.Graph.Doors = append(g.e.Graph.Doors, explore.Door{ID: d.ID, Urgent: d.Urgent, Also: d.Also})
	if g.kept {
		return
	}
	g.tells(d)
	switch d.Kind {
	case doorOurs:
		g.files(d)
	case doorElsewhere:
		g.elsewhere(d)
	default:
		g.bad.on(d.Mark.of("kind"), "door %q: kind %q is not %s or %s", d.ID, d.Kind, doorOurs, doorElsewhere)
	}
}

// tells asks of every door what a person needs to know before going there.
func (g *guide) tells(d doorYAML) {
	if len(d.Cost) == 0 {
		g.broken(d.Mark, ruleTells, "door %q does not say what it costs", d.ID)
	}
	if len(d.Bring) == 0 {
		g.broken(d.Mark, ruleTells, "door %q does not say what to bring; if it is nothing, say so", d.ID)
	}
	if d.LimitLaw.ID != "" && len(d.Limit) == 0 {
		g.broken(d.Mark.of("limit_law"), ruleTells, "door %q names the article of a time limit it does not tell", d.ID)
	}
}

func (g *guide) files(d doorYAML) {
	c, ok := g.p.Category(d.Category)
	where := d.Mark.of("category")
	switch {
	case d.Category == "":
		g.broken(d.Mark, ruleFiles, "door %q is ours and names no category", d.ID)
	case !ok:
		g.broken(where, ruleFiles, "door %q: category %q is not in categories.yaml", d.ID, d.Category)
	case !c.Resident:
		g.broken(where, ruleFiles, "door %q: residents may not choose category %q (resident: false)", d.ID, d.Category)
	}
	if len(d.Time) > 0 {
		g.broken(d.Mark.of("time"), ruleTells, "door %q is ours: how long it takes comes from the terms of its procedure; leave time out", d.ID)
	}
	for name, value := range d.Fields {
		if why := g.p.takes(d.Category, name, value); ok && why != "" {
			g.broken(d.Mark.of("fields"), ruleFiles, "door %q: %s", d.ID, why)
		}
	}
}

func (g *guide) elsewhere(d doorYAML) {
	if d.Category != "" || len(d.Fields) > 0 || len(d.Stub) > 0 {
		g.broken(d.Mark, ruleFiles, "door %q is elsewhere: nothing can be filed there from here; take category, fields and stub out", d.ID)
	}
	if len(d.Body) == 0 {
		g.broken(d.Mark, ruleTells, "door %q does not say which body it is", d.ID)
	}
	if len(d.Time) == 0 {
		g.broken(d.Mark, ruleTells, "door %q does not say how long it takes", d.ID)
	}
	if d.Phone == "" && len(d.Address) == 0 && d.URL == "" {
		g.broken(d.Mark, ruleTells, "door %q gives no telephone, address or page: nobody can find it", d.ID)
	}
	if u, err := url.Parse(d.URL); d.URL != "" && (err != nil || u.Scheme != "https" || u.Host == "") {
		g.bad.on(d.Mark.of("url"), "door %q: url %q does not begin with https:// and a host", d.ID, d.URL)
	}
	if strings.Trim(d.Phone, "0123456789-+ ") != "" {
		g.bad.on(d.Mark.of("phone"), "door %q: phone %q is not a number one can dial", d.ID, d.Phone)
	}
}

// fillings holds what an answer fills in against every door of ours behind it.
func (g *guide) fillings() {
	for _, q := range g.f.Questions {
		for _, o := range q.Options {
			var doors []Door
			for _, id := range g.e.Graph.After(o.To) {
				if d, ok := g.e.Door(id); ok && !d.Elsewhere() {
					doors = append(doors, d)
				}
			}
			g.filling(q.ID, o, doors)
		}
	}
}

func (g *guide) filling(question string, o optionYAML, behind []Door) {
	for _, d := range behind {
		for name, value := range o.Fields {
			if why := g.p.takes(d.Category, name, value); why != "" {
				g.broken(o.Mark.of("fields"), ruleFiles, "answer %q of %q leads to door %q: %s", o.ID, question, d.ID, why)
			}
		}
	}
	if o.Category == "" {
		return
	}
	where := o.Mark.of("category")
	c, ok := g.p.Category(o.Category)
	switch {
	case !ok:
		g.broken(where, ruleFiles, "answer %q of %q: category %q is not in categories.yaml", o.ID, question, o.Category)
	case !c.Resident:
		g.broken(where, ruleFiles, "answer %q of %q: residents may not choose category %q (resident: false)", o.ID, question, o.Category)
	case !slices.ContainsFunc(behind, func(d Door) bool { return g.p.sameProcedure(o.Category, d.Category) }):
		g.broken(where, ruleFiles, "answer %q of %q: no door behind it files under the procedure of category %q", o.ID, question, o.Category)
	}
}

// tell reports a broken rule with the road to it, in the pack's own words.
func (g *guide) tell(b explore.Broken) {
	where, said := g.f.Mark, ""
	if m, ok := g.at[b.Question]; ok {
		where = m
	}
	if m, ok := g.at[b.Question+"/"+b.Option]; ok {
		where = m
	}
	if m, ok := g.at[b.Door]; ok {
		where = m
	}
	switch b.Rule {
	case explore.EndsAtDoor:
		if said = fmt.Sprintf("question %q has no answers: whoever is asked cannot go on", b.Question); b.Question == "" {
			where, said = g.f.Mark.of("start"), fmt.Sprintf("start %q is not a question", g.f.Start)
		}
	case explore.NoDeadAnswer:
		q, _ := g.e.Graph.Question(b.Question)
		o, _ := q.Option(b.Option)
		where, said = where.of("to"), fmt.Sprintf("answer %q of %q leads to %q, which is neither a question nor a door", b.Option, b.Question, o.To)
	case explore.NoCircle:
		said = fmt.Sprintf("answer %q of %q leads back to a question that was asked before", b.Option, b.Question)
	case explore.Reachable:
		if said = fmt.Sprintf("no road leads to question %q", b.Question); b.Door != "" {
			said = fmt.Sprintf("no page leads to door %q", b.Door)
		}
	case explore.Decides:
		said = fmt.Sprintf("question %q decides nothing: all its answers do the same", b.Question)
	case explore.ShortEnough:
		where, said = g.at[b.Question], fmt.Sprintf("the longest road asks %d questions, most is %d; %q is one too many", b.N, g.f.Most, b.Question)
	case explore.HelpAtOnce:
		said = fmt.Sprintf("no urgent door can be reached from question %q, and emergency names none", b.Question)
	}
	if len(b.Road) > 0 {
		said += "; the road: " + g.p.TellAnswers(g.tongue(), b.Road)
	}
	g.broken(where, b.Rule, "%s", said)
}

// tongue is the language errors quote the pack in: theirs, where the pack has it.
func (g *guide) tongue() string {
	if slices.Contains(g.p.Langs, "en") {
		return "en"
	}
	return g.p.Langs[0]
}

// TellAnswers tells a road in the words of the pack: each question with the answer to it.
func (p *Pack) TellAnswers(lang string, road []explore.Step) string {
	var out []string
	for _, s := range road {
		out = append(out, p.Texts[lang]["guide.q."+s.Question]+" "+p.Texts[lang][answerKey(s)])
	}
	return strings.Join(out, " › ")
}
