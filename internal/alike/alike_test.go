package alike_test

import (
	"fmt"
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
