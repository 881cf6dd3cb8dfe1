package open311_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"comity/internal/casework"
	"comity/internal/file"
)

func picture(t *testing.T, kind string) []byte {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, 8, 6))
	m.Set(3, 3, color.RGBA{200, 30, 30, 255})
	var b bytes.Buffer
	if kind == "png" {
		must(t, png.Encode(&b, m))
	} else {
		must(t, jpeg.Encode(&b, m, nil))
	}
	return b.Bytes()
}

// withGPS puts a block of metadata with a secret into a JPEG.
func withGPS(t *testing.T) []byte {
	plain := picture(t, "jpeg")
	block := append([]byte("Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x00"), secretName...)
	head := []byte{0xFF, 0xD8, 0xFF, 0xE1, byte((len(block) + 2) >> 8), byte(len(block) + 2)}
	return append(append(head, block...), plain[2:]...)
}

func Test_pictures_come_in_by_every_door_and_leave_their_metadata_behind(t *testing.T) {
	remote := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/moved" {
			http.Redirect(w, r, "/photo.jpg", http.StatusFound)
			return
		}
		w.Write(withGPS(t))
	}))
	defer remote.Close()
	at := strings.Replace(remote.URL, "127.0.0.1", "localhost", 1) // a host the operator allows
	data := func(kind string, b []byte) string {
		return "data:" + kind + ";base64," + base64.StdEncoding.EncodeToString(b)
	}
	quick(t, func(s *site) {
		for name, send := range map[string]func() answer{
			"photo1": func() answer {
				return s.upload("requests.xml", s.pothole(), part{"photo1", "a.jpg", "image/jpeg", withGPS(t)})
			},
			"file_1": func() answer {
				return s.upload("requests.xml", s.pothole(), part{"file_1", "a.jpg", "image/jpeg", withGPS(t)})
			},
			"file": func() answer {
				return s.upload("requests.xml", s.pothole(), part{"file", "a.jpg", "image/jpeg", withGPS(t)})
			},
			"media": func() answer {
				return s.upload("requests.xml", s.pothole(), part{"media", "a.jpg", "application/octet-stream", withGPS(t)})
			},
			"an address": func() answer { return s.post("requests.xml", s.pothole("media_url", at+"/photo.jpg")) },
			"a redirect": func() answer { return s.post("requests.xml", s.pothole("media_url", at+"/moved")) },
			"a data URI": func() answer { return s.post("requests.xml", s.pothole("media_url", data("image/jpeg", withGPS(t)))) },
			"one with spaces": func() answer {
				return s.post("requests.xml", s.pothole("media_url", strings.ReplaceAll(data("image/jpeg", withGPS(t)), "+", " ")))
			},
		} {
			c, _ := s.caseOf(send().opened())
			if len(c.Files) != 1 || c.Files[0].Kind != file.KindJPEG || !c.Files[0].Public {
				t.Errorf("%s: files %+v, text %q", name, c.Files, c.Text)
				continue
			}
			if stored := s.stored(c.Files[0]); bytes.Contains(stored, []byte(secretName)) || bytes.Contains(stored, []byte("Exif")) {
				t.Errorf("%s: the picture still tells who took it", name)
			}
		}
		two := s.pothole("media_url", at+"/photo.jpg")
		two["media_url"] = append(two["media_url"], data("image/png", picture(t, "png")))
		c, _ := s.caseOf(s.upload("requests.xml", two, part{"photo2", "b.jpg", "image/jpeg", picture(t, "jpeg")}, part{"photo1", "a.png", "image/png", picture(t, "png")}).opened())
		if len(c.Files) != 4 || c.Files[0].Name != "a.jpg" && c.Files[0].Name != "a.png" {
			t.Errorf("files %+v", c.Files)
		}
	})
}

// stored reads the bytes of a kept file.
func (s *site) stored(f casework.File) []byte {
	s.t.Helper()
	src, err := s.files.Open(f.SHA256, f.Key)
	must(s.t, err)
	defer src.Close()
	var b bytes.Buffer
	_, err = b.ReadFrom(src)
	must(s.t, err)
	return b.Bytes()
}

func Test_a_picture_that_cannot_be_taken_in_does_not_lose_the_report(t *testing.T) {
	slow := make(chan struct{})
	asked := 0
	remote := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		switch r.URL.Path {
		case "/gone.jpg":
			http.NotFound(w, r)
		case "/big.jpg":
			w.Write(append([]byte("\xFF\xD8\xFF"), make([]byte, 21<<20)...))
		case "/page.html":
			w.Write([]byte("<html><script>alert(1)</script></html>"))
		case "/round":
			http.Redirect(w, r, "/round", http.StatusFound)
		case "/inside":
			http.Redirect(w, r, strings.Replace("http://"+r.Host, "localhost", "127.0.0.1", 1)+"/photo.jpg", http.StatusFound)
		case "/file":
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		case "/cut.jpg":
			w.Header().Set("Content-Length", "5000")
			w.Write([]byte("\xFF\xD8\xFF"))
		case "/slow.jpg":
			<-slow
		}
	}))
	defer remote.Close()
	defer close(slow)
	at := strings.Replace(remote.URL, "127.0.0.1", "localhost", 1)
	quick(t, func(s *site) {
		for url, why := range map[string]string{
			at + "/gone.jpg":                        "nothing to be had",
			at + "/big.jpg":                         "larger than 20 MB",
			at + "/page.html":                       "kind of file",
			at + "/round":                           "nothing to be had",
			at + "/cut.jpg":                         "nothing to be had",
			at + "/inside":                          "not public",
			at + "/file":                            "not one of the web",
			remote.URL + "/photo.jpg":               "not public",
			"http://[::1]/a.jpg":                    "not public",
			"http://[::ffff:127.0.0.1]/a.jpg":       "not public",
			"http://0.0.0.0/a.jpg":                  "not public",
			"http://10.1.2.3/a.jpg":                 "not public",
			"http://192.168.0.1/a.jpg":              "not public",
			"http://172.16.5.5/a.jpg":               "not public",
			"http://100.64.0.1/a.jpg":               "not public",
			"http://169.254.169.254/latest/meta":    "not public",
			"http://[fd00::1]/a.jpg":                "not public",
			"http://[fe80::1]/a.jpg":                "not public",
			"http://[64:ff9b::7f00:1]/a.jpg":        "not public",
			"http://[2002:7f00:1::]/a.jpg":          "not public",
			"http://224.0.0.1/a.jpg":                "not public",
			"http://2130706433/a.jpg":               "", // a number is a name here: it leads nowhere, or is refused
			"http://8.8.8.8:22/a.jpg":               "not public",
			"http://user:word@localhost/a.jpg":      "not one of the web",
			"file:///etc/passwd":                    "not one of the web",
			"gopher://localhost/a.jpg":              "not one of the web",
			"//localhost/a.jpg":                     "not one of the web",
			"http:///a.jpg":                         "not one of the web",
			"http://%zz/":                           "not one of the web",
			"data:image/jpeg;base64,%%%":            "data: address",
			"data:nothing":                          "data: address",
			"data:image/png;base64,PHN2Zy8+":        "",
			"data:image/svg+xml,%3Csvg%2F%3E":       "kind of file",
			"data:image/jpeg;base64,R0lGODlhAQABAA": "match its name",
		} {
			a := s.post("requests.xml", s.pothole("media_url", url))
			c, _ := s.caseOf(a.says(200, "Could not be taken in: ", why).opened())
			if len(c.Files) > 0 || !strings.Contains(c.Text, "Could not be taken in: ") || !strings.Contains(c.Text, why) || !strings.HasPrefix(c.Text, "路面有个大坑") {
				t.Errorf("%s: %d files and %q", url, len(c.Files), c.Text)
			}
		}
		c, _ := s.caseOf(s.upload("requests.xml", s.pothole(), part{"photo1", "bad.jpg", "image/jpeg", []byte("\xFF\xD8\xFFnonsense")}, part{"photo2", "good.jpg", "image/jpeg", picture(t, "jpeg")}).opened())
		if len(c.Files) != 1 || !strings.Contains(c.Text, "bad.jpg") {
			t.Errorf("%d files and %q", len(c.Files), c.Text)
		}
		full := strings.Repeat("长", 4000)
		a := s.post("requests.xml", s.pothole("description", full, "media_url", "file:///x"))
		if c, _ := s.caseOf(a.says(200, "Could not be taken in").opened()); c.Text != full {
			t.Error("a full text was cut")
		}
		many := s.pothole()
		for range 12 {
			many.Add("media_url", "data:image/png;base64,"+base64.StdEncoding.EncodeToString(picture(t, "png")))
		}
		if c, _ := s.caseOf(s.post("requests.xml", many).opened()); len(c.Files) != 10 || strings.Count(c.Text, "more files than can be attached") != 2 {
			t.Errorf("%d files and %q", len(c.Files), c.Text)
		}
		before := asked
		s.post("requests.xml", s.pothole("description", "", "media_url", at+"/gone.jpg")).want(400)
		if asked != before {
			t.Error("a picture was fetched for a report that is refused")
		}
	})
}

func Test_a_picture_that_does_not_come_in_time_is_given_up(t *testing.T) {
	remote := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer remote.Close()
	at := strings.Replace(remote.URL, "127.0.0.1", "localhost", 1)
	quick(t, func(s *site) {
		s.server.Hurry(0)
		s.post("requests.xml", s.pothole("media_url", at+"/slow.jpg")).says(200, "did not come in time")
	})
}

func Test_a_picture_that_was_sent_along_does_not_wait_for_one_that_does_not_come(t *testing.T) {
	quick(t, func(s *site) {
		s.server.Hurry(0)
		s.server.Files.Scan = func(ctx context.Context, _ io.Reader) (string, error) { return "", ctx.Err() }
		report := s.pothole("media_url", "http://localhost:1/slow.jpg")
		report.Add("media_url", "data:image/png;base64,"+base64.StdEncoding.EncodeToString(picture(t, "png")))
		if c, _ := s.caseOf(s.post("requests.xml", report).opened()); len(c.Files) != 1 || c.Files[0].Held != "" {
			t.Errorf("kept are %+v", c.Files)
		}
	})
}

func Test_a_part_of_a_form_never_rests_in_the_clear(t *testing.T) {
	const marker = "nobody else may read this line of the letter"
	letter := []byte(strings.Repeat(marker+"\n", 3<<20/len(marker)))
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	quick(t, func(s *site) {
		looked := 0
		s.server.Files.Scan = func(_ context.Context, r io.Reader) (string, error) {
			for _, dir := range []string{temporary, s.files.Dir} {
				for path, data := range filesBelow(t, dir) {
					looked++
					if bytes.Contains(data, []byte(marker)) {
						t.Errorf("%s lies in the clear", path)
					}
				}
			}
			_, err := io.Copy(io.Discard, r)
			return "", err
		}
		c, _ := s.caseOf(s.upload("requests.xml", s.pothole(), part{"file", "a.txt", "text/plain", letter}).opened())
		if len(c.Files) != 1 || c.Files[0].Kind != file.KindText || !bytes.Contains(s.stored(c.Files[0]), []byte(marker)) {
			t.Errorf("kept are %+v, told is %q", c.Files, c.Text)
		}
		if looked == 0 {
			t.Error("nothing was looked at")
		}
		s.upload("requests.xml", s.pothole("service_code", "nothing"), part{"file", "a.txt", "text/plain", letter}).want(404)
		for path := range filesBelow(t, s.files.Dir) {
			if strings.Contains(path, ".put-") {
				t.Errorf("%s of a refused report is left", path)
			}
		}
	})
}

func filesBelow(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		out[path], err = os.ReadFile(path)
		return err
	}))
	return out
}

func Test_parts_beyond_the_number_that_may_be_sent_are_told_and_the_others_kept(t *testing.T) {
	quick(t, func(s *site) {
		var all []part
		for i := range 12 {
			all = append(all, part{fmt.Sprintf("photo%d", 99-i), fmt.Sprintf("p%d.png", 99-i), "image/png", picture(t, "png")})
		}
		if c, _ := s.caseOf(s.upload("requests.xml", s.pothole(), all...).opened()); len(c.Files) != 10 || strings.Count(c.Text, "more files than can be attached") != 2 {
			t.Errorf("%d files and %q", len(c.Files), c.Text)
		}
		var fields []part
		for range 301 {
			fields = append(fields, part{"other", "x", "text/plain", nil})
		}
		s.upload("requests.xml", s.pothole(), fields...).says(400, "more than 300 parameters")
	})
}
