package emulator

import (
	"encoding/base64"
	"maps"
	"slices"
	"strings"
	"time"
)

// microsoftTenant owns the service principal of Microsoft Graph in every tenant.
const microsoftTenant = "f8cdef31-a31e-4b4a-93e4-5f571e91255a"

// graphPrincipal is the object id of Microsoft Graph's service principal in a tenant.
func (t *tenant) graphPrincipal() string {
	return derivedID("service principal", key(t.ID), graphAppID)
}

// presences are the service principals that the caller may see, in the order their apps were registered.
func (s *Server) presences(g *graphCall) []*principal {
	return slices.DeleteFunc(g.tenant.knownPrincipals(s.world, g.seen()), func(p *principal) bool {
		return g.ownsOnly() && !strings.EqualFold(p.appID, g.app.AppID)
	})
}

func (s *Server) servicePrincipals(g *graphCall) ([]byte, *graphError) {
	var all []entity
	for _, p := range s.presences(g) {
		all = append(all, s.principalEntity(p))
	}
	if !g.ownsOnly() {
		all = append(all, graphEntity(g.tenant))
	}
	return s.entities(g, "servicePrincipals", all)
}

// findPrincipal is the service principal a path names, by object id or by appId=; nil for Microsoft Graph's own.
func (s *Server) findPrincipal(g *graphCall) (*principal, *graphError) {
	id, byApp := strings.CutPrefix(g.args[0], "appId=")
	for _, p := range s.presences(g) {
		if byApp && strings.EqualFold(p.appID, id) || !byApp && strings.EqualFold(p.objectID, id) {
			return p, nil
		}
	}
	if !g.ownsOnly() && (byApp && strings.EqualFold(id, graphAppID) || strings.EqualFold(id, g.tenant.graphPrincipal())) {
		return nil, nil
	}
	return nil, notFound(id)
}

func (s *Server) servicePrincipal(g *graphCall) ([]byte, *graphError) {
	p, refused := s.findPrincipal(g)
	switch {
	case refused != nil:
		return nil, refused
	case p == nil:
		return g.entity("servicePrincipals", graphEntity(g.tenant))
	}
	return g.entity("servicePrincipals", s.principalEntity(p))
}

func (s *Server) principalEntity(p *principal) entity {
	e := entity{"id": p.objectID, "appId": p.appID, "accountEnabled": p.enabled, "servicePrincipalType": "Application", "deletedDateTime": nil,
		"servicePrincipalNames": []string{p.appID}, "appRoles": []any{}, "oauth2PermissionScopes": []any{}, "keyCredentials": []any{},
		"passwordCredentials": []any{}, "alternativeNames": []string{}, "appRoleAssignmentRequired": false, "replyUrls": []string{},
		"tags": []string{"WindowsAzureActiveDirectoryIntegratedApp"}}
	if a := s.world.apps[key(p.appID)]; a != nil {
		e["displayName"], e["appDisplayName"], e["appOwnerOrganizationId"] = a.DisplayName, a.DisplayName, a.home.ID
		e["signInAudience"], e["replyUrls"] = a.audience(), notNil(a.RedirectURIs)
	}
	return e
}

// graphEntity is Microsoft Graph itself as it stands in every tenant, with the roles and scopes known here.
func graphEntity(t *tenant) entity {
	roles, scopes := []any{}, []any{}
	for _, id := range slices.Sorted(maps.Keys(graphRoles)) {
		role := graphRoles[id]
		roles = append(roles, entity{"id": id, "value": role.name, "displayName": role.words, "description": role.words,
			"allowedMemberTypes": []string{"Application"}, "isEnabled": true, "origin": "Application"})
	}
	for _, name := range slices.Sorted(maps.Keys(scopeIDs)) {
		scopes = append(scopes, entity{"id": scopeIDs[name], "value": name, "type": "User", "isEnabled": true,
			"userConsentDisplayName": scopeWords[name], "adminConsentDisplayName": scopeWords[name]})
	}
	return entity{"id": t.graphPrincipal(), "appId": graphAppID, "displayName": "Microsoft Graph", "appDisplayName": "Microsoft Graph",
		"appOwnerOrganizationId": microsoftTenant, "accountEnabled": true, "servicePrincipalType": "Application", "deletedDateTime": nil,
		"servicePrincipalNames": []string{graphAppID, graphHost}, "appRoles": roles, "oauth2PermissionScopes": scopes,
		"keyCredentials": []any{}, "passwordCredentials": []any{}, "alternativeNames": []string{}, "appRoleAssignmentRequired": false,
		"replyUrls": []string{}, "tags": []string{}, "signInAudience": "AzureADMultipleOrgs"}
}

// assignments are the app roles of Microsoft Graph that a service principal holds.
func (s *Server) assignments(g *graphCall, p *principal) []entity {
	var all []entity
	name := ""
	if a := s.world.apps[key(p.appID)]; a != nil {
		name = a.DisplayName
	}
	for _, role := range p.rolesAt(g.seen()) {
		id := base64.RawURLEncoding.EncodeToString([]byte(derivedID("assignment", p.objectID, role)))
		all = append(all, entity{"id": id, "appRoleId": role, "createdDateTime": p.granted.UTC().Format(time.RFC3339), "deletedDateTime": nil,
			"principalDisplayName": name, "principalId": p.objectID, "principalType": "ServicePrincipal",
			"resourceDisplayName": "Microsoft Graph", "resourceId": g.tenant.graphPrincipal()})
	}
	return all
}

func (s *Server) appRoleAssignments(g *graphCall) ([]byte, *graphError) {
	p, refused := s.findPrincipal(g)
	if refused != nil {
		return nil, refused
	}
	var all []entity
	if p != nil {
		all = s.assignments(g, p)
	}
	return s.entities(g, "appRoleAssignments", all)
}

// appRoleAssignedTo looks from the other end: only Microsoft Graph gives roles here.
func (s *Server) appRoleAssignedTo(g *graphCall) ([]byte, *graphError) {
	p, refused := s.findPrincipal(g)
	if refused != nil {
		return nil, refused
	}
	var all []entity
	if p == nil {
		for _, each := range s.presences(g) {
			all = append(all, s.assignments(g, each)...)
		}
	}
	return s.entities(g, "appRoleAssignments", all)
}

// permissionGrants are delegated permissions: for everybody, or for one person each.
func (s *Server) permissionGrants(g *graphCall) ([]byte, *graphError) {
	holders := g.tenant.knownPrincipals(s.world, g.seen())
	if len(g.args) > 0 {
		id, byApp := strings.CutPrefix(g.args[0], "appId=")
		holders = slices.DeleteFunc(holders, func(p *principal) bool {
			return byApp && !strings.EqualFold(p.appID, id) || !byApp && !strings.EqualFold(p.objectID, id)
		})
		if len(holders) == 0 && !strings.EqualFold(id, g.tenant.graphPrincipal()) {
			return nil, notFound(id)
		}
	}
	var all []entity
	add := func(p *principal, person string, scopes []string) {
		if len(scopes) == 0 {
			return
		}
		e := entity{"id": base64.RawURLEncoding.EncodeToString([]byte(derivedID("grant", p.objectID, person))), "clientId": p.objectID,
			"consentType": "AllPrincipals", "principalId": nil, "resourceId": g.tenant.graphPrincipal(), "scope": strings.Join(scopes, " ")}
		if person != "" {
			e["consentType"], e["principalId"] = "Principal", person
		}
		all = append(all, e)
	}
	for _, p := range holders {
		add(p, "", p.scopes)
		for _, person := range slices.Sorted(maps.Keys(p.personal)) {
			add(p, person, p.personal[person])
		}
	}
	return s.entities(g, "oauth2PermissionGrants", all)
}

// knownPrincipals are all service principals of a tenant that somebody knows who has heard of changes up to a moment.
func (t *tenant) knownPrincipals(w *world, seen time.Time) []*principal {
	var all []*principal
	for _, id := range w.order {
		if p := t.principalAt(id, seen); p != nil && !seen.Before(p.seenByGraph) {
			all = append(all, p)
		}
	}
	return all
}
