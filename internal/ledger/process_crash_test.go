package ledger_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/courier"
	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/intake"
	"comity/internal/jobs"
	"comity/internal/ledger"
	"comity/internal/ledger/ledgertest"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/text"
)

// childEnv holds the orders of a child: this binary, run again, works at the door until it is killed.
const childEnv = "COMITY_TEST_LEDGER_CHILD"

func TestMain(m *testing.M) {
	if raw := os.Getenv(childEnv); raw != "" {
		if err := workUntilKilled(raw); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
	if raw := os.Getenv(lookEnv); raw != "" {
		if err := lookAndDie(raw); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
	if raw := os.Getenv(eraserEnv); raw != "" {
		if err := eraseAndDie(raw); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// orders are what a child is told.
type orders struct {
	Path    string
	Round   int
	Began   time.Time // when the test began, for the running clock
	Notices bool      // carry notices too
}

// childClients is how many clients stand at a child's door.
const childClients = 8

// step is the i-th thing a client does: it opens a case, then accepts it.
type step struct{ round, client, i int }

func (s step) opens() bool { return s.i%2 == 0 }
func (s step) key() string { return fmt.Sprintf("k%dx%dx%d", s.round, s.client, s.i) }

// ack is one line a child prints after a receipt.
type ack struct {
	Client, I, Seq int
	Case           casework.CaseID
	Hash           string
}

// quick is a clock on which half a day passes in a second, so that terms run out while we look.
func (o orders) quick() time.Time {
	return dbtest.Start.Add(time.Since(o.Began) * 12 * 3600).Truncate(time.Microsecond)
}

// house is a city with everything a process of its own would have.
type house struct {
	city
	courier *courier.Courier
}

func openHouse(o orders) (*house, error) {
	ctx := context.Background()
	p, err := ledgertest.Sound(os.DirFS("../../packs"), "demo")
	if err != nil {
		return nil, err
	}
	base, err := text.Base()
	if err != nil {
		return nil, err
	}
	d, err := db.Open(ctx, "sqlite:"+o.Path, o.quick)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(jobs.Migrate(ctx, d), courier.Migrate(ctx, d)); err != nil {
		return nil, err
	}
	c, err := ledgertest.New(ctx, d, p, func(o *ledger.Config) { o.Notify = courier.Enqueue })
	if err != nil {
		return nil, err
	}
	h := &house{city: city{db: d, l: c.Ledger, r: c.Reader, pack: p}}
	h.courier = &courier.Courier{DB: d, Ledger: h.l, Reader: h.r, Packs: c.Packs,
		Words: func(p *pack.Pack) *text.Catalogue { return base.With(p.Texts) },
		Link:  func(k casework.Case, _ bool) string { return "/f/" + string(k.Code) }}
	return h, nil
}

func (h *house) close() error {
	h.l.Close()
	return h.db.Close()
}

// runner carries notices. On the quick clock every lease has ended before its job has, so two runners
// meet at the same job again and again; attempts must not run out meanwhile.
func (h *house) runner() (*jobs.Runner, error) {
	kind := h.courier.Kind()
	kind.MaxAttempts = 1_000_000
	r, err := jobs.NewRunner(h.db, kind)
	if err == nil {
		r.Backoff = func(int) time.Duration { return 0 }
		r.Idle = time.Millisecond
	}
	return r, err
}

func (h *house) do(s step, id casework.CaseID) (ledger.Receipt, error) {
	ctx := context.Background()
	if !s.opens() {
		return h.l.Do(ctx, everyone(h.pack), casework.Command{Case: id, Version: casework.AnyVersion, Act: "accept", Key: s.key()})
	}
	cmd, err := intake.Command(h.pack, intake.Report{Category: request(h.pack), Title: s.key(), Text: "路面有一个大坑，已经三天了。",
		Unit: community(h.pack), Source: "web", Key: s.key(), Contact: casework.Contact{Channel: "sms", Address: "13900000000"}})
	if err != nil {
		return ledger.Receipt{}, err
	}
	return h.l.Do(ctx, authz.Reporter(), cmd)
}

// everyone may act in every unit.
func everyone(p *pack.Pack) authz.Actor {
	var grants []authz.Grant
	for _, id := range p.Units.All() {
		for _, role := range []authz.Role{"clerk", "officer", "head"} {
			grants = append(grants, authz.Grant{Role: role, Unit: id})
		}
	}
	return authz.Staff("everyone", grants)
}

func workUntilKilled(raw string) error {
	var o orders
	if err := json.Unmarshal([]byte(raw), &o); err != nil {
		return err
	}
	h, err := openHouse(o)
	if err != nil {
		return err
	}
	failed := make(chan error)
	for client := range childClients {
		go func() { failed <- h.work(o.Round, client) }()
	}
	go func() {
		for {
			if _, err := h.l.RunTimers(context.Background(), 20); err != nil {
				failed <- err
			}
		}
	}()
	if o.Notices {
		for range 2 {
			r, err := h.runner()
			if err != nil {
				return err
			}
			go r.Run(context.Background())
		}
	}
	return <-failed
}

// work prints a line for each receipt, in one write, so that a line stands for an answered client.
func (h *house) work(round, client int) error {
	var id casework.CaseID
	for i := 0; ; i++ {
		r, err := h.do(step{round, client, i}, id)
		var no *casework.Refusal
		if errors.As(err, &no) && i%2 == 1 {
			continue // the quick clock was quicker: raised to where accepting has another meaning
		}
		if err != nil {
			return err
		}
		id = r.Case
		line, err := json.Marshal(ack{client, i, r.Seq, r.Case, r.Hash})
		if err != nil {
			return err
		}
		if _, err := os.Stdout.Write(append(line, '\n')); err != nil {
			return err
		}
	}
}

// killed runs a child until it has acknowledged enough, kills it, and returns all it acknowledged.
func killed(t *testing.T, o orders, enough int, wait time.Duration) (acks []ack) {
	t.Helper()
	raw, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+string(raw))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var a ack
		if err := json.Unmarshal(lines.Bytes(), &a); err != nil {
			continue // the kill cut the last line
		}
		if acks = append(acks, a); len(acks) == enough {
			time.AfterFunc(wait, func() { _ = cmd.Process.Kill() })
		}
	}
	_ = cmd.Wait()
	if len(acks) < enough {
		t.Fatalf("the child ended by itself after %d receipts", len(acks))
	}
	return acks
}

func Test_kill_9_under_load_loses_no_receipt_and_leaves_no_half_case(t *testing.T) {
	o := orders{Path: filepath.Join(t.TempDir(), "city.db"), Began: time.Now()}
	random := mathrand.New(mathrand.NewPCG(uint64(o.Began.UnixNano()), 0))
	total := 0
	for o.Round = range 10 {
		acks := killed(t, o, 20+random.IntN(40), time.Duration(random.IntN(8000))*time.Microsecond)
		total += len(acks)
		h, err := openHouse(o)
		if err != nil {
			t.Fatal(err)
		}
		h.t = t
		h.holds(acks)
		h.whole()
		h.retry(o.Round, acks)
		h.whole()
		if err := h.close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d receipts over 10 kills", total)
}

// holds looks every receipt up.
func (h *house) holds(acks []ack) {
	for _, a := range acks {
		events, err := h.r.Events(context.Background(), a.Case)
		if err != nil || len(events) < a.Seq {
			h.t.Fatalf("case %s: %d events, but event %d was acknowledged (%v)", a.Case, len(events), a.Seq, err)
		}
		hash := column(h.t, h.db, `SELECT hash FROM events WHERE n = ?1 AND seq = ?2`, func(row db.Scanner) (s string, err error) {
			var b []byte
			err = row.Scan(&b)
			return fmt.Sprintf("%x", b), err
		}, key(a.Case), int64(a.Seq))
		if len(hash) != 1 || hash[0] != a.Hash {
			h.t.Errorf("case %s event %d: hash %v, acknowledged %s", a.Case, a.Seq, hash, a.Hash)
		}
	}
}

// retry does again what each client was about to do when it died, under the same key.
func (h *house) retry(round int, acks []ack) {
	last := map[int]ack{}
	for _, a := range acks {
		last[a.Client] = a
	}
	for client := range childClients {
		s := step{round, client, 0}
		a, any := last[client]
		if any {
			s.i = a.I + 1
		}
		r, err := h.do(s, a.Case)
		var no *casework.Refusal
		if errors.As(err, &no) && !s.opens() {
			continue
		}
		if err != nil {
			h.t.Fatalf("%s again: %v", s.key(), err)
		}
		again, err := h.do(s, a.Case)
		if err != nil || !again.Replayed || again.Case != r.Case || again.Seq != r.Seq {
			h.t.Errorf("%s a third time: %+v, %v; want %+v replayed", s.key(), again, err, r)
		}
	}
	if twice := texts(h.t, h.db, `SELECT title FROM cases GROUP BY title HAVING COUNT(*) > 1`); len(twice) > 0 {
		h.t.Errorf("opened twice: %v", twice)
	}
	// A key that was kept without its case would swallow the report for ever.
	if lost := texts(h.t, h.db, `SELECT idem_key FROM idempotency WHERE n NOT IN (SELECT n FROM cases)`); len(lost) > 0 {
		h.t.Errorf("keys without a case: %v", lost)
	}
}

// whole re-derives every table from the events.
func (c *city) whole() {
	c.t.Helper()
	ctx := context.Background()
	var list, timers []string
	tallies := map[string][5]int{}
	ids := column(c.t, c.db, `SELECT n FROM cases ORDER BY n`, func(row db.Scanner) (n int64, err error) { return n, row.Scan(&n) })
	for _, n := range ids {
		id := caseOf(n)
		if err := c.r.Verify(ctx, id); err != nil {
			c.t.Error(err)
		}
		k, err := c.r.ByID(ctx, authz.Machine().Scope(), id)
		if err != nil {
			c.t.Fatal(err)
		}
		sortAt := int64(1) << 62
		if due, ok := k.Due(); ok && k.Closed.IsZero() {
			sortAt = db.Micros(due.Due)
		} else if !k.Closed.IsZero() {
			sortAt = db.Micros(k.Closed)
		}
		units := slices.Concat(c.pack.Units.Path(k.Holder), c.pack.Units.Path(k.Offered))
		for _, u := range k.Joint {
			units = append(units, c.pack.Units.Path(u)...)
		}
		units = append(units, "="+k.Holder)
		if k.Offered != "" {
			units = append(units, "="+k.Offered)
		}
		for _, u := range k.Joint {
			units = append(units, "+"+u)
		}
		if k.Sealed != "" {
			units = []org.UnitID{"!" + k.Sealed}
		}
		slices.Sort(units)
		for _, u := range slices.Compact(units) {
			if at := fmt.Sprint(u, " ", k.Programme, " ", k.Procedure, " ", k.State); k.Closed.IsZero() {
				n := tallies[at]
				for i, counts := range []bool{true, k.Overdue(), k.Assignee == "", k.Offered != "" && (k.Offered == u || "="+k.Offered == u), slices.ContainsFunc(k.Clocks, func(c casework.Clock) bool { return c.Status == "paused" })} {
					if counts {
						n[i]++
					}
				}
				tallies[at] = n
			}
			list = append(list, fmt.Sprint(u, " ", k.Closed.IsZero(), " ", sortAt, " ", n, " ", k.State, " ", k.Programme, " ", k.Overdue()))
		}
		for _, clock := range k.Clocks {
			if !clock.Running() || !k.Closed.IsZero() {
				continue
			}
			timers = append(timers, fmt.Sprint(n, " ", clock.ID, " ", db.Micros(clock.Due), " ", k.Assignee != ""))
			if !clock.Alert.IsZero() {
				timers = append(timers, fmt.Sprint(n, " ", clock.ID, "~ ", db.Micros(clock.Alert), " ", k.Assignee != ""))
			}
		}
	}
	same(c.t, "worklist", list, column(c.t, c.db, `SELECT unit, is_open, sort_at, n, state, programme, late FROM worklist`, func(row db.Scanner) (string, error) {
		var unit, state, programme string
		var open, sortAt, n, late int64
		err := row.Scan(&unit, &open, &sortAt, &n, &state, &programme, &late)
		return fmt.Sprint(unit, " ", open == 1, " ", sortAt, " ", n, " ", state, " ", programme, " ", late == 1), err
	}))
	same(c.t, "timers", timers, column(c.t, c.db, `SELECT n, clock, fires_at, prio FROM timers`, func(row db.Scanner) (string, error) {
		var clock string
		var n, at, prio int64
		err := row.Scan(&n, &clock, &at, &prio)
		return fmt.Sprint(n, " ", clock, " ", at, " ", prio == 1), err
	}))
	var figures []string
	for at, n := range tallies {
		figures = append(figures, fmt.Sprint(at, " ", n))
	}
	same(c.t, "tallies", figures, column(c.t, c.db, `SELECT unit, programme, procedure, state, CAST(SUM(cases) AS BIGINT), CAST(SUM(late) AS BIGINT), CAST(SUM(unassigned) AS BIGINT), CAST(SUM(offered) AS BIGINT), CAST(SUM(paused) AS BIGINT)
 FROM tallies GROUP BY unit, programme, procedure, state HAVING SUM(cases) <> 0 OR SUM(late) <> 0 OR SUM(unassigned) <> 0 OR SUM(offered) <> 0 OR SUM(paused) <> 0`, func(row db.Scanner) (string, error) {
		var unit, programme, procedure, state string
		var n [5]int
		err := row.Scan(&unit, &programme, &procedure, &state, &n[0], &n[1], &n[2], &n[3], &n[4])
		return fmt.Sprint(unit, " ", programme, " ", procedure, " ", state, " ", n), err
	}))
	index := "rowid"
	if c.db.Engine() == db.Postgres {
		index = "id"
	}
	for what, q := range map[string]string{
		"cases whose number of events is not their seq":        `SELECT ref FROM cases WHERE seq <> (SELECT COUNT(*) FROM events WHERE events.n = cases.n)`,
		"events without a case":                                `SELECT CAST(n AS TEXT) FROM events WHERE n NOT IN (SELECT n FROM cases)`,
		"cases that cannot be searched for":                    `SELECT ref FROM cases WHERE n NOT IN (SELECT ` + index + ` FROM case_words) AND doc NOT LIKE '%"sealed":%' AND procedure IN ('service-request', 'matter')`,
		"cases whose heading is not for lists, found by words": `SELECT ref FROM cases WHERE n IN (SELECT ` + index + ` FROM case_words) AND procedure NOT IN ('service-request', 'matter')`,
		"sealed cases that can be searched for":                `SELECT ref FROM cases WHERE n IN (SELECT ` + index + ` FROM case_words) AND doc LIKE '%"sealed":%'`,
		"search rows without a case":                           `SELECT CAST(` + index + ` AS TEXT) FROM case_words WHERE ` + index + ` NOT IN (SELECT n FROM cases)`,
	} {
		if bad := texts(c.t, c.db, q); len(bad) > 0 {
			c.t.Errorf("%s: %v", what, bad)
		}
	}
}

func same(t *testing.T, what string, want, have []string) {
	t.Helper()
	slices.Sort(want)
	slices.Sort(have)
	for _, row := range want {
		if _, ok := slices.BinarySearch(have, row); !ok {
			t.Errorf("%s: missing %s", what, row)
		}
	}
	for _, row := range have {
		if _, ok := slices.BinarySearch(want, row); !ok {
			t.Errorf("%s: left over %s", what, row)
		}
	}
	if len(want) != len(have) {
		t.Errorf("%s: %d rows, want %d", what, len(have), len(want))
	}
}

func column[T any](t *testing.T, d *db.DB, q string, scan func(db.Scanner) (T, error), args ...any) (out []T) {
	t.Helper()
	ctx := context.Background()
	err := d.View(ctx, func(tx *db.Tx) (err error) {
		out, err = db.All(ctx, tx, q, args, scan)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func texts(t *testing.T, d *db.DB, q string, args ...any) []string {
	t.Helper()
	return column(t, d, q, func(row db.Scanner) (s string, err error) { return s, row.Scan(&s) }, args...)
}

func key(id casework.CaseID) int64 {
	n, err := strconv.ParseInt(string(id), 36, 64)
	if err != nil {
		panic(err)
	}
	return n
}

func Test_a_courier_killed_at_any_moment_writes_each_notice_once(t *testing.T) {
	o := orders{Path: filepath.Join(t.TempDir(), "city.db"), Began: time.Now(), Notices: true}
	random := mathrand.New(mathrand.NewPCG(uint64(o.Began.UnixNano()), 1))
	for o.Round = range 6 {
		killed(t, o, 10+random.IntN(20), time.Duration(random.IntN(8000))*time.Microsecond)
	}
	h, err := openHouse(o)
	if err != nil {
		t.Fatal(err)
	}
	h.t = t
	half := len(texts(t, h.db, `SELECT msg_key FROM messages`))
	h.carryAll()
	h.whole()
	h.eachNoticeOnce()
	t.Logf("%d messages, %d of them before the last kill", len(texts(t, h.db, `SELECT msg_key FROM messages`)), half)
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
}

// carryAll runs two runners side by side until nothing is left to carry.
func (h *house) carryAll() {
	var wg sync.WaitGroup
	for range 2 {
		r, err := h.runner()
		if err != nil {
			h.t.Fatal(err)
		}
		wg.Go(func() {
			for {
				if _, err := r.RunDue(context.Background(), 16); err != nil {
					h.t.Error(err)
					return
				}
				if left := texts(h.t, h.db, `SELECT key FROM jobs WHERE done_at IS NULL LIMIT 1`); len(left) == 0 {
					return
				}
			}
		})
	}
	wg.Wait()
}

func (h *house) eachNoticeOnce() {
	h.t.Helper()
	var owed []string
	sent := map[string]int{}
	for _, doc := range texts(h.t, h.db, `SELECT doc FROM events`) {
		var e casework.Event
		if err := json.Unmarshal([]byte(doc), &e); err != nil {
			h.t.Fatal(err)
		}
		for n := range e.Notices {
			owed = append(owed, fmt.Sprintf("notice:%s:%d:%d", e.Case, e.Seq, n))
		}
		if e.Sent != nil {
			sent[fmt.Sprintf("notice:%s:%d:%d", e.Case, e.Sent.Seq, e.Sent.N)]++
		}
	}
	same(h.t, "messages", owed, texts(h.t, h.db, `SELECT msg_key FROM messages`))
	for _, k := range owed {
		if sent[k] != 1 {
			h.t.Errorf("%s: recorded as sent %d times", k, sent[k])
		}
	}
	if len(sent) != len(owed) {
		h.t.Errorf("%d notices recorded as sent, %d owed", len(sent), len(owed))
	}
}

func caseOf(n int64) casework.CaseID { return casework.CaseID(strconv.FormatInt(n, 36)) }
