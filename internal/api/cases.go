package api

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/explain"
	"comity/internal/form"
	"comity/internal/intake"
	"comity/internal/ledger"
	"comity/internal/org"
	"comity/internal/place"
)

// route is one operation as the OpenAPI document shows it; its words are in the catalogue.
func (a *API) route(id, method, path string, status int, token bool) huma.Operation {
	say := a.Text.In("en")
	op := huma.Operation{
		OperationID: id, Method: method, Path: path, DefaultStatus: status, MaxBodyBytes: maxBody,
		Summary: say.T("api.op." + id), Tags: []string{strings.Split(strings.TrimPrefix(path, "/api/v1/"), "/")[0]},
		Responses: map[string]*huma.Response{"default": {
			Description: say.T("api.op.problem"),
			Content: map[string]*huma.MediaType{problemType: {
				Schema: a.huma.OpenAPI().Components.Schemas.Schema(problemOf, true, "Problem"),
			}},
		}},
	}
	if token {
		op.Security = []map[string][]string{{bearer: scopesOf(id)}}
	}
	return op
}

// handle registers a handler whose errors become problems.
func handle[I, O any](a *API, op huma.Operation, h func(context.Context, *I) (*O, error)) {
	huma.Register(a.huma, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := h(ctx, in)
		if err != nil {
			return nil, a.problem(ctx, err, callerOf(ctx).lang, "")
		}
		return out, nil
	})
}

func (a *API) caseRoutes() {
	handle(a, a.route("open-case", http.MethodPost, "/api/v1/cases", http.StatusCreated, true), a.openCase)
	handle(a, a.route("list-cases", http.MethodGet, "/api/v1/cases", http.StatusOK, true), a.listCases)
	handle(a, a.route("read-case", http.MethodGet, "/api/v1/cases/{ref}", http.StatusOK, true), a.readCase)
	handle(a, a.route("explain-clock", http.MethodGet, "/api/v1/cases/{ref}/clocks/{clock}", http.StatusOK, true), a.explainClock)
	handle(a, a.route("list-events", http.MethodGet, "/api/v1/cases/{ref}/events", http.StatusOK, true), a.listEvents)
	handle(a, a.route("do-act", http.MethodPost, "/api/v1/cases/{ref}/acts/{act}", http.StatusOK, true), a.doAct)
	handle(a, a.route("write-note", http.MethodPost, "/api/v1/cases/{ref}/notes", http.StatusCreated, true), a.writeNote)
}

type openInput struct {
	Key  string `header:"Idempotency-Key" maxLength:"200" doc:"The same key with the same body is the same case"`
	Body struct {
		Category string            `json:"category"`
		Text     string            `json:"text"`
		Title    string            `json:"title,omitempty"`
		Address  string            `json:"address,omitempty"`
		Point    *PointDoc         `json:"point,omitempty"`
		Unit     string            `json:"unit,omitempty"`
		Contact  *contactBody      `json:"contact,omitempty"`
		Fields   map[string]string `json:"fields,omitempty"`
		Source   string            `json:"source,omitempty" maxLength:"40" doc:"Channel; api if left out"`
	}
}

type contactBody struct {
	Channel string `json:"channel,omitempty" enum:"sms,mail,chat,letter"`
	Address string `json:"address,omitempty"`
	Name    string `json:"name,omitempty"`
	Lang    string `json:"lang,omitempty" maxLength:"20"`
}

// Opened is the answer to a new case. The code opens the case to whoever holds it.
type Opened struct {
	Ref      string    `json:"ref"`
	Code     string    `json:"code" doc:"The resident's follow code; keep it like a password"`
	State    Named     `json:"state"`
	Holder   Named     `json:"holder"`
	Promise  time.Time `json:"promise,omitzero" doc:"When the resident is to have an answer"`
	Version  int       `json:"version"`
	Replayed bool      `json:"replayed" doc:"This key had opened the case before"`
}

type openOutput struct {
	Location string `header:"Location"`
	ETag     string `header:"ETag"`
	Body     Opened
}

func (a *API) openCase(ctx context.Context, in *openInput) (*openOutput, error) {
	c := callerOf(ctx)
	b := in.Body
	report := intake.Report{Category: b.Category, Title: b.Title, Text: b.Text, Address: b.Address, Unit: org.UnitID(b.Unit),
		Source: b.Source, Fields: b.Fields, Key: key(in.Key), Now: a.Now()}
	if report.Source == "" {
		report.Source = "api"
	}
	if b.Point != nil {
		report.Point = &place.Point{Lat: b.Point.Lat, Lon: b.Point.Lon}
	}
	if b.Contact != nil {
		report.Contact = casework.Contact{Channel: b.Contact.Channel, Address: b.Contact.Address, Name: b.Contact.Name, Lang: b.Contact.Lang}
	}
	cmd, err := intake.Command(a.Packs.Current(), report)
	if err != nil {
		return nil, err
	}
	receipt, err := a.Ledger.Do(ctx, c.who, cmd)
	if err != nil {
		return nil, err
	}
	stored, v, err := a.after(ctx, receipt, c.lang)
	if err != nil {
		return nil, err
	}
	out := &openOutput{Location: "/api/v1/cases/" + string(receipt.Ref), ETag: etag(stored.Version), Body: Opened{
		Ref: string(receipt.Ref), Code: string(receipt.Code), State: v.state(stored.State), Holder: v.unitOf(stored.Holder),
		Version: stored.Version, Replayed: receipt.Replayed,
	}}
	if k, ok := stored.Promised(); ok {
		out.Body.Promise = v.local(k.Due)
	}
	return out, nil
}

// after reads the case a receipt is about. The receipt is the right to: the actor just changed it,
// even if the change took it out of their scope.
func (a *API) after(ctx context.Context, r ledger.Receipt, lang string) (casework.Case, viewer, error) {
	c, err := a.Reader.ByID(ctx, authz.Scope{Case: string(r.Case)}, r.Case)
	if err != nil {
		return c, viewer{}, err
	}
	v, err := a.viewer(c.Pack, c.Procedure, lang)
	return c, v, err
}

// key keeps the keys of programs apart from those of the pages' forms.
func key(s string) string {
	if s == "" {
		return ""
	}
	return "api:" + s
}

func etag(version int) string { return `"` + strconv.Itoa(version) + `"` }

type listInput struct {
	Unit      string    `query:"unit" doc:"A unit inside the caller's scope, with all below it"`
	State     []string  `query:"state,explode" doc:"Repeat it or separate by commas"`
	Programme string    `query:"programme"`
	Category  string    `query:"category"`
	Holder    string    `query:"holder" doc:"Account the case is assigned to; me for the caller"`
	DueBefore time.Time `query:"due_before"`
	Q         string    `query:"q" maxLength:"200" doc:"Words of title, text or address, or a case number"`
	Sort      string    `query:"sort" enum:"due,-due,opened,-opened"`
	Limit     int       `query:"limit" minimum:"1" maximum:"200" default:"50"`
	Cursor    string    `query:"cursor" maxLength:"200"`
	Closed    bool      `query:"closed" doc:"Closed cases instead of open ones"`
}

type listOutput struct {
	Link string `header:"Link"`
	Body struct {
		Items []ItemView `json:"items"`
		Next  string     `json:"next,omitempty" doc:"Cursor of the next page"`
	}
}

func (a *API) listCases(ctx context.Context, in *listInput) (*listOutput, error) {
	c := callerOf(ctx)
	f := ledger.Filter{Unit: org.UnitID(in.Unit), Closed: in.Closed, Programme: in.Programme, Category: in.Category,
		Assignee: in.Holder, DueBefore: in.DueBefore, Sort: in.Sort, Limit: in.Limit, After: in.Cursor}
	for _, s := range in.State {
		f.States = append(f.States, strings.FieldsFunc(s, func(r rune) bool { return r == ',' })...)
	}
	if f.Assignee == "me" {
		f.Assignee = c.who.Seat()
	}
	if strings.TrimSpace(in.Q) != "" { // finds open and closed cases
		f.Words, f.Both = []ledger.Word{{Text: in.Q}}, true
	}
	if in.Cursor != "" { // whoever goes on past the first page takes the list away
		if no := a.lacks(c.who, authz.Export, c.lang); no != nil {
			return nil, no
		}
	}
	page, err := a.Reader.Worklist(ctx, c.who.Scope(), f)
	if err != nil {
		return nil, err
	}
	out := &listOutput{}
	out.Body.Items = []ItemView{}
	for _, i := range page.Items {
		out.Body.Items = append(out.Body.Items, a.item(i, c.lang))
	}
	if out.Body.Next = page.Next; page.Next != "" {
		out.Link = fmt.Sprintf("</api/v1/cases?%s>; rel=\"next\"", in.next(page.Next))
	}
	return out, nil
}

// next is the query of the following page: the same question with another cursor.
func (in *listInput) next(cursor string) string {
	q := url.Values{}
	for name, v := range map[string]string{"unit": in.Unit, "programme": in.Programme, "category": in.Category, "holder": in.Holder, "q": in.Q, "sort": in.Sort} {
		if v != "" {
			q.Set(name, v)
		}
	}
	for _, s := range in.State {
		q.Add("state", s)
	}
	if !in.DueBefore.IsZero() {
		q.Set("due_before", in.DueBefore.Format(time.RFC3339))
	}
	if in.Closed {
		q.Set("closed", "true")
	}
	q.Set("limit", strconv.Itoa(in.Limit))
	q.Set("cursor", cursor)
	return q.Encode()
}

// LookInput names a case and what it is opened for. It is exported so that it can be part of other inputs.
type LookInput struct {
	Ref     string `path:"ref" maxLength:"40" example:"SR-26-000123"`
	Purpose string `query:"purpose" maxLength:"40" doc:"What the case is opened for, one of the pack's purposes. Left out: handle, for whoever works on the case; whoever stands above then sees its steps only"`
	Level   string `query:"level" enum:"steps,story,identity" default:"story" doc:"How much is shown. Each look above steps is recorded, and the person it is about sees it"`
}

// look opens a case as far as was asked for. Without a purpose of its own, whoever does not work on the case
// gets its steps.
func (a *API) look(ctx context.Context, in *LookInput) (casework.Case, []casework.Event, viewer, error) {
	found, v, err := a.inScope(ctx, in.Ref)
	if err != nil {
		return found, nil, v, err
	}
	if level, _ := authz.ParseLevel(in.Level); level > authz.Steps {
		t := ledger.Ticket{Case: found.ID, Level: level, Purpose: cmp.Or(in.Purpose, ledger.PurposeHandle)}
		look, err := a.Ledger.Show(ctx, callerOf(ctx).who, t)
		if err == nil && look.No != nil && in.Purpose != "" {
			err = look.No
		}
		if err != nil {
			return found, nil, v, err
		}
		return look.Case(), look.Events(), v, nil
	}
	events, err := a.Reader.Events(ctx, found.ID)
	return found, events, v, err
}

type caseOutput struct {
	ETag string `header:"ETag"`
	Body CaseView
}

// inScope finds a case the caller may read, with its words.
func (a *API) inScope(ctx context.Context, ref string) (casework.Case, viewer, error) {
	c := callerOf(ctx)
	found, err := a.Reader.Case(ctx, c.who.Scope(), ref)
	if err != nil {
		return found, viewer{}, err
	}
	v, err := a.viewer(found.Pack, found.Procedure, c.lang)
	return found, v, err
}

func (a *API) readCase(ctx context.Context, in *LookInput) (*caseOutput, error) {
	found, _, v, err := a.look(ctx, in)
	if err != nil {
		return nil, err
	}
	officers, err := a.officers(ctx, found.Holder)
	if err != nil {
		return nil, err
	}
	out := &caseOutput{ETag: etag(found.Version), Body: v.staffCase(found, callerOf(ctx).who, a.Now(), officers)}
	kids, err := a.Reader.Children(ctx, found)
	if err != nil {
		return nil, err
	}
	for _, k := range found.Children {
		c := kids[k.Case]
		whole := c.Sealed == "" || c.ReadableBy(callerOf(ctx).who.Scope(), v.d.Units)
		out.Body.Children = append(out.Body.Children, v.child(k, c, whole))
	}
	return out, nil
}

type clockInput struct {
	LookInput
	Clock string `path:"clock" maxLength:"60"`
}

type clockOutput struct{ Body ClockView }

// explainClock answers "why this date?" with the same sentences as the pages.
func (a *API) explainClock(ctx context.Context, in *clockInput) (*clockOutput, error) {
	found, events, v, err := a.look(ctx, &in.LookInput)
	if err != nil {
		return nil, err
	}
	out, ok := v.why(found, events, in.Clock)
	if !ok {
		return nil, a.plain("clock.unknown", http.StatusNotFound, callerOf(ctx).lang)
	}
	return &clockOutput{Body: out}, nil
}

type eventsOutput struct {
	Body struct {
		Events []EventView `json:"events"`
	}
}

func (a *API) listEvents(ctx context.Context, in *LookInput) (*eventsOutput, error) {
	found, events, v, err := a.look(ctx, in)
	if err != nil {
		return nil, err
	}
	out := &eventsOutput{}
	out.Body.Events = []EventView{}
	for _, e := range events {
		out.Body.Events = append(out.Body.Events, v.event(found, events, e))
	}
	return out, nil
}

type actInput struct {
	Ref  string `path:"ref" maxLength:"40"`
	Act  string `path:"act" maxLength:"60"`
	Key  string `header:"Idempotency-Key" maxLength:"200"`
	Body struct {
		Version int               `json:"version" minimum:"1" doc:"The version the caller has seen"`
		Fields  map[string]string `json:"fields,omitempty"`
		Behalf  bool              `json:"behalf,omitempty" doc:"An act of the resident, recorded from a signed paper; then files are needed"`
		Files   []string          `json:"files,omitempty" maxItems:"10" doc:"SHA-256 of files added to this case before that belong to the act, such as the signed paper"`
	}
}

// Done is the answer to an accepted change.
type Done struct {
	Ref      string `json:"ref"`
	Seq      int    `json:"seq" doc:"Number of the event this change became"`
	Hash     string `json:"hash" doc:"Of the last event, as stored"`
	Version  int    `json:"version"`
	State    Named  `json:"state"`
	Holder   Named  `json:"holder"`
	Replayed bool   `json:"replayed"`
}

type doneOutput struct {
	ETag string `header:"ETag"`
	Body Done
}

func (a *API) doAct(ctx context.Context, in *actInput) (*doneOutput, error) {
	found, _, err := a.inScope(ctx, in.Ref)
	if err != nil {
		return nil, err
	}
	if len(in.Body.Files) > 0 { // their names are part of the record
		look, err := a.Ledger.Look(ctx, callerOf(ctx).who, ledger.Ticket{Case: found.ID, Purpose: ledger.PurposeHandle})
		if err != nil {
			return nil, err
		}
		found = look.Case()
	}
	files, err := named(found, in.Body.Files)
	if err != nil {
		return nil, err
	}
	return a.do(ctx, found, casework.Command{Case: found.ID, Version: in.Body.Version, Key: key(in.Key), Act: in.Act,
		Fields: maps.Clone(in.Body.Fields), Behalf: in.Body.Behalf, Files: files})
}

// named finds files of the case by their hashes: what an act rests on was added to the case before.
func named(c casework.Case, hashes []string) ([]casework.File, error) {
	var out []casework.File
	for _, sum := range hashes {
		i := slices.IndexFunc(c.Files, func(f casework.File) bool { return f.SHA256 == sum })
		if i < 0 {
			return nil, &casework.Refusal{Rule: "form.invalid", Fields: []form.Problem{{Field: "files", Rule: "file.not_added"}}}
		}
		out = append(out, c.Files[i])
	}
	return out, nil
}

type noteInput struct {
	Ref  string `path:"ref" maxLength:"40"`
	Key  string `header:"Idempotency-Key" maxLength:"200"`
	Body struct {
		Text   string `json:"text"`
		Public bool   `json:"public,omitempty" doc:"The resident reads it"`
	}
}

func (a *API) writeNote(ctx context.Context, in *noteInput) (*doneOutput, error) {
	found, _, err := a.inScope(ctx, in.Ref)
	if err != nil {
		return nil, err
	}
	note := &casework.Note{Text: in.Body.Text, Public: in.Body.Public}
	return a.do(ctx, found, casework.Command{Case: found.ID, Version: casework.AnyVersion, Key: key(in.Key), Note: note})
}

// instead adds to a refusal of state or time what the caller can do now.
func (a *API) instead(p *Problem, c casework.Case, by caller, acts string) *Problem {
	d, err := a.Packs.Definition(c.Pack, c.Procedure)
	if err != nil || !explain.Passes(p.Rule) {
		return p
	}
	say := a.say(c.Pack, by.lang)
	for _, act := range explain.Instead(d, c, by.who, a.Now()) {
		p.Can = append(p.Can, CanView{ID: act.ID, Name: say.T("act." + d.ID + "." + act.ID), Href: acts + url.PathEscape(act.ID)})
	}
	return p
}

// do carries out a command on a case the caller has read and says how it stands after.
func (a *API) do(ctx context.Context, c casework.Case, cmd casework.Command) (*doneOutput, error) {
	by := callerOf(ctx)
	receipt, err := a.Ledger.Do(ctx, by.who, cmd)
	if err != nil {
		return nil, a.instead(a.problem(ctx, err, by.lang, c.Pack), c, by, "/api/v1/cases/"+url.PathEscape(string(c.Ref))+"/acts/")
	}
	stored, v, err := a.after(ctx, receipt, by.lang)
	if err != nil {
		return nil, err
	}
	return &doneOutput{ETag: etag(stored.Version), Body: Done{Ref: string(receipt.Ref), Seq: receipt.Seq, Hash: receipt.Hash,
		Version: stored.Version, State: v.state(stored.State), Holder: v.unitOf(stored.Holder), Replayed: receipt.Replayed}}, nil
}
