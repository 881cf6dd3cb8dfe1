package web

import (
	"errors"
	"maps"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxAddress bounds path and query together. The longest of ours is a list with every filter set.
const maxAddress = 8 << 10

// Rules by which a request is refused before any page sees it. They repeat nothing of the request: what
// is echoed can be aimed at somebody.
var (
	errHost    = &Refused{Status: http.StatusMisdirectedRequest, Rule: "web.host"}
	errAddress = &Refused{Status: http.StatusBadRequest, Rule: "web.address"}
	errLong    = &Refused{Status: http.StatusRequestURITooLong, Rule: "web.address_long"}
	errMedia   = &Refused{Status: http.StatusUnsupportedMediaType, Rule: "web.media_type"}
	errCoded   = &Refused{Status: http.StatusUnsupportedMediaType, Rule: "web.encoding"}
)

// vet refuses what no browser and no honest program sends, so that no page has to think of it.
func (s *Site) vet(r *http.Request) error {
	if !s.ours(r) {
		return errHost
	}
	if len(r.URL.Path)+len(r.URL.RawQuery) > maxAddress {
		return errLong
	}
	if !sound(r.URL.Path) || climbs(r.URL.Path) || !soundQuery(r.URL.RawQuery) {
		return errAddress
	}
	return readable(r)
}

// probed are the addresses that machines beside the program ask by its number; they say one word and set
// nothing, so that the host does not matter.
var probed = []string{"/healthz", "/readyz"}

// ours reports whether the request names a host this site answers for. The host decides what a browser
// thinks it is talking to: answering for any would let another site's name point here and read pages as
// its own (DNS rebinding), or put its own address into links.
func (s *Site) ours(r *http.Request) bool {
	if s.Hosts == nil || slices.Contains(probed, r.URL.Path) {
		return true
	}
	host := HostName(r.Host)
	if host == "" {
		return false
	}
	if slices.Contains(s.Hosts, host) || host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && (ip.IsLoopback() || s.Base == "")
}

// HostName is the name in a Host header, in small letters, without port, brackets and the dot of the
// root; empty for what is none.
func HostName(header string) string {
	host := header
	if h, port, err := net.SplitHostPort(header); err == nil {
		if strings.Trim(port, "0123456789") != "" {
			return ""
		}
		host = h
	} else {
		host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789.-:") != "" {
		return ""
	}
	return host
}

// sound reports text that can be shown and stored: UTF-8 without control characters.
func sound(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, unicode.IsControl) < 0
}

// climbs reports a path with a step up, with a slash of another system, or with an empty step, all of
// which some program on the way may read as another path than this one does.
func climbs(path string) bool {
	if strings.ContainsAny(path, "\\") || strings.Contains(path, "//") {
		return true
	}
	for step := range strings.SplitSeq(path, "/") {
		if step == "." || step == ".." {
			return true
		}
	}
	return false
}

func soundQuery(raw string) bool {
	q, err := url.ParseQuery(raw)
	if err != nil {
		return false
	}
	for name, values := range q {
		if !sound(name) || slices.ContainsFunc(values, func(v string) bool { return !soundValue(v) }) {
			return false
		}
	}
	return true
}

// soundValue allows what a person can type into a field of several lines.
func soundValue(v string) bool {
	return utf8.ValidString(v) && strings.IndexFunc(v, func(c rune) bool {
		return unicode.IsControl(c) && c != '\n' && c != '\r' && c != '\t'
	}) < 0
}

// readable refuses bodies that are packed, and on pages those that are no form. The API knows its own
// kinds.
func readable(r *http.Request) error {
	if packed := r.Header.Get("Content-Encoding"); packed != "" && packed != "identity" {
		return errCoded // nothing here is unpacked, so nothing can blow up
	}
	if r.Method != http.MethodPost || strings.HasPrefix(r.URL.Path, "/api/") {
		return nil
	}
	if r.ContentLength == 0 && r.Header.Get("Content-Type") == "" {
		return nil
	}
	if len(r.Header.Values("Content-Type")) != 1 {
		return errMedia
	}
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || (kind != "application/x-www-form-urlencoded" && kind != "multipart/form-data") {
		return errMedia
	}
	if set := params["charset"]; set != "" && !strings.EqualFold(set, "utf-8") {
		return errMedia
	}
	return nil
}

// repeated marks the name of a field that may come more than once.
const repeated = "*"

// ReadForm reads a posted form that may hold the named fields and no others, each once; a name that ends in *
// may come several times. A page that takes whatever is sent can be made to set what it never showed.
// The idempotency key is known everywhere. Names of files count like names of fields.
func ReadForm(r *http.Request, known ...string) error {
	if err := ParseForm(r); err != nil {
		return err
	}
	many := map[string]bool{keyField: false}
	for _, name := range known {
		name, more := strings.CutSuffix(name, repeated)
		many[name] = more
	}
	for _, name := range slices.Sorted(maps.Keys(r.PostForm)) {
		values := r.PostForm[name]
		if err := allowedField(many, name, len(values)); err != nil {
			return err
		}
		if slices.ContainsFunc(values, func(v string) bool { return !soundValue(v) }) {
			return &Refused{Status: http.StatusBadRequest, Rule: "web.field_text", Params: map[string]string{"field": name}}
		}
	}
	if r.MultipartForm == nil {
		return nil
	}
	for name, files := range r.MultipartForm.File {
		if err := allowedField(many, name, len(files)); err != nil {
			return err
		}
	}
	return nil
}

func allowedField(many map[string]bool, name string, n int) error {
	more, ok := many[name]
	switch {
	case !ok:
		return &Refused{Status: http.StatusBadRequest, Rule: "web.field_unknown", Params: map[string]string{"field": clipName(name)}}
	case n > 1 && !more:
		return &Refused{Status: http.StatusBadRequest, Rule: "web.field_repeated", Params: map[string]string{"field": name}}
	}
	return nil
}

// clipName makes the name of a field fit to be told: a programmer has to find it, nobody has to read an
// essay in it.
func clipName(name string) string {
	name = strings.Map(func(c rune) rune {
		if unicode.IsLetter(c) || unicode.IsDigit(c) || strings.ContainsRune("._-[]", c) {
			return c
		}
		return '_'
	}, strings.ToValidUTF8(name, "_"))
	if letters := []rune(name); len(letters) > 40 {
		return string(letters[:40])
	}
	return name
}

// Local returns the address if it leads to a page of this site, and "/" otherwise. Every redirect whose
// address comes out of a request goes through it, or someone could send people elsewhere in our name.
func Local(back string) string {
	if len(back) > maxAddress || !sound(back) || !strings.HasPrefix(back, "/") || strings.HasPrefix(back, "//") || strings.ContainsAny(back, `\`) {
		return "/"
	}
	u, err := url.Parse(back)
	if err != nil || u.Host != "" || u.Scheme != "" || u.User != nil || !sound(u.Path) || climbs(u.Path) {
		return "/"
	}
	return u.RequestURI()
}

// LocalPath is Local under its first name.
func LocalPath(to string) string { return Local(to) }

// late reports a body that did not arrive before the connection's deadline.
func late(err error) bool {
	var slow net.Error
	return errors.As(err, &slow) && slow.Timeout()
}
