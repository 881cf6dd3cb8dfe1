package desk

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"comity/internal/account"
	"comity/internal/web"
)

const securityPath = "/desk/me/security"

// journalLines is how many lines of each kind the page shows.
const journalLines = 20

// securityPage is what a person sees of their own door.
type securityPage struct {
	Done     string // words of what was just done
	Wrong    string
	TOTP     bool
	Recovery int
	Second   bool
	Possible bool // passkeys can belong to the address of the site
	Passkeys []passkeyRow
	Sessions []sessionRow
	In, Not  []journalRow
}

type passkeyRow struct {
	ID, Name   string
	Made, Used string
}

type sessionRow struct {
	Handle, Device, Seen, ISO, How string
	Here                           bool
}

type journalRow struct{ What, How, Where, When, ISO, Icon string }

func (v *visit) security() error {
	done := ""
	if key := "desk.safe.done." + v.r.URL.Query().Get("done"); v.site.Text.In(v.site.Lang(v.r)).Has(key) {
		done = v.say(key)
	}
	return v.showSecurity(http.StatusOK, securityPage{Done: done})
}

func (v *visit) showSecurity(status int, data securityPage) error {
	p := v.page("desk.safe.title")
	p.Wrong = data.Wrong != ""
	proofs, err := v.Accounts.Proofs(v.ctx(), v.who.ID)
	if err != nil {
		return err
	}
	data.TOTP, data.Recovery, data.Second = proofs.TOTP, proofs.Recovery, proofs.Second()
	data.Possible = account.PasskeysAt(v.site.Origin(v.r))
	for _, k := range proofs.Passkeys {
		row := passkeyRow{ID: k.ID, Name: k.Name, Made: p.Day(k.Made), Used: p.T("desk.safe.passkey.unused")}
		if row.Name == "" {
			row.Name = p.T("desk.safe.passkey.unnamed")
		}
		if !k.Used.IsZero() {
			row.Used = when(p, v.now, k.Used)
		}
		data.Passkeys = append(data.Passkeys, row)
	}
	if data.Sessions, err = v.sessionRows(p); err != nil {
		return err
	}
	if data.In, data.Not, err = v.journalRows(p); err != nil {
		return err
	}
	return v.write(p, status, securityBody(p, data))
}

func (v *visit) sessionRows(p *web.Page) ([]sessionRow, error) {
	list, err := v.Accounts.Sessions(v.ctx(), v.who.ID)
	var rows []sessionRow
	for _, s := range list {
		rows = append(rows, sessionRow{Handle: s.Handle, Device: deviceWords(p, s.Device), Here: s.Handle == v.live.Handle,
			Seen: when(p, v.now, s.Seen), ISO: p.ISO(s.Seen), How: methodWords(p, strings.Join(s.Methods, " "))})
	}
	return rows, err
}

func (v *visit) journalRows(p *web.Page) (in, not []journalRow, err error) {
	list, err := v.Accounts.Journal(v.ctx(), v.who.ID, journalLines, v.from(v.r))
	for _, h := range list {
		row := journalRow{What: p.T("desk.door." + h.Kind), How: methodWords(p, h.Method), When: when(p, v.now, h.At), ISO: p.ISO(h.At), Icon: "check"}
		where := []string{deviceWords(p, h.Device)}
		if h.Here {
			where = append(where, p.T("desk.door.here"))
		} else {
			where = append(where, p.T("desk.door.elsewhere"))
		}
		row.Where = strings.Join(where, p.T("desk.sep"))
		switch h.Kind {
		case account.Failed, account.Rejected:
			row.Icon = "alert"
			if h.Times > 1 {
				row.What = p.N("desk.door."+h.Kind+".times", h.Times)
			}
			not = append(not, row)
			continue
		case account.Changed:
			row.Icon, row.What = "lock", p.T("desk.door.changed."+h.Reason)
		}
		in = append(in, row)
	}
	return in, not, err
}

func deviceWords(p *web.Page, device string) string {
	if device == "" {
		return p.T("desk.door.browser.unknown")
	}
	return device
}

// methodWords names proofs; several belong to one sign-in.
func methodWords(p *web.Page, methods string) string {
	var words []string
	for _, m := range strings.Fields(methods) {
		words = append(words, p.T("desk.proof."+m))
	}
	return strings.Join(words, p.T("desk.proof.and"))
}

func (v *visit) secured(done string) error {
	http.Redirect(v.w, v.r, securityPath+"?done="+done, http.StatusSeeOther)
	return nil
}

// totpPage shows the QR code of an authenticator app until its first code confirms it.
type totpPage struct{ SVG, Secret, Address, Wrong string }

func (v *visit) totpShow() error {
	if err := v.fresh(); err != nil {
		return err
	}
	return v.showTOTP(http.StatusOK, "")
}

func (v *visit) showTOTP(status int, wrong string) error {
	secret, err := v.Accounts.TOTPBegin(v.ctx(), v.who.ID)
	if errors.Is(err, account.ErrTaken) {
		http.Redirect(v.w, v.r, securityPath, http.StatusSeeOther)
		return nil
	}
	if errors.Is(err, account.ErrNoSeal) {
		return &web.Refused{Status: http.StatusConflict, Rule: "desk.totp.off"}
	}
	if err != nil {
		return err
	}
	p := v.page("desk.totp.title")
	p.Wrong = wrong != ""
	data := totpPage{Secret: inFours(secret), Wrong: wrong, Address: account.TOTPAddress(p.Name(), v.who.Login, secret)}
	if data.SVG, err = web.QRSVG(data.Address, p.T("desk.totp.qr")); err != nil {
		return err
	}
	return v.write(p, status, totpBody(p, data))
}

// inFours cuts a secret into fours, for whoever types it.
func inFours(s string) string {
	var b strings.Builder
	for i, r := range s {
		if i > 0 && i%4 == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return b.String()
}

func (v *visit) totpConfirm() error {
	if err := v.fields("code"); err != nil {
		return err
	}
	if err := v.fresh(); err != nil {
		return err
	}
	err := v.Accounts.TOTPConfirm(v.ctx(), v.who.ID, v.r.PostForm.Get("code"), v.from(v.r))
	switch {
	case errors.Is(err, account.ErrCode):
		return v.showTOTP(http.StatusUnprocessableEntity, v.say("desk.totp.wrong"))
	case errors.Is(err, account.ErrTicket), errors.Is(err, account.ErrTaken):
		return v.secured("")
	case err != nil:
		return err
	}
	return v.firstCodes("totp")
}

func (v *visit) totpRemove() error {
	if err := v.fields(); err != nil {
		return err
	}
	if err := v.fresh(); err != nil {
		return err
	}
	if err := v.Accounts.TOTPRemove(v.ctx(), v.who.ID, v.from(v.r)); err != nil {
		return err
	}
	return v.secured("totp_removed")
}

// firstCodes gives recovery codes to whoever has none, because a lost telephone must not shut anybody out.
func (v *visit) firstCodes(done string) error {
	proofs, err := v.Accounts.Proofs(v.ctx(), v.who.ID)
	if err != nil {
		return err
	}
	if proofs.Recovery > 0 {
		return v.secured(done)
	}
	return v.showCodes(done)
}

// recoveryNew draws new recovery codes; the old ones are worth nothing from then on.
func (v *visit) recoveryNew() error {
	if err := v.fields(); err != nil {
		return err
	}
	if err := v.fresh(); err != nil {
		return err
	}
	return v.showCodes("recovery")
}

func (v *visit) showCodes(done string) error {
	codes, err := v.Accounts.NewRecovery(v.ctx(), v.who.ID, v.from(v.r))
	if err != nil {
		return err
	}
	p := v.page("desk.recovery.title")
	return v.write(p, http.StatusOK, recoveryBody(p, codes, p.T("desk.safe.done."+done)))
}

// passkeyOffer tells the script what to ask the authenticator for; without a fresh proof where to give one.
func (v *visit) passkeyOffer() error {
	if err := v.fields(); err != nil {
		return err
	}
	if !account.PasskeysAt(v.site.Origin(v.r)) {
		return web.ErrNotFound
	}
	if !account.Fresh(v.live, v.now) {
		v.w.Header().Set("Content-Type", "application/json")
		v.w.WriteHeader(http.StatusForbidden)
		return json.NewEncoder(v.w).Encode(map[string]string{"again": "/desk/again?back=" + securityPath})
	}
	p := v.page("desk.safe.title")
	o, err := v.Accounts.PasskeyOffer(v.ctx(), v.site.Origin(v.r), p.Name(), v.who.ID)
	if err != nil {
		return err
	}
	return offer(v.w, o)
}

func (v *visit) passkeyAdd() error {
	if err := v.fields("ticket", "answer", "name"); err != nil {
		return err
	}
	if err := v.fresh(); err != nil {
		return err
	}
	post := v.r.PostForm.Get
	err := v.Accounts.PasskeyAdd(v.ctx(), v.site.Origin(v.r), v.who.ID, post("ticket"), post("name"), []byte(post("answer")), v.from(v.r))
	switch {
	case errors.Is(err, account.ErrTaken):
		return v.showSecurity(http.StatusUnprocessableEntity, securityPage{Wrong: v.say("desk.passkey.taken")})
	case errors.Is(err, account.ErrPasskey), errors.Is(err, account.ErrTicket):
		return v.showSecurity(http.StatusUnprocessableEntity, securityPage{Wrong: v.say("desk.passkey.refused")})
	case err != nil:
		return err
	}
	return v.firstCodes("passkey")
}

func (v *visit) passkeyChange() error {
	if err := v.fields("id", "do", "name"); err != nil {
		return err
	}
	id := v.r.PostForm.Get("id")
	if v.r.PostForm.Get("do") == "rename" {
		if err := v.Accounts.PasskeyRename(v.ctx(), v.who.ID, id, v.r.PostForm.Get("name")); err != nil {
			return err
		}
		return v.secured("renamed")
	}
	if err := v.fresh(); err != nil {
		return err
	}
	if err := v.Accounts.PasskeyRemove(v.ctx(), v.who.ID, id, v.from(v.r)); err != nil {
		return err
	}
	return v.secured("passkey_removed")
}

// sessionEnd ends one session; nobody is asked to prove anything first, because haste may be the reason.
func (v *visit) sessionEnd() error {
	if err := v.fields("session"); err != nil {
		return err
	}
	handle := v.r.PostForm.Get("session")
	if err := v.Accounts.EndSession(v.ctx(), v.who.ID, handle); err != nil {
		return err
	}
	if handle == v.live.Handle {
		v.site.KeepSecret(v.w, sessionCookie, "", -1)
		http.Redirect(v.w, v.r, "/desk/signin", http.StatusSeeOther)
		return nil
	}
	return v.secured("session")
}

func (v *visit) sessionsEnd() error {
	if err := v.fields(); err != nil {
		return err
	}
	session := v.site.Secret(v.r, sessionCookie)
	if session == "" {
		return account.ErrNoSession
	}
	if err := v.Accounts.EndOthers(v.ctx(), session, v.from(v.r)); err != nil {
		return err
	}
	return v.secured("others")
}
