package inmail

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"

	"comity/internal/casework"
)

// Door makes the addresses to which people answer, and knows them again. What an address holds proves that
// whoever writes to it was written to about the case; who a mail says it is from proves nothing.
type Door struct {
	Address string // where mail for the city goes, such as help@city.example
	Secret  []byte
}

// Reply is the address to answer about a case.
func (d Door) Reply(id casework.CaseID) string {
	local, domain, _ := strings.Cut(d.Address, "@")
	return local + "+" + d.token(id) + "@" + domain
}

// token names a case so that nobody can guess it. Letters are small: on their way addresses lose their case.
func (d Door) token(id casework.CaseID) string {
	m := hmac.New(sha256.New, d.Secret)
	m.Write([]byte("mail reply\n" + string(id)))
	return string(id) + "-" + hex.EncodeToString(m.Sum(nil)[:12])
}

var tokenForm = regexp.MustCompile(`^([0-9a-z]{1,20})-[0-9a-f]{24}$`)

// about finds the case a mail answers. claimed says that it names one, proved that it was told how. An address alone
// proves it: a subject is repeated in lists, in notes of absence and on the desks of others.
func (d Door) about(m *Mail) (id casework.CaseID, claimed, proved bool) {
	var found []string
	local, domain, _ := strings.Cut(strings.ToLower(d.Address), "@")
	for _, to := range m.To {
		rest, ok := strings.CutPrefix(strings.ToLower(to), local+"+")
		if token, at, cut := strings.Cut(rest, "@"); ok && cut && at == domain {
			found = append(found, token)
		}
	}
	for _, token := range found {
		claimed = true
		parts := tokenForm.FindStringSubmatch(token)
		if parts != nil && hmac.Equal([]byte(d.token(casework.CaseID(parts[1]))), []byte(token)) {
			return casework.CaseID(parts[1]), true, true
		}
	}
	return "", claimed, false
}
