package pack

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"slices"

	"comity/internal/procedure"
)

// Notice is one version of what people are told before they are asked for a consent: the most that a
// consent under it can cover. Its words are the texts consent.notice.ID.VERSION; a version whose words or
// lists change needs another number, since consents keep the digest of the one they were given under.
type Notice struct {
	ID         string        `json:"id"`
	Version    string        `json:"version"`
	Procedures []string      `json:"procedures"` // whose cases it can be asked in
	Purposes   []string      `json:"purposes"`
	Recipients []string      `json:"recipients"`
	Categories []string      `json:"categories"`
	Days       int           `json:"days"`               // a consent lasts no longer
	Guardian   bool          `json:"guardian,omitempty"` // for minors a guardian agrees
	Law        procedure.Law `json:"law"`
	Digest     string        `json:"-"` // over the lists and the words in every language
}

// Key is where its words stand in the texts.
func (n Notice) Key() string { return "consent.notice." + n.ID + "." + n.Version }

// Notice finds a version of a notice.
func (p *Pack) Notice(id, version string) (Notice, bool) {
	i := slices.IndexFunc(p.Notices, func(n Notice) bool { return n.ID == id && n.Version == version })
	if i < 0 {
		return Notice{}, false
	}
	return p.Notices[i], true
}

type noticesFile struct {
	Mark    mark                `yaml:"-"`
	Notices []privacyNoticeYAML `yaml:"notices" doc:"The notices, one entry for each version; earlier versions stay."`
}

type privacyNoticeYAML struct {
	Mark       mark       `yaml:"-"`
	ID         string     `yaml:"id" doc:"Id of the notice."`
	Version    string     `yaml:"version" doc:"Its version: small letters and digits. Whatever changes in it makes another."`
	Procedures []string   `yaml:"procedures" doc:"Procedures in whose cases the consent can be asked for. None whose ground is duty."`
	Title      words      `yaml:"title" doc:"What the consent is for, in a few words."`
	Text       words      `yaml:"text" doc:"What the person is told."`
	Withdrawal words      `yaml:"withdrawal" doc:"How it is taken back, and what then follows and does not follow."`
	Purposes   []itemYAML `yaml:"purposes" doc:"For what the data may be used."`
	Recipients []itemYAML `yaml:"recipients" doc:"Who may get it."`
	Categories []itemYAML `yaml:"categories" doc:"Which data."`
	Days       int        `yaml:"days" doc:"How many days a consent lasts at most."`
	Guardian   bool       `yaml:"guardian" doc:"Where the person is a minor, a guardian or representative agrees."`
	Law        lawRefYAML `yaml:"law" doc:"The article that asks for the consent."`
}

type itemYAML struct {
	Mark mark   `yaml:"-"`
	ID   string `yaml:"id" doc:"Id."`
	Name words  `yaml:"name" doc:"What people read."`
}

// notices reads notices.yaml, after the procedures it names.
func (l *loader) notices() {
	if _, err := fs.Stat(l.fsys, "notices.yaml"); errors.Is(err, fs.ErrNotExist) {
		return
	}
	var f noticesFile
	if !readYAML(l.fsys, "notices.yaml", &f, &l.bad) {
		return
	}
	for _, y := range f.Notices {
		if _, twice := l.p.Notice(y.ID, y.Version); twice {
			l.bad.on(y.Mark, "version %s of notice %q is listed twice", y.Version, y.ID)
		}
		l.p.Notices = append(l.p.Notices, l.notice(y))
	}
}

func (l *loader) notice(y privacyNoticeYAML) Notice {
	b := builder{loader: l}
	n := Notice{ID: y.ID, Version: y.Version, Procedures: y.Procedures, Days: y.Days, Guardian: y.Guardian, Law: b.law(y.Law)}
	l.id(y.Mark, "notice", y.ID)
	l.id(y.Mark, "version", y.Version)
	l.say(y.Mark, n.Key(), y.Text, true)
	l.say(y.Mark, n.Key()+".title", y.Title, true)
	l.say(y.Mark, n.Key()+".withdrawal", y.Withdrawal, true)
	n.Purposes = l.items(n, y.Mark, "purposes", y.Purposes)
	n.Recipients = l.items(n, y.Mark, "recipients", y.Recipients)
	n.Categories = l.items(n, y.Mark, "categories", y.Categories)
	if y.Days <= 0 {
		l.bad.on(y.Mark, "notice %q says how many days a consent lasts at most; give days", y.ID)
	}
	if n.Law.None() {
		l.bad.on(y.Mark, "notice %q names the article that asks for the consent; give law", y.ID)
	}
	for _, id := range y.Procedures {
		d, ok := l.p.Procedures[id]
		if !ok {
			l.bad.on(y.Mark.of("procedures"), "notice %q: there is no procedure %q", y.ID, id)
		} else if d.Basis.Ground == procedure.ByDuty {
			l.bad.on(y.Mark.of("procedures"), "notice %q: cases of %q rest on a duty; nobody is asked for a consent they could not refuse", y.ID, id)
		}
	}
	n.Digest = l.digestOf(n)
	return n
}

func (l *loader) items(n Notice, m mark, list string, items []itemYAML) (ids []string) {
	if len(items) == 0 {
		l.bad.on(m, "notice %q has no %s; a consent without them covers nothing that could be told", n.ID, list)
	}
	for _, y := range items {
		if l.id(y.Mark, list, y.ID); slices.Contains(ids, y.ID) {
			l.bad.on(y.Mark, "notice %q lists %q twice", n.ID, y.ID)
		}
		l.say(y.Mark, n.Key()+"."+list+"."+y.ID, y.Name, true)
		ids = append(ids, y.ID)
	}
	return ids
}

// digestOf covers what the notice says, in every language.
func (l *loader) digestOf(n Notice) string {
	said := map[string]string{}
	for _, lang := range l.p.Langs {
		for key, text := range l.p.Texts[lang] {
			if len(key) >= len(n.Key()) && key[:len(n.Key())] == n.Key() {
				said[lang+" "+key] = text
			}
		}
	}
	raw, err := json.Marshal(struct {
		Notice
		Said map[string]string `json:"said"` // in the order of its keys
	}{n, said})
	if err != nil {
		panic("pack: a notice cannot be written down: " + err.Error()) // plain data only
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}
