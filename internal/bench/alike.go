package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"comity/internal/alike"
	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/intake"
	"comity/internal/ledger"
	"comity/internal/pack"
	"comity/internal/place"
)

// sameReports is how many open reports of one category there are around one place: more than are looked at.
const sameReports = 400

// likely measures what stands between a report and its sending: which open ones it may repeat, in a large city with
// many open reports of its category nearby. The baseline is the newest page of the same officer's list.
func likely(ctx context.Context, o options, dir string, t *table) error {
	p, err := demoPack()
	if err != nil {
		return err
	}
	c, err := bigCity(ctx, p, filepath.Join(dir, fmt.Sprintf("city-%d", o.n)), o.n)
	if err != nil {
		return err
	}
	defer c.Close()
	m, err := c.crowd(ctx)
	if err != nil {
		return err
	}
	f := alike.Finder{Reader: c.r, Pack: p, Now: time.Now()}
	unit, city := staff(m.Unit), staff(p.Units.All()[0])
	rare := m
	rare.Category = "water.flood"
	var list, public, counter, top, seldom series
	for round := range o.rounds + 1 { // the first one warms up
		var times [5][]float64
		for range o.pages {
			for i, do := range []func() (int, error){
				func() (int, error) {
					page, err := c.r.Worklist(ctx, unit, ledger.Filter{Sort: "-opened"})
					return len(page.Items), err
				},
				func() (int, error) { x, err := f.Public(ctx, m, 4); return len(x), err },
				func() (int, error) { x, err := f.Inside(ctx, unit, m, 6); return len(x), err },
				func() (int, error) { x, err := f.Inside(ctx, city, m, 6); return len(x), err },
				func() (int, error) { _, err := f.Inside(ctx, city, rare, 6); return 1, err },
			} {
				began := time.Now()
				n, err := do()
				if err == nil && n == 0 {
					err = fmt.Errorf("an empty list measures nothing")
				}
				if err != nil {
					return err
				}
				times[i] = append(times[i], time.Since(began).Seconds()*1000)
			}
		}
		if round > 0 {
			for i, s := range []*series{&list, &public, &counter, &top, &seldom} {
				*s = append(*s, quantile(times[i], 0.99))
			}
		}
	}
	for _, x := range []struct {
		what string
		s    series
	}{{"as anybody sees it", public}, {"at a community's counter", counter}, {"at the city's counter", top}, {"at the city's counter, a rare category", seldom}} {
		t.row(fmt.Sprintf("what may be reported already, %s, %d open, p99 ms", x.what, o.n), x.s.String(), "newest page of the list: "+list.String(), x.s.over(list).String(), "≤ 50 ms", yes(x.s.median() <= 50))
	}
	return nil
}

// crowd files the reports, once however often it is run.
func (c *city) crowd(ctx context.Context) (alike.Matter, error) {
	m := alike.Matter{Category: "road.pothole"}
	if near, ok := c.pack.Alike(m.Category); !ok || near == (pack.Near{}) {
		return m, fmt.Errorf("the demo pack says nothing of what is near for %s", m.Category)
	}
	m.Unit = communities(c.pack)[0]
	area, _ := c.pack.Map.Area(m.Unit)
	sw, ne := area.Bounds()
	m.Point = &place.Point{Lat: (sw.Lat + ne.Lat) / 2, Lon: (sw.Lon + ne.Lon) / 2}
	texts, err := reports(c.pack, sameReports, 41)
	if err != nil {
		return m, err
	}
	m.Words = texts[0].Open.Title
	var cmds []casework.Command
	for i := range sameReports {
		at := place.Point{Lat: m.Point.Lat + float64(i%20)*2e-5, Lon: m.Point.Lon + float64(i/20)*2e-5}
		cmd, err := intake.Command(c.pack, intake.Report{Category: m.Category, Text: texts[i].Open.Text, Point: &at, Unit: m.Unit, Source: "web", Now: time.Now(), Key: fmt.Sprintf("bench-alike-%d", i)})
		if err != nil {
			return m, err
		}
		cmds = append(cmds, cmd)
	}
	_, errs := c.l.DoAll(ctx, authz.Reporter(), cmds)
	return m, firstOf(errs)
}
