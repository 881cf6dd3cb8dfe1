package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"comity/internal/courier"
	"comity/internal/outward"
)

// HTTP is a gateway for text messages or chat, as the operator describes it: how a message is put to it, and how
// its answer is read. Places in its texts are {address} {text} {key} {lang} {subject}, and {secret}.
type HTTP struct {
	Name    string
	URL     string
	Method  string
	Headers map[string]string
	Secret  string
	Form    map[string]string // the body as a form; else
	JSON    any               // the body as JSON; neither: no body
	Accept  Accept
	Timeout time.Duration
	Guard   outward.Guard
}

// Accept says when an answer means that the gateway has taken a message. A status alone does not: many gateways
// answer 200 with an error in the body.
type Accept struct {
	Status []int    // empty: 200 to 299
	Field  string   // of the JSON answer, with dots between names; empty: the status alone counts
	Values []string // of Field that mean taken
	Never  []string // of Field that mean: not today and not tomorrow
	ID     string   // field that holds the gateway's number for the message
}

// Gateway is it as the courier calls it.
func (g *HTTP) Gateway() courier.Gateway { return courier.Gateway{Name: g.Name, Send: g.Send} }

// Send puts one message to the gateway.
func (g *HTTP) Send(ctx context.Context, p courier.Parcel) courier.Answer {
	ctx, cancel := context.WithTimeout(ctx, g.Timeout)
	defer cancel()
	r, err := g.request(ctx, p)
	if err != nil {
		return permanent(err.Error())
	}
	status, header, body, err := call(r, g.Guard)
	if err != nil {
		return failed(err)
	}
	return g.Accept.read(status, header, body)
}

func (g *HTTP) request(ctx context.Context, p courier.Parcel) (*http.Request, error) {
	places := map[string]string{"address": p.Address, "text": p.Text, "key": p.Key, "lang": p.Lang, "subject": p.Subject, "secret": g.Secret}
	var body io.Reader
	kind := ""
	switch {
	case g.Form != nil:
		form := url.Values{}
		for name, v := range g.Form {
			form.Set(name, courier.Filled(v, places))
		}
		body, kind = strings.NewReader(form.Encode()), "application/x-www-form-urlencoded"
	case g.JSON != nil:
		raw, err := json.Marshal(filledJSON(g.JSON, places))
		if err != nil {
			return nil, err
		}
		body, kind = bytes.NewReader(raw), "application/json"
	}
	escaped := map[string]string{}
	for name, v := range places {
		escaped[name] = url.QueryEscape(v)
	}
	r, err := http.NewRequestWithContext(ctx, g.Method, courier.Filled(g.URL, escaped), body)
	if err != nil {
		return nil, fmt.Errorf("the address of the gateway does not read") // the error would repeat it, with what was filled in
	}
	r.Header.Set("User-Agent", "Comity")
	r.Header.Set("Idempotency-Key", p.Key)
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	for name, v := range g.Headers {
		r.Header.Set(name, oneLine(courier.Filled(v, places)))
	}
	return r, nil
}

func filledJSON(v any, places map[string]string) any {
	switch v := v.(type) {
	case string:
		return courier.Filled(v, places)
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = filledJSON(x, places)
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for name, x := range v {
			out[name] = filledJSON(x, places)
		}
		return out
	}
	return v
}

// mostAnswered is how much of an answer is read, in bytes.
const mostAnswered = 64 << 10

// client follows no redirect, asks no proxy of the environment, and keeps no connection.
func client(guard outward.Guard) *http.Client {
	t := &http.Transport{DialContext: guard.Dial, DisableKeepAlives: true, MaxResponseHeaderBytes: 32 << 10, TLSHandshakeTimeout: dialTime, DisableCompression: true}
	return &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// call makes one request, of whose answer only a little is read.
func call(r *http.Request, guard outward.Guard) (status int, header http.Header, body []byte, err error) {
	res, err := client(guard).Do(r)
	if err != nil {
		var u *url.Error // would repeat the address, with what was filled in
		if errors.As(err, &u) {
			err = u.Err
		}
		return 0, nil, nil, err
	}
	defer res.Body.Close()
	body, err = io.ReadAll(io.LimitReader(res.Body, mostAnswered+1))
	if err == nil && len(body) > mostAnswered {
		err = fmt.Errorf("the answer is longer than %d bytes", mostAnswered)
	}
	return res.StatusCode, res.Header, body, err
}

// laterStatus are answers that ask to come again, beside 5xx.
var laterStatus = []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusProxyAuthRequired, http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests}

// read makes an outcome of an answer. What speaks of the operator's file (a wrong password or address, a redirect)
// passes when it is put right, so it is temporary.
func (a Accept) read(status int, header http.Header, body []byte) courier.Answer {
	said := fmt.Sprintf("%d", status)
	if to := header.Get("Location"); status >= 300 && status < 400 {
		return temporary(said + " redirects, which is not followed: " + hostOf(to))
	}
	if words := strings.TrimSpace(string(body)); words != "" {
		said += " " + words
	}
	taken := status >= 200 && status < 300
	if len(a.Status) > 0 {
		taken = slices.Contains(a.Status, status)
	}
	value, found := "", false
	if a.Field != "" {
		value, found = field(body, a.Field)
		if found && slices.Contains(a.Never, value) {
			return permanent(said)
		}
	}
	switch {
	case taken && a.Field == "":
		return delivered(said, a.number(body))
	case taken && found && slices.Contains(a.Values, value):
		return delivered(said, a.number(body))
	case taken && !found:
		return temporary(said + " (the answer has no field " + a.Field + ")")
	case taken || status >= 500 || slices.Contains(laterStatus, status) || status < 400:
		return temporary(said)
	}
	return permanent(said)
}

func (a Accept) number(body []byte) string {
	if a.ID == "" {
		return ""
	}
	id, _ := field(body, a.ID)
	return id
}

// field reads one value of a JSON document by names with dots between; a number among them is a place in a list.
func field(body []byte, path string) (string, bool) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return "", false
	}
	for name := range strings.SplitSeq(path, ".") {
		switch at := v.(type) {
		case map[string]any:
			next, ok := at[name]
			if !ok {
				return "", false
			}
			v = next
		case []any:
			var i int
			if _, err := fmt.Sscanf(name, "%d", &i); err != nil || i < 0 || i >= len(at) {
				return "", false
			}
			v = at[i]
		default:
			return "", false
		}
	}
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return fmt.Sprint(v), true
	}
	return "", false
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "elsewhere"
	}
	return u.Host
}
