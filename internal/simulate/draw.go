package simulate

import "math"

// Every draw is a function of what it is for: the run, the case, the purpose and how often that purpose
// came up on this case. No stream is shared, so a clerk more or less shifts nothing for anybody else's
// case: these are the common random numbers of a comparison.

// mix folds a number into a key (the finaliser of splitmix64, twice over).
func mix(key, n uint64) uint64 {
	z := key ^ (n+0x9e3779b97f4a7c15)*0xbf58476d1ce4e5b9
	for range 2 {
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		z ^= z >> 31
	}
	return z
}

// purpose is what a draw is for, as a number (FNV-1a over the words).
func purpose(words ...string) uint64 {
	h := uint64(14695981039346656037)
	for _, w := range words {
		for i := range len(w) {
			h = (h ^ uint64(w[i])) * 1099511628211
		}
		h = (h ^ 0xff) * 1099511628211
	}
	return h
}

// share is a number in [0, 1) for a key.
func share(key uint64) float64 { return float64(mix(key, 0)>>11) / (1 << 53) }

// wait is a length with this mean: always the mean, or exponential around it.
func (s Spread) wait(mean float64, key uint64) float64 {
	if s == Fixed {
		return mean
	}
	return -mean * math.Log(1-share(key))
}

// pick is an index drawn by weight; -1 when no weight is positive.
func pick(weights []float64, key uint64) int {
	total := 0.0
	for _, w := range weights {
		total += w
	}
	if total <= 0 {
		return -1
	}
	at := share(key) * total
	for i, w := range weights {
		if at < w {
			return i
		}
		at -= w
	}
	for i := len(weights) - 1; ; i-- { // the sum of many weights may be a hair short
		if weights[i] > 0 {
			return i
		}
	}
}
