package emulator

import (
	"encoding/json"
	"iter"
	"net/http"
	"slices"
	"strings"

	"consentry/emulator/directory"
)

// appendTyped writes an object of a mixed list, which says what it is.
func appendTyped(dst []byte, m directory.Member, set shown) []byte {
	kind := users
	if m.Group != nil {
		kind = groups
	}
	return appendObject(append(dst, `{"@odata.type":"#microsoft.graph.`+kind.String()+`",`...), m, set)
}

// related answers a list of directory objects that stand in a relation to the one in the path.
func (s *Server) related(g *graphCall, of func(from int) (iter.Seq2[int, directory.Member], error)) ([]byte, *graphError) {
	at, refused := s.listStart(g)
	if refused != nil {
		return nil, refused
	}
	set, err := selection(at.Select, users, groups)
	if err != nil {
		return nil, asGraphError(err)
	}
	all, err := of(at.From)
	if err != nil {
		return nil, asGraphError(err)
	}
	if all, refused = g.narrowed(all); refused != nil {
		return nil, refused
	}
	return s.page(g, at, g.metadata("directoryObjects"), all, -1, func(dst []byte, m directory.Member) []byte { return appendTyped(dst, m, set) })
}

// narrowed keeps the objects of the type that the end of the path names, if it names one.
func (g *graphCall) narrowed(all iter.Seq2[int, directory.Member]) (iter.Seq2[int, directory.Member], *graphError) {
	if len(g.args) < 2 {
		return all, nil
	}
	wanted := g.args[1]
	if wanted == "$ref" {
		return nil, g.elsewhere()
	}
	if !slices.Contains(casts, wanted) {
		return nil, badRequest("Unsupported segment type. The segment '" + wanted + "' is not a type of directory objects.")
	}
	return func(yield func(int, directory.Member) bool) {
		for after, m := range all {
			if (wanted == "microsoft.graph.group") == (m.Group != nil) && !yield(after, m) {
				return
			}
		}
	}, nil
}

func (s *Server) memberOf(g *graphCall, kind directory.Kind) ([]byte, *graphError) {
	return s.related(g, func(from int) (iter.Seq2[int, directory.Member], error) {
		return g.view.MemberOf(kind, g.args[0], g.path[2] == "transitiveMemberOf", from)
	})
}

func (s *Server) owners(g *graphCall) ([]byte, *graphError) {
	return s.related(g, func(from int) (iter.Seq2[int, directory.Member], error) { return g.view.Owners(g.args[0], from) })
}

func (s *Server) directReports(g *graphCall) ([]byte, *graphError) {
	return s.related(g, func(from int) (iter.Seq2[int, directory.Member], error) { return g.view.Reports(g.args[0], from) })
}

// manager answers 404 for a user without one, as Graph does.
func (s *Server) manager(g *graphCall) ([]byte, *graphError) {
	u, err := g.view.Manager(g.args[0])
	if err != nil {
		return nil, asGraphError(err)
	}
	return g.directoryObject(directory.Member{User: u})
}

// directoryObject answers one object of any type.
func (g *graphCall) directoryObject(m directory.Member) ([]byte, *graphError) {
	names, _ := g.option("select")
	if refused := g.mayShow(names); refused != nil {
		return nil, refused
	}
	set, err := selection(names, users, groups)
	if err != nil {
		return nil, asGraphError(err)
	}
	body := appendJSON([]byte(`{"@odata.context":`), g.metadata("directoryObjects/$entity"))
	return append(append(body, ','), appendTyped(nil, m, set)[1:]...), nil
}

// principalWith is a service principal by its object id, as an object among others.
func (s *Server) principalWith(g *graphCall, id string) entity {
	for _, p := range g.tenant.knownPrincipals(s.world, g.seen()) {
		if strings.EqualFold(p.objectID, id) {
			return s.principalEntity(p)
		}
	}
	return nil
}

func (s *Server) anyObject(g *graphCall) ([]byte, *graphError) {
	m, err := g.view.Find(g.args[0])
	if err == nil {
		return g.directoryObject(m)
	}
	if p := s.principalWith(g, g.args[0]); p != nil {
		p["@odata.type"] = "#microsoft.graph.servicePrincipal"
		return g.entity("directoryObjects", p)
	}
	return nil, asGraphError(err)
}

// maxIDs is how many objects getByIds may be asked for at once.
const maxIDs = 1000

// getByIDs answers the objects there are among the ids, and nothing about the others.
func (s *Server) getByIDs(g *graphCall) ([]byte, *graphError) {
	var asked struct {
		IDs   []string `json:"ids"`
		Types []string `json:"types"`
	}
	if json.Unmarshal(g.content, &asked) != nil {
		return nil, errJSON
	}
	for _, id := range asked.IDs {
		if !isGUID(id) {
			return nil, badRequest("Invalid GUID: " + id)
		}
	}
	if len(asked.IDs) == 0 || len(asked.IDs) > maxIDs {
		return nil, &graphError{status: http.StatusBadRequest, code: "Directory_ObjectCountExceeded", message: "Between 1 and 1000 ids may be asked for."}
	}
	wants := func(kind string) bool {
		return len(asked.Types) == 0 || containsFold(asked.Types, kind) || containsFold(asked.Types, "directoryObject")
	}
	set, _ := selection("", users, groups)
	body := appendJSON([]byte(`{"@odata.context":`), g.metadata("directoryObjects"))
	body = append(body, `,"value":[`...)
	count := 0
	add := func(object []byte) {
		if count++; count > 1 {
			body = append(body, ',')
		}
		body = append(body, object...)
	}
	for _, id := range asked.IDs {
		m, err := g.view.Find(id)
		switch {
		case err == nil && (m.User != nil && wants("user") || m.Group != nil && wants("group")):
			add(appendTyped(nil, m, set))
		case err != nil && wants("servicePrincipal"):
			if p := s.principalWith(g, id); p != nil {
				p["@odata.type"] = "#microsoft.graph.servicePrincipal"
				raw, _ := json.Marshal(p) // plain values always marshal
				add(raw)
			}
		}
	}
	return append(body, "]}"...), nil
}
