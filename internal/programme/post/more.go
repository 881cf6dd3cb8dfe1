package post

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"comity/internal/courier"
	"comity/internal/pack"
	"comity/internal/programme"
	"comity/internal/web"
)

type textView struct {
	Name   string
	Begins string // first words in the language of the page
	Urgent bool
	In     []inLang
}

type inLang struct{ Lang, Name, Text string }

type textsPage struct {
	Ways  []web.Link
	Quiet string
	Texts []textView
}

// texts shows every text as people read it, in each language, with figures of an example.
func (x *office) texts(o *programme.Officer) error {
	if _, err := x.keeper(o); err != nil {
		return err
	}
	p := x.Packs.Current()
	page := o.Page("post.texts.title")
	v := textsPage{Ways: x.ways(page, o), Quiet: quietWords(page, p.Post)}
	for _, t := range courier.Previews(p, x.Words(p), o.Site.Now()) {
		if n := len(v.Texts); n == 0 || v.Texts[n-1].Name != t.Template {
			v.Texts = append(v.Texts, textView{Name: t.Template, Urgent: t.Urgent})
		}
		last := &v.Texts[len(v.Texts)-1]
		if t.Lang == page.Lang {
			last.Begins = beginning(t.Text)
		}
		last.In = append(last.In, inLang{t.Lang, x.Words(p).In(t.Lang).T("web.lang.name"), t.Text})
	}
	return o.Write(page, http.StatusOK, textsBody(page, v))
}

// beginning is enough of a text to know it by.
func beginning(text string) string {
	const enough = 60
	words := []rune(text)
	if len(words) <= enough {
		return text
	}
	return string(words[:enough]) + "…"
}

func quietWords(page *web.Page, p *pack.Post) string {
	if p.Calendar == "" {
		return page.T("post.quiet.none")
	}
	list := ""
	for i, c := range p.Channels {
		if i > 0 {
			list += page.T("post.and")
		}
		list += page.T("post.channel." + c)
	}
	return page.T("post.quiet", "channels", list, "from", clock(p.From), "to", clock(p.To))
}

func clock(minutes int) string {
	return time.Date(2000, 1, 1, 0, minutes, 0, 0, time.UTC).Format("15:04")
}

type hookView struct {
	Name, Taken, Waiting, Lost, Last, Since string
}

type hooksPage struct {
	Ways     []web.Link
	Hooks    []hookView
	From, To string
	Wrong    string
	Done     string
}

// cityKeeper is an officer who looks after the messages of the whole city, where there are receivers of webhooks.
func (x *office) cityKeeper(o *programme.Officer) error {
	if _, err := x.keeper(o); err != nil {
		return err
	}
	if !whole(x.Packs.Current(), o.Actor) || x.Courier.Post == nil || len(x.Courier.Post.Hooks) == 0 {
		return web.ErrNotFound
	}
	return nil
}

func (x *office) hooks(o *programme.Officer) error {
	if err := x.cityKeeper(o); err != nil {
		return err
	}
	now := o.Site.Now().In(x.Packs.Current().Zone)
	v := hooksPage{From: now.AddDate(0, 0, -1).Format(minute), To: now.Format(minute)}
	if n, err := strconv.Atoi(o.R.URL.Query().Get("told")); err == nil && n >= 0 {
		v.Done = o.Page("post.hooks.title").N("post.hooks.told", n)
	}
	return x.writeHooks(o, v, http.StatusOK)
}

const minute = "2006-01-02T15:04"

func (x *office) writeHooks(o *programme.Officer, v hooksPage, status int) error {
	list, err := x.Courier.HookStates(o.R.Context())
	if err != nil {
		return err
	}
	page := o.Page("post.hooks.title")
	page.Wrong = status != http.StatusOK
	v.Ways = x.ways(page, o)
	for _, h := range list {
		row := hookView{Name: h.Name, Taken: strconv.Itoa(h.Counts[courier.Delivered]), Waiting: strconv.Itoa(h.Counts[courier.Created] + h.Counts[courier.Temporary]),
			Lost: strconv.Itoa(h.Counts[courier.Permanent]), Last: h.Last}
		if !h.Since.IsZero() {
			row.Since = page.Moment(h.Since)
		}
		v.Hooks = append(v.Hooks, row)
	}
	return o.Write(page, status, hooksBody(page, v))
}

// replay tells a receiver again what happened in a time.
func (x *office) replay(o *programme.Officer) error {
	if err := web.ReadForm(o.R, "receiver", "from", "to"); err != nil {
		return err
	}
	if err := x.cityKeeper(o); err != nil {
		return err
	}
	zone := x.Packs.Current().Zone
	from, err1 := time.ParseInLocation(minute, o.R.PostFormValue("from"), zone)
	to, err2 := time.ParseInLocation(minute, o.R.PostFormValue("to"), zone)
	known := slices.ContainsFunc(x.Courier.Post.Hooks, func(h courier.Hook) bool { return h.Name == o.R.PostFormValue("receiver") })
	if err := errors.Join(err1, err2); err != nil || !from.Before(to) || !known {
		page := o.Page("post.hooks.title")
		return x.writeHooks(o, hooksPage{From: o.R.PostFormValue("from"), To: o.R.PostFormValue("to"), Wrong: page.T("post.hooks.wrong")}, http.StatusUnprocessableEntity)
	}
	n, err := x.Courier.Replay(o.R.Context(), o.R.PostFormValue("receiver"), from, to)
	if err != nil {
		return err
	}
	return o.Go("/desk/post/webhooks?told=" + strconv.Itoa(n))
}
