package web

import (
	"net/http"
	"net/url"
	"strings"

	"comity/internal/form"
)

// prefilled marks an answer in an address: ?f.amount=300 fills the field "amount" of the form that is shown.
const prefilled = "f."

// Prefill adds the answers that stand in the address to those a form begins with. An address fills only what
// the form asks and never sends it: somebody reads it and presses the button.
func Prefill(r *http.Request, fields []form.Field, values map[string]string) map[string]string {
	q := r.URL.Query()
	for _, f := range fields {
		v := q.Get(prefilled + f.Name)
		if v == "" || !soundValue(v) {
			continue
		}
		if values == nil {
			values = map[string]string{}
		}
		values[f.Name] = v
	}
	return values
}

// WithPrefill is the address of a form with answers in it. What makes it longer than addresses may be is left
// to be typed.
func WithPrefill(to string, answers map[string]string) string {
	q := url.Values{}
	for name, v := range answers {
		if v == "" {
			continue
		}
		q.Set(prefilled+name, v)
		if len(to)+len(q.Encode()) > maxAddress-200 {
			q.Del(prefilled + name)
		}
	}
	if len(q) == 0 {
		return to
	}
	if strings.Contains(to, "?") {
		return to + "&" + q.Encode()
	}
	return to + "?" + q.Encode()
}
