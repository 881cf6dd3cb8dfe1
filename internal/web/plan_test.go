package web

import (
	"context"
	"math"
	"strings"
	"testing"

	"comity/internal/place"
)

func Test_a_click_target_names_the_corners_of_the_drawing(t *testing.T) {
	sw, ne := place.Point{Lat: 28, Lon: 112}, place.Point{Lat: 28.5, Lon: 113}
	f := FrameOver(sw, ne, 400)
	if f.Box() != "28.000000,112.000000,28.500000,113.000000" {
		t.Errorf("box %s", f.Box())
	}
	low, high := f.At(sw), f.At(ne)
	for _, off := range []float64{low.X, low.Y - f.Height, high.X - 400, high.Y} {
		if math.Abs(off) > 1e-6 {
			t.Errorf("corners at %v and %v of a drawing 400 by %g", low, high, f.Height)
		}
	}
}

func Test_an_extent_fits_into_a_drawing_of_any_shape_without_being_stretched(t *testing.T) {
	sw, ne := place.Point{Lat: 60, Lon: 10}, place.Point{Lat: 60.1, Lon: 10.1}
	for _, size := range [][2]float64{{400, 220}, {100, 900}} {
		f := FrameWithin(sw, ne, size[0], size[1], 0.02)
		low, high := f.At(sw), f.At(ne)
		if low.X < 0 || high.Y < 0 || high.X > size[0] || low.Y > size[1] {
			t.Errorf("%v: corners at %v and %v", size, low, high)
		}
		if ratio := (high.X - low.X) / (low.Y - high.Y); math.Abs(ratio-math.Cos(60.05*math.Pi/180)) > 1e-6 {
			t.Errorf("%v: drawn %g times as wide as high", size, ratio)
		}
	}
}

func Test_a_marker_waits_hidden_only_where_it_can_be_set(t *testing.T) {
	draw := func(m Plan) string {
		var b strings.Builder
		if err := PlanSVG(&m).Render(context.Background(), &b); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	if s := draw(Plan{}); strings.Contains(s, `class="pin"`) {
		t.Errorf("a marker without a place: %s", s)
	}
	if s := draw(Plan{Box: "1,2,3,4"}); !strings.Contains(s, `<g data-pin transform="" hidden>`) {
		t.Errorf("no marker to be set: %s", s)
	}
	if s := draw(Plan{Pin: &PlanSpot{X: 1.26, Y: 2}}); !strings.Contains(s, `<g transform="translate(1.3 2)"><path class="pin"`) {
		t.Errorf("no marker that stands: %s", s)
	}
}
