package post

import (
	"bytes"
	"errors"
	"net/http"
	"strconv"

	"comity/internal/courier"
	"comity/internal/pdf"
	"comity/internal/programme"
	"comity/internal/web"
)

type batchView struct {
	Href, Name, By, When, Left string
}

type lettersPage struct {
	Ways    []web.Link
	Waiting string
	Some    bool
	None    bool
	Batches []batchView
}

const batchesShown = 30

func (x *office) letters(o *programme.Officer) error {
	in, err := x.keeper(o)
	if err != nil {
		return err
	}
	list, waiting, err := x.Courier.Batches(o.R.Context(), in, batchesShown)
	if err != nil {
		return err
	}
	page := o.Page("post.letters.title")
	v := lettersPage{Ways: x.ways(page, o), Waiting: page.N("post.letters.waiting", waiting), Some: waiting > 0, None: o.R.URL.Query().Get("none") != ""}
	for _, b := range list {
		v.Batches = append(v.Batches, batchView{Href: batchAddress(b.ID), Name: page.T("post.batch", "n", strconv.FormatInt(b.ID, 10)), By: o.Name(page, b.Actor), When: page.Moment(b.At),
			Left: page.T("post.batch.left", "left", strconv.Itoa(b.Waiting), "all", strconv.Itoa(b.All))})
	}
	return o.Write(page, http.StatusOK, lettersBody(page, v))
}

func batchAddress(id int64) string { return "/desk/post/letters/" + strconv.FormatInt(id, 10) }

func (x *office) newBatch(o *programme.Officer) error {
	if err := web.ReadForm(o.R); err != nil {
		return err
	}
	in, err := x.keeper(o)
	if err != nil {
		return err
	}
	id, err := x.Courier.NewBatch(o.R.Context(), in, o.Actor.ID())
	if err != nil {
		return err
	}
	if id == 0 {
		return o.Go("/desk/post/letters?none=1")
	}
	return o.Go(batchAddress(id))
}

type batchPage struct {
	Ways    []web.Link
	To      string
	Title   string
	Rows    []rowView
	Waiting bool
}

// batchOf lists the letters of the address's batch that are within reach.
func (x *office) batchOf(o *programme.Officer) (in []courier.Reach, id int64, list []courier.Delivery, err error) {
	if in, err = x.keeper(o); err != nil {
		return nil, 0, nil, err
	}
	if id, err = numberIn(o, "batch"); err != nil {
		return nil, 0, nil, err
	}
	list, err = x.Courier.List(o.R.Context(), courier.Filter{Reach: in, Batch: id, Limit: 1000})
	if err == nil && len(list) == 0 {
		err = web.ErrNotFound
	}
	return in, id, list, err
}

func (x *office) batch(o *programme.Officer) error {
	_, id, list, err := x.batchOf(o)
	if err != nil {
		return err
	}
	page := o.Page("post.batch", "n", strconv.FormatInt(id, 10))
	v := batchPage{Ways: x.ways(page, o), To: batchAddress(id), Title: page.Title}
	for _, d := range list {
		v.Rows = append(v.Rows, rowOf(page, d))
		v.Waiting = v.Waiting || d.State == courier.Created
	}
	return o.Write(page, http.StatusOK, batchBody(page, v))
}

// posted says that the batch went to the post.
func (x *office) posted(o *programme.Officer) error {
	if err := web.ReadForm(o.R); err != nil {
		return err
	}
	in, id, _, err := x.batchOf(o)
	if err != nil {
		return err
	}
	if _, err := x.Courier.Posted(o.R.Context(), in, id, o.Actor.ID()); err != nil {
		return err
	}
	return o.Go(batchAddress(id))
}

// batchFile is the batch as one file, each letter on a page of its own. To fetch it is to look.
func (x *office) batchFile(o *programme.Officer) error {
	in, id, _, err := x.batchOf(o)
	if err != nil {
		return err
	}
	letters, err := x.Courier.Open(o.R.Context(), in, id, o.Actor.ID())
	if errors.Is(err, courier.ErrNone) || err == nil && len(letters) == 0 {
		return web.ErrNotFound
	}
	if err != nil {
		return err
	}
	page := o.Page("post.batch", "n", strconv.FormatInt(id, 10))
	file, err := x.file(o, page, letters)
	if err != nil {
		return err
	}
	h := o.W.Header()
	h.Set("Content-Type", "application/pdf")
	h.Set("Content-Disposition", "attachment; filename=\"letters-"+strconv.FormatInt(id, 10)+".pdf\"")
	h.Set("Cache-Control", "no-store")
	_, err = o.W.Write(file)
	return err
}

// file sets the letters. The address stands where the window of an envelope is.
func (x *office) file(o *programme.Officer, page *web.Page, letters []courier.Printed) ([]byte, error) {
	d, err := pdf.New(pdf.Options{Title: page.Title, Author: page.Name(), Lang: page.Lang, Made: o.Site.Now(), Producer: "Comity"})
	if err != nil {
		return nil, err
	}
	words := x.Words(x.Packs.Current())
	small := pdf.Style{Size: 11, Leading: 1.5}
	for _, l := range letters {
		say := words.In(l.Lang)
		d.NewPage()
		d.Bookmark(1, string(l.Ref))
		if l.Name != "" {
			d.Text(small, l.Name)
		}
		d.Text(small, l.Address)
		d.Skip(60)
		d.Text(pdf.Style{Size: 11, Align: pdf.Right}, say.Date(o.Site.Now(), x.Packs.Current().Zone))
		d.Heading(2, say.T("post.subject", "city", say.T("city"), "ref", string(l.Ref)))
		d.Text(small, l.Text)
	}
	if err := d.Stamp(func(int, int) pdf.Stamp { return pdf.Stamp{Head: page.Name()} }); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	_, err = d.WriteTo(&b)
	return b.Bytes(), err
}
