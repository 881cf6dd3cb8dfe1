package gateway_test

import (
	"encoding/base64"
	"io"
	"mime/quotedprintable"
	"net/mail"
)

func decoded(m *mail.Message) io.Reader {
	if m.Header.Get("Content-Transfer-Encoding") == "base64" {
		return base64.NewDecoder(base64.StdEncoding, m.Body)
	}
	return quotedprintable.NewReader(m.Body)
}
