package emulator

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"consentry/emulator/directory"
)

// deltaPlace is what a delta token holds, sealed: for whom and for which question it was made, and where it leads.
type deltaPlace struct {
	Tenant  string           `json:"t"`
	App     string           `json:"a"`
	Kind    directory.Kind   `json:"k"`
	Select  string           `json:"q"`
	Minimal bool             `json:"m,omitempty"`
	Issued  time.Time        `json:"i"`
	Ended   uint32           `json:"e"` // deltatoken: the change number the last round ended at
	Cursor  directory.Cursor `json:"c"` // skiptoken: the place in the round
}

const (
	skipToken  = "skiptoken"
	deltaToken = "deltatoken"
)

// delta answers one page of a delta round (facts 5).
func (s *Server) delta(g *graphCall, kind directory.Kind) ([]byte, *graphError) {
	permissions := readUserDelta
	if kind == directory.KindGroup {
		permissions = readGroups
	}
	if refused := g.allow(permissions); refused != nil {
		return nil, refused
	}
	at, refused := s.deltaStart(g, kind)
	if refused != nil {
		return nil, refused
	}
	selected, err := directory.Select(kind, at.Select, true)
	if err != nil {
		return nil, asGraphError(err)
	}
	query := directory.Query{Kind: kind, Select: selected, Minimal: at.Minimal}
	items, next := g.tenant.directory.Page(query, at.Cursor, directory.Limits{Objects: s.config.PageSize, Members: s.config.MemberPage})

	body := append(g.context(kind, at.Select), `,"value":[`...)
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
func (s *Server) deltaStart(g *graphCall, kind directory.Kind) (deltaPlace, *graphError) {
	names, selects := g.option("select")
	fresh := deltaPlace{Tenant: g.tenant.ID, App: g.app.AppID, Kind: kind, Select: names, Minimal: g.prefersMinimal(), Issued: g.entry.At}
	for _, option := range []string{"filter", "expand", "orderby", "search"} {
		if _, asked := g.option(option); asked {
			return fresh, badRequest("The query parameter '$" + option + "' is not supported by this delta query.")
		}
	}
	if text, ok := g.option(skipToken); ok && text != "" {
		at, refused := s.openPlace(g, skipToken, text, fresh)
		if refused == nil && selects {
			refused = badRequest("'$select' cannot be combined with '$skiptoken'.")
		}
		return at, refused
	}
	d := g.tenant.directory
	switch text, ok := g.option(deltaToken); {
	case !ok || text == "":
		fresh.Cursor = d.Start()
		return fresh, nil
	case text == "latest":
		fresh.Cursor = directory.Cursor{Until: d.Sequence()}
		return fresh, nil
	default:
		at, refused := s.openPlace(g, deltaToken, text, fresh)
		if refused != nil {
			return at, refused
		}
		if selects {
			at.Select = names
		}
		at.Minimal = fresh.Minimal
		cursor, ok := d.Since(at.Ended)
		if !ok {
			return at, g.gone(at, "resyncRequired")
		}
		at.Cursor, at.Issued = cursor, g.entry.At
		return at, nil
	}
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
	switch {
	case g.entry.At.Sub(at.Issued) > time.Duration(deltaLifetime):
		return at, g.gone(at, "syncStateNotFound")
	case at.Issued.Before(g.tenant.deltasFrom):
		return at, g.gone(at, "resyncRequired")
	}
	return at, nil
}

// gone tells the reader to start over, and where.
func (g *graphCall) gone(at deltaPlace, code string) *graphError {
	return &graphError{status: http.StatusGone, code: code, message: "The sync state is no longer available. Synchronize again from the beginning.",
		header: http.Header{"Location": {g.link("/"+at.Kind.String()+"s/delta", "$select", at.Select, "$"+deltaToken, "")}}}
}

func (g *graphCall) prefersMinimal() bool {
	return slices.ContainsFunc(g.Header.Values("Prefer"), func(v string) bool {
		return strings.Contains(strings.ReplaceAll(strings.ToLower(v), " ", ""), "return=minimal")
	})
}

// context opens an answer with its metadata address.
func (g *graphCall) context(kind directory.Kind, selected string) []byte {
	address := g.origin + "/" + g.version + "/$metadata#" + kind.String() + "s"
	if selected != "" {
		address += "(" + strings.ReplaceAll(selected, " ", "") + ")"
	}
	return appendJSON([]byte(`{"@odata.context":`), address)
}

func appendJSON(dst []byte, text string) []byte {
	raw, _ := json.Marshal(text) // text always marshals
	return append(dst, raw...)
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
	if len(item.Members) > 0 {
		dst = append(dst, `,"members@delta":[`...)
		for i, m := range item.Members {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(dst, `{"@odata.type":"#microsoft.graph.`...)
			dst = append(dst, m.Kind.String()...)
			dst = append(dst, `","id":"`...)
			dst = append(dst, m.ID...)
			dst = append(dst, '"')
			if m.Removed { // "deleted" here means that the membership ended, whatever became of the member
				dst = append(dst, `,"@removed":{"reason":"deleted"}`...)
			}
			dst = append(dst, '}')
		}
		dst = append(dst, ']')
	}
	return append(dst, '}')
}
