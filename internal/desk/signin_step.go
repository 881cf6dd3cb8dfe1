package desk

import (
	"errors"
	"net/http"
	"net/url"

	"comity/internal/account"
	"comity/internal/web"
)

// stepCookie holds the ticket between password and code.
const stepCookie = "comity_step"

// stepFor is how long the browser keeps it, in seconds; the store ends it by itself.
const stepFor = 600

type stepForm struct {
	Back, Wrong string
	Passkeys    bool
}

// toStep leads from a right password to the second proof.
func (d *Desk) toStep(w http.ResponseWriter, r *http.Request, e account.Entry, back string) error {
	d.site.KeepSecret(w, stepCookie, e.Step, stepFor)
	http.Redirect(w, r, "/desk/signin/step?back="+url.QueryEscape(after(back)), http.StatusSeeOther)
	return nil
}

func (d *Desk) stepPage(w http.ResponseWriter, r *http.Request) error {
	if d.site.Secret(r, stepCookie) == "" {
		http.Redirect(w, r, "/desk/signin", http.StatusSeeOther)
		return nil
	}
	return d.showStep(w, r, http.StatusOK, stepForm{Back: r.URL.Query().Get("back")})
}

func (d *Desk) showStep(w http.ResponseWriter, r *http.Request, status int, f stepForm) error {
	p := d.site.Page(r, "desk.step.title")
	p.Wrong, f.Passkeys = f.Wrong != "", account.PasskeysAt(d.site.Origin(r))
	return p.Write(w, r, status, web.PublicLayout(p, stepBody(p, f)))
}

func (d *Desk) stepDo(w http.ResponseWriter, r *http.Request) error {
	if err := web.ReadForm(r, "back", "code"); err != nil {
		return err
	}
	f := stepForm{Back: r.PostForm.Get("back")}
	p := d.site.Page(r, "desk.step.title")
	step := d.site.Secret(r, stepCookie)
	entry, err := d.Accounts.EnterCode(r.Context(), step, r.PostForm.Get("code"), d.from(r))
	switch {
	case errors.Is(err, account.ErrTicket):
		d.site.KeepSecret(w, stepCookie, "", -1)
		return d.showSignIn(w, r, http.StatusUnprocessableEntity, signInForm{Back: f.Back, Wrong: p.T("desk.signin.begin_again")})
	case errors.Is(err, account.ErrCodesClosed):
		f.Wrong = p.T("desk.step.closed")
		return d.showStep(w, r, http.StatusUnprocessableEntity, f)
	case errors.Is(err, account.ErrCode):
		f.Wrong = p.T("desk.step.wrong")
		return d.showStep(w, r, http.StatusUnprocessableEntity, f)
	case errors.Is(err, account.ErrWrong):
		return d.showSignIn(w, r, http.StatusUnprocessableEntity, signInForm{Back: f.Back, Wrong: p.T("desk.signin.wrong")})
	case err != nil:
		return err
	}
	return d.arrived(w, r, entry, f.Back)
}
