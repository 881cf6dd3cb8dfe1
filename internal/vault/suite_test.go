package vault

import (
	"bytes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/hex"
	"math/big"
	"strings"
	"testing"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func suiteOf(t *testing.T, name string) *suite {
	t.Helper()
	s, err := suiteNamed(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// GB/T 32905-2016, appendix A.
func Test_SM3_gives_the_published_digests(t *testing.T) {
	for text, want := range map[string]string{
		"abc":                      "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0",
		strings.Repeat("abcd", 16): "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732",
	} {
		h := suiteOf(t, "sm").hash()
		h.Write([]byte(text))
		if got := hex.EncodeToString(h.Sum(nil)); got != want {
			t.Errorf("%s: %s", text, got)
		}
	}
}

// GB/T 32907-2016, appendix A: one block, and the same block a million times over.
func Test_SM4_gives_the_published_blocks(t *testing.T) {
	key := unhex(t, "0123456789abcdeffedcba9876543210")
	b, err := suiteOf(t, "sm").block(key)
	if err != nil {
		t.Fatal(err)
	}
	got := bytes.Clone(key)
	for i := 1; i <= 1_000_000; i++ {
		b.Encrypt(got, got)
		if i == 1 && hex.EncodeToString(got) != "681edf34d206965e86b3e94f536e4246" {
			t.Errorf("after one round %x", got)
		}
	}
	if hex.EncodeToString(got) != "595298c7c6fd271f0402f804c33d3f66" {
		t.Errorf("after a million rounds %x", got)
	}
}

// RFC 8998, appendix A.1 for SM4; the AES test is case 14 of the paper that proposed GCM.
func Test_GCM_gives_the_published_texts(t *testing.T) {
	for _, c := range []struct{ suite, key, nonce, context, plain, sealed string }{
		{"sm", "0123456789abcdeffedcba9876543210", "00001234567800000000abcd", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
			"aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccddddddddddddddddeeeeeeeeeeeeeeeeffffffffffffffffeeeeeeeeeeeeeeeeaaaaaaaaaaaaaaaa",
			"17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d83de3541e4c2b58177e065a9bf7b62ec"},
		{"std", strings.Repeat("00", 32), strings.Repeat("00", 12), "", strings.Repeat("00", 16), "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"},
	} {
		a, err := suiteOf(t, c.suite).aead(unhex(t, c.key))
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(a.Seal(nil, unhex(t, c.nonce), unhex(t, c.plain), unhex(t, c.context))); got != c.sealed {
			t.Errorf("%s: %s", c.suite, got)
		}
		if plain, err := open(a, string(unhex(t, c.context)), append(unhex(t, c.nonce), unhex(t, c.sealed)...)); err != nil || hex.EncodeToString(plain) != c.plain {
			t.Errorf("%s opened as %x, %v", c.suite, plain, err)
		}
	}
}

// GB/T 32918.5-2017, appendix A; RFC 8032, section 7.1, test 1.
func Test_the_published_keys_check_the_published_signatures(t *testing.T) {
	r, _ := new(big.Int).SetString("f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3", 16)
	s, _ := new(big.Int).SetString("b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa", 16)
	sm2, err := asn1.Marshal(struct{ R, S *big.Int }{r, s})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ suite, seed, public, msg, sig string }{
		{"sm", "3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8",
			"0409f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13",
			"message digest", hex.EncodeToString(sm2)},
		{"std", "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
			"", "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
	} {
		key, err := suiteOf(t, c.suite).signer(unhex(t, c.seed))
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(key.public); got != c.public {
			t.Errorf("%s: public key %s", c.suite, got)
		}
		if !Verify(PublicKey{c.suite, key.public}, []byte(c.msg), unhex(t, c.sig)) {
			t.Errorf("%s: the published signature does not hold", c.suite)
		}
	}
}

// RFC 5869, appendix A.1 and A.3.
func Test_HKDF_gives_the_published_keys(t *testing.T) {
	ikm := bytes.Repeat([]byte{0x0b}, 22)
	for _, c := range []struct{ salt, info, want string }{
		{"000102030405060708090a0b0c", "f0f1f2f3f4f5f6f7f8f9", "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"},
		{"", "", "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"},
	} {
		got, err := hkdf.Key(sha256.New, ikm, unhex(t, c.salt), string(unhex(t, c.info)), 42)
		if err != nil || hex.EncodeToString(got) != c.want {
			t.Errorf("%x, %v", got, err)
		}
	}
}

// The subkeys are those of RFC 5869, written out here for one block, with either hash.
func Test_a_subkey_is_extracted_and_expanded_as_the_RFC_says(t *testing.T) {
	root := bytes.Repeat([]byte{3}, rootSize)
	for _, s := range suites {
		mac := func(key []byte, parts ...string) []byte {
			m := hmac.New(s.hash, key)
			for _, p := range parts {
				m.Write([]byte(p))
			}
			return m.Sum(nil)
		}
		extracted := mac(make([]byte, s.hash().Size()), string(root))
		want := mac(extracted, "comity 1\x00youth\x00index", "\x01")
		if got := s.derive(root, "youth", "index", 32); !bytes.Equal(got, want) {
			t.Errorf("%s: %x, want %x", s.name, got, want)
		}
	}
}

func Test_a_suite_takes_keys_of_its_size_only(t *testing.T) {
	for _, s := range suites {
		for _, size := range []int{0, 8, 16, 24, 32, 33} {
			var a cipher.AEAD
			a, err := s.aead(make([]byte, size))
			if (err == nil) != (size == s.keySize) {
				t.Errorf("%s takes %d bytes: %v, %v", s.name, size, a, err)
			}
		}
		for _, seed := range [][]byte{nil, make([]byte, 31), make([]byte, 33)} {
			if _, err := s.signer(seed); err == nil {
				t.Errorf("%s signs with a seed of %d bytes", s.name, len(seed))
			}
		}
	}
	if _, err := suiteOf(t, "sm").signer(bytes.Repeat([]byte{0xff}, 32)); err == nil {
		t.Error("a number beyond the order of the curve is a signing key")
	}
}
