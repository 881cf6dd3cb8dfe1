package gateway_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"comity/internal/courier"
	"comity/internal/courier/gateway"
	"comity/internal/outward"
)

// verified is the receiver's side, written from the specification and not from what sends.
func verified(r *http.Request, body []byte, secret string, now time.Time) bool {
	at, err := strconv.ParseInt(r.Header.Get("webhook-timestamp"), 10, 64)
	if err != nil || now.Sub(time.Unix(at, 0)).Abs() > 5*time.Minute {
		return false
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		return false
	}
	mac := hmac.New(sha256.New, key)
	io.WriteString(mac, r.Header.Get("webhook-id")+"."+r.Header.Get("webhook-timestamp")+"."+string(body))
	want := mac.Sum(nil)
	for s := range strings.SplitSeq(r.Header.Get("webhook-signature"), " ") {
		version, sum, _ := strings.Cut(s, ",")
		got, err := base64.StdEncoding.DecodeString(sum)
		if version == "v1" && err == nil && hmac.Equal(got, want) {
			return true
		}
	}
	return false
}

var older, newer = "whsec_" + base64.StdEncoding.EncodeToString([]byte("the older secret of thirty-two b")), "whsec_" + base64.StdEncoding.EncodeToString([]byte("the newer secret of thirty-two b"))

func Test_a_receiver_can_verify_an_event_by_either_secret_while_they_change(t *testing.T) {
	now := time.Date(2026, 3, 2, 1, 0, 0, 0, time.UTC)
	status := 204
	good := map[string]int{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		for name, secret := range map[string]string{"older": older, "newer": newer, "another": "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 32))} {
			if verified(r, body, secret, now) {
				good[name]++
			}
		}
		if verified(r, append(body, ' '), newer, now) || verified(r, body, newer, now.Add(time.Hour)) {
			t.Error("another body or an old time is verified")
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(s.Close)
	u, _ := url.Parse(s.URL)
	w := &gateway.Webhook{Name: "stats", URL: s.URL, Timeout: 2 * time.Second, Guard: outward.Guard{Hosts: []string{u.Host}}}
	for _, text := range []string{newer, older} {
		secret, err := gateway.ParseSecret(text)
		if err != nil {
			t.Fatal(err)
		}
		w.Secrets = append(w.Secrets, secret)
	}
	if a := w.Send(t.Context(), "evt_1", now, []byte(`{"type":"case.accepted"}`)); a.State != courier.Delivered || good["older"] != 1 || good["newer"] != 1 || good["another"] != 0 {
		t.Errorf("got %+v, %v", a, good)
	}
	for code, want := range map[int]courier.State{200: courier.Delivered, 400: courier.Temporary, 404: courier.Temporary, 410: courier.Permanent, 302: courier.Temporary, 500: courier.Temporary} {
		status = code
		if a := w.Send(t.Context(), "evt_1", now, []byte(`{}`)); a.State != want {
			t.Errorf("%d gives %+v, want %s", code, a, want)
		}
	}
}

func Test_the_signature_of_the_specification_comes_out(t *testing.T) {
	// The vector that the libraries of the specification are tested with.
	secret, err := gateway.ParseSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	if got := gateway.Sign([][]byte{secret}, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`)); got != "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" {
		t.Errorf("got %s", got)
	}
	for _, bad := range []string{"", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_!!", "whsec_YWJj"} {
		if _, err := gateway.ParseSecret(bad); err == nil {
			t.Errorf("%q is taken for a secret", bad)
		}
	}
}
