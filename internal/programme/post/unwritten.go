package post

import (
	"context"
	"errors"

	"comity/internal/courier"
	"comity/internal/programme"
	"comity/internal/web"
)

// unwrittenView is a notice nobody could write, with the button that has it tried again.
type unwrittenView struct {
	ID, Ref, What, Unit, When, ISO string
}

func (x *office) unwritten(ctx context.Context, page *web.Page, in []courier.Reach) (out []unwrittenView, err error) {
	list, err := x.Courier.Unwritten(ctx, in, pageSize)
	for _, u := range list {
		v := unwrittenView{ID: u.ID, Ref: string(u.Ref), What: page.T("post.sealed"), When: page.Moment(u.Since), ISO: page.ISO(u.Since)}
		if !u.Sealed {
			v.What, v.Unit = templateName(page, u.Template), page.T("unit."+string(courier.Holder(u.Place)))
		}
		out = append(out, v)
	}
	return out, err
}

func (x *office) writeAgain(o *programme.Officer) error {
	if err := web.ReadForm(o.R, "notice"); err != nil {
		return err
	}
	in, err := x.keeper(o)
	if err != nil {
		return err
	}
	err = x.Courier.WriteAgain(o.R.Context(), in, o.R.PostFormValue("notice"))
	if errors.Is(err, courier.ErrNone) {
		return web.ErrNotFound
	}
	if err != nil {
		return err
	}
	return o.Go(listAt + "?again=1")
}
