package main

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db/dbtest"
	"comity/internal/ledger"
	"comity/internal/org"
)

// shared is a column whose values two compartments may have in common: why they join nobody, and what they
// must be to stand there. Everything else that stands in two compartments is a way to find one person in both.
type shared struct {
	column, reason string
	is             func(w *trusted, v string) bool
}

var mayBeShared = []shared{
	{`^db_migrations\.`, "which versions of the tables there are", anything},
	{`^case_words_(data|idx|docsize|config)\.`, "the engine's own pages of the index; the tokens in it are compared on PostgreSQL, where they can be read", anything},
	{`^(cases\.pack|packs\.digest|(cases|events)\.doc:(opening:)?[pP]ack)$`, "under which pack: one for the whole city", isPack},
	{`\.(unit|holder|offered|place_unit|account_grants\.unit)$|:(unit|Unit|holder|offered|joint)$`, "units of the pack", isUnit},
	{`\.(actor|account_id|assignee|for_actor|worker)$|^accounts\.id$|:(actor|assignee|for|worker|officer)$`, "staff, who may work in two; never who is served", isStaff},
	{`\.(kind|state|clock|status|template|channel|role|purpose|ground|level|programme|procedure|category|outcome|source|calendar|recipient|lang|name)$`, "words of the pack and of the program", isWord},
	{`^(cases|events)\.doc(:[A-Za-z_]+)*:(id|kind|state|Kind|ID|status|template|Template|channel|Channel|role|programme|procedure|category|Category|outcome|source|Source|calendar|Calendar|Roll|Unit|From|lang|Lang|law|article|name|phase|to|To|clock|started|stopped)$`, "words of the pack and of the program", isWord},
	{`^(account_tokens\.powers|accounts\.names:)$`, "what a token may do, and languages", isWord},
	{`^counters\.name$`, "how far the program has come with its own tables", func(_ *trusted, v string) bool {
		own := []string{"files listed", "codes keyed", "keys erased", "keys erased and listed", "cases sealed", "cases sealed and listed",
			"list of destroyed keys: size", "list of destroyed keys: check"}
		return slices.Contains(own, v) || strings.HasPrefix(v, "probe ")
	}},
	{`^jobs\.(kind|state)$`, "what the machine has to do", isWord},
}

func anything(*trusted, string) bool { return true }

func isPack(w *trusted, v string) bool { return v == w.c.packs.Current().Digest }

func isUnit(w *trusted, v string) bool {
	_, ok := w.c.packs.Current().Units.Unit(org.UnitID(strings.TrimLeft(v, "=+!")))
	return ok
}

func isStaff(w *trusted, v string) bool {
	if v == "system" || v == "resident" {
		return true
	}
	known, err := w.c.accounts.Known(w.t.Context(), []string{v})
	return err == nil && known[v]
}

var plainWord = regexp.MustCompile(`^[A-Za-z]+([._-][A-Za-z0-9]{1,12}){0,4}(@[0-9.]{1,8})?$`)

func isWord(_ *trusted, v string) bool { return plainWord.MatchString(v) && len(v) <= 32 }

// harmless are values that join nobody wherever they stand.
func harmless(v string) bool {
	if len(v) <= 4 {
		return true // flags, small numbers, short words of the program
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil {
		return false
	}
	// Terms end with a day or an hour of work, and heads are signed in whole seconds; what somebody did has microseconds.
	return n < 100_000 || n == 1<<62 || n > 1e15 && n < 1<<52 && time.UnixMicro(n).Equal(time.UnixMicro(n).Truncate(time.Second))
}

func Test_no_value_joins_two_compartments(t *testing.T) {
	t.Parallel()
	dbtest.EachAddress(t, func(t *testing.T, address func() string) {
		w := openTrusted(t, address, 1)
		crowd := persons(20)
		if testing.Short() {
			crowd = crowd[:5]
		}
		for _, p := range crowd {
			for _, o := range openings {
				w.lived(o, p)
			}
		}
		w.work()
		all := map[string]column{}
		for _, r := range w.c.all() {
			all[r.compartment] = contents(t, r.db)
			for name, values := range all[r.compartment] {
				for v := range values {
					for _, p := range crowd {
						if strings.Contains(v, p.name) || strings.Contains(v, p.phone) || strings.Contains(v, p.id) {
							t.Fatalf("%s of %s holds %q in the clear", name, r.compartment, v)
						}
					}
				}
			}
		}
		w.joins(t, all)
	})
}

var patterns sync.Map

func matches(pattern, name string) bool {
	re, ok := patterns.Load(pattern)
	if !ok {
		re, _ = patterns.LoadOrStore(pattern, regexp.MustCompile(pattern))
	}
	return re.(*regexp.Regexp).MatchString(name)
}

// joins compares every pair of compartments.
func (w *trusted) joins(t *testing.T, all map[string]column) {
	t.Helper()
	stands := map[string]map[string][]string{} // value → compartment → columns
	for compartment, columns := range all {
		for name, values := range columns {
			for v := range values {
				if harmless(v) {
					continue
				}
				if stands[v] == nil {
					stands[v] = map[string][]string{}
				}
				stands[v][compartment] = append(stands[v][compartment], name)
			}
		}
	}
	told := map[string]bool{}
	for v, in := range stands {
		if len(in) < 2 {
			continue
		}
		for compartment, names := range in {
			for _, name := range names {
				if !told[name] && !slices.ContainsFunc(mayBeShared, func(a shared) bool { return matches(a.column, name) && a.is(w, v) }) {
					told[name] = true
					t.Errorf("%s of %s holds %.80q, which stands in another compartment too", name, compartment, v)
				}
			}
		}
	}
}

// lived opens a matter, has it looked at by whoever may, and noted on.
func (w *trusted) lived(o opening, p person) {
	got := w.begin(o, p)
	r, _ := w.c.of(o.compartment)
	ctx := w.t.Context()
	w.tick()
	if _, err := r.ledger.Look(ctx, authz.Holder(string(got.Case)), ledger.Ticket{Case: got.Case, Purpose: ledger.PurposeOwn, Level: authz.Identity}); err != nil {
		w.t.Fatal(err)
	}
	for _, s := range w.card.SignIns {
		who := w.actor(s.Login, o.compartment)
		k, err := r.reader.ByID(ctx, who.Scope(), got.Case)
		if err != nil {
			continue
		}
		w.tick()
		_, err = r.ledger.Look(ctx, who, ledger.Ticket{Case: got.Case, Purpose: ledger.PurposeContact, Level: authz.Identity, Note: "called " + p.phone})
		if err != nil {
			continue
		}
		w.tick()
		if _, err := r.ledger.Do(ctx, who, casework.Command{Case: k.ID, Version: casework.AnyVersion, Key: p.id + s.Login + o.category, Note: &casework.Note{Text: p.name + " called."}}); err != nil {
			w.t.Logf("%s notes on %s: %v", s.Login, k.Ref, err)
		}
	}
}
