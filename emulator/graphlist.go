package emulator

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"consentry/emulator/directory"
)

// listPlace is what the skiptoken of a list holds, sealed.
type listPlace struct {
	Tenant string `json:"t"`
	App    string `json:"a"`
	Path   string `json:"p"`
	Select string `json:"q"`
	Filter string `json:"f,omitempty"`
	Top    int    `json:"n"`
	From   int    `json:"o"`
}


// listStart reads the paging of a list request.
func (s *Server) listStart(g *graphCall) (listPlace, *graphError) {
	if text, ok := g.option(skipToken); ok {
		var at listPlace
		raw, opened := s.keys.opened("list", text)
		if !opened || json.Unmarshal(raw, &at) != nil || at.Tenant != g.tenant.ID || at.App != g.app.AppID || at.Path != g.URL.Path {
			return at, &graphError{status: 400, code: "Directory_ExpiredPageToken", message: "The specified page token value has expired and cannot be included in the request."}
		}
		return at, nil
	}
	at := listPlace{Tenant: g.tenant.ID, App: g.app.AppID, Path: g.URL.Path, Top: min(100, s.config.PageSize)}
	at.Select, _ = g.option("select")
	at.Filter, _ = g.option("filter")
	if text, ok := g.option("top"); ok {
		top, err := strconv.Atoi(text)
		if err != nil || top < 1 || top > maxTop {
			return at, badRequest(fmt.Sprintf("Invalid page size specified: '%s'. Must be between 1 and %d inclusive.", text, maxTop))
		}
		at.Top = top
	}
	for _, option := range []string{"expand", "orderby", "search", "skip"} {
		if _, asked := g.option(option); asked {
			return at, &graphError{status: 400, code: "Request_UnsupportedQuery", message: "The query parameter '$" + option + "' is not supported here."}
		}
	}
	return at, nil
}

// finishList closes a list with the link to its next page, if there is one.
func (s *Server) finishList(g *graphCall, body []byte, at listPlace, next int) []byte {
	body = append(body, ']')
	if next > 0 {
		at.From = next
		raw, _ := json.Marshal(at) // plain values always marshal
		body = append(body, `,"@odata.nextLink":`...)
		path := strings.TrimPrefix(g.URL.Path, "/"+g.version)
		body = appendJSON(body, g.link(path, "$"+skipToken, s.keys.sealed("list", raw)))
	}
	return append(body, '}')
}

func (s *Server) list(g *graphCall, kind directory.Kind) ([]byte, *graphError) {
	permissions := readUsers
	if kind == directory.KindGroup {
		permissions = readGroups
	}
	if refused := g.allow(permissions); refused != nil {
		return nil, refused
	}
	at, refused := s.listStart(g)
	if refused != nil {
		return nil, refused
	}
	selected, err := directory.Select(kind, at.Select, false)
	if err != nil {
		return nil, asGraphError(err)
	}
	keep, refused := equalityFilter(kind, at.Filter)
	if refused != nil {
		return nil, refused
	}
	body := append(g.context(kind, at.Select), `,"value":[`...)
	count, last, next := 0, at.From, 0
	// add takes one object, given as the position after it and its JSON, and tells whether to go on.
	add := func(after int, object []byte) bool {
		if !keep(object) {
			last = after
			return true
		}
		if count == at.Top {
			next = last
			return false
		}
		if count > 0 {
			body = append(body, ',')
		}
		body = append(body, object...)
		count, last = count+1, after
		return true
	}
	if kind == directory.KindUser {
		for after, u := range g.tenant.directory.Users(at.From) {
			if !add(after, appendUser(nil, u, selected)) {
				break
			}
		}
	} else {
		for after, group := range g.tenant.directory.Groups(at.From) {
			if !add(after, appendGroup(nil, group, selected)) {
				break
			}
		}
	}
	return s.finishList(g, body, at, next), nil
}

func appendUser(dst []byte, u *User, selected directory.Properties) []byte {
	return append(directory.AppendUser(append(dst, '{'), u, selected, selected), '}')
}

func appendGroup(dst []byte, group *Group, selected directory.Properties) []byte {
	selected &^= directory.MembersProperty
	return append(directory.AppendGroup(append(dst, '{'), group, selected, selected), '}')
}

// equalityFilter understands property eq 'text' joined by or, which is what finding an object by a key takes. The
// properties named must be selected, as the filter looks at the answer.
func equalityFilter(kind directory.Kind, filter string) (func([]byte) bool, *graphError) {
	if strings.TrimSpace(filter) == "" {
		return func([]byte) bool { return true }, nil
	}
	var wanted []string
	for term := range strings.SplitSeq(filter, " or ") {
		name, value, ok := strings.Cut(strings.TrimSpace(term), " eq ")
		value = strings.TrimSpace(value)
		if !ok || len(value) < 2 || value[0] != '\'' || value[len(value)-1] != '\'' {
			return nil, &graphError{status: 400, code: "Request_UnsupportedQuery", message: "Unsupported Query."}
		}
		if _, err := directory.Select(kind, name, false); err != nil {
			return nil, asGraphError(err)
		}
		text := string(appendJSON(nil, strings.ReplaceAll(value[1:len(value)-1], "''", "'")))
		wanted = append(wanted, strings.ToLower(`"`+name+`":`+text))
	}
	return func(object []byte) bool {
		lower := strings.ToLower(string(object))
		return slices.ContainsFunc(wanted, func(w string) bool { return strings.Contains(lower, w) })
	}, nil
}

func one(g *graphCall, kind directory.Kind, id string) ([]byte, *graphError) {
	permissions := readUsers
	if kind == directory.KindGroup {
		permissions = readGroups
	}
	if refused := g.allow(permissions); refused != nil {
		return nil, refused
	}
	names, _ := g.option("select")
	selected, err := directory.Select(kind, names, false)
	if err != nil {
		return nil, asGraphError(err)
	}
	context := g.context(kind, names)
	context = append(context[:len(context)-1], `/$entity",`...)
	if kind == directory.KindUser {
		u, err := g.tenant.directory.User(id)
		if err != nil {
			return nil, asGraphError(err)
		}
		return append(directory.AppendUser(context, u, selected, selected), '}'), nil
	}
	group, err := g.tenant.directory.Group(id)
	if err != nil {
		return nil, asGraphError(err)
	}
	return append(directory.AppendGroup(context, group, selected&^directory.MembersProperty, selected), '}'), nil
}

func (s *Server) members(g *graphCall, groupID string) ([]byte, *graphError) {
	if refused := g.allow(readMembers); refused != nil {
		return nil, refused
	}
	at, refused := s.listStart(g)
	if refused != nil {
		return nil, refused
	}
	people, err := g.tenant.directory.Members(groupID, at.From)
	if err != nil {
		return nil, asGraphError(err)
	}
	body := appendJSON([]byte(`{"@odata.context":`), g.origin+"/"+g.version+"/$metadata#directoryObjects")
	body = append(body, `,"value":[`...)
	count, last, next := 0, at.From, 0
	for after, m := range people {
		if count == at.Top {
			next = last
			break
		}
		if count > 0 {
			body = append(body, ',')
		}
		if body, refused = appendMember(body, m, at.Select); refused != nil {
			return nil, refused
		}
		count, last = count+1, after
	}
	return s.finishList(g, body, at, next), nil
}

func transitiveMembers(g *graphCall, groupID string) ([]byte, *graphError) {
	if refused := g.allow(readMembers); refused != nil {
		return nil, refused
	}
	all, err := g.tenant.directory.TransitiveMembers(groupID)
	if err != nil {
		return nil, asGraphError(err)
	}
	names, _ := g.option("select")
	body := appendJSON([]byte(`{"@odata.context":`), g.origin+"/"+g.version+"/$metadata#directoryObjects")
	body = append(body, `,"value":[`...)
	for i, m := range all {
		if i > 0 {
			body = append(body, ',')
		}
		var refused *graphError
		if body, refused = appendMember(body, m, names); refused != nil {
			return nil, refused
		}
	}
	return append(body, "]}"...), nil
}

// appendMember writes a member with its type, as lists of mixed objects do. A property that only the other type has is
// left out.
func appendMember(dst []byte, m directory.Member, names string) ([]byte, *graphError) {
	kind := directory.KindUser
	if m.Group != nil {
		kind = directory.KindGroup
	}
	var selected directory.Properties
	if names == "" {
		selected, _ = directory.Select(kind, "", false)
	}
	for name := range strings.SplitSeq(names, ",") {
		bit, err := directory.Select(kind, strings.TrimSpace(name), false)
		if err != nil {
			other := directory.KindUser
			if kind == directory.KindUser {
				other = directory.KindGroup
			}
			if _, elsewhere := directory.Select(other, name, false); elsewhere != nil {
				return nil, asGraphError(err)
			}
		} else if names != "" {
			selected |= bit
		}
	}
	dst = append(dst, `{"@odata.type":"#microsoft.graph.`+kind.String()+`",`...)
	if m.Group != nil {
		return append(directory.AppendGroup(dst, m.Group, selected&^directory.MembersProperty, selected), '}'), nil
	}
	return append(directory.AppendUser(dst, m.User, selected, selected), '}'), nil
}
