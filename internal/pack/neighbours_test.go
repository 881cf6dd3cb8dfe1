package pack_test

import (
	"os"
	"strings"
	"testing"

	"comity/internal/ledger/ledgertest"
	"comity/internal/pack"
)

// nextDoor is the pack of docs/neighbours.md with some words of its neighbours.yaml replaced.
func nextDoor(t *testing.T, replace ...string) (*pack.Pack, error) {
	t.Helper()
	files, err := ledgertest.Neighboured("../..")
	if err != nil {
		t.Fatal(err)
	}
	said := string(files["neighbours.yaml"].Data)
	for i := 0; i+1 < len(replace); i += 2 {
		if !strings.Contains(said, replace[i]) {
			t.Fatalf("the page does not say %q", replace[i])
		}
		said = strings.Replace(said, replace[i], replace[i+1], 1)
	}
	files["neighbours.yaml"].Data = []byte(said)
	return pack.LoadWith(files, pack.In(os.DirFS("../../packs")), pack.Unsearched())
}

func Test_a_unit_on_another_system_is_read_as_its_page_says(t *testing.T) {
	p, err := nextDoor(t)
	if err != nil {
		t.Fatal(err)
	}
	n, ok := p.NeighbourOf("donghe")
	if by, found := p.Neighbour("donghe"); !ok || !found || by != n {
		t.Fatal("it is not found by its unit and by its id")
	}
	give, ok := n.Gives("road.pavement")
	if _, other := n.Gives("noise.shop"); !ok || other || give.Service != "road.pavement" || give.Attributes["fixmystreet_id"] != "{ref}" {
		t.Errorf("it is given %+v", give)
	}
	deeds := n.Means("fixed")
	if len(deeds) != 2 || deeds[1].Act != "answer" || deeds[1].Fields["outcome"] != "solved" || n.Means("for_triage") != nil {
		t.Errorf("fixed means %+v", deeds)
	}
	if !n.Updates || !n.Files || n.Lang != "zh-CN" || len(n.Takes) != 1 {
		t.Errorf("it is read as %+v", n)
	}
}

func Test_what_cannot_be_exchanged_with_another_system_is_refused_with_its_place(t *testing.T) {
	if testing.Short() {
		t.Skip("the pack of a city is read once for each mistake, in one goroutine; make check runs it without -short")
	}
	for name, c := range map[string]struct {
		replace []string
		want    string
	}{
		"a unit that is not there":                {[]string{"unit: donghe", "unit: nowhere"}, `neighbours.yaml:3:11: neighbour "donghe": there is no unit "nowhere"`},
		"a role the unit does not have":           {[]string{"roles: [clerk, officer]", "roles: [mediator]"}, `role "mediator" is not one of unit "donghe"`},
		"no role":                                 {[]string{"    roles: [clerk, officer]\n", ""}, "roles are missing"},
		"a language of nobody":                    {[]string{"language: zh-CN", "language: fr"}, `language "fr" is not one of`},
		"a category that is not there":            {[]string{"category: road.pothole", "category: road.hole"}, `there is no category "road.hole"`},
		"a matter about people":                   {[]string{"category: road.pothole", "category: petition.suggestion"}, "which is about people"},
		"a matter of a compartment":               {[]string{"category: road.pothole", "category: residence.permit"}, "only civic matters are exchanged"},
		"a category twice":                        {[]string{"category: road.pavement", "category: road.pothole"}, `category "road.pothole" is sent twice`},
		"no service":                              {[]string{"service: road.pothole, ", ""}, "service is missing"},
		"a place that is none":                    {[]string{"{ref}", "{phone}"}, "{phone} is neither"},
		"an act that is not there":                {[]string{"act: take", "act: seize"}, `has an act "seize"`},
		"an act of the clock":                     {[]string{"act: take", "act: raise"}, "none of which is among its roles"},
		"a field that is not there":               {[]string{"{outcome: solved, answer", "{outcome: solved, reason: x, answer"}, `has no field "reason"`},
		"a field that stays empty":                {[]string{"{outcome: solved, answer: \"{words}\"}", "{outcome: solved}"}, `asks for "answer"`},
		"an outcome that is none":                 {[]string{"outcome: solved", "outcome: splendid"}, `"splendid" is not an outcome`},
		"words where none go":                     {[]string{"outcome: solved", "outcome: \"{words}\""}, `field "outcome" does not take words`},
		"a unit of its own choice":                {[]string{`unit: "{from}"`, "unit: linjiang"}, "a unit is given by {from} alone"},
		"a place in a field that is none":         {[]string{`reason: "{words}"`, `reason: "{why}"`}, "{why} is neither {words} nor {from}"},
		"a status that is none":                   {[]string{"[fixed]", "[mended]"}, `"mended" is not a status word`},
		"a status twice":                          {[]string{"[fixed]", "[fixed, closed]"}, `status "closed" stands twice`},
		"nothing for closed":                      {[]string{"[closed, no_further_action]", "[no_further_action]"}, "says has nothing for the status closed"},
		"nothing when it has arrived":             {[]string{"    arrived: [{act: take}, {act: accept}]\n", ""}, "arrived is missing"},
		"what would come back":                    {[]string{"{service: lighting.out,", "{service: road.pothole,"}, "is handed over and taken"},
		"what is taken and could not be answered": {[]string{"    updates: true ", "    #updates: true "}, "only the updates extension (updates: true) can"},
		"a field nobody knows":                    {[]string{"jurisdiction:", "jurisdicton:"}, "jurisdicton"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := nextDoor(t, c.replace...); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("want %q, got %v", c.want, err)
			}
		})
	}
}
