package desk

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"comity/internal/account"
	"comity/internal/journal"
	"comity/internal/web"
)

// signInForm is what the sign-in page shows.
type signInForm struct {
	Login, Back, Wrong string
	Provider           string // name of the identity provider; empty = there is none
	Passkeys           bool   // the address of the site is one passkeys can belong to
	Demo               []demoRow
}

type demoRow struct {
	SignIn
	Name, Where, What string
}

// knownCookie makes this browser one its people came in from before.
const knownCookie = "comity_known"

// knownFor is how long a browser keeps that cookie; the store decides how long it counts.
const knownFor = 180 * 24 * time.Hour

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
	f.Provider, f.Passkeys = d.providerName(), account.PasskeysAt(d.site.Origin(r))
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

// after is where sign-in leads: back to the desk page asked for, never elsewhere, and never in a circle.
func after(back string) string {
	u, err := url.Parse(web.LocalPath(back))
	if err != nil {
		return "/desk"
	}
	desk := u.Path == "/desk" || strings.HasPrefix(u.Path, "/desk/")
	odd := strings.Contains(u.Path, "..") || strings.Contains(u.Path, "//") || strings.ContainsFunc(u.Path, func(r rune) bool { return r == '\\' || unicode.IsControl(r) })
	if !desk || odd || strings.HasPrefix(u.Path, "/desk/sign") || u.Path == "/desk/again" {
		return "/desk"
	}
	return u.RequestURI()
}

// from is where a request comes from, as the accounts want to know it.
func (d *Desk) from(r *http.Request) account.From {
	f := account.From{Address: d.Client(r), Agent: r.UserAgent()}
	f.Device = d.site.Secret(r, knownCookie)
	return f
}

func (d *Desk) signIn(w http.ResponseWriter, r *http.Request) error {
	if err := web.ReadForm(r, "login", "password", "back"); err != nil {
		return err
	}
	f := signInForm{Login: r.PostForm.Get("login"), Back: r.PostForm.Get("back")}
	from, now := d.from(r), d.site.Now()
	p := d.site.Page(r, "desk.signin.title")
	place, known, err := d.Accounts.Place(r.Context(), f.Login, from)
	if err != nil {
		return err
	}
	if wait := d.guard.Try(f.Login, place, known, now); wait > 0 {
		f.Wrong = d.waitWords(w, p, wait)
		return d.showSignIn(w, r, http.StatusTooManyRequests, f)
	}
	entry, err := d.Accounts.Enter(r.Context(), f.Login, r.PostForm.Get("password"), from)
	if errors.Is(err, account.ErrWrong) {
		journal.Say(w, "desk.signin.wrong")
		f.Wrong = p.T("desk.signin.wrong")
		return d.showSignIn(w, r, http.StatusUnprocessableEntity, f)
	}
	if err != nil {
		return err
	}
	d.guard.Hit(f.Login, place, known)
	if entry.Step != "" {
		return d.toStep(w, r, entry, f.Back)
	}
	return d.arrived(w, r, entry, f.Back)
}

// waitWords says how long the next try has to wait, to people and to programs.
func (d *Desk) waitWords(w http.ResponseWriter, p *web.Page, wait time.Duration) string {
	seconds := int((wait + time.Second - 1) / time.Second)
	w.Header().Set("Retry-After", strconv.Itoa(seconds))
	return p.N("desk.signin.wait", seconds)
}

// arrived begins the session in this browser. One it had before ends: whoever planted it gains nothing.
func (d *Desk) arrived(w http.ResponseWriter, r *http.Request, e account.Entry, back string) error {
	if old := d.site.Secret(r, sessionCookie); old != "" {
		if err := d.Accounts.SignOut(r.Context(), old); err != nil {
			return err
		}
	}
	d.site.KeepSecret(w, sessionCookie, e.Token, 0)
	d.site.KeepSecret(w, knownCookie, e.Device, int(knownFor/time.Second))
	d.site.KeepSecret(w, stepCookie, "", -1)
	http.Redirect(w, r, after(back), http.StatusSeeOther)
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

// forged writes down a session cookie that opens nothing, a few times for each address, and takes it away.
func (d *Desk) forged(w http.ResponseWriter, r *http.Request) error {
	token := d.site.Secret(r, sessionCookie)
	if token == "" {
		return nil
	}
	d.site.KeepSecret(w, sessionCookie, "", -1)
	from, now := d.from(r), d.site.Now()
	if d.strays.Wait(from.Address, now) > 0 {
		return nil
	}
	d.strays.Count(from.Address, now)
	why := account.WhyReplayed
	if len(token) != secretLen {
		why = account.WhyForged
	}
	return d.Accounts.Refuse(r.Context(), "", account.BySession, why, from)
}

// secretLen is how long a token of the accounts is: 256 bits as base64.
const secretLen = 43

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
