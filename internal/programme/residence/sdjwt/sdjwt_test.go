package sdjwt

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	now      = time.Date(2026, 3, 20, 9, 0, 0, 0, time.UTC)
	issuer   = "https://linjiang.example"
	list     = issuer + "/status/1"
	someone  = Permit{"Li", "f", "Han", time.Date(1990, 3, 7, 0, 0, 0, 0, time.UTC), "110101199003070000", "photo-hash", "3 Xinhua Road, Anqing", "8 Ganyuan", "Binjiang", now, "binjiang", now.AddDate(1, 0, 0)}
	question = Ask{"https://clinic.example", "n-0001", []string{IsResident, District}}
)

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

type world struct {
	issuer, holder *ecdsa.PrivateKey
	card           string
}

func made(t testing.TB) world {
	w := world{issuer: newKey(t), holder: newKey(t)}
	w.card = must[[]string](t)(Batch(w.issuer, rand.Reader, someone, issuer, list, []int{7}, []*ecdsa.PublicKey{&w.holder.PublicKey}, now))[0]
	return w
}

func (w world) expect() Expect {
	return Expect{Issuer: issuer, Type: Type, Ask: question, Now: now}
}

func (w world) present(t testing.TB) string {
	return must[string](t)(Present(w.holder, w.card, question, now))
}

// forge signs any body as the issuer would, to show what a reader refuses even then.
func (w world) forge(t testing.TB, change func(map[string]any), disclosures ...string) string {
	jwk := must[jwk](t)(jwkOf(&w.holder.PublicKey))
	b := map[string]any{"iss": issuer, "vct": Type, "iat": now.Unix(), "exp": now.AddDate(1, 0, 0).Unix(), "_sd_alg": hashName, "cnf": map[string]any{"jwk": jwk}}
	var digests []string
	for _, d := range disclosures {
		digests = append(digests, digest(d))
	}
	b["_sd"] = digests
	change(b)
	return must[string](t)(sign(w.issuer, typeCard, b)) + "~" + strings.Join(append(slices.Clone(disclosures), ""), "~")
}

func (w world) bind(t testing.TB, shown string, key *ecdsa.PrivateKey, change func(map[string]any)) string {
	b := map[string]any{"aud": question.Audience, "nonce": question.Nonce, "iat": now.Unix(), "sd_hash": over(shown)}
	change(b)
	return shown + must[string](t)(sign(key, typeBinding, b))
}

func keep(map[string]any) {}

func raw(v ...any) string {
	out, _ := json.Marshal(v)
	return b64.EncodeToString(out)
}

func Test_the_digests_are_those_of_the_standard(t *testing.T) {
	for disclosure, want := range map[string]string{
		"WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0": "X9yH0Ajrdm1Oij4tWso9UzzKJvPoDxwmuEcO3XAdRC0",
		"WyIyR0xDNDJzS1F2ZUNmR2ZyeU5STjl3IiwgImdpdmVuX25hbWUiLCAiSm9obiJd":        "jsu9yVulwQQlhFlM_3JlzMaSFzglhQG0DpfayQwLUK4",
		"WyJlbHVWNU9nM2dTTklJOEVZbnN4QV9BIiwgImZhbWlseV9uYW1lIiwgIkRvZSJd":        "TGf4oLbgwd5JQaHyKVQZU9UdGE0w5rtDsrZzfUaomLo",
	} {
		if got := digest(disclosure); got != want {
			t.Errorf("digest of %s is %s, not %s", disclosure, got, want)
		}
		if _, err := read(disclosure); err != nil {
			t.Errorf("%s: %v", disclosure, err)
		}
	}
	if c, _ := read("WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0"); c.Name != "family_name" || c.Value != "Möbius" {
		t.Errorf("it reads as %v", c)
	}
}

func Test_a_card_shows_what_was_asked_for_and_nothing_else(t *testing.T) {
	w := made(t)
	if names := must[[]string](t)(Names(w.card)); len(names) != 15 {
		t.Errorf("the card can show %v", names)
	}
	p := w.present(t)
	got, err := Verify(&w.issuer.PublicKey, p, w.expect())
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Claims) != 2 || got.Claims[IsResident] != true || got.Claims[District] != "binjiang" || got.Index != 7 || got.List != list || !got.Until.Equal(someone.Until) {
		t.Errorf("it shows %+v", got)
	}
	for _, part := range strings.FieldsFunc(p, func(r rune) bool { return r == '~' || r == '.' }) {
		clear, _ := b64.DecodeString(part)
		for _, secret := range []string{"Li", someone.IDNumber, "Xinhua", "1990"} {
			if len(secret) > 2 && strings.Contains(string(clear), secret) {
				t.Errorf("%q stands in %s", secret, clear)
			}
		}
	}
}

func Test_ages_are_derived_on_the_birthday(t *testing.T) {
	for day, want := range map[string][2]bool{"2006-03-06": {false, false}, "2006-03-07": {true, false}, "2008-03-06": {true, false}, "2008-03-07": {true, true}} {
		at := must[time.Time](t)(time.Parse("2006-01-02", day))
		got := map[string]any{}
		for _, c := range someone.Claims(at) {
			got[c.Name] = c.Value
		}
		if got[Over16] != want[0] || got[Over18] != want[1] {
			t.Errorf("on %s: %v %v", day, got[Over16], got[Over18])
		}
	}
}

func Test_what_is_copied_stolen_replayed_or_forged_is_refused(t *testing.T) {
	w := made(t)
	other := newKey(t)
	good := w.present(t)
	shown := good[:strings.LastIndex(good, "~")+1]
	expect := w.expect()
	later, wrongNonce, wrongAudience, wrongIssuer, expired, more, fewer, wrongType := expect, expect, expect, expect, expect, expect, expect, expect
	later.Now = now.Add(4 * time.Minute)
	wrongNonce.Nonce = "n-0002"
	wrongAudience.Audience = "https://bank.example"
	wrongIssuer.Issuer = "https://elsewhere.example"
	expired.Now = now.AddDate(1, 0, 1)
	more.Claims = append(slices.Clone(question.Claims), Name)
	fewer.Claims = []string{District}
	wrongType.Type = "urn:other"
	plain := func(alg, typ string) string {
		parts := strings.Split(good, ".")
		return b64.EncodeToString([]byte(`{"alg":"`+alg+`","typ":"`+typ+`"}`)) + "." + strings.Join(parts[1:], ".")
	}
	resident := raw("salt", IsResident, true)
	district := raw("salt2", District, "binjiang")
	for name, c := range map[string]struct {
		p    string
		want Expect
		says string
	}{
		"copied without a signature of the holder": {shown, expect, "copied, not presented"},
		"the card itself":                          {w.card, expect, "copied, not presented"},
		"shown to another reader":                  {good, wrongAudience, "aud is not"},
		"an answer to another question":            {good, wrongNonce, "nonce is not"},
		"an answer of some time ago":               {good, later, "signed at another time"},
		"signed for the future":                    {w.bind(t, shown, w.holder, func(b map[string]any) { b["iat"] = now.Add(time.Hour).Unix() }), expect, "signed at another time"},
		"signed with another key":                  {w.bind(t, shown, other, keep), expect, "signature does not fit"},
		"signed over other disclosures":            {w.bind(t, shown, w.holder, func(b map[string]any) { b["sd_hash"] = over(w.card) }), expect, "sd_hash is not"},
		"of another issuer":                        {good, wrongIssuer, "iss is"},
		"another kind of card":                     {good, wrongType, "vct is"},
		"a card that is over":                      {good, expired, "not good at this time"},
		"less than was asked":                      {good, more, `"name" was asked for and is not shown`},
		"more than was asked":                      {good, fewer, `"is_resident" is shown and was not asked for`},
		"no algorithm":                             {plain("none", typeCard), expect, `algorithm "none"`},
		"another algorithm":                        {plain("HS256", typeCard), expect, `algorithm "HS256"`},
		"another type":                             {plain(algorithm, "jwt"), expect, `type "jwt"`},
		"a changed head":                           {plain(algorithm, typeCard+`","kid":"1`), expect, "signature does not fit"},
		"nothing":                                  {"", expect, "form of a card"},
		"too much":                                 {strings.Repeat("~", 200), expect, "form of a card"},
		"digests that stand twice": {w.bind(t, w.forge(t, func(b map[string]any) { b["_sd"] = []string{digest(resident), digest(resident)} }, resident), w.holder, keep), expect,
			"a digest stands twice"},
		"a disclosure shown twice": {w.bind(t, w.forge(t, func(b map[string]any) { b["_sd"] = []string{digest(resident)} }, resident, resident), w.holder, keep), expect,
			"shown twice"},
		"a disclosure nobody signed": {w.bind(t, shown+raw("salt", Name, "Wang")+"~", w.holder, keep), expect, "belongs to no digest"},
		"one claim under two digests": {w.bind(t, w.forge(t, keep, resident, raw("other", IsResident, false)), w.holder, keep), expect,
			`claim "is_resident" would stand twice`},
		"a claim that stands in the clear": {w.bind(t, w.forge(t, func(b map[string]any) { b[District] = "donghu" }, resident, district), w.holder, keep), expect,
			`"district" stands in the clear part`},
		"a claim that shadows the issuer":    {w.bind(t, w.forge(t, keep, raw("salt", "iss", "https://me.example")), w.holder, keep), expect, `names "iss"`},
		"a claim that shadows the end":       {w.bind(t, w.forge(t, keep, raw("salt", "exp", 9999999999)), w.holder, keep), expect, `names "exp"`},
		"a claim that hides others":          {w.bind(t, w.forge(t, keep, raw("salt", "_sd", "x")), w.holder, keep), expect, `names "_sd"`},
		"a claim that is an object":          {w.bind(t, w.forge(t, keep, raw("salt", District, map[string]any{"_sd": []string{}})), w.holder, keep), expect, "neither text nor number"},
		"a disclosure of two parts":          {w.bind(t, w.forge(t, keep, raw(District, "binjiang")), w.holder, keep), expect, "three parts"},
		"another hash":                       {w.bind(t, w.forge(t, func(b map[string]any) { b["_sd_alg"] = "md5" }, resident, district), w.holder, keep), expect, "_sd_alg"},
		"bound to no key":                    {w.bind(t, w.forge(t, func(b map[string]any) { delete(b, "cnf") }, resident, district), w.holder, keep), expect, "bound to no key"},
		"without digests":                    {w.bind(t, w.forge(t, func(b map[string]any) { delete(b, "_sd") }, resident, district), w.holder, keep), expect, "no digests"},
		"a status that cannot be read":       {w.bind(t, w.forge(t, func(b map[string]any) { b["status"] = 3 }, resident, district), w.holder, keep), expect, "status cannot be read"},
		"a name twice in one object":         {w.bind(t, w.forge(t, keep, b64.EncodeToString([]byte(`["salt","x",{"a":1,"a":2}]`))), w.holder, keep), expect, `"a" stands twice`},
		"something after the disclosure":     {w.bind(t, w.forge(t, keep, b64.EncodeToString([]byte(`["salt","x",1][]`))), w.holder, keep), expect, "something stands after it"},
		"nested beyond any card":             {w.bind(t, w.forge(t, keep, b64.EncodeToString([]byte(strings.Repeat("[", 40)+strings.Repeat("]", 40)))), w.holder, keep), expect, "nested too deeply"},
		"an extension that nobody asked for": {strings.Replace(good, strings.Split(good, ".")[0], b64.EncodeToString([]byte(`{"alg":"ES256","typ":"dc+sd-jwt","crit":["b64"]}`)), 1), expect, "extensions"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Verify(&w.issuer.PublicKey, c.p, c.want)
			if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), c.says) || len(got.Claims) > 0 {
				t.Errorf("want a refusal that says %q, got %v and %v", c.says, err, got)
			}
		})
	}
	forged := w.bind(t, w.forge(t, keep, resident, district), w.holder, keep)
	if _, err := Verify(&w.issuer.PublicKey, forged, expect); err != nil {
		t.Errorf("the forged card that nothing is wrong with does not pass, so the refusals above prove nothing: %v", err)
	}
	if _, err := Verify(&other.PublicKey, good, expect); !errors.Is(err, ErrRefused) {
		t.Errorf("a card of another key: %v", err)
	}
}

func Test_no_character_of_a_presentation_can_be_changed(t *testing.T) {
	w := made(t)
	good := w.present(t)
	for i := range len(good) {
		for _, c := range []byte{'A', 'b', '~', '.'} {
			if good[i] == c {
				continue
			}
			if _, err := Verify(&w.issuer.PublicKey, good[:i]+string(c)+good[i+1:], w.expect()); err == nil {
				t.Fatalf("character %d can be changed to %q", i, c)
			}
		}
	}
}

func Test_copies_of_one_card_share_nothing_that_two_readers_could_compare(t *testing.T) {
	key := newKey(t)
	var holders []*ecdsa.PrivateKey
	var public []*ecdsa.PublicKey
	for range 4 {
		k := newKey(t)
		holders, public = append(holders, k), append(public, &k.PublicKey)
	}
	cards := must[[]string](t)(Batch(key, rand.Reader, someone, issuer, list, []int{3, 11, 40, 41}, public, now))
	seen := map[string]int{}
	for i, card := range cards {
		p := must[string](t)(Present(holders[i], card, question, now))
		for _, part := range strings.Split(p, "~") {
			if at, ok := seen[part]; ok && at != i {
				t.Errorf("copies %d and %d share %s", at, i, part)
			}
			seen[part] = i
		}
		var b body
		if err := decode(strings.Split(p, ".")[1], &b); err != nil {
			t.Fatal(err)
		}
		var digests []string
		if err := json.Unmarshal(b["_sd"], &digests); err != nil || len(digests) != 15 {
			t.Fatalf("%v %v", digests, err)
		}
		for _, d := range digests {
			if at, ok := seen[d]; ok && at != i {
				t.Errorf("copies %d and %d share the digest %s", at, i, d)
			}
			seen[d] = i
		}
		if !slices.IsSorted(digests) {
			t.Error("the order of digests tells which claim is which")
		}
	}
	for _, bad := range [][]int{{1, 1}, {1}, {}} {
		if _, err := Batch(key, rand.Reader, someone, issuer, list, bad, public[:2], now); !errors.Is(err, ErrRefused) {
			t.Errorf("places %v: %v", bad, err)
		}
	}
}

func Test_a_suspended_card_is_seen_in_the_list_without_asking_the_issuer(t *testing.T) {
	w := made(t)
	l := NewList(1 << 12)
	if err := l.Set(7, true); err != nil {
		t.Fatal(err)
	}
	published := must[string](t)(l.Sign(w.issuer, list, now, now.Add(24*time.Hour)))
	fetched := must[*List](t)(OpenList(&w.issuer.PublicKey, list, published, now))
	expect := w.expect()
	expect.Bad = func(address string, index int) (bool, error) {
		if address != list {
			return false, errors.New("no such list")
		}
		return fetched.Bad(index)
	}
	p := w.present(t)
	if _, err := Verify(&w.issuer.PublicKey, p, expect); !errors.Is(err, ErrRefused) {
		t.Errorf("a suspended card: %v", err)
	}
	if err := l.Set(7, false); err != nil { // endorsed: good again
		t.Fatal(err)
	}
	fetched = must[*List](t)(OpenList(&w.issuer.PublicKey, list, must[string](t)(l.Sign(w.issuer, list, now, now.Add(time.Hour))), now))
	if _, err := Verify(&w.issuer.PublicKey, p, expect); err != nil {
		t.Errorf("an endorsed card: %v", err)
	}
	expect.Bad = func(string, int) (bool, error) { return false, errors.New("offline") }
	if _, err := Verify(&w.issuer.PublicKey, p, expect); !errors.Is(err, ErrRefused) {
		t.Errorf("an unknown status: %v", err)
	}
	for name, err := range map[string]error{
		"too old":            second(OpenList(&w.issuer.PublicKey, list, published, now.Add(25*time.Hour))),
		"another list":       second(OpenList(&w.issuer.PublicKey, list+"2", published, now)),
		"another key":        second(OpenList(&newKey(t).PublicKey, list, published, now)),
		"a card as a list":   second(OpenList(&w.issuer.PublicKey, list, strings.Split(p, "~")[0], now)),
		"no such place":      l.Set(1<<12, true),
		"a place below zero": l.Set(-1, true),
	} {
		if !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := fetched.Bad(1 << 20); !errors.Is(err, ErrRefused) {
		t.Errorf("a place beyond the list: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

func Test_a_card_cannot_be_made_badly(t *testing.T) {
	w := made(t)
	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := Terms{Issuer: issuer, Type: Type, Issued: now, Until: now.Add(time.Hour)}
	over := good
	over.Until = now
	for name, err := range map[string]error{
		"a claim called iss": second(Issue(w.issuer, rand.Reader, good, &w.holder.PublicKey, []Claim{{"iss", "x"}})),
		"a claim twice":      second(Issue(w.issuer, rand.Reader, good, &w.holder.PublicKey, []Claim{{"a", 1}, {"a", 2}})),
		"no holder":          second(Issue(w.issuer, rand.Reader, good, nil, nil)),
		"another curve":      second(Issue(w.issuer, rand.Reader, good, &p521.PublicKey, nil)),
		"over before it is":  second(Issue(w.issuer, rand.Reader, over, &w.holder.PublicKey, nil)),
		"shown for nobody":   second(Present(w.holder, w.card, Ask{Nonce: "x"}, now)),
		"shown twice over":   second(Present(w.holder, w.present(t), question, now)),
		"what it has not":    second(Present(w.holder, w.card, Ask{"a", "n", []string{"income"}}, now)),
	} {
		if !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func Fuzz_whatever_is_shown_is_refused_or_was_signed(f *testing.F) {
	w := made(f)
	good := w.present(f)
	cut := strings.LastIndex(good, "~") + 1
	f.Add(good[strings.Index(good, "~")+1:cut], true)
	f.Add("WyJzYWx0IiwiaXNzIiwieCJd~", true)
	f.Add("~~", false)
	f.Fuzz(func(t *testing.T, disclosures string, bound bool) {
		shown := good[:strings.Index(good, "~")+1] + disclosures
		p := shown
		if bound {
			p = w.bind(t, shown, w.holder, keep)
		}
		got, err := Verify(&w.issuer.PublicKey, p, w.expect())
		if err == nil && (got.Claims[IsResident] != true || got.Claims[District] != "binjiang" || len(got.Claims) != 2) {
			t.Errorf("%q shows %v", disclosures, got.Claims)
		}
		if err != nil && !errors.Is(err, ErrRefused) {
			t.Errorf("%q: %v", disclosures, err)
		}
	})
}
