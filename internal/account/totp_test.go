package account

import (
	"strings"
	"testing"
	"time"
)

// The vectors of RFC 4226 appendix D and RFC 6238 appendix B (SHA-1, eight digits).
func TestOne_time_codes_are_those_of_the_RFCs(t *testing.T) {
	secret := []byte("12345678901234567890")
	for counter, want := range []string{"755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"} {
		if got := hotp(secret, uint64(counter), 6); got != want {
			t.Errorf("HOTP of %d is %s, want %s", counter, got, want)
		}
	}
	for at, want := range map[int64]string{59: "94287082", 1111111109: "07081804", 1111111111: "14050471", 1234567890: "89005924", 2000000000: "69279037", 20000000000: "65353130"} {
		if got := hotp(secret, uint64(totpStep(time.Unix(at, 0))), 8); got != want {
			t.Errorf("TOTP at %d is %s, want %s", at, got, want)
		}
	}
}

func TestA_code_counts_one_step_early_or_late_and_never_at_or_before_the_last_one_used(t *testing.T) {
	secret, now := newTOTP(), time.Unix(1_800_000_015, 0)
	at := totpStep(now)
	for off := int64(-3); off <= 3; off++ {
		code := hotp(secret, uint64(at+off), totpDigits)
		want := off >= -totpWindow && off <= totpWindow
		if got := totpFits(secret, code, now, 0) == at+off; got != want {
			t.Errorf("the code of step %+d fits: %v", off, got)
		}
	}
	code := hotp(secret, uint64(at), totpDigits)
	for last, want := range map[int64]bool{at - 1: true, at: false, at + 1: false} {
		if got := totpFits(secret, code, now, last) != 0; got != want {
			t.Errorf("after step %+d was used the code fits: %v", last-at, got)
		}
	}
	for _, wrong := range []string{"", "12345", "1234567", code + "0", "abcdef"} {
		if wrong != code && totpFits(secret, wrong, now, 0) != 0 {
			t.Errorf("%q fits", wrong)
		}
	}
}

func TestA_secret_sealed_for_one_account_does_not_open_for_another_or_with_another_key(t *testing.T) {
	box := SealedBy([]byte("a secret of the machine"))
	sealed := box.Seal("totp hemin", "JBSWY3DPEHPK3PXP")
	if strings.Contains(sealed, "JBSWY") {
		t.Error("the secret is not sealed")
	}
	if plain, err := box.Open("totp hemin", sealed); err != nil || plain != "JBSWY3DPEHPK3PXP" {
		t.Errorf("%q, %v", plain, err)
	}
	if _, err := box.Open("totp other", sealed); err == nil {
		t.Error("it opens for another account")
	}
	if _, err := SealedBy([]byte("another secret")).Open("totp hemin", sealed); err == nil {
		t.Error("it opens with another key")
	}
	for i := range sealed {
		b := []byte(sealed)
		b[i] ^= 1
		if plain, err := box.Open("totp hemin", string(b)); err == nil && plain != "JBSWY3DPEHPK3PXP" {
			t.Errorf("changed at %d it opens as %q", i, plain)
		}
	}
}

func TestA_network_is_a_neighbourhood_and_not_an_address(t *testing.T) {
	for address, want := range map[string]string{"10.1.2.3": "10.1.2.0/24", "::ffff:10.1.2.3": "10.1.2.0/24", "2001:db8:1:2::3": "2001:db8:1::/48",
		"fe80::1%eth0": "fe80::/48", "2001:db8:1:2::/64": "2001:db8:1::/48", "": "", "unix": "", "@": ""} {
		if got := network(address); got != want {
			t.Errorf("network of %q is %q, want %q", address, got, want)
		}
	}
}

func TestA_browser_is_named_as_people_know_it(t *testing.T) {
	for agent, want := range map[string]string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0":               "Edge, Windows",
		"Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0":                                                                      "Firefox, Linux",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1":     "Safari, iPhone",
		"Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36 MicroMessenger/8.0.49": "WeChat, Android",
		"": "", "curl/8": "", "<script>": "",
	} {
		if got := deviceName(agent); got != want {
			t.Errorf("%q is %q, want %q", agent, got, want)
		}
	}
}
