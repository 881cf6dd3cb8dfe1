package desk

import (
	"errors"
	"net/http"
	"net/url"

	"comity/internal/account"
	"comity/internal/web"
)

// welcomePage is where somebody chooses a passphrase: behind an invitation, or at the first run.
type welcomePage struct {
	To, Code    string
	Name, Login string
	First       bool // the first run: login and name are asked too
	Mistakes    []web.Mistake
	Sent        url.Values
}

// setup makes the first administrator with the code from the console.
func (d *Desk) setup(w http.ResponseWriter, r *http.Request) error {
	code := r.URL.Query().Get("code")
	if err := d.Accounts.SetupOpen(r.Context(), code); err != nil {
		return d.noInvite(r, err)
	}
	return d.showWelcome(w, r, http.StatusOK, welcomePage{To: "/desk/setup", Code: code, First: true})
}

// noInvite counts a code that opens nothing against the address it comes from.
func (d *Desk) noInvite(r *http.Request, err error) error {
	if !errors.Is(err, account.ErrNoInvite) {
		return err
	}
	from, now := d.Client(r), d.site.Now()
	if wait := d.guesses.Wait(from, now); wait > 0 {
		return &web.Refused{Status: http.StatusTooManyRequests, Rule: "desk.too_many", Wait: wait}
	}
	d.guesses.Count(from, now)
	return &web.Refused{Status: http.StatusNotFound, Rule: "desk.invite.gone"}
}

func (d *Desk) setupDo(w http.ResponseWriter, r *http.Request) error {
	if err := web.ReadForm(r, "code", "login", "name.zh-CN", "name.en", "passphrase", "again"); err != nil {
		return err
	}
	sent := r.PostForm
	f := welcomePage{To: "/desk/setup", Code: sent.Get("code"), First: true, Sent: sent}
	if err := d.Accounts.SetupOpen(r.Context(), f.Code); err != nil {
		return d.noInvite(r, err)
	}
	err := same(sent)
	if err == nil {
		_, err = d.Accounts.Setup(r.Context(), f.Code, d.Packs.Current().Units.Root(), account.Account{Login: sent.Get("login"), Name: sentNames(sent)}, sent.Get("passphrase"))
	}
	return d.welcomed(w, r, f, err)
}

// same refuses a passphrase that was typed differently the second time.
func same(sent url.Values) error {
	if sent.Get("passphrase") != sent.Get("again") {
		return &account.Refused{Rule: "account.again"}
	}
	return nil
}

func (d *Desk) welcome(w http.ResponseWriter, r *http.Request) error {
	a, err := d.Accounts.Welcome(r.Context(), r.PathValue("secret"))
	if err != nil {
		return d.noInvite(r, err)
	}
	lang := d.site.Lang(r)
	return d.showWelcome(w, r, http.StatusOK, welcomePage{To: r.URL.EscapedPath(), Name: a.NameIn(lang), Login: a.Login})
}

func (d *Desk) welcomeDo(w http.ResponseWriter, r *http.Request) error {
	if err := web.ReadForm(r, "passphrase", "again"); err != nil {
		return err
	}
	a, err := d.Accounts.Welcome(r.Context(), r.PathValue("secret"))
	if err != nil {
		return d.noInvite(r, err)
	}
	if err = same(r.PostForm); err == nil {
		_, err = d.Accounts.Accept(r.Context(), r.PathValue("secret"), r.PostForm.Get("passphrase"))
	}
	return d.welcomed(w, r, welcomePage{To: r.URL.EscapedPath(), Name: a.NameIn(d.site.Lang(r)), Login: a.Login}, err)
}

// welcomed shows the form again with its mistakes, or leads to the sign-in.
func (d *Desk) welcomed(w http.ResponseWriter, r *http.Request, f welcomePage, err error) error {
	if err == nil {
		http.Redirect(w, r, "/desk/signin", http.StatusSeeOther)
		return nil
	}
	if errors.Is(err, account.ErrNoInvite) {
		return d.noInvite(r, err)
	}
	mistakes, err := told(d.site.Page(r, "accounts.welcome.title"), err)
	if err != nil {
		return err
	}
	f.Mistakes = mistakes
	return d.showWelcome(w, r, http.StatusUnprocessableEntity, f)
}

func (d *Desk) showWelcome(w http.ResponseWriter, r *http.Request, status int, f welcomePage) error {
	title := "accounts.welcome.title"
	if f.First {
		title = "accounts.setup.title"
	}
	p := d.site.Page(r, title)
	p.Private, p.Wrong = true, len(f.Mistakes) > 0
	w.Header().Set("Referrer-Policy", "no-referrer") // the address holds the secret
	return p.Write(w, r, status, web.PublicLayout(p, welcomeBody(p, f)))
}
