package quarantine_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"

	"comity/internal/file/filetest"
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

func Test_what_is_held_cannot_be_redacted(t *testing.T) {
	c := newTown(t)
	c.scan = func(context.Context, io.Reader) (string, error) { return "", errors.New("away") }
	id, _ := c.channels()[0].send(filetest.All()[0])
	k := c.caseOf(id)
	if a := c.As("officer").Get("/desk/cases/" + string(k.Ref) + "/files/" + k.Files[0].SHA256 + "/redact"); a.Status != http.StatusNotFound {
		t.Errorf("answered %d", a.Status)
	}
}
