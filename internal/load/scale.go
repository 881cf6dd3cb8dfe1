package load

import (
	"encoding/json"
	"os"
	"slices"
	"time"
)

// Scale holds a large city against a small one. Both were asked in turns within one run, so that what the machine did
// beside fell on both.
type Scale struct {
	At      time.Time     `json:"at"`
	Machine Machine       `json:"machine"`
	Small   City          `json:"small"`
	Large   City          `json:"large"`
	Clients int           `json:"clients"`
	Turns   int           `json:"turns"`
	Turn    time.Duration `json:"turn_ns"`
	Pages   []Pair        `json:"pages"`             // p99 of each kind, in seconds
	Door    Pair          `json:"door"`              // seconds for a case to be opened and acted upon
	Start   Pair          `json:"start"`             // seconds from the start of the process until it is ready
	Process float64       `json:"process,omitempty"` // seconds that any process of this program takes to say its version
	Idle    Pair          `json:"idle"`              // megabytes
	Busy    Pair          `json:"busy"`              // megabytes, the most that was seen under load
	Late    Pair          `json:"late"`              // seconds from when a clock ran out until its event was stored
	Wrong   int           `json:"wrong"`
}

// Pair is one figure of both cities, turn by turn.
type Pair struct {
	Kind  Kind      `json:"kind,omitempty"`
	Small []float64 `json:"small"`
	Large []float64 `json:"large"`
	Rows  []int     `json:"rows,omitempty"` // of a list, in the small city and in the large one
}

// Ratio is the large city's over the small one's: the median of the turns, and the least and most of them. It is zero
// where one of them was not measured.
func (p Pair) Ratio() (median, least, most float64) {
	var all []float64
	for i := range min(len(p.Small), len(p.Large)) {
		if p.Small[i] > 0 {
			all = append(all, p.Large[i]/p.Small[i])
		}
	}
	if len(all) == 0 {
		return 0, 0, 0
	}
	return Median(all), slices.Min(all), slices.Max(all)
}

// Median is the middle of some figures, 0 of none.
func Median(list []float64) float64 {
	if len(list) == 0 {
		return 0
	}
	c := slices.Sorted(slices.Values(list))
	return (c[(len(c)-1)/2] + c[len(c)/2]) / 2
}

// Page is a kind of traffic by its name; it is made where there is none.
func (s *Scale) Page(k Kind) *Pair {
	i := slices.IndexFunc(s.Pages, func(p Pair) bool { return p.Kind == k })
	if i < 0 {
		i = len(s.Pages)
		s.Pages = append(s.Pages, Pair{Kind: k})
	}
	return &s.Pages[i]
}

// Reads is the traffic of which a page of a large city must cost about the same as that of a small one.
func Reads() Mix {
	m := Mix{Page: 3, Follow: 3, Search: 1}
	for _, l := range Levels {
		m[List(l)] = 1
	}
	return m
}

// Save writes it to a file.
func (s *Scale) Save(file string) error {
	raw, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(raw, '\n'), 0o600)
}
