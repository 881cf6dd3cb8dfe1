package account

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"comity/internal/authz"
	"comity/internal/db"
	"comity/internal/org"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Store keeps accounts, sessions and tokens. It is safe for concurrent use.
type Store struct {
	db      *db.DB
	config  Config
	gate    gate   // for strangers
	ownGate gate   // for browsers an account is known in
	decoy   string // a sealed password nobody has: an unknown login costs as much as a known one
}

// New prepares a store; Migrate must have run before it is used.
func New(d *db.DB, c Config) (*Store, error) {
	c = c.filled()
	decoy, err := c.Hashing.seal(newSecret())
	if err != nil {
		return nil, err
	}
	return &Store{db: d, config: c, gate: make(gate, 4), ownGate: make(gate, 2), decoy: decoy}, nil
}

// Migrate brings the tables of this package up to date.
func Migrate(ctx context.Context, d *db.DB) error {
	sub, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	return d.Migrate(ctx, "account", sub)
}

// Create stores a new account. An empty ID is drawn. It returns the stored account, or ErrTaken.
func (s *Store) Create(ctx context.Context, a Account, password string) (Account, error) {
	a.Login = tidyLogin(a.Login)
	if a.Login == "" {
		return Account{}, errors.New("account: the login is empty")
	}
	if a.ID == "" {
		a.ID = "u" + strings.ToLower(fingerprint(newSecret())[:15])
	}
	sealed, err := s.config.Hashing.seal(password)
	if err != nil {
		return Account{}, err
	}
	names, err := json.Marshal(a.Name)
	if err != nil {
		return Account{}, fmt.Errorf("account: name of %s: %w", a.ID, err)
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		n, err := db.One(ctx, tx, `SELECT COUNT(*) FROM accounts WHERE id = ?1 OR login = ?2`, []any{a.ID, a.Login}, scanCount)
		if err != nil {
			return err
		}
		if n > 0 {
			return ErrTaken
		}
		_, err = tx.Exec(ctx, `INSERT INTO accounts (id, login, names, lang, password, disabled, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)`,
			a.ID, a.Login, string(names), a.Lang, sealed, a.Disabled, db.Micros(tx.Now))
		if err != nil {
			return err
		}
		return insertGrants(ctx, tx, a.ID, a.Grants)
	})
	if err != nil {
		return Account{}, err
	}
	return a, nil
}

func insertGrants(ctx context.Context, tx *db.Tx, id string, grants []authz.Grant) error {
	for n, g := range grants {
		list := g.Programmes
		if list == nil {
			list = []string{}
		}
		programmes, err := json.Marshal(list)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO account_grants (account_id, n, unit, role, programmes) VALUES (?1, ?2, ?3, ?4, ?5)`,
			id, n, string(g.Unit), string(g.Role), string(programmes))
		if err != nil {
			return err
		}
	}
	return nil
}

// SetGrants replaces what an account holds. Running sessions follow with their next request.
func (s *Store) SetGrants(ctx context.Context, id string, grants []authz.Grant) error {
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		if _, err := one(ctx, tx, `SELECT id, login, names, lang, disabled FROM accounts WHERE id = ?1`, id); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM account_grants WHERE account_id = ?1`, id); err != nil {
			return err
		}
		return insertGrants(ctx, tx, id, grants)
	})
}

// SetPassword replaces the password and ends every session of the account.
func (s *Store) SetPassword(ctx context.Context, id, password string) error {
	sealed, err := s.config.Hashing.seal(password)
	if err != nil {
		return err
	}
	return s.changeLock(ctx, `UPDATE accounts SET password = ?2 WHERE id = ?1`, id, sealed)
}

// Disable shuts an account (or opens it again) and ends its sessions. Its name stays in records.
func (s *Store) Disable(ctx context.Context, id string, disabled bool) error {
	return s.changeLock(ctx, `UPDATE accounts SET disabled = ?2 WHERE id = ?1`, id, disabled)
}

// changeLock changes what lets an account in, so that whoever is inside has to come in anew.
func (s *Store) changeLock(ctx context.Context, update, id string, to any) error {
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, update, id, to)
		if err != nil {
			return err
		}
		if n == 0 {
			return ErrUnknown
		}
		_, err = tx.Exec(ctx, `DELETE FROM account_sessions WHERE account_id = ?1`, id)
		return err
	})
}

type sealedLogin struct {
	id, password string
	disabled     bool
}

// SignIn is Enter for whoever cannot give a second proof, such as a test: an account that has one is
// refused with ErrProof. token goes into the cookie and is nowhere stored.
func (s *Store) SignIn(ctx context.Context, login, password string) (a Account, token string, err error) {
	e, err := s.Enter(ctx, login, password, From{})
	if err == nil && e.Token == "" {
		err = ErrProof
	}
	return e.Account, e.Token, err
}

// sweep forgets sessions that have ended, so that the table stays as small as the staff.
func (s *Store) sweep(ctx context.Context, tx *db.Tx) error {
	_, err := tx.Exec(ctx, `DELETE FROM account_sessions WHERE seen_at < ?1 OR created_at < ?2`,
		db.Micros(tx.Now.Add(-s.config.Idle)), db.Micros(tx.Now.Add(-s.config.Absolute)))
	return err
}

func (s *Store) login(ctx context.Context, login string) (found sealedLogin, err error) {
	err = s.db.View(ctx, func(tx *db.Tx) error {
		found, err = db.One(ctx, tx, `SELECT id, password, disabled FROM accounts WHERE login = ?1`, []any{login},
			func(r db.Scanner) (l sealedLogin, err error) {
				var off int64
				err = r.Scan(&l.id, &l.password, &off)
				l.disabled = off != 0
				return l, err
			})
		if errors.Is(err, db.ErrNoRows) {
			return nil
		}
		return err
	})
	return found, err
}

// touchAfter is how stale the time of the last request may be: reading a page must not cost a write.
const touchAfter = time.Minute

// Carry keeps a session alive whose holder was just known, as of now. It is for whoever moves the
// clock of a demonstration, who would otherwise be signed out by their own move.
func (s *Store) Carry(ctx context.Context, token string) error {
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE account_sessions SET created_at = ?2, seen_at = ?2,
			auth_at = CASE WHEN auth_at = 0 THEN 0 ELSE auth_at + ?2 - seen_at END WHERE hash = ?1`, fingerprint(token), db.Micros(tx.Now))
		return err
	})
}

// SignOut ends one session. An unknown token is no error: it is signed out already.
func (s *Store) SignOut(ctx context.Context, token string) error {
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM account_sessions WHERE hash = ?1`, fingerprint(token))
		return err
	})
}

// ByID finds an account, disabled ones included, so that records can name who acted.
func (s *Store) ByID(ctx context.Context, id string) (a Account, err error) {
	err = s.db.View(ctx, func(tx *db.Tx) error {
		a, err = one(ctx, tx, `SELECT id, login, names, lang, disabled FROM accounts WHERE id = ?1`, id)
		return err
	})
	return a, err
}

// OfUnit lists who works for exactly this unit and is not disabled: who a case can be given to.
func (s *Store) OfUnit(ctx context.Context, unit org.UnitID) (list []Account, err error) {
	err = s.db.View(ctx, func(tx *db.Tx) error {
		list, err = db.All(ctx, tx, `SELECT id, login, names, lang, disabled FROM accounts
			WHERE disabled = 0 AND id IN (SELECT account_id FROM account_grants WHERE unit = ?1) ORDER BY login`, []any{string(unit)}, scanAccount)
		if err != nil {
			return err
		}
		return grantsInto(ctx, tx, list)
	})
	return list, err
}

// Named finds accounts by their ids, disabled ones included, to name them: without their grants, in any order, and
// without those that are gone.
func (s *Store) Named(ctx context.Context, ids []string) (list []Account, err error) {
	err = s.db.View(ctx, func(tx *db.Tx) error {
		for some := range slices.Chunk(ids, mostNamed) {
			marks, args := marksOf(some)
			found, err := db.All(ctx, tx, `SELECT id, login, names, lang, disabled FROM accounts WHERE id IN (`+marks+`)`, args, scanAccount)
			if err != nil {
				return err
			}
			list = append(list, found...)
		}
		return nil
	})
	return list, err
}

// mostNamed bounds how many values one statement names.
const mostNamed = 500

// marksOf are the placeholders of a list in a statement that has no others, and its arguments.
func marksOf[T ~string](list []T) (string, []any) {
	marks, args := make([]string, len(list)), make([]any, len(list))
	for i, v := range list {
		marks[i], args[i] = fmt.Sprintf("?%d", i+1), string(v)
	}
	return strings.Join(marks, ", "), args
}

// able finds an account that may act.
func able(ctx context.Context, tx *db.Tx, id string) (Account, error) {
	a, err := one(ctx, tx, `SELECT id, login, names, lang, disabled FROM accounts WHERE id = ?1 AND disabled = 0`, id)
	if errors.Is(err, ErrUnknown) {
		return Account{}, ErrNoSession
	}
	return a, err
}

func one(ctx context.Context, tx *db.Tx, q, id string) (Account, error) {
	a, err := db.One(ctx, tx, q, []any{id}, scanAccount)
	if errors.Is(err, db.ErrNoRows) {
		return Account{}, ErrUnknown
	}
	if err != nil {
		return Account{}, err
	}
	a.Grants, err = grantsOf(ctx, tx, a.ID)
	return a, err
}

func grantsOf(ctx context.Context, tx *db.Tx, id string) ([]authz.Grant, error) {
	list := []Account{{ID: id}}
	err := grantsInto(ctx, tx, list)
	return list[0].Grants, err
}

// grantsInto fills in the grants of some accounts: a unit of forty people costs one question, not forty.
func grantsInto(ctx context.Context, tx *db.Tx, list []Account) error {
	at := make(map[string]*Account, len(list))
	ids := make([]string, len(list))
	for i := range list {
		ids[i], at[list[i].ID] = list[i].ID, &list[i]
	}
	for some := range slices.Chunk(ids, mostNamed) {
		marks, args := marksOf(some)
		for g, err := range db.Query(ctx, tx, `SELECT account_id, unit, role, programmes FROM account_grants WHERE account_id IN (`+marks+`) ORDER BY account_id, n`, args, scanGranted) {
			if err != nil {
				return err
			}
			at[g.id].Grants = append(at[g.id].Grants, g.Grant)
		}
	}
	return nil
}

// granted is a grant and whose it is.
type granted struct {
	id string
	authz.Grant
}

func scanGranted(r db.Scanner) (g granted, err error) {
	var unit, role, programmes string
	if err = r.Scan(&g.id, &unit, &role, &programmes); err != nil {
		return g, err
	}
	g.Unit, g.Role = org.UnitID(unit), authz.Role(role)
	return g, json.Unmarshal([]byte(programmes), &g.Programmes)
}

func scanAccount(r db.Scanner) (a Account, err error) {
	var names string
	var off int64
	if err = r.Scan(&a.ID, &a.Login, &names, &a.Lang, &off); err != nil {
		return a, err
	}
	a.Disabled = off != 0
	return a, json.Unmarshal([]byte(names), &a.Name)
}

func scanCount(r db.Scanner) (n int64, err error) {
	err = r.Scan(&n)
	return n, err
}
