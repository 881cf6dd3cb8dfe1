// Package courier carries notices: it turns the order an event left behind into words, records that on the
// case, and delivers them.
//
// The life of a message: its order is a job (notice). The message in words, the event "notice.sent", the end
// of that job and the delivery are one transaction; the message is kept in the table messages, sealed like its
// case. The delivery is a job of its own (delivery): a try is written down before the gateway is called, and
// how it ended afterwards (tables deliveries and delivery_attempts). So a crash in between sends a message at
// most once more, under the same key, and the ledger says that nobody knows how that try ended. Where the
// operator configured no way out for a channel there is no delivery, and the inbox page shows the message.
//
// It refuses to write a phrase (templates are the pack's), to keep an address outside the seal of its case, and
// to decide when people are left in peace (the pack's post.yaml). How a gateway is spoken to is the room gateway's.
//
// Open this file first, then delivery.go for the life of a delivery, hand.go for what people do with one that
// is stuck, unwritten.go for notices that never became a message, hook.go for webhooks; SQL is in the store files.
package courier

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/jobs"
	"comity/internal/ledger"
	"comity/internal/pack"
	"comity/internal/procedure"
	"comity/internal/text"
)

//go:embed schema/*.sql
var schema embed.FS

// KindName is the job kind of a notice.
const KindName = "notice"

// Courier delivers notices.
type Courier struct {
	DB     *db.DB
	Ledger *ledger.Ledger
	Reader *ledger.Reader
	Packs  *pack.Registry
	Words  func(p *pack.Pack) *text.Catalogue
	// Link is the address of the case for a resident (follow page) or for staff (desk).
	Link func(k casework.Case, resident bool) string
	// Party is the address for whoever holds the key of a member of a case.
	Party func(casework.Code) string
	Desk  string // address of the site, before the desk's own addresses; empty = relative
	Post  *Post  // how messages leave the house; nil: they stay in it
	// Reply is the address at which an answer to a mail about a case is taken in; nil: the relay's own.
	Reply func(casework.CaseID) string
}

// Migrate makes the table of messages.
func Migrate(ctx context.Context, d *db.DB) error {
	sub, err := fs.Sub(schema, "schema")
	if err != nil {
		return err
	}
	return d.Migrate(ctx, "courier", sub)
}

// Enqueue stores the job of one notice in the transaction of the event that owes it: what
// ledger.Config.Notify wants.
func Enqueue(ctx context.Context, tx *db.Tx, o ledger.Order) error {
	raw, err := json.Marshal(payload{o.Case, o.Seq, o.N})
	if err != nil {
		return err
	}
	return jobs.Enqueue(ctx, tx, jobs.New{Kind: KindName, Key: o.Key, Payload: raw, RunAt: o.RunAt})
}

type payload struct {
	Case casework.CaseID `json:"case"`
	Seq  int             `json:"seq"`
	N    int             `json:"n"`
}

// Unsent names the events whose notices have not left, whether they still wait or were given up.
func Unsent(ctx context.Context, d *db.DB, each func(id casework.CaseID, seq int) error) error {
	return jobs.Unfinished(ctx, d, KindName, func(job jobs.Job, _ bool) error {
		var p payload
		if err := json.Unmarshal(job.Payload, &p); err != nil {
			return fmt.Errorf("notice %s: %w", job.Key, err)
		}
		return each(p.Case, p.Seq)
	})
}

// Kind is the job for jobs.NewRunner.
func (c *Courier) Kind() jobs.Kind { return jobs.Kind{Name: KindName, Run: c.run, Completes: true} }

func (c *Courier) run(ctx context.Context, job jobs.Job) error {
	var p payload
	if err := json.Unmarshal(job.Payload, &p); err != nil {
		return fmt.Errorf("notice %s: %w", job.Key, err)
	}
	look, err := c.Ledger.Look(ctx, authz.Machine(), ledger.Ticket{Case: p.Case, Purpose: ledger.PurposeNotice, Level: authz.Identity})
	if err != nil {
		return err
	}
	k, events := look.Case(), look.Events()
	if p.Seq < 1 || p.Seq > len(events) || p.N >= len(events[p.Seq-1].Notices) {
		return fmt.Errorf("notice %s: event %d of case %s orders no such notice", job.Key, p.Seq, k.Ref)
	}
	var then casework.Case // as the case stood when the notice was ordered
	for _, e := range events[:p.Seq] {
		then = casework.Fold(then, e)
	}
	then.Sealed = k.Sealed // what was sealed since is not told any more
	m := c.compose(then, events[p.Seq-1], p.N)
	m.Key = job.Key
	sent := casework.Command{Case: k.ID, Version: casework.AnyVersion, Sent: &casework.Sent{
		Seq: p.Seq, N: p.N, Template: m.Template, To: m.Recipient, Channel: m.Channel}}
	_, err = c.Ledger.DoWith(ctx, authz.Machine(), sent, func(tx *db.Tx, _ ledger.Receipt) error {
		if err := jobs.Done(ctx, tx, job); err != nil { // first: a run that lost its lease says so, whatever was stored
			return err
		}
		return c.dispatch(ctx, tx, m.sealed(look), k, false)
	})
	return err
}

// sealed is the message as it is stored: like the case, under the case's key.
func (m Message) sealed(look *ledger.Look) Message {
	m.Address, m.Body = look.Seal(m.Address), look.Seal(m.Body)
	return m
}

// Inbox lists the newest messages, opened. Every case among them is looked at on record: it is a page for
// demonstrations and for whoever delivers by hand.
func (c *Courier) Inbox(ctx context.Context, limit int) ([]Message, error) {
	list, err := Messages(ctx, c.DB, limit)
	if err != nil {
		return nil, err
	}
	looks := map[casework.CaseID]*ledger.Look{}
	for i, m := range list {
		if m.Case == "" {
			continue // older than keys
		}
		if looks[m.Case] == nil {
			if looks[m.Case], err = c.Ledger.Look(ctx, authz.Machine(), ledger.Ticket{Case: m.Case, Purpose: ledger.PurposeNotice, Level: authz.Identity}); err != nil {
				return nil, err
			}
		}
		list[i].Address, list[i].Body = looks[m.Case].Text(authz.Identity, m.Address), looks[m.Case].Text(authz.Identity, m.Body)
	}
	return list, nil
}

// Message is one written notice.
type Message struct {
	Key       string
	Case      casework.CaseID
	Ref       casework.Ref
	Template  string
	Recipient string // resident, member or unit
	Member    string // which member of the case; not stored
	Unit      string
	Channel   string
	Address   string
	Lang      string
	Body      string
	At        time.Time
}

// Letter is a notice to the resident of a case, or to a member of one, that no event of the case ordered,
// such as that a day a programme keeps was called off. Template is a text under "notice."; Figures fill
// it, beside those every notice has.
type Letter struct {
	Case     casework.CaseID
	Member   string // whom on a roll it is for; empty: the resident
	Template string
	Figures  func(say text.Speaker) []string
}

// Send carries a letter and ends its job, in one step with the event that records it. A resident with
// a follow code only has no address to write to; the job then ends alone, and their page tells them.
func (c *Courier) Send(ctx context.Context, job jobs.Job, l Letter) error {
	look, err := c.Ledger.Look(ctx, authz.Machine(), ledger.Ticket{Case: l.Case, Purpose: ledger.PurposeNotice, Level: authz.Identity})
	if err != nil {
		return err
	}
	k := look.Case()
	m, ok := c.letter(k, job.Key, l)
	if !ok {
		return c.DB.Transact(ctx, func(tx *db.Tx) error { return jobs.Done(ctx, tx, job) })
	}
	sent := casework.Command{Case: k.ID, Version: casework.AnyVersion, Sent: &casework.Sent{
		Seq: k.Seq, Template: m.Template, To: m.Recipient, Channel: m.Channel}}
	_, err = c.Ledger.DoWith(ctx, authz.Machine(), sent, func(tx *db.Tx, _ ledger.Receipt) error {
		if err := jobs.Done(ctx, tx, job); err != nil {
			return err
		}
		return c.dispatch(ctx, tx, m.sealed(look), k, false)
	})
	return err
}

// letter fills a letter; ok is false where there is no address to write to.
func (c *Courier) letter(k casework.Case, key string, l Letter) (m Message, ok bool) {
	order := casework.Notice{To: procedure.ByResident, Member: l.Member}
	if x, on := k.Member(l.Member); l.Member != "" && (!on || x.Left) {
		return m, false
	} else if l.Member != "" && !x.Own { // whoever opened the case has its code
		order.To = procedure.ByMember
	}
	to := c.reader(k, order)
	if to.contact.Address == "" {
		return m, false
	}
	p := c.Packs.Pack(k.Pack)
	lang := to.contact.Lang
	if p.Texts[lang] == nil {
		lang = p.Langs[0]
	}
	say := c.Words(p).In(lang)
	m = Message{Key: key, Case: k.ID, Ref: k.Ref, Template: l.Template, Recipient: order.To, Member: l.Member, Channel: to.contact.Channel, Address: to.contact.Address, Lang: lang}
	m.Body = say.T("notice."+l.Template, append(l.Figures(say), "ref", string(k.Ref), "code", string(to.code), "title", k.Title,
		"unit", say.T("unit."+string(k.Holder)), "link", to.link, "city", say.T("city"))...)
	return m, true
}

// reader is whom a notice goes to.
type reader struct {
	outside bool // no unit: somebody of the case
	contact casework.Contact
	code    casework.Code // opens their page; no unit is sent it
	link    string
}

func (c *Courier) reader(k casework.Case, order casework.Notice) reader {
	switch order.To {
	case procedure.ByResident:
		return reader{true, k.Contact, k.Code, c.Link(k, true)}
	case procedure.ByMember:
		m, _ := k.Member(order.Member)
		return reader{true, m.Contact, m.Code, c.Party(m.Code)}
	}
	return reader{code: "—", link: c.Link(k, false)}
}

// compose fills the pack's template with the facts of the case as they stand.
func (c *Courier) compose(k casework.Case, e casework.Event, n int) Message {
	order := e.Notices[n]
	to := c.reader(k, order)
	p := c.Packs.Pack(k.Pack)
	lang := to.contact.Lang
	if p.Texts[lang] == nil {
		lang = p.Langs[0]
	}
	say := c.Words(p).In(lang)
	m := Message{Case: k.ID, Ref: k.Ref, Template: order.Template, Recipient: order.To, Member: order.Member, Unit: string(order.Unit), Lang: lang, Channel: "inbox"}
	if to.outside {
		m.Channel, m.Address = to.contact.Channel, to.contact.Address
	}
	outcome := ""
	if k.Outcome != "" && (k.Sealed == "" || to.outside) {
		outcome = say.T("outcome." + k.Procedure + "." + k.Outcome)
	}
	field := func(name string) string { return e.Fields[name] }
	title := k.Title
	if k.Sealed != "" && !to.outside {
		// Whoever looks after the messages of a unit need not be one who may read the matter.
		title, field = say.T("desk.sealed"), func(string) string { return "—" }
	} else if d, err := c.Packs.Definition(k.Pack, k.Procedure); !to.outside && (err != nil || d.Heading != procedure.HeadingTitle) {
		title = say.T("category." + k.Category) // as lists call it
	}
	answer := field("answer")
	if answer == "" {
		answer = field("question")
	}
	m.Body = say.T("notice."+order.Template,
		"ref", string(k.Ref), "code", string(to.code), "title", title, "unit", say.T("unit."+string(k.Holder)), "due", c.due(k, p, say, to.outside),
		"answer", answer, "question", field("question"), "reason", field("reason"), "told_where", field("told_where"),
		"outcome", outcome, "link", to.link, "city", say.T("city"))
	return m
}

// due says the date the reader has to know: for residents the promised answer, or, when it is their
// turn, the date they have; for staff the nearest date of the case.
func (c *Courier) due(k casework.Case, p *pack.Pack, say text.Speaker, resident bool) string {
	nearest, ok := k.Due()
	if d, err := c.Packs.Definition(k.Pack, k.Procedure); resident && err == nil {
		state, _ := d.State(k.State)
		t, has := k.Promised()
		if has && t.Running() && state != nil && state.Owner != procedure.OwnerResident {
			nearest, ok = t, true
		}
	}
	if !ok {
		return "—"
	}
	return say.Date(nearest.Due, p.Zone)
}
