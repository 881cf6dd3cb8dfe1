package stat

import "fmt"

// Table is counts by two things, for example field of dispute and outcome, before anything is hidden.
type Table struct {
	Rows, Cols []string
	N          [][]int // by row, then column
}

// Published is a table as it may leave the house, with its sums.
type Published struct {
	Rows, Cols []string
	Least      int // counts below are hidden, and some others
	Cells      [][]Count
	RowSums    []Count
	ColSums    []Count
	Sum        Count
}

// Place is one number of a table; Row or Col is All for a sum.
type Place struct{ Row, Col int }

// All stands for the sum over a direction.
const All = -1

// At is the number at a place.
func (p *Published) At(at Place) Count {
	switch {
	case at.Row == All && at.Col == All:
		return p.Sum
	case at.Row == All:
		return p.ColSums[at.Col]
	case at.Col == All:
		return p.RowSums[at.Row]
	}
	return p.Cells[at.Row][at.Col]
}

// Bounds of a table. Nobody reads a larger one, and the search for what to hide stays short.
const (
	mostLines = 60
	mostCount = 100_000_000
)

// Protect hides every count below least, and as many others as it takes that a reader who knows all
// that is shown, and that nobody is counted less than zero times, cannot tell any small count from any
// other below least. Others are chosen so that few and small ones are lost, sums last.
//
// It sees one table. Two tables over the same cases, or the same table of yesterday and of today, can
// be held against each other by a reader; whoever publishes both has to choose.
func Protect(t Table, least int) (Published, error) {
	if err := t.check(least); err != nil {
		return Published{}, err
	}
	g := networkOf(t, least)
	g.close(least)
	g.spare(least)
	p := g.published(t, least)
	if found := Reckoned(p); len(found) > 0 {
		return Published{}, fmt.Errorf("stat: the hidden number at row %d, column %d can be reckoned from what is shown; this is a fault of the program, the table was not used", found[0].Row, found[0].Col)
	}
	return p, nil
}

func (t *Table) check(least int) error {
	if least < 0 || least > 1000 {
		return fmt.Errorf("stat: counts below %d are to be hidden; 0 to 1000 can be", least)
	}
	if len(t.Rows) > mostLines || len(t.Cols) > mostLines {
		return fmt.Errorf("stat: the table has %d rows and %d columns; %d of each is the most, put some together", len(t.Rows), len(t.Cols), mostLines)
	}
	if len(t.Rows) == 0 || len(t.Cols) == 0 {
		return fmt.Errorf("stat: the table has %d rows and %d columns; it needs one of each", len(t.Rows), len(t.Cols))
	}
	if len(t.N) != len(t.Rows) {
		return fmt.Errorf("stat: N has %d rows and Rows names %d", len(t.N), len(t.Rows))
	}
	for i, row := range t.N {
		if len(row) != len(t.Cols) {
			return fmt.Errorf("stat: row %q of N has %d columns and Cols names %d", t.Rows[i], len(row), len(t.Cols))
		}
		for j, n := range row {
			if n < 0 || n > mostCount {
				return fmt.Errorf("stat: N is %d at row %q, column %q; a count is 0 to %d", n, t.Rows[i], t.Cols[j], mostCount)
			}
		}
	}
	return nil
}
