package desk

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"comity/internal/account"
	"comity/internal/web"
)

// counterCookie marks a browser that several officers share.
const counterCookie = "comity_counter"

// counterAge is how long a browser stays a shared one, in seconds: as long as browsers keep a cookie.
const counterAge = 400 * 24 * 3600

// touchCounter keeps a busy counter from writing with every request.
const touchCounter = 10 * time.Second

// counter is the shared counter of a request; empty when the browser is nobody's but the officer's.
func (d *Desk) counter(r *http.Request) (secret string, c account.Counter, err error) {
	secret = d.site.Secret(r, counterCookie)
	if secret == "" {
		return "", c, nil
	}
	c, err = d.Accounts.CounterOf(r.Context(), secret)
	if errors.Is(err, account.ErrNoSession) {
		return "", c, nil
	}
	return secret, c, err
}

// guarded lets a request at a shared counter through when it was unlocked a short while ago. done: it was
// answered here.
func (d *Desk) guarded(w http.ResponseWriter, r *http.Request) (secret string, done bool, err error) {
	secret, c, err := d.counter(r)
	if err != nil || secret == "" {
		return "", err != nil, err
	}
	if c.Stale(d.site.Now()) {
		if r.Method != http.MethodGet {
			return "", true, &web.Refused{Status: http.StatusForbidden, Rule: "desk.counter.locked"}
		}
		http.Redirect(w, r, "/desk/locked", http.StatusSeeOther)
		return "", true, nil
	}
	if d.site.Now().Sub(c.Seen) > touchCounter {
		err = d.Accounts.TouchCounter(r.Context(), secret)
	}
	return secret, err != nil, err
}

// counterOpen makes this browser a shared one and gives the officer a PIN at it; at one that is shared
// already it gives the PIN.
func (v *visit) counterOpen() error {
	if err := v.fields("pin"); err != nil {
		return err
	}
	if err := v.own(); err != nil {
		return err
	}
	secret, _, err := v.Desk.counter(v.r)
	if err != nil {
		return err
	}
	fresh := secret == ""
	if fresh {
		if secret, err = v.Accounts.OpenCounter(v.ctx(), v.who); err != nil {
			return err
		}
	}
	if err := v.Accounts.Sit(v.ctx(), secret, v.who, v.r.PostForm.Get("pin")); err != nil {
		mistakes, err := told(v.site.Page(v.r, "accounts.counter.title"), err)
		if err != nil {
			return err
		}
		return v.showCounter(http.StatusUnprocessableEntity, mistakes)
	}
	if fresh {
		v.site.KeepSecret(v.w, counterCookie, secret, counterAge)
	}
	return v.backTo("/desk/me/counter", "done", "1")
}

// counterPage explains and sets up the shared counter.
type counterPage struct {
	Shared   bool
	Seats    []string
	Minutes  string
	Done     bool
	Mistakes []web.Mistake
}

func (v *visit) counterShow() error { return v.showCounter(http.StatusOK, nil) }

func (v *visit) showCounter(status int, mistakes []web.Mistake) error {
	secret, c, err := v.Desk.counter(v.r)
	if err != nil {
		return err
	}
	p := v.page("accounts.counter.title")
	p.Wrong = len(mistakes) > 0
	d := counterPage{Shared: secret != "", Mistakes: mistakes, Done: v.r.URL.Query().Get("done") != "", Minutes: strconv.Itoa(int(account.CounterIdle.Minutes()))}
	for _, a := range c.Seats {
		d.Seats = append(d.Seats, a.NameIn(p.Lang))
	}
	return v.write(p, status, counterBody(p, d))
}

func (v *visit) counterClose() error {
	if err := v.fields(); err != nil {
		return err
	}
	secret, _, err := v.Desk.counter(v.r)
	if err != nil || secret == "" {
		return errors.Join(err, web.ErrNotFound)
	}
	if err := v.Accounts.CloseCounter(v.ctx(), v.who, secret); err != nil {
		return err
	}
	v.site.KeepSecret(v.w, counterCookie, "", -1)
	return v.backTo("/desk/me/counter")
}

// counterAlive tells that somebody is typing: it was counted on the way here.
func (v *visit) counterAlive() error {
	if err := v.fields(); err != nil {
		return err
	}
	v.w.WriteHeader(http.StatusNoContent)
	return nil
}

// lockedPage shows nothing but that the counter is locked, and who can unlock it.
type lockedPage struct {
	Seats []web.Choice
	Who   string
	Wrong string
}

// locked ends whatever session the counter had. It may be opened by a link from anywhere: all that
// happens is that a PIN is asked.
func (d *Desk) locked(w http.ResponseWriter, r *http.Request) error {
	secret, _, err := d.counter(r)
	if err == nil && (secret != "" || d.site.Secret(r, handedCookie) != "") {
		err = d.leave(w, r)
	}
	if err != nil || secret == "" {
		http.Redirect(w, r, "/desk/signin", http.StatusSeeOther)
		return err
	}
	return d.showLocked(w, r, http.StatusOK, lockedPage{})
}

// leave ends the session of this browser.
func (d *Desk) leave(w http.ResponseWriter, r *http.Request) error {
	if d.site.Secret(r, handedCookie) != "" {
		d.site.KeepSecret(w, handedCookie, "", -1)
	}
	token := d.site.Secret(r, sessionCookie)
	if token == "" {
		return nil
	}
	d.site.KeepSecret(w, sessionCookie, "", -1)
	d.keepStanding(w, "")
	return d.Accounts.SignOut(r.Context(), token)
}

func (d *Desk) showLocked(w http.ResponseWriter, r *http.Request, status int, f lockedPage) error {
	_, c, err := d.counter(r)
	if err != nil {
		return err
	}
	p := d.site.Page(r, "accounts.locked.title")
	p.Wrong = f.Wrong != ""
	for _, a := range c.Seats {
		f.Seats = append(f.Seats, web.Choice{Value: a.ID, Label: a.NameIn(p.Lang)})
	}
	return p.Write(w, r, status, web.PublicLayout(p, lockedBody(p, f)))
}

// unlock opens the counter for one officer, in whose name everything is done until it is locked again.
func (d *Desk) unlock(w http.ResponseWriter, r *http.Request) error {
	if err := web.ReadForm(r, "who", "pin"); err != nil {
		return err
	}
	secret, _, err := d.counter(r)
	if err != nil || secret == "" {
		return errors.Join(err, web.ErrNotFound)
	}
	f := lockedPage{Who: r.PostForm.Get("who")}
	_, token, err := d.Accounts.Unlock(r.Context(), secret, f.Who, r.PostForm.Get("pin"))
	if errors.Is(err, account.ErrWrong) {
		f.Wrong = d.site.Page(r, "accounts.locked.title").T("accounts.locked.wrong")
		return d.showLocked(w, r, http.StatusUnprocessableEntity, f)
	}
	if err != nil {
		return err
	}
	if err := d.leave(w, r); err != nil {
		return err
	}
	d.site.KeepSecret(w, sessionCookie, token, 0)
	http.Redirect(w, r, "/desk", http.StatusSeeOther)
	return nil
}
