package emulator

import (
	"encoding/base64"
	"net/http"
	"strings"
	"sync"
	"time"

	"consentry/emulator/directory"
)

// signInBook remembers when an app last obtained a token in a tenant, by itself and for a person. It is not state: a
// restart forgets it.
type signInBook struct {
	mu   sync.Mutex
	last map[[2]string]signIns
}

type signIns struct{ alone, delegated signInEntry }

type signInEntry struct {
	at time.Time
	id string
}

func (b *signInBook) note(tenantID, appID string, delegated bool, c *call) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.last == nil {
		b.last = map[[2]string]signIns{}
	}
	k := [2]string{key(tenantID), key(appID)}
	known, entry := b.last[k], signInEntry{c.entry.At, c.id}
	if delegated {
		known.delegated = entry
	} else {
		known.alone = entry
	}
	b.last[k] = known
}

func (b *signInBook) of(tenantID, appID string) (signIns, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	found, ok := b.last[[2]string{key(tenantID), key(appID)}]
	return found, ok
}

func (e signInEntry) entity() entity {
	if e.at.IsZero() {
		return entity{"lastSignInDateTime": nil, "lastSignInRequestId": nil}
	}
	return entity{"lastSignInDateTime": e.at.UTC().Format(time.RFC3339), "lastSignInRequestId": e.id}
}

// principalActivities are the apps that signed in, by the beta report that tells when a legacy app was last used
// (facts 9.2).
func (s *Server) principalActivities(g *graphCall) ([]entity, *graphError) {
	if !g.tenant.Policy.Premium {
		return nil, errPremium
	}
	var all []entity
	for _, id := range s.world.order {
		found, ok := s.signIns.of(g.tenant.ID, id)
		if !ok {
			continue
		}
		latest := found.alone
		if found.delegated.at.After(latest.at) {
			latest = found.delegated
		}
		var nothing signInEntry
		all = append(all, entity{"id": base64.RawURLEncoding.EncodeToString([]byte(id)), "appId": id, "lastSignInActivity": latest.entity(),
			"applicationAuthenticationClientSignInActivity": found.alone.entity(), "delegatedClientSignInActivity": found.delegated.entity(),
			"applicationAuthenticationResourceSignInActivity": nothing.entity(), "delegatedResourceSignInActivity": nothing.entity()})
	}
	return all, nil
}

func (s *Server) principalReport(g *graphCall) ([]byte, *graphError) {
	all, refused := s.principalActivities(g)
	if refused != nil {
		return nil, refused
	}
	return s.entities(g, "reports/servicePrincipalSignInActivities", all)
}

func (s *Server) onePrincipalReport(g *graphCall) ([]byte, *graphError) {
	all, refused := s.principalActivities(g)
	if refused != nil {
		return nil, refused
	}
	for _, e := range all {
		if e["id"] == g.args[0] {
			return g.entity("reports/servicePrincipalSignInActivities", e)
		}
	}
	return nil, notFound(g.args[0])
}

// mayShow refuses to select what takes more than the permission of the endpoint: when somebody last signed in.
func (g *graphCall) mayShow(names string) *graphError {
	for name := range strings.SplitSeq(names, ",") {
		switch {
		case strings.TrimSpace(name) != directory.SignInActivity:
		case !g.has("AuditLog.Read.All"):
			return &graphError{status: http.StatusForbidden, code: "Authentication_MSGraphPermissionMissing",
				message: "The principal does not have required Microsoft Graph permission(s): AuditLog.Read.All to call this API."}
		case !g.tenant.Policy.Premium:
			return errPremium
		}
	}
	return nil
}
