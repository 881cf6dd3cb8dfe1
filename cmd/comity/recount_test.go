package main

import (
	"io/fs"
	"log/slog"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"comity/internal/account"
	"comity/internal/authz"
	"comity/internal/intake"
	"comity/packs"
)

// demoWith is the demonstration pack with lines of its calendar changed.
func demoWith(t *testing.T, changes ...string) fs.FS {
	t.Helper()
	sub, err := fs.Sub(packs.FS, "demo")
	if err != nil {
		t.Fatal(err)
	}
	out := fstest.MapFS{}
	err = fs.WalkDir(sub, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		raw, err := fs.ReadFile(sub, name)
		text := string(raw)
		if name == "calendars/linjiang.yaml" {
			text = strings.NewReplacer(changes...).Replace(text)
		}
		out[name] = &fstest.MapFile{Data: []byte(text)}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func Test_a_city_counts_open_dates_again_after_it_starts_with_a_new_calendar(t *testing.T) {
	t.Parallel()
	monday := time.Date(2026, 3, 2, 2, 0, 0, 0, time.UTC)
	data := t.TempDir()
	var lines strings.Builder
	open := func(changes ...string) (*city, error) {
		at := &clock{}
		at.Fix(monday)
		return openCity(t.Context(), cityConfig{Data: data, Pack: demoWith(t, changes...), Clock: at, Hashing: account.Cheap(), Log: slog.New(slog.NewTextHandler(&lines, nil))})
	}
	c, err := open()
	if err != nil {
		t.Fatal(err)
	}
	cmd, err := intake.Command(c.packs.Current(), intake.Report{Category: "road.pavement", Text: "A loose tile.", Unit: "guiyuan-ganyuan", Source: "web"})
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.ledger.Do(t.Context(), authz.Reporter(), cmd)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := c.Recount(t.Context()); n != 0 || err != nil {
		t.Errorf("without a new calendar %d cases were counted again, %v", n, err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}

	holiday := []string{"days_off:\n", "days_off:\n  - {from: 2026-03-04, to: 2026-03-05, name: {zh-CN: 停工, en: closed}}\n"}
	if c, err := open(holiday...); err == nil || !strings.Contains(err.Error(), `still called version "2026.1"`) {
		t.Errorf("a calendar changed under its old version gave %v", err)
		if err == nil {
			c.Close()
		}
	}
	c, err = open(append(holiday, `version: "2026.1"`, `version: "2026.2"`)...)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	lines.Reset()
	c.recountAndTell(t.Context())
	c.recountAndTell(t.Context())
	k, err := c.reader.ByCode(t.Context(), r.Code)
	if err != nil {
		t.Fatal(err)
	}
	due, _ := k.Clock("answer")
	// Counted by hand: Tue 3, Fri 6, Mon 9, Tue 10, Wed 11.
	if got := due.Due.In(c.packs.Current().Zone).Format(time.DateOnly); got != "2026-03-11" {
		t.Errorf("due %s, want 2026-03-11", got)
	}
	if strings.Count(lines.String(), "\n") != 1 || !strings.Contains(lines.String(), "cases=1") {
		t.Errorf("the log says:\n%s", &lines)
	}
}
