package account_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"comity/internal/account"
	"comity/internal/db"
	"comity/internal/db/dbtest"
)

// eachDoor is each with what a door needs: a sealer, and a database to look into.
func eachDoor(t *testing.T, run func(t *testing.T, s *account.Store, d *db.DB, set func(time.Time))) {
	t.Helper()
	dbtest.EachAt(t, func(t *testing.T, d *db.DB, set func(time.Time)) {
		if err := account.Migrate(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		s, err := account.New(d, account.Config{Hashing: account.Cheap(), Secret: []byte("for the hashes"), Sealer: account.SealedBy([]byte("for the secrets"))})
		if err != nil {
			t.Fatal(err)
		}
		run(t, s, d, set)
	})
}

// phone computes codes as an authenticator app does, apart from the code under test.
func phone(t *testing.T, secret string, at time.Time) string {
	t.Helper()
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret)
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha1.New, key)
	binary.Write(mac, binary.BigEndian, uint64(at.Unix()/30))
	sum := mac.Sum(nil)
	off := sum[19] & 15
	return fmt.Sprintf("%06d", (binary.BigEndian.Uint32(sum[off:])&0x7fffffff)%1_000_000)
}

// enrol gives an account an authenticator app and recovery codes. The code used is that of the step at.
func enrol(t *testing.T, s *account.Store, id string, at time.Time) (secret string, codes []string) {
	t.Helper()
	secret, err := s.TOTPBegin(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.TOTPConfirm(t.Context(), id, phone(t, secret, at), account.From{}); err != nil {
		t.Fatal(err)
	}
	if codes, err = s.NewRecovery(t.Context(), id, account.From{}); err != nil {
		t.Fatal(err)
	}
	return secret, codes
}

func TestWho_has_an_authenticator_app_needs_password_and_code(t *testing.T) {
	eachDoor(t, func(t *testing.T, s *account.Store, d *db.DB, set func(time.Time)) {
		create(t, s, hemin())
		ctx, from := t.Context(), account.From{Address: "10.0.0.1"}
		secret, _ := enrol(t, s, "hemin", dbtest.Start)
		_, _, err := s.SignIn(ctx, "hemin", password)
		wants(t, err, account.ErrProof)
		e, err := s.Enter(ctx, "hemin", password, from)
		if err != nil || e.Token != "" || e.Step == "" {
			t.Fatalf("the password alone gave %+v, %v", e, err)
		}
		_, err = s.EnterCode(ctx, e.Step, phone(t, secret, dbtest.Start), from)
		wants(t, err, account.ErrCode) // used when it was confirmed
		now := dbtest.Start.Add(time.Minute)
		set(now)
		code := phone(t, secret, now)
		in, err := s.EnterCode(ctx, e.Step, code[:3]+" "+code[3:], from)
		if err != nil || in.Token == "" || in.Account.ID != "hemin" {
			t.Fatalf("%+v, %v", in, err)
		}
		live, err := s.Live(ctx, in.Token)
		if err != nil || !slices.Equal(live.Methods, []string{account.ByPassword, account.ByTOTP}) {
			t.Errorf("%+v, %v", live, err)
		}
		_, err = s.EnterCode(ctx, e.Step, code, from)
		wants(t, err, account.ErrTicket)
		e, err = s.Enter(ctx, "hemin", password, from)
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.EnterCode(ctx, e.Step, code, from)
		wants(t, err, account.ErrCode) // a code is used once
		if stored := column(t, d, `SELECT sealed FROM account_totp`); strings.Contains(stored, secret) {
			t.Error("the secret of the app is stored in the clear")
		}
		if err := s.TOTPRemove(ctx, "hemin", from); err != nil {
			t.Fatal(err)
		}
		signIn(t, s)
	})
}

func TestA_recovery_code_opens_once_and_its_text_is_nowhere_stored(t *testing.T) {
	eachDoor(t, func(t *testing.T, s *account.Store, d *db.DB, set func(time.Time)) {
		create(t, s, hemin())
		create(t, s, account.Account{ID: "other", Login: "other"})
		ctx := t.Context()
		_, codes := enrol(t, s, "hemin", dbtest.Start)
		enrol(t, s, "other", dbtest.Start)
		if len(codes) != 10 {
			t.Fatalf("%d codes", len(codes))
		}
		stored := column(t, d, `SELECT hash FROM account_recovery`)
		for _, c := range codes {
			if strings.Contains(stored, c) || strings.Contains(stored, strings.ReplaceAll(c, "-", "")) {
				t.Error("a recovery code is stored")
			}
		}
		enter := func(login, code string) error {
			e, err := s.Enter(ctx, login, password, account.From{})
			if err != nil {
				t.Fatal(err)
			}
			_, err = s.EnterCode(ctx, e.Step, code, account.From{})
			return err
		}
		wants(t, enter("other", codes[0]), account.ErrCode)
		if err := enter("hemin", " "+strings.ToUpper(codes[0])); err != nil {
			t.Errorf("typed in capitals: %v", err)
		}
		wants(t, enter("hemin", codes[0]), account.ErrCode)
		if p, err := s.Proofs(ctx, "hemin"); err != nil || p.Recovery != 9 || !p.TOTP {
			t.Errorf("%+v, %v", p, err)
		}
		if _, err := s.NewRecovery(ctx, "hemin", account.From{}); err != nil {
			t.Fatal(err)
		}
		wants(t, enter("hemin", codes[1]), account.ErrCode)
	})
}

func TestAfter_five_wrong_codes_the_password_is_wanted_again(t *testing.T) {
	eachDoor(t, func(t *testing.T, s *account.Store, d *db.DB, set func(time.Time)) {
		create(t, s, hemin())
		secret, _ := enrol(t, s, "hemin", dbtest.Start)
		now := dbtest.Start.Add(time.Minute)
		set(now)
		e, err := s.Enter(t.Context(), "hemin", password, account.From{})
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			_, err := s.EnterCode(t.Context(), e.Step, "nonsense", account.From{})
			wants(t, err, account.ErrCode)
		}
		_, err = s.EnterCode(t.Context(), e.Step, phone(t, secret, now), account.From{})
		wants(t, err, account.ErrTicket)
	})
}

// Somebody who knows the password guesses codes from many places. That costs the owner nothing in her own
// browser, and elsewhere a recovery code instead of one of the app.
func TestGuessing_codes_does_not_shut_the_owner_out(t *testing.T) {
	eachDoor(t, func(t *testing.T, s *account.Store, d *db.DB, set func(time.Time)) {
		create(t, s, hemin())
		ctx := t.Context()
		home := account.From{Address: "10.0.0.1"}
		first, err := s.Enter(ctx, "hemin", password, home)
		if err != nil {
			t.Fatal(err)
		}
		home.Device = first.Device
		secret, codes := enrol(t, s, "hemin", dbtest.Start)
		now := dbtest.Start.Add(time.Minute)
		set(now)
		right := phone(t, secret, now)
		wrong := "000000"
		if right == wrong {
			wrong = "111111"
		}
		for n := range 24 {
			from := account.From{Address: fmt.Sprintf("203.0.%d.1", n)}
			e, err := s.Enter(ctx, "hemin", password, from)
			if err != nil {
				t.Fatal(err)
			}
			want := account.ErrCode
			if n >= 20 {
				want = account.ErrCodesClosed
			}
			_, err = s.EnterCode(ctx, e.Step, wrong, from)
			wants(t, err, want)
		}
		away := account.From{Address: "192.0.2.1"}
		e, err := s.Enter(ctx, "hemin", password, away)
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.EnterCode(ctx, e.Step, right, away)
		wants(t, err, account.ErrCodesClosed)
		if _, err = s.EnterCode(ctx, e.Step, codes[0], away); err != nil {
			t.Errorf("a recovery code from elsewhere: %v", err)
		}
		if e, err = s.Enter(ctx, "hemin", password, home); err != nil {
			t.Fatal(err)
		}
		if _, err = s.EnterCode(ctx, e.Step, right, home); err != nil {
			t.Errorf("the code of the app in her own browser: %v", err)
		}
	})
}

// Ten thousand wrong passwords from as many addresses: the owner comes in at once from her own browser and
// from her office; from an unknown place she waits ten seconds and is never refused.
func TestA_flood_of_wrong_passwords_does_not_shut_the_owner_out(t *testing.T) {
	eachDoor(t, func(t *testing.T, s *account.Store, d *db.DB, set func(time.Time)) {
		create(t, s, hemin())
		ctx, now := t.Context(), dbtest.Start
		home := account.From{Address: "10.0.0.1", Agent: "Firefox/127 Linux"}
		first, err := s.Enter(ctx, "hemin", password, home)
		if err != nil || first.Device == "" {
			t.Fatal(err)
		}
		home.Device = first.Device
		var g account.Guard
		try := func(from account.From, pass string) (time.Duration, error) {
			place, known, err := s.Place(ctx, "hemin", from)
			if err != nil {
				t.Fatal(err)
			}
			if wait := g.Try("hemin", place, known, now); wait > 0 {
				return wait, nil
			}
			_, err = s.Enter(ctx, "hemin", pass, from)
			if err == nil {
				g.Hit("hemin", place, known)
			}
			return 0, err
		}
		var through int
		for n := range 10_000 {
			now = now.Add(time.Millisecond)
			wait, err := try(account.From{Address: fmt.Sprintf("203.%d.%d.7", n/250, n%250)}, "wrong")
			if wait == 0 {
				through++
				wants(t, err, account.ErrWrong)
			}
		}
		if through > 40 {
			t.Errorf("%d of 10,000 guesses from different addresses were tried at once; want about thirty", through)
		}
		if wait, err := try(home, password); wait != 0 || err != nil {
			t.Errorf("the owner in her own browser: wait %v, %v", wait, err)
		}
		if wait, err := try(account.From{Address: "10.0.0.77"}, password); wait != 0 || err != nil {
			t.Errorf("the owner at another computer of her office: wait %v, %v", wait, err)
		}
		away := account.From{Address: "192.0.2.1"}
		wait, _ := try(away, password)
		if wait <= 0 || wait > 10*time.Second {
			t.Fatalf("from an unknown place the wait is %v", wait)
		}
		now = now.Add(wait)
		if wait, err := try(away, password); wait != 0 || err != nil {
			t.Errorf("after the wait: %v, %v", wait, err)
		}
		list, err := s.Journal(ctx, "hemin", 5, home)
		if err != nil {
			t.Fatal(err)
		}
		var in, failed int
		for _, h := range list {
			switch h.Kind {
			case account.SignedIn:
				in++
			case account.Failed:
				failed++
			}
		}
		if in < 3 || failed != 5 {
			t.Errorf("the journal shows %d arrivals and %d failures: what failed must not push away what succeeded", in, failed)
		}
	})
}

func TestAn_attacker_in_the_same_network_does_not_slow_down_the_owners_own_browser(t *testing.T) {
	eachDoor(t, func(t *testing.T, s *account.Store, d *db.DB, set func(time.Time)) {
		create(t, s, hemin())
		ctx, now := t.Context(), dbtest.Start
		e, err := s.Enter(ctx, "hemin", password, account.From{Address: "10.0.0.1"})
		if err != nil {
			t.Fatal(err)
		}
		var g account.Guard
		for range 50 {
			place, known, _ := s.Place(ctx, "hemin", account.From{Address: "10.0.0.1"})
			g.Try("hemin", place, known, now)
		}
		place, known, _ := s.Place(ctx, "hemin", account.From{Address: "10.0.0.1"})
		if g.Try("hemin", place, known, now) == 0 {
			t.Error("the attacker does not wait")
		}
		place, known, _ = s.Place(ctx, "hemin", account.From{Address: "10.0.0.1", Device: e.Device})
		if w := g.Try("hemin", place, known, now); w != 0 || !known {
			t.Errorf("the owner waits %v", w)
		}
		place, _, _ = s.Place(ctx, "hemin", account.From{Address: "10.0.0.1", Device: "planted"})
		if place != "10.0.0.1" {
			t.Errorf("an invented cookie is counted at %q", place)
		}
	})
}

func TestTries_sent_all_at_once_are_counted_before_they_are_answered(t *testing.T) {
	var g account.Guard
	var through atomic.Int64
	var wait sync.WaitGroup
	for range 200 {
		wait.Go(func() {
			if g.Try("hemin", "203.0.113.1", false, dbtest.Start) == 0 {
				through.Add(1)
			}
		})
	}
	wait.Wait()
	if through.Load() != 3 {
		t.Errorf("%d of 200 tries at once went through, want 3", through.Load())
	}
}

func TestA_browsers_secret_changes_each_time_and_the_old_one_is_worth_nothing(t *testing.T) {
	eachDoor(t, func(t *testing.T, s *account.Store, d *db.DB, set func(time.Time)) {
		create(t, s, hemin())
		ctx := t.Context()
		from := account.From{Address: "10.0.0.1"}
		one, _ := s.Enter(ctx, "hemin", password, from)
		two, err := s.Enter(ctx, "hemin", password, account.From{Address: "10.0.0.1", Device: one.Device})
		if err != nil || two.Device == one.Device {
			t.Fatalf("the secret stayed, %v", err)
		}
		known := func(device string) bool {
			place, _, err := s.Place(ctx, "hemin", account.From{Address: "x", Device: device})
			if err != nil {
				t.Fatal(err)
			}
			return place != "x"
		}
		if known(one.Device) || !known(two.Device) {
			t.Error("the old secret must be worth nothing and the new one something")
		}
		set(dbtest.Start.Add(181 * 24 * time.Hour))
		if known(two.Device) {
			t.Error("a browser not seen for 180 days is still known")
		}
	})
}

func TestProving_again_renews_the_token_and_the_old_one_is_worth_nothing(t *testing.T) {
	eachDoor(t, func(t *testing.T, s *account.Store, d *db.DB, set func(time.Time)) {
		create(t, s, hemin())
		ctx, from := t.Context(), account.From{Address: "10.0.0.1"}
		old := signIn(t, s)
		if err := s.Bind(ctx, old, "youth"); err != nil {
			t.Fatal(err)
		}
		now := dbtest.Start.Add(time.Hour)
		set(now)
		_, err := s.AgainPassword(ctx, old, "wrong", from)
		wants(t, err, account.ErrWrong)
		fresh, err := s.AgainPassword(ctx, old, password, from)
		if err != nil || fresh == old {
			t.Fatal(err)
		}
		_, err = s.Live(ctx, old)
		wants(t, err, account.ErrNoSession)
		live, err := s.Live(ctx, fresh)
		if err != nil || !account.Fresh(live, now) || live.Compartment != "youth" || !live.Created.Equal(dbtest.Start) {
			t.Errorf("%+v, %v", live, err)
		}
		secret, _ := enrol(t, s, "hemin", now)
		now = now.Add(time.Hour)
		set(now)
		_, err = s.AgainCode(ctx, fresh, "999", from)
		wants(t, err, account.ErrCode)
		third, err := s.AgainCode(ctx, fresh, phone(t, secret, now), from)
		if err != nil {
			t.Fatal(err)
		}
		if live, err = s.Live(ctx, third); err != nil || !account.Fresh(live, now) || !slices.Contains(live.Methods, account.ByTOTP) {
			t.Errorf("%+v, %v", live, err)
		}
		_, err = s.AgainPassword(ctx, "forged", password, from)
		wants(t, err, account.ErrNoSession)
	})
}

func TestThe_journal_holds_no_address_and_no_unknown_login_and_forgets_after_180_days(t *testing.T) {
	eachDoor(t, func(t *testing.T, s *account.Store, d *db.DB, set func(time.Time)) {
		create(t, s, hemin())
		ctx := t.Context()
		from := account.From{Address: "203.0.113.77", Agent: "Mozilla/5.0 (X11; Linux x86_64) Firefox/127.0 secret-build"}
		for range 3 {
			_, err := s.Enter(ctx, "hemin", "wrong", from)
			wants(t, err, account.ErrWrong)
		}
		_, err := s.Enter(ctx, "my-bank-password", "wrong", from) // people type passwords into the wrong field
		wants(t, err, account.ErrWrong)
		if err := s.Refuse(ctx, "hemin", account.BySession, account.WhyForged, from); err != nil {
			t.Fatal(err)
		}
		stored := column(t, d, `SELECT id || ' ' || account_id || ' ' || login_hash || ' ' || kind || ' ' || method || ' ' || reason || ' ' || network || ' ' || device FROM account_events`)
		for _, secret := range []string{"203.0.113", "my-bank", "secret-build", "wrong password"} {
			if strings.Contains(stored, secret) {
				t.Errorf("the journal holds %q:\n%s", secret, stored)
			}
		}
		list, err := s.Journal(ctx, "hemin", 10, account.From{Address: "203.0.113.9"})
		if err != nil || len(list) != 2 {
			t.Fatalf("%+v, %v", list, err)
		}
		for _, h := range list {
			if !h.Here || h.Device != "Firefox, Linux" || h.Kind == account.Failed && h.Times != 3 {
				t.Errorf("%+v", h)
			}
		}
		if list, _ = s.Journal(ctx, "", 10, account.From{}); len(list) != 1 || list[0].Here {
			t.Errorf("what belongs to nobody: %+v", list)
		}
		set(dbtest.Start.Add(181 * 24 * time.Hour))
		if list, _ = s.Journal(ctx, "hemin", 10, from); len(list) != 0 {
			t.Errorf("after 181 days it still tells %+v", list)
		}
		signIn(t, s)
		if rest := column(t, d, `SELECT kind FROM account_events WHERE kind <> 'in'`); rest != "" {
			t.Errorf("after 181 days it still holds %s", rest)
		}
	})
}

func TestAn_administrator_can_take_lost_proofs_away_and_every_session_ends(t *testing.T) {
	eachDoor(t, func(t *testing.T, s *account.Store, d *db.DB, set func(time.Time)) {
		create(t, s, hemin())
		token := signIn(t, s)
		enrol(t, s, "hemin", dbtest.Start)
		addPasskey(t, s, "hemin", "Phone")
		if err := s.ClearProofs(t.Context(), "hemin", account.From{}); err != nil {
			t.Fatal(err)
		}
		if p, err := s.Proofs(t.Context(), "hemin"); err != nil || p.Second() || p.Recovery != 0 {
			t.Errorf("%+v, %v", p, err)
		}
		_, err := s.Live(t.Context(), token)
		wants(t, err, account.ErrNoSession)
		signIn(t, s)
		wants(t, s.ClearProofs(t.Context(), "nobody", account.From{}), account.ErrUnknown)
	})
}

func TestWithout_a_sealer_there_are_no_authenticator_apps(t *testing.T) {
	each(t, func(t *testing.T, s *account.Store, _ func(time.Time)) {
		create(t, s, hemin())
		_, err := s.TOTPBegin(t.Context(), "hemin")
		wants(t, err, account.ErrNoSeal)
	})
}

func TestAn_app_that_was_shown_and_not_confirmed_changes_nothing(t *testing.T) {
	eachDoor(t, func(t *testing.T, s *account.Store, d *db.DB, set func(time.Time)) {
		create(t, s, hemin())
		secret, err := s.TOTPBegin(t.Context(), "hemin")
		if err != nil {
			t.Fatal(err)
		}
		if again, err := s.TOTPBegin(t.Context(), "hemin"); err != nil || again != secret {
			t.Errorf("shown again it is another secret: %v", err)
		}
		wants(t, s.TOTPConfirm(t.Context(), "hemin", "12", account.From{}), account.ErrCode)
		signIn(t, s)
		if err := s.TOTPConfirm(t.Context(), "hemin", phone(t, secret, dbtest.Start), account.From{}); err != nil {
			t.Fatal(err)
		}
		_, err = s.TOTPBegin(t.Context(), "hemin")
		if !errors.Is(err, account.ErrTaken) {
			t.Errorf("begun over a confirmed one: %v", err)
		}
	})
}

func column(t *testing.T, d *db.DB, q string) string {
	t.Helper()
	var rows []string
	err := d.View(context.Background(), func(tx *db.Tx) (err error) {
		rows, err = db.All(context.Background(), tx, q, nil, func(r db.Scanner) (s string, err error) { err = r.Scan(&s); return s, err })
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(rows, "\n")
}
