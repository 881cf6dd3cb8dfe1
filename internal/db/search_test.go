package db_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"comity/internal/db"
	"comity/internal/db/dbtest"
)

func TestBigrams(t *testing.T) {
	for in, want := range map[string]string{
		"":                   "",
		"丁":                  "丁",
		"丁王台路灯":              "丁王 王台 台路 路灯 灯",
		"Street LAMP, No.12": "street lamp no 12",
		"５号楼Ａ座":              "5 号楼 楼 a 座",
		"路灯。坏了":              "路灯 灯 坏了 了",
		"姓𠮷":                 "姓𠮷 𠮷",
		"カタカナ":               "カタ タカ カナ ナ",
		"'; DROP-\"x*":       "drop x",
	} {
		if got := strings.Join(db.Bigrams(in), " "); got != want {
			t.Errorf("%q gives %q, want %q", in, got, want)
		}
	}
}

func TestQueryPhrases(t *testing.T) {
	for in, want := range map[string]string{
		"灯":         "灯*",
		"路灯":        "路灯",
		"王台路 lamp":  "王台_台路 lamp*",
		"no 灯 \" *": "no 灯*",
		"- ! '":     "",
	} {
		var got []string
		for _, p := range db.QueryPhrases(in) {
			s := strings.Join(p.Tokens, "_")
			if p.Prefix {
				s += "*"
			}
			got = append(got, s)
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%q gives %q, want %q", in, s, want)
		}
	}
}

// indexed fills a search table with texts; the id of a text is its place plus one.
func indexed(t *testing.T, d *db.DB, texts []string) db.SearchTable {
	t.Helper()
	table := db.SearchTable("case_text")
	transact(t, d, func(tx *db.Tx) error {
		if err := table.Create(tx.Context(), tx); err != nil {
			return err
		}
		for i, s := range texts {
			if err := table.IndexText(tx.Context(), tx, int64(i+1), s); err != nil {
				return err
			}
		}
		return nil
	})
	return table
}

func match(t *testing.T, d *db.DB, table db.SearchTable, typed string, before int64, limit int) (ids []int64) {
	t.Helper()
	ctx := context.Background()
	err := d.View(ctx, func(tx *db.Tx) (err error) {
		ids, err = table.Match(ctx, tx, typed, before, limit)
		return err
	})
	if err != nil {
		t.Fatalf("%q: %v", typed, err)
	}
	return ids
}

func TestSearch_finds_what_was_typed(t *testing.T) {
	texts := []string{"丁王台街道路灯坏了", "The street lamps are broken", "路边的灯，王小明报告", "王小红和李小明", "Lamp post 12号"}
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		table := indexed(t, d, texts)
		for typed, want := range map[string]string{
			"路灯": "[1]", "灯": "[3 1]", "了": "[1]", "王小明": "[3]", "小明": "[4 3]", "lamp": "[5 2]", "LAMPS": "[2]",
			"lamp 12": "[5]", "amp": "[]", "路灯 lamp": "[]", "１２号": "[5]", `"*' OR`: "[]", "…": "[]", "": "[]",
		} {
			if got := fmt.Sprint(match(t, d, table, typed, 0, 20)); got != want {
				t.Errorf("%q finds %s, want %s", typed, got, want)
			}
		}
		if got := fmt.Sprint(match(t, d, table, "小明", 4, 20), match(t, d, table, "小明", 0, 1)); got != "[3] [4]" {
			t.Errorf("pages are %s", got)
		}
		transact(t, d, func(tx *db.Tx) error {
			if err := table.IndexText(tx.Context(), tx, 1, "井盖丢失"); err != nil {
				return err
			}
			return table.RemoveText(tx.Context(), tx, 4)
		})
		if got := fmt.Sprint(match(t, d, table, "路灯", 0, 20), match(t, d, table, "井盖", 0, 20), match(t, d, table, "小明", 0, 20)); got != "[] [1] [3]" {
			t.Errorf("after the changes: %s", got)
		}
	})
}

// Every part of a Chinese text of one to four characters, and every English word
// or its beginning of three letters, must find exactly the texts that hold it.
func TestSearch_recall_is_complete(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	chars := []rune("王台路灯坏了街道小区水管漏报修井盖丢失噪声")
	words := []string{"lamp", "street", "water", "noise", "pipe", "broken", "lampost"}
	texts := make([]string, 150)
	for i := range texts {
		var b strings.Builder
		for range 20 + random.IntN(30) {
			b.WriteRune(chars[random.IntN(len(chars))])
		}
		b.WriteString("，" + words[random.IntN(len(words))] + " " + words[random.IntN(len(words))])
		texts[i] = b.String()
	}
	queries := []string{"lam", "lamp", "street", "water", "noi", "pipe", "broken"}
	for range 150 {
		run := []rune(strings.Split(texts[random.IntN(len(texts))], "，")[0])
		at, n := random.IntN(len(run)-4), 1+random.IntN(4)
		queries = append(queries, string(run[at:at+n]))
	}
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		table := indexed(t, d, texts)
		for _, q := range queries {
			var want []int64
			for i, s := range slices.Backward(texts) {
				if strings.Contains(s, q) {
					want = append(want, int64(i+1))
				}
			}
			if got := match(t, d, table, q, 0, 1000); !slices.Equal(got, want) {
				t.Errorf("%q finds %v, want %v", q, got, want)
			}
		}
	})
}

func TestSearch_joins_with_a_scope(t *testing.T) {
	ctx := context.Background()
	eachPets(t, func(t *testing.T, d *db.DB) {
		table := indexed(t, d, []string{"黑猫", "白猫", "黑狗"})
		transact(t, d, func(tx *db.Tx) error {
			for i, kind := range []string{"cat", "cat", "dog"} {
				if _, err := tx.Exec(ctx, `INSERT INTO pets (id, name, kind) VALUES (?1, ?2, ?3)`, i+1, fmt.Sprint("p", i+1), kind); err != nil {
					return err
				}
			}
			query, ok := tx.MatchQuery("黑")
			got, err := db.All(ctx, tx, `WITH `+table.MatchText(tx, "?1", true)+` SELECT p.name FROM m JOIN pets p ON p.id = m.id
				WHERE p.kind = ?2 ORDER BY m.id DESC LIMIT 20`, []any{query, "cat"}, text)
			if !ok || !slices.Equal(got, []string{"p1"}) {
				t.Errorf("found %v", got)
			}
			return err
		})
	})
}

func Test_compacting_an_index_leaves_no_trace_of_removed_rows_and_finds_the_others(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		const table = db.SearchTable("notes_index")
		ctx := t.Context()
		do := func(fn func(tx *db.Tx) error) {
			t.Helper()
			if err := d.Transact(ctx, fn); err != nil {
				t.Fatal(err)
			}
		}
		do(func(tx *db.Tx) error { return table.Create(ctx, tx) })
		for i := int64(1); i <= 60; i++ {
			do(func(tx *db.Tx) error {
				return table.IndexTokens(ctx, tx, i, []string{"common", fmt.Sprint("only", i, "word")})
			})
		}
		do(func(tx *db.Tx) error {
			for i := int64(1); i <= 60; i += 2 {
				if err := table.RemoveText(ctx, tx, i); err != nil {
					return err
				}
			}
			return nil
		})
		if err := table.Compact(ctx, d); err != nil {
			t.Fatal(err)
		}
		do(func(tx *db.Tx) error {
			found, err := table.Match(ctx, tx, "common", 0, 100)
			if err != nil || len(found) != 30 || found[0] != 60 {
				t.Errorf("found %v, %v", found, err)
			}
			if d.Engine() != db.SQLite {
				return nil
			}
			blocks, err := db.All(ctx, tx, `SELECT block FROM notes_index_data`, nil, func(row db.Scanner) (b []byte, err error) { return b, row.Scan(&b) })
			// Terms share their beginnings, so the ends of removed words are looked for.
			for _, b := range blocks {
				if bytes.Contains(b, []byte("51word")) {
					t.Error("a removed word is still in the index")
				}
			}
			return err
		})
	})
}

func Test_phrases_in_quotation_marks_and_words_to_leave_out_find_the_same_on_both_engines(t *testing.T) {
	texts := []string{"丁王台路灯坏了", "路灯 lamp broken", "broken street lamp", "street lamp, broken", "灯"}
	ask := func(must, not string) []db.Phrase {
		out := db.ExactPhrase(must)
		for _, p := range db.QueryPhrases(not) {
			p.Not = true
			out = append(out, p)
		}
		return out
	}
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		table := indexed(t, d, texts)
		for _, c := range []struct{ must, not, want string }{
			{"lamp broken", "", "[4 2]"}, {"street lamp", "", "[4 3]"}, {"street lamp", "broken", "[]"}, {"路灯 lamp", "", "[2]"},
			{"路灯坏", "", "[1]"}, {"路灯", "坏了 lamp", "[]"}, {"路灯", "坏了", "[2]"}, {"灯", "路灯", "[5]"}, {"lamp", "路灯 street", "[]"}, {"", "lamp", "[]"},
		} {
			var got []int64
			transact(t, d, func(tx *db.Tx) (err error) {
				query, ok := tx.MatchPhrases(ask(c.must, c.not))
				if !ok {
					return nil
				}
				got, err = db.All(tx.Context(), tx, `WITH `+table.MatchText(tx, "?1", true)+` SELECT id FROM m ORDER BY id DESC`, []any{query}, func(r db.Scanner) (n int64, err error) { return n, r.Scan(&n) })
				return err
			})
			if s := fmt.Sprint(got); s != c.want {
				t.Errorf("%q without %q finds %s, want %s", c.must, c.not, s, c.want)
			}
		}
	})
}

func Test_what_was_found_is_marked_where_it_stands(t *testing.T) {
	for _, c := range []struct{ text, typed, exact, want string }{
		{"丁王台路灯坏了", "路灯", "", "丁王台[路灯]坏了"},
		{"丁王台路灯坏了", "王台路灯 了", "", "丁[王台路灯]坏[了]"},
		{"灯灯灯", "灯灯", "", "[灯灯灯]"},
		{"Street LAMPS, lamp no.12", "lamp 12", "", "Street [LAMPS], [lamp] no.[12]"},
		{"notice no", "no", "", "notice [no]"},
		{"５号楼Ａ座", "5 a座", "", "[５]号楼[Ａ座]"},
		{"broken lamp, lamp broken", "", "lamp broken", "broken lamp, [lamp broken]"},
		{"路灯 lamp", "", "灯 lamp", "路[灯 lamp]"},
		{"nothing here", "lamp", "", "nothing here"},
		{"a\xff灯", "灯", "", "a\xff[灯]"},
	} {
		var b strings.Builder
		last := 0
		for _, at := range db.Found(c.text, append(db.QueryPhrases(c.typed), db.ExactPhrase(c.exact)...)) {
			b.WriteString(c.text[last:at[0]] + "[" + c.text[at[0]:at[1]] + "]")
			last = at[1]
		}
		if got := b.String() + c.text[last:]; got != c.want {
			t.Errorf("%q %q in %q: %s, want %s", c.typed, c.exact, c.text, got, c.want)
		}
	}
}
