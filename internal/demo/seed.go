package demo

import (
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"comity/internal/pack"
)

// Person is an account of the demonstration.
type Person struct {
	Login string            `yaml:"login"`
	Unit  string            `yaml:"unit"`
	Roles []string          `yaml:"roles"`
	Name  map[string]string `yaml:"name"`
	Demo  bool              `yaml:"demo"` // shown on the sign-in page
	Label map[string]string `yaml:"label"`
}

type peopleFile struct {
	People []Person `yaml:"people"`
}

type list = map[string][]string // language → lines

type seedFile struct {
	Days       span                    `yaml:"days"`
	No         span                    `yaml:"no"`
	Times      list                    `yaml:"times"`
	Hours      map[string][]int        `yaml:"hours"`
	Seasons    map[string][]int        `yaml:"seasons"`
	Sources    map[string]int          `yaml:"sources"`
	Answers    map[string]list         `yaml:"answers"`
	Contests   list                    `yaml:"contests"`
	Questions  list                    `yaml:"questions"`
	Replies    list                    `yaml:"replies"`
	Offers     list                    `yaml:"offers"`
	Returns    list                    `yaml:"returns"`
	Notes      list                    `yaml:"notes"`
	Extensions list                    `yaml:"extensions"`
	Redirects  list                    `yaml:"redirects"`
	ToldWhere  list                    `yaml:"told_where"`
	Remarks    map[string]list         `yaml:"remarks"`
	Residents  list                    `yaml:"residents"`
	Categories map[string]categorySeed `yaml:"categories"`
}

type span struct {
	Min int `yaml:"min"`
	Max int `yaml:"max"`
}

type categorySeed struct {
	Weight   int            `yaml:"weight"`
	Hours    string         `yaml:"hours"`
	Season   string         `yaml:"season"`
	Outcomes map[string]int `yaml:"outcomes"`
	Work     workSeed       `yaml:"work"`
	Titles   list           `yaml:"titles"`
	Reports  list           `yaml:"reports"`
	Solved   list           `yaml:"solved"`
}

type workSeed struct {
	Median int `yaml:"median"` // hours
	P90    int `yaml:"p90"`
}

// People reads the accounts of a demonstration pack.
func People(fsys fs.FS) ([]Person, error) {
	var f peopleFile
	if err := pack.ReadYAML(fsys, "seed/people.yaml", &f); err != nil {
		return nil, err
	}
	if len(f.People) == 0 {
		return nil, fmt.Errorf("seed/people.yaml names nobody")
	}
	return f.People, nil
}

func readSeed(fsys fs.FS, p *pack.Pack) (*seedFile, error) {
	var s seedFile
	if err := pack.ReadYAML(fsys, "seed/reports.yaml", &s); err != nil {
		return nil, err
	}
	for id, c := range s.Categories {
		if _, ok := p.Category(id); !ok {
			return nil, fmt.Errorf("seed/reports.yaml: category %q is not in the pack", id)
		}
		if s.Hours[c.Hours] == nil || s.Seasons[c.Season] == nil || len(c.Reports["zh-CN"]) == 0 || len(c.Reports["en"]) == 0 {
			return nil, fmt.Errorf("seed/reports.yaml: category %q lacks hours, season or reports", id)
		}
	}
	return &s, nil
}

// pick draws one of the lines.
func pick(r *rand.Rand, lines []string) string { return lines[r.IntN(len(lines))] }

// weighted draws a key by weight; keys are taken in order so that a seed always draws the same.
func weighted(r *rand.Rand, weights map[string]int) string {
	keys := slices.Sorted(maps.Keys(weights))
	total := 0
	for _, k := range keys {
		total += weights[k]
	}
	n := r.IntN(max(total, 1))
	for _, k := range keys {
		if n -= weights[k]; n < 0 {
			return k
		}
	}
	return keys[0]
}

func weightedIndex(r *rand.Rand, weights []int) int {
	total := 0
	for _, w := range weights {
		total += w
	}
	n := r.IntN(total)
	for i, w := range weights {
		if n -= w; n < 0 {
			return i
		}
	}
	return 0
}

// fill puts a place, a number, a time and a count of days into a line.
func (s *seedFile) fill(r *rand.Rand, line, lang, place string) string {
	return strings.NewReplacer(
		"{place}", place,
		"{no}", strconv.Itoa(s.No.Min+r.IntN(s.No.Max-s.No.Min+1)),
		"{time}", pick(r, s.Times[lang]),
		"{days}", strconv.Itoa(s.Days.Min+r.IntN(s.Days.Max-s.Days.Min+1)),
	).Replace(line)
}
