package courier

import (
	"regexp"
	"strings"
	"time"

	"comity/internal/pack"
	"comity/internal/text"
)

// Preview is a template filled with figures of an example, in one language.
type Preview struct {
	Template string
	Lang     string
	Text     string
	Urgent   bool
}

// place is a figure that only the programme which sends the template knows.
var place = regexp.MustCompile(`\{([a-z_]+)\}`)

// Previews fills every template of a pack, and those of the program itself, in each language of the pack: the
// texts themselves are not checked here, people are to read them. A figure only a programme knows is shown by
// its name.
func Previews(p *pack.Pack, words *text.Catalogue, now time.Time) (out []Preview) {
	for _, key := range words.Keys(p.Langs[0]) {
		template, ok := strings.CutPrefix(key, "notice.")
		if !ok {
			continue
		}
		for _, lang := range p.Langs {
			say := words.In(lang)
			const ref, code, link = "XF-26-000123", "ABCD-EFGH-JKLM", "https://city.example/f/ABCDEFGHJKLM"
			body := say.T(key, "ref", ref, "code", code, "link", link, "title", say.T("post.example.title"), "unit", say.T("unit."+string(p.Units.Root())),
				"due", say.Date(now.AddDate(0, 0, 7), p.Zone), "answer", say.T("post.example.answer"), "question", say.T("post.example.question"),
				"reason", say.T("post.example.reason"), "told_where", say.T("post.example.told_where"), "outcome", say.T("post.example.outcome"), "city", say.T("city"))
			out = append(out, Preview{template, lang, place.ReplaceAllString(body, "‹$1›"), p.Post.Hurries(template)})
		}
	}
	return out
}
