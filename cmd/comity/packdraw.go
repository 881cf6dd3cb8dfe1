package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"comity/internal/draw"
	"comity/internal/pack"
	"comity/internal/text"
)

const drawExamples = `  comity pack draw packs/demo                                  list its procedures
  comity pack draw packs/demo service-request > request.svg    draw one
  comity pack draw --lang zh-CN --columns 1 --out p.svg packs/demo service-request
`

// runPackDraw writes one procedure as a picture, or lists what can be drawn. Flags may stand before or
// after the names, because people type them at the end.
func runPackDraw(_ context.Context, args []string, stdout, stderr io.Writer) error {
	f := flags("pack draw DIR [PROCEDURE]", "Draws a procedure: every state a box, every act a line, what the clock does by itself dashed with its term.", drawExamples, stderr)
	lang := f.String("lang", "", "language of the words: en or zh-CN (default: from the environment)")
	columns := f.Int("columns", 3, "boxes side by side, 1 to 4; 1 suits a phone or a narrow column")
	out := f.String("out", "", "file to write (default: standard output)")
	var names []string
	for rest := args; ; {
		if err := parse(f, rest); err != nil {
			return err
		}
		if f.NArg() == 0 {
			break
		}
		names, rest = append(names, f.Arg(0)), f.Args()[1:]
	}
	if len(names) == 0 || len(names) > 2 || *columns < 1 || *columns > draw.MaxColumns {
		return usagef("say `comity pack draw DIR [PROCEDURE]`, with --columns from 1 to %d", draw.MaxColumns)
	}
	p, err := pack.LoadWith(os.DirFS(names[0]), basesOf(names[0]), shipped())
	if err != nil {
		return fmt.Errorf("%s does not load; `comity pack check %s` tells why: %w", names[0], names[0], err)
	}
	base, err := text.Base()
	if err != nil {
		return err
	}
	say := base.With(p.Texts).In(langOf(*lang))
	if len(names) == 1 {
		return listProcedures(p, say, stdout)
	}
	d, ok := p.Procedures[names[1]]
	if !ok {
		return usagef("%s has no procedure %q; it has %v", names[0], names[1], slices.Sorted(maps.Keys(p.Procedures)))
	}
	svg := draw.Draw(d, draw.Words{T: say.T, N: say.N}, draw.Options{Columns: *columns, Phases: p.Phases[d.ID]}).File()
	if *out == "" {
		_, err = io.WriteString(stdout, svg)
		return err
	}
	return os.WriteFile(*out, []byte(svg), 0o644)
}

func listProcedures(p *pack.Pack, say text.Speaker, stdout io.Writer) error {
	for _, id := range slices.Sorted(maps.Keys(p.Procedures)) {
		if _, err := fmt.Fprintf(stdout, "%s\t%s\n", id, say.T("procedure."+id)); err != nil {
			return err
		}
	}
	return nil
}
