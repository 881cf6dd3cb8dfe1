package pack

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"comity/internal/procedure"
	"comity/internal/text"
)

const (
	proc  = "procedures/service-request.yaml"
	dates = "calendars/linjiang.yaml"
)

// edit replaces one passage of one file. An empty old appends.
type edit struct{ file, old, now string }

// Pieces that several mutations need: a state nobody leaves, and an act that leads there.
const (
	limbo = "  - {id: limbo, phase: doing, owner: holder, name: {zh-CN: 悬置, en: Limbo}, now: {zh-CN: 没有进展。, en: Nothing moves.}}\n"
	rest  = "  - {id: rest, phase: doing, owner: holder, name: {zh-CN: 搁置, en: Resting}, now: {zh-CN: 没有进展。, en: Nothing moves.}}\n"
	park  = "  - {id: park, event: parked, from: [in_hand], to: limbo, by: [officer], name: {zh-CN: 搁下, en: Park}, past: {zh-CN: 已搁下, en: Parked}}\n"
	sway  = "  - {id: sway, event: swayed, from: [limbo], to: rest, by: [system], name: {zh-CN: 摇摆, en: Sway}, past: {zh-CN: 已摇摆, en: Swayed}}\n" +
		"  - {id: back, event: came_back, from: [rest], to: limbo, by: [system], name: {zh-CN: 摆回, en: Swing back}, past: {zh-CN: 已摆回, en: Swung back}}\n"
	beats = "  - {id: nap, n: 1, unit: working_days, in: [limbo], expire: sway, law: {id: LJ-SR, article: \"10\"}, name: {zh-CN: 小睡, en: Nap}}\n" +
		"  - {id: nod, n: 1, unit: working_days, in: [rest], expire: back, law: {id: LJ-SR, article: \"10\"}, name: {zh-CN: 点头, en: Nod}}\n"
)

var (
	beforeStates = edit{proc, "  - id: closed\n    phase: closed\n", ""}
	beforeActs   = edit{proc, "  - id: ask\n", ""}
	beforeClocks = edit{proc, "  - id: answer\n    promise: true\n", ""}
)

func (e edit) before(now string) edit { return edit{e.file, e.old, now + e.old} }

func mutated(t *testing.T, m fstest.MapFS, edits ...edit) fstest.MapFS {
	t.Helper()
	for _, e := range edits {
		src := string(m[e.file].Data)
		if n := strings.Count(src, e.old); n == 0 {
			t.Fatalf("%s: the passage to mutate is not there: %q", e.file, e.old)
		}
		m[e.file] = &fstest.MapFile{Data: []byte(strings.Replace(src, e.old, e.now, 1))}
	}
	return m
}

// lineOfText is the line on which a passage begins.
func lineOfText(t *testing.T, m fstest.MapFS, file, passage string) int {
	t.Helper()
	before, _, ok := strings.Cut(string(m[file].Data), passage)
	if !ok {
		t.Fatalf("%s: %q is not there", file, passage)
	}
	return 1 + strings.Count(before, "\n")
}

func Test_a_procedure_that_loses_cases_is_refused_with_its_story(t *testing.T) {
	if testing.Short() {
		t.Skip("the search runs in one goroutine and has no race to find; make check runs it without -short")
	}
	base, err := text.Base()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		property procedure.Property
		at       string // the passage the error points at
		edits    []edit
	}{
		"a dead end": {procedure.CanFinish, "  - {id: limbo", []edit{beforeStates.before(limbo), beforeActs.before(park)}},
		"a state nobody has to act in": {procedure.Owned, "  - {id: limbo", []edit{beforeStates.before(limbo), beforeActs.before(park),
			{proc, "stop: [answered, redirected, withdrawn]\n    pause", "stop: [answered, redirected, withdrawn, parked]\n    pause"}}},
		"a state nobody reaches": {procedure.Reachable, "  - {id: limbo", []edit{beforeStates.before(limbo)}},
		"a loop that never ends": {procedure.CanFinish, "  - {id: limbo", []edit{beforeStates.before(limbo + rest), beforeActs.before(park + sway), beforeClocks.before(beats),
			{proc, "stop: [answered, redirected, withdrawn]\n    pause", "stop: [answered, redirected, withdrawn, parked]\n    pause"},
			{proc, "stop: [answered, redirected, withdrawn]\n    expire: still", "stop: [answered, redirected, withdrawn, parked]\n    expire: still"}}},
		"an offer that expires unheard":                    {procedure.Heard, "  - id: offer\n    law: {id: LJ-SR, article: \"7\"}\n    n: 1", []edit{{proc, "    event: sent_up\n    from: [offered]", "    event: sent_up\n    from: [received]"}}},
		"an answer term unheard while waiting":             {procedure.Heard, "  - id: begin\n    law: {id: LJ-SR, article: \"5\"}\n    n: 2", []edit{{proc, "    event: raised\n    from: [received, raised, accepted, assigned, contested]", "    event: raised\n    from: [received, raised, accepted, contested]"}}},
		"a final state with an exit":                       {procedure.FinalStays, "  - id: begin\n    event", []edit{{proc, "from: [accepted, assigned]\n    to: in_hand", "from: [accepted, assigned, closed]\n    to: in_hand"}}},
		"closed without an answer":                         {procedure.Answered, "  - id: closed\n    phase", []edit{{proc, "    by: [clerk, officer, head]\n    answers: true\n    remedy: contest\n    key: z", "    by: [clerk, officer, head]\n    key: z"}}},
		"an answer that those who wait for it do not hear": {procedure.LeadHeard, "  - id: redirect\n", []edit{{proc, "    hears: [redirect]", "    hears: [answer]"}, {proc, "    hears: [\"*\"]", "    hears: [ask]"}}},
		"a group whose lead ends without a word":           {procedure.LeadHeard, "  - id: join\n", []edit{{proc, "    hears: [\"*\"]", "    hears: [ask]"}}},
		"only the resident can end it": {procedure.CanFinish, "  - id: received\n    phase: received\n    owner", []edit{
			{proc, "    event: closed\n    from: [answered, not_ours]\n    to: closed", "    event: closed\n    from: [answered, not_ours]\n    to: in_hand"}}},
	} {
		t.Run(name, func(t *testing.T) {
			m := mutated(t, demo(t), c.edits...)
			_, err := Load(m, memory)
			fails := Failures(err)
			place := fmt.Sprintf("%s:%d:", proc, lineOfText(t, m, proc, c.at))
			hit := false
			for _, f := range fails {
				hit = hit || f.Violation.Property == c.property && strings.HasPrefix(f.Error(), place)
				for _, lang := range []string{"zh-CN", "en"} {
					if story := Story(f, base.With(f.Pack.Texts).In(lang)); strings.Contains(story, "⟦") || strings.Contains(story, "{") || !strings.HasPrefix(story, f.File) {
						t.Errorf("the %s story of %v:\n%s", lang, f, story)
					}
				}
			}
			if !hit {
				t.Errorf("want %s at %s, got:\n%v", c.property, place, err)
			}
		})
	}
}

func Test_a_pack_that_does_not_hold_together_is_refused_by_file_and_line(t *testing.T) {
	for name, c := range map[string]struct {
		file, at, want string // the message, and the passage whose line it names
		edits          []edit
	}{
		"a role no unit holds":                       {proc, "  - id: accept\n    event", `role "clrk" is held by no unit; did you mean "clerk"?`, []edit{{proc, "    by: [clerk, officer, head]\n    key: a", "    by: [clrk, officer, head]\n    key: a"}}},
		"a state that is not listed":                 {proc, "  - id: take\n", `the state "acceptd", which is not listed`, []edit{{proc, "    from: [offered]\n    to: accepted", "    from: [offered]\n    to: acceptd"}}},
		"a clock that expires into no act":           {proc, "  - id: accept\n    law", `expire "rise" is not an act by [system]`, []edit{{proc, "in: [received, raised, contested]\n    expire: raise", "in: [received, raised, contested]\n    expire: rise"}}},
		"a clock that expires into an act of people": {proc, "  - id: accept\n    law", `expire "accept" is not an act by [system]`, []edit{{proc, "in: [received, raised, contested]\n    expire: raise", "in: [received, raised, contested]\n    expire: accept"}}},
		"an act while an unknown clock runs":         {proc, "  - id: contest\n    event", `the clock "contests", which is not listed`, []edit{{proc, "while: contest\n", "while: contests\n"}}},
		"a clock started by no event":                {proc, "  - id: catch_up\n", `the event "overdo", which no act makes`, []edit{{proc, "start: [overdue, still_overdue]", "start: [overdo, still_overdue]"}}},
		"a clock in an unknown state":                {proc, "  - id: offer\n    law: {id: LJ-SR, article: \"7\"}\n    n: 1", `the state "offerd"`, []edit{{proc, "in: [offered]", "in: [offerd]"}}},
		"an area of an unknown unit":                 {"areas.yaml", "  - {unit: atlantis", `unknown unit "atlantis"`, []edit{{"areas.yaml", "  - {unit: wangchuan,", "  - {unit: atlantis,"}}},
		"a fallback that is no unit":                 {"pack.yaml", "fallback_unit: atlantis", `fallback_unit "atlantis" is not a unit`, []edit{{"pack.yaml", "fallback_unit: linjiang", "fallback_unit: atlantis"}}},
		"a unit below nowhere":                       {"units.yaml", "  - {id: guiyuan,", `parent "atlantis" is not a unit`, []edit{{"units.yaml", "{id: guiyuan, parent: binjiang", "{id: guiyuan, parent: atlantis"}}},
		"a unit below itself by a detour":            {"units.yaml", "", "loop of parents", []edit{{"units.yaml", "{id: linjiang-gas, parent: linjiang,", "{id: linjiang-gas, parent: linjiang-ecology,"}, {"units.yaml", "{id: linjiang-ecology, parent: linjiang,", "{id: linjiang-ecology, parent: linjiang-gas,"}}},
		"a unit above its superior":                  {"units.yaml", "  - {id: binjiang,", "is on a lower level", []edit{{"units.yaml", "{id: binjiang, parent: linjiang,", "{id: binjiang, parent: guiyuan,"}}},
		"a unit listed twice":                        {"units.yaml", "", `unit "baita" is listed twice`, []edit{{"units.yaml", "{id: luming, parent", "{id: baita, parent"}}},
		"a state listed twice":                       {proc, "  - id: raised\n    phase: received\n    owner: holder\n    name: {zh-CN: 待接办", `state "raised" is listed twice`, []edit{{proc, "  - id: received\n    phase: received\n    owner: holder\n    name", "  - id: raised\n    phase: received\n    owner: holder\n    name"}, {proc, "name: {zh-CN: 已升级，待接办", "name: {zh-CN: 待接办"}}},
		"an act listed twice":                        {proc, "  - id: take\n    event: turned_back", `act "take" is listed twice`, []edit{{proc, "  - id: turn_back\n", "  - id: take\n"}}},
		"a clock listed twice":                       {proc, "  - id: begin\n    law: {id: LJ-SR, article: \"7\"}", `clock "begin" is listed twice`, []edit{{proc, "  - id: offer\n    law: {id: LJ-SR, article: \"7\"}\n    n", "  - id: begin\n    law: {id: LJ-SR, article: \"7\"}\n    n"}}},
		"a category listed twice":                    {"categories.yaml", "", `category "road.pothole" is listed twice`, []edit{{"categories.yaml", "id: road.pavement", "id: road.pothole"}}},
		"an unknown calendar":                        {proc, "calendar: linjian\n", `calendar "linjian" is not in calendars/`, []edit{{proc, "calendar: linjiang", "calendar: linjian"}}},
		"an unknown law":                             {proc, "law: {id: LJ-XX", `law "LJ-XX" is not listed in pack.yaml`, []edit{{proc, "law: {id: LJ-SR, article: \"2\"", "law: {id: LJ-XX, article: \"2\""}}},
		"an article without words":                   {proc, "law: {id: LJ-SR, article: \"99\"", `article "99" of law "LJ-SR" has no words`, []edit{{proc, "law: {id: LJ-SR, article: \"2\"", "law: {id: LJ-SR, article: \"99\""}}},
		"a name in one language only":                {proc, "  - id: accept\n    event", "words in en are missing (act.service-request.accept)", []edit{{proc, "name: {zh-CN: 受理, en: Accept}", "name: {zh-CN: 受理}"}}},
		"a name in an unknown language":              {proc, "  - id: accept\n    event", `language "fr" is not one of the pack's languages`, []edit{{proc, "name: {zh-CN: 受理, en: Accept}", "name: {zh-CN: 受理, en: Accept, fr: Accepter}"}}},
		"an unknown effect":                          {proc, "  - id: take\n", `effect "grab" is not known`, []edit{{proc, "effects: [take]", "effects: [grab]"}}},
		"an effect without its field":                {proc, "  - id: assign\n    event", `effect "assign" needs a required field "officer"`, []edit{{proc, "{name: officer, kind: officer, required: true,", "{name: officer, kind: officer,"}}},
		"a key the desk uses itself":                 {proc, "  - id: begin", `key "g" is not a small letter that is free`, []edit{{proc, "    key: b\n    prime: true\n    name: {zh-CN: 开始办理", "    key: g\n    prime: true\n    name: {zh-CN: 开始办理"}}},
		"one key for two acts in one state":          {proc, "  - id: redirect", `key "a" already does "accept"`, []edit{{proc, "    key: z", "    key: a"}}},
		"an unknown kind of field":                   {proc, "      - {name: days", `kind "numbr" is not one of`, []edit{{proc, "{name: days, kind: number,", "{name: days, kind: numbr,"}}},
		"a notice without words":                     {proc, "    notices: [{to: resident, template: begune", `notice "begune" has no words`, []edit{{proc, "template: begun}", "template: begune}"}}},
		"reports that are near at no distance":       {"categories.yaml", "", `group "road": alike: metres 0 is not between 1 and 5000`, []edit{{"categories.yaml", "alike: {metres: 80, days: 90}", "alike: {days: 90}"}}},
		"reports that are near for years":            {"categories.yaml", "", `group "road": alike: days 900 is not between 1 and 366`, []edit{{"categories.yaml", "alike: {metres: 80, days: 90}", "alike: {metres: 80, days: 900}"}}},
		"a route to no department":                   {"categories.yaml", "", `no unit is department "moats"`, []edit{{"categories.yaml", "route: {dept: roads,", "route: {dept: moats,"}}},
		"a term for an unknown category":             {proc, "", `by_category names "hazard.mole"`, []edit{{proc, "hazard.manhole:", "hazard.mole:"}}},
		"a word for a number":                        {proc, "    times: two", `times: "two" is not a whole number`, []edit{{proc, "    times: 2 ", "    times: two "}}},
		"a word for true or false":                   {proc, "    final: perhaps", `final: "perhaps" is not true or false`, []edit{{proc, "    final: true", "    final: perhaps"}}},
		"a word for a list":                          {proc, "    from: in_hand", "a list is expected", []edit{{proc, "    from: [in_hand]", "    from: in_hand"}}},
		"a list for a word":                          {proc, "    to: [waiting]", "one value is expected", []edit{{proc, "    to: waiting", "    to: [waiting]"}}},
		"a name nobody knows":                        {proc, "    efects: [take]", `"efects" is not a name that is known here; did you mean "effects"?`, []edit{{proc, "    effects: [take]", "    efects: [take]"}}},
		"a name given twice":                         {proc, "    to: assigned\n", `"to" stands here twice`, []edit{{proc, "    from: [accepted, assigned, in_hand]\n    to: assigned", "    to: accepted\n    from: [accepted, assigned, in_hand]\n    to: assigned"}}},
		"an alias":                                   {proc, "    by: *who", "aliases are not allowed", []edit{{proc, "    by: [clerk, officer, head]\n    key: a", "    by: &who [clerk, officer, head]\n    key: a"}, {proc, "    by: [clerk, officer, head]\n    answers", "    by: *who\n    answers"}}},
		"a term in fortnights":                       {proc, "  - id: answer\n    promise", `"fortnights" is not one of calendar_days`, []edit{{proc, "    n: 5\n    unit: working_days\n    start", "    n: 5\n    unit: fortnights\n    start"}}},
		"a term of less than nothing":                {proc, "  - id: answer\n    promise", "must lie between 0 and", []edit{{proc, "    n: 5\n    unit: working_days\n    start", "    n: -5\n    unit: working_days\n    start"}}},
		"a holiday that is worked":                   {dates, "", "2026-10-01 is also in days_off; keep one", []edit{{dates, "{date: 2026-10-10,", "{date: 2026-10-01,"}}},
		"a make-up day on a Monday":                  {dates, "", "worked every week", []edit{{dates, "{date: 2026-10-10,", "{date: 2026-10-12,"}}},
		"a holiday beyond what is known":             {dates, "", "lies after known_until", []edit{{dates, "known_until: 2026-12-31", "known_until: 2026-06-30"}}},
		"a holiday that ends before it begins":       {dates, "  - {from: 2026-10-07", `dates "2026-10-07" to "2026-10-01"`, []edit{{dates, "{from: 2026-10-01, to: 2026-10-07", "{from: 2026-10-07, to: 2026-10-01"}}},
		"a day that does not exist":                  {dates, "  - {date: 2026-02-30", "2026-02-30", []edit{{dates, "{date: 2026-02-28,", "{date: 2026-02-30,"}}},
		"a zone that does not exist":                 {dates, "", `zone "Asia/Linjiang" is not a time zone`, []edit{{dates, "zone: Asia/Shanghai", "zone: Asia/Linjiang"}}},
	} {
		t.Run(name, func(t *testing.T) {
			m := mutated(t, demo(t), c.edits...)
			_, err := Load(m, memory)
			if err == nil {
				t.Fatal("the pack loads")
			}
			place := c.file + ":"
			if c.at != "" {
				place = fmt.Sprintf("%s:%d:", c.file, lineOfText(t, m, c.file, c.at))
			}
			if c.at == "" {
				place += "[0-9]+:"
			}
			line := regexp.MustCompile(`(?m)^` + place + `[0-9]+: .*` + regexp.QuoteMeta(c.want) + `.*$`)
			if !line.MatchString(err.Error()) {
				t.Errorf("want %s … %s, got:\n%v", place, c.want, err)
			}
		})
	}
}

func Test_a_file_that_is_no_pack_file_is_refused_without_harm(t *testing.T) {
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c <= 'i'; c++ {
		bomb += fmt.Sprintf("%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n", c, c, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1)
	}
	for name, c := range map[string]struct {
		raw  []byte
		want string
	}{
		"a file larger than 8 MiB": {bytes.Repeat([]byte("# much ado\n"), 8<<20/11+1), "larger than 8 MiB"},
		"an alias bomb":            {[]byte(bomb), ""},
		"broken UTF-8":             {[]byte("procedure: \xff\xfe\n"), ""},
		"an empty file":            {nil, "the file is empty"},
		"only a comment":           {[]byte("# nothing\n"), "the file is empty"},
		"a tab":                    {[]byte("states:\n\t- id: x\n"), ""},
		"brackets without end":     {bytes.Repeat([]byte("["), 1<<16), ""},
		"a list":                   {[]byte("[1, 2]\n"), "names with values are expected"},
		"a number":                 {[]byte("7\n"), "names with values are expected"},
		"NUL bytes":                {make([]byte, 100), ""},
	} {
		t.Run(name, func(t *testing.T) {
			m := demo(t)
			m[proc] = &fstest.MapFile{Data: c.raw}
			_, err := Load(m, memory)
			if err == nil || !strings.Contains(err.Error(), proc) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("want an error that names %s and says %q, got: %.400v", proc, c.want, err)
			}
		})
	}
	t.Run("a file that is missing", func(t *testing.T) {
		for _, name := range []string{"pack.yaml", "units.yaml", proc, dates} { // the base has categories
			m := demo(t)
			delete(m, name)
			if _, err := Load(m, memory); err == nil || !strings.Contains(err.Error(), strings.Split(name, "/")[0]) {
				t.Errorf("without %s: %v", name, err)
			}
		}
	})
}
