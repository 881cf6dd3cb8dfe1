package pack

import (
	"slices"
	"strings"
	"time"

	"comity/internal/authz"
	"comity/internal/procedure"
	"comity/internal/worktime"
)

// Post is what a city settles about its messages: who looks after those that did not arrive, when people
// are left in peace, and how soon the same thing is not said again. A pack writes it in post.yaml.
type Post struct {
	Keepers  []authz.Role  // look after deliveries of their unit and of those below it
	Again    time.Duration // the same template about the same case is not sent again within this time; 0 = no limit
	Urgent   []string      // templates that are never held or left out
	Channels []string      // held in quiet hours
	Calendar string        // whose zone and days count; empty: there are no quiet hours
	From, To int           // minutes after midnight; From may be the later one
	Inbound  string        // category of what comes by mail, until somebody has sorted it; empty: no mail is taken in
	DaysOff  bool          // days on which the calendar does not work are quiet throughout
}

// Hurries says that a template is urgent by law.
func (p *Post) Hurries(template string) bool { return p != nil && slices.Contains(p.Urgent, template) }

// Until is when a message may leave that wants to leave now: now, or the end of the quiet hours.
func (p *Post) Until(channel, template string, now time.Time, calendars map[string]*worktime.Calendar) time.Time {
	if p == nil || p.Hurries(template) || !slices.Contains(p.Channels, channel) {
		return now
	}
	c := calendars[p.Calendar]
	if c == nil {
		return now
	}
	const enough = 400 // days; a calendar that never works must not turn this into a search without end
	for range enough {
		later := p.next(c, now)
		if later.Equal(now) {
			break
		}
		now = later
	}
	return now
}

// next is now outside quiet hours, else the end of the quiet hours of this day.
func (p *Post) next(c *worktime.Calendar, now time.Time) time.Time {
	day := c.DayAt(now)
	at := func(d worktime.Day, minute int) time.Time { return c.InstantAt(d, 0, minute, 0, 0) }
	if p.DaysOff && !c.Working(day) {
		return at(day+1, p.To)
	}
	begins, ends := at(day, p.From), at(day, p.To)
	switch {
	case p.From < p.To:
		if !now.Before(begins) && now.Before(ends) {
			return ends
		}
	case now.Before(ends):
		return ends
	case !now.Before(begins):
		return at(day+1, p.To)
	}
	return now
}

type postFile struct {
	Mark    mark      `yaml:"-"`
	Keepers []string  `yaml:"keepers" doc:"Roles that look after what did not arrive, for their unit and those below it."`
	Again   int       `yaml:"again_minutes" doc:"Within so many minutes the same text about the same case is not sent to the same person again; left out, it always is."`
	Urgent  []string  `yaml:"urgent" doc:"Templates (notice.NAME without notice.) that are sent at once and always, because a law wants it."`
	Inbound string    `yaml:"inbound" doc:"Category that a mail from a resident is filed under until a person has sorted it; without it no mail is taken in."`
	Quiet   quietYAML `yaml:"quiet" doc:"When people are left in peace."`
}

type quietYAML struct {
	Mark     mark     `yaml:"-"`
	Channels []string `yaml:"channels" enum:"channel" doc:"What is held: sms, chat, mail, letter."`
	Calendar string   `yaml:"calendar" doc:"The calendar whose zone and days count."`
	From     string   `yaml:"from" doc:"Time of day from which nothing is sent, such as 21:30."`
	To       string   `yaml:"to" doc:"Time of day from which messages leave again, such as 08:00."`
	DaysOff  bool     `yaml:"days_off" doc:"Days on which the calendar does not work are quiet throughout."`
}

// PostChannels are the ways a message can go.
var PostChannels = []string{"mail", "sms", "chat", "letter"}

const mostAgain = 24 * 60

// post reads post.yaml; in a pack without it nothing is held and nobody has the pages of deliveries.
func (l *loader) post() {
	if !l.has("post.yaml") {
		return
	}
	var f postFile
	if !readYAML(l.fsys, "post.yaml", &f, &l.bad) {
		return
	}
	p := &Post{Urgent: f.Urgent, Again: time.Duration(f.Again) * time.Minute}
	for _, r := range f.Keepers {
		p.Keepers = append(p.Keepers, authz.Role(r))
	}
	if f.Again < 0 || f.Again > mostAgain {
		l.bad.on(f.Mark.of("again_minutes"), "again_minutes is %d; it is 0 to %d", f.Again, mostAgain)
	}
	for _, t := range f.Urgent {
		l.id(f.Mark.of("urgent"), "template", t)
	}
	l.quiet(f.Quiet, p)
	l.inbound(f, p)
	l.p.Post = p
	b := builder{loader: l}
	held := b.rolesHeld()
	if !l.p.Abstract && !slices.ContainsFunc(f.Keepers, func(r string) bool { return held[r] }) {
		l.p.Warnings = append(l.p.Warnings, f.Mark.of("keepers").String()+": no unit has one of the roles that look after messages; nobody sees what did not arrive")
	}
}

// inbound holds the category of mail to what a mail can give: it answers no questions.
func (l *loader) inbound(f postFile, p *Post) {
	if p.Inbound = f.Inbound; f.Inbound == "" || l.p.Abstract {
		return
	}
	m := f.Mark.of("inbound")
	c, ok := l.p.Category(f.Inbound)
	d := l.p.ProcedureFor(f.Inbound)
	switch {
	case !ok || d == nil:
		l.bad.on(m, "inbound: there is no category %q", f.Inbound)
	case !c.Resident || d.Compartment != procedure.Civic:
		l.bad.on(m, "inbound: category %q is not one residents choose in a civic procedure", f.Inbound)
	default:
		for _, x := range d.Intake {
			if x.Required {
				l.bad.on(m, "inbound: procedure %q asks for %q, which a mail does not answer; name a category without such a question", d.ID, x.Name)
			}
		}
	}
}

func (l *loader) quiet(y quietYAML, p *Post) {
	if len(y.Channels) == 0 {
		return
	}
	for _, c := range y.Channels {
		if !slices.Contains(PostChannels, c) {
			l.bad.on(y.Mark.of("channels"), "channel %q is not one of %s", c, strings.Join(PostChannels, ", "))
		}
	}
	if l.p.Calendars[y.Calendar] == nil && !l.p.Abstract {
		l.bad.on(y.Mark.of("calendar"), "there is no calendar %q in calendars/", y.Calendar)
	}
	p.Channels, p.Calendar, p.DaysOff = y.Channels, y.Calendar, y.DaysOff
	p.From, p.To = l.minutes(y.Mark.of("from"), y.From), l.minutes(y.Mark.of("to"), y.To)
	if y.From == y.To && !y.DaysOff {
		l.bad.on(y.Mark.of("to"), "quiet hours from %s to %s are none; take them out", y.From, y.To)
	}
}
