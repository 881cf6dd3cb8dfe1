package desk_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"comity/internal/casework"
)

// manyActs adds acts to the demo procedure until a page of a case in hand has fifteen and more.
func manyActs() string {
	var b strings.Builder
	for i, key := range []string{"f", "h", "i", "l", "u", "p", "w", "y"} {
		fmt.Fprintf(&b, `  - {id: step%d, event: stepped%d, from: [in_hand], by: [officer, head], key: %s, name: {zh-CN: 登记第 %d 步的较长名称, en: Write down step %d of many}, past: {zh-CN: 已登记, en: Written down},
     fields: [{name: day, kind: date, required: true, label: {zh-CN: 日期, en: Day}}, {name: unit, kind: unit, required: true, label: {zh-CN: 单位, en: Unit}},
       {name: sure, kind: yes, label: {zh-CN: 已核对, en: Checked}}, {name: way, kind: choice, options: [a, b], option_names: {a: {zh-CN: 甲, en: First way}, b: {zh-CN: 乙, en: Second way}}, label: {zh-CN: 方式, en: Way}}]}
`, i, i, key, i, i)
	}
	b.WriteString(`  - {id: tidy, event: tidied, from: [in_hand], by: [officer], name: {zh-CN: 整理, en: Tidy up}, past: {zh-CN: 已整理, en: Tidied}}
  - {id: urge, event: urged, from: [in_hand], by: [resident], behalf: [officer], name: {zh-CN: 催办, en: Urge}, past: {zh-CN: 已催办, en: Urged},
     fields: [{name: why, kind: text, required: true, public: true, label: {zh-CN: 说明, en: Why}}]}
`)
	return b.String()
}

func caseWithManyActs(t *testing.T) (*city, *browser, string) {
	c := newCityWith(t, "procedures/service-request.yaml", "  - id: ask\n", manyActs()+"  - id: ask\n")
	r := c.report("The pavement is broken near the school.")
	b := c.as("guiyuan-officer")
	b.act(r.Ref, "accept")
	b.act(r.Ref, "begin")
	return c, b, string(r.Ref)
}

func TestMany_acts_are_grouped_by_what_they_do_and_the_rare_ones_folded_away(t *testing.T) {
	_, b, ref := caseWithManyActs(t)
	page := b.ok("/desk/cases/" + ref)
	has(t, page, `class="actbar sets"`)
	has(t, page, `aria-label="Record"`)
	folded := page[strings.Index(page, `<details class="actset"`):]
	folded = folded[:strings.Index(folded, "</details>")]
	has(t, folded, "Tidy up")
	hasNot(t, folded, "Urge")
	hasNot(t, folded, "Write down step")
	for _, want := range []string{"Record for the resident", "/do/urge?behalf=1"} {
		has(t, page, want)
	}
	form := b.ok("/desk/cases/" + ref + "/do/step0")
	for _, want := range []string{`type="date"`, `<optgroup`, `type="checkbox"`, `type="radio"`} {
		has(t, form, want)
	}
	a := b.act(casework.Ref(ref), "step0", "day", "2026-03-03", "unit", "guiyuan-ganyuan", "sure", "yes", "way", "b")
	if a.status != http.StatusSeeOther {
		t.Fatalf("an act with four kinds of fields answered %d: %s", a.status, brief(a.body))
	}
	page = b.ok("/desk/cases/" + ref)
	has(t, page, "Second way")
}

func TestFew_acts_stand_side_by_side(t *testing.T) {
	c := newCity(t)
	r := c.report("The pavement is broken near the school.")
	hasNot(t, c.as("guiyuan-officer").ok("/desk/cases/"+string(r.Ref)), "actset")
}

func TestAn_act_for_the_resident_is_recorded_from_their_signed_paper(t *testing.T) {
	c, b, ref := caseWithManyActs(t)
	path := "/desk/cases/" + ref + "/do/urge?behalf=1"
	has(t, b.ok(path), "signed paper")
	if a := b.get("/desk/cases/" + ref + "/do/urge"); a.status != http.StatusNotFound {
		t.Errorf("the resident's own act answered an officer %d", a.status)
	}
	a := b.postForm(path, url.Values{"why": {"It is dark."}}, nil)
	if a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, `href="#f-files"`) {
		t.Fatalf("without the paper it answered %d: %s", a.status, brief(a.body))
	}
	a = b.postForm(path, url.Values{"why": {"It is dark."}}, map[string][]byte{"paper.png": picture(t)})
	if a.status != http.StatusSeeOther {
		t.Fatalf("with the paper it answered %d: %s", a.status, brief(a.body))
	}
	has(t, b.ok("/desk/cases/"+ref), "It is dark.")
	if a := c.as("guiyuan-clerk").postForm(path, url.Values{"why": {"x"}}, nil); a.status != http.StatusNotFound {
		t.Errorf("somebody without the right answered %d", a.status)
	}
}
