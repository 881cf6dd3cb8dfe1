package open311

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/explain"
	"comity/internal/file"
	"comity/internal/form"
	"comity/internal/ledger"
	"comity/internal/pack"
	"comity/internal/procedure"
	"comity/internal/text"
)

// Bounds of lists, by the specification: ninety days, or a thousand requests, whichever is less.
const (
	days     = 24 * time.Hour
	longest  = 90 * days
	most     = 1000
	usual    = 50 // requests on a page where pages are asked for
	asked    = 100
	farthest = 10_000
)

// show says how much of a case the caller sees in lists: what the pack says of the service, or, with a key whose account
// reads the case, at least its steps. What was written is opened for nobody here: that is a look, and looks are taken at
// one case (see one).
func (s *Server) show(c *call) ledger.Show {
	return func(k casework.Case) ledger.Public {
		v, ok := c.pack.Open311.ServiceOf(k.Category)
		if !ok || !c.within(k) {
			return ledger.PublicNothing
		}
		p := map[pack.Shown]ledger.Public{pack.ShowStatus: ledger.PublicSteps, pack.ShowPlace: ledger.PublicPlace, pack.ShowText: ledger.PublicText}[v.Shown]
		if p == ledger.PublicNothing && c.reads(k) {
			p = ledger.PublicSteps
		}
		return p
	}
}

// reads reports whether the account of the key reads the case.
func (c *call) reads(k casework.Case) bool {
	return c.by.keyed && c.by.who.Limit().Leaves(authz.Read) && k.ReadableBy(c.by.who.Scope(), c.pack.Units)
}

// list answers GET requests.
func (s *Server) list(c *call) (answer, error) {
	ids := c.form.csv("service_request_id")
	extended, err := c.extended()
	if err != nil {
		return answer{}, err
	}
	var found []casework.Case
	if len(ids) > 0 { // overrides everything else
		found, err = s.named(c, ids)
	} else {
		found, err = s.filtered(c)
	}
	if err != nil {
		return answer{}, err
	}
	out := list{item: "request"}
	for _, k := range found {
		o, err := s.request(c, k, nil, extended)
		if err != nil {
			return answer{}, err
		}
		out.of = append(out.of, o)
	}
	return answer{root: "service_requests", list: &out}, nil
}

// extended reads the extensions parameter.
func (c *call) extended() (bool, error) {
	got, err := c.form.one("extensions")
	if err != nil {
		return false, err
	}
	switch strings.ToLower(got) {
	case "", "false":
		return false, nil
	case "true":
		return true, nil
	}
	return false, no(http.StatusBadRequest, "flag", "name", "extensions", "got", clip(got))
}

// named finds the requests whose numbers were given; a number that leads nowhere is left out, since the others are not
// less true for it.
func (s *Server) named(c *call, ids []string) (out []casework.Case, err error) {
	if len(ids) > asked {
		return nil, no(http.StatusBadRequest, "ids", "max", strconv.Itoa(asked))
	}
	for _, id := range ids {
		k, _, err := s.Reader.PublishedCase(c.Context(), strings.ToUpper(id), s.show(c))
		if errors.Is(err, ledger.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, k)
	}
	return out, nil
}

func (s *Server) filtered(c *call) ([]casework.Case, error) {
	f := ledger.PublicFilter{}
	from, to, err := c.form.span(s.Now(), longest, longest)
	if err != nil {
		return nil, err
	}
	f.Since, f.Before = from, endOf(to)
	for _, st := range c.form.csv("status") {
		switch strings.ToLower(st) {
		case "open":
			f.Open = true
		case "closed":
			f.Closed = true
		default:
			return nil, no(http.StatusBadRequest, "status", "got", clip(st))
		}
	}
	if f.Categories, err = c.categories(); err != nil {
		return nil, err
	}
	if f.Skip, f.Limit, err = c.page(); err != nil {
		return nil, err
	}
	return s.Reader.Published(c.Context(), f, s.show(c))
}

// endOf takes in the whole second: what is written as a second ago was anywhere in it.
func endOf(t time.Time) time.Time { return t.Add(time.Second) }

// categories are those of the services that were named, or of all.
func (c *call) categories() (out []string, err error) {
	codes := c.form.csv("service_code")
	for _, code := range codes {
		v, err := c.service(code)
		if err != nil {
			return nil, err
		}
		out = append(out, v.Category)
	}
	if len(codes) == 0 {
		for _, v := range c.pack.Open311.Services {
			out = append(out, v.Category)
		}
	}
	return out, nil
}

// page reads page and page_size; without either the list is as long as the specification lets it be.
func (c *call) page() (skip, limit int, err error) {
	page, err1 := c.form.whole("page", 0, farthest)
	size, err2 := c.form.whole("page_size", 0, most)
	if err := errors.Join(err1, err2); err != nil {
		return 0, 0, err
	}
	switch {
	case page == 0 && size == 0:
		return 0, most, nil
	case size == 0:
		size = usual
	}
	return max(page-1, 0) * size, size, nil
}

// one answers GET requests/ID. With a key that may be shown more, the case is opened for it, and the look is recorded.
func (s *Server) one(c *call) (answer, error) {
	extended, err := c.extended()
	if err != nil {
		return answer{}, err
	}
	k, events, err := s.Reader.PublishedCase(c.Context(), strings.ToUpper(c.id), s.show(c))
	if err != nil {
		return answer{}, err
	}
	if c.reads(k) {
		look, err := s.Ledger.Show(c.Context(), c.by.who, ledger.Ticket{Case: k.ID, Purpose: ledger.PurposeHandle, Level: authz.Story})
		if err != nil {
			return answer{}, err
		}
		if look.No == nil {
			k, events = look.Case(), look.Events()
		}
	}
	if !extended {
		events = nil
	}
	o, err := s.request(c, k, events, extended)
	if err != nil {
		return answer{}, err
	}
	return answer{root: "service_requests", list: &list{item: "request", of: []object{o}}}, nil
}

// seen is a case with its words.
type seen struct {
	k   casework.Case
	v   pack.Service
	d   *procedure.Definition
	p   *pack.Pack // it was opened under
	say text.Speaker
}

func (s *Server) seen(c *call, k casework.Case) (seen, error) {
	v, ok := c.pack.Open311.ServiceOf(k.Category)
	if !ok {
		return seen{}, errNoService
	}
	d, err := s.Packs.Definition(k.Pack, k.Procedure)
	return seen{k: k, v: v, d: d, p: s.Packs.Pack(k.Pack), say: s.say(k.Pack, c.lang)}, err
}

// request is one service request in the order of the specification.
func (s *Server) request(c *call, k casework.Case, events []casework.Event, extended bool) (object, error) {
	x, err := s.seen(c, k)
	if err != nil {
		return nil, err
	}
	status, changed := "open", k.Changed
	if !k.Closed.IsZero() {
		status, changed = "closed", k.Closed
	}
	var expected time.Time
	if clock, ok := k.Promised(); ok {
		expected = clock.Due
	}
	var lat, long number
	if p := k.Place.Point; p != nil {
		lat, long = decimal(p.Lat), decimal(p.Lon)
	}
	current := s.say("", c.lang)
	out := object{{"service_request_id", string(k.Ref)}, {"status", status}, {"status_notes", x.notes()},
		{"service_name", nameOf(current, x.v)}, {"service_code", x.v.Code}, {"description", unveiled(k.Text)},
		{"agency_responsible", x.say.T("unit." + string(k.Holder))}, {"service_notice", hint(current, x.v)},
		{"requested_datetime", c.written(k.Opened)}, {"updated_datetime", c.written(changed)}, {"expected_datetime", c.written(expected)},
		{"address", unveiled(k.Place.Address)}, {"address_id", ""}, {"zipcode", ""}, {"lat", lat}, {"long", long}, {"media_url", s.photo(c, x)}}
	if extended {
		out = append(out, field{"extended_attributes", x.more(c, events)})
	}
	return out, nil
}

// photo is the address of the first picture that the office shows to everybody beside the report.
func (s *Server) photo(c *call, x seen) string {
	if x.v.Shown < pack.ShowText {
		return ""
	}
	for _, f := range x.k.Files {
		if f.Published && f.Held == "" {
			return s.address(c) + file.PublicPath(x.k.Ref, f.SHA256)
		}
	}
	return ""
}

// more is what the specification has no name for: the state in the city's own words, and what happened.
func (x seen) more(c *call, events []casework.Event) object {
	out := object{{"status_word", statusWord(c.pack.Open311, x.d, x.k.State, answeredAt(x.d, x.k))}, {"state", x.k.State},
		{"state_name", x.say.T("state." + x.d.ID + "." + x.k.State)}, {"outcome", x.k.Outcome}}
	if events == nil {
		return out
	}
	notes := list{item: "note"}
	for i, e := range events {
		if words, ok := x.happened(events[:i], e); ok {
			notes.of = append(notes.of, object{{"datetime", c.written(e.At)}, {"description", words}})
		}
	}
	return append(out, field{"notes", notes})
}

func unveiled(s string) string {
	if s == casework.Veil {
		return ""
	}
	return s
}

// notes are the public answer: how it ended, and what the office wrote as far as the caller is shown it.
func (x seen) notes() string {
	var out []string
	if x.k.Outcome != "" {
		out = append(out, explain.Outcome(x.say, x.d.ID, x.k.Outcome))
	}
	for i := range x.d.Acts {
		if a := &x.d.Acts[i]; a.Answers {
			out = appendNew(out, spoken(a.Fields, x.k.Answer)...)
		}
	}
	return strings.Join(out, "\n")
}

func appendNew(to []string, more ...string) []string {
	for _, m := range more {
		known := false
		for _, t := range to {
			known = known || t == m
		}
		if !known {
			to = append(to, m)
		}
	}
	return to
}

// spoken are answers in words to questions the pack calls public and that are about nobody.
func spoken(fields []form.Field, given map[string]string) []string {
	var out []string
	for _, f := range fields {
		value := unveiled(given[f.Name])
		if f.Public && !f.Personal && value != "" && (f.Kind == form.Text || f.Kind == form.LongText) {
			out = append(out, value)
		}
	}
	return out
}
