package dataaccess

import (
	"context"
	"strings"

	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/form"
	"comity/internal/pack"
)

// Acts of the procedure that end or renew the person's agreement.
const (
	refuseAct   = "refuse"
	takeBackAct = "take_back"
	consentAct  = "consent"
)

// The states of a row in data_requests.
const (
	open    = "open"
	refused = "refused" // the person said no: the question is not asked again for this application
	ended   = "ended"
)

// project keeps what lies between two requests, in the transaction of the event. It is handed every event
// of every programme.
func (a *access) project(ctx context.Context, tx *db.Tx, c casework.Case, e casework.Event) error {
	if c.Programme != Name {
		return nil
	}
	if err := withoutPictures(e); err != nil {
		return err
	}
	r := a.Packs.Pack(c.Pack).Register
	if r == nil || c.Procedure != r.Procedure {
		return nil
	}
	switch {
	case e.Opening != nil:
		return a.opened(ctx, tx, c, e)
	case e.Act == consentAct:
		return a.again(ctx, tx, c)
	case e.Act == refuseAct || e.Act == takeBackAct:
		return setRequest(ctx, tx, string(c.ID), refused)
	case e.Answers || e.Final:
		return endRequest(ctx, tx, string(c.ID))
	}
	return nil
}

// withoutPictures refuses an image with any event of the programme. A signed paper is a document.
func withoutPictures(e casework.Event) error {
	for _, f := range e.Files {
		if !strings.HasPrefix(f.Kind, "image/") {
			continue
		}
		field := "files"
		if e.Opening != nil {
			field = "photos" // what the form of a report calls them
		}
		return &casework.Refusal{Rule: "form.invalid", Fields: []form.Problem{{Field: field, Rule: "dataaccess.no_pictures", Params: map[string]string{"name": f.Name}}}}
	}
	return nil
}

// opened keeps the application of a new request, unless it has one or the question was refused for it.
func (a *access) opened(ctx context.Context, tx *db.Tx, c casework.Case, e casework.Event) error {
	application, question := a.Index("application", plain(e.Fields[pack.ForField])), e.Fields[pack.AskField]
	rows, err := requestsOf(ctx, tx, application)
	if err != nil {
		return err
	}
	for _, r := range rows {
		switch {
		case r.State == open:
			return notFor(pack.ForField, "dataaccess.one_at_a_time")
		case r.State == refused && r.Question == question:
			return notFor(pack.AskField, "dataaccess.refused_before")
		}
	}
	return putRequest(ctx, tx, request{Case: string(c.ID), Application: application, Question: question, State: open})
}

// again opens a request anew that the person has changed their mind about, unless another one is open.
func (a *access) again(ctx context.Context, tx *db.Tx, c casework.Case) error {
	mine, err := loadRequest(ctx, tx, string(c.ID))
	if err != nil || mine.State == open {
		return err
	}
	rows, err := requestsOf(ctx, tx, mine.Application)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if r.State == open {
			return refuse("dataaccess.one_at_a_time")
		}
	}
	return setRequest(ctx, tx, mine.Case, open)
}

func notFor(field, rule string) error {
	return &casework.Refusal{Rule: "form.invalid", Fields: []form.Problem{{Field: field, Rule: rule}}}
}

// plain forgives how people type a number: letters in one size, without blanks.
func plain(s string) string { return strings.ToUpper(strings.Join(strings.Fields(s), "")) }
