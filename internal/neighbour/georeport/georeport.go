// Package georeport speaks to another system by Open311 GeoReport v2 as its client, with the updates extension: it
// hands over a report, asks for its number and how it stands, lists requests, and tells what happened.
//
// It owns how a question is put on the wire and how an answer is read. It reads XML, which every system has to speak,
// of bounded length, and takes no answer for more than it says: a report without a number or a token was not taken in.
//
// It refuses redirects, answers without end, documents that are not UTF-8, and to try again: that is for whoever keeps
// the report. Open this file first; document.go has the shapes of the answers.
package georeport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Client asks one endpoint. It is safe for concurrent use.
type Client struct {
	Base         string // ends with a slash
	Jurisdiction string // empty: the endpoint serves one alone
	Key          string
	HTTP         *http.Client // its transport decides which machines may be called
	Timeout      time.Duration
}

// Bounds of what is read and sent.
const (
	mostRead  = 16 << 20 // bytes of an answer
	mostItems = 20_000   // in it: an empty one takes little to write, and fifty times that to read
	mostHeard = 16_000   // characters of a text of theirs
	mostName  = 300      // bytes of a number, a code or a status
	mostWords = 4000     // characters of a description, by the specification
	mostAsked = 50       // requests asked for by number at once
	mostPages = 50       // of a list
	pageSize  = 100
)

// Refused is an answer that says no. Never says that asking again as it is leads nowhere: the report itself does not fit.
// A wrong key, an unknown address and too many questions are put right elsewhere, and are not of that kind.
type Refused struct {
	Status int
	Words  string
	Never  bool
}

func (r *Refused) Error() string { return strings.TrimSpace(strconv.Itoa(r.Status) + " " + r.Words) }

// errNoNumber is an answer that says yes without saying to what.
var errNoNumber = errors.New("the answer holds neither a number nor a token; whether the report was taken in is not known")

// Report is what is handed over. Of who brought it there is nothing.
type Report struct {
	Service    string
	Text       string
	Address    string
	Lat, Lon   float64
	Placed     bool // Lat and Lon are given
	Attributes map[string]string
	Key        string // the same however often it is handed over
	Files      []File
}

// File is a picture that goes along as a part of the form.
type File struct {
	Name, Kind string
	Open       func() (io.ReadCloser, error)
}

// Receipt is what a report was answered with: a number, or a token by which the number is asked for.
type Receipt struct{ ID, Token string }

// Send hands a report over.
func (c *Client) Send(ctx context.Context, r Report) (Receipt, error) {
	form := c.form("service_code", r.Service, "description", clip(r.Text, mostWords), "address_string", r.Address)
	if r.Placed {
		form.Set("lat", strconv.FormatFloat(r.Lat, 'f', 6, 64))
		form.Set("long", strconv.FormatFloat(r.Lon, 'f', 6, 64))
	}
	for code, v := range r.Attributes {
		if v != "" {
			form.Set("attribute["+code+"]", v)
		}
	}
	form.Set("api_key", c.Key)
	body, kind, done, err := bodyOf(form, r.Files)
	if err != nil {
		return Receipt{}, err
	}
	defer done()
	var doc receiptsDoc
	if err := c.post(ctx, "requests.xml", body, kind, r.Key, &doc); err != nil {
		return Receipt{}, err
	}
	for _, x := range doc.Requests {
		if out := (Receipt{x.ID.name(), x.Token.name()}); out != (Receipt{}) {
			return out, nil
		}
	}
	return Receipt{}, errNoNumber
}

// Number asks for the number behind a token; empty as long as there is none.
func (c *Client) Number(ctx context.Context, token string) (string, error) {
	var doc receiptsDoc
	if err := c.get(ctx, "tokens/"+url.PathEscape(token)+".xml", c.form(), &doc); err != nil {
		return "", err
	}
	for _, x := range doc.Requests {
		if id := x.ID.name(); id != "" {
			return id, nil
		}
	}
	return "", nil
}

// Asked asks how requests stand. Numbers the endpoint does not know are left out of what it answers.
func (c *Client) Asked(ctx context.Context, ids []string) (out []Request, err error) {
	for some := range slices.Chunk(ids, mostAsked) {
		list, err := c.requests(ctx, c.form("service_request_id", strings.Join(some, ",")))
		if err != nil {
			return nil, err
		}
		for _, r := range list {
			if slices.Contains(some, r.ID) {
				out = append(out, r)
			}
		}
	}
	return out, nil
}

// Since lists what was requested of services in a time, of which the specification allows ninety days, oldest first.
// Empty status: open and closed ones. An endpoint without pages answers each page alike; the list ends there.
func (c *Client) Since(ctx context.Context, services []string, status string, from, to time.Time) (out []Request, err error) {
	known := map[string]bool{}
	for page := range mostPages {
		list, err := c.requests(ctx, c.form("service_code", strings.Join(services, ","), "status", status, "start_date", stamp(from), "end_date", stamp(to),
			"page", strconv.Itoa(page+1), "page_size", strconv.Itoa(pageSize)))
		if err != nil {
			return nil, err
		}
		fresh := 0
		for _, r := range list {
			// What was not asked for is not believed: an endpoint may leave a filter aside.
			if r.ID == "" || known[r.ID] || !slices.Contains(services, r.Service) || status != "" && r.Status != status {
				continue
			}
			known[r.ID] = true
			out = append(out, r)
			fresh++
		}
		if fresh == 0 || len(list) < pageSize {
			break
		}
	}
	slices.SortStableFunc(out, func(a, b Request) int { return a.Requested.Compare(b.Requested) })
	return out, nil
}

func (c *Client) requests(ctx context.Context, form url.Values) ([]Request, error) {
	var doc requestsDoc
	if err := c.get(ctx, "requests.xml", form, &doc); err != nil {
		return nil, err
	}
	var out []Request
	for _, r := range doc.Requests {
		out = append(out, r.request())
	}
	return out, nil
}

// Updates lists what happened to requests in a time, oldest first. Those without an id or outside the time are left out:
// they could not be told from ones that were heard before. One whose date does not read is in time: it has its id.
func (c *Client) Updates(ctx context.Context, from, to time.Time) ([]Update, error) {
	form := c.form("start_date", stamp(from), "end_date", stamp(to))
	form.Set("api_key", c.Key) // some endpoints ask for it here too
	var doc updatesDoc
	if err := c.get(ctx, "servicerequestupdates.xml", form, &doc); err != nil {
		return nil, err
	}
	var out []Update
	for _, u := range doc.Updates {
		if x := u.update(); x.ID != "" && x.Request != "" && (x.At.IsZero() || !x.At.Before(from.Truncate(time.Second)) && !x.At.After(to)) {
			out = append(out, x)
		}
	}
	slices.SortStableFunc(out, func(a, b Update) int { return a.At.Compare(b.At) })
	return out, nil
}

// Tell says what happened to a request of theirs, or to one that was handed over.
func (c *Client) Tell(ctx context.Context, u Update) error {
	form := c.form("service_request_id", u.Request, "update_id", u.ID, "status", strings.ToUpper(u.Status), "updated_datetime", stamp(u.At),
		"description", clip(u.Words, mostWords))
	form.Set("api_key", c.Key)
	var doc updatesDoc // what they call it is theirs, but a page of something else is no yes
	return c.post(ctx, "servicerequestupdates.xml", strings.NewReader(form.Encode()), formKind, u.ID, &doc)
}

// Services lists the codes the endpoint offers.
func (c *Client) Services(ctx context.Context) (out []string, err error) {
	var doc servicesDoc
	if err := c.get(ctx, "services.xml", c.form(), &doc); err != nil {
		return nil, err
	}
	for _, s := range doc.Services {
		out = append(out, s.Code.text())
	}
	return out, nil
}

// form begins a question; empty values are left out, as the specification reads them.
func (c *Client) form(kv ...string) url.Values {
	v := url.Values{}
	for i := 0; i+1 < len(kv); i += 2 {
		if kv[i+1] != "" {
			v.Set(kv[i], kv[i+1])
		}
	}
	if c.Jurisdiction != "" {
		v.Set("jurisdiction_id", c.Jurisdiction)
	}
	return v
}

const formKind = "application/x-www-form-urlencoded"

// bodyOf writes a form, with parts where there are files. The parts are written while they are sent.
func bodyOf(form url.Values, files []File) (body io.Reader, kind string, done func(), err error) {
	if len(files) == 0 {
		return strings.NewReader(form.Encode()), formKind, func() {}, nil
	}
	from, to := io.Pipe()
	m := multipart.NewWriter(to)
	go func() { to.CloseWithError(errors.Join(writeParts(m, form, files), m.Close())) }()
	return from, m.FormDataContentType(), func() { from.Close() }, nil
}

func writeParts(m *multipart.Writer, form url.Values, files []File) error {
	for name, list := range form {
		for _, v := range list {
			if err := m.WriteField(name, v); err != nil {
				return err
			}
		}
	}
	for i, f := range files {
		if err := writePart(m, fmt.Sprintf("file_%d", i+1), f); err != nil {
			return err
		}
	}
	return nil
}

func writePart(m *multipart.Writer, name string, f File) error {
	from, err := f.Open()
	if err != nil {
		return err
	}
	defer from.Close()
	head := textproto.MIMEHeader{}
	head.Set("Content-Disposition", fmt.Sprintf(`form-data; name=%q; filename=%q`, name, f.Name))
	head.Set("Content-Type", f.Kind)
	to, err := m.CreatePart(head)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	return err
}

func (c *Client) get(ctx context.Context, path string, form url.Values, into any) error {
	if q := form.Encode(); q != "" {
		path += "?" + q
	}
	return c.call(ctx, http.MethodGet, path, nil, "", "", into)
}

func (c *Client) post(ctx context.Context, path string, body io.Reader, kind, key string, into any) error {
	return c.call(ctx, http.MethodPost, path, body, kind, key, into)
}

// call makes one request and reads its answer, which is never more than it is: an error under a status of success is
// one, and so is a page that is no document of the specification.
func (c *Client) call(ctx context.Context, method, path string, body io.Reader, kind, key string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, c.Base+path, body)
	if err != nil {
		return errors.New("the address of the endpoint does not read") // the error would repeat the key
	}
	r.Header.Set("User-Agent", "Comity")
	r.Header.Set("Accept", "text/xml, application/xml")
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	res, err := c.HTTP.Do(r)
	if err != nil {
		return plain(ctx, err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, mostRead+1))
	if err != nil {
		return plain(ctx, err)
	}
	if len(raw) > mostRead {
		return fmt.Errorf("the answer is longer than %d bytes", mostRead)
	}
	if bytes.Count(raw, []byte("<request")) > mostItems {
		return fmt.Errorf("the answer lists more than %d items", mostItems)
	}
	if no := refusal(res.StatusCode, raw); no != nil {
		return no
	}
	if err := decode(bytes.NewReader(raw), into); err != nil {
		return fmt.Errorf("the answer is no document of GeoReport v2: %w", err)
	}
	return nil
}

// plain is an error of the connection without the address, which holds the key.
func plain(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return errors.New("no answer in time")
	}
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// passing are refusals that something else than the report puts right, beside those of 500 and more.
var passing = []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusProxyAuthRequired,
	http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests}

// refusal reads a no: a status of failure, or a document of errors under one of success. The code that stands in it
// then counts.
func refusal(status int, raw []byte) error {
	var doc errorsDoc
	named := decode(bytes.NewReader(raw), &doc) == nil
	ok := status >= 200 && status < 300
	if ok && !named {
		return nil
	}
	var words []string
	for _, e := range doc.Errors {
		words = append(words, strings.TrimSpace(e.Description.text()))
		if code, err := strconv.Atoi(e.Code.text()); ok && err == nil {
			status = code
		}
	}
	if !named && status >= 300 && status < 400 {
		words = []string{"redirects, which is not followed"}
	}
	// An endpoint that says itself that it knows no such service is there; a bare 404 is a wrong address.
	never := status >= 400 && status < 500 && (!slices.Contains(passing, status) || named && status == http.StatusNotFound)
	return &Refused{Status: status, Words: strings.Join(words, "; "), Never: never}
}

// stamp writes an instant in whole seconds with its zone: fractions are refused by some.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func clip(s string, most int) string {
	r := []rune(s)
	if len(r) <= most {
		return s
	}
	return string(r[:most-1]) + "…"
}
