package api

import (
	"context"
	"errors"
	"net/http"

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
		Files []huma.FormFile `form:"files" required:"true" doc:"Photos (JPEG, PNG, WebP), PDF or text"`
	}]
}

// addFiles keeps what can be kept safely and attaches it; when one file is refused, none is attached.
func (a *API) addFiles(ctx context.Context, in *filesInput) (*doneOutput, error) {
	defer in.RawBody.Form.RemoveAll()
	found, _, err := a.inScope(ctx, in.Ref)
	if err != nil {
		return nil, err
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
		f, err := a.keepFile(u, in.Public)
		if err != nil {
			return nil, err
		}
		kept = append(kept, f)
	}
	return a.do(ctx, found, casework.Command{Case: found.ID, Version: casework.AnyVersion, Key: key(in.Key), Files: kept})
}

func (a *API) keepFile(u huma.FormFile, public bool) (casework.File, error) {
	clean, err := file.Clean(u, u.Filename, file.Limits{Declared: u.ContentType})
	var no file.Refused
	if errors.As(err, &no) {
		return casework.File{}, &casework.Refusal{Rule: "form.invalid", Fields: []form.Problem{{Field: "files", Rule: no.Rule, Params: no.Params}}}
	}
	if err != nil {
		return casework.File{}, err
	}
	name, opens, err := a.Files.Put(clean.Data)
	if err != nil {
		return casework.File{}, err
	}
	return casework.File{SHA256: name, Key: opens, Sent: clean.SHA256, Name: clean.Name, Kind: clean.Kind, Size: clean.Size, Public: public}, nil
}
