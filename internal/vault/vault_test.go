package vault

import "testing"

func Test_smoke(t *testing.T) {
	for _, s := range suites {
		r, err := Open(t.TempDir()+"/k", "youth", s.name)
		if err != nil {
			t.Fatal(err)
		}
		k, w := r.NewKey()
		k2, err := r.Unwrap(w)
		if err != nil {
			t.Fatal(err)
		}
		if p, err := k2.Open("c", k.Seal("c", "hello")); p != "hello" || err != nil {
			t.Fatal(p, err)
		}
		if !Verify(r.Public(), []byte("m"), r.Sign([]byte("m"))) {
			t.Fatal("sig")
		}
	}
}
