package ledger_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/intake"
	"comity/internal/ledger"
	"comity/internal/org"
	"comity/internal/pack"
)

// A clerk of two communities who also sees their street is listed some cases twice by the rows, and
// must be shown each once, in order, whatever the page's length.
func Test_pages_of_several_units_and_states_join_into_one_list(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		c := newCity(t, d)
		ctx := context.Background()
		var places []org.UnitID
		for _, id := range c.pack.Units.All() {
			if u, _ := c.pack.Units.Unit(id); u.Level == org.Community && len(places) < 3 {
				places = append(places, id)
			}
		}
		near := slices.IndexFunc(c.pack.Categories, func(k pack.Category) bool {
			return k.Procedure == "service-request" && c.pack.RouteTo(k.ID, places[0]) == places[0]
		})
		if near < 0 {
			t.Fatal("the demo pack has no request that a community receives")
		}
		for i := range 21 {
			cmd, err := intake.Command(c.pack, intake.Report{Category: c.pack.Categories[near].ID, Title: fmt.Sprint("lane ", i), Text: "lane", Unit: places[i%3], Source: "web"})
			if err != nil {
				t.Fatal(err)
			}
			r, err := c.l.Do(ctx, authz.Reporter(), cmd)
			if err != nil {
				t.Fatal(err)
			}
			acts := []casework.Command{{Act: "accept"}, {Act: "assign", Fields: map[string]string{"officer": "somebody"}}}
			if i%3 == 0 && i < 12 { // offered to the next community, so two of the grants list it
				acts = []casework.Command{{Act: "offer", Fields: map[string]string{"unit": string(places[1]), "reason": "nearer"}}}
			}
			for _, act := range acts[:max(i%3, 2-len(acts))] {
				act.Case, act.Version = r.Case, casework.AnyVersion
				if _, err := c.l.Do(ctx, everyone(c.pack), act); err != nil {
					t.Fatal(err)
				}
			}
		}
		var grants []authz.Grant
		for _, id := range places {
			grants = append(grants, authz.Grant{Role: "clerk", Unit: id})
		}
		scope := authz.Staff("x", grants).Scope()
		city := authz.Staff("x", []authz.Grant{{Role: "head", Unit: c.pack.Units.All()[0]}}).Scope()
		many := []string{"received", "accepted"} // so many that they are one lane, in which states are not looked up
		for i := range 68 {
			many = append(many, fmt.Sprintf("unheard%d", i))
		}
		for _, f := range []ledger.Filter{{}, {States: many}, {States: many, Sort: "-opened"}, {Sort: "-due"}, {Sort: "opened"}, {Sort: "-opened"}, {Words: []ledger.Word{{Text: "lane"}}, Both: true}, {States: []string{"offered", "received"}},
			{States: []string{"received", "accepted"}}, {States: []string{"received", "accepted", "assigned"}, Sort: "-opened"},
			{Assignee: "somebody"}, {Assignee: "somebody", Sort: "-opened"}, {Assignee: "somebody", Sort: "-due"}} {
			name := fmt.Sprintf("%+v", f)
			f.Limit = 200
			whole, err := c.r.Worklist(ctx, city, f)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			want := refs(whole.Items)
			if len(want) < 7 || whole.Next != "" {
				t.Fatalf("%s: the city lists %d cases; the test looks at nothing", name, len(want))
			}
			f.Limit = 2
			var got []string
			for {
				page, err := c.r.Worklist(ctx, scope, f)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				got = append(got, refs(page.Items)...)
				if f.After = page.Next; f.After == "" || len(got) > 100 {
					break
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: pages of two give\n%s\nwant\n%s", name, strings.Join(got, " "), strings.Join(want, " "))
			}
		}
	})
}

func refs(items []ledger.Item) (out []string) {
	for _, i := range items {
		out = append(out, string(i.Ref))
	}
	return out
}

// Looking up most states costs more than walking the open cases; walking the closed ones, which are all the years',
// or asking the words of each open one, costs more than looking up.
func Test_many_states_are_walked_in_open_lists_alone(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		c := newCity(t, d)
		var many []string
		for i := range 70 {
			many = append(many, fmt.Sprintf("unheard%d", i))
		}
		city := authz.Staff("x", []authz.Grant{{Role: "head", Unit: c.pack.Units.All()[0]}}).Scope()
		for _, x := range []struct {
			f              ledger.Filter
			walked, looked bool
		}{
			{ledger.Filter{States: many}, true, false},
			{ledger.Filter{States: many, Closed: true}, false, true},
			{ledger.Filter{States: many, Both: true}, true, true}, // each of them its own
			{ledger.Filter{States: many, Words: []ledger.Word{{Text: "lane"}}}, false, true},
		} {
			walked, looked := false, false
			d.Trace(func(q string, _ []any) {
				walked = walked || strings.Contains(q, "(w.state || '') IN")
				looked = looked || strings.Contains(q, "w.state IN")
			})
			_, err := c.r.Worklist(t.Context(), city, x.f)
			d.Trace(nil)
			if err != nil || walked != x.walked || looked != x.looked {
				t.Errorf("%+v: walked %v, looked up %v, %v", x.f, walked, looked, err)
			}
		}
	})
}
