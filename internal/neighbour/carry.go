package neighbour

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/courier"
	"comity/internal/db"
	"comity/internal/jobs"
	"comity/internal/ledger"
	"comity/internal/neighbour/georeport"
	"comity/internal/org"
	"comity/internal/pack"
)

// Kind is what is sent.
type Kind string

// The kinds.
const (
	Report Kind = "report" // a matter is handed over
	Update Kind = "update" // what happened to one is told
)

// Token is the state of a report that was taken in under a token: its number is still asked for. All other states are
// those of every delivery.
const Token courier.State = "token"

// States lists them in the order of a life.
var States = []courier.State{courier.Created, courier.Sending, Token, courier.Delivered, courier.Temporary, courier.Permanent, courier.Cancelled}

// moves says which state may follow which. A crash while sending leaves Sending for Sending.
var moves = map[courier.State][]courier.State{
	courier.Created:   {courier.Sending, courier.Permanent, courier.Delivered, courier.Cancelled},
	courier.Sending:   {courier.Sending, Token, courier.Delivered, courier.Temporary, courier.Permanent, courier.Cancelled},
	Token:             {Token, courier.Delivered, courier.Permanent, courier.Cancelled},
	courier.Temporary: {courier.Sending, courier.Permanent, courier.Created, courier.Delivered, courier.Cancelled},
	courier.Permanent: {courier.Created, courier.Delivered, courier.Cancelled},
	courier.Cancelled: {courier.Delivered}, // it was under way when it was called off
}

func may(from, to courier.State) bool { return slices.Contains(moves[from], to) }

// Reasons for which a send is in its state, beside those of every delivery: texts post.reason.NAME.
const (
	reasonGivenUp    = "given_up"    // tries or hours are over
	reasonRefused    = "refused"     // they said never
	reasonUnclear    = "unclear"     // twice nobody knows whether they took it
	reasonGone       = "gone"        // the words are erased
	reasonByHand     = "by_hand"     // a person said so
	reasonNoAddress  = "no_address"  // the operator named no endpoint
	reasonNoService  = "no_service"  // the pack names no service for the category
	reasonNoNumber   = "no_number"   // a token never became a number
	reasonSameNumber = "same_number" // they gave it the number of another case of ours
	reasonLeft       = "left"        // the case is elsewhere
)

// Send is one report or update on its way to a neighbour.
type Send struct {
	ID        int64
	Neighbour string
	Kind      Kind
	Case      casework.CaseID
	Ref       casework.Ref
	Place     string
	Programme string
	State     courier.State
	Reason    string
	Token     string
	Tries     int
	Unclear   int
	Created   time.Time
	Next      time.Time // zero: not by itself
	Changed   time.Time

	link   int64
	seq    int
	origin org.UnitID
	first  time.Time
	job    string
	before time.Time // of a try that begins: since when they may have it; zero: they cannot
}

// key is its name for the world outside: the same however often it is tried, and it tells nothing about the case.
func (s Send) key() string {
	sum := sha256.Sum256([]byte("comity neighbour\x00" + s.Neighbour + "\x00" + string(s.Case) + "\x00" + strconv.FormatInt(s.ID, 10)))
	return hex.EncodeToString(sum[:16])
}

// begin puts a send at its beginning: to be tried at once, with all its tries.
func (o *Office) begin(ctx context.Context, tx *db.Tx, s Send) error {
	s.State, s.Reason, s.Tries, s.Unclear, s.first = courier.Created, "", 0, 0, tx.Now
	return o.later(ctx, tx, s, tx.Now)
}

// later stores a send with a job of its own for a time. The name of the job is new each time: a key names one job for ever.
func (o *Office) later(ctx context.Context, tx *db.Tx, s Send, at time.Time) error {
	s.Next, s.job = at, fmt.Sprintf("%s%d:%s", carryKey(s.Case), s.ID, rand.Text())
	return errors.Join(setSend(ctx, tx, s), jobs.Enqueue(ctx, tx, jobs.New{Kind: kindCarry, Key: s.job, Payload: payloadOf(sendJob{s.ID}), RunAt: at}))
}

// stops ends the tries of a send; a person decides.
func (o *Office) stops(ctx context.Context, tx *db.Tx, s Send, reason string) error {
	s.State, s.Reason, s.Next, s.job = courier.Permanent, reason, time.Time{}, ""
	return errors.Join(setSend(ctx, tx, s), o.nextWord(ctx, tx, s))
}

// nextWord lets the next update of the same matter go, now that this one is through or stuck: what happened is told in
// the order in which it happened.
func (o *Office) nextWord(ctx context.Context, tx *db.Tx, s Send) error {
	if s.Kind != Update {
		return nil
	}
	next, err := nextUpdate(ctx, tx, s.link)
	if errors.Is(err, db.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	return o.begin(ctx, tx, next)
}

// notThere are reasons by which it is certain that the neighbour does not have a report.
var notThere = []string{reasonRefused, reasonNoService, reasonNoAddress, reasonSameNumber, reasonGone}

// calledOff ends a report that is no longer wanted. One that is under way, or was tried, may be there nevertheless: it is
// looked for (chase), so that the neighbour can be told, who else would send somebody.
func (o *Office) calledOff(ctx context.Context, tx *db.Tx, s Send, reason string) error {
	was := s
	s.State, s.Reason, s.Next = courier.Cancelled, reason, time.Time{}
	if was.State == courier.Sending {
		return setSend(ctx, tx, s) // its run goes on, or the next one finds it called off
	}
	if s.job != "" {
		if _, err := jobs.Cancel(ctx, tx, s.job); err != nil {
			return err
		}
		s.job = ""
	}
	tried, err := firstTry(ctx, tx, s)
	if err != nil {
		return err
	}
	n, ok := o.Packs.Current().Neighbour(s.Neighbour)
	if tried.IsZero() || slices.Contains(notThere, was.Reason) || !ok || !n.Updates {
		return setSend(ctx, tx, s)
	}
	s.Tries, s.first = 0, tx.Now
	return o.later(ctx, tx, s, tx.Now)
}

// carry is one try. That it begins is written down before the neighbour is called, and how it ended afterwards; a process
// that dies in between leaves a try without an end, which the next run tells as unclear.
func (o *Office) carry(ctx context.Context, job jobs.Job) error {
	var p sendJob
	if err := json.Unmarshal(job.Payload, &p); err != nil {
		return fmt.Errorf("%s: %w", job.Key, err)
	}
	s, attempt, err := o.starts(ctx, job, p.Send)
	if err != nil || attempt == 0 {
		return err
	}
	a := o.hand(ctx, s)
	// How it ended is written down even if this process is being stopped.
	return o.ends(context.WithoutCancel(ctx), job, s.ID, attempt, a)
}

// starts writes down that a try begins. Without an attempt there is nothing to send.
func (o *Office) starts(ctx context.Context, job jobs.Job, id int64) (s Send, attempt int64, err error) {
	err = o.DB.Transact(ctx, func(tx *db.Tx) error {
		attempt = 0 // a transaction may run again
		if err := jobs.Held(ctx, tx, job); err != nil {
			return err
		}
		if s, err = loadSend(ctx, tx, id); err != nil && !errors.Is(err, db.ErrNoRows) {
			return err
		}
		asks := s.State == Token || s.State == courier.Cancelled
		if err != nil || s.job != job.Key || !asks && !may(s.State, courier.Sending) {
			return jobs.Done(ctx, tx, job)
		}
		if s.before, err = firstTry(ctx, tx, s); err != nil {
			return err
		}
		if err := endOpenAttempts(ctx, tx, s.ID); err != nil {
			return err
		}
		if s.State == courier.Sending { // an earlier run died before it could say how it ended
			s.Unclear++
		}
		if s.State == courier.Cancelled {
			if again, err := o.has(ctx, tx, s.Case, s.Neighbour); err != nil || again { // it came back: they are to keep it
				s.Next, s.job = time.Time{}, ""
				return errors.Join(err, jobs.Done(ctx, tx, job), setSend(ctx, tx, s))
			}
		}
		if s.Unclear > 1 {
			return errors.Join(jobs.Done(ctx, tx, job), o.stops(ctx, tx, s, reasonUnclear))
		}
		if !asks {
			s.State, s.Reason = courier.Sending, ""
		}
		s.Next = time.Time{}
		s.Tries++
		if err := setSend(ctx, tx, s); err != nil {
			return err
		}
		attempt, err = putAttempt(ctx, tx, s, courier.Attempt{Began: tx.Now})
		return err
	})
	return s, attempt, err
}

// answer is what came of a try.
type answer struct {
	state             courier.State
	reason, words, id string
	token             string
}

func temporary(words string) answer { return answer{state: courier.Temporary, words: words} }

// hand calls the neighbour.
func (o *Office) hand(ctx context.Context, s Send) answer {
	n, known := o.Packs.Current().Neighbour(s.Neighbour)
	to, ok := o.Endpoints[s.Neighbour]
	if !known || !ok {
		return answer{state: courier.Temporary, reason: reasonNoAddress}
	}
	client := *to.Client
	client.Jurisdiction = n.Jurisdiction
	switch {
	case s.State == Token:
		return o.numbered(ctx, &client, s)
	case s.State == courier.Cancelled:
		return o.chased(ctx, &client, n, s)
	}
	look, err := o.Ledger.Look(ctx, authz.Machine(), ledger.Ticket{Case: s.Case, Purpose: Purpose, Level: authz.Story})
	var no *casework.Refusal
	if errors.Is(err, ledger.ErrNotFound) || errors.As(err, &no) || err == nil && look.Erased() {
		return answer{state: courier.Permanent, reason: reasonGone}
	}
	if err != nil {
		o.Log.Warn("a case could not be opened to be handed over; trying again", "case", s.Ref, "error", err)
		return temporary("")
	}
	if s.Kind == Update {
		return o.tell(ctx, &client, n, s, look)
	}
	return o.report(ctx, &client, n, s, look)
}

// numbered asks for the number behind a token.
func (o *Office) numbered(ctx context.Context, client *georeport.Client, s Send) answer {
	id, err := client.Number(ctx, s.Token)
	if err != nil || id == "" {
		return o.no(err, answer{state: Token, token: s.Token}, courier.Parcel{})
	}
	return answer{state: courier.Delivered, id: id}
}

// chased looks whether a report that was called off is there all the same.
func (o *Office) chased(ctx context.Context, client *georeport.Client, n *pack.Neighbour, s Send) answer {
	if s.Token != "" {
		return o.numbered(ctx, client, s)
	}
	var services []string
	for _, g := range n.Sends {
		services = append(services, g.Service)
	}
	id, err := o.found(ctx, client, services, s)
	switch {
	case err != nil:
		return o.no(err, answer{}, courier.Parcel{}).passing()
	case id == "":
		return answer{state: courier.Cancelled}
	}
	return answer{state: courier.Delivered, id: id}
}

// no reads an error of the neighbour's, without what it repeats of what it was sent; nil gives otherwise.
func (o *Office) no(err error, otherwise answer, sent courier.Parcel) answer {
	if err == nil {
		return otherwise
	}
	a := temporary(courier.Said(err.Error(), sent))
	var refused *georeport.Refused
	if errors.As(err, &refused) && refused.Never {
		a.state, a.reason = courier.Permanent, reasonRefused
	}
	return a
}

// report hands a matter over. One that was tried before is looked for first, by our number in its words: a neighbour
// that took it and whose answer was lost must not get it twice.
func (o *Office) report(ctx context.Context, client *georeport.Client, n *pack.Neighbour, s Send, look *ledger.Look) answer {
	k := look.Case()
	give, ok := n.Gives(k.Category)
	if !ok {
		return answer{state: courier.Permanent, reason: reasonNoService}
	}
	if !s.before.IsZero() {
		id, err := o.found(ctx, client, []string{give.Service}, s)
		if err != nil {
			return o.no(err, answer{}, courier.Parcel{}).passing()
		}
		if id != "" {
			return answer{state: courier.Delivered, id: id}
		}
	}
	r := georeport.Report{Service: give.Service, Text: o.wording(n, k), Address: k.Place.Address, Attributes: map[string]string{}, Key: s.key()}
	if p := k.Place.Point; p != nil {
		r.Lat, r.Lon, r.Placed = p.Lat, p.Lon, true
	}
	if r.Address == "" && !r.Placed {
		r.Address = o.unitNameOf(k, n.Lang) // the specification wants a place
	}
	sent := courier.Parcel{Text: r.Text + "\n" + k.Title, Address: k.Place.Address}
	places := o.facts(k, look.Events())
	for code, v := range give.Attributes {
		r.Attributes[code] = courier.Filled(v, places)
		sent.Text += "\n" + r.Attributes[code]
	}
	if n.Files {
		r.Files = o.pictures(k)
	}
	got, err := client.Send(ctx, r)
	switch {
	case err != nil:
		return o.no(err, answer{}, sent)
	case got.ID != "":
		return answer{state: courier.Delivered, id: got.ID}
	}
	return answer{state: Token, token: got.Token}
}

// passing makes any refusal one that may pass: what was refused is not the report.
func (a answer) passing() answer {
	a.state, a.reason = courier.Temporary, ""
	return a
}

// found looks for a report at the neighbour, among those of services since it was first tried.
func (o *Office) found(ctx context.Context, client *georeport.Client, services []string, s Send) (id string, err error) {
	const slack = time.Hour // their clock is not ours
	now := o.Now()
	since := s.before.Add(-slack)
	if most := now.Add(-farthest); since.Before(most) {
		since = most
	}
	list, err := client.Since(ctx, services, "", since, now.Add(slack))
	if err != nil {
		return "", err
	}
	for _, r := range list {
		if !strings.Contains(r.Text, string(s.Ref)) {
			continue
		}
		// A number that is known is that of an earlier time, where a case was there twice.
		if _, known, err := o.joined(ctx, s.Neighbour, r.ID, true); err != nil || !known {
			return r.ID, err
		}
	}
	return "", nil
}

// mostTold bounds what was reported, so that our number still stands behind it where the specification ends a description.
const mostTold = 3600

// wording is what is written to the neighbour: what was reported, and our number, by which both sides find it again.
func (o *Office) wording(n *pack.Neighbour, k casework.Case) string {
	p := o.Packs.Pack(k.Pack)
	say := o.Words(p).In(n.Lang)
	words := k.Text
	if words == "" {
		words = k.Title
	}
	return say.T("neighbour.report", "ref", string(k.Ref), "city", say.T("city"), "text", shortened(words, mostTold))
}

func (o *Office) unitNameOf(k casework.Case, lang string) string {
	return o.Words(o.Packs.Pack(k.Pack)).In(lang).T("unit." + string(k.Place.Unit))
}

// facts are what the places of an attribute are filled with; a question nobody answered gives nothing.
func (o *Office) facts(k casework.Case, events []casework.Event) map[string]string {
	out := map[string]string{"ref": string(k.Ref), "address": k.Place.Address}
	for _, f := range o.Packs.Current().ProcedureFor(k.Category).Intake {
		out["answer."+f.Name] = events[0].Fields[f.Name]
	}
	return out
}

// pictures are those that the resident sent or sees, unless they are held. Of one that an officer has redacted the copy goes
// and the picture itself stays: what was covered is not for other systems either.
func (o *Office) pictures(k casework.Case) (out []georeport.File) {
	for i, f := range k.Files {
		covered := slices.ContainsFunc(k.Files, func(x casework.File) bool { return x.Redacts == f.SHA256 })
		if f.Held != "" || covered || !f.Public && f.Redacts == "" || !strings.HasPrefix(f.Kind, "image/") {
			continue
		}
		name := fmt.Sprintf("%s-%d.%s", k.Ref, i+1, strings.TrimPrefix(f.Kind, "image/"))
		out = append(out, georeport.File{Name: name, Kind: f.Kind, Open: func() (io.ReadCloser, error) { return o.Files.Open(f.SHA256, f.Key) }})
	}
	return out
}

// tell says what happened to a case: to one that came from them, its public side; to one that was handed over, that the
// city deals with it from here on.
func (o *Office) tell(ctx context.Context, client *georeport.Client, n *pack.Neighbour, s Send, look *ledger.Look) answer {
	var l Link
	err := o.DB.View(ctx, func(tx *db.Tx) (err error) {
		l, err = loadLink(ctx, tx, s.link)
		return err
	})
	if err != nil {
		return answer{state: courier.Permanent, reason: reasonGone}
	}
	k, events := look.Case(), look.Events()
	if s.seq < 1 || s.seq > len(events) {
		return answer{state: courier.Permanent, reason: reasonGone}
	}
	at := s.seq
	if l.Ours {
		at = len(events) // how it stands by now is what they need to know
	}
	u := georeport.Update{ID: fmt.Sprintf("%s-%d", k.Ref, s.seq), Request: l.Theirs, At: events[at-1].At}
	if u.Status, u.Words = o.Public.Told(k, events, at, n.Lang); l.Ours {
		u.Words = o.Words(o.Packs.Pack(k.Pack)).In(n.Lang).T("neighbour.taken_back", "ref", string(k.Ref))
	}
	return o.no(client.Tell(ctx, u), answer{state: courier.Delivered}, courier.Parcel{Text: u.Words + "\n" + k.Text + "\n" + k.Title, Address: k.Place.Address})
}

// ends writes down how a try ended, what follows from it, and when the next one is.
func (o *Office) ends(ctx context.Context, job jobs.Job, id, attempt int64, a answer) error {
	return o.DB.Transact(ctx, func(tx *db.Tx) error {
		if err := jobs.Done(ctx, tx, job); err != nil {
			return err
		}
		s, err := loadSend(ctx, tx, id)
		if errors.Is(err, db.ErrNoRows) {
			return nil // the case was erased or put under seal meanwhile
		}
		if err != nil {
			return err
		}
		if err := endAttempt(ctx, tx, attempt, string(a.state), a.words, a.id); err != nil {
			return err
		}
		off := s.State == courier.Cancelled // called off, perhaps while it was under way
		if off && a.state != courier.Delivered {
			return o.chase(ctx, tx, s, a)
		}
		s.Reason = a.reason
		switch {
		case a.state == courier.Delivered:
			return o.arrives(ctx, tx, s, a.id, off)
		case a.state == courier.Permanent:
			return o.stops(ctx, tx, s, a.reason)
		}
		if a.state == Token && s.State != Token { // the time for the number counts from here
			s.State, s.Token, s.Tries, s.first = Token, a.token, 0, tx.Now
		}
		return o.again(ctx, tx, s)
	})
}

// again plans the next try, unless tries or hours are over.
func (o *Office) again(ctx context.Context, tx *db.Tx, s Send) error {
	next := tx.Now.Add(o.Wait(max(s.Tries, 1)))
	over := s.Tries >= o.Tries || next.After(s.first.Add(o.Hours))
	switch {
	case over && s.State == Token:
		return o.stops(ctx, tx, s, reasonNoNumber)
	case over:
		return o.stops(ctx, tx, s, reasonGivenUp)
	case s.State != Token:
		s.State = courier.Temporary
	}
	return o.later(ctx, tx, s, next)
}

// chase has it asked again whether a report that was called off is there, as often and as long as one is tried, unless the
// neighbour says that it is not.
func (o *Office) chase(ctx context.Context, tx *db.Tx, s Send, a answer) error {
	if a.token != "" {
		s.Token = a.token
	}
	n, ok := o.Packs.Current().Neighbour(s.Neighbour)
	next := tx.Now.Add(o.Wait(max(s.Tries, 1)))
	if !ok || !n.Updates || a.state == courier.Permanent || a.state == courier.Cancelled || s.Tries >= o.Tries || next.After(s.first.Add(o.Hours)) {
		s.Next, s.job = time.Time{}, ""
		return setSend(ctx, tx, s)
	}
	return o.later(ctx, tx, s, next)
}

// arrives joins a report with the number it has at the neighbour. If it was called off meanwhile they are told so.
func (o *Office) arrives(ctx context.Context, tx *db.Tx, s Send, theirs string, off bool) error {
	s.State, s.Next, s.job = courier.Delivered, time.Time{}, ""
	if err := errors.Join(setSend(ctx, tx, s), o.nextWord(ctx, tx, s)); err != nil || s.Kind == Update {
		return err
	}
	l := Link{Neighbour: s.Neighbour, Theirs: theirs, Ours: true, Case: s.Case, Ref: s.Ref, Origin: s.origin, Ended: off}
	same, err := linkedTo(ctx, tx, l.Neighbour, theirs, true)
	if err == nil && off {
		return nil // known by that number already, and told, or wanted there again
	}
	if err == nil && same.Case != s.Case { // what they say of it would be said of two cases
		return o.stops(ctx, tx, s, reasonSameNumber)
	}
	if err != nil && !errors.Is(err, db.ErrNoRows) {
		return err
	}
	if l.ID, err = putLink(ctx, tx, l); err != nil {
		return err
	}
	if off {
		k := casework.Case{ID: s.Case, Ref: s.Ref, Programme: s.Programme, Holder: courier.Holder(s.Place)}
		return o.tellLater(ctx, tx, o.Packs.Current(), l, k, s.seq)
	}
	return jobs.Enqueue(ctx, tx, jobs.New{Kind: kindArrived, Key: fmt.Sprintf("%s%d", arrivedKey(s.Case), s.ID), Payload: payloadOf(linkJob{l.ID, s.ID})})
}
