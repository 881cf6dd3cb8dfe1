package consent

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"comity/internal/db"
	"comity/internal/vault"
)

// Receipt is what a person takes home of a consent they gave. The names of its fields follow ISO/IEC TS
// 27560. It proves what was agreed, and permits nothing: a receipt shown again after the withdrawal is
// still true, and still no permission.
type Receipt struct {
	Schema     string    `json:"schema_version"`
	ID         string    `json:"record_id"`
	Notice     string    `json:"privacy_notice"`
	Version    string    `json:"privacy_notice_version"`
	Digest     string    `json:"privacy_notice_hash"`
	Controller string    `json:"pii_controller"`
	Purposes   []string  `json:"purposes"`
	Categories []string  `json:"pii_categories"`
	Recipients []string  `json:"recipients"`
	Until      time.Time `json:"valid_until"`
	State      Status    `json:"event_state"`
	At         time.Time `json:"event_time"`
	Giver      string    `json:"entity_type"`
	Basis      string    `json:"lawful_basis"`
	Leaf       string    `json:"log_record"`      // the id of its leaf in the public log
	Hash       string    `json:"log_record_hash"` // and what the leaf holds
	Key        string    `json:"key"`
	Signature  string    `json:"signature,omitempty"`
}

// receiptSchema names the shape; receiptMark begins the line form.
const (
	receiptSchema = "comity-consent-1 (fields of ISO/IEC TS 27560:2023)"
	receiptMark   = "C1."
)

// Receipt makes the receipt of a consent that was given, however it stands by now.
func (b *Book) Receipt(ctx context.Context, c Consent) (Receipt, error) {
	if c.Given.IsZero() {
		return Receipt{}, refuse("consent.step")
	}
	given := c
	given.Seq = 2 // the yes is the second row
	var hash []byte
	err := b.DB.View(ctx, func(tx *db.Tx) (err error) {
		hash, err = hashOf(ctx, tx, c.ID, given.Seq)
		return err
	})
	if err != nil {
		return Receipt{}, err
	}
	r := Receipt{Schema: receiptSchema, ID: c.ID, Notice: c.Notice, Version: c.Version, Digest: c.Digest, Controller: b.Packs.Current().ID,
		Purposes: c.Purposes, Categories: c.Categories, Recipients: c.Recipients, Until: c.Until.UTC(), State: Given, At: c.Given.UTC(), Giver: c.Giver,
		Basis: "consent", Leaf: b.leaf(given), Hash: hexOf(hash), Key: b.Ring.Public().String()}
	r.Signature = base64.RawURLEncoding.EncodeToString(b.Ring.Sign(r.signed()))
	return r, nil
}

// signed is what the signature is over: the receipt without it.
func (r Receipt) signed() []byte {
	r.Signature = ""
	raw, err := json.Marshal(r)
	if err != nil {
		panic("consent: a receipt cannot be written down: " + err.Error()) // plain data only
	}
	return append([]byte("comity consent receipt\n"), raw...)
}

// Compact is the receipt as one line, for a QR code.
func (r Receipt) Compact() string {
	raw, err := json.Marshal(r)
	if err != nil {
		panic("consent: a receipt cannot be written down: " + err.Error())
	}
	return receiptMark + base64.RawURLEncoding.EncodeToString(raw)
}

// Errors of a receipt that is not believed.
var (
	ErrReceipt = errors.New("consent: this is no receipt")
	ErrForged  = errors.New("consent: the signature is not that of the key")
	ErrKey     = errors.New("consent: it is signed by a key that is not the city's")
)

// IsReceipt tells a receipt of a consent from others, by how it begins.
func IsReceipt(raw []byte) bool {
	text := string(raw)
	return strings.Contains(text, receiptMark) || strings.Contains(text, `"schema_version"`)
}

// ParseReceipt reads the line or JSON form and checks the signature; keys are those believed, and none
// means that the key in the receipt is not held against anything.
func ParseReceipt(raw []byte, keys ...string) (Receipt, error) {
	text := strings.TrimSpace(string(raw))
	if i := strings.LastIndex(text, receiptMark); i >= 0 && !strings.HasPrefix(text, "{") {
		body, err := base64.RawURLEncoding.Strict().DecodeString(text[i+len(receiptMark):])
		if err != nil {
			return Receipt{}, ErrReceipt
		}
		text = string(body)
	}
	var r Receipt
	in := json.NewDecoder(strings.NewReader(text))
	in.DisallowUnknownFields()
	if err := in.Decode(&r); err != nil || in.More() || r.Schema != receiptSchema {
		return r, ErrReceipt
	}
	public, err := vault.ParsePublicKey(r.Key)
	sig, err2 := base64.RawURLEncoding.DecodeString(r.Signature)
	if err != nil || err2 != nil || !vault.Verify(public, r.signed(), sig) {
		return r, ErrForged
	}
	for _, key := range keys {
		if key == r.Key {
			return r, nil
		}
	}
	if len(keys) > 0 {
		return r, ErrKey
	}
	return r, nil
}

// Check holds a receipt against the book: what it says must have been given here, and the answer is how
// the consent stands now.
func (b *Book) Check(ctx context.Context, raw []byte) (Receipt, Status, error) {
	r, err := ParseReceipt(raw, b.Ring.Public().String())
	if err != nil {
		return r, "", err
	}
	var c Consent
	err = b.DB.View(ctx, func(tx *db.Tx) (err error) {
		c, _, err = last(ctx, tx, r.ID)
		return err
	})
	if err != nil {
		return r, "", ErrReceipt
	}
	again, err := b.Receipt(ctx, c)
	if err == nil && (again.Hash != r.Hash || string(again.signed()) != string(r.signed())) {
		err = ErrForged
	}
	return r, c.Status, err
}
