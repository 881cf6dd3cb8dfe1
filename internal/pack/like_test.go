package pack

import (
	"os"
	"strings"
	"testing"
)

// A procedure that is like another has all of it but what it says itself.
func Test_a_procedure_like_another_says_only_what_differs(t *testing.T) {
	p, err := Load(os.DirFS("../../packs/cn-national-2022"), Unsearched())
	if err != nil {
		t.Fatal(err)
	}
	people, labour := p.Procedures["mediation"], p.Procedures["mediation-labour"]
	if _, ok := labour.Act("extend"); ok || len(labour.Acts) != len(people.Acts)-1 || len(labour.Orders) != len(people.Orders) {
		t.Errorf("labour mediation has %d acts and %d claims, people's has %d and %d", len(labour.Acts), len(labour.Orders), len(people.Acts), len(people.Orders))
	}
	theirs, _ := labour.Clock("term")
	ours, _ := people.Clock("term")
	if theirs.Rule.N != 15 || ours.Rule.N != 30 || theirs.Extend.Max != 0 {
		t.Errorf("the terms are %d and %d days, prolonged by %d", theirs.Rule.N, ours.Rule.N, theirs.Extend.Max)
	}
}

func Test_what_a_procedure_is_like_has_to_be_there_and_like_none_itself(t *testing.T) {
	const labour = "procedures/mediation-labour.yaml"
	for name, c := range map[string]struct{ want, now string }{
		"one that is not there":           {"like: there is no procedures/nothing.yaml", "like: nothing"},
		"one that is like another itself": {"is itself like another one", "like: mediation-court"},
		"a path":                          {"use the name of another file", "like: ../petition"},
	} {
		t.Run(name, func(t *testing.T) {
			files, err := nation(t, change{labour, "procedure: mediation-labour\n", "like: mediation\n", c.now + "\n"})("cn-national-2022")
			if err != nil {
				t.Fatal(err)
			}
			if _, err = Load(files, Unsearched()); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), labour+":5:") {
				t.Errorf("want %q in line 5, got %v", c.want, err)
			}
		})
	}
}
