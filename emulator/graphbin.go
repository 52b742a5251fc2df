package emulator

import (
	"net/http"
	"slices"
	"time"

	"consentry/emulator/directory"
)

// deletedKind is the kind of a list of deleted objects; those of other types are never there.
func deletedKind(cast string) (directory.Kind, bool) {
	switch cast {
	case "microsoft.graph.user":
		return users, true
	case "microsoft.graph.group":
		return groups, true
	}
	return 0, false
}

// deletedItems answers the recycle bin of a type, or one object in it: both stand at the same place in the path.
func (s *Server) deletedItems(g *graphCall) ([]byte, *graphError) {
	kind, list := deletedKind(g.args[0])
	if !list {
		m, err := g.view.FindDeleted(g.args[0])
		if err != nil {
			return nil, asGraphError(err)
		}
		return g.deletedItem(m)
	}
	if !g.has(readDeleted[kind]...) {
		return nil, errForbidden
	}
	at, refused := s.listStart(g)
	if refused != nil {
		return nil, refused
	}
	set, err := selection(at.Select, kind)
	if err != nil {
		return nil, asGraphError(err)
	}
	return s.page(g, at, g.context(kind, at.Select), g.view.Deleted(kind, at.From), -1, func(dst []byte, m directory.Member) []byte {
		return g.appendDeleted(append(dst, '{'), m, set)
	})
}

func (g *graphCall) deletedItem(m directory.Member) ([]byte, *graphError) {
	kind := kindOf(m)
	if !g.has(readDeleted[kind]...) {
		return nil, errForbidden
	}
	names, _ := g.option("select")
	set, err := selection(names, kind)
	if err != nil {
		return nil, asGraphError(err)
	}
	body := appendJSON([]byte(`{"@odata.context":`), g.metadata("directoryObjects/$entity"))
	return g.appendDeleted(append(body, `,"@odata.type":"#microsoft.graph.`+kind.String()+`",`...), m, set), nil
}

func (g *graphCall) appendDeleted(dst []byte, m directory.Member, set shown) []byte {
	dst = appendObject(dst, m, set)
	dst = append(dst[:len(dst)-1], `,"deletedDateTime":`...)
	return append(appendJSON(dst, g.view.ChangedAt(idOf(m)).UTC().Format(time.RFC3339)), '}')
}

func kindOf(m directory.Member) directory.Kind {
	if m.Group != nil {
		return groups
	}
	return users
}

func idOf(m directory.Member) string {
	if m.Group != nil {
		return m.Group.ID
	}
	return m.User.ID
}

// fromBin takes an object out of the recycle bin, back or for good.
func (s *Server) fromBin(g *graphCall, op string) (directory.Member, *graphError) {
	s.mu.RLock()
	m, err := g.tenant.directory.Now().FindDeleted(g.args[0])
	s.mu.RUnlock()
	if err != nil {
		return m, asGraphError(err)
	}
	if !g.has(writeDeleted[kindOf(m)]...) {
		return m, errForbidden
	}
	if err := s.Mutate(g.tenant.ID, Mutation{Op: op, ID: idOf(m)}); err != nil {
		return m, asGraphError(err)
	}
	return m, nil
}

func (s *Server) restoreDeleted(g *graphCall) ([]byte, *graphError) {
	m, refused := s.fromBin(g, directory.OpRestore)
	if refused != nil {
		return nil, refused
	}
	set, _ := selection("", kindOf(m))
	body := appendJSON([]byte(`{"@odata.context":`), g.metadata("directoryObjects/$entity"))
	return append(append(body, ','), appendTyped(nil, m, set)[1:]...), nil
}

func (s *Server) purgeDeleted(g *graphCall) ([]byte, *graphError) {
	_, refused := s.fromBin(g, directory.OpPurge)
	return nil, refused
}

// oneOrganization is the only one there is.
func oneOrganization(s *Server, g *graphCall) ([]byte, *graphError) {
	if key(g.args[0]) != key(g.tenant.ID) {
		return nil, notFound(g.args[0])
	}
	return g.entity("organization", organizationEntity(g.tenant))
}

func (t *tenant) domains() []entity {
	return []entity{{"id": t.Domain, "authenticationType": "Managed", "availabilityStatus": nil, "isAdminManaged": true, "isDefault": true,
		"isInitial": true, "isRoot": true, "isVerified": true, "supportedServices": []string{"Email", "OfficeCommunicationsOnline"},
		"passwordNotificationWindowInDays": nil, "passwordValidityPeriodInDays": nil, "state": nil}}
}

func domains(s *Server, g *graphCall) ([]byte, *graphError) {
	return s.entities(g, "domains", g.tenant.domains())
}

func oneDomain(_ *Server, g *graphCall) ([]byte, *graphError) {
	all := g.tenant.domains()
	at := slices.IndexFunc(all, func(e entity) bool { return key(e["id"].(string)) == key(g.args[0]) })
	if at < 0 {
		return nil, notFound(g.args[0])
	}
	return g.entity("domains", all[at])
}

// errPremium is what reports and sign-in activity answer in a tenant without the licence for them (facts 7.2).
var errPremium = &graphError{status: http.StatusForbidden, code: "Authentication_RequestFromNonPremiumTenantOrB2CTenant",
	message: "Neither tenant is B2C or tenant doesn't have premium license"}
