package desk

import (
	"errors"
	"net/http"
	"net/url"

	"comity/internal/account"
)

// errAnswered tells signed that the answer has been written and the handler stops.
var errAnswered = errors.New("desk: answered already")

// fresh lets an act go on only when the person proved within minutes who they are. Otherwise it answers
// itself, with the page that asks for the proof, and returns an error for the handler to hand on:
//
//	if err := v.fresh(); err != nil {
//		return err
//	}
//
// What a form held is carried along and can be sent again after the proof; files have to be chosen anew.
func (v *visit) fresh() error {
	if account.Fresh(v.live, v.now) {
		return nil
	}
	http.Redirect(v.w, v.r, "/desk/again?back="+url.QueryEscape(v.r.URL.RequestURI()), http.StatusSeeOther)
	return errAnswered
}
