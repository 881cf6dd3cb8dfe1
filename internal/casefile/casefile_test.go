package casefile

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"strings"
	"sync"
	"testing"
	"time"

	"comity/internal/pack"
	"comity/internal/paper"
	"comity/internal/text"
	"comity/packs"
)

// national is read once: the checker takes its time over all procedures.
var national = sync.OnceValues(func() (*pack.Pack, error) { return pack.LoadFrom(packs.FS, "cn-national-2022", pack.Unsearched()) })

// dispute is the file of an invented dispute, put together by the dossier of the national pack.
func dispute(t testing.TB, lang string) File {
	t.Helper()
	p, err := national()
	if err != nil {
		t.Fatal(err)
	}
	base, err := text.Base()
	if err != nil {
		t.Fatal(err)
	}
	say := base.With(p.Texts).In(lang)
	d := p.Dossiers[0]
	key := "dossier." + d.ID
	facts := map[string]string{"ref": "MD-YL-2026-000417", "year": "2026", "title": "李某某与张某某因水管漏水引起的邻里纠纷", "officer": "周敏", "opened": "2026-03-03",
		"ended": "2026-04-20", "today": "2026-04-21", "outcome": "达成协议", "pages": "{pages}", "retention": say.T(key + ".retention")}
	if lang == "en" {
		facts["title"], facts["officer"], facts["outcome"] = "Li and Zhang, neighbours, about a burst water pipe", "Zhou Min", "Agreement reached"
	}
	fill := func(key string) string {
		if !say.Has(key) {
			return ""
		}
		return paper.Fill(say.T(key), func(name string) string { return facts[name] })
	}
	rows := func(where string, ids []string) (out []Row) {
		for _, id := range ids {
			k := key + "." + where + "." + id
			out = append(out, Row{say.T(k), fill(k + ".value")})
		}
		return out
	}
	f := File{Case: facts["ref"], Name: say.T(key), Number: fill(key + ".number"), Organ: "雨花亭街道人民调解委员会", Lang: lang, Made: time.Date(2026, 4, 21, 2, 0, 0, 0, time.UTC),
		Cover: rows("cover", d.Cover), Back: rows("back", d.Back), BackName: say.T(key + ".back"), BackText: say.T(key + ".back.text"), Check: "https://gov.example.cn/v", Say: say.T}
	if lang == "en" {
		f.Organ = "Mediation committee of Yuhuating"
	}
	for _, part := range d.Parts {
		f.Parts = append(f.Parts, Part{ID: part.ID, Name: say.T(key + ".part." + part.ID), Required: part.Required, Excuses: part.Excuses})
	}
	fillParts(t, &f, lang)
	return f
}

func fillParts(t testing.TB, f *File, lang string) {
	put := func(id string, x Paper) {
		for i := range f.Parts {
			if f.Parts[i].ID == id {
				f.Parts[i].Papers = append(f.Parts[i].Papers, x)
				return
			}
		}
		t.Fatalf("no part %q", id)
	}
	words := func(zh, en string) string {
		if lang == "en" {
			return en
		}
		return zh
	}
	record := Record{Seq: 12, Hash: strings.Repeat("0f3a", 16)}
	put("application", Paper{Title: words("人民调解申请书", "Application"), Date: "2026-03-02", Record: record, Blocks: []Block{
		{Kind: Title, Lines: []string{words("人民调解申请书", "Application for mediation")}},
		{Kind: Form, Rows: [][]string{{words("申请人", "Applicant"), words("李某某", "Li")}, {words("被申请人", "Respondent"), words("张某某", "Zhang")}, {words("联系电话", "Telephone"), "138****0000"}}},
		{Kind: Heading, Lines: []string{words("纠纷事实及申请事项", "Facts and request")}},
		{Kind: Paragraph, Lines: []string{words(longZH, longEN)}},
		{Kind: Signature, Lines: []string{words("申请人（签名、捺印）：", "Applicant (signature):"), "2026-03-02"}},
	}})
	put("rights_notice", Paper{Title: words("权利义务告知书", "Notice of rights and duties"), Date: "2026-03-04", Record: record, Blocks: []Block{
		{Kind: Title, Lines: []string{words("权利义务告知书", "Notice of rights and duties")}},
		{Kind: Paragraph, Lines: []string{words("当事人在人民调解活动中享有下列权利：", "In mediation the parties have these rights:")}},
		{Kind: List, Lines: []string{words("选择或者接受人民调解员；", "to choose or accept a mediator;"), words("接受调解、拒绝调解或者要求终止调解；", "to accept mediation, to refuse it or to ask that it end;"), words("要求调解公开进行或者不公开进行；", "to ask that it be held in public or not in public;"), words("自主表达意愿、自愿达成调解协议。", "to say what they want and to agree of their own free will.")}},
	}})
	put("identity", Paper{Title: words("身份证件复印件（已核对原件）", "Copy of identity papers (original seen)"), Date: "2026-03-04", Scans: []Scan{{Name: words("李某某身份证.png", "li-id.png"), Data: picturePNG(t)}}})
	put("evidence", Paper{Title: words("现场照片和报价单", "Photographs and a quotation"), Date: "2026-03-06", Blocks: []Block{{Kind: Title, Lines: []string{words("证据材料", "Evidence")}},
		{Kind: Table, Rows: evidence(lang)}}, Scans: []Scan{{Name: words("客厅顶棚照片.jpg", "ceiling.jpg"), Data: pictureJPEG(t)}, {Name: words("木地板修复报价单.pdf", "quotation.pdf"), Kind: "application/pdf", Data: []byte("%PDF-1.4 invented"), Where: "https://gov.example.cn/desk/cases/MD-YL-2026-000417"}}})
	for i := range 2 {
		put("sessions", Paper{Title: words("调解记录", "Record of session") + " " + itoa(i+1), Date: "2026-03-1" + itoa(i), Record: record, Blocks: []Block{
			{Kind: Title, Lines: []string{words("调解记录", "Record of session")}}, {Kind: Paragraph, Lines: []string{strings.Repeat(words(longZH, longEN)+" ", 6)}}, {Kind: Sign, Lines: []string{words("申请人", "Applicant"), words("被申请人", "Respondent"), words("人民调解员", "Mediator"), words("记录人", "Recorder")}}}})
	}
}

func evidence(lang string) [][]string {
	out := [][]string{{"序号", "名称", "提交人", "日期"}}
	if lang == "en" {
		out = [][]string{{"No.", "Name", "Handed in by", "Date"}}
	}
	for i := range 45 {
		name := []string{"客厅顶棚浸水照片", "木地板修复报价单（长沙某装饰公司出具，含材料费、人工费、清运费）", "书柜购买发票"}[i%3]
		who := "李某某"
		if lang == "en" {
			name, who = []string{"Photograph of the ceiling", "Quotation for the floor (material, work, removal)", "Receipt for the bookcase"}[i%3], "Li"
		}
		out = append(out, []string{itoa(i + 1), name, who, "2026-03-06"})
	}
	return out
}

const longZH = `申请人与被申请人系上下楼邻居。2026年3月2日晚，被申请人家中水管破裂，造成申请人客厅顶棚、木地板（约12平方米）和一组书柜浸水受损。申请人说：“我不要求精神损失，只要求把地板和柜子修好。”被申请人表示愿意承担责任，但认为申请人主张的8,600元过高……双方同意按第三方估价办理，参见《中华人民共和国民法典》第一千一百六十五条。`
const longEN = `Applicant and respondent live one above the other. In the evening of 2 March 2026 a pipe burst in the respondent's flat; the ceiling of the applicant's living room, the floor (about 12 square metres) and a bookcase were damaged. The applicant said: “I don’t ask for anything but the repair.” The respondent accepts liability and thinks 8,600 yuan too much; both agree to a third party’s estimate.`

func picturePNG(t testing.TB) []byte {
	img := image.NewRGBA(image.Rect(0, 0, 860, 540))
	for y := range 540 {
		for x := range 860 {
			img.Set(x, y, color.RGBA{uint8(x / 4), uint8(y / 3), 120, uint8(255 - x/8)})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func pictureJPEG(t testing.TB) []byte {
	img := image.NewRGBA(image.Rect(0, 0, 1200, 1600))
	for y := range 1600 {
		for x := range 1200 {
			img.Set(x, y, color.RGBA{uint8(x / 5), uint8(y / 7), uint8((x + y) / 11), 255})
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func page(t *testing.T, b *book, n int) string {
	t.Helper()
	var out strings.Builder
	for _, p := range b.doc.Content(n) {
		out.WriteString(p.Text + "\n")
	}
	return out.String()
}

func Test_a_file_has_cover_index_parts_and_back_cover(t *testing.T) {
	for _, lang := range []string{"zh-CN", "en"} {
		f := dispute(t, lang)
		b, err := lay(f)
		if err != nil {
			t.Fatal(err)
		}
		var order []string
		for _, l := range b.pages {
			if len(order) == 0 || order[len(order)-1] != l.part {
				order = append(order, l.part)
			}
		}
		if got := strings.Join(order, " "); got != "cover index application rights_notice identity evidence sessions back" {
			t.Errorf("the parts stand as %s", got)
		}
		if b.doc.Pages() != b.body+3 || b.pages[0].page != 0 || b.pages[1].page != 0 || b.pages[2].page != 1 || b.pages[len(b.pages)-1].page != 0 {
			t.Errorf("of %d pages %d are numbered, beginning behind the index", b.doc.Pages(), b.body)
		}
		if !strings.Contains(page(t, b, 1), f.Number) || !strings.Contains(page(t, b, 1), f.Name) {
			t.Errorf("the cover says %s", page(t, b, 1))
		}
		index := page(t, b, 2)
		for i, p := range f.Parts {
			if !strings.Contains(squeezed(index), squeezed(itoa(i+1)+"\n"+p.Name)) {
				t.Errorf("the index does not list part %d, %s", i+1, p.Name)
			}
		}
		if !strings.Contains(squeezed(index), squeezed("13\n"+f.BackName)) || !strings.Contains(squeezed(index), squeezed(f.Say("casefile.missing"))) {
			t.Errorf("the index says %s", index)
		}
		for i, p := range f.Parts {
			for j, x := range p.Papers {
				r := b.ranges[[2]int{i, j}]
				if first := b.pages[1+r[0]]; first.page != r[0] || first.part != p.ID {
					t.Errorf("%s is not on page %d, where the index has it", x.Title, r[0])
				}
			}
		}
		if got := missingOf(f); got != "agreement" {
			t.Errorf("missing are %q", got)
		}
	}
}

func missingOf(f File) string {
	var out []string
	for _, p := range f.Missing() {
		out = append(out, p.ID)
	}
	return strings.Join(out, " ")
}

func Test_a_paper_beside_fills_no_part_and_a_note_excuses_what_is_missing(t *testing.T) {
	f := dispute(t, "en")
	put := func(part string, x Paper) {
		for i := range f.Parts {
			if f.Parts[i].ID == part {
				f.Parts[i].Papers = append(f.Parts[i].Papers, x)
			}
		}
	}
	put("agreement", Paper{Title: "Term", Beside: true})
	if got := missingOf(f); got != "agreement" {
		t.Errorf("with a term and no agreement, missing are %q", got)
	}
	put("situation", Paper{Title: "Letter of transfer", Beside: true})
	if got := missingOf(f); got != "agreement" {
		t.Errorf("a letter that explains nothing leaves missing %q", got)
	}
	put("situation", Paper{Title: "Note on circumstances"})
	if got := missingOf(f); got != "" {
		t.Errorf("with a note, missing are %q", got)
	}
	b, err := lay(f)
	if err != nil {
		t.Fatal(err)
	}
	if index := squeezed(page(t, b, 2)); !strings.Contains(index, squeezed(f.Say("casefile.excused"))) {
		t.Errorf("the index does not point at the note: %s", index)
	}
}

func Test_the_mark_of_every_page_is_true_and_no_other_is(t *testing.T) {
	f := dispute(t, "zh-CN")
	made, err := Make(f)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(made.Data, []byte("%PDF")) {
		t.Fatal("no file")
	}
	known := []Known{{Pages: 3}, made.Known}
	b, err := lay(f)
	if err != nil {
		t.Fatal(err)
	}
	for i := range b.pages {
		rest, ok := strings.CutPrefix(b.mark(i, b.sum()).Address(f.Check), f.Check+"/")
		at := strings.Split(rest, "/")
		if !ok || len(at) != 4 {
			t.Fatalf("the address is %s", rest)
		}
		m, err := ParseMark(at[0], at[1], at[2], at[3])
		if err != nil {
			t.Fatal(err)
		}
		if which, ok := Verify(m, known); which != 1 || !ok {
			t.Errorf("page %d is not known", i+1)
		}
		if typed, err := ParseMark(strings.ToLower(at[0]), at[1], at[2], " "+strings.ToUpper(made.Content.String())); err != nil || typed != m {
			t.Errorf("typed from the foot of the page it is %+v, %v", typed, err)
		}
		m.Of++
		if _, ok := Verify(m, known); ok {
			t.Error("a page of a longer file is known")
		}
	}
	at := b.mark(0, b.sum())
	at.Content[5] ^= 1
	if _, ok := Verify(at, known); ok {
		t.Error("a changed sum is known")
	}
	for _, bad := range [][4]string{{"", "1", "2", made.Content.String()}, {"X", "3", "2", made.Content.String()}, {"X", "-1", "2", made.Content.String()}, {"X", "1", "2", "abc"}, {"X", "1", "2", strings.Repeat("z", 64)}} {
		if _, err := ParseMark(bad[0], bad[1], bad[2], bad[3]); err == nil {
			t.Errorf("%v is taken for a mark", bad)
		}
	}
}

func Test_the_sum_is_of_what_the_pages_say_and_of_nothing_else(t *testing.T) {
	sum := func(change func(*File)) Sum {
		f := dispute(t, "zh-CN")
		change(&f)
		made, err := Make(f)
		if err != nil {
			t.Fatal(err)
		}
		return made.Content
	}
	first := sum(func(*File) {})
	if sum(func(f *File) { f.Made = f.Made.AddDate(1, 0, 0); f.Check = "" }) != first {
		t.Error("the time it was written, or being a draft, changes what the pages say")
	}
	for name, change := range map[string]func(*File){
		"a word":          func(f *File) { f.Parts[0].Papers[0].Blocks[3].Lines[0] += "。" },
		"a picture":       func(f *File) { f.Parts[2].Papers[0].Scans[0].Data = pictureJPEG(t) },
		"a file":          func(f *File) { f.Parts[5].Papers[0].Scans[1].Data = []byte("%PDF-1.4 another") },
		"the order":       func(f *File) { p := f.Parts[6].Papers; p[0], p[1] = p[1], p[0] },
		"the case":        func(f *File) { f.Case = "MD-YL-2026-000418" },
		"a part left out": func(f *File) { f.Parts[1].Papers = nil },
	} {
		if sum(change) == first {
			t.Errorf("with %s changed the sum is the same", name)
		}
	}
}

func Test_a_draft_says_so_on_every_page_and_bears_no_code(t *testing.T) {
	f := dispute(t, "en")
	size := func(check string) int {
		f.Check = check
		made, err := Make(f)
		if err != nil {
			t.Fatal(err)
		}
		return len(made.Data)
	}
	if draft, filed := size(""), size("https://gov.example.cn/v"); draft >= filed {
		t.Errorf("a draft of %d bytes has codes like a file of %d", draft, filed)
	}
}

func Test_a_file_that_cannot_be_printed_has_a_sheet_with_its_hash(t *testing.T) {
	b, err := lay(dispute(t, "en"))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte("%PDF-1.4 invented"))
	var all strings.Builder
	for i := range b.pages {
		all.WriteString(page(t, b, i+1))
	}
	if !strings.Contains(squeezed(all.String()), hex.EncodeToString(sum[:])) || !strings.Contains(all.String(), "quotation.pdf") {
		t.Error("nothing stands for the PDF that was handed in")
	}
}
