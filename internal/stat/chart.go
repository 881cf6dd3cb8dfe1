package stat

import (
	"fmt"
	"time"
)

// Week is the cases that came in during one week about one issue in one place.
type Week struct {
	Begins time.Time
	Count  Count
}

// Method says how weeks are judged.
type Method struct {
	Back   int     // weeks before the one judged that are looked at, at most
	Needed int     // weeks before it without which it is not judged
	Chance float64 // of a signal above, and again below, in a week in which nothing has changed
	Least  int     // counts below were hidden before they came here
}

// Standard looks back a year and needs a quarter, and calls out as seldom as three standard deviations
// do on a chart of measurements (Shewhart): about once in fourteen years on each side.
var Standard = Method{Back: 52, Needed: 12, Chance: 0.00135, Least: 10}

// Signal says on which side of its limits a week lies.
type Signal string

const (
	None  Signal = ""
	Above Signal = "above"
	Below Signal = "below"
)

// Signals are those that have to have words.
var Signals = []Signal{Above, Below}

// Point is a week with what was to be expected of it.
type Point struct {
	Week
	Judged    bool // there were weeks enough before it
	Expected  float64
	Low, High int // the last counts that are no signal
	Signal    Signal
}

// Chart is a control chart.
type Chart struct {
	Method Method
	Points []Point
}

// Watch judges each week by the weeks before it.
//
// The limits are those of one new count after n others with the same mean. Counts of independent
// events scatter like Poisson's, with a variance equal to the mean; those of a city scatter more,
// because one flood brings many cases. The variance is therefore measured, never taken below Poisson's,
// widened for the mean being an estimate itself, and the limits are exact quantiles of the negative
// binomial distribution with this mean and variance: three standard deviations to each side would be
// wrong for small counts, which are skew. Past weeks that stood out count for little, or one flood
// would hide the next.
//
// Sources: A. Noufaily, D. G. Enki, P. Farrington, P. Garthwaite, N. Andrews, A. Charlett, An improved
// algorithm for outbreak detection in multiple surveillance systems, Statistics in Medicine 32 (2013)
// 1206–1222, for the weights and the distribution; C. P. Farrington, N. J. Andrews, A. D. Beale,
// M. A. Catchpole, A statistical algorithm for the early detection of outbreaks of infectious disease,
// Journal of the Royal Statistical Society A 159 (1996) 547–563, for the residuals. Unlike theirs it
// has no trend and no season: with a year of weeks neither can be told from chance.
//
// A hidden count is unknown here, too. The upper limit takes it as large as it can be, the lower one as
// zero, so that no signal rests on it; and nothing in the chart can tell it, because nothing knew it.
func Watch(weeks []Week, m Method) (Chart, error) {
	if err := m.check(); err != nil {
		return Chart{}, err
	}
	c := Chart{Method: m}
	var low, high []int // the weeks as small, and as large, as they can have been
	for i, w := range weeks {
		if i > 0 && !w.Begins.Equal(weeks[i-1].Begins.AddDate(0, 0, 7)) {
			return Chart{}, fmt.Errorf("stat: the week of %s does not follow the one of %s; give every week, also those without a case", w.Begins.Format(time.DateOnly), weeks[i-1].Begins.Format(time.DateOnly))
		}
		n, shown := w.Count.Value()
		if n > mostInAWeek {
			return Chart{}, fmt.Errorf("stat: the week of %s has %d cases, more than %d", w.Begins.Format(time.DateOnly), n, mostInAWeek)
		}
		first := max(0, i-m.Back)
		c.Points = append(c.Points, m.judge(w, low[first:i], high[first:i]))
		if shown {
			low, high = append(low, n), append(high, n)
		} else {
			low, high = append(low, 0), append(high, max(m.Least-1, 0))
		}
	}
	return c, nil
}

// mostInAWeek keeps the sums of limits.go short.
const mostInAWeek = 100_000

func (m Method) check() error {
	switch {
	case m.Needed < 12:
		return fmt.Errorf("stat: Needed is %d weeks; with fewer than 12 the limits are mostly chance", m.Needed)
	case m.Back < m.Needed || m.Back > 520:
		return fmt.Errorf("stat: Back is %d weeks; it is Needed (%d) to 520", m.Back, m.Needed)
	case !(m.Chance >= 1e-6 && m.Chance <= 0.05):
		return fmt.Errorf("stat: Chance is %g; it is 0.000001 to 0.05", m.Chance)
	case m.Least < 0 || m.Least > 1000:
		return fmt.Errorf("stat: Least is %d; it is 0 to 1000", m.Least)
	}
	return nil
}

func (m Method) judge(w Week, low, high []int) Point {
	p := Point{Week: w}
	if len(low) < m.Needed {
		return p
	}
	least, most := estimate(low), estimate(high)
	p.Judged, p.Expected = true, (least.mean+most.mean)/2
	p.Low, p.High = least.low(m.Chance), most.high(m.Chance)
	n, shown := w.Count.Value()
	switch {
	case shown && n > p.High:
		p.Signal = Above
	case shown && n < p.Low, !shown && m.Least-1 < p.Low:
		p.Signal = Below
	}
	return p
}

// Signals counts the weeks that lie outside their limits.
func (c Chart) Signals() (n int) {
	for _, p := range c.Points {
		if p.Signal != None {
			n++
		}
	}
	return n
}
