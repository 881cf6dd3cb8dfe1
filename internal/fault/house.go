package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"comity/internal/account"
	"comity/internal/api"
	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/courier"
	"comity/internal/db"
	"comity/internal/file"
	"comity/internal/jobs"
	"comity/internal/ledger"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/procedure"
	"comity/internal/receipt"
	"comity/internal/text"
	"comity/internal/translog"
	"comity/internal/vault"
	"comity/packs"
)

// site says where a house stands.
type site struct {
	DSN   string        `json:"dsn"`
	Disk  string        `json:"disk,omitempty"` // a file system of the driver; empty: the machine's
	Sent  string        `json:"sent"`           // where the gateway writes down what it was handed
	Ahead time.Duration `json:"ahead"`          // how far the clock is ahead of the machine's
	Node  string        `json:"node"`

	earlier []op // what was done here before
	round   int  // how often clients have begun anew here
}

// now is the clock of the house: the machine's, and so far ahead of it.
func (h *house) now() time.Time { return time.Now().Add(time.Duration(h.ahead.Load())) }

// jump moves the clock of the house, forward or back.
func (h *house) jump(by time.Duration) { h.ahead.Add(int64(by)) }

// house is a city with everything a node has that writes: the door, notices with a gateway, the log and accounts.
type house struct {
	site     site
	ahead    atomic.Int64 // of the machine's clock
	db       *db.DB
	pack     *pack.Pack
	packs    *pack.Registry
	ring     *vault.Ring
	ledger   *ledger.Ledger
	reader   *ledger.Reader
	runner   *jobs.Runner
	tree     *translog.Log
	accounts *account.Store
	front    http.Handler // the surface for programs, and the page probes look at

	revived int // jobs that a person had to start again

	stop context.CancelFunc
	work sync.WaitGroup
}

// demo reads the pack that every house works by. Its law is searched by the tests of packs, not here.
var demo = sync.OnceValues(func() (*pack.Pack, error) {
	return readPack("demo")
})

func readPack(name string) (*pack.Pack, error) {
	files, err := pack.In(packs.FS)(name)
	if err != nil {
		return nil, err
	}
	return pack.LoadWith(files, pack.In(packs.FS), pack.Unsearched())
}

func openHouse(ctx context.Context, s site) (*house, error) {
	p, err := demo()
	if err != nil {
		return nil, err
	}
	h := &house{site: s, pack: p, packs: pack.NewRegistry(p), ring: vault.FromSeed(procedure.Civic, "std", []byte("a city that fails"))}
	h.ahead.Store(int64(s.Ahead))
	if s.Disk != "" {
		h.db, err = db.OpenOn(ctx, s.Disk, s.DSN, h.now)
	} else {
		h.db, err = db.Open(ctx, s.DSN, h.now)
	}
	if err != nil {
		return nil, err
	}
	if err := h.furnish(ctx); err != nil {
		h.shut()
		return nil, err
	}
	return h, nil
}

func (h *house) furnish(ctx context.Context) (err error) {
	if err := errors.Join(jobs.Migrate(ctx, h.db), courier.Migrate(ctx, h.db), account.Migrate(ctx, h.db)); err != nil {
		return err
	}
	h.ledger, err = ledger.Open(ctx, h.db, ledger.Config{Definitions: h.packs, Opens: h.opens, Notify: courier.Enqueue,
		Random: func(b []byte) { rand.Read(b) }, Ring: h.ring})
	if err != nil {
		return err
	}
	h.reader = h.ledger.Reader(func() *org.Tree { return h.pack.Units })
	h.tree = &translog.Log{DB: h.db, Origin: receipt.Origin("fault", procedure.Civic), Key: h.ring.Public().String(), Sign: h.ring.Sign,
		Every: time.Second, Node: h.site.Node}
	if h.accounts, err = account.New(h.db, account.Config{Hashing: account.Cheap()}); err != nil {
		return err
	}
	base, err := text.Base()
	if err != nil {
		return err
	}
	carrier := &courier.Courier{DB: h.db, Ledger: h.ledger, Reader: h.reader, Packs: h.packs,
		Words: func(p *pack.Pack) *text.Catalogue { return base.With(p.Texts) },
		Link:  func(k casework.Case, _ bool) string { return "/f/" + string(k.Code) },
		Post: &courier.Post{Gateways: map[string]courier.Gateway{"mail": {Name: "fake", Send: h.handed}}, Tries: 50, Hours: 1 << 40,
			Wait: func(int) time.Duration { return time.Second }}}
	if h.runner, err = jobs.NewRunner(h.db, carrier.Kind(), carrier.Deliveries()); err != nil {
		return err
	}
	h.runner.Backoff = func(int) time.Duration { return 100 * time.Millisecond }
	h.runner.Idle = 50 * time.Millisecond
	mux := http.NewServeMux()
	api.New(api.Deps{DB: h.db, Ledger: h.ledger, Reader: h.reader, Packs: h.packs, Text: base, Accounts: h.accounts, Jobs: h.runner,
		Files: file.Store{}, Now: h.now, Log: slog.New(slog.DiscardHandler)}).Register(mux)
	h.front = mux
	return nil
}

func (h *house) opens(category string) (digest, procedure string, ok bool) {
	k, ok := h.pack.Category(category)
	return h.pack.Digest, k.Procedure, ok
}

// handed is the gateway: it writes down the name of each message it is handed, in one write behind all others, and
// takes it.
func (h *house) handed(_ context.Context, p courier.Parcel) courier.Answer {
	f, err := os.OpenFile(h.site.Sent, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return courier.Answer{State: courier.Temporary}
	}
	defer f.Close()
	line, err := json.Marshal(parcel{p.Key})
	if err == nil {
		_, err = f.Write(append(line, '\n'))
	}
	if err != nil {
		return courier.Answer{State: courier.Temporary}
	}
	return courier.Answer{State: courier.Delivered, ID: p.Key}
}

// parcel is what the gateway remembers of a message.
type parcel struct{ Key string }

// begin lets the house do what a node does by itself: carry notices, carry the log on, answer clocks.
func (h *house) begin() {
	ctx, stop := context.WithCancel(context.Background())
	h.stop = stop
	for range 2 {
		h.work.Go(func() { h.runner.Run(ctx) })
	}
	h.work.Go(func() { h.tree.Run(ctx, func(error) {}) })
	h.work.Go(func() {
		beat := time.NewTicker(200 * time.Millisecond)
		defer beat.Stop()
		for {
			_, _ = h.ledger.RunTimers(ctx, 50) // what failed is tried again
			select {
			case <-ctx.Done():
				return
			case <-beat.C:
			}
		}
	})
}

// rest ends what begin began.
func (h *house) rest() {
	if h.stop != nil {
		h.stop()
		h.work.Wait()
		h.stop = nil
	}
}

// shut closes the house. What a broken disk or server says to that is of no interest.
func (h *house) shut() {
	h.rest()
	if h.ledger != nil {
		h.ledger.Close()
	}
	_ = h.db.Close()
}

// request is the category of what residents report.
func (h *house) request() string {
	for _, c := range h.pack.Categories {
		if c.Procedure == "service-request" {
			return c.ID
		}
	}
	return ""
}

func (h *house) community() org.UnitID {
	for _, id := range h.pack.Units.All() {
		if u, _ := h.pack.Units.Unit(id); u.Level == org.Community {
			return id
		}
	}
	return ""
}

// everyone may act in every unit.
func (h *house) everyone() authz.Actor {
	var grants []authz.Grant
	for _, id := range h.pack.Units.All() {
		for _, role := range []authz.Role{"clerk", "officer", "head"} {
			grants = append(grants, authz.Grant{Role: role, Unit: id})
		}
	}
	return authz.Staff(staff, grants)
}

const staff = "everyone"

var errIdle = errors.New("the city does not come to rest")

// settle does all that is due: notices, the log, a head. How many jobs a long scene left decides nothing; only a city in
// which, again and again, nothing is due and jobs are left does not come to rest.
func (h *house) settle(ctx context.Context) error {
	for idle := 0; idle < 400; {
		n, err := h.runner.RunDue(ctx, 64)
		if err != nil {
			return err
		}
		if n > 0 {
			continue
		}
		left, err := h.undone(ctx)
		if err != nil {
			return err
		}
		if left == 0 {
			back, err := h.revive(ctx)
			if err != nil {
				return err
			}
			if back > 0 {
				continue
			}
			if _, err := h.tree.Sequence(ctx); err != nil {
				return err
			}
			_, err = h.tree.SignHead(ctx)
			return err
		}
		idle++
		h.jump(20 * time.Second) // whoever held them is dead, or has to wait before another try
	}
	return fmt.Errorf("%w: jobs are left", errIdle)
}

// revive does what a person does with jobs that were given up because their process died too often in a row.
func (h *house) revive(ctx context.Context) (n int, err error) {
	dead, err := h.runner.Dead(ctx)
	for _, job := range dead {
		err = errors.Join(err, h.runner.Retry(ctx, job.ID))
	}
	h.revived += len(dead)
	return len(dead), err
}

// ready asks the page for probes.
func (h *house) ready() string {
	w := httptest.NewRecorder()
	h.front.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
	return strings.TrimSpace(w.Body.String())
}
