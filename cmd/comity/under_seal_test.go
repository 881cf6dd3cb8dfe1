package main

import (
	"io/fs"
	"maps"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"comity/internal/account"
	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/courier"
	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/intake"
	"comity/internal/ledger/ledgertest"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/procedure"
	"comity/internal/vault"
	"comity/packs"
)

// sealingPack is the demo's pack, whose service requests end under seal.
func sealingPack(t *testing.T) fs.FS {
	t.Helper()
	sub, err := fs.Sub(packs.FS, "demo")
	if err != nil {
		t.Fatal(err)
	}
	p, err := pack.LoadWith(sub, pack.In(packs.FS), pack.Unsearched())
	if err != nil {
		t.Fatal(err)
	}
	files := maps.Clone(p.Files)
	const name = "procedures/service-request.yaml"
	files[name] = append([]byte("under_seal: {when: closure, hours: 24, law: {id: LJ-SR, article: \"2\"}}\n"), ledgertest.Alone(files[name])...)
	fsys, err := pack.FromFiles(files)
	if err != nil {
		t.Fatal(err)
	}
	return fsys
}

// quietWalker serves a city of one unit's people, on a database of its own and a clock that stands.
func quietWalker(t *testing.T, address func() string) *walker {
	t.Helper()
	databases := map[string]string{}
	for _, name := range procedure.AllCompartments {
		databases[name] = address()
	}
	c, err := openCity(t.Context(), cityConfig{DBs: databases, Data: t.TempDir() + "/city", Pack: sealingPack(t), Clock: &clock{}, Hashing: account.Cheap()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.clock.Fix(dbtest.Start)
	w := &walker{t: t, c: c, log: &syncBuffer{}, samples: map[string][]string{}}
	w.card = demoCard{Tokens: map[string]string{}, Roles: map[string]string{}}
	p := c.packs.Current()
	for i, g := range []authz.Grant{{Role: "clerk", Unit: sealedPlace(p)}, {Role: "officer", Unit: sealedPlace(p)}, {Role: "head", Unit: p.Units.Root()}, {Role: "petition_head", Unit: p.Units.Root()}, {Role: "admin", Unit: p.Units.Root()}} {
		login := string(g.Role) + string(rune('a'+i))
		a, err := c.accounts.Create(t.Context(), account.Account{Login: login, Name: map[string]string{"en": login}, Grants: []authz.Grant{g}}, demoPassword)
		if err != nil {
			t.Fatal(err)
		}
		if g.Role != "admin" {
			if _, w.card.Tokens[login], err = c.accounts.CreateToken(t.Context(), authz.Actor{}, account.Token{Account: a.ID, Name: "x", Powers: authz.Powers, Expires: dbtest.Start.AddDate(0, 1, 0)}); err != nil {
				t.Fatal(err)
			}
		}
		w.card.SignIns = append(w.card.SignIns, demoSignIn{Login: login, Password: demoPassword, Unit: string(g.Unit), Roles: []string{string(g.Role)}})
	}
	w.h, w.patterns = joined(c, surfaceOptions{dev: true})
	return w
}

// sealedPlace is the unit that receives the first category where it lies.
func sealedPlace(p *pack.Pack) org.UnitID {
	for _, id := range p.Units.All() {
		if u, _ := p.Units.Unit(id); u.Level == org.Community {
			return id
		}
	}
	return p.Units.Root()
}

// send opens a case in that unit, by the category its receiver is given.
func (w *walker) report(title string) (casework.CaseID, casework.Ref, casework.Code) {
	w.t.Helper()
	p := w.c.packs.Current()
	category := ""
	for _, k := range p.Categories {
		if k.Procedure == "service-request" && category == "" {
			category = k.ID
		}
	}
	cmd, err := intake.Command(p, intake.Report{Category: category, Title: title, Text: title, Unit: sealedPlace(p), Source: "web", Contact: casework.Contact{Channel: "sms", Address: "13900000000"}})
	if err != nil {
		w.t.Fatal(err)
	}
	r, err := w.c.ledger.Do(w.t.Context(), authz.Reporter(), cmd)
	if err != nil {
		w.t.Fatal(err)
	}
	return r.Case, r.Ref, r.Code
}

// drain carries every message.
func (w *walker) drain() {
	w.t.Helper()
	for {
		n, err := w.c.runner.RunDue(w.t.Context(), 100)
		if err != nil {
			w.t.Fatal(err)
		}
		if n == 0 {
			return
		}
	}
}

// grown are figures that tell how much the whole city did, the log, which never shrinks, and what an officer took as files, to
// which this walk adds: none of them names a case.
func grown(pattern string) bool {
	return pattern == "/desk/me/calendar" || pattern == "/metrics" || strings.HasPrefix(pattern, "/log") || strings.HasPrefix(pattern, "/assets/")
}

var byChance = regexp.MustCompile(`value="[a-z2-7]{26}"`)

// everything asks every address as every kind of visitor, with these values and these words to search for.
func (w *walker) everything(given map[string]string, sessions map[string]string) map[string]string {
	out := map[string]string{}
	for _, pattern := range w.routes(http.MethodGet) {
		if grown(pattern) {
			continue
		}
		target := w.fill(pattern, given)
		targets := []string{target}
		if len(wildcards(pattern)) == 0 {
			targets = append(targets, target+"?q="+given["ref"], target+"?q=quinceblossom", target+"?limit=100", target+"?code="+given["code"], target+"?id="+given["id"])
		}
		if len(wildcards(pattern)) == 0 && !strings.HasPrefix(pattern, "/api/") { // the API names what it does not know in no order
			targets = append(targets, target+"?q=quinceblossom&view=closed", target+"?format=csv&view=closed")
		}
		for _, target := range targets {
			for name, session := range sessions {
				w.session, w.token = session, w.card.Tokens[name]
				as := officer
				switch {
				case name == "nobody":
					as = nobody
				case strings.HasPrefix(pattern, "/api/"):
					as = program
				}
				if strings.HasPrefix(pattern, "/api/") && w.token == "" {
					as = nobody
				}
				a := w.get(target, as)
				key := name + " " + pattern + " " + target
				said := byChance.ReplaceAllString(a.alike(), "")
				for _, v := range []string{given["ref"], given["code"], given["case"]} {
					key, said = strings.ReplaceAll(key, v, "X"), strings.ReplaceAll(said, v, "X")
				}
				out[key] = said
			}
		}
	}
	return out
}

func Test_a_case_under_seal_is_on_every_route_and_for_everybody_what_never_was(t *testing.T) {
	t.Parallel()
	dbtest.EachAddress(t, func(t *testing.T, address func() string) {
		w := quietWalker(t, address)
		ctx := t.Context()
		for i, s := range w.card.SignIns[:2] {
			_, public, err := vault.NewCustodian("long enough for a test")
			if err != nil {
				t.Fatal(err)
			}
			a, err := w.c.accounts.ByLogin(ctx, s.Login)
			if err != nil {
				t.Fatal(err)
			}
			if err := w.c.ledger.Appoint(ctx, "operator", a.ID, public, ""); err != nil {
				t.Fatal(i, err)
			}
		}
		w.report("a lamp that stays")
		w.drain()
		sessions := map[string]string{"nobody": "none=1"}
		for _, s := range w.card.SignIns {
			w.signInAs(s)
			sessions[s.Login] = w.session
		}
		never := map[string]string{"ref": "SR-26-999999", "code": string(casework.NewCode([16]byte{1, 2, 3})), "id": "zzzzzzzzzzzz", "case": "zzzzzzzzzzzz", "seq": "1"}
		w.everything(never, sessions) // tokens remember that they were used
		before := w.everything(never, sessions)
		again := w.everything(never, sessions)
		for target, want := range before {
			if again[target] != want {
				t.Fatalf("%s answers otherwise when it is asked twice, so this test can say nothing:\n%s", target, firstDifferent(again[target], want))
			}
		}
		id, ref, code := w.report("quinceblossom")
		w.drain()
		given := map[string]string{"ref": string(ref), "code": string(code), "id": string(id), "case": string(id), "seq": "1"}
		during := w.everything(given, sessions)
		seen := 0
		for target, want := range before {
			if during[target] != want {
				seen++
			}
		}
		if seen < 20 {
			t.Errorf("while the case was there only %d of %d answers showed it; the walk looks at nothing", seen, len(before))
		}
		if _, err := w.c.ledger.Do(ctx, authz.Holder(string(id)), casework.Command{Case: id, Version: casework.AnyVersion, Act: "withdraw"}); err != nil {
			t.Fatal(err)
		}
		if err := w.c.Seals(ctx); err != nil {
			t.Fatal(err)
		}
		if _, err := w.c.reader.ByID(ctx, authz.Machine().Scope(), id); err != nil {
			owes := false
			_ = w.c.db.View(ctx, func(tx *db.Tx) (err error) { owes, err = courier.Owes(ctx, tx, id); return err })
			if owes {
				t.Errorf("the case went under seal although something is still to be sent")
			}
		}
		w.drain()
		if err := w.c.Seals(ctx); err != nil {
			t.Fatal(err)
		}
		after := w.everything(given, sessions)
		for target, want := range before {
			if after[target] != want {
				t.Errorf("%s tells a case under seal from one that never was:\n%s", target, firstDifferent(after[target], want))
			}
		}
		t.Logf("%d answers compared, %d of which showed the case while it was there", len(before), seen)
		for line := range strings.Lines(w.log.take()) {
			if strings.Contains(line, string(ref)) || strings.Contains(line, string(id)) {
				t.Errorf("the log names it: %s", line)
			}
		}
	})
}
