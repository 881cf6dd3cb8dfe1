package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"comity/internal/pack"
	"comity/internal/text"
)

const lawExamples = `  comity pack law packs/demo               which article is behind which rule, and what is missing
  comity pack law --lang zh-CN mypack
  comity pack law --json mypack
`

// runPackLaw holds a pack against the law it cites: articles without a rule, rules without an article.
func runPackLaw(_ context.Context, args []string, stdout, stderr io.Writer) error {
	f := flags("pack law DIR", "Lists the rules that come from each article, the articles without a rule and the rules without an article.", lawExamples, stderr)
	lang := f.String("lang", "", "language of the answer: en or zh-CN (default: from the environment)")
	asJSON := f.Bool("json", false, "print the list as JSON")
	if err := parse(f, args); err != nil {
		return err
	}
	if f.NArg() != 1 {
		return usagef("name one folder: comity pack law DIR")
	}
	base, err := text.Base()
	if err != nil {
		return err
	}
	dir := f.Arg(0)
	p, err := pack.LoadWith(os.DirFS(dir), basesOf(dir), shipped())
	if err != nil {
		return err
	}
	c := p.Coverage()
	if *asJSON {
		return writeJSON(stdout, c)
	}
	say := base.With(p.Texts).In(langOf(*lang))
	rule := func(r pack.Rule) string {
		of := say.T("cli.diff.kind.explorer")
		if r.Procedure != "" {
			of = say.T("procedure." + r.Procedure)
		}
		return say.T("law.rule", "procedure", of, "kind", say.T("law.kind."+r.Kind), "name", r.Name(say))
	}
	for _, a := range c.Articles {
		verified := say.T("law.unverified")
		if a.Verified != "" {
			verified = say.T("law.verified", "day", a.Verified)
		}
		fmt.Fprintf(stdout, "%s  %s\n", say.T("law.article", "law", say.T("law."+a.Law+".short"), "article", a.Article), verified)
		if len(a.Rules) == 0 {
			fmt.Fprintln(stdout, "    "+say.T("law.norule"))
		}
		for _, r := range a.Rules {
			fmt.Fprintln(stdout, "    "+rule(r))
		}
	}
	if len(c.Without) > 0 {
		fmt.Fprintln(stdout, say.T("law.without"))
	}
	for _, r := range c.Without {
		fmt.Fprintln(stdout, "    "+rule(r))
	}
	fmt.Fprintln(stdout, say.T("law.sum", "articles", fmt.Sprint(len(c.Articles)), "bare", fmt.Sprint(c.Bare()), "rules", fmt.Sprint(c.Rules()), "without", fmt.Sprint(len(c.Without))))
	return nil
}
