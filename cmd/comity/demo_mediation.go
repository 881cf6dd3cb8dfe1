package main

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"

	"comity/internal/casework"
	"comity/internal/demo"
	"comity/internal/intake"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/programme/mediation"
)

// dispute is one line of seed/mediation.yaml: a case and the acts it has had. A day is written as +N, so many days
// from today.
type dispute struct {
	Category string `yaml:"category"`
	Unit     string `yaml:"unit"`
	Title    string `yaml:"title"`
	Name     string `yaml:"name"`
	Phone    string `yaml:"phone"`
	Steps    []struct {
		Act    string            `yaml:"act"`
		Fields map[string]string `yaml:"fields"`
	} `yaml:"steps"`
}

// furnishMediation fills the roster, the rooms and a few disputes, all in the name of whoever heads a committee.
func furnishMediation(ctx context.Context, c *city, fsys fs.FS, workers []demo.Worker) error {
	const file = "seed/mediation.yaml"
	var f struct {
		Furniture mediation.Furniture `yaml:"furniture"`
		Disputes  []dispute           `yaml:"disputes"`
	}
	if err := pack.ReadYAML(fsys, file, &f); err != nil {
		return err
	}
	p := c.packs.Current()
	i := slices.IndexFunc(workers, func(w demo.Worker) bool {
		return slices.ContainsFunc(w.Roles, func(r string) bool { return slices.Contains(p.Mediation.Keepers, r) })
	})
	if i < 0 {
		return fmt.Errorf("%s: nobody of seed/people.yaml keeps a roster", file)
	}
	if err := mediation.Furnish(ctx, c.db, p, workers[i].ID, f.Furniture); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	for _, d := range f.Disputes {
		if err := playDispute(ctx, c, p, workers, d); err != nil {
			return fmt.Errorf("%s: %s: %w", file, d.Title, err)
		}
	}
	return nil
}

func playDispute(ctx context.Context, c *city, p *pack.Pack, workers []demo.Worker, d dispute) error {
	cmd, err := intake.Command(p, intake.Report{Category: d.Category, Title: d.Title, Text: d.Title, Unit: org.UnitID(d.Unit), Source: "counter", Now: c.clock.Now(),
		Contact: casework.Contact{Channel: "sms", Address: d.Phone, Name: d.Name, Lang: p.Langs[0]}})
	if err != nil {
		return err
	}
	r, err := c.ledger.Do(ctx, demo.Reporter(), cmd)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(workers, func(w demo.Worker) bool { return w.Unit == cmd.Open.Unit && slices.Contains(w.Roles, "pmc_director") })
	if i < 0 {
		return fmt.Errorf("nobody of seed/people.yaml directs the committee of %s", cmd.Open.Unit)
	}
	for _, s := range d.Steps {
		fields := maps.Clone(s.Fields)
		for name, v := range fields {
			if n, err := strconv.Atoi(strings.TrimPrefix(v, "+")); err == nil && strings.HasPrefix(v, "+") {
				fields[name] = c.clock.Now().In(p.Zone).AddDate(0, 0, n).Format("2006-01-02")
			}
		}
		if _, err := c.ledger.Do(ctx, workers[i].Actor(), casework.Command{Case: r.Case, Version: casework.AnyVersion, Act: s.Act, Fields: fields}); err != nil {
			return fmt.Errorf("%s: %w", s.Act, err)
		}
	}
	return nil
}
