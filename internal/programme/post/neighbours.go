package post

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/courier"
	"comity/internal/neighbour"
	"comity/internal/programme"
	"comity/internal/web"
)

// What is exchanged with units that work on a system of their own: what is stuck, what was tried, and what somebody does
// about it.

const nextDoor = "/desk/post/neighbours"

type asked struct {
	Name, When, Words string
	State             web.Tag
}

type nextDoorPage struct {
	Ways   []web.Link
	Asked  []asked
	States []choice
	Rows   []rowView
	Next   string
}

// neighboured is an officer who looks after messages, in a city that has neighbours.
func (x *office) neighboured(o *programme.Officer) ([]courier.Reach, error) {
	in, err := x.keeper(o)
	if err == nil && !x.hasNeighbours() {
		err = web.ErrNotFound
	}
	return in, err
}

func (x *office) hasNeighbours() bool {
	return x.Neighbours != nil && len(x.Packs.Current().Neighbours) > 0
}

// waiting are the states in which something wants a person, or may soon.
var waiting = []courier.State{courier.Permanent, courier.Temporary, neighbour.Token}

func (x *office) neighbours(o *programme.Officer) error {
	in, err := x.neighboured(o)
	if err != nil {
		return err
	}
	q := o.R.URL.Query()
	f := neighbour.Filter{Reach: in, Limit: pageSize + 1}
	var state courier.State
	f.States, state = statesAsked(q.Get("state"), neighbour.States, waiting)
	f.Before, _ = strconv.ParseInt(q.Get("before"), 10, 64)
	ctx := o.R.Context()
	list, err := x.Neighbours.List(ctx, f)
	if err != nil {
		return err
	}
	counts, err := x.Neighbours.Count(ctx, neighbour.Filter{Reach: in})
	if err != nil {
		return err
	}
	page := o.Page("neighbour.title")
	v := nextDoorPage{Ways: x.ways(page, o), States: stateChoices(page, counts, neighbour.States, waiting, state, func(s courier.State) string { return listAddress(nextDoor, string(s), "", 0) })}
	if v.Asked, err = x.asked(page, o); err != nil {
		return err
	}
	if len(list) > pageSize {
		list = list[:pageSize]
		v.Next = listAddress(nextDoor, string(state), "", list[pageSize-1].ID)
	}
	for _, s := range list {
		v.Rows = append(v.Rows, x.exchanged(page, s))
	}
	return o.Write(page, http.StatusOK, neighboursBody(page, v))
}

// asked says of each neighbour whether its system answers.
func (x *office) asked(page *web.Page, o *programme.Officer) (out []asked, err error) {
	polls, err := x.Neighbours.Polls(o.R.Context())
	for _, p := range polls {
		a := asked{Name: x.unitOf(page, p.Neighbour), Words: p.Words, State: web.Tag{Class: "line", Label: page.T("neighbour.never")}}
		switch _, configured := x.Neighbours.Endpoints[p.Neighbour]; {
		case !configured:
			a.State = web.Tag{Class: "warn", Label: page.T("neighbour.no_address")}
		case !p.Failed.IsZero():
			a.State = web.Tag{Class: "warn", Label: page.T("neighbour.away")}
		case !p.Reached.IsZero():
			a.State = web.Tag{Class: "ok", Label: page.T("neighbour.answers")}
		}
		if !p.Reached.IsZero() {
			a.When = page.T("neighbour.reached", "when", page.Moment(p.Reached))
		}
		out = append(out, a)
	}
	return out, err
}

func (x *office) unitOf(page *web.Page, id string) string {
	if n, ok := x.Packs.Current().Neighbour(id); ok {
		return page.T("unit." + string(n.Unit))
	}
	return id
}

func (x *office) exchanged(page *web.Page, s neighbour.Send) rowView {
	v := rowView{Href: nextDoor + "/" + strconv.FormatInt(s.ID, 10), Ref: string(s.Ref), What: page.T("neighbour.kind." + string(s.Kind)), Channel: x.unitOf(page, s.Neighbour),
		Unit: page.T("unit." + string(courier.Holder(s.Place))), State: stateTag(page, s.State), When: page.Moment(s.Changed), ISO: page.ISO(s.Changed), Why: whyOf(page, s)}
	if v.Unit == v.Channel {
		v.Unit = ""
	}
	if !s.Next.IsZero() {
		v.Next = page.T("post.next", "when", page.Moment(s.Next))
	}
	return v
}

func whyOf(page *web.Page, s neighbour.Send) string {
	for _, key := range []string{"neighbour.reason." + s.Reason, "post.reason." + s.Reason} {
		if s.Reason != "" && page.Has(key) {
			return page.T(key)
		}
	}
	return ""
}

type exchangePage struct {
	Ways       []web.Link
	To, Case   string
	Ref        string
	State      web.Tag
	Why        string
	Facts      []web.Fact
	History    []web.Entry
	Again      bool
	Number     bool
	Cancel     bool
	Back       bool // calling it off gives the matter back
	Done       string
	Wrong      string
	NumberText string
	WhyText    string
}

func (x *office) exchange(o *programme.Officer) error {
	return x.writeExchange(o, http.StatusOK, "", "", "")
}

func (x *office) writeExchange(o *programme.Officer, status int, wrong string, deed neighbour.Deed, typed string) error {
	in, err := x.neighboured(o)
	if err != nil {
		return err
	}
	id, err := numberIn(o, "id")
	if err != nil {
		return err
	}
	s, tried, theirs, err := x.Neighbours.Find(o.R.Context(), in, id)
	if errors.Is(err, courier.ErrNone) {
		return web.ErrNotFound
	}
	if err != nil {
		return err
	}
	page := o.Page("neighbour.one.title", "ref", string(s.Ref))
	page.Wrong = wrong != ""
	deeds := s.Possible()
	v := exchangePage{Ways: x.ways(page, o), To: nextDoor + "/" + strconv.FormatInt(s.ID, 10), Case: "/desk/cases/" + string(s.Ref), Ref: string(s.Ref), State: stateTag(page, s.State), Why: whyOf(page, s),
		Again: slices.Contains(deeds, neighbour.Again), Number: slices.Contains(deeds, neighbour.Number), Cancel: slices.Contains(deeds, neighbour.Cancel), Back: s.Kind == neighbour.Report, Wrong: wrong}
	if v.NumberText = typed; deed == neighbour.Cancel {
		v.NumberText, v.WhyText = "", typed
	}
	v.Facts = []web.Fact{{Label: page.T("neighbour.fact.with"), Value: x.unitOf(page, s.Neighbour)}, {Label: page.T("neighbour.fact.kind"), Value: page.T("neighbour.kind." + string(s.Kind))},
		{Label: page.T("post.fact.created"), Value: page.Moment(s.Created)}, {Label: page.T("post.fact.unit"), Value: page.T("unit." + string(courier.Holder(s.Place)))}, {Label: page.T("post.fact.tries"), Value: strconv.Itoa(s.Tries)}}
	if theirs != "" {
		v.Facts = append(v.Facts, web.Fact{Label: page.T("neighbour.fact.number"), Value: theirs})
	}
	if !s.Next.IsZero() {
		v.Facts = append(v.Facts, web.Fact{Label: page.T("post.fact.next"), Value: page.Moment(s.Next)})
	}
	for _, a := range slices.Backward(tried) {
		a.Gateway = x.unitOf(page, s.Neighbour)
		e := entryOf(page, o, a)
		if key := "neighbour.try." + a.Outcome; a.Actor == "" && page.Has(key) {
			e.Title = page.T(key)
		}
		if e.Text = a.Words; a.External != "" {
			e.Text = page.T("neighbour.external", "id", a.External)
		}
		v.History = append(v.History, e)
	}
	if o.R.URL.Query().Get("done") != "" {
		v.Done = page.T("post.done")
	}
	return o.Write(page, status, exchangeBody(page, v))
}

// exchangeDo carries out one of the buttons.
func (x *office) exchangeDo(o *programme.Officer) error {
	if err := web.ReadForm(o.R, "do", "number", "why"); err != nil {
		return err
	}
	in, err := x.neighboured(o)
	if err != nil {
		return err
	}
	id, err := numberIn(o, "id")
	if err != nil {
		return err
	}
	deed := neighbour.Deed(o.R.PostFormValue("do"))
	words := o.R.PostFormValue("why")
	if deed == neighbour.Number {
		words = o.R.PostFormValue("number")
	}
	err = x.Neighbours.Decide(o.R.Context(), in, id, deed, words, o.Actor.ID())
	var no *casework.Refusal
	switch {
	case errors.Is(err, courier.ErrNone):
		return web.ErrNotFound
	case errors.As(err, &no) && strings.HasPrefix(no.Rule, "neighbour."):
		page := o.Page("neighbour.title")
		return x.writeExchange(o, http.StatusUnprocessableEntity, page.T("refusal."+no.Rule, "max", no.Params["max"]), deed, words)
	case err != nil:
		return err
	}
	return o.Go(nextDoor + "/" + strconv.FormatInt(id, 10) + "?done=1")
}

// beside leads from a case to what was last exchanged about it, whoever looks after messages.
func (x *office) beside(ctx context.Context, page *web.Page, k casework.Case, who authz.Actor) ([]web.Link, error) {
	in := reach(x.Packs.Current(), who)
	if !x.hasNeighbours() || k.Sealed != "" || len(in) == 0 {
		return nil, nil
	}
	list, err := x.Neighbours.List(ctx, neighbour.Filter{Reach: in, Case: k.ID, Limit: 1})
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return []web.Link{{Href: nextDoor + "/" + strconv.FormatInt(list[0].ID, 10),
		Label: page.T("neighbour.beside", "unit", x.unitOf(page, list[0].Neighbour), "state", page.T("post.state."+string(list[0].State)))}}, nil
}
