package api

import (
	"context"
	"slices"
	"time"

	"comity/internal/account"
	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/explain"
	"comity/internal/form"
	"comity/internal/ledger"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/procedure"
	"comity/internal/text"
	"comity/internal/worktime"
)

// Named is an id with its name in the language asked for.
type Named struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// CaseView is a case as staff in scope see it.
type CaseView struct {
	Ref       string            `json:"ref"`
	Version   int               `json:"version" doc:"Send it back with an act"`
	Title     string            `json:"title"`
	Text      string            `json:"text"`
	State     Named             `json:"state"`
	Procedure string            `json:"procedure"`
	Programme Named             `json:"programme"`
	Category  Named             `json:"category"`
	Holder    Named             `json:"holder"`
	Offered   *Named            `json:"offered,omitempty"`
	Assignee  string            `json:"assignee,omitempty"`
	Place     PlaceView         `json:"place"`
	Contact   casework.Contact  `json:"contact"`
	Intake    map[string]string `json:"intake,omitempty"`
	Source    string            `json:"source,omitempty"`
	External  string            `json:"external,omitempty"`
	Outcome   *Named            `json:"outcome,omitempty"`
	Answer    map[string]string `json:"answer,omitempty"`
	Late      bool              `json:"late"`
	Raised    int               `json:"raised"`
	Opened    time.Time         `json:"opened"`
	Changed   time.Time         `json:"changed"`
	Answered  time.Time         `json:"answered,omitzero"`
	Closed    time.Time         `json:"closed,omitzero"`
	Rating    string            `json:"rating,omitempty"`
	Clocks    []ClockView       `json:"clocks"`
	Members   []MemberView      `json:"members" doc:"Who takes part in it, in the order they came"`
	Acts      []ActView         `json:"acts" doc:"What the caller may do now"`
	Files     []FileView        `json:"files"`
	Facts     []FactView        `json:"facts" doc:"What the conditions of acts read; only those that are set"`
	Children  []ChildView       `json:"children" doc:"Cases this one opened, oldest first"`
	Parent    *ParentView       `json:"parent,omitempty" doc:"The case that opened this one"`
	Joint     []Named           `json:"joint" doc:"Units that deal with it too"`
	Sealed    bool              `json:"sealed" doc:"Only the unit that holds it reads it"`
}

// MemberView is somebody who takes part in this case, and in no other as far as anybody can tell.
type MemberView struct {
	ID    string            `json:"id" doc:"What an act about them names as member"`
	Roll  Named             `json:"roll"`
	Name  string            `json:"name,omitempty" doc:"Veiled where the caller has not been shown it"`
	Marks map[string]string `json:"marks"`
	Left  bool              `json:"left,omitempty" doc:"Takes part no more"`
}

// FactView is one fact of a case.
type FactView struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Value Named  `json:"value"`
}

// ChildView is a case that another one opened. Of a sealed case outside the caller's units only number,
// purpose and unit are told.
type ChildView struct {
	Ref       string    `json:"ref"`
	Link      Named     `json:"link" doc:"Through which link, with its purpose"`
	Kind      string    `json:"kind" enum:"child,referral" doc:"A case cannot end before its child; nobody waits for a referral"`
	Procedure string    `json:"procedure"`
	Unit      Named     `json:"unit"`
	Open      bool      `json:"open"`
	State     *Named    `json:"state,omitempty"`
	Due       time.Time `json:"due,omitzero"`
	Clock     string    `json:"clock,omitempty" doc:"The clock that is due"`
	Outcome   *Named    `json:"outcome,omitempty"`
}

// ParentView is the case that opened this one.
type ParentView struct {
	Ref       string `json:"ref"`
	Link      Named  `json:"link"`
	Procedure string `json:"procedure"`
}

// PlaceView is where the matter is.
type PlaceView struct {
	Address string    `json:"address,omitempty"`
	Unit    *Named    `json:"unit,omitempty"`
	Point   *PointDoc `json:"point,omitempty"`
}

// PointDoc is a position in degrees (WGS 84).
type PointDoc struct {
	Lat float64 `json:"lat" minimum:"-90" maximum:"90"`
	Lon float64 `json:"lon" minimum:"-180" maximum:"180"`
}

// FileView is one attachment.
type FileView struct {
	SHA256 string `json:"sha256"`
	Name   string `json:"name"`
	Kind   string `json:"kind"`
	Size   int64  `json:"size"`
	Public bool   `json:"public"`

	Held      string `json:"held,omitempty" enum:"unseen,virus,refused" doc:"Why nobody can open it: it waits for a look (unseen), a scanner found something (virus), or it was refused"`
	Redacts   string `json:"redacts,omitempty" doc:"The file this is a copy of, made to be published"`
	Published bool   `json:"published,omitempty" doc:"Everybody sees this copy beside the report"`
}

// ClockView is one term with the whole count behind its date.
type ClockView struct {
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	Status      string    `json:"status" enum:"idle,running,paused,expired"`
	Promise     bool      `json:"promise" doc:"The date the resident is told"`
	Start       time.Time `json:"start"`
	Rule        RuleView  `json:"rule"`
	Extra       int       `json:"extra" doc:"Extensions so far, in the rule's unit"`
	Raw         time.Time `json:"raw,omitzero" doc:"Start plus term, before rolling to a working day"`
	Due         time.Time `json:"due,omitzero" doc:"Missing while paused"`
	Provisional bool      `json:"provisional" doc:"The calendar does not reach this far yet"`
	Calendar    string    `json:"calendar"`
	Law         *LawView  `json:"law,omitempty"`
	Reasons     []Reason  `json:"reasons,omitempty" doc:"Every sentence behind the date; only where one clock is asked for"`
	Why         []DayView `json:"why" doc:"Every day from the event to the end of the term"`
}

// Reason is one sentence behind a date.
type Reason struct {
	Kind string `json:"kind" enum:"rule,until,from,begun,paused,extended,rolled,provisional,recounted,calendar"`
	Text string `json:"text"`
	Law  string `json:"law,omitempty" doc:"Short name with the article"`
	Says string `json:"says,omitempty" doc:"Words of the article"`
}

// RuleView is the length of a term.
type RuleView struct {
	N       int    `json:"n"`
	Unit    string `json:"unit" enum:"calendar_days,working_days,hours,minutes"`
	Roll    string `json:"roll,omitempty"`
	At      string `json:"at,omitempty"`
	Arrival string `json:"arrival,omitempty"`
}

// DayView is one day of the count.
type DayView struct {
	Day     string `json:"day" format:"date"`
	N       int    `json:"n" doc:"Number of the counted day, or units run so far"`
	Counted bool   `json:"counted"`
	Why     string `json:"why" enum:"start,arrives,counted,workday,weekend,holiday,makeup,paused,rolled,due"`
	Name    string `json:"name,omitempty" doc:"Name of the holiday or make-up day"`
	Text    string `json:"text" doc:"The reason in words"`
}

// ActView is something that can be done, with the form it needs.
type ActView struct {
	ID     string      `json:"id"`
	Name   string      `json:"name"`
	Prime  bool        `json:"prime,omitempty"`
	By     []string    `json:"by,omitempty"`
	From   []string    `json:"from,omitempty"`
	To     string      `json:"to,omitempty"`
	Law    *LawView    `json:"law,omitempty"`
	Fields []FieldView `json:"fields"`
}

// FieldView is one question of a form.
type FieldView struct {
	Name     string    `json:"name"`
	Label    string    `json:"label"`
	Kind     string    `json:"kind" enum:"text,longtext,choice,number,date,yes,phone,unit,officer,outcome"`
	Required bool      `json:"required"`
	When     *WhenView `json:"required_when,omitempty"`
	Min      int       `json:"min,omitempty"`
	Max      int       `json:"max,omitempty"`
	Options  []Named   `json:"options,omitempty"`
	Public   bool      `json:"public"`
	Personal bool      `json:"personal"`
}

// WhenView makes a field required if another has one of these values.
type WhenView struct {
	Field string   `json:"field"`
	In    []string `json:"in"`
}

// EventView is one thing that happened.
type EventView struct {
	Seq      int               `json:"seq"`
	Kind     string            `json:"kind"`
	Text     string            `json:"text"`
	Act      string            `json:"act,omitempty"`
	At       time.Time         `json:"at"`
	Recorded time.Time         `json:"recorded,omitzero" doc:"When it was written down, if later"`
	By       casework.By       `json:"by"`
	State    string            `json:"state"`
	Holder   string            `json:"holder"`
	Assignee string            `json:"assignee,omitempty"`
	Fields   map[string]string `json:"fields,omitempty"`
	Outcome  string            `json:"outcome,omitempty"`
	Expired  string            `json:"expired,omitempty" doc:"The clock that ran out"`
	Note     *casework.Note    `json:"note,omitempty"`
	Files    []FileView        `json:"files,omitempty"`

	Changes   []ChangeView `json:"changes,omitempty" doc:"What changed beside the state, in words"`
	Documents []Named      `json:"documents,omitempty" doc:"Papers the act made"`
	Behalf    bool         `json:"behalf,omitempty" doc:"Recorded for the resident from a signed paper"`
}

// ChangeView is one thing an event changed beside the state.
type ChangeView struct {
	Kind string `json:"kind" enum:"fact,joined,left,opened,recalled,ended,sealed,behalf,document,recounted"`
	Text string `json:"text"`
	Ref  string `json:"ref,omitempty" doc:"The other case it is about"`
}

// ItemView is one line of a list.
type ItemView struct {
	Ref       string    `json:"ref"`
	Title     string    `json:"title"`
	State     Named     `json:"state"`
	Procedure string    `json:"procedure"`
	Programme string    `json:"programme"`
	Category  Named     `json:"category"`
	Holder    Named     `json:"holder"`
	Offered   *Named    `json:"offered,omitempty"`
	Assignee  string    `json:"assignee,omitempty"`
	PlaceUnit string    `json:"place_unit,omitempty"`
	Address   string    `json:"address,omitempty"`
	Due       time.Time `json:"due,omitzero"`
	Clock     string    `json:"clock,omitempty" doc:"The clock that is due"`
	Paused    bool      `json:"paused"`
	Late      bool      `json:"late"`
	Raised    int       `json:"raised"`
	Outcome   string    `json:"outcome,omitempty"`
	Source    string    `json:"source,omitempty"`
	Files     int       `json:"files"`
	Opened    time.Time `json:"opened"`
	Changed   time.Time `json:"changed"`
	Closed    time.Time `json:"closed,omitzero"`
	Joint     bool      `json:"joint" doc:"Other units deal with it too"`
	Sealed    bool      `json:"sealed" doc:"Then title and place are not shown in lists"`
}

// viewer builds shapes of one case in one language.
type viewer struct {
	say text.Speaker
	p   *pack.Pack
	d   *procedure.Definition
}

func (a *API) viewer(digest, proc, lang string) (viewer, error) {
	d, err := a.Packs.Definition(digest, proc)
	if err != nil {
		return viewer{}, err
	}
	return viewer{say: a.say(digest, lang), p: a.Packs.Pack(digest), d: d}, nil
}

func (v viewer) named(family, id string) Named {
	return Named{ID: id, Name: v.say.T(family + "." + id)}
}

func (v viewer) unit(id org.UnitID) *Named {
	if id == "" {
		return nil
	}
	n := v.named("unit", string(id))
	return &n
}

func (v viewer) unitOf(id org.UnitID) Named {
	if n := v.unit(id); n != nil {
		return *n
	}
	return Named{}
}

func (v viewer) state(id string) Named {
	return Named{ID: id, Name: v.say.T("state." + v.d.ID + "." + id)}
}

func (v viewer) outcome(id string) *Named {
	if id == "" {
		return nil
	}
	return &Named{ID: id, Name: v.say.T("outcome." + v.d.ID + "." + id)}
}

// local shows an instant in the city's zone; a missing one stays missing.
func (v viewer) local(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.In(v.p.Zone)
}

func (v viewer) staffCase(c casework.Case, who authz.Actor, now time.Time, officers []account.Account) CaseView {
	out := CaseView{
		Ref: string(c.Ref), Version: c.Version, Title: c.Title, Text: c.Text, State: v.state(c.State),
		Procedure: c.Procedure, Programme: v.named("programme", c.Programme), Category: v.named("category", c.Category),
		Holder: v.unitOf(c.Holder), Offered: v.unit(c.Offered), Assignee: c.Assignee,
		Place: PlaceView{Address: c.Place.Address, Unit: v.unit(c.Place.Unit)}, Contact: c.Contact, Intake: c.Intake,
		Source: c.Source, External: c.External, Outcome: v.outcome(c.Outcome), Answer: c.Answer, Late: c.Late, Raised: c.Raised,
		Opened: v.local(c.Opened), Changed: v.local(c.Changed), Answered: v.local(c.Answered), Closed: v.local(c.Closed), Rating: c.Rating,
		Clocks: []ClockView{}, Members: v.members(c), Acts: v.acts(c, who, now, officers), Files: v.files(c.Files, false),
	}
	out.Facts, out.Children, out.Joint, out.Sealed = v.facts(c), []ChildView{}, []Named{}, c.Sealed != ""
	for _, u := range c.Joint {
		out.Joint = append(out.Joint, v.unitOf(u))
	}
	if p := c.Parent; p != nil {
		out.Parent = &ParentView{Ref: string(p.Ref), Procedure: p.Procedure, Link: Named{p.Link, explain.Purpose(v.say, p.Procedure, p.Link)}}
	}
	if c.Place.Point != nil {
		out.Place.Point = &PointDoc{Lat: c.Place.Point.Lat, Lon: c.Place.Point.Lon}
	}
	for _, k := range c.Clocks {
		out.Clocks = append(out.Clocks, v.clock(k))
	}
	return out
}

func (v viewer) facts(c casework.Case) []FactView {
	out := []FactView{}
	for _, f := range v.d.Facts {
		if value := c.Facts[f.ID]; value != "" {
			name, words := explain.Fact(v.say, v.d.ID, f.ID, value)
			out = append(out, FactView{ID: f.ID, Name: name, Value: Named{value, words}})
		}
	}
	return out
}

// child shows a case that another one opened; whole says whether the reader may know how it stands.
func (v viewer) child(k casework.Child, c casework.Case, whole bool) ChildView {
	out := ChildView{Ref: string(k.Ref), Link: Named{k.Link, explain.Purpose(v.say, v.d.ID, k.Link)}, Kind: string(k.Kind), Procedure: k.Procedure,
		Unit: v.unitOf(k.Unit), Open: k.Open}
	if !whole {
		return out
	}
	out.Unit = v.unitOf(c.Holder)
	out.State = &Named{c.State, v.say.T("state." + c.Procedure + "." + c.State)}
	if due, ok := c.Due(); ok && k.Open {
		out.Due, out.Clock = v.local(due.Due), due.ID
	}
	if k.Outcome != "" {
		out.Outcome = &Named{k.Outcome, explain.Outcome(v.say, k.Procedure, k.Outcome)}
	}
	return out
}

// told is the case for those who put its rules into words.
func (v viewer) told(c casework.Case, events []casework.Event) explain.Matter {
	return explain.Matter{Say: v.say, Zone: v.p.Zone, D: v.d, Case: c, Events: events}
}

// why is one clock with every sentence behind its date.
func (v viewer) why(c casework.Case, events []casework.Event, id string) (ClockView, bool) {
	k, _ := c.Clock(id)
	date, ok := v.told(c, events).Date(id)
	if !ok {
		return ClockView{}, false
	}
	out := v.clock(k)
	for _, r := range date.Reasons {
		out.Reasons = append(out.Reasons, Reason{Kind: r.Kind, Text: r.Words, Law: r.Law.Name, Says: r.Law.Words})
	}
	return out, true
}

func changes(list []explain.Change) []ChangeView {
	var out []ChangeView
	for _, c := range list {
		out = append(out, ChangeView{Kind: c.Kind, Text: c.Words, Ref: string(c.Ref)})
	}
	return out
}

func (v viewer) files(list []casework.File, publicOnly bool) []FileView {
	out := []FileView{}
	for _, f := range list {
		if f.Public || !publicOnly {
			out = append(out, FileView{SHA256: f.SHA256, Name: f.Name, Kind: f.Kind, Size: f.Size, Public: f.Public, Held: f.Held, Redacts: f.Redacts, Published: f.Published})
		}
	}
	return out
}

func (v viewer) clock(k casework.Clock) ClockView {
	out := ClockView{
		ID: k.ID, Name: v.say.T("clock." + v.d.ID + "." + k.ID), Status: k.Status, Start: v.local(k.Start),
		Rule: rule(k.Rule), Extra: k.Extra, Raw: v.local(k.Raw), Due: v.local(k.Due), Provisional: k.Provisional,
		Calendar: k.Calendar, Why: []DayView{},
	}
	if def, ok := v.d.Clock(k.ID); ok {
		out.Promise, out.Law = def.Promise, law(v.say, def.Law)
	}
	for _, d := range v.told(casework.Case{}, nil).Days(k) {
		out.Why = append(out.Why, DayView{Day: d.ISO, N: d.N, Counted: d.Counted, Why: d.Why, Name: d.Name, Text: d.Words})
	}
	return out
}

func rule(r worktime.Rule) RuleView {
	return RuleView{N: r.N, Unit: string(r.Unit), Roll: string(r.Roll), At: string(r.At), Arrival: string(r.Arrival)}
}

// acts lists what the actor may do now.
func (v viewer) acts(c casework.Case, who authz.Actor, now time.Time, officers []account.Account) []ActView {
	out := []ActView{}
	for i := range v.d.Acts {
		if act := &v.d.Acts[i]; casework.CanAct(v.d, c, act, who, now) {
			x := v.act(act, officers)
			if list := casework.Choices(v.d, c, act, who, now); len(list) > 0 {
				x.Fields = append([]FieldView{v.about(list)}, x.Fields...)
			}
			out = append(out, x)
		}
	}
	return out
}

// about is the question whom an act concerns.
func (v viewer) about(list []casework.Member) FieldView {
	q := FieldView{Name: procedure.FieldMember, Label: v.say.T("desk.roll.who"), Kind: string(form.Choice), Required: true}
	for _, m := range list {
		q.Options = append(q.Options, Named{ID: m.ID, Name: v.say.T("roll."+v.d.ID+"."+m.Roll) + " " + m.ID})
	}
	return q
}

func (v viewer) members(c casework.Case) []MemberView {
	out := []MemberView{}
	for _, m := range c.Members {
		x := MemberView{ID: m.ID, Roll: v.named("roll."+v.d.ID, m.Roll), Name: m.Name, Marks: m.Marks, Left: m.Left}
		if x.Marks == nil {
			x.Marks = map[string]string{}
		}
		out = append(out, x)
	}
	return out
}

func (v viewer) act(act *procedure.Act, officers []account.Account) ActView {
	return ActView{ID: act.ID, Name: v.say.T("act." + v.d.ID + "." + act.ID), Prime: act.Prime, To: act.To,
		Law: law(v.say, act.Law), Fields: v.form(act.ID, act.Fields, officers)}
}

func (v viewer) form(act string, list []form.Field, officers []account.Account) []FieldView {
	out := []FieldView{}
	for _, f := range list {
		q := FieldView{Name: f.Name, Label: v.say.T("field." + v.d.ID + "." + act + "." + f.Name), Kind: string(f.Kind),
			Required: f.Required, Min: f.Min, Max: f.Max, Public: f.Public, Personal: f.Personal}
		if f.When != nil {
			q.When = &WhenView{Field: f.When.Field, In: f.When.In}
		}
		q.Options = v.options(act, f, officers)
		out = append(out, q)
	}
	return out
}

func (v viewer) options(act string, f form.Field, officers []account.Account) []Named {
	var out []Named
	switch f.Kind {
	case form.Choice:
		for _, o := range f.Options {
			out = append(out, Named{ID: o, Name: v.option(act, f.Name, o)})
		}
	case form.Outcome:
		for _, o := range v.d.Outcomes {
			if len(f.Options) == 0 || slices.Contains(f.Options, o.ID) {
				out = append(out, *v.outcome(o.ID))
			}
		}
	case form.Officer:
		for _, o := range officers {
			out = append(out, Named{ID: o.ID, Name: o.NameIn(v.say.Lang)})
		}
	}
	return out
}

// option says an option in the pack's words, else in words every pack shares (ratings), else as it is.
func (v viewer) option(act, field, id string) string {
	for _, key := range []string{"option." + v.d.ID + "." + act + "." + field + "." + id, field + "." + id} {
		if v.say.Has(key) {
			return v.say.T(key)
		}
	}
	return id
}

func (v viewer) event(c casework.Case, events []casework.Event, e casework.Event) EventView {
	out := EventView{Seq: e.Seq, Kind: e.Kind, Text: v.happened(c, events, e), Act: e.Act, At: v.local(e.At), Recorded: v.local(e.Recorded),
		By: e.By, State: e.State, Holder: string(e.Holder), Assignee: e.Assignee, Fields: e.Fields, Outcome: e.Outcome,
		Expired: e.Expired, Note: e.Note, Files: v.files(e.Files, false), Behalf: e.Behalf}
	out.Changes = changes(v.told(c, events).Changes(e))
	for _, id := range e.Documents {
		out.Documents = append(out.Documents, v.named("document."+v.d.ID, id))
	}
	return out
}

// happened says an event in the past tense: the pack's phrase, or the program's for events every
// procedure shares.
func (v viewer) happened(c casework.Case, events []casework.Event, e casework.Event) string {
	if words, ok := v.told(c, events).Title(e); ok {
		return words
	}
	if key := "api.event." + e.Kind; v.say.Has(key) {
		return v.say.T(key)
	}
	return e.Kind
}

func (a *API) item(i ledger.Item, lang string) ItemView {
	say, zone := a.say(i.Pack, lang), a.Packs.Pack(i.Pack).Zone
	name := func(key string) string { return say.T(key) }
	local := func(t time.Time) time.Time {
		if t.IsZero() {
			return t
		}
		return t.In(zone)
	}
	out := ItemView{
		Ref: string(i.Ref), Title: i.Title, State: Named{i.State, name("state." + i.Procedure + "." + i.State)},
		Procedure: i.Procedure, Programme: i.Programme, Category: Named{i.Category, name("category." + i.Category)},
		Holder: Named{string(i.Holder), name("unit." + string(i.Holder))}, Assignee: i.Assignee, PlaceUnit: string(i.PlaceUnit),
		Address: i.Address, Due: local(i.Due), Clock: i.Clock, Paused: i.Paused, Late: i.Late, Raised: i.Raised, Outcome: i.Outcome,
		Source: i.Source, Files: i.Files, Opened: local(i.Opened), Changed: local(i.Changed), Closed: local(i.Closed),
	}
	if out.Joint, out.Sealed = i.Joint, i.Sealed; i.Sealed {
		out.Title = say.T("desk.sealed")
	} else if i.Title == "" {
		out.Title = say.T("category." + i.Category)
	}
	if i.Offered != "" {
		out.Offered = &Named{string(i.Offered), name("unit." + string(i.Offered))}
	}
	return out
}

// officers lists who a case of the unit can be given to.
func (a *API) officers(ctx context.Context, unit org.UnitID) ([]account.Account, error) {
	return a.Accounts.OfUnit(ctx, unit)
}
