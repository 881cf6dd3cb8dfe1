package load

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"comity/internal/org"
)

// patience is how long an answer may take before it counts as none.
const patience = time.Minute

// stay keeps the client on the page that was asked for: where it would be sent on to is part of the answer.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// visitors ask a city. Each question is drawn by its number, so that two runs ask the same.
type visitors struct {
	address string
	people  *People
	o       Options
	client  *http.Client
	desks   []*desk // that have cases to open
}

func newVisitors(address string, people *People, o Options) *visitors {
	open := max(o.Clients, 64)
	if o.Rate > 0 {
		open = o.Most
	}
	return &visitors{address: strings.TrimSuffix(address, "/"), people: people, o: o,
		desks: slices.DeleteFunc(slices.Clone(people.desks), func(d *desk) bool { return len(d.refs) == 0 }),
		client: &http.Client{Timeout: patience, CheckRedirect: stay,
			Transport: &http.Transport{MaxIdleConns: open, MaxIdleConnsPerHost: open, DisableCompression: true, IdleConnTimeout: time.Minute}}}
}

// able tells of what nobody can ask for.
func (v *visitors) able() error {
	for _, k := range Kinds() {
		if v.o.Mix[k] > 0 && v.people.Lacks(k) {
			return fmt.Errorf("nobody can ask for %s: the pack has no such unit in which people work, or its units hold no case yet; leave it out of --mix, or seed more cases", k)
		}
	}
	return nil
}

// ask puts the question of this number and looks at the answer.
func (v *visitors) ask(ctx context.Context, n int) (Kind, error) {
	draw := rand.New(rand.NewPCG(v.o.Seed, uint64(n)))
	kind := v.o.Mix.pick(draw.IntN(v.o.Mix.total()))
	switch kind {
	case Create:
		return kind, v.create(ctx, draw)
	case Form:
		return kind, v.form(ctx, draw)
	case Act:
		o, ok := v.people.takeFresh()
		if !ok { // everything is acted upon already
			return Create, v.create(ctx, draw)
		}
		return kind, v.act(ctx, o)
	case Page:
		d := v.desks[draw.IntN(len(v.desks))]
		return kind, v.page(ctx, d, d.refs[draw.IntN(len(d.refs))])
	case Follow:
		return kind, v.follow(ctx, v.people.anyKnown(draw))
	case Search:
		return kind, v.search(ctx, draw)
	}
	for _, l := range Levels {
		if kind == List(l) {
			d := v.people.lists[l][draw.IntN(len(v.people.lists[l]))]
			return kind, v.get(ctx, "/desk/cases", d.cookie, `id="rows"`)
		}
	}
	return kind, fmt.Errorf("there is no traffic called %q", kind)
}

// create opens a case through the API, as a program of the unit that will hold it.
func (v *visitors) create(ctx context.Context, draw *rand.Rand) error {
	r, own := v.people.road(draw), v.people.own()
	var got struct {
		Ref, Code string
		Holder    struct{ ID org.UnitID }
		Version   int
	}
	body := map[string]any{"category": r.category, "text": r.told(draw, own), "unit": r.at, "address": strconv.Itoa(1 + draw.IntN(400)),
		"contact": map[string]string{"channel": "sms", "address": phone(draw)}}
	if err := v.program(ctx, r, "/api/v1/cases", own, body, http.StatusCreated, &got); err != nil {
		return err
	}
	if got.Ref == "" || got.Code == "" || got.Holder.ID != r.holder {
		return &wrongAnswer{"wrong case", fmt.Sprintf("a report for %s was answered with case %q of %q", r.holder, got.Ref, got.Holder.ID)}
	}
	v.people.add(opened{ref: got.Ref, code: got.Code, own: own, version: got.Version, road: r})
	return nil
}

// act does the usual first act on a case that waits for it.
func (v *visitors) act(ctx context.Context, o opened) error {
	var got struct {
		Ref     string
		Version int
	}
	err := v.program(ctx, o.road, "/api/v1/cases/"+url.PathEscape(o.ref)+"/acts/"+o.road.act, v.people.own(), map[string]any{"version": o.version}, http.StatusOK, &got)
	if err == nil && (got.Ref != o.ref || got.Version <= o.version) {
		err = &wrongAnswer{"wrong case", fmt.Sprintf("the act on %s, version %d, was answered with %s, version %d", o.ref, o.version, got.Ref, got.Version)}
	}
	return err
}

// program sends JSON with a token of the unit that holds the case.
func (v *visitors) program(ctx context.Context, r *road, path, key string, body any, status int, into any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, v.address+path, bytes.NewReader(raw))
	if err != nil {
		return err
	}
	q.Header.Set("Content-Type", "application/json")
	q.Header.Set("Authorization", "Bearer "+v.people.programs[r.holder].take().token)
	q.Header.Set("Idempotency-Key", key)
	a, err := v.send(q)
	if err != nil {
		return err
	}
	if a.status != status {
		return a.unexpected(path)
	}
	if err := json.Unmarshal(a.body, into); err != nil {
		return &wrongAnswer{"wrong form", fmt.Sprintf("%s: %v in %s", path, err, a.brief())}
	}
	return nil
}

// formKey finds the key of the check page, which the browser sends back.
var formKey = regexp.MustCompile(`name="_key" value="([a-z0-9]+)"`)

// form does what a resident does: fills in, looks through, sends, and sees the receipt.
func (v *visitors) form(ctx context.Context, draw *rand.Rand) error {
	r, own := v.people.road(draw), v.people.own()
	values := url.Values{"category": {r.category}, "text": {r.told(draw, own)}, "unit": {string(r.at)}, "who": {"code"}}
	checked, err := v.post(ctx, "/report", values)
	if err != nil {
		return err
	}
	key := formKey.FindSubmatch(checked.body)
	if checked.status != http.StatusOK || key == nil || !bytes.Contains(checked.body, []byte(`value="send"`)) || !bytes.Contains(checked.body, []byte(own)) {
		return checked.unexpected("/report, to look it through")
	}
	values.Set("do", "send")
	values.Set("_key", string(key[1]))
	values.Set("same", "none")
	sent, err := v.post(ctx, "/report", values)
	if err != nil {
		return err
	}
	code, ok := strings.CutPrefix(sent.to, "/sent/")
	if sent.status != http.StatusSeeOther || !ok {
		return sent.unexpected("/report, to send it")
	}
	if err := v.get(ctx, sent.to, "", code, "/f/"+code); err != nil {
		return err
	}
	v.people.add(opened{code: code, own: own, road: r})
	return nil
}

// page opens a case at the desk of the unit that holds it. The look is on record before the page is seen.
func (v *visitors) page(ctx context.Context, d *desk, ref string) error {
	return v.get(ctx, "/desk/cases/"+url.PathEscape(ref), d.cookie, `<span class="num">`+ref+`</span>`)
}

func (v *visitors) follow(ctx context.Context, o opened) error {
	marks := []string{"/f/" + o.code + "/note"}
	if o.ref != "" {
		marks = append(marks, o.ref)
	}
	return v.get(ctx, "/f/"+o.code, "", marks...)
}

// search looks for a word of many cases, or for the one case that has a word of its own: that one has to be found.
func (v *visitors) search(ctx context.Context, draw *rand.Rand) error {
	p := v.people
	if draw.IntN(2) == 0 {
		o := p.anyKnown(draw)
		if top := p.lists[org.City]; len(top) > 0 && o.ref != "" {
			return v.get(ctx, "/desk/cases?"+url.Values{"q": {o.own}}.Encode(), top[draw.IntN(len(top))].cookie, `id="rows"`, "/desk/cases/"+o.ref)
		}
	}
	d := p.desks[draw.IntN(len(p.desks))]
	return v.get(ctx, "/desk/cases?"+url.Values{"q": {p.words[draw.IntN(len(p.words))]}}.Encode(), d.cookie, `id="rows"`)
}

// answer is what the city said.
type answer struct {
	status int
	to     string // where it sends on to
	body   []byte
}

// unexpected says that an answer is not what was asked for.
func (a answer) unexpected(path string) error {
	where := ""
	if a.to != "" {
		where = " to " + a.to
	}
	return &wrongAnswer{"status " + strconv.Itoa(a.status), fmt.Sprintf("%s was answered %d%s: %s", path, a.status, where, a.brief())}
}

var tags = regexp.MustCompile(`(?s)<(?:script|style|svg|head)\b.*?</(?:script|style|svg|head)>|<[^>]*>`)

// brief is the beginning of an answer without its markup.
func (a answer) brief() string {
	const most = 200
	words := []rune(strings.Join(strings.Fields(string(tags.ReplaceAll(a.body, []byte(" ")))), " "))
	if len(words) > most {
		return string(words[:most]) + "…"
	}
	return string(words)
}

// get asks for a page, and looks for the marks by which it is known.
func (v *visitors) get(ctx context.Context, path, cookie string, marks ...string) error {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, v.address+path, nil)
	if err != nil {
		return err
	}
	if cookie != "" {
		q.Header.Set("Cookie", cookie)
	}
	a, err := v.send(q)
	if err != nil {
		return err
	}
	if a.status != http.StatusOK {
		return a.unexpected(path)
	}
	for _, m := range marks {
		if !bytes.Contains(a.body, []byte(m)) {
			return &wrongAnswer{"wrong page", fmt.Sprintf("%s was answered with a page that lacks %q: %s", path, m, a.brief())}
		}
	}
	return nil
}

// post sends a form as a browser does that may have pictures with it.
func (v *visitors) post(ctx context.Context, path string, values url.Values) (answer, error) {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for name, list := range values {
		for _, value := range list {
			if err := form.WriteField(name, value); err != nil {
				return answer{}, err
			}
		}
	}
	if err := form.Close(); err != nil {
		return answer{}, err
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, v.address+path, &body)
	if err != nil {
		return answer{}, err
	}
	q.Header.Set("Content-Type", form.FormDataContentType())
	return v.send(q)
}

func (v *visitors) send(q *http.Request) (answer, error) {
	got, err := v.client.Do(q)
	if err != nil {
		return answer{}, err
	}
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	return answer{got.StatusCode, got.Header.Get("Location"), body}, err
}
