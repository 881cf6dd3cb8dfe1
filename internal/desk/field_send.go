package desk

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"comity/internal/casework"
	"comity/internal/file"
	"comity/internal/form"
	"comity/internal/intake"
	"comity/internal/ledger"
	"comity/internal/org"
	"comity/internal/place"
	"comity/internal/web"
)

// byField is the channel of what a worker reports from outside.
const byField = "field"

// fieldAnswer is what became of one entry. What is refused is told as every refusal is told to programs.
type fieldAnswer struct {
	State string   `json:"state"` // sent, conflict
	Ref   string   `json:"ref"`
	Again bool     `json:"again,omitempty"` // it had arrived before
	What  []string `json:"what,omitempty"`  // of a conflict: what happened meanwhile
}

// fieldEntry is one entry as it was sent: a report, or a note into a case.
type fieldEntry struct {
	Key, Tag, Kind                    string
	Text                              string
	Category, Unit, Address, Lat, Lon string // of a report
	Ref, Seq                          string // of a note: the case, and its state when the note was begun
	Anyway                            bool   // the worker saw what happened since
}

func (v *visit) readField() fieldEntry {
	get := v.r.PostFormValue
	return fieldEntry{Key: get("_key"), Tag: get("tag"), Kind: get("kind"), Text: get("text"),
		Category: get("category"), Unit: get("unit"), Address: get("address"), Lat: get("lat"), Lon: get("lon"),
		Ref: get("ref"), Seq: get("seq"), Anyway: get("anyway") == "yes"}
}

// fieldSend takes one entry of a telephone's queue. The key was made when the entry was begun, so that an
// entry whose answer was lost on the way is sent again without harm: the first one stands and is told again.
func (v *visit) fieldSend() error {
	if v.shared != "" {
		return &web.Refused{Status: http.StatusForbidden, Rule: "field.shared"}
	}
	if err := v.parse("kind", "category", "text", "unit", "address", "lat", "lon", "ref", "seq", "anyway", "tag", "files*"); err != nil {
		return err
	}
	in := v.readField()
	if in.Key != web.KeyOf(v.r) { // one that is none was replaced
		return &web.Refused{Status: http.StatusBadRequest, Rule: "field.key"}
	}
	if in.Tag != v.accountMark("tag", v.live.Account.ID) { // somebody else signed in while the page was open
		return &web.Refused{Status: http.StatusForbidden, Rule: "field.other"}
	}
	ref, _, err := v.Reader.OpenedBy(v.ctx(), v.actor, in.Key)
	switch {
	case err == nil:
		return v.json(http.StatusOK, fieldAnswer{State: "sent", Ref: string(ref), Again: true})
	case !errors.Is(err, ledger.ErrNotFound):
		return err
	}
	switch in.Kind {
	case "report":
		return v.fieldReport(in)
	case "note":
		return v.fieldNote(in)
	}
	return &web.Refused{Status: http.StatusBadRequest, Rule: "field.kind"}
}

func (v *visit) fieldReport(in fieldEntry) error {
	if in.Category != "" && !v.fieldKind(v.pack, in.Category) {
		return &web.Refused{Status: http.StatusUnprocessableEntity, Rule: "field.category"}
	}
	report := intake.Report{Category: in.Category, Text: in.Text, Address: in.Address, Unit: org.UnitID(in.Unit), Source: byField, Key: in.Key, Now: v.now}
	if d := v.pack.ProcedureFor(report.Category); d != nil {
		report.Fields = openFields(newForm{}, d, v.today())
	}
	v.locate(&report, report.Address)
	if in.Lat != "" || in.Lon != "" {
		at, err := in.point()
		if err != nil {
			return err
		}
		report.Point = at
	}
	cmd, err := intake.Command(v.pack, report)
	if err != nil {
		return err
	}
	if d := v.pack.ProcedureFor(cmd.Open.Category); d != nil {
		// Asked before the photos are kept: what will be refused leaves no files behind.
		if bad, err := v.rehearse(d, cmd); err != nil || len(bad) > 0 {
			return errors.Join(err, refusedFields(bad))
		}
	}
	if cmd.Files, err = v.fieldPhotos(); err != nil {
		return err
	}
	receipt, err := v.Ledger.Do(v.ctx(), v.actor, cmd)
	if err != nil {
		return err
	}
	return v.json(http.StatusOK, fieldAnswer{State: "sent", Ref: string(receipt.Ref), Again: receipt.Replayed})
}

func refusedFields(bad []form.Problem) error {
	if len(bad) == 0 {
		return nil
	}
	return &casework.Refusal{Rule: "form.invalid", Fields: bad}
}

// point is the one the worker put into the report.
func (in fieldEntry) point() (*place.Point, error) {
	lat, err1 := strconv.ParseFloat(in.Lat, 64)
	lon, err2 := strconv.ParseFloat(in.Lon, 64)
	at := &place.Point{Lat: lat, Lon: lon}
	if errors.Join(err1, err2) != nil || at.Check() != nil {
		return nil, &web.Refused{Status: http.StatusUnprocessableEntity, Rule: "field.point"}
	}
	return at, nil
}

func (v *visit) fieldPhotos() ([]casework.File, error) {
	files, err := v.uploads(false)
	var no file.Refused
	if errors.As(err, &no) {
		return nil, &web.Refused{Status: http.StatusUnprocessableEntity, Rule: no.Rule, Params: no.Params}
	}
	return files, err
}

// fieldNote writes a visit note into a case. It names the state of the case it was written against: when
// somebody did something since, the worker sees that first, and nothing is written until they say so.
func (v *visit) fieldNote(in fieldEntry) error {
	c, err := v.Reader.Case(v.ctx(), v.scope, in.Ref)
	if err != nil {
		return err
	}
	seq, err := strconv.Atoi(in.Seq)
	if err != nil || seq < 0 {
		return &web.Refused{Status: http.StatusBadRequest, Rule: "field.seq"}
	}
	events, err := v.Reader.Events(v.ctx(), c.ID)
	if err != nil {
		return err
	}
	switch {
	case in.Anyway:
		seq = casework.AnyVersion
	case seq >= c.Version:
	case v.onlyOwnNotes(events, seq):
		seq = c.Version
	default:
		return v.fieldConflict(c, events, seq) // before the photos are kept
	}
	cmd := casework.Command{Case: c.ID, Version: seq, Key: in.Key}
	if cmd.Files, err = v.fieldPhotos(); err != nil {
		return err
	}
	if strings.TrimSpace(in.Text) != "" || len(cmd.Files) == 0 {
		cmd.Note = &casework.Note{Text: in.Text}
	}
	receipt, err := v.Ledger.Do(v.ctx(), v.actor, cmd)
	var no *casework.Refusal
	if errors.As(err, &no) && no.Rule == casework.Conflict {
		if c, err = v.Reader.ByID(v.ctx(), v.scope, c.ID); err != nil {
			return err
		}
		if events, err = v.Reader.Events(v.ctx(), c.ID); err != nil {
			return err
		}
		return v.fieldConflict(c, events, seq)
	}
	if err != nil {
		return err
	}
	return v.json(http.StatusOK, fieldAnswer{State: "sent", Ref: string(receipt.Ref), Again: receipt.Replayed})
}

// onlyOwnNotes reports that since then the worker has put in notes and photos and nothing else happened: two
// notes on one case, both written without a network, are no conflict.
func (v *visit) onlyOwnNotes(events []casework.Event, since int) bool {
	return !slices.ContainsFunc(events, func(e casework.Event) bool {
		own := (e.Kind == "noted" || e.Kind == "attached") && e.By.Actor == v.actor.ID()
		return e.Seq > since && e.Sent == nil && !own
	})
}

// fieldConflict tells what happened since, as the steps of a case are told to whoever may read it: which
// act, when and by whom, and no word of what was written.
func (v *visit) fieldConflict(c casework.Case, events []casework.Event, seq int) error {
	d, err := v.definition(c)
	if err != nil {
		return err
	}
	p := v.site.Page(v.r, "field.title")
	out := fieldAnswer{State: "conflict", Ref: string(c.Ref), What: []string{}}
	for _, e := range events {
		if e.Seq > seq && e.Sent == nil {
			out.What = append(out.What, p.T("field.happened", "when", when(p, v.now, e.At), "what", v.eventWords(p, d, c, e, events), "who", v.byline(p, e)))
		}
	}
	return v.json(http.StatusConflict, out)
}
