package pack

// The shapes below are what pack authors write; docs/tour.md shows them side by side with the kernel
// types they become. Words are given per language right where the thing is declared.

type words = map[string]string

type packFile struct {
	Mark       mark         `yaml:"-"`
	Pack       string       `yaml:"pack"`
	Version    string       `yaml:"version"`
	Name       words        `yaml:"name"`
	Languages  []string     `yaml:"languages"`
	Zone       string       `yaml:"zone"`
	Root       string       `yaml:"root"`
	Fallback   string       `yaml:"fallback_unit"`
	Operator   operatorYAML `yaml:"operator"`
	Emergency  []string     `yaml:"emergency"`
	Laws       []lawYAML    `yaml:"laws"`
	Programmes []progYAML   `yaml:"programmes"`
	Notice     words        `yaml:"notice"`
	UnitsCSV   unitsCSVYAML `yaml:"units_csv"`

	// Parameters are figures that programmes with code of their own ask for by name, so that no number
	// of days stands in Go.
	Parameters map[string]int `yaml:"parameters"`
}

type operatorYAML struct {
	Mark  mark   `yaml:"-"`
	Name  words  `yaml:"name"`
	Phone string `yaml:"phone"`
}

type lawYAML struct {
	Mark     mark             `yaml:"-"`
	ID       string           `yaml:"id"`
	Name     words            `yaml:"name"`
	Short    words            `yaml:"short"`
	Note     words            `yaml:"note"`
	Since    string           `yaml:"since"`
	Verified string           `yaml:"verified"`
	Source   string           `yaml:"source"`
	Articles map[string]words `yaml:"articles"`
}

type progYAML struct {
	Mark mark   `yaml:"-"`
	ID   string `yaml:"id"`
	Name words  `yaml:"name"`
	Icon string `yaml:"icon"`
}

type unitsFile struct {
	Mark  mark       `yaml:"-"`
	Units []unitYAML `yaml:"units"`
}

type unitsCSVYAML struct {
	Mark mark   `yaml:"-"`
	File string `yaml:"file"`
}

type unitYAML struct {
	Mark   mark     `yaml:"-"`
	ID     string   `yaml:"id"`
	Parent string   `yaml:"parent"`
	Level  string   `yaml:"level"`
	Kind   string   `yaml:"kind"`
	Dept   string   `yaml:"dept"`
	Roles  []string `yaml:"roles"`
	Name   words    `yaml:"name"`
	Short  words    `yaml:"short"`
}

type categoriesFile struct {
	Mark       mark           `yaml:"-"`
	Groups     []groupYAML    `yaml:"groups"`
	Categories []categoryYAML `yaml:"categories"`
}

type groupYAML struct {
	Mark mark   `yaml:"-"`
	ID   string `yaml:"id"`
	Icon string `yaml:"icon"`
	Name words  `yaml:"name"`
}

type categoryYAML struct {
	Mark      mark                `yaml:"-"`
	ID        string              `yaml:"id"`
	Group     string              `yaml:"group"`
	Procedure string              `yaml:"procedure"`
	Icon      string              `yaml:"icon"`
	Name      words               `yaml:"name"`
	Hint      words               `yaml:"hint"`
	Route     routeYAML           `yaml:"route"`
	Keywords  map[string][]string `yaml:"keywords"`
	Facts     map[string]string   `yaml:"facts"`
	Resident  string              `yaml:"resident"` // "false" hides it from the public form
}

type routeYAML struct {
	Mark  mark   `yaml:"-"`
	Level string `yaml:"level"`
	Dept  string `yaml:"dept"`
}

type areasFile struct {
	Mark     mark          `yaml:"-"`
	Areas    []areaYAML    `yaml:"areas"`
	Features []featureYAML `yaml:"features"`
	Places   []placeYAML   `yaml:"places"`
}

type areaYAML struct {
	Mark mark        `yaml:"-"`
	Unit string      `yaml:"unit"`
	Ring [][]float64 `yaml:"ring"`
}

type featureYAML struct {
	Mark  mark        `yaml:"-"`
	Kind  string      `yaml:"kind"`
	Width float64     `yaml:"width"`
	Line  [][]float64 `yaml:"line"`
	Name  words       `yaml:"name"`
}

type placeYAML struct {
	Mark  mark      `yaml:"-"`
	Name  words     `yaml:"name"`
	Point []float64 `yaml:"point"`
	Unit  string    `yaml:"unit"`
}

type calendarFile struct {
	Mark       mark        `yaml:"-"`
	Calendar   string      `yaml:"calendar"`
	Version    string      `yaml:"version"`
	Zone       string      `yaml:"zone"`
	Week       []string    `yaml:"week"`
	KnownUntil string      `yaml:"known_until"`
	Hours      hoursYAML   `yaml:"hours"`
	Source     string      `yaml:"source"`
	DaysOff    []datedYAML `yaml:"days_off"`
	DaysOn     []datedYAML `yaml:"days_on"`
}

type hoursYAML struct {
	Mark   mark   `yaml:"-"`
	Opens  string `yaml:"opens"`
	Closes string `yaml:"closes"`
}

type datedYAML struct {
	Mark mark   `yaml:"-"`
	Date string `yaml:"date"`
	From string `yaml:"from"`
	To   string `yaml:"to"`
	Name words  `yaml:"name"`
}

type procedureFile struct {
	Mark      mark          `yaml:"-"`
	Procedure string        `yaml:"procedure"`
	Programme string        `yaml:"programme"`
	Prefix    string        `yaml:"prefix"`
	Calendar  string        `yaml:"calendar"`
	Law       lawRefYAML    `yaml:"law"`
	Name      words         `yaml:"name"`
	Icon      string        `yaml:"icon"`
	Start     string        `yaml:"start"`
	Opening   openingYAML   `yaml:"opening"`
	Phases    []phaseYAML   `yaml:"phases"`
	States    []stateYAML   `yaml:"states"`
	Outcomes  []outcomeYAML `yaml:"outcomes"`
	Acts      []actYAML     `yaml:"acts"`
	Clocks    []clockYAML   `yaml:"clocks"`

	Facts       []factYAML     `yaml:"facts"`
	Links       []linkYAML     `yaml:"links"`
	Documents   []documentYAML `yaml:"documents"`
	Retention   retentionYAML  `yaml:"retention"`
	Stuck       string         `yaml:"stuck"`
	StuckNotice string         `yaml:"stuck_notice"`
}

type lawRefYAML struct {
	Mark     mark   `yaml:"-"`
	ID       string `yaml:"id"`
	Article  string `yaml:"article"`
	Since    string `yaml:"since"`
	Verified string `yaml:"verified"`
}

type factYAML struct {
	Mark        mark             `yaml:"-"`
	ID          string           `yaml:"id"`
	Values      []string         `yaml:"values"`
	Law         lawRefYAML       `yaml:"law"`
	KeepsClocks bool             `yaml:"keeps_clocks"`
	Name        words            `yaml:"name"`
	Names       map[string]words `yaml:"names"`
}

type linkYAML struct {
	Mark      mark              `yaml:"-"`
	ID        string            `yaml:"id"`
	Kind      string            `yaml:"kind"`
	Procedure string            `yaml:"procedure"`
	Purpose   words             `yaml:"purpose"`
	Unit      string            `yaml:"unit"`
	Carry     []string          `yaml:"carry"`
	Set       map[string]string `yaml:"set"`
	NotBy     []string          `yaml:"not_by"`
	Review    bool              `yaml:"review"`
	Many      bool              `yaml:"many"`
	Ended     map[string]string `yaml:"ended"`
	Law       lawRefYAML        `yaml:"law"`
}

type documentYAML struct {
	Mark     mark       `yaml:"-"`
	ID       string     `yaml:"id"`
	Template string     `yaml:"template"`
	Name     words      `yaml:"name"`
	Law      lawRefYAML `yaml:"law"`
	Remedies bool       `yaml:"remedies"`
}

type retentionYAML struct {
	Mark  mark       `yaml:"-"`
	Class string     `yaml:"class"`
	Years int        `yaml:"years"`
	Law   lawRefYAML `yaml:"law"`
}

type openingYAML struct {
	Mark    mark         `yaml:"-"`
	Event   string       `yaml:"event"`
	Past    words        `yaml:"past"`
	Fields  []fieldYAML  `yaml:"fields"`
	Notices []noticeYAML `yaml:"notices"`

	Set  map[string]string `yaml:"set"`
	Seal string            `yaml:"seal"`
}

type phaseYAML struct {
	Mark mark   `yaml:"-"`
	ID   string `yaml:"id"`
	Name words  `yaml:"name"`
}

type stateYAML struct {
	Mark  mark   `yaml:"-"`
	ID    string `yaml:"id"`
	Phase string `yaml:"phase"`
	Owner string `yaml:"owner"`
	Final bool   `yaml:"final"`
	Name  words  `yaml:"name"`
	Now   words  `yaml:"now"`

	Law lawRefYAML `yaml:"law"`
}

type outcomeYAML struct {
	Mark   mark       `yaml:"-"`
	ID     string     `yaml:"id"`
	Solved bool       `yaml:"solved"`
	Name   words      `yaml:"name"`
	Law    lawRefYAML `yaml:"law"`
}

type actYAML struct {
	Mark     mark         `yaml:"-"`
	ID       string       `yaml:"id"`
	Event    string       `yaml:"event"`
	From     []string     `yaml:"from"`
	To       string       `yaml:"to"`
	By       []string     `yaml:"by"`
	Of       string       `yaml:"of"`
	Effects  []string     `yaml:"effects"`
	Answers  bool         `yaml:"answers"`
	Withdraw bool         `yaml:"withdraw"`
	While    string       `yaml:"while"`
	Extends  string       `yaml:"extends"`
	Times    int          `yaml:"times"`
	Key      string       `yaml:"key"`
	Prime    bool         `yaml:"prime"`
	Law      lawRefYAML   `yaml:"law"`
	Name     words        `yaml:"name"`
	Past     words        `yaml:"past"`
	Fields   []fieldYAML  `yaml:"fields"`
	Notices  []noticeYAML `yaml:"notices"`

	When      string            `yaml:"when"`
	WhenText  words             `yaml:"when_text"`
	Set       map[string]string `yaml:"set"`
	Spawn     []string          `yaml:"spawn"`
	Recall    bool              `yaml:"recall"`
	NotBy     []string          `yaml:"not_by"`
	Behalf    []string          `yaml:"behalf"`
	Dept      string            `yaml:"dept"`
	Proof     bool              `yaml:"proof"`
	Remedy    string            `yaml:"remedy"`
	Documents []string          `yaml:"documents"`
	Dispute   bool              `yaml:"dispute"`
}

type fieldYAML struct {
	Mark     mark             `yaml:"-"`
	Name     string           `yaml:"name"`
	Kind     string           `yaml:"kind"`
	Required bool             `yaml:"required"`
	Min      int              `yaml:"min"`
	Max      int              `yaml:"max"`
	Options  []string         `yaml:"options"`
	Names    map[string]words `yaml:"option_names"`
	Public   bool             `yaml:"public"`
	Personal bool             `yaml:"personal"`
	When     whenYAML         `yaml:"required_when"`
	Label    words            `yaml:"label"`
}

type whenYAML struct {
	Mark  mark     `yaml:"-"`
	Field string   `yaml:"field"`
	In    []string `yaml:"in"`
}

type noticeYAML struct {
	Mark     mark   `yaml:"-"`
	To       string `yaml:"to"`
	Template string `yaml:"template"`
}

type clockYAML struct {
	Mark       mark                `yaml:"-"`
	ID         string              `yaml:"id"`
	Law        lawRefYAML          `yaml:"law"`
	N          int                 `yaml:"n"`
	Unit       string              `yaml:"unit"`
	Roll       string              `yaml:"roll"`
	At         string              `yaml:"at"`
	Arrival    string              `yaml:"arrival"`
	ByCategory map[string]ruleYAML `yaml:"by_category"`
	In         []string            `yaml:"in"`
	Start      []string            `yaml:"start"`
	Stop       []string            `yaml:"stop"`
	Pause      []string            `yaml:"pause"`
	Extend     extendYAML          `yaml:"extend"`
	Expire     string              `yaml:"expire"`
	Promise    bool                `yaml:"promise"`
	Name       words               `yaml:"name"`

	From        string     `yaml:"from"`
	Until       string     `yaml:"until"`
	PauseLaw    lawRefYAML `yaml:"pause_law"`
	TimeBar     bool       `yaml:"time_bar"`
	Binds       string     `yaml:"binds"`
	Alert       []int      `yaml:"alert"`
	AlertNotice string     `yaml:"alert_notice"`
}

type ruleYAML struct {
	Mark    mark   `yaml:"-"`
	N       int    `yaml:"n"`
	Unit    string `yaml:"unit"`
	Roll    string `yaml:"roll"`
	At      string `yaml:"at"`
	Arrival string `yaml:"arrival"`
}

type extendYAML struct {
	Mark  mark       `yaml:"-"`
	Max   int        `yaml:"max"`
	Times int        `yaml:"times"`
	Law   lawRefYAML `yaml:"law"`
}
