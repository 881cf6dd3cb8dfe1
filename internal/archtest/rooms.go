package archtest

import "slices"

// Room is one package and what it may stand on. Arrows point down: what is not listed is a wall.
type Room struct {
	Why    string   // what the room is, in a line
	Rooms  []string // rooms it may import, without internal/
	Others []string // modules of others it may import, by prefix
	Kernel bool     // standard library and kernel rooms only, and of the library only what is pure
}

// The kernel: pure rooms that every service above may use.
var kernel = []string{"authz", "casework", "form", "org", "place", "procedure", "worktime"}

func with(rooms ...string) []string { return slices.Concat(kernel, rooms) }

// Rooms is the plan of the house. A new package needs a line here, and the line needs a thought: on
// what may it stand, and who may stand on it? docs/decisions records changes of the kernel.
var Rooms = map[string]Room{
	"internal/org":       {Why: "units of the five levels", Kernel: true},
	"internal/place":     {Why: "points and areas", Kernel: true, Rooms: []string{"org"}},
	"internal/authz":     {Why: "who may do and see what", Kernel: true, Rooms: []string{"org"}},
	"internal/form":      {Why: "fields and their checks", Kernel: true},
	"internal/worktime":  {Why: "calendars and terms", Kernel: true},
	"internal/procedure": {Why: "what a pack declares, and the model checker", Kernel: true, Rooms: []string{"form", "org", "worktime"}},
	"internal/casework":  {Why: "the case: Decide and Fold", Kernel: true, Rooms: []string{"authz", "form", "org", "place", "procedure", "worktime"}},

	"internal/query":   {Why: "what is typed above a list: words and terms", Kernel: true},
	"internal/enough":  {Why: "random draws go on until a test has met what it is about; for tests alone", Others: []string{"pgregory.net/rapid"}},
	"internal/explore": {Why: "the guide before filing: questions, doors and their check", Kernel: true},

	"internal/text":              {Why: "every word shown to a person", Others: []string{"go.yaml.in/yaml/v4"}},
	"internal/trace":             {Why: "tells an operator's collector how long things took", Others: []string{"go.opentelemetry.io/otel"}},
	"internal/synced":            {Why: "files and names of a folder are durable, and that is proven"},
	"internal/db":                {Why: "the only importer of database/sql and drivers", Rooms: []string{"synced", "trace"}, Others: []string{"github.com/jackc/pgx/v5", "github.com/ncruces/go-sqlite3"}},
	"internal/db/move":           {Why: "a database goes from one engine to the other", Rooms: []string{"db"}, Others: []string{"github.com/jackc/pgx/v5", "github.com/ncruces/go-sqlite3"}},
	"internal/db/dbtest":         {Why: "databases for tests", Rooms: []string{"db"}},
	"internal/db/wire":           {Why: "a network on one machine: counts round trips, is slow or cut; for tests and measurements"},
	"internal/db/pages":          {Why: "what a SQLite file changes, page by page", Rooms: []string{"db", "synced"}, Others: []string{"github.com/ncruces/go-sqlite3"}},
	"internal/backup":            {Why: "a SQLite database, kept encrypted as it becomes, and brought back to a moment", Rooms: []string{"db/pages", "file/whole", "synced"}, Others: []string{"filippo.io/age", "github.com/klauspost/compress/zstd"}},
	"internal/db/faultdisk":      {Why: "a disk that fails, below SQLite; for tests alone", Others: []string{"github.com/ncruces/go-sqlite3"}},
	"internal/outward":           {Why: "which machines may be called"},
	"internal/posted":            {Why: "a posted form, its files sealed as they arrive", Rooms: []string{"vault"}},
	"internal/limit":             {Why: "slows down who guesses codes"},
	"internal/journal":           {Why: "what was refused, for who watches over the city"},
	"internal/file":              {Why: "the one attachment pipeline", Rooms: with("file/whole", "synced", "vault"), Others: []string{"github.com/pdfcpu/pdfcpu", "golang.org/x/image"}},
	"internal/file/bucket":       {Why: "sealed files in a store that speaks S3", Others: []string{"github.com/minio/minio-go/v7"}},
	"internal/file/filetest":     {Why: "one file of every kind, honest and not; for tests alone"},
	"internal/file/clamd":        {Why: "asks ClamAV about a file"},
	"internal/file/whole":        {Why: "a file is written whole or not at all; apart, so that an import does not stand on pictures"},
	"internal/vault":             {Why: "keys of the compartments, and sealing with them", Rooms: []string{"file/whole", "synced"}, Others: []string{"github.com/emmansun/gmsm", "golang.org/x/crypto/argon2"}},
	"internal/ical":              {Why: "calendar files that other programs read"},
	"internal/export":            {Why: "tables that leave the house as files", Others: []string{"github.com/xuri/excelize/v2"}},
	"internal/jobs":              {Why: "durable queue", Rooms: []string{"db", "trace"}},
	"internal/receipt":           {Why: "what outsiders check without us: heads, proofs and receipts", Others: []string{"golang.org/x/mod/sumdb/tlog"}},
	"internal/translog":          {Why: "the tamper-evident log of one compartment", Rooms: []string{"db", "receipt"}, Others: []string{"golang.org/x/mod/sumdb/tlog"}},
	"internal/bulk":              {Why: "one act on many cases, after a time to undo it", Rooms: with("db", "jobs", "ledger")},
	"internal/account":           {Why: "people who work for a unit", Rooms: []string{"authz", "db", "org"}, Others: []string{"github.com/coreos/go-oidc/v3", "github.com/go-webauthn/webauthn", "golang.org/x/crypto", "golang.org/x/oauth2"}},
	"internal/ledger":            {Why: "the one door", Rooms: with("db", "db/pages", "receipt", "trace", "translog", "vault")},
	"internal/ledger/ledgertest": {Why: "a city for tests: a pack behind a real door, needed by every room above it", Rooms: []string{"authz", "casework", "db", "form", "ledger", "org", "pack", "procedure", "vault"}},
	"internal/paper":             {Why: "letters and papers as plain text with places to fill"},
	"internal/pdf/truetype":      {Why: "fonts read, and cut to what one document needs"},
	"internal/pdf/cut":           {Why: "makes the font the program carries", Rooms: []string{"pdf/truetype"}, Others: []string{"golang.org/x/text/encoding/simplifiedchinese"}},
	"internal/pdf":               {Why: "documents that can be kept, as PDF/A", Rooms: []string{"pdf/truetype"}, Others: []string{"github.com/rivo/uniseg", "rsc.io/qr"}},
	"internal/pdf/pdftest":       {Why: "the words of a file, read back; for tests alone"},
	"internal/casefile":          {Why: "the file of an ended case, for the archive", Rooms: []string{"paper", "pdf", "pdf/truetype"}},
	"internal/pack":              {Why: "packs read and checked", Rooms: with("explore", "paper"), Others: []string{"github.com/expr-lang/expr", "go.yaml.in/yaml/v4"}},
	"internal/explain":           {Why: "why not, and why this date, in words for every surface", Rooms: with("text")},
	"internal/web":               {Why: "kit for pages; knows no programme and no ledger", Rooms: with("explain", "explore", "journal", "pack", "posted", "text", "trace"), Others: []string{"github.com/a-h/templ", "rsc.io/qr"}},
	"internal/draw":              {Why: "a procedure as a picture", Rooms: []string{"form", "org", "procedure", "worktime"}},
	"internal/maps":              {Why: "the operator's tiles and address service", Rooms: with("pack", "web"), Others: []string{"go.yaml.in/yaml/v4"}},
	"internal/alike":             {Why: "which open reports may be about the same matter", Rooms: with("db", "ledger", "pack")},
	"internal/intake":            {Why: "a report becomes a command", Rooms: with("pack")},
	"internal/intake/csvin":      {Why: "reads import files of any spelling"},
	"internal/intake/importer":   {Why: "history from another system, through the door", Rooms: with("file/whole", "intake", "intake/csvin", "ledger", "pack")},
	"internal/inmail":            {Why: "a mail becomes a case, or a message on one", Rooms: with("explain", "file", "file/whole", "intake", "ledger", "limit", "pack", "text"), Others: []string{"github.com/emersion/go-imap/v2", "go.yaml.in/yaml/v4", "golang.org/x/net/html", "golang.org/x/text/encoding"}},
	"internal/courier":           {Why: "sends what events owe", Rooms: with("db", "jobs", "ledger", "pack", "text")},

	"internal/programme":                                 {Why: "the socket programmes plug into; surfaces mount what it holds", Rooms: with("db", "ical", "jobs", "web"), Others: []string{"github.com/a-h/templ"}},
	"internal/programme/programmetest":                   {Why: "a programme behind real surfaces, for tests of its pages", Rooms: []string{"account", "authz", "db", "db/dbtest", "desk", "file", "ledger", "ledger/ledgertest", "portal", "programme", "text", "web"}},
	"internal/programme/dataaccess":                      {Why: "questions to other bodies, and the public register of cameras", Rooms: with("db", "intake/csvin", "pack", "programme", "text", "web"), Others: []string{"github.com/a-h/templ"}},
	"internal/programme/opendata":                        {Why: "figures and a feed that anybody may take", Rooms: with("db", "export", "ledger", "pack", "programme", "stat", "text", "web"), Others: []string{"github.com/a-h/templ"}},
	"internal/programme/petition":                        {Why: "reception days of the petition programme", Rooms: with("courier", "db", "ical", "jobs", "ledger", "pack", "programme", "text", "web"), Others: []string{"github.com/a-h/templ"}},
	"internal/programme/mediation":                       {Why: "roster, rooms and sessions of the mediation programme", Rooms: with("courier", "db", "ical", "intake/csvin", "jobs", "ledger", "pack", "programme", "programme/mediation/schedule", "stat", "text", "web"), Others: []string{"github.com/a-h/templ"}},
	"internal/programme/mediation/schedule":              {Why: "when sessions are held, by whom and where, with the proof", Kernel: true},
	"internal/programme/mediation/schedule/scheduletest": {Why: "invented problems of scheduling, for tests and measurements", Rooms: []string{"programme/mediation/schedule"}},
	"internal/stat":                                      {Why: "signals on issues and places, and tables that give nobody away", Kernel: true},
	"internal/programme/mediation/talks":                 {Why: "offers, drafts and signatures of a mediation, read from the events of the case", Rooms: with("db", "file", "ledger", "pack", "paper", "programme", "web"), Others: []string{"github.com/a-h/templ"}},

	"internal/logbook":                   {Why: "the public side of the log", Rooms: []string{"receipt", "translog", "web"}, Others: []string{"github.com/a-h/templ", "golang.org/x/mod/sumdb/tlog"}},
	"internal/portal":                    {Why: "what residents see", Rooms: with("alike", "casefile", "draw", "explain", "file", "intake", "journal", "ledger", "limit", "maps", "pack", "programme", "receipt", "text", "web"), Others: []string{"github.com/a-h/templ"}},
	"internal/desk":                      {Why: "what officers see", Rooms: with("account", "alike", "bulk", "casefile", "explain", "export", "file", "ical", "intake", "journal", "ledger", "limit", "maps", "pack", "paper", "programme", "query", "text", "web"), Others: []string{"github.com/a-h/templ"}},
	"internal/api":                       {Why: "JSON for programs", Rooms: with("account", "db", "explain", "file", "intake", "jobs", "journal", "ledger", "limit", "pack", "posted", "text"), Others: []string{"github.com/danielgtaylor/huma/v2", "github.com/VictoriaMetrics/metrics", "golang.org/x/text/language"}},
	"internal/programme/residence/sdjwt": {Why: "the residence card: a credential whose holder shows only what is asked for"},

	"internal/open311":                  {Why: "GeoReport v2", Rooms: with("account", "db", "explain", "file", "intake", "journal", "ledger", "limit", "outward", "pack", "text"), Others: []string{"golang.org/x/text/language"}},
	"internal/courier/gateway":          {Why: "speaks with mail relays, gateways and receivers of webhooks", Rooms: []string{"courier", "jobs", "outward"}, Others: []string{"go.yaml.in/yaml/v4"}},
	"internal/courier/gateway/smtptest": {Why: "a mail relay for tests; for tests alone"},
	"internal/programme/quarantine":     {Why: "files that wait until somebody decides", Rooms: with("courier", "db", "file", "jobs", "ledger", "pack", "programme", "web"), Others: []string{"github.com/a-h/templ"}},
	"internal/neighbour/georeport":      {Why: "asks another system by GeoReport v2"},
	"internal/neighbour":                {Why: "exchanges matters with units that work on a system of their own", Rooms: with("courier", "db", "file", "intake", "jobs", "ledger", "neighbour/georeport", "pack", "text")},
	"internal/programme/post":           {Why: "what officers do about messages: stuck ones, letters, other systems, texts", Rooms: with("courier", "inmail", "neighbour", "pack", "pdf", "programme", "text", "web"), Others: []string{"github.com/a-h/templ"}},

	"internal/consent":               {Why: "what people agreed to, and took back", Rooms: with("db", "ledger", "pack", "translog", "vault")},
	"internal/selfview":              {Why: "what a person sees of themselves: beside cmd the one room that is handed several compartments", Rooms: with("consent", "courier", "db", "jobs", "ledger", "limit", "pack", "programme", "text", "vault", "web"), Others: []string{"github.com/a-h/templ"}},
	"internal/selfview/selfviewtest": {Why: "random looks, held against people's pages; for tests alone", Rooms: []string{"authz", "casework", "ledger"}},

	"internal/story":    {Why: "stories, played by the kernel alone", Rooms: with("intake", "pack")},
	"internal/simulate": {Why: "what-if questions: arrivals and staff played against a pack, in memory", Rooms: with("pack", "text")},
	"internal/demo":     {Why: "an invented year, lived through the door", Rooms: with("account", "courier", "intake", "jobs", "ledger", "pack", "text")},
	"internal/bench":    {Why: "measures what is promised about speed", Rooms: []string{"*"}, Others: []string{"go.yaml.in/yaml/v4"}},
	"internal/load":     {Why: "loads a running city and measures how it answers", Rooms: with("account", "db", "intake", "ledger", "pack"), Others: []string{"github.com/HdrHistogram/hdrhistogram-go"}},
	"internal/fault":    {Why: "pulls plugs, and checks what is left", Rooms: []string{"*"}, Others: []string{"github.com/anishathalye/porcupine"}},
	"internal/archtest": {Why: "these walls"},
	"packs":             {Why: "the packs inside the binary; no code"},
	"packaging/ha":      {Why: "files for a city on several machines, and a test that switches them off; no code"},
	"packaging":         {Why: "what goes into the Debian package, and a test of it; no code"},
	"cmd/comity":        {Why: "the only place that knows everyone", Rooms: []string{"*"}},
}

// Surfaces never import each other: what two of them need belongs into a room below.
var surfaces = []string{"internal/portal", "internal/desk", "internal/api", "internal/open311", "internal/logbook"}

// Exception allows one thing in one place, for a reason.
type Exception struct {
	In     string // file or room
	Names  []string
	Reason string
}

// Clocks lists where, outside cmd, the time of day may be asked.
var Clocks = []Exception{
	{"internal/db/wire", []string{"Now", "Until", "Sleep"}, "is as slow as it is told; for tests and measurements"},
	{"internal/db/dbtest/server.go", []string{"Now", "After"}, "waits for a PostgreSQL server that is starting; no test's time comes from it"},
	{"internal/db/dbtest/cluster.go", []string{"Now", "Sleep"}, "waits for a PostgreSQL server that starts or ends; no test's time comes from it"},
	{"internal/jobs", []string{"NewTimer", "NewTicker", "After", "AfterFunc", "Tick"}, "a runner has to wake up; what is due is decided by the database's clock"},
	{"internal/ledger", []string{"NewTimer", "NewTicker", "After", "AfterFunc", "Tick"}, "a runner has to wake up; what is due is decided by the database's clock"},
	{"internal/translog", []string{"NewTicker"}, "a sequencer has to wake up; when a head is due is decided by the database's clock"},
	{"internal/db", []string{"NewTimer", "NewTicker", "After", "AfterFunc", "Tick"}, "waits between tries after a conflict"},
	{"internal/bench", []string{"Now", "Since", "After"}, "measures how long things take; no case's time comes from it"},
	{"internal/load", []string{"Now", "Since", "Until", "NewTimer", "NewTicker"}, "measures how long answers take; no case's time comes from it"},
	{"internal/web/slow.go", []string{"Now"}, "the deadline of a connection; no page's time comes from it"},
	{"internal/fault", []string{"Now", "Since", "Sleep", "After", "AfterFunc", "NewTimer", "NewTicker"}, "histories are ordered by the machine's clock, and faults happen at moments of it"},
	{"internal/db/faultdisk", []string{"Sleep"}, "a slow disk is slow"},
	{"internal/inmail", []string{"NewTicker"}, "looks into a mailbox now and then; no case's time comes from it"},
	{"internal/courier", []string{"NewTimer", "After"}, "waits for another machine's answer"},
	{"internal/trace", []string{"NewTimer"}, "waits for another machine between tries"},
}

// Actors lists who may make an actor. Everybody else is handed one.
var Actors = []Exception{
	{"internal/account", []string{"Staff"}, "a password, session or token has just been checked"},
	{"internal/portal", []string{"Holder", "Reporter"}, "the follow code has been checked, or a new report is filed"},
	{"internal/api", []string{"Holder", "Machine"}, "the follow code has been checked; the figures of /metrics are read by the machine"},
	{"internal/ledger", []string{"Machine"}, "clocks run out by themselves; a follow code is looked up before there is an actor"},
	{"internal/courier", []string{"Machine"}, "sending is the machine's own act"},
	{"internal/neighbour", []string{"Machine", "Staff"}, "what is handed over is opened by the machine; a neighbour's system has answered at its own address, and acts for its unit"},
	{"internal/inmail", []string{"Holder", "Reporter"}, "the address that was written to has proved the case, or a new report is filed"},
	{"internal/intake/importer", []string{"History"}, "history is imported under the account that started it"},
	{"internal/ledger/ledgertest", []string{"Machine"}, "tests read what was stored as the machine does"},
	{"internal/programme/quarantine", []string{"Machine"}, "the scanner's verdict is the machine's own act"},
	{"internal/selfview", []string{"Holder", "Machine", "Reporter"}, "the person has just proved that a case is theirs; the machine reads the contact that was proved"},
	{"internal/selfview/selfviewtest", []string{"Holder", "Machine"}, "the people of a test are invented"},
	{"internal/story", []string{"Staff", "Holder", "Reporter", "Machine"}, "the people of a story are invented"},
	{"internal/simulate", []string{"Staff", "Holder", "Reporter", "Machine"}, "the people of a simulation are numbers"},
	{"internal/demo", []string{"Staff", "Holder", "Reporter", "Machine"}, "the people of the demo city are invented"},
	{"internal/fault", []string{"Staff", "Reporter", "Machine"}, "the people of a city that fails are invented"},
	{"internal/bench", []string{"Staff", "Holder", "Reporter", "Machine"}, "the people of a measurement are invented"},
	{"internal/load", []string{"Reporter", "Staff"}, "the people of a measurement are invented"},
	{"cmd/comity", []string{"Machine", "History"}, "jobs of the machine; imports from the command line"},
}

// Hans lists literals with Chinese characters that are not phrases.
var Hans = []Exception{
	{"internal/inmail/quote.go", nil, "words by which mail programs mark what they repeat"},
	{"internal/db/bigram.go", nil, "two characters by which Chinese text is recognised"},
	{"cmd/comity/people.go", nil, "a name in the example of a flag that takes a Chinese name"},
}

func allowed(list []Exception, s *Source, name string) bool {
	return slices.ContainsFunc(list, func(e Exception) bool {
		return (e.In == s.File || e.In == s.Room) && (e.Names == nil || slices.Contains(e.Names, name))
	})
}
