package web

import (
	"comity/internal/casework"
	"comity/internal/explain"
	"comity/internal/procedure"
)

// Problem says why something cannot stand: problem.<rule> for one answer of a form, refusal.<rule> for
// what could not be done, web.problem.<rule> for what only a page can run into. It is the one place of
// the pages where a rule becomes words.
func (p *Page) Problem(rule string, params map[string]string) string {
	for _, key := range []string{"problem." + rule, "refusal." + rule, "web.problem." + rule} {
		if p.Has(key) {
			return p.T(key, explain.Figures(p.Speaker, params)...)
		}
	}
	return p.T("web.problem.other", "rule", rule)
}

// No is a refusal as a page shows it: what does not go, the rule by name, the law with its words, and what
// can be done instead.
type No struct {
	Words, Rule  string
	Law, Article string
	Ways         []Link
}

// No says a refusal; ways are what the person can do instead.
func (p *Page) No(r *casework.Refusal, ways []Link) No {
	return No{Words: p.Problem(r.Rule, r.Params), Rule: r.Rule, Law: p.Law(r.Law), Article: p.Article(r.Law), Ways: ways}
}

// Law names a law and its article; empty when there is none.
func (p *Page) Law(l procedure.Law) string { return explain.LawOf(p.Speaker, l).Name }

// Article is the paraphrase of an article, or empty.
func (p *Page) Article(l procedure.Law) string { return explain.LawOf(p.Speaker, l).Words }
