// Package backup keeps what a SQLite database becomes in numbered files that only the holder of a secret opens, and
// makes a database of them again, as it was at a moment.
//
//	DIR/follow.json                    until when everything is here, for who watches; in the city's data folder it is followed.json
//	DIR/civic/20260302T011000Z/        a generation: everything once, and what changed since
//	    000000.data                    all pages
//	    000001.data 000002.data …      pages that changed, after one or several commits
//	DIR/files/ab/abcdef…               attachments, sealed as they lie in the city, each copied once
//	DIR/files-youth/…                  those of another compartment
//
// A file begins with a line of JSON, its [Head], which tells nothing about people. What follows is encrypted by age
// (https://age-encryption.org) to one or several recipients, compressed by zstd; inside, the line stands once more, so
// that it cannot be exchanged. Each file names the hash of the one before it. It has its name only once it is whole.
//
// Keys of cases are cut out of the pages before anything is written ([comity/internal/db/pages]). If a second folder is
// named, they are kept there in the same way, as files that end in .keys, with what the key folder holds: a chain of
// its own, of which no more than two generations are kept.
//
// It refuses: to know what a key looks like (a [Source] is told by whoever made it), to overwrite a file of another
// hand, a chain with a gap, a file of another compartment.
//
// Open this file first; ship.go writes, restore.go reads back, list.go counts.
package backup

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"comity/internal/db/pages"
	"comity/internal/file/whole"
)

const format = "comity-follow-1"

// Kind of a file.
type Kind string

// The two kinds, which are also what their names end in.
const (
	Data Kind = "data"
	Keys Kind = "keys"
)

// Head is the first line of a file.
type Head struct {
	Format      string    `json:"format"`
	Kind        Kind      `json:"kind"`
	Compartment string    `json:"compartment"`
	Generation  string    `json:"generation"`
	Number      int       `json:"number"`           // 0 is everything
	Has         time.Time `json:"has"`              // what was acknowledged before is in it, or in the files before it
	At          time.Time `json:"at"`               // nothing in it came after
	Before      string    `json:"before,omitempty"` // SHA-256 of the file before it
	// Place is where the log had been read to.
	Place pages.Place `json:"place,omitzero"`
}

// Status is what follow.json says.
type Status struct {
	Format string    `json:"format"`
	Kind   Kind      `json:"kind"`
	At     time.Time `json:"at"`              // until then everything is here
	Oldest time.Time `json:"oldest,omitzero"` // of the generations that are kept
}

// StatusFile is the name of the file that says until when everything is here.
const StatusFile = "follow.json"

// ReadStatus reads what a follower has said of a folder.
func ReadStatus(dir string) (Status, error) { return readStatus(filepath.Join(dir, StatusFile)) }

func readStatus(path string) (s Status, err error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, fmt.Errorf("%w: name a folder that comity backup follow has written to with --to or --keys-to", err)
	}
	if err != nil {
		return s, err
	}
	if json.Unmarshal(b, &s) != nil || s.Format != format {
		return s, fmt.Errorf("%s: it is no status of comity backup follow; remove it, the follower writes it anew", path)
	}
	return s, nil
}

// WriteStatus says until when everything is in a folder.
func WriteStatus(dir string, kind Kind, at time.Time) error {
	s := Status{Format: format, Kind: kind, At: at.UTC(), Oldest: at.UTC()}
	found, err := filepath.Glob(filepath.Join(dir, "*", "*", fileName(kind, 0)))
	if err != nil {
		return err
	}
	for _, path := range found {
		if h, err := readHead(path); err == nil && h.At.Before(s.Oldest) {
			s.Oldest = h.At
		}
	}
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return whole.Write(filepath.Join(dir, StatusFile), append(b, '\n'))
}

// beatFile lies in the data folder of a city that is followed.
const beatFile = "followed.json"

// WriteBeat says in the data folder of a city until when everything is shipped, for its own figures.
func WriteBeat(data string, at time.Time) error {
	b, err := json.Marshal(Status{Format: format, Kind: Data, At: at.UTC()})
	if err != nil {
		return err
	}
	return whole.Write(filepath.Join(data, beatFile), append(b, '\n'))
}

// Followed is until when everything is shipped of the city in a data folder. The zero time: nobody follows it.
func Followed(data string) (time.Time, error) {
	s, err := readStatus(filepath.Join(data, beatFile))
	if errors.Is(err, fs.ErrNotExist) {
		return time.Time{}, nil
	}
	return s.At, err
}

func fileName(kind Kind, number int) string { return fmt.Sprintf("%06d.%s", number, kind) }

// part is one file of a generation.
type part struct {
	path   string
	number int
	size   int64
}

// generations names those of a compartment, the oldest first. One whose base is missing counts as none: it was broken
// off while it was made.
func generations(dir, compartment string, kind Kind) (names []string, err error) {
	list, err := os.ReadDir(filepath.Join(dir, compartment))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, e := range list {
		if _, err := os.Stat(filepath.Join(dir, compartment, e.Name(), fileName(kind, 0))); err == nil {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, err
}

// parts lists the files of a generation by number.
func parts(dir string, kind Kind) (list []part, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), "."+string(kind))
		n, err := strconv.Atoi(name)
		if !ok || err != nil || e.Name() != fileName(kind, n) {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return nil, err
		}
		list = append(list, part{filepath.Join(dir, e.Name()), n, info.Size()})
	}
	slices.SortFunc(list, func(a, b part) int { return cmp.Compare(a.number, b.number) })
	return list, nil
}

// maxHead bounds the first line of a file.
const maxHead = 4096

func readHead(path string) (h Head, err error) {
	f, err := os.Open(path)
	if err != nil {
		return h, err
	}
	defer f.Close()
	b := make([]byte, maxHead)
	n, _ := f.Read(b)
	line, _, ok := bytes.Cut(b[:n], []byte("\n"))
	if !ok || json.Unmarshal(line, &h) != nil || h.Format != format {
		return h, fmt.Errorf("%s: its first line is no head of a backup of this program", path)
	}
	return h, nil
}
