package account_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"comity/internal/account"
	"comity/internal/db"
	"comity/internal/db/dbtest"
)

const site = "https://help.example.gov"

var b64 = base64.RawURLEncoding.EncodeToString

// device is an authenticator made of software: one ES256 key, attestation "none" (WebAuthn level 2,
// sections 6.1 and 8.7). Its fields can be set to what a dishonest one would send.
type device struct {
	t                *testing.T
	key              *ecdsa.PrivateKey
	id, handle       []byte
	count            uint32
	rp, origin, kind string
	verified         bool
}

func newDevice(t *testing.T) *device {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id := make([]byte, 16)
	rand.Read(id)
	return &device{t: t, key: key, id: id, rp: "help.example.gov", origin: site, verified: true}
}

// cborBytes is a CBOR byte string (RFC 8949 section 3.1, major type 2).
func cborBytes(b []byte) []byte {
	if len(b) < 24 {
		return append([]byte{0x40 | byte(len(b))}, b...)
	}
	return append([]byte{0x59, byte(len(b) >> 8), byte(len(b))}, b...)
}

// authData is the authenticator data of section 6.1; with the key when a credential is made.
func (d *device) authData(made bool) []byte {
	sum := sha256.Sum256([]byte(d.rp))
	flags := byte(0x01)
	if d.verified {
		flags |= 0x04
	}
	if made {
		flags |= 0x40
	}
	out := append(sum[:], flags)
	out = binary.BigEndian.AppendUint32(out, d.count)
	if !made {
		return out
	}
	out = append(out, make([]byte, 16)...)
	out = binary.BigEndian.AppendUint16(out, uint16(len(d.id)))
	out = append(out, d.id...)
	point, err := d.key.PublicKey.Bytes() // 4, x, y
	if err != nil {
		d.t.Fatal(err)
	}
	out = append(out, 0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21) // COSE: EC2, ES256, P-256
	out = append(out, cborBytes(point[1:33])...)
	out = append(out, 0x22)
	return append(out, cborBytes(point[33:])...)
}

func (d *device) client(kind, challenge string) []byte {
	if d.kind != "" {
		kind = d.kind
	}
	raw, _ := json.Marshal(map[string]any{"type": kind, "challenge": challenge, "origin": d.origin, "crossOrigin": false})
	return raw
}

type asked struct {
	Challenge string `json:"challenge"`
	RP        struct {
		ID string `json:"id"`
	} `json:"rp"`
	RPID string `json:"rpId"`
	User struct {
		ID string `json:"id"`
	} `json:"user"`
	UserVerification       string `json:"userVerification"`
	AuthenticatorSelection struct {
		ResidentKey, UserVerification string
	} `json:"authenticatorSelection"`
	AllowCredentials []any `json:"allowCredentials"`
}

func (d *device) read(o account.Offer) (a asked) {
	d.t.Helper()
	raw, err := json.Marshal(o.Options)
	if err != nil {
		d.t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &a); err != nil {
		d.t.Fatal(err)
	}
	return a
}

// make answers an offer to add a passkey.
func (d *device) make(o account.Offer) []byte {
	d.t.Helper()
	a := d.read(o)
	if a.RP.ID != "help.example.gov" || a.AuthenticatorSelection.UserVerification != "required" || a.AuthenticatorSelection.ResidentKey != "required" {
		d.t.Errorf("the offer asks for %+v", a)
	}
	d.handle, _ = base64.RawURLEncoding.DecodeString(a.User.ID)
	object := append([]byte{0xa3, 0x63}, "fmt"...)
	object = append(append(object, 0x64), "none"...)
	object = append(append(append(object, 0x67), "attStmt"...), 0xa0)
	object = append(append(object, 0x68), "authData"...)
	object = append(object, cborBytes(d.authData(true))...)
	raw, _ := json.Marshal(map[string]any{"id": b64(d.id), "rawId": b64(d.id), "type": "public-key", "clientExtensionResults": map[string]any{},
		"response": map[string]any{"clientDataJSON": b64(d.client("webauthn.create", a.Challenge)), "attestationObject": b64(object)}})
	return raw
}

// sign answers an offer to come in.
func (d *device) sign(o account.Offer) []byte {
	d.t.Helper()
	a := d.read(o)
	if a.RPID != "help.example.gov" || a.UserVerification != "required" || len(a.AllowCredentials) != 0 {
		d.t.Errorf("the offer asks for %+v", a)
	}
	d.count++
	data, client := d.authData(false), d.client("webauthn.get", a.Challenge)
	sum := sha256.Sum256(client)
	digest := sha256.Sum256(append(append([]byte{}, data...), sum[:]...))
	sig, err := ecdsa.SignASN1(rand.Reader, d.key, digest[:])
	if err != nil {
		d.t.Fatal(err)
	}
	raw, _ := json.Marshal(map[string]any{"id": b64(d.id), "rawId": b64(d.id), "type": "public-key", "clientExtensionResults": map[string]any{},
		"response": map[string]any{"clientDataJSON": b64(client), "authenticatorData": b64(data), "signature": b64(sig), "userHandle": b64(d.handle)}})
	return raw
}

func addPasskey(t *testing.T, s *account.Store, id, name string) *device {
	t.Helper()
	d := newDevice(t)
	o, err := s.PasskeyOffer(t.Context(), site, "Help", id)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.PasskeyAdd(t.Context(), site, id, o.Ticket, name, d.make(o), account.From{}); err != nil {
		t.Fatal(err)
	}
	return d
}

func ask(t *testing.T, s *account.Store, id string) account.Offer {
	t.Helper()
	o, err := s.PasskeyAsk(t.Context(), site, id)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestA_passkey_lets_in_alone_and_makes_the_password_the_first_of_two_steps(t *testing.T) {
	eachDoor(t, func(t *testing.T, s *account.Store, d *db.DB, set func(time.Time)) {
		create(t, s, hemin())
		ctx := t.Context()
		key := addPasskey(t, s, "hemin", "  Phone  ")
		second := addPasskey(t, s, "hemin", "")
		p, err := s.Proofs(ctx, "hemin")
		if err != nil || len(p.Passkeys) != 2 || p.Passkeys[0].Name+p.Passkeys[1].Name != "Phone" || !p.Passkeys[0].Used.IsZero() {
			t.Fatalf("%+v, %v", p, err)
		}
		for _, k := range []*device{key, second, key} {
			o := ask(t, s, "")
			e, err := s.PasskeyEnter(ctx, site, o.Ticket, k.sign(o), account.From{})
			if err != nil || e.Account.ID != "hemin" {
				t.Fatalf("%+v, %v", e, err)
			}
			if live, err := s.Live(ctx, e.Token); err != nil || strings.Join(live.Methods, " ") != account.ByPasskey || !account.Fresh(live, dbtest.Start) {
				t.Errorf("%+v, %v", live, err)
			}
		}
		e, err := s.Enter(ctx, "hemin", password, account.From{})
		if err != nil || e.Token != "" || !e.Passkey {
			t.Errorf("the password alone gave %+v, %v", e, err)
		}
		p, _ = s.Proofs(ctx, "hemin")
		for _, k := range p.Passkeys {
			if k.Used.IsZero() {
				t.Errorf("%+v was used", k)
			}
			if err := s.PasskeyRemove(ctx, "other", k.ID, account.From{}); err != nil {
				t.Fatal(err)
			}
			if err := s.PasskeyRename(ctx, "hemin", k.ID, "Key"); err != nil {
				t.Fatal(err)
			}
		}
		if p, _ = s.Proofs(ctx, "hemin"); len(p.Passkeys) != 2 || p.Passkeys[0].Name != "Key" {
			t.Errorf("%+v: nobody else may remove it, and its name must be the new one", p)
		}
		for _, k := range p.Passkeys {
			if err := s.PasskeyRemove(ctx, "hemin", k.ID, account.From{}); err != nil {
				t.Fatal(err)
			}
		}
		o := ask(t, s, "")
		_, err = s.PasskeyEnter(ctx, site, o.Ticket, key.sign(o), account.From{})
		wants(t, err, account.ErrPasskey)
		signIn(t, s)
	})
}

func TestA_passkey_answer_is_refused_when_anything_about_it_is_not_right(t *testing.T) {
	eachDoor(t, func(t *testing.T, s *account.Store, d *db.DB, set func(time.Time)) {
		create(t, s, hemin())
		ctx := t.Context()
		key := addPasskey(t, s, "hemin", "Phone")
		enter := func(o account.Offer, answer []byte) error {
			e, err := s.PasskeyEnter(ctx, site, o.Ticket, answer, account.From{})
			if err == nil || e.Token != "" {
				t.Errorf("let in: %+v", e)
			}
			return err
		}
		bad := func(name string, change func(*device)) {
			t.Helper()
			k := *key
			change(&k)
			o := ask(t, s, "")
			if err := enter(o, k.sign(o)); !errors.Is(err, account.ErrPasskey) {
				t.Errorf("%s: %v", name, err)
			}
		}
		bad("another site", func(k *device) { k.origin = "https://help.example.gov.evil.example" })
		bad("no person behind it", func(k *device) { k.verified = false })
		bad("another relying party", func(k *device) { k.rp = "evil.example" })
		bad("an answer for a registration", func(k *device) { k.kind = "webauthn.create" })
		bad("another person's handle", func(k *device) { k.handle = []byte("somebody") })
		bad("another key", func(k *device) { k.key = newDevice(t).key })
		bad("an unknown key", func(k *device) { k.id = []byte("unknown-unknown!") })

		o := ask(t, s, "")
		answer := key.sign(o)
		if _, err := s.PasskeyEnter(ctx, site, o.Ticket, answer, account.From{}); err != nil {
			t.Fatal(err)
		}
		wants(t, enter(o, answer), account.ErrTicket) // replayed
		wants(t, enter(ask(t, s, ""), answer), account.ErrPasskey)
		wants(t, enter(account.Offer{Ticket: "forged"}, answer), account.ErrTicket)
		wants(t, enter(ask(t, s, ""), []byte("{}")), account.ErrPasskey)
		bad("a copy with an older counter", func(k *device) { k.count = 0 })

		again := ask(t, s, "hemin")
		wants(t, enter(again, key.sign(again)), account.ErrTicket) // begun for another purpose
		late := ask(t, s, "")
		set(dbtest.Start.Add(11 * time.Minute))
		wants(t, enter(late, key.sign(late)), account.ErrTicket)
		if err := s.Disable(ctx, "hemin", true); err != nil {
			t.Fatal(err)
		}
		o = ask(t, s, "")
		wants(t, enter(o, key.sign(o)), account.ErrWrong)

		list, err := s.Journal(ctx, "hemin", 50, account.From{})
		if err != nil {
			t.Fatal(err)
		}
		refused := 0
		for _, h := range list {
			if h.Kind == account.Rejected && h.Method == account.ByPasskey {
				refused += h.Times
			}
		}
		if refused < 7 {
			t.Errorf("only %d refused answers are written down: %+v", refused, list)
		}
	})
}

func TestA_passkey_is_added_only_with_the_ticket_of_its_owner(t *testing.T) {
	eachDoor(t, func(t *testing.T, s *account.Store, d *db.DB, set func(time.Time)) {
		create(t, s, hemin())
		create(t, s, account.Account{ID: "other", Login: "other"})
		ctx := t.Context()
		o, err := s.PasskeyOffer(ctx, site, "Help", "hemin")
		if err != nil {
			t.Fatal(err)
		}
		k := newDevice(t)
		answer := k.make(o)
		wants(t, s.PasskeyAdd(ctx, site, "other", o.Ticket, "x", answer, account.From{}), account.ErrTicket)
		wants(t, s.PasskeyAdd(ctx, site, "hemin", o.Ticket, "x", answer, account.From{}), account.ErrTicket) // spent by the try
		o, _ = s.PasskeyOffer(ctx, site, "Help", "hemin")
		k.verified = false
		wants(t, s.PasskeyAdd(ctx, site, "hemin", o.Ticket, "x", k.make(o), account.From{}), account.ErrPasskey)
		k.verified = true
		o, _ = s.PasskeyOffer(ctx, site, "Help", "hemin")
		if err := s.PasskeyAdd(ctx, site, "hemin", o.Ticket, "x", k.make(o), account.From{}); err != nil {
			t.Fatal(err)
		}
		o, _ = s.PasskeyOffer(ctx, site, "Help", "other")
		wants(t, s.PasskeyAdd(ctx, site, "other", o.Ticket, "x", k.make(o), account.From{}), account.ErrTaken)
	})
}

func TestA_passkey_proves_again_only_for_its_own_account(t *testing.T) {
	eachDoor(t, func(t *testing.T, s *account.Store, d *db.DB, set func(time.Time)) {
		create(t, s, hemin())
		create(t, s, account.Account{ID: "other", Login: "other"})
		ctx := t.Context()
		token := signIn(t, s)
		mine, foreign := addPasskey(t, s, "hemin", "x"), addPasskey(t, s, "other", "x")
		now := dbtest.Start.Add(time.Hour)
		set(now)
		o := ask(t, s, "hemin")
		_, err := s.AgainPasskey(ctx, site, token, o.Ticket, foreign.sign(o), account.From{})
		wants(t, err, account.ErrPasskey)
		o = ask(t, s, "")
		_, err = s.AgainPasskey(ctx, site, token, o.Ticket, mine.sign(o), account.From{})
		wants(t, err, account.ErrTicket)
		o = ask(t, s, "hemin")
		fresh, err := s.AgainPasskey(ctx, site, token, o.Ticket, mine.sign(o), account.From{})
		if err != nil {
			t.Fatal(err)
		}
		if live, err := s.Live(ctx, fresh); err != nil || !account.Fresh(live, now) {
			t.Errorf("%+v, %v", live, err)
		}
	})
}

func TestPasskeys_need_an_address_of_the_site(t *testing.T) {
	each(t, func(t *testing.T, s *account.Store, _ func(time.Time)) {
		for _, bad := range []string{"", "help.example.gov", "://", "http://127.0.0.1:8311", "https://[2001:db8::1]"} {
			if _, err := s.PasskeyAsk(t.Context(), bad, ""); err == nil {
				t.Errorf("%q was taken", bad)
			}
		}
	})
}
