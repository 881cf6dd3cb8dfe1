package main

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"

	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/demo"
	"comity/internal/file"
	"comity/internal/file/filetest"
	"comity/internal/intake"
	"comity/packs"
)

// head names somebody who leads a unit, by login.
func (b *browserCity) head(unit string) string {
	b.t.Helper()
	sub, err := fs.Sub(packs.FS, "demo")
	if err != nil {
		b.t.Fatal(err)
	}
	people, err := demo.People(sub)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, p := range people {
		if p.Unit == unit && slices.Contains(p.Roles, "head") {
			return p.Login
		}
	}
	b.t.Fatalf("nobody leads %s", unit)
	return ""
}

func Test_the_pages_of_files_that_wait_and_of_redaction_are_for_everybody(t *testing.T) {
	b := openBrowserCity(t)
	c := b.city
	cmd, err := intake.Command(c.packs.Current(), intake.Report{Category: "road.pavement", Text: "A broken slab", Unit: "guiyuan-ganyuan", Source: "web", Contact: casework.Contact{Lang: "en"}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.ledger.Do(t.Context(), authz.Reporter(), cmd)
	if err != nil {
		t.Fatal(err)
	}
	warned := c.files
	warned.Scan = func(context.Context, io.Reader) (string, error) { return "Eicar-Test-Signature", nil }
	for _, s := range []file.Store{c.files, warned} {
		f, err := s.Take(t.Context(), bytes.NewReader(filetest.JPEG()), "slab.jpg", file.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.ledger.Do(t.Context(), authz.Holder(string(r.Case)), casework.Command{Case: r.Case, Version: casework.AnyVersion, Files: []casework.File{f}}); err != nil {
			t.Fatal(err)
		}
	}
	k, err := c.reader.Case(t.Context(), machineScope(), string(r.Ref))
	if err != nil {
		t.Fatal(err)
	}
	b.do(chromedp.EmulateViewport(360, 740))
	b.signIn(b.head("guiyuan"))
	redact := "/desk/cases/" + string(r.Ref) + "/files/" + k.Files[0].SHA256 + "/redact"
	for name, path := range map[string]string{"held": "/desk/held", "held-one": "/desk/held/1", "redact": redact, "held-case": "/desk/cases/" + string(r.Ref)} {
		b.everywhere(name, path)
		for _, lang := range []string{"en", "zh-CN"} {
			b.open(path + "?lang=" + lang)
			b.looks(name)
		}
	}
	b.everywhere("held, the resident", "/f/"+string(r.Code))
	b.open(redact + "?lang=en")
	b.js(`(() => { const c = document.querySelector(".redact canvas"); const at = c.getBoundingClientRect();
 const go = (kind, x, y) => c.dispatchEvent(new PointerEvent(kind, {pointerId: 1, bubbles: true, clientX: at.left + x * at.width, clientY: at.top + y * at.height}));
 c.setPointerCapture = () => {}; go("pointerdown", .25, .25); go("pointermove", .5, .5); go("pointerup", .5, .5); return 1 })()`)
	if drawn := b.js(`[...document.querySelectorAll("fieldset.box input")].slice(0, 4).map(i => i.value).join(" ")`); drawn != "12 9 12 9" {
		t.Errorf("a box that was drawn becomes %q", drawn)
	}
	b.submit(`main form button.prime`)
	b.expect("The redacted copy was added")
}
