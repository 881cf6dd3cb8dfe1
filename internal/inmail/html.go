package inmail

import (
	"strings"

	"golang.org/x/net/html"
)

// hidden are elements whose words nobody reads. The head is none of them: programs leave its end out, and then the
// whole mail would be hidden.
var hidden = map[string]bool{"script": true, "style": true, "title": true, "template": true, "noscript": true}

// broken are elements that begin a line of their own.
var broken = map[string]bool{"p": true, "div": true, "br": true, "tr": true, "li": true, "ul": true, "ol": true, "table": true, "blockquote": true, "h1": true, "h2": true, "h3": true, "h4": true, "hr": true, "pre": true}

// textOf is what a person reads of HTML: words and line ends. What is quoted from another mail is marked as in
// plain text.
func textOf(source string) string {
	var w htmlWords
	z := html.NewTokenizer(strings.NewReader(source))
	for {
		kind := z.Next()
		if kind == html.ErrorToken {
			return w.b.String()
		}
		t := z.Token()
		switch kind {
		case html.TextToken:
			w.text(t.Data)
		case html.StartTagToken, html.SelfClosingTagToken:
			w.begins(t, kind == html.SelfClosingTagToken)
		case html.EndTagToken:
			w.ends(t.Data)
		}
	}
}

type htmlWords struct {
	b      strings.Builder
	hidden int
	quoted int
	any    bool
}

func (w *htmlWords) begins(t html.Token, alone bool) {
	if hidden[t.Data] && !alone {
		w.hidden++
	}
	if broken[t.Data] {
		w.line()
	}
	switch t.Data {
	case "blockquote":
		if !alone {
			w.quoted++
		}
	case "li":
		w.text("- ")
	case "td", "th":
		w.text(" ")
	}
}

func (w *htmlWords) ends(name string) {
	if hidden[name] && w.hidden > 0 {
		w.hidden--
	}
	if broken[name] {
		w.line()
	}
	if name == "blockquote" && w.quoted > 0 {
		w.quoted--
	}
}

func (w *htmlWords) line() {
	if w.any {
		w.b.WriteByte('\n')
	}
	w.any = false
}

func (w *htmlWords) text(s string) {
	if w.hidden > 0 {
		return
	}
	space := strings.HasPrefix(s, " ") || strings.HasPrefix(s, "\n")
	words := strings.Join(strings.Fields(s), " ")
	if words == "" {
		if w.any {
			w.b.WriteByte(' ')
		}
		return
	}
	if !w.any && w.quoted > 0 {
		w.b.WriteString("> ")
	} else if space && w.any {
		w.b.WriteByte(' ')
	}
	w.any = true
	w.b.WriteString(words)
	if strings.HasSuffix(s, " ") || strings.HasSuffix(s, "\n") {
		w.b.WriteByte(' ')
	}
}
