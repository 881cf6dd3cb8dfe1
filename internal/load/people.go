package load

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"comity/internal/account"
	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/ledger"
	"comity/internal/org"
	"comity/internal/pack"
)

// Rooms are those of the city that a run needs to make its people. The traffic itself goes by HTTP.
type Rooms struct {
	DB       *db.DB
	Ledger   *ledger.Ledger
	Reader   *ledger.Reader
	Accounts *account.Store
	Pack     *pack.Pack
	Now      func() time.Time
}

// Crew says how many people a run makes.
type Crew struct {
	Tokens int // for the API, which lets each ask ten times a second; default 128
	Seats  int // officers of each level; default 2
	First  int // cases opened before anything is measured; default 200
	Pages  int // cases of the city that each desk opens; default 600
	Rows   int // cases that stand at least in the list of every officer; 0 leaves the lists as they are
}

func (c Crew) filled() Crew {
	for _, f := range []struct {
		field     *int
		otherwise int
	}{{&c.Tokens, 128}, {&c.Seats, 2}, {&c.First, 200}, {&c.Pages, 600}} {
		if *f.field <= 0 {
			*f.field = f.otherwise
		}
	}
	return c
}

// ErrNotMeasuring says that a city was not made for measuring.
var ErrNotMeasuring = errors.New("this city was not made for measuring: load would open invented cases in it and look into those of people; make one with comity bench seed")

// People are those who ask.
type People struct {
	roads    []road
	programs map[org.UnitID]*pool[*program]
	desks    []*desk // of the units that hold cases
	lists    map[org.Level][]*desk
	words    []string // that occur in many cases
	nonce    string   // tells the words of this run from those of every other
	numbers  atomic.Int64

	mu    sync.Mutex
	fresh []opened // wait for their first act
	known []opened // can be followed and searched for
}

// program is a token of an officer.
type program struct{ token string }

// desk is an officer who has signed in.
type desk struct {
	unit   org.UnitID
	cookie string
	refs   []string // cases it opens
	rows   int      // cases that stand in its list, as far as Crew.Rows asked for them
}

// opened is a case this run opened.
type opened struct {
	ref, code, own string
	version        int
	road           *road
}

// pool hands out its things in turn.
type pool[T any] struct {
	all  []T
	next atomic.Int64
}

func (p *pool[T]) take() T { return p.all[int(p.next.Add(1)-1)%len(p.all)] }

// password is that of every officer here: they are invented, and their city is thrown away.
const password = "measured and thrown away"

// Prepare makes officers and tokens in a city that is served at an address, opens the first cases, and finds others
// to look at. It refuses a city that is not marked as one for measuring.
func Prepare(ctx context.Context, r Rooms, address string, c Crew) (*People, error) {
	c = c.filled()
	marked, err := ledger.Measuring(ctx, r.DB)
	if err != nil {
		return nil, err
	}
	if !marked {
		return nil, ErrNotMeasuring
	}
	p := &People{programs: map[org.UnitID]*pool[*program]{}, lists: map[org.Level][]*desk{}, nonce: randomText(4)}
	if p.roads, err = anywhere(r.Pack, r.Now()); err != nil {
		return nil, err
	}
	for _, road := range p.roads {
		p.words = append(p.words, road.words...)
	}
	slices.Sort(p.words)
	p.words = slices.Compact(p.words)
	if err := p.open(ctx, r, c.First, p.road); err != nil { // before desks look for cases to open
		return nil, err
	}
	return p, p.hire(ctx, r, address, c)
}

// randomText tells the words and keys of one run from those of every other.
func randomText(n int) string { return strings.ToLower(rand.Text()[:n]) }

// hire makes the officers: some with tokens and one at a desk in each unit that receives reports, and some of every level.
func (p *People) hire(ctx context.Context, r Rooms, address string, c Crew) error {
	roles, reports := map[org.UnitID][]authz.Role{}, map[org.UnitID]int{}
	var units []org.UnitID
	for _, x := range p.roads {
		if reports[x.holder]++; reports[x.holder] == 1 {
			units = append(units, x.holder)
		}
		for _, role := range x.roles {
			if !slices.Contains(roles[x.holder], role) {
				roles[x.holder] = append(roles[x.holder], role)
			}
		}
	}
	client := &http.Client{Timeout: patience, CheckRedirect: stay}
	for _, u := range units {
		p.programs[u] = &pool[*program]{}
		for range max(1, c.Tokens*reports[u]/len(p.roads)) {
			a, err := p.officer(ctx, r, u, roles[u])
			if err != nil {
				return err
			}
			_, plain, err := r.Accounts.CreateToken(ctx, authz.Actor{}, account.Token{Account: a.ID, Name: "bench", Powers: authz.Powers, Expires: r.Now().AddDate(0, 0, 30)})
			if err != nil {
				return err
			}
			p.programs[u].all = append(p.programs[u].all, &program{plain})
		}
		d, a, err := p.seat(ctx, r, client, address, u, roles[u])
		if err != nil {
			return err
		}
		if d.refs, err = casesOf(ctx, r, a, u, c.Pages); err != nil {
			return err
		}
		p.desks = append(p.desks, d)
	}
	for _, level := range Levels {
		for _, u := range spread(unitsAt(r.Pack, level), c.Seats) {
			unit, _ := r.Pack.Units.Unit(u)
			held := roles[u]
			if len(held) == 0 {
				for _, role := range unit.Roles {
					held = append(held, authz.Role(role))
				}
			}
			d, a, err := p.seat(ctx, r, client, address, u, held)
			if err != nil {
				return err
			}
			if d.rows, err = p.fill(ctx, r, a, u, c.Rows); err != nil {
				return err
			}
			p.lists[level] = append(p.lists[level], d)
		}
	}
	return nil
}

// unitsAt are the general units of a level in which people work; where a level has none, any.
func unitsAt(p *pack.Pack, level org.Level) (out []org.UnitID) {
	for _, id := range p.Units.All() {
		if u, _ := p.Units.Unit(id); u.Level == level && u.Dept == "" && len(u.Roles) > 0 {
			out = append(out, id)
		}
	}
	return out
}

func (p *People) officer(ctx context.Context, r Rooms, unit org.UnitID, roles []authz.Role) (account.Account, error) {
	a := account.Account{Login: fmt.Sprintf("bench.%s.%d", p.nonce, p.numbers.Add(1)), Name: map[string]string{"en": "Bench"}}
	for _, role := range roles {
		a.Grants = append(a.Grants, authz.Grant{Role: role, Unit: unit})
	}
	a, err := r.Accounts.Create(ctx, a, password)
	if err != nil {
		return a, fmt.Errorf("an officer of %s: %w", unit, err)
	}
	return a, nil
}

// seat makes an officer and signs them in as a browser does.
func (p *People) seat(ctx context.Context, r Rooms, client *http.Client, address string, unit org.UnitID, roles []authz.Role) (*desk, account.Account, error) {
	a, err := p.officer(ctx, r, unit, roles)
	if err != nil {
		return nil, a, err
	}
	form := url.Values{"login": {a.Login}, "password": {password}}
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, address+"/desk/signin", strings.NewReader(form.Encode()))
	if err != nil {
		return nil, a, err
	}
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := client.Do(q)
	if err != nil {
		return nil, a, fmt.Errorf("signing in at %s: %w; is the city running there?", address, err)
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return nil, a, err
	}
	for _, c := range answer.Cookies() {
		if strings.HasSuffix(c.Name, "comity_desk") && c.Value != "" {
			return &desk{unit: unit, cookie: c.Name + "=" + c.Value}, a, nil
		}
	}
	return nil, a, fmt.Errorf("an officer of %s could not sign in at %s: it answered %d; is that the city whose database this is?", unit, address, answer.StatusCode)
}

// casesOf finds cases that a unit holds, from both ends of every order its lists have, open and closed.
func casesOf(ctx context.Context, r Rooms, a account.Account, unit org.UnitID, most int) (refs []string, err error) {
	scope := a.Actor(r.Pack.Rules).Scope()
	seen := map[casework.Ref]bool{}
	for _, closed := range []bool{false, true} {
		for _, sort := range ledger.Sorts {
			page, err := r.Reader.Worklist(ctx, scope, ledger.Filter{Unit: unit, Holder: true, Closed: closed, Sort: sort, Limit: 200})
			if err != nil {
				return nil, err
			}
			for _, it := range page.Items {
				if !seen[it.Ref] && !it.Sealed && it.Holder == unit {
					seen[it.Ref] = true
					refs = append(refs, string(it.Ref))
				}
			}
		}
	}
	return spread(refs, most), nil
}

// fill opens cases until so many stand in the list of a unit, and returns how many do. Where reports of no place come
// into a list, it stays as it is.
func (p *People) fill(ctx context.Context, r Rooms, a account.Account, unit org.UnitID, rows int) (int, error) {
	if rows == 0 {
		return 0, nil
	}
	page, err := r.Reader.Worklist(ctx, a.Actor(r.Pack.Rules).Scope(), ledger.Filter{Unit: unit, Limit: rows})
	if err != nil {
		return 0, err
	}
	under := func(u org.UnitID) bool { return r.Pack.Units.Under(unit, u) }
	from := slices.DeleteFunc(places(r.Pack), func(at org.UnitID) bool { return !under(at) })
	ways := slices.DeleteFunc(roads(r.Pack, spread(from, mostPlaces), r.Now()), func(w road) bool { return !under(w.holder) })
	if len(ways) == 0 {
		return len(page.Items), nil
	}
	return rows, p.open(ctx, r, rows-len(page.Items), func(draw *mathrand.Rand) *road { return &ways[draw.IntN(len(ways))] })
}

// open opens cases through the door itself, each on a way that is drawn.
func (p *People) open(ctx context.Context, r Rooms, n int, way func(*mathrand.Rand) *road) error {
	var wait sync.WaitGroup
	errs := make([]error, 8)
	for k := range errs {
		wait.Go(func() {
			draw := mathrand.New(mathrand.NewPCG(uint64(k), 7))
			for i := k; i < n && errs[k] == nil; i += len(errs) {
				road, own := way(draw), p.own()
				cmd, err := road.command(r.Pack, draw, own, r.Now())
				if err == nil {
					var got ledger.Receipt
					if got, err = r.Ledger.Do(ctx, authz.Reporter(), cmd); err == nil {
						p.add(opened{ref: string(got.Ref), code: string(got.Code), own: own, version: got.Seq, road: road})
					}
				}
				errs[k] = err
			}
		})
	}
	wait.Wait()
	return errors.Join(errs...)
}

func (p *People) road(draw *mathrand.Rand) *road { return &p.roads[draw.IntN(len(p.roads))] }

// own is a word that stands in one report alone, and begins no other: a search takes the beginning of a word, up to twelve
// characters, for the word.
func (p *People) own() string { return fmt.Sprintf("k%s%07d", p.nonce, p.numbers.Add(1)) }

// mostKnown bounds what is remembered of a long run.
const mostKnown = 100_000

// add takes in a case that was opened. Without a number it can be followed and nothing more.
func (p *People) add(o opened) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.known) < mostKnown {
		p.known = append(p.known, o)
	}
	if o.ref != "" && len(p.fresh) < mostKnown {
		p.fresh = append(p.fresh, o)
	}
}

// takeFresh hands out a case that waits for its first act, once.
func (p *People) takeFresh() (o opened, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.fresh) == 0 {
		return o, false
	}
	o = p.fresh[0]
	p.fresh = p.fresh[1:]
	return o, true
}

func (p *People) anyKnown(draw *mathrand.Rand) opened {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.known[draw.IntN(len(p.known))]
}

// Rows is how many cases stand in the shortest list of a kind, as far as Crew.Rows asked for them; 0 for what is no list.
func (p *People) Rows(k Kind) (least int) {
	for _, l := range Levels {
		if k != List(l) {
			continue
		}
		for i, d := range p.lists[l] {
			if i == 0 || d.rows < least {
				least = d.rows
			}
		}
	}
	return least
}

// Lacks says whether nobody is there to ask for this kind: a level may have no units in which people work.
func (p *People) Lacks(k Kind) bool {
	for _, l := range Levels {
		if k == List(l) {
			return len(p.lists[l]) == 0
		}
	}
	return k == Page && !slices.ContainsFunc(p.desks, func(d *desk) bool { return len(d.refs) > 0 })
}
