package quarantine_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/file"
	"comity/internal/file/filetest"
	"comity/internal/intake"
	"comity/internal/programme/programmetest"
)

func Test_an_officer_makes_a_copy_of_a_photo_to_publish_without_script(t *testing.T) {
	c := newTown(t)
	id, _ := c.channels()[0].send(filetest.All()[0])
	k := c.caseOf(id)
	officer := c.As("officer")
	at := "/desk/cases/" + string(k.Ref) + "/files/" + k.Files[0].SHA256 + "/redact"
	programmetest.Holds(t, officer.OK("/desk/cases/"+string(k.Ref)), at)
	programmetest.Holds(t, officer.OK(at), "48 × 36 pixels", `name="x"`, "Make the copy")

	for _, wrong := range [][]string{{}, {"x", "1", "y", "1", "w", "wide", "h", "4"}, {"x", "1", "y", "1", "w", "4"}, {"x", "900", "y", "900", "w", "4", "h", "4"}, {"x", "-1", "y", "1", "w", "4", "h", "4"}} {
		if a := officer.Post(at, wrong...); a.Status != http.StatusUnprocessableEntity {
			t.Errorf("%v answered %d", wrong, a.Status)
		}
	}
	if a := officer.Post(at, "x", "4", "y", "4", "w", "20", "h", "12"); a.Status != http.StatusSeeOther {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	k = c.caseOf(id)
	if len(k.Files) != 2 || k.Files[1].Redacts != k.Files[0].SHA256 || k.Files[1].Public {
		t.Fatalf("%+v", k.Files)
	}
	page := officer.OK("/desk/cases/" + string(k.Ref))
	programmetest.Holds(t, page, "Redacted copy")
	anybody := c.Browser()
	if a := anybody.Get("/f/" + string(k.Code) + "/file/" + k.Files[1].SHA256); a.Status != http.StatusNotFound {
		t.Errorf("the resident gets a copy that was not given: %d", a.Status)
	}
	if a := c.As("far").Get(at); a.Status != http.StatusNotFound {
		t.Errorf("another street's head gets %d", a.Status)
	}
}

func Test_a_redacted_photo_is_shown_beside_the_report_until_it_is_taken_back(t *testing.T) {
	c := newTown(t)
	photo1, err := c.files.Take(t.Context(), bytes.NewReader(filetest.All()[0].Data), "hole.jpg", file.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	cmd, err := intake.Command(c.city.Pack, intake.Report{Category: "road.pothole", Text: "A hole in the road", Unit: "guiyuan-ganyuan", Source: "web", Files: []casework.File{photo1}})
	if err != nil {
		t.Fatal(err)
	}
	cmd.Open.Unit = street
	r, err := c.city.Ledger.Do(t.Context(), authz.Reporter(), cmd)
	if err != nil {
		t.Fatal(err)
	}
	id := r.Case
	k := c.caseOf(id)
	officer, anybody := c.As("officer"), c.Browser()
	at := "/desk/cases/" + string(k.Ref) + "/files/"
	if a := officer.Post(at+k.Files[0].SHA256+"/publish", "show", "yes"); a.Status < 400 {
		t.Fatalf("the photo as it was sent is published: %d", a.Status)
	}
	officer.Sent(at+k.Files[0].SHA256+"/redact", "x", "4", "y", "4", "w", "20", "h", "12")
	copied := c.caseOf(id).Files[1]
	photo := file.PublicPath(k.Ref, copied.SHA256)
	gone := func(when string) {
		t.Helper()
		for _, sum := range []string{k.Files[0].SHA256, copied.SHA256} {
			if a := anybody.Get(file.PublicPath(k.Ref, sum)); a.Status != http.StatusNotFound {
				t.Errorf("%s anybody gets a picture: %d", when, a.Status)
			}
		}
	}
	gone("before")
	if a := c.As("far").Post(at+copied.SHA256+"/publish", "show", "yes"); a.Status != http.StatusNotFound {
		t.Errorf("another street publishes it: %d", a.Status)
	}
	programmetest.Holds(t, officer.OK("/desk/cases/"+string(k.Ref)), at+copied.SHA256+"/publish", "Show to everybody")
	officer.Sent(at+copied.SHA256+"/publish", "show", "yes")
	if a := anybody.Get(photo); a.Status != http.StatusOK || a.Header.Get("Content-Type") != copied.Kind {
		t.Fatalf("anybody gets %d", a.Status)
	} else if name := a.Header.Get("Content-Disposition"); strings.Contains(name, "hole") || !strings.Contains(name, string(k.Ref)+".") {
		t.Errorf("it is called %s, as whoever sent it called it", name)
	}
	if a := anybody.Get(file.PublicPath(k.Ref, k.Files[0].SHA256)); a.Status != http.StatusNotFound {
		t.Errorf("anybody gets the photo as it was sent: %d", a.Status)
	}
	programmetest.Holds(t, officer.OK("/desk/cases/"+string(k.Ref)), "Everybody sees it", "Take back")
	programmetest.Holds(t, anybody.OK("/f/"+string(k.Code)), "A redacted picture is shown to everybody")
	same := anybody.Post("/report?lang=en", "category", k.Category, "text", k.Text, "unit", string(k.Place.Unit), "who", "phone", "phone", "13800002075", "do", "check")
	programmetest.Holds(t, same.Body, `class="glance" src="`+photo+`"`, "Picture of report "+string(k.Ref))
	counter := officer.Post("/desk/new", "category", k.Category, "text", k.Text, "unit", string(k.Place.Unit), "source", "counter", "asked", k.Procedure)
	programmetest.Holds(t, counter.Body, `class="glance" src="`+photo+`"`)

	if a := officer.Post(at+copied.SHA256+"/publish", "show", "yes"); a.Status < 400 {
		t.Errorf("published twice: %d", a.Status)
	}
	asked := anybody.OK("/open311/v2/requests/" + string(k.Ref) + ".xml?jurisdiction_id=linjiang.example")
	programmetest.Holds(t, asked, "<media_url>https://linjiang.example"+photo+"</media_url>")
	officer.Sent(at+copied.SHA256+"/publish", "show", "no")
	gone("after")
	programmetest.Lacks(t, anybody.Post("/report", "category", k.Category, "text", k.Text, "unit", string(k.Place.Unit), "who", "phone", "phone", "13800002075", "do", "check").Body, "glance")
}

func Test_what_is_held_cannot_be_redacted(t *testing.T) {
	c := newTown(t)
	c.scan = func(context.Context, io.Reader) (string, error) { return "", errors.New("away") }
	id, _ := c.channels()[0].send(filetest.All()[0])
	k := c.caseOf(id)
	if a := c.As("officer").Get("/desk/cases/" + string(k.Ref) + "/files/" + k.Files[0].SHA256 + "/redact"); a.Status != http.StatusNotFound {
		t.Errorf("answered %d", a.Status)
	}
}
