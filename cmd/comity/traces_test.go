package main

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"

	"strings"
	"sync"
	"testing"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/trace"
)

// collected is what a collector of traces was told.
type collected struct {
	mu   sync.Mutex
	body bytes.Buffer
}

func (c *collected) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, _ = io.Copy(&c.body, r.Body)
}

func Test_a_report_is_traced_from_the_page_to_the_commit_without_a_word_of_it(t *testing.T) {
	told := &collected{}
	collector := httptest.NewServer(told)
	defer collector.Close()
	tracer, err := trace.Open(trace.Config{Collector: collector.URL, Share: 1})
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	c, _ := testHouse(t, quietPack(t, root), root+"/data")
	defer c.Close()
	end := c.traced(tracer)
	site := surfaces(c, surfaceOptions{traces: tracer})

	filed := tell(t, c)
	page := httptest.NewRecorder()
	site.ServeHTTP(page, httptest.NewRequest(http.MethodGet, "http://localhost/f/"+string(filed.Code)+"?lang=en", nil))
	if page.Code != http.StatusOK {
		t.Fatalf("the page of the case answers %d", page.Code)
	}
	// A refusal is no fault, and a command without a trace around it is not told of.
	ctx, span := tracer.Begin(t.Context(), "by hand")
	if _, err := c.ledger.Do(ctx, authz.Actor{}, casework.Command{Case: filed.Case, Act: "accept"}); err == nil {
		t.Error("nobody was let in")
	}
	span.End(nil)
	for n := 1; n > 0; {
		if n, err = c.runner.RunDue(t.Context(), 10); err != nil {
			t.Fatal(err)
		}
	}
	end()

	got := told.body.String()
	for _, want := range []string{`"name":"GET /f/{code}"`, `"name":"ledger.do"`, `"name":"ledger.line"`, `"name":"ledger.carry_out"`, `"name":"ledger.commit"`, `"name":"db.view"`,
		`"name":"job notice"`, `{"key":"comity.command","value":{"stringValue":"look"}}`, `{"key":"comity.refused","value":{"boolValue":true}}`, `{"key":"db.system.name","value":{"stringValue":"sqlite"}}`} {
		if !strings.Contains(got, want) {
			t.Errorf("the traces lack %s", want)
		}
	}
	for _, secret := range append([]string{string(filed.Code), string(filed.Ref), string(filed.Case)}, personal["words"], personal["id"], personal["address"], personal["phone"]) {
		if secret != "" && strings.Contains(got, secret) {
			t.Errorf("the traces tell %q", secret)
		}
	}
	if strings.Contains(got, `"status":{"code":2}`) {
		t.Errorf("a step is told as failed: %s", got)
	}
}

func Test_a_collector_without_an_address_is_a_usage_error(t *testing.T) {
	t.Setenv("COMITY_TRACES", "not an address")
	_, _, err := said(t, "serve", "--pack", "demo", "--data", t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "--traces") || !strings.Contains(err.Error(), "http://127.0.0.1:4318") {
		t.Errorf("it says %v", err)
	}
}

func Test_a_share_of_traces_that_is_no_number_is_refused_by_name(t *testing.T) {
	t.Setenv("COMITY_TRACES", "http://127.0.0.1:4318")
	t.Setenv("COMITY_TRACE_SHARE", "5%")
	_, _, err := said(t, "serve", "--pack", "demo", "--data", t.TempDir())
	var usage *usageError
	if !errors.As(err, &usage) || !strings.Contains(err.Error(), "COMITY_TRACE_SHARE") {
		t.Errorf("it says %v", err)
	}
}
