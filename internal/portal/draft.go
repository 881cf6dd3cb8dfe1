package portal

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"
	"time"

	"comity/internal/casework"
	"comity/internal/file"
	"comity/internal/form"
	"comity/internal/intake"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/place"
	"comity/internal/web"
)

// draft is a report between the form, the check page and the door. It lives in the form itself:
// nothing is kept on the server but the cleaned photos.
type draft struct {
	Category, Text    string
	Address, Lat, Lon string
	Unit              string
	Meant             string            // the place that was offered for the address and chosen; meantNone: none of them
	Who, Phone, Name  string            // Who is phone or code
	Fields            map[string]string // answers to what the procedure asks when a case is opened
	Photos            []photo
	Same              string // number of the report it may be the same as, or sameNone; asked on the check page
	Key               string
	Guide             string         // page of the guide it was begun from; not sent along
	refused           []form.Problem // photos that could not be taken
	offered           []web.Choice   // places the address may mean, once they were looked up
}

// photo is a cleaned file that was stored before the report is sent.
type photo struct {
	File  casework.File
	Token string // carries File through the form, signed
}

const (
	maxPhotos = 5
	photoLife = 24 * time.Hour // how long a stored photo may wait for its report
)

// noteFields are the fields of a note.
var noteFields = []string{"text", "photo*", "drop*", "photos*"}

// reportFields are the fields of a report: its own and every question any procedure asks, because the
// kind can be changed after the questions of another were shown.
func (p *Portal) reportFields() []string {
	out := append([]string{"category", "address", "lat", "lon", "coords", "unit", "meant", "same", "who", "phone", "name", "do"}, noteFields...)
	for _, q := range p.Packs.Current().Questions() {
		out = append(out, "in."+q)
	}
	return out
}

// readDraft reads the posted form, which may hold the known fields only, and stores new photos. Photos that cannot be taken become
// problems of the field; the error is for what went wrong on our side.
func (p *Portal) readDraft(r *http.Request, known []string) (*draft, error) {
	if err := web.ReadForm(r, known...); err != nil {
		return nil, err
	}
	get := func(name string) string { return strings.TrimSpace(r.PostFormValue(name)) }
	d := &draft{
		Category: get("category"), Text: get("text"), Address: get("address"), Lat: get("lat"), Lon: get("lon"), Unit: get("unit"), Meant: get("meant"), Same: get("same"),
		Who: get("who"), Phone: get("phone"), Name: get("name"), Fields: map[string]string{},
	}
	d.inWGS84(get("coords"))
	for name, v := range r.PostForm {
		if field, ok := strings.CutPrefix(name, "in."); ok && len(v) > 0 {
			d.Fields[field] = v[0]
		}
	}
	drop := map[string]bool{}
	for _, token := range r.PostForm["drop"] {
		drop[token] = true
	}
	for _, token := range r.PostForm["photo"] {
		if f, ok := p.unsign(token); ok && !drop[token] && len(d.Photos) < maxPhotos {
			d.Photos = append(d.Photos, photo{f, token})
		} else if !ok {
			d.refused = append(d.refused, form.Problem{Field: "photos", Rule: "portal.photo_gone"})
		}
	}
	kept, refused, err := p.keep(r, maxPhotos-len(d.Photos))
	if err != nil {
		return nil, err
	}
	d.refused = append(d.refused, refused...)
	for _, f := range kept {
		d.Photos = append(d.Photos, photo{f, p.sign(f)})
	}
	return d, nil
}

// keep cleans and stores the uploaded files of field "photos", at most room of them.
func (p *Portal) keep(r *http.Request, room int) (kept []casework.File, refused []form.Problem, err error) {
	if r.MultipartForm == nil {
		return nil, nil, nil
	}
	for _, h := range r.MultipartForm.File["photos"] {
		if h.Size == 0 && h.Filename == "" {
			continue
		}
		if len(kept) >= room {
			return kept, append(refused, form.Problem{Field: "photos", Rule: "file.too_many", Params: map[string]string{"max": strconv.Itoa(maxPhotos)}}), nil
		}
		f, err := p.keepOne(r, h)
		var no file.Refused
		if errors.As(err, &no) {
			refused = append(refused, form.Problem{Field: "photos", Rule: no.Rule, Params: withName(no.Params, h.Filename)})
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		kept = append(kept, f)
	}
	return kept, refused, nil
}

func withName(params map[string]string, name string) map[string]string {
	out := map[string]string{"name": name}
	for k, v := range params {
		out[k] = v
	}
	return out
}

func (p *Portal) keepOne(r *http.Request, h *multipart.FileHeader) (casework.File, error) {
	src, err := web.File(r, h)
	if err != nil {
		return casework.File{}, fmt.Errorf("open upload: %w", err)
	}
	f, err := p.Files.Take(r.Context(), src, h.Filename, file.Limits{Declared: h.Header.Get("Content-Type")})
	f.Public = true
	return f, err
}

// ticket is what a token says. Without the signature a form could claim any stored file. The key of the file
// is in it and nowhere else until the report is filed: a photo that never is opens for nobody.
type ticket struct {
	SHA256 string `json:"h"`
	Key    string `json:"c,omitempty"`
	Name   string `json:"n"`
	Kind   string `json:"k"`
	Size   int64  `json:"s"`
	Until  int64  `json:"u"`

	Held        string `json:"w,omitempty"`
	Locked      string `json:"l,omitempty"`
	Original    string `json:"o,omitempty"`
	OriginalKey string `json:"ok,omitempty"`
}

func (p *Portal) sign(f casework.File) string {
	doc, err := json.Marshal(ticket{SHA256: f.SHA256, Key: f.Key, Name: f.Name, Kind: f.Kind, Size: f.Size, Until: p.Site.Now().Add(photoLife).Unix(),
		Held: f.Held, Locked: f.Locked, Original: f.Original, OriginalKey: f.OriginalKey})
	if err != nil {
		panic("portal: a ticket of strings and numbers does not encode: " + err.Error())
	}
	return base64.RawURLEncoding.EncodeToString(append(p.mac(doc), doc...))
}

// unsign is the inverse of sign, as long as the ticket is ours and not too old.
func (p *Portal) unsign(token string) (casework.File, bool) {
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(raw) < sha256.Size || !hmac.Equal(raw[:sha256.Size], p.mac(raw[sha256.Size:])) {
		return casework.File{}, false
	}
	var t ticket
	if json.Unmarshal(raw[sha256.Size:], &t) != nil || p.Site.Now().Unix() > t.Until {
		return casework.File{}, false
	}
	return casework.File{SHA256: t.SHA256, Key: t.Key, Name: t.Name, Kind: t.Kind, Size: t.Size, Public: true,
		Held: t.Held, Locked: t.Locked, Original: t.Original, OriginalKey: t.OriginalKey}, true
}

func (p *Portal) mac(doc []byte) []byte {
	m := hmac.New(sha256.New, p.Secret)
	m.Write([]byte("portal photo\n"))
	m.Write(doc)
	return m.Sum(nil)
}

// check finds what cannot stand, all at once, and the command that would open the case.
func (d *draft) check(pk *pack.Pack, lang string, now time.Time) (casework.Command, []form.Problem) {
	bad := d.refused
	if d.Category == "" {
		bad = append(bad, form.Problem{Field: "category", Rule: "form.required"})
	} else if c, ok := pk.Category(d.Category); !ok || !c.Resident {
		got := []rune(d.Category)
		bad = append(bad, form.Problem{Field: "category", Rule: "category.unknown", Params: map[string]string{"got": string(got[:min(40, len(got))])}})
	}
	_, words := form.Check([]form.Field{
		{Name: "text", Kind: form.LongText, Required: true, Max: casework.MaxText},
		{Name: "address", Kind: form.Text, Max: 200},
		{Name: "name", Kind: form.Text, Max: 80},
		{Name: "phone", Kind: form.Phone, When: &form.When{Field: "who", In: []string{"phone"}}},
		{Name: "who", Kind: form.Choice, Required: true, Options: []string{"phone", "code"}},
	}, map[string]string{"text": d.Text, "address": d.Address, "name": d.Name, "phone": d.phone(), "who": d.Who})
	bad = append(bad, words...)
	if proc := pk.ProcedureFor(d.Category); proc != nil && len(proc.Intake) > 0 {
		_, more := form.Check(proc.Intake, d.Fields)
		for _, m := range more {
			m.Field = "in." + m.Field
			bad = append(bad, m)
		}
	}
	point, trouble := d.point()
	if trouble != nil {
		bad = append(bad, *trouble)
	}
	report := d.reported(pk, point, lang)
	report.Now = now
	cmd, err := intake.Command(pk, report)
	var no *casework.Refusal
	if errors.As(err, &no) {
		for _, f := range no.Fields {
			if f.Field != "category" { // said above
				bad = append(bad, f)
			}
		}
	}
	return cmd, bad
}

func (d *draft) reported(pk *pack.Pack, point *place.Point, lang string) intake.Report {
	at, unit := d.found(pk, point)
	r := intake.Report{
		Category: d.Category, Text: d.Text, Address: d.Address, Point: at, Unit: unit, Source: "web", Key: d.Key,
		Contact: casework.Contact{Name: d.Name, Lang: lang}, Fields: d.Fields,
	}
	if clean, bad := form.Check([]form.Field{{Name: "phone", Kind: form.Phone}}, map[string]string{"phone": d.phone()}); len(bad) == 0 && clean["phone"] != "" {
		r.Contact.Channel, r.Contact.Address = "sms", clean["phone"]
	}
	for _, f := range d.Photos {
		r.Files = append(r.Files, f.File)
	}
	return r
}

// inWGS84 converts a position that a map in another system gave. A system nobody knows leaves numbers that are no position.
func (d *draft) inWGS84(system string) {
	at, bad := d.point()
	if system == "" || at == nil || bad != nil {
		return
	}
	s, err := place.ParseSystem(system)
	if err != nil {
		d.Lat = "?"
		return
	}
	p := s.ToWGS84(*at)
	d.Lat, d.Lon = strconv.FormatFloat(p.Lat, 'f', 6, 64), strconv.FormatFloat(p.Lon, 'f', 6, 64)
}

// phone is the number, unless the person asked for a code only: then it is not even kept.
func (d *draft) phone() string {
	if d.Who == "phone" {
		return d.Phone
	}
	return ""
}

// found is the place: what was pointed at and chosen, else the landmark or unit whose very name was typed
// or that was chosen among those the address may mean.
func (d *draft) found(pk *pack.Pack, point *place.Point) (*place.Point, org.UnitID) {
	if point != nil || d.Unit != "" {
		return point, org.UnitID(d.Unit)
	}
	if at := spotOf(d.Meant); at != nil {
		return at, ""
	}
	for _, h := range pk.Names.Find(d.Address, maxMeant) {
		if h.Exact && d.Meant == "" || h.Spot.Key == d.Meant {
			return h.Spot.Point, h.Spot.Unit
		}
	}
	return nil, ""
}

// point reads the position the map or the device filled in; none is fine.
func (d *draft) point() (*place.Point, *form.Problem) {
	if d.Lat == "" && d.Lon == "" {
		return nil, nil
	}
	lat, err1 := strconv.ParseFloat(d.Lat, 64)
	lon, err2 := strconv.ParseFloat(d.Lon, 64)
	pt := place.Point{Lat: lat, Lon: lon}
	if err1 != nil || err2 != nil || pt.Check() != nil {
		return nil, &form.Problem{Field: "place", Rule: "place.position"}
	}
	return &pt, nil
}
