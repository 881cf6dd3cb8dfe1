package account_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"comity/internal/account"
	"comity/internal/authz"
	"comity/internal/db"
	"comity/internal/db/dbtest"
)

const password = "correct horse"

func each(t *testing.T, run func(t *testing.T, s *account.Store, set func(time.Time))) {
	t.Helper()
	dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) {
		if err := account.Migrate(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		s, err := account.New(d, account.Config{Hashing: account.Cheap()})
		if err != nil {
			t.Fatal(err)
		}
		run(t, s, set)
	})
}

func hemin() account.Account {
	return account.Account{ID: "hemin", Login: " HeMin ", Lang: "zh-CN",
		Name:   map[string]string{"zh-CN": "何敏", "en": "He Min"},
		Grants: []authz.Grant{{Role: "officer", Unit: "guiyuan", Programmes: []string{"service"}}, {Role: "head", Unit: "linjiang"}}}
}

func create(t *testing.T, s *account.Store, a account.Account) account.Account {
	t.Helper()
	a, err := s.Create(t.Context(), a, password)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func signIn(t *testing.T, s *account.Store) string {
	t.Helper()
	_, token, err := s.SignIn(t.Context(), "hemin", password)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func wants(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error is %v, want %v", err, want)
	}
}

func TestA_right_password_opens_a_session_with_the_grants(t *testing.T) {
	each(t, func(t *testing.T, s *account.Store, _ func(time.Time)) {
		create(t, s, hemin())
		got, token, err := s.SignIn(t.Context(), "HEMIN", password)
		if err != nil || token == "" {
			t.Fatal(err)
		}
		again, err := s.Session(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range []account.Account{got, again} {
			if a.NameIn("en") != "He Min" || a.NameIn("fr") != "He Min" || len(a.Grants) != 2 || a.Home() != "guiyuan" || !slices.Equal(a.Grants[0].Programmes, []string{"service"}) {
				t.Errorf("account came back as %+v", a)
			}
			if a.Actor(nil).ID() != "hemin" || !a.Actor(nil).IsStaff() {
				t.Errorf("actor is %+v", a.Actor(nil))
			}
		}
	})
}

func TestA_wrong_password_an_unknown_login_and_a_disabled_account_look_the_same(t *testing.T) {
	each(t, func(t *testing.T, s *account.Store, _ func(time.Time)) {
		create(t, s, hemin())
		_, _, err := s.SignIn(t.Context(), "hemin", "wrong")
		wants(t, err, account.ErrWrong)
		_, _, err = s.SignIn(t.Context(), "nobody", password)
		wants(t, err, account.ErrWrong)
		token := signIn(t, s)
		if err := s.Disable(t.Context(), "hemin", true); err != nil {
			t.Fatal(err)
		}
		_, _, err = s.SignIn(t.Context(), "hemin", password)
		wants(t, err, account.ErrWrong)
		_, err = s.Session(t.Context(), token)
		wants(t, err, account.ErrNoSession)
		if a, err := s.ByID(t.Context(), "hemin"); err != nil || a.Actor(nil).ID() != "" {
			t.Errorf("a disabled account must be known but nobody: %+v, %v", a, err)
		}
	})
}

func TestA_session_ends_when_idle_when_old_and_when_signed_out(t *testing.T) {
	each(t, func(t *testing.T, s *account.Store, set func(time.Time)) {
		create(t, s, hemin())
		t0 := dbtest.Start
		token := signIn(t, s)
		for h := 11; h <= 7*24; h += 11 { // used every eleven hours it lives on
			set(t0.Add(time.Duration(h) * time.Hour))
			if _, err := s.Session(t.Context(), token); err != nil {
				t.Fatalf("after %d hours: %v", h, err)
			}
		}
		set(t0.Add(7*24*time.Hour + time.Second))
		_, err := s.Session(t.Context(), token)
		wants(t, err, account.ErrNoSession)

		token = signIn(t, s)
		set(t0.Add(7*24*time.Hour + 12*time.Hour + 2*time.Second))
		_, err = s.Session(t.Context(), token)
		wants(t, err, account.ErrNoSession)

		token = signIn(t, s)
		if err := s.SignOut(t.Context(), token); err != nil {
			t.Fatal(err)
		}
		_, err = s.Session(t.Context(), token)
		wants(t, err, account.ErrNoSession)
	})
}

func TestA_new_password_ends_old_sessions(t *testing.T) {
	each(t, func(t *testing.T, s *account.Store, _ func(time.Time)) {
		create(t, s, hemin())
		token := signIn(t, s)
		if err := s.SetPassword(t.Context(), "hemin", "another one"); err != nil {
			t.Fatal(err)
		}
		_, err := s.Session(t.Context(), token)
		wants(t, err, account.ErrNoSession)
		_, _, err = s.SignIn(t.Context(), "hemin", password)
		wants(t, err, account.ErrWrong)
		if _, _, err = s.SignIn(t.Context(), "hemin", "another one"); err != nil {
			t.Fatal(err)
		}
		wants(t, s.SetPassword(t.Context(), "nobody", "another one"), account.ErrUnknown)
	})
}

func TestA_login_is_given_once_and_a_short_password_is_refused(t *testing.T) {
	each(t, func(t *testing.T, s *account.Store, _ func(time.Time)) {
		create(t, s, hemin())
		other := hemin()
		other.ID = "other"
		_, err := s.Create(t.Context(), other, password)
		wants(t, err, account.ErrTaken)
		other.Login = "other"
		if _, err = s.Create(t.Context(), other, "short"); err == nil || strings.Contains(err.Error(), "short") {
			t.Errorf("a short password must be refused without being repeated: %v", err)
		}
		a, err := s.Create(t.Context(), account.Account{Login: "drawn"}, password)
		if err != nil || a.ID == "" {
			t.Errorf("an id must be drawn: %+v, %v", a, err)
		}
	})
}

func TestOfUnit_lists_only_those_who_work_for_exactly_this_unit(t *testing.T) {
	each(t, func(t *testing.T, s *account.Store, _ func(time.Time)) {
		create(t, s, hemin())
		create(t, s, account.Account{ID: "b", Login: "b", Grants: []authz.Grant{{Role: "clerk", Unit: "guiyuan"}}})
		create(t, s, account.Account{ID: "c", Login: "c", Disabled: true, Grants: []authz.Grant{{Role: "clerk", Unit: "guiyuan"}}})
		create(t, s, account.Account{ID: "d", Login: "d", Grants: []authz.Grant{{Role: "clerk", Unit: "ganyuan"}}})
		list, err := s.OfUnit(t.Context(), "guiyuan")
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, a := range list {
			ids = append(ids, a.ID)
		}
		if !slices.Equal(ids, []string{"b", "hemin"}) || len(list[1].Grants) != 2 {
			t.Errorf("got %v", ids)
		}
	})
}

func TestNo_secret_is_stored_in_the_clear(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		if err := account.Migrate(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		s, err := account.New(d, account.Config{Hashing: account.Cheap()})
		if err != nil {
			t.Fatal(err)
		}
		create(t, s, hemin())
		session := signIn(t, s)
		_, token, err := s.CreateToken(t.Context(), authz.Actor{}, account.Token{Account: "hemin", Name: "x", Powers: authz.Powers, Expires: dbtest.Start.Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		stored := dump(t, d)
		for _, secret := range []string{password, session, token} {
			if strings.Contains(stored, secret) {
				t.Errorf("the database holds %q", secret)
			}
		}
		if !strings.Contains(stored, "$argon2id$") {
			t.Error("the dump does not even hold the sealed password: the test looks at nothing")
		}
	})
}

func dump(t *testing.T, d *db.DB) string {
	t.Helper()
	var b strings.Builder
	err := d.View(context.Background(), func(tx *db.Tx) error {
		for _, q := range []string{`SELECT password FROM accounts`, `SELECT hash FROM account_sessions`, `SELECT hash FROM account_tokens`} {
			rows, err := db.All(context.Background(), tx, q, nil, func(r db.Scanner) (s string, err error) { err = r.Scan(&s); return s, err })
			if err != nil {
				return err
			}
			b.WriteString(strings.Join(rows, "\n"))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestMisses_slow_the_next_try_down_but_never_lock_out(t *testing.T) {
	var th account.Throttle
	now := dbtest.Start
	for range 3 {
		if w := th.Wait("hemin", "10.0.0.1", now); w != 0 {
			t.Fatalf("the first three misses are free, got %v", w)
		}
		th.Miss("HeMin", "10.0.0.1", now)
	}
	if w := th.Wait("hemin", "10.0.0.1", now); w != time.Second {
		t.Errorf("after three misses the wait is %v, want 1s", w)
	}
	for range 50 {
		th.Miss("hemin", "10.0.0.1", now)
	}
	if w := th.Wait("hemin", "10.0.0.1", now); w != 30*time.Second {
		t.Errorf("the wait grew to %v, want at most 30s", w)
	}
	if w := th.Wait("hemin", "10.0.0.2", now); w != 0 {
		t.Errorf("another address waits %v", w)
	}
	if w := th.Wait("hemin", "10.0.0.1", now.Add(30*time.Second)); w != 0 {
		t.Errorf("after the wait it still waits %v", w)
	}
	th.Hit("hemin", "10.0.0.1")
	if w := th.Wait("hemin", "10.0.0.1", now); w != 0 {
		t.Errorf("after the right password it still waits %v", w)
	}
}

func Test_the_people_of_a_unit_cost_as_many_questions_however_many_they_are(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		if err := account.Migrate(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		s, err := account.New(d, account.Config{Hashing: account.Cheap()})
		if err != nil {
			t.Fatal(err)
		}
		asked := func(ask func() ([]account.Account, error)) (n, people int) {
			t.Helper()
			d.Trace(func(string, []any) { n++ })
			defer d.Trace(nil)
			list, err := ask()
			if err != nil {
				t.Fatal(err)
			}
			return n, len(list)
		}
		var ids []string
		ofUnit := func() ([]account.Account, error) { return s.OfUnit(t.Context(), "guiyuan") }
		named := func() ([]account.Account, error) { return s.Named(t.Context(), append(ids, "gone")) }
		var few [2]int
		for _, people := range []int{2, 20} {
			for len(ids) < people {
				id := fmt.Sprint("person-", len(ids))
				create(t, s, account.Account{ID: id, Login: id, Disabled: len(ids) == 1, Grants: []authz.Grant{{Role: "clerk", Unit: "guiyuan"}, {Role: "head", Unit: "linjiang"}}})
				ids = append(ids, id)
			}
			unit, n := asked(ofUnit)
			if n != people-1 { // one of them may not act any more
				t.Errorf("%d of %d people work for the unit", n, people)
			}
			names, n := asked(named)
			if n != people {
				t.Errorf("%d of %d people are named", n, people)
			}
			if few[0] == 0 {
				few = [2]int{unit, names}
			} else if got := [2]int{unit, names}; got != few {
				t.Errorf("twenty people cost %v questions, two cost %v", got, few)
			}
		}
		list, err := ofUnit()
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range list {
			if len(a.Grants) != 2 || a.Grants[0].Role != "clerk" || a.Grants[1].Unit != "linjiang" {
				t.Errorf("%s holds %+v", a.ID, a.Grants)
			}
		}
	})
}
