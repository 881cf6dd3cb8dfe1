package main

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"comity/internal/account"
	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/ledger"
	"comity/internal/org"
	"comity/internal/procedure"
	"comity/internal/text"
	"comity/packs"
)

// allowed are statements that may read or sort more than a page, each for a reason. A statement is known by a part of
// its text, spaces made one.
var allowed = map[string]string{
	"FROM (SELECT n, doc FROM cases ORDER BY n DESC LIMIT 200) c":                   "walks the newest 200 of the key",
	"FROM messages ORDER BY id DESC LIMIT ?1":                                       "walks a page of the key",
	"FROM log_entries WHERE pos IS NULL ORDER BY id LIMIT ?1":                       "the index holds what waits, which is next to nothing",
	"FROM case_keys WHERE wrapped = '' AND state <> 'erased' AND state <> 'sealed'": "the index holds what is away, which is nothing",
	"FROM jobs WHERE dead = 1":                                                      "the index holds what is dead; somebody is to look at each",
	"LIMIT ?5) k JOIN cases c ON c.n = k.n JOIN worklist w":                         "sorts what is near one place, 400 at most",
	"LIMIT ?4) k JOIN cases c ON c.n = k.n JOIN worklist w":                         "sorts what is near one place, 400 at most",
	"AND EXISTS (SELECT 1 FROM case_words":                                          "sorts a short list, 700 at most",
	"AND EXISTS (SELECT 1 FROM case_words s":                                        "sorts a short list, 700 at most",
	"SELECT category, place_unit, outcome, COUNT(*) FROM cases":                     "figures of a month, which are counted once and kept",
	"FROM mediation_matters WHERE open = 1 GROUP BY":                                "figures of one programme, counted when somebody asks",
	"FROM mediation_matters WHERE open = 0 AND closed_at >= ?1":                     "figures of one programme, counted when somebody asks",
	"FROM mediation_matters WHERE opened_at >= ?1":                                  "figures of one programme, counted when somebody asks",
	"case_id IN (SELECT case_id FROM mediation_matters WHERE open = 1)":             "the seats of what is under way in one programme",
	"FROM mediation_seats WHERE case_id = ?1 AND gone = 0":                          "sorts the seats of one matter",
	"SELECT n, doc FROM cases WHERE sealed = 0 AND n < ?1 AND category || '' IN (":  "a page of 200, each held against the categories that are public",
	"FROM tallies WHERE": "a row for each state and node, not for each case",
}

// growing are the tables that grow with the cases, and how copies of their rows are made: what each column of a key gets.
// i counts copies. Rows of a copied case lie beside those of the case they are copied from, so that every unit,
// category and state grows alike.
var growing = []struct {
	table string
	keys  map[string]string
}{
	{"cases", map[string]string{"n": "n + i * 7", "ref": "ref || '~' || i", "code": "code || '~' || i"}},
	{"events", map[string]string{"n": "n + i * 7", "id": ""}},
	{"worklist", map[string]string{"n": "n + i * 7"}},
	{"timers", map[string]string{"n": "n + i * 7", "fires_at": "fires_at + i"}},
	{"notable", map[string]string{"n": "n + i * 7"}},
	{"case_keys", map[string]string{"n": "n + i * 7", "id": "id || '~' || i"}},
	{"case_files", map[string]string{"n": "n + i * 7"}},
	{"subjects", map[string]string{"n": "n + i * 7", "token": "token || '~' || i"}},
	{"member_keys", map[string]string{"n": "n + i * 7", "code": "code || '~' || i"}},
	{"looks", map[string]string{"n": "n + i * 7", "id": ""}},
	{"idempotency", map[string]string{"idem_key": "idem_key || '~' || i", "n": "n + i * 7"}},
	{"jobs", map[string]string{"id": "id || '~' || i", "key": "key || '~' || i"}},
	{"log_entries", map[string]string{"id": "", "ref": "ref || '~' || i", "pos": "NULL"}},
	{"messages", map[string]string{"id": "", "msg_key": "msg_key || '~' || i", "case_id": "case_id || '~' || i"}},
	{"mediation_matters", map[string]string{"case_id": "case_id || '~' || i"}},
	{"mediation_seats", map[string]string{"case_id": "case_id || '~' || i"}},
}

// planned is a city of which every statement is noted.
type planned struct {
	*walker
	conf  cityConfig
	mu    sync.Mutex
	texts map[string][]any // with the arguments it had first
}

func (p *planned) note(q string, args []any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.texts[q]; !ok {
		p.texts[q] = slices.Clone(args)
	}
}

// playedUntil is the day on which the city is used: how much of each kind there is follows from it and from nothing else.
var playedUntil = time.Date(2026, 11, 26, 4, 0, 0, 0, time.UTC)

// openPlanned plays a few weeks on databases of its own, and goes on from there.
func openPlanned(t *testing.T, address func() string, cases int) *planned {
	t.Helper()
	words, err := text.Base()
	if err != nil {
		t.Fatal(err)
	}
	sub, err := fs.Sub(packs.FS, "demo")
	if err != nil {
		t.Fatal(err)
	}
	databases := map[string]string{}
	for _, name := range procedure.AllCompartments {
		databases[name] = strings.Replace(address(), "sqlite:", "sqlite-volatile:", 1)
	}
	r, mu := rand.NewChaCha8([32]byte{1}), sync.Mutex{}
	conf := cityConfig{DBs: databases, Data: filepath.Join(t.TempDir(), "city"), Pack: sub, Clock: &clock{}, Hashing: account.Cheap(),
		Random: func(b []byte) { mu.Lock(); defer mu.Unlock(); r.Read(b) }}
	c, err := openCity(t.Context(), conf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	p := &planned{texts: map[string][]any{}, conf: conf}
	p.conf.Random = nil
	for _, rooms := range c.all() {
		rooms.db.Trace(p.note)
	}
	card, err := playDemo(t.Context(), c, sub, demoConfig{cases: cases, seed: 1, until: playedUntil, say: words.In("en"), out: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	c.clock.Fix(playedUntil)
	p.walker = &walker{t: t, c: c, card: card, log: &syncBuffer{}, samples: map[string][]string{}}
	p.h, p.patterns = joined(c, surfaceOptions{demo: &card, dev: true, kiosk: time.Minute, metrics: true})
	p.gather()
	p.signIn("clerk")
	return p
}

// use does once what a city does all day.
func (p *planned) use(round int) {
	t, ctx := p.t, p.t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
	for _, r := range p.c.all() {
		must(r.tree.Tick(ctx))
		_, err := r.tree.SignHead(ctx)
		must(err)
	}
	for _, pattern := range p.routes(http.MethodGet) {
		if strings.HasPrefix(pattern, "/assets/") {
			continue
		}
		for _, as := range []visitor{nobody, officer, program} {
			if strings.HasPrefix(pattern, "/desk") != (as.name == officer.name) && as.name != nobody.name || as.name == program.name && !strings.HasPrefix(pattern, "/api/") {
				continue
			}
			if a := p.get(p.fill(pattern, nil), as); a.status >= 500 {
				t.Errorf("GET %s as %s: %d", pattern, as.name, a.status)
			}
		}
	}
	p.lists()
	v := url.Values{"category": {"road.pothole"}, "text": {told["en"]}, "unit": {"guiyuan-ganyuan"}, "who": {"phone"}, "phone": {fmt.Sprintf("139000%05d", round)}, "do": {"send"}}
	v.Set("_key", keyField.FindStringSubmatch(p.get("/report?lang=en", nobody).body)[1])
	p.post("/report?lang=en", v, nobody)
	for _, r := range p.c.all() {
		must(r.tree.Tick(ctx))
		_, err := r.runner.RunDue(ctx, 8)
		must(err)
		_, err = r.ledger.NextFree(ctx)
		must(err)
		_, err = r.ledger.RunTimers(ctx, 10)
		must(err)
		must(r.seals(ctx))
		_, err = r.ledger.Reconcile(ctx, nil)
		must(err)
	}
	_, err := p.c.Recount(ctx)
	must(err)
}

// lists asks for a page of every kind, and for the page behind it, at the scope of a city, a street and an office.
func (p *planned) lists() {
	t, ctx := p.t, p.t.Context()
	reader, now := p.c.reader, p.c.clock.Now()
	scopes := []authz.Scope{authz.Machine().Scope()}
	units := []org.UnitID{p.c.packs.Current().Units.Root(), "guiyuan-ganyuan", "binjiang-roads"}
	for _, g := range []authz.Grant{{Role: "clerk", Unit: units[1]}, {Role: "officer", Unit: units[2]}} {
		scopes = append(scopes, authz.Staff("x", []authz.Grant{g}).Scope())
	}
	word := func(s string) ledger.Filter { return ledger.Filter{Words: []ledger.Word{{Text: s}}, Both: true} }
	filters := []ledger.Filter{{}, {Closed: true}, {Sort: "opened"}, {Sort: "-opened"}, {Sort: "-due"}, {States: []string{"filed"}}, {States: []string{"filed", "accepted", "working"}},
		{Late: true}, {DueFrom: now, DueBefore: now.AddDate(0, 0, 7)}, {Assignee: "a1"}, {Both: true, Sort: "-opened"}, {Programme: "service"},
		word("lamp"), word("SR-26-000001"), {Words: []ledger.Word{{Text: "lamp"}}, States: []string{"filed"}}}
	for i, in := range scopes {
		for _, f := range filters {
			f.Limit = 5
			for range 2 {
				page, err := reader.Worklist(ctx, in, f)
				if err != nil {
					t.Errorf("%+v: %v", f, err)
				}
				if f.After = page.Next; f.After == "" {
					break
				}
			}
		}
		for _, kind := range []ledger.NewsKind{ledger.NewsLate, ledger.NewsRisk} {
			if _, err := reader.News(ctx, in, ledger.NewsFilter{Unit: units[i], Since: now.AddDate(0, -1, 0), Kind: kind, Limit: 5}); err != nil {
				t.Error(err)
			}
		}
		if _, err := reader.Near(ctx, in, "road.pothole", []org.UnitID{"guiyuan-ganyuan"}, now.AddDate(0, -1, 0), 5); err != nil {
			t.Error(err)
		}
		if _, err := reader.Counts(ctx, in, units[i], now.AddDate(0, 0, 1)); err != nil {
			t.Error(err)
		}
	}
	if _, err := reader.ByCode(ctx, casework.Code(p.samples["code"][0])); err != nil {
		t.Error(err)
	}
}

// grow copies the rows of every table that grows with the cases.
func (p *planned) grow(copies int) (rows int64) {
	d, ctx := p.c.db, context.Background()
	for _, g := range growing {
		columns := p.columns(g.table)
		var into, from []string
		for _, c := range columns {
			expr, special := g.keys[c]
			switch {
			case special && expr == "":
				continue
			case !special:
				expr = c
			}
			into, from = append(into, c), append(from, expr)
		}
		q := `INSERT INTO ` + g.table + ` (` + strings.Join(into, ", ") + `) SELECT ` + strings.Join(from, ", ") + ` FROM ` + g.table +
			` CROSS JOIN (WITH RECURSIVE k(i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM k WHERE i < ?1) SELECT i FROM k) AS k WHERE 1 = 1 ON CONFLICT DO NOTHING`
		err := d.Transact(ctx, func(tx *db.Tx) error {
			times := copies
			if g.table == "log_entries" { // there are twenty for each case
				times = 2
			}
			n, err := tx.Exec(ctx, q, times)
			rows += n
			return err
		})
		if err != nil {
			p.t.Fatalf("%s: %v", g.table, err)
		}
	}
	if p.c.db.Engine() == db.Postgres { // SQLite never counts rows, and plans by its rules of thumb
		p.exec(`ANALYZE`)
	}
	return rows
}

func (p *planned) exec(q string) {
	err := p.c.db.Transact(context.Background(), func(tx *db.Tx) error {
		_, err := tx.Exec(context.Background(), q)
		return err
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *planned) strings(q string, args ...any) (out []string, err error) {
	ctx := context.Background()
	err = p.c.db.View(ctx, func(tx *db.Tx) (err error) {
		out, err = db.All(ctx, tx, q, args, func(row db.Scanner) (s string, err error) { return s, row.Scan(&s) })
		return err
	})
	return out, err
}

func (p *planned) columns(table string) []string {
	q := `SELECT name FROM pragma_table_info('` + table + `')`
	if p.c.db.Engine() == db.Postgres {
		q = `SELECT column_name FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = '` + table + `' ORDER BY ordinal_position`
	}
	names, err := p.strings(q)
	if err != nil || len(names) == 0 {
		p.t.Fatalf("columns of %s: %v %v", table, names, err)
	}
	return names
}

// explain gives the plan of a statement, a line a step.
func (p *planned) explain(q string, args []any) (plan []string, err error) {
	ctx := context.Background()
	err = p.c.db.View(ctx, func(tx *db.Tx) error {
		text, scan := `EXPLAIN `+q, func(row db.Scanner) (s string, err error) { return s, row.Scan(&s) }
		if tx.Engine() == db.SQLite {
			text, scan = `EXPLAIN QUERY PLAN `+q, func(row db.Scanner) (s string, err error) {
				var id, parent, unused int64
				return s, row.Scan(&id, &parent, &unused, &s)
			}
		}
		plan, err = db.All(ctx, tx, text, args, scan)
		return err
	})
	return plan, err
}

// most is how many rows of a grown table a statement may be expected to touch: a few pages.
const most = 1200

var (
	step   = regexp.MustCompile(`^( *)(?:->  )?(.*?)  \(cost=.* rows=(\d+) width=\d+\)$`)
	source = regexp.MustCompile(`^(.*?)(?: using \S+)? on (\S+)(?: \S+)?$`)
	walks  = regexp.MustCompile(`^SCAN (\S+)`)
	names  = regexp.MustCompile(`(?i)\b(?:from|join|into|update)\s+([a-z_]+)(?:\s+(?:as\s+)?([a-z]+))?`)
)

// faults are what a plan does that costs more the more cases there are.
func faults(e db.Engine, q string, plan []string, large map[string]bool) (out []string) {
	if e == db.SQLite {
		alias := map[string]string{}
		for _, m := range names.FindAllStringSubmatch(q, -1) {
			alias[m[1]] = m[1]
			alias[m[2]] = m[1]
		}
		grows := false
		for _, m := range names.FindAllStringSubmatch(q, -1) {
			grows = grows || large[m[1]]
		}
		// The few that are late among all that are open: along the key all of these are read, which no step of a plan shows.
		if late := "w.late = 1 ORDER BY w.sort_at"; strings.Contains(q, late) && !strings.Contains(strings.Join(plan, "\n"), "worklist_late") {
			out = append(out, "worklist_late is not used")
		}
		for _, line := range plan {
			if m := walks.FindStringSubmatch(line); m != nil && large[alias[m[1]]] {
				out = append(out, line)
			}
			if grows && (strings.Contains(line, "TEMP B-TREE") || strings.Contains(line, "AUTOMATIC")) {
				out = append(out, line)
			}
		}
		return out
	}
	type level struct {
		depth   int
		limited bool
	}
	var above []level
	for i, line := range plan {
		m := step.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		depth, what := len(m[1]), m[2]
		rows, _ := strconv.Atoi(m[3])
		for len(above) > 0 && above[len(above)-1].depth >= depth {
			above = above[:len(above)-1]
		}
		limited := len(above) > 0 && above[len(above)-1].limited
		on := source.FindStringSubmatch(what)
		switch kind := strings.Fields(what)[0]; {
		case strings.HasPrefix(what, "Limit"):
			limited = true
		case kind == "Insert" || kind == "Update" || kind == "Delete": // what they touch stands below them
		case kind == "Sort" || kind == "Hash" || kind == "Aggregate" || kind == "HashAggregate" || kind == "GroupAggregate" || kind == "Unique":
			limited = false
			if kind == "Sort" && rows > most {
				out = append(out, strings.TrimSpace(line))
			}
		case on != nil && large[on[2]]:
			conditioned := i+1 < len(plan) && strings.Contains(plan[i+1], "Index Cond") || strings.HasPrefix(what, "Bitmap")
			if strings.HasPrefix(what, "Seq Scan") || rows > most && !limited || !conditioned && !limited {
				out = append(out, strings.TrimSpace(line))
			}
		}
		above = append(above, level{depth, limited})
	}
	return out
}

func Test_no_statement_reads_or_sorts_more_than_a_page_of_what_grows(t *testing.T) {
	t.Parallel()
	dbtest.EachAddress(t, func(t *testing.T, address func() string) {
		p := openPlanned(t, address, 12)
		p.use(1)
		rows := p.growCompared(25)
		p.c.db.Trace(nil)
		large := p.large()
		p.judges(large)
		p.plansAreGood(large)
		t.Logf("%d statements, %d rows", len(p.texts), rows)
		p.startsTheSame()
	})
}

// large are the tables that have become large enough for a plan to say something.
func (p *planned) large() map[string]bool {
	out := map[string]bool{}
	for _, g := range growing {
		n, err := p.strings(`SELECT CAST(COUNT(*) AS TEXT) FROM ` + g.table)
		if err != nil {
			p.t.Fatal(err)
		}
		if rows, _ := strconv.Atoi(n[0]); rows > 600 {
			out[g.table] = true
		}
	}
	for _, must := range []string{"cases", "events", "worklist", "timers", "notable", "case_keys", "jobs", "log_entries", "messages", "subjects"} {
		if !out[must] {
			p.t.Errorf("%s did not grow, so plans that read it say nothing", must)
		}
	}
	return out
}

func (p *planned) plansAreGood(large map[string]bool) {
	for _, q := range slices.Sorted(maps.Keys(p.texts)) {
		if strings.HasPrefix(q, "ANALYZE") || strings.Contains(q, "WITH RECURSIVE k(i)") || strings.Contains(q, "total_changes") || strings.Contains(q, "'merge'") {
			continue
		}
		plan, err := p.explain(q, p.texts[q])
		if err != nil {
			p.t.Errorf("%v\n%s", err, q)
			continue
		}
		if found := faults(p.c.db.Engine(), q, plan, large); len(found) > 0 && !isAllowed(q) {
			p.t.Errorf("%s\n\t%s\nof the plan\n\t%s", oneLine(q), strings.Join(found, "\n\t"), strings.Join(plan, "\n\t"))
		}
	}
}

// judges makes sure that bad plans are seen as such.
func (p *planned) judges(large map[string]bool) {
	for q, args := range map[string][]any{
		`SELECT n FROM cases WHERE title = ?1`:                                                        {"x"},
		`SELECT w.n FROM worklist w JOIN cases c ON c.n = w.n WHERE w.unit = ?1 ORDER BY c.opened_at`: {string(p.c.packs.Current().Units.Root())},
		`UPDATE jobs SET prio = 1 WHERE payload = ?1`:                                                 {"x"},
	} {
		plan, err := p.explain(q, args)
		if err != nil || len(faults(p.c.db.Engine(), q, plan, large)) == 0 {
			p.t.Errorf("%v: nothing is found in the plan of %s\n\t%s", err, q, strings.Join(plan, "\n\t"))
		}
	}
}

func oneLine(q string) string { return strings.Join(strings.Fields(q), " ") }

func isAllowed(q string) bool {
	for part := range allowed {
		if strings.Contains(oneLine(q), part) {
			return true
		}
	}
	return false
}

// growCompared lets the tables grow, and on SQLite compares what a day's work costs before and afterwards.
func (p *planned) growCompared(copies int) (rows int64) {
	if p.c.db.Engine() != db.SQLite {
		return p.grow(copies)
	}
	p.c.db.Spent()
	p.use(2)
	before := p.c.db.Spent()
	rows = p.grow(copies)
	p.use(3)
	p.costsTheSame(before, p.c.db.Spent())
	return rows
}

// costsTheSame compares what each statement cost before and after the tables grew, in steps of SQLite's machine. A plan
// can be good and yet walk over rows that a condition throws away; steps tell.
func (p *planned) costsTheSame(before, after map[string]db.Spent) {
	const slack = 3000 // a page has filled, a list has become as long as it may be shown
	for q, now := range after {
		was, ok := before[q]
		if !ok || was.Runs == 0 || now.Runs == 0 || isAllowed(q) || strings.Contains(q, "WITH RECURSIVE k(i)") {
			continue
		}
		if now.Plans > 2 && 2*now.Plans > now.Runs { // other tables, or other figures about them, have it planned anew a time or two
			p.t.Errorf("planned anew in %d of %d runs:\n%s", now.Plans, now.Runs, oneLine(q))
		}
		if a, b := was.Steps/was.Runs, now.Steps/now.Runs; b > 3*a+slack {
			p.t.Errorf("%d steps, then %d, a run of\n%s", a, b, oneLine(q))
		}
	}
}

// startsTheSame opens the city once more, among many cases.
func (p *planned) startsTheSame() {
	t := p.t
	if p.c.db.Engine() != db.SQLite {
		return
	}
	if err := p.c.Close(); err != nil {
		t.Fatal(err)
	}
	empty := p.conf
	empty.DBs, empty.Data = map[string]string{}, filepath.Join(t.TempDir(), "city")
	steps := map[string]int64{}
	for name, conf := range map[string]cityConfig{"empty": empty, "grown": p.conf} {
		for range 2 { // the first start makes tables, or leaves marks
			c, err := openCity(t.Context(), conf)
			if err != nil {
				t.Fatal(err)
			}
			steps[name] = 0
			for _, s := range c.db.Spent() {
				steps[name] += s.Steps
			}
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Logf("steps of a start: %v", steps)
	if steps["grown"] > 2*steps["empty"]+5000 { // the newest 200 cases are looked at
		t.Errorf("steps of a start: %v", steps)
	}
}
