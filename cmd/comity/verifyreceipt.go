package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"comity/internal/consent"
	"comity/internal/receipt"
	"comity/internal/text"
	"comity/internal/vault"
)

const receiptExamples = `  comity verify receipt receipt.json --key std:kq1…
    (exit status 0: true; 1: refused; 2: cannot be told, because the file cannot be read or
    no --key says which key is the city's)
  comity verify receipt - --key std:kq1… --case SR-26-000123 < receipt.txt
`

// runVerifyReceipt checks a receipt with nothing but the file: no database, no pack, no network.
func runVerifyReceipt(args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	f := flags("verify receipt", "Checks the receipt of an event offline: that it is about its case and stands in the log the city signed.", receiptExamples, stderr)
	expect := receipt.Expect{Verify: signedBy}
	f.Func("key", "public key of the city as it publishes it, std:…; may be given more than once, for earlier keys", func(key string) error {
		expect.Keys = append(expect.Keys, key)
		return nil
	})
	f.StringVar(&expect.Case, "case", "", "number of the case the receipt must be about")
	f.StringVar(&expect.Origin, "log", "", "name of the log the receipt must belong to")
	lang := f.String("lang", "", "language of this output: en or zh-CN (default: from the environment)")
	if err := parse(f, args); err != nil {
		return err
	}
	if f.NArg() != 1 {
		return usagef("name one file with a receipt, or - to read it from the input")
	}
	words, err := text.Base()
	if err != nil {
		return err
	}
	raw, err := readReceipt(f.Arg(0), stdin)
	if err != nil {
		return usagef("the receipt cannot be read: %v", err)
	}
	if consent.IsReceipt(raw) {
		return tellConsent(stdout, words.In(langOf(*lang)), raw, expect.Keys)
	}
	return tellReceipt(stdout, words.In(langOf(*lang)), raw, expect)
}

// signedBy checks a signature of any suite the program knows.
func signedBy(key string, msg, sig []byte) bool {
	public, err := vault.ParsePublicKey(key)
	return err == nil && vault.Verify(public, msg, sig)
}

// readReceipt reads no more than a receipt can have; what is cut off is refused as malformed.
func readReceipt(name string, stdin io.Reader) ([]byte, error) {
	in := stdin
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		in = file
	}
	return io.ReadAll(io.LimitReader(in, 1<<20))
}

func tellReceipt(stdout io.Writer, say text.Speaker, raw []byte, expect receipt.Expect) error {
	r, err := receipt.Parse(raw)
	var head receipt.Head
	if err == nil {
		head, err = r.Verify(expect)
	}
	var bad *receipt.Problem
	if errors.As(err, &bad) {
		fmt.Fprintln(stdout, say.T("cli.receipt.false", "reason", bad.Reason, "why", say.T(bad.Key())))
		return errors.New("the receipt is refused: " + bad.Reason)
	}
	if err != nil {
		return err
	}
	const moment = "2006-01-02 15:04:05 UTC"
	facts := []string{"event", r.Event, "case", r.Case, "at", r.At.UTC().Format(moment), "pos", strconv.FormatInt(r.Pos, 10),
		"origin", head.Origin, "size", strconv.FormatInt(head.Size, 10), "signed", head.At.In(time.UTC).Format(moment)}
	if len(expect.Keys) == 0 {
		fmt.Fprintln(stdout, say.T("cli.receipt.unproven", facts...))
		fmt.Fprintln(stdout, r.Key)
		return usagef("no --key was given, so nobody knows whose signature this is")
	}
	fmt.Fprintln(stdout, say.T("cli.receipt.true", facts...))
	return nil
}

// tellConsent checks the receipt of a consent.
func tellConsent(stdout io.Writer, say text.Speaker, raw []byte, keys []string) error {
	r, err := consent.ParseReceipt(raw, keys...)
	if err != nil {
		fmt.Fprintln(stdout, say.T("cli.receipt.consent.false", "why", err.Error()))
		return errors.New("the receipt is refused: " + err.Error())
	}
	const day = "2006-01-02"
	fmt.Fprintln(stdout, say.T("cli.receipt.consent.true", "id", r.ID, "notice", r.Notice, "version", r.Version, "at", r.At.Format(day), "until", r.Until.Format(day)))
	if len(keys) == 0 {
		return usagef("no --key was given, so nobody knows whose signature this is")
	}
	return nil
}
