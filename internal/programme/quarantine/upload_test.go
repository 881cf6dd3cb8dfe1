package quarantine_test

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"comity/internal/file/filetest"
	"comity/internal/programme/programmetest"
)

// tus speaks the protocol of uploads in pieces.
func tus(t *testing.T, b *programmetest.Browser, method, path string, body []byte, head ...string) programmetest.Reply {
	t.Helper()
	r, err := http.NewRequest(method, b.Base+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Tus-Resumable", "1.0.0")
	for i := 0; i+1 < len(head); i += 2 {
		r.Header.Set(head[i], head[i+1])
	}
	return b.Send(r)
}

func begun(t *testing.T, b *programmetest.Browser, s filetest.Sample) programmetest.Reply {
	t.Helper()
	coded := func(v string) string { return base64.StdEncoding.EncodeToString([]byte(v)) }
	return tus(t, b, "POST", "/upload", nil, "Upload-Length", strconv.Itoa(len(s.Data)), "Upload-Metadata", "filename "+coded(s.Name)+",filetype "+coded(s.Declared))
}

func piece(t *testing.T, b *programmetest.Browser, to string, from int, body []byte) programmetest.Reply {
	t.Helper()
	return tus(t, b, "PATCH", to, body, "Content-Type", "application/offset+octet-stream", "Upload-Offset", strconv.Itoa(from))
}

func Test_a_photo_sent_in_pieces_goes_into_a_case_with_the_ticket_it_gets(t *testing.T) {
	c := newTown(t)
	b, photo := c.Browser(), filetest.All()[0]
	to := begun(t, b, photo).To
	if !strings.HasPrefix(to, "/upload/") {
		t.Fatalf("it is at %q", to)
	}
	half := len(photo.Data) / 2
	if a := piece(t, b, to, 0, photo.Data[:half]); a.Status != http.StatusNoContent || a.Header.Get("Photo-Ticket") != "" {
		t.Fatalf("%d", a.Status)
	}
	if a := piece(t, b, to, 0, photo.Data[:half]); a.Status != http.StatusConflict {
		t.Errorf("the same piece again: %d", a.Status)
	}
	if a := tus(t, b, "HEAD", to, nil); a.Header.Get("Upload-Offset") != strconv.Itoa(half) || a.Header.Get("Upload-Expires") == "" {
		t.Errorf("it stands at %q", a.Header.Get("Upload-Offset"))
	}
	a := piece(t, b, to, half, photo.Data[half:])
	ticket := a.Header.Get("Photo-Ticket")
	if a.Status != http.StatusNoContent || ticket == "" {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	if again := piece(t, b, to, len(photo.Data), nil); again.Status != http.StatusNoContent || again.Header.Get("Photo-Ticket") == "" {
		t.Errorf("the last answer cannot be asked for again: %d", again.Status)
	}
	id, _, code := c.opened()
	if a := b.Post("/f/"+string(code)+"/note", "text", "see this", "photo", ticket); a.Status != http.StatusSeeOther {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	k := c.caseOf(id)
	if len(k.Files) != 1 || k.Files[0].Name != "lamp.jpg" {
		t.Fatalf("%+v", k.Files)
	}
	if a := c.Browser().Get("/f/" + string(code) + "/file/" + k.Files[0].SHA256); a.Status != http.StatusOK || filetest.Leaks([]byte(a.Body)) != "" {
		t.Errorf("%d", a.Status)
	}
}

func Test_no_kind_of_file_gets_through_in_pieces_unclean(t *testing.T) {
	c := newTown(t)
	for _, s := range filetest.All() {
		b := c.Browser()
		a := begun(t, b, s)
		switch {
		case len(s.Data) == 0:
			if a.Status != http.StatusBadRequest {
				t.Errorf("%s: %d", s.What, a.Status)
			}
			continue
		case s.Rule == "file.too_big":
			if a.Status != http.StatusRequestEntityTooLarge {
				t.Errorf("%s: %d", s.What, a.Status)
			}
			continue
		}
		a = piece(t, b, a.To, 0, s.Data)
		ticket := a.Header.Get("Photo-Ticket")
		if s.Want == filetest.Refused && (a.Status != http.StatusUnprocessableEntity || ticket != "" || len(a.Body) < 10) {
			t.Errorf("%s: %d %q", s.What, a.Status, a.Body)
		}
		if s.Want == filetest.Cleaned && (a.Status != http.StatusNoContent || ticket == "") {
			t.Errorf("%s: %d %q", s.What, a.Status, a.Body)
		}
	}
}

func Test_whoever_does_not_speak_the_protocol_is_told(t *testing.T) {
	c := newTown(t)
	b := c.Browser()
	if a := tus(t, b, "POST", "/upload", nil, "Tus-Resumable", "0.2", "Upload-Length", "3"); a.Status != http.StatusPreconditionFailed {
		t.Errorf("another version: %d", a.Status)
	}
	if a := tus(t, b, "HEAD", "/upload/"+strings.Repeat("a", 32)+".s.x", nil); a.Status != http.StatusNotFound {
		t.Errorf("nobody's: %d", a.Status)
	}
	to := begun(t, b, filetest.All()[0]).To
	if a := tus(t, b, "PATCH", to, []byte("x"), "Content-Type", "text/plain", "Upload-Offset", "0"); a.Status != http.StatusUnsupportedMediaType {
		t.Errorf("another type: %d", a.Status)
	}
	if a := tus(t, b, "DELETE", to, nil); a.Status != http.StatusNoContent {
		t.Errorf("dropped: %d", a.Status)
	}
	if a := tus(t, b, "HEAD", to, nil); a.Status != http.StatusNotFound {
		t.Errorf("dropped, but %d", a.Status)
	}
	if a := tus(t, b, "OPTIONS", "/upload", nil); a.Header.Get("Tus-Extension") == "" || a.Header.Get("Tus-Max-Size") == "" {
		t.Errorf("%v", a.Header)
	}
}
