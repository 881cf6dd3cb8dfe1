package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// scriptBudget is how much script a page may ask a telephone to load, compressed.
const scriptBudget = 60_000

var scriptOf = regexp.MustCompile(`<script[^>]*\ssrc="([^"]+)"`)

func Test_no_page_asks_for_more_script_than_a_slow_network_bears(t *testing.T) {
	w := walkedCity(t, surfaceOptions{})
	sizes, most, where, pages := map[string]int{}, 0, "", 0
	for _, pattern := range w.routes(http.MethodGet) {
		for _, as := range []visitor{nobody, officer} {
			target := w.fill(pattern, nil)
			a := w.get(target, as)
			if !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
				continue
			}
			pages++
			sum := 0
			for _, m := range scriptOf.FindAllStringSubmatch(a.body, -1) {
				src := strings.ReplaceAll(m[1], "&amp;", "&")
				if !strings.HasPrefix(src, "/") {
					t.Errorf("%s loads a script from elsewhere: %s", target, src)
					continue
				}
				if _, ok := sizes[src]; !ok {
					r := httptest.NewRequest(http.MethodGet, src, nil)
					r.Header.Set("Accept-Encoding", "gzip")
					s := w.send(r, nobody)
					if s.status != http.StatusOK {
						t.Errorf("%s on %s answered %d", src, target, s.status)
					}
					sizes[src] = len(s.body)
				}
				sum += sizes[src]
			}
			if sum > most {
				most, where = sum, target
			}
			if sum > scriptBudget {
				t.Errorf("%s asks for %d bytes of script, more than %d", target, sum, scriptBudget)
			}
		}
	}
	if pages < 50 || most == 0 {
		t.Fatalf("%d pages with at most %d bytes: the test looks past the scripts", pages, most)
	}
	t.Logf("%d pages; the most is %d bytes compressed, on %s", pages, most, where)
}

// The networks of the measurement: round trip in milliseconds, bytes a second.
var slowNetworks = []struct {
	name string
	trip float64
	rate float64
}{{"slow 3G", 400, 50_000}, {"2G", 800, 6_250}}

// It measures and fails on nothing: how fast the machine of a test is says little about a telephone.
func Test_how_long_the_first_page_takes_over_a_slow_network_is_told(t *testing.T) {
	b := openBrowserCity(t)
	b.do(chromedp.EmulateViewport(360, 740))
	for _, n := range slowNetworks {
		b.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
			if _, err := cdp.Call(ctx, t, network.SetCacheDisabled, network.SetCacheDisabledParams{CacheDisabled: true}); err != nil {
				return err
			}
			_, err := cdp.Call(ctx, t, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{MatchedNetworkConditions: []*network.Conditions{
				{Latency: n.trip, DownloadThroughput: n.rate, UploadThroughput: n.rate}}})
			return err
		}))
		for _, path := range []string{"/", "/report", "/desk/field"} {
			if n.trip > 500 && path == "/report" {
				continue
			}
			b.open(path + "?lang=en")
			b.until(func() bool {
				return b.js(`performance.getEntriesByType("navigation")[0].domContentLoadedEventEnd > 0`) == "true"
			})
			t.Logf("%s over %s: interactive after %s ms, %s bytes", path, n.name, b.js(`Math.round(performance.getEntriesByType("navigation")[0].domContentLoadedEventEnd)`),
				b.js(`performance.getEntriesByType("resource").concat(performance.getEntriesByType("navigation")).reduce((a, e) => a + e.transferSize, 0)`))
		}
	}
}
