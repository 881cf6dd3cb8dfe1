package db_test

import (
	"context"
	"strings"
	"testing"
	"testing/fstest"

	"comity/internal/db"
	"comity/internal/db/dbtest"
)

// set makes migrations from name, text pairs.
func set(pairs ...string) fstest.MapFS {
	m := fstest.MapFS{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
	}
	return m
}

const petTable = `-- pets; 'INTEGER' in a comment or literal stays
CREATE TABLE pets (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	name TEXT NOT NULL UNIQUE,
	kind TEXT NOT NULL DEFAULT 'INTEGER',
	photo BLOB,
	weight REAL,
	alive INTEGER NOT NULL DEFAULT 1 CHECK (alive IN (0,1))
) STRICT;
CREATE TABLE owners (pet INTEGER NOT NULL REFERENCES pets (id), owner TEXT NOT NULL, PRIMARY KEY (pet, owner)) STRICT, WITHOUT ROWID;
CREATE INDEX pets_kind ON pets (kind) WHERE alive = 1;`

func migrateErr(t *testing.T, d *db.DB, fsys fstest.MapFS, wants ...string) {
	t.Helper()
	err := d.Migrate(context.Background(), "pets", fsys)
	if err == nil {
		t.Fatal("the migration was accepted")
	}
	for _, want := range wants {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not say %q", err, want)
		}
	}
}

func mustMigrate(t *testing.T, d *db.DB, fsys fstest.MapFS) {
	t.Helper()
	if err := d.Migrate(context.Background(), "pets", fsys); err != nil {
		t.Fatal(err)
	}
}

func TestMigrations(t *testing.T) {
	one := set("0001_pets.sql", petTable)
	two := set("0001_pets.sql", petTable, "0002_more.sql", "ALTER TABLE pets ADD COLUMN chip TEXT;")
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Run("applied twice they change nothing", func(t *testing.T) {
			mustMigrate(t, d, one)
			mustMigrate(t, d, one)
		})
		t.Run("a second set is independent", func(t *testing.T) {
			if err := d.Migrate(context.Background(), "other", set("0001_x.sql", "CREATE TABLE other_x (a TEXT) STRICT;")); err != nil {
				t.Fatal(err)
			}
		})
		t.Run("a changed file is named", func(t *testing.T) {
			migrateErr(t, d, set("0001_pets.sql", petTable+" "), "0001_pets.sql", "changed")
		})
		t.Run("a failing file leaves nothing of its batch", func(t *testing.T) {
			migrateErr(t, d, set("0001_pets.sql", petTable, "0002_more.sql", "ALTER TABLE pets ADD COLUMN chip TEXT;",
				"0003_bad.sql", "CREATE TABLE half (a TEXT) STRICT; CREATE NONSENSE;"), "0003_bad.sql")
			mustMigrate(t, d, two)
		})
		t.Run("a newer database is refused", func(t *testing.T) {
			migrateErr(t, d, one, "0002_more.sql", "newer version")
		})
		t.Run("a number slipped in behind is refused", func(t *testing.T) {
			mustMigrate(t, d, set("0001_pets.sql", petTable, "0002_more.sql", "ALTER TABLE pets ADD COLUMN chip TEXT;", "0005_v.sql", "CREATE TABLE v (a TEXT) STRICT;"))
			migrateErr(t, d, set("0001_pets.sql", petTable, "0002_more.sql", "ALTER TABLE pets ADD COLUMN chip TEXT;", "0005_v.sql", "CREATE TABLE v (a TEXT) STRICT;",
				"0004_u.sql", "CREATE TABLE u (a TEXT) STRICT;"), "0004_u.sql", "0005")
		})
		t.Run("names are checked", func(t *testing.T) {
			migrateErr(t, d, set("1_pets.sql", petTable), "1_pets.sql", "NNNN_name.sql")
			migrateErr(t, d, set("0001_pets.sql", petTable, "0001_cats.sql", petTable), "number 0001")
		})
	})
}

func TestAn_engine_may_have_its_own_text(t *testing.T) {
	fsys := set("0001_e.sql", "CREATE NONSENSE;",
		"0001_e.sqlite.sql", "CREATE TABLE e (name TEXT) STRICT; INSERT INTO e (name) VALUES ('sqlite');",
		"0001_e.postgres.sql", "CREATE TABLE e (name TEXT); INSERT INTO e (name) VALUES ('postgres');")
	ctx := context.Background()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		mustMigrate(t, d, fsys)
		err := d.View(ctx, func(tx *db.Tx) error {
			name, err := db.One(ctx, tx, `SELECT name FROM e`, nil, text)
			if name != string(d.Engine()) {
				t.Errorf("the text for %q was applied", name)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func text(row db.Scanner) (s string, err error) { err = row.Scan(&s); return s, err }

func number(row db.Scanner) (n int64, err error) { err = row.Scan(&n); return n, err }
