// Package architecture holds which room of the house may know which other, so that the direction of design and the
// doors to the outside stay what docs/architecture.md says. The table below is the whole rule; check.go only applies it.
//
// A room is a folder with everything below it, unless a longer path has a row of its own. Test files and everything in
// test/ may know all rooms; they are how the rooms are seen from outside.
package architecture

import "strings"

// module is what the import paths of our rooms begin with.
const module = "consentry/"

// Groups of rooms that appear together in the table.
var (
	words = rooms("internal/domain internal/contract internal/logkey")
	rules = rooms("internal/migration internal/campaign internal/consent internal/dirsync internal/rotation")
	ports = rooms("internal/service")
	watch = rooms("internal/build internal/health internal/metrics internal/tracing")
	edges = rooms("activities api/server console")
	outer = rooms("internal/store internal/mirror internal/entra internal/keys internal/notify internal/engine")
)

type room struct {
	path string
	may  []string            // rooms it may import beside itself
	only map[string][]string // further rooms that a single file may import
	pure bool                // nothing but the pure part of the standard library
	shut bool                // its tests are bound by the row, too (libraries apart)
}

// table is read from the inside out.
var table = []room{
	{path: "internal/domain", pure: true},
	{path: "internal/logkey", pure: true},
	{path: "internal/contract", may: rooms("internal/domain")},
	{path: "internal/migration", may: rooms("internal/domain"), pure: true},
	{path: "internal/campaign", may: rooms("internal/domain"), pure: true},
	{path: "internal/consent", may: rooms("internal/domain"), pure: true},
	{path: "internal/dirsync", may: rooms("internal/domain"), pure: true},
	{path: "internal/rotation", may: rooms("internal/domain"), pure: true},

	{path: "internal/service", may: all(words, rules)},

	// Who calls the service, and the workflows, which reach it by activities alone.
	{path: "activities", may: all(words, rules, ports)},
	{path: "api/server", may: all(words, rules, ports, rooms("internal/health"))},
	{path: "console", may: all(words, rules, ports)},
	{path: "workflows", may: all(words, rules), only: map[string][]string{"calls.go": rooms("activities")}},

	// Who implements its ports. None knows another: they meet in app.
	{path: "internal/store", may: all(words, rules, ports)},
	{path: "internal/mirror", may: all(words, rules, ports)},
	{path: "internal/entra", may: all(words, rules, ports)},
	{path: "internal/keys", may: all(words, rules, ports)},
	{path: "internal/notify", may: all(words, rules, ports)},
	{path: "internal/engine", may: all(words, rules, ports)},

	// What a process tells of itself.
	{path: "internal/build"},
	{path: "internal/health", may: rooms("internal/logkey")},
	{path: "internal/metrics", may: rooms("internal/build")},
	{path: "internal/tracing", may: rooms("internal/logkey")},

	{path: "internal/app", may: all(words, rules, ports, edges, outer, watch, rooms("workflows"))},

	{path: "worker", may: rooms("internal/app")},
	{path: "api", may: rooms("internal/app")},
	{path: "starter", may: rooms("internal/build")}, // knows the API by its addresses only, and its own build

	// The stand-in for Microsoft shares nothing with us, not even in its tests, lest it share our misunderstandings.
	{path: "emulator", shut: true},
	{path: "dev", may: all(words, rules, ports, rooms("internal/app emulator"))},

	{path: "test", may: everything},
}

// door is an outside library that only some rooms may use. Their test files may, too.
type door struct {
	libraries []string // import paths; one that ends in a slash stands for all below it
	rooms     []string
	why       string
}

var doors = []door{
	{
		libraries: rooms("go.temporal.io/sdk/client go.temporal.io/api/workflowservice/ go.temporal.io/api/operatorservice/"),
		rooms:     rooms("internal/engine internal/app worker dev test"),
		why:       "the engine has one door: nobody else holds a Temporal client",
	},
	{
		libraries: rooms("go.temporal.io/"),
		rooms:     rooms("internal/contract internal/engine internal/app internal/tracing activities workflows worker dev test"),
		why:       "rules, service, API and console do not know which engine runs them",
	},
	{
		libraries: rooms("github.com/AzureAD/ github.com/Azure/ github.com/microsoft/ github.com/microsoftgraph/"),
		rooms:     rooms("internal/entra internal/app test"),
		why:       "what Microsoft's libraries do stays behind internal/entra",
	},
	{
		libraries: rooms("database/sql github.com/uptrace/ github.com/jackc/ modernc.org/ github.com/pressly/"),
		rooms:     rooms("internal/store internal/mirror internal/app emulator test"),
		why:       "rows are read and written by store and mirror",
	},
	{
		libraries: rooms("gocloud.dev/"),
		rooms:     rooms("internal/keys internal/app test"),
		why:       "sealing has one place",
	},
}

// impure are the parts of the standard library that reach outside the process or make a rule answer differently twice.
var impure = rooms("os os/exec io/ioutil net net/http database/sql math/rand math/rand/v2 log log/slog syscall testing")

// badNames say nothing about what a room holds.
var badNames = rooms("util utils common helper helpers misc shared base lib")

// maxLines keeps a file small enough to be read at once; tests are tables and may be longer.
const maxLines = 400

var everything = []string{"*"}

func rooms(names string) []string { return strings.Fields(names) }

func all(groups ...[]string) []string {
	var names []string
	for _, group := range groups {
		names = append(names, group...)
	}
	return names
}
