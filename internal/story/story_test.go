package story_test

import (
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/db/dbtest"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/story"
)

// loaded is read once: a pack is immutable.
var loaded = sync.OnceValues(func() (*pack.Pack, error) { return pack.LoadFrom(os.DirFS("../../packs"), "demo", pack.Unsearched()) })

func demo(t *testing.T) *pack.Pack {
	t.Helper()
	p, err := loaded()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const filed = "pack demo\nat 2026-03-02 09:10 resident li files road.pavement 'A tile.' in guiyuan-ganyuan\n"

func Test_a_mistake_in_a_script_is_named_by_line_and_column(t *testing.T) {
	for script, want := range map[string]string{
		"":                                    "s.txtar:1:1: the story names no pack",
		"at 2026-03-02 09:00 tick":            "s.txtar:1:1: the first statement must be: pack ID",
		"pack demo\npack demo":                "s.txtar:2:1: the pack is named already",
		"pack demo\nwhen x":                   `s.txtar:2:1: "when" begins no statement`,
		"pack demo\nat 2026-02-30 09:00 tick": `s.txtar:2:4: "2026-02-30 09:00" is not a date and time`,
		"pack demo\nat 2026-03-02":            "s.txtar:2:14: a time like 09:10 is missing here",
		"pack demo\nat 2026-03-02 09:00 tick tock":                         `s.txtar:2:26: "tock" is not understood here`,
		"pack demo\nat 2026-03-02 09:00 tick\nat 2026-03-01 09:00 tick":    "s.txtar:3:4: time goes back",
		"pack demo\nat 2026-03-02 09:00 clerk zhou does accept":            "s.txtar:2:32: say of which unit: clerk zhou of UNIT",
		"pack demo\nat 2026-03-02 09:00 system x does raise":               `s.txtar:2:21: nobody is "system"`,
		"pack demo\nat 2026-03-02 09:00 clerk zhou of guiyuan does accept": "s.txtar:2:1: no case has been filed yet",
		"pack demo\nat 2026-03-02 09:00 resident li files a 'b":            "s.txtar:2:41: the quote is not closed",
		"pack demo\nat 2026-03-02 09:00 resident li files a @letter":       "s.txtar:2:41: there is no section -- letter --",
		"pack demo\nat 2026-03-02 09:00 resident li files a 'b' near c":    `s.txtar:2:45: "near" is not understood here; fields are written near='…'`,
		"pack demo\nat 2026-03-02 09:00 resident 李 files 类 'b' 附近 c":       `s.txtar:2:44: "附近"`,
		filed + "expect on two state x":                                    `s.txtar:3:11: no case named "two"`,
		filed + "expect mood good":                                         `s.txtar:3:8: "mood" is nothing a story can expect`,
		filed + "expect state":                                             `s.txtar:3:8: "state" takes 1 word(s) after it`,
		filed + "expect state a b":                                         `s.txtar:3:8: "state" takes 1 word(s) after it`,
		filed + "expect state received;":                                   "s.txtar:3:23: a clause is missing here",
		filed + "expect events":                                            `s.txtar:3:8: "events" needs a list; write nothing for an empty one`,
		filed + "expect events a,, b":                                      `s.txtar:3:17: "," does not fit here`,
		filed + "expect notices li received":                               `s.txtar:3:8: notice "li received": write resident TEMPLATE`,
		filed + "expect clock answer due soon":                             `s.txtar:3:8: "clock answer due soon" is not understood`,
		filed + "expect nothing more":                                      `s.txtar:3:8: "nothing more" is not understood`,
		filed + "expect worklist of guiyuan shows two":                     `s.txtar:3:8: no case named "two"`,
		filed + "at 2026-03-02 10:00 resident li does x a=1 a=2":           `s.txtar:3:44: the field "a" stands here twice`,
		filed + "at 2026-03-02 10:00 pack changes rules":                   "s.txtar:3:34: @SECTION is expected here",
		filed + "-- a --\n-- a --\n":                                       `s.txtar:4:1: the section "a" stands here twice`,
		"pack demo\n\xff":                                                  "s.txtar:2:1: not UTF-8 text",
	} {
		_, err := story.Parse("s.txtar", []byte(script))
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q\n\tgot  %v\n\twant %s", script, err, want)
		}
	}
}

// play plays a script that was filed and returns the mismatches.
func play(t *testing.T, script string) []string {
	t.Helper()
	s, err := story.Parse("s.txtar", []byte(filed+script))
	if err != nil {
		t.Fatal(err)
	}
	p := demo(t)
	_, err = story.Play(s, p, story.NewMemory(p))
	if err == nil {
		return nil
	}
	var out []string
	for e := range strings.SplitSeq(err.Error(), "\ns.txtar") {
		out = append(out, strings.ReplaceAll(e, "\n\t", "; "))
	}
	return out
}

func Test_an_expectation_that_is_not_met_fails_the_story(t *testing.T) {
	const told = "expect events received; notices resident received\n"
	for script, want := range map[string]string{
		told + "expect state accepted":                                                        "4:8: state; want accepted; got  received",
		told + "expect holder binjiang":                                                       "4:8: holder; want binjiang; got  guiyuan",
		told + "expect state received; assignee chen":                                         "4:24: assignee; want chen; got  nothing",
		told + "expect barred chen":                                                           "4:8: barred; want chen; got  nothing",
		told + "expect raised 1 times":                                                        "4:8: raised; want 1; got  0",
		told + "expect late":                                                                  "4:8: late; want late; got  not late",
		told + "expect version 2":                                                             "4:8: version; want 2; got  1",
		told + "expect clock answer due 2026-03-09 23:59:58":                                  "4:8: clock answer; want due 2026-03-09 23:59:58; got  due 2026-03-09 23:59:59",
		told + "expect clock answer due 2026-03-09 23:59:59 Europe/Rome":                      "4:8: zone of clock answer; want Europe/Rome; got  Asia/Shanghai",
		told + "expect clock answer paused":                                                   "4:8: clock answer; want paused; got  due 2026-03-09 23:59:59",
		told + "expect clock anser idle":                                                      "4:8: clock anser; want idle; got  no such clock",
		told + "expect clock answer due 2026-03-09 23:59:59; no other clock":                  "4:46: no other clock; want only the clocks named on this line; got  accept due 2026-03-03 23:59:59",
		told + "expect worklist of guiyuan has 2":                                             "4:8: worklist of guiyuan; want 2 cases; got  1",
		told + "expect worklist of binjiang shows nothing":                                    "4:8: worklist of binjiang; want nothing; got  1",
		told + "expect events received":                                                       "4:8: events; want received; got  nothing",
		"expect events received, accepted; notices resident received":                         "3:8: events; want received, accepted; got  received",
		"expect events received; notices nothing":                                             "3:25: notices; want nothing; got  resident received",
		"expect events received; nothing else\nexpect notices resident received":              "3:25: nothing else; want every event and notice to be told; got  notice resident received of case 1",
		"expect events received":                                                              "3:1: nothing else; want every event and notice to be told; got  notice resident received of case 1",
		told + "expect refused actor.forbidden":                                               "4:8: refused; want actor.forbidden; got  the line was carried out",
		told + "expect replayed":                                                              "4:8: replayed; want the first receipt again; got  something new",
		told + "at 2026-03-02 10:00 resident mallory does withdraw":                           "4:1: the line is refused; want it to be done, or: expect refused …; got  actor.forbidden",
		told + "at 2026-03-02 10:00 resident mallory does withdraw\nexpect refused act.state": "5:8: refused; want act.state; got  actor.forbidden",
		told + "at 2026-03-02 10:00 clerk zhou of guiyuan does offer\nexpect refused form.invalid field unit form.required":        "5:8: refused; want form.invalid field unit form.required; got  form.invalid field unit form.required field reason form.required",
		told + "at 2026-03-02 10:00 clerk zhou of guiyuan does offer\nexpect refused form.invalid field unit field reason form.no": "5:8: refused; want form.invalid field unit field reason form.no; got  form.invalid field unit form.required field reason form.required",
	} {
		got := play(t, script)
		if len(got) != 1 || !strings.HasSuffix(got[0], ":"+want) {
			t.Errorf("%s\n\tgot  %q\n\twant %s", script, got, want)
		}
	}
}

func Test_a_story_of_another_pack_or_with_changes_that_do_not_fit_is_not_played(t *testing.T) {
	p := demo(t)
	for script, want := range map[string]string{
		"pack other\nat 2026-03-02 09:00 tick":                                                                             `about pack "other", not "demo"`,
		"pack demo\nat 2026-03-02 09:00 pack changes @a\n-- a --\nin atlantis.yaml\n- x\n":                                 "write \"in FILE\"",
		"pack demo\nat 2026-03-02 09:00 pack changes @a\n-- a --\nin pack.yaml\n- no such line\n+ x\n":                     "these lines stand there 0 times",
		"pack demo\nat 2026-03-02 09:00 pack changes @a\n-- a --\nin pack.yaml\n- zone: Asia/Shanghai\n+ zone: Moon/Sea\n": "pack.yaml:",
	} {
		s, err := story.Parse("s.txtar", []byte(script))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := story.Play(s, p, story.NewMemory(p)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q\n\tgot  %v\n\twant %s", script, err, want)
		}
	}
}

func Test_a_mismatch_can_be_told_from_a_world_that_failed(t *testing.T) {
	s, err := story.Parse("s.txtar", []byte(filed+"expect state accepted; events received; notices resident received"))
	if err != nil {
		t.Fatal(err)
	}
	p := demo(t)
	_, err = story.Play(s, p, story.NewMemory(p))
	var m *story.Mismatch
	if !errors.As(err, &m) || m.Line != 3 || m.Col != 8 || m.Want != "accepted" || m.Got != "received" {
		t.Errorf("got %v", err)
	}
}

// Cases nobody is assigned to come first when many clocks run out together: they have nobody who
// would notice.
func Test_unassigned_cases_are_raised_before_assigned_ones(t *testing.T) {
	p := demo(t)
	dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) {
		w := newStored(t, d, set, p)
		at := func(day, h int) time.Time { return time.Date(2026, 3, day, h, 0, 0, 0, p.Zone) }
		clerk := story.Who{Role: "clerk", Name: "zhou", Unit: "guiyuan"}
		file := func() casework.CaseID {
			r, err := w.File(story.Who{Role: authz.Resident, Name: "li"}, report("road.pavement", "guiyuan-ganyuan"))
			if err != nil {
				t.Fatal(err)
			}
			return r.Case
		}
		set(at(2, 9))
		assigned := file()
		for _, act := range []story.Step{{Act: "accept"}, {Act: "assign", Fields: map[string]string{"officer": "chen"}}} {
			act.Case, act.Seen = assigned, casework.AnyVersion
			if _, err := w.Act(clerk, act); err != nil {
				t.Fatal(err)
			}
		}
		set(at(4, 9))
		ids := []casework.CaseID{assigned, file()}
		// Due: Wednesday the 4th to begin, Thursday the 5th to accept. On Friday both are; the later one comes first.
		set(at(6, 8))
		var order []org.UnitID
		for range 2 {
			if n, err := w.city.Ledger.RunTimers(t.Context(), 1); err != nil || n != 1 {
				t.Fatalf("%d clocks, %v", n, err)
			}
			for _, id := range ids {
				c, err := w.Case(id)
				if err != nil {
					t.Fatal(err)
				}
				order = append(order, c.Holder)
			}
		}
		if want := []org.UnitID{"guiyuan", "binjiang", "binjiang", "binjiang"}; !slices.Equal(order, want) {
			t.Errorf("holders after the first and the second clock: %v, want %v", order, want)
		}
	})
}
