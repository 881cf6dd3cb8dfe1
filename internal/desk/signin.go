package desk

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"comity/internal/account"
	"comity/internal/journal"
	"comity/internal/web"
)

// signInForm is what the sign-in page shows.
type signInForm struct {
	Login, Back, Wrong string
	Demo               []demoRow
}

type demoRow struct {
	SignIn
	Name, Where, What string
}

func (d *Desk) signInPage(w http.ResponseWriter, r *http.Request) error {
	if _, err := d.session(r); err == nil {
		http.Redirect(w, r, after(r.URL.Query().Get("back")), http.StatusSeeOther)
		return nil
	}
	return d.showSignIn(w, r, http.StatusOK, signInForm{Back: r.URL.Query().Get("back")})
}

func (d *Desk) showSignIn(w http.ResponseWriter, r *http.Request, status int, f signInForm) error {
	p := d.site.Page(r, "desk.signin.title")
	p.Wrong = f.Wrong != ""
	for _, s := range d.SignIns {
		row := demoRow{SignIn: s, Name: s.Login, What: s.Role}
		if key := "desk.role." + s.Role; p.Has(key) {
			row.What = p.T(key)
		}
		if s.Unit != "" {
			row.Where = p.T("unit." + string(s.Unit))
		}
		f.Demo = append(f.Demo, row)
	}
	return p.Write(w, r, status, web.PublicLayout(p, signInBody(p, f)))
}

// after is where sign-in leads: back to the desk page asked for, never elsewhere.
func after(back string) string {
	if to := web.LocalPath(back); strings.HasPrefix(to, "/desk") && !strings.HasPrefix(to, "/desk/sign") {
		return to
	}
	return "/desk"
}

func (d *Desk) signIn(w http.ResponseWriter, r *http.Request) error {
	if err := web.ReadForm(r, "login", "password", "back"); err != nil {
		return err
	}
	f := signInForm{Login: r.PostForm.Get("login"), Back: r.PostForm.Get("back")}
	address, now := d.Client(r), d.site.Now()
	p := d.site.Page(r, "desk.signin.title")
	if wait := d.throttle.Wait(f.Login, address, now); wait > 0 {
		seconds := int((wait + time.Second - 1) / time.Second)
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
		f.Wrong = p.N("desk.signin.wait", seconds)
		return d.showSignIn(w, r, http.StatusTooManyRequests, f)
	}
	_, token, err := d.Accounts.SignIn(r.Context(), f.Login, r.PostForm.Get("password"))
	if errors.Is(err, account.ErrWrong) {
		d.throttle.Miss(f.Login, address, now)
		journal.Say(w, "desk.signin.wrong")
		f.Wrong = p.T("desk.signin.wrong")
		return d.showSignIn(w, r, http.StatusUnprocessableEntity, f)
	}
	if err != nil {
		return err
	}
	d.throttle.Hit(f.Login, address)
	d.site.KeepSecret(w, sessionCookie, token, 0) // the server ends it earlier
	http.Redirect(w, r, after(f.Back), http.StatusSeeOther)
	return nil
}

func (d *Desk) signOut(w http.ResponseWriter, r *http.Request) error {
	if err := web.ReadForm(r); err != nil {
		return err
	}
	if token := d.site.Secret(r, sessionCookie); token != "" {
		if err := d.Accounts.SignOut(r.Context(), token); err != nil {
			return err
		}
	}
	d.site.KeepSecret(w, sessionCookie, "", -1)
	http.Redirect(w, r, "/desk/signin", http.StatusSeeOther)
	return nil
}

// me shows who is signed in and with which rights.
func (v *visit) me() error {
	p := v.page("desk.me.title")
	var rows []meRow
	for _, g := range v.who.Grants {
		row := meRow{Unit: "unit." + string(g.Unit), Role: string(g.Role)}
		if key := "desk.role." + string(g.Role); p.Has(key) {
			row.Role = p.T(key)
		}
		for _, pr := range g.Programmes {
			row.Programmes = append(row.Programmes, p.T("programme."+pr))
		}
		rows = append(rows, row)
	}
	return v.write(p, http.StatusOK, meBody(p, v.who.NameIn(p.Lang), v.who.Login, rows))
}

type meRow struct {
	Unit, Role string
	Programmes []string
}
