package api

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/explain"
	"comity/internal/ledger"
	"comity/internal/procedure"
)

var problemOf = reflect.TypeFor[Problem]()

func (a *API) followRoutes() {
	handle(a, a.route("list-procedures", http.MethodGet, "/api/v1/procedures", http.StatusOK, true), a.listProcedures)
	handle(a, a.route("follow-case", http.MethodGet, "/api/v1/follow/{code}", http.StatusOK, false), a.followCase)
	handle(a, a.route("follow-clock", http.MethodGet, "/api/v1/follow/{code}/clocks/{clock}", http.StatusOK, false), a.followClock)
	handle(a, a.route("follow-act", http.MethodPost, "/api/v1/follow/{code}/acts/{act}", http.StatusOK, false), a.followAct)
}

// Follow is the public part of a case: what the holder of the code may know. It has no contact, no
// internal note, no officer, and of every form only the fields the pack calls public.
type Follow struct {
	Ref      string            `json:"ref"`
	Title    string            `json:"title"`
	Category Named             `json:"category"`
	State    Named             `json:"state"`
	Now      string            `json:"now" doc:"What is happening, in words for the resident"`
	Phases   []PhaseView       `json:"phases"`
	Holder   Named             `json:"holder"`
	Opened   time.Time         `json:"opened"`
	Closed   time.Time         `json:"closed,omitzero"`
	Clocks   []ClockView       `json:"clocks" doc:"Terms that run or stand still"`
	Outcome  *Named            `json:"outcome,omitempty"`
	Answer   map[string]string `json:"answer,omitempty"`
	Answered time.Time         `json:"answered,omitzero"`
	Events   []PublicEvent     `json:"events"`
	Acts     []ActView         `json:"acts" doc:"What the resident may do now"`
	Children []ChildView       `json:"children" doc:"Reviews, hearings and hand-overs opened from it; what offices ask each other is not told"`
	Parent   *ParentView       `json:"parent,omitempty" doc:"The matter it was opened from"`
}

// PhaseView is one step a resident sees.
type PhaseView struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	At   string `json:"at" enum:"done,current,ahead"`
}

// PublicEvent is something that happened, in words for the resident.
type PublicEvent struct {
	At     time.Time         `json:"at"`
	Text   string            `json:"text"`
	Fields map[string]string `json:"fields,omitempty"`
	Note   string            `json:"note,omitempty"`

	Changes []ChangeView `json:"changes,omitempty" doc:"What changed beside the state, in words"`
}

type followInput struct {
	Code string `path:"code" maxLength:"80"`
}

type followOutput struct{ Body Follow }

// byCode finds the case a code opens. A code that cannot be one is told apart from a code that opens
// nothing, since the check character catches typing mistakes. Codes that open nothing count against
// the address they come from; who has tried too many waits, whatever the next code would open.
func (a *API) byCode(ctx context.Context, typed string) (casework.Case, error) {
	code, err := casework.ParseCode(typed)
	if err != nil {
		return casework.Case{}, err
	}
	by, now := callerOf(ctx), a.Now()
	if wait := a.wrong.Wait(by.from, now); wait > 0 {
		p := a.plain("code.too_many", http.StatusTooManyRequests, by.lang)
		p.wait = wait
		return casework.Case{}, p
	}
	c, err := a.Reader.ByCode(ctx, code)
	if errors.Is(err, ledger.ErrNotFound) {
		a.wrong.Count(by.from, now)
		p := a.plain("case.unknown", http.StatusNotFound, by.lang)
		p.event = "code.unknown"
		return c, p
	}
	return c, err
}

// own opens the case for whoever holds its code.
func (a *API) own(ctx context.Context, c casework.Case) (*ledger.Look, error) {
	return a.Ledger.Look(ctx, authz.Holder(string(c.ID)), ledger.Ticket{Case: c.ID, Purpose: ledger.PurposeOwn, Level: authz.Identity})
}

func (a *API) followCase(ctx context.Context, in *followInput) (*followOutput, error) {
	c, err := a.byCode(ctx, in.Code)
	if err != nil {
		return nil, err
	}
	return a.public(ctx, c)
}

func (a *API) public(ctx context.Context, c casework.Case) (*followOutput, error) {
	v, err := a.viewer(c.Pack, c.Procedure, callerOf(ctx).lang)
	if err != nil {
		return nil, err
	}
	look, err := a.own(ctx, c)
	if err != nil {
		return nil, err
	}
	c, events := look.Case(), look.Events()
	out := Follow{
		Ref: string(c.Ref), Title: c.Title, Category: v.named("category", c.Category), State: v.state(c.State),
		Now: v.say.T("state." + v.d.ID + "." + c.State + ".now"), Phases: v.phases(c.State), Holder: v.unitOf(c.Holder),
		Opened: v.local(c.Opened), Closed: v.local(c.Closed), Clocks: []ClockView{}, Outcome: v.outcome(c.Outcome),
		Answered: v.local(c.Answered), Events: []PublicEvent{}, Acts: v.acts(c, authz.Holder(string(c.ID)), a.Now(), nil),
	}
	for _, k := range c.Clocks {
		if k.Running() || k.Status == procedure.Paused.String() {
			out.Clocks = append(out.Clocks, v.clock(k))
		}
	}
	out.Children = []ChildView{}
	kids, err := a.Reader.Children(ctx, c)
	if err != nil {
		return nil, err
	}
	for _, k := range c.Children {
		if explain.Theirs(v.d, k.Link) {
			out.Children = append(out.Children, v.child(k, kids[k.Case], true))
		}
	}
	if p := c.Parent; p != nil {
		out.Parent = &ParentView{Ref: string(p.Ref), Procedure: p.Procedure, Link: Named{p.Link, explain.Purpose(v.say, p.Procedure, p.Link)}}
	}
	for _, e := range events {
		if p, ok := v.publicEvent(c, events, e); ok {
			out.Events = append(out.Events, p)
		}
		if e.Answers {
			out.Answer = v.publicFields(e)
		}
	}
	return &followOutput{Body: out}, nil
}

type followClockInput struct {
	Code  string `path:"code" maxLength:"80"`
	Clock string `path:"clock" maxLength:"60"`
}

// followClock answers "why this date?" for a term that runs or stands still.
func (a *API) followClock(ctx context.Context, in *followClockInput) (*clockOutput, error) {
	c, err := a.byCode(ctx, in.Code)
	if err != nil {
		return nil, err
	}
	lang := callerOf(ctx).lang
	v, err := a.viewer(c.Pack, c.Procedure, lang)
	if err != nil {
		return nil, err
	}
	look, err := a.own(ctx, c)
	if err != nil {
		return nil, err
	}
	out, ok := v.why(look.Case(), look.Events(), in.Clock)
	if !ok || (out.Status != procedure.Running.String() && out.Status != procedure.Paused.String()) {
		return nil, a.plain("clock.unknown", http.StatusNotFound, lang)
	}
	return &clockOutput{Body: out}, nil
}

func (v viewer) phases(state string) []PhaseView {
	st, _ := v.d.State(state)
	list := v.p.Phases[v.d.ID]
	current := -1
	if st != nil {
		current = slices.Index(list, st.Phase)
	}
	out := []PhaseView{}
	for i, id := range list {
		p := PhaseView{ID: id, Name: v.say.T("phase." + v.d.ID + "." + id), At: "ahead"}
		switch {
		case i == current:
			p.At = "current"
		case i < current:
			p.At = "done"
		}
		out = append(out, p)
	}
	return out
}

// publicEvent shows an event of the procedure or a note meant for the resident; notices, papers and
// internal notes stay inside.
func (v viewer) publicEvent(c casework.Case, events []casework.Event, e casework.Event) (PublicEvent, bool) {
	told := v.told(c, events)
	p := PublicEvent{At: v.local(e.At), Text: v.happened(c, events, e), Fields: v.publicFields(e), Changes: changes(explain.Public(told.Changes(e)))}
	switch {
	case e.Note != nil && e.Note.Public:
		p.Note = e.Note.Text
		return p, true
	case e.Act != "" || e.Opening != nil || told.ForResident(e):
		return p, true
	}
	return p, false
}

// publicFields keeps the answers whose question the pack calls public.
func (v viewer) publicFields(e casework.Event) map[string]string {
	act, ok := v.d.Act(e.Act)
	if !ok {
		return nil
	}
	var out map[string]string
	for _, f := range act.Fields {
		if value := e.Fields[f.Name]; f.Public && !f.Personal && value != "" {
			if out == nil {
				out = map[string]string{}
			}
			out[f.Name] = value
		}
	}
	return out
}

type followActInput struct {
	Code string `path:"code" maxLength:"80"`
	Act  string `path:"act" maxLength:"60"`
	Key  string `header:"Idempotency-Key" maxLength:"200"`
	Body struct {
		Fields map[string]string `json:"fields,omitempty"`
	}
}

func (a *API) followAct(ctx context.Context, in *followActInput) (*followOutput, error) {
	c, err := a.byCode(ctx, in.Code)
	if err != nil {
		return nil, err
	}
	cmd := casework.Command{Case: c.ID, Version: casework.AnyVersion, Act: in.Act, Fields: in.Body.Fields}
	if in.Key != "" {
		cmd.Key = "follow:" + string(c.ID) + ":" + in.Key // all residents share one actor id
	}
	who := authz.Holder(string(c.ID))
	if _, err := a.Ledger.Do(ctx, who, cmd); err != nil {
		by := callerOf(ctx)
		by.who = who
		return nil, a.instead(a.problem(ctx, err, by.lang, c.Pack), c, by, "/api/v1/follow/"+url.PathEscape(string(c.Code))+"/acts/")
	}
	if c, err = a.Reader.ByCode(ctx, c.Code); err != nil {
		return nil, err
	}
	return a.public(ctx, c)
}

// ProcedureView is a procedure as the pack declares it.
type ProcedureView struct {
	ID         string        `json:"id"`
	Name       string        `json:"name,omitempty"`
	Pack       string        `json:"pack"`
	Programme  Named         `json:"programme"`
	Law        *LawView      `json:"law,omitempty"`
	Start      string        `json:"start"`
	Intake     []FieldView   `json:"intake"`
	Categories []Named       `json:"categories"`
	Phases     []Named       `json:"phases"`
	States     []StateView   `json:"states"`
	Acts       []ActView     `json:"acts"`
	Clocks     []ClockDef    `json:"clocks"`
	Outcomes   []OutcomeView `json:"outcomes"`
}

// StateView is one state.
type StateView struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Now   string `json:"now"`
	Phase string `json:"phase"`
	Owner string `json:"owner,omitempty"`
	Final bool   `json:"final"`
}

// ClockDef is one term as declared.
type ClockDef struct {
	ID         string              `json:"id"`
	Name       string              `json:"name"`
	Law        *LawView            `json:"law,omitempty"`
	Promise    bool                `json:"promise"`
	Rule       RuleView            `json:"rule"`
	ByCategory map[string]RuleView `json:"by_category,omitempty"`
	In         []string            `json:"in,omitempty"`
	Start      []string            `json:"start,omitempty"`
	Stop       []string            `json:"stop,omitempty"`
	Pause      []string            `json:"pause,omitempty"`
	Expire     string              `json:"expire"`
}

// OutcomeView is one way a matter can end.
type OutcomeView struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Solved bool   `json:"solved"`
}

type proceduresOutput struct {
	Body struct {
		Pack       string          `json:"pack"`
		Version    string          `json:"version"`
		Digest     string          `json:"digest"`
		Procedures []ProcedureView `json:"procedures"`
	}
}

func (a *API) listProcedures(ctx context.Context, _ *struct{}) (*proceduresOutput, error) {
	p := a.Packs.Current()
	out := &proceduresOutput{}
	out.Body.Pack, out.Body.Version, out.Body.Digest = p.ID, p.Version, p.Digest
	out.Body.Procedures = []ProcedureView{}
	for _, id := range sortedKeys(p.Procedures) {
		v, err := a.viewer(p.Digest, id, callerOf(ctx).lang)
		if err != nil {
			return nil, err
		}
		out.Body.Procedures = append(out.Body.Procedures, v.procedure())
	}
	return out, nil
}

func (v viewer) procedure() ProcedureView {
	d := v.d
	out := ProcedureView{ID: d.ID, Pack: v.p.ID, Programme: v.named("programme", d.Programme), Law: law(v.say, d.Law), Start: d.Start,
		Intake: v.form("open", d.Intake, nil), Categories: []Named{}, Phases: []Named{}, States: []StateView{}, Acts: []ActView{},
		Clocks: []ClockDef{}, Outcomes: []OutcomeView{}}
	if key := "procedure." + d.ID; v.say.Has(key) {
		out.Name = v.say.T(key)
	}
	for _, c := range d.Categories {
		out.Categories = append(out.Categories, v.named("category", c))
	}
	for _, p := range v.p.Phases[d.ID] {
		out.Phases = append(out.Phases, Named{ID: p, Name: v.say.T("phase." + d.ID + "." + p)})
	}
	for _, s := range d.States {
		n := v.state(s.ID)
		out.States = append(out.States, StateView{ID: s.ID, Name: n.Name, Now: v.say.T("state." + d.ID + "." + s.ID + ".now"), Phase: s.Phase, Owner: string(s.Owner), Final: s.Final})
	}
	for i := range d.Acts {
		act := v.act(&d.Acts[i], nil)
		act.By, act.From = d.Acts[i].By, d.Acts[i].From
		out.Acts = append(out.Acts, act)
	}
	for _, c := range d.Clocks {
		out.Clocks = append(out.Clocks, v.clockDef(c))
	}
	for _, o := range d.Outcomes {
		out.Outcomes = append(out.Outcomes, OutcomeView{ID: o.ID, Name: v.outcome(o.ID).Name, Solved: o.Solved})
	}
	return out
}

func (v viewer) clockDef(c procedure.Clock) ClockDef {
	out := ClockDef{ID: c.ID, Name: v.say.T("clock." + v.d.ID + "." + c.ID), Law: law(v.say, c.Law), Promise: c.Promise, Rule: rule(c.Rule),
		In: c.In, Start: c.Start, Stop: c.Stop, Pause: c.Pause, Expire: c.Expire}
	for id, r := range c.ByCategory {
		if out.ByCategory == nil {
			out.ByCategory = map[string]RuleView{}
		}
		out.ByCategory[id] = rule(r)
	}
	return out
}
