package pdf

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"
)

const chinese = `申请人与被申请人系上下楼邻居。2026年3月2日晚，被申请人家中水管破裂，造成申请人客厅顶棚、木地板（约12平方米）和一组书柜浸水受损。双方就赔偿数额协商未果，遂向人民调解委员会申请调解。申请人说：“我不要求精神损失，只要求把地板和柜子修好。”被申请人表示：“愿意承担责任，但认为申请人主张的8,600元过高……”——经调解员现场查看、询问物业公司并参考市场价格，双方同意按第三方估价办理。参见《中华人民共和国民法典》第一千一百六十五条、《中华人民共和国人民调解法》第二十九条；材料编号 CS-YL-2026-000417（含照片3张），网址 https://example.org/case/verify?x=1。`

func sample(t testing.TB) *Doc {
	d, err := New(Options{Title: "人民调解卷宗", Author: "雨花亭街道", Lang: "zh-CN", Made: time.Date(2026, 3, 9, 1, 2, 3, 0, time.UTC), Producer: "Comity"})
	if err != nil {
		t.Fatal(err)
	}
	d.Heading(1, "人民调解协议书")
	d.Form([][2]string{{"申请人", "李某某"}, {"被申请人", "张某某"}, {"纠纷类型", "邻里纠纷"}})
	d.Heading(2, "一、纠纷主要事实")
	for range 3 {
		d.Text(Style{Indent: 2, Align: Justify}, chinese)
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
	d.Sign("申请人（签名、捺印）", "被申请人（签名、捺印）", "人民调解员（签名）", "日期")
	return d
}

func Test_look(t *testing.T) {
	d := sample(t)
	if err := d.Stamp(func(n, of int) Stamp {
		return Stamp{Head: "雨花亭街道人民调解委员会", HeadRight: "（2026）雨人调字第17号", Foot: "第 1 页 共 5 页", FootSmall: "sha256:" + strings.Repeat("ab", 32), QR: "https://gov.example.cn/verify/page?c=CS-YL-2026-000417&p=8&n=1&of=5&h=" + strings.Repeat("ab", 16)}
	}); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := d.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	if f := os.Getenv("OUT"); f != "" {
		os.WriteFile(f, b.Bytes(), 0o644)
	}
	t.Log(string(d.Missing()))
}
