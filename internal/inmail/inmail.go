// Package inmail takes in what people write by mail: a mail becomes a case through the same door as every other
// report, or, where it answers one of ours, a message on its case.
//
// Mail comes into a folder (folder.go), put there by a mail server or fetched from a mailbox (imap.go). The life of
// a mail: it lies in new; it is read; its command goes through the door under a key made of what never changes of
// it; then it moves to done. Who dies in between finds it in new again, and the door answers as before. What is
// refused or unreadable moves to failed, what a machine sent to review, each with the reason beside it. Nothing is
// thrown away but what is done, after the days the operator gave.
//
// It refuses to believe a mail: who a mail says it is from opens nothing, only the address we gave out proves that
// it answers us (token.go). It refuses to answer machines (judge.go); people are answered by the notice of their
// case, which the courier carries. It keeps no list of senders: how much came from one lately is in memory alone.
//
// Open this file first, then parse.go for how a mail is read, and hand.go for what people do about mail that became
// part of no case. docs/mail.md is for operators.
package inmail

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/explain"
	"comity/internal/file"
	"comity/internal/intake"
	"comity/internal/ledger"
	"comity/internal/limit"
	"comity/internal/pack"
	"comity/internal/text"
)

// source is the channel of what comes in here.
const source = "mail"

// Deps is what the room stands on. Log may be nil.
type Deps struct {
	Ledger *ledger.Ledger // of the civic compartment
	Reader *ledger.Reader
	Packs  *pack.Registry
	Words  func(*pack.Pack) *text.Catalogue
	Files  file.Store
	Now    func() time.Time
	Log    *slog.Logger
	Door   Door
	Own    []string // further addresses that are ours
	Folder Folder
	Keep   time.Duration // how long what is done stays
	Fetch  func(context.Context, Folder) error
	Every  time.Duration
}

// Room takes mail in.
type Room struct {
	Deps
	senders *limit.Limiter
}

// How many mails of one sender become cases at once, and how long until one more does: a person with a matter, not a
// program that went round in circles.
const (
	senderBurst = 10
	senderEvery = 10 * time.Minute
)

// New makes the room and its folders.
func New(d Deps) (*Room, error) {
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	if p := d.Packs.Current(); p.Post == nil || p.Post.Inbound == "" {
		return nil, fmt.Errorf("the pack %s does not say what a mail becomes; add inbound: to its post.yaml, the category for what nobody has sorted yet", p.ID)
	}
	return &Room{d, limit.New(senderBurst, senderEvery)}, d.Folder.Make()
}

// Run takes mail in until the context ends.
func (r *Room) Run(ctx context.Context) {
	tick := time.NewTicker(r.Every)
	defer tick.Stop()
	for {
		if r.Fetch != nil {
			if err := r.Fetch(ctx, r.Folder); err != nil && ctx.Err() == nil {
				r.Log.Error("the mailbox could not be emptied; trying again", "error", err.Error())
			}
		}
		if err := r.Once(ctx); err != nil && ctx.Err() == nil {
			r.Log.Error("mail could not be taken in; trying again", "error", err.Error())
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// Once works on everything that waits. What fails for a reason of ours stays and is tried again.
func (r *Room) Once(ctx context.Context) error {
	list, err := r.Folder.waiting()
	if err != nil {
		return err
	}
	for _, path := range list {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if fail := r.one(ctx, path); fail != nil {
			err = errors.Join(err, fail)
		}
	}
	return errors.Join(err, r.Folder.tidy(r.Now().Add(-r.Keep)))
}

// fate is what became of a mail.
type fate struct {
	folder string
	why    string
	ref    casework.Ref
	more   string
}

func (f fate) String() string {
	s := "reason: " + f.why
	if f.ref != "" {
		s += "\ncase: " + string(f.ref)
	}
	if f.more != "" {
		s += "\nmore: " + oneLine(f.more)
	}
	return s
}

func (r *Room) one(ctx context.Context, path string) error {
	raw, more, err := r.Folder.read(path)
	if err != nil {
		return err
	}
	f := fate{folderFailed, whyOversize, "", ""}
	if !more {
		if f, err = r.safely(ctx, raw, false); err != nil {
			return err
		}
	}
	r.Log.Info("mail", "fate", f.folder, "reason", f.why) // never what is in it, nor who sent it
	return r.Folder.move(path, f.folder, f.String())
}

// safely keeps a mail that our program cannot bear from standing in the way of all others.
func (r *Room) safely(ctx context.Context, raw []byte, byHand bool) (f fate, err error) {
	defer func() {
		if v := recover(); v != nil {
			f, err = fate{folderFailed, whyUnread, "", fmt.Sprintf("panic: %v", v)}, nil
		}
	}()
	return r.take(ctx, raw, byHand)
}

// take reads a mail and sends it through the door. A person who takes it in has judged who wrote it and what it is
// about; nobody proves for another that it answers us.
func (r *Room) take(ctx context.Context, raw []byte, byHand bool) (fate, error) {
	m, err := Parse(raw)
	if err != nil {
		return fate{folderFailed, whyUnread, "", err.Error()}, nil
	}
	why := m.machine(append([]string{r.Door.Address}, r.Own...))
	if why != "" && !byHand {
		return fate{folder: folderReview, why: why}, nil
	}
	m.mute = why == whyBounce || why == whyOwn || why == whySender
	if m.beyond {
		return fate{folder: folderFailed, why: whyOversize}, nil
	}
	key := keyOf(m, raw)
	id, claimed, proved := r.Door.about(m)
	if claimed && !proved && !byHand {
		return fate{folder: folderReview, why: whyToken}, nil
	}
	if !proved {
		ref, _, err := r.Reader.OpenedBy(ctx, authz.Reporter(), key)
		if err == nil {
			return fate{folder: folderDone, why: whyKnown, ref: ref}, nil
		}
		if !errors.Is(err, ledger.ErrNotFound) {
			return fate{}, err
		}
	}
	from, now := senderOf(m), r.Now()
	if !byHand && r.senders.Wait(from, now) > 0 {
		return fate{folder: folderReview, why: whyMany}, nil
	}
	f, err := r.through(ctx, m, key, id)
	if err == nil && f.folder == folderDone && !byHand {
		r.senders.Count(from, now)
	}
	return f, err
}

// senderOf names a sender for the brake without keeping the address.
func senderOf(m *Mail) string {
	sum := sha256.Sum256([]byte(strings.ToLower(m.From.Address)))
	return hex.EncodeToString(sum[:16])
}

// keyOf is what never changes of a mail, whichever way it comes and how often. One that has no Message-ID is known
// by its bytes. The sender is part of it, or somebody could have another's mail taken for known.
func keyOf(m *Mail, raw []byte) string {
	sum := sha256.New()
	if m.ID != "" {
		fmt.Fprintf(sum, "id\n%s\n%s", m.ID, strings.ToLower(m.From.Address))
	} else {
		sum.Write([]byte("raw\n"))
		sum.Write(raw)
	}
	return source + ":" + hex.EncodeToString(sum.Sum(nil)[:20])
}

// through sends a mail through the door.
func (r *Room) through(ctx context.Context, m *Mail, key string, about casework.CaseID) (fate, error) {
	p := r.Packs.Current()
	lang := langOf(p, m)
	say := r.Words(p).In(lang)
	kept, lost, err := r.keep(ctx, say, m.Parts)
	if err != nil {
		return fate{}, err
	}
	words := fit(m.fresh(), lost, say)
	if words == "" && len(kept) == 0 && m.Subject == "" {
		return fate{folder: folderReview, why: whyEmpty}, nil
	}
	var receipt ledger.Receipt
	why := whyOpened
	if about != "" {
		why = whyAnswered
		cmd := casework.Command{Case: about, Version: casework.AnyVersion, Key: key, Files: kept}
		if words != "" {
			cmd.Note = &casework.Note{Text: words, Public: true}
		}
		receipt, err = r.Ledger.Do(ctx, authz.Holder(string(about)), cmd)
	} else {
		var cmd casework.Command
		cmd, err = intake.Command(p, r.report(p, m, words, lang, key, kept))
		if err == nil {
			receipt, err = r.Ledger.Do(ctx, authz.Reporter(), cmd)
		}
	}
	return settled(receipt, why, err)
}

// settled says what came of a command. The same mail twice is known the second time, whatever is different in how
// its files were sealed.
func settled(receipt ledger.Receipt, why string, err error) (fate, error) {
	var no *casework.Refusal
	switch {
	case errors.As(err, &no) && no.Rule == "idempotency.reused":
		return fate{folder: folderDone, why: whyKnown}, nil
	case errors.As(err, &no):
		more := no.Rule
		for _, b := range no.Fields {
			more += " " + b.Field + ":" + b.Rule
		}
		return fate{folder: folderFailed, why: whyRefused, more: more}, nil
	case errors.Is(err, ledger.ErrNotFound):
		return fate{folder: folderReview, why: whyToken}, nil // the case is gone, or under seal
	case err != nil:
		return fate{}, err
	}
	return fate{folder: folderDone, why: why, ref: receipt.Ref}, nil
}

func (r *Room) report(p *pack.Pack, m *Mail, words, lang, key string, kept []casework.File) intake.Report {
	title := cut(m.Subject, casework.MaxTitle)
	if words == "" {
		words = title
	}
	if title == "" && strings.TrimSpace(words) == "" {
		title = r.Words(p).In(lang).T("inmail.title")
		words = title
	}
	name := m.From.Name
	if utf8.RuneCountInString(name) > maxName || strings.Contains(name, "@") {
		name = ""
	}
	contact := casework.Contact{Name: name, Channel: "mail", Address: m.From.Address, Lang: lang}
	if m.mute {
		contact = casework.Contact{Name: name}
	}
	return intake.Report{Category: p.Post.Inbound, Title: title, Text: words, Source: source, Key: key, Files: kept, Now: r.Now(), Contact: contact}
}

const maxName = 60

func cut(s string, most int) string {
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return s
}

// fit makes the words short enough for the door. What is cut is told, and the mail stays in the folder meanwhile.
func fit(words string, lost []string, say text.Speaker) string {
	tail := strings.Join(lost, "\n")
	room := casework.MaxText - utf8.RuneCountInString(tail) - 1
	if room < 0 {
		tail, room = "", casework.MaxText
	}
	if utf8.RuneCountInString(words) > room {
		mark := "\n" + say.T("inmail.cut")
		words = string([]rune(words)[:max(room-utf8.RuneCountInString(mark), 0)]) + mark
	}
	return strings.TrimSpace(words + "\n" + tail)
}

// langOf guesses in which language somebody is answered: of what they wrote, else of what their program says.
func langOf(p *pack.Pack, m *Mail) string {
	written := m.Subject + m.Text
	han := strings.ContainsFunc(written, func(r rune) bool { return unicode.Is(unicode.Han, r) })
	if !strings.ContainsFunc(written, unicode.IsLetter) {
		han = strings.HasPrefix(strings.ToLower(m.Language), "zh")
	}
	for _, l := range p.Langs {
		if strings.HasPrefix(l, "zh") == han {
			return l
		}
	}
	return p.Langs[0]
}

// maxFiles is how many files of a mail are taken in.
const maxFiles = 10

// keep takes the files in, through the one pipeline. One that cannot be kept does not take the mail with it: it is
// told in the words of the case.
func (r *Room) keep(ctx context.Context, say text.Speaker, parts []Part) (kept []casework.File, lost []string, err error) {
	for i, p := range parts {
		name := cut(p.Name, maxName)
		if name == "" {
			name = say.T("inmail.file", "n", strconv.Itoa(i+1))
		}
		no := file.Refused{Rule: "file.too_many"}
		if len(kept) < maxFiles {
			f, err := r.Files.Take(ctx, bytes.NewReader(p.Data), p.Name, file.Limits{})
			if err == nil {
				f.Public = true
				kept = append(kept, f)
				continue
			}
			if !errors.As(err, &no) {
				return nil, nil, err
			}
		}
		lost = append(lost, say.T("inmail.lost", "name", name, "why", say.T("problem."+no.Rule, explain.Figures(say, no.Params)...)))
	}
	return kept, lost, nil
}
