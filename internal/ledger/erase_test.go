package ledger_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/intake"
	"comity/internal/ledger"
	"comity/internal/ledger/ledgertest"
	"comity/internal/pack"
	"comity/internal/procedure"
	"comity/internal/translog"
	"comity/internal/vault"
)

var pipl = procedure.Law{ID: "PIPL", Article: "47"}

// registry is a city whose keys lie in a folder and whose files in a map, as they would on a disk.
type registry struct {
	city
	ring  *vault.Ring
	dir   string
	files map[string]bool
}

// keeping is the demo pack with requests kept for a number of years.
func keeping(t testing.TB, years int, then string) *pack.Pack {
	t.Helper()
	p, err := ledgertest.Sound(os.DirFS("../../packs"), "demo")
	if err != nil {
		t.Fatal(err)
	}
	p.Procedures["service-request"].Retention = procedure.Retention{Class: "request", Years: years, Law: procedure.Law{ID: "LJ-SR", Article: "2"}, Then: then}
	return p
}

func newRegistry(t *testing.T, d *db.DB, p *pack.Pack) *registry {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "keys")
	return openRegistry(t, d, p, dir, map[string]bool{"photo-1": true, "photo-2": true, "shared": true})
}

// openRegistry opens the city as a start of the program does, without reconciling.
func openRegistry(t *testing.T, d *db.DB, p *pack.Pack, dir string, files map[string]bool) *registry {
	t.Helper()
	ring, err := vault.Open(dir, procedure.Civic, "std")
	if err != nil {
		t.Fatal(err)
	}
	c, err := ledgertest.New(t.Context(), d, p, func(o *ledger.Config) {
		o.Ring = ring
		o.Remove = func(name string) error { delete(files, name); return nil }
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Ledger.Close)
	return &registry{city{t: t, db: d, l: c.Ledger, r: c.Reader, pack: p}, ring, dir, files}
}

const (
	told  = "桂花里三栋的路灯坏了两周"
	phone = "13755512345"
)

// closed files a report with photos and withdraws it.
func (c *registry) closed(key string, files ...string) casework.CaseID {
	c.t.Helper()
	id := c.filed(key, files...)
	if _, err := c.l.Do(c.t.Context(), authz.Holder(string(id)), casework.Command{Case: id, Version: casework.AnyVersion, Act: "withdraw"}); err != nil {
		c.t.Fatal(err)
	}
	return id
}

func (c *registry) filed(key string, files ...string) casework.CaseID {
	c.t.Helper()
	cmd, err := intake.Command(c.pack, intake.Report{Category: request(c.pack), Title: told, Text: told + key, Unit: community(c.pack), Source: "web",
		Address: "桂花里三栋", Contact: casework.Contact{Name: "段小雨", Channel: "sms", Address: phone}})
	if err != nil {
		c.t.Fatal(err)
	}
	for _, name := range files {
		cmd.Files = append(cmd.Files, casework.File{SHA256: name, Name: name + ".jpg", Kind: "image/jpeg", Size: 1, Key: "s.key-of-" + name, Public: true})
	}
	r, err := c.l.Do(c.t.Context(), authz.Reporter(), cmd)
	if err != nil {
		c.t.Fatal(err)
	}
	return r.Case
}

func (c *registry) erase(id casework.CaseID) ledger.Erasure {
	c.t.Helper()
	e, err := c.l.Erase(c.t.Context(), authz.Machine(), id, ledger.GroundUnlawful, pipl, "file 7")
	if err != nil {
		c.t.Fatal(err)
	}
	return e
}

func (c *registry) looked(id casework.CaseID) (*ledger.Look, error) {
	return c.l.Look(c.t.Context(), authz.Machine(), ledger.Ticket{Case: id, Purpose: "notice", Level: authz.Caucus})
}

// gone makes sure that nothing of the case opens or is found, and that everything is proved as before.
func (c *registry) gone(id casework.CaseID) {
	c.t.Helper()
	look, err := c.looked(id)
	if err != nil {
		c.t.Fatal(err)
	}
	k := look.Case()
	if !look.Erased() || k.Title != casework.Veil || k.Text != casework.Veil || k.Contact.Name != casework.Veil || k.Place.Address != casework.Veil {
		c.t.Errorf("after the erasure the case reads %q %q %q %q", k.Title, k.Text, k.Contact.Name, k.Place.Address)
	}
	for _, f := range k.Files {
		if f.Key != casework.Veil || f.Name != casework.Veil {
			c.t.Errorf("the key of a file is still there: %+v", f)
		}
	}
	page, err := c.r.Worklist(c.t.Context(), everyone(c.pack).Scope(), ledger.Filter{Words: []ledger.Word{{Text: told}}, Both: true})
	if err != nil {
		c.t.Fatal(err)
	}
	for _, i := range page.Items {
		if i.ID == id {
			c.t.Error("search still finds the case by its words")
		}
	}
	if tokens, err := c.r.Tokens(c.t.Context(), id); err != nil || len(tokens) > 0 {
		c.t.Errorf("the pseudonyms of its person are still there: %v, %v", tokens, err)
	}
	e, ok, err := c.r.Erased(c.t.Context(), id)
	if err != nil || !ok || e.At.IsZero() {
		c.t.Errorf("the record of the erasure: %+v, %v, %v", e, ok, err)
	}
	ids, err := c.ring.Destroyed()
	if err != nil || !strings.Contains(strings.Join(ids, " "), e.KeyID) {
		c.t.Errorf("the list beside the key file does not have the key: %v", err)
	}
	c.sound()
}

func (c *registry) log() *translog.Log {
	return &translog.Log{DB: c.db, Origin: "comity.test/civic", Key: c.ring.Public().String(), Sign: c.ring.Sign,
		Verify: func(key string, msg, sig []byte) bool {
			public, err := vault.ParsePublicKey(key)
			return err == nil && vault.Verify(public, msg, sig)
		}}
}

// publish signs the log as it stands and remembers the head beside the keys, as a running city does.
func (c *registry) publish() vault.Head {
	c.t.Helper()
	log := c.log()
	if _, err := log.Sequence(c.t.Context()); err != nil {
		c.t.Fatal(err)
	}
	h, err := log.SignHead(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	if err := c.ring.SaveHead(h.Size, h.Root[:], h.At); err != nil {
		c.t.Fatal(err)
	}
	return vault.Head{Size: h.Size, Root: h.Root[:], At: h.At}
}

// sound checks everything that proofs and rows say.
func (c *registry) sound() {
	c.t.Helper()
	if _, err := c.r.VerifyAll(c.t.Context(), func(err error) { c.t.Error(err) }); err != nil {
		c.t.Fatal(err)
	}
	c.publish()
	_, err := c.log().Check(c.t.Context(), func(ctx context.Context, e translog.Entry) error {
		if e.Kind == ledger.LeafEvent || e.Kind == ledger.LeafLook {
			return nil
		}
		want, err := c.r.RecordHash(ctx, e.Kind, e.ID)
		if err == nil && !bytes.Equal(want, e.Hash) {
			err = fmt.Errorf("%s %s is not what the log holds", e.Kind, e.ID)
		}
		return err
	})
	if err != nil {
		c.t.Error(err)
	}
}

func Test_erasing_a_case_destroys_its_content_and_leaves_every_proof(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		c := newRegistry(t, d, keeping(t, 0, ""))
		id, other := c.closed("a", "photo-1", "shared"), c.closed("b", "photo-2", "shared")
		first := c.erase(id)
		c.gone(id)
		if c.files["photo-1"] || !c.files["photo-2"] || !c.files["shared"] {
			t.Errorf("left are %v; want the other case's photo and the shared one", c.files)
		}
		if look, err := c.looked(other); err != nil || look.Case().Text != told+"b" {
			t.Errorf("the neighbour: %v, %v", look, err)
		}
		if again := c.erase(id); again.Ref != first.Ref {
			t.Errorf("erasing twice is written down twice: %+v and %+v", first, again)
		}
		if first.Note != "file 7" || first.Law != pipl || first.Ground != ledger.GroundUnlawful {
			t.Errorf("recorded: %+v", first)
		}
		_, err := c.l.Do(t.Context(), everyone(c.pack), casework.Command{Case: id, Version: casework.AnyVersion, Note: &casework.Note{Text: "more"}})
		if rule(err) != "case.erased" {
			t.Errorf("a note on an erased case: %v", err)
		}
		c.erase(other)
		if c.files["shared"] {
			t.Error("the shared photo outlives both cases")
		}
		c.sound()
	})
}

func Test_what_may_not_be_erased_is_refused_with_a_reason(t *testing.T) {
	dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) {
		c := newRegistry(t, d, keeping(t, 2, ""))
		open, ended := c.filed("a"), c.closed("b")
		try := func(id casework.CaseID, who authz.Actor, ground string, law procedure.Law) string {
			_, err := c.l.Erase(t.Context(), who, id, ground, law, "")
			if err == nil {
				return "erased"
			}
			return rule(err)
		}
		machine := authz.Machine()
		for _, x := range []struct {
			id     casework.CaseID
			who    authz.Actor
			ground string
			law    procedure.Law
			want   string
		}{
			{open, machine, ledger.GroundUnlawful, pipl, "erase.open"},
			{ended, machine, "because", pipl, "erase.ground"},
			{ended, machine, "restored", pipl, "erase.ground"},
			{ended, machine, ledger.GroundUnlawful, procedure.Law{}, "erase.law"},
			{ended, machine, ledger.GroundRequest, pipl, "erase.kept"},
			{ended, machine, ledger.GroundRetention, pipl, "erase.kept"},
			{ended, machine, ledger.GroundConsent, pipl, "erase.consent"},
			{ended, authz.Holder(string(ended)), ledger.GroundRequest, pipl, "case.unknown"},
			{ended, authz.Staff("x", []authz.Grant{{Role: "clerk", Unit: "nowhere"}}), ledger.GroundUnlawful, pipl, "case.unknown"},
			{"zz", machine, ledger.GroundUnlawful, pipl, "case.unknown"},
		} {
			if got := try(x.id, x.who, x.ground, x.law); got != x.want {
				t.Errorf("%s by %s on ground %s: %s, want %s", x.id, x.who.ID(), x.ground, got, x.want)
			}
		}
		set(dbtest.Start.AddDate(2, 0, 1))
		if got := try(ended, machine, ledger.GroundRequest, pipl); got != "erased" {
			t.Errorf("after its time: %s", got)
		}
	})
}

func Test_a_held_case_is_stored_and_shown_under_its_order_only(t *testing.T) {
	dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) {
		c := newRegistry(t, d, keeping(t, 1, ""))
		ctx := t.Context()
		id, open := c.closed("a"), c.filed("b")
		staff := everyone(c.pack)
		until := dbtest.Start.AddDate(3, 0, 0)
		for _, k := range []casework.CaseID{id, open} {
			if _, err := c.l.Hold(ctx, staff, k, " Court  12/2026 ", until); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := c.l.Hold(ctx, staff, id, "", until); rule(err) != "hold.order" {
			t.Errorf("no order: %v", err)
		}
		if _, err := c.l.Hold(ctx, staff, id, "x", dbtest.Start); rule(err) != "hold.until" {
			t.Errorf("an order that has ended: %v", err)
		}
		look := func(k casework.CaseID, who authz.Actor, order string) string {
			_, err := c.l.Look(ctx, who, ledger.Ticket{Case: k, Purpose: "supervise", Order: order})
			if err == nil {
				return ""
			}
			return rule(err)
		}
		if got := look(id, staff, ""); got != "look.held" {
			t.Errorf("without the order: %q", got)
		}
		if got := look(id, staff, "Court 13/2026"); got != "look.held" {
			t.Errorf("with another order: %q", got)
		}
		if got := look(id, staff, "Court 12/2026"); got != "" {
			t.Errorf("with the order: %q", got)
		}
		if got := look(open, staff, ""); got != "" {
			t.Errorf("an open case under an order has to be worked on: %q", got)
		}
		if got := look(id, authz.Holder(string(id)), ""); got != "" {
			t.Errorf("the person: %q", got)
		}
		list, err := c.r.Looks(ctx, id, 10)
		if err != nil || len(list) != 2 || list[1].Ground != ledger.GroundOrder {
			t.Errorf("looks on record: %+v, %v", list, err)
		}
		set(dbtest.Start.AddDate(2, 0, 0))
		if _, err := c.l.Erase(ctx, authz.Machine(), id, ledger.GroundUnlawful, pipl, ""); rule(err) != "erase.held" {
			t.Errorf("erasing under an order: %v", err)
		}
		counts, err := c.l.Retain(ctx, authz.Machine(), ledger.Retention{})
		if err != nil || len(counts) != 1 || counts[0].Held != 1 || counts[0].Erased != 0 {
			t.Errorf("retention under an order: %+v, %v", counts, err)
		}
		if _, err := c.l.Release(ctx, staff, id, "another"); rule(err) != "hold.unknown" {
			t.Errorf("releasing what is not held: %v", err)
		}
		if _, err := c.l.Release(ctx, staff, id, "Court 12/2026"); err != nil {
			t.Fatal(err)
		}
		if got := look(id, staff, ""); got != "" {
			t.Errorf("after the order: %q", got)
		}
		if counts, err = c.l.Retain(ctx, authz.Machine(), ledger.Retention{}); err != nil || len(counts) != 1 || counts[0].Erased != 1 {
			t.Errorf("retention after the order: %+v, %v", counts, err)
		}
		c.gone(id)
	})
}

func Test_an_order_ends_by_itself(t *testing.T) {
	dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) {
		c := newRegistry(t, d, keeping(t, 1, ""))
		id := c.closed("a")
		if _, err := c.l.Hold(t.Context(), authz.Machine(), id, "Court 12/2026", dbtest.Start.AddDate(2, 0, 0)); err != nil {
			t.Fatal(err)
		}
		set(dbtest.Start.AddDate(2, 0, 1))
		counts, err := c.l.Retain(t.Context(), authz.Machine(), ledger.Retention{})
		if err != nil || len(counts) != 1 || counts[0].Erased != 1 {
			t.Errorf("%+v, %v", counts, err)
		}
		c.gone(id)
	})
}

func Test_retention_erases_what_is_due_in_batches_and_tells_numbers(t *testing.T) {
	dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) {
		c := newRegistry(t, d, keeping(t, 1, procedure.ThenArchive))
		ctx := t.Context()
		var old []casework.CaseID
		for i := range 5 {
			old = append(old, c.closed(fmt.Sprint(i)))
		}
		open := c.filed("still open")
		set(dbtest.Start.AddDate(0, 6, 0))
		young := c.closed("young")
		set(dbtest.Start.AddDate(1, 0, 0))
		run := func(how ledger.Retention) ledger.RetentionCount {
			counts, err := c.l.Retain(ctx, authz.Machine(), how)
			if err != nil || len(counts) != 1 {
				t.Fatalf("%+v, %v", counts, err)
			}
			return counts[0]
		}
		if n := run(ledger.Retention{}); n.Waiting != 5 || n.Erased != 0 {
			t.Errorf("without an archive: %+v", n)
		}
		archived := 0
		archive := func(_ context.Context, look *ledger.Look) error {
			if !strings.HasPrefix(look.Case().Text, told) || look.Case().Contact.Name != "段小雨" {
				t.Errorf("the archive is handed %q", look.Case().Text)
			}
			archived++
			return nil
		}
		if n := run(ledger.Retention{Archive: archive, DryRun: true}); n.Erased != 5 || archived != 0 {
			t.Errorf("a dry run: %+v, %d archived", n, archived)
		}
		broken := func(context.Context, *ledger.Look) error { return errors.New("the archive is full") }
		if _, err := c.l.Retain(ctx, authz.Machine(), ledger.Retention{Archive: broken}); err == nil {
			t.Error("a case was not taken over and yet all is well")
		}
		if n := run(ledger.Retention{Archive: archive}); n.Erased != 5 || archived != 5 || n.Unit == "" {
			t.Errorf("the run: %+v, %d archived", n, archived)
		}
		for _, id := range old {
			c.gone(id)
		}
		for _, id := range []casework.CaseID{open, young} {
			if look, err := c.looked(id); err != nil || look.Erased() {
				t.Errorf("%s was erased before its time, %v", id, err)
			}
		}
		at, counts, err := c.r.LastRetention(ctx)
		if err != nil || !at.Equal(dbtest.Start.AddDate(1, 0, 0)) || len(counts) != 1 {
			t.Errorf("the report: %v %+v, %v", at, counts, err)
		}
	})
}

func Test_keys_are_wrapped_anew_in_batches_before_old_ones_are_dropped(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		c := newRegistry(t, d, keeping(t, 0, ""))
		ctx := t.Context()
		ids := []casework.CaseID{c.closed("a"), c.closed("b"), c.closed("c"), c.filed("d")}
		c.erase(ids[0])
		if g, err := c.l.Rotate(ctx, authz.Machine()); err != nil || g != 2 {
			t.Fatal(g, err)
		}
		if _, err := c.l.Drop(ctx, authz.Machine()); !errors.Is(err, ledger.ErrWrapped) {
			t.Fatalf("dropped with keys under it: %v", err)
		}
		late := c.filed("e") // wrapped under the new one already
		total := 0
		for {
			n, err := c.l.Rewrap(ctx, 2)
			if err != nil {
				t.Fatal(err)
			}
			if total += n; n == 0 {
				break
			}
		}
		if total != 3 {
			t.Errorf("%d keys were wrapped anew, want 3", total)
		}
		if _, err := c.l.Drop(ctx, authz.Machine()); err != nil {
			t.Fatal(err)
		}
		again := openRegistry(t, d, c.pack, c.dir, c.files)
		for _, id := range append(ids[1:], late) {
			if look, err := again.looked(id); err != nil || !strings.HasPrefix(look.Case().Text, told) {
				t.Errorf("%s after the drop: %v", id, err)
			}
		}
		counts, err := c.r.Keys(ctx)
		if err != nil || len(counts) != 2 || counts[1].Generation != 2 || counts[1].Keys != 4 {
			t.Errorf("%+v, %v", counts, err)
		}
		again.gone(ids[0])
	})
}

func Test_files_of_SQLite_hold_no_byte_of_an_erased_key(t *testing.T) {
	path := filepath.Join(t.TempDir(), "city.db")
	now, _ := dbtest.Clock(t)
	d, err := db.Open(t.Context(), "sqlite:"+path, now)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	c := newRegistry(t, d, keeping(t, 0, ""))
	id := c.closed("a")
	wrapped := texts(t, d, `SELECT wrapped FROM case_keys`)[0]
	in := func() (found []string) {
		for _, name := range []string{path, path + "-wal"} {
			raw, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(raw, []byte(wrapped)) {
				found = append(found, filepath.Base(name))
			}
		}
		return found
	}
	if len(in()) == 0 {
		t.Fatal("the key is in no file before it is erased; the test looks at nothing")
	}
	c.erase(id)
	if found := in(); len(found) > 0 {
		t.Errorf("the erased key still lies in %v", found)
	}
}

func Test_no_column_of_either_engine_holds_a_word_about_a_person(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := keeping(t, 0, "")
		p.Procedures["service-request"].Heading = procedure.HeadingCategory
		c := newRegistry(t, d, p)
		id := c.closed("a", "photo-1")
		if _, err := c.l.Hold(t.Context(), authz.Machine(), id, "order about 段小雨", dbtest.Start.AddDate(1, 0, 0)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.l.Look(t.Context(), everyone(p), ledger.Ticket{Case: id, Purpose: "supervise", Order: "order about 段小雨", Note: "段小雨 asked"}); err != nil {
			t.Fatal(err)
		}
		q := `SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table' AND m.sql NOT LIKE 'CREATE VIRTUAL%' AND m.name NOT IN ('db_migrations', 'packs')`
		if d.Engine() == db.Postgres {
			q = `SELECT CAST(table_name AS TEXT), CAST(column_name AS TEXT) FROM information_schema.columns
 WHERE table_schema = current_schema() AND data_type IN ('text', 'bytea', 'tsvector') AND table_name NOT IN ('db_migrations', 'packs')`
		}
		type place struct{ table, column string }
		places := column(t, d, q, func(row db.Scanner) (p place, err error) { return p, row.Scan(&p.table, &p.column) })
		if len(places) < 60 {
			t.Fatalf("only %d columns are looked at", len(places))
		}
		for _, at := range places {
			what := `"` + at.column + `"`
			if d.Engine() == db.Postgres && at.column == "tokens" {
				what = `CAST(` + what + ` AS TEXT)`
			}
			for _, value := range column(t, d, `SELECT `+what+` FROM "`+at.table+`"`, func(row db.Scanner) (s string, err error) {
				var v any
				err = row.Scan(&v)
				if b, ok := v.([]byte); ok {
					return string(b), err
				}
				return fmt.Sprint(v), err
			}) {
				for _, words := range []string{told, "段小雨", phone, "桂花里", "路灯", "photo-1.jpg", "key-of-photo"} {
					if strings.Contains(value, words) {
						t.Errorf("%s.%s holds %q in the clear", at.table, at.column, words)
					}
				}
			}
		}
	})
}
