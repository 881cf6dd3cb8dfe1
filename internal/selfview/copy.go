package selfview

import (
	"context"
	"encoding/json"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/consent"
	"comity/internal/ledger"
)

// Copy is what a person takes away for other programs to read.
//
// law: PIPL/45 (a copy), GDPR/20 (structured, machine-readable)
type Copy struct {
	Format  string       `json:"format"`
	Made    time.Time    `json:"made"`
	Matters []CopyMatter `json:"matters"`
}

// CopyMatter is one case in a Copy, opened.
type CopyMatter struct {
	Compartment string            `json:"compartment"`
	Programme   string            `json:"programme"`
	Ref         casework.Ref      `json:"ref"`
	Category    string            `json:"category"`
	State       string            `json:"state"`
	Opened      time.Time         `json:"opened"`
	Closed      time.Time         `json:"closed,omitzero"`
	KeptUntil   time.Time         `json:"kept_until,omitzero"`
	Title       string            `json:"title,omitempty"`
	Text        string            `json:"text,omitempty"`
	Place       string            `json:"place,omitempty"`
	Contact     casework.Contact  `json:"contact"`
	Given       map[string]string `json:"given,omitempty"`
	Answer      map[string]string `json:"answer,omitempty"`
	Files       []string          `json:"files,omitempty"`
	Events      []CopyEvent       `json:"events"`
	Looks       []CopyLook        `json:"looks"`
	Consents    []consent.Consent `json:"consents,omitempty"`
	Passed      []CopyPassed      `json:"passed_on,omitempty"`
}

// CopyEvent is one thing that happened, as the person may read it.
type CopyEvent struct {
	At    time.Time `json:"at"`
	Kind  string    `json:"kind"`
	State string    `json:"state"`
	Unit  string    `json:"unit"`
}

// CopyLook is a look in a Copy.
type CopyLook struct {
	At      time.Time `json:"at"`
	Unit    string    `json:"unit,omitempty"`
	Role    string    `json:"role"`
	Purpose string    `json:"purpose"`
	Ground  string    `json:"ground"`
	Level   string    `json:"level"`
	Record  string    `json:"record"` // its name in the public log
}

// CopyPassed is something passed on in a Copy.
type CopyPassed struct {
	At   time.Time    `json:"at"`
	To   string       `json:"to"`
	Ref  casework.Ref `json:"ref"`
	What []string     `json:"what,omitempty"`
}

// CopyFor opens every matter of a sight for the person, each look recorded as their own.
func (v *View) CopyFor(ctx context.Context, s Sight, now time.Time) (Copy, error) {
	out := Copy{Format: "comity-mydata-1", Made: now.UTC(), Matters: []CopyMatter{}}
	for _, part := range s.Parts {
		r, _ := v.room(part.Compartment)
		for _, g := range part.Programmes {
			for _, m := range g.Matters {
				c, err := r.copyOf(ctx, m)
				if err != nil {
					return out, err
				}
				c.Compartment = part.Compartment
				out.Matters = append(out.Matters, c)
			}
		}
	}
	return out, nil
}

func (r *Room) copyOf(ctx context.Context, m Matter) (CopyMatter, error) {
	look, err := r.Ledger.Look(ctx, authz.Holder(string(m.Case.ID)), ledger.Ticket{Case: m.Case.ID, Purpose: ledger.PurposeOwn, Level: authz.Identity})
	if err != nil {
		return CopyMatter{}, err
	}
	c := look.Case()
	out := CopyMatter{Programme: c.Programme, Ref: c.Ref, Category: c.Category, State: c.State, Opened: c.Opened, Closed: c.Closed, KeptUntil: m.Until,
		Title: c.Title, Text: c.Text, Place: c.Place.Address, Contact: c.Contact, Given: c.Intake, Answer: map[string]string{}, Consents: m.Consents, Events: []CopyEvent{}, Looks: []CopyLook{}}
	for i := range m.D.Acts {
		for _, f := range m.D.Acts[i].Fields {
			if a := c.Answer[f.Name]; a != "" && m.D.Acts[i].Answers && f.Public {
				out.Answer[f.Name] = a // what stays inside the office is asked for, not taken
			}
		}
	}
	for _, f := range c.Files {
		if f.Public {
			out.Files = append(out.Files, f.Name)
		}
	}
	for _, e := range look.Events() {
		if e.Note == nil || e.Note.Public {
			out.Events = append(out.Events, CopyEvent{At: e.At, Kind: e.Kind, State: e.State, Unit: string(e.Holder)})
		}
	}
	for _, l := range m.Looks {
		out.Looks = append(out.Looks, CopyLook{l.At, string(l.Unit), l.Role, l.Purpose, l.Ground, l.Level.String(), l.ID})
	}
	for _, p := range m.Passed {
		out.Passed = append(out.Passed, CopyPassed{p.At, string(p.To), p.Ref, p.What})
	}
	return out, nil
}

// indented is a receipt as people keep it.
func indented(r consent.Receipt) string {
	raw, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		panic("selfview: a receipt cannot be written down: " + err.Error()) // plain data only
	}
	return string(raw)
}
