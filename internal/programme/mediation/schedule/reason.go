package schedule

// Reason is the rule that keeps a session out of a plan.
type Reason string

const (
	// Nobody else would have to give way for these to change: the session could not stand alone.
	ReasonWindow    Reason = "window"    // too little time between notice and term, or outside the horizon
	ReasonParty     Reason = "party"     // Who can never come in that time
	ReasonParties   Reason = "parties"   // each party can come, never all at once
	ReasonAllowed   Reason = "allowed"   // fewer mediators in its pool than it needs
	ReasonField     Reason = "field"     // too few of the pool work in its field
	ReasonLanguage  Reason = "language"  // too few of those speak its language
	ReasonBarred    Reason = "barred"    // too few of those are left who are not barred from the case
	ReasonMediators Reason = "mediators" // too few of those who may hold it are free in that time
	ReasonSize      Reason = "size"      // no room is large enough
	ReasonFeature   Reason = "feature"   // no room that is large enough has Who, or none has all that is needed
	ReasonRooms     Reason = "rooms"     // no fitting room is free in that time
	ReasonTogether  Reason = "together"  // parties, mediators and rooms are free, never at the same time

	// These change when another session moves or ends.
	ReasonPartyTaken     Reason = "party_taken"     // the time Who has is taken by other sessions
	ReasonMediatorsTaken Reason = "mediators_taken" // the mediators who may hold it are in other sessions
	ReasonRoomsTaken     Reason = "rooms_taken"     // the fitting rooms are in use
	ReasonTaken          Reason = "taken"           // of each something is left, never at the same time
)

// Reasons are all of them, for whoever has to have words for each.
var Reasons = []Reason{ReasonWindow, ReasonParty, ReasonParties, ReasonAllowed, ReasonField, ReasonLanguage, ReasonBarred, ReasonMediators, ReasonSize, ReasonFeature, ReasonRooms, ReasonTogether,
	ReasonPartyTaken, ReasonMediatorsTaken, ReasonRoomsTaken, ReasonTaken}

// taken says what becomes of a reason when it is not the hours but other sessions.
var taken = map[Reason]Reason{ReasonParty: ReasonPartyTaken, ReasonParties: ReasonTaken, ReasonMediators: ReasonMediatorsTaken,
	ReasonRooms: ReasonRoomsTaken, ReasonTogether: ReasonTaken}

// why says what keeps a job out: first as if it were alone, then beside all others.
func (s *solver) why(j int) Unplaced {
	out := Unplaced{Session: s.jobs[j].ID}
	hours := func(i, steps int) row { return s.calendars[i].hours.runs(steps) }
	if out.Reason, out.Who = s.obstacle(j, hours); out.Reason != "" {
		return out
	}
	reason, who := s.obstacle(j, s.startable)
	out.Reason, out.Who = taken[reason], who
	return out
}

// obstacle is the first thing that leaves no beginning, or "".
func (s *solver) obstacle(j int, free func(calendar, steps int) row) (Reason, string) {
	job := &s.jobs[j]
	window := job.window.runs(job.steps)
	if window.empty() {
		return ReasonWindow, ""
	}
	for _, i := range job.parties {
		if nothingIn(window.copy(), free(i, job.steps)) {
			return ReasonParty, s.names[i]
		}
	}
	if together := s.partiesAt(j, window, free); together.empty() {
		return ReasonParties, ""
	}
	if len(job.mediators) < job.Need {
		return s.unheld(job), ""
	}
	if nothingIn(window.copy(), anyOf(job.mediators, job.Need, job.steps, len(window), free)) {
		return ReasonMediators, ""
	}
	if reason, who := s.noRoom(j, window, free); reason != "" {
		return reason, who
	}
	if s.starts(j, free).empty() {
		return ReasonTogether, ""
	}
	return "", ""
}

// nothingIn cuts r down to o and says whether nothing is left.
func nothingIn(r, o row) bool {
	r.and(o)
	return r.empty()
}

func (s *solver) partiesAt(j int, window row, free func(calendar, steps int) row) row {
	r := window.copy()
	for _, i := range s.jobs[j].parties {
		r.and(free(i, s.jobs[j].steps))
	}
	return r
}

// unheld says at which question too few mediators were left.
func (s *solver) unheld(job *job) Reason {
	lost := map[Reason]int{}
	for _, m := range s.p.Mediators {
		lost[fit(job.Session, m)]++
	}
	left := len(s.p.Mediators)
	for _, r := range []Reason{ReasonAllowed, ReasonField, ReasonLanguage} {
		if left -= lost[r]; left < job.Need {
			return r
		}
	}
	return ReasonBarred
}

func (s *solver) noRoom(j int, window row, free func(calendar, steps int) row) (Reason, string) {
	job := &s.jobs[j]
	if job.Room.Remote {
		return "", ""
	}
	if len(job.rooms) == 0 {
		return s.unfit(job)
	}
	if nothingIn(window.copy(), anyOf(job.rooms, 1, job.steps, len(window), free)) {
		return ReasonRooms, ""
	}
	return "", ""
}

// unfit says why no room at all will do. A feature is named when no large enough room has it.
func (s *solver) unfit(job *job) (Reason, string) {
	var large []Room
	for _, r := range s.p.Rooms {
		if r.Size >= job.Room.Size {
			large = append(large, r)
		}
	}
	if len(large) == 0 {
		return ReasonSize, ""
	}
	for _, f := range job.Room.Features {
		if !anyHas(large, f) {
			return ReasonFeature, string(f)
		}
	}
	return ReasonFeature, ""
}

func anyHas(rooms []Room, f Feature) bool {
	for _, r := range rooms {
		if missing([]Feature{f}, r.Features) == "" {
			return true
		}
	}
	return false
}
