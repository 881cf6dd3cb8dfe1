package neighbour

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/courier"
	"comity/internal/db"
	"comity/internal/form"
	"comity/internal/jobs"
	"comity/internal/ledger"
	"comity/internal/neighbour/georeport"
	"comity/internal/pack"
	"comity/internal/procedure"
)

// news is something a neighbour said about a matter it was handed.
type news struct {
	id     string // of this news, for ever
	status string
	words  string
	deeds  []pack.Deed
	by     string // the account of who decided here that it is so; empty: the neighbour's system said it
}

// Poll is how a neighbour was asked what is new.
type Poll struct {
	Neighbour string
	Reached   time.Time // it last answered
	Failed    time.Time // it last did not; zero: it answers
	Words     string    // what it said then

	updates, requests time.Time // up to which updates were heard, and requests taken in
}

// How far back is asked, for what reached their list late, and how long what was heard is known by its id.
const (
	overlap   = 24 * time.Hour
	farthest  = 80 * 24 * time.Hour // the specification allows ninety days
	heardKept = 100 * 24 * time.Hour
)

// Start has every neighbour asked that the operator named an endpoint of, unless one is asked already.
func (o *Office) Start(ctx context.Context) error {
	return o.DB.Transact(ctx, func(tx *db.Tx) error {
		for i := range o.Packs.Current().Neighbours {
			n := &o.Packs.Current().Neighbours[i]
			if _, ok := o.Endpoints[n.ID]; !ok {
				o.Log.Warn("the operator's file names no endpoint for a neighbour; what is handed to it waits", "neighbour", n.ID)
				continue
			}
			asked, err := jobs.Waiting(ctx, tx, pollKey(n.ID))
			if err != nil {
				return err
			}
			if asked {
				continue
			}
			if err := o.pollLater(ctx, tx, n.ID, tx.Now); err != nil {
				return err
			}
		}
		return nil
	})
}

func pollKey(neighbour string) string { return kindPoll + ":" + neighbour + ":" }

type pollJob struct {
	Neighbour string `json:"neighbour"`
}

func (o *Office) pollLater(ctx context.Context, tx *db.Tx, neighbour string, at time.Time) error {
	return jobs.Enqueue(ctx, tx, jobs.New{Kind: kindPoll, Key: pollKey(neighbour) + rand.Text(), Payload: payloadOf(pollJob{neighbour}), RunAt: at})
}

// poll asks one neighbour what is new, and orders the next time. That a neighbour does not answer is no failure of the
// job: it is written down, and asked again.
func (o *Office) poll(ctx context.Context, job jobs.Job) error {
	var of pollJob
	if err := json.Unmarshal(job.Payload, &of); err != nil {
		return fmt.Errorf("%s: %w", job.Key, err)
	}
	n, known := o.Packs.Current().Neighbour(of.Neighbour)
	to, ok := o.Endpoints[of.Neighbour]
	if !known || !ok { // the next start has it asked again, if it comes back
		return o.DB.Transact(ctx, func(tx *db.Tx) error { return jobs.Done(ctx, tx, job) })
	}
	client := *to.Client
	client.Jurisdiction = n.Jurisdiction
	p, now, err := o.polled(ctx, n.ID)
	if err != nil {
		return err
	}
	if err = o.ask(ctx, &client, n, &p, now); err != nil {
		p.Failed, p.Words = now, courier.Said(err.Error(), courier.Parcel{}) // shortened: what they say may be long
		o.Log.Warn("a neighbour does not answer; it is asked again", "neighbour", n.ID, "error", p.Words)
	} else {
		p.Reached, p.Failed, p.Words = now, time.Time{}, ""
	}
	return o.DB.Transact(context.WithoutCancel(ctx), func(tx *db.Tx) error {
		return errors.Join(jobs.Done(ctx, tx, job), putPoll(ctx, tx, p), tidyHeard(ctx, tx, n.ID, tx.Now.Add(-heardKept)), o.pollLater(ctx, tx, n.ID, tx.Now.Add(to.Every)))
	})
}

func (o *Office) polled(ctx context.Context, neighbour string) (p Poll, now time.Time, err error) {
	err = o.DB.View(ctx, func(tx *db.Tx) error {
		now = tx.Now
		p, err = loadPoll(ctx, tx, neighbour)
		return err
	})
	return p, now, err
}

// ask does what one poll does. What was heard up to a failure stays heard, and a list that does not come keeps nobody from
// asking for the other one.
func (o *Office) ask(ctx context.Context, client *georeport.Client, n *pack.Neighbour, p *Poll, now time.Time) error {
	var taken, heard error
	if len(n.Takes) > 0 {
		taken = o.takeIn(ctx, client, n, p, now)
	}
	switch {
	case len(n.Sends) == 0:
	case n.Updates:
		heard = o.hearUpdates(ctx, client, n, p, now)
	default:
		heard = o.hearStatus(ctx, client, n)
	}
	if taken != nil && heard != nil && taken.Error() == heard.Error() {
		return taken // a system that is away is away for both
	}
	return errors.Join(taken, heard)
}

// from is where a question begins that was last asked up to a time.
func from(last, now time.Time) time.Time {
	if last.IsZero() {
		last = now
	}
	if at := last.Add(-overlap); at.After(now.Add(-farthest)) {
		return at
	}
	return now.Add(-farthest)
}

// hearUpdates asks for what happened by the updates extension.
func (o *Office) hearUpdates(ctx context.Context, client *georeport.Client, n *pack.Neighbour, p *Poll, now time.Time) error {
	since := from(p.updates, now)
	err := o.DB.View(ctx, func(tx *db.Tx) error {
		// What got its number only now may have been dealt with meanwhile.
		late, err := lateFrom(ctx, tx, n.ID, p.updates.Add(-lease))
		if err == nil && !late.IsZero() && late.Before(since) {
			since = from(late, now)
		}
		return err
	})
	if err != nil {
		return err
	}
	list, err := client.Updates(ctx, since, now)
	if err != nil {
		return err
	}
	for _, u := range list {
		l, ok, err := o.joined(ctx, n.ID, u.Request, true)
		if err != nil {
			return err
		}
		if !ok || l.Ended {
			continue // of somebody else's request, or past
		}
		if err := o.hearOf(ctx, n, l, news{id: "update:" + u.ID, status: u.Status, words: u.Words, deeds: n.Means(u.Status)}); err != nil {
			return err
		}
	}
	p.updates = now
	return nil
}

// joined finds the case of ours that is one matter with a request of theirs.
func (o *Office) joined(ctx context.Context, neighbour, theirs string, ours bool) (l Link, ok bool, err error) {
	err = o.DB.View(ctx, func(tx *db.Tx) error {
		l, err = linkedTo(ctx, tx, neighbour, theirs, ours)
		return err
	})
	if errors.Is(err, db.ErrNoRows) {
		return l, false, nil
	}
	return l, err == nil, err
}

// hearStatus asks how every matter stands that was handed over, of a system without updates.
func (o *Office) hearStatus(ctx context.Context, client *georeport.Client, n *pack.Neighbour) error {
	const batch = 50
	for after := int64(0); ; {
		var links []Link
		err := o.DB.View(ctx, func(tx *db.Tx) (err error) {
			links, err = openLinks(ctx, tx, n.ID, after, batch)
			return err
		})
		if err != nil || len(links) == 0 {
			return err
		}
		after = links[len(links)-1].ID
		var ids []string
		of := map[string]Link{}
		for _, l := range links {
			ids, of[l.Theirs] = append(ids, l.Theirs), l
		}
		list, err := client.Asked(ctx, ids)
		if err != nil {
			return err
		}
		for _, r := range list {
			said := sha256.Sum256([]byte(r.Status + "\x00" + r.Notes))
			id := "status:" + r.ID + ":" + hex.EncodeToString(said[:8])
			if err := o.hearOf(ctx, n, of[r.ID], news{id: id, status: r.Status, words: r.Notes, deeds: n.Means(r.Status)}); err != nil {
				return err
			}
		}
	}
}

// arrived carries out what follows when a matter has a number at the neighbour.
func (o *Office) arrived(ctx context.Context, job jobs.Job) error {
	var at linkJob
	if err := json.Unmarshal(job.Payload, &at); err != nil {
		return fmt.Errorf("%s: %w", job.Key, err)
	}
	var l Link
	err := o.DB.View(ctx, func(tx *db.Tx) (err error) {
		l, err = loadLink(ctx, tx, at.Link)
		return err
	})
	n, ok := o.Packs.Current().Neighbour(l.Neighbour)
	if errors.Is(err, db.ErrNoRows) || err == nil && (l.Ended || !ok) {
		return nil
	}
	if err != nil {
		return err
	}
	return o.arrive(ctx, n, l, at.Send)
}

func (o *Office) arrive(ctx context.Context, n *pack.Neighbour, l Link, send int64) error {
	p := o.Packs.Current()
	words := o.Words(p).In(p.Langs[0]).T("neighbour.number", "unit", o.unitName(p, n, p.Langs[0]), "id", l.Theirs)
	return o.hear(ctx, n, l, news{id: fmt.Sprintf("arrived:%d", send), words: words, deeds: n.Arrived})
}

// hearOf carries out what a neighbour said of a matter, after what follows from its arrival: a matter that was dealt with
// there before its number was known here would else be answered by nobody.
func (o *Office) hearOf(ctx context.Context, n *pack.Neighbour, l Link, x news) error {
	h, err := o.heardOf(ctx, n.ID, x.id)
	if err != nil || h.done {
		return err
	}
	var s Send
	err = o.DB.View(ctx, func(tx *db.Tx) (err error) {
		s, err = arrivedReport(ctx, tx, l.Case, n.ID)
		return err
	})
	if err != nil && !errors.Is(err, db.ErrNoRows) {
		return err
	}
	if err == nil {
		if err := o.arrive(ctx, n, l, s.ID); err != nil {
			return err
		}
	}
	return o.hear(ctx, n, l, x)
}

// hear carries out a piece of news: the acts it means, each in a step with the mark that it was done, so that one that
// was broken off goes on where it was. Words that no act took become a note that the desk reads.
func (o *Office) hear(ctx context.Context, n *pack.Neighbour, l Link, x news) error {
	h, err := o.heardOf(ctx, n.ID, x.id)
	if err != nil || h.done {
		return err
	}
	p := o.Packs.Current()
	who := o.actor(p, n)
	if x.by != "" {
		who = o.acting(x.by, p, n) // the record names who decided it, for the unit whose step it is
	}
	k, err := o.Reader.ByID(ctx, authz.Machine().Scope(), l.Case)
	if errors.Is(err, ledger.ErrNotFound) || err == nil && k.Sealed != "" {
		return o.mark(ctx, n.ID, x.id, l.Case, heard{done: true})
	}
	if err != nil {
		return err
	}
	d, err := o.Packs.Definition(k.Pack, k.Procedure)
	if err != nil {
		return err
	}
	told := x.words == ""
	for i := h.steps; i < len(x.deeds); i++ {
		deed := x.deeds[i]
		a, ok := d.Act(deed.Act)
		if !ok {
			continue
		}
		if k, err = o.Reader.ByID(ctx, authz.Machine().Scope(), l.Case); err != nil {
			return err
		}
		if !casework.CanAct(d, k, a, who, o.Now()) {
			continue
		}
		fields, took := o.given(n, l, k, a, deed, x.words)
		now := heard{steps: i + 1, acted: true}
		_, err := o.Ledger.DoWith(ctx, who, casework.Command{Case: k.ID, Version: casework.AnyVersion, Act: deed.Act, Fields: fields, Key: n.ID + ":" + x.id + ":" + deed.Act}, func(tx *db.Tx, _ ledger.Receipt) error {
			return putHeard(ctx, tx, n.ID, x.id, l.Case, now)
		})
		var no *casework.Refusal
		if errors.As(err, &no) { // the case moved on, or what they wrote does not fit: it is told as a note
			o.Log.Info("what a neighbour said could not be done", "neighbour", n.ID, "case", k.Ref, "act", deed.Act, "rule", no.Rule)
			continue
		}
		if err != nil {
			return err
		}
		h, told = now, told || took
	}
	if !told || len(x.deeds) == 0 && x.status != "" && x.status != l.Word { // what the pack names and is done already needs no word
		if err := o.noteOf(ctx, p, n, l, x, who); err != nil {
			return err
		}
	}
	h.done = true
	return errors.Join(o.mark(ctx, n.ID, x.id, l.Case, h), o.remember(ctx, l, x.status))
}

// given fills the fields of an act. took says that the neighbour's words are among them.
func (o *Office) given(n *pack.Neighbour, l Link, k casework.Case, a *procedure.Act, deed pack.Deed, words string) (fields map[string]string, took bool) {
	for _, f := range a.Fields {
		v := deed.Fields[f.Name]
		if v == "" {
			continue
		}
		if fields == nil {
			fields = map[string]string{}
		}
		switch {
		case v == pack.FromPlace:
			v = string(l.Origin)
		case strings.Contains(v, pack.WordsPlace):
			v, took = strings.ReplaceAll(v, pack.WordsPlace, o.spoken(n, k, f, words)), true
			if f.Kind == form.Text {
				v = strings.ReplaceAll(v, "\n", " ")
			}
			v = shortened(v, f.Max)
		}
		fields[f.Name] = v
	}
	return fields, took
}

// spoken are a neighbour's words as the field can take them: where it wrote none, or too few, that is said.
func (o *Office) spoken(n *pack.Neighbour, k casework.Case, f form.Field, words string) string {
	words = readable(words)
	if utf8.RuneCountInString(words) >= max(f.Min, 1) {
		return words
	}
	p := o.Packs.Pack(k.Pack)
	lang := k.Contact.Lang
	if p.Texts[lang] == nil {
		lang = p.Langs[0]
	}
	return strings.TrimSpace(o.Words(p).In(lang).T("neighbour.no_words", "unit", o.unitName(p, n, lang)) + "\n" + words)
}

// readable makes what a machine wrote fit to be kept: line ends as the kernel has them, and no character that steers.
func readable(s string) string {
	s = strings.ReplaceAll(strings.ReplaceAll(strings.ToValidUTF8(s, ""), "\r\n", "\n"), "\r", "\n")
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, s))
}

func shortened(s string, most int) string {
	if most == 0 {
		most = form.MaxText
	}
	r := []rune(s)
	if len(r) <= most {
		return s
	}
	return string(r[:most-1]) + "…"
}

// noteOf writes on the case what a neighbour said, for the desk. Where the case is elsewhere nobody there may write on
// it, and what they say is past.
func (o *Office) noteOf(ctx context.Context, p *pack.Pack, n *pack.Neighbour, l Link, x news, who authz.Actor) error {
	lang := p.Langs[0]
	say := o.Words(p).In(lang)
	words := readable(x.words)
	if x.status != "" {
		status := x.status
		if key := "neighbour.status." + x.status; say.Has(key) {
			status = say.T(key)
		}
		words = say.T("neighbour.said", "unit", o.unitName(p, n, lang), "status", status, "words", words)
	}
	note := casework.Command{Case: l.Case, Version: casework.AnyVersion, Key: n.ID + ":" + x.id + ":note", Note: &casework.Note{Text: shortened(words, casework.MaxText)}}
	_, err := o.Ledger.Do(ctx, who, note)
	var no *casework.Refusal
	if errors.As(err, &no) || errors.Is(err, ledger.ErrNotFound) {
		return nil
	}
	return err
}

func (o *Office) heardOf(ctx context.Context, neighbour, id string) (h heard, err error) {
	err = o.DB.View(ctx, func(tx *db.Tx) error {
		h, err = loadHeard(ctx, tx, neighbour, id)
		return err
	})
	return h, err
}

func (o *Office) mark(ctx context.Context, neighbour, id string, of casework.CaseID, h heard) error {
	return o.DB.Transact(ctx, func(tx *db.Tx) error { return putHeard(ctx, tx, neighbour, id, of, h) })
}

func (o *Office) remember(ctx context.Context, l Link, status string) error {
	if l.ID == 0 || status == "" {
		return nil
	}
	return o.DB.Transact(ctx, func(tx *db.Tx) error { return setWord(ctx, tx, l.ID, status) })
}
