package emulator

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// entity is an object that is told as a whole, property by property.
type entity map[string]any

func (e entity) value(name string) (any, error) { return e[name], nil }

// picked is the part of an entity that a $select names; properties that are not emulated are left out.
func (e entity) picked(names string) entity {
	if strings.TrimSpace(names) == "" {
		return e
	}
	part := entity{"id": e["id"]}
	for name := range strings.SplitSeq(names, ",") {
		if value, known := e[strings.TrimSpace(name)]; known {
			part[strings.TrimSpace(name)] = value
		}
	}
	return part
}

// entities answers a list of a few objects, with the same options as the large ones.
func (s *Server) entities(g *graphCall, context string, all []entity) ([]byte, *graphError) {
	at, refused := s.listStart(g)
	if refused != nil {
		return nil, refused
	}
	holds, refused := g.question(at)
	if refused != nil {
		return nil, refused
	}
	var wanted []entity
	for _, e := range all {
		ok := holds == nil
		if !ok {
			ok, _ = holds(e.value) // entities know every property or have no value for it
		}
		if ok {
			wanted = append(wanted, e)
		}
	}
	body := appendJSON([]byte(`{"@odata.context":`), g.metadata(context))
	if at.Count && at.From == 0 {
		body = strconv.AppendInt(append(body, `,"@odata.count":`...), int64(len(wanted)), 10)
	}
	body = append(body, `,"value":[`...)
	next := min(at.From+at.Top, len(wanted))
	for i, e := range wanted[min(at.From, next):next] {
		if i > 0 {
			body = append(body, ',')
		}
		raw, _ := json.Marshal(e.picked(at.Select)) // plain values always marshal
		body = append(body, raw...)
	}
	if next == len(wanted) {
		next = 0
	}
	return s.finishList(g, body, at, next), nil
}

func (g *graphCall) entity(context string, e entity) ([]byte, *graphError) {
	names, _ := g.option("select")
	shown := entity{"@odata.context": g.metadata(context + "/$entity")}
	maps.Copy(shown, e.picked(names))
	body, _ := json.Marshal(shown) // plain values always marshal
	return body, nil
}

func organizationEntity(t *tenant) entity {
	return entity{
		"id": t.ID, "displayName": t.DisplayName, "tenantType": "AAD", "countryLetterCode": "DE", "preferredLanguage": "en",
		"createdDateTime": "2019-01-01T00:00:00Z", "onPremisesSyncEnabled": nil, "deletedDateTime": nil,
		"verifiedDomains": []any{entity{"capabilities": "Email, OfficeCommunicationsOnline", "isDefault": true, "isInitial": true,
			"name": t.Domain, "type": "Managed"}},
	}
}

func organization(s *Server, g *graphCall) ([]byte, *graphError) {
	all := organizationEntity(g.tenant)
	if names, _ := g.option("select"); names != "" {
		for name := range strings.SplitSeq(names, ",") {
			if _, known := all[strings.TrimSpace(name)]; !known {
				return nil, &graphError{status: 400, code: "BadRequest",
					message: "Could not find a property named '" + name + "' on type 'microsoft.graph.organization'."}
			}
		}
	}
	return s.entities(g, "organization", []entity{all})
}

// ownsOnly tells whether the caller may see no apps but its own.
func (g *graphCall) ownsOnly() bool { return !g.has(allApplications...) }

// findApplication is the app a path names, by object id or by appId=, as the caller may see it.
func (s *Server) findApplication(g *graphCall) (*application, *graphError) {
	id, byApp := strings.CutPrefix(g.args[0], "appId=")
	target := s.world.app(id)
	if !byApp {
		target = s.world.appByObject(id)
	}
	if target == nil || target.home != g.tenant {
		return nil, notFound(id)
	}
	return target, nil
}

func (s *Server) applications(g *graphCall) ([]byte, *graphError) {
	var all []entity
	for _, id := range s.world.order {
		if a := s.world.app(id); a != nil && a.home == g.tenant && (a == g.app || !g.ownsOnly()) {
			all = append(all, a.entity(false))
		}
	}
	return s.entities(g, "applications", all)
}

func (s *Server) application(g *graphCall) ([]byte, *graphError) {
	a, refused := s.findApplication(g)
	if refused == nil && a != g.app && g.ownsOnly() {
		refused = errForbidden
	}
	if refused != nil {
		return nil, refused
	}
	names, _ := g.option("select")
	withKeys := slices.ContainsFunc(strings.Split(names, ","), func(n string) bool { return strings.TrimSpace(n) == "keyCredentials" })
	return g.entity("applications", a.entity(withKeys))
}

// entity is an app registration as Graph shows it; the certificates themselves only when a single object is asked for
// them.
func (a *application) entity(withKeys bool) entity {
	keys, secrets, access := []any{}, []any{}, []any{}
	for i := range a.keys {
		keys = append(keys, keyCredential(&a.keys[i], withKeys))
	}
	for _, secret := range a.Secrets {
		shown := entity{"keyId": derivedID(a.ObjectID, secret.Value), "hint": secret.Value[:min(3, len(secret.Value))],
			"displayName": nil, "startDateTime": nil, "endDateTime": nil, "secretText": nil, "customKeyIdentifier": nil}
		if !secret.NotAfter.IsZero() {
			shown["endDateTime"] = secret.NotAfter.UTC().Format(time.RFC3339)
		}
		secrets = append(secrets, shown)
	}
	for _, role := range a.RequiredRoles {
		access = append(access, entity{"id": role, "type": "Role"})
	}
	for _, scope := range a.DelegatedScopes {
		if id := scopeIDs[scope]; id != "" {
			access = append(access, entity{"id": id, "type": "Scope"})
		}
	}
	required := []any{}
	if len(access) > 0 {
		required = append(required, entity{"resourceAppId": graphAppID, "resourceAccess": access})
	}
	var claims any
	if a.GroupMembershipClaims != "" {
		claims = a.GroupMembershipClaims
	}
	return entity{"id": a.ObjectID, "appId": a.AppID, "displayName": a.DisplayName, "signInAudience": a.audience(), "deletedDateTime": nil,
		"keyCredentials": keys, "passwordCredentials": secrets, "isDisabled": a.disabled, "requiredResourceAccess": required,
		"groupMembershipClaims": claims, "web": entity{"redirectUris": notNil(a.RedirectURIs)}, "identifierUris": []string{}}
}

func (a *application) audience() string {
	if a.MultiTenant {
		return "AzureADMultipleOrgs"
	}
	return "AzureADMyOrg"
}

func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
