package opendata

import (
	"context"
	"time"

	"comity/internal/db"
	"comity/internal/ledger"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/stat"
)

// Month is what was published of one month.
type Month struct {
	Month string // such as 2026-03
	At    time.Time
	Least int
	Rows  []Row
}

// Row is one figure that is shown.
type Row struct {
	Category string `json:"c"`
	Area     string `json:"a"` // a unit, all of them, or elsewhere
	Outcome  string `json:"o"` // an outcome, all of them, or none yet
	N        int    `json:"n"`
}

// What stands in a row for no unit and for no outcome. No id of a pack is spelled like these.
const (
	All       = "*"
	Elsewhere = "-" // the place is not known as exactly as the areas are
	Undecided = "-" // there was no outcome when the month was published
)

const monthName = "2006-01"

// Publish brings out every month whose time has come, oldest first, and reports each it adds.
func (o *Office) Publish(ctx context.Context, added func(month string)) error {
	p := o.Packs.Current()
	if p.OpenData == nil {
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	there, err := o.months(ctx)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, m := range there {
		known[m] = true
	}
	for _, begins := range due(p, o.Now()) {
		month := begins.Format(monthName)
		if known[month] {
			continue
		}
		m, err := o.count(ctx, p, begins)
		if err != nil {
			return err
		}
		if err := o.DB.Transact(ctx, func(tx *db.Tx) error { return putMonth(ctx, tx, m) }); err != nil {
			return err
		}
		if added != nil {
			added(month)
		}
	}
	return nil
}

// due are the beginnings of the months that may be published by now.
func due(p *pack.Pack, now time.Time) (out []time.Time) {
	at, err := time.ParseInLocation(monthName, p.OpenData.From, p.Zone)
	if err != nil {
		return nil
	}
	for ; !at.AddDate(0, 1+p.OpenData.Wait, 0).After(now); at = at.AddDate(0, 1, 0) {
		out = append(out, at)
	}
	return out
}

// count makes the tables of a month, one for each category.
func (o *Office) count(ctx context.Context, p *pack.Pack, begins time.Time) (Month, error) {
	m := Month{Month: begins.Format(monthName), Least: p.OpenData.Least}
	categories := p.Counted()
	var ids []string
	for _, c := range categories {
		ids = append(ids, c.ID)
	}
	list, err := o.Reader.Opened(ctx, ids, begins, begins.AddDate(0, 1, 0))
	if err != nil {
		return m, err
	}
	of := map[string][]ledger.OpenedCount{}
	for _, x := range list {
		of[x.Category] = append(of[x.Category], x)
	}
	for _, c := range categories {
		rows, err := protected(p, c.ID, of[c.ID])
		if err != nil {
			return m, err
		}
		m.Rows = append(m.Rows, rows...)
	}
	return m, nil
}

// protected is the table of one category, as far as it is shown. It has every area and every outcome there is,
// so that which lines stand in it tells nothing.
func protected(p *pack.Pack, category string, list []ledger.OpenedCount) (out []Row, err error) {
	var t stat.Table
	row, col := map[string]int{}, map[string]int{}
	line := func(names *[]string, at map[string]int, name string) {
		if _, twice := at[name]; !twice {
			at[name] = len(*names)
			*names = append(*names, name)
		}
	}
	for _, a := range p.Areas() {
		line(&t.Rows, row, string(a))
	}
	line(&t.Rows, row, Elsewhere)
	for _, o := range p.ProcedureFor(category).Outcomes {
		line(&t.Cols, col, o.ID)
	}
	line(&t.Cols, col, Undecided)
	for range t.Rows {
		t.N = append(t.N, make([]int, len(t.Cols)))
	}
	for _, x := range list {
		c, ok := col[x.Outcome]
		if !ok {
			c = col[Undecided] // no outcome, or one that an older version of the pack knew
		}
		t.N[row[areaOf(p, x.Place)]][c] += x.N
	}
	pub, err := stat.Protect(t, p.OpenData.Least)
	if err != nil {
		return nil, err
	}
	for i := stat.All; i < len(pub.Rows); i++ {
		for j := stat.All; j < len(pub.Cols); j++ {
			if n, shown := pub.At(stat.Place{Row: i, Col: j}).Value(); shown {
				out = append(out, Row{category, nameAt(pub.Rows, i), nameAt(pub.Cols, j), n})
			}
		}
	}
	return out, nil
}

func nameAt(names []string, i int) string {
	if i == stat.All {
		return All
	}
	return names[i]
}

func areaOf(p *pack.Pack, unit org.UnitID) string {
	if a, ok := p.AreaOf(unit); ok {
		return string(a)
	}
	return Elsewhere
}

func (o *Office) months(ctx context.Context) (out []string, err error) {
	err = o.DB.View(ctx, func(tx *db.Tx) (err error) { out, err = publishedMonths(ctx, tx); return err })
	return out, err
}

// Each hands over what was published, a month at a time, oldest first.
func (o *Office) Each(ctx context.Context, do func(Month) error) error {
	list, err := o.months(ctx)
	if err != nil {
		return err
	}
	for _, name := range list {
		var m Month
		if err := o.DB.View(ctx, func(tx *db.Tx) (err error) { m, err = loadMonth(ctx, tx, name); return err }); err != nil {
			return err
		}
		if err := do(m); err != nil {
			return err
		}
	}
	return nil
}
