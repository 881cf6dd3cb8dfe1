package story_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"comity/internal/account"
	"comity/internal/api"
	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/form"
	"comity/internal/intake"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/procedure"
	"comity/internal/story"
	"comity/internal/text"
)

// served is the world as programs see it: the JSON API over the ledger. What the API does not offer
// (a resident's own note, the messages an event owes) is taken from the ledger below it; all it does
// offer is compared with the ledger on every look.
type served struct {
	*stored
	compartment string
	db          *db.DB
	now         time.Time
	mux         *http.ServeMux
	accounts    *account.Store
	tokens      map[string]string
	expires     map[string]time.Time // of the tokens
	codes       map[casework.CaseID]string
	refs        map[casework.CaseID]string
}

// compartmentOf is where the cases of a story lie: a program works in one compartment, like everybody.
func compartmentOf(s *story.Story, p *pack.Pack) string {
	for _, l := range s.Lines {
		if c, ok := p.Category(l.Report.Category); ok {
			return p.Procedures[c.Procedure].Compartment
		}
	}
	return procedure.Civic
}

func newServed(t *testing.T, d *db.DB, set func(time.Time), p *pack.Pack, compartment string) *served {
	t.Helper()
	w := &served{compartment: compartment, stored: newStored(t, d, set, p), db: d, now: dbtest.Start, tokens: map[string]string{}, expires: map[string]time.Time{}, codes: map[casework.CaseID]string{}, refs: map[casework.CaseID]string{}}
	if err := account.Migrate(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	var err error
	if w.accounts, err = account.New(d, account.Config{Hashing: account.Cheap()}); err != nil {
		t.Fatal(err)
	}
	w.serve()
	return w
}

// serve makes the API anew, with the packs of the moment.
func (w *served) serve() {
	words, err := text.Base()
	if err != nil {
		w.t.Fatal(err)
	}
	w.mux = http.NewServeMux()
	api.New(api.Deps{DB: w.db, Ledger: w.city.Ledger, Reader: w.city.Reader, Packs: w.city.Packs, Compartment: w.compartment, Text: words, Accounts: w.accounts, Now: func() time.Time { return w.now }}).Register(w.mux)
}

func (w *served) Change(p *pack.Pack) error {
	err := w.stored.Change(p)
	w.serve()
	return err
}

func (w *served) Set(now time.Time) error {
	w.now = now
	return w.stored.Set(now)
}

func (w *served) Tick(now time.Time) error {
	w.now = now
	return w.stored.Tick(now)
}

// token is a token of the account of this name, which holds just the role that the line of the story says.
func (w *served) token(who story.Who) (string, error) {
	if who.Resident() { // reports reach the API from another program, for example of the hotline
		who = story.Who{Role: "clerk", Name: "hotline", Unit: w.city.Pack.Units.Root()}
	}
	grants := []authz.Grant{{Role: who.Role, Unit: who.Unit}}
	ctx := w.t.Context()
	if held, ok := w.tokens[who.Name]; ok {
		if err := w.accounts.SetGrants(ctx, who.Name, grants); err != nil || w.now.Before(w.expires[who.Name]) {
			return held, err
		}
	} else {
		a := account.Account{ID: who.Name, Login: who.Name, Name: map[string]string{"en": who.Name}, Grants: grants}
		if _, err := w.accounts.Create(ctx, a, "long enough for a test"); err != nil {
			return "", err
		}
	}
	w.expires[who.Name] = w.now.AddDate(0, 0, account.MaxTokenDays)
	_, plain, err := w.accounts.CreateToken(ctx, authz.Actor{}, account.Token{Account: who.Name, Name: "story", Powers: authz.Powers, Expires: w.expires[who.Name]})
	w.tokens[who.Name] = plain
	return plain, err
}

// call sends one request. An answer that is not a success becomes the refusal it tells.
func (w *served) call(method, path, token, key string, body, into any) error {
	var raw bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&raw).Encode(body); err != nil {
			return err
		}
	}
	req := httptest.NewRequest(method, path, &raw)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept-Language", "en")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	got := httptest.NewRecorder()
	w.mux.ServeHTTP(got, req)
	if got.Code < 300 {
		return json.Unmarshal(got.Body.Bytes(), into)
	}
	var p api.Problem
	if err := json.Unmarshal(got.Body.Bytes(), &p); err != nil || p.Rule == "" || p.Detail == "" {
		return fmt.Errorf("%s %s answers %d without saying why: %s", method, path, got.Code, got.Body)
	}
	no := &casework.Refusal{Rule: p.Rule}
	for _, f := range p.Fields {
		no.Fields = append(no.Fields, form.Problem{Field: f.Field, Rule: f.Rule})
	}
	return no
}

func (w *served) File(who story.Who, r intake.Report) (story.Receipt, error) {
	if who.Resident() && w.compartment != procedure.Civic { // a hotline's program reports civic matters only; the rest comes by the portal
		return w.stored.File(who, r)
	}
	token, err := w.token(who)
	if err != nil {
		return story.Receipt{}, err
	}
	body := map[string]any{"category": r.Category, "text": r.Text, "title": r.Title, "unit": r.Unit, "fields": r.Fields, "source": r.Source}
	if r.Point != nil {
		body["point"] = map[string]float64{"lat": r.Point.Lat, "lon": r.Point.Lon}
	}
	if r.Contact.Address != "" {
		body["contact"] = map[string]string{"channel": r.Contact.Channel, "address": r.Contact.Address, "name": r.Contact.Name}
	}
	var got api.Opened
	if err := w.call("POST", "/api/v1/cases", token, r.Key, body, &got); err != nil {
		return story.Receipt{}, err
	}
	c, err := w.city.Reader.Case(w.t.Context(), authz.Machine().Scope(), got.Ref)
	w.codes[c.ID], w.refs[c.ID] = got.Code, got.Ref
	return story.Receipt{Case: c.ID, Replayed: got.Replayed}, err
}

func (w *served) Act(who story.Who, s story.Step) (story.Receipt, error) {
	if s.Behalf || s.Paper != "" { // papers are put in at the desk, not through the API
		return w.stored.Act(who, s)
	}
	if who.Member() { // their own page takes what they do
		return w.stored.Act(who, s)
	}
	if who.Resident() {
		return w.follow(who, s)
	}
	if err := w.meet(s.Case); err != nil {
		return story.Receipt{}, err
	}
	token, err := w.token(who)
	if err != nil {
		return story.Receipt{}, err
	}
	var got api.Done
	if s.Note != "" {
		err = w.call("POST", "/api/v1/cases/"+w.refs[s.Case]+"/notes", token, s.Key, map[string]any{"text": s.Note, "public": s.Public}, &got)
		return story.Receipt{Case: s.Case, Replayed: got.Replayed}, err
	}
	if s.Seen == casework.AnyVersion {
		c, err := w.stored.Case(s.Case)
		if err != nil {
			return story.Receipt{}, err
		}
		s.Seen = c.Version
	}
	err = w.call("POST", "/api/v1/cases/"+w.refs[s.Case]+"/acts/"+url.PathEscape(s.Act), token, s.Key, map[string]any{"version": s.Seen, "fields": s.Fields}, &got)
	return story.Receipt{Case: s.Case, Replayed: got.Replayed}, err
}

// meet learns the number of a case that another one opened.
func (w *served) meet(id casework.CaseID) error {
	if w.refs[id] != "" {
		return nil
	}
	c, err := w.stored.Case(id)
	w.codes[id], w.refs[id] = string(c.Code), string(c.Ref)
	return err
}

// reader is somebody whose scope holds the case.
func (w *served) reader(c casework.Case) (string, error) {
	who := story.Who{Role: "clerk", Name: "reader", Unit: w.city.Pack.Units.Root()}
	below := func(r authz.Rule) bool { return r.Reach == authz.Subtree }
	if d, ok := w.city.Pack.Rules.Role(who.Role); ok && !slices.ContainsFunc(d.Reads, below) {
		who.Unit = c.Holder // nobody at the front desk reads what other units hold
	}
	if c.Sealed != "" {
		who.Unit = c.Sealed
	}
	if w.compartment != procedure.Civic { // only who holds the case reads it whole
		who.Role, who.Unit = w.worker(), c.Holder
	}
	return w.token(who)
}

// worker is a role that reads the cases of its own unit in the compartment of the story.
func (w *served) worker() authz.Role {
	for _, r := range w.city.Pack.Roles {
		if d, ok := w.city.Pack.Rules.Role(r.ID); ok && d.Compartment == w.compartment && len(d.Reads) > 0 {
			return r.ID
		}
	}
	w.t.Fatalf("no role works in compartment %s", w.compartment)
	return ""
}

// follow is what a resident does with the follow code.
func (w *served) follow(who story.Who, s story.Step) (story.Receipt, error) {
	if s.Note != "" || w.compartment != procedure.Civic { // a code of another compartment is answered by the portal only
		return w.stored.Act(who, s)
	}
	code := w.codes[s.Case]
	if s.Holds != s.Case { // without the code there is no address to ask; a guess finds nothing
		code = "2222-2222-2222-2222-2222"
	}
	var got api.Follow
	err := w.call("POST", "/api/v1/follow/"+code+"/acts/"+url.PathEscape(s.Act), "", s.Key, map[string]any{"fields": s.Fields}, &got)
	if s.Holds != s.Case {
		if err == nil {
			return story.Receipt{}, fmt.Errorf("a guessed code opened the case")
		}
		return story.Receipt{}, &casework.Refusal{Rule: "actor.forbidden"}
	}
	return story.Receipt{Case: s.Case}, err
}

// Case is the ledger's case, once the API has shown the same.
func (w *served) Case(id casework.CaseID) (casework.Case, error) {
	c, err := w.stored.Case(id)
	if err != nil {
		return c, err
	}
	if err := w.meet(id); err != nil {
		return c, err
	}
	token, err := w.reader(c)
	if err != nil {
		return c, err
	}
	var v api.CaseView
	if err := w.call("GET", "/api/v1/cases/"+w.refs[id], token, "", nil, &v); err != nil {
		return c, err
	}
	shown := fmt.Sprint(v.State.ID, v.Holder.ID, v.Assignee, v.Late, v.Raised, v.Rating, v.Version, v.Offered != nil, v.Outcome != nil)
	if want := fmt.Sprint(c.State, c.Holder, c.Assignee, c.Late, c.Raised, c.Rating, c.Version, c.Offered != "", c.Outcome != ""); shown != want {
		return c, fmt.Errorf("the API shows %s, the ledger has %s", shown, want)
	}
	for _, k := range c.Clocks {
		i := slices.IndexFunc(v.Clocks, func(x api.ClockView) bool { return x.ID == k.ID })
		if k.Running() && (i < 0 || v.Clocks[i].Status != k.Status || !v.Clocks[i].Due.Equal(k.Due)) {
			return c, fmt.Errorf("the API does not show clock %s due %v: %+v", k.ID, k.Due, v.Clocks)
		}
	}
	return c, nil
}

// Events are the ledger's, once the API has shown the same.
func (w *served) Events(id casework.CaseID) ([]casework.Event, error) {
	events, err := w.stored.Events(id)
	if err != nil {
		return nil, err
	}
	c, err := w.Case(id)
	if err != nil {
		return nil, err
	}
	token, err := w.reader(c)
	if err != nil {
		return nil, err
	}
	var got struct{ Events []api.EventView }
	if err := w.call("GET", "/api/v1/cases/"+w.refs[id]+"/events", token, "", nil, &got); err != nil {
		return nil, err
	}
	if len(got.Events) != len(events) {
		return nil, fmt.Errorf("the API shows %d events, the ledger has %d", len(got.Events), len(events))
	}
	for i, e := range events {
		if v := got.Events[i]; v.Kind != e.Kind || v.State != e.State || v.Holder != string(e.Holder) || !v.At.Equal(e.At) || v.Text == "" {
			return nil, fmt.Errorf("event %d: the API shows %+v", e.Seq, v)
		}
	}
	return events, nil
}

func (w *served) Worklist(unit org.UnitID) ([]casework.CaseID, error) {
	role := authz.Role("clerk")
	if w.compartment != procedure.Civic {
		role = w.worker()
	}
	token, err := w.token(story.Who{Role: role, Name: "lister", Unit: unit})
	if err != nil {
		return nil, err
	}
	var got struct{ Items []api.ItemView }
	if err := w.call("GET", "/api/v1/cases?limit=200", token, "", nil, &got); err != nil {
		return nil, err
	}
	var out []casework.CaseID
	for _, item := range got.Items {
		for id, ref := range w.refs {
			if ref == item.Ref {
				out = append(out, id)
			}
		}
	}
	return out, nil
}

func Test_every_story_is_told_in_the_same_words_over_HTTP(t *testing.T) {
	for _, s := range everyStory(t) {
		t.Run(filepath.Base(s.File), func(t *testing.T) {
			t.Parallel()
			want, _ := story.Play(s.Story, s.pack, story.NewMemory(s.pack))
			dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) {
				got, err := story.Play(s.Story, s.pack, newServed(t, d, set, s.pack, compartmentOf(s.Story, s.pack)))
				if err != nil {
					t.Error(err)
				}
				if got != want {
					t.Errorf("over HTTP it is told differently:\n%s\nthe kernel:\n%s", got, want)
				}
			})
		})
	}
}
