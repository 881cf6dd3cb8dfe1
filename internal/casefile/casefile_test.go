package casefile

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"comity/internal/pack"
	"comity/internal/paper"
	"comity/internal/text"
	"comity/packs"
)

// dispute is the file of an invented dispute, put together by the dossier of the national pack.
func dispute(t testing.TB, lang string) File {
	t.Helper()
	p, err := pack.LoadFrom(packs.FS, "cn-national-2022")
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
		f.Parts = append(f.Parts, Part{ID: part.ID, Name: say.T(key + ".part." + part.ID), Required: part.Required})
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

func Test_a_file_has_cover_index_parts_and_back_cover(t *testing.T) {
	for _, lang := range []string{"zh-CN", "en"} {
		f := dispute(t, lang)
		raw, err := Make(f)
		if err != nil {
			t.Fatal(err)
		}
		if dir := os.Getenv("OUT"); dir != "" {
			os.WriteFile(dir+"/file-"+lang+".pdf", raw, 0o644)
		}
		var missing []string
		for _, p := range f.Missing() {
			missing = append(missing, p.ID)
		}
		if got := strings.Join(missing, " "); got != "agreement" {
			t.Errorf("missing are %q", got)
		}
	}
}

var _ = base64.StdEncoding
var _ = url.Parse
