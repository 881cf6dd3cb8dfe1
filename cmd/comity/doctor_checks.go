package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"comity/internal/backup"
	"comity/internal/courier/gateway"
	"comity/internal/db"
	"comity/internal/file"
	"comity/internal/inmail"
	"comity/internal/ledger"
	operatormaps "comity/internal/maps"
	"comity/internal/pack"
	"comity/internal/procedure"
	"comity/internal/receipt"
	"comity/internal/synced"
	"comity/internal/trace"
	"comity/internal/vault"
	"comity/internal/worktime"
)

// Bounds beyond which something is worth a word.
const (
	clockMayJump     = 200 * time.Millisecond // between two looks at it
	clockMayDiffer   = 2 * time.Second        // from that of the database server
	diskShouldHave   = 2 << 30                // bytes
	diskMustHave     = 200 << 20
	calendarAhead    = 90 // days for which holidays should be known: the terms of most procedures
	backupShouldBe   = 30 * time.Hour
	followedShouldBe = 5 * time.Minute
	followedMustBe   = 30 * time.Minute // as the alert has it: a copy of everything may take that long
	backupMustBe     = 8 * 24 * time.Hour
	keyBackupsUntil  = 30 * 24 * time.Hour // after which a copy of the keys opens what was erased
	surveyShouldBe   = 48 * time.Hour
	oldestPostgres   = 140000 // the oldest version its makers still mend
)

// clock looks whether time passes evenly.
func (d *doctor) clock() {
	begun := time.Now()
	time.Sleep(50 * time.Millisecond)
	ended := time.Now()
	jump := ended.Round(0).Sub(begun.Round(0)) - ended.Sub(begun) // Round takes the monotonic part away
	if jump.Abs() > clockMayJump {
		d.tell("clock", odd, "doctor.clock.jumped", "by", jump.Round(time.Millisecond).String())
	} else {
		d.tell("clock", good, "doctor.clock.good", "now", ended.UTC().Format("2006-01-02 15:04:05Z"))
	}
}

// names reads the address of the site and its further names, as a start would.
func (d *doctor) names() {
	_, err := hostNames(d.cfg.Base, d.hosts)
	switch {
	case err != nil:
		d.tell("base", wrong, "doctor.base.wrong", "error", err.Error())
	case d.cfg.Base == "":
		d.tell("base", odd, "doctor.base.none")
	default:
		d.tell("base", good, "doctor.base.good", "base", d.cfg.Base)
	}
}

// folders looks at data and keys. foreign says that the data belong to somebody else than whoever looks, and must
// not be touched: files made by another user would stand in the way of the service.
func (d *doctor) folders() (foreign bool) {
	foreign = d.folder("data", d.cfg.Data)
	foreign = d.folder("keys", keysFolder(d.cfg)) || foreign
	if err := vault.Outside(keysFolder(d.cfg), d.cfg.Data); err != nil {
		d.tell("keys", wrong, "doctor.keys.inside", "error", err.Error())
	}
	return foreign
}

func (d *doctor) folder(what, dir string) (foreign bool) {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.tell(what, odd, "doctor."+what+".none", "dir", dir)
		return false
	case err != nil:
		d.tell(what, wrong, "doctor.folder.closed", "dir", dir, "error", err.Error())
		return true
	case !info.IsDir():
		d.tell(what, wrong, "doctor.folder.file", "dir", dir)
		return true
	}
	if d.foreign(what, "doctor.folder.owner", info, "dir", dir) {
		return true
	}
	if info.Mode().Perm()&0o077 != 0 {
		d.tell(what, wrong, "doctor.folder.mode", "dir", dir, "mode", fmt.Sprintf("%04o", info.Mode().Perm()))
	}
	if err := keeps(dir); err != nil {
		d.tell(what, wrong, "doctor.folder.write", "dir", dir, "error", err.Error())
		return false
	}
	d.space(what, dir)
	return false
}

// foreign tells of a folder or file that belongs to another user.
func (d *doctor) foreign(what, key string, info fs.FileInfo, figures ...string) bool {
	owner, known := ownerOf(info)
	if !known || owner == os.Geteuid() {
		return false
	}
	d.tell(what, wrong, key, append(figures, "owner", strconv.Itoa(owner), "me", strconv.Itoa(os.Geteuid()))...)
	return true
}

// keeps writes a file in a folder, asks the disk to keep it, and takes it away again.
func keeps(dir string) error {
	f, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		return err
	}
	_, err = f.WriteString("comity doctor")
	err = errors.Join(err, f.Sync(), f.Close())
	return errors.Join(err, os.Remove(f.Name()), synced.Path(dir))
}

func (d *doctor) space(what, dir string) {
	free, known := freeBytes(dir)
	if !known {
		d.tell(what, good, "doctor.folder.good", "dir", dir)
		return
	}
	state, key := good, "doctor.folder.free"
	switch {
	case free < diskMustHave:
		state, key = wrong, "doctor.folder.full"
	case free < diskShouldHave:
		state, key = odd, "doctor.folder.full"
	}
	d.tell(what, state, key, "dir", dir, "free", fmt.Sprintf("%.1f", float64(free)/(1<<30)))
}

// pack loads the pack as a start would. The calendars that cases of the city run by are told one by one.
func (d *doctor) pack(name string) *pack.Pack {
	fsys, err := packFS(name)
	if err != nil {
		d.tell("pack", wrong, "doctor.pack.wrong", "error", err.Error())
		return nil
	}
	d.cfg.Pack, d.cfg.Bases = fsys, basesOf(name)
	p, err := pack.LoadWith(fsys, d.cfg.Bases, remembered(d.cfg.Data))
	if err != nil {
		d.tell("pack", wrong, "doctor.pack.wrong", "error", err.Error())
		return nil
	}
	if p.Abstract {
		d.tell("pack", wrong, "doctor.pack.base", "pack", p.ID)
		return nil
	}
	d.tell("pack", good, "doctor.pack.good", "pack", p.ID, "version", p.Version, "zone", p.Zone.String())
	now := d.cfg.Clock.Now()
	for _, id := range slices.Sorted(maps.Keys(p.Calendars)) {
		c := p.Calendars[id]
		left := int(c.KnownUntil) - int(worktime.DayOf(now.In(p.Zone).Date()))
		state, key := good, "doctor.calendar.good"
		switch {
		case left < 0:
			state, key = wrong, "doctor.calendar.over"
		case left < calendarAhead:
			state, key = odd, "doctor.calendar.soon"
		}
		d.tell("calendar", state, key, "id", id, "version", c.Version, "until", c.KnownUntil.String())
	}
	return p
}

// database looks at the server, the tables and what the last survey found.
func (d *doctor) database(ctx context.Context, current *pack.Pack, foreign bool) {
	if foreign {
		d.tell("database", unseen, "doctor.database.foreign")
		return
	}
	if current == nil {
		d.tell("database", unseen, "doctor.database.packless")
		return
	}
	there, all := true, append([]string{procedure.Civic}, others(current)...)
	for _, compartment := range all {
		there = d.databaseThere(ctx, compartment, len(all)) && there
	}
	if !there {
		return
	}
	c, err := openCity(ctx, d.cfg)
	switch {
	case errors.Is(err, db.ErrPending):
		d.tell("schema", odd, "doctor.schema.older", "error", err.Error())
		return
	case errors.Is(err, db.ErrNewer):
		d.tell("schema", wrong, "doctor.schema.newer", "error", err.Error())
		return
	case err != nil:
		d.tell("city", wrong, "doctor.city.wrong", "error", err.Error())
		return
	}
	defer c.Close()
	d.tell("schema", good, "doctor.schema.good", "program", version())
	d.kept(ctx, c, current)
	d.measured(ctx, c)
	for _, r := range c.all() {
		d.surveyed(ctx, r)
		d.jobs(ctx, r)
		d.steps(ctx, r)
	}
}

// steps tells of changes of the tables that are not done, and of nodes of several versions.
func (d *doctor) steps(ctx context.Context, r *rooms) {
	if r.db.Engine() == db.SQLite {
		return
	}
	plan, err := r.db.Plan(ctx, migrations(r.compartment)...)
	if err != nil {
		d.tell("schema", wrong, "doctor.steps.wrong", "compartment", r.compartment, "error", err.Error())
		return
	}
	if n := len(plan.Steps()); n > 0 {
		d.tell("schema", odd, "doctor.steps.left", "compartment", r.compartment, "n", strconv.Itoa(n))
	}
	versions, alive := map[string]bool{}, 0
	for _, n := range plan.Nodes {
		if n.Alive {
			versions[n.Version] = true
			alive++
		}
	}
	switch {
	case len(versions) > 1:
		d.tell("nodes", odd, "doctor.nodes.mixed", "compartment", r.compartment, "n", strconv.Itoa(alive), "versions", strings.Join(slices.Sorted(maps.Keys(versions)), ", "))
	case alive > 0:
		d.tell("nodes", good, "doctor.nodes.good", "compartment", r.compartment, "n", strconv.Itoa(alive))
	}
}

// measured tells of a city that holds nobody's matters: as something odd, since who asks may believe it is theirs.
func (d *doctor) measured(ctx context.Context, c *city) {
	mark, ok, err := c.reader.Measured(ctx)
	switch {
	case err != nil:
		d.tell("city", wrong, "doctor.city.wrong", "error", err.Error())
	case ok && mark.Ended.IsZero():
		d.tell("measured", wrong, "doctor.measured.half")
	case ok:
		d.tell("measured", odd, "doctor.measured", "cases", strconv.Itoa(mark.Done))
	}
}

// databaseThere tells whether a compartment's database and keys can be opened without making anything.
// all is how many compartments the city has, each with a pool of connections.
func (d *doctor) databaseThere(ctx context.Context, compartment string, all int) bool {
	dsn, err := databaseOf(d.cfg, compartment)
	if err != nil {
		d.tell("database", wrong, "doctor.database.wrong", "compartment", compartment, "error", err.Error())
		return false
	}
	if name, lite := db.FileOf(dsn); lite {
		info, err := os.Stat(name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			d.tell("database", odd, "doctor.database.none", "compartment", compartment, "file", name)
			return false
		case err != nil:
			d.tell("database", wrong, "doctor.database.wrong", "compartment", compartment, "error", err.Error())
			return false
		case d.foreign("database", "doctor.database.owner", info, "compartment", compartment, "file", name):
			return false
		}
	}
	ctx, done := context.WithTimeout(ctx, patience)
	defer done()
	base, err := db.OpenReading(ctx, dsn, d.cfg.Clock.Now)
	if err != nil {
		d.tell("database", wrong, "doctor.database.wrong", "compartment", compartment, "error", err.Error())
		return false
	}
	defer base.Close()
	if base.Engine() == db.Postgres && compartment == procedure.Civic {
		d.postgres(ctx, base, all)
	}
	fresh, err := base.Fresh(ctx)
	since, unfinished, moving := base.MoveUnfinished(ctx)
	switch {
	case errors.Join(err, moving) != nil:
		d.tell("database", wrong, "doctor.database.wrong", "compartment", compartment, "error", errors.Join(err, moving).Error())
	case unfinished:
		d.tell("database", wrong, "doctor.database.moving", "compartment", compartment, "since", since.Format("2006-01-02 15:04Z"))
	case fresh:
		d.tell("database", odd, "doctor.database.fresh", "compartment", compartment)
	case !vault.Exists(keysFolder(d.cfg), vault.Compartment(compartment)) || !exists(filepath.Join(d.cfg.Data, "secret")):
		d.tell("keys", wrong, "doctor.keys.missing", "compartment", compartment, "dir", keysFolder(d.cfg))
	default:
		d.tell("database", good, "doctor.database.good", "compartment", compartment, "engine", string(base.Engine()))
		return true
	}
	return false
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// postgres looks at the settings on which an acknowledged commit rests, and at room for this program's connections.
func (d *doctor) postgres(ctx context.Context, base *db.DB, compartments int) {
	set, at, err := base.Settings(ctx)
	if err != nil {
		d.tell("postgres", wrong, "doctor.postgres.unread", "error", err.Error())
		return
	}
	worst := good
	tell := func(state int, key string, figures ...string) {
		worst = max(worst, state)
		d.tell("postgres", state, key, figures...)
	}
	for _, name := range []string{"fsync", "full_page_writes", "synchronous_commit"} {
		if set[name] == "off" {
			tell(wrong, "doctor.postgres.unsafe", "name", name)
		}
	}
	if set["synchronous_commit"] == "local" {
		tell(odd, "doctor.postgres.local")
	}
	if set["server_encoding"] != "UTF8" {
		tell(wrong, "doctor.postgres.encoding", "is", set["server_encoding"])
	}
	room := number(set["max_connections"]) - number(set["superuser_reserved_connections"])
	if need := db.Connections * compartments; room < need {
		tell(odd, "doctor.postgres.connections", "has", strconv.Itoa(room), "need", strconv.Itoa(need))
	}
	if number(set["server_version_num"]) < oldestPostgres {
		tell(odd, "doctor.postgres.old", "version", set["server_version"])
	}
	if off := time.Since(at); off.Abs() > clockMayDiffer {
		tell(odd, "doctor.postgres.clock", "by", off.Round(time.Second).String())
	}
	if worst == good {
		d.tell("postgres", good, "doctor.postgres.good", "version", set["server_version"], "connections", strconv.Itoa(room))
	}
}

func number(s string) int {
	n, _ := strconv.Atoi(s) // a server that says something else is told as 0
	return n
}

// kept holds the pack against those the city keeps.
func (d *doctor) kept(ctx context.Context, c *city, current *pack.Pack) {
	all, err := ledger.KeptPacks(ctx, c.db)
	switch {
	case err != nil:
		d.tell("pack", wrong, "doctor.pack.wrong", "error", err.Error())
		return
	case len(all) == 0:
		return
	}
	last := all[len(all)-1]
	state, key := good, "doctor.pack.new"
	switch {
	case last.Digest == current.Digest:
		key = "doctor.pack.same"
	case slices.ContainsFunc(all, func(k ledger.PackVersion) bool { return k.Digest == current.Digest }):
		state, key = odd, "doctor.pack.back"
	case last.Name != current.ID:
		state, key = odd, "doctor.pack.other"
	case last.Version == current.Version:
		state, key = odd, "doctor.pack.unversioned"
	}
	d.tell("pack", state, key, "version", current.Version, "last", last.Name+" "+last.Version, "digest", current.Digest[:min(12, len(current.Digest))])
}

// surveyed tells what the last nightly survey of a compartment found; comity verify takes a new one.
func (d *doctor) surveyed(ctx context.Context, r *rooms) {
	found, err := r.reader.Findings(ctx)
	if err != nil {
		d.tell("invariants", wrong, "doctor.survey.unread", "compartment", r.compartment, "error", err.Error())
		return
	}
	if len(found) == 0 {
		d.tell("invariants", unseen, "doctor.survey.none", "compartment", r.compartment)
		return
	}
	at, broken := found[0].At.UTC().Format("2006-01-02 15:04Z"), []string{}
	for _, f := range found {
		if f.Count > 0 {
			broken = append(broken, f.Name+" "+strconv.Itoa(f.Count))
		}
	}
	switch {
	case len(broken) > 0:
		d.tell("invariants", wrong, "doctor.survey.broken", "compartment", r.compartment, "at", at, "names", strings.Join(broken, ", "))
	case d.cfg.Clock.Now().Sub(found[0].At) > surveyShouldBe:
		d.tell("invariants", odd, "doctor.survey.old", "compartment", r.compartment, "at", at)
	default:
		d.tell("invariants", good, "doctor.survey.good", "compartment", r.compartment, "at", at)
	}
}

// jobs tells of those that were given up.
func (d *doctor) jobs(ctx context.Context, r *rooms) {
	dead, err := r.runner.CountDead(ctx)
	switch {
	case err != nil:
		d.tell("jobs", wrong, "doctor.jobs.unread", "compartment", r.compartment, "error", err.Error())
	case dead > 0:
		d.tell("jobs", odd, "doctor.jobs.dead", "compartment", r.compartment, "n", strconv.FormatInt(dead, 10))
	default:
		d.tell("jobs", good, "doctor.jobs.good", "compartment", r.compartment)
	}
}

// outside reads the files that name other machines, and greets those unless told not to.
func (d *doctor) outside(ctx context.Context) {
	if d.cfg.Post != "" {
		d.post(ctx)
	}
	if d.mail != "" {
		c, err := inmail.Load(d.mail)
		if err == nil && !d.offline {
			err = c.Check(ctx)
		}
		d.answered("mail", d.mail, err)
	}
	if d.cfg.Maps != "" {
		_, err := operatormaps.Load(d.cfg.Maps)
		d.answered("maps", d.cfg.Maps, err)
	}
	if d.cfg.Files != "" {
		d.files(ctx)
	}
	if d.traces.Collector != "" {
		d.collector(ctx)
	}
	if d.cfg.Witness != "" {
		d.witness(ctx)
	}
	if d.cfg.Archive != "" {
		if err := keeps(d.cfg.Archive); err != nil {
			d.tell("archive", wrong, "doctor.folder.write", "dir", d.cfg.Archive, "error", err.Error())
		} else {
			d.space("archive", d.cfg.Archive)
		}
	}
}

// answered tells how a file of the operator's, or what it names, does.
func (d *doctor) answered(what, name string, err error) {
	switch {
	case err != nil:
		d.tell(what, wrong, "doctor.outside.wrong", "what", what, "name", name, "error", err.Error())
	case d.offline:
		d.tell(what, good, "doctor.outside.reads", "what", what, "name", name)
	default:
		d.tell(what, good, "doctor.outside.good", "what", what, "name", name)
	}
}

func (d *doctor) collector(ctx context.Context) {
	name := withoutPassword(d.traces.Collector)
	if d.offline {
		d.tell("traces", unseen, "doctor.outside.unasked", "what", "traces", "name", name)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	d.answered("traces", name, trace.Greet(ctx, d.traces))
}

func (d *doctor) witness(ctx context.Context) {
	name := withoutPassword(d.cfg.Witness)
	if d.offline {
		d.tell("witness", unseen, "doctor.outside.unasked", "what", "witness", "name", name)
		return
	}
	head, err := fetched(ctx, d.cfg.Witness)
	if err == nil {
		_, err = receipt.ParseHead(head)
	}
	d.answered("witness", name, err)
}

func (d *doctor) post(ctx context.Context) {
	ctx, done := context.WithTimeout(ctx, 4*patience) // for all who are greeted together
	defer done()
	c, err := gateway.Load(d.cfg.Post)
	if err != nil || d.offline {
		d.answered("post", d.cfg.Post, err)
		return
	}
	d.tell("post", good, "doctor.outside.reads", "what", "post", "name", d.cfg.Post)
	// Nobody ends the round: everybody who does not answer is told.
	_ = greet(ctx, c, func(kind, name string, _ int, err error) error {
		d.answered("post", kind+" "+name, err)
		return nil
	})
}

func (d *doctor) files(ctx context.Context) {
	f, err := filesConfig(d.cfg.Files)
	var at file.Store
	if err == nil {
		at, err = storeOf(f, filesOf(d.cfg.Data, procedure.Civic), procedure.Civic)
	}
	if err == nil && at.Scan == nil {
		d.tell("files", odd, "doctor.files.unscanned", "name", d.cfg.Files)
	}
	if err != nil || d.offline {
		d.answered("files", d.cfg.Files, err)
		return
	}
	ctx, done := context.WithTimeout(ctx, 2*patience)
	defer done()
	if at.Scan != nil {
		_, err := at.Scan(ctx, strings.NewReader("comity doctor"))
		d.answered("files", f.Scanner.Clamd, err)
	}
	if at.Bucket != nil {
		d.answered("files", f.Bucket.Endpoint, reached(ctx, at.Bucket))
	}
}

// reached asks a bucket for a file that cannot be there; that it says so is the answer.
func reached(ctx context.Context, b file.Bucket) error {
	r, err := b.Get(ctx, "doctor")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		return r.Close()
	}
	return err
}

// followed tells whether a follower that once began still ships.
func (d *doctor) followed() {
	at, err := backup.Followed(d.cfg.Data)
	state, key := good, "doctor.followed.good"
	switch age := d.cfg.Clock.Now().Sub(at); {
	case err != nil:
		d.tell("follow", wrong, "doctor.followed.unread", "error", err.Error())
		return
	case at.IsZero():
		return
	case age > followedMustBe:
		state, key = wrong, "doctor.followed.old"
	case age > followedShouldBe:
		state, key = odd, "doctor.followed.old"
	}
	d.tell("follow", state, key, "dir", d.cfg.Data, "at", at.Format("2006-01-02 15:04:05Z"))
}

// backup looks for the newest backup of the data and for copies of the keys that are too old to be kept.
func (d *doctor) backup() {
	if d.backups == "" {
		d.tell("backup", unseen, "doctor.backup.unasked")
		return
	}
	now := d.cfg.Clock.Now()
	data, keys, err := backupsIn(d.backups)
	if err != nil {
		d.tell("backup", wrong, "doctor.backup.unread", "dir", d.backups, "error", err.Error())
		return
	}
	if len(data) == 0 {
		d.tell("backup", wrong, "doctor.backup.none", "dir", d.backups)
	} else {
		newest := slices.MaxFunc(data, time.Time.Compare)
		state, key := good, "doctor.backup.good"
		switch age := now.Sub(newest); {
		case age > backupMustBe:
			state, key = wrong, "doctor.backup.old"
		case age > backupShouldBe:
			state, key = odd, "doctor.backup.old"
		}
		d.tell("backup", state, key, "dir", d.backups, "at", newest.Format("2006-01-02 15:04Z"))
	}
	if len(keys) > 0 {
		if oldest := slices.MinFunc(keys, time.Time.Compare); now.Sub(oldest) > keyBackupsUntil {
			d.tell("backup", wrong, "doctor.backup.keys", "dir", d.backups, "at", oldest.Format("2006-01-02 15:04Z"))
		}
	}
}

// backupsIn lists when the backups were made that lie in a folder or in the folders in it.
func backupsIn(dir string) (data, keys []time.Time, err error) {
	if _, err := os.ReadDir(dir); err != nil {
		return nil, nil, err
	}
	for _, pattern := range []string{"", "*", "*/*"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern, manifestFile))
		if err != nil {
			return nil, nil, err
		}
		for _, name := range found {
			if m, err := readManifest(filepath.Dir(name), dataFormat); err == nil {
				data = append(data, m.At)
			} else if m, err := readManifest(filepath.Dir(name), keysFormat); err == nil {
				keys = append(keys, m.At)
			}
		}
		if found, err = filepath.Glob(filepath.Join(dir, pattern, backup.StatusFile)); err != nil {
			return nil, nil, err
		}
		for _, name := range found {
			s, err := backup.ReadStatus(filepath.Dir(name))
			switch {
			case err == nil && s.Kind == backup.Data:
				data = append(data, s.At)
			case err == nil:
				keys = append(keys, s.Oldest)
			}
		}
	}
	return data, keys, nil
}
