package emulator

import (
	"net/http"
	"slices"
	"strings"

	"consentry/emulator/directory"
)

// route is one thing that can be asked of Graph.
type route struct {
	method string
	path   string   // {} stands for any one segment
	units  int      // base cost in resource units (facts 6.2)
	open   []string // permissions of which one is needed; none for what the handler decides by itself
	answer func(*Server, *graphCall) ([]byte, *graphError)
	plain  bool // answers a bare number
	parts  []string
}

// reading answers on one state of the world, with the directory as the replica knows it.
func reading(do func(*Server, *graphCall) ([]byte, *graphError)) func(*Server, *graphCall) ([]byte, *graphError) {
	return func(s *Server, g *graphCall) ([]byte, *graphError) {
		s.mu.RLock()
		defer s.mu.RUnlock()
		g.view = g.tenant.directory.Now()
		if seen := g.seen(); seen.Before(g.entry.At) {
			g.view = g.tenant.directory.At(g.tenant.directory.SequenceAt(seen))
		}
		return do(s, g)
	}
}

// of fixes the kind that a handler is about.
func of(kind directory.Kind, do func(*Server, *graphCall, directory.Kind) ([]byte, *graphError)) func(*Server, *graphCall) ([]byte, *graphError) {
	return reading(func(s *Server, g *graphCall) ([]byte, *graphError) { return do(s, g, kind) })
}

const (
	users  = directory.KindUser
	groups = directory.KindGroup
)

// routes are everything that is emulated. The first that fits answers.
var routes = prepared([]route{
	{method: http.MethodGet, path: "organization", units: 1, open: readOrganization, answer: reading(organization)},
	{method: http.MethodGet, path: "users", units: 2, open: readUsers, answer: of(users, (*Server).list)},
	{method: http.MethodGet, path: "users/$count", units: 2, open: readUsers, answer: of(users, (*Server).count), plain: true},
	{method: http.MethodGet, path: "users/delta", units: 1, open: readUserDelta, answer: of(users, (*Server).delta)},
	{method: http.MethodGet, path: "users/{}", units: 1, open: readUsers, answer: of(users, (*Server).one)},
	{method: http.MethodGet, path: "groups", units: 1, open: readGroups, answer: of(groups, (*Server).list)},
	{method: http.MethodGet, path: "groups/$count", units: 1, open: readGroups, answer: of(groups, (*Server).count), plain: true},
	{method: http.MethodGet, path: "groups/delta", units: 1, open: readGroups, answer: of(groups, (*Server).delta)},
	{method: http.MethodGet, path: "groups/{}", units: 1, open: readGroups, answer: of(groups, (*Server).one)},
	{method: http.MethodGet, path: "groups/{}/members", units: 3, open: readMembers, answer: reading((*Server).members)},
	{method: http.MethodGet, path: "groups/{}/members/$count", units: 3, open: readMembers, answer: reading((*Server).countMembers), plain: true},
	{method: http.MethodGet, path: "groups/{}/members/{}", units: 3, open: readMembers, answer: reading((*Server).members)},
	{method: http.MethodGet, path: "groups/{}/transitiveMembers", units: 5, open: readMembers, answer: reading((*Server).members)},
	{method: http.MethodGet, path: "groups/{}/transitiveMembers/$count", units: 5, open: readMembers, answer: reading((*Server).countMembers), plain: true},
	{method: http.MethodGet, path: "groups/{}/transitiveMembers/{}", units: 5, open: readMembers, answer: reading((*Server).members)},
	{method: http.MethodGet, path: "applications", units: 2, open: readApplications, answer: reading((*Server).applications)},
	{method: http.MethodGet, path: "applications/{}", units: 1, open: readApplications, answer: reading((*Server).application)},
	{method: http.MethodPatch, path: "applications/{}", units: 1, open: writeApplications, answer: (*Server).patchApplication},
	{method: http.MethodPost, path: "applications/{}/addKey", units: 1, answer: (*Server).addKey},
	{method: http.MethodPost, path: "applications/{}/removeKey", units: 1, answer: (*Server).removeKey},
	{method: http.MethodGet, path: "servicePrincipals", units: 1, open: readApplications, answer: reading((*Server).servicePrincipals)},
	{method: http.MethodGet, path: "servicePrincipals/{}", units: 1, open: readApplications, answer: reading((*Server).servicePrincipal)},
	{method: http.MethodGet, path: "servicePrincipals/{}/appRoleAssignments", units: 2, open: readAssignments, answer: reading((*Server).appRoleAssignments)},
	{method: http.MethodGet, path: "servicePrincipals/{}/appRoleAssignedTo", units: 2, open: readAssignments, answer: reading((*Server).appRoleAssignedTo)},
	{method: http.MethodGet, path: "servicePrincipals/{}/oauth2PermissionGrants", units: 2, open: readDelegated, answer: reading((*Server).permissionGrants)},
	{method: http.MethodGet, path: "oauth2PermissionGrants", units: 2, open: readDelegated, answer: reading((*Server).permissionGrants)},
})

func prepared(all []route) []route {
	for i := range all {
		all[i].parts = strings.Split(all[i].path, "/")
	}
	return all
}

// route finds who answers, and tells an unknown path from a wrong method.
func (s *Server) route(g *graphCall) (*route, *graphError) {
	known := false
	for i := range routes {
		args, ok := routes[i].fits(g.path)
		if !ok {
			continue
		}
		if known = true; routes[i].method == g.Method {
			g.args = args
			return &routes[i], nil
		}
	}
	if known {
		return nil, errMethod
	}
	g.entry.Unknown = true
	return nil, &graphError{status: http.StatusBadRequest, code: "BadRequest", message: "Resource not found for the segment '" + g.path[len(g.path)-1] + "'."}
}

func (r *route) fits(path []string) ([]string, bool) {
	if len(path) != len(r.parts) {
		return nil, false
	}
	var args []string
	for i, part := range r.parts {
		switch {
		case part == "{}":
			args = append(args, path[i])
		case part != path[i]:
			return nil, false
		}
	}
	return args, true
}

// casts are types that a list of mixed objects may be narrowed to; before functions the namespace is only decoration.
var casts = []string{"microsoft.graph.user", "microsoft.graph.group"}

// segments splits a path, in which the same thing may be written in several ways (facts 5.2): delta, delta() and
// microsoft.graph.delta() are one function; users('x') is users/x; applications(appId='x') keeps the name of its key.
func segments(path string) []string {
	var all []string
	for part := range strings.SplitSeq(path, "/") {
		name, key, keyed := strings.Cut(part, "(")
		if !slices.Contains(casts, name) {
			name = strings.TrimPrefix(name, "microsoft.graph.")
		}
		all = append(all, name)
		if key = strings.TrimSuffix(key, ")"); keyed && key != "" {
			if property, value, named := strings.Cut(key, "='"); named {
				all = append(all, property+"="+strings.TrimSuffix(value, "'"))
			} else {
				all = append(all, strings.Trim(key, "'"))
			}
		}
	}
	return all
}
