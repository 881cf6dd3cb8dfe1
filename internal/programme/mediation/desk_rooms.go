package mediation

import (
	"net/http"
	"strconv"
	"time"

	"comity/internal/db"
	"comity/internal/form"
	"comity/internal/org"
	"comity/internal/pack"
	"comity/internal/programme"
	"comity/internal/web"
)

type roomRow struct {
	Href, Name, Place, Unit, Seats, Has, Hours string
	Shut                                       bool
}

type roomsPage struct {
	Rows []roomRow
	May  bool
}

// rooms lists the rooms of the units the officer may read.
func (s *service) rooms(o *programme.Officer) error {
	p, err := s.open()
	if err != nil {
		return err
	}
	page := o.Page("mediation.rooms.title")
	v := roomsPage{May: len(kept(p, o.Actor)) > 0}
	ctx := o.R.Context()
	err = s.DB.View(ctx, func(tx *db.Tx) error {
		all, err := allRooms(ctx, tx)
		for _, r := range all {
			if !sees(p, o.Actor, r.Unit) && !serves(p, o.Actor, r.Unit) {
				continue
			}
			row := roomRow{Name: r.Name, Place: r.Place, Unit: page.T("unit." + string(r.Unit)), Seats: page.N("mediation.seats", r.Seats), Has: roomHas(page, r), Hours: hoursText(page, r.Hours), Shut: !r.Open()}
			if keeps(p, o.Actor, r.Unit) {
				row.Href = href("rooms", idOf(r.ID), "edit")
			}
			v.Rows = append(v.Rows, row)
		}
		return err
	})
	if err != nil {
		return err
	}
	return o.Write(page, http.StatusOK, roomsBody(page, v))
}

// roomHas says what is special about a room.
func roomHas(page *web.Page, r Room) string {
	var has []string
	if r.StepFree {
		has = append(has, "step_free")
	}
	if r.Second {
		has = append(has, "second")
	}
	return joined(page, has, func(s string) string { return "mediation.field." + s })
}

func roomFields(units []org.UnitID) []form.Field {
	return append(append([]form.Field{
		{Name: "unit", Kind: form.Choice, Required: true, Options: ids(units)},
		{Name: "room_name", Kind: form.Text, Required: true, Max: 60},
		{Name: "place", Kind: form.Text, Required: true, Max: 150},
		{Name: "seats", Kind: form.Number, Required: true, Min: 2, Max: 500},
		{Name: "step_free", Kind: form.Yes},
		{Name: "second", Kind: form.Yes},
	}, hourFields()...), form.Field{Name: "shut", Kind: form.Yes})
}

func roomFrom(units []org.UnitID, raw map[string]string, now time.Time) (Room, []form.Problem) {
	clean, bad := form.Check(roomFields(units), raw)
	r := Room{Unit: org.UnitID(clean["unit"]), Name: clean["room_name"], Place: clean["place"], Seats: atoi(clean["seats"]), StepFree: clean["step_free"] == "yes", Second: clean["second"] == "yes"}
	hours, wrong := hoursFrom(clean)
	r.Hours, bad = hours, append(bad, wrong...)
	if clean["shut"] == "yes" {
		r.Closed = now
	}
	return r, bad
}

func (s *service) roomNew(o *programme.Officer) error {
	_, units, err := s.keeping(o)
	if err != nil {
		return err
	}
	values := map[string]string{"unit": string(units[0])}
	h, _ := parseHours(officeWeek)
	hourValues(values, h)
	return s.showRoom(o, units, 0, values, nil, "", http.StatusOK)
}

func (s *service) showRoom(o *programme.Officer, units []org.UnitID, id int64, values map[string]string, bad []form.Problem, refused string, status int) error {
	title, to := "mediation.room.new", href("rooms", "new")
	if id != 0 {
		title, to = "mediation.room.edit", href("rooms", idOf(id), "edit")
	}
	page := o.Page(title)
	page.Wrong = len(bad) > 0 || refused != ""
	fields := roomFields(units)
	if id == 0 {
		fields = fields[:len(fields)-1]
	}
	controls := controlsOf(page, fields, units, values, bad)
	v := formPage{Title: page.Title, Intro: page.T("mediation.room.intro"), To: to, Back: href("rooms"), Button: page.T("mediation.save"), Key: web.NewKey(), Controls: controls,
		Mistakes: page.Mistakes(controls, bad), Refused: refused, Hidden: map[string]string{"version": values["version"]}}
	return o.Write(page, status, formBody(page, v))
}

func (s *service) roomNewPost(o *programme.Officer) error {
	_, units, err := s.keeping(o)
	if err != nil {
		return err
	}
	return s.saveRoom(o, units, Room{})
}

func (s *service) saveRoom(o *programme.Officer, units []org.UnitID, old Room) error {
	raw, err := posted(o, roomFields(units), "version")
	if err != nil {
		return err
	}
	r, bad := roomFrom(units, raw, o.Site.Now())
	version := o.R.PostFormValue("version")
	raw["version"] = version
	if len(bad) > 0 {
		return s.showRoom(o, units, old.ID, raw, bad, "", http.StatusUnprocessableEntity)
	}
	r.ID, r.Version, r.ChangedBy = old.ID, atoi(version), o.Actor.ID()
	what := "changed"
	switch {
	case old.ID == 0:
		what = "added"
	case old.Open() && !r.Open():
		what = "shut"
	case !old.Open() && !r.Open():
		r.Closed = old.Closed
	}
	ctx := o.R.Context()
	err = s.DB.Transact(ctx, func(tx *db.Tx) error {
		id, err := putRoom(ctx, tx, r)
		if err != nil {
			return err
		}
		return record(ctx, tx, "room", id, o.Actor.ID(), what, r.Label())
	})
	if no, is := isRefusal(err); is {
		return s.showRoom(o, units, old.ID, raw, nil, o.Page("mediation.rooms.title").Problem(no.Rule, no.Params), http.StatusConflict)
	}
	if err != nil {
		return err
	}
	return o.Go(href("rooms"))
}

// oneRoom finds the room of the address; only those who keep it may.
func (s *service) oneRoom(o *programme.Officer) (p *pack.Pack, r Room, err error) {
	if p, err = s.open(); err != nil {
		return p, r, err
	}
	id, err := number(o.R.PathValue("id"))
	if err != nil {
		return p, r, err
	}
	ctx := o.R.Context()
	err = s.DB.View(ctx, func(tx *db.Tx) (err error) { r, err = loadRoom(ctx, tx, id); return err })
	switch {
	case err != nil:
	case !sees(p, o.Actor, r.Unit):
		err = errNone
	case !keeps(p, o.Actor, r.Unit):
		err = notYours()
	}
	return p, r, err
}

func (s *service) roomEdit(o *programme.Officer) error {
	p, r, err := s.oneRoom(o)
	if err != nil {
		return err
	}
	values := map[string]string{"unit": string(r.Unit), "room_name": r.Name, "place": r.Place, "seats": strconv.Itoa(r.Seats), "version": strconv.Itoa(r.Version)}
	for name, yes := range map[string]bool{"step_free": r.StepFree, "second": r.Second, "shut": !r.Open()} {
		if yes {
			values[name] = "yes"
		}
	}
	hourValues(values, r.Hours)
	return s.showRoom(o, kept(p, o.Actor), r.ID, values, nil, "", http.StatusOK)
}

func (s *service) roomEditPost(o *programme.Officer) error {
	p, r, err := s.oneRoom(o)
	if err != nil {
		return err
	}
	return s.saveRoom(o, kept(p, o.Actor), r)
}
