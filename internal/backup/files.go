package backup

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"comity/internal/file/whole"
	"comity/internal/synced"
)

// shipFiles copies attachments that are new. Only folders that were changed since the last look are read.
func (s *Shipper) shipFiles(ctx context.Context) error {
	folders, err := os.ReadDir(s.Files)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, f := range folders {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !f.IsDir() {
			continue
		}
		info, err := f.Info()
		if err != nil {
			return err
		}
		if s.seen[f.Name()].Equal(info.ModTime()) {
			continue
		}
		if err := s.shipFolder(f.Name()); err != nil {
			return err
		}
		// A file that came in the same tick of the disk's clock would be missed: such a folder is read again.
		if s.seen == nil {
			s.seen = map[string]time.Time{}
		}
		if s.Now().Sub(info.ModTime()) > time.Second {
			s.seen[f.Name()] = info.ModTime()
		}
	}
	return nil
}

func (s *Shipper) shipFolder(name string) error {
	list, err := os.ReadDir(filepath.Join(s.Files, name))
	if err != nil {
		return err
	}
	to := filepath.Join(s.FilesTo, name)
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	news := false
	for _, f := range list {
		if f.IsDir() || f.Name()[0] == '.' {
			continue
		}
		if _, err := os.Lstat(filepath.Join(to, f.Name())); err == nil {
			continue
		}
		from := filepath.Join(s.Files, name, f.Name())
		n, err := whole.Copy(from, filepath.Join(to, f.Name()))
		if err != nil {
			if _, gone := os.Lstat(from); errors.Is(gone, fs.ErrNotExist) {
				continue // erased meanwhile
			}
			return err
		}
		s.Shipped += n
		news = true
	}
	if !news {
		return nil
	}
	return synced.Path(to)
}

// goneFile lists attachments the city has no more, by when that was first seen.
const goneFile = "gone.json"

// tidyFiles removes attachments the city had no more when the oldest generation that is kept began.
func (s *Shipper) tidyFiles() error {
	gone := map[string]time.Time{}
	path := filepath.Join(s.FilesTo, goneFile)
	if b, err := os.ReadFile(path); err == nil {
		if err := json.Unmarshal(b, &gone); err != nil {
			return err
		}
	}
	oldest, err := s.oldest()
	if err != nil {
		return err
	}
	still := map[string]time.Time{}
	kept, err := filepath.Glob(filepath.Join(s.FilesTo, "??", "*"))
	if err != nil {
		return err
	}
	for _, to := range kept {
		rel := filepath.Join(filepath.Base(filepath.Dir(to)), filepath.Base(to))
		if _, err := os.Lstat(filepath.Join(s.Files, rel)); !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		since, known := gone[rel]
		if !known {
			since = s.Now().UTC()
		}
		if since.Before(oldest) {
			if err := os.Remove(to); err != nil {
				return err
			}
			continue
		}
		still[rel] = since
	}
	if len(still) == 0 && len(gone) == 0 {
		return nil
	}
	b, err := json.Marshal(still)
	if err != nil {
		return err
	}
	return whole.Write(path, b)
}

func (s *Shipper) oldest() (time.Time, error) {
	names, err := generations(s.Data.Dir, s.Compartment, Data)
	if err != nil || len(names) == 0 {
		return time.Time{}, err
	}
	return time.Parse(generationName, names[0])
}
