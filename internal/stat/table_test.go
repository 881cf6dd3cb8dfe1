package stat_test

import (
	"fmt"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"comity/internal/enough"
	"comity/internal/stat"
)

func table(n [][]int) stat.Table {
	t := stat.Table{N: n}
	for i := range n {
		t.Rows = append(t.Rows, fmt.Sprint("issue ", i))
	}
	if len(n) > 0 {
		for j := range n[0] {
			t.Cols = append(t.Cols, fmt.Sprint("outcome ", j))
		}
	}
	return t
}

func drawn(t *rapid.T, mostRows, mostCols, mostCount int) stat.Table {
	rows, cols := rapid.IntRange(1, mostRows).Draw(t, "rows"), rapid.IntRange(1, mostCols).Draw(t, "cols")
	n := make([][]int, rows)
	for i := range n {
		for range cols {
			n[i] = append(n[i], rapid.OneOf(rapid.IntRange(0, mostCount), rapid.IntRange(0, 2*mostCount)).Draw(t, "n"))
		}
	}
	return table(n)
}

// sums adds up a table by itself.
func sums(n [][]int, at stat.Place) int {
	sum := 0
	for i, row := range n {
		for j, x := range row {
			if (at.Row == stat.All || at.Row == i) && (at.Col == stat.All || at.Col == j) {
				sum += x
			}
		}
	}
	return sum
}

func places(t stat.Table) (out []stat.Place) {
	for i := stat.All; i < len(t.Rows); i++ {
		for j := stat.All; j < len(t.Cols); j++ {
			out = append(out, stat.Place{Row: i, Col: j})
		}
	}
	return out
}

func Test_what_is_shown_is_realand_nothing_small_is_shown_or_can_be_reckoned(t *testing.T) {
	enough.Check(t, []string{"a large count hidden for a small one"}, func(t *rapid.T, met func(string)) {
		in := drawn(t, 7, 6, 40)
		p, err := stat.Protect(in, 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range places(in) {
			n, shown := p.At(at).Value()
			real := sums(in.N, at)
			if shown && (n != real || n < 10) || !shown && n != 0 {
				t.Fatalf("%+v is %d; published is %d, shown %t", at, real, n, shown)
			}
			if !shown && real >= 10 {
				met("a large count hidden for a small one")
			}
		}
		if found := stat.Reckoned(p); len(found) > 0 {
			t.Fatalf("%+v follow from what is shown: %+v", found, p)
		}
		if again, _ := stat.Protect(in, 10); !reflect.DeepEqual(p, again) {
			t.Fatal("the same table is published in two ways")
		}
	})
}

// fits lists every table of small numbers that agrees with all that is shown.
func fits(p stat.Published, most int, found func(n [][]int)) {
	n := make([][]int, len(p.Rows))
	for i := range n {
		n[i] = make([]int, len(p.Cols))
	}
	agrees := func(at stat.Place) bool {
		x, shown := p.At(at).Value()
		return !shown || x == sums(n, at)
	}
	var from func(k int)
	from = func(k int) {
		if k == len(p.Rows)*len(p.Cols) {
			ok := agrees(stat.Place{Row: stat.All, Col: stat.All})
			for j := range p.Cols {
				ok = ok && agrees(stat.Place{Row: stat.All, Col: j})
			}
			if ok {
				found(n)
			}
			return
		}
		i, j := k/len(p.Cols), k%len(p.Cols)
		low, high := 0, most
		if x, shown := p.Cells[i][j].Value(); shown {
			low, high = x, x
		}
		for x := low; x <= high; x++ {
			n[i][j] = x
			if j < len(p.Cols)-1 || agrees(stat.Place{Row: i, Col: stat.All}) {
				from(k + 1)
			}
		}
		n[i][j] = 0
	}
	from(0)
}

// A reader who tries every table there is learns nothing about a small number but that it is small.
func Test_a_small_number_could_be_any_small_number(t *testing.T) {
	const least = 3
	enough.Check(t, []string{"a small number"}, func(t *rapid.T, met func(string)) {
		in := drawn(t, 3, 2, 3)
		p, err := stat.Protect(in, least)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[stat.Place]map[int]bool{}
		for _, at := range places(in) {
			seen[at] = map[int]bool{}
		}
		fits(p, 9, func(n [][]int) {
			for at := range seen {
				seen[at][sums(n, at)] = true
			}
		})
		for at, values := range seen {
			if sums(in.N, at) >= least {
				continue
			}
			met("a small number")
			for x := range least {
				if !values[x] {
					t.Fatalf("a reader of %+v knows that %+v is not %d; it is %d", p, at, x, sums(in.N, at))
				}
			}
		}
	})
}

func Test_a_table_of_large_counts_is_shown_whole(t *testing.T) {
	in := table([][]int{{10, 20}, {30, 400}})
	p, err := stat.Protect(in, 10)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range places(in) {
		if n, shown := p.At(at).Value(); !shown || n != sums(in.N, at) {
			t.Errorf("%+v: %d, shown %t", at, n, shown)
		}
	}
}

func Test_beside_one_small_count_three_others_are_hidden_and_no_sum(t *testing.T) {
	p, err := stat.Protect(table([][]int{{4, 50, 90}, {60, 30, 80}, {70, 75, 85}}), 10)
	if err != nil {
		t.Fatal(err)
	}
	var hidden []stat.Place
	for i := stat.All; i < 3; i++ {
		for j := stat.All; j < 3; j++ {
			if _, shown := p.At(stat.Place{Row: i, Col: j}).Value(); !shown {
				hidden = append(hidden, stat.Place{Row: i, Col: j})
			}
		}
	}
	if want := []stat.Place{{Row: 0, Col: 0}, {Row: 0, Col: 1}, {Row: 1, Col: 0}, {Row: 1, Col: 1}}; !reflect.DeepEqual(hidden, want) {
		t.Errorf("hidden are %v, want %v", hidden, want)
	}
}

func Test_reckoning_finds_what_a_careless_table_gives_away(t *testing.T) {
	show := func(n int) stat.Count { return stat.Hide(n, 0) }
	careless := stat.Published{Rows: []string{"a", "b"}, Cols: []string{"x", "y"}, Cells: [][]stat.Count{{{}, show(20)}, {show(30), show(40)}},
		RowSums: []stat.Count{show(24), show(70)}, ColSums: []stat.Count{show(34), show(60)}, Sum: show(94)}
	if found := stat.Reckoned(careless); len(found) != 1 || found[0] != (stat.Place{Row: 0, Col: 0}) {
		t.Errorf("found %v", found)
	}
	careless.Cells[0][1] = stat.Count{} // the row alone is safe now; the columns still tell
	if found := stat.Reckoned(careless); len(found) != 2 {
		t.Errorf("found %v", found)
	}
}

func Test_a_table_that_means_nothing_is_refused_by_name(t *testing.T) {
	for name, in := range map[string]stat.Table{
		"empty":    {},
		"rows":     {Rows: []string{"a"}},
		"columns":  {Rows: []string{"a"}, N: [][]int{{1}}},
		"negative": table([][]int{{-1}}),
		"large":    {Rows: make([]string, 61), N: make([][]int, 61)},
	} {
		if _, err := stat.Protect(in, 10); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := stat.Protect(table([][]int{{10}}), -1); err == nil {
		t.Error("a number below zero")
	}
}
