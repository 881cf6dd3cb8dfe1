package authz

// Level is how much of a case somebody may be shown. Each level holds those before it.
type Level int

// The levels. Steps needs no ticket; what lies above is sealed and each look at it is recorded.
const (
	Steps    Level = iota + 1 // number, step, dates, who has it
	Story                     // what it is about: title, text, place, notes, answers, files
	Identity                  // whose it is: name, address to write to, answers about the person
	Caucus                    // what one party said in confidence
	Key                       // the follow code: never shown to staff
)

var levelNames = map[Level]string{Steps: "steps", Story: "story", Identity: "identity", Caucus: "caucus", Key: "key"}

// String is the level as packs and records write it.
func (l Level) String() string { return levelNames[l] }

// ParseLevel is the inverse of String.
func ParseLevel(s string) (Level, bool) {
	for l, name := range levelNames {
		if name == s {
			return l, true
		}
	}
	return 0, false
}
