package open311

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"mime/multipart"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"comity/internal/casework"
	"comity/internal/explain"
	"comity/internal/file"
	"comity/internal/text"
)

// Bounds of what comes with one report.
const (
	maxFiles  = 10
	fetchTime = 20 * time.Second // all pictures of a report together
)

// lostFile is a picture that could not be taken in. The report is not lost with it: the case is opened, and its text
// and the answer say what is missing.
type lostFile struct {
	name   string
	rule   string // of package file, or open311.media.…
	params map[string]string
}

func (l lostFile) words(say text.Speaker) string {
	figures := explain.Figures(say, l.params)
	for _, key := range []string{"open311.media." + l.rule, "problem." + l.rule} {
		if say.Has(key) {
			return say.T(key, figures...)
		}
	}
	return say.T("problem."+l.rule, figures...)
}

// parts are the names under which clients send pictures as parts of a form.
var parts = regexp.MustCompile(`^(photo[0-9]*|file_?[A-Za-z0-9_-]*|media(\[\])?)$`)

// media takes in what came with a report, through the one pipeline: parts, addresses and data URIs.
func (s *Server) media(c *call) (kept []casework.File, lost []lostFile, err error) {
	ctx, stop := context.WithTimeout(c.Context(), s.patience) // of what has to be fetched, not of what was sent along
	defer stop()
	var all []func() (casework.File, error)
	var names []string
	slices.SortStableFunc(c.parts[:min(len(c.parts), maxFiles)], func(a, b sentPart) int { return strings.Compare(a.field, b.field) })
	for _, p := range c.parts {
		names = append(names, p.name)
		all = append(all, func() (casework.File, error) { return s.part(c.Context(), p) })
	}
	for _, u := range slices.Concat(c.form.all("media_url"), c.form.all("media_url[]")) {
		names = append(names, nameOfURL(u))
		all = append(all, func() (casework.File, error) {
			if strings.HasPrefix(strings.ToLower(u[:min(5, len(u))]), "data:") { // it is here already
				return s.inline(c.Context(), u[5:])
			}
			return s.behind(ctx, u)
		})
	}
	for i, take := range all {
		name := clip(names[i])
		if i >= maxFiles {
			no := tooMany()
			lost = append(lost, lostFile{name, no.Rule, no.Params})
			continue
		}
		f, err := take()
		var no file.Refused
		var away *unreachable
		switch {
		case errors.As(err, &no):
			lost = append(lost, lostFile{name, no.Rule, no.Params})
		case errors.As(err, &away):
			s.Log.InfoContext(c.Context(), "a picture could not be fetched", "why", away.rule, "error", away.err)
			lost = append(lost, lostFile{name, away.rule, away.params})
		case err != nil:
			return nil, nil, err
		default:
			kept = append(kept, f)
		}
	}
	return kept, lost, nil
}

// sentPart is a picture that came as part of a form: received, or refused on its way in.
type sentPart struct {
	field, name string
	got         *file.Received
	no          error
}

func tooMany() file.Refused {
	return file.Refused{Rule: "file.too_many", Params: map[string]string{"max": strconv.Itoa(maxFiles)}}
}

// receive takes a part off the line. Files of a number nobody may send are not kept even for now.
func (s *Server) receive(c *call, p *multipart.Part) error {
	in := sentPart{field: p.FormName(), name: p.FileName()}
	var err error
	if len(c.parts) >= maxFiles {
		in.no = tooMany()
	} else {
		in.got, err = s.Files.Receive(p, in.name, file.Limits{Declared: p.Header.Get("Content-Type")})
	}
	var no file.Refused
	switch {
	case errors.Is(err, file.ErrCut):
		return sent(err)
	case errors.As(err, &no):
		in.no = no
	case err != nil:
		return err
	}
	c.parts = append(c.parts, in)
	return nil
}

// forget drops the parts of a call that were not kept.
func (c *call) forget() {
	for _, p := range c.parts {
		if p.got != nil {
			p.got.Drop()
		}
	}
}

// part keeps what was received.
func (s *Server) part(ctx context.Context, p sentPart) (casework.File, error) {
	if p.no != nil {
		return casework.File{}, p.no
	}
	f, err := p.got.Keep(ctx)
	f.Public = true
	return f, err
}

// keep cleans and stores one file.
func (s *Server) keep(ctx context.Context, r io.Reader, name, declared string) (casework.File, error) {
	f, err := s.Files.Take(ctx, r, name, file.Limits{Declared: declared})
	f.Public = true
	return f, err
}

// inline takes in what stands behind "data:".
func (s *Server) inline(ctx context.Context, raw string) (casework.File, error) {
	data, kind, err := dataURI(raw)
	if err != nil {
		return casework.File{}, err
	}
	return s.keep(ctx, bytes.NewReader(data), "", kind)
}

// behind takes in what stands behind an address.
func (s *Server) behind(ctx context.Context, raw string) (casework.File, error) {
	body, kind, err := s.fetch.get(ctx, raw)
	if err != nil {
		return casework.File{}, err
	}
	defer body.Close()
	f, err := s.keep(ctx, body, nameOfURL(raw), kind)
	var no file.Refused
	if err != nil && !errors.As(err, &no) && ctx.Err() != nil {
		return f, &unreachable{rule: "slow", err: err}
	}
	if errors.Is(err, file.ErrCut) {
		return f, &unreachable{rule: "failed", err: err}
	}
	return f, err
}

// dataURI reads what stands behind "data:".
func dataURI(s string) (data []byte, kind string, err error) {
	head, body, ok := strings.Cut(s, ",")
	kind, encoded := strings.CutSuffix(head, ";base64")
	if !ok {
		return nil, "", &unreachable{rule: "data"}
	}
	if !encoded {
		plain, err := url.PathUnescape(body)
		if err != nil {
			return nil, "", &unreachable{rule: "data", err: err}
		}
		return []byte(plain), kind, nil
	}
	body = strings.NewReplacer("%2B", "+", "%2F", "/", "%3D", "=", " ", "+").Replace(body)
	data, err = base64.StdEncoding.DecodeString(body)
	if err != nil {
		data, err = base64.RawStdEncoding.DecodeString(body)
	}
	if err != nil {
		return nil, "", &unreachable{rule: "data", err: err}
	}
	return data, kind, nil
}

// nameOfURL is the file name an address ends in; what a data URI is called, nobody knows.
func nameOfURL(raw string) string {
	if u, err := url.Parse(raw); err == nil && (u.Scheme == "http" || u.Scheme == "https") {
		if name := path.Base(u.Path); name != "." && name != "/" {
			return name
		}
		return u.Host
	}
	return "media_url"
}
