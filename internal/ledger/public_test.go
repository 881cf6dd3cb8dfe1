package ledger_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/ledger"
	"comity/internal/ledger/ledgertest"
	"comity/internal/place"
)

func Test_published_cases_hold_nothing_about_people(t *testing.T) {
	dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) {
		c := ledgertest.Open(t, d, "../../packs/demo")
		open := func(category string, sealed bool) ledger.Receipt {
			r, err := c.Ledger.Do(t.Context(), authz.Reporter(), casework.Command{Open: &casework.Opening{Unit: "guiyuan", Title: "坑很深", Text: "坑很深，快来", Category: category, Sealed: sealed,
				Place: casework.Place{Point: &place.Point{Lat: 28.11, Lon: 112.27}, Address: "柑园路3号", Unit: "guiyuan-ganyuan"}, Contact: casework.Contact{Channel: "sms", Address: "13900001234", Name: "何小敏"}}})
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		one, _ := open("road.pavement", false), open("road.pavement", true)
		open("waste.heap", false)
		f := ledger.PublicFilter{Categories: []string{"road.pavement"}, Limit: 10}
		for p, want := range map[ledger.Public][3]bool{ledger.PublicSteps: {}, ledger.PublicPlace: {true}, ledger.PublicText: {true, true, true}} {
			show := func(k casework.Case) ledger.Public {
				if k.Text != casework.Veil || k.Place.Point != nil {
					t.Error("who decides about a case is shown it")
				}
				return p
			}
			list, err := c.Reader.Published(t.Context(), f, show)
			if err != nil || len(list) != 1 || list[0].Ref != one.Ref {
				t.Fatalf("%v %v", list, err)
			}
			k, events, err := c.Reader.PublishedCase(t.Context(), string(one.Ref), show)
			if err != nil || len(events) == 0 {
				t.Fatal(err)
			}
			happened, err := c.Reader.PublishedEvents(t.Context(), f.Categories, dbtest.Start, dbtest.Start, 10, show)
			if err != nil || len(happened) != 1 {
				t.Fatalf("%v %v", happened, err)
			}
			for _, got := range []casework.Case{list[0], k, happened[0].Case} {
				if (got.Place.Point != nil) != want[0] || (got.Place.Address == "柑园路3号") != want[0] || (got.Text == "坑很深，快来") != want[1] || (got.Title == "坑很深") != want[2] {
					t.Errorf("step %d shows %+v", p, got)
				}
				said := fmt.Sprintf("%+v %+v", got, events)
				for _, secret := range []string{"何小敏", "13900001234", string(one.Code)} {
					if strings.Contains(said, secret) {
						t.Errorf("step %d shows %s", p, secret)
					}
				}
			}
		}
		nothing := func(casework.Case) ledger.Public { return ledger.PublicNothing }
		if _, _, err := c.Reader.PublishedCase(t.Context(), string(one.Ref), nothing); err != ledger.ErrNotFound {
			t.Errorf("what is shown to nobody: %v", err)
		}
		if list, err := c.Reader.Published(t.Context(), ledger.PublicFilter{Limit: 10}, nothing); err != nil || len(list) > 0 {
			t.Errorf("no category lists %v, %v", list, err)
		}
	})
}

func Test_the_number_of_a_key_is_for_whoever_sent_it(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		c := ledgertest.Open(t, d, "../../packs/demo")
		r, err := c.Ledger.Do(t.Context(), authz.Reporter(), casework.Command{Key: "k", Open: &casework.Opening{Unit: "guiyuan", Title: "a", Text: "b", Category: "road.pavement", Place: casework.Place{Unit: "guiyuan"}}})
		if err != nil {
			t.Fatal(err)
		}
		if ref, id, err := c.Reader.OpenedBy(t.Context(), authz.Reporter(), "k"); err != nil || ref != r.Ref || id != r.Case {
			t.Errorf("%s %s %v", ref, id, err)
		}
		for _, who := range []authz.Actor{authz.Staff("somebody", nil), {}} {
			if _, _, err := c.Reader.OpenedBy(t.Context(), who, "k"); err != ledger.ErrNotFound {
				t.Errorf("%q: %v", who.ID(), err)
			}
		}
	})
}
