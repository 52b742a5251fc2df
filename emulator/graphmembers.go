package emulator

import (
	"iter"

	"consentry/emulator/directory"
)

// membersOf are a group's members as the path asks for them: direct or transitive, all or of one type. Who may not see
// hidden memberships sees none of those groups'.
func (g *graphCall) membersOf(from int) (iter.Seq2[int, directory.Member], *graphError) {
	group, err := g.view.Group(g.args[0])
	if err != nil {
		return nil, asGraphError(err)
	}
	all, err := g.view.Members(group.ID, from)
	if g.path[2] == "transitiveMembers" {
		all, err = g.view.TransitiveMembers(group.ID, from)
	}
	if err != nil {
		return nil, asGraphError(err)
	}
	if group.Visibility == "HiddenMembership" && !g.has(readHiddenMembers) {
		all = func(func(int, directory.Member) bool) {}
	}
	return g.narrowed(all)
}

func (s *Server) members(g *graphCall) ([]byte, *graphError) {
	at, refused := s.listStart(g)
	if refused != nil {
		return nil, refused
	}
	set, err := selection(at.Select, users, groups)
	if err != nil {
		return nil, asGraphError(err)
	}
	all, refused := g.membersOf(at.From)
	if refused != nil {
		return nil, refused
	}
	return s.page(g, at, g.metadata("directoryObjects"), all, -1, func(dst []byte, m directory.Member) []byte { return appendTyped(dst, m, set) })
}

func (s *Server) countMembers(g *graphCall) ([]byte, *graphError) {
	if !g.eventual() {
		return nil, errNoCount
	}
	all, refused := g.membersOf(0)
	if refused != nil {
		return nil, refused
	}
	return g.number(all, -1)
}
