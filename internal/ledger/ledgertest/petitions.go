package ledgertest

import (
	"bytes"
	"embed"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"comity/internal/pack"
)

//go:embed fixture/*.yaml
var fixture embed.FS

// Petition is the category of the petitions below.
const Petition = "other.petition"

// added is what the fixture appends to files of the pack.
var added = map[string]string{
	"categories.yaml":  "\n  - {id: other.petition, group: other, procedure: petition, name: {zh-CN: \"Petition\", en: Petition}, route: {level: street}, resident: true}\n",
	"texts/en.yaml":    "\nremedies.petition: \"Reconsideration: within 60 days.\\nThe court: within six months.\"\nretention.petition: Petition files\n",
	"texts/zh-CN.yaml": "\nremedies.petition: \"Reconsideration: within 60 days.\\nThe court: within six months.\"\nretention.petition: Petition files\n",
}

// loaded keeps what was read: the checks of a pack take longer than most tests.
var loaded = struct {
	sync.Mutex
	packs map[string]*pack.Pack
}{packs: map[string]*pack.Pack{}}

// Petitions is the pack in packDir, a folder seen from the test's own, with three procedures more: a
// petition that uses facts, a seal, links, joint units, papers and acts on behalf, and the two kinds of
// cases it opens.
func Petitions(t testing.TB, packDir string) *pack.Pack {
	t.Helper()
	loaded.Lock()
	defer loaded.Unlock()
	if p := loaded.packs[packDir]; p != nil {
		return p
	}
	files := fstest.MapFS{}
	put := func(fsys fs.FS, dir string) {
		err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			raw, err := fs.ReadFile(fsys, name)
			files[path.Join(dir, strings.TrimPrefix(name, "fixture/"))] = &fstest.MapFile{Data: raw}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	name := filepath.Base(packDir)
	put(os.DirFS(filepath.Dir(packDir)), "") // all of them: a pack may stand on another one
	put(fixture, name+"/procedures")
	// With one procedure a pack need not say which a category takes; with several it has to.
	kinds := files[name+"/categories.yaml"]
	kinds.Data = bytes.ReplaceAll(kinds.Data, []byte(", group: "), []byte(", procedure: service-request, group: "))
	for file, more := range added {
		files[name+"/"+file].Data = append(files[name+"/"+file].Data, more...)
	}
	p, err := pack.LoadFrom(files, name)
	if err != nil {
		t.Fatal(err)
	}
	loaded.packs[packDir] = p
	return p
}
