package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"comity/internal/account"
	"comity/internal/text"
	"comity/internal/trace"
)

const doctorExamples = `  comity doctor --pack ./mycity --data /var/lib/comity
  comity doctor --pack ./mycity --data /var/lib/comity --backups /backup --json
  comity-here doctor            (where the Debian package is installed: as the service sees it)
Exit status: 0 all is good, 1 something is odd, 2 something is wrong.
`

// What is said of a thing. The numbers are those of the exit status, for which what was not looked at does not count.
const (
	unseen = iota - 1
	good
	odd
	wrong
)

var states = map[int]string{unseen: "unseen", good: "good", odd: "odd", wrong: "wrong"}

// finding is one thing that was looked at.
type finding struct {
	What  string `json:"what"` // a word that does not change, such as data or database
	State string `json:"state"`
	Text  string `json:"text"` // in the language asked for, with the way out
}

// diagnosis ends the command with a status; everything was said already.
type diagnosis struct{ status int }

func (d *diagnosis) Error() string { return "the configuration is " + states[d.status] }

// doctor looks at everything a city is started with.
type doctor struct {
	cfg     cityConfig
	mail    string
	hosts   string
	backups string
	offline bool
	traces  trace.Config
	say     text.Speaker
	found   []finding
	worst   int
}

// tell keeps one line. key names the words; figures go along as pairs.
func (d *doctor) tell(what string, state int, key string, figures ...string) {
	line := strings.Join(strings.Fields(d.say.T(key, figures...)), " ") // errors of several lines become one
	d.found = append(d.found, finding{What: what, State: states[state], Text: line})
	d.worst = max(d.worst, state)
}

// runDoctor tells of each thing a city needs whether it is good, odd or wrong, and the way out. It makes no table, key
// or setting; to try a disk it writes a file and takes it away again.
func runDoctor(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f := flags("doctor", "Looks at everything a city is started with, changes nothing, and says of each thing whether it is good, odd or wrong, and the way out. May run beside the server, and before the first start.", doctorExamples, stderr)
	backups := f.String("backups", os.Getenv("COMITY_BACKUPS"), "folder below which backups lie, made by comity backup; without it nobody asks how old they are")
	mail := f.String("mail", os.Getenv("COMITY_MAIL"), "file that says where mail from residents comes from")
	hosts := f.String("hosts", os.Getenv("COMITY_HOSTS"), "further names the site answers to, with commas between")
	told := addTraceFlags(f)
	offline := f.Bool("offline", false, "read the files that name relays, mailbox, scanner and bucket, and greet nobody")
	asJSON := f.Bool("json", false, "print the findings for programs")
	lang := f.String("lang", "", "language of this output: en or zh-CN (default: from the environment)")
	cf := addCityFlags(f)
	if err := parse(f, args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return usagef("doctor takes flags alone; --help shows them")
	}
	words, err := text.Base()
	if err != nil {
		return err
	}
	d := &doctor{mail: *mail, hosts: *hosts, backups: *backups, offline: *offline, traces: told.config(), say: words.In(langOf(*lang))}
	d.cfg = cityConfig{DB: *cf.db, Data: *cf.data, Keys: *cf.keys, Suite: *cf.suite, Clock: &clock{}, Log: slog.New(slog.DiscardHandler), Hashing: account.OWASP(),
		Maps: *cf.maps, Post: *cf.post, Files: *cf.files, Witness: *cf.witness, Archive: *cf.archive, Base: *cf.base, Still: true, Reading: true, Mending: true}
	d.look(ctx, *cf.pack)
	return d.report(stdout, *asJSON)
}

func (d *doctor) look(ctx context.Context, packName string) {
	d.clock()
	d.names()
	foreign := d.folders()
	current := d.pack(packName)
	d.database(ctx, current, foreign)
	d.outside(ctx)
	d.followed()
	d.backup()
}

func (d *doctor) report(w io.Writer, asJSON bool) error {
	if asJSON {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		if err := enc.Encode(map[string]any{"state": states[d.worst], "findings": d.found}); err != nil {
			return err
		}
	} else {
		for _, f := range d.found {
			fmt.Fprintf(w, "%s  %s\n", d.say.T("doctor.state."+f.State), f.Text)
		}
	}
	if d.worst > good {
		return &diagnosis{d.worst}
	}
	return nil
}

// patience is how long anything outside may take to answer.
const patience = 15 * time.Second
