// Command comity runs a city's casework: the demo city, a real one, and the tools around them.
//
// It is the only place that knows every room: it opens the database, loads the packs, joins ledger,
// courier and surfaces, and sets the clock. Open this file first for the list of commands, then
// city.go for how the rooms are joined.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
	_ "time/tzdata" // zones of packs must load on machines without a zone database
)

// command is one verb of the program.
type command struct {
	name, line string
	run        func(ctx context.Context, args []string, stdout, stderr io.Writer) error
}

func commands() []command {
	return []command{
		{"demo", "run the invented city of Linjiang, a year of cases included", runDemo},
		{"serve", "run a city from its own pack and database", runServe},
		{"pack", "check, compare, describe and simulate packs: comity pack check DIR", runPack},
		{"story", "play stories: comity story FILE…", runStory},
		{"import", "import the requests of another system with their history", runImport},
		{"export", "write the figures the city publishes: comity export open-data", runExport},
		{"user", "add the people who sign in", runUser},
		{"who", "tell who can see a case, and why", runWho},
		{"people", "invite an administrator of accounts", runPeople},
		{"post", "check the file of gateways, try a message, look at texts: comity post check FILE", runPost},
		{"token", "create, list and revoke tokens for the JSON API", runToken},
		{"custodian", "make and open custodians' keys, and appoint who holds them", runCustodian},
		{"verify", "check that every case is what its events say", runVerify},
		{"erase", "destroy the content of a case, or of all whose time is over", runErase},
		{"hold", "keep a case by order although it would be due to go", runHold},
		{"keys", "look after the keys: status, rotate, drop", runKeys},
		{"backup", "copy the data, or apart from them the keys", runBackup},
		{"restore", "bring a backup back", runRestore},
		{"move", "take a city from SQLite to PostgreSQL, or back", runMove},
		{"bench", "make a city to measure with, load it, and compare: seed, run, compare, report", runBench},
		{"migrate", "carry changes of the database on while the city runs: status, expand, fill, contract", runMigrate},
		{"doctor", "look at the configuration and the machine, changing nothing", runDoctor},
		{"version", "say which build this is", runVersion},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	var usage *usageError
	var seen *diagnosis
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
	case ctx.Err() != nil: // whatever a signal broke off, the signal is what happened
		fmt.Fprintln(os.Stderr, "\ncomity: stopped")
		os.Exit(130)
	case errors.As(err, &seen):
		os.Exit(seen.status)
	case errors.As(err, &usage):
		fmt.Fprintln(os.Stderr, "comity: "+err.Error())
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, "comity: "+err.Error())
		os.Exit(1)
	}
}

// usageError is a mistake in how the program was called: exit status 2.
type usageError struct{ text string }

func (u *usageError) Error() string { return u.text }

func usagef(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 || args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		help(stdout)
		return nil
	}
	for _, c := range commands() {
		if c.name == args[0] {
			return c.run(ctx, args[1:], stdout, stderr)
		}
	}
	return usagef("there is no command %q; `comity help` lists them", args[0])
}

func help(w io.Writer) {
	fmt.Fprint(w, "Comity keeps a city's promises to its residents: every matter a case, with an owner, a clock and a record.\n\nUsage: comity COMMAND [flags]\n\n")
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-8s %s\n", c.name, c.line)
	}
	fmt.Fprint(w, "\n`comity COMMAND --help` tells more, with examples.\n")
}

// flags makes a flag set whose help shows a line, examples and every flag.
func flags(name, line, examples string, stderr io.Writer) *flag.FlagSet {
	fs := flag.NewFlagSet("comity "+name, flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.Usage = func() {
		fmt.Fprintf(stderr, "%s\n\nUsage: comity %s\n\nExamples:\n%s\nFlags:\n", line, name, examples)
		fs.PrintDefaults()
	}
	return fs
}

// parse reads flags, before and after operands, and turns mistakes into usage errors.
func parse(fs *flag.FlagSet, args []string) error {
	var operands []string
	for {
		if err := fs.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return err
			}
			return &usageError{err.Error()}
		}
		taken := len(args) - fs.NArg()
		if fs.NArg() == 0 || taken > 0 && args[taken-1] == "--" {
			break
		}
		operands = append(operands, fs.Arg(0))
		args = fs.Args()[1:]
	}
	return fs.Parse(slices.Concat([]string{"--"}, operands, fs.Args()))
}
