// Package selfviewtest lets random people do random things with the matters of others, and tells whether
// each look they were given stands on the page of the person whose matter it was, and nothing else does.
//
// It is for tests alone. This file is the whole package.
package selfviewtest

import (
	"context"
	"fmt"
	"maps"
	"math/rand"
	"slices"
	"testing"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/ledger"
)

// Owner is somebody with matters.
type Owner struct {
	Name  string
	Cases map[string][]casework.CaseID // by compartment
	// See gives the names of the looks on their page, by compartment and case.
	See func() (map[string]map[casework.CaseID][]string, error)
}

// World is what the walk goes through.
type World struct {
	Doors  map[string]*ledger.Ledger // by compartment
	Staff  map[string][]authz.Actor  // by compartment, bound to it
	Owners []Owner
}

// purposes are what a look can be asked for; the last one no pack has.
var purposes = []string{"handle", "contact", "supervise", "answer_request", "review", "transfer", "", "curiosity"}

// Walk makes n random acts and then compares what was shown with what stands on everybody's page. seen are
// looks made before, by their name in the log. It reports how many looks were given.
func Walk(t testing.TB, w World, n int, seed int64) (given int) {
	t.Helper()
	ctx, draw := context.Background(), rand.New(rand.NewSource(seed))
	shown := map[string]map[string]bool{} // owner → looks
	for _, o := range w.Owners {
		shown[o.Name] = map[string]bool{}
	}
	names := slices.Sorted(maps.Keys(w.Doors))
	for range n {
		at := names[draw.Intn(len(names))]
		o := w.Owners[draw.Intn(len(w.Owners))]
		cases := o.Cases[at]
		if len(cases) == 0 {
			continue
		}
		ref, ok := act(ctx, t, w.Doors[at], w.Staff[at], cases[draw.Intn(len(cases))], draw)
		if ok {
			shown[o.Name][ref] = true
			given++
		}
	}
	for _, o := range w.Owners {
		if err := compare(o, shown[o.Name]); err != nil {
			t.Errorf("%s: %v", o.Name, err)
		}
	}
	return given
}

// act is one look by somebody drawn by chance; ok when it was given.
func act(ctx context.Context, t testing.TB, door *ledger.Ledger, staff []authz.Actor, id casework.CaseID, draw *rand.Rand) (string, bool) {
	t.Helper()
	who := authz.Actor{}
	ticket := ledger.Ticket{Case: id, Purpose: purposes[draw.Intn(len(purposes))], Level: authz.Level(1 + draw.Intn(4))}
	switch k := draw.Intn(10); {
	case k < 8 && len(staff) > 0:
		who = staff[draw.Intn(len(staff))]
	case k == 8:
		who, ticket.Purpose = authz.Holder(string(id)), ledger.PurposeOwn
	case k == 9:
		who, ticket.Purpose = authz.Machine(), ledger.PurposeNotice
	}
	look, err := door.Look(ctx, who, ticket)
	if err != nil {
		return "", false
	}
	return look.Ref, true
}

// compare holds a page against what was shown.
func compare(o Owner, shown map[string]bool) error {
	s, err := o.See()
	if err != nil {
		return err
	}
	page := map[string]bool{}
	for at, cases := range s {
		for id, looks := range cases {
			if !slices.Contains(o.Cases[at], id) {
				return fmt.Errorf("case %s of %s is on the page and not theirs", id, at)
			}
			for _, ref := range looks {
				page[ref] = true
			}
		}
	}
	for _, ref := range slices.Sorted(maps.Keys(shown)) {
		if !page[ref] {
			return fmt.Errorf("look %s was given and is not on the page", ref)
		}
	}
	for _, ref := range slices.Sorted(maps.Keys(page)) {
		if !shown[ref] {
			return fmt.Errorf("look %s is on the page and nobody was shown anything", ref)
		}
	}
	return nil
}
