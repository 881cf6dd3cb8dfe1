package inmail

import (
	"regexp"
	"slices"
	"strings"
)

// Reasons for which a mail is laid before a person instead of becoming a case: what a machine sent is not
// answered, or two machines would answer each other for ever.
const (
	whyAuto       = "auto_submitted" // a machine says that it is one (RFC 3834)
	whyBulk       = "bulk"
	whyList       = "list"
	whyBounce     = "bounce"
	whyOwn        = "own" // it is one of ours, come back
	whyMany       = "many"
	whySender     = "sender" // nobody to answer
	whyToken      = "token"  // it claims to belong to a case and does not prove it
	whyUnread     = "unread"
	whyEmpty      = "empty"
	whyRefused    = "refused"
	whyAnswered   = "answered"
	whyOpened     = "opened"
	whyKnown      = "known"
	whyOversize   = "oversize"
	whyAside      = "aside" // a person saw that it is nothing for us
	maxAddressLen = 254
)

// mailbox is a mail address as far as it has to be one to be written to; no header can hide in it.
var mailbox = regexp.MustCompile(`^[^\s@<>",;:\\]{1,64}@[^\s@<>",;:\\]{1,185}$`)

// machine says why a mail is taken for one no person wrote to us; empty for none.
func (m *Mail) machine(own []string) string {
	get := func(name string) string { return strings.ToLower(oneLine(m.header.Get(name))) }
	domain := func(address string) string { return address[strings.LastIndexByte(address, '@')+1:] }
	from := strings.ToLower(m.From.Address)
	local, _, _ := strings.Cut(from, "@")
	_, hasPath := m.header["Return-Path"]
	switch auto := get("Auto-Submitted"); {
	case m.report, hasPath && get("Return-Path") == "<>", local == "mailer-daemon", local == "postmaster":
		return whyBounce
	case auto != "" && !strings.HasPrefix(auto, "no"), get("X-Autoreply") != "", get("X-Autorespond") != "", get("X-Autoresponder") != "":
		return whyAuto
	case slices.Contains([]string{"bulk", "junk", "list", "auto_reply"}, get("Precedence")):
		return whyBulk
	case get("List-Id") != "", get("List-Unsubscribe") != "", get("List-Post") != "":
		return whyList
	case len(from) > maxAddressLen || !mailbox.MatchString(from):
		return whySender
	}
	for _, o := range own {
		if from == strings.ToLower(o) || m.ID != "" && strings.EqualFold(domain(m.ID), domain(o)) && strings.EqualFold(domain(from), domain(o)) {
			return whyOwn
		}
	}
	return ""
}
