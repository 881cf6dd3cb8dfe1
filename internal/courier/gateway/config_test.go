package gateway_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"comity/internal/courier/gateway"
)

func fileOf(t *testing.T, content string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func whole(t *testing.T) string {
	return `tries: 8
hours: 72
allow: [10.0.3.7, "gateway.internal:8080", 10.9.0.0/16]
gateways:
  - name: relay
    kind: smtp
    channels: [mail]
    host: 10.0.3.7
    from: "临江市 <noreply@linjiang.example>"
    user: comity
    password_file: ` + fileOf(t, "secret\n") + `
  - name: sms
    kind: http
    channels: [sms, chat]
    url: http://gateway.internal:8080/send
    headers: {Authorization: "Bearer {secret}"}
    secret_env: COMITY_TEST_SMS
    json: {to: "{address}", text: "{text}", n: 1}
    accept: {status: [200], field: code, values: ["0"], id: msg}
letters: yes
webhooks:
  - name: stats
    url: https://stats.example/hook
    secrets_file: ` + fileOf(t, newer+"\n"+older+"\n") + `
    events: [accepted, answered]
`
}

func Test_the_file_of_an_operator_is_read(t *testing.T) {
	t.Setenv("COMITY_TEST_SMS", "t0ken")
	c, err := gateway.Read("post.yaml", []byte(whole(t)))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.SMTP) != 1 || c.SMTP[0].Port != "587" || c.SMTP[0].Password != "secret" || c.SMTP[0].From.Name != "临江市" || c.HTTP[0].Secret != "t0ken" || len(c.Hook[0].Secrets) != 2 ||
		c.Post.Tries != 8 || !c.Post.Letters || len(c.Post.Gateways) != 3 || c.Channels["chat"] != "sms" || len(c.Post.Hooks) != 1 {
		t.Errorf("got %+v", c)
	}
}

func Test_what_is_wrong_with_the_file_is_told_with_file_line_and_field(t *testing.T) {
	t.Setenv("COMITY_TEST_SMS", "t0ken")
	for _, c := range []struct{ old, now, want string }{
		{"tries: 8", "tries: many", `post.yaml:1: tries: "many" is not a whole number`},
		{"hours: 72", "hourz: 72", `post.yaml:2: hourz: is not known here; known are allow`},
		{"10.9.0.0/16", "10.9.0.0/99", `post.yaml:3: allow: "10.9.0.0/99"`},
		{"    host: 10.0.3.7", "    host: 192.168.0.9", "post.yaml:8: gateways[0].host: 192.168.0.9 lies in a private or reserved range"},
		{"kind: smtp", "kind: pigeon", `post.yaml:6: gateways[0].kind: "pigeon" is not one of smtp, http`},
		{"channels: [mail]", "channels: [mail, sms]", `gateways[0].channels: mail goes by smtp, and everything else by http`},
		{"channels: [sms, chat]", "channels: [sms, fax]", `gateways[1].channels: "fax" is not one of`},
		{`from: "临江市 <noreply@linjiang.example>"`, `from: nobody`, "gateways[0].from: is not an address"},
		{"user: comity", "user: \"\"", "gateways[0].user: a user needs a password"},
		{"    user: comity", "    password: hunter2\n    user: comity", "gateways[0].password: does not belong into this file"},
		{"host: 10.0.3.7", "host: 10.0.3.7\n    security: none", "gateways[0].security: none would send the password in the clear"},
		{"http://gateway.internal:8080/send", "http://sms.example/send", "gateways[1].url: http is open to everybody"},
		{"http://gateway.internal:8080/send", "https://{address}/send", "gateways[1].url: the host has a place to fill"},
		{"http://gateway.internal:8080/send", "https://127.0.0.1/send", "gateways[1].url: 127.0.0.1 lies in a private or reserved range"},
		{"http://gateway.internal:8080/send", "ftp://gateway.internal/send", "gateways[1].url: is not an address such as"},
		{`text: "{text}"`, `text: hello`, "gateways[1].url: nowhere in url, form or json stands {text}"},
		{`values: ["0"], `, ``, "gateways[1].accept.field: field and values belong together"},
		{"status: [200]", "status: [2000]", `gateways[1].accept.status: "2000" is not a status`},
		{"secret_env: COMITY_TEST_SMS", "secret_env: COMITY_TEST_NONE", "gateways[1].secret_env: the environment has no variable COMITY_TEST_NONE"},
		{"name: sms", "name: relay", `gateways[1].name: "relay" stands twice`},
		{"letters: yes", "letters: maybe", `letters: "maybe" is not one of yes, no`},
		{"https://stats.example/hook", "https://user:pw@stats.example/hook", "webhooks[0].url: is not an address such as"},
		{"gateways:", "tries: 9\ngateways:", "tries: stands twice"},
		{"gateways:", "gateways: {", "post.yaml: "},
	} {
		text := strings.Replace(whole(t), c.old, c.now, 1)
		_, err := gateway.Read("post.yaml", []byte(text))
		var wrong *gateway.Wrong
		if !errors.As(err, &wrong) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q for %q gives %v, want %s", c.now, c.old, err, c.want)
		}
		if err != nil && (strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "whsec_")) {
			t.Errorf("a secret is told: %v", err)
		}
	}
	if _, err := gateway.Read("post.yaml", nil); err == nil {
		t.Error("an empty file is taken")
	}
}
