package stat

import (
	"math"
	"slices"
)

// scatter is what weeks tell of the next one.
type scatter struct {
	mean   float64
	spread float64 // variance of a new count by mean: 1 = Poisson
}

// standsOut is the residual from which a past week counts for less; tries is more than it takes for
// the weights to settle.
const (
	standsOut = 2.58
	tries     = 10
)

// estimate begins at the median, which no single week can move far, and weighs each week by how far it
// stands out.
func estimate(counts []int) scatter {
	n := float64(len(counts))
	s := start(counts)
	ws, even := make([]float64, len(counts)), make([]float64, len(counts))
	for i, y := range counts {
		even[i] = evened(float64(y))
	}
	for range tries {
		var weights, sum float64
		scale := 1.5 / (math.Pow(s.mean, 1.0/6) * math.Sqrt(s.spread*(1-1/n)))
		middle := evened(s.mean)
		for i, y := range counts {
			ws[i] = weight(scale * (even[i] - middle))
			weights += ws[i]
			sum += ws[i] * float64(y)
		}
		mean := max(sum/weights, 0.5/n) // nothing in n weeks does not mean never
		var squares float64
		for i, y := range counts {
			d := float64(y) - mean
			squares += ws[i] * d * d
		}
		was := s
		if s = (scatter{mean, max(1, squares*n/weights/(n-1)/mean)}); s == was {
			break
		}
	}
	s.spread *= 1 + 1/n
	return s
}

// start is median and median deviation, scaled to the standard deviation of a normal distribution.
func start(counts []int) scatter {
	mean := max(median(counts), 0.5)
	away := make([]int, len(counts))
	for i, y := range counts {
		away[i] = int(math.Abs(float64(y) - mean))
	}
	deviation := 1.4826 * median(away)
	return scatter{mean, max(1, deviation*deviation/mean)}
}

func median(counts []int) float64 {
	sorted := slices.Sorted(slices.Values(counts))
	k := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return float64(sorted[k])
	}
	return float64(sorted[k-1]+sorted[k]) / 2
}

// evened is the power of Anscombe's residual, under which counts of Poisson scatter evenly.
func evened(y float64) float64 { return math.Pow(y, 2.0/3) }

// weight is 1 for a week like others, less for one that stands out above, by its residual.
func weight(residual float64) float64 {
	if residual <= standsOut {
		return 1
	}
	return 1 / (residual * residual)
}

// high is the smallest count that is exceeded by no more than chance.
func (s scatter) high(chance float64) int {
	below, last := 0.0, 0
	for y, p := range s.each() {
		if below += p; 1-below <= chance {
			return y
		}
		last = y
	}
	return last
}

// low is the largest count below which no more than chance lies.
func (s scatter) low(chance float64) int {
	below := 0.0
	for y, p := range s.each() {
		if below += p; below > chance {
			return y
		}
	}
	return 0
}

// each gives the probability of every count from 0 on under the negative binomial distribution, by the
// ratio of one to the next, in logarithms: far from the mean the first would be zero.
func (s scatter) each() func(yield func(int, float64) bool) {
	size := s.mean / (s.spread - 1)
	return func(yield func(int, float64) bool) {
		p := -size * math.Log(s.spread)
		ratio := math.Log(1 - 1/s.spread)
		last := s.mean + 1000*math.Sqrt(s.mean*s.spread) + 1000 // beyond every chance that may be asked for
		for y := 0; float64(y) < last; y++ {
			if !yield(y, math.Exp(p)) {
				return
			}
			p += math.Log((float64(y)+size)/float64(y+1)) + ratio
		}
	}
}
