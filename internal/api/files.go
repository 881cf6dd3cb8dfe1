package api

import (
	"context"
	"errors"
	"maps"
	"mime/multipart"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"comity/internal/casework"
	"comity/internal/file"
	"comity/internal/form"
)

const (
	filesPath = "/api/v1/cases/{ref}/files"
	maxUpload = 32 << 20 // bytes of one request with files, all together
	maxFiles  = 10
)

func (a *API) fileRoutes() {
	op := a.route("add-files", http.MethodPost, filesPath, http.StatusCreated, true)
	op.MaxBodyBytes = maxUpload
	handle(a, op, a.addFiles)
}

type filesInput struct {
	Ref     string `path:"ref" maxLength:"40"`
	Key     string `header:"Idempotency-Key" maxLength:"200"`
	Public  bool   `query:"public" doc:"The resident may see them"`
	RawBody huma.MultipartFormFiles[struct {
		Files []huma.FormFile `form:"files" required:"true" doc:"Photos (JPEG, PNG, WebP), PDF, text, or papers of office programs (docx, xlsx, pptx, odt, ods, odp)"`
	}]
}

// addFiles keeps what can be kept safely and attaches it; when one file is refused, none is attached.
func (a *API) addFiles(ctx context.Context, in *filesInput) (*doneOutput, error) {
	defer in.RawBody.Form.RemoveAll()
	found, _, err := a.inScope(ctx, in.Ref)
	if err != nil {
		return nil, err
	}
	if p := a.unknownPart(ctx, in.RawBody.Form); p != nil {
		return nil, p
	}
	uploads := in.RawBody.Data().Files
	for _, u := range uploads {
		defer u.Close()
	}
	if len(uploads) > maxFiles {
		return nil, &casework.Refusal{Rule: "form.invalid", Fields: []form.Problem{{Field: "files", Rule: "request.too_many"}}}
	}
	var kept []casework.File
	for _, u := range uploads {
		f, err := a.keepFile(ctx, u, in.Public)
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
		p := a.plain("request.invalid", http.StatusUnprocessableEntity, callerOf(ctx).lang)
		p.event = "request.unknown"
		p.Fields = a.fields(a.say("", callerOf(ctx).lang), []form.Problem{{Field: clip(name), Rule: "request.unknown"}})
		return p
	}
	return nil
}

func (a *API) keepFile(ctx context.Context, u huma.FormFile, public bool) (casework.File, error) {
	f, err := a.Files.Take(ctx, u, u.Filename, file.Limits{Declared: u.ContentType})
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
