package main

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"comity/internal/account"
	"comity/internal/authz"
	"comity/internal/db"
	"comity/internal/intake"
	"comity/internal/ledger"
	"comity/internal/text"
)

// said runs the program as a person would and returns what it says.
func said(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errs bytes.Buffer
	err = run(t.Context(), args, &out, &errs)
	return out.String(), errs.String(), err
}

func Test_a_wrong_call_is_a_usage_error_that_names_the_way_out(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"an unknown command":       {[]string{"serv"}, "comity help"},
		"pack without check":       {[]string{"pack", "packs/demo"}, "comity pack check DIR"},
		"pack simulate of nothing": {[]string{"pack", "simulate", "packs/demo"}, "name a pack and a scenario"},
		"more of an unclear role":  {[]string{"pack", "simulate", "--add", "clerk"}, "clerk@guiyuan=2"},
		"pack check of nothing":    {[]string{"pack", "check"}, "name one folder"},
		"pack diff of nothing":     {[]string{"pack", "diff"}, "name one folder, or two"},
		"pack diff without a base": {[]string{"pack", "diff", "../../packs/us-nyc-311"}, "comity pack diff OLD"},
		"a schema of nothing":      {[]string{"pack", "schema", "poem"}, "known are pack, units"},
		"user without add":         {[]string{"user"}, "comity user add"},
		"user without a unit":      {[]string{"user", "add", "--login", "li"}, "--unit"},
		"token without create":     {[]string{"token"}, "comity token create"},
		"a token for no days":      {[]string{"token", "create", "--login", "li", "--name", "x", "--days", "0"}, "--days"},
		"verify without a pack":    {[]string{"verify", "--data", t.TempDir()}, "--pack"},
		"serve of a pack not here": {[]string{"serve", "--pack", "atlantis", "--data", t.TempDir()}, "atlantis"},
		"a flag nobody knows":      {[]string{"verify", "--loud"}, "loud"},
		"erase without a ground":   {[]string{"erase", "SR-26-000001"}, "--ground"},
		"erase all with a ground":  {[]string{"erase", "--due", "--ground", "request"}, "--due"},
		"hold without an end":      {[]string{"hold", "SR-26-000001", "--order", "x"}, "--until"},
		"keys of no verb":          {[]string{"keys"}, "comity keys status"},
		"a move to nowhere":        {[]string{"move", "--pack", "demo"}, "--to postgres://"},
		"a backup to nowhere":      {[]string{"backup"}, "--to DIR"},
		"a restore of nothing":     {[]string{"restore"}, "--from DIR"},
		"keys of another moment":   {[]string{"restore", "keys", "--from", t.TempDir(), "--at", "2026-03-02T09:10:00Z"}, "--at"},
		"a demo of no cases":       {[]string{"demo", "--cases", "0"}, "--cases 0"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := said(t, c.args...)
			var usage *usageError
			if !errors.As(err, &usage) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want a usage error with %q", err, c.want)
			}
		})
	}
}

func Test_help_lists_every_command_and_every_command_has_help(t *testing.T) {
	for _, args := range [][]string{nil, {"help"}, {"-h"}, {"--help"}} {
		out, _, err := said(t, args...)
		for _, c := range commands() {
			if err != nil || !strings.Contains(out, c.name) || !strings.Contains(out, c.line) {
				t.Errorf("%v does not tell of %s: %v", args, c.name, err)
			}
		}
	}
	for _, args := range [][]string{{"serve"}, {"demo"}, {"verify"}, {"pack", "check"}, {"pack", "diff"}, {"pack", "schema"}, {"pack", "docs"}, {"pack", "simulate"}, {"user", "add"}, {"token", "create"}, {"import", "requests"}, {"story"},
		{"erase"}, {"hold"}, {"keys", "status"}, {"backup"}, {"backup", "keys"}, {"restore"}, {"move"}} {
		_, errs, err := said(t, append(args, "--help")...)
		if !errors.Is(err, flag.ErrHelp) || !strings.Contains(errs, "Examples:") {
			t.Errorf("%v --help says %q, %v", args, errs, err)
		}
	}
}

func Test_version_says_one_line(t *testing.T) {
	out, _, err := said(t, "version")
	if err != nil || !regexp.MustCompile(`^comity \S+\n$`).MatchString(out) {
		t.Errorf("got %q, %v", out, err)
	}
}

func Test_a_sound_pack_is_praised_in_both_languages(t *testing.T) {
	t.Parallel()
	for lang, want := range map[string]string{
		"en":    `^demo \S+ is sound: [1-9][0-9]* procedures, (.*\n)*  Service request: .* all [1-9][0-9]{2,} situations`,
		"zh-CN": `^demo \S+ 没有问题：[1-9][0-9]* 个程序，(.*\n)*  服务诉求：.* [1-9][0-9]{2,} 种情形`,
	} {
		out, errs, err := said(t, "pack", "check", "--lang", lang, "../../packs/demo")
		if err != nil || !regexp.MustCompile(want).MatchString(out) || strings.ContainsAny(out, "⟦{") || errs != "" {
			t.Errorf("%s: %q, %q, %v", lang, out, errs, err)
		}
	}
}

// brokenPack is a copy of a pack; each edit puts its second text before its first, in one file.
func brokenPack(t *testing.T, pack, file string, edits ...[2]string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../../packs/"+pack)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, filepath.FromSlash(file))
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range edits {
		if !bytes.Contains(src, []byte(e[0])) {
			t.Fatalf("%s: the passage to break is not there: %q", file, e[0])
		}
		src = bytes.Replace(src, []byte(e[0]), []byte(e[1]+e[0]), 1)
	}
	if err := os.WriteFile(path, src, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func Test_a_pack_that_loses_cases_is_refused_with_the_story_of_one(t *testing.T) {
	const file = "procedures/311.yaml" // few situations, so that it is searched in a moment
	dir := brokenPack(t, "us-boston-311", file,
		[2]string{"  - id: closed\n    phase: closed\n", "  - {id: limbo, phase: assigned, owner: holder, name: {zh-CN: 悬置, en: Limbo}, now: {zh-CN: 没有进展。, en: Nothing moves.}}\n"},
		[2]string{"  - id: assign\n", "  - {id: park, event: parked, from: [assigned], to: limbo, by: [officer], name: {zh-CN: 搁下, en: Park}, past: {zh-CN: 已搁下, en: Parked}}\n"})
	for lang, want := range map[string][]string{"en": {"does not load", "Limbo", "Park"}, "zh-CN": {"不能加载", "悬置", "搁下"}} {
		out, _, err := said(t, "pack", "check", "--lang", lang, dir)
		var usage *usageError
		if err == nil || errors.As(err, &usage) {
			t.Errorf("%s: got %v, want a refusal that is no usage error", lang, err)
		}
		if !regexp.MustCompile(`(?m)^`+file+`:[1-9][0-9]*:[1-9][0-9]*: `).MatchString(out) || !strings.Contains(out, "\n  1. ") || strings.ContainsAny(out, "⟦{") {
			t.Errorf("%s: no file, line and story in\n%s", lang, out)
		}
		for _, w := range want {
			if !strings.Contains(out, w) {
				t.Errorf("%s: %q is missing in\n%s", lang, w, out)
			}
		}
	}
}

func Test_a_slip_in_a_pack_is_named_by_file_and_line(t *testing.T) {
	dir := brokenPack(t, "demo", "areas.yaml", [2]string{"  - {unit: linjiang,", "  - {unit: atlantis, ring: [[1, 1], [2, 1], [2, 2]]}\n"})
	out, _, err := said(t, "pack", "check", "--lang", "en", dir)
	if err == nil || !regexp.MustCompile(`(?m)^areas.yaml:[1-9][0-9]*:[1-9][0-9]*: .*"atlantis"`).MatchString(out) {
		t.Errorf("got %v and\n%s", err, out)
	}
}

// typed puts words on standard input, as a person or a pipe does.
func typed(t *testing.T, words string) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.WriteString(words); err != nil { // short enough for the pipe to hold
		t.Fatal(err)
	}
	w.Close()
	before := os.Stdin
	os.Stdin = r
	t.Cleanup(func() { os.Stdin = before; r.Close() })
}

func Test_a_person_is_added_and_gets_a_token_and_the_folder_verifies(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	folder := []string{"--pack", "demo", "--data", data}
	person := func(login, unit, roles string) []string {
		return append([]string{"user", "add", "--login", login, "--name-zh", "周航", "--unit", unit, "--roles", roles}, folder...)
	}
	typed(t, "correct horse battery\nnot this line\n")
	out, errs, err := said(t, person("zhou.hang", "guiyuan", "clerk, officer")...)
	if err != nil || strings.TrimSpace(out) == "" || strings.Contains(out+errs, "horse") {
		t.Fatalf("got %q, %q, %v", out, errs, err)
	}
	typed(t, "another password\n")
	if _, _, err := said(t, person("zhou.hang", "guiyuan", "clerk")...); !errors.Is(err, account.ErrTaken) {
		t.Errorf("a login given twice: %v", err)
	}
	for name, c := range map[string]struct {
		args []string
		in   string
		want string
	}{
		"a unit that is not there": {person("li", "atlantis", "clerk"), "long enough\n", "atlantis"},
		"a role the unit has not":  {person("li", "guiyuan-ganyuan", "head"), "long enough\n", "clerk, officer"},
		"a role of the kernel":     {person("li", "guiyuan", "system"), "long enough\n", `"system"`},
		"no password":              {person("li", "guiyuan", "clerk"), "", "no password"},
	} {
		typed(t, c.in)
		_, _, err := said(t, c.args...)
		var usage *usageError
		if !errors.As(err, &usage) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	token, _, err := said(t, append([]string{"token", "create", "--login", "zhou.hang", "--name", "intake", "--days", "2"}, folder...)...)
	if err != nil || len(strings.TrimSpace(token)) < 20 {
		t.Fatalf("got %q, %v", token, err)
	}
	if _, _, err := said(t, append([]string{"token", "create", "--login", "nobody", "--name", "x"}, folder...)...); err == nil || !strings.Contains(err.Error(), "--login nobody") {
		t.Errorf("a token for nobody: %v", err)
	}
	ref := withCase(t, data, func(c *city) {
		who, err := c.accounts.Token(t.Context(), strings.TrimSpace(token))
		if err != nil || who.Login != "zhou.hang" || len(who.Grants) != 2 {
			t.Errorf("the token is %+v, %v", who, err)
		}
		if _, _, err := c.accounts.SignIn(t.Context(), "zhou.hang", "correct horse battery"); err != nil {
			t.Errorf("the password that was typed: %v", err)
		}
	})
	if out, _, err := said(t, append([]string{"verify"}, folder...)...); err != nil || !strings.Contains(out, "civic: 1 cases, 1 events, 0 looks") || strings.Count(out, "; 0 wrong") != 6 || strings.Count(out, ": 0 (expected 0)") != 6*len(ledger.Invariants) {
		t.Errorf("verify says %q, %v", out, err)
	}
	withCase(t, data, func(c *city) {
		err := c.db.Transact(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), `UPDATE cases SET doc = REPLACE(doc, '"guiyuan-ganyuan"', '"guiyuan"') WHERE ref = ?1`, ref)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
	out, _, err = said(t, append([]string{"verify"}, folder...)...)
	if err == nil || !strings.Contains(out, ref) || !strings.Contains(out, "; 1 wrong") || !strings.Contains(out, "civic: case "+ref) {
		t.Errorf("a case that was changed by hand: %q, %v", out, err)
	}
}

func Test_verify_counts_what_breaks_an_invariant_and_the_server_looks_at_night(t *testing.T) {
	data := t.TempDir()
	folder := []string{"--pack", "demo", "--data", data}
	ref := withCase(t, data, func(c *city) {
		if err := c.surveyIfDue(t.Context()); err != nil {
			t.Fatal(err)
		}
		if kept, err := c.reader.Findings(t.Context()); err != nil || len(kept) != len(ledger.Invariants) {
			t.Errorf("the first start keeps %v, %v", kept, err)
		}
	})
	withCase(t, data, func(c *city) {
		err := c.db.Transact(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), `DELETE FROM timers WHERE n = (SELECT n FROM cases WHERE ref = ?1) AND clock = 'answer'`, ref)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.surveyIfDue(t.Context()); err != nil { // the night has been looked at
			t.Fatal(err)
		}
		if kept, _ := c.reader.Findings(t.Context()); slices.ContainsFunc(kept, func(f ledger.Finding) bool { return f.Count > 0 }) {
			t.Error("a second look was taken in one night")
		}
		c.clock.Advance(25 * time.Hour)
		if err := c.surveyIfDue(t.Context()); err != nil {
			t.Fatal(err)
		}
		if kept, _ := c.reader.Findings(t.Context()); !slices.ContainsFunc(kept, func(f ledger.Finding) bool { return f.Name == ledger.ClockWithoutTimer && f.Count == 1 }) {
			t.Errorf("the next night found %v", kept)
		}
	})
	out, _, err := said(t, append([]string{"verify", "--invariants-only"}, folder...)...)
	if err == nil || strings.Contains(out, "verified") || !strings.Contains(out, "clock_without_timer: 1 (expected 0)\n    "+ref) {
		t.Errorf("verify says %q, %v", out, err)
	}
	if out, _, err := said(t, append([]string{"verify", "--lang", "zh-CN"}, folder...)...); err == nil || !strings.Contains(out, "应为 0") {
		t.Errorf("verify in Chinese says %q, %v", out, err)
	}
}

func Test_the_last_night_is_the_one_that_has_passed(t *testing.T) {
	zone := time.FixedZone("+8", 8*3600)
	for now, want := range map[string]string{"2026-03-02 02:59": "2026-03-01 03:00", "2026-03-02 03:00": "2026-03-02 03:00", "2026-03-02 23:00": "2026-03-02 03:00"} {
		at, err := time.ParseInLocation("2006-01-02 15:04", now, zone)
		if err != nil {
			t.Fatal(err)
		}
		if got := lastNight(at).Format("2006-01-02 15:04"); got != want {
			t.Errorf("at %s the last night is %s, want %s", now, got, want)
		}
	}
}

func Test_a_long_walk_tells_its_rate_and_the_time_left(t *testing.T) {
	base, err := text.Base()
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	tell := meterOf(&out, base.In("en"), "cli.verify.cases.progress", 1000, 0, "", "\n")
	tell(250)
	if got := out.String(); !strings.HasPrefix(got, "Verifying: 250 of 1000 cases, ") || !strings.Contains(got, "a second, about ") {
		t.Errorf("told %q", got)
	}
}

// withCase opens the folder as the server does, does something, files a report and returns its number.
func withCase(t *testing.T, data string, do func(c *city)) string {
	t.Helper()
	fsys, err := packFS("demo")
	if err != nil {
		t.Fatal(err)
	}
	c, err := openCity(t.Context(), cityConfig{Data: data, Pack: fsys, Clock: &clock{}, Hashing: account.Cheap()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	do(c)
	cmd, err := intake.Command(c.packs.Current(), intake.Report{Category: "road.pavement", Text: "A tile is loose.", Unit: "guiyuan-ganyuan", Source: "web"})
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.ledger.Do(t.Context(), authz.Reporter(), cmd)
	if err != nil {
		t.Fatal(err)
	}
	return string(r.Ref)
}
