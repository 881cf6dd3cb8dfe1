package portal

import (
	"github.com/a-h/templ"

	"comity/internal/web"
)

// draftAttrs let the script keep a report that was begun, except on a device that belongs to nobody.
func draftAttrs(p *web.Page, kept bool) templ.Attributes {
	if p.Kiosk {
		return p.Autocomplete()
	}
	return templ.Attributes{"data-draft": "report", "data-kept": kept}
}

// invalid marks a control that has a message.
func invalid(words string) templ.Attributes {
	if words == "" {
		return nil
	}
	return templ.Attributes{"aria-invalid": "true"}
}
