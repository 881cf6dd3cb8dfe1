package pack

// The shapes below are what pack authors write; docs/tour.md shows them side by side with the kernel
// types they become. Words are given per language right where the thing is declared.

type words = map[string]string

type packFile struct {
	Mark       mark           `yaml:"-"`
	Pack       string         `yaml:"pack" doc:"The pack's id: small letters, digits, dot, dash and underscore."`
	Base       string         `yaml:"base" doc:"The pack this one stands on; only what differs needs to be said here."`
	Abstract   bool           `yaml:"abstract" doc:"A base without units, checked by itself and served only by packs that stand on it."`
	Version    string         `yaml:"version" doc:"Raised whenever the pack changes; people read it."`
	Name       words          `yaml:"name" doc:"Name of the city."`
	Languages  []string       `yaml:"languages" doc:"Languages in which every word must exist; the first is the default."`
	Zone       string         `yaml:"zone" doc:"Time zone of the city, such as Asia/Shanghai."`
	Root       string         `yaml:"root" doc:"The unit at the top, for readers of the file."`
	Fallback   string         `yaml:"fallback_unit" doc:"The unit that receives what cannot be placed; left out, the top unit."`
	Operator   operatorYAML   `yaml:"operator" doc:"Who runs the service."`
	Emergency  []string       `yaml:"emergency" doc:"Emergency numbers, shown to residents."`
	Laws       []lawYAML      `yaml:"laws" doc:"The laws and rules that procedures cite."`
	Programmes []progYAML     `yaml:"programmes" doc:"Headings over procedures."`
	Notice     words          `yaml:"notice" doc:"A line shown to residents on every page."`
	UnitsCSV   unitsCSVYAML   `yaml:"units_csv" doc:"Takes the units from a table instead of units.yaml."`
	Parameters map[string]int `yaml:"parameters" doc:"Figures that programmes with code of their own ask for, by name."`

	ConsentWords map[string][]string `yaml:"consent_words" doc:"Words by language that ask for agreement; a procedure whose ground is duty uses none of them."`
}

type operatorYAML struct {
	Mark  mark   `yaml:"-"`
	Name  words  `yaml:"name" doc:"Name of the operator."`
	Phone string `yaml:"phone" doc:"Number to call, as people dial it."`
}

type lawYAML struct {
	Mark     mark             `yaml:"-"`
	ID       string           `yaml:"id" doc:"Short id that procedures cite."`
	Name     words            `yaml:"name" doc:"Full name."`
	Short    words            `yaml:"short" doc:"Name in running text; left out, the full name."`
	Note     words            `yaml:"note" doc:"What to know about it: where it is from, since when it is in force."`
	Since    string           `yaml:"since" doc:"In force since, YYYY-MM-DD."`
	Verified string           `yaml:"verified" doc:"The day its words were last held against the source, YYYY-MM-DD."`
	Source   string           `yaml:"source" doc:"Where its words were published."`
	Articles map[string]words `yaml:"articles" doc:"Words of each article that is cited, by number."`
}

type progYAML struct {
	Mark mark   `yaml:"-"`
	ID   string `yaml:"id" doc:"Id of the programme."`
	Name words  `yaml:"name" doc:"Its heading."`
	Icon string `yaml:"icon" doc:"Name of its drawing."`
}

type unitsFile struct {
	Mark  mark       `yaml:"-"`
	Units []unitYAML `yaml:"units" doc:"The offices, in the order they are shown."`
}

type unitsCSVYAML struct {
	Mark mark   `yaml:"-"`
	File string `yaml:"file" doc:"A CSV file of the pack with the columns id, parent, level, kind, roles, name_zh, name_en."`
}

type unitYAML struct {
	Mark   mark     `yaml:"-"`
	ID     string   `yaml:"id" doc:"Id of the unit."`
	Parent string   `yaml:"parent" doc:"The unit above; the top unit has none."`
	Level  string   `yaml:"level" enum:"level" doc:"Rung of the ladder the unit stands on."`
	Kind   string   `yaml:"kind" doc:"What it is called; shown, never decided upon."`
	Dept   string   `yaml:"dept" doc:"Key of the department, for a unit that receives by subject."`
	Roles  []string `yaml:"roles" doc:"Roles people of the unit can hold; a unit without roles holds no cases."`
	Name   words    `yaml:"name" doc:"Name; may exist in the first language only."`
	Short  words    `yaml:"short" doc:"Short name for lists."`
}

type rolesFile struct {
	Mark      mark            `yaml:"-"`
	Roles     []roleYAML      `yaml:"roles" doc:"The roles people can be given, and what each may read. A role that is not here opens nothing."`
	Exclusive []exclusiveYAML `yaml:"exclusive" doc:"Pairs of roles that one account may not hold in the same unit."`
}

type roleYAML struct {
	Mark        mark        `yaml:"-"`
	ID          string      `yaml:"id" doc:"Id of the role, as acts and units name it."`
	Name        words       `yaml:"name" doc:"Its name."`
	Admin       bool        `yaml:"admin" doc:"It manages accounts and sees no case."`
	Privacy     bool        `yaml:"privacy" doc:"It looks after how people's data are used: told of every look in an emergency, and reviews it."`
	Files       bool        `yaml:"files" doc:"It decides about files of cases of its unit and those below it that wait because the virus scanner found something or could not look."`
	Compartment string      `yaml:"compartment" enum:"compartment" doc:"Where the role counts; left out, civic. It opens nothing in any other."`
	Reads       []readsYAML `yaml:"reads" doc:"What it opens, seen from the unit it is held in; nothing, where nothing is said."`
	Why         words       `yaml:"why" doc:"Why it sees what it sees, for the page that tells who sees a case."`
	Law         lawRefYAML  `yaml:"law" doc:"The article it rests on."`
}

type readsYAML struct {
	Mark       mark     `yaml:"-"`
	Programmes []string `yaml:"programmes" doc:"Programmes the rule is about; left out, all."`
	Reach      string   `yaml:"reach" enum:"reach" doc:"own: cases the unit holds or is offered; joint: cases it was asked to join; subtree: those, and those of all units below it."`
	Level      string   `yaml:"level" enum:"seen" doc:"How much of a case: steps, what it is about, whose it is, what was said in confidence."`
}

type exclusiveYAML struct {
	Mark  mark       `yaml:"-"`
	ID    string     `yaml:"id" doc:"Id of the pair."`
	Roles []string   `yaml:"roles" doc:"The two roles."`
	Why   words      `yaml:"why" doc:"Why not both: shown to whoever tries to give them."`
	Law   lawRefYAML `yaml:"law" doc:"The article it rests on."`
}

type categoriesFile struct {
	Mark       mark           `yaml:"-"`
	Groups     []groupYAML    `yaml:"groups" doc:"Headings on the public form."`
	Categories []categoryYAML `yaml:"categories" doc:"What a matter can be about."`
}

type groupYAML struct {
	Mark  mark   `yaml:"-"`
	ID    string `yaml:"id" doc:"Id of the group."`
	Icon  string `yaml:"icon" doc:"Name of its drawing."`
	Name  words  `yaml:"name" doc:"Its heading."`
	Order int    `yaml:"order" doc:"Groups with a higher number stand further down; without one they stand as listed."`

	Alike alikeYAML `yaml:"alike" doc:"How near two reports of a category of this group must be for the second to be held against the first."`
}

type alikeYAML struct {
	Mark   mark `yaml:"-"`
	Metres int  `yaml:"metres" doc:"How far apart their places may lie, up to 5000."`
	Days   int  `yaml:"days" doc:"How many days before this one the other may have been opened, up to 366."`
}

type categoryYAML struct {
	Mark      mark                `yaml:"-"`
	ID        string              `yaml:"id" doc:"Id of the category."`
	Group     string              `yaml:"group" doc:"The heading it stands under."`
	Procedure string              `yaml:"procedure" doc:"The procedure it is handled by; left out, the first."`
	Icon      string              `yaml:"icon" doc:"Name of its drawing; left out, that of the group."`
	Name      words               `yaml:"name" doc:"Its name."`
	Hint      words               `yaml:"hint" doc:"A line that helps the resident choose or describe it."`
	Route     routeYAML           `yaml:"route" doc:"Which unit receives it."`
	Keywords  map[string][]string `yaml:"keywords" doc:"Words by language that suggest it."`
	Facts     map[string]string   `yaml:"facts" plain:"yes" doc:"Facts a case of this category begins with."`
	Alike     alikeYAML           `yaml:"alike" doc:"How near another report must be in place and time to be proposed as the same matter; left out, as its group says, and if that says nothing, nothing is proposed to residents."`
	Resident  string              `yaml:"resident" doc:"false keeps it for staff."` // "false" hides it from the public form
}

type routeYAML struct {
	Mark  mark   `yaml:"-"`
	Level string `yaml:"level" enum:"level" doc:"The unit of this level where the place is."`
	Dept  string `yaml:"dept" doc:"The nearest department of this key on the way up."`
}

type routesFile struct {
	Mark   mark            `yaml:"-"`
	Routes []routeRuleYAML `yaml:"routes" doc:"Rules, asked in order: the first that fits says who receives a matter. Where none fits, the route of the category does."`
}

type routeRuleYAML struct {
	Mark       mark                `yaml:"-"`
	ID         string              `yaml:"id" doc:"Id of the rule; the case keeps it."`
	Categories []string            `yaml:"categories" doc:"Categories it is about; without any, and without groups, all."`
	Groups     []string            `yaml:"groups" doc:"Groups whose categories it is about."`
	In         []string            `yaml:"in" doc:"Units or zones, in one of which the matter lies; left out, anywhere."`
	Answers    map[string][]string `yaml:"answers" doc:"Questions of the opening form, each with the answers that fit. Choices and ticks only; an empty text is no answer."`
	Time       routeTimeYAML       `yaml:"time" doc:"When the matter comes in; left out, at any time."`
	To         routeToYAML         `yaml:"to" doc:"Who receives it."`
	Why        words               `yaml:"why" doc:"Why this office: shown to the resident and at the desk."`
}

type routeTimeYAML struct {
	Mark    mark     `yaml:"-"`
	Working string   `yaml:"working" enum:"yesno" doc:"yes: in working time by the calendar of the procedure; no: outside of it."`
	Days    []string `yaml:"days" enum:"weekday" doc:"Days of the week."`
	From    string   `yaml:"from" doc:"Time of day, such as \"22:00\"."`
	To      string   `yaml:"to" doc:"Time of day at which it ends; before from, it goes over midnight."`
}

type routeToYAML struct {
	Mark     mark   `yaml:"-"`
	Unit     string `yaml:"unit" doc:"This unit."`
	Dept     string `yaml:"dept" doc:"The nearest department of this key on the way up."`
	Level    string `yaml:"level" enum:"level" doc:"The unit of this level where the place is."`
	Category string `yaml:"category" doc:"It is dealt with as this category, by its procedure and programme; left out, as it was filed."`
}

type areasFile struct {
	Mark     mark          `yaml:"-"`
	System   string        `yaml:"system" enum:"system" doc:"Coordinate system of the numbers in this file; left out, wgs84. Others are converted when the pack is read, and pack check says so."`
	Nearest  int           `yaml:"nearest" doc:"Metres: a point outside every area goes to the nearest one within them; left out, it is refused."`
	Border   int           `yaml:"border" doc:"Metres: where another unit's area lies so near to a point, the case says whose."`
	Areas    []areaYAML    `yaml:"areas" doc:"Outlines of units. Areas with islands or holes, and many areas, are better given as areas.geojson."`
	Zones    []zoneYAML    `yaml:"zones" doc:"Named parts of the city that are no units, for routes."`
	Features []featureYAML `yaml:"features" doc:"What is drawn on the map."`
	Places   []placeYAML   `yaml:"places" doc:"Places that can be found by name; landmarks.yaml can say more about them."`
}

type areaYAML struct {
	Mark mark        `yaml:"-" key:"unit"`
	Unit string      `yaml:"unit" doc:"The unit whose area it is."`
	Ring [][]float64 `yaml:"ring" doc:"Points [longitude, latitude] around it, at least three."`
}

type zoneYAML struct {
	Mark  mark        `yaml:"-"`
	ID    string      `yaml:"id" doc:"Id of the zone."`
	Name  words       `yaml:"name" doc:"Its name."`
	Units []string    `yaml:"units" doc:"The units it is made of, with all below them."`
	Ring  [][]float64 `yaml:"ring" doc:"Points [longitude, latitude] around it, where it is drawn; a matter whose point is not known does not lie in it."`
}

type featureYAML struct {
	Mark  mark        `yaml:"-"`
	Kind  string      `yaml:"kind" doc:"What it is drawn as: water, green, road, edge."`
	Width float64     `yaml:"width" doc:"Width of the line."`
	Line  [][]float64 `yaml:"line" doc:"Points [longitude, latitude] along it."`
	Name  words       `yaml:"name" doc:"Name written beside it."`
}

type placeYAML struct {
	Mark  mark      `yaml:"-"`
	Name  words     `yaml:"name" doc:"Its name."`
	Point []float64 `yaml:"point" doc:"[longitude, latitude]."`
	Unit  string    `yaml:"unit" doc:"The unit it lies in."`
}

type landmarksFile struct {
	Mark      mark           `yaml:"-"`
	System    string         `yaml:"system" enum:"system" doc:"Coordinate system of the numbers in this file; left out, wgs84."`
	Landmarks []landmarkYAML `yaml:"landmarks" doc:"Places that people name when they are asked where: buildings, stops, bridges, street numbers."`
}

type landmarkYAML struct {
	Mark    mark                `yaml:"-"`
	ID      string              `yaml:"id" doc:"Id of the landmark."`
	Name    words               `yaml:"name" doc:"Its name."`
	Aliases map[string][]string `yaml:"aliases" doc:"What else people call it, by language."`
	Point   []float64           `yaml:"point" doc:"[longitude, latitude]."`
	Unit    string              `yaml:"unit" doc:"The unit it lies in; left out, the one whose area holds the point."`
}

type calendarFile struct {
	Mark       mark        `yaml:"-"`
	Calendar   string      `yaml:"calendar" doc:"Id of the calendar."`
	Version    string      `yaml:"version" doc:"Raised when days are added."`
	Zone       string      `yaml:"zone" doc:"Time zone in which its days begin."`
	Week       []string    `yaml:"week" enum:"weekday" doc:"Days that are worked in an ordinary week."`
	KnownUntil string      `yaml:"known_until" doc:"Last day for which days off and on are complete; later dates are provisional."`
	Hours      hoursYAML   `yaml:"hours" doc:"Office hours; left out, the whole day."`
	Source     string      `yaml:"source" doc:"The document the dates come from."`
	DaysOff    []datedYAML `yaml:"days_off" doc:"Days that are not worked."`
	DaysOn     []datedYAML `yaml:"days_on" doc:"Days that are worked although the week says no."`
}

type hoursYAML struct {
	Mark   mark   `yaml:"-"`
	Opens  string `yaml:"opens" doc:"Time of day, such as \"09:00\"."`
	Closes string `yaml:"closes" doc:"Time of day, such as \"17:30\"."`
}

type datedYAML struct {
	Mark mark   `yaml:"-" key:"date,from"`
	Date string `yaml:"date" doc:"One day, YYYY-MM-DD."`
	From string `yaml:"from" doc:"First day of a range."`
	To   string `yaml:"to" doc:"Last day of a range."`
	Name words  `yaml:"name" doc:"Why, as people read it."`
}

type procedureFile struct {
	Mark        mark          `yaml:"-"`
	Procedure   string        `yaml:"procedure" doc:"Id of the procedure."`
	Like        string        `yaml:"like" doc:"Another file of this folder, without .yaml, over which this one is laid as a pack over its base; it says only what differs."`
	Programme   string        `yaml:"programme" doc:"The heading it stands under."`
	Prefix      string        `yaml:"prefix" doc:"Letters before case numbers."`
	Compartment string        `yaml:"compartment" enum:"compartment" doc:"The database its cases lie in, with keys of its own; left out, civic."`
	Heading     string        `yaml:"heading" enum:"heading" doc:"What lists call a case: its title, which then lies unsealed, or only its category; left out, the category."`
	Calendar    string        `yaml:"calendar" doc:"The calendar its terms are counted by."`
	Law         lawRefYAML    `yaml:"law" doc:"The law it rests on."`
	Name        words         `yaml:"name" doc:"Its name."`
	Icon        string        `yaml:"icon" doc:"Name of its drawing."`
	Start       string        `yaml:"start" doc:"The state a case begins in."`
	Opening     openingYAML   `yaml:"opening" doc:"How a case begins."`
	Phases      []phaseYAML   `yaml:"phases" doc:"Steps a resident sees, in order."`
	States      []stateYAML   `yaml:"states" doc:"Where a case can be."`
	Outcomes    []outcomeYAML `yaml:"outcomes" doc:"How a matter can end."`
	Acts        []actYAML     `yaml:"acts" doc:"What can be done, by whom, and where it leads."`
	Clocks      []clockYAML   `yaml:"clocks" doc:"Terms that run."`

	Facts       []factYAML     `yaml:"facts" doc:"Small closed facts that guards may read."`
	Rolls       []rollYAML     `yaml:"rolls" doc:"Who takes part in a case: parties, mediators."`
	Links       []linkYAML     `yaml:"links" doc:"Cases that acts may open, and how they answer."`
	Documents   []documentYAML `yaml:"documents" doc:"Documents that acts make."`
	Retention   retentionYAML  `yaml:"retention" doc:"How long cases are kept."`
	UnderSeal   underSealYAML  `yaml:"under_seal" doc:"When a closed case is put under seal: to everybody it is then as if it had never been."`
	BreakGlass  breakGlassYAML `yaml:"break_glass" doc:"Lets somebody look at one case in an emergency; left out, nobody may."`
	Stuck       string         `yaml:"stuck" doc:"Link that gives the unit above a task when a term has run out and its act could not be done."`
	StuckNotice string         `yaml:"stuck_notice" doc:"Template of the message it gets then."`
	Orders      []orderYAML    `yaml:"order" doc:"What must have been done before an act, on every road."`
}

type lawRefYAML struct {
	Mark     mark   `yaml:"-"`
	ID       string `yaml:"id" doc:"Id of a law in pack.yaml."`
	Article  string `yaml:"article" doc:"Its article, which must have words there."`
	Since    string `yaml:"since" doc:"In force since, YYYY-MM-DD."`
	Verified string `yaml:"verified" doc:"The day somebody last held it against the source, YYYY-MM-DD."`
}

type factYAML struct {
	Mark        mark             `yaml:"-"`
	ID          string           `yaml:"id" doc:"Id of the fact."`
	Values      []string         `yaml:"values" doc:"What it can be; it begins unset."`
	Law         lawRefYAML       `yaml:"law" doc:"The article it rests on."`
	KeepsClocks bool             `yaml:"keeps_clocks" doc:"Changing it resets no clock."`
	Name        words            `yaml:"name" doc:"Its name."`
	Names       map[string]words `yaml:"names" doc:"Words of its values."`
}

type linkYAML struct {
	Mark      mark              `yaml:"-"`
	ID        string            `yaml:"id" doc:"Id of the link."`
	Kind      string            `yaml:"kind" enum:"link" doc:"Whether the case waits for the other one."`
	Procedure string            `yaml:"procedure" doc:"Procedure of the other case."`
	Purpose   words             `yaml:"purpose" doc:"What the other case is for."`
	Unit      string            `yaml:"unit" doc:"Who receives it: holder, superior, field, or dept:KEY."`
	Carry     []string          `yaml:"carry" doc:"What the other case is told: minimal fields, fields of the act, fact:ID."`
	Set       map[string]string `yaml:"set" plain:"yes" doc:"Facts the other case begins with."`
	NotBy     []string          `yaml:"not_by" doc:"Who did these acts here may not act there."`
	Review    bool              `yaml:"review" doc:"The other case examines what was done here."`
	Many      bool              `yaml:"many" doc:"Several may be open at once."`
	Sealed    bool              `yaml:"sealed" doc:"A referral to another compartment, sealed to the unit that receives it; needed with one, refused without."`
	Ended     map[string]string `yaml:"ended" plain:"yes" doc:"Which act answers each outcome of the other case."`
	Law       lawRefYAML        `yaml:"law" doc:"The article it rests on."`
}

type documentYAML struct {
	Mark     mark       `yaml:"-"`
	ID       string     `yaml:"id" doc:"Id of the document."`
	Template string     `yaml:"template" doc:"Its text: documents/TEMPLATE.LANGUAGE.md."`
	Name     words      `yaml:"name" doc:"Its name."`
	Law      lawRefYAML `yaml:"law" doc:"The article it rests on."`
	Remedies bool       `yaml:"remedies" doc:"It tells how to challenge."`
}

type retentionYAML struct {
	Mark  mark       `yaml:"-"`
	Class string     `yaml:"class" doc:"Class of records."`
	Years int        `yaml:"years" doc:"How long a closed case is kept."`
	Law   lawRefYAML `yaml:"law" doc:"The article it rests on."`
	Then  string     `yaml:"then" doc:"What is done before the content is erased: archive hands the case to the archive first; nothing where it is left out."`
}

type underSealYAML struct {
	Mark  mark       `yaml:"-"`
	When  string     `yaml:"when" enum:"sealing" doc:"closure: as soon as it is closed; order: when it is ordered."`
	Hours int        `yaml:"hours" doc:"The longest it may be open under an order."`
	Law   lawRefYAML `yaml:"law" doc:"The article it rests on."`
}

type breakGlassYAML struct {
	Mark    mark       `yaml:"-"`
	Minutes int        `yaml:"minutes" doc:"How long one look at one case lasts."`
	Tell    int        `yaml:"tell_hours" doc:"Within how many hours the person is told."`
	Review  int        `yaml:"review_days" doc:"Within how many working days it is reviewed."`
	Law     lawRefYAML `yaml:"law" doc:"The article it rests on."`
}

type openingYAML struct {
	Mark    mark         `yaml:"-"`
	Event   string       `yaml:"event" doc:"Kind of the event that opens a case."`
	Past    words        `yaml:"past" doc:"What has happened then, for the record."`
	Fields  []fieldYAML  `yaml:"fields" doc:"Questions asked when a case is opened."`
	Notices []noticeYAML `yaml:"notices" doc:"Who is told."`

	Set  map[string]string `yaml:"set" plain:"yes" doc:"Facts the case begins with: a value, or $FIELD for the answer to a choice."`
	Seal string            `yaml:"seal" doc:"Guard: the case is sealed to the unit that receives it."`

	Joins joinsYAML `yaml:"joins" doc:"Puts whoever opens a case on a roll."`
	Basis basisYAML `yaml:"basis" doc:"The legal ground on which a case is opened."`
}

type basisYAML struct {
	Mark   mark       `yaml:"-"`
	Ground string     `yaml:"ground" enum:"ground" doc:"consent: the person agrees and may take it back; duty: the law orders it, nobody is asked; request: the person asks for it."`
	Law    lawRefYAML `yaml:"law" doc:"The article it rests on."`
}

type phaseYAML struct {
	Mark mark   `yaml:"-"`
	ID   string `yaml:"id" doc:"Id of the step."`
	Name words  `yaml:"name" doc:"Its name."`
}

type stateYAML struct {
	Mark  mark   `yaml:"-"`
	ID    string `yaml:"id" doc:"Id of the state."`
	Phase string `yaml:"phase" doc:"The step a resident sees."`
	Owner string `yaml:"owner" enum:"owner" doc:"Whose turn it is."`
	Final bool   `yaml:"final" doc:"The case has ended."`
	Name  words  `yaml:"name" doc:"Its name for staff."`
	Now   words  `yaml:"now" doc:"What a resident reads about it."`

	Law lawRefYAML `yaml:"law" doc:"The article it rests on."`
}

type outcomeYAML struct {
	Mark   mark       `yaml:"-"`
	ID     string     `yaml:"id" doc:"Id of the outcome."`
	Solved bool       `yaml:"solved" doc:"Counts as solved."`
	Name   words      `yaml:"name" doc:"Its name."`
	Law    lawRefYAML `yaml:"law" doc:"The article it rests on."`
}

type actYAML struct {
	Mark     mark         `yaml:"-"`
	ID       string       `yaml:"id" doc:"Id of the act."`
	Event    string       `yaml:"event" doc:"Kind of the event it leaves."`
	From     []string     `yaml:"from" doc:"States in which it can be done."`
	To       string       `yaml:"to" doc:"State it leads to; left out, the case stays."`
	By       []string     `yaml:"by" doc:"Roles that may do it; resident is the person with the code, system answers a term."`
	Of       string       `yaml:"of" enum:"of" doc:"Whose people do it; left out, the holder's."`
	Effects  []string     `yaml:"effects" enum:"effect" doc:"What it does beside the state."`
	Answers  bool         `yaml:"answers" doc:"It tells the resident how the matter ends."`
	Withdraw bool         `yaml:"withdraw" doc:"The resident takes the matter back."`
	While    string       `yaml:"while" doc:"A clock that must be running."`
	Extends  string       `yaml:"extends" doc:"The clock it gives more time."`
	Times    int          `yaml:"times" doc:"How often it can be done on one case; 0 is without bound."`
	Key      string       `yaml:"key" doc:"Its letter at the desk."`
	Prime    bool         `yaml:"prime" doc:"The usual next step."`
	Law      lawRefYAML   `yaml:"law" doc:"The article it rests on."`
	Name     words        `yaml:"name" doc:"What the button says."`
	Past     words        `yaml:"past" doc:"What has happened then, for the record."`
	Fields   []fieldYAML  `yaml:"fields" doc:"Questions it asks."`
	Notices  []noticeYAML `yaml:"notices" doc:"Who is told."`

	When      string                       `yaml:"when" doc:"Guard: a condition over facts, answers and clocks."`
	WhenText  words                        `yaml:"when_text" doc:"Why not, and what to do instead; needed with when."`
	Set       map[string]string            `yaml:"set" plain:"yes" doc:"Facts it sets: a value, or $FIELD for the answer to a choice."`
	Spawn     []string                     `yaml:"spawn" doc:"Links it opens."`
	Recall    bool                         `yaml:"recall" doc:"Open child cases are ended."`
	NotBy     []string                     `yaml:"not_by" doc:"Nobody who did one of these acts on the case may do this one."`
	Behalf    []string                     `yaml:"behalf" doc:"Roles that may record it for the resident on a signed paper."`
	Dept      string                       `yaml:"dept" doc:"Department that effect send_to_dept looks for on the way up."`
	Proof     bool                         `yaml:"proof" doc:"It proves service of a document."`
	Remedy    string                       `yaml:"remedy" doc:"The clock within which the resident may challenge it."`
	Documents []string                     `yaml:"documents" doc:"Documents it makes."`
	Dispute   bool                         `yaml:"dispute" doc:"A matter between offices, not part of the ordinary road."`
	Adds      string                       `yaml:"adds" doc:"Roll that somebody new is put on; the fields name, phone, mail and officer say who."`
	About     string                       `yaml:"about" doc:"Roll of the member it is about."`
	As        string                       `yaml:"as" doc:"Roll on which whoever does it must be, by their account."`
	Leaves    bool                         `yaml:"leaves" doc:"The member it is about leaves the roll."`
	Marks     map[string]string            `yaml:"marks" plain:"yes" doc:"Marks of that member, or of the new one: a value, or $FIELD for the answer to a choice."`
	Every     map[string]map[string]string `yaml:"every" plain:"yes" doc:"Marks of everybody on a roll: roll, then marks."`

	Hears   []string `yaml:"hears" doc:"By [group]: acts of the case it goes with that bring this one about; \"*\" is its end without an answer."`
	Consent bool     `yaml:"consent" doc:"The person agrees to something they could refuse; not where the ground of the case is duty."`
}

type fieldYAML struct {
	Mark     mark             `yaml:"-"`
	Name     string           `yaml:"name" doc:"Id of the field."`
	Kind     string           `yaml:"kind" enum:"kind" doc:"What it takes."`
	Required bool             `yaml:"required" doc:"Must be answered."`
	Min      int              `yaml:"min" doc:"Least number, or fewest characters."`
	Max      int              `yaml:"max" doc:"Greatest number, or most characters."`
	Options  []string         `yaml:"options" doc:"Ids of the choices."`
	Names    map[string]words `yaml:"option_names" doc:"Words of the choices, by id."`
	Public   bool             `yaml:"public" doc:"The resident reads the answer."`
	Caucus   bool             `yaml:"caucus" doc:"Said in confidence: read at level caucus only, carried nowhere."`
	Personal bool             `yaml:"personal" doc:"Personal data; goes when the case is erased."`
	When     whenYAML         `yaml:"required_when" doc:"Must be answered when another field says so."`
	Label    words            `yaml:"label" doc:"The question."`
}

type whenYAML struct {
	Mark  mark     `yaml:"-"`
	Field string   `yaml:"field" doc:"The other field."`
	In    []string `yaml:"in" doc:"The answers to it that ask for this one."`
}

type noticeYAML struct {
	Mark     mark   `yaml:"-"`
	To       string `yaml:"to" doc:"Who is told: resident, holder, offered, superior, joint, member (whom the act is about), or a roll."`
	Template string `yaml:"template" doc:"The text notice.TEMPLATE."`
}

type clockYAML struct {
	Mark       mark                `yaml:"-"`
	ID         string              `yaml:"id" doc:"Id of the term."`
	Law        lawRefYAML          `yaml:"law" doc:"The article that sets it."`
	N          int                 `yaml:"n" doc:"How many."`
	Unit       string              `yaml:"unit" enum:"unit" doc:"What is counted."`
	Roll       string              `yaml:"roll" enum:"roll" doc:"What happens when the last day is not worked."`
	At         string              `yaml:"at" doc:"When on the last day it ends: end_of_day, same_time, or a time such as \"17:30\"."`
	Arrival    string              `yaml:"arrival" enum:"arrival" doc:"Whether what comes outside office hours waits for the office."`
	ByCategory map[string]ruleYAML `yaml:"by_category" doc:"Other terms for some categories."`
	In         []string            `yaml:"in" doc:"States it runs in, anew on each entry."`
	Start      []string            `yaml:"start" doc:"Events that start it."`
	Stop       []string            `yaml:"stop" doc:"Events that stop it."`
	Pause      []string            `yaml:"pause" doc:"States in which it stands still."`
	Extend     extendYAML          `yaml:"extend" doc:"How far it can be extended."`
	Expire     string              `yaml:"expire" doc:"The act of the system that answers when it runs out."`
	Promise    bool                `yaml:"promise" doc:"The date the resident is told."`
	Name       words               `yaml:"name" doc:"Its name."`

	From        string     `yaml:"from" doc:"Date field of the starting act from which it counts."`
	Until       string     `yaml:"until" doc:"Date field in which it ends, instead of n and unit."`
	Parameter   bool       `yaml:"parameter" doc:"No law sets it; to_confirm says what is to be confirmed, and by whom."`
	ToConfirm   words      `yaml:"to_confirm" doc:"What is to be confirmed about a parameter, and by whom."`
	PauseLaw    lawRefYAML `yaml:"pause_law" doc:"The article that lets it stand still; needed with pause."`
	TimeBar     bool       `yaml:"time_bar" doc:"The resident loses a right when it runs out."`
	Binds       string     `yaml:"binds" enum:"binds" doc:"Whose failing it is when it runs out."`
	Alert       []int      `yaml:"alert" doc:"Days before the end on which the holder is told."`
	AlertNotice string     `yaml:"alert_notice" doc:"Template of what the holder is told then."`
}

type ruleYAML struct {
	Mark    mark   `yaml:"-"`
	N       int    `yaml:"n" doc:"How many."`
	Unit    string `yaml:"unit" enum:"unit" doc:"What is counted."`
	Roll    string `yaml:"roll" enum:"roll" doc:"What happens when the last day is not worked."`
	At      string `yaml:"at" doc:"When on the last day it ends."`
	Arrival string `yaml:"arrival" enum:"arrival" doc:"Whether what comes outside office hours waits for the office."`
}

type extendYAML struct {
	Mark  mark       `yaml:"-"`
	Max   int        `yaml:"max" doc:"How much longer in all, in the term's unit."`
	Times int        `yaml:"times" doc:"How often."`
	Law   lawRefYAML `yaml:"law" doc:"The article that allows it."`
}

// textsFile holds words by key.
type textsFile = map[string]textYAML

// textYAML is one text; it has a place, so that one that is missing in a language can be pointed at.
type textYAML struct {
	Mark mark   `yaml:"-"`
	Text string `yaml:"text" short:"only" doc:"The text; placeholders stand in braces."`
}

type repliesFile struct {
	Mark    mark        `yaml:"-"`
	Replies []replyYAML `yaml:"replies" doc:"The replies, in the order they are offered."`
}

type replyYAML struct {
	Mark      mark     `yaml:"-"`
	ID        string   `yaml:"id" doc:"Id of the reply."`
	Procedure string   `yaml:"procedure" doc:"Id of the procedure."`
	Acts      []string `yaml:"acts" doc:"Ids of the acts on whose form it is offered."`
	Field     string   `yaml:"field" doc:"The field it fills; text or longtext."`
	Name      words    `yaml:"name" doc:"What the officer chooses it by."`
	Text      words    `yaml:"text" doc:"The reply, with places such as {ref} or {clock.ID.due}."`
}
