package sdjwt

import (
	"crypto/ecdsa"
	"io"
	"time"
)

// Type names the kind of card; a reader holds presentations against it.
const Type = "urn:comity:residence-permit:1"

// Permit is what a residence permit states, and nothing beside: the law lists its items.
type Permit struct {
	Name, Sex, EthnicGroup string
	Born                   time.Time
	IDNumber               string
	Photo                  string // hash of the picture that is kept with the card
	RegisteredAddress      string
	Address                string
	Authority              string
	Issued                 time.Time
	District               string
	Until                  time.Time
}

// Names of the claims. Those below the line are derived, so that a clinic can ask "lives here, which
// district" and learn neither name nor birthday.
const (
	Name, Sex, EthnicGroup, Born, IDNumber = "name", "sex", "ethnic_group", "born", "id_number"
	Photo, RegisteredAddress, Address      = "photo", "registered_address", "address"
	Authority, IssuedOn                    = "authority", "issued_on"

	IsResident, District, Over16, Over18, ValidUntil = "is_resident", "district", "age_over_16", "age_over_18", "valid_until"
)

// Claims gives the ten items and what is derived from them on a day.
func (p Permit) Claims(now time.Time) []Claim {
	const day = "2006-01-02"
	return []Claim{
		{Name, p.Name}, {Sex, p.Sex}, {EthnicGroup, p.EthnicGroup}, {Born, p.Born.Format(day)}, {IDNumber, p.IDNumber},
		{Photo, p.Photo}, {RegisteredAddress, p.RegisteredAddress}, {Address, p.Address}, {Authority, p.Authority}, {IssuedOn, p.Issued.Format(day)},
		{IsResident, now.Before(p.Until)}, {District, p.District},
		{Over16, !p.Born.AddDate(16, 0, 0).After(now)}, {Over18, !p.Born.AddDate(18, 0, 0).After(now)}, {ValidUntil, p.Until.Format(day)},
	}
}

// Batch issues one copy of a card for each key of the holder, at the places of the list that are given. A copy
// is shown once and then dropped: a signature that was seen twice would be a name.
func Batch(key *ecdsa.PrivateKey, random io.Reader, p Permit, issuer, list string, places []int, holders []*ecdsa.PublicKey, now time.Time) ([]string, error) {
	if len(places) != len(holders) || len(holders) == 0 {
		return nil, refuse("each copy has a key and a place in the list of its own")
	}
	taken := map[int]bool{}
	var out []string
	for i, holder := range holders {
		if taken[places[i]] {
			return nil, refuse("place %d is given twice", places[i])
		}
		taken[places[i]] = true
		t := Terms{Issuer: issuer, Type: Type, Issued: now.Truncate(24 * time.Hour), Until: p.Until, List: list, Index: places[i]}
		card, err := Issue(key, random, t, holder, p.Claims(now))
		if err != nil {
			return nil, err
		}
		out = append(out, card)
	}
	return out, nil
}
