package pack

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"comity/internal/form"
	"comity/internal/org"
	"comity/internal/procedure"
)

// Two registers that are law and not code: the questions one body may ask another about a person
// (questions.yaml), and what a public camera may rest on (cameras.yaml).

// Register is what may be asked about a person, of whom, under which article, and which answers there are.
// Nothing that is not in it can be asked: the procedure takes its choices from here.
type Register struct {
	Procedure string
	Bodies    []string
	Questions []Question
}

// Question is one question. Its words are the texts question.ID, question.ID.purpose and question.ID.never.
type Question struct {
	ID, Body string
	Law      procedure.Law
	Consent  bool          // may be asked if the person agrees
	Duty     procedure.Law // the statutory duty under which it is asked without agreement, if there is one
	Levels   []org.Level   // units of these levels may ask it
	Answers  []string      // the closed list
}

// Question finds a question of the register.
func (r *Register) Question(id string) (Question, bool) {
	if r == nil {
		return Question{}, false
	}
	i := slices.IndexFunc(r.Questions, func(q Question) bool { return q.ID == id })
	if i < 0 {
		return Question{}, false
	}
	return r.Questions[i], true
}

// Names that the procedure of a register gives its parts. The application is a field of the opening; what
// it holds is never shown beside another case.
const (
	AskField    = "question"    // choice of the opening, and a fact
	ForField    = "application" // what the request belongs to
	ConsentAct  = "ask"         // the person is asked to agree
	DutyAct     = "name_duty"   // the person is told of the duty instead
	AnswerAct   = "answer"
	AnswerField = "answer"
)

// CameraRules is what an entry of the public camera register must hold.
type CameraRules struct {
	Law     procedure.Law // why there is a register
	Bases   []CameraBasis
	Roles   []string // who may enter, for the units below theirs
	Footage string   // category under which a person asks to see a recording
}

// CameraBasis is what a camera may rest on. Its words are the text camera.basis.ID.
type CameraBasis struct {
	ID        string
	Law       procedure.Law
	Retention procedure.Law // the article that sets Least
	Least     int           // fewest days a recording is kept; 0 = no rule
}

// Basis finds a basis.
func (r *CameraRules) Basis(id string) (CameraBasis, bool) {
	i := slices.IndexFunc(r.Bases, func(b CameraBasis) bool { return b.ID == id })
	if i < 0 {
		return CameraBasis{}, false
	}
	return r.Bases[i], true
}

type questionsFile struct {
	Mark      mark           `yaml:"-"`
	Procedure string         `yaml:"procedure" doc:"The procedure by which they are asked; its fields, facts and guards take them from here."`
	Bodies    []bodyYAML     `yaml:"bodies" doc:"Who can be asked."`
	Answers   []answerYAML   `yaml:"answers" doc:"Every answer that exists."`
	Questions []questionYAML `yaml:"questions" doc:"What can be asked."`
}

type bodyYAML struct {
	Mark mark   `yaml:"-"`
	ID   string `yaml:"id" doc:"Id of the body."`
	Name words  `yaml:"name" doc:"What it is called."`
}

type answerYAML struct {
	Mark mark   `yaml:"-"`
	ID   string `yaml:"id" doc:"Id of the answer."`
	Name words  `yaml:"name" doc:"The answer in words."`
}

type questionYAML struct {
	Mark    mark       `yaml:"-"`
	ID      string     `yaml:"id" doc:"Id of the question."`
	Body    string     `yaml:"body" doc:"Who is asked."`
	Law     lawRefYAML `yaml:"law" doc:"The article that allows asking."`
	Consent bool       `yaml:"consent" doc:"May be asked if the person agrees."`
	Duty    lawRefYAML `yaml:"duty" doc:"The statutory duty under which it is asked without agreement."`
	Levels  []string   `yaml:"levels" enum:"level" doc:"Units of these levels may ask."`
	Answers []string   `yaml:"answers" doc:"The answers it can have: a closed list."`
	Name    words      `yaml:"name" doc:"The question, as the person reads it."`
	Purpose words      `yaml:"purpose" doc:"What the answer is for."`
	Never   words      `yaml:"never" doc:"What is not told with it."`
}

type camerasFile struct {
	Mark    mark              `yaml:"-"`
	Law     lawRefYAML        `yaml:"law" doc:"The article the register rests on."`
	Roles   []string          `yaml:"roles" doc:"Roles that may enter cameras of their unit and those below it."`
	Footage string            `yaml:"footage" doc:"Category under which a person asks to see a recording."`
	Bases   []cameraBasisYAML `yaml:"bases" doc:"What a camera may rest on."`
}

type cameraBasisYAML struct {
	Mark      mark       `yaml:"-"`
	ID        string     `yaml:"id" doc:"Id of the basis."`
	Law       lawRefYAML `yaml:"law" doc:"Its article."`
	Least     int        `yaml:"least_days" doc:"Fewest days a recording must be kept."`
	Retention lawRefYAML `yaml:"retention_law" doc:"The article that says so."`
	Name      words      `yaml:"name" doc:"What it is called."`
}

type orderYAML struct {
	Mark  mark       `yaml:"-"`
	ID    string     `yaml:"id" doc:"Id of the order."`
	Act   string     `yaml:"act" doc:"The act that does not happen before."`
	After []string   `yaml:"after" doc:"Acts of which one must have been done."`
	Anew  []string   `yaml:"anew" doc:"Acts after which one of them must be done again."`
	Name  words      `yaml:"name" doc:"The order in words."`
	Law   lawRefYAML `yaml:"law" doc:"The article it rests on."`
}

func (l *loader) has(file string) bool {
	_, err := fs.Stat(l.fsys, file)
	return !errors.Is(err, fs.ErrNotExist)
}

// questions reads the register of questions; a pack may do without it.
func (l *loader) questions() {
	if !l.has("questions.yaml") {
		return
	}
	f := &l.asked
	if !readYAML(l.fsys, "questions.yaml", f, &l.bad) {
		return
	}
	r := &Register{Procedure: f.Procedure}
	for _, y := range f.Bodies {
		l.id(y.Mark, "body", y.ID)
		r.Bodies = append(r.Bodies, y.ID)
		l.say(y.Mark, "question.body."+y.ID, y.Name, true)
	}
	var answers []string
	for _, y := range f.Answers {
		l.id(y.Mark, "answer", y.ID)
		answers = append(answers, y.ID)
		l.say(y.Mark, "question.answer."+y.ID, y.Name, true)
	}
	for _, y := range f.Questions {
		r.Questions = append(r.Questions, l.question(y, r, answers))
	}
	l.p.Register = r
}

func (l *loader) question(y questionYAML, r *Register, answers []string) Question {
	bad := func(format string, args ...any) {
		l.bad.on(y.Mark, "question %q: %s", y.ID, fmt.Sprintf(format, args...))
	}
	l.id(y.Mark, "question", y.ID)
	b := builder{loader: l}
	q := Question{ID: y.ID, Body: y.Body, Law: b.law(y.Law), Consent: y.Consent, Duty: b.law(y.Duty), Answers: y.Answers}
	if _, twice := r.Question(y.ID); twice {
		bad("is listed twice")
	}
	if !slices.Contains(r.Bodies, y.Body) {
		bad("body %q is not listed under bodies", y.Body)
	}
	if q.Law.None() {
		bad("name the law under which it may be asked")
	}
	if !q.Consent && q.Duty.None() {
		bad("it rests on nothing: say consent: true, or name the duty")
	}
	for _, s := range y.Levels {
		level, err := org.ParseLevel(s)
		if err != nil {
			bad("levels: %v", err)
		}
		q.Levels = append(q.Levels, level)
	}
	if len(q.Levels) == 0 {
		bad("say which levels may ask it")
	}
	if len(y.Answers) < 2 {
		bad("a question has at least two answers; free text is no answer")
	}
	for _, a := range y.Answers {
		if !slices.Contains(answers, a) {
			bad("answer %q is not listed under answers%s", a, suggest(a, answers))
		}
	}
	l.say(y.Mark, "question."+y.ID, y.Name, true)
	l.say(y.Mark, "question."+y.ID+".purpose", y.Purpose, true)
	l.say(y.Mark, "question."+y.ID+".never", y.Never, true)
	return q
}

// ask writes the register into the procedure that asks: which questions there are, who may ask them,
// and which answers each can have. From here on they are ordinary choices and guards, so production,
// stories and the checker hold to the same closed list.
func (l *loader) ask(f *procedureFile) {
	r := l.p.Register
	if r == nil || f.Procedure != r.Procedure {
		return
	}
	var ids []string
	names := map[string]words{}
	for _, y := range l.asked.Questions {
		ids = append(ids, y.ID)
		names[y.ID] = y.Name
	}
	found := 0
	for i := range f.Opening.Fields {
		if y := &f.Opening.Fields[i]; y.Name == AskField {
			y.Options, y.Names = ids, names
			found++
		}
		if f.Opening.Fields[i].Name == ForField {
			found++
		}
	}
	for i := range f.Facts {
		if y := &f.Facts[i]; y.ID == AskField {
			y.Values, y.Names = ids, names
			found++
		}
	}
	for i := range f.Acts {
		switch y := &f.Acts[i]; y.ID {
		case ConsentAct:
			y.When = both(y.When, r.mayAsk(func(q Question) bool { return q.Consent }))
		case DutyAct:
			y.When = both(y.When, r.mayAsk(func(q Question) bool { return !q.Duty.None() }))
		case AnswerAct:
			y.When = both(y.When, r.fits())
			found += l.answers(y)
		}
	}
	if found != 4 {
		l.bad.on(f.Mark, "questions.yaml is for this procedure, which then needs the opening fields %q and %q, the fact %q, and the act %q with a choice field %q",
			AskField, ForField, AskField, AnswerAct, AnswerField)
	}
}

func (l *loader) answers(act *actYAML) int {
	for i := range act.Fields {
		y := &act.Fields[i]
		if y.Name != AnswerField || form.Kind(y.Kind) != form.Choice {
			continue
		}
		y.Options, y.Names = nil, map[string]words{}
		for _, a := range l.asked.Answers {
			y.Options = append(y.Options, a.ID)
			y.Names[a.ID] = a.Name
		}
		return 1
	}
	return 0
}

// both is a guard that asks for two things.
func both(a, b string) string {
	switch {
	case strings.TrimSpace(a) == "":
		return b
	case b == "":
		return a
	}
	return "(" + a + ") && (" + b + ")"
}

// mayAsk is the guard "this unit may ask this question", for the questions that fit.
func (r *Register) mayAsk(fit func(Question) bool) string {
	return r.grouped(func(q Question) string {
		if !fit(q) {
			return ""
		}
		levels := make([]string, len(q.Levels))
		for i, l := range q.Levels {
			levels[i] = l.String()
		}
		return "level in " + listed(levels)
	})
}

// fits is the guard "this is one of the answers of this question".
func (r *Register) fits() string {
	return r.grouped(func(q Question) string { return "form." + AnswerField + " in " + listed(q.Answers) })
}

// grouped joins what is said of each question; questions of which the same is said share a line. What no
// question says can never hold.
func (r *Register) grouped(say func(Question) string) string {
	var order []string
	by := map[string][]string{}
	for _, q := range r.Questions {
		if s := say(q); s != "" {
			if by[s] == nil {
				order = append(order, s)
			}
			by[s] = append(by[s], q.ID)
		}
	}
	var parts []string
	for _, s := range order {
		parts = append(parts, AskField+" in "+listed(by[s])+" && "+s)
	}
	return cmp.Or(strings.Join(parts, " || "), AskField+" in []")
}

func listed(ids []string) string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = "'" + id + "'"
	}
	return "[" + strings.Join(out, ", ") + "]"
}

// cameras reads what public cameras rest on; a pack may do without it.
func (l *loader) cameras() {
	if !l.has("cameras.yaml") {
		return
	}
	var f camerasFile
	if !readYAML(l.fsys, "cameras.yaml", &f, &l.bad) {
		return
	}
	b := builder{loader: l}
	c := &CameraRules{Law: b.law(f.Law), Roles: f.Roles, Footage: f.Footage}
	held := b.rolesHeld()
	for _, r := range f.Roles {
		if !held[r] {
			l.bad.on(f.Mark.of("roles"), "role %q is held by no unit%s", r, suggest(r, keys(held)))
		}
	}
	if len(f.Bases) == 0 || len(f.Roles) == 0 {
		l.bad.on(f.Mark, "name the roles that keep the register, and what a camera may rest on")
	}
	if _, ok := l.p.Category(f.Footage); f.Footage != "" && !ok {
		l.bad.on(f.Mark.of("footage"), "category %q is not in categories.yaml", f.Footage)
	}
	for _, y := range f.Bases {
		l.id(y.Mark, "basis", y.ID)
		base := CameraBasis{ID: y.ID, Law: b.law(y.Law), Least: y.Least, Retention: b.law(y.Retention)}
		if base.Law.None() || base.Least > 0 && base.Retention.None() {
			l.bad.on(y.Mark, "basis %q: name its law, and with least_days the retention_law", y.ID)
		}
		c.Bases = append(c.Bases, base)
		l.say(y.Mark, "camera.basis."+y.ID, y.Name, true)
	}
	l.p.Cameras = c
}

// order reads one claim about what comes before what.
func (b *builder) order(y orderYAML) {
	d := b.d
	what := "order " + strconv.Quote(y.ID)
	b.id(y.Mark, "order", y.ID)
	for _, id := range append(slices.Concat(y.After, y.Anew), y.Act) {
		if _, ok := d.Act(id); !ok {
			b.bad.on(y.Mark, "%s names the act %q, which is not listed", what, id)
		}
	}
	if y.Act == "" || len(y.After) == 0 {
		b.bad.on(y.Mark, "%s needs act and after", what)
	}
	d.Orders = append(d.Orders, procedure.Order{ID: y.ID, Act: y.Act, After: y.After, Anew: y.Anew, Law: b.law(y.Law)})
	b.say(y.Mark, "order."+d.ID+"."+y.ID, y.Name, true)
}
