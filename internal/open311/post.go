package open311

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/form"
	"comity/internal/intake"
	"comity/internal/ledger"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/place"
	"comity/internal/procedure"
	"comity/internal/text"
)

// source is the channel of what comes in here.
const source = "open311"

// maxDescription is the longest description, in characters, by the specification.
const maxDescription = 4000

// report takes in POST requests: one service request, one case. What is sent again under the same name is
// answered with the number of the case it opened before, whatever else has changed in it: a client that did not
// hear the answer tries for ever.
func (s *Server) report(c *call) (answer, error) {
	if err := c.must(authz.Intake); err != nil {
		return answer{}, err
	}
	code, err := c.form.one("service_code")
	if err != nil {
		return answer{}, err
	}
	if code == "" {
		return answer{}, no(http.StatusBadRequest, "needed", "name", "service_code")
	}
	v, err := c.service(code)
	if err != nil {
		return answer{}, err
	}
	d := c.pack.ProcedureFor(v.Category)
	r, keys, err := c.reportOf(v, d)
	if err != nil {
		return answer{}, err
	}
	r.Now = s.Now() // rules of routing may ask for the time of day
	for _, k := range keys {
		ref, id, err := s.Reader.OpenedBy(c.Context(), c.by.who, k)
		if err == nil {
			return s.opened(c, v, ref, id, nil), nil
		}
		if !errors.Is(err, ledger.ErrNotFound) {
			return answer{}, err
		}
	}
	if _, err := c.command(r); err != nil { // before anything is fetched
		return answer{}, err
	}
	kept, lost, err := s.media(c)
	if err != nil {
		return answer{}, err
	}
	say := s.say("", c.lang)
	told := tellLost(say, lost)
	r.Files, r.Text = kept, withLines(r.Text, told)
	cmd, err := c.command(r)
	if err != nil {
		return answer{}, err
	}
	receipt, err := s.Ledger.Do(c.Context(), c.by.who, cmd)
	if reused(err) { // the same report twice at once; the other one was first
		ref, id, err := s.Reader.OpenedBy(c.Context(), c.by.who, cmd.Key)
		return s.opened(c, v, ref, id, nil), err
	}
	if err != nil {
		return answer{}, err
	}
	return s.opened(c, v, receipt.Ref, receipt.Case, told), nil
}

func reused(err error) bool {
	var no *casework.Refusal
	return errors.As(err, &no) && no.Rule == "idempotency.reused"
}

// opened answers with the number, or of a batch service with a token for it. What could not be taken in is told.
func (s *Server) opened(c *call, v pack.Service, ref casework.Ref, id casework.CaseID, told []string) answer {
	say := s.say("", c.lang)
	notice := strings.Join(slices.DeleteFunc(append([]string{hint(say, v)}, told...), func(l string) bool { return l == "" }), "\n")
	name := field{"service_request_id", string(ref)}
	if v.Batch {
		name = field{"token", s.tokenOf(id)}
	}
	return answer{root: "service_requests", list: &list{item: "request", of: []object{{name, {"service_notice", notice}, {"account_id", ""}}}}}
}

// tokenOf names a case so that nobody can guess it, and opens nothing but its number.
func (s *Server) tokenOf(id casework.CaseID) string {
	m := hmac.New(sha256.New, s.Secret)
	m.Write([]byte("open311 token\n" + string(id)))
	return string(id) + "-" + hex.EncodeToString(m.Sum(nil)[:12])
}

// token answers GET tokens. Wrong ones are counted like wrong codes.
func (s *Server) token(c *call) (answer, error) {
	now := s.Now()
	if wait := s.brake.tokens.Wait(c.from, now); wait > 0 {
		return answer{}, slow("token.too_many", wait)
	}
	id, _, _ := strings.Cut(c.id, "-")
	wrong := no(http.StatusNotFound, "token.unknown", "got", clip(c.id))
	if !hmac.Equal([]byte(s.tokenOf(casework.CaseID(id))), []byte(c.id)) {
		s.brake.tokens.Count(c.from, now)
		wrong.as = "code.unknown"
		return answer{}, wrong
	}
	k, err := s.Reader.ByID(c.Context(), authz.Scope{Case: id}, casework.CaseID(id))
	if errors.Is(err, ledger.ErrNotFound) {
		return answer{}, wrong
	}
	if err != nil {
		return answer{}, err
	}
	if _, ok := c.pack.Open311.ServiceOf(k.Category); !ok || k.Sealed != "" || !c.within(k) {
		return answer{}, wrong
	}
	return answer{root: "service_requests", list: &list{item: "request", of: []object{{{"service_request_id", string(k.Ref)}, {"token", c.id}}}}}, nil
}

// within reports whether a case lies in the jurisdiction that was asked.
func (c *call) within(k casework.Case) bool {
	return c.in.Unit == c.pack.Units.Root() || c.pack.Units.Under(c.in.Unit, k.Place.Unit)
}

// asks reports whether the procedure of the service that was named has a question of this name.
func (c *call) asks(name string) bool {
	code, _ := c.form.one("service_code")
	v, ok := c.pack.Open311.Service(code)
	if !ok {
		return false
	}
	return slices.ContainsFunc(c.pack.ProcedureFor(v.Category).Intake, func(f form.Field) bool { return f.Name == name })
}

// reportOf reads a report and the names under which it may have come before. Everything that cannot stand is told
// at once.
func (c *call) reportOf(v pack.Service, d *procedure.Definition) (r intake.Report, keys []string, err error) {
	r = intake.Report{Category: v.Category, Source: source}
	var bad []rule
	check := func(err error) {
		var no *refused
		if errors.As(err, &no) {
			bad = append(bad, no.rules...)
		}
	}
	r.Text, err = c.description()
	check(err)
	check(c.where(&r))
	r.Contact, err = c.contact()
	check(err)
	given, err := c.form.attributes()
	check(err)
	if ids := given[reportID]; len(ids) > 0 {
		if len(ids) > 1 || utf8.RuneCountInString(ids[0]) > 100 {
			bad = append(bad, rule{"attribute.one", []string{"code", reportID}})
		}
		keys = append(keys, source+":report:"+ids[0])
	}
	delete(given, reportID)
	r.Fields, err = c.fields(d, given)
	check(err)
	if k := strings.TrimSpace(c.Header.Get("Idempotency-Key")); k != "" {
		if len(k) > 200 {
			bad = append(bad, rule{"key_long", []string{"max", "200"}})
		}
		keys = append(keys, source+":key:"+k)
	}
	if len(keys) > 0 {
		r.Key = keys[0]
	}
	if len(bad) > 0 {
		return r, nil, &refused{status: http.StatusBadRequest, rules: bad}
	}
	return r, keys, nil
}

// markup is what the specification forbids in a description: a tag, not a sign for "less than".
var markup = regexp.MustCompile(`<(?:[A-Za-z][A-Za-z0-9-]*(?:\s[^<>]*)?|/[A-Za-z][A-Za-z0-9-]*\s*|!--[^<>]*)/?>`)

// description is what happened, with line ends as the kernel has them.
func (c *call) description() (string, error) {
	got, err := c.form.one("description")
	if err != nil {
		return "", err
	}
	got = strings.ReplaceAll(strings.ReplaceAll(got, "\r\n", "\n"), "\r", "\n")
	switch n := utf8.RuneCountInString(got); {
	case got == "":
		return "", no(http.StatusBadRequest, "needed", "name", "description")
	case n > maxDescription:
		return "", no(http.StatusBadRequest, "description.long", "max", "4000")
	case markup.MatchString(got):
		return "", no(http.StatusBadRequest, "description.markup", "got", clip(markup.FindString(got)))
	}
	return got, nil
}

// where reads the place: a point, or an address in words, or both.
func (c *call) where(r *intake.Report) error {
	id, err := c.form.one("address_id")
	if err != nil {
		return err
	}
	address, err1 := c.form.one("address_string")
	lat, hasLat, err2 := c.form.degrees("lat")
	lon, hasLon, err3 := c.form.degrees("long")
	r.Address = address
	switch {
	case err1 != nil:
		return err1
	case err2 != nil:
		return err2
	case err3 != nil:
		return err3
	case hasLat != hasLon:
		return no(http.StatusBadRequest, "place.half")
	case hasLat:
		r.Point = &place.Point{Lat: lat, Lon: lon}
	case address == "" && id != "":
		return no(http.StatusBadRequest, "place.address_id")
	case address == "":
		return no(http.StatusBadRequest, "place.needed")
	case c.in.Unit != c.pack.Units.Root():
		r.Unit = c.in.Unit // nothing says more
	}
	return nil
}

// contact is how whoever reported is told: by mail where there is an address, else by telephone.
func (c *call) contact() (casework.Contact, error) {
	var out casework.Contact
	first, err1 := c.form.one("first_name")
	last, err2 := c.form.one("last_name")
	mail, err3 := c.form.one("email")
	phone, err4 := c.form.one("phone")
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return out, err
	}
	out.Name = joined(first, last)
	if mail != "" && !mailbox.MatchString(mail) {
		return out, no(http.StatusBadRequest, "email")
	}
	if _, bad := form.Check([]form.Field{{Name: "phone", Kind: form.Phone}}, map[string]string{"phone": phone}); len(bad) > 0 {
		return out, no(http.StatusBadRequest, "phone")
	}
	switch {
	case mail != "":
		out.Channel, out.Address = "mail", mail
	case phone != "":
		out.Channel, out.Address = "sms", phone
	}
	if out.Address != "" {
		out.Lang = c.lang
	}
	return out, nil
}

// mailbox is a mail address as far as it has to be one to be written to.
var mailbox = regexp.MustCompile(`^[^\s@<>",;:\\]{1,64}@[^\s@<>",;:\\]{1,185}$`)

// joined makes one name of two. A Chinese name has its family name first and no space; clients that cut names at the
// first space send all of it as the first.
func joined(first, last string) string {
	if last != "" && strings.ContainsFunc(first+last, func(r rune) bool { return unicode.Is(unicode.Han, r) }) && !strings.ContainsFunc(first+last, unicode.IsSpace) {
		return last + first
	}
	return strings.TrimSpace(first + " " + last)
}

// fields are the answers to the questions of the procedure. What it does not ask is refused by name.
func (c *call) fields(d *procedure.Definition, given map[string][]string) (map[string]string, error) {
	raw := map[string]string{}
	var bad []rule
	for code, list := range given {
		i := slices.IndexFunc(d.Intake, func(f form.Field) bool { return f.Name == code })
		switch {
		case i < 0:
			bad = append(bad, rule{"attribute.unknown", []string{"code", clip(code)}})
		case len(list) > 1:
			bad = append(bad, rule{"attribute.one", []string{"code", code}})
		case len(list) == 1:
			raw[code] = c.answered(d.Intake[i], list[0])
		}
		if i >= 0 && d.Intake[i].Kind == form.Unit && raw[code] != "" {
			if _, ok := c.pack.Units.Unit(org.UnitID(raw[code])); !ok {
				bad = append(bad, rule{"attribute.unit", []string{"code", code, "got", clip(raw[code])}})
			}
		}
	}
	slices.SortFunc(bad, func(a, b rule) int { return strings.Compare(strings.Join(a.params, " "), strings.Join(b.params, " ")) })
	if len(bad) > 0 {
		return nil, &refused{status: http.StatusBadRequest, rules: bad}
	}
	if len(raw) == 0 {
		return nil, nil
	}
	return raw, nil
}

// answered spells one value as the form has it: a day of an instant, and no for nothing.
func (c *call) answered(f form.Field, got string) string {
	switch f.Kind {
	case form.Date:
		if t, err := (values{"": {got}}).date(""); err == nil {
			return t.In(c.pack.Zone).Format("2006-01-02")
		}
	case form.Yes:
		if strings.EqualFold(got, "no") || strings.EqualFold(got, "false") {
			return ""
		}
		if strings.EqualFold(got, "true") {
			return "yes"
		}
	}
	return got
}

// command routes a report, and refuses what lies outside the jurisdiction.
func (c *call) command(r intake.Report) (casework.Command, error) {
	cmd, err := intake.Command(c.pack, r)
	if err != nil {
		return cmd, err
	}
	if _, bad := form.Check(c.pack.ProcedureFor(r.Category).Intake, r.Fields); len(bad) > 0 {
		for i := range bad {
			bad[i].Field = "attribute[" + bad[i].Field + "]"
		}
		return cmd, &casework.Refusal{Rule: "form.invalid", Fields: bad}
	}
	if c.in.Unit != c.pack.Units.Root() && !c.pack.Units.Under(c.in.Unit, cmd.Open.Place.Unit) {
		return cmd, no(http.StatusBadRequest, "place.elsewhere", "jurisdiction", c.in.ID)
	}
	return cmd, nil
}

// tellLost says which pictures could not be taken in, and why.
func tellLost(say text.Speaker, list []lostFile) []string {
	var out []string
	for _, l := range list {
		out = append(out, say.T("open311.lost", "name", l.name, "why", l.words(say)))
	}
	return out
}

// withLines adds lines to a text as far as there is room: what does not fit is still told in the answer.
func withLines(s string, lines []string) string {
	for _, l := range lines {
		longer := s + "\n" + l
		if utf8.RuneCountInString(longer) > casework.MaxText {
			return s
		}
		s = longer
	}
	return s
}
