package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"comity/internal/pack"
	"comity/internal/story"
)

const storyExamples = `  comity story packs/demo/stories/happy-path.txtar    play one story and show what happened
  comity story --quiet packs/demo/stories/*.txtar     only what does not come true
`

// runStory plays stories in the kernel alone. What happened goes to stdout; expectations that were
// not met are the error, each with file, line and column.
func runStory(_ context.Context, args []string, stdout, stderr io.Writer) error {
	f := flags("story FILE…", "Plays stories: what happens to a case, told line by line, and what everybody must see afterwards (docs/stories.md).", storyExamples, stderr)
	packDir := f.String("pack", "", "folder of the pack; by default the one the story lies in, or packs/ID")
	quiet := f.Bool("quiet", false, "do not show what happened")
	if err := parse(f, args); err != nil {
		return err
	}
	if f.NArg() == 0 {
		return usagef("name at least one story: comity story FILE…")
	}
	var bad []error
	for _, file := range f.Args() {
		transcript, err := playStory(file, *packDir)
		if !*quiet {
			fmt.Fprintf(stdout, "%s\n%s\n", file, transcript)
		}
		if err != nil {
			bad = append(bad, err)
		}
	}
	if len(bad) > 0 {
		return fmt.Errorf("%d of %d stories do not come true:\n%w", len(bad), f.NArg(), errors.Join(bad...))
	}
	fmt.Fprintf(stdout, "%d of %d stories come true\n", f.NArg(), f.NArg())
	return nil
}

func playStory(file, packDir string) (transcript string, err error) {
	src, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	s, err := story.Parse(file, src)
	if err != nil {
		return "", err
	}
	if packDir == "" {
		packDir = packOf(file, s.Pack)
	}
	p, err := pack.LoadWith(os.DirFS(packDir), basesOf(packDir), shipped())
	if err != nil {
		return "", fmt.Errorf("%s: the pack in %s does not load (name another with --pack):\n%w", file, packDir, err)
	}
	return story.Play(s, p, story.NewMemory(p))
}

// packOf finds the folder of the pack: a story lies in its stories folder.
func packOf(file, id string) string {
	dir := filepath.Dir(filepath.Dir(file))
	if _, err := os.Stat(filepath.Join(dir, "pack.yaml")); err == nil {
		return dir
	}
	return filepath.Join("packs", id)
}
