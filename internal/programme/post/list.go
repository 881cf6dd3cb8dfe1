package post

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"comity/internal/courier"
	"comity/internal/pack"
	"comity/internal/programme"
	"comity/internal/web"
)

// choice is a filter that can be put on or off.
type choice struct {
	Href, Label string
	On          bool
}

type rowView struct {
	Href, Ref, What, Channel, Unit, When, ISO, Why, Next string
	State                                                web.Tag
}

type listPage struct {
	Ways             []web.Link
	States, Channels []choice
	Unwritten        []unwrittenView
	Again            bool // one of them is written again
	Rows             []rowView
	Next             string
	Away             bool // nothing leaves the house
}

// stuck are the states that want a person; a list without a filter shows them.
var stuck = []courier.State{courier.Permanent, courier.Returned, courier.Temporary}

const pageSize = 50

func (x *office) list(o *programme.Officer) error {
	in, err := x.keeper(o)
	if err != nil {
		return err
	}
	q := o.R.URL.Query()
	f := courier.Filter{Reach: in, Limit: pageSize + 1}
	channel := q.Get("channel")
	var state courier.State
	f.States, state = statesAsked(q.Get("state"), courier.States, stuck)
	if slices.Contains(pack.PostChannels, channel) {
		f.Channels = []string{channel}
	} else {
		channel = ""
	}
	f.Before, _ = strconv.ParseInt(q.Get("before"), 10, 64)
	ctx := o.R.Context()
	list, err := x.Courier.List(ctx, f)
	if err != nil {
		return err
	}
	counts, err := x.Courier.Count(ctx, courier.Filter{Reach: in, Channels: f.Channels})
	if err != nil {
		return err
	}
	page := o.Page("post.title")
	l := listPage{Ways: x.ways(page, o), Away: x.Courier.Post == nil, States: stateChoices(page, counts, courier.States, stuck, state, func(s courier.State) string { return listAddress(listAt, string(s), channel, 0) }), Channels: channelChoices(page, state, channel)}
	if f.Before == 0 && state == "" {
		l.Again = q.Get("again") != ""
		if l.Unwritten, err = x.unwritten(ctx, page, in); err != nil {
			return err
		}
	}
	if len(list) > pageSize {
		list = list[:pageSize]
		l.Next = listAddress(listAt, string(state), channel, list[pageSize-1].ID)
	}
	for _, d := range list {
		l.Rows = append(l.Rows, rowOf(page, d))
	}
	return o.Write(page, http.StatusOK, listBody(page, l))
}

const listAt = "/desk/post"

func listAddress(at, state, channel string, before int64) string {
	v := url.Values{}
	for name, value := range map[string]string{"state": state, "channel": channel} {
		if value != "" {
			v.Set(name, value)
		}
	}
	if before > 0 {
		v.Set("before", strconv.FormatInt(before, 10))
	}
	if len(v) == 0 {
		return at
	}
	return at + "?" + v.Encode()
}

// everything asks for all states; without a word a list shows those that want a person.
const everything = courier.State("all")

// statesAsked reads which states a list is asked for, and which choice that is.
func statesAsked(word string, all, stuck []courier.State) (shown []courier.State, choice courier.State) {
	switch state := courier.State(word); {
	case slices.Contains(all, state):
		return []courier.State{state}, state
	case state == everything:
		return nil, everything
	}
	return stuck, ""
}

func stateChoices(page *web.Page, counts map[courier.State]int, all, stuck []courier.State, state courier.State, to func(courier.State) string) []choice {
	waiting := 0
	for _, s := range stuck {
		waiting += counts[s]
	}
	out := []choice{{to(""), page.T("post.filter.stuck", "n", strconv.Itoa(waiting)), state == ""}}
	for _, s := range all {
		out = append(out, choice{to(s), page.T("post.filter.state", "state", page.T("post.state."+string(s)), "n", strconv.Itoa(counts[s])), state == s})
	}
	return append(out, choice{to(everything), page.T("post.filter.all"), state == everything})
}

func channelChoices(page *web.Page, state courier.State, channel string) []choice {
	out := []choice{{listAddress(listAt, string(state), "", 0), page.T("post.filter.channels"), channel == ""}}
	for _, c := range pack.PostChannels {
		out = append(out, choice{listAddress(listAt, string(state), c, 0), page.T("post.channel." + c), channel == c})
	}
	return out
}

// tags colour a state.
var tags = map[courier.State]string{courier.Delivered: "ok", courier.Permanent: "warn", courier.Returned: "warn", courier.Temporary: "hold"}

func stateTag(page *web.Page, s courier.State) web.Tag {
	class := tags[s]
	if class == "" {
		class = "line"
	}
	return web.Tag{Class: class, Label: page.T("post.state." + string(s))}
}

// rowOf is a line of the list; of a sealed case it tells the number alone.
func rowOf(page *web.Page, d courier.Delivery) rowView {
	v := rowView{Href: "/desk/post/" + strconv.FormatInt(d.ID, 10), Ref: string(d.Ref), State: stateTag(page, d.State), When: page.Moment(d.Changed), ISO: page.ISO(d.Changed), Why: why(page, d)}
	if d.Sealed {
		v.What = page.T("post.sealed")
		return v
	}
	v.What, v.Channel, v.Unit = templateName(page, d.Template), page.T("post.channel."+d.Channel), page.T("unit."+string(courier.Holder(d.Place)))
	if !d.Next.IsZero() && (d.State == courier.Temporary || d.State == courier.Created) {
		v.Next = page.T("post.next", "when", page.Moment(d.Next))
	}
	return v
}

// templateName calls a text by the name the catalogue has for it, else by its id.
// templateName is what the pack calls a text, or how the text begins, without what differs from case to case.
func templateName(page *web.Page, template string) string {
	if page.Has("post.template." + template) {
		return page.T("post.template." + template)
	}
	if !page.Has("notice." + template) {
		return template
	}
	return beginning(withoutHoles(page.T("notice." + template)))
}

var hole = regexp.MustCompile(`\{[a-z_.]+\}`)

func withoutHoles(text string) string {
	return strings.TrimLeft(hole.ReplaceAllString(text, "…"), "…:： 【】")
}

func why(page *web.Page, d courier.Delivery) string {
	if d.Reason == "" {
		return ""
	}
	return page.T("post.reason." + d.Reason)
}
