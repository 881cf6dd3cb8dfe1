package portal

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/ledger"
	"comity/internal/procedure"
)

func Test_an_erased_matter_says_when_and_by_which_law_and_shows_nothing_of_what_was_written(t *testing.T) {
	c := newCity(t)
	check := c.upload("/report?lang=en", lamp(), upload{"lamp.jpg", "image/jpeg", jpegPhoto(t)})
	send := fields(check.Body)
	send.Set("do", "send")
	code := strings.TrimPrefix(c.post("/report", send).To, "/sent/")
	k := c.caseOf(code)
	photo := "/f/" + code + "/file/" + k.Files[0].SHA256
	part := httptest.NewRequest("GET", photo, nil)
	part.Header.Set("Range", "bytes=0-1")
	if a := c.send(part); a.Code != http.StatusPartialContent || len(a.Head.Get("Content-Range")) == 0 {
		t.Errorf("a part of a sealed photo: %d %v", a.Code, a.Head)
	}
	if _, err := c.ledger.Do(t.Context(), authz.Holder(string(k.ID)), casework.Command{Case: k.ID, Version: casework.AnyVersion, Act: "withdraw"}); err != nil {
		t.Fatal(err)
	}
	law := procedure.Law{ID: c.pack.Laws[0], Article: "2"}
	e, err := c.ledger.Erase(t.Context(), authz.Machine(), k.ID, ledger.GroundUnlawful, law, "")
	if err != nil {
		t.Fatal(err)
	}
	if a := c.get(photo); a.Code != http.StatusNotFound {
		t.Errorf("the photo of an erased matter: %d", a.Code)
	}
	for _, lang := range []string{"en", "zh-CN"} {
		a := c.get("/f/" + code + "?lang=" + lang)
		say := c.site.Text.In(lang)
		if a.Code != http.StatusOK || !strings.Contains(a.Body, say.T("erase.notice")) || !strings.Contains(a.Body, say.T("erase.ground.unlawful")) {
			t.Errorf("%s: %d, without the notice", lang, a.Code)
		}
		if day := say.DateTime(e.At, c.pack.Zone); !strings.Contains(a.Body, strings.Fields(day)[0]) {
			t.Errorf("%s: the page does not say when (%s)", lang, day)
		}
		if strings.Contains(a.Body, "lamp is out") || strings.Contains(a.Body, "~1") {
			t.Errorf("%s: the page still tells", lang)
		}
		if !strings.Contains(a.Body, "/f/"+code+"/") || strings.Contains(a.Body, "/f/"+casework.Veil) {
			t.Errorf("%s: the ways of the page lead nowhere", lang)
		}
	}
}
