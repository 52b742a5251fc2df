package emulator

import (
	_ "embed"
	"net/http"
	"slices"
	"strings"
)

// graphPaths lists what Microsoft Graph v1.0 knows by the first segments of a path, one a line, {} for an id: those that
// the Graph SDK for Go has request builders for. Under a first segment that stands alone, anything may be.
//
//go:embed graphpaths.txt
var graphPaths string

var (
	knownPaths = strings.Fields(graphPaths)
	knownRoots = rootsOf(knownPaths)
	// mapped are the first segments whose next ones are listed too.
	mapped = rootsOf(slices.DeleteFunc(slices.Clone(knownPaths), func(p string) bool { return !strings.Contains(p, "/") }))
)

func rootsOf(paths []string) map[string]bool {
	roots := map[string]bool{}
	for _, p := range paths {
		root, _, _ := strings.Cut(p, "/")
		roots[root] = true
	}
	return roots
}

// knownWrites are changes that Graph makes and this emulator does not, to what it does serve.
var knownWrites = []string{
	"POST users", "PATCH users/{}", "DELETE users/{}", "POST groups", "PATCH groups/{}", "DELETE groups/{}", "POST groups/{}/members/$ref",
	"POST groups/{}/owners/$ref", "POST applications", "DELETE applications/{}", "POST servicePrincipals", "PATCH servicePrincipals/{}",
	"DELETE servicePrincipals/{}", "POST servicePrincipals/{}/appRoleAssignments", "POST servicePrincipals/{}/appRoleAssignedTo",
	"POST oauth2PermissionGrants", "PATCH organization/{}", "POST domains", "PATCH domains/{}", "DELETE domains/{}", "DELETE directoryObjects/{}",
}

// elsewhere is the honest answer for what exists at Microsoft and not here. Graph itself never uses its code, so nobody
// takes it for the service's own word.
func (g *graphCall) elsewhere() *graphError {
	g.entry.Unknown = true
	return &graphError{status: http.StatusNotImplemented, code: "EmulatorNotImplemented",
		message: g.Method + " " + g.URL.Path + " exists in Microsoft Graph and is not emulated."}
}

// unknownPath tells what exists at Microsoft from what does not exist at all.
func (g *graphCall) unknownPath() *graphError {
	segment := g.path[len(g.path)-1]
	switch root := g.path[0]; {
	case slices.Contains(g.path, ""):
		segment = ""
	case !knownRoots[root]:
		segment = root
	case !mapped[root], len(g.path) == 1:
		return g.elsewhere()
	case slices.Contains(knownPaths, root+"/"+g.path[1]):
		return g.elsewhere()
	case len(g.path) == 2 && g.path[1] != "" && slices.ContainsFunc(knownPaths, func(p string) bool { return strings.HasPrefix(p, root+"/{}") }):
		return g.elsewhere() // an id
	case len(g.path) > 2 && slices.Contains(knownPaths, root+"/{}/"+g.path[2]):
		return g.elsewhere()
	}
	g.entry.Unknown = true
	return &graphError{status: http.StatusBadRequest, code: "BadRequest", message: "Resource not found for the segment '" + segment + "'."}
}

// wrongMethod tells a change that Graph makes from a method that nothing there has.
func (g *graphCall) wrongMethod() *graphError {
	for _, known := range knownWrites {
		method, path, _ := strings.Cut(known, " ")
		r := route{parts: strings.Split(path, "/")}
		if _, fits := r.fits(g.path); fits && method == g.Method {
			return g.elsewhere()
		}
	}
	return errMethod
}
