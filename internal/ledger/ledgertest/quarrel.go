package ledgertest

import (
	"os"
	"testing"

	"comity/internal/form"
	"comity/internal/pack"
	"comity/internal/procedure"
)

// Quarrel is the demo pack of a folder of packs with a roll of parties in its service requests: add_party puts
// somebody on it, who is asked and may agree or say no, and who leaves with remove.
func Quarrel(t testing.TB, packs string) *pack.Pack {
	t.Helper()
	p, err := Sound(os.DirFS(packs), "demo")
	if err != nil {
		t.Fatal(err)
	}
	d := p.Procedures["service-request"]
	marks := func(value string) []procedure.Setting {
		return []procedure.Setting{{Fact: "consent", Value: value}}
	}
	d.Rolls = []procedure.Roll{{ID: "party", Marks: []procedure.Mark{{ID: "consent", Values: []string{"asked", "given"}}}}}
	d.Joins = procedure.Joining{Roll: "party", Marks: marks("given")}
	by := []string{procedure.ByMember, "clerk", "officer", "head"}
	told := []procedure.Notice{{To: procedure.ByMember, Template: "received"}}
	asked := procedure.Guard{Src: "member('consent') == 'asked'", Root: &procedure.Node{Op: procedure.OpEq, Args: []*procedure.Node{
		{Op: procedure.OpMember, Name: "consent", List: []string{"party"}}, {Op: procedure.OpText, List: []string{"asked"}}}}}
	d.Acts = append(d.Acts,
		procedure.Act{ID: "add_party", Event: "party_added", From: []string{d.Start}, By: by[1:], Of: procedure.OfHolder, Adds: "party", Marks: marks("asked"), Notices: told,
			Fields: []form.Field{{Name: "name", Kind: form.Text, Required: true, Personal: true}, {Name: "phone", Kind: form.Phone, Personal: true}}},
		procedure.Act{ID: "agree", Event: "agreed", From: []string{d.Start}, By: by, Of: procedure.OfHolder, About: "party", Marks: marks("given"), When: asked},
		procedure.Act{ID: "confide", Event: "confided", From: []string{d.Start}, By: by[1:], Of: procedure.OfHolder, About: "party",
			Fields: []form.Field{{Name: "note", Kind: form.LongText, Required: true, Caucus: true}}},
		procedure.Act{ID: "remove", Event: "removed", From: []string{d.Start}, By: by[1:], Of: procedure.OfHolder, About: "party", Leaves: true})
	for _, words := range p.Texts {
		for key, said := range map[string]string{"roll.service-request.party": "Party", "mark.service-request.party.consent": "Consent",
			"mark.service-request.party.consent.asked": "Asked", "mark.service-request.party.consent.given": "Given",
			"field.service-request.add_party.name": "Name", "field.service-request.add_party.phone": "Telephone", "field.service-request.confide.note": "In confidence"} {
			words[key] = said
		}
		for act, event := range map[string]string{"add_party": "party_added", "agree": "agreed", "confide": "confided", "remove": "removed"} {
			words["act.service-request."+act], words["event.service-request."+event] = "Do "+act, "Done "+act
			words["guard.service-request."+act] = "Asked first"
		}
	}
	return p
}
