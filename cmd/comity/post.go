package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"comity/internal/courier"
	"comity/internal/courier/gateway"
	"comity/internal/pack"
	"comity/internal/text"
	"comity/packs"
)

// postVerbs is what operators need of messages, in the order in which they need it.
var postVerbs = []struct {
	name, call string
	run        func(context.Context, []string, io.Writer, io.Writer) error
}{
	{"check", "check FILE", runPostCheck},
	{"mail", "mail FILE", runPostMail},
	{"try", "try FILE --to ADDRESS", runPostTry},
	{"preview", "preview PACK", runPostPreview},
	{"secret", "secret", runPostSecret},
	{"replay", "replay RECEIVER --from DAY", runPostReplay},
}

func runPost(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var calls []string
	for _, v := range postVerbs {
		if len(args) > 0 && args[0] == v.name {
			return v.run(ctx, args[1:], stdout, stderr)
		}
		calls = append(calls, "comity post "+v.call)
	}
	said := "say one of: " + strings.Join(calls, "; ")
	if len(args) > 0 && slices.Contains([]string{"help", "-h", "--help"}, args[0]) {
		fmt.Fprintln(stdout, said)
		return nil
	}
	return usagef("%s", said)
}

const postCheckExamples = `  comity post check /etc/comity/post.yaml
  comity post check --connect /etc/comity/post.yaml   (greet each mail relay and neighbour too; nothing is sent)

A file to begin with:

  gateways:
    - name: relay
      kind: smtp
      channels: [mail]
      host: smtp.city.example
      from: "City <noreply@city.example>"
      user: comity
      password_file: /etc/comity/relay.password
    - name: texts
      kind: http
      channels: [sms]
      url: https://sms.example/send
      headers: {Authorization: "Bearer {secret}"}
      secret_file: /etc/comity/sms.token
      json: {to: "{address}", text: "{text}", id: "{key}"}
      accept: {field: code, values: ["0"], id: msgid}
  letters: yes
  neighbours:
    - neighbour: donghe
      url: https://open311.donghe.example/v2/
      key_file: /etc/comity/donghe.key
`

// runPostCheck reads the operator's file and says what goes where.
func runPostCheck(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f := flags("post check FILE", "Checks the file that names mail relays, gateways, receivers of webhooks and the systems of neighbours.", postCheckExamples, stderr)
	connect := f.Bool("connect", false, "greet each mail relay and sign in, and ask each neighbour for its services; nothing is sent")
	if err := parse(f, args); err != nil {
		return err
	}
	if f.NArg() != 1 {
		return usagef("name one file: comity post check /etc/comity/post.yaml")
	}
	c, err := gateway.Load(f.Arg(0))
	if err != nil {
		return err
	}
	for _, channel := range slices.Sorted(maps.Keys(c.Channels)) {
		fmt.Fprintf(stdout, "%-8s %s\n", channel, c.Channels[channel])
	}
	for _, h := range c.Hook {
		fmt.Fprintf(stdout, "%-8s %s\n", "webhook", h.Name)
	}
	for _, n := range c.Next {
		fmt.Fprintf(stdout, "%-8s %s\n", "open311", n.Name)
	}
	if !*connect {
		return nil
	}
	return greet(ctx, c, func(kind, name string, services int, err error) error {
		switch {
		case err != nil:
			return fmt.Errorf("%s %s: %w", kind, name, err)
		case kind == "relay":
			fmt.Fprintf(stdout, "relay %s answers\n", name)
		default:
			fmt.Fprintf(stdout, "neighbour %s answers and offers %d services\n", name, services)
		}
		return nil
	})
}

// greet greets each mail relay and asks each neighbour for its services; nothing is sent. told hears of each, a relay
// or a neighbour, and ends the round with an error.
func greet(ctx context.Context, c *gateway.Config, told func(kind, name string, services int, err error) error) error {
	for _, g := range c.SMTP {
		if err := told("relay", g.Name, 0, g.Check(ctx)); err != nil {
			return err
		}
	}
	for _, n := range c.Next {
		services, err := endpointOf(n).Services(ctx)
		if err := told("neighbour", n.Name, len(services), err); err != nil {
			return err
		}
	}
	return nil
}

const postTryExamples = `  comity post try /etc/comity/post.yaml --to me@city.example
  comity post try /etc/comity/post.yaml --channel sms --to 13800001111 --lang zh-CN
`

// runPostTry sends one message that is about no case.
func runPostTry(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f := flags("post try FILE --to ADDRESS", "Sends a test message through a gateway and says what it answered.", postTryExamples, stderr)
	to := f.String("to", "", "address or number to send it to")
	channel := f.String("channel", "mail", "mail, sms or chat")
	lang := f.String("lang", "", "language of the message: en or zh-CN (default: from the environment)")
	if err := parse(f, args); err != nil {
		return err
	}
	if f.NArg() != 1 || *to == "" {
		return usagef("name the file and an address: comity post try /etc/comity/post.yaml --to me@city.example")
	}
	c, err := gateway.Load(f.Arg(0))
	if err != nil {
		return err
	}
	g, ok := c.Post.Gateways[*channel]
	if !ok {
		return usagef("--channel %s: the file names no gateway for it; it has %s", *channel, strings.Join(slices.Sorted(maps.Keys(c.Post.Gateways)), ", "))
	}
	base, err := text.Base()
	if err != nil {
		return err
	}
	say := base.In(langOf(*lang))
	a := g.Send(ctx, courier.Parcel{Key: strings.ToLower(rand.Text()), Channel: *channel, Address: *to, Lang: say.Lang, At: time.Now(), Subject: say.T("cli.post.try.subject"), Text: say.T("cli.post.try.text")})
	fmt.Fprintf(stdout, "%s %s %s\n", a.State, a.Words, a.ID)
	if a.State != courier.Delivered {
		return errors.New("the gateway did not take the message")
	}
	return nil
}

const postPreviewExamples = `  comity post preview ./mycity
  comity post preview --lang zh-CN ./mycity received answered
`

// runPostPreview shows every text people are sent, with figures of an example.
func runPostPreview(_ context.Context, args []string, stdout, stderr io.Writer) error {
	f := flags("post preview PACK [TEMPLATE…]", "Shows the texts of a pack's messages with example figures, in each language.", postPreviewExamples, stderr)
	lang := f.String("lang", "", "one language alone")
	if err := parse(f, args); err != nil {
		return err
	}
	if f.NArg() == 0 {
		return usagef("name a pack: comity post preview ./mycity")
	}
	fsys, err := packFS(f.Arg(0))
	if err != nil {
		return err
	}
	finder := basesOf(f.Arg(0))
	if finder == nil {
		finder = pack.In(packs.FS)
	}
	p, err := pack.LoadWith(fsys, finder, remembered(""))
	if err != nil {
		return err
	}
	base, err := text.Base()
	if err != nil {
		return err
	}
	for _, v := range courier.Previews(p, base.With(p.Texts), time.Now()) {
		if *lang != "" && v.Lang != *lang || f.NArg() > 1 && !slices.Contains(f.Args()[1:], v.Template) {
			continue
		}
		fmt.Fprintf(stdout, "%s (%s)\n  %s\n", v.Template, v.Lang, strings.ReplaceAll(strings.TrimSpace(v.Text), "\n", "\n  "))
	}
	return nil
}

// runPostSecret makes a secret for a receiver of webhooks.
func runPostSecret(_ context.Context, args []string, stdout, stderr io.Writer) error {
	f := flags("post secret", "Makes a secret for a receiver of webhooks. Put it first in the secrets file; the one below it stays valid until it is taken out.", "  comity post secret\n", stderr)
	if err := parse(f, args); err != nil {
		return err
	}
	secret := make([]byte, 32)
	rand.Read(secret)
	fmt.Fprintln(stdout, "whsec_"+base64.StdEncoding.EncodeToString(secret))
	return nil
}

const postReplayExamples = `  comity post replay statistics --post /etc/comity/post.yaml --pack ./mycity --from 2026-03-01
  comity post replay statistics --post /etc/comity/post.yaml --pack ./mycity --from 2026-03-01T08:00 --to 2026-03-01T12:00
`

// runPostReplay has a receiver told again; the running city does the telling.
func runPostReplay(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f := flags("post replay RECEIVER --from DAY", "Tells a receiver of webhooks again what happened in a time, within 90 days. The running city does it; receivers know what they have heard by the name of the event.", postReplayExamples, stderr)
	from, to := f.String("from", "", "day or time it begins, in the zone of the city"), f.String("to", "", "day or time it ends (default: now)")
	cf := addCityFlags(f)
	if err := parse(f, args); err != nil {
		return err
	}
	if f.NArg() != 1 || *from == "" {
		return usagef("name the receiver and a beginning: comity post replay statistics --from 2026-03-01")
	}
	c, err := cf.open(ctx, slog.New(slog.NewTextHandler(stderr, nil)))
	if err != nil {
		return err
	}
	defer c.Close()
	zone := c.packs.Current().Zone
	begin, err := timeOf("from", *from, zone)
	if err != nil {
		return err
	}
	end := c.clock.Now()
	if *to != "" {
		if end, err = timeOf("to", *to, zone); err != nil {
			return err
		}
	}
	n, err := c.courier.Replay(ctx, f.Arg(0), begin, end)
	if errors.Is(err, courier.ErrNoHook) {
		return usagef("the file of --post names no receiver %q", f.Arg(0))
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%d events are told again\n", n)
	return nil
}

// timeOf reads a day or a minute.
func timeOf(flag, s string, zone *time.Location) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, "2006-01-02T15:04"} {
		if t, err := time.ParseInLocation(layout, s, zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, usagef("--%s %s: write a day such as 2026-03-01 or a time such as 2026-03-01T08:00", flag, s)
}
