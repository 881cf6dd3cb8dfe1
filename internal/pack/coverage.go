package pack

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"comity/internal/procedure"
)

// Coverage holds a pack against the law it cites.
type Coverage struct {
	Articles []Article `json:"articles"`
	Without  []Rule    `json:"without_article,omitempty"` // rules that cite nothing
}

// Article is one article whose words the pack has, and the rules that cite it.
type Article struct {
	Law      string `json:"law"`
	Article  string `json:"article"`
	Verified string `json:"verified,omitempty"` // when its words were compared with the published ones
	Rules    []Rule `json:"rules,omitempty"`
}

// Rule is one element of a procedure, or a door of the guide, that can cite an article.
type Rule struct {
	Procedure string        `json:"procedure,omitempty"` // none for a door
	Kind      string        `json:"kind"`                // procedure, act, clock, pause, extension, fact, link, document, state, outcome, retention, door
	ID        string        `json:"id"`
	law       procedure.Law // what it cites
}

// Name is what people call the rule.
func (r Rule) Name(say Teller) string {
	kind := r.Kind
	switch kind {
	case "procedure", "retention":
		return say.T("procedure." + r.Procedure)
	case doorRule:
		return say.T("guide.door." + r.ID + ".name")
	case "pause", "extension":
		kind = "clock"
	}
	return say.T(kind + "." + r.Procedure + "." + r.ID)
}

// Bare counts the articles no rule cites.
func (c Coverage) Bare() (n int) {
	for _, a := range c.Articles {
		if len(a.Rules) == 0 {
			n++
		}
	}
	return n
}

// Rules counts the rules, with and without an article.
func (c Coverage) Rules() int {
	n := len(c.Without)
	for _, a := range c.Articles {
		n += len(a.Rules)
	}
	return n
}

// Coverage lists every article the pack has words for with the rules that cite it, and the rules that
// cite none. States and outcomes that cite nothing are left out: they are names, and the acts that lead
// to them carry the law.
func (p *Pack) Coverage() Coverage {
	var c Coverage
	by := map[[2]string]int{}
	first := p.Texts[p.Langs[0]]
	for _, law := range p.Laws {
		prefix := "law." + law + ".article."
		var numbers []string
		for key := range first {
			if n, ok := strings.CutPrefix(key, prefix); ok {
				numbers = append(numbers, n)
			}
		}
		slices.SortFunc(numbers, func(a, b string) int { return cmp.Or(cmp.Compare(whole(a), whole(b)), cmp.Compare(a, b)) })
		for _, n := range numbers {
			by[[2]string{law, n}] = len(c.Articles)
			c.Articles = append(c.Articles, Article{Law: law, Article: n, Verified: p.LawDates[law].Verified})
		}
	}
	for _, id := range slices.Sorted(maps.Keys(p.Procedures)) {
		for _, r := range rulesOf(p.Procedures[id]) {
			i, ok := by[[2]string{r.law.ID, r.law.Article}]
			switch {
			case ok:
				c.Articles[i].Rules = append(c.Articles[i].Rules, r)
			case r.Kind != "state" && r.Kind != "outcome":
				c.Without = append(c.Without, r)
			}
		}
	}
	for _, r := range p.Explorer.rules() {
		if i, ok := by[[2]string{r.law.ID, r.law.Article}]; ok {
			c.Articles[i].Rules = append(c.Articles[i].Rules, r)
		}
	}
	return c
}

const doorRule = "door"

// rules are the articles that doors cite. A door that cites none is a place and claims nothing.
func (e *Explorer) rules() (out []Rule) {
	if e == nil {
		return nil
	}
	for _, d := range e.Doors {
		laws := d.Laws
		if !d.LimitLaw.None() && !slices.Contains(laws, d.LimitLaw) {
			laws = append(slices.Clone(laws), d.LimitLaw)
		}
		for _, l := range laws {
			out = append(out, Rule{Kind: doorRule, ID: d.ID, law: l})
		}
	}
	return out
}

// whole is the number an article begins with.
func whole(article string) int {
	end := strings.IndexFunc(article, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(article)
	}
	n, _ := strconv.Atoi(article[:end])
	return n
}

func rulesOf(d *procedure.Definition) []Rule {
	out := []Rule{{d.ID, "procedure", d.ID, d.Law}}
	for _, x := range d.States {
		out = append(out, Rule{d.ID, "state", x.ID, x.Law})
	}
	for _, x := range d.Facts {
		out = append(out, Rule{d.ID, "fact", x.ID, x.Law})
	}
	for _, x := range d.Acts {
		out = append(out, Rule{d.ID, "act", x.ID, x.Law})
	}
	for _, x := range d.Clocks {
		out = append(out, Rule{d.ID, "clock", x.ID, x.Law})
		if len(x.Pause) > 0 {
			out = append(out, Rule{d.ID, "pause", x.ID, x.PauseLaw})
		}
		if x.Extend.Times > 0 {
			out = append(out, Rule{d.ID, "extension", x.ID, firstLaw(x.Extend.Law, x.Law)})
		}
	}
	for _, x := range d.Links {
		out = append(out, Rule{d.ID, "link", x.ID, x.Law})
	}
	for _, x := range d.Orders {
		out = append(out, Rule{d.ID, "order", x.ID, x.Law})
	}
	for _, x := range d.Documents {
		out = append(out, Rule{d.ID, "document", x.ID, x.Law})
	}
	for _, x := range d.Outcomes {
		out = append(out, Rule{d.ID, "outcome", x.ID, x.Law})
	}
	if d.Sealing.When != "" {
		out = append(out, Rule{d.ID, "under_seal", d.Sealing.When, d.Sealing.Law})
	}
	if d.BreakGlass.Minutes > 0 {
		out = append(out, Rule{d.ID, "break_glass", "break_glass", d.BreakGlass.Law})
	}
	if d.Retention.Class != "" {
		out = append(out, Rule{d.ID, "retention", d.Retention.Class, d.Retention.Law})
	}
	return out
}

// firstLaw is the more exact of two references.
func firstLaw(a, b procedure.Law) procedure.Law {
	if a.None() {
		return b
	}
	return a
}
