package courier

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/jobs"
	"comity/internal/ledger"
	"comity/internal/org"
	"comity/internal/procedure"
)

// State is where a delivery stands.
type State string

// The states of a delivery.
const (
	Created   State = "created"   // written; not tried yet, or to be tried again from the beginning
	Sending   State = "sending"   // a gateway has it, and has not answered
	Delivered State = "delivered" // the gateway took it, or a person handed it over
	Temporary State = "temporary" // refused for now; it is tried again
	Permanent State = "permanent" // refused, or given up; a person decides
	Returned  State = "returned"  // it came back
	Cancelled State = "cancelled" // it is not sent
)

// States lists them in the order of a message's life.
var States = []State{Created, Sending, Delivered, Temporary, Permanent, Returned, Cancelled}

// moves says which state may follow which. A crash while sending leaves Sending for Sending.
var moves = map[State][]State{
	Created:   {Sending, Delivered, Returned, Cancelled},
	Sending:   {Sending, Delivered, Temporary, Permanent},
	Temporary: {Sending, Permanent, Created, Delivered, Cancelled},
	Permanent: {Created, Delivered, Returned, Cancelled},
	Delivered: {Returned},
	Returned:  {Created, Delivered, Cancelled},
	Cancelled: {Created, Delivered},
}

// May says whether a delivery in one state may come into another.
func (s State) May(to State) bool {
	for _, next := range moves[s] {
		if next == to {
			return true
		}
	}
	return false
}

// Reasons for which a delivery is in its state: texts post.reason.NAME.
const (
	reasonAgain    = "again"    // the same was sent to the same person a moment ago
	reasonGivenUp  = "given_up" // tries or hours are over
	reasonRefused  = "refused"  // the gateway said never
	reasonUnclear  = "unclear"  // twice nobody knows whether the gateway took it
	reasonGone     = "gone"     // the words are erased
	reasonNoWay    = "no_way"   // no gateway is configured for the channel
	reasonByHand   = "by_hand"  // a person said so
	reasonQuiet    = "quiet"    // it waits for the end of quiet hours
	reasonLetter   = "letter"   // it waits to be printed
	reasonPrinting = "printing" // it lies in a batch of letters
)

// Gateway hands messages to another machine.
type Gateway struct {
	Name string
	Send func(context.Context, Parcel) Answer
}

// Parcel is a message on its way. Key never changes, however often it is tried: what a receiver knows
// repeats by. It tells nothing about the case.
type Parcel struct {
	Key, Channel, Address, Lang, Subject, Text string
	Reply                                      string    // where an answer is taken in; empty: nowhere
	At                                         time.Time // when it was written
}

// Answer is what came of a try: Delivered, Temporary or Permanent, with the gateway's words and its number
// for the message.
type Answer struct {
	State     State
	Words, ID string
}

// Post is how messages leave the house. A Courier without one keeps them.
type Post struct {
	Gateways map[string]Gateway // by channel
	Letters  bool               // letters are printed
	Tries    int                // of one message
	Hours    time.Duration      // after which it is not tried again
	Wait     func(try int) time.Duration
	Hooks    []Hook // receivers of events
}

// way says whether messages of a channel leave the house.
func (p *Post) way(channel string) bool {
	if p == nil {
		return false
	}
	_, ok := p.Gateways[channel]
	return ok || p.Letters && channel == Letters
}

// Letters is the channel of what is printed.
const Letters = "letter"

// Delivery is one message on its way out.
type Delivery struct {
	ID        int64
	Key       string // of the message
	Case      casework.CaseID
	Ref       casework.Ref
	Place     string
	Programme string
	Sealed    bool // of the case nothing but its number is told
	Template  string
	Recipient string
	Whom      string
	Channel   string
	Lang      string
	Hurry     bool
	State     State
	Reason    string
	Tries     int
	Unclear   int
	Batch     int64
	Created   time.Time
	First     time.Time
	Next      time.Time // zero: not by itself
	Changed   time.Time

	job string
}

// Attempt is one try, or what a person wrote down.
type Attempt struct {
	Began, Ended time.Time // Ended is zero where no end is known
	Gateway      string
	Actor        string
	Outcome      string
	Words        string
	External     string
}

// DeliveryKind is the job kind of a delivery.
const DeliveryKind = "delivery"

// deliveryLease is longer than any gateway may take, so that a second run means that the first one died.
const deliveryLease = 3 * time.Minute

// SendingTime bounds one call of a gateway.
const SendingTime = time.Minute

// endless keeps the queue from burying a delivery: its own tries and hours decide when it is given up.
const endless = 1 << 30

// Deliveries is the job for jobs.NewRunner.
func (c *Courier) Deliveries() jobs.Kind {
	return jobs.Kind{Name: DeliveryKind, Run: c.carry, Completes: true, Lease: deliveryLease, MaxAttempts: endless}
}

func deliveryKey(id casework.CaseID) string { return "delivery:" + string(id) + ":" }

type deliveryJob struct {
	ID int64 `json:"id"`
}

// dispatch writes a message down and, where its channel leads out of the house, its delivery and the job
// that carries it, all in the transaction of the caller.
func (c *Courier) dispatch(ctx context.Context, tx *db.Tx, m Message, k casework.Case, hurry bool) error {
	if err := putMessage(ctx, tx, m); err != nil {
		return err
	}
	if m.Recipient == "unit" || m.Address == "" || !c.Post.way(m.Channel) {
		return nil
	}
	p := c.Packs.Current()
	d := Delivery{Key: m.Key, Case: m.Case, Ref: m.Ref, Place: Place(p.Units, k.Holder), Programme: k.Programme, Sealed: k.Sealed != "",
		Template: m.Template, Recipient: m.Recipient, Whom: m.Member, Channel: m.Channel, Lang: m.Lang, Hurry: hurry || p.Post.Hurries(m.Template),
		State: Created, Created: tx.Now}
	said, err := c.saidAgain(ctx, tx, d)
	if err != nil {
		return err
	}
	if said {
		d.State, d.Reason = Cancelled, reasonAgain
	}
	if d.ID, err = putDelivery(ctx, tx, d); err != nil || said {
		return err
	}
	return c.begin(ctx, tx, d)
}

// saidAgain says whether the same text about the same case went to the same person a moment ago.
func (c *Courier) saidAgain(ctx context.Context, tx *db.Tx, d Delivery) (bool, error) {
	p := c.Packs.Current().Post
	if p == nil || p.Again == 0 || d.Hurry {
		return false, nil
	}
	return saidSince(ctx, tx, d, tx.Now.Add(-p.Again))
}

// begin puts a delivery at its beginning: to be tried as soon as its hour allows, with all its tries.
func (c *Courier) begin(ctx context.Context, tx *db.Tx, d Delivery) error {
	d.State, d.Reason, d.Tries, d.Unclear, d.Batch = Created, "", 0, 0, 0
	if d.Channel == Letters {
		d.Reason, d.First, d.Next, d.job = reasonLetter, tx.Now, time.Time{}, ""
		return setDelivery(ctx, tx, d)
	}
	d.First = c.allowed(d, tx.Now)
	if d.First.After(tx.Now) {
		d.Reason = reasonQuiet
	}
	return c.later(ctx, tx, d, d.First)
}

// allowed is when a delivery may leave that wants to leave at a time.
func (c *Courier) allowed(d Delivery, at time.Time) time.Time {
	p := c.Packs.Current()
	if d.Hurry {
		return at
	}
	return p.Post.Until(d.Channel, d.Template, at, p.Calendars)
}

// later stores a delivery with a job of its own for a time. The name of the job is new each time: a key names
// one job for ever.
func (c *Courier) later(ctx context.Context, tx *db.Tx, d Delivery, at time.Time) error {
	raw, err := json.Marshal(deliveryJob{d.ID})
	if err != nil {
		return err
	}
	d.Next, d.job = at, fmt.Sprintf("%s%d:%s", deliveryKey(d.Case), d.ID, rand.Text())
	return errors.Join(setDelivery(ctx, tx, d), jobs.Enqueue(ctx, tx, jobs.New{Kind: DeliveryKind, Key: d.job, Payload: raw, RunAt: at}))
}

// carry is one try. What it begins is written down before the gateway is called, and how it ended afterwards;
// a process that dies in between leaves a try without an end, which the next run tells as unclear.
func (c *Courier) carry(ctx context.Context, job jobs.Job) error {
	var p deliveryJob
	if err := json.Unmarshal(job.Payload, &p); err != nil {
		return fmt.Errorf("delivery %s: %w", job.Key, err)
	}
	d, m, err := c.onItsWay(ctx, job, p.ID)
	if err != nil || d.ID == 0 {
		return err
	}
	parcel, gone, err := c.opened(ctx, d, m)
	if err != nil {
		return err
	}
	d, attempt, err := c.starts(ctx, job, d.ID, gone)
	if err != nil || attempt == 0 {
		return err
	}
	answer := c.hand(ctx, d, parcel)
	return c.endsSurely(ctx, job, d.ID, attempt, answer, parcel)
}

// endsSurely writes down how a try ended even if this process is being stopped, and tries that for a while: what is not
// written down is sent again.
func (c *Courier) endsSurely(ctx context.Context, job jobs.Job, id, attempt int64, a Answer, p Parcel) error {
	for wait := 100 * time.Millisecond; ; wait *= 2 {
		err := c.ends(context.WithoutCancel(ctx), job, id, attempt, a, p)
		if err == nil || errors.Is(err, jobs.ErrLost) || wait > 2*time.Second {
			return err
		}
		<-time.NewTimer(wait).C
	}
}

// onItsWay reads a delivery and its message. Where there is nothing to do any more the job ends, and the
// delivery it gives is empty.
func (c *Courier) onItsWay(ctx context.Context, job jobs.Job, id int64) (d Delivery, m Message, err error) {
	err = c.DB.Transact(ctx, func(tx *db.Tx) error {
		d, err = loadDelivery(ctx, tx, id)
		if errors.Is(err, db.ErrNoRows) || err == nil && (d.job != job.Key || !d.State.May(Sending)) {
			d = Delivery{}
			return jobs.Done(ctx, tx, job)
		}
		if err != nil {
			return err
		}
		if at := c.allowed(d, tx.Now); at.After(tx.Now) && d.State != Sending {
			err := errors.Join(jobs.Done(ctx, tx, job), c.held(ctx, tx, d, at))
			d = Delivery{}
			return err
		}
		m, err = loadMessage(ctx, tx, d.Key)
		return err
	})
	return d, m, err
}

func (c *Courier) held(ctx context.Context, tx *db.Tx, d Delivery, at time.Time) error {
	d.Reason = reasonQuiet
	if d.Tries == 0 {
		d.First = at
	}
	return c.later(ctx, tx, d, at)
}

// opened looks at the case on record and opens what is sent. gone says that nothing is left to open.
func (c *Courier) opened(ctx context.Context, d Delivery, m Message) (p Parcel, gone bool, err error) {
	look, err := c.Ledger.Look(ctx, authz.Machine(), ledger.Ticket{Case: d.Case, Purpose: ledger.PurposeNotice, Level: authz.Identity})
	var no *casework.Refusal
	if errors.Is(err, ledger.ErrNotFound) || errors.As(err, &no) {
		return p, true, nil
	}
	if err != nil {
		return p, false, err
	}
	if look.Erased() {
		return p, true, nil
	}
	pk := c.Packs.Pack(look.Case().Pack)
	say := c.Words(pk).In(d.Lang)
	return Parcel{Key: parcelKey(d.Key), Reply: c.reply(d), Channel: d.Channel, Address: look.Text(authz.Identity, m.Address), Lang: d.Lang, At: m.At,
		Subject: say.T("post.subject", "city", say.T("city"), "ref", string(d.Ref)), Text: look.Text(authz.Identity, m.Body)}, false, nil
}

// reply is where the resident of a case may answer a mail. A member's answer would not be the resident's.
func (c *Courier) reply(d Delivery) string {
	if c.Reply == nil || d.Channel != "mail" || d.Recipient != procedure.ByResident || d.Whom != "" {
		return ""
	}
	return c.Reply(d.Case)
}

// parcelKey is the name of a message for the world outside.
func parcelKey(key string) string {
	sum := sha256.Sum256([]byte("comity delivery\x00" + key))
	return hex.EncodeToString(sum[:16])
}

// starts writes down that a try begins. Without an attempt there is nothing to send.
func (c *Courier) starts(ctx context.Context, job jobs.Job, id int64, gone bool) (d Delivery, attempt int64, err error) {
	err = c.DB.Transact(ctx, func(tx *db.Tx) error {
		attempt = 0 // a transaction may run again
		if err := jobs.Held(ctx, tx, job); err != nil {
			return err
		}
		if d, err = loadDelivery(ctx, tx, id); err != nil {
			return err
		}
		if d.job != job.Key || !d.State.May(Sending) {
			return jobs.Done(ctx, tx, job)
		}
		if d.State == Sending { // an earlier run died before it could say how it ended
			if err := endOpenAttempts(ctx, tx, d.ID); err != nil {
				return err
			}
			d.Unclear++
		}
		switch {
		case gone:
			return c.stops(ctx, tx, job, d, reasonGone)
		case d.Unclear > 1:
			return c.stops(ctx, tx, job, d, reasonUnclear)
		}
		d.State, d.Reason, d.Next = Sending, "", time.Time{}
		d.Tries++
		if err := setDelivery(ctx, tx, d); err != nil {
			return err
		}
		attempt, err = putAttempt(ctx, tx, d, Attempt{Began: tx.Now, Gateway: c.gateway(d.Channel).Name})
		return err
	})
	return d, attempt, err
}

// stops ends the tries of a delivery; whoever looks after messages decides.
func (c *Courier) stops(ctx context.Context, tx *db.Tx, job jobs.Job, d Delivery, reason string) error {
	d.State, d.Reason, d.Next = Permanent, reason, time.Time{}
	return errors.Join(jobs.Done(ctx, tx, job), setDelivery(ctx, tx, d))
}

func (c *Courier) gateway(channel string) Gateway {
	if c.Post == nil {
		return Gateway{}
	}
	return c.Post.Gateways[channel]
}

// hand calls the gateway.
func (c *Courier) hand(ctx context.Context, d Delivery, p Parcel) Answer {
	g := c.gateway(d.Channel)
	if g.Send == nil {
		return Answer{State: Temporary}
	}
	ctx, cancel := context.WithTimeout(ctx, SendingTime)
	defer cancel()
	return g.Send(ctx, p)
}

// ends writes down how a try ended, and when the next one is.
func (c *Courier) ends(ctx context.Context, job jobs.Job, id, attempt int64, a Answer, p Parcel) error {
	return c.DB.Transact(ctx, func(tx *db.Tx) error {
		if err := jobs.Done(ctx, tx, job); err != nil {
			return err
		}
		d, err := loadDelivery(ctx, tx, id)
		if errors.Is(err, db.ErrNoRows) {
			return nil // the case was put under seal meanwhile
		}
		if err != nil {
			return err
		}
		if err := endAttempt(ctx, tx, attempt, string(a.State), Said(a.Words, p), number(a.ID, p)); err != nil {
			return err
		}
		switch d.Reason = ""; a.State {
		case Delivered:
			d.State = Delivered
		case Permanent:
			d.State, d.Reason = Permanent, reasonRefused
		default:
			return c.again(ctx, tx, d)
		}
		return setDelivery(ctx, tx, d)
	})
}

// again plans the next try, unless tries or hours are over.
func (c *Courier) again(ctx context.Context, tx *db.Tx, d Delivery) error {
	tries, hours, wait := c.Post.Patience()
	next := c.allowed(d, tx.Now.Add(wait(d.Tries)))
	if d.Tries >= tries || next.After(d.First.Add(hours)) {
		d.State, d.Reason = Permanent, reasonGivenUp
		return setDelivery(ctx, tx, d)
	}
	d.State = Temporary
	if c.gateway(d.Channel).Send == nil {
		d.Reason = reasonNoWay
	}
	return c.later(ctx, tx, d, next)
}

// Patience is how often and how long something is tried, with the wait before the next time; what it is where the operator
// has no file, too.
func (p *Post) Patience() (tries int, hours time.Duration, wait func(try int) time.Duration) {
	if p == nil {
		return UsualTries, UsualHours, jobs.Backoff(UsualWait, UsualLonger, func() float64 { return 1 })
	}
	return p.Tries, p.Hours, p.Wait
}

// What holds where the operator's file says nothing.
const (
	UsualTries  = 12
	UsualHours  = 48 * time.Hour
	UsualWait   = time.Minute
	UsualLonger = 4 * time.Hour
)

// maxWords bounds what is kept of a gateway's words, in characters.
const maxWords = 300

// addresses are what gateways like to repeat: mail addresses and telephone numbers.
var addresses = regexp.MustCompile(`[^\s<>()\[\]"':;,]+@[^\s<>()\[\]"':;,]+|\+?[0-9][0-9 -]{6,}[0-9]`)

// Said makes a gateway's words fit to be kept: without the address and whatever they repeat of the text, which a
// gateway may cut short or write with the escapes of JSON.
func Said(words string, p Parcel) string {
	const enough = 10 * maxWords // of a page of errors
	words = escapes.ReplaceAllStringFunc(words, func(e string) string {
		n, err := strconv.ParseUint(e[2:], 16, 32)
		if err != nil { // the end of a line
			return " "
		}
		return string(rune(n))
	})
	words = without(oneLine(words, enough), oneLine(p.Text, len(p.Text)))
	if p.Address != "" {
		words = strings.ReplaceAll(words, p.Address, "…")
	}
	return line(addresses.ReplaceAllString(words, "…"))
}

var escapes = regexp.MustCompile(`\\u[0-9a-fA-F]{4}|\\[nrt]`)

// without takes out of words every run of characters that stands in a text as well, unless it is short.
func without(words, text string) string {
	const short = 10
	in := []rune(words)
	var out strings.Builder
	for i := 0; i < len(in); {
		n := 0
		for i+n+short <= len(in) && strings.Contains(text, string(in[i:i+n+short])) {
			n++
		}
		if n == 0 {
			out.WriteRune(in[i])
			i++
			continue
		}
		out.WriteString("…")
		i += n + short - 1
	}
	return out.String()
}

// number is the gateway's own number for a message, unless it is the address.
func number(id string, p Parcel) string {
	if p.Address != "" && strings.Contains(id, p.Address) {
		return ""
	}
	return line(id)
}

// line bounds what a machine said to one line without characters that steer a screen.
func line(words string) string { return oneLine(words, maxWords) }

func oneLine(words string, most int) string {
	words = strings.ToValidUTF8(words, "")
	var out []rune
	for _, r := range words {
		if len(out) == most {
			break
		}
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			r = ' '
		}
		if r == ' ' && (len(out) == 0 || out[len(out)-1] == ' ') {
			continue
		}
		out = append(out, r)
	}
	return strings.TrimSpace(string(out))
}

// Place is a unit below its superiors, so that everything below a unit is what begins alike.
func Place(t *org.Tree, unit org.UnitID) string {
	place := "/"
	for _, u := range t.Path(unit) {
		place = "/" + string(u) + place
	}
	return place
}

// Filled puts values into places in one pass, so that what a resident wrote is never taken for a place.
func Filled(s string, places map[string]string) string {
	var b strings.Builder
	for s != "" {
		open := strings.IndexByte(s, '{')
		if open < 0 {
			break
		}
		end := strings.IndexByte(s[open:], '}')
		if end < 0 {
			break
		}
		b.WriteString(s[:open])
		place := s[open : open+end+1]
		if v, ok := places[place[1:len(place)-1]]; ok {
			b.WriteString(v)
			s = s[open+end+1:]
			continue
		}
		b.WriteByte('{')
		s = s[open+1:]
	}
	return b.String() + s
}

// Holder is the unit a place ends in.
func Holder(place string) org.UnitID {
	parts := strings.Split(strings.Trim(place, "/"), "/")
	return org.UnitID(parts[len(parts)-1])
}

// Follow keeps a delivery with whoever holds its case: what ledger.Config.Project is handed.
func Follow(units func() *org.Tree) func(context.Context, *db.Tx, casework.Case, casework.Event) error {
	return func(ctx context.Context, tx *db.Tx, k casework.Case, e casework.Event) error {
		if e.Opening != nil || e.Sent != nil {
			return nil
		}
		return moveDeliveries(ctx, tx, k.ID, Place(units(), k.Holder), k.Sealed != "")
	}
}
