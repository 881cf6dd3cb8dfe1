package gateway

import (
	"net/mail"
	"strings"
	"testing"
	"time"

	"comity/internal/courier"
)

func Test_an_answer_goes_where_the_message_says_and_no_header_hides_in_it(t *testing.T) {
	g := &SMTP{From: mail.Address{Address: "noreply@city.example"}, ReplyTo: "office@city.example"}
	for said, want := range map[string]string{
		"": "office@city.example", "help+k3x-00ff@city.example": "help+k3x-00ff@city.example",
		"help@city.example\r\nBcc: all@city.example": "office@city.example", "help <x@y>": "office@city.example",
	} {
		raw := string(g.letter(courier.Parcel{Key: "k", Reply: said, Subject: "s", Text: "t", At: time.Unix(0, 0)}, "li@home.example"))
		if m, err := mail.ReadMessage(strings.NewReader(raw)); err != nil || m.Header.Get("Reply-To") != "<"+want+">" || m.Header.Get("Bcc") != "" {
			t.Errorf("%q: %v", said, err)
		}
	}
}
