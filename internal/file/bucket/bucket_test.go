package bucket_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"comity/internal/file"
	"comity/internal/file/bucket"
	"comity/internal/file/filetest"
)

// fake speaks as much of the protocol as is needed, and can be made to fail.
type fake struct {
	mu     sync.Mutex
	things map[string][]byte
	fails  string // an error code for every answer
	seen   []byte // every body that ever came
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	say := func(status int, code string) {
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		if r.Method != http.MethodHead {
			fmt.Fprintf(w, "<Error><Code>%s</Code></Error>", code)
		}
	}
	if f.fails != "" {
		say(http.StatusForbidden, f.fails)
		return
	}
	if !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ") {
		say(http.StatusForbidden, "AccessDenied")
		return
	}
	if _, asks := r.URL.Query()["location"]; asks {
		fmt.Fprint(w, `<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/"></LocationConstraint>`)
		return
	}
	data, there := f.things[r.URL.Path]
	switch r.Method {
	case http.MethodPut:
		body, err := io.ReadAll(r.Body)
		if err != nil {
			say(http.StatusBadRequest, "IncompleteBody")
			return
		}
		if strings.HasPrefix(r.Header.Get("X-Amz-Content-Sha256"), "STREAMING") {
			body = unchunked(body)
		}
		f.things[r.URL.Path], f.seen = body, append(f.seen, body...)
		w.Header().Set("ETag", `"x"`)
	case http.MethodGet, http.MethodHead:
		if !there {
			say(http.StatusNotFound, "NoSuchKey")
			return
		}
		w.Header().Set("ETag", `"x"`)
		http.ServeContent(w, r, "", time.Unix(1, 0), bytes.NewReader(data))
	case http.MethodDelete:
		delete(f.things, r.URL.Path)
		w.WriteHeader(http.StatusNoContent)
	}
}

// unchunked takes the signatures of pieces out: "SIZE;chunk-signature=…", the piece, and so on.
func unchunked(b []byte) (out []byte) {
	for {
		head, rest, ok := bytes.Cut(b, []byte("\r\n"))
		var n int
		if _, err := fmt.Sscanf(string(head), "%x", &n); !ok || err != nil || n == 0 || n > len(rest) {
			return out
		}
		out, b = append(out, rest[:n]...), bytes.TrimPrefix(rest[n:], []byte("\r\n"))
	}
}

func open(t *testing.T, endpoint string) *bucket.Bucket {
	t.Helper()
	b, err := bucket.Open(bucket.Place{Endpoint: endpoint, Region: "us-east-1", Name: "comity", Prefix: "civic/", Access: "comity", Secret: secret})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// exercise is what every store of this protocol has to bear.
func exercise(t *testing.T, b file.Bucket) {
	t.Helper()
	s := file.Store{Dir: t.TempDir(), Bucket: b}
	for _, size := range []int{0, 1, 100_000, 6 << 20} {
		want := bytes.Repeat([]byte{'x'}, size)
		name, key, err := s.PutFrom(t.Context(), bytes.NewReader(want))
		if err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		r, err := s.Open(name, key)
		if err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		got, err := io.ReadAll(r)
		r.Close()
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes: got %d, %v", size, len(got), err)
		}
		for range 2 {
			if err := s.Remove(name); err != nil {
				t.Errorf("remove: %v", err)
			}
		}
		if _, err := s.Open(name, key); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("after it was removed: %v", err)
		}
	}
	f, err := s.Take(t.Context(), bytes.NewReader(filetest.JPEG()), "lamp.jpg", file.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Open(f.SHA256, f.Key)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.Seek(-2, io.SeekEnd); err != nil {
		t.Fatal(err)
	}
	end, err := io.ReadAll(r)
	if err != nil || string(end) != "\xFF\xD9" {
		t.Errorf("the end of the photo is %x, %v", end, err)
	}
	left, err := filepath.Glob(filepath.Join(s.Dir, ".put-*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func Test_sealed_files_rest_in_a_bucket(t *testing.T) {
	f := &fake{things: map[string][]byte{}}
	server := httptest.NewServer(f)
	defer server.Close()
	exercise(t, open(t, server.URL))
	if len(f.seen) == 0 || bytes.Contains(f.seen, []byte("xxxxxxxx")) || bytes.Contains(f.seen, []byte("\xFF\xD8\xFF\xDB\x00\x84\x00")) { // as pictures begin here; what is shorter stands in sealed bytes by chance
		t.Error("the bucket was handed something that is not sealed")
	}
}

func Test_a_bucket_that_changes_or_refuses_is_told_from_a_file_that_is_not_there(t *testing.T) {
	f := &fake{things: map[string][]byte{}}
	server := httptest.NewServer(f)
	defer server.Close()
	s := file.Store{Dir: t.TempDir(), Bucket: open(t, server.URL)}
	name, key, err := s.Put([]byte("a letter"))
	if err != nil {
		t.Fatal(err)
	}
	for path := range f.things {
		if !strings.HasPrefix(path, "/comity/civic/") || !strings.HasSuffix(path, name) {
			t.Errorf("it lies at %s", path)
		}
		f.things[path][30] ^= 1
	}
	if _, err := s.Open(name, key); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("changed bytes: %v", err)
	}
	f.fails = "AccessDenied"
	if _, err := s.Open(name, key); err == nil || errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "access_key") {
		t.Errorf("refused: %v", err)
	}
	if _, _, err := s.Put([]byte("another")); err == nil {
		t.Error("stored, though the store refuses")
	}
	server.Close()
	short, stop := context.WithTimeout(t.Context(), time.Second)
	defer stop()
	if _, _, err := s.PutFrom(short, strings.NewReader("another")); err == nil {
		t.Error("stored, though nobody is there")
	}
}

func Test_a_place_that_cannot_be_is_told_at_the_start(t *testing.T) {
	good := bucket.Place{Endpoint: "http://127.0.0.1:1", Name: "n", Access: "a", Secret: "s"}
	for what, change := range map[string]func(*bucket.Place){
		"no scheme": func(p *bucket.Place) { p.Endpoint = "127.0.0.1:1" }, "a path": func(p *bucket.Place) { p.Endpoint = "http://x/y" },
		"no name": func(p *bucket.Place) { p.Name = "" }, "no key": func(p *bucket.Place) { p.Secret = "" },
	} {
		p := good
		change(&p)
		if _, err := bucket.Open(p); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
}

// A store of others: the one that is named (COMITY_TEST_S3=http://host:port, with a bucket "comity" and the keys of this
// test), else the gateway of Versity over a folder, which scripts/check.sh builds, or weed of SeaweedFS.
func Test_a_real_store_bears_the_same(t *testing.T) {
	endpoint := os.Getenv("COMITY_TEST_S3")
	if endpoint == "" {
		endpoint = installed(t)
	}
	exercise(t, open(t, endpoint))
}

const secret = "a secret of the tests"

// installed starts the first store that this machine has.
func installed(t *testing.T) string {
	t.Helper()
	dir, at := t.TempDir(), port(t)
	if program, err := exec.LookPath("versitygw"); err == nil {
		about := t.TempDir() // a folder beside, since not every disk keeps attributes of files
		return started(t, at, exec.Command(program, "--access", "comity", "--secret", secret, "--region", "us-east-1", "--port", "127.0.0.1:"+at, "--quiet", "posix", "--sidecar", about, dir))
	}
	program, err := exec.LookPath("weed")
	if err != nil {
		t.Skip("no store is installed on this machine; scripts/check.sh builds one")
	}
	keys := filepath.Join(dir, "s3.json")
	if err := os.WriteFile(keys, []byte(`{"identities":[{"name":"comity","credentials":[{"accessKey":"comity","secretKey":"`+secret+`"}],"actions":["Admin","Read","Write","List"]}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	return started(t, at, exec.Command(program, "server", "-dir="+dir, "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.port="+port(t), "-volume.port="+port(t), "-filer.port="+port(t),
		"-s3", "-s3.port="+at, "-s3.config="+keys, "-master.volumeSizeLimitMB=64", "-volume.max=20"))
}

func port(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, p, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// started runs a store until the test ends, and waits until it takes something into the bucket of this test.
func started(t *testing.T, at string, cmd *exec.Cmd) string {
	t.Helper()
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	client, err := minio.New("127.0.0.1:"+at, &minio.Options{Creds: credentials.NewStaticV4("comity", secret, ""), BucketLookup: minio.BucketLookupPath, Region: "us-east-1"})
	if err != nil {
		t.Fatal(err)
	}
	for tries := 0; ; tries++ {
		ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
		err := client.MakeBucket(ctx, "comity", minio.MakeBucketOptions{})
		if err == nil {
			_, err = client.PutObject(ctx, "comity", "first", strings.NewReader("x"), 1, minio.PutObjectOptions{})
		}
		ok, _ := client.BucketExists(ctx, "comity")
		if err != nil && ok {
			_, err = client.PutObject(ctx, "comity", "first", strings.NewReader("x"), 1, minio.PutObjectOptions{})
		}
		stop()
		if err == nil {
			return "http://127.0.0.1:" + at
		}
		if tries > 60 {
			t.Fatalf("the store does not start: %v\n%.2000s", err, said.String())
		}
		time.Sleep(500 * time.Millisecond)
	}
}
