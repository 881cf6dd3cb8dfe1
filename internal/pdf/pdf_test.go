package pdf

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"
	"time"
)

const words = `申请人与被申请人系上下楼邻居。2026年3月2日晚，被申请人家中水管破裂，造成申请人客厅顶棚、木地板（约12平方米）和一组书柜浸水受损。双方就赔偿数额协商未果，遂向人民调解委员会申请调解。申请人说：“我不要求精神损失，只要求把地板和柜子修好。”被申请人表示：“愿意承担责任，但认为申请人主张的8,600元过高……”——经调解员现场查看、询问物业公司并参考市场价格，双方同意按第三方估价办理。参见《中华人民共和国民法典》第一千一百六十五条、《中华人民共和国人民调解法》第二十九条；材料编号 CS-YL-2026-000417（含照片3张），网址 https://example.org/case/verify?x=1。`

var made = time.Date(2026, 3, 9, 1, 2, 3, 0, time.UTC)

func sampleIn(t testing.TB, lang string) *Doc {
	d, err := New(Options{Title: "人民调解卷宗 <1>", Author: "雨花亭街道", Lang: lang, Made: made, Producer: "Comity"})
	if err != nil {
		t.Fatal(err)
	}
	d.Heading(1, "人民调解协议书")
	d.Form([][2]string{{"申请人", "李某某"}, {"被申请人", "张某某"}, {"纠纷类型", "邻里纠纷"}})
	d.Heading(2, "一、纠纷主要事实")
	for range 3 {
		d.Text(Style{Indent: 2, Align: Justify}, words)
	}
	d.Heading(2, "Terms of the agreement")
	d.Text(Style{Align: Justify}, "The respondent pays 6,200 yuan for the floor and the bookcase by 31 March 2026, in one sum, to the account named by the applicant; the applicant gives a receipt on the same day. Neither party raises further claims about the event of 2 March 2026 (“the leak”).")
	d.List("•", []string{"申请人在收到款项后三日内出具收条；", "被申请人在2026年4月15日前更换水管，由物业公司验收，费用由被申请人承担。本协议一式三份，双方各执一份，调委会存一份。"})
	var rows [][]string
	for i := range 60 {
		rows = append(rows, []string{strings.Repeat("一二三四五六七八九十", 1+i%4), "2026-03-0" + string(rune('1'+i%9)), "材料（复印件）", "1"})
	}
	d.Heading(2, "证据目录")
	d.Table(Table{Widths: []float64{50, 20, 22, 8}, Align: []Align{Left, Left, Left, Right}, Head: []string{"名称", "日期", "形式", "页"}, Rows: rows})
	d.Text(Style{}, "生僻字：䶮堃喆镕㛃𬭚 and emoji 😀 ok")
	for _, picture := range [][]byte{pictureOf(t, "png"), pictureOf(t, "jpeg"), pictureOf(t, "grey")} {
		if err := d.Image(picture, "现场照片"); err != nil {
			t.Fatal(err)
		}
	}
	d.Sign("申请人（签名、捺印）", "被申请人（签名、捺印）", "人民调解员（签名）", "日期")
	return d
}

// pictureOf is a small picture; the PNG has pixels one can see through.
func pictureOf(t testing.TB, kind string) []byte {
	t.Helper()
	img := image.NewNRGBA(image.Rect(0, 0, 60, 40))
	for y := range 40 {
		for x := range 60 {
			img.Set(x, y, color.NRGBA{uint8(4 * x), uint8(6 * y), 90, uint8(255 - 4*x)})
			if kind == "grey" {
				img.Set(x, y, color.NRGBA{uint8(4 * x), uint8(4 * x), uint8(4 * x), 255})
			}
		}
	}
	var b bytes.Buffer
	err := png.Encode(&b, img)
	if kind == "jpeg" {
		b.Reset()
		err = jpeg.Encode(&b, img, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
