package ledger

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/receipt"
	"comity/internal/translog"
	"comity/internal/vault"
)

// block is copies that are written in one transaction: rows for each table, and what has to be put in order with other
// blocks.
type block struct {
	cases    int
	rows     []db.Rows // in the order of maker.into
	leaves   []translog.Leaf
	tallies  map[owner]map[tally]counts
	owed     []Order // notices that had been ordered and not sent when the time was over
	counters map[string]int64
}

// forget empties a block and keeps its room.
func (b *block) forget() {
	for i := range b.rows {
		b.rows[i].Reset()
	}
	clear(b.leaves)
	b.cases, b.leaves, b.owed = 0, b.leaves[:0], nil
}

// owner is whose tallies they are.
type owner struct{ programme, procedure string }

// Where in block.rows the ledger's own tables stand. Those of other rooms follow.
const (
	rowsCases = iota
	rowsEvents
	rowsWorklist
	rowsTimers
	rowsNotable
	rowsKeys
	rowsLooks
	rowsSubjects
	rowsMembers
	rowsCaseFiles
	rowsWords
	rowsBeside
)

// tablesOf are the tables in the order in which rows of blocks stand.
func (l *Ledger) tablesOf(beside []Beside) []db.Into {
	out := []db.Into{intoCases, intoEvents, intoWorklist, intoTimers, intoNotable, intoKeys, intoLooks, intoSubjects, intoMembers, intoCaseFiles, words.Into(l.db.Engine())}
	for _, b := range beside {
		out = append(out, b.Into)
	}
	return out
}

// maker makes blocks. Each goroutine has its own.
type maker struct {
	l      *Ledger
	models []*model
	until  time.Time
	spare  *sync.Pool // of blocks, whose room is used again
	b      *block
	text   bytes.Buffer
	cast   cast
	id     casework.CaseID // of the case that is being made, and the rest of it
	n      int64
	key    *vault.Key
	order  *order
}

func (m *maker) block(orders []order) (*block, error) {
	m.b = m.spare.Get().(*block)
	m.b.tallies = map[owner]map[tally]counts{}
	for i := range orders {
		if err := m.copy(&orders[i]); err != nil {
			return nil, err
		}
	}
	m.b.counters = orders[len(orders)-1].last
	return m.b, nil
}

// copy makes one copy of a model: as much of it as has happened by the end.
func (m *maker) copy(o *order) error {
	from := m.models[o.model]
	m.order, m.cast.weeks, m.cast.wait = o, o.weeks, o.wait
	m.cast.values = m.cast.values[:0]
	for _, v := range from.values {
		switch v.kind {
		case valueID:
			m.cast.values = append(m.cast.values, string(caseID(o.n[v.of])))
		case valueRef:
			m.cast.values = append(m.cast.values, string(o.refs[v.of]))
		case valueCode:
			m.cast.values = append(m.cast.values, string(m.l.drawCode()))
		default:
			m.cast.values = append(m.cast.values, another(v.was))
		}
	}
	for i := range from.cases {
		if o.refs[i] == "" {
			continue // it is opened later than the city has come
		}
		if err := m.copyCase(from, &from.cases[i], o.n[i], o.refs[i]); err != nil {
			return err
		}
		m.b.cases++
	}
	return nil
}

// another is an address or number of the same form, of another person: its last eight digits are drawn, or it gets some
// where it has fewer.
func another(was string) string {
	out, drawn := []byte(was), 0
	for i := len(out) - 1; i >= 0 && drawn < 8; i-- {
		if out[i] >= '0' && out[i] <= '9' {
			out[i] = byte('0' + rand.IntN(10))
			drawn++
		}
	}
	if drawn < 4 {
		return fmt.Sprintf("%06d", rand.IntN(1_000_000)) + was
	}
	return string(out)
}

func (m *maker) copyCase(from *model, k *modelCase, n int64, ref casework.Ref) error {
	m.n, m.id = n, caseID(n)
	var wrapped vault.Wrapped
	m.key, wrapped = m.l.ring.NewKey()
	in := m.l.context(m.id)
	m.cast.sealed = m.cast.sealed[:0]
	for i := range k.slots {
		m.text.Reset()
		k.slots[i].fill(&m.text, &m.cast)
		m.cast.sealed = append(m.cast.sealed, m.key.Seal(in, m.text.String()))
	}
	events := len(k.events)
	for events > 1 && m.instant(k.events[events-1].at).After(m.until) {
		events--
	}
	f := k.whole
	if events < len(k.events) {
		var err error
		if f, err = m.l.faceOf(from, k, events); err != nil {
			return err
		}
	}
	b := m.b
	b.rows[rowsKeys].Row(6).Int(n).Text("").Text(string(wrapped)).Text("live").Text(m.l.keyID(n, "")).Int(int64(wrapped.Generation()))
	hash := m.events(k, ref, events)
	m.caseRow(k, f, ref, hash)
	m.lists(k, f)
	m.looks(k)
	m.others(k)
	return nil
}

// instant is when something of the model happened to the copy, date when a clock of it runs out.
func (m *maker) instant(at time.Time) time.Time { return at.Add(m.order.weeks + m.order.wait) }
func (m *maker) date(at time.Time) time.Time    { return at.Add(m.order.weeks) }

// events writes what happened, chained and recorded, and returns the hash of the last.
func (m *maker) events(k *modelCase, ref casework.Ref, events int) []byte {
	b, hash := m.b, make([]byte, sha256.Size)
	sent := map[[2]int]bool{}
	for i := range k.events[:events] {
		e := &k.events[i]
		at := micro(m.instant(e.at))
		m.text.Reset()
		e.doc.fill(&m.text, &m.cast)
		hash = chain(hash, m.text.Bytes())
		b.rows[rowsEvents].Row(6).Int(m.n).Int(int64(i + 1)).Text(e.kind).Int(db.Micros(at)).Bytes(hash).Bytes(m.text.Bytes())
		b.leaves = append(b.leaves, translog.NewLeaf(LeafEvent, m.l.EventLeaf(m.id, i+1, at), receipt.Digest(string(ref), e.kind, at, hash)))
		if kind, clock := notableOf(e.e); kind != "" {
			for _, unit := range listers(k.d.Units.Path, rowsOf(e.c)) {
				b.rows[rowsNotable].Row(5).Text(string(unit)).Text(string(kind)).Int(db.Micros(at)).Int(m.n).Text(clock)
			}
		}
		for _, key := range e.keys {
			b.rows[rowsMembers].Row(3).Text(m.l.keyedCode(casework.Code(m.cast.values[key.code]))).Int(m.n).Text(key.member)
		}
		if s := e.e.Sent; s != nil {
			sent[[2]int{s.Seq, s.N}] = true
		}
	}
	if events < len(k.events) { // the last notices of a copy that goes on are still to be sent
		for i := range k.events[:events] {
			for j := range k.events[i].e.Notices {
				if !sent[[2]int{i + 1, j}] {
					b.owed = append(b.owed, Order{Case: m.id, Seq: i + 1, N: j, Key: fmt.Sprintf("notice:%s:%d:%d", m.id, i+1, j)})
				}
			}
		}
	}
	return hash
}

// caseRow writes the row of the case, what search and the person's own page find it by, and its files.
func (m *maker) caseRow(k *modelCase, f *face, ref casework.Ref, hash []byte) {
	m.text.Reset()
	f.doc.fill(&m.text, &m.cast)
	c := &f.c
	r := m.b.rows[rowsCases].Row(30).Int(m.n).Text(string(ref)).Text(m.l.keyedCode(casework.Code(m.cast.values[k.code]))).
		Text(c.Pack).Text(c.Programme).Text(c.Procedure).Text(c.Category).Text(c.State).Int(db.Flag(f.p.open)).Int(m.sortAt(f)).
		Text(f.due).Int(db.Flag(isPaused(*c))).Text(string(c.Holder)).Text(c.Assignee).Text(string(c.Offered)).Text(string(c.Place.Unit)).Text(f.where).Text(f.title)
	r.Int(db.Micros(m.instant(c.Opened))).Int(db.Micros(m.instant(c.Changed))).Int(int64(len(c.Files))).Int(int64(c.Raised)).Int(db.Flag(f.p.late)).
		Text(c.Outcome).Text(c.Source).Int(int64(c.Seq)).Bytes(hash).Bytes(m.text.Bytes()).Int(db.Flag(f.p.joint != "")).Int(0)
	if f.tokens != nil {
		m.b.rows[rowsWords].Row(2).Int(m.n).Bytes(f.tokens)
	}
	o := casework.Opening{Contact: k.open.Contact}
	given := map[string]string{}
	o.Contact.Address = m.known(k, o.Contact.Address)
	given[NumberField] = m.known(k, k.given[NumberField])
	for _, s := range m.l.subjects(c.Programme, &o, given) {
		m.b.rows[rowsSubjects].Row(3).Int(m.n).Text(s.kind).Text(s.token)
	}
	var names []string
	for _, file := range c.Files {
		names = append(names, file.Stored()...)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		m.b.rows[rowsCaseFiles].Row(2).Text(name).Int(m.n)
	}
}

// known is what the copy has for something a person is known by.
func (m *maker) known(k *modelCase, was string) string {
	if i, ok := m.models[m.order.model].known[was]; ok && was != "" {
		return m.cast.values[i]
	}
	return was
}

func (m *maker) sortAt(f *face) int64 {
	switch {
	case !f.p.open:
		return db.Micros(m.instant(f.c.Closed))
	case f.due != "":
		return db.Micros(m.date(db.FromMicros(f.p.sortAt)))
	}
	return never
}

// lists writes where the case is listed, counted and woken.
func (m *maker) lists(k *modelCase, f *face) {
	at := m.sortAt(f)
	for _, unit := range f.lists {
		m.b.rows[rowsWorklist].Row(7).Text(string(unit)).Int(db.Flag(f.p.open)).Int(at).Int(m.n).Text(f.c.State).Text(f.c.Programme).Int(db.Flag(f.p.late))
	}
	if !f.p.open {
		return
	}
	of := owner{f.c.Programme, f.c.Procedure}
	if m.b.tallies[of] == nil {
		m.b.tallies[of] = map[tally]counts{}
	}
	(&stored{d: k.d}).count(m.b.tallies[of], f.c, 1)
	prio := db.Flag(f.c.Assignee != "")
	for _, c := range f.c.Clocks {
		if !c.Running() {
			continue
		}
		m.timer(c.ID, c.Due, prio, c.Calendar)
		if cl, ok := k.d.Clock(c.ID); ok && len(cl.Alerts) > 0 && !c.Alert.IsZero() {
			m.timer(c.ID+alertMark, c.Alert, prio, c.Calendar)
		}
	}
}

func (m *maker) timer(name string, at time.Time, prio int64, calendar string) {
	m.b.rows[rowsTimers].Row(6).Int(m.n).Text(name).Int(db.Micros(m.date(at))).Int(prio).Int(0).Text(calendar)
}

// looks writes who was shown something of the case.
func (m *maker) looks(k *modelCase) {
	for _, d := range k.looks {
		if d.At = micro(m.instant(d.At)); d.At.After(m.until) {
			continue
		}
		d.Ref = m.l.drawLeaf(d.At)
		hash, err := lookHash(m.id, d)
		if err != nil {
			panic(fmt.Sprintf("ledger: a look cannot be written down: %v", err)) // plain data only; a programming mistake
		}
		m.b.rows[rowsLooks].Row(13).Text(d.Ref).Int(m.n).Int(db.Micros(d.At)).Text(d.Actor).Text(d.For).Text(d.Role).Text(string(d.Unit)).
			Text(d.Purpose).Text(d.Ground).Text(d.Level.String()).Text(d.Note).Bytes(hash).Text(d.Order)
		m.b.leaves = append(m.b.leaves, translog.NewLeaf(LeafLook, d.Ref, hash))
	}
}

// others writes what other rooms keep beside the case.
func (m *maker) others(k *modelCase) {
	for t, list := range k.beside {
		for _, row := range list {
			if i := slices.IndexFunc(row, func(v any) bool { _, ok := v.(time.Time); return ok }); i >= 0 && m.instant(row[i].(time.Time)).After(m.until) {
				continue
			}
			r := m.b.rows[rowsBeside+t].Row(len(row))
			for _, v := range row {
				switch v := v.(type) {
				case time.Time:
					r.Int(db.Micros(m.instant(v)))
				case sealedSlot:
					r.Text(m.cast.sealed[v])
				case mould:
					m.text.Reset()
					v.fill(&m.text, &m.cast)
					r.Bytes(m.text.Bytes())
				case int64:
					r.Int(v)
				}
			}
		}
	}
}

// writeBlock stores a block, in the order in which they were planned.
func (l *Ledger) writeBlock(ctx context.Context, f *Filled, growth *translog.Growth, into []db.Into, b *block) error {
	for _, leaf := range b.leaves {
		growth.Add(leaf)
	}
	done := f.Done + b.cases
	err := l.db.Transact(ctx, func(tx *db.Tx) error {
		for i := range b.rows {
			if err := tx.Load(ctx, into[i], &b.rows[i]); err != nil {
				return err
			}
		}
		if err := growth.Load(ctx, tx); err != nil {
			return err
		}
		if err := l.addTallies(ctx, tx, b.tallies); err != nil {
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(b.counters)) {
			if err := putCounter(ctx, tx, name, b.counters[name]); err != nil {
				return err
			}
		}
		for _, o := range b.owed {
			if l.cfg.Notify == nil {
				break
			}
			o.RunAt = tx.Now
			if err := l.cfg.Notify(ctx, tx, o); err != nil {
				return err
			}
		}
		return doneMeasured(ctx, tx, done)
	})
	if err == nil {
		f.Done = done
		growth.Stored()
	}
	return err
}

func (l *Ledger) addTallies(ctx context.Context, tx *db.Tx, all map[owner]map[tally]counts) error {
	owners := slices.SortedFunc(maps.Keys(all), func(a, b owner) int {
		return cmp.Or(cmp.Compare(a.programme, b.programme), cmp.Compare(a.procedure, b.procedure))
	})
	for _, of := range owners {
		for _, t := range slices.SortedFunc(maps.Keys(all[of]), func(a, b tally) int {
			return cmp.Or(cmp.Compare(a.unit, b.unit), cmp.Compare(a.state, b.state))
		}) {
			if err := addTally(ctx, tx, l.shard.Load(), of.programme, of.procedure, t, all[of][t]); err != nil {
				return err
			}
		}
	}
	return nil
}
