package account_test

import (
	"testing"
	"time"

	"comity/internal/account"
	"comity/internal/db/dbtest"
)

func TestA_session_is_fresh_for_ten_minutes_after_a_proof_and_never_before_one(t *testing.T) {
	each(t, func(t *testing.T, s *account.Store, set func(time.Time)) {
		create(t, s, hemin())
		token := signIn(t, s)
		live, err := s.Live(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		if !live.AuthAt.Equal(dbtest.Start) || len(live.Methods) != 1 || live.Methods[0] != account.ByPassword {
			t.Errorf("the session says %+v", live)
		}
		for after, want := range map[time.Duration]bool{0: true, account.FreshFor: true, account.FreshFor + 1: false, -time.Second: false} {
			if got := account.Fresh(live, dbtest.Start.Add(after)); got != want {
				t.Errorf("%v after the proof it is fresh: %v", after, got)
			}
		}
		if account.Fresh(account.Session{}, time.Time{}) {
			t.Error("a session without a proof is fresh")
		}
	})
}

func TestA_session_is_bound_to_one_compartment_and_binding_needs_a_fresh_proof(t *testing.T) {
	each(t, func(t *testing.T, s *account.Store, set func(time.Time)) {
		create(t, s, hemin())
		token := signIn(t, s)
		bound := func() string {
			t.Helper()
			live, err := s.Live(t.Context(), token)
			if err != nil {
				t.Fatal(err)
			}
			return live.Compartment
		}
		if bound() != "" {
			t.Error("a new session is bound")
		}
		if err := s.Bind(t.Context(), token, "youth"); err != nil || bound() != "youth" {
			t.Fatalf("bound to %q, %v", bound(), err)
		}
		set(dbtest.Start.Add(account.FreshFor + time.Second))
		wants(t, s.Bind(t.Context(), token, "mental"), account.ErrStale)
		if bound() != "youth" {
			t.Errorf("a refused binding changed it to %q", bound())
		}
		if err := s.Bind(t.Context(), token, "youth"); err != nil {
			t.Errorf("binding to the same again: %v", err)
		}
		if err := s.Bind(t.Context(), token, ""); err != nil || bound() != "" {
			t.Errorf("freeing: %v, still %q", err, bound())
		}
		wants(t, s.Bind(t.Context(), "forged", "youth"), account.ErrNoSession)
		if other := signIn(t, s); other != "" {
			if live, err := s.Live(t.Context(), other); err != nil || live.Compartment != "" {
				t.Errorf("a second session is bound to %q, %v", live.Compartment, err)
			}
		}
	})
}

func TestA_person_sees_where_they_are_signed_in_and_ends_one_or_all_others(t *testing.T) {
	each(t, func(t *testing.T, s *account.Store, set func(time.Time)) {
		create(t, s, hemin())
		create(t, s, account.Account{ID: "other", Login: "other"})
		here := signIn(t, s)
		set(dbtest.Start.Add(time.Minute))
		there, third := signIn(t, s), signIn(t, s)
		_, foreign, err := s.SignIn(t.Context(), "other", password)
		if err != nil {
			t.Fatal(err)
		}
		list, err := s.Sessions(t.Context(), "hemin")
		if err != nil || len(list) != 3 {
			t.Fatalf("%d sessions, %v", len(list), err)
		}
		live := func(token string) account.Session {
			l, _ := s.Live(t.Context(), token)
			return l
		}
		if err := s.EndSession(t.Context(), "hemin", live(foreign).Handle); err != nil || live(foreign).Handle == "" {
			t.Errorf("somebody else's session was ended: %v", err)
		}
		if err := s.EndSession(t.Context(), "hemin", live(there).Handle); err != nil || live(there).Handle != "" {
			t.Errorf("the session goes on: %v", err)
		}
		if err := s.EndOthers(t.Context(), here, account.From{}); err != nil {
			t.Fatal(err)
		}
		if live(third).Handle != "" || live(here).Handle == "" || live(foreign).Handle == "" {
			t.Error("signing out everywhere else must end the others of this account and leave this one")
		}
	})
}
