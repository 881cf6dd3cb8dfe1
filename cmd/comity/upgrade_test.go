package main

import (
	"io/fs"
	"testing"
	"testing/fstest"

	"comity/internal/account"
	"comity/internal/authz"
	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/intake"
	"comity/internal/ledger"
	"comity/internal/procedure"
	"comity/packs"
)

// renamed is the demonstration pack, and with a word the same pack under another digest.
func renamed(t *testing.T, word string) fs.FS {
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
		if name == "categories.yaml" {
			raw = append(raw, []byte(word)...)
		}
		out[name] = &fstest.MapFile{Data: raw}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func Test_an_older_city_starts_with_a_newer_pack_and_its_cases_are_found_again(t *testing.T) {
	dbtest.EachAddress(t, func(t *testing.T, address func() string) {
		databases := map[string]string{}
		for _, name := range procedure.AllCompartments {
			databases[name] = address()
		}
		data := t.TempDir()
		open := func(pack fs.FS) *city {
			t.Helper()
			at := &clock{}
			at.Fix(dbtest.Start)
			c, err := openCity(t.Context(), cityConfig{DBs: databases, Data: data, Pack: pack, Clock: at, Hashing: account.Cheap()})
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		c := open(renamed(t, ""))
		cmd, err := intake.Command(c.packs.Current(), intake.Report{Category: "road.pavement", Text: "A loose tile before the teahouse.", Unit: "guiyuan-ganyuan", Source: "web"})
		if err != nil {
			t.Fatal(err)
		}
		r, err := c.ledger.Do(t.Context(), authz.Reporter(), cmd)
		if err != nil {
			t.Fatal(err)
		}
		// As an older version left it: every case waits to be indexed.
		err = c.db.Transact(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), `INSERT INTO words_missing (n) SELECT n FROM cases`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		c = open(renamed(t, "\n# a newer version\n"))
		defer c.Close()
		page, err := c.reader.Worklist(t.Context(), authz.Machine().Scope(), ledger.Filter{Words: []ledger.Word{{Text: "teahouse"}}, Both: true})
		if err != nil || len(page.Items) != 1 || page.Items[0].Ref != r.Ref {
			t.Errorf("found %+v, %v", page.Items, err)
		}
	})
}
