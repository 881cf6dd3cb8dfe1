package ledgertest

import (
	"embed"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"comity/internal/pack"
)

//go:embed fixture
var fixture embed.FS

// Petition is the category of the petitions below.
const Petition = "other.plea"

// added is what the fixture appends to files of the pack.
var added = map[string]string{
	"categories.yaml":  "\n  - {id: other.plea, group: other, procedure: plea, name: {zh-CN: \"Petition\", en: Petition}, route: {level: street}, resident: true}\n",
	"texts/en.yaml":    "\nremedies.plea: \"Reconsideration: within 60 days.\\nThe court: within six months.\"\nretention.plea: Petition files\n",
	"texts/zh-CN.yaml": "\nremedies.plea: \"Reconsideration: within 60 days.\\nThe court: within six months.\"\nretention.plea: Petition files\n",
}

// Petitions is the pack in packDir, a folder seen from the test's own, with three procedures more: a
// petition that uses facts, a seal, links, joint units, papers and acts on behalf, and the two kinds of
// cases it opens.
func Petitions(t testing.TB, packDir string) *pack.Pack {
	t.Helper()
	return once(t, packDir+" with petitions", func() (*pack.Pack, error) { return readPetitions(packDir) })
}

func readPetitions(packDir string) (*pack.Pack, error) {
	files := fstest.MapFS{}
	put := func(fsys fs.FS, dir string) error {
		return fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			raw, err := fs.ReadFile(fsys, name)
			files[path.Join(dir, strings.TrimPrefix(name, "fixture/"))] = &fstest.MapFile{Data: raw}
			return err
		})
	}
	name := filepath.Base(packDir)
	// All packs, since one may stand on another.
	if err := errors.Join(put(os.DirFS(filepath.Dir(packDir)), ""), put(fixture, name)); err != nil {
		return nil, err
	}
	for file, more := range added {
		files[name+"/"+file].Data = append(files[name+"/"+file].Data, more...)
	}
	return pack.LoadFrom(files, name, pack.Unsearched())
}
