package portal

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
)

func Test_a_line_that_breaks_during_an_upload_is_no_incident_and_goes_on_where_it_was(t *testing.T) {
	c := newCity(t)
	tus := func(method, path string, body io.Reader, head ...string) answer {
		r := httptest.NewRequest(method, path, body)
		r.Header.Set("Tus-Resumable", "1.0.0")
		for i := 0; i+1 < len(head); i += 2 {
			r.Header.Set(head[i], head[i+1])
		}
		return c.send(r)
	}
	to := tus("POST", "/upload", nil, "Upload-Length", "10").Head.Get("Location")
	broken := io.MultiReader(strings.NewReader("words"), iotest.ErrReader(errors.New("connection reset by peer")))
	if a := tus("PATCH", to, broken, "Content-Type", "application/offset+octet-stream", "Upload-Offset", "0"); a.Code != http.StatusRequestTimeout || a.Body != "" {
		t.Errorf("%d %s", a.Code, a.Body)
	}
	if at := tus("HEAD", to, nil).Head.Get("Upload-Offset"); at != "5" {
		t.Errorf("it stands at %q", at)
	}
}
