package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/ledger"
	"comity/internal/vault"
)

// seen is what was shown: who looked, when, at how much.
type seen struct {
	ref, actor, forActor, purpose, ground string
	level                                 authz.Level
	at                                    time.Time
}

func seenIn(d ledger.Disclosure) seen {
	return seen{d.Ref, d.Actor, d.For, d.Purpose, string(d.Ground), d.Level, d.At}
}

// matter is a case with the person it is about.
type matter struct {
	in   *rooms
	id   casework.CaseID
	who  person
	open opening
}

func Test_what_was_shown_is_what_was_recorded_and_what_the_subjects_can_see(t *testing.T) {
	dbtest.EachAddress(t, func(t *testing.T, address func() string) {
		w := openTrusted(t, func() string { return strings.Replace(address(), "sqlite:", "sqlite-volatile:", 1) }, 3)
		rounds := 10_000
		switch {
		case testing.Short():
			rounds = 800
		case w.c.db.Engine() == db.Postgres:
			rounds = 2000
		}
		g := &gazers{trusted: w, draw: rand.New(rand.NewPCG(7, 7)), crowd: persons(20), shown: map[string]map[seen]bool{}}
		for range rounds {
			g.step()
		}
		g.compare()
		if g.looks < rounds/20 || g.refused < rounds/20 || g.acts == 0 {
			t.Errorf("%d looks, %d refused, %d acts: the play is lopsided", g.looks, g.refused, g.acts)
		}
		t.Logf("%d acts, %d looks, %d refused, %d cases", g.acts, g.looks, g.refused, len(g.matters))
		if bad := w.differences(); bad != "" {
			t.Errorf("verify names:\n%s", bad)
		}
	})
}

type gazers struct {
	*trusted
	draw                 *rand.Rand
	crowd                []person
	matters              []matter
	shown                map[string]map[seen]bool // by compartment and case
	looks, refused, acts int
}

func (g *gazers) key(m matter) string { return m.in.compartment + "/" + string(m.id) }

// actor draws somebody: staff, a deputy, a program with a token, a resident, the machine, nobody.
func (g *gazers) anybody(m matter) authz.Actor {
	someone := func(in string) authz.Actor {
		return g.actor(g.card.SignIns[g.draw.IntN(len(g.card.SignIns))].Login, in)
	}
	near := g.actor(desks[m.in.compartment], m.in.compartment)
	switch g.draw.IntN(10) {
	case 0:
		return authz.Machine()
	case 1:
		return authz.Holder(string(m.id))
	case 2:
		return authz.Holder(string(g.matters[g.draw.IntN(len(g.matters))].id)) // perhaps another's
	case 3:
		return near.Limited([]authz.Limit{authz.Only(authz.Read), authz.Only(authz.Read, authz.Tell), authz.Only(authz.Read, authz.Identify)}[g.draw.IntN(3)])
	case 4:
		away := someone(m.in.compartment)
		return near.Acting(authz.Delegation{For: away.ID(), Chosen: away.Grants(), Held: away.Grants()}).Under(near.Rules()).In(m.in.compartment)
	case 5:
		return []authz.Actor{{}, authz.Reporter(), authz.Staff("nobody-we-know", nil)}[g.draw.IntN(3)]
	case 6, 7:
		return near
	}
	return someone(m.in.compartment)
}

func (g *gazers) step() {
	ctx := g.t.Context()
	if len(g.matters) < 9 || len(g.matters) < 120 && g.draw.IntN(40) == 0 {
		o := openings[len(g.matters)%len(openings)]
		p := g.crowd[len(g.matters)%len(g.crowd)]
		p.id = fmt.Sprintf("%s%02d", p.id[:16], len(g.matters)%100)
		r, _ := g.c.of(o.compartment)
		g.matters = append(g.matters, matter{r, g.begin(o, p).Case, p, o})
		return
	}
	m := g.matters[g.draw.IntN(len(g.matters))]
	who := g.anybody(m)
	g.tick()
	if g.draw.IntN(8) == 0 {
		_, err := m.in.ledger.Do(ctx, who, casework.Command{Case: m.id, Version: casework.AnyVersion, Note: &casework.Note{Text: "About " + m.who.name}})
		if err == nil {
			g.acts++
		}
		return
	}
	purposes := []string{ledger.PurposeHandle, ledger.PurposeContact, ledger.PurposeOwn, ledger.PurposeNotice, "supervise", "review", "", "curious"}
	t := ledger.Ticket{Case: m.id, Purpose: purposes[g.draw.IntN(len(purposes))], Level: authz.Level(g.draw.IntN(int(authz.Caucus) + 1))}
	if g.draw.IntN(3) == 0 {
		t.Note = "for " + m.who.name
	}
	if g.draw.IntN(4) == 0 {
		k, err := m.in.ledger.Show(ctx, who, t)
		g.judge(m, who, t, k, err)
		return
	}
	k, err := m.in.ledger.Look(ctx, who, t)
	if err != nil && k != nil {
		g.t.Errorf("%v gave %v and something to look at", t, err)
	}
	g.judge(m, who, t, k, err)
}

// judge takes down what was shown, or makes sure that nothing was.
func (g *gazers) judge(m matter, who authz.Actor, t ledger.Ticket, k *ledger.Look, err error) {
	if k == nil {
		var no *casework.Refusal
		if !errors.Is(err, ledger.ErrNotFound) && !errors.As(err, &no) {
			g.t.Fatalf("%s at %v: %v", who.ID(), t, err)
		}
		g.refused++
		return
	}
	text := fmt.Sprintf("%+v %+v", k.Case(), k.Events())
	if strings.Contains(text, vault.Mark) {
		g.t.Errorf("%s was shown sealed text", who.ID())
	}
	level := k.Level
	if k.No != nil {
		g.refused++
		level = authz.Steps
	}
	unlimited := who.Is(authz.Resident) || who.Is(authz.System)
	if k.No != nil || !unlimited {
		for _, s := range []string{m.who.phone} { // the texts of this test name the person, so only the number tells the levels apart
			if level < authz.Identity && strings.Contains(contactOf(k), s) {
				g.t.Errorf("%s was shown %s at level %v", who.ID(), s, level)
			}
		}
		if level < authz.Story && (strings.Contains(text, m.who.name) || strings.Contains(text, m.who.id)) {
			g.t.Errorf("%s was shown the story at level %v", who.ID(), level)
		}
	}
	if k.No != nil {
		return
	}
	g.looks++
	if g.shown[g.key(m)] == nil {
		g.shown[g.key(m)] = map[seen]bool{}
	}
	g.shown[g.key(m)][seenIn(k.Disclosure)] = true
}

func contactOf(k *ledger.Look) string { return fmt.Sprintf("%+v", k.Case().Contact) }

// compare holds what was shown against what is recorded, case by case.
func (g *gazers) compare() {
	for _, m := range g.matters {
		recorded, err := m.in.reader.Looks(g.t.Context(), m.id, 1<<30)
		if err != nil {
			g.t.Fatal(err)
		}
		want := g.shown[g.key(m)]
		if len(recorded) != len(want) {
			g.t.Errorf("%s: %d looks are recorded, %d were shown", g.key(m), len(recorded), len(want))
		}
		for _, d := range recorded {
			if !want[seenIn(d)] {
				g.t.Errorf("%s: %+v is recorded and was not shown", g.key(m), d)
			}
		}
	}
}
