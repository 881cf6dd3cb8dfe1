package desk

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"image"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"

	"comity/internal/alike"
	"comity/internal/casework"
	"comity/internal/file"
	"comity/internal/web"
)

// Redaction: an officer names boxes of a photo, by numbers or by drawing, and gets a copy in which they are black. The
// photo itself stays with the case as it was; the copy is what may be published.

//go:embed redact.js
var redactScript []byte

func redactHref() string {
	sum := sha256.Sum256(redactScript)
	return "/desk/redact.js?v=" + hex.EncodeToString(sum[:6])
}

func (d *Desk) redactScript(w http.ResponseWriter, _ *http.Request) error {
	h := w.Header()
	h.Set("Content-Type", "text/javascript; charset=utf-8")
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	_, err := w.Write(redactScript)
	return err
}

const maxBoxes = 6

// boxRow is one box of the form as it was typed.
type boxRow struct {
	N          string
	X, Y, W, H string
}

type redactPage struct {
	To, Back, Image, Name string
	Width, Height         int
	Size                  string
	Boxes                 []boxRow
	Public                bool
	Wrong                 string
}

// redactable is a photo of the case, opened on record.
func (v *visit) redactable() (c casework.Case, f casework.File, err error) {
	c, err = v.found()
	if err != nil {
		return c, f, err
	}
	open, err := v.open(c)
	if err != nil {
		return c, f, err
	}
	if open.no != nil {
		return c, f, open.no
	}
	i := slices.IndexFunc(open.c.Files, func(f casework.File) bool { return f.SHA256 == v.r.PathValue("sha256") })
	if i < 0 || !file.Picture(open.c.Files[i].Kind) || open.c.Files[i].Held != "" || open.c.Files[i].Key == casework.Veil {
		return c, f, web.ErrNotFound
	}
	return c, open.c.Files[i], nil
}

func (v *visit) redactShow() error {
	c, f, err := v.redactable()
	if err != nil {
		return err
	}
	return v.showRedact(http.StatusOK, c, f, redactPage{Boxes: make([]boxRow, maxBoxes)})
}

func (v *visit) showRedact(status int, c casework.Case, f casework.File, d redactPage) error {
	var err error
	if d.Width, d.Height, err = v.Files.Size(f); err != nil {
		return err
	}
	p := v.page("desk.redact.title", "ref", string(c.Ref))
	p.Wrong = d.Wrong != ""
	d.Image = caseHref(string(c.Ref)) + "/files/" + f.SHA256
	d.To, d.Back, d.Name = d.Image+"/redact"+inQuery(v.r.URL.Query().Get("in")), caseAddress(string(c.Ref), v.r.URL.Query().Get("in")), f.Name
	d.Size = p.T("desk.redact.size", "width", strconv.Itoa(d.Width), "height", strconv.Itoa(d.Height))
	for i := range d.Boxes {
		d.Boxes[i].N = strconv.Itoa(i + 1)
	}
	return v.write(p, status, redactBody(p, d))
}

func (v *visit) redactDo() error {
	c, f, err := v.redactable()
	if err != nil {
		return err
	}
	if err := v.parse("x*", "y*", "w*", "h*", "aud"); err != nil {
		return err
	}
	p := v.site.Page(v.r, "desk.redact.title", "ref", string(c.Ref))
	d := redactPage{Public: v.r.PostFormValue("aud") == "public"}
	boxes, ok := v.boxes(&d)
	if !ok {
		d.Wrong = p.T("desk.redact.numbers")
		return v.showRedact(http.StatusUnprocessableEntity, c, f, d)
	}
	made, err := v.Files.Redact(v.ctx(), f, boxes, p.T("desk.redact.name", "name", strings.TrimSuffix(f.Name, path.Ext(f.Name))))
	if no := (file.Refused{}); errors.As(err, &no) {
		d.Wrong = fileProblem(p, no)
		return v.showRedact(http.StatusUnprocessableEntity, c, f, d)
	}
	if err != nil {
		return err
	}
	made.Public = d.Public
	_, err = v.Ledger.Do(v.ctx(), v.actor, casework.Command{Case: c.ID, Version: casework.AnyVersion, Key: web.KeyOf(v.r), Files: []casework.File{made}})
	if err != nil {
		return err
	}
	http.Redirect(v.w, v.r, caseAddress(string(c.Ref), v.r.URL.Query().Get("in"), "done", "redacted"), http.StatusSeeOther)
	return nil
}

// boxes reads the boxes; a row without any number is none. ok is false where a row is not four whole numbers.
func (v *visit) boxes(d *redactPage) (out []image.Rectangle, ok bool) {
	get := func(name string, i int) string {
		if list := v.r.PostForm[name]; i < len(list) {
			return strings.TrimSpace(list[i])
		}
		return ""
	}
	ok = true
	for i := range maxBoxes {
		row := boxRow{X: get("x", i), Y: get("y", i), W: get("w", i), H: get("h", i)}
		d.Boxes = append(d.Boxes, row)
		if row == (boxRow{}) {
			continue
		}
		var n [4]int
		for j, s := range []string{row.X, row.Y, row.W, row.H} {
			var err error
			if n[j], err = strconv.Atoi(s); err != nil || n[j] < 0 || n[j] > 100_000 {
				ok = false
			}
		}
		out = append(out, image.Rect(n[0], n[1], n[0]+n[2], n[1]+n[3]))
	}
	return out, ok
}

// publishDo shows a redacted copy to everybody beside the report, or takes it back; the button that was pressed is undone
// by the other one.
func (v *visit) publishDo() error {
	c, err := v.found()
	if err != nil {
		return err
	}
	if err := v.parse("show"); err != nil {
		return err
	}
	show := v.r.PostFormValue("show") == "yes"
	if show && !alike.Shows(v.pack, c.Category) {
		return &casework.Refusal{Rule: "file.not_public"}
	}
	_, err = v.Ledger.Do(v.ctx(), v.actor, casework.Command{Case: c.ID, Version: casework.AnyVersion, Key: web.KeyOf(v.r), Published: &casework.Published{SHA256: v.r.PathValue("sha256"), Show: show}})
	if err != nil {
		return err
	}
	done := "withdrawn_photo"
	if show {
		done = "published_photo"
	}
	http.Redirect(v.w, v.r, caseAddress(string(c.Ref), v.r.URL.Query().Get("in"), "done", done), http.StatusSeeOther)
	return nil
}
