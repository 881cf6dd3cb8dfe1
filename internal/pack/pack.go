// Package pack reads a pack (a folder of YAML: units, places, categories, calendars, procedures,
// words) into kernel types, and refuses to hand out one that does not hold together.
//
// It refuses partial packs: a name that leads nowhere, a word missing in one language, a procedure
// that fails a property, and nothing loads. It knows no jurisdiction.
//
// Open this file first; files.go is what authors write, decode.go and overlay.go how it is read and laid
// over the pack's bases, load.go what it becomes, procedures.go how a procedure is put together,
// papers.go replies and documents, register.go what may be asked of other bodies, mediation.go
// on which acts sessions rest, talks.go which acts are offers and signatures, open311.go what other programs
// are offered, roles.go who reads what,
// areas.go and geojson.go where units lie, routes.go who receives what, routecheck.go whether that is whole,
// ground.go whether the areas are, compartments.go what keeps people's matters apart, explorer.go the guide before filing, known.go what need not be
// searched again, purposes.go why sealed words are opened, story.go how a failed
// property is told, diff.go what differs between
// two packs, schema.go what editors are told.
package pack

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"comity/internal/authz"
	"comity/internal/org"
	"comity/internal/paper"
	"comity/internal/place"
	"comity/internal/procedure"
	"comity/internal/worktime"
)

// Pack is one loaded version of a pack. It is immutable.
type Pack struct {
	ID, Version string
	Base        []string // the packs it stands on, nearest first
	Abstract    bool     // a base: it has no units and cannot be served by itself
	Digest      string   // SHA-256 over all its files: what a case pins
	Langs       []string
	Zone        *time.Location
	Units       *org.Tree
	Dept        map[org.UnitID]string // department key of department units
	Fallback    org.UnitID
	Map         place.Map
	Features    []Feature
	Places      []NamedPlace
	Zones       []Zone
	Routes      []RouteRule  // asked in order, before the routes of categories
	Names       *place.Names // landmarks and units, by what people type
	Converted   []string     // files whose coordinates came in another system, and which
	Groups      []Group
	Categories  []Category
	Programmes  []Programme
	Procedures  map[string]*procedure.Definition
	Phases      map[string][]string // procedure → steps a resident sees
	Icons       map[string]string   // procedure → icon
	Calendars   map[string]*worktime.Calendar
	Laws        []string
	Parameters  map[string]int      // figures of programmes with code of their own, by name
	LawDates    map[string]LawDates // law → when it came into force, and when its words were compared
	Emergency   []string
	Phone       string
	Texts       map[string]map[string]string // language → key → text
	Files       map[string][]byte            // what it was loaded from; files of bases under base/NAME
	Reports     map[string]procedure.Report
	Roles       []Role
	Exclusive   []Exclusive
	Rules       *authz.Table // what Roles open: who sees which case, and how much of it
	Warnings    []string     // what is odd but not wrong, each with its place
	Replies     []Reply
	Purposes    []Purpose                            // for which sealed words are opened, in the order they are offered
	Dossiers    []Dossier                            // how the files of ended cases are put together
	Register    *Register                            // questions that may be asked of other bodies; nil: none
	Cameras     *CameraRules                         // what public cameras rest on; nil: no register of them
	Explorer    *Explorer                            // the guide before filing; nil: none
	Mediation   *Mediation                           // which acts and answers mediation rests on; nil: no sessions
	Talks       *Talks                               // which acts are offers, drafts and signatures; nil: no pages for them
	OpenData    *OpenData                            // what is published of cases as figures; nil: nothing
	Open311     *Open311                             // what is offered to other programs; nil: nothing
	Neighbours  []Neighbour                          // units that work on a system of their own
	Post        *Post                                // who looks after messages, and when none are sent; nil: nobody, and always
	Notices     []Notice                             // what people are told before they are asked for a consent
	Documents   map[string]map[string]paper.Template // name → language → paper
}

// LawDates says since when a law is in force, and where and when its words were compared with the
// published ones; empty = not yet.
type LawDates struct{ Since, Verified, Source string }

// Feature is something drawn on the schematic map.
type Feature struct {
	Kind  string // water, green, road, edge
	Width float64
	Line  []place.Point
	Name  string // text key, or empty
}

// NamedPlace is a landmark or street number that can be found by its name.
type NamedPlace struct {
	Key     string
	Point   place.Point
	Unit    org.UnitID
	Aliases map[string][]string // by language
}

// Zone is a named part of the city that is no unit: some units with all below them, or an outline.
type Zone struct {
	ID    string
	Units []org.UnitID
	Area  place.Area // without sides when it is made of units
}

// Group is a heading over categories on the public form.
type Group struct{ ID, Icon string }

// Category is what a matter is about and who receives it.
type Category struct {
	ID, Group, Icon string
	Procedure       string
	Resident        bool // offered on the public form
	Route           Route
	Routed          bool // the pack names the route; else it is the unit of the lowest level
	Keywords        map[string][]string
	Facts           map[string]string // facts of a case that opens under it
	Near            Near              // which open reports may be about the same matter
}

// Near says how near two reports lie that may be about one matter: metres between their places, and days between the
// two. The zero Near proposes nothing.
type Near struct{ Metres, Days int }

// Route says which unit receives a category: a level, or a department of a level.
type Route struct {
	Level org.Level
	Dept  string
}

// Programme is a heading over procedures.
type Programme struct{ ID, Icon string }

// File is a file of the pack, or of the nearest base that has it. It is for files that are not merged.
func (p *Pack) File(name string) ([]byte, bool) {
	raw, ok := p.Files[name]
	for _, base := range p.Base {
		if !ok {
			raw, ok = p.Files[layer{name: base}.path(name)]
		}
	}
	return raw, ok
}

// Category finds a category.
func (p *Pack) Category(id string) (Category, bool) {
	i := slices.IndexFunc(p.Categories, func(c Category) bool { return c.ID == id })
	if i < 0 {
		return Category{}, false
	}
	return p.Categories[i], true
}

// Alike says how near another report of a category must be to be proposed as the same matter; ok is false where nothing
// is proposed. Nothing is where cases may go under seal: no case may then name another one.
func (p *Pack) Alike(category string) (near Near, ok bool) {
	c, _ := p.Category(category)
	if d := p.Procedures[c.Procedure]; d != nil && d.Sealing.When != "" {
		return Near{}, false
	}
	return c.Near, c.Near != Near{}
}

// ProcedureFor names the procedure a category is handled by; nil for an unknown category.
func (p *Pack) ProcedureFor(category string) *procedure.Definition {
	c, ok := p.Category(category)
	if !ok {
		return nil
	}
	return p.Procedures[c.Procedure]
}

// Questions are the names of everything any procedure asks when a case is opened, each once.
func (p *Pack) Questions() []string {
	var out []string
	for _, d := range p.Procedures {
		for _, f := range d.Intake {
			out = append(out, f.Name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// RouteTo names the unit that receives a category at a place by the category's own route: what holds where
// no rule of routes.yaml fits. Route asks those, too.
func (p *Pack) RouteTo(category string, at org.UnitID) org.UnitID {
	c, _ := p.Category(category)
	return p.routeBy(c.Route, at)
}

// routeBy names the unit that receives a matter at a place. at is the lowest unit known to hold the
// place. Where the city has no unit that fits, the nearest working unit above receives it, so that
// nothing is ever received by nobody.
func (p *Pack) routeBy(r Route, at org.UnitID) org.UnitID {
	path := p.Units.Path(at)
	for _, id := range path {
		if r.Dept != "" {
			for _, child := range p.Units.Children(id) {
				if p.Dept[child] == r.Dept {
					return child
				}
			}
			continue
		}
		if u, _ := p.Units.Unit(id); u.Level <= r.Level && len(u.Roles) > 0 && u.Dept == "" { // a department is no place
			return id
		}
	}
	for _, id := range path {
		if u, _ := p.Units.Unit(id); len(u.Roles) > 0 {
			return id
		}
	}
	return p.Fallback
}

// SearchPlaces finds up to n named places whose name in the language holds every word of q.
func (p *Pack) SearchPlaces(lang, q string, n int) []NamedPlace {
	parts := strings.Fields(strings.ToLower(q))
	var out []NamedPlace
	for _, pl := range p.Places {
		name := strings.ToLower(p.Texts[lang][pl.Key])
		if len(out) < n && len(parts) > 0 && !slices.ContainsFunc(parts, func(w string) bool { return !strings.Contains(name, w) }) {
			out = append(out, pl)
		}
	}
	return out
}

// Registry holds every pack version this city has used: new cases open under the current one, old
// cases keep theirs.
type Registry struct {
	mu      sync.RWMutex
	byID    map[string]*Pack
	current string
}

// NewRegistry starts with the current version and any older ones.
func NewRegistry(current *Pack, older ...*Pack) *Registry {
	r := &Registry{byID: map[string]*Pack{current.Digest: current}, current: current.Digest}
	for _, p := range older {
		r.byID[p.Digest] = p
	}
	return r
}

// Keep adds older versions.
func (r *Registry) Keep(older ...*Pack) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range older {
		r.byID[p.Digest] = p
	}
}

// Current is the version new cases open under.
func (r *Registry) Current() *Pack {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.byID[r.current]
}

// Pack finds a version; an unknown digest answers the current one, whose words still read best.
func (r *Registry) Pack(digest string) *Pack {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if p, ok := r.byID[digest]; ok {
		return p
	}
	return r.byID[r.current]
}

// Definition finds the procedure a case was opened under.
func (r *Registry) Definition(digest, id string) (*procedure.Definition, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	p, ok := r.byID[digest]
	if !ok {
		return nil, fmt.Errorf("pack version %.12s is not loaded; load the pack the case was opened under", digest)
	}
	d, ok := p.Procedures[id]
	if !ok {
		return nil, fmt.Errorf("pack %s %s has no procedure %q", p.ID, p.Version, id)
	}
	return r.inTime(d), nil
}

// inTime counts a kept procedure with the calendar in force now: its law stays the one the case was
// opened under, but holidays are facts, and the newest list of them is the right one (K9).
func (r *Registry) inTime(d *procedure.Definition) *procedure.Definition {
	now := r.byID[r.current].Calendars[d.Calendar.ID]
	if now == nil || now == d.Calendar {
		return d
	}
	dated := *d
	dated.Calendar = now
	return &dated
}

// CalendarVersions lists the calendars in force as ID@VERSION, the way clocks of cases name them.
func (p *Pack) CalendarVersions() []string {
	var out []string
	for _, c := range p.Calendars {
		out = append(out, c.ID+"@"+c.Version)
	}
	slices.Sort(out)
	return out
}
