package talks

import (
	"context"
	"net/http"
	"os"
	"testing"
	"time"

	"comity/internal/account"
	"comity/internal/api"
	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/consent"
	"comity/internal/courier"
	"comity/internal/db"
	"comity/internal/file"
	"comity/internal/intake"
	"comity/internal/jobs"
	"comity/internal/ledger"
	"comity/internal/ledger/ledgertest"
	"comity/internal/pack"
	"comity/internal/procedure"
	"comity/internal/programme"
	"comity/internal/programme/programmetest"
	"comity/internal/selfview"
	"comity/internal/text"
	"comity/internal/vault"
)

// town is the programme over a real ledger with both surfaces around it.
type town struct {
	*programmetest.House
	t     *testing.T
	city  *ledgertest.City
	pack  *pack.Pack
	set   func(time.Time)
	staff authz.Actor
	token string // of the same officer, for programs
	post  *courier.Courier
	jobs  *jobs.Runner
}

const unit = "guiyuan-ganyuan"

func newTown(t *testing.T) *town {
	t.Helper()
	d, now, set := programmetest.SQLite(t)
	set(time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC))
	p, err := ledgertest.Sound(os.DirFS("../../../../packs"), "demo")
	if err != nil {
		t.Fatal(err)
	}
	c := &town{t: t, pack: p, set: set}
	var prog programme.Programme
	ring := vault.FromSeed(procedure.Civic, "std", []byte("a town for tests"))
	c.city = ledgertest.OpenPack(t, d, p, func(cfg *ledger.Config) {
		cfg.Project, cfg.Ring, cfg.Notify = (&service{Deps{Packs: pack.NewRegistry(p)}}).definite, ring, courier.Enqueue
	})
	files := file.Store{Dir: t.TempDir()}
	prog = New(Deps{Ledger: c.city.Ledger, Reader: c.city.Reader, Packs: c.city.Packs, Files: files})
	for _, migrate := range []func(context.Context, *db.DB) error{jobs.Migrate, courier.Migrate, consent.Migrate, selfview.Migrate} {
		if err := migrate(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	base, err := text.Base()
	if err != nil {
		t.Fatal(err)
	}
	words := base.With(p.Texts)
	c.post = &courier.Courier{DB: d, Ledger: c.city.Ledger, Reader: c.city.Reader, Packs: c.city.Packs, Words: func(*pack.Pack) *text.Catalogue { return words },
		Link: func(casework.Case, bool) string { return "https://town.example" }, Party: func(casework.Code) string { return "https://town.example" }}
	own := &selfview.Room{Compartment: procedure.Civic, DB: d, Ring: ring, Ledger: c.city.Ledger, Reader: c.city.Reader, Courier: c.post,
		Consents: &consent.Book{DB: d, Ring: ring, Ledger: c.city.Ledger, Reader: c.city.Reader, Packs: c.city.Packs}}
	if c.jobs, err = jobs.NewRunner(d, c.post.Kind(), own.Job()); err != nil {
		t.Fatal(err)
	}
	var accounts *account.Store
	c.House = programmetest.Open(t, programmetest.Plan{DB: d, Now: now, City: c.city, Words: words, Files: files,
		Programmes: []programme.Programme{prog, selfview.New(selfview.Deps{Rooms: []*selfview.Room{own}, Packs: c.city.Packs}).Programme()},
		Also: func(mux *http.ServeMux, a *account.Store) {
			accounts = a
			api.New(api.Deps{DB: d, Ledger: c.city.Ledger, Reader: c.city.Reader, Packs: c.city.Packs, Text: base, Accounts: a, Files: files, Jobs: c.jobs, Now: now}).Register(mux)
		}})
	of := func(roles ...authz.Role) (out []authz.Grant) {
		for _, r := range roles {
			out = append(out, authz.Grant{Role: r, Unit: unit})
		}
		return out
	}
	c.Staff("lin", "lin", "lin", of("pmc_director")...)
	zhou := c.Staff("zhou", "zhou", "zhou", of("mediator", "pmc_director", "clerk")...)
	c.staff = zhou.Actor(p.Rules)
	if _, c.token, err = accounts.CreateToken(t.Context(), authz.Actor{}, account.Token{Account: zhou.ID, Name: "test", Powers: authz.Powers, Expires: now().AddDate(0, 1, 0)}); err != nil {
		t.Fatal(err)
	}
	return c
}

// open files a mediation; the applicant is the first member.
func (c *town) open() casework.Case {
	c.t.Helper()
	cmd, err := intake.Command(c.pack, intake.Report{Category: "dispute.neighbour", Title: "Water from above", Text: "Water runs through the ceiling.", Unit: unit, Source: "web",
		Contact: casework.Contact{Name: "段小雨", Channel: "sms", Address: "13700000009"}})
	if err != nil {
		c.t.Fatal(err)
	}
	cmd.Fields = map[string]string{"elsewhere": "none"}
	r, err := c.city.Ledger.Do(c.t.Context(), authz.Reporter(), cmd)
	if err != nil {
		c.t.Fatal(err)
	}
	return c.load(r.Case)
}

func (c *town) load(id casework.CaseID) casework.Case {
	c.t.Helper()
	look, err := c.city.Ledger.Look(c.t.Context(), authz.Machine(), ledger.Ticket{Case: id, Purpose: ledger.PurposeNotice, Level: authz.Identity})
	if err != nil {
		c.t.Fatal(err)
	}
	return look.Case()
}

// do does an act of the mediator; answers are name, value in turn.
func (c *town) do(k casework.Case, act string, answers ...string) {
	c.t.Helper()
	if err := c.try(k, act, answers...); err != nil {
		c.t.Fatalf("%s: %v", act, err)
	}
}

func (c *town) try(k casework.Case, act string, answers ...string) error {
	_, err := c.city.Ledger.Do(c.t.Context(), c.staff, casework.Command{Case: k.ID, Version: casework.AnyVersion, Act: act, Fields: pairs(answers)})
	return err
}

func pairs(list []string) map[string]string {
	out := map[string]string{}
	for i := 0; i+1 < len(list); i += 2 {
		out[list[i]] = list[i+1]
	}
	return out
}

// talking is a mediation in whose session both sides sit: the applicant is m1, the other side m2, the mediator m3.
func (c *town) talking() casework.Case {
	c.t.Helper()
	k := c.open()
	c.do(k, "add_party", "name", "钱大中", "phone", "13700000001", "side", "respondent", "way", "message")
	for _, m := range []string{"m1", "m2"} {
		c.do(k, "record_identity", "member", m, "proof", "identity card 1234", "capacity", "full")
	}
	c.do(k, "register", "source", "applied", "summary", "Water from above.")
	c.do(k, "consent", "member", "m2", "how", "spoken")
	c.do(k, "accept")
	for _, m := range []string{"m1", "m2"} {
		c.do(k, "serve_notice", "member", m, "how", "signed", "served_on", "2026-03-02")
	}
	c.do(k, "name_mediator", "name", "周调解", "chosen", "designated")
	c.do(k, "declare", "member", "m3", "interest", "none")
	c.do(k, "begin")
	c.do(k, "convene", "session_on", "2026-03-06", "session_at", "09:00-10:00", "where", "Room 1", "mode", "joint", "open", "private")
	c.do(k, "hold", "member", "m3", "present", "both sides", "told", "yes")
	return k
}

var repair = []string{"who", "钱大中", "what", "repairs the pipe", "amount", "300 yuan", "due_on", "2026-04-01", "where", "in the flat"}

func (c *town) offer(k casework.Case, member, issue string, more ...string) {
	c.t.Helper()
	c.do(k, "offer", append(append([]string{"member", member, "issue", issue}, repair...), more...)...)
}

var words = []string{"parties", "段小雨 and 钱大中", "facts", "Water ran.", "issues", "The pipe", "responsibility", "Shared", "scope", "full", "confirmable", "yes"}

func (c *town) drafted() casework.Case {
	c.t.Helper()
	k := c.talking()
	c.do(k, "record", "stated", "Both spoke.", "result", "agreed", "signers", "both")
	c.do(k, "draft", words...)
	c.do(k, "add_term", append([]string{"issue", "The pipe", "to_whom", "段小雨", "kind", "money"}, repair...)...)
	return c.load(k.ID)
}

func (c *town) member(k casework.Case, id string) casework.Member {
	c.t.Helper()
	k = c.load(k.ID)
	m, ok := k.Member(id)
	if !ok {
		c.t.Fatalf("%s is not in %s", id, k.Ref)
	}
	return m
}
