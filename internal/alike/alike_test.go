package alike_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"comity/internal/alike"
	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/intake"
	"comity/internal/ledger/ledgertest"
	"comity/internal/org"
	"comity/internal/place"
	"comity/internal/procedure"
)

// bank is a place in Ganyuan community; at lies metres east of it.
var bank = place.Point{Lat: 28.1102, Lon: 112.2703}

func at(metres float64) *place.Point {
	p := bank
	p.Lon += metres / 98_200 // metres of one degree of longitude there
	return &p
}

type world struct {
	*ledgertest.City
	t   *testing.T
	now time.Time
}

func (w *world) file(category, title string, unit org.UnitID, point *place.Point) casework.Ref {
	w.t.Helper()
	cmd, err := intake.Command(w.Pack, intake.Report{Category: category, Title: title, Text: title + ". My name is He Xiaomin.", Unit: unit, Point: point, Source: "web", Now: w.now,
		Contact: casework.Contact{Channel: "sms", Address: "13900001234", Name: "何小敏"}})
	if err != nil {
		w.t.Fatal(err)
	}
	r, err := w.Ledger.Do(w.t.Context(), authz.Reporter(), cmd)
	if err != nil {
		w.t.Fatal(err)
	}
	return r.Ref
}

func (w *world) finder() alike.Finder {
	return alike.Finder{Reader: w.Reader, Pack: w.Pack, Now: w.now}
}

func refs(list []alike.Likely) string {
	var out []casework.Ref
	for _, x := range list {
		out = append(out, x.Ref)
	}
	return fmt.Sprint(out)
}

func each(t *testing.T, do func(w *world, set func(time.Time))) {
	dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) {
		w := &world{City: ledgertest.Open(t, d, "../../packs/demo"), t: t, now: dbtest.Start}
		do(w, func(now time.Time) { w.now = now; set(now) })
	})
}

func Test_what_is_nearest_in_place_and_wording_comes_first_and_what_is_far_not_at_all(t *testing.T) {
	each(t, func(w *world, set func(time.Time)) {
		far := w.file("road.pothole", "Deep pothole in front of the bank", "guiyuan-ganyuan", at(81))
		near := w.file("road.pothole", "Deep pothole in front of the bank", "guiyuan-ganyuan", at(10))
		edge := w.file("road.pothole", "Deep pothole in front of the bank", "guiyuan-ganyuan", at(75))
		across := w.file("road.pothole", "银行门口路面有坑", "guiyuan-yandu", at(20)) // beyond the boundary, and in the other language
		w.file("road.pavement", "Deep pothole in front of the bank", "guiyuan-ganyuan", at(10))
		m := alike.Matter{Category: "road.pothole", Point: at(0), Unit: "guiyuan-ganyuan", Words: "Pothole at the bank"}
		list, err := w.finder().Public(t.Context(), m, 10)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := refs(list), fmt.Sprint([]casework.Ref{near, edge, across}); got != want {
			t.Fatalf("%s, want %s (too far is %s)", got, want, far)
		}
		if list[0].Metres < 9 || list[0].Metres > 11 {
			t.Errorf("ten metres are %f", list[0].Metres)
		}
		m.Words = "路面有坑，就在银行门口"
		if list, err = w.finder().Public(t.Context(), m, 1); err != nil || refs(list) != fmt.Sprint([]casework.Ref{across}) {
			t.Errorf("in Chinese: %s, %v", refs(list), err)
		}
	})
}

func Test_what_is_older_than_the_days_of_the_pack_is_another_matter(t *testing.T) {
	each(t, func(w *world, set func(time.Time)) {
		ref := w.file("road.pothole", "Deep pothole", "guiyuan-ganyuan", at(0))
		m := alike.Matter{Category: "road.pothole", Point: at(0), Words: "Deep pothole"}
		near, _ := w.Pack.Alike(m.Category)
		for days, want := range map[int]string{near.Days: fmt.Sprint([]casework.Ref{ref}), near.Days + 1: "[]"} {
			f := w.finder()
			f.Now = dbtest.Start.AddDate(0, 0, days)
			if list, err := f.Public(t.Context(), m, 10); err != nil || refs(list) != want {
				t.Errorf("after %d days: %s, %v", days, refs(list), err)
			}
			if list, err := f.Inside(t.Context(), authz.Scope{Roots: []authz.Root{{Unit: "linjiang", Reach: authz.Subtree, Level: authz.Story}}}, m, 10); err != nil || refs(list) != want {
				t.Errorf("inside, after %d days: %s, %v", days, refs(list), err)
			}
		}
	})
}

func Test_anybody_is_shown_what_the_pack_makes_public_and_nothing_about_people(t *testing.T) {
	each(t, func(w *world, set func(time.Time)) {
		w.file("road.pothole", "Deep pothole", "guiyuan-ganyuan", at(0))        // its words are public
		w.file("road.pavement", "Broken slab", "guiyuan-ganyuan", at(0))        // its place
		w.file("noise.shop", "Music until midnight", "guiyuan-ganyuan", at(0))  // its steps alone
		w.file("hazard.gas", "Smell of gas at No. 3", "guiyuan-ganyuan", at(0)) // nothing
		for category, want := range map[string][3]string{
			"road.pothole": {"Deep pothole", "Deep pothole. My name is He Xiaomin."}, "road.pavement": {"", ""}, "noise.shop": {"-"}, "hazard.gas": {"-"},
		} {
			list, err := w.finder().Public(t.Context(), alike.Matter{Category: category, Point: at(0), Unit: "guiyuan-ganyuan", Words: "Deep pothole, broken slab, music, smell of gas"}, 10)
			if err != nil {
				t.Fatal(err)
			}
			if want[0] == "-" {
				if len(list) != 0 {
					t.Errorf("%s shows %+v", category, list)
				}
				continue
			}
			if len(list) != 1 || list[0].Title != want[0] || list[0].Text != want[1] || list[0].State != "received" {
				t.Errorf("%s shows %+v", category, list)
			}
		}
	})
}

func Test_what_was_answered_or_waits_for_another_is_not_proposed_and_what_was_contested_is(t *testing.T) {
	each(t, func(w *world, set func(time.Time)) {
		lead := w.file("road.pavement", "Broken slab", "guiyuan-ganyuan", at(0))
		second := w.file("road.pavement", "Broken slab", "guiyuan-ganyuan", at(0))
		officer := authz.Staff("wu", []authz.Grant{{Role: "officer", Unit: "guiyuan"}})
		do := func(who authz.Actor, ref casework.Ref, act string, fields map[string]string) {
			t.Helper()
			c, err := w.Reader.Case(t.Context(), authz.Machine().Scope(), string(ref))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Ledger.Do(t.Context(), who, casework.Command{Case: c.ID, Act: act, Version: casework.AnyVersion, Fields: fields}); err != nil {
				t.Fatal(err)
			}
		}
		proposed := func(want ...casework.Ref) {
			t.Helper()
			m := alike.Matter{Category: "road.pavement", Point: at(0), Unit: "guiyuan-ganyuan", Words: "Broken slab"}
			public, err := w.finder().Public(t.Context(), m, 10)
			if err != nil {
				t.Fatal(err)
			}
			inside, err := w.finder().Inside(t.Context(), officer.Scope(), m, 10)
			if err != nil {
				t.Fatal(err)
			}
			for _, list := range [][]alike.Likely{public, inside} { // of one moment, so in no order
				slices.SortFunc(list, func(a, b alike.Likely) int { return strings.Compare(string(a.Ref), string(b.Ref)) })
			}
			if refs(public) != fmt.Sprint(want) || refs(inside) != fmt.Sprint(want) {
				t.Errorf("public %s, inside %s, want %v", refs(public), refs(inside), want)
			}
		}
		if second < lead {
			proposed(second, lead)
		} else {
			proposed(lead, second)
		}
		do(officer, second, "join", map[string]string{"lead": string(lead)})
		proposed(lead)
		do(officer, lead, "accept", nil)
		do(officer, lead, "begin", nil)
		proposed(lead)
		do(officer, lead, "answer", map[string]string{"outcome": "solved", "answer": "A new slab was laid."})
		proposed()
		c, err := w.Reader.Case(t.Context(), authz.Machine().Scope(), string(lead))
		if err != nil {
			t.Fatal(err)
		}
		do(authz.Holder(string(c.ID)), lead, "contest", map[string]string{"reason": "It wobbles again."})
		proposed(lead)
	})
}

func Test_an_officer_is_told_which_of_them_a_case_can_go_with(t *testing.T) {
	each(t, func(w *world, set func(time.Time)) {
		ours := w.file("road.pothole", "Deep pothole", "guiyuan-ganyuan", at(0))
		list, err := w.finder().Inside(t.Context(), authz.Scope{Roots: []authz.Root{{Unit: "donghu", Reach: authz.Subtree, Level: authz.Story}}}, alike.Matter{Category: "road.pothole", Point: at(0), Unit: "guiyuan-ganyuan", Words: "Deep pothole"}, 10)
		if err != nil || refs(list) != fmt.Sprint([]casework.Ref{ours}) || list[0].Listed {
			t.Errorf("who reads another street: %+v, %v", list, err)
		}
		list, err = w.finder().Inside(t.Context(), authz.Scope{Roots: []authz.Root{{Unit: "linjiang", Reach: authz.Subtree, Level: authz.Story}}}, alike.Matter{Category: "road.pothole", Point: at(0), Unit: "guiyuan-ganyuan", Words: "Deep pothole"}, 10)
		if err != nil || len(list) != 1 || !list[0].Listed {
			t.Errorf("who reads the city: %+v, %v", list, err)
		}
	})
}

func Test_where_cases_go_under_seal_none_is_proposed_nor_named(t *testing.T) {
	each(t, func(w *world, set func(time.Time)) {
		ref := w.file("road.pothole", "Deep pothole", "guiyuan-ganyuan", at(0))
		f := w.finder()
		sealing, proc := *f.Pack, *f.Pack.Procedures["service-request"]
		proc.Sealing.When = procedure.AtClosure
		sealing.Procedures = maps.Clone(sealing.Procedures)
		sealing.Procedures["service-request"] = &proc
		f.Pack = &sealing
		city := authz.Scope{Roots: []authz.Root{{Unit: "linjiang", Reach: authz.Subtree, Level: authz.Story}}}
		list, err := f.Public(t.Context(), alike.Matter{Category: "road.pothole", Point: at(0), Words: "Deep pothole"}, 10)
		if err != nil || len(list) != 0 {
			t.Errorf("%+v, %v", list, err)
		}
		if named, err := f.Named(t.Context(), city, "road.pothole", string(ref)); err != nil || named != "" {
			t.Errorf("%s, %v", named, err)
		}
	})
}
