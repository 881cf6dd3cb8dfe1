package main

import (
	"context"
	"testing"

	"github.com/chromedp/chromedp"

	"comity/internal/account"
	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/intake"
	"comity/internal/ledger"
)

// mediated is a mediation whose draft waits for signatures, with somebody who conducts it.
func (b *browserCity) mediated(login string) (casework.Case, casework.Code) {
	b.t.Helper()
	ctx, unit := context.Background(), "guiyuan-ganyuan"
	a := account.Account{ID: login, Login: login, Name: map[string]string{"en": "Zhou Qin", "zh-CN": "周琴"}}
	for _, r := range []authz.Role{"mediator", "pmc_director", "clerk"} {
		a.Grants = append(a.Grants, authz.Grant{Role: r, Unit: "guiyuan-ganyuan"})
	}
	made, err := b.city.accounts.Create(ctx, a, demoPassword)
	if err != nil {
		b.t.Fatal(err)
	}
	p := b.city.packs.Current()
	who := made.Actor(p.Rules)
	cmd, err := intake.Command(p, intake.Report{Category: "dispute.neighbour", Title: "楼上漏水", Text: "楼上水管漏水，天花板坏了。", Unit: "guiyuan-ganyuan", Source: "web",
		Contact: casework.Contact{Name: "段小雨", Channel: "sms", Address: "13700000009", Lang: "zh-CN"}})
	if err != nil {
		b.t.Fatal(err)
	}
	cmd.Fields = map[string]string{"elsewhere": "none"}
	r, err := b.city.ledger.Do(ctx, authz.Reporter(), cmd)
	if err != nil {
		b.t.Fatalf("%s: %v", unit, err)
	}
	do := func(act string, answers ...string) {
		b.t.Helper()
		fields := map[string]string{}
		for i := 0; i+1 < len(answers); i += 2 {
			fields[answers[i]] = answers[i+1]
		}
		if _, err := b.city.ledger.Do(ctx, who, casework.Command{Case: r.Case, Version: casework.AnyVersion, Act: act, Fields: fields}); err != nil {
			b.t.Fatalf("%s: %v", act, err)
		}
	}
	day := b.clock.Now().AddDate(0, 1, 0).Format("2006-01-02")
	repair := []string{"issue", "水管", "who", "钱大中", "what", "修好水管并付清天花板修理费", "amount", "300元", "due_on", day, "where", "段小雨家中"}
	with := func(more ...string) []string { return append(append([]string{}, repair...), more...) }
	do("add_party", "name", "钱大中", "side", "respondent", "way", "letter")
	for _, m := range []string{"m1", "m2"} {
		do("record_identity", "member", m, "proof", "身份证1234", "capacity", "full")
	}
	do("register", "source", "applied", "summary", "楼上漏水。")
	do("consent", "member", "m2", "how", "spoken")
	do("accept")
	for _, m := range []string{"m1", "m2"} {
		do("serve_notice", "member", m, "how", "signed", "served_on", b.clock.Now().Format("2006-01-02"))
	}
	do("name_mediator", "name", "周琴", "chosen", "designated")
	do("declare", "member", "m3", "interest", "none")
	do("begin")
	do("offer", with("member", "m1")...)
	do("offer", with("member", "m2", "amount", "200元", "reply_to", "1")...)
	do("confide", "member", "m2", "caucus_note", "最多能出二百五十元。")
	do("convene", "session_on", day, "session_at", "09:00-10:00", "where", "一号调解室", "mode", "joint", "open", "private")
	do("hold", "member", "m3", "present", "双方", "told", "yes")
	do("offer", with("member", "m1", "amount", "200元", "reply_to", "2")...)
	do("record", "stated", "双方陈述。", "result", "agreed", "signers", "双方")
	draft := []string{"parties", "段小雨，钱大中", "facts", "水管漏水，天花板受损。", "issues", "修理费", "responsibility", "楼上承担大部分", "scope", "full", "confirmable", "yes"}
	do("draft", draft...)
	do("add_term", with("to_whom", "段小雨", "kind", "money")...)
	do("draft", append(draft, "responsibility", "楼上承担全部")...)
	do("add_term", with("to_whom", "段小雨", "kind", "money", "amount", "200元")...)
	look, err := b.city.ledger.Look(ctx, authz.Machine(), ledger.Ticket{Case: r.Case, Purpose: ledger.PurposeNotice, Level: authz.Identity})
	if err != nil {
		b.t.Fatal(err)
	}
	k := look.Case()
	m2, _ := k.Member("m2")
	return k, m2.Code
}

// draws moves a pen across the box for the signature.
const draws = `(() => { const c = document.querySelector("canvas[data-sign]"), r = c.getBoundingClientRect();
 const at = (type, x, y) => c.dispatchEvent(new PointerEvent(type, {bubbles: true, pointerId: 1, clientX: r.left + x, clientY: r.top + y}));
 c.setPointerCapture = () => {}; at("pointerdown", 20, 40); for (let i = 0; i < 80; i++) at("pointermove", 20 + 2 * i, 40 + 15 * Math.sin(i / 6)); at("pointerup", 180, 40); return 1 })()`

func Test_a_party_signs_with_a_finger_on_the_mediators_tablet_which_then_opens_nothing_else(t *testing.T) {
	b := openBrowserCity(t)
	k, key := b.mediated("zhouqin")
	at := "/desk/cases/" + string(k.Ref)
	b.signIn("zhouqin")
	for _, wide := range []int64{360, 1280} {
		b.do(chromedp.EmulateViewport(wide, 900))
		name := map[int64]string{360: " on a phone", 1280: ""}[wide]
		for _, page := range []string{"talks", "draft", "sign", "sign/m2/paper", "serve"} {
			b.everywhere(page+name, at+"/"+page)
		}
		b.everywhere("offers of a party"+name, "/p/"+string(key)+"/talks")
		b.everywhere("the agreement of a party"+name, "/p/"+string(key)+"/sign")
	}
	for _, page := range []string{"talks", "draft", "sign"} {
		b.open(at + "/" + page + "?lang=zh-CN")
		b.picture("talks-" + page)
	}
	b.open(at + "/talks?lang=en")
	b.submit(`form[action*="/talks/sealed"] button`)
	b.expect("Said in confidence", "最多能出二百五十元")
	b.accessible("talks with what was confided")
	b.picture("talks-sealed")

	b.do(chromedp.EmulateViewport(820, 1100))
	b.open(at + "/sign/m2/tablet?lang=zh-CN")
	b.expect("调解协议书", "200元", "钱大中")
	b.accessible("the agreement on the tablet")
	b.js(draws)
	b.picture("talks-tablet")
	b.js(`(document.querySelector("#sign-read").click(), 1)`)
	b.submit(`form.agreement button[type="submit"]`)
	b.expect("请把设备交还工作人员")
	b.accessible("handed back")
	b.open(at + "?lang=en")
	b.expect("Sign in")
	look, err := b.city.ledger.Look(context.Background(), authz.Machine(), ledger.Ticket{Case: k.ID, Purpose: ledger.PurposeNotice, Level: authz.Identity})
	if err != nil {
		t.Fatal(err)
	}
	now := look.Case()
	if m, _ := now.Member("m2"); m.Marks["signed"] != "tablet" || len(now.Files) != 1 || now.Files[0].Kind != "image/png" {
		t.Errorf("signed %q with %+v", m.Marks["signed"], now.Files)
	}
	b.open("/p/" + string(key) + "/sign?lang=zh-CN")
	b.expect("签名。", "200元")
	b.picture("talks-party")
}
