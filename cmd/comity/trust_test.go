package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"regexp"
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
	"comity/internal/demo"
	"comity/internal/intake"
	"comity/internal/ledger"
	"comity/internal/procedure"
	"comity/internal/text"
	"comity/internal/vault"
	"comity/packs"
)

// The tests of this file are about the whole city: all compartments at once, on databases of their own.

// trusted is a small city with everybody the demonstration has, and nothing else.
type trusted struct {
	t    *testing.T
	c    *city
	card demoCard
	at   time.Time
	met  map[string]authz.Actor
	luck *chance
}

// chance repeats itself, and can be begun anew, so that what happens in one compartment does not move what is
// drawn in another.
type chance struct {
	mu sync.Mutex
	r  *rand.ChaCha8
}

func (c *chance) begin(seed byte, label string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.r = rand.NewChaCha8(sha256.Sum256([]byte(label + string(rune(seed)))))
}

func (c *chance) fill(b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.r.Read(b)
}

// openTrusted opens a city whose chance and keys follow from a seed.
func openTrusted(t *testing.T, address func() string, seed byte) *trusted {
	t.Helper()
	sub, err := fs.Sub(packs.FS, "demo")
	if err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(t.TempDir(), "city")
	w := &trusted{t: t, card: demoCard{Tokens: map[string]string{}, Roles: map[string]string{}}, at: dbtest.Start, met: map[string]authz.Actor{}, luck: &chance{}}
	w.luck.begin(seed, "")
	at := &clock{}
	at.Fix(w.at)
	cfg := cityConfig{Data: data, DBs: map[string]string{}, Pack: sub, Clock: at, Hashing: account.Cheap(), Random: w.luck.fill,
		Rings: func(compartment string) *vault.Ring {
			return vault.FromSeed(vault.Compartment(compartment), "std", []byte{seed})
		}}
	for _, name := range procedure.AllCompartments {
		cfg.DBs[name] = address()
	}
	if w.c, err = openCity(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.c.Close() })
	people, err := demo.People(sub)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range people {
		p.Demo = true
		if _, err := addPerson(t.Context(), w.c, p, &w.card); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// tick moves the clock by a little that is never a whole second.
func (w *trusted) tick() {
	w.at = w.at.Add(1_370_003 * time.Microsecond)
	w.c.clock.Fix(w.at)
}

// actor is somebody of the demonstration by login, bound to a compartment.
func (w *trusted) actor(login, compartment string) authz.Actor {
	if who, ok := w.met[login]; ok {
		return who.In(compartment)
	}
	a, err := w.c.accounts.ByLogin(w.t.Context(), login)
	if err != nil {
		w.t.Fatal(err)
	}
	w.met[login] = a.Actor(w.c.packs.Current().Rules)
	return w.met[login].In(compartment)
}

// person is an invented resident, the same in every compartment.
type person struct{ name, phone, id string }

func persons(n int) (out []person) {
	for i := range n {
		out = append(out, person{fmt.Sprintf("Quentin Zobel%02d", i), fmt.Sprintf("139%08d", 70_010_000+i*137), fmt.Sprintf("1101011990%02d07%04d", i%12+1, 3000+i)})
	}
	return out
}

// opening is how a person's matter begins in a compartment.
type opening struct {
	compartment, category, by string // by: a login; empty for the person
	fields                    map[string]string
}

var openings = []opening{
	{"civic", "road.pavement", "", nil},
	{"civic", "petition.appeal", "", nil},
	{"residence", "residence.permit", "", map[string]string{"ground": "work", "since": "2025-08-01", "by": "self", "sex": "f", "ethnic_group": "Han", "born": "1990-03-07", "registered_address": "3 Xinhua Road, Anqing"}},
	{"residence", "residence.tenancy", "", map[string]string{"reporter": "tenant", "started_on": "2026-02-27", "ends_on": "2026-08-31"}},
	{"reentry", "support.home", "", map[string]string{"source": "self", "released_on": "2026-02-27"}},
	{"corrections", "support.order", "lei.ting", map[string]string{"kind": "probation", "decided_by": "District court, no. 12", "effective_on": "2026-02-27", "ends_on": "2026-08-26", "minor": "adult"}},
	{"youth", "support.young", "zhu.ye", map[string]string{"source": "school", "from_14": "from"}},
	{"mental", "support.mind", "", map[string]string{"source": "self"}},
	{"mental", "support.carer", "", map[string]string{"source": "self"}},
}

// begin opens the matter of a person.
func (w *trusted) begin(o opening, p person) ledger.Receipt {
	w.t.Helper()
	w.tick()
	r, _ := w.c.of(o.compartment)
	fields := maps.Clone(o.fields)
	switch o.category {
	case "residence.permit":
		fields["id_number"] = p.id
	case "residence.tenancy":
		fields["tenants"] = p.name + ", " + p.id
	}
	words, house := "I am "+p.name+", number "+p.id+", call "+p.phone+".", p.name+" House"
	if o.category == "road.pavement" {
		words, house = "A tile is loose.", "Long Street" // of what is about places, lists show the heading
	}
	cmd, err := intake.Command(w.c.packs.Current(), intake.Report{Category: o.category, Text: words, Address: house,
		Unit: "guiyuan-ganyuan", Source: "web", Fields: fields, Contact: casework.Contact{Channel: "sms", Address: p.phone, Name: p.name}, Key: p.id + o.category})
	if err != nil {
		w.t.Fatal(err)
	}
	who := authz.Reporter()
	if o.by != "" {
		who = w.actor(o.by, o.compartment)
	}
	got, err := r.ledger.Do(w.t.Context(), who, cmd)
	if err != nil {
		w.t.Fatalf("%s for %s: %v", o.category, p.name, err)
	}
	return got
}

// work sends what is owed and signs the logs.
func (w *trusted) work() {
	w.t.Helper()
	for _, r := range w.c.all() {
		w.tick()
		for {
			n, err := r.runner.RunDue(w.t.Context(), 50)
			if err != nil {
				w.t.Fatal(err)
			}
			if n == 0 {
				break
			}
		}
		w.tick()
		if err := r.tree.Tick(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
	}
}

// desks are logins that work in a compartment.
var desks = map[string]string{"civic": "zhou.hang", "residence": "mu.qing", "reentry": "gu.he", "corrections": "lei.ting", "youth": "zhu.ye", "mental": "qi.wen"}

// differences is what verify says of the whole city.
func (w *trusted) differences() string {
	w.t.Helper()
	words, err := text.Base()
	if err != nil {
		w.t.Fatal(err)
	}
	var out bytes.Buffer
	if _, _, err := w.c.verify(w.t.Context(), &out, words.In("en"), func(string, int) func(int) { return func(int) {} }); err != nil {
		return out.String() + err.Error()
	}
	var bad []string
	for line := range strings.Lines(out.String()) {
		if !strings.Contains(line, "; 0 wrong") {
			bad = append(bad, line)
		}
	}
	return strings.Join(bad, "")
}

// column is one column of a table, with what stands in it; of documents, one of each path in them.
type column map[string]map[string]bool

// contents reads everything a database holds, by column.
func contents(t *testing.T, d *db.DB) column {
	t.Helper()
	out := column{}
	err := d.View(t.Context(), func(tx *db.Tx) error {
		list := `SELECT m.name, p.name FROM sqlite_master m JOIN pragma_table_info(m.name) p WHERE m.type = 'table' AND m.sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY 1, 2`
		if d.Engine() == db.Postgres {
			list = `SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema() ORDER BY 1, 2`
		}
		type name struct{ table, column string }
		names, err := db.All(t.Context(), tx, list, nil, func(row db.Scanner) (n name, err error) { return n, row.Scan(&n.table, &n.column) })
		if err != nil {
			return err
		}
		for _, n := range names {
			q := `SELECT "` + n.column + `" FROM "` + n.table + `"`
			if d.Engine() == db.Postgres {
				q = `SELECT "` + n.column + `"::text FROM "` + n.table + `"`
			}
			values, err := db.All(t.Context(), tx, q, nil, func(row db.Scanner) (v any, err error) { return v, row.Scan(&v) })
			if err != nil {
				return err
			}
			for _, v := range values {
				out.add(n.table+"."+n.column, v)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

var lexeme = regexp.MustCompile(`'([a-z0-9^]+)'(:[0-9,]+)?`)

func (c column) add(name string, v any) {
	switch v := v.(type) {
	case nil:
	case []byte:
		c.put(name, hex.EncodeToString(v))
	case bool:
	case time.Time:
		c.put(name, strconv.FormatInt(v.UnixMicro(), 10))
	case string:
		var doc any
		switch {
		case strings.HasSuffix(name, ".tokens"):
			for _, m := range lexeme.FindAllStringSubmatch(v, -1) {
				c.put(name, m[1])
			}
		case len(v) > 1 && (v[0] == '{' || v[0] == '[') && json.Unmarshal([]byte(v), &doc) == nil:
			c.add(name, doc)
		default:
			if at, err := time.Parse(time.RFC3339Nano, v); err == nil {
				v = strconv.FormatInt(at.UnixMicro(), 10)
			}
			c.put(name, v)
		}
	case map[string]any:
		for k, x := range v {
			if regexp.MustCompile(`^[0-9A-Za-z_]+$`).MatchString(k) {
				c.add(name+":"+k, x)
			} else {
				c.put(name+":", k)
				c.add(name+":", x)
			}
		}
	case []any:
		for _, x := range v {
			c.add(name, x)
		}
	case float64:
		c.put(name, strconv.FormatFloat(v, 'f', -1, 64))
	default:
		c.put(name, fmt.Sprint(v))
	}
}

func (c column) put(name, v string) {
	if c[name] == nil {
		c[name] = map[string]bool{}
	}
	c[name][v] = true
}
