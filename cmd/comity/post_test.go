package main

import (
	"errors"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"comity/internal/courier/gateway"
	"comity/internal/courier/gateway/smtptest"
)

func postFile(t *testing.T, content string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "post.yaml")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func Test_an_operator_checks_a_file_of_gateways_and_tries_a_message(t *testing.T) {
	r := smtptest.Start(t, smtptest.Plain)
	file := postFile(t, "allow: [127.0.0.1]\ngateways:\n  - {name: relay, kind: smtp, channels: [mail], host: 127.0.0.1, port: "+r.Port+", security: none, from: noreply@linjiang.example}\n")
	out, _, err := said(t, "post", "check", "--connect", file)
	if err != nil || !strings.Contains(out, "mail     relay") || !strings.Contains(out, "relay relay answers") {
		t.Errorf("check says %q, %v", out, err)
	}
	out, _, err = said(t, "post", "try", file, "--to", "me@linjiang.example", "--lang", "zh-CN")
	if err != nil || !strings.Contains(out, "delivered") || len(r.Letters()) != 1 || len(r.Faults()) != 0 {
		t.Errorf("try says %q, %v; %v", out, err, r.Faults())
	}
	var usage *usageError
	if _, _, err = said(t, "post", "try", file, "--to", "13800001111", "--channel", "sms"); !errors.As(err, &usage) || !strings.Contains(err.Error(), "it has mail") {
		t.Errorf("got %v", err)
	}
	var wrong *gateway.Wrong
	if _, _, err = said(t, "post", "check", postFile(t, "trys: 3\n")); !errors.As(err, &wrong) || !strings.Contains(err.Error(), "post.yaml:1: trys: is not known here") {
		t.Errorf("got %v", err)
	}
}

func Test_an_operator_learns_whether_a_neighbours_system_answers(t *testing.T) {
	says := `<?xml version="1.0"?><services><service><service_code>A</service_code></service><service><service_code>B</service_code></service></services>`
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v2/services.xml" {
			http.NotFound(w, r)
			return
		}
		io.WriteString(w, says)
	}))
	defer s.Close()
	key := postFile(t, "k3y\n")
	file := func(more string) string {
		return postFile(t, "allow: [127.0.0.1]\nneighbours:\n  - {neighbour: donghe, url: "+s.URL+"/v2, key_file: "+key+more+"}\n")
	}
	out, _, err := said(t, "post", "check", "--connect", file(""))
	if err != nil || !strings.Contains(out, "open311  donghe") || !strings.Contains(out, "neighbour donghe answers and offers 2 services") {
		t.Errorf("check says %q, %v", out, err)
	}
	says = "<html>hello</html>"
	if _, _, err = said(t, "post", "check", "--connect", file("")); err == nil || !strings.Contains(err.Error(), "neighbour donghe: the answer is no document of GeoReport v2") {
		t.Errorf("got %v", err)
	}
	for name, c := range map[string]struct{ file, want string }{
		"a timeout beyond the job":   {file(", timeout: 5m"), "timeout"},
		"something nobody knows":     {file(", evry: 5m"), "evry: is not known here"},
		"no key":                     {postFile(t, "neighbours:\n  - {neighbour: donghe, url: https://open311.example/v2/}\n"), "key_file: is missing"},
		"a private range":            {postFile(t, "neighbours:\n  - {neighbour: donghe, url: https://10.0.0.7/v2/, key_file: "+key+"}\n"), "private or reserved range"},
		"in the clear":               {postFile(t, "neighbours:\n  - {neighbour: donghe, url: http://open311.example/v2/, key_file: "+key+"}\n"), "http is open to everybody"},
		"the key in the file itself": {postFile(t, "neighbours:\n  - {neighbour: donghe, url: https://open311.example/v2/, key: abc}\n"), "does not belong into this file"},
		"a question behind it":       {postFile(t, "neighbours:\n  - {neighbour: donghe, url: https://open311.example/v2/?x=1, key_file: "+key+"}\n"), "without anything behind it"},
	} {
		if _, _, err := said(t, "post", "check", c.file); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func Test_every_command_about_messages_has_help_and_a_secret_is_one(t *testing.T) {
	for _, v := range postVerbs {
		if _, errs, err := said(t, "post", v.name, "--help"); !errors.Is(err, flag.ErrHelp) || !strings.Contains(errs, "Examples:") {
			t.Errorf("post %s --help says %q, %v", v.name, errs, err)
		}
	}
	out, _, err := said(t, "post", "secret")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := gateway.ParseSecret(strings.TrimSpace(out)); err != nil {
		t.Errorf("%q: %v", out, err)
	}
	var usage *usageError
	for _, args := range [][]string{{"post"}, {"post", "burn"}, {"post", "check"}, {"post", "try"}, {"post", "preview"}, {"post", "replay", "stats"}} {
		if _, _, err := said(t, args...); !errors.As(err, &usage) || !strings.Contains(err.Error(), "comity post") {
			t.Errorf("%v gives %v", args, err)
		}
	}
}

func Test_the_texts_of_a_pack_are_shown_in_both_languages(t *testing.T) {
	out, _, err := said(t, "post", "preview", "demo", "received")
	if err != nil || !strings.Contains(out, "received (zh-CN)") || !strings.Contains(out, "received (en)") || !strings.Contains(out, "XF-26-000123") || strings.ContainsAny(out, "⟦{") {
		t.Errorf("preview says %q, %v", out, err)
	}
}
