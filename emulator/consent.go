package emulator

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"consentry/emulator/directory"
)

// principal is an app's presence in a tenant with what the tenant granted it. Its parts become visible one after the
// other, as the replicas of the real service catch up.
type principal struct {
	objectID    string
	appID       string
	enabled     bool
	roles       []string            // app role ids of Microsoft Graph
	scopes      []string            // delegated, for everybody
	personal    map[string][]string // delegated, by the object id of who consented for themselves
	seenByLogin time.Time           // from when the token endpoint knows it
	seenByGraph time.Time           // from when Graph knows it
	granted     time.Time           // from when tokens carry its roles
	earlier     []string            // roles carried until then
}

// rolesAt is what a token issued at a moment carries.
func (p *principal) rolesAt(now time.Time) []string {
	if now.Before(p.granted) {
		return p.earlier
	}
	return p.roles
}

type consented struct {
	TenantID string        `json:"tenantId"`
	AppID    string        `json:"appId"`
	ObjectID string        `json:"objectId"`         // of the service principal, if it is made now
	Person   string        `json:"person,omitempty"` // consents for themselves alone; empty for the whole tenant
	Roles    []string      `json:"roles,omitempty"`
	Scopes   []string      `json:"scopes,omitempty"`
	Delay    time.Duration `json:"delay"`
}

// consent makes or changes a service principal. An administrator's consent replaces what was granted tenant-wide; the
// one of a person adds to what that person had granted.
//
// Order of visibility, from the field reports in facts 1.9: the token endpoint learns of the principal first and issues
// tokens without roles for a while, then Graph recognises the caller, and only then do tokens carry the roles.
func (w *world) consent(e event, c consented) error {
	t, err := w.mustTenant(c.TenantID)
	if err != nil {
		return err
	}
	a, err := w.mustApp(c.AppID)
	if err != nil {
		return err
	}
	p := t.principals[key(c.AppID)]
	if p == nil {
		if !isGUID(c.ObjectID) {
			return fmt.Errorf("a service principal needs a GUID, not %q", c.ObjectID)
		}
		p = &principal{objectID: c.ObjectID, appID: a.AppID, enabled: true,
			seenByLogin: e.At.Add(c.Delay / 2), seenByGraph: e.At.Add(c.Delay * 3 / 4), granted: e.At}
		t.principals[key(c.AppID)] = p
	}
	if c.Person != "" {
		if p.personal == nil {
			p.personal = map[string][]string{}
		}
		for _, scope := range c.Scopes {
			if !slices.Contains(p.personal[key(c.Person)], scope) {
				p.personal[key(c.Person)] = append(p.personal[key(c.Person)], scope)
			}
		}
		return nil
	}
	p.earlier = p.rolesAt(e.At)
	p.granted = e.At.Add(c.Delay)
	p.roles, p.scopes = slices.Clone(c.Roles), slices.Clone(c.Scopes)
	return nil
}

// What can be done to a service principal besides consenting.
const (
	principalDelete     = "delete"      // the enterprise app is deleted
	principalDropGrants = "drop-grants" // its permissions are revoked, it stays
	principalDisable    = "disable"     // sign-in is switched off
	principalEnable     = "enable"      // and on
	principalSettle     = "settle"      // the replicas have caught up
)

type principalState struct {
	TenantID string `json:"tenantId"`
	AppID    string `json:"appId"`
	Do       string `json:"do"`
}

func (w *world) setPrincipalState(e event, s principalState) error {
	t, err := w.mustTenant(s.TenantID)
	if err != nil {
		return err
	}
	p := t.principals[key(s.AppID)]
	if p == nil {
		return &directory.NotFoundError{ID: s.AppID}
	}
	switch s.Do {
	case principalDelete, principalDropGrants, principalDisable, principalEnable:
		t.remember(p, e.At)
	}
	switch s.Do {
	case principalDelete:
		delete(t.principals, key(s.AppID))
	case principalDropGrants:
		p.roles, p.scopes, p.personal, p.earlier = nil, nil, nil, nil
	case principalDisable:
		p.enabled = false
	case principalEnable:
		p.enabled = true
	case principalSettle:
		delete(t.former, key(s.AppID))
		p.seenByLogin, p.seenByGraph, p.earlier = time.Time{}, time.Time{}, p.roles
		if p.granted.After(e.At) {
			p.granted = e.At
		}
	default:
		return fmt.Errorf("a service principal cannot %q", s.Do)
	}
	return nil
}

// consentScopes are the delegated scopes a consent to everything an app requires grants.
func consentScopes(a Application) []string {
	scopes := []string{"openid", "profile"}
	for _, s := range a.DelegatedScopes {
		if !slices.Contains(scopes, s) {
			scopes = append(scopes, s)
		}
	}
	return scopes
}

// hasScopes tells whether a person may use the app with the scopes without being asked.
func (p *principal) hasScopes(person string, scopes []string) bool {
	if p == nil {
		return false
	}
	for _, s := range scopes {
		if !slices.Contains(p.scopes, s) && !slices.Contains(p.personal[key(person)], s) {
			return false
		}
	}
	return true
}

// mayConsent tells whether a person may grant what an app asks for, with these app roles, to the whole tenant. App roles of Microsoft Graph
// take a Privileged Role Administrator or a Global Administrator; application administrators may grant the rest. A guest
// who holds the role may, too.
func mayConsent(p *Person, roles []string) bool {
	allowed := []string{RoleGlobalAdministrator, RolePrivilegedRoleAdministrator}
	if len(roles) == 0 {
		allowed = append(allowed, RoleApplicationAdministrator, RoleCloudApplicationAdministrator)
	}
	return slices.ContainsFunc(p.Roles, func(r string) bool { return slices.Contains(allowed, strings.ToLower(r)) })
}
