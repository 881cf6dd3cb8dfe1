package api

import (
	"context"
	"errors"
	"maps"
	"mime/multipart"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"comity/internal/casework"
	"comity/internal/file"
	"comity/internal/form"
	"comity/internal/posted"
)

const (
	filesPath = "/api/v1/cases/{ref}/files"
	maxUpload = 32 << 20 // bytes of one request with files, all together
	maxFiles  = 10
)

func (a *API) fileRoutes() {
	op := a.route("add-files", http.MethodPost, filesPath, http.StatusCreated, true)
	op.MaxBodyBytes = maxUpload
	op.Middlewares = huma.Middlewares{a.sealed}
	one := &huma.Schema{Type: huma.TypeString, Format: "binary", ContentEncoding: "binary", Description: "Photos (JPEG, PNG, WebP), PDF, text, or papers of office programs (docx, xlsx, pptx, odt, ods, odp)"}
	files := &huma.Schema{Type: huma.TypeObject, Properties: map[string]*huma.Schema{"files": {Type: huma.TypeArray, Items: one}}, Required: []string{"files"}}
	op.RequestBody = &huma.RequestBody{Content: map[string]*huma.MediaType{"multipart/form-data": {Schema: files, Encoding: map[string]*huma.Encoding{"files": {ContentType: "application/octet-stream"}}}}}
	handle(a, op, a.addFiles)
}

type formKey struct{}

// sealed takes the form off the line before huma does, which would lay its files down in the clear.
func (a *API) sealed(ctx huma.Context, next func(huma.Context)) {
	r, _ := humago.Unwrap(ctx)
	f, err := posted.Read(r)
	if errors.Is(err, posted.ErrKeep) {
		a.answer(ctx, a.incident(ctx.Context(), err, a.language(ctx.Header("Accept-Language"))))
		return
	}
	if errors.Is(err, posted.ErrLarge) {
		huma.WriteErr(a.huma, ctx, http.StatusRequestEntityTooLarge, "too large")
		return
	}
	if err != nil {
		huma.WriteErr(a.huma, ctx, http.StatusUnprocessableEntity, "validation failed", &huma.ErrorDetail{Location: "body", Message: "cannot read multipart form: " + err.Error()})
		return
	}
	defer f.Close()
	r.MultipartForm = f.Form
	next(huma.WithValue(ctx, formKey{}, f))
}

type filesInput struct {
	Ref     string         `path:"ref" maxLength:"40"`
	Key     string         `header:"Idempotency-Key" maxLength:"200"`
	Public  bool           `query:"public" doc:"The resident may see them"`
	RawBody multipart.Form // as sealed has read it
}

// addFiles keeps what can be kept safely and attaches it; when one file is refused, none is attached.
func (a *API) addFiles(ctx context.Context, in *filesInput) (*doneOutput, error) {
	found, _, err := a.inScope(ctx, in.Ref)
	if err != nil {
		return nil, err
	}
	sent := ctx.Value(formKey{}).(*posted.Form)
	if p := a.unknownPart(ctx, sent.Form); p != nil {
		return nil, p
	}
	uploads := sent.File["files"]
	if len(uploads) == 0 {
		return nil, a.wrongPart(ctx, "files", "form.required")
	}
	if len(uploads) > maxFiles {
		return nil, &casework.Refusal{Rule: "form.invalid", Fields: []form.Problem{{Field: "files", Rule: "request.too_many"}}}
	}
	var kept []casework.File
	for _, u := range uploads {
		f, err := a.keepFile(ctx, sent, u, in.Public)
		if err != nil {
			return nil, err
		}
		kept = append(kept, f)
	}
	return a.do(ctx, found, casework.Command{Case: found.ID, Version: casework.AnyVersion, Key: key(in.Key), Files: kept})
}

// unknownPart refuses parts of a form that the operation does not have; a member of JSON would be too.
func (a *API) unknownPart(ctx context.Context, f *multipart.Form) error {
	names := append(slices.Collect(maps.Keys(f.Value)), slices.Collect(maps.Keys(f.File))...)
	slices.Sort(names)
	for _, name := range names {
		if name == "files" {
			continue
		}
		p := a.wrongPart(ctx, clip(name), "request.unknown")
		p.event = "request.unknown"
		return p
	}
	return nil
}

// wrongPart says of a part of a form what the description of the operation says of members of JSON.
func (a *API) wrongPart(ctx context.Context, name, rule string) *Problem {
	p := a.plain("request.invalid", http.StatusUnprocessableEntity, callerOf(ctx).lang)
	p.Fields = a.fields(a.say("", callerOf(ctx).lang), []form.Problem{{Field: name, Rule: rule}})
	return p
}

func (a *API) keepFile(ctx context.Context, sent *posted.Form, h *multipart.FileHeader, public bool) (casework.File, error) {
	src, err := sent.Open(h)
	if err != nil {
		return casework.File{}, err
	}
	f, err := a.Files.Take(ctx, src, h.Filename, file.Limits{Declared: h.Header.Get("Content-Type")})
	var no file.Refused
	if errors.As(err, &no) {
		return casework.File{}, &casework.Refusal{Rule: "form.invalid", Fields: []form.Problem{{Field: "files", Rule: no.Rule, Params: no.Params}}}
	}
	if err != nil {
		return casework.File{}, err
	}
	f.Public = public
	return f, nil
}
