package web

import (
	"slices"
	"strconv"
	"strings"

	"comity/internal/explore"
	"comity/internal/pack"
	"comity/internal/procedure"
)

// GuideAt is a place in the guide before filing, as an address names it. The answers stand in the address
// and nowhere else: no table and no log holds them, and no cookie but that of a device which belongs to
// nobody (Kept).
type GuideAt struct {
	Base    string   // address of the guide on this surface
	File    string   // address of the form that files
	Answers []string // ids, in the order in which they were given
	Door    string   // a door to look at; empty = where the answers lead
	// Takes reports whether this surface can open cases of a procedure.
	Takes func(procedure string) bool
	// Kept: the answers wait in a cookie of a device that belongs to nobody. Addresses of the guide still
	// carry them to the next page, which takes them out; the form asks the cookie.
	Kept bool
}

// Guide is one page of it: a question or a door.
type Guide struct {
	Question  *GuideQuestion
	Door      *GuideDoor
	Stale     bool // the address named an answer the guide does not have
	Answers   []Check
	Back      string // address of the page before; empty on the first
	Restart   string
	Progress  string
	Emergency *Link
	Otherwise []Link // for whom nothing fits
}

// GuideQuestion is asked on a page of its own.
type GuideQuestion struct {
	Text, Help string
	Options    []GuideOption
}

// GuideOption is one answer. Key is the digit that chooses it.
type GuideOption struct{ Href, Text, Help, Key string }

// GuideDoor is where the answers lead.
type GuideDoor struct {
	Name, What, Icon string
	Urgent, Ours     bool
	Numbers          []string // to call, the first ones first
	Body, Address    string
	URL              string
	Cost             string
	Time             []string
	TimeHref         string // where every term is told
	Bring            []string
	Limit, LimitLaw  string
	Laws             []GuideLaw
	File             string // address of the form, filled in; empty = it cannot be filed here
	Also             []GuideAlso
}

// GuideLaw is an article with its words.
type GuideLaw struct{ Name, Words string }

// GuideAlso is another door that stays open, with its time limit.
type GuideAlso struct{ Href, Name, Kind, Limit string }

// Answered reads the answers of an address: ids with commas between them.
func Answered(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' })
}

// query names answers; ids hold nothing that has to be escaped.
func (at GuideAt) query(answers []string) string {
	if len(answers) == 0 && !at.Kept {
		return ""
	}
	return "?a=" + strings.Join(answers, ",")
}

// Address is the address of a door with the answers that were understood.
func (at GuideAt) Address(road []explore.Step) string {
	given := make([]string, len(road))
	for i, s := range road {
		given[i] = s.Option
	}
	return at.Base + "/" + at.Door + at.query(given)
}

// Guide makes the page of a place. It is false for a door that does not exist.
func (p *Page) Guide(pk *pack.Pack, at GuideAt) (Guide, bool) {
	g := &pk.Explorer.Graph
	road, here, whole := g.Follow(at.Answers)
	given := make([]string, len(road))
	for i, s := range road {
		given[i] = s.Option
	}
	at.Answers = given
	v := Guide{Stale: !whole, Restart: at.Base + at.query(nil)}
	for i, s := range road {
		v.Answers = append(v.Answers, Check{Label: p.T("guide.q." + s.Question), Value: p.T("guide.a." + s.Question + "." + s.Option), Change: at.Base + at.query(given[:i])})
	}
	for _, id := range g.Otherwise {
		v.Otherwise = append(v.Otherwise, p.doorLink(pk, at, id))
	}
	if g.Emergency != "" {
		l := p.doorLink(pk, at, g.Emergency)
		v.Emergency = &l
	}
	if len(road) > 0 {
		v.Back = at.Base + at.query(given[:len(given)-1])
	}
	if at.Door != "" {
		if here != at.Door {
			v.Back = at.Base + at.query(given)
		}
		here = at.Door
	}
	if q, ok := g.Question(here); ok && at.Door == "" {
		v.Question = p.guideQuestion(at, q)
		v.Progress = p.T("where.progress", "n", strconv.Itoa(len(road)+1), "most", strconv.Itoa(len(road)+g.Left(here)))
		return v, true
	}
	d, ok := pk.Explorer.Door(here)
	if ok {
		v.Door = p.guideDoor(pk, at, d, pk.CategoryOn(road, d))
	}
	return v, ok
}

// Title is what the page is about.
func (v Guide) Title() string {
	if v.Door != nil {
		return v.Door.Name
	}
	return v.Question.Text
}

func (p *Page) guideQuestion(at GuideAt, q *explore.Question) *GuideQuestion {
	v := &GuideQuestion{Text: p.T("guide.q." + q.ID), Help: p.maybe("guide.q." + q.ID + ".help")}
	for i, o := range q.Options {
		key := "guide.a." + q.ID + "." + o.ID
		v.Options = append(v.Options, GuideOption{Href: at.Base + at.query(append(slices.Clone(at.Answers), o.ID)), Text: p.T(key), Help: p.maybe(key + ".help"), Key: strconv.Itoa(i + 1)})
	}
	return v
}

// maybe is a text that may be left out.
func (p *Page) maybe(key string) string {
	if !p.Has(key) {
		return ""
	}
	return p.T(key)
}

func (p *Page) doorLink(pk *pack.Pack, at GuideAt, id string) Link {
	d, _ := pk.Explorer.Door(id)
	return Link{Href: at.Base + "/" + id + at.query(at.Answers), Label: p.T("guide.door." + id + ".name"), Icon: d.Icon}
}

func (p *Page) guideDoor(pk *pack.Pack, at GuideAt, d pack.Door, category string) *GuideDoor {
	key := "guide.door." + d.ID + "."
	v := &GuideDoor{
		Name: p.T(key + "name"), What: p.T(key + "what"), Icon: d.Icon, Urgent: d.Urgent, Ours: !d.Elsewhere(), URL: d.URL,
		Body: p.maybe(key + "body"), Address: p.maybe(key + "address"), Cost: p.T(key + "cost"), Limit: p.maybe(key + "limit"), LimitLaw: p.Law(d.LimitLaw),
	}
	if d.Urgent {
		v.Numbers = slices.Clone(pk.Emergency)
	}
	if d.Phone != "" && !slices.Contains(v.Numbers, d.Phone) {
		v.Numbers = append(v.Numbers, d.Phone)
	}
	for i := range d.Bring {
		v.Bring = append(v.Bring, p.T(key+"bring."+strconv.Itoa(i)))
	}
	for _, l := range d.Laws {
		v.Laws = append(v.Laws, GuideLaw{p.Law(l), p.Article(l)})
	}
	if !d.LimitLaw.None() && !slices.Contains(d.Laws, d.LimitLaw) {
		v.Laws = append(v.Laws, GuideLaw{v.LimitLaw, p.Article(d.LimitLaw)})
	}
	for _, id := range d.Also {
		v.Also = append(v.Also, p.guideAlso(pk, at, id))
	}
	if d.Elsewhere() {
		v.Time = []string{p.T(key + "time")}
		return v
	}
	proc := pk.ProcedureFor(category)
	v.Time, v.TimeHref = p.guideTime(pk, proc, category), "/law/"+proc.ID
	if at.Takes == nil || at.Takes(proc.ID) {
		v.File = at.file(d.ID)
	}
	return v
}

// file is the address of the form that begins with the answers.
func (at GuideAt) file(door string) string {
	if at.Kept {
		return at.File + "?door=_"
	}
	return at.File + "?where=" + strings.Join(at.Answers, ",") + "&door=" + door
}

func (p *Page) guideAlso(pk *pack.Pack, at GuideAt, id string) GuideAlso {
	d, _ := pk.Explorer.Door(id)
	l := p.doorLink(pk, at, id)
	v := GuideAlso{Href: l.Href, Name: l.Label, Kind: p.T("where.ours"), Limit: p.maybe("guide.door." + id + ".limit")}
	if d.Elsewhere() {
		v.Kind = p.T("where.elsewhere")
	}
	if law := p.Law(d.LimitLaw); v.Limit != "" && law != "" {
		v.Limit = p.T("where.limit.law", "limit", v.Limit, "law", law)
	}
	return v
}

// guideTime says how long a procedure of ours takes: by the term that is promised, and by the longest
// lawful road the model checker found. Nothing here is written by hand.
func (p *Page) guideTime(pk *pack.Pack, d *procedure.Definition, category string) []string {
	var out []string
	if c, ok := d.Promise(); ok {
		rule := c.Rule
		if own, ok := c.ByCategory[category]; ok {
			rule = own
		}
		if rule.N > 0 {
			out = append(out, p.T("where.time.promise", "name", p.T("clock."+d.ID+"."+c.ID), "long", p.N("draw.term."+string(rule.Unit), rule.N)))
		}
	}
	if road := pk.Reports[d.ID].Road.Ordinary; road.Known {
		out = append(out, p.T("where.time.road", "first", p.N("portal.law.road.days", road.First), "final", p.N("portal.law.road.days", road.Final)))
	}
	return out
}
