package web

import (
	"context"
	"fmt"
	"html"
	"io"
	"slices"
	"strings"

	"github.com/a-h/templ"
)

// Link is a way to another page. Lang is set when its words are in another language than the page.
type Link struct {
	Href, Label, Icon string
	Lang              string
}

// Button is a button or, with Href, a link that looks like one.
type Button struct {
	Label, Icon string
	Class       string // prime, quiet, bad, s, icon, wide; several with spaces
	Href        string
	Name, Value string
	Key         string // single letter that presses it
	Open        string // id of the dialog it opens
	Hidden      bool   // the label is read aloud, not shown
}

// Tag says what a thing is. Class is info, ok, warn, bad, seal or line.
type Tag struct{ Class, Icon, Label string }

// Fact is one label with one value. Rich, if set, is drawn instead of Value.
type Fact struct {
	Label, Value string
	Rich         templ.Component
}

// Step is one step a resident sees. State is was, is or next.
type Step struct{ State, Name, Sub string }

// Entry is one line of a timeline, newest first. Class is ok, pub or hold; Body is drawn below.
type Entry struct {
	Icon, Class, Title string
	When, ISO          string
	By                 string
	Text               string // shown with its line breaks
	Public             bool   // the parties read the text
	Body               templ.Component
}

// Check is one answer on a check page, with the way to change it.
type Check struct {
	Label, Value string
	Change       string // address of the field
	Button       bool   // change by sending the form around the list to that address, with do=edit
	Rich         templ.Component
}

// Blank is an empty state: what is true, what comes next, one way on.
type Blank struct {
	Icon, Title, Next string
	Way               Link
}

// Pager leads to the neighbouring pages of a list; empty addresses are left out.
type Pager struct {
	Prev, Next string
	Words      string // for example "rows 1 to 50"
}

// Mistake is one line of the error summary: the id of the control and the words beside it.
type Mistake struct{ ID, Words string }

// Shell is what the officer layout shows around a page.
type Shell struct {
	Home    string   // address of the brand link
	Where   []string // from the top unit down to the person's own, already in words
	Search  Link     // Href = form action, Label = placeholder; empty Href leaves the field out
	Query   string   // what was searched
	New     Button   // the prime button of the bar; empty label leaves it out
	Person  string
	Account string // address of the person's page
	SignOut string // address a form posts to
	Nav     []NavGroup
	Tabs    []NavItem // bottom bar on phones, five at most
	Keys    []KeyGroup
	Above   templ.Component // a line over the page, such as whom the officer acts for; nil = none
}

// NavGroup is one titled group of the navigation.
type NavGroup struct {
	Title string
	Items []NavItem
}

// NavItem is one place to go.
type NavItem struct {
	Href, Label, Icon string
	Key               string // "g w"
	Count             string // how many, already in words; empty shows none
	New               bool   // the count is of new things
	Current           bool
}

// KeyGroup is one titled table of key bindings.
type KeyGroup struct {
	Title string
	Keys  []KeyHelp
}

// KeyHelp is one binding: the keys, as shown, and what they do.
type KeyHelp struct {
	Keys  []string
	Label string
}

// keyTable is the help dialog: what the page adds, the places of the navigation, then what works
// everywhere. The navigation's keys come from the very items that carry them as data-key.
func (p *Page) keyTable() []KeyGroup {
	table := slices.Clone(p.Officer.Keys)
	places := KeyGroup{Title: p.T("web.keys.go")}
	for _, g := range p.Officer.Nav {
		for _, it := range g.Items {
			if it.Key != "" {
				places.Keys = append(places.Keys, KeyHelp{strings.Fields(it.Key), it.Label})
			}
		}
	}
	if len(places.Keys) > 0 {
		table = append(table, places)
	}
	anywhere := KeyGroup{Title: p.T("web.keys.anywhere")}
	if p.Officer.Search.Href != "" {
		anywhere.Keys = append(anywhere.Keys, KeyHelp{[]string{"/"}, p.T("web.search")})
	}
	if b := p.Officer.New; b.Label != "" && b.Key != "" {
		anywhere.Keys = append(anywhere.Keys, KeyHelp{[]string{b.Key}, b.Label})
	}
	anywhere.Keys = append(anywhere.Keys, KeyHelp{[]string{"?"}, p.T("web.keys.help")}, KeyHelp{[]string{"Esc"}, p.T("web.keys.esc")})
	return append(table, anywhere)
}

// ListKeys is the group of bindings comity.js gives to every table.list.
func (p *Page) ListKeys() KeyGroup {
	return KeyGroup{Title: p.T("web.keys.lists"), Keys: []KeyHelp{
		{[]string{"j", "k"}, p.T("web.keys.move")},
		{[]string{"x"}, p.T("web.keys.select")},
		{[]string{"o", "↵"}, p.T("web.keys.open")},
		{[]string{"v"}, p.T("web.density")},
	}}
}

// shown is a key as it is printed on a button.
func shown(key string) string {
	if len(key) == 1 {
		return strings.ToUpper(key)
	}
	return key
}

// Icon draws a symbol and notes that the page needs it. An unknown name draws the dots of "more", so
// that a pack's slip of the pen costs a picture and not a page.
func Icon(p *Page, name string) templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		if _, ok := symbols[name]; !ok {
			name = "more"
		}
		p.icons[name] = true
		_, err := io.WriteString(w, `<svg class="i" aria-hidden="true"><use href="#i-`+name+`"/></svg>`)
		return err
	})
}

// HasIcon reports whether the house has a drawing of that name, for the pack loader's test.
func HasIcon(name string) bool { _, ok := symbols[name]; return ok }

// sprite draws the symbols the page used, once. It must come after everything that uses icons.
func sprite(p *Page) templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		var names []string
		for n := range p.icons {
			names = append(names, n)
		}
		slices.Sort(names)
		var b strings.Builder
		b.WriteString(`<svg width="0" height="0" hidden>`)
		for _, n := range names {
			fmt.Fprintf(&b, `<symbol id="i-%s" viewBox="0 0 20 20"><path d="%s"/></symbol>`, n, symbols[n])
		}
		b.WriteString(`</svg>`)
		_, err := io.WriteString(w, b.String())
		return err
	})
}

// Lines shows text a person typed with its line breaks and nothing else of it.
func Lines(s string) templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		_, err := io.WriteString(w, strings.ReplaceAll(html.EscapeString(s), "\n", "<br>"))
		return err
	})
}

// Words draws the text of a key, with a lang attribute when it exists in another language only.
func Words(p *Page, key string) templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		said := html.EscapeString(p.T(key))
		if own := p.Own(key); own != p.Lang {
			said = `<span lang="` + html.EscapeString(own) + `">` + said + `</span>`
		}
		_, err := io.WriteString(w, said)
		return err
	})
}

// initials are at most two letters for the round badge of a person.
func initials(name string) string {
	if words := strings.Fields(name); len(words) > 1 {
		return string([]rune(words[0])[:1]) + string([]rune(words[len(words)-1])[:1])
	}
	r := []rune(name)
	if len(r) > 2 && r[0] > 0x2e7f { // a Chinese name: the given name is what people say
		return string(r[len(r)-2:])
	}
	return string(r[:min(2, len(r))])
}
