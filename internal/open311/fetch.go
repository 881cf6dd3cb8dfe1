package open311

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"comity/internal/outward"
)

// fetcher gets pictures from addresses that strangers name, redirects included, as far as outward lets it. Names the
// operator lists may lead anywhere; of all others only the ports of the web are called.
type fetcher struct{ client *http.Client }

const (
	maxRedirects = 3
	dialTime     = 5 * time.Second
	headerTime   = 10 * time.Second
	headerBytes  = 16 << 10
)

// unreachable says why there is no picture behind an address; rule is the text open311.media.RULE.
type unreachable struct {
	rule   string
	params map[string]string
	err    error
}

func (u *unreachable) Error() string { return fmt.Sprintf("open311: media: %s: %v", u.rule, u.err) }
func (u *unreachable) Unwrap() error { return u.err }

var (
	errScheme = errors.New("neither http nor https")
	errFar    = errors.New("too many redirects")
)

func newFetcher(hosts []string) fetcher {
	guard := outward.Guard{Hosts: hosts, Ports: []uint16{80, 443}, Patience: dialTime}
	transport := &http.Transport{
		Proxy: nil, DialContext: guard.Dial, ForceAttemptHTTP2: true, DisableKeepAlives: true,
		TLSHandshakeTimeout: dialTime, ResponseHeaderTimeout: headerTime, MaxResponseHeaderBytes: headerBytes,
	}
	return fetcher{&http.Client{Transport: transport, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if len(via) > maxRedirects {
			return errFar
		}
		return plain(r.URL)
	}}}
}

// plain refuses an address that is not of the web, or that carries a password.
func plain(u *url.URL) error {
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil {
		return errScheme
	}
	return nil
}

// get opens what stands behind an address. The caller closes it and reads no more than it may.
func (f fetcher) get(ctx context.Context, raw string) (io.ReadCloser, string, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, "", &unreachable{rule: "scheme", err: errScheme}
	}
	if err := plain(u); err != nil {
		return nil, "", &unreachable{rule: "scheme", err: err}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, "", &unreachable{rule: "scheme", err: err}
	}
	r.Header.Set("Accept", "image/*, application/pdf, text/plain")
	r.Header.Set("User-Agent", "comity")
	res, err := f.client.Do(r)
	if err != nil {
		return nil, "", &unreachable{rule: whyNot(ctx, err), err: err}
	}
	if res.StatusCode != http.StatusOK {
		res.Body.Close()
		return nil, "", &unreachable{rule: "failed", err: fmt.Errorf("status %d", res.StatusCode)}
	}
	return res.Body, res.Header.Get("Content-Type"), nil
}

func whyNot(ctx context.Context, err error) string {
	var timeout net.Error
	switch {
	case errors.Is(err, outward.ErrPrivate), errors.Is(err, outward.ErrPort):
		return "private"
	case errors.Is(err, errScheme):
		return "scheme"
	case ctx.Err() != nil, errors.As(err, &timeout) && timeout.Timeout():
		return "slow"
	}
	return "failed"
}
