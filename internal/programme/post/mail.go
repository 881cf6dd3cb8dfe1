package post

import (
	"errors"
	"net/http"
	"regexp"
	"strconv"

	"comity/internal/inmail"
	"comity/internal/programme"
	"comity/internal/web"
)

// Mail of residents that became part of no case. It belongs to no unit yet, so whoever looks after the messages of the
// whole city has it. The list tells nothing of who wrote or what; a mail has a page of its own for that, and who opened
// it is written down.

const mailAt = "/desk/post/mail"

type mailRow struct {
	Href, When, ISO, Size, Why string
}

type mailsPage struct {
	Ways []web.Link
	Rows []mailRow
	Done string
	Case string // that a mail became

	Still      bool // one was tried again, and lies here as before
	Prev, Next string
}

type mailPage struct {
	Ways    []web.Link
	To, Why string
	Facts   []web.Fact
	Read    bool
}

// room is where mail comes in, for an officer who has all of it.
func (x *office) room(o *programme.Officer) (*inmail.Room, error) {
	if _, err := x.keeper(o); err != nil {
		return nil, err
	}
	r := x.mail()
	if r == nil || !whole(x.Packs.Current(), o.Actor) {
		return nil, web.ErrNotFound
	}
	return r, nil
}

func (x *office) mail() *inmail.Room {
	if x.Mail == nil {
		return nil
	}
	return x.Mail()
}

// refForm is what a number of a case looks like; nothing else of an address is repeated on a page.
var refForm = regexp.MustCompile(`^[A-Z]{1,6}-[0-9]{2}-[0-9]{1,12}$`)

func (x *office) mails(o *programme.Officer) error {
	r, err := x.room(o)
	if err != nil {
		return err
	}
	page, q := o.Page("post.mail.title"), o.R.URL.Query()
	from, _ := strconv.Atoi(q.Get("from"))
	list, of, err := r.Apart(from, pageSize)
	if err != nil {
		return err
	}
	v := mailsPage{Ways: x.ways(page, o), Still: q.Get("still") != ""}
	from = max(0, min(from, of))
	if from > 0 {
		v.Prev = mailAt + "?from=" + strconv.Itoa(max(0, from-pageSize))
	}
	if of-from > pageSize {
		v.Next = mailAt + "?from=" + strconv.Itoa(from+pageSize)
	}
	for _, a := range list {
		v.Rows = append(v.Rows, mailRow{Href: mailAt + "/" + a.ID, When: page.Moment(a.At), ISO: page.ISO(a.At), Size: page.Bytes(a.Size), Why: mailWhy(page, a)})
	}
	if ref := q.Get("taken"); refForm.MatchString(ref) {
		v.Done, v.Case = page.T("post.mail.taken", "ref", ref), "/desk/cases/"+ref
	} else if q.Get("aside") != "" {
		v.Done = page.T("post.mail.gone_aside")
	}
	return o.Write(page, http.StatusOK, mailsBody(page, v))
}

// mailWhy says why a mail lies apart.
func mailWhy(page *web.Page, a inmail.Apart) string {
	if key := "post.mail.why." + a.Reason; a.Reason != "" && page.Has(key) {
		return page.T(key)
	}
	return page.T("post.mail.why.other")
}

func (x *office) mailShow(o *programme.Officer) error {
	r, err := x.room(o)
	if err != nil {
		return err
	}
	a, head, err := r.Look(o.Actor.ID(), o.R.PathValue("id"))
	if err != nil {
		return noMail(err)
	}
	page := o.Page("post.mail.one")
	v := mailPage{Ways: x.ways(page, o), To: mailAt + "/" + a.ID, Why: mailWhy(page, a), Read: head.Read}
	v.Facts = []web.Fact{{Label: page.T("post.col.when"), Value: page.Moment(a.At)}, {Label: page.T("post.mail.size"), Value: page.Bytes(a.Size)}}
	if a.Rule != "" {
		v.Facts = append(v.Facts, web.Fact{Label: page.T("post.mail.refused"), Value: page.Problem(a.Rule, nil)})
	}
	if head.Read {
		v.Facts = append(v.Facts, web.Fact{Label: page.T("post.mail.from"), Value: orNone(page, head.From)}, web.Fact{Label: page.T("post.mail.subject"), Value: orNone(page, head.Subject)},
			web.Fact{Label: page.T("post.mail.files"), Value: strconv.Itoa(head.Files)})
	}
	return o.Write(page, http.StatusOK, mailBody(page, v))
}

func orNone(page *web.Page, words string) string {
	if words == "" {
		return page.T("post.mail.none_given")
	}
	return words
}

// noMail is a mail that somebody else dealt with meanwhile, like one that never was.
func noMail(err error) error {
	if errors.Is(err, inmail.ErrNone) {
		return web.ErrNotFound
	}
	return err
}

func (x *office) mailDo(o *programme.Officer) error {
	if err := web.ReadForm(o.R, "do"); err != nil {
		return err
	}
	r, err := x.room(o)
	if err != nil {
		return err
	}
	id := o.R.PathValue("id")
	switch o.R.PostFormValue("do") {
	case "take":
		ref, _, err := r.Again(o.R.Context(), o.Actor.ID(), id)
		if err != nil {
			return noMail(err)
		}
		if ref == "" {
			return o.Go(mailAt + "?still=1")
		}
		return o.Go(mailAt + "?taken=" + string(ref))
	case "aside":
		if err := r.Aside(o.Actor.ID(), id); err != nil {
			return noMail(err)
		}
		return o.Go(mailAt + "?aside=1")
	}
	return web.ErrNotFound
}
