// Package text owns every word shown to a person: the base catalogue of the program, overlaid by the
// words of a pack, in each language.
//
// It refuses phrases in Go: a surface asks for a key and its figures. It refuses to hide gaps: a
// missing key shows as ⟦key⟧ and a test finds it.
//
// Open this file first; the words are in base/.
package text

import (
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.yaml.in/yaml/v4"
)

//go:embed base/*.yaml
var base embed.FS

// Catalogue holds the words of every language. It is immutable.
type Catalogue struct {
	words map[string]map[string]string // language → key → text
	under *Catalogue                   // says what words does not; nil at the bottom
	langs []string
}

// Base is the program's own words, read once.
func Base() (*Catalogue, error) { return own() }

var own = sync.OnceValues(func() (*Catalogue, error) { return Read(base, "base") })

// Read loads every file named <anything>.<language>.yaml of a folder. A key written twice in one
// language is an error that names the file.
func Read(fsys fs.FS, dir string) (*Catalogue, error) {
	names, err := fs.Glob(fsys, path.Join(dir, "*.yaml"))
	if err != nil {
		return nil, err
	}
	c := &Catalogue{words: map[string]map[string]string{}}
	for _, name := range names {
		raw, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, err
		}
		stem := strings.TrimSuffix(path.Base(name), ".yaml")
		lang := stem[strings.LastIndexByte(stem, '.')+1:]
		var words map[string]string
		if err := yaml.Unmarshal(raw, &words); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if c.words[lang] == nil {
			c.words[lang] = map[string]string{}
		}
		for k, v := range words {
			if _, twice := c.words[lang][k]; twice {
				return nil, fmt.Errorf("%s: key %q is in another file of the same language too", name, k)
			}
			c.words[lang][k] = v
		}
	}
	c.langs = slices.Sorted(maps.Keys(c.words))
	return c, nil
}

// With lays the words of a pack over the catalogue, and keeps them: they must not be changed afterwards. Nothing is
// copied, so a page about a case of an older pack can do it each time.
func (c *Catalogue) With(overlay map[string]map[string]string) *Catalogue {
	langs := slices.Concat(c.langs, slices.Collect(maps.Keys(overlay)))
	slices.Sort(langs)
	return &Catalogue{words: overlay, under: c, langs: slices.Compact(langs)}
}

func (c *Catalogue) find(lang, key string) (string, bool) {
	for ; c != nil; c = c.under {
		if w, ok := c.words[lang][key]; ok {
			return w, true
		}
	}
	return "", false
}

// Languages lists the languages in alphabetical order.
func (c *Catalogue) Languages() []string { return c.langs }

// Keys lists every key of a language, for the test that compares languages.
func (c *Catalogue) Keys(lang string) []string {
	var keys []string
	for ; c != nil; c = c.under {
		keys = slices.AppendSeq(keys, maps.Keys(c.words[lang]))
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// In speaks one language.
func (c *Catalogue) In(lang string) Speaker { return Speaker{Lang: lang, c: c} }

// Speaker speaks one language.
type Speaker struct {
	Lang string
	c    *Catalogue
}

// Has reports whether the key has words in this very language.
func (s Speaker) Has(key string) bool { _, ok := s.c.find(s.Lang, key); return ok }

// Own reports the language in which T would answer: another one for proper names that exist in one
// language only, so that markup can carry the right lang attribute.
func (s Speaker) Own(key string) string {
	if s.Has(key) {
		return s.Lang
	}
	for _, l := range s.c.langs {
		if _, ok := s.c.find(l, key); ok {
			return l
		}
	}
	return s.Lang
}

// T says the words of a key with {name} replaced by the figures given as name, value, name, value.
// A key without words in this language is said in another; without any, it shows as ⟦key⟧.
func (s Speaker) T(key string, kv ...string) string {
	w, ok := s.c.find(s.Own(key), key)
	if !ok {
		return "⟦" + key + "⟧"
	}
	return fill(w, kv)
}

// N says a count: the words of key.one or key.other with {n}.
func (s Speaker) N(key string, n int, kv ...string) string {
	form := key + ".other"
	if n == 1 && s.Has(key+".one") {
		form = key + ".one"
	}
	return s.T(form, append([]string{"n", strconv.Itoa(n)}, kv...)...)
}

// fill replaces {name} in one pass, so that a value holding braces is never filled again.
func fill(w string, kv []string) string {
	if len(kv) == 0 || !strings.Contains(w, "{") {
		return w
	}
	pairs := make([]string, 0, len(kv))
	for i := 0; i+1 < len(kv); i += 2 {
		pairs = append(pairs, "{"+kv[i]+"}", kv[i+1])
	}
	return strings.NewReplacer(pairs...).Replace(w)
}

// Fill replaces {name} in any text, for templates a pack brings.
func Fill(w string, kv ...string) string { return fill(w, kv) }

// Date says a day with its weekday; the pattern is the language's own.
func (s Speaker) Date(t time.Time, zone *time.Location) string {
	t = t.In(zone)
	return s.T("date.day",
		"year", strconv.Itoa(t.Year()), "month", s.T(fmt.Sprintf("date.month.%d", int(t.Month()))),
		"day", strconv.Itoa(t.Day()), "weekday", s.T(fmt.Sprintf("date.weekday.%d", int(t.Weekday()))))
}

// ShortDate says day and month.
func (s Speaker) ShortDate(t time.Time, zone *time.Location) string {
	t = t.In(zone)
	return s.T("date.short", "month", s.T(fmt.Sprintf("date.mon.%d", int(t.Month()))), "day", strconv.Itoa(t.Day()))
}

// DateTime says a day and the time of day.
func (s Speaker) DateTime(t time.Time, zone *time.Location) string {
	return s.T("date.time", "date", s.Date(t, zone), "time", t.In(zone).Format("15:04"))
}
