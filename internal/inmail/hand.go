package inmail

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"time"

	"comity/internal/casework"
)

// What people do about mail that became part of no case: see that it is there, look who wrote and about what, take it
// in, or set it aside. Each of these is one line in the log and, but for the list, one beside the mail, with who did it.
// Nobody reads here what a mail says: whoever needs that takes it in, and opens the case on record.

// Apart is a mail that lies apart, as much of it as a list may tell: nothing of who wrote, and nothing of what.
type Apart struct {
	ID     string // means nothing outside the folder
	Reason string // as docs/mail.md lists them; empty where nobody wrote one
	Rule   string // of the refusal, where the door refused it
	At     time.Time
	Size   int64

	path string
}

// Head is what a mail says on its outside.
type Head struct {
	From, Subject string
	Files         int
	Read          bool // false: it cannot be read, and nothing of it is known
}

// ErrNone is for a mail that does not lie apart, or no longer.
var ErrNone = errors.New("inmail: no such mail lies apart")

func apartOf(path string, info fs.FileInfo) Apart {
	sum := sha256.Sum256([]byte(path))
	return Apart{ID: hex.EncodeToString(sum[:12]), At: info.ModTime(), Size: info.Size(), path: path}
}

// Apart lists what lies apart, newest first: no more than a page has room for, and how many there are in all. What
// stands beside the others is not read: whoever floods us with mail makes a list here, and no work.
func (r *Room) Apart(from, most int) (page []Apart, of int, err error) {
	list, err := r.Folder.apart()
	if err != nil {
		return nil, 0, err
	}
	slices.SortFunc(list, func(a, b Apart) int { return cmp.Or(b.At.Compare(a.At), strings.Compare(a.path, b.path)) })
	from = max(0, min(from, len(list)))
	page = list[from:min(from+most, len(list))]
	for i := range page {
		if page[i], err = r.reasoned(page[i]); err != nil {
			return nil, 0, err
		}
	}
	return page, len(list), nil
}

// reasoned adds what stands beside a mail.
func (r *Room) reasoned(a Apart) (Apart, error) {
	beside, err := r.Folder.reason(a.path)
	if err != nil {
		return a, err
	}
	a.Reason = line(beside, "reason")
	if a.Reason == whyRefused {
		a.Rule, _, _ = strings.Cut(line(beside, "more"), " ")
	}
	return a, nil
}

// line is what stands beside a mail under a name.
func line(beside, name string) string {
	for l := range strings.Lines(beside) {
		if v, ok := strings.CutPrefix(l, name+": "); ok {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

func (r *Room) find(id string) (Apart, error) {
	list, err := r.Folder.apart()
	if err != nil {
		return Apart{}, err
	}
	i := slices.IndexFunc(list, func(a Apart) bool { return a.ID == id })
	if i < 0 {
		return Apart{}, ErrNone
	}
	return r.reasoned(list[i])
}

// Look tells what a mail says on its outside, once it is written down who looked.
func (r *Room) Look(who, id string) (Apart, Head, error) {
	a, err := r.find(id)
	if err != nil {
		return a, Head{}, err
	}
	if err := r.note(a, "seen", who); err != nil {
		return a, Head{}, err
	}
	raw, more, err := r.Folder.read(a.path)
	if err != nil || more {
		return a, Head{}, gone(err)
	}
	m, err := parsed(raw)
	if err != nil {
		return a, Head{}, nil
	}
	from := m.From.Name
	if m.From.Address != "" {
		from = strings.TrimSpace(from + " <" + m.From.Address + ">")
	}
	return a, Head{From: from, Subject: m.Subject, Files: len(m.Parts), Read: true}, nil
}

// parsed is Parse of a mail that may be the one our program cannot bear.
func parsed(raw []byte) (m *Mail, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("inmail: it cannot be read")
		}
	}()
	return Parse(raw)
}

// Again takes a mail in although it was laid apart: it is read once more, and the word of a person stands against what
// was thought of its sender. reason says what came of it; where that is no case, it lies apart as before.
func (r *Room) Again(ctx context.Context, who, id string) (ref casework.Ref, reason string, err error) {
	a, err := r.find(id)
	if err != nil {
		return "", "", err
	}
	raw, more, err := r.Folder.read(a.path)
	if err != nil {
		return "", "", gone(err)
	}
	f := fate{folderFailed, whyOversize, "", ""}
	if !more {
		if f, err = r.safely(ctx, raw, true); err != nil {
			return "", "", err
		}
	}
	return f.ref, f.why, r.settle(a, f, who)
}

// Aside puts a mail among what is done, which goes after the operator's days.
func (r *Room) Aside(who, id string) error {
	a, err := r.find(id)
	if err != nil {
		return err
	}
	return r.settle(a, fate{folder: folderDone, why: whyAside}, who)
}

// settle writes down what a person did, beside all that was done before.
func (r *Room) settle(a Apart, f fate, who string) error {
	before, err := r.Folder.reason(a.path)
	if err != nil {
		return err
	}
	now := r.Now()
	told := f.String() + "\nby: " + who + " " + now.UTC().Format(time.RFC3339)
	if before != "" {
		told += "\nbefore:\n\t" + strings.ReplaceAll(before, "\n", "\n\t")
	}
	r.Log.Info("mail by hand", "fate", f.folder, "reason", f.why, "mail", a.ID, "by", who)
	return gone(r.Folder.settle(a.path, f.folder, told, now))
}

// note adds a line to what stands beside a mail.
func (r *Room) note(a Apart, what, who string) error {
	beside, err := r.Folder.reason(a.path)
	if err != nil {
		return err
	}
	r.Log.Info("mail by hand", "deed", what, "mail", a.ID, "by", who)
	return r.Folder.writeReason(a.path, strings.TrimSpace(beside+"\n"+what+": "+who+" "+r.Now().UTC().Format(time.RFC3339)))
}

// gone is what an error means where somebody else took the mail away meanwhile.
func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return ErrNone
	}
	return err
}
