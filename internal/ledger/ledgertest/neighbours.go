package ledgertest

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"
	"testing/fstest"
)

// Neighboured is the demo's pack with a unit that works on a system of its own: unit and exchange as docs/neighbours.md
// has them, so that what the page says is what is tested. root is the folder of the project.
func Neighboured(root string) (fstest.MapFS, error) {
	page, err := os.ReadFile(path.Join(root, "docs/neighbours.md"))
	if err != nil {
		return nil, err
	}
	blocks := strings.Split(string(page), "```yaml\n")
	if len(blocks) < 3 {
		return nil, errors.New("docs/neighbours.md has no unit and no neighbours.yaml")
	}
	block := func(i int) string { s, _, _ := strings.Cut(blocks[i], "```"); return s }
	out := fstest.MapFS{"neighbours.yaml": &fstest.MapFile{Data: []byte(block(2))}}
	demo := os.DirFS(path.Join(root, "packs/demo"))
	err = fs.WalkDir(demo, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := fs.ReadFile(demo, name)
		if name == "units.yaml" {
			raw = append(raw, "\n"+block(1)...)
		}
		out[name] = &fstest.MapFile{Data: raw}
		return err
	})
	return out, err
}
