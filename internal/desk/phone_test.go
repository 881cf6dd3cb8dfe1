package desk_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"comity/internal/casework"
	"comity/internal/limit"
)

func (b *browser) call(form url.Values) answer {
	b.t.Helper()
	return b.postForm("/desk/phone?lang=en", form, nil)
}

func Test_a_call_becomes_a_case_after_it_was_read_back_in_the_callers_language(t *testing.T) {
	c := newCity(t)
	b := c.as("guiyuan-clerk")
	has(t, b.ok("/desk/phone?lang=en"), "Caller on the line")
	entry := url.Values{"category": {"road.pavement"}, "text": {"The slabs wobble."}, "unit": {"guiyuan-ganyuan"}, "address": {"Gate 3"}, "contact": {"138 1234 2075"}, "name": {"Ms Chen"}, "lang": {"zh-CN"}}
	read := b.call(entry)
	if read.status != http.StatusOK || codeOnSlip.MatchString(read.body) {
		t.Fatalf("the first sending answered %d", read.status)
	}
	has(t, read.body, "您说的是：The slabs wobble.")
	has(t, read.body, "You said: The slabs wobble.")
	has(t, read.body, "138 1234 2075")
	if strings.Index(read.body, "您说的是") > strings.Index(read.body, "You said") {
		t.Error("the caller's language does not stand first")
	}
	carried := sentForm(read.body)
	if no := b.call(carried); no.status != http.StatusUnprocessableEntity {
		t.Errorf("without the tick it answered %d", no.status)
	}
	back := url.Values{}
	for k, v := range carried {
		back[k] = v
	}
	back.Set("do", "edit")
	has(t, b.call(back).body, "The slabs wobble.</textarea>")
	carried.Set("readback", "yes")
	slip := b.call(carried)
	k := c.byCode(slip)
	if k.Source != "phone" || k.Text != "The slabs wobble." || k.Contact.Lang != "zh-CN" {
		t.Errorf("the case is %+v", k)
	}
	code := codeOnSlip.FindStringSubmatch(slip.body)[1]
	first := strings.Join(strings.Split(strings.Split(code, "-")[0], ""), " ")
	has(t, slip.body, "第1组："+first)
	has(t, slip.body, "Group 1: "+first+".")
}

func Test_a_caller_with_the_code_is_told_how_the_matter_stands_and_one_with_the_number_nothing(t *testing.T) {
	c := newCity(t)
	r := c.report("The pavement is broken near the school.")
	for _, login := range []string{"guiyuan-clerk", "donghu-head"} { // one works on it, the other cannot read it
		b := c.as(login)
		a := b.post("/desk/phone/find?lang=en", url.Values{"q": {strings.ToLower(strings.ReplaceAll(string(r.Code), "-", " "))}})
		if a.status != http.StatusOK {
			t.Fatalf("%s: the code answered %d: %s", login, a.status, brief(a.body))
		}
		has(t, a.body, "You may tell the caller:")
		has(t, a.body, string(r.Ref))
		for _, word := range []string{"near the school", "Ms Chen", "13812342075", "138 1234 2075", string(r.Code)} {
			hasNot(t, a.body, word)
		}
		if open := strings.Contains(a.body, `href="/desk/cases/`+string(r.Ref)+`"`); open != (login == "guiyuan-clerk") {
			t.Errorf("%s is led to the case: %v", login, open)
		}
	}
	mine, theirs := c.as("guiyuan-clerk"), c.as("donghu-head")
	for _, b := range []*browser{mine, theirs} {
		a := b.post("/desk/phone/find?lang=en", url.Values{"q": {string(r.Ref)}})
		has(t, a.body, "tell the caller nothing of the matter by it")
		hasNot(t, a.body, "You may tell the caller:")
	}
	there, none := theirs.post("/desk/phone/find?lang=en", url.Values{"q": {string(r.Ref)}}), theirs.post("/desk/phone/find?lang=en", url.Values{"q": {"SR-20-000001"}})
	if withoutKey(there.body) != withoutKey(none.body) {
		t.Error("the number of a matter of others is answered otherwise than one that does not exist")
	}
	wrong, i := []byte(strings.ReplaceAll(string(r.Code), "-", "")), 0
	for wrong[i] == wrong[i+1] {
		i++
	}
	wrong[i], wrong[i+1] = wrong[i+1], wrong[i]
	if a := mine.post("/desk/phone/find?lang=en", url.Values{"q": {string(wrong)}}); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, "swapped") {
		t.Errorf("a code with a slip: %d", a.status)
	}
}

// withoutKey is a page without the key drawn for its form.
func withoutKey(page string) string {
	before, rest, _ := strings.Cut(page, `name="_key" value="`)
	_, after, _ := strings.Cut(rest, `"`)
	return before + after
}

func Test_an_operator_who_tries_codes_has_to_wait(t *testing.T) {
	c := newCity(t)
	b := c.as("guiyuan-clerk")
	var a answer
	for i := range limit.CodesAtOnce + 1 {
		var drawn [16]byte
		drawn[0] = byte(i)
		a = b.post("/desk/phone/find?lang=en", url.Values{"q": {string(casework.NewCode(drawn))}})
	}
	if a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") == "" {
		t.Errorf("after many wrong codes it answered %d", a.status)
	}
}
