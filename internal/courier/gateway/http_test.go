package gateway_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"comity/internal/courier"
	"comity/internal/courier/gateway"
	"comity/internal/outward"
)

// desk is a gateway for text messages that notes what it is asked.
type asked struct {
	Path, Query, Kind, Auth, Key, Body string
}

func gatewayOf(t *testing.T, answer http.HandlerFunc) (*gateway.HTTP, *[]asked) {
	t.Helper()
	var got []asked
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, asked{r.URL.Path, r.URL.RawQuery, r.Header.Get("Content-Type"), r.Header.Get("Authorization"), r.Header.Get("Idempotency-Key"), string(body)})
		answer(w, r)
	}))
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	u, _ := url.Parse(s.URL)
	return &gateway.HTTP{Name: "sms", URL: s.URL + "/send", Method: "POST", Timeout: 2 * time.Second, Guard: outward.Guard{Hosts: []string{u.Host}}, Secret: "s3cret",
		Headers: map[string]string{"Authorization": "Bearer {secret}"},
		JSON:    map[string]any{"to": []any{"{address}"}, "text": "{text}", "id": "{key}", "lang": "{lang}", "flash": false},
		Accept:  gateway.Accept{Field: "code", Values: []string{"0", "ok"}, Never: []string{"40001"}, ID: "data.id"}}, &got
}

func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

func Test_a_message_is_put_to_a_gateway_as_its_operator_describes_it(t *testing.T) {
	g, got := gatewayOf(t, says(200, `{"code":0,"data":{"id":4711}}`))
	p := parcel
	p.Channel, p.Address, p.Text = "sms", "+86 138 0000 1111", "\"{secret}\" {address} 您好\n"
	if a := g.Send(t.Context(), p); a.State != courier.Delivered || a.ID != "4711" {
		t.Fatalf("got %+v", a)
	}
	var body struct {
		To             []string
		Text, ID, Lang string
		Flash          bool
	}
	if err := json.Unmarshal([]byte((*got)[0].Body), &body); err != nil || body.To[0] != p.Address || body.Text != p.Text || body.ID != p.Key || body.Lang != "zh-CN" {
		t.Errorf("the body is %s", (*got)[0].Body)
	}
	if (*got)[0].Auth != "Bearer s3cret" || (*got)[0].Key != p.Key || (*got)[0].Kind != "application/json" {
		t.Errorf("got %+v", *got)
	}
	g.JSON, g.Form = nil, map[string]string{"mobile": "{address}", "content": "{text}"}
	if a := g.Send(t.Context(), p); a.State != courier.Delivered {
		t.Fatalf("got %+v", a)
	}
	form, err := url.ParseQuery((*got)[1].Body)
	if err != nil || form.Get("mobile") != p.Address || form.Get("content") != p.Text {
		t.Errorf("the form is %v", form)
	}
	g.Form, g.Method, g.URL = nil, "GET", g.URL+"?to={address}&t={text}"
	if a := g.Send(t.Context(), p); a.State != courier.Delivered {
		t.Fatalf("got %+v", a)
	}
	query, err := url.ParseQuery((*got)[2].Query)
	if err != nil || query.Get("to") != p.Address || query.Get("t") != p.Text || (*got)[2].Path != "/send" {
		t.Errorf("asked %+v", (*got)[2])
	}
}

func Test_an_answer_means_what_the_operator_says_and_not_what_its_status_says(t *testing.T) {
	for _, c := range []struct {
		status int
		body   string
		want   courier.State
	}{
		{200, `{"code":0}`, courier.Delivered}, {200, `{"code":"ok"}`, courier.Delivered}, {201, `{"code":0}`, courier.Delivered},
		{200, `{"code":17,"msg":"no balance"}`, courier.Temporary}, {200, `{"code":40001,"msg":"number unknown"}`, courier.Permanent}, {400, `{"code":40001}`, courier.Permanent},
		{200, `{"msg":"error"}`, courier.Temporary}, {200, `<html>maintenance</html>`, courier.Temporary}, {200, ``, courier.Temporary}, {200, `{"code":{"a":1}}`, courier.Temporary},
		{500, `{"code":0}`, courier.Temporary}, {503, ``, courier.Temporary}, {429, ``, courier.Temporary}, {401, `bad token`, courier.Temporary}, {404, ``, courier.Temporary},
		{400, `{"code":9}`, courier.Permanent}, {422, ``, courier.Permanent}, {302, ``, courier.Temporary},
	} {
		g, _ := gatewayOf(t, says(c.status, c.body))
		if a := g.Send(t.Context(), parcel); a.State != c.want {
			t.Errorf("%d %s gives %+v, want %s", c.status, c.body, a, c.want)
		}
	}
	g, _ := gatewayOf(t, says(202, "accepted"))
	g.Accept = gateway.Accept{Status: []int{202}}
	if a := g.Send(t.Context(), parcel); a.State != courier.Delivered {
		t.Errorf("got %+v", a)
	}
	g.Accept = gateway.Accept{Status: []int{200}}
	if a := g.Send(t.Context(), parcel); a.State == courier.Delivered {
		t.Errorf("another status than the listed one counts: %+v", a)
	}
}

func Test_a_hostile_gateway_costs_a_try_and_nothing_else(t *testing.T) {
	inner := 0
	inside := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { inner++; says(200, `{"code":0}`)(w, nil) }))
	t.Cleanup(inside.Close)
	for name, answer := range map[string]http.HandlerFunc{
		"never answers": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"answers one byte at a time": func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				io.WriteString(w, " ")
				w.(http.Flusher).Flush()
				time.Sleep(20 * time.Millisecond)
			}
		},
		"answers without end": func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := io.WriteString(w, strings.Repeat("x", 1<<16)); err != nil {
					return
				}
			}
		},
		"sends headers without end": func(w http.ResponseWriter, _ *http.Request) {
			for i := range 2000 {
				w.Header().Set(fmt.Sprint("X-", i), strings.Repeat("y", 100))
			}
		},
		"redirects into the house": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, inside.URL, http.StatusTemporaryRedirect)
		},
		"hangs up": func(w http.ResponseWriter, _ *http.Request) {
			c, _, _ := w.(http.Hijacker).Hijack()
			c.Close()
		},
	} {
		g, _ := gatewayOf(t, answer)
		g.Timeout = 500 * time.Millisecond
		if a := g.Send(t.Context(), parcel); a.State != courier.Temporary || strings.Contains(a.Words, parcel.Address) {
			t.Errorf("one that %s: %.200v", name, a)
		}
	}
	if inner != 0 {
		t.Error("a redirect was followed")
	}
	g, got := gatewayOf(t, says(200, `{"code":0}`))
	g.Guard = outward.Guard{}
	if a := g.Send(t.Context(), parcel); a.State != courier.Temporary || !strings.Contains(a.Words, "private or reserved") || len(*got) != 0 {
		t.Errorf("a machine in a private range is called: %+v", a)
	}
}

func Test_headers_of_a_gateway_stay_one_line(t *testing.T) {
	g, got := gatewayOf(t, says(200, `{"code":0}`))
	g.Headers = map[string]string{"Authorization": "{lang}"}
	p := parcel
	p.Lang = "en\r\nX-Evil: 1"
	if a := g.Send(t.Context(), p); a.State != courier.Delivered || (*got)[0].Auth != "en X-Evil: 1" {
		t.Errorf("got %+v, %+v", a, *got)
	}
}
