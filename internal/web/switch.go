package web

import "strconv"

// pressed says whether a switch stands on its second value, as the button tells screen readers.
func pressed(p *Page, name string) string {
	return strconv.FormatBool(p.Other(name) == prefs[name][0])
}
