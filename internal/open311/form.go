package open311

import (
	"errors"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Bounds of what is read.
const (
	maxForm   = 1 << 20  // bytes of a form; pictures come as parts
	maxUpload = 32 << 20 // bytes of a form with parts, all together
	maxValues = 300      // parameters, repeated ones counted
)

// values are the parameters of a request. An empty one is as if it were not there.
type values url.Values

// read takes in the query and, of a POST, the form. Nothing but forms is read, XML never.
func (s *Server) read(c *call) error {
	query, err := url.ParseQuery(c.URL.RawQuery)
	if err != nil {
		return no(http.StatusBadRequest, "query")
	}
	c.form = values(query)
	if c.Method == http.MethodPost {
		if err := s.readBody(c); err != nil {
			return err
		}
	}
	n := 0
	for name, list := range c.form {
		n += len(list)
		if err := readable(name, list); err != nil {
			return err
		}
	}
	if n > maxValues {
		return no(http.StatusBadRequest, "many", "max", strconv.Itoa(maxValues))
	}
	return s.identify(c)
}

func (s *Server) readBody(c *call) error {
	kind, _, _ := mime.ParseMediaType(c.Header.Get("Content-Type"))
	var err error
	switch kind {
	case "multipart/form-data":
		c.Body = http.MaxBytesReader(nil, c.Body, maxUpload)
		err = s.readParts(c)
	case "application/x-www-form-urlencoded":
		c.Body = http.MaxBytesReader(nil, c.Body, maxForm)
		err = sent(c.ParseForm())
	default:
		return no(http.StatusBadRequest, "media_type", "got", clip(kind))
	}
	for name, list := range c.PostForm {
		c.form[name] = append(c.form[name], list...)
	}
	return err
}

// sent is an error of what was sent, not of ours.
func sent(err error) error {
	var big *http.MaxBytesError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &big):
		return no(http.StatusBadRequest, "too_large", "form", "1", "files", "32")
	}
	return no(http.StatusBadRequest, "malformed")
}

// readParts takes in a form with parts as it arrives, so that no file rests in the clear: its fields are held, and
// its pictures are sealed until it is known whether they are wanted.
func (s *Server) readParts(c *call) error {
	r, err := c.MultipartReader()
	if err != nil {
		return sent(err)
	}
	room := int64(maxForm)
	for n := 0; ; n++ {
		p, err := r.NextPart()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return sent(err)
		}
		if n == maxValues {
			return no(http.StatusBadRequest, "many", "max", strconv.Itoa(maxValues))
		}
		switch name := p.FormName(); {
		case name == "":
		case p.FileName() == "":
			value, err := io.ReadAll(io.LimitReader(p, room+1))
			if room -= int64(len(value) + len(name)); err == nil && room < 0 {
				err = &http.MaxBytesError{Limit: maxForm}
			}
			if err != nil {
				return sent(err)
			}
			c.form[name] = append(c.form[name], string(value))
		case parts.MatchString(name): // parts of other names are not read
			if err := s.receive(c, p); err != nil {
				return err
			}
		}
	}
}

// readable refuses what is not UTF-8, and what could break a line where lines have a meaning: a name, a number
// or an address with a line end in it is meant for a header.
func readable(name string, list []string) error {
	if !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return no(http.StatusBadRequest, "name", "name", clip(name))
	}
	lines := name == "description" || strings.HasPrefix(name, "attribute[")
	for _, v := range list {
		if !utf8.ValidString(v) {
			return no(http.StatusBadRequest, "encoding", "name", clip(name))
		}
		if strings.ContainsFunc(v, func(r rune) bool { return unicode.IsControl(r) && !(lines && (r == '\n' || r == '\r' || r == '\t')) }) {
			return no(http.StatusBadRequest, "control", "name", clip(name))
		}
	}
	return nil
}

// one is a parameter that is given at most once.
func (v values) one(name string) (string, error) {
	got := ""
	for _, s := range v[name] {
		if s = strings.TrimSpace(s); s == "" || s == got {
			continue
		}
		if got != "" {
			return "", no(http.StatusBadRequest, "twice", "name", name)
		}
		got = s
	}
	return got, nil
}

// all is a parameter that may be repeated, without empty ones.
func (v values) all(name string) []string {
	var out []string
	for _, s := range v[name] {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// csv is a parameter whose values stand between commas.
func (v values) csv(name string) []string {
	var out []string
	for _, s := range v[name] {
		for one := range strings.SplitSeq(s, ",") {
			if one = strings.TrimSpace(one); one != "" && !slices.Contains(out, one) {
				out = append(out, one)
			}
		}
	}
	return out
}

// date is an instant with its zone; zero where none is given. A plus that a client did not encode arrives as a space.
func (v values) date(name string) (time.Time, error) {
	got, err := v.one(name)
	if err != nil || got == "" {
		return time.Time{}, err
	}
	plain := strings.Replace(got, " ", "+", 1)
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00"} {
		if t, err := time.Parse(layout, plain); err == nil && t.Year() >= 1900 && t.Year() <= 2200 {
			return t, nil
		}
	}
	return time.Time{}, no(http.StatusBadRequest, "date", "name", name, "got", clip(got))
}

// span is a time from and to. Where one end is missing it is as long as usual, and ends now at the latest.
func (v values) span(now time.Time, usual, most time.Duration) (from, to time.Time, err error) {
	from, err1 := v.date("start_date")
	to, err2 := v.date("end_date")
	if err := errors.Join(err1, err2); err != nil {
		return from, to, err
	}
	switch {
	case from.IsZero() && to.IsZero():
		from, to = now.Add(-usual), now
	case from.IsZero():
		from = to.Add(-usual)
	case to.IsZero():
		if to = from.Add(most); to.After(now) {
			to = now
		}
		if to.Before(from) {
			to = from
		}
	}
	if to.Before(from) {
		return from, to, no(http.StatusBadRequest, "span.order")
	}
	if to.Sub(from) > most {
		return from, to, no(http.StatusBadRequest, "span.long", "days", strconv.Itoa(int(most/(24*time.Hour))))
	}
	return from, to, nil
}

// whole is a number between bounds; otherwise where none is given.
func (v values) whole(name string, otherwise, most int) (int, error) {
	got, err := v.one(name)
	if err != nil || got == "" {
		return otherwise, err
	}
	n, err := strconv.Atoi(got)
	if err != nil || n < 1 || n > most {
		return 0, no(http.StatusBadRequest, "whole", "name", name, "got", clip(got), "max", strconv.Itoa(most))
	}
	return n, nil
}

// degrees is one coordinate.
func (v values) degrees(name string) (f float64, given bool, err error) {
	got, err := v.one(name)
	if err != nil || got == "" {
		return 0, false, err
	}
	f, err = strconv.ParseFloat(got, 64)
	if err != nil || strings.ContainsAny(got, "xXpPnN_") || f != f {
		return 0, true, no(http.StatusBadRequest, "degrees", "name", name, "got", clip(got))
	}
	return f, true, nil
}

// attributes reads attribute[CODE] and attribute[CODE][], by code. A name that begins like one and is none is refused.
func (v values) attributes() (map[string][]string, error) {
	out := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(v)) {
		code, ok := strings.CutPrefix(name, "attribute")
		if !ok {
			continue
		}
		code = strings.TrimSuffix(code, "[]")
		if len(code) < 3 || code[0] != '[' || code[len(code)-1] != ']' || strings.ContainsAny(code[1:len(code)-1], "[]") {
			return nil, no(http.StatusBadRequest, "attribute.name", "name", clip(name))
		}
		code = code[1 : len(code)-1]
		out[code] = append(out[code], v.all(name)...)
	}
	return out, nil
}
