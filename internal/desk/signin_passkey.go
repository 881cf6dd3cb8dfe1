package desk

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"

	"comity/internal/account"
	"comity/internal/web"
)

//go:embed passkey.js
var passkeyScript []byte

// passkeyHref holds the hash of the script, so that browsers may keep it for good.
func passkeyHref() string {
	sum := sha256.Sum256(passkeyScript)
	return "/desk/passkey.js?v=" + hex.EncodeToString(sum[:6])
}

func (d *Desk) passkeyScript(w http.ResponseWriter, _ *http.Request) error {
	h := w.Header()
	h.Set("Content-Type", "text/javascript; charset=utf-8")
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	_, err := w.Write(passkeyScript)
	return err
}

// asking bounds how much strangers can begin: each beginning is a row until it expires.
func (d *Desk) asking(r *http.Request) error {
	from, now := d.Client(r), d.site.Now()
	if d.begun.Wait(from, now) > 0 {
		return &web.Refused{Status: http.StatusTooManyRequests, Rule: "desk.signin.many"}
	}
	d.begun.Count(from, now)
	return nil
}

// passkeyAsk tells the script what to ask an authenticator for.
func (d *Desk) passkeyAsk(w http.ResponseWriter, r *http.Request) error {
	if err := web.ReadForm(r); err != nil {
		return err
	}
	if !account.PasskeysAt(d.site.Origin(r)) {
		return web.ErrNotFound
	}
	if err := d.asking(r); err != nil {
		return err
	}
	o, err := d.Accounts.PasskeyAsk(r.Context(), d.site.Origin(r), "")
	if err != nil {
		return err
	}
	return offer(w, o)
}

func offer(w http.ResponseWriter, o account.Offer) error {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	return json.NewEncoder(w).Encode(o)
}

// passkeyDo takes the answer of the authenticator, which the script put into a form.
func (d *Desk) passkeyDo(w http.ResponseWriter, r *http.Request) error {
	if err := web.ReadForm(r, "back", "ticket", "answer"); err != nil {
		return err
	}
	back := r.PostForm.Get("back")
	entry, err := d.Accounts.PasskeyEnter(r.Context(), d.site.Origin(r), r.PostForm.Get("ticket"), []byte(r.PostForm.Get("answer")), d.from(r))
	if errors.Is(err, account.ErrTicket) || errors.Is(err, account.ErrPasskey) || errors.Is(err, account.ErrWrong) {
		p := d.site.Page(r, "desk.signin.title")
		return d.showSignIn(w, r, http.StatusUnprocessableEntity, signInForm{Back: back, Wrong: p.T("desk.passkey.refused")})
	}
	if err != nil {
		return err
	}
	return d.arrived(w, r, entry, back)
}
