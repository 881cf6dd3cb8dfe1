package desk

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"comity/internal/account"
	"comity/internal/authz"
	"comity/internal/org"
	"comity/internal/web"
)

// tokensPage shows the keys an officer gave to programs.
type tokensPage struct {
	Mistakes   []web.Mistake
	Made       string // the new token, shown once
	MadeName   string
	Rows       []tokenRow
	Powers     []web.Choice
	Units      []web.Choice
	Programmes []web.Choice
	Sent       url.Values
	Max        string
	Can        bool
}

type tokenRow struct {
	ID, Name, Powers, Where, Until, Used string
	Endless, Over                        bool
}

func (v *visit) tokens() error { return v.showTokens(http.StatusOK, tokensPage{}) }

func (v *visit) showTokens(status int, d tokensPage) error {
	if err := v.own(); err != nil {
		return err
	}
	p := v.page("accounts.tokens.title")
	p.Wrong = len(d.Mistakes) > 0
	list, err := v.Accounts.Tokens(v.ctx(), v.who.ID)
	if err != nil {
		return err
	}
	d.Rows = v.tokenRows(p, list)
	d.Max, d.Can = strconv.Itoa(account.MaxTokenDays), len(v.actor.Grants()) > 0
	if d.Sent == nil {
		d.Sent = url.Values{"days": {"90"}, "power": {string(authz.Read)}}
	}
	for _, power := range authz.Powers {
		d.Powers = append(d.Powers, web.Choice{Value: string(power), Label: p.T("accounts.power." + string(power)), Hint: p.T("accounts.power." + string(power) + ".hint")})
	}
	for _, g := range v.actor.Grants() {
		if !slices.ContainsFunc(d.Units, func(c web.Choice) bool { return c.Value == string(g.Unit) }) {
			d.Units = append(d.Units, web.Choice{Value: string(g.Unit), Label: p.T("unit." + string(g.Unit))})
		}
	}
	for _, g := range v.pack.Programmes {
		d.Programmes = append(d.Programmes, web.Choice{Value: g.ID, Label: p.T("programme." + g.ID)})
	}
	return v.write(p, status, tokensBody(p, d))
}

func (v *visit) tokenRows(p *web.Page, list []account.Token) []tokenRow {
	var out []tokenRow
	for _, t := range list {
		r := tokenRow{ID: t.ID, Name: t.Name, Used: p.T("accounts.token.never"), Endless: t.Endless(), Over: !t.Endless() && !v.now.Before(t.Expires)}
		if !r.Endless {
			r.Until = p.Day(t.Expires)
		}
		if t.Used != "" {
			r.Used = p.CivilDate(t.Used)
		}
		for i, power := range t.Powers {
			if i > 0 {
				r.Powers += p.T("desk.comma")
			}
			r.Powers += p.T("accounts.power." + string(power))
		}
		for _, u := range t.Units {
			r.Where += p.T("desk.sep") + short(p, u)
		}
		for _, g := range t.Programmes {
			r.Where += p.T("desk.sep") + p.T("programme."+g)
		}
		out = append(out, r)
	}
	return out
}

func (v *visit) tokenMake() error {
	if err := v.fields("name", "days", "power*", "unit*", "programme*"); err != nil {
		return err
	}
	if err := v.own(); err != nil {
		return err
	}
	sent := v.r.PostForm
	t := account.Token{Account: v.who.ID, Name: sent.Get("name"), Programmes: sent["programme"]}
	if days, err := strconv.Atoi(sent.Get("days")); err == nil && days > 0 && days <= account.MaxTokenDays {
		t.Expires = v.now.Add(time.Duration(days) * 24 * time.Hour)
	}
	for _, s := range sent["power"] {
		t.Powers = append(t.Powers, authz.Power(s))
	}
	for _, s := range sent["unit"] {
		t.Units = append(t.Units, org.UnitID(s))
	}
	made, plain, err := v.Accounts.CreateToken(v.ctx(), v.actor, t)
	if err != nil {
		mistakes, err := told(v.site.Page(v.r, "accounts.tokens.title"), err)
		if err != nil {
			return err
		}
		return v.showTokens(http.StatusUnprocessableEntity, tokensPage{Mistakes: mistakes, Sent: sent})
	}
	return v.showTokens(http.StatusOK, tokensPage{Made: plain, MadeName: made.Name})
}

func (v *visit) tokenRevoke() error {
	if err := v.fields(); err != nil {
		return err
	}
	if err := v.own(); err != nil {
		return err
	}
	if _, err := told(v.site.Page(v.r, "accounts.tokens.title"), v.Accounts.RevokeToken(v.ctx(), v.actor, v.plan(), v.r.PathValue("id"))); err != nil {
		return err
	}
	return v.backTo("/desk/me/tokens")
}

// backTo leads to a page after a form was taken.
func (v *visit) backTo(path string, kv ...string) error {
	q := url.Values{}
	for i := 0; i+1 < len(kv); i += 2 {
		if kv[i+1] != "" {
			q.Set(kv[i], kv[i+1])
		}
	}
	if len(q) > 0 {
		path += "?" + q.Encode()
	}
	http.Redirect(v.w, v.r, path, http.StatusSeeOther)
	return nil
}
