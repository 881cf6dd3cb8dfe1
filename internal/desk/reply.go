package desk

import (
	"net/url"
	"slices"
	"strings"

	"comity/internal/casework"
	"comity/internal/paper"
	"comity/internal/procedure"
	"comity/internal/text"
	"comity/internal/web"
)

// blankPlace stands where a paper or reply names something the case has not: a gap to be seen and filled
// by hand.
const blankPlace = "____"

// replyLink is one stock answer on offer beside a field.
type replyLink struct{ Href, Label, Text string }

// replies are the stock answers of an act by field, filled with the facts of the case. The text is in the
// language the resident asked to be told in, since it is the resident who reads it.
func (v *visit) replies(p *web.Page, d *procedure.Definition, c casework.Case, a *procedure.Act) map[string][]replyLink {
	out := map[string][]replyLink{}
	say := p.Speaker
	if slices.Contains(v.site.Langs, c.Contact.Lang) {
		say = v.site.Text.In(c.Contact.Lang)
	}
	for _, r := range v.pack.RepliesFor(d.ID, a.ID) {
		link := v.r.URL.Query()
		link.Set("reply", r.ID)
		words := paper.Fill(say.T("reply."+r.ID+".text"), func(name string) string { return v.replyFact(say, c, name) })
		out[r.Field] = append(out[r.Field], replyLink{Label: p.T("reply." + r.ID), Text: words,
			Href: "/desk/cases/" + url.PathEscape(string(c.Ref)) + "/do/" + url.PathEscape(a.ID) + "?" + link.Encode() + "#f-" + r.Field})
	}
	return out
}

// replied is what ?reply= fills in; nil when it names none of this act.
func (v *visit) replied(d *procedure.Definition, a *procedure.Act, replies map[string][]replyLink) map[string]string {
	n := map[string]int{}
	for _, r := range v.pack.RepliesFor(d.ID, a.ID) {
		if r.ID == v.r.URL.Query().Get("reply") {
			return map[string]string{r.Field: replies[r.Field][n[r.Field]].Text}
		}
		n[r.Field]++
	}
	return nil
}

func (v *visit) replyFact(say text.Speaker, c casework.Case, name string) string {
	switch name {
	case "ref":
		return string(c.Ref)
	case "title":
		return c.Title
	case "holder":
		return say.T("unit." + string(c.Holder))
	case "today":
		return say.Date(v.now, v.site.Zone)
	}
	return v.clockFact(say, c, name)
}

// clockFact fills {clock.ID.due} and {clock.ID.raw}: the date of a term as it stands.
func (v *visit) clockFact(say text.Speaker, c casework.Case, name string) string {
	id, isDue := strings.CutSuffix(strings.TrimPrefix(name, "clock."), ".due")
	id = strings.TrimSuffix(id, ".raw")
	k, ok := c.Clock(id)
	at := k.Raw
	if isDue {
		at = k.Due
	}
	if !ok || at.IsZero() {
		return blankPlace
	}
	return say.Date(at, v.site.Zone)
}
