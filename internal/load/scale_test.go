package load

import "testing"

func Test_a_ratio_is_taken_turn_by_turn(t *testing.T) {
	p := Pair{Small: []float64{1, 2, 4, 0}, Large: []float64{2, 2, 12, 9, 7}}
	if median, least, most := p.Ratio(); median != 2 || least != 1 || most != 3 {
		t.Errorf("%v [%v..%v]", median, least, most)
	}
	if median, _, _ := (Pair{Small: []float64{1}}).Ratio(); median != 0 {
		t.Errorf("what was not measured has the ratio %v", median)
	}
	var s Scale
	s.Page(Act).Small = append(s.Page(Act).Small, 1)
	s.Page(Act).Small = append(s.Page(Act).Small, 2)
	if len(s.Pages) != 1 || len(s.Pages[0].Small) != 2 {
		t.Errorf("%+v", s.Pages)
	}
}
