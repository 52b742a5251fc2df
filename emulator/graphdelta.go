package emulator

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"consentry/emulator/directory"
)

// deltaPlace is what a delta token holds, sealed: for whom and for which question it was made, and where it leads.
type deltaPlace struct {
	Tenant  string           `json:"t"`
	App     string           `json:"a"`
	Kind    directory.Kind   `json:"k"`
	Select  string           `json:"q"`
	Only    []uuid.UUID      `json:"f,omitempty"` // $filter: these objects alone
	Minimal bool             `json:"m,omitempty"`
	Issued  time.Time        `json:"i"`
	Ended   uint32           `json:"e"`           // deltatoken: the change number the last round ended at
	Cursor  directory.Cursor `json:"c"`           // skiptoken: the place in the round
	Blank   int              `json:"b,omitempty"` // empty pages given out at this place
}

const (
	skipToken  = "skiptoken"
	deltaToken = "deltatoken"
	// maxFilterIDs is how many objects a delta query may be about at most.
	maxFilterIDs = 50
)

// delta answers one page of a delta round (facts 5).
func (s *Server) delta(g *graphCall, kind directory.Kind) ([]byte, *graphError) {
	quirks := g.switches.Graph.Delta.and(g.fault.quirks())
	at, refused := s.deltaStart(g, kind, quirks)
	if refused != nil {
		return nil, refused
	}
	selected, err := directory.Select(kind, at.Select, true)
	if err != nil {
		return nil, asGraphError(err)
	}
	query := directory.Query{Kind: kind, Select: selected, Minimal: at.Minimal, Only: at.Only, Tombstones: quirks.Tombstones,
		HideMembers: kind == groups && !g.has(readHiddenMembers)}
	var items []directory.Item
	next := at.Cursor
	if blank := at.Blank < quirks.EmptyPages && !next.Done(); blank {
		at.Blank++
	} else {
		at.Blank = 0
		items, next = g.view.Page(query, at.Cursor, directory.Limits{Objects: s.config.PageSize, Members: s.config.MemberPage, Chunk: quirks.Chunk})
	}
	if quirks.Reordered {
		slices.Reverse(items)
	}
	if quirks.Duplicates {
		items = append(items, items[:min(3, len(items))]...)
	}
	body := make([]byte, 0, 256+512*len(items))
	body = appendJSON(append(body, `{"@odata.context":`...), g.context(kind, at.Select))
	body = append(body, `,"value":[`...)
	for i := range items {
		if i > 0 {
			body = append(body, ',')
		}
		body = appendItem(body, &items[i])
	}
	body = append(body, `],"@odata.`...)
	path := "/" + kind.String() + "s/delta"
	if next.Done() {
		at.Ended, at.Cursor, at.Issued = at.Cursor.Until, directory.Cursor{}, g.entry.At
		body = append(body, `deltaLink":`...)
		body = appendJSON(body, g.link(path, "$"+deltaToken, s.sealPlace(deltaToken, at)))
	} else {
		at.Cursor = next
		body = append(body, `nextLink":`...)
		body = appendJSON(body, g.link(path, "$"+skipToken, s.sealPlace(skipToken, at)))
	}
	return append(body, '}'), nil
}

func (s *Server) sealPlace(kind string, at deltaPlace) string {
	raw, _ := json.Marshal(at) // plain values always marshal
	return s.keys.sealed(kind, raw)
}

// deltaStart finds where the page begins: anew, after a finished round, or within one.
func (s *Server) deltaStart(g *graphCall, kind directory.Kind, quirks DeltaQuirks) (deltaPlace, *graphError) {
	names, selects := g.option("select")
	fresh := deltaPlace{Tenant: g.tenant.ID, App: g.app.AppID, Kind: kind, Select: names, Minimal: g.prefersMinimal(), Issued: g.entry.At}
	for _, option := range []string{"expand", "orderby", "search", "skip"} { // $top is ignored
		if _, asked := g.option(option); asked {
			return fresh, badRequest("The query parameter '$" + option + "' is not supported by this delta query.")
		}
	}
	if g.fault != nil && g.fault.Gone {
		return fresh, g.gone(s.askedBefore(g, fresh), "resyncRequired")
	}
	if text, ok := g.option(skipToken); ok && text != "" {
		at, refused := s.openPlace(g, skipToken, text, fresh)
		if refused == nil && selects {
			refused = badRequest("'$select' cannot be combined with '$skiptoken'.")
		}
		return at, refused
	}
	text, _ := g.option(deltaToken)
	if text == "" || text == "latest" {
		only, refused := g.onlyIDs()
		if refused != nil {
			return fresh, refused
		}
		fresh.Only, fresh.Cursor = only, g.view.Latest()
		if text == "" {
			fresh.Cursor = g.view.Start()
		}
		return fresh.disturbed(quirks), nil
	}
	at, refused := s.openPlace(g, deltaToken, text, fresh)
	if refused != nil {
		return at, refused
	}
	if selects {
		at.Select = names
	}
	at.Minimal = fresh.Minimal
	cursor, ok := g.view.Since(at.Ended)
	if !ok {
		return at, g.gone(at, "resyncRequired")
	}
	at.Cursor, at.Issued = cursor, g.entry.At
	return at.disturbed(quirks), nil
}

// disturbed lets a round that begins tell older changes again and come in another order.
func (at deltaPlace) disturbed(quirks DeltaQuirks) deltaPlace {
	at.Cursor = at.Cursor.Again(quirks.Replay)
	if quirks.Reordered {
		at.Cursor = at.Cursor.Shuffled()
	}
	return at
}

// onlyIDs reads the one filter that delta queries of directories know: id eq '...' or id eq '...'.
func (g *graphCall) onlyIDs() ([]uuid.UUID, *graphError) {
	text, asked := g.option("filter")
	if !asked || strings.TrimSpace(text) == "" {
		return nil, nil
	}
	var only []uuid.UUID
	for term := range strings.SplitSeq(text, " or ") {
		name, value, ok := strings.Cut(strings.TrimSpace(term), " eq ")
		id, err := uuid.Parse(strings.Trim(strings.TrimSpace(value), "'"))
		if !ok || err != nil || strings.TrimSpace(name) != "id" {
			return nil, badRequest("Only filters by id are supported by this delta query.")
		}
		only = append(only, id)
	}
	if len(only) > maxFilterIDs {
		return nil, badRequest("Too many objects in the filter of this delta query.")
	}
	return only, nil
}

// openPlace reads a token and refuses it for anybody and anything but what it was made for.
func (s *Server) openPlace(g *graphCall, kind, text string, fresh deltaPlace) (deltaPlace, *graphError) {
	var at deltaPlace
	raw, ok := s.keys.opened(kind, text)
	if !ok || json.Unmarshal(raw, &at) != nil {
		return at, badRequest("Badly formed token.")
	}
	if at.Tenant != fresh.Tenant || at.App != fresh.App || at.Kind != fresh.Kind {
		return at, badRequest("The token was issued for another tenant, application or collection.")
	}
	if _, asked := g.option("filter"); asked {
		return at, badRequest("'$filter' cannot be combined with '$" + kind + "'.")
	}
	switch {
	case g.entry.At.Sub(at.Issued) > time.Duration(or(g.switches.Graph.DeltaLifetime, deltaLifetime)):
		refused := g.gone(at, "syncStateNotFound")
		if status := g.switches.Graph.ExpiredDelta; status != 0 && status != refused.status {
			refused.status, refused.header = status, nil
		}
		return at, refused
	case at.Issued.Before(g.tenant.deltasFrom):
		return at, g.gone(at, "resyncRequired")
	}
	return at, nil
}

// askedBefore is what the token of a request was made for, so that a fault sends the reader where an expired token does.
func (s *Server) askedBefore(g *graphCall, fresh deltaPlace) deltaPlace {
	for _, kind := range []string{skipToken, deltaToken} {
		text, ok := g.option(kind)
		if !ok || text == "" {
			continue
		}
		if at, refused := s.openPlace(g, kind, text, fresh); refused == nil {
			at.Select = or(fresh.Select, at.Select)
			return at
		}
	}
	return fresh
}

// gone tells the reader to start over, and where.
func (g *graphCall) gone(at deltaPlace, code string) *graphError {
	var filter []string
	for _, id := range at.Only {
		filter = append(filter, "id eq '"+id.String()+"'")
	}
	return &graphError{status: 410, code: code, message: "The sync state is no longer available. Synchronize again from the beginning.",
		header: map[string][]string{"Location": {g.link("/"+at.Kind.String()+"s/delta", "$select", at.Select,
			"$filter", strings.Join(filter, " or "), "$"+deltaToken, "")}}}
}

func (g *graphCall) prefersMinimal() bool {
	return slices.ContainsFunc(g.Header.Values("Prefer"), func(v string) bool {
		return strings.Contains(strings.ReplaceAll(strings.ToLower(v), " ", ""), "return=minimal")
	})
}

func appendItem(dst []byte, item *directory.Item) []byte {
	dst = append(dst, '{')
	switch {
	case item.Removed != "":
		dst = append(dst, `"id":"`+item.ID+`","@removed":{"reason":"`+item.Removed+`"}`...)
	case item.User != nil:
		dst = directory.AppendUser(dst, item.User, item.Show, item.Empties)
	default:
		dst = directory.AppendGroup(dst, item.Group, item.Show, item.Empties)
	}
	dst = appendChanges(dst, `,"members@delta":[`, item.Members)
	if item.Kind == users {
		dst = appendChanges(dst, `,"manager@delta":[`, item.Links)
	} else {
		dst = appendChanges(dst, `,"owners@delta":[`, item.Links)
	}
	return append(dst, '}')
}

// appendChanges writes what changed in a relation; without changes it is left out.
func appendChanges(dst []byte, opening string, changes []directory.MemberChange) []byte {
	if len(changes) == 0 {
		return dst
	}
	dst = append(dst, opening...)
	for i, m := range changes {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"@odata.type":"#microsoft.graph.`...)
		dst = append(dst, m.Kind.String()...)
		dst = append(dst, `","id":"`...)
		dst = append(dst, m.ID...)
		dst = append(dst, '"')
		if m.Removed { // "deleted" here means that the relation ended, whatever became of the other object
			dst = append(dst, `,"@removed":{"reason":"deleted"}`...)
		}
		dst = append(dst, '}')
	}
	return append(dst, ']')
}
