package main

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"comity/internal/account"
	"comity/internal/authz"
	"comity/internal/ledger"
	"comity/internal/load"
	"comity/internal/procedure"
	"comity/internal/text"
)

// Each file of testdata/cities is a small city as an earlier version of the program left it, with its keys; scripts/keep-city.sh
// makes one at each release. None is ever made anew: what a version wrote is what this one has to read.
func Test_a_city_that_an_earlier_version_left_is_upgraded_and_goes_on(t *testing.T) {
	t.Parallel()
	list, err := filepath.Glob("testdata/cities/*.tar.gz")
	if err != nil || len(list) == 0 {
		t.Fatalf("no cities are kept: %v", err)
	}
	for _, file := range list {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			left := unpack(t, file, dir)
			fsys, err := packFS("demo")
			if err != nil {
				t.Fatal(err)
			}
			cfg := cityConfig{Data: filepath.Join(dir, "city"), Keys: filepath.Join(dir, "city.keys"), Pack: fsys, Clock: &clock{}, Hashing: account.Cheap()}
			cfg.Clock.Fix(left.AddDate(0, 0, 1)) // the same day for ever, so that no term runs out as the years go by
			if strings.Contains(file, ".postgres.") {
				to, admin := newCityDatabases(t)
				for _, name := range procedure.AllCompartments {
					raw, err := os.ReadFile(filepath.Join(dir, name+".sql"))
					if errors.Is(err, fs.ErrNotExist) && name != procedure.Civic {
						continue // a compartment that version did not know: its database is new
					}
					if err != nil {
						t.Fatal(err)
					}
					admin(name, string(raw))
				}
				cfg.DB = to
			}
			var card demoCard
			raw, err := os.ReadFile(filepath.Join(cfg.Data, cardFile))
			if err == nil {
				err = json.Unmarshal(raw, &card)
			}
			if err != nil {
				t.Fatal(err)
			}
			cases := upgraded(t, cfg, card)
			if cases < 80 {
				t.Errorf("%d cases came along", cases)
			}
			if again := upgraded(t, cfg, card); again < cases+goesOn {
				t.Errorf("%d cases, %d more were opened, and there are %d", cases, goesOn, again)
			}
		})
	}
}

// goesOn is how many cases an upgraded city opens.
const goesOn = 6

// upgraded starts a city, looks at it as its people do, opens some more cases, and verifies all of it. It returns how many cases
// there were.
func upgraded(t *testing.T, cfg cityConfig, card demoCard) int {
	t.Helper()
	c, err := openCity(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}()
	cases, err := c.reader.Total(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w := &walker{t: t, c: c, card: card, log: &syncBuffer{}, samples: map[string][]string{}}
	w.h, w.patterns = joined(c, surfaceOptions{demo: &card})
	for state, code := range card.Codes {
		if a := w.get("/f/"+code, nobody); a.status != http.StatusOK || !strings.Contains(a.body, card.Refs[state]) {
			t.Errorf("who follows the case that is %s gets %d", state, a.status)
		}
	}
	w.signIn("clerk")
	if a := w.get("/desk/cases", officer); a.status != http.StatusOK || !strings.Contains(a.body, `id="rows"`) {
		t.Errorf("the list is answered %d", a.status)
	}
	page, err := c.reader.Worklist(t.Context(), authz.Machine().Scope(), ledger.Filter{Unit: "guiyuan", Limit: 1})
	if err != nil || len(page.Items) != 1 {
		t.Fatalf("%d items, %v", len(page.Items), err)
	}
	ref := string(page.Items[0].Ref)
	if a := w.get("/desk/cases?q="+url.QueryEscape(ref), officer); !strings.Contains(a.body, "/desk/cases/"+ref) {
		t.Errorf("%s is not found: %d", ref, a.status)
	}
	if _, err := load.Changes(t.Context(), roomsOf(c), 2, goesOn); err != nil {
		t.Errorf("no case can be opened and accepted: %v", err)
	}
	words, err := text.Base()
	if err != nil {
		t.Fatal(err)
	}
	var told strings.Builder
	if _, wrong, err := c.verify(t.Context(), &told, words.In("en"), func(string, int) func(int) { return func(int) {} }); err != nil || wrong > 0 {
		t.Errorf("%d differences, %v:\n%s", wrong, err, told.String())
	}
	for _, r := range c.all() {
		found, err := c.surveyOf(t.Context(), r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if broken := printFindings(&told, words.In("en"), r.compartment, found); broken > 0 {
			t.Errorf("%d invariants are broken:\n%s", broken, told.String())
		}
	}
	return cases
}

// unpack lays the files of an archive into a folder, and returns when the last of them was written.
func unpack(t *testing.T, file, into string) (last time.Time) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(into)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return last
		}
		var raw []byte
		switch {
		case err != nil:
		case h.Typeflag == tar.TypeDir:
			err = root.MkdirAll(strings.TrimSuffix(h.Name, "/"), 0o700)
		default:
			if h.ModTime.After(last) {
				last = h.ModTime
			}
			if raw, err = io.ReadAll(r); err == nil {
				err = root.WriteFile(h.Name, raw, 0o600)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
