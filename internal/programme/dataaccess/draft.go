package dataaccess

import (
	"context"
	"fmt"

	"comity/internal/authz"
	"comity/internal/db"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/procedure"
)

// Draft is an entry as a file writes it.
type Draft struct {
	Area      string `yaml:"area"`
	Place     string `yaml:"place"`
	Operator  string `yaml:"operator"`
	Purpose   string `yaml:"purpose"`
	Basis     string `yaml:"basis"`
	Retention string `yaml:"retention_days"`
	Cameras   string `yaml:"cameras"`
	Contact   string `yaml:"contact"`
	Why       string `yaml:"why"`
}

// Enter puts an entry into the register in the name of an officer, checked like one typed at the desk: for
// the demonstration, whose register would be empty without it.
func Enter(ctx context.Context, d *db.DB, p *pack.Pack, who authz.Actor, draft Draft) error {
	raw := map[string]string{"area": draft.Area, "place": draft.Place, "operator": draft.Operator, "purpose": draft.Purpose, "basis": draft.Basis,
		"retention_days": draft.Retention, "cameras": draft.Cameras, "contact": draft.Contact}
	e, bad := entryFrom(raw, keeping(p, who), p.Cameras, func(l procedure.Law) string { return l.ID })
	if len(bad) > 0 {
		return fmt.Errorf("camera at %s: field %s cannot stand (%s)", draft.Place, bad[0].Field, bad[0].Rule)
	}
	unit, ok := inNameOf(p, who, e.Area)
	if !ok {
		return fmt.Errorf("camera at %s: %s does not keep the register of %s", draft.Place, who.ID(), draft.Area)
	}
	return d.Transact(ctx, func(tx *db.Tx) error {
		_, err := enter(ctx, tx, e, author{who.ID(), unit, draft.Why})
		return err
	})
}

// Keeps reports whether an officer keeps the part of the register a unit lies in.
func Keeps(p *pack.Pack, who authz.Actor, area org.UnitID) bool {
	if p.Cameras == nil {
		return false
	}
	_, ok := inNameOf(p, who, area)
	return ok
}
