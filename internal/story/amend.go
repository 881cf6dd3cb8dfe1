package story

import (
	"archive/zip"
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"comity/internal/pack"
)

// amend makes the next version of a pack from the changes a section lists:
//
//	in procedures/service-request.yaml
//	- the lines that stand there now
//	+ the lines that stand there afterwards
//
// The lines after "- " must stand in the file exactly once, one below the other.
func amend(p *pack.Pack, section string) (*pack.Pack, error) {
	files := maps.Clone(p.Files)
	file, old, now := "", "", ""
	apply := func() error {
		if old == "" && now == "" {
			return nil
		}
		if n := strings.Count(string(files[file]), old); n != 1 || old == "" {
			return fmt.Errorf("%s: these lines stand there %d times, not once:\n%s", file, n, old)
		}
		files[file] = []byte(strings.Replace(string(files[file]), old, now, 1))
		old, now = "", ""
		return nil
	}
	for line := range strings.Lines(section) {
		line = strings.TrimRight(line, "\n") + "\n"
		switch {
		case strings.HasPrefix(line, "- "):
			if now != "" {
				if err := apply(); err != nil {
					return nil, err
				}
			}
			old += line[2:]
		case strings.HasPrefix(line, "+ "):
			now += line[2:]
		default:
			if err := apply(); err != nil {
				return nil, err
			}
			name, ok := strings.CutPrefix(strings.TrimSpace(line), "in ")
			if _, there := files[name]; ok && there {
				file = name
			} else if strings.TrimSpace(line) != "" {
				return nil, fmt.Errorf("%q: write \"in FILE\" with a file of the pack, then lines after \"- \" and \"+ \"", strings.TrimSpace(line))
			}
		}
	}
	if err := apply(); err != nil {
		return nil, err
	}
	return load(files)
}

// load reads a pack from memory. A zip archive is the file system that the standard library makes
// from bytes.
func load(files map[string][]byte) (*pack.Pack, error) {
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(files[name]); err != nil {
			return nil, err
		}
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	r, err := zip.NewReader(bytes.NewReader(buf.Bytes()), int64(buf.Len()))
	if err != nil {
		return nil, err
	}
	return pack.Load(r, pack.Unsearched()) // a story asks what happens under other rules, not whether they are sound
}
