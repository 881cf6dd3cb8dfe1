package casework

import (
	"slices"
	"strings"

	"comity/internal/authz"
)

// checked decides about a file that was held: the machine may release what its scanner found nothing in, and
// whoever works on the case may release or refuse, with a reason that stays on record. Who of them looks after held
// files is the pack's to say, and asked before.
func (k *decision) checked() ([]Event, error) {
	v := *k.cmd.Checked
	v.Reason = strings.TrimSpace(v.Reason)
	i := slices.IndexFunc(k.c.Files, func(f File) bool { return f.SHA256 == v.SHA256 && f.Held != "" })
	if i < 0 {
		return nil, refuse("file.not_held")
	}
	if k.c.Files[i].Held == HeldRefused {
		return nil, refuse("file.decided")
	}
	by := By{Actor: k.who.ID(), Role: string(authz.System)}
	switch {
	case k.who.Is(authz.System):
		if !v.Release {
			return nil, refuse("actor.forbidden")
		}
	case k.who.IsStaff():
		var err error
		if by, err = k.writer(); err != nil {
			return nil, err
		}
		if v.Reason == "" || len([]rune(v.Reason)) > maxReason {
			return nil, refuse("file.reason")
		}
	default:
		return nil, refuse("actor.forbidden")
	}
	kind := "file.refused"
	if v.Release {
		kind = "file.released"
	}
	e := k.event(kind, by)
	e.Files, e.Checked = nil, &v
	return []Event{e}, nil
}

const maxReason = 1000 // characters

// settled is the list after a decision. A file that was refused stays where it is, and closed.
func settled(list []File, v Checked) []File {
	list = slices.Clone(list)
	for i, f := range list {
		if f.SHA256 != v.SHA256 || f.Held == "" || f.Held == HeldRefused {
			continue
		}
		list[i].Held = HeldRefused
		if v.Release {
			list[i].Held, list[i].Key, list[i].Locked = "", f.Locked, ""
		}
	}
	return list
}
