package web

import (
	"strings"

	"github.com/a-h/templ"

	"comity/internal/form"
)

// attrs are the attributes a control gets by its state. Required is told in words and checked by the
// server: a browser's own bubble would be in the browser's language and would hide the summary.
func (c Control) attrs() templ.Attributes {
	a := c.described()
	if c.Wrong != "" {
		a["aria-invalid"] = "true"
	}
	if c.Required {
		a["aria-required"] = "true"
	}
	if m := c.inputMode(); m != "" {
		a["inputmode"] = m
	}
	if c.Kind == form.Phone {
		a["autocomplete"] = "tel"
	}
	return a
}

func (c Control) described() templ.Attributes {
	a := templ.Attributes{}
	if d := c.describedBy(); d != "" {
		a["aria-describedby"] = d
	}
	return a
}

// keyAttrs binds a key: comity.js presses what carries it, screen readers say it.
func keyAttrs(key string) templ.Attributes {
	if key == "" {
		return nil
	}
	return templ.Attributes{"data-key": key, "aria-keyshortcuts": strings.ToUpper(key)}
}
