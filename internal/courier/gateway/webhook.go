package gateway

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"comity/internal/courier"
	"comity/internal/outward"
)

// Webhook is a receiver of events, told in the way of the specification Standard Webhooks: three headers name the
// event, say when it is sent and prove by whom.
type Webhook struct {
	Name    string
	URL     string
	Events  []string // kinds it is told of; empty: all
	Secrets [][]byte // the newest first; each signs, so that a receiver can change from one to the next
	Timeout time.Duration
	Guard   outward.Guard
}

// ParseSecret reads a secret as it is written: whsec_ and base64 of 24 to 64 bytes.
func ParseSecret(s string) ([]byte, error) {
	rest, ok := strings.CutPrefix(s, "whsec_")
	if !ok {
		return nil, errors.New("a secret begins with whsec_")
	}
	raw, err := base64.StdEncoding.DecodeString(rest)
	if err != nil {
		return nil, errors.New("behind whsec_ a secret is base64")
	}
	if len(raw) < 24 || len(raw) > 64 {
		return nil, fmt.Errorf("a secret has 24 to 64 bytes, not %d", len(raw))
	}
	return raw, nil
}

// Sign is the value of webhook-signature: one signature for each secret, over name, time and body.
func Sign(secrets [][]byte, id string, at time.Time, body []byte) string {
	var out []string
	for _, secret := range secrets {
		m := hmac.New(sha256.New, secret)
		fmt.Fprintf(m, "%s.%d.", id, at.Unix())
		m.Write(body)
		out = append(out, "v1,"+base64.StdEncoding.EncodeToString(m.Sum(nil)))
	}
	return strings.Join(out, " ")
}

// Hook is it as the courier calls it.
func (w *Webhook) Hook() courier.Hook {
	return courier.Hook{Name: w.Name, Events: w.Events, Send: w.Send}
}

// Send tells the receiver one event. at is when it is sent, which receivers hold against their own clock; the name
// of the event stays the same however often it is told.
func (w *Webhook) Send(ctx context.Context, id string, at time.Time, body []byte) courier.Answer {
	ctx, cancel := context.WithTimeout(ctx, w.Timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, bytes.NewReader(body))
	if err != nil {
		return permanent(err.Error())
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "Comity")
	r.Header.Set("webhook-id", id)
	r.Header.Set("webhook-timestamp", strconv.FormatInt(at.Unix(), 10))
	r.Header.Set("webhook-signature", Sign(w.Secrets, id, at, body))
	status, header, answer, err := call(r, w.Guard)
	if err != nil {
		return failed(err)
	}
	if status == http.StatusGone { // the specification: the receiver wants no more
		return permanent("410 the receiver wants no more")
	}
	a := Accept{}.read(status, header, answer)
	if a.State == courier.Permanent {
		a.State = courier.Temporary // every other refusal is of the receiver's own making and may pass
	}
	return a
}
