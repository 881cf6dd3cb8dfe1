package logbook

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"comity/internal/receipt"
	"comity/internal/web"
)

const (
	maxPost = 256 << 10 // bytes of a posted form
	maxFile = 64 << 10  // bytes of its file
)

// What came of a check. The page holds the words for each; the script shows those that fit.
const (
	isTrue  = "true"
	isTree  = "tree" // the browser cannot check the signature
	isFalse = "false"
)

// checkPage is what the page that checks receipts shows.
type checkPage struct {
	At, Style, Script string
	Keys, Origin      string // for the script
	Text              string
	Wrong             string // words beside the field
	State, Reason     string
	Receipt           receipt.Receipt
	Head              receipt.Head
}

func (b *Book) check(w http.ResponseWriter, r *http.Request) error {
	return b.showCheck(w, r, http.StatusOK, checkPage{})
}

func (b *Book) showCheck(w http.ResponseWriter, r *http.Request, status int, v checkPage) error {
	page := b.Site.Page(r, "log.check.title")
	page.Private = v.Text != ""
	v.At, v.Style, v.Script = b.At, b.style.href(), b.script.href()
	v.Keys, v.Origin = strings.Join(b.Log.Keys(), " "), b.Log.Origin
	if v.Wrong != "" {
		page.Wrong, v.Wrong = true, page.T(v.Wrong)
	}
	return page.Write(w, r, status, web.PublicLayout(page, checkBody(page, v)))
}

// checkPost checks for browsers that run no script.
func (b *Book) checkPost(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, maxPost)
	if err := web.ReadForm(r, "receipt", "file", "server"); err != nil {
		return err
	}
	text, wrong := posted(r)
	if wrong != "" {
		return b.showCheck(w, r, http.StatusUnprocessableEntity, checkPage{Wrong: wrong})
	}
	v := checkPage{Text: text, State: isTrue}
	var err error
	if v.Receipt, err = receipt.Parse([]byte(text)); err == nil {
		v.Head, err = v.Receipt.Verify(receipt.Expect{Keys: b.Log.Keys(), Origin: b.Log.Origin, Verify: b.Log.Verify})
	}
	var bad *receipt.Problem
	if errors.As(err, &bad) {
		v.State, v.Reason = isFalse, bad.Reason
	} else if err != nil {
		return err
	}
	return b.showCheck(w, r, http.StatusOK, v)
}

// posted is the text of the receipt: of the file, where one was chosen.
func posted(r *http.Request) (text, wrong string) {
	text = strings.TrimSpace(r.PostFormValue("receipt"))
	if f, _, err := web.FormFile(r, "file"); err == nil {
		raw, err := io.ReadAll(io.LimitReader(f, maxFile+1))
		if err != nil || len(raw) > maxFile {
			return "", "log.check.large"
		}
		if len(raw) > 0 {
			text = strings.TrimSpace(string(raw))
		}
	}
	if text == "" {
		return "", "log.check.empty"
	}
	return text, ""
}

// reasons are the words for each way in which a receipt can be false.
func reasons(page *web.Page) (out []web.Fact) {
	for _, reason := range receipt.Reasons {
		out = append(out, web.Fact{Label: reason, Value: page.T((&receipt.Problem{Reason: reason}).Key())})
	}
	return out
}

// known are the facts of a receipt that holds, each with the name by which the script fills it.
func known(page *web.Page, v checkPage) []fact {
	out := []fact{{"case", "log.check.case", ""}, {"event", "log.check.event", ""}, {"at", "log.check.at", ""},
		{"pos", "log.check.pos", ""}, {"signed", "log.check.head", ""}, {"size", "log.check.size", ""}}
	if v.State == isTrue {
		r, h := v.Receipt, v.Head
		for i, words := range []string{r.Case, r.Event, page.Moment(r.At), number(r.Pos), page.Moment(h.At), number(h.Size)} {
			out[i].Value = words
		}
	}
	return out
}

// fact is one line about a checked receipt.
type fact struct{ Name, Label, Value string }

func number(n int64) string { return strconv.FormatInt(n, 10) }
