package pack

import (
	"slices"
	"strings"
	"testing"

	"comity/internal/procedure"
)

const mediation = "procedures/mediation.yaml"

// Ways to break people's mediation. Each is one that a city could write without thinking of it, and each is found
// by the claim or the property that names it: no session after a refusal, nobody unheard of their rights, no
// mediator with an unsettled interest, no draft without definite terms, no effect before all signed the last
// version, no closing of an incomplete file, no new term for a transfer.
func Test_each_broken_copy_of_mediation_is_found_by_the_claim_it_breaks(t *testing.T) {
	if testing.Short() {
		t.Skip("the search runs in one goroutine and has no race to find; make check runs it without -short")
	}
	settled := "all('mediator.interest', 'none', 'waived')"
	for name, c := range map[string]struct {
		order    string // the claim, or
		property procedure.Property
		act      string // at which act
		changes  []change
	}{
		"a refusal that is passed over": {"no-session-after-refusal", procedure.InOrder, "hold", []change{
			{mediation, "  - id: refuse\n", "    to: to_tell\n", ""}, {mediation, "  - id: refuse\n", "    set: {ending: refused}\n", ""},
			{mediation, "  - id: accept\n", "all('party.consent', 'given') && ", ""},
			{mediation, "  - id: convene\n", "all('party.consent', 'given') && ", ""},
			{mediation, "  - id: hold\n", "some('party.consent', 'given') && all('party.consent', 'given') && ", ""}}},
		"a session before everybody was told": {"told-before-session", procedure.InOrder, "hold", []change{
			{mediation, "  - id: begin\n", "all('party.notice', 'served') && ", ""},
			{mediation, "  - id: convene\n", "all('party.notice', 'served') && ", ""},
			{mediation, "  - id: hold\n", "all('party.notice', 'served') && ", ""}}},
		"a session by a mediator who has not disclosed": {"conflict-settled-before-session", procedure.InOrder, "hold", []change{
			{mediation, "  - id: begin\n", " && " + settled + " && some('mediator.interest', 'none', 'waived')", ""},
			{mediation, "  - id: convene\n", " && " + settled, ""},
			{mediation, "  - id: hold\n", "member('interest') in ['none', 'waived'] && ", ""},
			{mediation, "  - id: hold\n", " && " + settled, ""}}},
		"a signature by a mediator who has not disclosed": {"conflict-settled-before-signing", procedure.InOrder, "mediator_sign", []change{
			{mediation, "  - id: find_conflict\n", "    to: accepted\n", ""},
			{mediation, "  - id: mediator_sign\n", " && member('interest') in ['none', 'waived'] && " + settled, ""}}},
		"an objection that is gone when somebody joins": {"objection-settled-before-session", procedure.InOrder, "hold", []change{
			{mediation, "  - id: join_party\n", "    when: \"!some('mediator.interest', 'objected', 'declared')\"\n", ""}}},
		"an objection that is gone when a transfer is refused": {"objection-settled-before-session", procedure.InOrder, "hold", []change{
			{mediation, "  - id: transfer\n", "    when: \"!some('mediator.interest', 'objected', 'declared')\"\n", ""}}},
		"a signature under a draft without terms": {"terms-before-signing", procedure.InOrder, "sign", []change{
			{mediation, "  - id: sign\n", "terms == 'listed' && ", ""}}},
		"an agreement that nobody signed": {"parties-signed-before-effect", procedure.InOrder, "seal", []change{
			{mediation, "  - id: seal\n", "all('party.signed', 'paper', 'tablet', 'link') && ", ""}}},
		"an agreement on a version that was changed after the signatures": {"parties-signed-before-effect", procedure.InOrder, "seal", []change{
			{mediation, "  - id: add_term\n", "    every: {party: {signed: \"no\"}, mediator: {signed: \"no\"}}\n", ""}}},
		"an agreement the mediator did not sign": {"all-signed-before-effect", procedure.InOrder, "seal", []change{
			{mediation, "  - id: seal\n", " && all('mediator.signed', 'yes')", ""}}},
		"a draft before a session is on record": {"record-before-draft", procedure.InOrder, "draft", []change{
			{mediation, "  - id: draft\n", "from: [adjourned, drafted]", "from: [inquiry, adjourned, drafted]"}}},
		"a file without the second visit": {"visit-in-file", procedure.InOrder, "close", []change{
			{mediation, "  - id: close\n", "from: [filing]", "from: [following2, filing]"}, {mediation, "  - id: close\n", "    key: a\n", ""}}},
		"a file without proof of identity": {"identity-in-file", procedure.InOrder, "close", []change{
			{mediation, "  - id: accept\n", " && all('party.identity', 'seen')", ""}}},
		"an end of which nobody told the other ways": {"ways-told-before-closing", procedure.InOrder, "close_ended", []change{
			{mediation, "  - id: close_ended\n", "from: [filing_ended]", "from: [to_tell, filing_ended]"}, {mediation, "  - id: close_ended\n", "    key: a\n", ""}}},
		"an end without an answer": {"", procedure.Answered, "", []change{
			{mediation, "  - id: serve_end\n", "    answers: true\n    remedy: none\n", ""}}},
		"a transfer that gives a new term": {"", procedure.MoveKeeps, "take", []change{
			{mediation, "  - id: term                     #", "term_over]\n    pause: [appraisal]", "term_over, transfer_taken]\n    pause: [appraisal]"}}},
		"a transfer to and fro": {"", procedure.TransferEnds, "transfer", []change{
			{mediation, "  - id: refuse_transfer\n", "    times: 1\n", ""}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files, err := nation(t, c.changes...)("cn-national-2022")
			if err != nil {
				t.Fatal(err)
			}
			p, err := Load(files, Unsearched())
			if err != nil {
				t.Fatalf("the broken copy is refused before it is searched: %v", err)
			}
			out := procedure.Check(p.Procedures["mediation"]).Violations
			i := slices.IndexFunc(out, func(v procedure.Violation) bool {
				return v.Property == c.property && v.Order == c.order && (c.act == "" || v.Act == c.act)
			})
			if i < 0 {
				t.Fatalf("want %s %s at %s, found %s", c.property, c.order, c.act, briefly(out))
			}
		})
	}
}

func briefly(list []procedure.Violation) string {
	var out []string
	for _, v := range list {
		out = append(out, strings.Join([]string{string(v.Property), v.Order, v.Act, v.State, v.Clock}, " "))
	}
	return strings.Join(out, "; ")
}
