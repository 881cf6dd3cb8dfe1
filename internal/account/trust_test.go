package account_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"comity/internal/account"
	"comity/internal/authz"
	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/org"
)

var roles = []string{"clerk", "officer", "head"}

func plan(t *testing.T) account.Plan {
	t.Helper()
	tree, err := org.NewTree([]org.Unit{
		{ID: "city", Level: org.City, Roles: roles},
		{ID: "east", Parent: "city", Level: org.District, Roles: roles}, {ID: "east.1", Parent: "east", Level: org.Street, Roles: roles},
		{ID: "west", Parent: "city", Level: org.District, Roles: roles},
	})
	if err != nil {
		t.Fatal(err)
	}
	table := authz.NewTable(tree, []authz.Declared{{Role: "clerk"}, {Role: "officer"}, {Role: "head"}, {Role: authz.Admin, Admin: true}}, nil)
	return account.Plan{Units: tree, Programmes: []string{"service", "petition"}, Heads: []authz.Role{"head"}, Rules: table}
}

// person makes an account with grants spelled role@unit.
func person(t *testing.T, s *account.Store, id string, grants ...string) account.Account {
	t.Helper()
	a := account.Account{ID: id, Login: id, Name: map[string]string{"en": "Name of " + id}}
	for _, g := range grants {
		a.Grants = append(a.Grants, grant(g))
	}
	return create(t, s, a)
}

func grant(s string) authz.Grant {
	role, unit, _ := strings.Cut(s, "@")
	return authz.Grant{Role: authz.Role(role), Unit: org.UnitID(unit)}
}

// no gives the rule of a refusal, or the error's words.
func no(err error) string {
	var r *account.Refused
	switch {
	case err == nil:
		return ""
	case errors.As(err, &r):
		return r.Rule
	}
	return err.Error()
}

func refused(t *testing.T, err error, rule string) {
	t.Helper()
	if got := no(err); got != rule {
		t.Errorf("refused by %q, want %q", got, rule)
	}
}

func leave(days int, deputy string, grants ...string) account.Delegation {
	d := account.Delegation{For: "absent", Deputy: deputy, Starts: dbtest.Start, Ends: dbtest.Start.Add(time.Duration(days) * 24 * time.Hour), Reason: "Leave"}
	for _, g := range grants {
		d.Chosen = append(d.Chosen, grant(g))
	}
	return d
}

func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func Test_a_delegation_needs_an_end_a_reason_and_grants_of_ones_own(t *testing.T) {
	each(t, func(t *testing.T, s *account.Store, _ func(time.Time)) {
		absent := person(t, s, "absent", "officer@east", "clerk@east")
		deputy := person(t, s, "deputy", "clerk@east")
		person(t, s, "other", "clerk@west")
		head := person(t, s, "head", "head@east")
		west := person(t, s, "west", "head@west", "admin@west")
		keeper := person(t, s, "keeper", "admin@east")
		with := func(change func(*account.Delegation)) account.Delegation {
			d := leave(5, "deputy", "officer@east")
			change(&d)
			return d
		}
		in := must[account.Delegation](t)(s.Delegate(t.Context(), absent.Actor(nil), plan(t), leave(9, "other", "clerk@east")))
		stands := must[account.Standing](t)(s.StandIn(t.Context(), must[account.Account](t)(s.ByID(t.Context(), "other")), in.ID))
		for name, c := range map[string]struct {
			by   authz.Actor
			d    account.Delegation
			rule string
		}{
			"no end":                       {absent.Actor(nil), with(func(d *account.Delegation) { d.Ends = time.Time{} }), "delegation.dates"},
			"no start":                     {absent.Actor(nil), with(func(d *account.Delegation) { d.Starts = time.Time{} }), "delegation.dates"},
			"ends before it starts":        {absent.Actor(nil), with(func(d *account.Delegation) { d.Ends = d.Starts }), "delegation.dates"},
			"in the past":                  {absent.Actor(nil), with(func(d *account.Delegation) { d.Starts, d.Ends = d.Starts.AddDate(0, 0, -9), d.Starts }), "delegation.past"},
			"for ever":                     {absent.Actor(nil), leave(4000, "deputy", "officer@east"), "delegation.long"},
			"no reason":                    {absent.Actor(nil), with(func(d *account.Delegation) { d.Reason = "  " }), "delegation.reason"},
			"no grants":                    {absent.Actor(nil), leave(5, "deputy"), "delegation.none"},
			"to oneself":                   {head.Actor(nil), leave(5, "absent", "officer@east"), "delegation.self"},
			"to nobody":                    {absent.Actor(nil), leave(5, "nobody", "officer@east"), "delegation.deputy"},
			"a grant not held":             {absent.Actor(nil), leave(5, "deputy", "head@east"), "delegation.beyond"},
			"a unit not held":              {absent.Actor(nil), leave(5, "deputy", "officer@city"), "delegation.beyond"},
			"one that was passed on":       {stands.Actor, with(func(d *account.Delegation) { d.For = "other" }), "delegation.passed_on"},
			"passed on, in the first name": {stands.Actor, leave(5, "deputy", "clerk@east"), "delegation.passed_on"},
			"a deputy's own, from another": {authz.Actor{}, leave(5, "deputy", "officer@east"), "delegation.not_yours"},
			"by a colleague":               {must[account.Account](t)(s.ByID(t.Context(), "other")).Actor(nil), leave(5, "deputy", "officer@east"), "delegation.not_yours"},
			"by the deputy":                {deputy.Actor(nil), leave(5, "deputy", "officer@east"), "delegation.named_self"},
			"by the head of another unit":  {west.Actor(nil), leave(5, "deputy", "officer@east"), "delegation.not_yours"},
			"by the head to herself":       {head.Actor(nil), leave(5, "head", "officer@east"), "delegation.named_self"},
			"by the keeper to himself":     {keeper.Actor(nil), leave(5, "keeper", "officer@east"), "delegation.named_self"},
			"by the absent person":         {absent.Actor(nil), leave(5, "deputy", "officer@east"), ""},
			"by the head of the unit":      {head.Actor(nil), leave(5, "deputy", "officer@east"), ""},
			"by who keeps the unit":        {keeper.Actor(nil), leave(5, "deputy", "officer@east"), ""},
		} {
			_, err := s.Delegate(t.Context(), c.by, plan(t), c.d)
			if got := no(err); got != c.rule {
				t.Errorf("%s: %q, want %q", name, got, c.rule)
			}
		}
	})
}

func Test_a_delegation_counts_while_all_of_it_is_true_and_no_moment_longer(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(t *testing.T, s *account.Store, set func(time.Time), id string)
		want bool
	}{
		"at once": {func(*testing.T, *account.Store, func(time.Time), string) {}, true},
		"a moment before its end": {func(_ *testing.T, _ *account.Store, set func(time.Time), _ string) {
			set(dbtest.Start.Add(5*24*time.Hour - time.Second))
		}, true},
		"at its end": {func(_ *testing.T, _ *account.Store, set func(time.Time), _ string) {
			set(dbtest.Start.Add(5 * 24 * time.Hour))
		}, false},
		"before its start": {func(_ *testing.T, _ *account.Store, set func(time.Time), _ string) {
			set(dbtest.Start.Add(-time.Second))
		}, false},
		"revoked": {func(t *testing.T, s *account.Store, _ func(time.Time), id string) {
			a := must[account.Account](t)(s.ByID(t.Context(), "absent"))
			if err := s.Revoke(t.Context(), a.Actor(nil), plan(t), id); err != nil {
				t.Fatal(err)
			}
		}, false},
		"the absent person is disabled": {func(t *testing.T, s *account.Store, _ func(time.Time), _ string) {
			if err := s.Disable(t.Context(), "absent", true); err != nil {
				t.Fatal(err)
			}
		}, false},
		"the deputy is disabled": {func(t *testing.T, s *account.Store, _ func(time.Time), _ string) {
			if err := s.Disable(t.Context(), "deputy", true); err != nil {
				t.Fatal(err)
			}
		}, false},
		"the grant was taken away": {func(t *testing.T, s *account.Store, _ func(time.Time), _ string) {
			if err := s.SetGrants(t.Context(), "absent", []authz.Grant{grant("clerk@east")}); err != nil {
				t.Fatal(err)
			}
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, s *account.Store, set func(time.Time)) {
				absent, deputy := person(t, s, "absent", "officer@east", "clerk@east"), person(t, s, "deputy", "clerk@west")
				d := must[account.Delegation](t)(s.Delegate(t.Context(), absent.Actor(nil), plan(t), leave(5, "deputy", "officer@east")))
				if _, err := s.StandIn(t.Context(), absent, d.ID); !errors.Is(err, account.ErrNoSession) {
					t.Fatal("somebody else uses the delegation")
				}
				c.end(t, s, set, d.ID)
				in, err := s.StandIn(t.Context(), deputy, d.ID)
				if (err == nil) != c.want {
					t.Fatalf("it counts: %v", err)
				}
				worked, err := s.Worked(t.Context(), account.Worker("deputy", d.ID))
				if err != nil || (worked.ID() != "") != c.want {
					t.Fatalf("for work that goes on: %q, %v", worked.ID(), err)
				}
				if c.want && (in.Actor.For() != "absent" || !reflect.DeepEqual(in.Actor.Grants(), []authz.Grant{{Role: "officer", Unit: "east", Programmes: []string{}}}) && len(in.Actor.Grants()) != 1) {
					t.Errorf("the deputy acts for %q with %+v", in.Actor.For(), in.Actor.Grants())
				}
			})
		})
	}
}

func token(name string, days int, powers ...authz.Power) account.Token {
	return account.Token{Account: "hemin", Name: name, Powers: powers, Expires: dbtest.Start.Add(time.Duration(days) * 24 * time.Hour)}
}

func Test_a_token_ends_and_reaches_no_further_than_its_account(t *testing.T) {
	each(t, func(t *testing.T, s *account.Store, set func(time.Time)) {
		a := create(t, s, hemin())
		with := func(change func(*account.Token)) account.Token {
			k := token("export", 30, authz.Read)
			change(&k)
			return k
		}
		for name, c := range map[string]struct {
			k    account.Token
			rule string
		}{
			"endless":            {with(func(k *account.Token) { k.Expires = time.Time{} }), "token.days"},
			"over":               {token("x", 0, authz.Read), "token.days"},
			"longer than may be": {token("x", account.MaxTokenDays+1, authz.Read), "token.days"},
			"no name":            {token(" ", 1, authz.Read), "token.name"},
			"no power":           {token("x", 1), "token.powers"},
			"an unknown power":   {token("x", 1, "everything"), "token.power"},
			"another unit":       {with(func(k *account.Token) { k.Units = []org.UnitID{"ganyuan"} }), "token.unit"},
			"a unit below":       {with(func(k *account.Token) { k.Units = []org.UnitID{"guiyuan-1"} }), "token.unit"},
			"as long as may be":  {token("x", account.MaxTokenDays, authz.Powers...), ""},
		} {
			if _, _, err := s.CreateToken(t.Context(), a.Actor(nil), c.k); no(err) != c.rule {
				t.Errorf("%s: %q, want %q", name, no(err), c.rule)
			}
		}
		k, plain, err := s.CreateToken(t.Context(), a.Actor(nil), with(func(k *account.Token) { k.Units = []org.UnitID{"linjiang"} }))
		if err != nil {
			t.Fatal(err)
		}
		set(dbtest.Start.Add(25 * time.Hour))
		got := must[account.Account](t)(s.Token(t.Context(), plain))
		who := got.Actor(nil)
		if len(who.Grants()) != 1 || who.Grants()[0].Unit != "linjiang" || !who.Limit().Leaves(authz.Read) || who.Limit().Leaves(authz.Do) || who.Limit().Opens(authz.Story) {
			t.Errorf("the token acts as %+v", who)
		}
		if _, err = s.Session(t.Context(), plain); !errors.Is(err, account.ErrNoSession) {
			t.Error("a token opens the desk")
		}
		list := must[[]account.Token](t)(s.Tokens(t.Context(), "hemin"))
		i := slices.IndexFunc(list, func(x account.Token) bool { return x.ID == k.ID })
		if list[i].Used != dbtest.Start.Add(25*time.Hour).UTC().Format(time.DateOnly) || len(list) != 2 {
			t.Errorf("tokens: %+v", list)
		}
		if _, _, err := s.CreateToken(t.Context(), who, token("x", 1, authz.Powers...)); no(err) != "token.not_yours" {
			t.Error("a token makes a token")
		}
		if err := s.RevokeToken(t.Context(), who, plan(t), k.ID); !errors.Is(err, account.ErrUnknown) {
			t.Error("a token revokes tokens")
		}
		set(dbtest.Start.Add(30 * 24 * time.Hour))
		_, err = s.Token(t.Context(), plain)
		wants(t, err, account.ErrNoSession)
		set(dbtest.Start.Add(24 * time.Hour))
		if err := s.RevokeToken(t.Context(), a.Actor(nil), plan(t), k.ID); err != nil {
			t.Fatal(err)
		}
		_, err = s.Token(t.Context(), plain)
		wants(t, err, account.ErrNoSession)
		wants(t, s.RevokeToken(t.Context(), a.Actor(nil), plan(t), k.ID), account.ErrUnknown)
	})
}

func Test_a_token_from_before_that_never_ended_opens_nothing(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		if err := account.Migrate(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		s := must[*account.Store](t)(account.New(d, account.Config{Hashing: account.Cheap()}))
		create(t, s, hemin())
		_, plain, err := s.CreateToken(t.Context(), authz.Actor{}, token("old", 1, authz.Read))
		if err != nil {
			t.Fatal(err)
		}
		err = d.Transact(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), `UPDATE account_tokens SET expires_at = 0`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Token(t.Context(), plain)
		wants(t, err, account.ErrNoSession)
		if list := must[[]account.Token](t)(s.Tokens(t.Context(), "hemin")); len(list) != 1 || !list[0].Endless() {
			t.Errorf("the page does not know that it must be replaced: %+v", list)
		}
	})
}

func Test_an_administrator_gets_rights_to_cases_only_with_a_second_one(t *testing.T) {
	each(t, func(t *testing.T, s *account.Store, _ func(time.Time)) {
		ada := person(t, s, "ada", "admin@city")
		want := []authz.Grant{grant("admin@city"), grant("officer@east")}
		waits := must[bool](t)(s.ChangeGrants(t.Context(), ada.Actor(nil), plan(t), "ada", want))
		if !waits || len(must[account.Account](t)(s.ByID(t.Context(), "ada")).Actor(nil).Grants()) > 0 {
			t.Fatal("an administrator granted herself an office")
		}
		first := must[[]account.Waiting](t)(s.AllWaiting(t.Context(), ada.Actor(nil), plan(t)))[0]
		refused(t, s.Settle(t.Context(), ada.Actor(nil), plan(t), first.ID, true), "account.second")

		person(t, s, "bo", "clerk@west")
		if waits := must[bool](t)(s.ChangeGrants(t.Context(), ada.Actor(nil), plan(t), "bo", []authz.Grant{grant("admin@city")})); waits {
			t.Error("the second administrator cannot be made, for want of a second one")
		}
		bo := must[account.Account](t)(s.ByID(t.Context(), "bo"))
		person(t, s, "puppet", "clerk@west")
		if waits := must[bool](t)(s.ChangeGrants(t.Context(), ada.Actor(nil), plan(t), "puppet", []authz.Grant{grant("admin@city")})); !waits {
			t.Error("a third administrator is made by one alone: a puppet could confirm")
		}
		out := must[account.Invited](t)(s.Invite(t.Context(), ada.Actor(nil), plan(t), account.Account{Login: "new", Name: map[string]string{"en": "New"}, Grants: []authz.Grant{grant("admin@city"), grant("clerk@west")}}))
		if !out.Waits || len(out.Account.Actor(nil).Administers()) > 0 {
			t.Error("a new account is an administrator at once")
		}
		if err := s.Settle(t.Context(), bo.Actor(nil), plan(t), first.ID, true); err != nil {
			t.Fatal(err)
		}
		ada = must[account.Account](t)(s.ByID(t.Context(), "ada"))
		if g := ada.Actor(nil).Grants(); len(g) != 1 || g[0].Unit != "east" {
			t.Errorf("after the second administrator's word she holds %+v", g)
		}
		wants(t, s.Settle(t.Context(), bo.Actor(nil), plan(t), first.ID, true), account.ErrUnknown)
		if waits := must[bool](t)(s.ChangeGrants(t.Context(), ada.Actor(nil), plan(t), "ada", []authz.Grant{grant("admin@city")})); waits {
			t.Error("giving a right up waits for somebody")
		}
		var kinds []string
		for _, c := range must[[]account.Change](t)(s.Changes(t.Context(), "ada", 0, 50)) {
			kinds = append(kinds, c.Kind+" by "+c.By)
		}
		if !slices.Equal(kinds, []string{"grants by ada", "grants by bo", "grants.confirmed by bo", "grants.wait by ada"}) {
			t.Errorf("the record says %v", kinds)
		}
	})
}

func Test_grants_that_one_account_may_not_hold_together_are_not_given(t *testing.T) {
	each(t, func(t *testing.T, s *account.Store, _ func(time.Time)) {
		in := plan(t)
		reads := []authz.Rule{{Reach: authz.Own, Level: authz.Story}}
		in.Rules = authz.NewTable(in.Units, []authz.Declared{{Role: authz.Admin, Admin: true}, {Role: "head", Reads: reads},
			{Role: "clerk", Reads: reads, Compartment: "youth", Supported: true}, {Role: "officer", Reads: reads, Compartment: "mental", Supported: true}}, [][2]authz.Role{{"clerk", "head"}})
		ada := person(t, s, "ada", "admin@city").Actor(nil)
		person(t, s, "bo", "head@east")
		for rule, grants := range map[string][]string{"grant.exclusive": {"clerk@east", "head@east"}, "grant.compartments": {"clerk@east", "officer@west"}, "grant.admin": {"admin@east", "head@west"}} {
			var wanted []authz.Grant
			for _, g := range grants {
				wanted = append(wanted, grant(g))
			}
			_, err := s.ChangeGrants(t.Context(), ada, in, "bo", wanted)
			refused(t, err, rule)
			_, err = s.Invite(t.Context(), ada, in, account.Account{Login: "new", Name: map[string]string{"en": "New"}, Grants: wanted})
			refused(t, err, rule)
		}
		in.Rules = nil
		_, err := s.ChangeGrants(t.Context(), ada, in, "bo", []authz.Grant{grant("head@east")})
		refused(t, err, "grant.unknown")
	})
}

func Test_an_administrator_keeps_the_accounts_of_the_own_subtree_and_no_others(t *testing.T) {
	each(t, func(t *testing.T, s *account.Store, _ func(time.Time)) {
		ada := person(t, s, "ada", "admin@east").Actor(nil)
		person(t, s, "mine", "clerk@east.1")
		person(t, s, "both", "clerk@east", "clerk@west")
		person(t, s, "bare")
		officer := person(t, s, "officer", "officer@east", "head@east").Actor(nil)
		for _, id := range []string{"both", "bare", "nobody"} {
			_, err := s.ChangeGrants(t.Context(), ada, plan(t), id, []authz.Grant{grant("clerk@east")})
			wants(t, err, account.ErrUnknown)
			wants(t, s.Shut(t.Context(), ada, plan(t), id, true), account.ErrUnknown)
			wants(t, s.EndSessions(t.Context(), ada, plan(t), id), account.ErrUnknown)
			_, err = s.InviteAgain(t.Context(), ada, plan(t), id)
			wants(t, err, account.ErrUnknown)
		}
		wants(t, s.Shut(t.Context(), officer, plan(t), "mine", true), account.ErrUnknown)
		for name, c := range map[string]struct{ grant, rule string }{
			"a unit above": {"clerk@city", "account.beyond"}, "another subtree": {"clerk@west", "account.beyond"}, "an unknown unit": {"clerk@moon", "account.unit"},
			"an unknown role": {"mayor@east", "account.role"}, "a role of the kernel": {"system@east", "account.role"}, "an administrator above": {"admin@city", "account.beyond"},
			"the own subtree": {"head@east.1", ""},
		} {
			if _, err := s.ChangeGrants(t.Context(), ada, plan(t), "mine", []authz.Grant{grant(c.grant)}); no(err) != c.rule {
				t.Errorf("%s: %q, want %q", name, no(err), c.rule)
			}
		}
		_, err := s.ChangeGrants(t.Context(), ada, plan(t), "mine", []authz.Grant{{Role: "clerk", Unit: "east", Programmes: []string{"taxes"}}})
		refused(t, err, "account.programme")
		refused(t, s.Shut(t.Context(), ada, plan(t), "ada", true), "account.self")
		_, err = s.ChangeGrants(t.Context(), ada, plan(t), "ada", nil)
		refused(t, err, "account.last_admin")
		list, next, err := s.List(t.Context(), ada, plan(t), "", "", 2)
		if err != nil || len(list) != 2 || list[0].ID != "ada" || list[1].ID != "mine" || next != "mine" {
			t.Errorf("the first page is %v, then %q, %v", list, next, err)
		}
		list, next, err = s.List(t.Context(), ada, plan(t), "", next, 2)
		if err != nil || len(list) != 1 || list[0].ID != "officer" || next != "" {
			t.Errorf("the second page is %v, then %q, %v", list, next, err)
		}
		if list, _, _ = s.List(t.Context(), ada, plan(t), "NAME OF MI", "", 9); len(list) != 1 {
			t.Errorf("the search finds %v", list)
		}
	})
}

func Test_an_invitation_opens_once_and_not_for_ever(t *testing.T) {
	each(t, func(t *testing.T, s *account.Store, set func(time.Time)) {
		ada := person(t, s, "ada", "admin@city").Actor(nil)
		ask := func(login string) (account.Invited, error) {
			return s.Invite(t.Context(), ada, plan(t), account.Account{Login: login, Name: map[string]string{"en": "Ko"}, Grants: []authz.Grant{grant("clerk@east")}})
		}
		in := must[account.Invited](t)(ask("ko"))
		for login, rule := range map[string]string{"ko": "account.taken", "": "account.login", "a b": "account.login", "<b>": "account.login"} {
			_, err := ask(login)
			refused(t, err, rule)
		}
		_, _, err := s.SignIn(t.Context(), "ko", "")
		wants(t, err, account.ErrWrong)
		_, err = s.Accept(t.Context(), in.Secret, "elevenchars")
		refused(t, err, "account.passphrase")
		_, err = s.Accept(t.Context(), "guess", "a long passphrase")
		wants(t, err, account.ErrNoInvite)
		if _, err := s.Accept(t.Context(), in.Secret, "a long passphrase"); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.SignIn(t.Context(), "ko", "a long passphrase"); err != nil {
			t.Fatal(err)
		}
		_, err = s.Accept(t.Context(), in.Secret, "another passphrase")
		wants(t, err, account.ErrNoInvite)

		_, session, _ := s.SignIn(t.Context(), "ko", "a long passphrase")
		again := must[string](t)(s.InviteAgain(t.Context(), ada, plan(t), in.Account.ID))
		_, err = s.Session(t.Context(), session)
		wants(t, err, account.ErrNoSession)
		_, _, err = s.SignIn(t.Context(), "ko", "a long passphrase")
		wants(t, err, account.ErrWrong)
		set(dbtest.Start.Add(account.InviteLife))
		_, err = s.Accept(t.Context(), again, "a long passphrase")
		wants(t, err, account.ErrNoInvite)
	})
}

func Test_the_first_run_makes_one_administrator_and_then_no_more(t *testing.T) {
	each(t, func(t *testing.T, s *account.Store, set func(time.Time)) {
		first := account.Account{Login: "Ada", Name: map[string]string{"en": "Ada"}}
		old := must[string](t)(s.SetupCode(t.Context()))
		code := must[string](t)(s.SetupCode(t.Context()))
		wants(t, s.SetupOpen(t.Context(), old), account.ErrNoInvite)
		_, err := s.Setup(t.Context(), code, "city", first, "short")
		refused(t, err, "account.passphrase")
		_, err = s.Accept(t.Context(), code, "a long passphrase")
		wants(t, err, account.ErrNoInvite)
		set(dbtest.Start.Add(account.SetupLife))
		_, err = s.Setup(t.Context(), code, "city", first, "a long passphrase")
		wants(t, err, account.ErrNoInvite)
		code = must[string](t)(s.SetupCode(t.Context()))
		a := must[account.Account](t)(s.Setup(t.Context(), code, "city", first, "a long passphrase"))
		if !a.Actor(nil).Keeps(plan(t).Units, "east.1") || len(a.Actor(nil).Scope().Roots) > 0 {
			t.Errorf("the first administrator is %+v", a.Actor(nil))
		}
		if _, _, err := s.SignIn(t.Context(), "ada", "a long passphrase"); err != nil {
			t.Fatal(err)
		}
		_, err = s.Setup(t.Context(), code, "city", account.Account{Login: "eve", Name: first.Name}, "a long passphrase")
		wants(t, err, account.ErrNoInvite)
		_, err = s.SetupCode(t.Context())
		wants(t, err, account.ErrNoInvite)
	})
}

func Test_a_shared_counter_is_unlocked_by_a_PIN_for_who_sat_down_there(t *testing.T) {
	each(t, func(t *testing.T, s *account.Store, set func(time.Time)) {
		a, b := person(t, s, "a", "clerk@east"), person(t, s, "b", "clerk@east")
		here := must[string](t)(s.OpenCounter(t.Context(), a))
		there := must[string](t)(s.OpenCounter(t.Context(), a))
		for _, pin := range []string{"", "12345", "abcdef", "111111", "1234567890123"} {
			refused(t, s.Sit(t.Context(), here, a, pin), "counter.pin")
		}
		for who, pin := range map[*account.Account]string{&a: "271828", &b: "314159"} {
			if err := s.Sit(t.Context(), here, *who, pin); err != nil {
				t.Fatal(err)
			}
		}
		got, session, err := s.Unlock(t.Context(), here, "b", "314159")
		if err != nil || got.ID != "b" || must[account.Account](t)(s.Session(t.Context(), session)).ID != "b" {
			t.Fatalf("b's PIN opens a session of %q, %v", got.ID, err)
		}
		for name, c := range map[string]struct{ counter, id, pin string }{
			"the PIN of another": {here, "b", "271828"}, "another counter": {there, "b", "314159"}, "a browser that is no counter": {"x", "b", "314159"}, "who did not sit down": {here, "c", "314159"},
		} {
			if _, _, err := s.Unlock(t.Context(), c.counter, c.id, c.pin); !errors.Is(err, account.ErrWrong) {
				t.Errorf("%s: %v", name, err)
			}
		}
		for range 4 {
			s.Unlock(t.Context(), here, "b", "000001")
		}
		_, _, err = s.Unlock(t.Context(), here, "b", "314159")
		wants(t, err, account.ErrWrong)
		if c := must[account.Counter](t)(s.CounterOf(t.Context(), here)); len(c.Seats) != 1 || c.Seats[0].ID != "a" {
			t.Errorf("seats: %+v", c.Seats)
		}
		if _, _, err := s.SignIn(t.Context(), "b", password); err != nil {
			t.Errorf("missing a PIN locked the account: %v", err)
		}
		set(dbtest.Start.Add(13 * time.Hour))
		_, _, err = s.Unlock(t.Context(), here, "a", "271828")
		wants(t, err, account.ErrWrong)
	})
}
