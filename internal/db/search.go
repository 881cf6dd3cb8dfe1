package db

import (
	"context"
	"fmt"
	"regexp"
	"strings"
)

// SearchTable names a full-text index: rows of an id and the tokens of its text.
// The text itself is not kept. In SQLite it is a contentless FTS5 table, in
// PostgreSQL a table with a tsvector. Both hold the tokens of [Bigrams], so both
// find the same rows.
type SearchTable string

// maxTokens is how much of a text is indexed: PostgreSQL keeps no positions
// beyond 16 383, and both engines must find the same.
const maxTokens = 16000

var searchName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,40}$`)

// Create makes the index when it does not exist.
func (s SearchTable) Create(ctx context.Context, tx *Tx) error {
	if !searchName.MatchString(string(s)) {
		return fmt.Errorf("db: %q cannot name a search table", string(s))
	}
	if tx.d.reading {
		return nil
	}
	// Tokens are made in Go. "ascii" takes every other character as part of a
	// token, where unicode61 would drop characters newer than its tables.
	text := `CREATE VIRTUAL TABLE IF NOT EXISTS ` + string(s) +
		` USING fts5(tokens, content='', contentless_delete=1, tokenize='ascii')`
	if tx.d.engine == Postgres {
		text = `CREATE TABLE IF NOT EXISTS ` + string(s) + ` (id BIGINT PRIMARY KEY, tokens TSVECTOR NOT NULL);
			CREATE INDEX IF NOT EXISTS ` + string(s) + `_tokens ON ` + string(s) + ` USING GIN (tokens)`
	}
	return tx.script(ctx, text)
}

// IndexText indexes text under id, in place of what was there. Only the first
// 16 000 tokens are indexed.
func (s SearchTable) IndexText(ctx context.Context, tx *Tx, id int64, text string) error {
	return s.IndexTokens(ctx, tx, id, Bigrams(text))
}

// IndexTokens is IndexText for tokens somebody else made. They hold letters,
// digits and marks only.
func (s SearchTable) IndexTokens(ctx context.Context, tx *Tx, id int64, tokens []string) error {
	if err := s.RemoveText(ctx, tx, id); err != nil {
		return err
	}
	return s.AddTokens(ctx, tx, id, tokens)
}

// AddTokens is IndexTokens under an id that the index does not hold yet.
func (s SearchTable) AddTokens(ctx context.Context, tx *Tx, id int64, tokens []string) error {
	tokens = tokens[:min(len(tokens), maxTokens)]
	if tx.d.engine == SQLite {
		return tx.Send(ctx, `INSERT INTO `+string(s)+` (rowid, tokens) VALUES (?1, ?2)`, id, strings.Join(tokens, " "))
	}
	var b strings.Builder
	for i, t := range tokens {
		fmt.Fprintf(&b, "'%s':%d ", t, i+1) // a token holds letters, digits and marks only
	}
	return tx.Send(ctx, `INSERT INTO `+string(s)+` (id, tokens) VALUES (?1, CAST(CAST(?2 AS TEXT) AS TSVECTOR))`, id, b.String())
}

// RemoveText takes id out of the index; an absent id is no error.
func (s SearchTable) RemoveText(ctx context.Context, tx *Tx, id int64) error {
	key := "rowid"
	if tx.d.engine == Postgres {
		key = "id"
	}
	return tx.Send(ctx, `DELETE FROM `+string(s)+` WHERE `+key+` = ?1`, id)
}

// mergePages bounds one step of Compact, so that writers wait no longer for it than for a large commit.
const mergePages = 2000

// Compact rewrites the index until nothing of removed rows is left in it, in steps that others may come
// between. SQLite otherwise keeps what was removed until it happens to merge; PostgreSQL has VACUUM.
func (s SearchTable) Compact(ctx context.Context, d *DB) error {
	if d.engine != SQLite {
		return nil
	}
	merge := func(pages int) (changed int64, err error) {
		err = d.Transact(ctx, func(tx *Tx) error {
			before, err := One(ctx, tx, `SELECT total_changes()`, nil, scanInt)
			if err != nil {
				return err
			}
			if err := tx.Send(ctx, `INSERT INTO `+string(s)+` (`+string(s)+`, rank) VALUES ('merge', ?1)`, pages); err != nil {
				return err
			}
			after, err := One(ctx, tx, `SELECT total_changes()`, nil, scanInt)
			changed = after - before
			return err
		})
		return changed, err
	}
	// A negative number takes all levels into one; positive ones go on with that until there is nothing to do.
	changed, err := merge(-mergePages)
	for err == nil && changed >= 2 {
		changed, err = merge(mergePages)
	}
	return err
}

// MatchText is common table expressions, the last of them called m, with one column id, of the
// rows that match the query bound to the given placeholder, the highest id first where falling, else the lowest. The
// query comes from [Tx.MatchQuery]. Use it as
//
//	"WITH " + table.MatchText(tx, "?1", true) + " SELECT … FROM m JOIN … ON … = m.id WHERE <scope> ORDER BY m.id DESC LIMIT ?2"
//
// PostgreSQL must not merge the search into the outer query: walking all rows by id and
// testing each is 84 times slower. It is given the order, so that it can join a page of them and need not join all.
// SQLite must merge it, because then the newest rows come first and the rest are never read.
func (s SearchTable) MatchText(tx *Tx, placeholder string, falling bool) string {
	if tx.d.engine == SQLite {
		return `m AS NOT MATERIALIZED (SELECT rowid AS id FROM ` + string(s) + ` WHERE ` + string(s) + ` MATCH ` + placeholder + `)`
	}
	order := "ASC"
	if falling {
		order = "DESC"
	}
	// OFFSET 0 keeps the planner from taking the order away as one of no use.
	return `hits AS MATERIALIZED (SELECT id FROM ` + string(s) + ` WHERE tokens @@ CAST(CAST(` + placeholder + ` AS TEXT) AS TSQUERY)), ` +
		`m AS NOT MATERIALIZED (SELECT id FROM hits ORDER BY id ` + order + ` OFFSET 0)`
}

// HasText is a condition: the row whose id stands in a column matches the query bound to the placeholder. It is for
// a few rows that something else has found; to find rows by their text use [SearchTable.MatchText].
func (s SearchTable) HasText(tx *Tx, placeholder, column string) string {
	if tx.d.engine == Postgres {
		return `EXISTS (SELECT 1 FROM ` + string(s) + ` s WHERE s.id = ` + column + ` AND s.tokens @@ CAST(CAST(` + placeholder + ` AS TEXT) AS TSQUERY))`
	}
	return `EXISTS (SELECT 1 FROM ` + string(s) + ` WHERE ` + string(s) + ` MATCH ` + placeholder + ` AND rowid = ` + column + `)`
}

// MatchQuery turns what a person typed into the engine's query: every word must
// occur, a run of Chinese characters as it stands. ok is false when nothing in it
// can be searched for.
func (tx *Tx) MatchQuery(typed string) (query string, ok bool) {
	return tx.MatchPhrases(QueryPhrases(typed))
}

// MatchPhrases is MatchQuery for phrases whose tokens somebody else made. One of them at least has to occur: what is
// only to be left out is no query.
func (tx *Tx) MatchPhrases(phrases []Phrase) (query string, ok bool) {
	var parts, not []string
	for _, p := range phrases {
		text := tx.matchPhrase(p)
		if p.Not {
			not = append(not, text)
		} else {
			parts = append(parts, text)
		}
	}
	and, without := " AND ", " NOT "
	if tx.d.engine == Postgres {
		and, without = " & ", " & !"
	}
	if len(parts) == 0 {
		return "", false
	}
	query = "(" + strings.Join(parts, and) + ")"
	for _, text := range not {
		query += without + text
	}
	return query, true
}

func (tx *Tx) matchPhrase(p Phrase) string {
	text, mark := `"`+strings.Join(p.Tokens, " ")+`"`, "*"
	if tx.d.engine == Postgres {
		text, mark = "'"+strings.Join(p.Tokens, "' <-> '")+"'", ":*"
	}
	if p.Prefix {
		text += mark
	}
	return "(" + text + ")"
}

// Match returns the ids that match what a person typed, highest first, below
// before (0: from the top), at most limit. It knows no permissions: lists shown
// to people join [SearchTable.MatchText] with their scope instead.
func (s SearchTable) Match(ctx context.Context, tx *Tx, typed string, before int64, limit int) ([]int64, error) {
	query, ok := tx.MatchQuery(typed)
	if !ok {
		return nil, nil
	}
	if before == 0 {
		before = 1<<63 - 1
	}
	return All(ctx, tx, `WITH `+s.MatchText(tx, "?1", true)+` SELECT id FROM m WHERE id < ?2 ORDER BY id DESC LIMIT ?3`,
		[]any{query, before, limit}, scanInt)
}
