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
	own    []string // delegated permissions that open it besides, among users for the person who signed in alone
	reads  bool     // although it is posted
	report bool     // of sign-ins, which have a budget of their own
	beta   bool     // is not in v1.0
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
	{method: http.MethodGet, path: "organization", units: 1, open: readOrganization, own: []string{"User.Read"}, answer: reading(organization)},
	{method: http.MethodGet, path: "organization/{}", units: 1, open: readOrganization, own: []string{"User.Read"}, answer: reading(oneOrganization)},
	{method: http.MethodGet, path: "domains", units: 1, open: readDomains, answer: reading(domains)},
	{method: http.MethodGet, path: "domains/{}", units: 1, open: readDomains, answer: reading(oneDomain)},
	{method: http.MethodGet, path: "users", units: 2, open: readUsers, answer: of(users, (*Server).list)},
	{method: http.MethodGet, path: "users/$count", units: 2, open: readUsers, answer: of(users, (*Server).count), plain: true},
	{method: http.MethodGet, path: "users/delta", units: 1, open: readUserDelta, answer: of(users, (*Server).delta)},
	{method: http.MethodGet, path: "users/{}", units: 1, open: readUsers, own: []string{"User.Read"}, answer: of(users, (*Server).one)},
	{method: http.MethodGet, path: "users/{}/manager", units: 1, open: readUserDelta, answer: reading((*Server).manager)},
	{method: http.MethodGet, path: "users/{}/directReports", units: 1, open: readUserDelta, own: []string{"User.Read"}, answer: reading((*Server).directReports)},
	{method: http.MethodGet, path: "users/{}/memberOf", units: 1, open: readMemberOf, own: []string{"User.Read"}, answer: of(users, (*Server).memberOf)},
	{method: http.MethodGet, path: "users/{}/memberOf/{}", units: 1, open: readMemberOf, own: []string{"User.Read"}, answer: of(users, (*Server).memberOf)},
	{method: http.MethodGet, path: "users/{}/transitiveMemberOf", units: 1, open: readTransitiveMemberOf, own: []string{"User.Read"}, answer: of(users, (*Server).memberOf)},
	{method: http.MethodGet, path: "users/{}/transitiveMemberOf/{}", units: 1, open: readTransitiveMemberOf, own: []string{"User.Read"}, answer: of(users, (*Server).memberOf)},
	{method: http.MethodGet, path: "groups", units: 1, open: readGroups, answer: of(groups, (*Server).list)},
	{method: http.MethodGet, path: "groups/$count", units: 1, open: readGroups, answer: of(groups, (*Server).count), plain: true},
	{method: http.MethodGet, path: "groups/delta", units: 1, open: readGroups, answer: of(groups, (*Server).delta)},
	{method: http.MethodGet, path: "groups/{}", units: 1, open: readGroups, answer: of(groups, (*Server).one)},
	{method: http.MethodGet, path: "groups/{}/owners", units: 1, open: readOwners, answer: reading((*Server).owners)},
	{method: http.MethodGet, path: "groups/{}/owners/{}", units: 1, open: readOwners, answer: reading((*Server).owners)},
	{method: http.MethodGet, path: "groups/{}/memberOf", units: 1, open: readMembers, answer: of(groups, (*Server).memberOf)},
	{method: http.MethodGet, path: "groups/{}/transitiveMemberOf", units: 1, open: readMemberOf, answer: of(groups, (*Server).memberOf)},
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
	{method: http.MethodPost, path: "directoryObjects/getByIds", units: 3, reads: true, open: readDelegated, answer: reading((*Server).getByIDs)},
	{method: http.MethodGet, path: "directoryObjects/{}", units: 1, open: readDelegated, answer: reading((*Server).anyObject)},
	{method: http.MethodGet, path: "directory/deletedItems/{}", units: 1, answer: reading((*Server).deletedItems)},
	{method: http.MethodDelete, path: "directory/deletedItems/{}", units: 1, answer: (*Server).purgeDeleted},
	{method: http.MethodPost, path: "directory/deletedItems/{}/restore", units: 1, answer: (*Server).restoreDeleted},
	{method: http.MethodGet, path: "reports/servicePrincipalSignInActivities", units: 1, beta: true, report: true, open: readReports, answer: reading((*Server).principalReport)},
	{method: http.MethodGet, path: "reports/servicePrincipalSignInActivities/{}", units: 1, beta: true, report: true, open: readReports, answer: reading((*Server).onePrincipalReport)},
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
	if refused := g.whoseMe(); refused != nil {
		return nil, refused
	}
	if slices.Contains(g.path, "") {
		return nil, g.unknownPath()
	}
	known := false
	for i := range routes {
		args, ok := routes[i].fits(g.path)
		if !ok || routes[i].beta && g.version != "beta" {
			continue
		}
		if known = true; routes[i].method == g.Method {
			g.args = args
			return &routes[i], nil
		}
	}
	if known {
		return nil, g.wrongMethod()
	}
	return nil, g.unknownPath()
}

// whoseMe puts the person who signed in in place of me.
func (g *graphCall) whoseMe() *graphError {
	switch {
	case g.path[0] != "me":
	case g.person == "":
		return &graphError{status: http.StatusBadRequest, code: "BadRequest", message: "/me request is only valid with delegated authentication flow."}
	default:
		g.path = append([]string{"users", g.person}, g.path[1:]...)
	}
	return nil
}

// opens tells whether the permissions of the token suffice: those of an app, or those that a person granted it, of
// which some are good for the person's own data only. What the person may do in the directory is not asked.
func (g *graphCall) opens(r *route) bool {
	switch {
	case len(r.open) == 0 || g.has(r.open...):
		return true
	case g.person == "" || !g.has(r.own...):
		return false
	}
	return g.path[0] != "users" || strings.EqualFold(g.path[1], g.person)
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
