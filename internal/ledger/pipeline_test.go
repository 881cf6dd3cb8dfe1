package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/db/wire"
	"comity/internal/ledger"
)

// afar is a city whose PostgreSQL stands at the other end of a wire.
func afar(t *testing.T) (*city, *wire.Wire, string) {
	t.Helper()
	w, dsn, err := wire.Through(dbtest.Postgres(t), 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return newCity(t, node(t, dsn)), w, dsn
}

func node(t *testing.T, dsn string) *db.DB {
	t.Helper()
	now, _ := dbtest.Clock(t)
	d, err := db.Open(context.Background(), dsn, now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// Every trip over the network is a wait, and all commands of a node stand in one line behind it.
func Test_a_command_costs_few_round_trips(t *testing.T) {
	c, w, _ := afar(t)
	ctx := t.Context()
	who := everyone(c.pack)
	trips := func(do func(i int)) int64 {
		do(0) // prepares statements, draws numbers
		do(1)
		least := int64(1 << 32)
		for i := range 5 { // what a slow machine sends in pieces counts for several
			before := w.Trips()
			do(2 + i)
			least = min(least, w.Trips()-before)
		}
		return least
	}
	must := func(r ledger.Receipt, err error) casework.CaseID {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return r.Case
	}
	var ids []casework.CaseID
	// One for all that is written, with BEGIN before it, and one for COMMIT.
	if n := trips(func(i int) { ids = append(ids, must(c.open(fmt.Sprint("open", i)))) }); n > 2 {
		t.Errorf("opening a case costs %d trips, want 2", n)
	}
	// One more to read the case and its key.
	accept := func(i int) {
		must(c.l.Do(ctx, who, casework.Command{Case: ids[i], Version: 1, Act: "accept", Key: fmt.Sprint("accept", i)}))
	}
	if n := trips(accept); n > 3 {
		t.Errorf("accepting a case costs %d trips, want 3", n)
	}
	if n := trips(accept); n > 8 {
		t.Errorf("a command that was carried out before costs %d trips, want 8", n)
	}
	refused := func(int) {
		var no *casework.Refusal
		if _, err := c.l.Do(ctx, who, casework.Command{Case: ids[0], Version: 1, Act: "accept"}); !errors.As(err, &no) {
			t.Errorf("got %v, want a refusal", err)
		}
	}
	if n := trips(refused); n > 3 {
		t.Errorf("a refusal costs %d trips, want 3", n)
	}
}

func Test_nodes_that_open_cases_at_once_number_each_once_and_rarely_begin_anew(t *testing.T) {
	first, _, dsn := afar(t)
	second := newCity(t, node(t, dsn))
	const each = 40
	seen := map[casework.Ref]bool{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for n, c := range []*city{first, second} {
		for k := range 4 {
			wg.Go(func() {
				for i := range each / 4 {
					r, err := c.open(fmt.Sprint(n, k, i))
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					if seen[r.Ref] {
						t.Errorf("two cases are called %s", r.Ref)
					}
					seen[r.Ref] = true
					mu.Unlock()
				}
			})
		}
	}
	wg.Wait()
	a, b := first.l.Stats(), second.l.Stats()
	t.Logf("%d batches, %d run again", a.Batches+b.Batches, a.Retries+b.Retries)
	if a.Retries+b.Retries > (a.Batches+b.Batches)/2 {
		t.Errorf("%d batches were run again %d times", a.Batches+b.Batches, a.Retries+b.Retries)
	}
	first.whole()
}

func Test_one_key_means_one_command_whichever_node_is_asked(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		first, second := newCity(t, d), newCity(t, d)
		for i := range 10 {
			key := fmt.Sprint("same", i)
			var wg sync.WaitGroup
			var got [2]ledger.Receipt
			for n, c := range []*city{first, second} {
				wg.Go(func() {
					var err error
					if got[n], err = c.open(key); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if got[0].Case != got[1].Case || got[0].Code != got[1].Code || got[0].Replayed == got[1].Replayed {
				t.Errorf("one key was answered with %+v and %+v", got[0], got[1])
			}
			if _, err := second.l.Do(t.Context(), authz.Reporter(), casework.Command{Case: got[0].Case, Key: key, Act: "accept"}); err == nil {
				t.Error("one key was taken for two commands")
			}
		}
		first.counts(map[string]int{"cases": 10, "events": 10})
		first.whole()
	})
}
