package vault

import (
	"fmt"
	"reflect"
	"testing"
)

func Test_one_number_is_one_pseudonym_however_it_is_written(t *testing.T) {
	each(t, func(t *testing.T, r *Ring) {
		of := func(kind, value string) string {
			t.Helper()
			s, err := SubjectOf[Youth](r, kind, value)
			if err != nil {
				t.Fatal(err)
			}
			return s.Index()
		}
		for kind, ways := range map[string][]string{
			"id":    {"11010519491231002X", "11010519491231002x", "１１０１０５１９４９１２３１００２Ｘ", " 110105 19491231 002ｘ\n", "110105-19491231-002X", "110105\u300019491231\u00a0002X\u200b"},
			"phone": {"13800138000", "138 0013 8000", "138-0013-8000", "（138）００１３–8000", "\u202a13800138000\u202c"},
		} {
			for _, way := range ways {
				if of(kind, way) != of(kind, ways[0]) {
					t.Errorf("%q is somebody else than %q", way, ways[0])
				}
			}
		}
		if of("id", "1") == of("phone", "1") || of("id", "1") == of("id", "2") || of("id", "1") == r.Index("id", "1") {
			t.Error("two different things have one pseudonym")
		}
		for _, empty := range []string{"", " ", "－", "()"} {
			if s, err := SubjectOf[Youth](r, "id", empty); err == nil {
				t.Errorf("%q is %v", empty, s)
			}
		}
	})
}

func Test_a_pseudonym_is_made_with_the_keys_of_its_place_only(t *testing.T) {
	made := map[string]Compartment{}
	for _, c := range Compartments() {
		r := Memory(c, "std")
		for of, index := range map[Compartment]func() (string, error){
			"civic":       func() (string, error) { s, err := SubjectOf[Civic](r, "id", "1"); return s.Index(), err },
			"residence":   func() (string, error) { s, err := SubjectOf[Residence](r, "id", "1"); return s.Index(), err },
			"reentry":     func() (string, error) { s, err := SubjectOf[Reentry](r, "id", "1"); return s.Index(), err },
			"corrections": func() (string, error) { s, err := SubjectOf[Corrections](r, "id", "1"); return s.Index(), err },
			"youth":       func() (string, error) { s, err := SubjectOf[Youth](r, "id", "1"); return s.Index(), err },
			"mental":      func() (string, error) { s, err := SubjectOf[Mental](r, "id", "1"); return s.Index(), err },
		} {
			got, err := index()
			if (err == nil) != (of == c) || (got != "") != (of == c) {
				t.Errorf("a pseudonym of %s with keys of %s: %q, %v", of, c, got, err)
			}
			if got != "" {
				made[got] = c
			}
		}
	}
	if len(made) != len(Compartments()) {
		t.Errorf("%d pseudonyms of one number in %d compartments", len(made), len(Compartments()))
	}
}

// What reflection says of assigning and converting is what the compiler says.
func Test_the_compiler_keeps_pseudonyms_of_two_places_apart(t *testing.T) {
	all := []reflect.Type{reflect.TypeFor[Subject[Civic]](), reflect.TypeFor[Subject[Residence]](), reflect.TypeFor[Subject[Reentry]](),
		reflect.TypeFor[Subject[Corrections]](), reflect.TypeFor[Subject[Youth]](), reflect.TypeFor[Subject[Mental]]()}
	for i, a := range all {
		for j, b := range all {
			if i != j && (a.AssignableTo(b) || a.ConvertibleTo(b)) {
				t.Errorf("%v passes for %v", a, b)
			}
		}
		if !a.Comparable() {
			t.Errorf("two %v cannot be compared", a)
		}
	}
	if s := fmt.Sprint(Subject[Youth]{}.Index()); s != "" {
		t.Errorf("nobody is %q", s)
	}
}
