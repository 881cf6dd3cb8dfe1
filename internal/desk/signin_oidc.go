package desk

import (
	"errors"
	"net/http"
	"net/url"

	"comity/internal/account"
)

// providerCookie says that it was this browser that went to the identity provider.
const providerCookie = "comity_oidc"

const providerBack = "/desk/signin/oidc/callback"

// providerName is what people know the identity provider by; empty when there is none.
func (d *Desk) providerName() string {
	if d.Provider == nil {
		return ""
	}
	if u, err := url.Parse(d.Provider.Issuer()); err == nil {
		return u.Hostname()
	}
	return d.Provider.Issuer()
}

// toProvider sends the browser to the identity provider. It is a link and no form: the policy of the
// pages lets forms lead nowhere else.
func (d *Desk) toProvider(w http.ResponseWriter, r *http.Request) error {
	return d.goProvider(w, r, after(r.URL.Query().Get("back")), "")
}

// againProvider does so for a proof given again.
func (v *visit) againProvider() error {
	return v.goProvider(v.w, v.r, after(v.r.URL.Query().Get("back")), v.who.ID)
}

func (d *Desk) goProvider(w http.ResponseWriter, r *http.Request, back, accountID string) error {
	if err := d.asking(r); err != nil {
		return err
	}
	address, browser, err := d.Accounts.OIDCBegin(r.Context(), d.Provider, d.site.Origin(r)+providerBack, back, accountID)
	if errors.Is(err, account.ErrProvider) {
		d.tell(r, err)
		p := d.site.Page(r, "desk.signin.title")
		return d.showSignIn(w, r, http.StatusBadGateway, signInForm{Back: back, Wrong: p.T("desk.oidc.unreachable", "provider", d.providerName())})
	}
	if err != nil {
		return err
	}
	d.site.KeepSecret(w, providerCookie, browser, stepFor)
	http.Redirect(w, r, address, http.StatusSeeOther)
	return nil
}

// fromProvider is where the identity provider sends the browser back to.
func (d *Desk) fromProvider(w http.ResponseWriter, r *http.Request) error {
	var browser, token string
	browser = d.site.Secret(r, providerCookie)
	token = d.site.Secret(r, sessionCookie)
	d.site.KeepSecret(w, providerCookie, "", -1)
	entry, back, err := d.Accounts.OIDCFinish(r.Context(), d.Provider, d.site.Origin(r)+providerBack, r.URL.Query(), browser, token, d.from(r))
	if err != nil {
		return d.providerFailed(w, r, back, err)
	}
	if entry.Account.ID == "" { // a proof given again
		d.site.KeepSecret(w, sessionCookie, entry.Token, 0)
		http.Redirect(w, r, after(back), http.StatusSeeOther)
		return nil
	}
	return d.arrived(w, r, entry, back)
}

// providerFailed tells the person the least and the log what to check.
func (d *Desk) providerFailed(w http.ResponseWriter, r *http.Request, back string, err error) error {
	key := ""
	switch {
	case errors.Is(err, account.ErrTicket):
		key = "desk.signin.begin_again"
	case errors.Is(err, account.ErrNobody):
		key = "desk.oidc.nobody"
	case errors.Is(err, account.ErrProvider), errors.Is(err, account.ErrNoSession):
		key = "desk.oidc.refused"
	default:
		return err
	}
	d.tell(r, err)
	p := d.site.Page(r, "desk.signin.title")
	return d.showSignIn(w, r, http.StatusUnprocessableEntity, signInForm{Back: back, Wrong: p.T(key, "provider", d.providerName())})
}

func (d *Desk) tell(r *http.Request, err error) {
	if d.site.Log != nil {
		d.site.Log.Warn("sign-in with the identity provider failed", "route", r.Pattern, "error", err.Error())
	}
}

// providerDone is where a proof given in a window of its own ends.
func (v *visit) providerDone() error {
	p := v.page("desk.again.title")
	return v.write(p, http.StatusOK, againDoneBody(p))
}
