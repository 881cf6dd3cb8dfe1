package casework

import "slices"

// published shows a redacted copy of a picture to everybody beside the report, or takes it back. Only a copy that was made to
// be published can be, since what residents send in may show anything; of what kind of case anybody sees anything at all
// is the pack's to say, and asked before.
func (k *decision) published() ([]Event, error) {
	v := *k.cmd.Published
	if !k.who.IsStaff() {
		return nil, refuse("actor.forbidden")
	}
	by, err := k.writer()
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(k.c.Files, func(f File) bool { return f.SHA256 == v.SHA256 })
	switch {
	case i < 0 || k.c.Files[i].Redacts == "" || k.c.Files[i].Held != "":
		return nil, refuse("file.not_redacted")
	case k.c.Sealed != "" && v.Show:
		return nil, refuse("file.sealed")
	case k.c.Files[i].Published == v.Show:
		return nil, refuse("file.decided")
	}
	kind := "file.withdrawn"
	if v.Show {
		kind = "file.published"
	}
	e := k.event(kind, by)
	e.Files, e.Published = nil, &v
	return []Event{e}, nil
}

// showing is the list after a copy was published or taken back.
func showing(list []File, v Published) []File {
	list = slices.Clone(list)
	for i := range list {
		if list[i].SHA256 == v.SHA256 && list[i].Redacts != "" {
			list[i].Published = v.Show
		}
	}
	return list
}
