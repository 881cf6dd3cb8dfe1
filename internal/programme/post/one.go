package post

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"comity/internal/courier"
	"comity/internal/programme"
	"comity/internal/web"
)

type deedView struct {
	Deed, Label, Class string
}

type onePage struct {
	Ways    []web.Link
	To      string
	Ref     string
	State   web.Tag
	Why     string
	Facts   []web.Fact
	History []web.Entry
	Deeds   []deedView
	Done    string
}

// found is the delivery of the address, if it is within the officer's reach.
func (x *office) found(o *programme.Officer) (in []courier.Reach, d courier.Delivery, tried []courier.Attempt, err error) {
	if in, err = x.keeper(o); err != nil {
		return nil, d, nil, err
	}
	id, err := numberIn(o, "id")
	if err != nil {
		return nil, d, nil, err
	}
	d, tried, err = x.Courier.Delivery(o.R.Context(), in, id)
	if errors.Is(err, courier.ErrNone) {
		err = web.ErrNotFound
	}
	return in, d, tried, err
}

func (x *office) show(o *programme.Officer) error {
	_, d, tried, err := x.found(o)
	if err != nil {
		return err
	}
	page := o.Page("post.one.title", "ref", string(d.Ref))
	v := onePage{Ways: x.ways(page, o), To: "/desk/post/" + strconv.FormatInt(d.ID, 10), Ref: string(d.Ref), State: stateTag(page, d.State), Why: why(page, d), Facts: factsOf(page, d)}
	for _, a := range slices.Backward(tried) {
		v.History = append(v.History, entryOf(page, o, a))
	}
	for _, deed := range d.Possible() {
		v.Deeds = append(v.Deeds, deedView{string(deed), page.T("post.deed." + string(deed)), map[courier.Deed]string{courier.Again: "prime", courier.Cancel: "bad"}[deed]})
	}
	if o.R.URL.Query().Get("done") != "" {
		v.Done = page.T("post.done")
	}
	return o.Write(page, http.StatusOK, oneBody(page, v))
}

func factsOf(page *web.Page, d courier.Delivery) []web.Fact {
	facts := []web.Fact{{Label: page.T("post.fact.created"), Value: page.Moment(d.Created)}}
	if !d.Sealed {
		facts = append(facts, web.Fact{Label: page.T("post.fact.text"), Value: templateName(page, d.Template)}, web.Fact{Label: page.T("post.fact.channel"), Value: page.T("post.channel." + d.Channel)},
			web.Fact{Label: page.T("post.fact.recipient"), Value: page.T("post.recipient." + d.Recipient)}, web.Fact{Label: page.T("post.fact.unit"), Value: page.T("unit." + string(courier.Holder(d.Place)))})
	}
	facts = append(facts, web.Fact{Label: page.T("post.fact.tries"), Value: strconv.Itoa(d.Tries)})
	if !d.Next.IsZero() && (d.State == courier.Temporary || d.State == courier.Created) {
		facts = append(facts, web.Fact{Label: page.T("post.fact.next"), Value: page.Moment(d.Next)})
	}
	return facts
}

// entryOf is a try, or what a person wrote down.
func entryOf(page *web.Page, o *programme.Officer, a courier.Attempt) web.Entry {
	e := web.Entry{Icon: "bell", When: page.Moment(a.Began), ISO: page.ISO(a.Began), Text: a.Words}
	switch {
	case a.Actor != "":
		e.Title, e.Icon, e.By = page.T("post.hand."+a.Outcome), "check", o.Name(page, a.Actor)
	case a.Outcome == "" && a.Ended.IsZero():
		e.Title, e.By = page.T("post.try.running"), a.Gateway
	default:
		e.Title, e.By = page.T("post.try."+a.Outcome), a.Gateway
	}
	if a.External != "" {
		e.Text = strings.TrimSpace(e.Text + "\n" + page.T("post.external", "id", a.External))
	}
	return e
}

// decide carries out one of the buttons.
func (x *office) decide(o *programme.Officer) error {
	if err := web.ReadForm(o.R, "do"); err != nil {
		return err
	}
	in, d, _, err := x.found(o)
	if err != nil {
		return err
	}
	err = x.Courier.Decide(o.R.Context(), in, d.ID, courier.Deed(o.R.PostFormValue("do")), o.Actor.ID())
	if errors.Is(err, courier.ErrNone) {
		return web.ErrNotFound
	}
	if err != nil {
		return err
	}
	return o.Go("/desk/post/" + strconv.FormatInt(d.ID, 10) + "?done=1")
}
