package account_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"comity/internal/account"
	"comity/internal/authz"
	"comity/internal/db"
)

func Test_a_view_is_kept_shared_begun_with_and_brought_back_only_by_those_who_may(t *testing.T) {
	each(t, func(t *testing.T, s *account.Store, set func(time.Time)) {
		now := time.Date(2026, 3, 2, 1, 0, 0, 0, time.UTC)
		set(now)
		head := create(t, s, hemin())
		clerk := create(t, s, account.Account{ID: "chen", Login: "chen", Grants: []authz.Grant{{Role: "clerk", Unit: "linjiang"}}})
		plan := account.Plan{Heads: []authz.Role{"head"}}
		refused := func(what, rule string, err error) {
			t.Helper()
			var no *account.Refused
			if !errors.As(err, &no) || no.Rule != rule {
				t.Errorf("%s: %v, want %s", what, err, rule)
			}
		}
		id, err := s.SaveView(t.Context(), head.ID, "  Dark   lamps ", "q=lamp")
		if err != nil {
			t.Fatal(err)
		}
		again, err := s.SaveView(t.Context(), head.ID, "Dark lamps", "q=lamps")
		if err != nil || again != id {
			t.Errorf("the same name again is %s, %v; want %s", again, err, id)
		}
		_, err = s.SaveView(t.Context(), head.ID, strings.Repeat("灯", 61), "q=lamp")
		refused("a long name", "view.name", err)
		_, err = s.SaveView(t.Context(), head.ID, "x", "")
		refused("no query", "view.query", err)
		other, err := s.SaveView(t.Context(), head.ID, "Holes", "q=hole")
		if err != nil {
			t.Fatal(err)
		}
		refused("a name twice", "view.taken", s.RenameView(t.Context(), head.ID, other, "Dark lamps"))
		refused("shared where one does not lead", "view.share", s.ShareView(t.Context(), head, plan, id, "guiyuan"))
		wants(t, s.RenameView(t.Context(), clerk.ID, id, "Mine"), account.ErrUnknown)
		wants(t, s.StartWith(t.Context(), clerk, id), account.ErrUnknown)
		if err := s.ShareView(t.Context(), head, plan, id, "linjiang"); err != nil {
			t.Fatal(err)
		}
		wants(t, s.RemoveView(t.Context(), clerk.ID, id), account.ErrUnknown)
		if err := s.StartWith(t.Context(), clerk, id); err != nil {
			t.Fatal(err)
		}
		list, err := s.Views(t.Context(), clerk)
		if err != nil || len(list) != 1 || list[0].Name != "Dark lamps" || list[0].Query != "q=lamps" || !list[0].Start {
			t.Errorf("shared: %+v, %v", list, err)
		}
		if err := s.RemoveView(t.Context(), head.ID, id); err != nil {
			t.Fatal(err)
		}
		if list, _ := s.Views(t.Context(), clerk); len(list) != 0 {
			t.Errorf("removed and still shared: %+v", list)
		}
		set(now.Add(30 * time.Minute))
		if err := s.RestoreView(t.Context(), head.ID, id); err != nil {
			t.Errorf("brought back: %v", err)
		}
		if list, _ := s.Views(t.Context(), clerk); len(list) != 1 || !list[0].Start {
			t.Errorf("brought back: %+v", list)
		}
		if err := s.RemoveView(t.Context(), head.ID, id); err != nil {
			t.Fatal(err)
		}
		set(now.Add(2 * time.Hour))
		wants(t, s.RestoreView(t.Context(), head.ID, id), account.ErrUnknown)
		for i := range account.MaxViews {
			_, err = s.SaveView(t.Context(), head.ID, "view "+strings.Repeat("i", i+1), "q=x")
		}
		refused("too many", "view.many", err)
	})
}

func Test_a_removed_view_comes_back_under_no_name_that_was_taken_and_is_deleted_in_time(t *testing.T) {
	eachDoor(t, func(t *testing.T, s *account.Store, d *db.DB, set func(time.Time)) {
		now := time.Date(2026, 3, 2, 1, 0, 0, 0, time.UTC)
		set(now)
		head := create(t, s, hemin())
		save := func() string {
			t.Helper()
			id, err := s.SaveView(t.Context(), head.ID, "Dark lamps", "q=lamp")
			if err != nil {
				t.Fatal(err)
			}
			return id
		}
		first := save()
		if err := s.RemoveView(t.Context(), head.ID, first); err != nil {
			t.Fatal(err)
		}
		second := save()
		var no *account.Refused
		if err := s.RestoreView(t.Context(), head.ID, first); !errors.As(err, &no) || no.Rule != "view.taken" {
			t.Errorf("a second list of that name comes back: %v", err)
		}
		set(now.Add(2 * time.Hour))
		if err := s.RemoveView(t.Context(), head.ID, second); err != nil {
			t.Fatal(err)
		}
		var kept []string
		err := d.View(t.Context(), func(tx *db.Tx) (err error) {
			kept, err = db.All(t.Context(), tx, `SELECT id FROM account_views`, nil, func(r db.Scanner) (id string, err error) { return id, r.Scan(&id) })
			return err
		})
		if err != nil || len(kept) != 1 || kept[0] != second {
			t.Errorf("kept are %v, %v; want %s, which can still be brought back", kept, err, second)
		}
	})
}

func Test_what_is_shared_in_a_unit_stays_when_its_owner_leaves_and_who_leads_the_unit_takes_it_out(t *testing.T) {
	each(t, func(t *testing.T, s *account.Store, set func(time.Time)) {
		set(time.Date(2026, 3, 2, 1, 0, 0, 0, time.UTC))
		head := create(t, s, hemin())
		next := create(t, s, account.Account{ID: "next", Login: "next", Grants: []authz.Grant{{Role: "head", Unit: "linjiang"}}})
		clerk := create(t, s, account.Account{ID: "chen", Login: "chen", Grants: []authz.Grant{{Role: "clerk", Unit: "linjiang"}}})
		away := create(t, s, account.Account{ID: "away", Login: "away", Grants: []authz.Grant{{Role: "head", Unit: "guiyuan"}}})
		plan := account.Plan{Heads: []authz.Role{"head"}}
		share := func(name string) string {
			t.Helper()
			id, err := s.SaveView(t.Context(), head.ID, name, "q=lamp")
			if err == nil {
				err = s.ShareView(t.Context(), head, plan, id, "linjiang")
			}
			if err != nil {
				t.Fatal(err)
			}
			return id
		}
		here := func(a account.Account, want int) []account.View {
			t.Helper()
			list, err := s.Views(t.Context(), a)
			if err != nil || len(list) != want {
				t.Fatalf("%s has %+v, %v; want %d", a.ID, list, err, want)
			}
			return list
		}
		first, second := share("Dark lamps"), share("Holes")
		for _, who := range []account.Account{clerk, away} {
			wants(t, s.DropShared(t.Context(), who, plan, first), account.ErrUnknown)
		}
		if err := s.DropShared(t.Context(), next, plan, first); err != nil {
			t.Fatal(err)
		}
		here(clerk, 1)
		if list := here(head, 2); list[0].ID != first || list[0].Unit != "" {
			t.Errorf("who shared it has %+v", list)
		}
		if err := s.SetGrants(t.Context(), head.ID, []authz.Grant{{Role: "head", Unit: "guiyuan"}}); err != nil {
			t.Fatal(err)
		}
		head.Grants = []authz.Grant{{Role: "head", Unit: "guiyuan"}}
		here(clerk, 1)
		here(head, 1)
		wants(t, s.RenameView(t.Context(), head.ID, second, "Mine"), account.ErrUnknown)
		wants(t, s.RemoveView(t.Context(), head.ID, second), account.ErrUnknown)
		wants(t, s.ShareView(t.Context(), head, plan, second, ""), account.ErrUnknown)
		if again, err := s.SaveView(t.Context(), head.ID, "Holes", "q=other"); err != nil || again == second {
			t.Errorf("from outside it is another list: %s, %v", again, err)
		}
		if list := here(clerk, 1); list[0].Query != "q=lamp" {
			t.Errorf("it was changed from outside: %+v", list)
		}
		if err := s.DropShared(t.Context(), next, plan, second); err != nil {
			t.Fatal(err)
		}
		here(clerk, 0)
		here(head, 2) // neither of them the one that stayed
		wants(t, s.DropShared(t.Context(), next, plan, second), account.ErrUnknown)
	})
}
