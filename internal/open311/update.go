package open311

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/explain"
	"comity/internal/ledger"
	"comity/internal/pack"
	"comity/internal/procedure"
	"comity/internal/text"
)

// The updates extension: what happened to requests, for clients that ask every few minutes, and what they heard
// themselves.

const (
	lately     = 2 * time.Hour // where no span is asked for
	maxUpdates = 5000          // of one span; a longer list is refused, never shortened
)

// updates answers GET servicerequestupdates: one for each public event. Its id is the number of the request with the
// number of the event, which never changes.
func (s *Server) updates(c *call) (answer, error) {
	from, to, err := c.form.span(s.Now(), lately, longest)
	if err != nil {
		return answer{}, err
	}
	categories, err := c.categories()
	if err != nil {
		return answer{}, err
	}
	found, err := s.Reader.PublishedEvents(c.Context(), categories, from, endOf(to).Add(-time.Microsecond), maxUpdates+1, s.show(c))
	if err != nil {
		return answer{}, err
	}
	if len(found) > maxUpdates {
		return answer{}, no(http.StatusBadRequest, "span.full", "max", strconv.Itoa(maxUpdates))
	}
	out := list{item: "request_update"}
	for _, h := range found {
		x, err := s.seen(c, h.Case)
		if err != nil {
			return answer{}, err
		}
		words, ok := x.happened(h.Before, h.Event)
		if !ok {
			continue
		}
		out.of = append(out.of, object{{"update_id", updateID(h.Event, h.Case)}, {"service_request_id", string(h.Case.Ref)},
			{"status", statusWord(c.pack.Open311, x.d, h.Event.State, answering(h.Before, h.Event))}, {"updated_datetime", c.written(h.Event.At)},
			{"description", words}, {"media_url", ""}, {"external_status_code", h.Event.State}})
	}
	return answer{root: "service_request_updates", list: &out}, nil
}

func updateID(e casework.Event, k casework.Case) string {
	return string(k.Ref) + "-" + strconv.Itoa(e.Seq)
}

// happened says a public event in words. What residents wrote is not repeated: it went to the office, not to everybody.
func (x seen) happened(before []casework.Event, e casework.Event) (string, bool) {
	m := explain.Matter{Say: x.say, Zone: x.p.Zone, D: x.d, Case: x.k, Events: append(slices.Clone(before), e)}
	noted := e.Note != nil && e.Note.Public
	if !noted && e.Act == "" && e.Seq != 1 && !m.ForResident(e) {
		return "", false
	}
	var out []string
	if words, ok := m.Title(e); ok {
		out = append(out, words)
	} else if noted {
		out = append(out, x.say.T("open311.noted"))
	}
	staff := e.By.Role != string(authz.Resident) && e.By.Role != string(authz.Member) && !e.Behalf
	if a, ok := x.d.Act(e.Act); ok && staff {
		if e.Outcome != "" {
			out = append(out, explain.Outcome(x.say, x.d.ID, e.Outcome))
		}
		out = append(out, spoken(a.Fields, e.Fields)...)
	}
	if noted && staff {
		out = append(out, unveiled(e.Note.Text))
	}
	out = slices.DeleteFunc(out, func(s string) bool { return s == "" })
	return strings.Join(out, "\n"), len(out) > 0
}

// given is the last answer of a case at some time: its outcome, and the state it led to.
type given struct{ outcome, state string }

func answering(before []casework.Event, e casework.Event) given {
	g := given{}
	for _, one := range append(slices.Clone(before), e) {
		if one.Answers {
			g = given{one.Outcome, one.State}
		}
	}
	return g
}

// answeredAt is the same for a case without its events: an answer holds while the case is where an answer leads.
func answeredAt(d *procedure.Definition, k casework.Case) given {
	for i := range d.Acts {
		if a := &d.Acts[i]; a.Answers && a.To == k.State {
			return given{k.Outcome, k.State}
		}
	}
	return given{k.Outcome, ""}
}

// statusWord is a state in the words of the extension: the state's own where the pack has one, else the outcome's as long as
// the answer stands, else the phase's.
func statusWord(o *pack.Open311, d *procedure.Definition, state string, last given) string {
	w := o.WordsOf(d.ID)
	st, ok := d.State(state)
	if word := w.States[state]; word != "" {
		return word
	}
	if word := w.Outcomes[last.outcome]; word != "" && (state == last.state || ok && st.Final) {
		return word
	}
	if ok && w.Phases[st.Phase] != "" {
		return w.Phases[st.Phase]
	}
	return "unchanged"
}

// Status says in the words of the extension how a case stands, under the pack in force. The pack must have words for its
// procedure.
func Status(o *pack.Open311, d *procedure.Definition, k casework.Case) string {
	return statusWord(o, d, k.State, answeredAt(d, k))
}

// Told says one event of a case as everybody may hear it: its status, and its words as far as they are public. The events
// are those of a look; p is the pack the case was opened under.
func Told(o *pack.Open311, p *pack.Pack, d *procedure.Definition, say text.Speaker, k casework.Case, events []casework.Event, seq int) (status, words string) {
	before, e := events[:seq-1], events[seq-1]
	words, _ = seen{k: k, d: d, p: p, say: say}.happened(before, e)
	return statusWord(o, d, e.State, answering(before, e)), words
}

// update takes in POST servicerequestupdates: a note on the case that the desk reads, or the act a pack says it is. What
// comes again under the same id changes nothing.
func (s *Server) update(c *call) (answer, error) {
	if err := c.must(authz.Do); err != nil {
		return answer{}, err
	}
	ref, id, word, said, err := c.told()
	if err != nil {
		return answer{}, err
	}
	done := answer{root: "service_request_updates", list: &list{item: "request_update", of: []object{{{"update_id", id}}}}}
	k, err := s.Reader.Case(c.Context(), c.by.who.Scope(), ref)
	if _, ok := c.pack.Open311.ServiceOf(k.Category); errors.Is(err, ledger.ErrNotFound) || err == nil && (!ok || k.Sealed != "" || !c.within(k)) {
		return answer{}, no(http.StatusNotFound, "request.unknown", "got", clip(ref))
	}
	if err != nil {
		return answer{}, err
	}
	cmd := casework.Command{Case: k.ID, Version: casework.AnyVersion, Key: source + ":update:" + string(k.Ref) + ":" + id}
	if _, _, err := s.Reader.OpenedBy(c.Context(), c.by.who, cmd.Key); !errors.Is(err, ledger.ErrNotFound) { // before anything is fetched
		return done, err
	}
	kept, lost, err := s.media(c)
	if err != nil {
		return answer{}, err
	}
	say := s.say("", c.lang)
	said = withLines(said, tellLost(say, lost))
	if act, ok := s.taken(c, k, word, said); ok {
		act.Case, act.Version, act.Key, act.Files = cmd.Case, cmd.Version, cmd.Key, kept
		_, err = s.Ledger.Do(c.Context(), c.by.who, act)
		var wrong *casework.Refusal
		if err == nil || reused(err) || !errors.As(err, &wrong) {
			return done, ours(err)
		}
	}
	if word != "" {
		said = withLines(said, []string{say.T("open311.update.status", "status", word)})
	}
	if len(kept) > 0 { // before the note, whose key then says that everything of the update is here
		_, err := s.Ledger.Do(c.Context(), c.by.who, casework.Command{Case: cmd.Case, Version: cmd.Version, Key: cmd.Key + ":files", Files: kept})
		if ours(err) != nil {
			return answer{}, err
		}
	}
	cmd.Note = &casework.Note{Text: strings.TrimSpace(said)}
	_, err = s.Ledger.Do(c.Context(), c.by.who, cmd)
	return done, ours(err)
}

// ours is an error that the sender has to hear of: that an update came before is none.
func ours(err error) error {
	if reused(err) {
		return nil
	}
	return err
}

// taken is the act that an update is, where the pack says so and the case stands where it can be done.
func (s *Server) taken(c *call, k casework.Case, status, said string) (casework.Command, bool) {
	for _, t := range c.pack.Open311.WordsOf(k.Procedure).Takes {
		d, err := s.Packs.Definition(k.Pack, k.Procedure)
		if t.Status != status || err != nil {
			continue
		}
		if a, ok := d.Act(t.Act); ok && casework.CanAct(d, k, a, c.by.who, s.Now()) {
			cmd := casework.Command{Act: t.Act}
			if t.Field != "" {
				cmd.Fields = map[string]string{t.Field: said}
			}
			return cmd, true
		}
	}
	return casework.Command{}, false
}

// told reads an update.
func (c *call) told() (ref, id, word, said string, err error) {
	var bad []rule
	needed := func(name string) string {
		got, err := c.form.one(name)
		switch {
		case err != nil:
			bad = append(bad, rule{"twice", []string{"name", name}})
		case got == "" && (name == "service_request_id" || name == "update_id"):
			bad = append(bad, rule{"needed", []string{"name", name}})
		}
		return got
	}
	ref, id, word, said = strings.ToUpper(needed("service_request_id")), needed("update_id"), strings.ToLower(needed("status")), needed("description")
	said = strings.ReplaceAll(strings.ReplaceAll(said, "\r\n", "\n"), "\r", "\n")
	if utf8.RuneCountInString(id) > 100 {
		bad = append(bad, rule{"update_id", []string{"max", "100"}})
	}
	if word != "" && !slices.Contains(pack.UpdateWords, word) {
		bad = append(bad, rule{"update_status", []string{"got", clip(word), "list", strings.Join(pack.UpdateWords, ", ")}})
	}
	switch {
	case utf8.RuneCountInString(said) > maxDescription-200:
		bad = append(bad, rule{"description.long", []string{"max", strconv.Itoa(maxDescription - 200)}})
	case markup.MatchString(said):
		bad = append(bad, rule{"description.markup", []string{"got", clip(markup.FindString(said))}})
	case said == "" && word == "":
		bad = append(bad, rule{"update_empty", nil})
	}
	if _, err := c.form.date("updated_datetime"); err != nil {
		got, _ := c.form.one("updated_datetime")
		bad = append(bad, rule{"date", []string{"name", "updated_datetime", "got", clip(got)}})
	}
	if len(bad) > 0 {
		err = &refused{status: http.StatusBadRequest, rules: bad}
	}
	return ref, id, word, said, err
}
