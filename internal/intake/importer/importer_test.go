package importer_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/form"
	"comity/internal/intake"
	"comity/internal/intake/importer"
	"comity/internal/ledger"
	"comity/internal/ledger/ledgertest"
	"comity/internal/pack"
	"comity/internal/text"
)

// asOf lies after every target of the files and before the reminders of what is still open multiply.
var asOf = time.Date(2019, 6, 1, 4, 0, 0, 0, time.UTC)

type city struct {
	t       *testing.T
	db      *db.DB
	l       *ledger.Ledger
	r       *ledger.Reader
	made    *ledgertest.City
	pack    *pack.Pack
	mapping *intake.Mapping
	say     text.Speaker
	cases   map[string]casework.Code // external number → code, as the importer reported
	rows    map[string]intake.Row
}

func newCity(t *testing.T, d *db.DB, folder, mapping string) *city {
	t.Helper()
	fsys := os.DirFS("../../../packs/" + folder)
	p, err := ledgertest.Sound(os.DirFS("../../../packs"), folder)
	must(t, err)
	m, err := intake.LoadMapping(fsys, p, mapping)
	must(t, err)
	words, err := text.Base()
	must(t, err)
	made := ledgertest.OpenPack(t, d, p)
	return &city{t: t, db: d, l: made.Ledger, r: made.Reader, pack: p, mapping: m,
		say: words.With(p.Texts).In("en"), cases: map[string]casework.Code{}, made: made, rows: map[string]intake.Row{}}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (c *city) options(file string) importer.Options {
	return importer.Options{Ledger: c.l, Pack: c.pack, Mapping: c.mapping, File: strings.NewReader(file), Size: int64(len(file)),
		AsOf: asOf, Now: time.Now, Say: c.say.T, Done: func(row intake.Row, r ledger.Receipt) { c.cases[row.External], c.rows[row.External] = r.Code, row }}
}

func (c *city) run(o importer.Options) importer.Counts {
	c.t.Helper()
	n, err := importer.Run(c.t.Context(), o)
	must(c.t, err)
	return n
}

// states counts the cases by state, read back through the lists the pages use.
func (c *city) states() map[string]int {
	c.t.Helper()
	out := map[string]int{}
	for _, closed := range []bool{false, true} {
		f := ledger.Filter{Closed: closed, Limit: 200, Sort: "-opened"}
		for {
			page, err := c.r.Worklist(c.t.Context(), authz.Machine().Scope(), f)
			must(c.t, err)
			for _, i := range page.Items {
				out[i.State]++
			}
			if f.After = page.Next; page.Next == "" {
				break
			}
		}
	}
	return out
}

func (c *city) find(external string) casework.Case {
	c.t.Helper()
	k, err := c.r.ByCode(c.t.Context(), c.cases[external])
	must(c.t, err)
	k, _ = c.made.Opened(c.t, k.ID)
	return k
}

// data reads a shared file, or skips.
func data(t *testing.T, name string) string {
	t.Helper()
	folder := os.Getenv("COMITY_TEST_DATA")
	if folder == "" {
		folder = filepath.Join("..", "..", "..", "..", "shared", "data")
	}
	raw, err := os.ReadFile(filepath.Join(folder, name))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("the open data is absent (%v); set COMITY_TEST_DATA to the folder that holds boston-311 and nyc-311", err)
	}
	must(t, err)
	return string(raw)
}

// records reads the file a second time, by the standard reader, as a witness.
func records(t *testing.T, file string) []map[string]string {
	t.Helper()
	all, err := csv.NewReader(strings.NewReader(file)).ReadAll()
	must(t, err)
	var out []map[string]string
	for _, rec := range all[1:] {
		row := map[string]string{}
		for i, name := range all[0] {
			row[name] = rec[i]
		}
		out = append(out, row)
	}
	return out
}

const boston, nyc = "boston-311/boston_2018.csv", "nyc-311/nyc311_2018-06.csv"

func Test_every_Boston_request_becomes_one_case_with_the_date_the_city_promised(t *testing.T) {
	if testing.Short() {
		t.Skip("long: make check runs it without -short, and the race detector has the smaller files")
	}
	file := data(t, boston)
	c := newCity(t, dbtest.OpenSQLite(t), "us-boston-311", "boston-311")
	var rejects bytes.Buffer
	o := c.options(file)
	o.Rejects = &rejects
	var last importer.Progress
	o.Progress = func(p importer.Progress) { last = p }
	began := time.Now()
	n := c.run(o)
	t.Logf("%d rows in %.1f s: %.0f rows a second", n.Rows, time.Since(began).Seconds(), float64(n.Rows)/time.Since(began).Seconds())
	closed := 0
	for _, r := range records(t, file) {
		if r["case_status"] == "Closed" && r["closed_dt"] != "" && r["closed_dt"] < "2019-05-31 20" { // as printed: four hours early
			closed++
		}
	}
	if n.Rows != 7872 || n.Opened != 7872 || n.Rejected != 0 || n.Skipped != 0 || n.Answered != closed {
		t.Errorf("counts %+v, want 7872 opened and %d answered; rejects:\n%.2000s", n, closed, rejects.String())
	}
	if last.Bytes != int64(len(file)) || last.Left != 0 || last.Rate <= 0 {
		t.Errorf("the last progress is %+v", last)
	}
	states := c.states()
	t.Logf("states %v", states)
	if states["answered"]+states["closed"] != closed || states["closed"] == 0 || states["overdue"] == 0 || states["received"] != 0 {
		t.Errorf("states %v", states)
	}
	t.Run("the targets of the city come out of the imported cases", func(t *testing.T) { compareTargets(t, c) })
	again := c.run(c.options(file))
	if again.Opened != 0 || again.Again != 7872 || again.Answered != 0 || again.Rejected != 0 {
		t.Errorf("the second import: %+v", again)
	}
	if after := c.states(); !equal(after, states) {
		t.Errorf("the second import changed the states from %v to %v", states, after)
	}
	k := c.find("101002296910")
	if k.External != "101002296910" || k.Holder != "roslindale" || k.Place.Point == nil || k.Outcome != "invalid" || !strings.Contains(k.Text, "311 information centre") {
		t.Errorf("case %+v", k)
	}
	must(t, c.r.Verify(t.Context(), k.ID))
}

func equal(a, b map[string]int) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if b[k] != v {
			return false
		}
	}
	return true
}

// compareTargets holds the dates and the lateness of the imported cases against those the city's own
// system computed, and tells the differences apart by what they look like.
func compareTargets(t *testing.T, c *city) {
	t.Helper()
	var targets, due, onTime, both int
	var minute, early, other, moved int
	for external, row := range c.rows {
		if row.Due.IsZero() {
			continue
		}
		targets++
		k := c.find(external)
		clock, ok := k.Clock("answer")
		if !ok {
			t.Fatalf("%s has no answer clock", external)
		}
		late := row.Due.Sub(clock.Due)
		slack := time.Second
		if row.Report.At.Second() == 0 {
			slack = time.Minute
		}
		hit := late >= -time.Second && late <= slack
		same := k.Late == !row.OnTime
		if hit {
			due++
		}
		if same {
			onTime++
		}
		if hit && same {
			both++
		}
		switch {
		case hit && same:
		case !hit && late > 0 && late < 3*time.Minute:
			minute++
		case !hit && late < 0 && late > -time.Minute:
			early++
		case !hit:
			other++
			t.Logf("%s opened %s: the city's target %s, computed %s", external, row.Report.At, row.Due, clock.Due)
		default:
			moved++
			t.Logf("%s: on time %v by the city, late %v here: closed %s, due %s", external, row.OnTime, k.Late, row.Closed, clock.Due)
		}
	}
	t.Logf("targets %d; due date equal %d (%.2f %%); on-time equal %d (%.2f %%); both %d", targets, due, pct(due, targets), onTime, pct(onTime, targets), both)
	t.Logf("the rest: %d clocks of the city started up to three minutes after the stamp, %d up to a minute before it, %d other dates, %d on-time flags decided within the tolerance", minute, early, other, moved)
	if targets != 4893 || due < 4870 || onTime < 4870 {
		t.Errorf("of %d targets %d dates and %d flags agree; it was 4893, 4875", targets, due, onTime)
	}
}

func pct(a, b int) float64 { return 100 * float64(a) / float64(b) }

func Test_every_New_York_request_becomes_a_case_at_its_agency(t *testing.T) {
	file := data(t, nyc)
	c := newCity(t, dbtest.OpenSQLite(t), "us-nyc-311", "nyc-311")
	var rejects bytes.Buffer
	o := c.options(file)
	o.Rejects, o.AsOf = &rejects, time.Date(2019, 10, 1, 4, 0, 0, 0, time.UTC)
	n := c.run(o)
	t.Logf("%+v, states %v\n%.1500s", n, c.states(), rejects.String())
	backwards, later := 0, 0
	const layout = "01/02/2006 03:04:05 PM"
	for _, r := range records(t, file) {
		open, err := time.ParseInLocation(layout, r["Created Date"], c.pack.Zone)
		must(t, err)
		if open.After(o.AsOf) {
			later++
		} else if end, err := time.ParseInLocation(layout, r["Closed Date"], c.pack.Zone); err == nil && end.Before(open) && r["Status"] == "Closed" {
			backwards++
		}
	}
	if n.Rows != 1000 || n.Opened != 1000-backwards-later || n.Rejected != backwards || n.Skipped != later {
		t.Errorf("counts %+v, want %d closed before they were opened, %d later", n, backwards, later)
	}
	if got := strings.Count(rejects.String(), "Column Closed Date"); got != backwards {
		t.Errorf("%d rejects name the column, want %d:\n%s", got, backwards, rejects.String())
	}
	k := c.find("39573567")
	if k.Holder != "nyc-nypd" || k.Place.Unit != "queens" || k.Outcome != "no_action" || k.Title != "Other (complaint details)" || k.Answered.Sub(k.Opened) != time.Hour+51*time.Minute+7*time.Second {
		t.Errorf("case %+v", k)
	}
	for external, row := range c.rows {
		if k := c.find(external); row.Report.Category == "parking.illegal" && !row.Due.IsZero() {
			if clock, _ := k.Clock("answer"); !clock.Due.Equal(row.Due) {
				t.Errorf("%s: due %s, the city says %s", external, clock.Due, row.Due)
			}
		}
	}
}

// stopAfter cancels the import when so many progress reports were made.
func stopAfter(o *importer.Options, windows int) context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	o.Progress = func(importer.Progress) {
		if windows--; windows == 0 {
			cancel()
		}
	}
	return ctx
}

func Test_an_import_that_was_killed_goes_on_and_ends_the_same(t *testing.T) {
	if testing.Short() {
		t.Skip("long: make check runs it without -short, and the race detector has the smaller files")
	}
	file := strings.Replace(data(t, nyc), "\n39573576,", "\nbroken,row\n39573576,", 1)
	whole := newCity(t, dbtest.OpenSQLite(t), "us-nyc-311", "nyc-311")
	var wantRejects bytes.Buffer
	o := whole.options(file)
	o.Rejects = &wantRejects
	want := whole.run(o)
	if want.Rows != 1001 || want.Rejected != 1 {
		t.Fatalf("counts %+v", want)
	}

	c := newCity(t, dbtest.OpenSQLite(t), "us-nyc-311", "nyc-311")
	dir := t.TempDir()
	rejects, err := os.Create(filepath.Join(dir, "rejects.csv"))
	must(t, err)
	defer rejects.Close()
	o = c.options(file)
	o.Window, o.Checkpoint, o.Rejects = 50, filepath.Join(dir, "checkpoint"), rejects
	ctx := stopAfter(&o, 9)
	if _, err := importer.Run(ctx, o); !errors.Is(err, context.Canceled) {
		t.Fatalf("a cancelled import ended with %v", err)
	}
	if _, err := os.Stat(o.Checkpoint); err != nil {
		t.Fatal("no checkpoint was left")
	}
	// What a crash between two writes leaves: rows and rejects beyond the checkpoint.
	must(t, errors.Join(second(rejects.WriteString("half a line")), nil))
	o.Progress = nil
	got, err := importer.Run(t.Context(), o)
	must(t, err)
	if got != want {
		t.Errorf("in two parts %+v, in one %+v", got, want)
	}
	if a, b := c.states(), whole.states(); !equal(a, b) {
		t.Errorf("in two parts %v, in one %v", a, b)
	}
	if raw, err := os.ReadFile(rejects.Name()); err != nil || string(raw) != wantRejects.String() {
		t.Errorf("rejects in two parts:\n%s\nin one:\n%s", raw, wantRejects.String())
	}
	if _, err := os.Stat(o.Checkpoint); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the checkpoint outlived the import")
	}
}

func second[T any](_ T, err error) error { return err }

func Test_rows_stored_beyond_the_checkpoint_are_recognised(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		c := newCity(t, d, "us-boston-311", "boston-311")
		file := small("1", "2", "3", "4", "5", "6")
		o := c.options(file)
		o.Window, o.Checkpoint = 2, filepath.Join(t.TempDir(), "checkpoint")
		ctx := stopAfter(&o, 1)
		_, err := importer.Run(ctx, o)
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		kept, err := os.ReadFile(o.Checkpoint)
		must(t, err)
		o.Progress = nil
		must(t, second(importer.Run(t.Context(), o)))
		must(t, os.WriteFile(o.Checkpoint, kept, 0o600)) // as if the machine had stopped right before the second one
		n := c.run(o)
		if n.Rows != 6 || n.Opened != 2 || n.Again != 4 {
			t.Errorf("counts %+v", n)
		}
		if s := c.states(); s["closed"] != 6 {
			t.Errorf("states %v", s)
		}
	})
}

const head = "case_enquiry_id,open_dt,sla_target_dt,closed_dt,on_time,case_status,closure_reason,case_title,type,department,location,neighborhood,latitude,longitude,source\n"

func small(ids ...string) string {
	var b strings.Builder
	b.WriteString(head)
	for _, id := range ids {
		b.WriteString(line(id))
	}
	return b.String()
}

func line(id string) string {
	return id + ",2018-05-02 06:00:00,,2018-05-03 05:00:00,ONTIME,Closed,Case Closed Case Resolved done,Dead cat,Pick up Dead Animal,PWDx,1 Main St,Dorchester,42.3,-71.1,Twitter\n"
}

func Test_a_row_that_cannot_be_used_is_rejected_with_its_line_and_column(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		c := newCity(t, d, "us-boston-311", "boston-311")
		file := head + line("1") +
			"2,2018-05-02 06:00:00,,\"torn,ONTIME\n" +
			strings.Replace(line("3"), "2018-05-02 06:00:00", "yesterday", 1) +
			strings.Replace(line("4"), "2018-05-03", "2018-05-01", 1) +
			strings.Replace(line("5"), "42.3", "north", 1) +
			strings.Replace(line(""), "Dead", "Nobody", 1) +
			"7,too,few\n" + line("8") + line("1") + strings.Replace(line("9"), "2018-05-03", "2019-07-01", 1)
		var rejects bytes.Buffer
		o := c.options(file)
		o.Rejects = &rejects
		n := c.run(o)
		if n.Rows != 10 || n.Opened+n.Again != 4 || n.Opened != 3 || n.Rejected != 6 || n.Answered != 2 {
			t.Errorf("counts %+v\n%s", n, rejects.String())
		}
		list, err := csv.NewReader(&rejects).ReadAll()
		must(t, err)
		if len(list) != 7 {
			t.Fatalf("rejects %q", list)
		}
		for _, want := range []struct{ line, reason, raw string }{
			{"3", "quotation", "torn"}, {"4", "Column open_dt", "yesterday"}, {"5", "Column closed_dt", "2018-05-01"},
			{"6", "Column latitude", "north"}, {"7", "Column case_enquiry_id", "Nobody"}, {"8", "as many fields", "7,too,few"},
		} {
			found := false
			for _, r := range list {
				found = found || r[0] == want.line && strings.Contains(r[1], want.reason) && strings.Contains(r[2], want.raw)
			}
			if !found {
				t.Errorf("no reject of line %s naming %q with %q in %q", want.line, want.reason, want.raw, list)
			}
		}
		if k := c.find("9"); k.State != "overdue" || !k.Late {
			t.Errorf("what was closed after the day of the import must be open on it: %s", k.State)
		}
	})
}

func Test_a_thousand_rows_of_one_second_are_a_thousand_cases(t *testing.T) {
	c := newCity(t, dbtest.OpenSQLite(t), "us-boston-311", "boston-311")
	var ids []string
	for i := range 1500 {
		ids = append(ids, strconv.Itoa(i))
	}
	if n := c.run(c.options(small(ids...))); n.Opened != 1500 || n.Answered != 1500 {
		t.Errorf("counts %+v", n)
	}
}

func Test_a_checkpoint_of_another_file_is_refused(t *testing.T) {
	c := newCity(t, dbtest.OpenSQLite(t), "us-boston-311", "boston-311")
	o := c.options(small("1", "2", "3"))
	o.Window, o.Checkpoint = 1, filepath.Join(t.TempDir(), "checkpoint")
	if _, err := importer.Run(stopAfter(&o, 1), o); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	other := c.options(small("1", "2", "3", "4"))
	other.Checkpoint = o.Checkpoint
	if _, err := importer.Run(t.Context(), other); err == nil || !strings.Contains(err.Error(), "remove it") {
		t.Errorf("got %v", err)
	}
}

func Test_a_file_without_a_needed_column_is_refused_before_anything_happens(t *testing.T) {
	c := newCity(t, dbtest.OpenSQLite(t), "us-boston-311", "boston-311")
	_, err := importer.Run(t.Context(), c.options(strings.Replace(small("1"), "open_dt", "opened", 1)))
	if err == nil || !strings.Contains(err.Error(), "open_dt") {
		t.Errorf("got %v", err)
	}
	if s := c.states(); len(s) != 0 {
		t.Errorf("states %v", s)
	}
}

func Test_nobody_is_told_about_what_happened_long_ago(t *testing.T) {
	c := newCity(t, dbtest.OpenSQLite(t), "us-boston-311", "boston-311")
	c.run(c.options(small("1")))
	events, err := c.r.Events(t.Context(), c.find("1").ID)
	must(t, err)
	var kinds []string
	for _, e := range events {
		kinds = append(kinds, e.Kind)
		if len(e.Notices) > 0 || e.Recorded.IsZero() || e.By.Actor != "import" {
			t.Errorf("event %+v", e)
		}
	}
	if strings.Join(kinds, " ") != "received answered closed" {
		t.Errorf("kinds %v", kinds)
	}
	if got := events[2].At.In(c.pack.Zone).Format(time.DateTime); got != "2018-05-17 23:59:59" {
		t.Errorf("closed by the clock at %s", got)
	}
}

func Test_attachments_come_with_their_rows_once_and_a_row_without_its_file_waits_for_it(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		c := newCity(t, d, "us-boston-311", "boston-311")
		c.mapping.Columns.Files.Column = "source"
		row := func(id, files string) string { return strings.Replace(line(id), "Twitter", files, 1) }
		lies := map[string]bool{"a.png": true, "b.png": true}
		took := map[string]int{}
		var rejects bytes.Buffer
		options := func() importer.Options {
			o := c.options(head + row("1", "a.png; b.png") + row("2", "c.png") + row("3", ""))
			o.Rejects, o.Reader = &rejects, c.r
			o.Take = func(_ context.Context, name string) (casework.File, error) {
				if !lies[name] {
					return casework.File{}, &casework.Refusal{Rule: "form.invalid", Fields: []form.Problem{{Field: name, Rule: "import.file"}}}
				}
				took[name]++
				return casework.File{SHA256: strings.Repeat(name[:1], 64), Name: name, Kind: "image/png", Size: 7}, nil
			}
			return o
		}
		n := c.run(options())
		if n.Opened != 2 || n.Rejected != 1 || !strings.Contains(rejects.String(), "3,c.png: There is no such file") {
			t.Errorf("counts %+v\n%s", n, rejects.String())
		}
		files := func(id string) (out []string) {
			k, err := c.r.ByCode(t.Context(), c.cases[id])
			must(t, err)
			opened, events := c.made.Opened(t, k.ID)
			for _, f := range opened.Files {
				out = append(out, f.Name)
			}
			if len(out) > 0 && !events[1].At.Equal(events[0].At) {
				t.Errorf("row %s has its files at %s, and was opened at %s", id, events[1].At, events[0].At)
			}
			return out
		}
		if got := strings.Join(files("1"), " "); got != "a.png b.png" || len(files("3")) != 0 {
			t.Errorf("row 1 has %q", got)
		}
		lies["c.png"] = true
		if n = c.run(options()); n.Opened != 1 || n.Again != 2 || n.Rejected != 0 || took["a.png"] != 1 || took["c.png"] != 1 {
			t.Errorf("again: %+v, took %v", n, took)
		}
		if got := strings.Join(files("2"), " "); got != "c.png" {
			t.Errorf("row 2 has %q", got)
		}
		if s := c.states(); s["closed"] != 3 {
			t.Errorf("states %v", s)
		}

		// What was imported before without its files gets them, although it has gone on.
		late := c.options(head + row("4", "a.png"))
		c.run(late)
		with := options()
		with.File, with.Size = late.File, late.Size
		with.File = strings.NewReader(head + row("4", "a.png"))
		if n = c.run(with); n.Again != 1 || n.Rejected != 0 {
			t.Errorf("late: %+v", n)
		}
		k, err := c.r.ByCode(t.Context(), c.cases["4"])
		must(t, err)
		if len(k.Files) != 1 || k.State != "closed" {
			t.Errorf("row 4 has %v and is %s", k.Files, k.State)
		}
	})
}
