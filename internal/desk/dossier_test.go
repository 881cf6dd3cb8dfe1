package desk_test

import (
	"bytes"
	"maps"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"comity/internal/authz"
	"comity/internal/casefile"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/ledger"
	"comity/internal/ledger/ledgertest"
	"comity/internal/pack"
	"comity/internal/pdf/pdftest"
)

const binder = `dossiers:
  - id: request
    programme: service
    law: {id: LJ-SR, article: "5"}
    name: {zh-CN: 办件案卷, en: File of a request}
    number: {zh-CN: "{year} 第 {ref} 号", en: "{year} No. {ref}"}
    retention: {zh-CN: 十年, en: Ten years}
    cover:
      - {id: title, name: {zh-CN: 名称, en: Title}, value: {zh-CN: "{title}", en: "{title}"}}
      - {id: signed, name: {zh-CN: 立卷人, en: File made by}}
    parts:
      - {id: acceptance, required: true, documents: [acceptance], name: {zh-CN: 受理告知书, en: Notice of acceptance}}
      - {id: evidence, rest: true, name: {zh-CN: 证据材料, en: Evidence}}
      - {id: situation, excuses: true, documents: [note], name: {zh-CN: 情况说明, en: Note}}
    back: {name: {zh-CN: 封底, en: Back cover}, text: {zh-CN: 到此为止。, en: The end.}, rows: [{id: pages, name: {zh-CN: 共, en: Pages}, value: {zh-CN: "{pages} 页", en: "{pages}"}}]}
`

// bindingCity is a city that puts files of requests together. In begin, one side says something in confidence.
func bindingCity(t *testing.T) *city {
	t.Helper()
	p, err := ledgertest.Sound(os.DirFS("../../packs"), "demo")
	if err != nil {
		t.Fatal(err)
	}
	files := maps.Clone(p.Files)
	files["dossier.yaml"] = []byte(binder)
	const proc, letter = "procedures/service-request.yaml", "documents/request_acceptance.en.md"
	begin := "    past: {zh-CN: 开始办理, en: Work began}\n"
	files[proc] = bytes.Replace(files[proc], []byte(begin), []byte(begin+"    documents: [acceptance]\n    fields:\n      - {name: secret, kind: longtext, caucus: true, max: 500, label: {zh-CN: 私下说的, en: Said in confidence}}\n"), 1)
	files[letter] = bytes.Replace(files[letter], []byte("Rule: {law}"), []byte("Rule: {law} And: {field.secret}"), 1)
	fsys, err := pack.FromFiles(files)
	if err != nil {
		t.Fatal(err)
	}
	if p, err = pack.Load(fsys, pack.Unsearched()); err != nil {
		t.Fatal(err)
	}
	return cityOf(t, func(d *db.DB) *ledgertest.City { return ledgertest.OpenPack(t, d, p) })
}

func Test_the_page_of_a_case_tells_what_its_file_lacks_and_puts_the_complete_one_on_record(t *testing.T) {
	c := bindingCity(t)
	r := c.report("The pavement is broken.")
	at := "/desk/cases/" + string(r.Ref)
	b := c.as("guiyuan-officer")
	page := b.ok(at + "?lang=en")
	has(t, page, "File of a request")
	has(t, page, "1 of 4 parts hold papers")
	has(t, page, "Required, and not there yet")
	has(t, page, "Notice of acceptance")
	hasNot(t, page, "Put the file on record")
	if a := b.post(at+"/dossier", url.Values{}); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, "Notice of acceptance") {
		t.Errorf("a file that lacks a paper is answered %d: %s", a.status, brief(a.body))
	}

	b.act(r.Ref, "accept")
	if a := b.upload(at+"/files", "crack.png", picture(t)); a.status != http.StatusSeeOther {
		t.Fatalf("the upload answered %d", a.status)
	}
	page = b.ok(at)
	has(t, page, "3 of 4 parts hold papers")
	has(t, page, "Everything the file must hold is there")
	hasNot(t, page, "Put the file on record")
	if a := b.post(at+"/dossier", url.Values{}); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, "has not ended") {
		t.Errorf("the file of an open case is answered %d: %s", a.status, brief(a.body))
	}
	draft := b.get(at + "/dossier?lang=en")
	if draft.status != http.StatusOK || draft.header.Get("Content-Type") != "application/pdf" || !strings.Contains(draft.header.Get("Content-Disposition"), string(r.Ref)) {
		t.Fatalf("the draft is answered %d %v", draft.status, draft.header)
	}
	has(t, draft.body, "<pdfaid:part>2</pdfaid:part>")
	words := textOf(t, draft.body)
	for _, want := range []string{"Draft: not yet filed", "The pavement is broken", "File made by", "crack.png", "Page 2 of 2"} {
		has(t, words, want)
	}
	for _, no := range []string{"/dossier", ""} {
		if a := c.as("donghu-head").get(at + no); a.status != http.StatusNotFound {
			t.Errorf("somebody else is answered %d", a.status)
		}
	}

	k, _ := c.made.Opened(t, r.Case)
	if _, err := c.ledger.Do(t.Context(), authz.Holder(string(k.ID)), casework.Command{Case: k.ID, Version: casework.AnyVersion, Act: "withdraw"}); err != nil {
		t.Fatal(err)
	}
	page = b.ok(at)
	has(t, page, "Put the file on record")
	form := url.Values{"_key": {regexp.MustCompile(`(?s)action="` + at + `/dossier".*?name="_key" value="([^"]+)"`).FindStringSubmatch(page)[1]}}
	for range 2 { // the second press of an impatient hand
		if a := b.post(at+"/dossier", form); a.status != http.StatusSeeOther {
			t.Fatalf("filing is answered %d: %s", a.status, brief(a.body))
		}
	}
	page = b.ok(at + "?done=dossier")
	has(t, page, "The file is on record")
	k, err := c.reader.Filed(t.Context(), strings.ToLower(string(r.Ref)))
	if err != nil || len(k.Filed) != 1 || k.Filed[0].Pages != 2 {
		t.Fatalf("on record is %+v, %v", k.Filed, err)
	}
	href := regexp.MustCompile(`<a href="([^"]+)">File on record`).FindStringSubmatch(page)
	if href == nil {
		t.Fatal("the page does not lead to the file")
	}
	kept := b.get(href[1])
	if kept.status != http.StatusOK || !strings.HasPrefix(kept.body, "%PDF-1.7") {
		t.Fatalf("the file is answered %d", kept.status)
	}
	words = textOf(t, kept.body) // in the language of the city, whatever the officer reads
	for _, want := range []string{"办件案卷", "第 2 页 共 2 页", k.Filed[0].Sum} {
		has(t, strings.ReplaceAll(words, " ", ""), strings.ReplaceAll(want, " ", ""))
	}
	hasNot(t, words, "草稿")
	sum, _ := casefile.ParseSum(k.Filed[0].Sum)
	if _, ok := casefile.Verify(casefile.Mark{Case: string(r.Ref), Page: 2, Of: 2, Content: sum}, []casefile.Known{{Content: sum, Pages: k.Filed[0].Pages}}); !ok {
		t.Error("a page of it is not known")
	}
	has(t, b.ok(at), "The file of the case was put on record")
	hasNot(t, textOf(t, b.get(at+"/dossier?lang=en").body), "办件案卷") // a file holds no file of the same case
	if _, err := c.reader.Filed(t.Context(), "SR-2026-999999"); err != ledger.ErrNotFound {
		t.Errorf("of a case that is not there: %v", err)
	}
}

func Test_what_was_said_in_confidence_gets_on_no_paper_and_into_no_file(t *testing.T) {
	c := bindingCity(t)
	r := c.report("The pavement is broken.")
	at := "/desk/cases/" + string(r.Ref)
	b := c.as("guiyuan-officer")
	b.act(r.Ref, "accept")
	if a := b.act(r.Ref, "begin", "secret", "I would settle for half."); a.status != http.StatusSeeOther {
		t.Fatalf("begin answered %d: %s", a.status, brief(a.body))
	}
	has(t, b.ok(at+"?lang=en"), "2 of 4 parts hold papers")
	letter := b.ok(at + "/documents/3/acceptance?lang=en")
	for _, page := range []string{letter, b.ok(at + "/documents/2/acceptance?lang=en"), textOf(t, b.get(at+"/documents/3/acceptance/pdf?lang=en").body), textOf(t, b.get(at+"/dossier?lang=en").body)} {
		hasNot(t, page, "settle for half")
		hasNot(t, page, casework.Veil)
	}
	if words := textOf(t, b.get(at+"/dossier?lang=en").body); strings.Count(words, "Notice of acceptance") != strings.Count(textOf(t, c.accepted(t)), "Notice of acceptance") {
		t.Error("a paper that was made with it is in the file")
	}
}

// accepted is the draft of a case where nothing but the acceptance happened.
func (c *city) accepted(t *testing.T) string {
	r := c.report("Another one.")
	b := c.as("guiyuan-officer")
	b.act(r.Ref, "accept")
	return b.get("/desk/cases/" + string(r.Ref) + "/dossier?lang=en").body
}

// textOf is what stands on the pages of a PDF.
func textOf(t *testing.T, data string) string {
	t.Helper()
	return regexp.MustCompile(`[ \n]+`).ReplaceAllString(pdftest.Text(t, []byte(data)), " ")
}
