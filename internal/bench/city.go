package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/courier"
	"comity/internal/db"
	"comity/internal/intake"
	"comity/internal/jobs"
	"comity/internal/ledger"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/procedure"
	"comity/internal/vault"
	"comity/packs"

	"go.yaml.in/yaml/v4"
)

// city is a database with the door before it, joined as the program joins them.
type city struct {
	d    *db.DB
	l    *ledger.Ledger
	r    *ledger.Reader
	pack *pack.Pack
}

func demoPack() (*pack.Pack, error) {
	return pack.LoadFrom(packs.FS, "demo", pack.Unsearched())
}

// openCity makes or opens the tables in a SQLite file.
func openCity(ctx context.Context, p *pack.Pack, path string) (*city, error) {
	return openCityAt(ctx, p, "sqlite:"+path)
}

// openCityAt is openCity for an address of either engine.
func openCityAt(ctx context.Context, p *pack.Pack, dsn string) (*city, error) {
	d, err := db.Open(ctx, dsn, time.Now)
	if err != nil {
		return nil, err
	}
	c := &city{d: d, pack: p}
	if err := errors.Join(jobs.Migrate(ctx, d), courier.Migrate(ctx, d)); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	c.l, err = ledger.Open(ctx, d, ledger.Config{
		Definitions: pack.NewRegistry(p),
		Opens: func(category string) (string, string, bool) {
			k, ok := p.Category(category)
			return p.Digest, k.Procedure, ok
		},
		Notify: courier.Enqueue,
		Random: func(b []byte) { rand.Read(b) },
		Ring:   vault.FromSeed(procedure.Civic, "std", []byte("a city for measurements")),
	})
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	c.r = c.l.Reader(func() *org.Tree { return p.Units })
	return c, nil
}

func (c *city) Close() error {
	c.l.Close()
	return c.d.Close()
}

// seedReports is the part of the demonstration's material that is read here.
type seedReports struct {
	Times      map[string][]string `yaml:"times"`
	Categories map[string]struct {
		Weight  int                 `yaml:"weight"`
		Titles  map[string][]string `yaml:"titles"`
		Reports map[string][]string `yaml:"reports"`
	} `yaml:"categories"`
}

// reports writes n commands that open a case, from the demonstration's invented reports, over all its
// communities. Categories that ask for more than text and place are left out.
func reports(p *pack.Pack, n int, seed uint64) ([]casework.Command, error) {
	raw, err := fs.ReadFile(packs.FS, "demo/seed/reports.yaml")
	if err != nil {
		return nil, err
	}
	var f seedReports // the rest of the file is not for us, so it is not read strictly
	if err := yaml.Unmarshal(raw, &f); err != nil {
		return nil, err
	}
	r := mathrand.New(mathrand.NewPCG(seed, 1))
	var weighted []pack.Category
	for _, c := range p.Categories {
		d := p.Procedures[c.Procedure]
		if _, ok := d.Act("accept"); !ok || len(d.Intake) > 0 || len(f.Categories[c.ID].Reports["zh-CN"]) == 0 {
			continue
		}
		for range max(f.Categories[c.ID].Weight, 1) {
			weighted = append(weighted, c)
		}
	}
	places := communities(p)
	if len(weighted) == 0 || len(places) == 0 {
		return nil, errors.New("the demo pack has no category or no community to report in")
	}
	noon := time.Date(2026, 3, 2, 4, 0, 0, 0, time.UTC) // what is measured must not hang on the hour
	out := make([]casework.Command, n)
	for i := range out {
		c := weighted[r.IntN(len(weighted))]
		lang := p.Langs[0]
		if r.IntN(10) == 0 {
			lang = p.Langs[len(p.Langs)-1]
		}
		text := pick(r, f.Categories[c.ID].Reports[lang])
		fill := strings.NewReplacer("{place}", fmt.Sprintf("%d", 1+r.IntN(900)), "{no}", fmt.Sprint(1+r.IntN(42)), "{time}", pick(r, f.Times[lang]), "{days}", fmt.Sprint(2+r.IntN(18)))
		out[i], err = intake.Command(p, intake.Report{Category: c.ID, Text: fill.Replace(text), Unit: places[r.IntN(len(places))],
			Address: fmt.Sprintf("%d %s", 1+r.IntN(400), places[r.IntN(len(places))]), Source: "web", Now: noon, Key: fmt.Sprintf("bench-%d-%d", seed, i),
			Contact: casework.Contact{Channel: "sms", Address: fmt.Sprintf("139%08d", r.IntN(100_000_000)), Lang: lang}})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

func pick(r *mathrand.Rand, list []string) string {
	if len(list) == 0 {
		return "–"
	}
	return list[r.IntN(len(list))]
}

func communities(p *pack.Pack) []org.UnitID {
	return slices.DeleteFunc(slices.Clone(p.Units.All()), func(id org.UnitID) bool {
		u, _ := p.Units.Unit(id)
		return u.Level != org.Community
	})
}

// head may do everything in every unit: the bench measures the door, not the rules at it.
func head(p *pack.Pack) authz.Actor {
	var grants []authz.Grant
	for _, id := range p.Units.All() {
		for _, role := range []authz.Role{"clerk", "officer", "head"} {
			grants = append(grants, authz.Grant{Role: role, Unit: id})
		}
	}
	return authz.Staff("bench", grants)
}

// staff is somebody who reads what lies at or under a unit.
func staff(unit org.UnitID) authz.Scope {
	return authz.Staff("bench", []authz.Grant{{Role: "clerk", Unit: unit}}).Scope()
}
