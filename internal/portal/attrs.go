package portal

import "github.com/a-h/templ"

// invalid marks a control that has a message.
func invalid(words string) templ.Attributes {
	if words == "" {
		return nil
	}
	return templ.Attributes{"aria-invalid": "true"}
}
