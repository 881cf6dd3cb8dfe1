package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"comity/internal/account"
	"comity/internal/api"
	"comity/internal/authz"
	"comity/internal/backup"
	"comity/internal/casework"
	"comity/internal/db"
	"comity/internal/desk"
	"comity/internal/journal"
	"comity/internal/ledger"
	"comity/internal/limit"
	"comity/internal/logbook"
	"comity/internal/open311"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/portal"
	"comity/internal/procedure"
	"comity/internal/programme"
	"comity/internal/trace"
	"comity/internal/web"
	"comity/packs"
)

const serveExamples = `  comity serve --pack ./mycity --data /var/lib/comity
  comity serve --pack ./mycity --data /var/lib/comity --db postgres://comity@db.internal/comity
  comity serve --pack ./mycity --data /var/lib/comity --post /etc/comity/post.yaml --mail /etc/comity/mail.yaml
  COMITY_DB=postgres://… COMITY_PACK=./mycity comity serve
`

// cityFlags are the flags every command shares that opens a city. The environment stands in for a flag
// that is not given: COMITY_DB, COMITY_DATA, COMITY_KEYS, COMITY_PACK, COMITY_BASE, COMITY_POST, COMITY_MAPS,
// COMITY_FILES.
type cityFlags struct{ db, data, pack, base, keys, suite, witness, archive, maps, post, files *string }

func addCityFlags(f *flag.FlagSet) cityFlags {
	env := func(name, otherwise string) string {
		if v := os.Getenv(name); v != "" {
			return v
		}
		return otherwise
	}
	return cityFlags{
		db:      f.String("db", env("COMITY_DB", ""), "database: a file for SQLite or postgres://… (default: comity.db in --data)"),
		data:    f.String("data", env("COMITY_DATA", filepath.Join("data", "city")), "folder for attachments, secrets and the embedded database"),
		keys:    f.String("keys", env("COMITY_KEYS", ""), "folder of the key files; keep it and its backups apart from the data (default: the --data folder's name with .keys behind it)"),
		suite:   f.String("suite", env("COMITY_SUITE", "std"), "algorithms of new key files: std (AES, SHA-256, Ed25519) or sm (SM4, SM3, SM2)"),
		pack:    f.String("pack", env("COMITY_PACK", ""), "folder of the city's pack, or the name of one that ships with the program"),
		witness: f.String("witness", env("COMITY_WITNESS", ""), "a head of the log that was published, as a file or an address kept by somebody else: the city does not start with a log that is older"),
		archive: f.String("archive", env("COMITY_ARCHIVE", ""), "folder that takes over cases which a pack wants archived before they are erased; without it they wait"),
		maps:    f.String("maps", env("COMITY_MAPS", ""), "file that names your tiles and your address service (docs/operations.md); without it maps are drawn from the pack and nothing is fetched"),
		post:    f.String("post", env("COMITY_POST", ""), "file that names mail relays, gateways for text messages, receivers of webhooks and the systems of neighbours (comity post check FILE); without it messages stay in the house"),
		files:   f.String("files", env("COMITY_FILES", ""), "file that names a virus scanner and a bucket for attachments; without it nobody scans, and attachments rest in --data"),
		base:    f.String("base", env("COMITY_BASE", ""), "public address of the site, such as https://help.example.gov, for links in messages"),
	}
}

func (c cityFlags) open(ctx context.Context, log *slog.Logger) (*city, error) {
	return c.openWith(ctx, log, func(*cityConfig) {})
}

// openWith lets a command change how the city is opened.
func (c cityFlags) openWith(ctx context.Context, log *slog.Logger, change func(*cityConfig)) (*city, error) {
	fsys, err := packFS(*c.pack)
	if err != nil {
		return nil, err
	}
	cfg := cityConfig{DB: *c.db, Data: *c.data, Keys: *c.keys, Suite: *c.suite, Pack: fsys, Bases: basesOf(*c.pack), Clock: &clock{}, Log: log, Hashing: account.OWASP(), Base: strings.TrimSuffix(*c.base, "/"),
		Witness: *c.witness, Archive: *c.archive, Maps: *c.maps, Post: *c.post, Files: *c.files}
	change(&cfg)
	return openCity(ctx, cfg)
}

// packFS finds a pack by folder, or by the name of one in the binary.
func packFS(name string) (fs.FS, error) {
	if name == "" {
		return nil, usagef("name the city's pack with --pack DIR (or --pack demo to look around)")
	}
	if _, err := os.Stat(filepath.Join(name, "pack.yaml")); err == nil {
		return os.DirFS(name), nil
	}
	if _, err := fs.Stat(packs.FS, name+"/pack.yaml"); err == nil {
		return fs.Sub(packs.FS, name)
	}
	return nil, usagef("--pack %s: there is no pack.yaml in that folder, and no pack of that name in the program", name)
}

// basesOf finds the bases of a pack in the folder beside its own, else among the packs in the program.
func basesOf(dir string) pack.Finder {
	inside := pack.In(packs.FS)
	if _, err := os.Stat(filepath.Join(dir, "pack.yaml")); err != nil {
		return inside // a pack of the program stands on packs of the program
	}
	beside := pack.In(os.DirFS(filepath.Join(dir, "..")))
	return func(name string) (fs.FS, error) {
		if found, err := beside(name); err == nil {
			return found, nil
		}
		return inside(name)
	}
}

func runServe(ctx context.Context, args []string, _, stderr io.Writer) error {
	f := flags("serve", "Runs a city: portal, desk, API, clocks and notices in one process. Several may share one PostgreSQL database.", serveExamples, stderr)
	addr := f.String("addr", "127.0.0.1:8311", "address and port to listen on; put a TLS proxy before it")
	proxied := f.Bool("behind-proxy", false, "requests come through a proxy that appends X-Forwarded-For; limits go by that address")
	secure := f.Bool("secure", false, "the site is reached over TLS: cookies are marked so")
	metrics := f.Bool("metrics", false, "serve figures for monitoring at /metrics; they name nobody, but keep them from the public")
	hosts := f.String("hosts", os.Getenv("COMITY_HOSTS"), "further names the site answers to, with commas between; the one of --base and this machine's own always count")
	media := f.String("media-hosts", os.Getenv("COMITY_MEDIA_HOSTS"), "machines inside your network from which Open311 may fetch pictures, with commas between; all others must have public addresses")
	mail := f.String("mail", os.Getenv("COMITY_MAIL"), "file that says where mail from residents comes from (comity post mail FILE); without it none is taken in")
	level := f.String("log-level", os.Getenv("COMITY_LOG_LEVEL"), "what the log begins with: debug, info, warn or error (default: info); SIGUSR1 turns debug on and off, SIGUSR2 warn")
	cf, idp, told := addCityFlags(f), addOIDCFlags(f), addTraceFlags(f)
	kiosk := f.Duration("kiosk-idle", time.Minute, "how long a shared device may stand before the resident's pages forget; a device is made one at /kiosk; 0 = there are none")
	drain := f.Duration("drain", 0, "how long the node still answers after SIGTERM while /readyz says that it leaves, so that a proxy sends requests to another; 0 where there is none")
	grace := f.Duration("grace", usualGrace, "how long requests under way may take after that before they are cut off")
	kioskOnly := f.Bool("kiosk", false, "every resident page is shown as on a shared device; for a server that only such devices reach")
	if err := parse(f, args); err != nil {
		return err
	}
	names, err := hostNames(*cf.base, *hosts)
	if err != nil {
		return err
	}
	provider, err := idp.provider(strings.TrimSuffix(*cf.base, "/"))
	if err != nil {
		return err
	}
	loud, err := newVolume(stderr, *level)
	if err != nil {
		return err
	}
	defer loud.listen(signalMore, signalLess)()
	log := loud.log
	tracer, err := told.open(*proxied, log)
	if err != nil {
		return err
	}
	c, err := cf.open(ctx, log)
	if err != nil {
		return err
	}
	defer c.Close()
	defer c.traced(tracer)()
	if err := c.tellMeasured(ctx); err != nil {
		return err
	}
	if *mail != "" {
		if err := c.takeMail(*mail); err != nil {
			return err
		}
	}
	listener, err := net.Listen("tcp", *addr)
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w; choose another with --addr", *addr, err)
	}
	if *cf.base == "" {
		log.Warn("messages carry links without an address, and only requests by number are answered; give the public address of the site with --base")
	}
	address := strings.TrimSuffix(*cf.base, "/")
	if address == "" {
		address = "http://" + hostOf(listener)
	}
	if err := c.firstRun(ctx, address, stderr); err != nil {
		return err
	}
	log.Info("the city is open", "address", "http://"+hostOf(listener), "pack", c.packs.Current().ID, "version", c.packs.Current().Version)
	return serve(ctx, c, listener, surfaceOptions{secure: *secure, proxied: *proxied, metrics: *metrics, base: strings.TrimSuffix(*cf.base, "/"), hosts: names, provider: provider, mediaHosts: words(*media), kiosk: *kiosk, kioskOnly: *kioskOnly, traces: tracer,
		leaving: &leaving{drain: *drain, grace: *grace}}, stderr)
}

// surfaceOptions is what differs between a demonstration and a city.
type surfaceOptions struct {
	demo       *demoCard
	dev        bool
	secure     bool
	proxied    bool // X-Forwarded-For is a proxy of ours
	metrics    bool
	base       string
	mediaHosts []string // machines inside, from which Open311 may fetch pictures
	hosts      []string // further names; this machine's own and, without a base, any number always count

	provider *account.Provider // the city's identity provider, or nil
	traces   *trace.Tracer     // who hears how long requests take, or nil

	kiosk     time.Duration // how long a shared device waits; 0 = there are none
	kioskOnly bool

	leaving *leaving // how the node goes; nil: at once
	node    *node    // this process among others; nil: nobody asks
}

// hostNames are the names of --base and --hosts.
func hostNames(base, more string) ([]string, error) {
	out := []string{}
	if base != "" {
		u, err := url.Parse(base)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || web.HostName(u.Host) == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil {
			return nil, usagef("--base %s: give scheme and name alone, such as https://help.example.gov", base)
		}
		out = append(out, web.HostName(u.Host))
	}
	for name := range strings.SplitSeq(more, ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		host := web.HostName(name)
		if host == "" {
			return nil, usagef("--hosts %s: give names alone, such as help.example.gov,help.internal", name)
		}
		out = append(out, host)
	}
	return out, nil
}

// Limits of a connection. The header is small: the largest cookie of ours has some hundred bytes. Bodies
// have deadlines of their own (web.Site.Harden), because photos over a weak network need minutes.
const (
	maxHeader   = 12 << 10 // the library adds 4 KiB of its own
	headerTime  = 10 * time.Second
	idleTime    = 2 * time.Minute
	longestTurn = 30 * time.Minute // whatever a page allows, it ends here
)

// newServer is the server every command uses that answers requests.
func newServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{Handler: h, MaxHeaderBytes: maxHeader, ReadHeaderTimeout: headerTime, ReadTimeout: longestTurn, WriteTimeout: longestTurn, IdleTimeout: idleTime,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}
}

// serve answers requests, clocks and notices until the context ends, then leaves: see leaving. Clocks and notices are
// given up at once, so that another node takes them over meanwhile; what is under way of them finishes.
func serve(ctx context.Context, c *city, l net.Listener, o surfaceOptions, stderr io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if o.leaving == nil {
		o.leaving = &leaving{}
	}
	me, err := c.joinNodes(ctx)
	if err != nil {
		return err
	}
	o.node = me
	server := newServer(o.leaving.closing(surfaces(c, o)), c.log)
	var work, told sync.WaitGroup
	running, ended := context.WithCancel(context.WithoutCancel(ctx))
	told.Go(func() { me.run(running) })
	defer func() { ended(); told.Wait() }() // last of all: while it answers, it runs
	work.Go(func() { c.Work(ctx) })
	work.Go(func() { giveBack(ctx) })
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	select {
	case <-ctx.Done():
		c.log.Info("leaving", "drain", o.leaving.drain.String(), "grace", o.leaving.patience().String())
		o.leaving.wait(failed)
	case err = <-failed:
	}
	grace, done := context.WithTimeout(context.Background(), o.leaving.patience())
	defer done()
	if e := server.Shutdown(grace); e != nil {
		fmt.Fprintln(stderr, "comity: some requests were still under way and were cut off")
		_ = server.Close() // so that nobody waits for an answer that will not come
	}
	cancel()
	work.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return err
}

// heads are the roles that lead a unit in the packs that ship with the program.
var heads = []authz.Role{"head", "petition_head"}

// surfaces joins portal, desk and API on one address.
func surfaces(c *city, o surfaceOptions) http.Handler {
	h, _ := joined(c, o)
	return h
}

// joined is surfaces, with the list of what was registered.
func joined(c *city, o surfaceOptions) (http.Handler, []string) {
	p := c.packs.Current()
	site := &web.Site{Text: c.words, Langs: p.Langs, Now: c.clock.Now, Zone: p.Zone, Base: o.base, Emergency: p.Emergency, Phone: p.Phone,
		Demo: o.demo != nil, Secure: o.secure, Missing: []error{ledger.ErrNotFound}, Unsure: []error{db.ErrCommitUnknown}, Full: []error{db.ErrDisk}, Log: c.log, Kiosk: o.kiosk, KioskOnly: o.kioskOnly,
		Hosts: append([]string{}, o.hosts...), Journal: &journal.Journal{Log: c.log}, Traces: o.traces}
	mux := &web.Routes{}
	site.Mount(mux)
	var client func(*http.Request) string
	if o.proxied {
		client = forwardedFor
	}
	plugged := slices.Concat(c.plugged, []programme.Programme{c.selfPages(client)})
	resident := portal.Deps{Site: site, Packs: c.packs, Ledger: c.ledger, Reader: c.reader, Files: c.files, Secret: c.secret, Programmes: plugged, Prove: c.prove, Maps: c.maps}
	program := api.Deps{DB: c.db, Ledger: c.ledger, Reader: c.reader, Packs: c.packs, Text: c.base, Accounts: c.accounts, Files: c.files,
		Jobs: c.runner, Now: c.clock.Now, Log: c.log, Version: version(), Metrics: o.metrics || o.demo != nil, Journal: site.Journal}
	if o.leaving != nil && o.node != nil {
		program.Unready = func() string { return cmp.Or(o.leaving.unready(), o.node.unready()) }
	}
	program.Followed = func() (time.Time, error) { return backup.Followed(c.data) }
	if o.proxied {
		site.Journal.From = forwardedFor
		resident.Client, program.Client = forwardedFor, forwardedFor
	}
	for _, r := range c.apart {
		resident.Apart = append(resident.Apart, portal.Door{Compartment: r.compartment, Ledger: r.ledger, Reader: r.reader, Files: r.files, Prove: r.prove, Log: logAddress(r.compartment)})
	}
	portal.New(resident).Mount(mux)
	for _, r := range c.all() {
		logbook.New(logbook.Deps{Site: site, Log: r.tree, At: logAddress(r.compartment)}).Register(mux)
	}
	deskDeps := desk.Deps{Site: site, Ledger: c.ledger, Reader: c.reader, Packs: c.packs, Accounts: c.accounts, Files: c.files, Bulk: c.bulk, Maps: c.maps, Programmes: plugged, Provider: o.provider, Heads: heads,
		Secret: c.secret,
		Follow: func(code casework.Code) string { return "/f/" + string(code) }}
	if o.demo != nil {
		deskDeps.SignIns = signIns(*o.demo)
	}
	if o.dev {
		deskDeps.Messages = c.messages
		deskDeps.Clock = &desk.Clock{Now: c.clock.Now, Set: c.moveTo, Advance: func(ctx context.Context, d time.Duration) error { return c.moveTo(ctx, c.clock.Now().Add(d)) }}
	}
	if o.proxied {
		deskDeps.Client = forwardedFor
	}
	desks := []*desk.Desk{desk.New(deskDeps)}
	for _, r := range c.apart {
		apart := deskDeps
		apart.Compartment, apart.Ledger, apart.Reader, apart.Files, apart.Bulk, apart.Programmes = r.compartment, r.ledger, r.reader, r.files, r.bulk, []programme.Programme{c.postPages(r), c.heldPages(r)}
		if o.dev {
			apart.Messages = r.messages
		}
		desks = append(desks, desk.New(apart))
	}
	desk.Join(desks...).Register(mux)
	programs := api.New(program)
	programs.Register(mux)
	open311.New(open311.Deps{Ledger: c.ledger, Reader: c.reader, Packs: c.packs, Text: c.base, Accounts: c.accounts, Files: c.files, Secret: c.secret,
		Now: c.clock.Now, Log: c.log, Base: o.base, Test: o.demo != nil, Hosts: o.mediaHosts, Client: client, Observe: programs.Ops().Observe}).Register(mux)
	return site.Harden(mux), slices.Concat(mux.Patterns(), programs.Patterns())
}

// logAddress is where the log of a compartment is public.
func logAddress(compartment string) string {
	if compartment == procedure.Civic {
		return "/log"
	}
	return "/log-" + compartment
}

// forwardedFor is the address the nearest proxy saw: the last entry it appended, since everything
// before that is what the visitor claims.
func forwardedFor(r *http.Request) string {
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	if last := strings.TrimSpace(hops[len(hops)-1]); last != "" {
		return limit.Network(last)
	}
	return limit.AddressOf(r)
}

func signIns(card demoCard) []desk.SignIn {
	var out []desk.SignIn
	for _, s := range card.SignIns {
		out = append(out, desk.SignIn{Login: s.Login, Password: s.Password, Unit: org.UnitID(s.Unit), Role: s.Roles[0]})
	}
	return out
}

// messages is what the courier wrote, for the inbox page of development.
func (c *rooms) messages(ctx context.Context) ([]desk.Message, error) {
	list, err := c.courier.Inbox(ctx, 100)
	var out []desk.Message
	for _, m := range list {
		to := m.Address
		if m.Recipient == "unit" {
			to = m.Unit
		}
		out = append(out, desk.Message{At: m.At, To: to, Channel: m.Channel, Template: m.Template, Ref: string(m.Ref), Text: m.Body})
	}
	return out, err
}

// moveTo moves the clock forward in steps, so that each term runs out at its own time.
func (c *city) moveTo(ctx context.Context, to time.Time) error {
	for {
		at, err := c.NextTimer(ctx)
		if err != nil {
			return err
		}
		if at.IsZero() || at.After(to) {
			break
		}
		c.clock.Advance(at.Sub(c.clock.Now()))
		if err := c.Due(ctx); err != nil {
			return err
		}
	}
	c.clock.Advance(to.Sub(c.clock.Now()))
	return nil
}

func runVersion(_ context.Context, _ []string, stdout, _ io.Writer) error {
	fmt.Fprintln(stdout, "comity "+version())
	return nil
}

// version is the commit the binary was built from, or the module version.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value[:min(12, len(s.Value))]
		}
	}
	return info.Main.Version
}

// giveBack returns to the system what a start took and is not needed again, which is more than an idle city holds: first
// what reading packs took, then what catching up took with all that fell due while the city was closed.
func giveBack(ctx context.Context) {
	const caughtUp = 5 * time.Second
	debug.FreeOSMemory()
	select {
	case <-time.After(caughtUp):
		debug.FreeOSMemory()
	case <-ctx.Done():
	}
}
