package desk

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"

	"comity/internal/account"
	"comity/internal/web"
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
	if v.r.Method == http.MethodGet || v.r.Method == http.MethodHead {
		http.Redirect(v.w, v.r, "/desk/again?back="+url.QueryEscape(v.r.URL.RequestURI()), http.StatusSeeOther)
		return errAnswered
	}
	if err := web.ParseForm(v.r); err != nil {
		return err
	}
	f := againForm{Back: v.r.URL.RequestURI(), Keep: packed(v.r.PostForm)}
	if err := v.showAgain(http.StatusForbidden, f); err != nil {
		return err
	}
	return errAnswered
}

// againForm is what the page that asks for a proof shows.
type againForm struct {
	Back     string
	Keep     string // the form that waits, packed; empty = none
	Wrong    string
	Login    string // for the browser's list of passwords
	Code     bool   // the account has codes
	Passkey  bool
	Provider string
}

// packed is a form as one field of another.
func packed(form url.Values) string {
	if len(form) == 0 {
		form = url.Values{"": {""}} // an empty form is one too
	}
	return base64.RawURLEncoding.EncodeToString([]byte(form.Encode()))
}

func unpacked(keep string) (url.Values, error) {
	raw, err := base64.RawURLEncoding.DecodeString(keep)
	if err != nil {
		return nil, &web.Refused{Status: http.StatusBadRequest, Rule: "desk.form.unreadable"}
	}
	form, err := url.ParseQuery(string(raw))
	if err != nil {
		return nil, &web.Refused{Status: http.StatusBadRequest, Rule: "desk.form.unreadable"}
	}
	form.Del("")
	return form, nil
}

func (v *visit) againPage() error {
	return v.showAgain(http.StatusOK, againForm{Back: after(v.r.URL.Query().Get("back"))})
}

func (v *visit) showAgain(status int, f againForm) error {
	proofs, err := v.Accounts.Proofs(v.ctx(), v.who.ID)
	if err != nil {
		return err
	}
	f.Login, f.Code, f.Passkey, f.Provider = v.who.Login, proofs.TOTP || proofs.Recovery > 0, len(proofs.Passkeys) > 0 && account.PasskeysAt(v.site.Origin(v.r)), v.providerName()
	p := v.page("desk.again.title")
	p.Wrong = f.Wrong != ""
	return v.write(p, status, againBody(p, f))
}

func (v *visit) againPasskeyAsk() error {
	if err := v.fields(); err != nil {
		return err
	}
	if !account.PasskeysAt(v.site.Origin(v.r)) {
		return web.ErrNotFound
	}
	o, err := v.Accounts.PasskeyAsk(v.ctx(), v.site.Origin(v.r), v.who.ID)
	if err != nil {
		return err
	}
	return offer(v.w, o)
}

// againDo takes the proof. how says which: password, code, passkey, or the provider's given in another window.
func (v *visit) againDo() error {
	if err := v.fields("back", "keep", "how", "login", "password", "code", "ticket", "answer"); err != nil {
		return err
	}
	post := v.r.PostForm.Get
	f := againForm{Back: after(post("back")), Keep: post("keep")}
	if post("how") == "provider" {
		if account.Fresh(v.live, v.now) {
			return v.againGo(f)
		}
		f.Wrong = v.say("desk.again.not_yet")
		return v.showAgain(http.StatusUnprocessableEntity, f)
	}
	place := "again " + v.live.Handle
	if wait := v.guard.Try(v.who.Login, place, true, v.now); wait > 0 {
		f.Wrong = v.waitWords(v.w, v.page("desk.again.title"), wait)
		return v.showAgain(http.StatusTooManyRequests, f)
	}
	token, err := v.prove(post)
	if words := v.proofWords(err); words != "" {
		f.Wrong = words
		return v.showAgain(http.StatusUnprocessableEntity, f)
	}
	if err != nil {
		return err
	}
	v.guard.Hit(v.who.Login, place, true)
	v.site.KeepSecret(v.w, sessionCookie, token, 0)
	return v.againGo(f)
}

// prove checks the proof and returns the session's new token.
func (v *visit) prove(post func(string) string) (string, error) {
	session := v.site.Secret(v.r, sessionCookie)
	if session == "" {
		return "", account.ErrNoSession
	}
	from := v.from(v.r)
	switch post("how") {
	case "code":
		return v.Accounts.AgainCode(v.ctx(), session, post("code"), from)
	case "passkey":
		return v.Accounts.AgainPasskey(v.ctx(), v.site.Origin(v.r), session, post("ticket"), []byte(post("answer")), from)
	}
	return v.Accounts.AgainPassword(v.ctx(), session, post("password"), from)
}

// proofWords says what is wrong with a proof; empty when it is not the proof.
func (v *visit) proofWords(err error) string {
	switch {
	case errors.Is(err, account.ErrWrong):
		return v.say("desk.again.password.wrong")
	case errors.Is(err, account.ErrCodesClosed):
		return v.say("desk.step.closed")
	case errors.Is(err, account.ErrCode):
		return v.say("desk.step.wrong")
	case errors.Is(err, account.ErrPasskey), errors.Is(err, account.ErrTicket):
		return v.say("desk.passkey.refused")
	}
	return ""
}

func (v *visit) say(key string, kv ...string) string {
	return v.site.Text.In(v.site.Lang(v.r)).T(key, kv...)
}

// keptField is one field of a form that waited for a proof.
type keptField struct{ Name, Value string }

// againGo leads on after the proof: to the page asked for, or to the form that waited.
func (v *visit) againGo(f againForm) error {
	if f.Keep == "" {
		http.Redirect(v.w, v.r, f.Back, http.StatusSeeOther)
		return nil
	}
	form, err := unpacked(f.Keep)
	if err != nil {
		return err
	}
	var fields []keptField
	for name, values := range form {
		for _, value := range values {
			fields = append(fields, keptField{name, value})
		}
	}
	p := v.page("desk.again.ready")
	return v.write(p, http.StatusOK, againGoBody(p, f.Back, fields))
}
