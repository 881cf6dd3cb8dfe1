package inmail

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"comity/internal/file/whole"
)

// The folders. A mail lies in exactly one of them: new (or cur, as mail programs do) until it is worked on, then
// where its fate took it. Beside a mail that did not become part of a case lies a file that says why.
const (
	folderNew    = "new"
	folderCur    = "cur"
	folderTmp    = "tmp"
	folderDone   = "done"
	folderFailed = "failed" // it was refused or cannot be read: a person has to take it in
	folderReview = "review" // a machine sent it, or it claims too much: a person looks whether it is for us
)

// Folder is where mail waits, in the form of a Maildir.
type Folder struct{ Dir string }

// Make makes the folders, for nobody but us: what people write lies in them.
func (f Folder) Make() error {
	for _, name := range []string{folderNew, folderCur, folderTmp, folderDone, folderFailed, folderReview} {
		if err := os.MkdirAll(filepath.Join(f.Dir, name), 0o700); err != nil {
			return fmt.Errorf("the folder of mail: %w; name one that can be written to", err)
		}
	}
	return nil
}

// Put lays a mail into the folder, whole or not at all.
func (f Folder) Put(name string, raw []byte) error {
	return whole.Write(filepath.Join(f.Dir, folderNew, name), raw)
}

// waiting lists what is to be worked on, oldest first.
func (f Folder) waiting() (out []string, err error) {
	type entry struct {
		path string
		at   time.Time
	}
	var list []entry
	for _, sub := range []string{folderNew, folderCur} {
		all, err := os.ReadDir(filepath.Join(f.Dir, sub))
		if err != nil {
			return nil, err
		}
		for _, e := range all {
			if !e.Type().IsRegular() || strings.HasPrefix(e.Name(), ".") {
				continue // links lead out of the folder, and what begins with a dot is being written
			}
			info, err := e.Info()
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return nil, err
			}
			list = append(list, entry{filepath.Join(sub, e.Name()), info.ModTime()})
		}
	}
	slices.SortFunc(list, func(a, b entry) int { return cmp.Or(a.at.Compare(b.at), strings.Compare(a.path, b.path)) })
	for _, e := range list {
		out = append(out, e.path)
	}
	return out, nil
}

// read reads a mail up to the bound of one; more tells that it is larger.
func (f Folder) read(path string) (raw []byte, more bool, err error) {
	info, err := os.Stat(filepath.Join(f.Dir, path))
	if err != nil {
		return nil, false, err
	}
	if info.Size() > maxMail {
		return nil, true, nil
	}
	raw, err = os.ReadFile(filepath.Join(f.Dir, path))
	return raw, false, err
}

// move puts a mail where its fate took it. The reason is written first: a mail without one is still waiting.
func (f Folder) move(path, to, reason string) error {
	name := filepath.Base(path)
	for n := 2; ; n++ { // mail of two folders may bear one name
		if _, err := os.Lstat(filepath.Join(f.Dir, to, name)); errors.Is(err, fs.ErrNotExist) {
			break
		} else if err != nil {
			return err
		}
		name = fmt.Sprintf("%s.%d", filepath.Base(path), n)
	}
	if err := whole.Write(filepath.Join(f.Dir, to, name+whySuffix), []byte(reason+"\n")); err != nil {
		return err
	}
	return os.Rename(filepath.Join(f.Dir, path), filepath.Join(f.Dir, to, name))
}

const whySuffix = ".why"

// apart lists the mails that lie where people look after them.
func (f Folder) apart() (out []Apart, err error) {
	for _, sub := range []string{folderFailed, folderReview} {
		all, err := os.ReadDir(filepath.Join(f.Dir, sub))
		if err != nil {
			return nil, err
		}
		for _, e := range all {
			if !e.Type().IsRegular() || strings.HasPrefix(e.Name(), ".") || strings.HasSuffix(e.Name(), whySuffix) {
				continue
			}
			info, err := e.Info()
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return nil, err
			}
			out = append(out, apartOf(filepath.Join(sub, e.Name()), info))
		}
	}
	return out, nil
}

// reason reads what lies beside a mail; nothing where nothing does.
func (f Folder) reason(path string) (string, error) {
	raw, err := os.ReadFile(filepath.Join(f.Dir, path+whySuffix))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return strings.TrimSpace(string(raw)), err
}

func (f Folder) writeReason(path, reason string) error {
	return whole.Write(filepath.Join(f.Dir, path+whySuffix), []byte(reason+"\n"))
}

// settle is move for a mail that lay apart: what was known of it goes along, and the days that it stays among what is
// done begin now.
func (f Folder) settle(path, to, reason string, now time.Time) error {
	if filepath.Dir(path) == to {
		return f.writeReason(path, reason)
	}
	if err := os.Chtimes(filepath.Join(f.Dir, path), now, now); err != nil {
		return err
	}
	if err := f.move(path, to, reason); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(f.Dir, path+whySuffix)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// tidy takes away what is done and old: the case holds the words, sealed, and a copy that nobody needs is one
// more that can be lost.
func (f Folder) tidy(before time.Time) error {
	all, err := os.ReadDir(filepath.Join(f.Dir, folderDone))
	if err != nil {
		return err
	}
	for _, e := range all {
		info, err := e.Info()
		if err != nil || !info.ModTime().Before(before) {
			continue
		}
		if err := os.Remove(filepath.Join(f.Dir, folderDone, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
