package opendata_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"comity/internal/account"
	"comity/internal/authz"
	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/ledger"
	"comity/internal/ledger/ledgertest"
	"comity/internal/programme/opendata"
)

func Test_figures_records_of_exports_and_calendars_are_kept_on_every_engine(t *testing.T) {
	dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) {
		ctx := t.Context()
		p, err := ledgertest.Sound(os.DirFS("../../../packs"), "demo")
		if err != nil {
			t.Fatal(err)
		}
		if err := account.Migrate(ctx, d); err != nil {
			t.Fatal(err)
		}
		if err := opendata.Migrate(ctx, d); err != nil {
			t.Fatal(err)
		}
		now := day(2026, 1, 20)
		set(now)
		h := &house{t: t, set: set, now: func() time.Time { return now }, city: ledgertest.OpenPack(t, d, p)}
		for i := range 12 {
			h.report("road.pothole", "guiyuan-ganyuan", fmt.Sprint("Hole ", i))
		}
		o := opendata.New(opendata.Deps{DB: d, Reader: h.city.Reader, Packs: h.city.Packs, Now: func() time.Time { return day(2026, 4, 2) }})
		for range 2 {
			if err := o.Publish(ctx, nil); err != nil {
				t.Fatal(err)
			}
		}
		n := 0
		if err := o.Each(ctx, func(m opendata.Month) error {
			for _, r := range m.Rows {
				n += r.N
			}
			return nil
		}); err != nil || n != 12 {
			t.Errorf("the figures add up to %d, %v", n, err)
		}
		who := authz.Staff("zhou", []authz.Grant{{Role: "clerk", Unit: "guiyuan"}})
		if _, err := h.city.Ledger.Exporting(ctx, who, ledger.Export{Unit: "guiyuan", List: "todo", Format: "csv"}); err != nil {
			t.Fatal(err)
		}
		if list, err := h.city.Reader.Exports(ctx, "zhou", 5); err != nil || len(list) != 1 || list[0].Format != "csv" {
			t.Errorf("%+v, %v", list, err)
		}
		accounts, err := account.New(d, account.Config{Hashing: account.Cheap(), Rules: func() *authz.Table { return p.Rules }})
		if err != nil {
			t.Fatal(err)
		}
		a, err := accounts.Create(ctx, account.Account{ID: "zhou", Login: "zhou", Name: map[string]string{"en": "Zhou"}, Grants: []authz.Grant{{Role: "clerk", Unit: "guiyuan"}}}, "a long password 26")
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			secret, err := accounts.MakeCalendar(ctx, who)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := accounts.Calendar(ctx, secret); err != nil || got.ID != a.ID {
				t.Errorf("%+v, %v", got, err)
			}
		}
		if err := accounts.DropCalendar(ctx, who); err != nil {
			t.Fatal(err)
		}
		if at, err := accounts.CalendarMade(ctx, "zhou"); err != nil || !at.IsZero() {
			t.Errorf("%v, %v", at, err)
		}
	})
}
