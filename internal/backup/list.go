package backup

import (
	"fmt"
	"path/filepath"
	"time"
)

// Generation is what a list says of one.
type Generation struct {
	Compartment, Name string
	From, Until       time.Time // moments it can be brought back to
	Files             int
	Bytes             int64
	Gaps              []string // what is wrong in its chain; empty: nothing that can be seen without a secret
}

// List looks through the generations of a folder, the oldest first. With hashed it reads every file and holds its hash
// against the one the next file names.
func List(dir string, kind Kind, hashed bool) (list []Generation, err error) {
	names, err := Compartments(dir, kind)
	if err != nil {
		return nil, err
	}
	for _, c := range names {
		gens, err := generations(dir, c, kind)
		if err != nil {
			return nil, err
		}
		for _, name := range gens {
			g, err := generation(dir, c, name, kind, hashed)
			if err != nil {
				return nil, err
			}
			list = append(list, g)
		}
	}
	return list, nil
}

func generation(dir, compartment, name string, kind Kind, hashed bool) (g Generation, err error) {
	g = Generation{Compartment: compartment, Name: name}
	files, err := parts(filepath.Join(dir, compartment, name), kind)
	if err != nil {
		return g, err
	}
	next, before := 0, ""
	for _, p := range files {
		g.Files, g.Bytes = g.Files+1, g.Bytes+p.size
		h, err := readHead(p.path)
		if err == nil && !hashed {
			before = h.Before
		}
		if err == nil {
			err = follows(h, p, next, compartment, name, before)
		}
		if err != nil {
			g.Gaps = append(g.Gaps, err.Error())
		} else if len(g.Gaps) == 0 {
			g.Until = h.At
		}
		if next == 0 {
			g.From = h.At
		}
		next = p.number + 1
		if hashed {
			if before, err = digestOf(p.path); err != nil {
				return g, fmt.Errorf("%s: %w", p.path, err)
			}
		}
	}
	return g, nil
}
