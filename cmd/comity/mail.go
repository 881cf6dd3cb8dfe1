package main

import (
	"context"
	"fmt"
	"io"

	"comity/internal/inmail"
)

// takeMail has the city take in what people write by mail, and tell in its own mails where an answer goes.
func (c *city) takeMail(file string) error {
	cfg, err := inmail.Load(file)
	if err != nil {
		return err
	}
	d := inmail.Deps{Ledger: c.ledger, Reader: c.reader, Packs: c.packs, Words: c.wordings, Files: c.files, Now: c.clock.Now, Log: c.log, Door: inmail.Door{Secret: c.secret}}
	cfg.Apply(&d)
	if c.mail, err = inmail.New(d); err != nil {
		return err
	}
	c.courier.Reply = d.Door.Reply
	return nil
}

const postMailExamples = `  comity post mail /etc/comity/mail.yaml
  comity post mail --connect /etc/comity/mail.yaml   (sign in to the mailbox too; nothing is fetched)

A file to begin with:

  address: help@city.example
  folder: /var/lib/comity-mail
  keep_days: 7
  imap:
    host: imap.city.example
    user: help@city.example
    password_file: /etc/comity/imap.password
`

// runPostMail reads the operator's file of inbound mail.
func runPostMail(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f := flags("post mail FILE", "Checks the file that says where mail from residents comes from (comity serve --mail FILE).", postMailExamples, stderr)
	connect := f.Bool("connect", false, "sign in to the mailbox and open it; nothing is fetched")
	if err := parse(f, args); err != nil {
		return err
	}
	if f.NArg() != 1 {
		return usagef("name one file: comity post mail /etc/comity/mail.yaml")
	}
	c, err := inmail.Load(f.Arg(0))
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s  %s\n", c.Address, c.Where())
	if !*connect {
		return nil
	}
	if err := c.Check(ctx); err != nil {
		return fmt.Errorf("%s: %w", c.Where(), err)
	}
	fmt.Fprintln(stdout, "it answers")
	return nil
}
