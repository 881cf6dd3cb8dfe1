package portal

import (
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"comity/internal/authz"
	"comity/internal/casework"
)

func Test_anybody_who_holds_a_page_of_a_case_file_can_ask_whether_it_is_true(t *testing.T) {
	c := newCity(t)
	code := c.file(lamp())
	k := c.caseOf(code)
	sum := strings.Repeat("5e", 32)
	raw, _ := hex.DecodeString(sum)
	mark := base64.RawURLEncoding.EncodeToString(raw)
	ref := string(k.Ref)
	unknown := c.get("/v/" + ref + "/3/12/" + mark)
	if unknown.Code != http.StatusNotFound {
		t.Errorf("before anything is on record the answer is %d", unknown.Code)
	}
	who := authz.Staff("zhou-hang", []authz.Grant{{Role: "officer", Unit: k.Holder}})
	do := func(by authz.Actor, cmd casework.Command) {
		t.Helper()
		cmd.Case, cmd.Version = k.ID, casework.AnyVersion
		if _, err := c.ledger.Do(t.Context(), by, cmd); err != nil {
			t.Fatal(err)
		}
	}
	do(authz.Holder(string(k.ID)), casework.Command{Act: "withdraw"})
	do(who, casework.Command{Filed: &casework.Filed{Sum: sum, Pages: 12}})
	for lang, want := range map[string]string{"en": "Page 3 of 12 belongs to the file of case " + ref, "zh-CN": "共 12 页中的第 3 页属于案件 " + ref} {
		a := c.get("/v/" + ref + "/3/12/" + mark + "?lang=" + lang)
		if a.Code != http.StatusOK {
			t.Errorf("a true page is answered %d", a.Code)
		}
		c.holds(a, want)
		c.lacks(a, "The lamp is out", "It is <dark>", "2075", code, string(k.Holder), "zhou-hang")
	}
	c.holds(c.get("/v/"+ref+"/0/12/"+mark+"?lang=en"), "12 numbered pages is on record; this is a page around them")
	c.holds(c.get("/v?lang=en&"+url.Values{"ref": {" " + strings.ToLower(ref)}, "page": {"12"}, "of": {"12"}, "sum": {strings.ToUpper(sum)}}.Encode()), "Page 12 of 12 belongs")

	// What is not there and what is not true are told alike.
	say := c.get("/v/SR-2026-999999/3/12/" + mark + "?lang=en")
	for _, at := range []string{ref + "/3/13/" + mark, ref + "/3/12/" + mark[:42] + "A", strings.ToLower(ref) + "/1/1/" + mark} {
		a := c.get("/v/" + at + "?lang=en")
		if a.Code != http.StatusNotFound || strings.ReplaceAll(a.Body, at, "") == "" {
			t.Errorf("%s is answered %d", at, a.Code)
		}
		c.holds(a, "No file with these pages is on record here.")
	}
	c.holds(say, "No file with these pages is on record here.")
	if a := c.get("/v/" + ref + "/13/12/" + mark + "?lang=en"); a.Code != http.StatusNotFound {
		t.Errorf("page 13 of 12 is answered %d", a.Code)
	}
	if a := c.get("/v?lang=en&ref=" + ref + "&page=13&of=12&sum=" + sum); a.Code != http.StatusUnprocessableEntity || !strings.Contains(a.Body, `value="13"`) {
		t.Errorf("what was typed wrong is answered %d", a.Code)
	}
	if a := c.get("/v?lang=en"); a.Code != http.StatusOK {
		t.Errorf("the form is answered %d", a.Code)
	}

	do(who, casework.Command{Filed: &casework.Filed{Sum: strings.Repeat("6f", 32), Pages: 14}})
	c.holds(c.get("/v/"+ref+"/3/12/"+mark+"?lang=en"), "The file was put together again at")
}
