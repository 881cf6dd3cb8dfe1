package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"comity/internal/account"
	"comity/internal/authz"
	"comity/internal/casework"
	"comity/internal/demo"
	"comity/internal/intake"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/procedure"
	"comity/internal/programme/dataaccess"
	"comity/internal/programme/petition"
	"comity/internal/text"
	"comity/internal/vault"
	"comity/packs"
)

const demoExamples = `  comity demo                          the city at http://127.0.0.1:8311
  comity demo --addr :9000             at another port
  comity demo --data /tmp/linjiang     in another folder; the next start takes seconds
  comity demo --fresh                  forget the folder and play the year again
  comity demo --json                   one line with address, sign-ins, tokens and codes, for scripts
`

// demoCard is what a visitor of the demonstration needs; kept beside the data for the next start.
type demoCard struct {
	Address string            `json:"address"`
	Data    string            `json:"data"`
	Cases   int               `json:"cases"`
	SignIns []demoSignIn      `json:"sign_ins"`
	Tokens  map[string]string `json:"tokens"`      // one per login shown
	Roles   map[string]string `json:"role_tokens"` // and one per role: that of the first login that holds it
	Codes   map[string]string `json:"codes"`       // a case to follow for each state, "petition.state" for petitions
	Refs    map[string]string `json:"refs"`
}

type demoSignIn struct {
	Login    string            `json:"login"`
	Password string            `json:"password"`
	Unit     string            `json:"unit"`
	Roles    []string          `json:"roles"`
	Label    map[string]string `json:"label"`
}

// demoPassword is shown on the sign-in page: the demonstration keeps no secret.
const demoPassword = "linjiang-2026"

func runDemo(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f := flags("demo", "Runs the invented city of Linjiang: its units, people and a year of cases, all played through the program itself.", demoExamples, stderr)
	data := f.String("data", filepath.Join("data", "demo"), "folder for the database and attachments; made if it is not there")
	addr := f.String("addr", "127.0.0.1:8311", "address and port to listen on")
	asJSON := f.Bool("json", false, "print one line of JSON instead of words, once the city is open")
	fresh := f.Bool("fresh", false, "remove what an earlier demo left in the folder and play the year again")
	cases := f.Int("cases", 5000, "how many cases to play")
	seed := f.Uint64("seed", 1, "another number plays another year")
	dev := f.Bool("dev", false, "add a clock that can be moved and a page of unsent messages")
	lang := f.String("lang", "", "language of this output: en or zh-CN (default: from the environment)")
	if err := parse(f, args); err != nil {
		return err
	}
	if *cases < 1 || *cases > 1_000_000 {
		return usagef("--cases %d: give a number from 1 to 1000000", *cases)
	}
	listener, err := net.Listen("tcp", *addr)
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w; choose another with --addr", *addr, err)
	}
	defer listener.Close()
	words, err := text.Base()
	if err != nil {
		return err
	}
	say := words.In(langOf(*lang))
	c, card, err := openDemo(ctx, demoConfig{data: *data, fresh: *fresh, cases: *cases, seed: *seed, say: say, out: stderr})
	if err != nil {
		return err
	}
	defer c.Close()
	card.Address = "http://" + hostOf(listener)
	if *asJSON {
		line, err := json.Marshal(card)
		if err != nil {
			return err
		}
		fmt.Fprintln(stdout, string(line))
	} else {
		printCard(stdout, card, say)
	}
	return serve(ctx, c, listener, surfaceOptions{demo: &card, dev: *dev, kiosk: time.Minute}, stderr)
}

// hostOf is an address a browser on this machine can open.
func hostOf(l net.Listener) string {
	host, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return l.Addr().String()
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

type demoConfig struct {
	data  string
	fresh bool
	cases int
	seed  uint64
	until time.Time // the year that is played ends here; zero: now
	say   text.Speaker
	out   io.Writer
}

// cardFile is written last, so a folder without it holds a play that was broken off.
const cardFile = "demo.json"

// openDemo opens the folder of an earlier demo, or makes one.
func openDemo(ctx context.Context, cfg demoConfig) (*city, demoCard, error) {
	var card demoCard
	path := filepath.Join(cfg.data, cardFile)
	raw, err := os.ReadFile(path)
	known := err == nil && json.Unmarshal(raw, &card) == nil
	if !known || cfg.fresh {
		if err := clearDemo(cfg.data); err != nil {
			return nil, card, err
		}
		known = false
	}
	sub, err := fs.Sub(packs.FS, "demo")
	if err != nil {
		return nil, card, err
	}
	r := rand.NewChaCha8([32]byte{byte(cfg.seed), byte(cfg.seed >> 8), byte(cfg.seed >> 16), byte(cfg.seed >> 24)})
	var mu sync.Mutex
	conf := cityConfig{Data: cfg.data, Pack: sub, Clock: &clock{}, Log: slog.New(slog.NewTextHandler(cfg.out, &slog.HandlerOptions{Level: slog.LevelWarn})), Hashing: account.Cheap()}
	if !known {
		// A play that is broken off is thrown away, so it need not wait for the disk. It repeats itself
		// for the same seed; what visitors add later must not.
		conf.DB = "sqlite-volatile:" + filepath.Join(cfg.data, "comity.db")
		conf.Random = func(b []byte) { mu.Lock(); defer mu.Unlock(); r.Read(b) }
	}
	c, err := openCity(ctx, conf)
	if err != nil || known {
		return c, card, err
	}
	card, err = playDemo(ctx, c, sub, cfg)
	if err == nil {
		err = writeCard(path, card)
	}
	err = errors.Join(err, c.Close())
	if err != nil {
		return nil, card, err
	}
	conf.DB, conf.Random, conf.Clock = "", nil, &clock{}
	c, err = openCity(ctx, conf)
	return c, card, err
}

func writeCard(path string, card demoCard) error {
	raw, err := json.MarshalIndent(card, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, raw, 0o600)
}

// clearDemo removes what a demo wrote, and only that.
func clearDemo(dir string) error {
	names := []string{cardFile, "secret"}
	for _, compartment := range procedure.AllCompartments {
		dsn, err := databaseOf(cityConfig{Data: dir}, compartment)
		if err != nil {
			return err
		}
		file := filepath.Base(strings.TrimPrefix(dsn, "sqlite:"))
		names = append(names, file, file+"-wal", file+"-shm")
		if err := os.RemoveAll(filesOf(dir, compartment)); err != nil {
			return err
		}
	}
	for _, name := range names {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("the folder %s cannot be cleared: %w", dir, err)
		}
	}
	if err := vault.Forget(keysFolder(cityConfig{Data: dir})); err != nil {
		return fmt.Errorf("the keys of the last demo cannot be removed: %w", err)
	}
	return nil
}

// playDemo makes the accounts and plays the year.
func playDemo(ctx context.Context, c *city, fsys fs.FS, cfg demoConfig) (demoCard, error) {
	until := cmp.Or(cfg.until, time.Now().Truncate(time.Second))
	from := until.AddDate(-1, 0, 0)
	c.clock.Fix(from)
	card := demoCard{Data: cfg.data, Tokens: map[string]string{}, Roles: map[string]string{}, Codes: map[string]string{}, Refs: map[string]string{}}
	people, err := demo.People(fsys)
	if err != nil {
		return card, err
	}
	var workers []demo.Worker
	for _, p := range people {
		w, err := addPerson(ctx, c, p, &card)
		if err != nil {
			return card, err
		}
		workers = append(workers, w)
	}
	p := demo.Play{Pack: c.packs.Current(), Seeds: fsys, Ledger: c.ledger, Reader: c.reader, Jobs: c.runner, People: workers,
		Set: c.clock.Fix, From: from, Until: until, Cases: cfg.cases, Roads: []string{"seed/petitions.yaml"}, Seed: cfg.seed, Say: progress(cfg.out, cfg.say)}
	done, err := p.Run(ctx)
	if err != nil {
		return card, err
	}
	fmt.Fprintf(cfg.out, "\r%s\n", cfg.say.T("cli.demo.played", "cases", fmt.Sprint(done.Done), "acts", fmt.Sprint(done.Acts)))
	card.Cases = done.Done
	if err := announceDemo(ctx, c, fsys, workers); err != nil {
		return card, err
	}
	if err := enterCameras(ctx, c, fsys, workers); err != nil {
		return card, err
	}
	if err := openApart(ctx, c, fsys, workers); err != nil {
		return card, err
	}
	if err := furnishMediation(ctx, c, fsys, workers); err != nil {
		return card, err
	}
	samples, err := p.Samples(ctx)
	if err != nil {
		return card, err
	}
	petitions, err := p.RoadSamples(ctx)
	maps.Copy(samples, petitions)
	for state, k := range samples {
		card.Codes[state], card.Refs[state] = string(k.Code), string(k.Ref)
	}
	return card, err
}

// announceDemo publishes reception days, each under the name of somebody of its unit.
func announceDemo(ctx context.Context, c *city, fsys fs.FS, workers []demo.Worker) error {
	var f struct {
		Receptions []petition.Draft `yaml:"receptions"`
	}
	if err := pack.ReadYAML(fsys, "seed/receptions.yaml", &f); err != nil {
		return err
	}
	for _, draft := range f.Receptions {
		i := slices.IndexFunc(workers, func(w demo.Worker) bool { return string(w.Unit) == draft.Unit && slices.Contains(w.Roles, "head") })
		if i < 0 {
			return fmt.Errorf("seed/receptions.yaml: nobody of seed/people.yaml heads %s", draft.Unit)
		}
		if err := petition.Announce(ctx, c.db, c.packs.Current(), workers[i].ID, draft, c.clock.Now()); err != nil {
			return fmt.Errorf("seed/receptions.yaml: %w", err)
		}
	}
	return nil
}

// enterCameras fills the register of cameras, each entry in the name of somebody who keeps that part of it.
func enterCameras(ctx context.Context, c *city, fsys fs.FS, workers []demo.Worker) error {
	var f struct {
		Cameras []dataaccess.Draft `yaml:"cameras"`
	}
	if err := pack.ReadYAML(fsys, "seed/cameras.yaml", &f); err != nil {
		return err
	}
	p := c.packs.Current()
	for _, draft := range f.Cameras {
		i := slices.IndexFunc(workers, func(w demo.Worker) bool { return dataaccess.Keeps(p, w.Actor(), org.UnitID(draft.Area)) })
		if i < 0 {
			return fmt.Errorf("seed/cameras.yaml: nobody of seed/people.yaml keeps the register of %s", draft.Area)
		}
		if err := dataaccess.Enter(ctx, c.db, p, workers[i].Actor(), draft); err != nil {
			return fmt.Errorf("seed/cameras.yaml: %w", err)
		}
	}
	return nil
}

// apartMatter is one line of seed/apart.yaml.
type apartMatter struct {
	Category string            `yaml:"category"`
	By       string            `yaml:"by"` // staff: taken in by the office; empty: filed by the person
	Unit     string            `yaml:"unit"`
	Lang     string            `yaml:"lang"`
	Name     string            `yaml:"name"`
	Phone    string            `yaml:"phone"`
	Text     string            `yaml:"text"`
	Fields   map[string]string `yaml:"fields"`
}

// openApart opens a few matters in the compartments beside the civic one, so that their desks are not empty.
func openApart(ctx context.Context, c *city, fsys fs.FS, workers []demo.Worker) error {
	var f struct {
		Matters []apartMatter `yaml:"matters"`
	}
	if err := pack.ReadYAML(fsys, "seed/apart.yaml", &f); err != nil {
		return err
	}
	p := c.packs.Current()
	for _, m := range f.Matters {
		cmd, err := intake.Command(p, intake.Report{Category: m.Category, Text: m.Text, Unit: org.UnitID(m.Unit), Source: "counter", Fields: m.Fields, Now: c.clock.Now(),
			Contact: casework.Contact{Channel: "sms", Address: m.Phone, Name: m.Name, Lang: m.Lang}})
		if err != nil {
			return fmt.Errorf("seed/apart.yaml: %s: %w", m.Category, err)
		}
		cat, _ := p.Category(m.Category)
		r, ok := c.of(p.Procedures[cat.Procedure].Compartment)
		if !ok {
			return fmt.Errorf("seed/apart.yaml: %s lies in no compartment", m.Category)
		}
		who := demo.Reporter()
		if i := slices.IndexFunc(workers, func(w demo.Worker) bool { return w.Unit == cmd.Open.Unit }); m.By == "staff" && i >= 0 {
			who = workers[i].Actor()
		}
		if _, err := r.ledger.Do(ctx, who, cmd); err != nil {
			return fmt.Errorf("seed/apart.yaml: %s: %w", m.Category, err)
		}
	}
	return nil
}

func addPerson(ctx context.Context, c *city, p demo.Person, card *demoCard) (demo.Worker, error) {
	return addPersonWith(ctx, c, p, demoPassword, card)
}

func addPersonWith(ctx context.Context, c *city, p demo.Person, password string, card *demoCard) (demo.Worker, error) {
	a := account.Account{Login: p.Login, Name: p.Name}
	for _, r := range p.Roles {
		a.Grants = append(a.Grants, authz.Grant{Role: authz.Role(r), Unit: org.UnitID(p.Unit)})
	}
	a, err := c.accounts.Create(ctx, a, password)
	if err != nil {
		return demo.Worker{}, fmt.Errorf("account %s: %w", p.Login, err)
	}
	if p.Demo {
		_, token, err := c.accounts.CreateToken(ctx, authz.Actor{}, account.Token{Account: a.ID, Name: "demo", Powers: authz.Powers, Expires: c.clock.Now().AddDate(0, 0, account.MaxTokenDays)})
		if err != nil {
			return demo.Worker{}, err
		}
		card.Tokens[p.Login] = token
		for _, r := range p.Roles {
			if card.Roles[r] == "" {
				card.Roles[r] = token
			}
		}
		card.SignIns = append(card.SignIns, demoSignIn{Login: p.Login, Password: password, Unit: p.Unit, Roles: p.Roles, Label: p.Label})
	}
	return demo.Worker{ID: a.ID, Unit: org.UnitID(p.Unit), Roles: p.Roles}, nil
}

// progress writes one line that counts up, at most a few times a second.
func progress(w io.Writer, say text.Speaker) func(demo.Progress) {
	start, last := time.Now(), time.Time{}
	return func(p demo.Progress) {
		if time.Since(last) < 250*time.Millisecond || p.Done == 0 {
			return
		}
		last = time.Now()
		left := time.Duration(float64(time.Since(start)) / float64(p.Done) * float64(p.Of-p.Done)).Round(time.Second)
		fmt.Fprintf(w, "\r%s   ", say.T("cli.demo.playing", "day", p.At.Format(time.DateOnly), "done", fmt.Sprint(p.Done), "of", fmt.Sprint(p.Of), "left", left.String()))
	}
}

func printCard(w io.Writer, card demoCard, say text.Speaker) {
	fmt.Fprintln(w, say.T("cli.demo.open", "address", card.Address))
	fmt.Fprintln(w, say.T("cli.demo.desk", "address", card.Address+"/desk", "password", demoPassword))
	for _, s := range card.SignIns {
		label := s.Label[say.Lang]
		fmt.Fprintf(w, "    %-16s %s (%s)\n", s.Login, label, strings.Join(s.Roles, ", "))
	}
	fmt.Fprintln(w, say.T("cli.demo.codes"))
	for _, states := range [][]string{{"in_hand"}, {"answered"}, {"closed"}, {"petition.in_review", "petition.window", "petition.to_serve"}} {
		for _, state := range states {
			if code := card.Codes[state]; code != "" {
				fmt.Fprintf(w, "    %s/f/%s\n", card.Address, code)
				break
			}
		}
	}
	fmt.Fprintln(w, say.T("cli.demo.stop"))
}
