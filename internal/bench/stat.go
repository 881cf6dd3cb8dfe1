package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"comity/internal/stat"
)

// statistics times what a page of figures needs: a table with its small counts protected, against
// hiding the small ones alone, which protects nothing; and a chart of two years, against reading it.
func statistics(_ context.Context, o options, _ string, t *table) error {
	var protect, hide, lost, small, watch, read series
	for round := range o.rounds {
		r := rand.New(rand.NewPCG(uint64(round), 9))
		in := counted(r, 24, 8)
		var p stat.Published
		var err error
		protect = append(protect, microseconds(20, func() { p, err = stat.Protect(in, stat.Standard.Least) }))
		if err != nil {
			return err
		}
		n := 0
		hide = append(hide, microseconds(20, func() { n = smallOnes(in) }))
		small = append(small, float64(n))
		lost = append(lost, float64(hiddenCells(p)))
		weeks, sum := twoYears(r), 0
		watch = append(watch, microseconds(20, func() { _, err = stat.Watch(weeks, stat.Standard) }))
		if err != nil {
			return err
		}
		read = append(read, microseconds(20, func() {
			for _, w := range weeks {
				k, _ := w.Count.Value()
				sum += k
			}
		}))
		if sum < 0 {
			return fmt.Errorf("weeks with fewer than no cases")
		}
	}
	t.row("table of 24 by 8 protected, µs", protect.format("%.0f"), "small ones alone: "+hide.String(), protect.over(hide).format("%.0f"), "–", "–")
	t.row("cells hidden, against small ones alone", lost.format("%.0f"), small.format("%.0f"), lost.over(small).String(), "–", "–")
	t.row("control chart over 104 weeks, µs", watch.format("%.0f"), "reading them: "+read.String(), watch.over(read).format("%.0f"), "–", "–")
	return nil
}

func counted(r *rand.Rand, rows, cols int) stat.Table {
	t := stat.Table{Rows: make([]string, rows), Cols: make([]string, cols), N: make([][]int, rows)}
	for i := range t.N {
		for range cols {
			t.N[i] = append(t.N[i], r.IntN(60))
		}
	}
	return t
}

func smallOnes(t stat.Table) (n int) {
	for _, row := range t.N {
		for _, x := range row {
			if _, shown := stat.Hide(x, stat.Standard.Least).Value(); !shown {
				n++
			}
		}
	}
	return n
}

func hiddenCells(p stat.Published) (n int) {
	for _, row := range p.Cells {
		for _, c := range row {
			if _, shown := c.Value(); !shown {
				n++
			}
		}
	}
	return n
}

func twoYears(r *rand.Rand) (out []stat.Week) {
	begins := time.Date(2025, 1, 6, 0, 0, 0, 0, time.UTC)
	for i := range 104 {
		out = append(out, stat.Week{Begins: begins.AddDate(0, 0, 7*i), Count: stat.Hide(20+r.IntN(40), stat.Standard.Least)})
	}
	return out
}
