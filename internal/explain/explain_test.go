package explain_test

import (
	"strings"
	"testing"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/explain"
	"comity/internal/ledger/ledgertest"
	"comity/internal/procedure"
	"comity/internal/text"
	"comity/internal/worktime"
)

// life is one petition, lived in memory.
type life struct {
	t      *testing.T
	d      *procedure.Definition
	words  *text.Catalogue
	zone   *time.Location
	c      casework.Case
	events []casework.Event
	now    time.Time
}

var officer = authz.Staff("zhou", []authz.Grant{{Role: "officer", Unit: "guiyuan"}, {Role: "clerk", Unit: "guiyuan"}, {Role: "head", Unit: "guiyuan"}})

// begin opens a petition on Monday 2 March 2026 at ten.
func begin(t *testing.T) *life {
	t.Helper()
	p := ledgertest.Petitions(t, "../../packs/demo")
	base, err := text.Base()
	if err != nil {
		t.Fatal(err)
	}
	l := &life{t: t, d: p.Procedures["plea"], words: base.With(p.Texts), zone: p.Zone}
	l.now = time.Date(2026, 3, 2, 10, 0, 0, 0, p.Zone)
	l.do(authz.Reporter(), casework.Command{Open: &casework.Opening{ID: "1", Ref: "PT-26-000001", Unit: "guiyuan", Title: "The wall", Text: "The wall leans.",
		Category: ledgertest.Petition, Contact: casework.Contact{Channel: "sms", Address: "13800001111"}}, Fields: map[string]string{"class": "A"}})
	return l
}

func (l *life) do(who authz.Actor, cmd casework.Command) {
	l.t.Helper()
	if cmd.Open == nil {
		cmd.Case, cmd.Version = l.c.ID, casework.AnyVersion
	}
	events, err := casework.Decide(l.d, l.c, cmd, who, l.now)
	if err != nil {
		l.t.Fatalf("%+v: %v", cmd, err)
	}
	for _, e := range events {
		for i := range e.Spawn {
			e.Spawn[i].Case, e.Spawn[i].Ref = "2", "PR-26-000002"
		}
		l.c, l.events = casework.Fold(l.c, e), append(l.events, e)
	}
}

func (l *life) act(id string, kv ...string) {
	l.t.Helper()
	who := officer
	if a, _ := l.d.Act(id); a.By[0] == procedure.ByResident {
		who = authz.Holder("1")
	}
	fields := map[string]string{}
	for i := 0; i+1 < len(kv); i += 2 {
		fields[kv[i]] = kv[i+1]
	}
	l.do(who, casework.Command{Act: id, Fields: fields})
}

func (l *life) on(day string) {
	l.t.Helper()
	at, err := time.ParseInLocation("2006-01-02 15:04", day, l.zone)
	if err != nil {
		l.t.Fatal(err)
	}
	l.now = at
}

func (l *life) matter(lang string) explain.Matter {
	return explain.Matter{Say: l.words.In(lang), Zone: l.zone, D: l.d, Case: l.c, Events: l.events}
}

// why is every sentence and day behind a date, in both languages free of gaps; the English one is returned.
func (l *life) why(clock string) (explain.Date, string) {
	l.t.Helper()
	var out explain.Date
	var said string
	for _, lang := range []string{"zh-CN", "en"} {
		d, ok := l.matter(lang).Date(clock)
		if !ok {
			l.t.Fatalf("clock %s is not there", clock)
		}
		said = d.Name + "\n"
		for _, r := range d.Reasons {
			said += r.Words + " [" + r.Law.Name + "] " + r.Law.Words + "\n"
		}
		for _, day := range d.Days {
			said += day.ISO + " " + day.Weekday + " " + day.Words + "\n"
		}
		if strings.ContainsAny(said, "⟦{") {
			l.t.Errorf("a gap in %s: %s", lang, said)
		}
		out = d
	}
	return out, said
}

func (l *life) says(said string, want ...string) {
	l.t.Helper()
	for _, w := range want {
		if !strings.Contains(said, w) {
			l.t.Errorf("nothing says %q in:\n%s", w, said)
		}
	}
}

func Test_a_term_says_its_length_its_beginning_its_pauses_and_its_extension(t *testing.T) {
	l := begin(t)
	l.act("begin")
	l.on("2026-03-04 10:00")
	l.act("ask", "question", "Which wall?")
	l.on("2026-03-06 10:00")
	l.act("reply", "reply", "The southern one.")
	l.act("extend", "days", "2", "reason", "The surveyor is ill.")
	d, said := l.why("answer")
	l.says(said, "The term is 5 working days. [the Rules, article 8]", "It began on Monday 2 March 2026, 10:00: Petition received.",
		"It stood still from Wednesday 4 March 2026 to Friday 6 March 2026: Waiting for the resident. [the Rules, article 9]", "the answer term stands still",
		"Guiyuan Subdistrict extended it on Friday 6 March 2026 by 2 working days; the new date is", "Reason: The surveyor is ill.", "Counted with the calendar linjiang@")
	if strings.Contains(said, "zhou") {
		t.Error("a person is named")
	}
	if last := d.Days[len(d.Days)-1]; !last.Due || last.ISO != d.Due.In(l.zone).Format(time.DateOnly) {
		t.Errorf("the last day is %+v, the date %v", last, d.Due)
	}
}

func Test_a_term_that_starts_with_proved_service_says_so_and_rolls_in_words(t *testing.T) {
	l := begin(t)
	l.act("begin")
	l.act("answer", "outcome", "refused", "finding", "refuse", "answer", "The wall stands.")
	l.on("2026-03-06 09:00")
	l.act("serve", "served_on", "2026-03-04")
	_, said := l.why("review_window")
	l.says(said, "Counting starts on Wednesday 4 March 2026, the day on which receipt of the document is proved (Day of receipt); Guiyuan Subdistrict recorded it on Friday 6 March 2026.",
		"Counted out it ends on Saturday 14 March 2026. That is no working day, so it ends on Monday 16 March 2026.", "[the Rules, article 11]")
}

func Test_a_date_that_somebody_set_says_who_and_is_not_called_a_term(t *testing.T) {
	l := begin(t)
	l.act("begin")
	l.act("set_visit", "visit_on", "2026-03-05")
	_, said := l.why("visit")
	l.says(said, "This date is not counted. Guiyuan Subdistrict set it on Monday 2 March 2026 (Day of the visit).")
	if strings.Contains(said, "The term is") {
		t.Errorf("a date that was set is given a length: %s", said)
	}
}

func Test_a_date_counted_again_says_the_old_one_the_new_one_and_both_calendars(t *testing.T) {
	l := begin(t)
	before := l.c.Clocks[0]
	free, err := worktime.ParseDay("2026-03-04")
	if err != nil {
		t.Fatal(err)
	}
	cal := *l.d.Calendar
	cal.Version, cal.Off = "9999", map[worktime.Day]string{free: ""}
	d := *l.d
	if d.Calendar, err = cal.Compile(); err != nil {
		t.Fatal(err)
	}
	l.d = &d
	l.now = l.now.Add(time.Hour)
	l.do(authz.Machine(), casework.Command{Recount: true})
	_, said := l.why("answer")
	old, now := l.words.In("en").Date(before.Due, l.zone), l.words.In("en").Date(l.c.Clocks[0].Due, l.zone)
	l.says(said, "Counted again on Monday 2 March 2026: Opinion by: "+old+" became "+now+" (calendar "+before.Calendar+", now linjiang@9999).")
	m := l.matter("en")
	e := l.events[len(l.events)-1]
	if title, ok := m.Title(e); !ok || title != "Dates were counted again with a new calendar" {
		t.Errorf("title %q", title)
	}
	if list := explain.Public(m.Changes(e)); len(list) != 1 || !m.ForResident(e) {
		t.Errorf("the resident is told %+v", list)
	}
}

func Test_a_provisional_date_says_that_it_will_be_counted_again(t *testing.T) {
	l := begin(t)
	cal := *l.d.Calendar
	cal.Version, cal.KnownUntil = "short", cal.DayAt(l.now)
	for day := range cal.Off {
		if day > cal.KnownUntil {
			cal.Off = nil // a shorter calendar names no later day
			break
		}
	}
	cal.On = nil
	d := *l.d
	var err error
	if d.Calendar, err = cal.Compile(); err != nil {
		t.Fatal(err)
	}
	l.d = &d
	l.do(authz.Machine(), casework.Command{Recount: true})
	_, said := l.why("answer")
	l.says(said, "This date is provisional", "It will be counted again when they are")
}

func Test_an_event_says_which_facts_units_cases_and_papers_it_changed(t *testing.T) {
	l := begin(t)
	l.act("begin")
	l.act("invite", "unit", "wangchuan")
	l.act("ask_opinion")
	l.do(authz.Machine(), casework.Command{Ended: &casework.Ended{Case: "2", Outcome: "given"}})
	l.act("answer", "outcome", "refused", "finding", "refuse", "answer", "The wall stands.")
	l.act("serve", "served_on", "2026-03-02")
	l.act("request_review", "reason", "It leans.")
	all, public := "", ""
	for _, lang := range []string{"zh-CN", "en"} {
		all, public = "", ""
		m := l.matter(lang)
		for _, e := range l.events {
			for _, c := range m.Changes(e) {
				all += c.Words + "\n"
				if c.Public {
					public += c.Words + "\n"
				}
			}
		}
		if strings.ContainsAny(all, "⟦{") {
			t.Errorf("a gap in %s: %s", lang, all)
		}
	}
	l.says(all, "Class: Ordinary", "Wangchuan Subdistrict deals with it too", "Opinion of a department: PR-26-000002 was opened with", "Document: Internal plan",
		"Opinion of a department: PR-26-000002 ended. Result: Opinion given", "Finding: Not supported", "Document: Written opinion",
		"Review by the level above: PR-26-000002 was opened with Binjiang District")
	l.says(public, "Wangchuan Subdistrict deals with it too", "Document: Written opinion", "Review by the level above: PR-26-000002 was opened")
	for _, inside := range []string{"Finding", "Opinion of a department", "Internal plan"} {
		if strings.Contains(public, inside) {
			t.Errorf("the resident is told of %q:\n%s", inside, public)
		}
	}
}

func Test_a_guard_refuses_with_the_words_of_the_pack(t *testing.T) {
	l := begin(t)
	l.act("begin")
	a, _ := l.d.Act("let_go")
	no := casework.WhyNot(l.d, l.c, a, officer, l.now)
	if no == nil || no.Rule != "act.guard" {
		t.Fatalf("got %v", no)
	}
	for lang, want := range map[string]string{"en": "Ask one to join first.", "zh-CN": "请先邀请一个单位"} {
		if said := l.words.In(lang).T("refusal."+no.Rule, explain.Figures(l.words.In(lang), no.Params)...); !strings.Contains(said, want) {
			t.Errorf("%s: %s", lang, said)
		}
	}
	if !explain.Passes(no.Rule) || explain.Passes("actor.forbidden") {
		t.Error("what can be done instead is told for the wrong refusals")
	}
	for _, other := range explain.Instead(l.d, l.c, officer, l.now) {
		if casework.WhyNot(l.d, l.c, other, officer, l.now) != nil {
			t.Errorf("%s is offered and would be refused", other.ID)
		}
	}
}

func Test_a_bound_of_bytes_is_told_as_a_size(t *testing.T) {
	base, err := text.Base()
	if err != nil {
		t.Fatal(err)
	}
	for lang, want := range map[string]string{"en": "larger than 20 MB.", "zh-CN": "文件超过20 MB。"} {
		say := base.In(lang)
		if got := say.T("problem.file.too_big", explain.Figures(say, map[string]string{"bytes": "20971520"})...); !strings.Contains(got, want) {
			t.Errorf("%s: %s", lang, got)
		}
	}
}
