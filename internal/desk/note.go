package desk

import (
	"errors"

	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"comity/internal/casework"
	"comity/internal/file"
	"comity/internal/web"
)

// note writes something down, for the house or for the resident to read, with papers if there are any.
func (v *visit) note() error {
	c, err := v.found()
	if err != nil {
		return err
	}
	if err := v.parse("text", "aud", "files*"); err != nil {
		return err
	}
	n := noteForm{Text: v.r.PostFormValue("text"), Public: v.r.PostFormValue("aud") == "public"}
	p := v.site.Page(v.r, "desk.case.title")
	files, err := v.uploads(n.Public)
	if no := (file.Refused{}); errors.As(err, &no) {
		n.Wrong = fileProblem(p, no)
		return v.showOpened(http.StatusUnprocessableEntity, c, n)
	}
	if err != nil {
		return err
	}
	cmd := casework.Command{Case: c.ID, Version: casework.AnyVersion, Key: web.KeyOf(v.r), Files: files}
	if strings.TrimSpace(n.Text) != "" || len(files) == 0 {
		cmd.Note = &casework.Note{Text: n.Text, Public: n.Public}
	}
	done := "noted"
	if n.Public {
		done = "replied"
	}
	_, err = v.Ledger.Do(v.ctx(), v.actor, cmd)
	var no *casework.Refusal
	if errors.As(err, &no) {
		n.Wrong = p.Problem(no.Rule, no.Params)
		for _, f := range no.Fields {
			n.Wrong = p.Problem(f.Rule, f.Params)
		}
		return v.showOpened(web.StatusOf(no), c, n)
	}
	if err != nil {
		return err
	}
	http.Redirect(v.w, v.r, caseAddress(string(c.Ref), v.r.URL.Query().Get("in"), "done", done), http.StatusSeeOther)
	return nil
}

// attach adds papers without words.
func (v *visit) attach() error {
	c, err := v.found()
	if err != nil {
		return err
	}
	if err := v.parse("aud", "files*"); err != nil {
		return err
	}
	p := v.site.Page(v.r, "desk.case.title")
	files, err := v.uploads(v.r.PostFormValue("aud") == "public")
	if no := (file.Refused{}); errors.As(err, &no) {
		return v.showOpened(http.StatusUnprocessableEntity, c, noteForm{Wrong: fileProblem(p, no)})
	}
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return v.showOpened(http.StatusUnprocessableEntity, c, noteForm{Wrong: p.T("desk.files.none")})
	}
	if _, err := v.Ledger.Do(v.ctx(), v.actor, casework.Command{Case: c.ID, Version: casework.AnyVersion, Key: web.KeyOf(v.r), Files: files}); err != nil {
		return err
	}
	http.Redirect(v.w, v.r, caseAddress(string(c.Ref), v.r.URL.Query().Get("in"), "done", "attached"), http.StatusSeeOther)
	return nil
}

// parse reads the posted form, with or without files; it may hold the named fields only (web.ReadForm).
func (v *visit) parse(known ...string) error { return web.ReadForm(v.r, known...) }

// maxFiles bounds one message.
const maxFiles = 10

// uploads cleans and keeps the files of the form. The error is a file.Refused for what cannot be kept;
// then none is attached.
func (v *visit) uploads(public bool) ([]casework.File, error) {
	if v.r.MultipartForm == nil {
		return nil, nil
	}
	heads := v.r.MultipartForm.File["files"]
	if len(heads) > maxFiles {
		return nil, &web.Refused{Status: http.StatusUnprocessableEntity, Rule: "desk.files.many"}
	}
	var out []casework.File
	for _, h := range heads {
		if h.Size == 0 && h.Filename == "" {
			continue // the browser sends an empty part when nothing was chosen
		}
		f, err := web.File(v.r, h)
		if err != nil {
			return nil, err
		}
		taken, err := v.Files.Take(v.ctx(), f, h.Filename, file.Limits{Declared: h.Header.Get("Content-Type")})
		if err != nil {
			return nil, err
		}
		taken.Public = public
		out = append(out, taken)
	}
	return out, nil
}

func fileProblem(p *web.Page, no file.Refused) string { return p.Problem(no.Rule, no.Params) }

// fileShow hands out an attachment of a case the officer may read. Pictures are shown, everything else
// is a download, because its inside was scanned and not rebuilt.
func (v *visit) fileShow() error {
	c, err := v.found()
	if err != nil {
		return err
	}
	sum := v.r.PathValue("sha256")
	i := slices.IndexFunc(c.Files, func(f casework.File) bool { return f.SHA256 == sum })
	if i < 0 {
		return web.ErrNotFound
	}
	open, err := v.open(c)
	if err != nil {
		return err
	}
	if open.no != nil {
		return open.no
	}
	f := open.c.Files[i]
	if f.Key == casework.Veil || f.Held != "" {
		return web.ErrNotFound // erased, or held
	}
	content, err := v.Files.Open(f.SHA256, f.Key)
	if err != nil {
		return err
	}
	defer content.Close()
	how := "attachment"
	if strings.HasPrefix(f.Kind, "image/") {
		how = "inline"
	}
	h := v.w.Header()
	h.Set("Content-Type", f.Kind)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Disposition", mime.FormatMediaType(how, map[string]string{"filename": f.Name}))
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox")
	h.Set("Cache-Control", "private, no-store")
	http.ServeContent(v.w, v.r, "", time.Time{}, content)
	return nil
}
