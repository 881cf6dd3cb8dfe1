package portal

import (
	"errors"
	"net/http"
	"strconv"

	"comity/internal/casework"
	"comity/internal/journal"
	"comity/internal/ledger"
	"comity/internal/web"
)

// followPage asks for a code.
type followPage struct {
	Code     string // as typed
	Wrong    string
	Mistakes []web.Mistake
}

func (p *Portal) follow(w http.ResponseWriter, r *http.Request) error {
	page := p.Site.Page(r, "portal.follow.title")
	return page.Write(w, r, http.StatusOK, web.PublicLayout(page, followBody(page, followPage{})))
}

func (p *Portal) followPost(w http.ResponseWriter, r *http.Request) error {
	if err := web.ReadForm(r, "code"); err != nil {
		return err
	}
	page := p.Site.Page(r, "portal.follow.title")
	typed := r.PostForm.Get("code")
	code, err := casework.ParseCode(typed)
	var slip casework.CodeError
	if errors.As(err, &slip) {
		rule, params := slip.Rule, map[string]string{"at": strconv.Itoa(slip.At), "char": slip.Char}
		if typed == "" {
			rule = "form.required"
		}
		return p.notThat(w, r, page, typed, page.Problem(rule, params))
	}
	if err != nil {
		return err
	}
	to, err := p.pageBehind(r, code)
	if errors.Is(err, ledger.ErrNotFound) {
		journal.Say(w, "code.unknown") // a page of ours answers, so nobody else says it
		return p.notThat(w, r, page, typed, page.T("portal.follow.unknown"))
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

func (p *Portal) notThat(w http.ResponseWriter, r *http.Request, page *web.Page, typed, words string) error {
	if len(typed) > 100 {
		typed = "" // nobody typed that
	}
	page.Wrong = true
	v := followPage{Code: typed, Wrong: words, Mistakes: []web.Mistake{{ID: "code", Words: words}}}
	return page.Write(w, r, http.StatusUnprocessableEntity, web.PublicLayout(page, followBody(page, v)))
}
