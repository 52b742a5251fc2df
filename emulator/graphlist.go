package emulator

import (
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"strconv"
	"strings"
	"time"

	"consentry/emulator/directory"
)

// listPlace is what the skiptoken of a list holds, sealed: for whom and for which question it was made, and where it
// leads.
type listPlace struct {
	Tenant string    `json:"t"`
	App    string    `json:"a"`
	Person string    `json:"w,omitempty"`
	Path   string    `json:"p"`
	Issued time.Time `json:"i"`
	Select string    `json:"q"`
	Filter string    `json:"f,omitempty"`
	Search string    `json:"s,omitempty"`
	Order  string    `json:"b,omitempty"`
	Count  bool      `json:"c,omitempty"`
	Top    int       `json:"n"`
	From   int       `json:"o"`
}

var errPageToken = &graphError{status: http.StatusBadRequest, code: "Directory_ExpiredPageToken",
	message: "The specified page token value has expired and cannot be included in the request."}

// listStart reads the question and the paging of a list request.
func (s *Server) listStart(g *graphCall) (listPlace, *graphError) {
	switches := &g.switches.Graph
	if text, ok := g.option(skipToken); ok {
		var at listPlace
		raw, opened := s.keys.opened("list", text)
		if !opened || json.Unmarshal(raw, &at) != nil || at.Tenant != g.tenant.ID || at.App != g.app.AppID || at.Person != g.person || at.Path != g.URL.Path ||
			g.entry.At.Sub(at.Issued) > time.Duration(or(switches.PageTokenLifetime, pageTokenLifetime)) {
			return at, errPageToken
		}
		at.Count = at.Count && g.eventual()
		return at, g.mayShow(at.Select)
	}
	at := listPlace{Tenant: g.tenant.ID, App: g.app.AppID, Person: g.person, Path: g.URL.Path, Issued: g.entry.At, Top: min(or(switches.DefaultTop, defaultTop), s.config.PageSize)}
	at.Select, _ = g.option("select")
	at.Filter, _ = g.option("filter")
	at.Search, _ = g.option("search")
	count, _ := g.option("count")
	at.Count = strings.EqualFold(count, "true") && g.eventual() // ignored without the header
	if text, ok := g.option("top"); ok {
		top, err := strconv.Atoi(text)
		if most := or(switches.MaxTop, maxTop); err != nil || top < 1 || top > most {
			return at, badRequest(fmt.Sprintf("Invalid page size specified: '%s'. Must be between 1 and %d inclusive.", text, most))
		}
		at.Top = top
	}
	if at.Order, _ = g.option("orderby"); at.Order != "" && (at.Filter != "" || at.Search != "") && !at.Count {
		return at, unsupported("$orderby with $filter or $search is only supported with the header 'ConsistencyLevel: eventual' and $count=true.")
	}
	for _, option := range []string{"expand", "skip"} {
		if _, asked := g.option(option); asked {
			return at, unsupported("The query parameter '$" + option + "' is not supported here.")
		}
	}
	return at, g.mayShow(at.Select)
}

// question is what a list is filtered by. Advanced questions take a header, on every page of the answer again, and
// filters the counting too (facts 5.13).
func (g *graphCall) question(at listPlace) (condition, *graphError) {
	filter, refused := parseFilter(at.Filter)
	if refused != nil {
		return nil, refused
	}
	search, refused := parseSearch(at.Search)
	switch {
	case refused != nil:
		return nil, refused
	case at.Search != "" && !g.eventual():
		return nil, unsupported("Request with $search query parameter only works through MSGraph with a special request header: 'ConsistencyLevel: eventual'")
	case filter.advanced && !(g.eventual() && at.Count):
		return nil, unsupported("Operator or function is only supported with the header 'ConsistencyLevel: eventual' and $count=true.")
	}
	return both(filter.holds, search), nil
}

// shown is the selected properties of users and of groups.
type shown [2]directory.Properties

// selection reads a $select of one kind or, in lists of mixed objects, of both: there a property need only belong to
// one of them.
func selection(names string, kinds ...directory.Kind) (shown, error) {
	var set shown
	if names == "" {
		for _, kind := range kinds {
			set[kind], _ = directory.Select(kind, "", false)
		}
		return set, nil
	}
	for name := range strings.SplitSeq(names, ",") {
		var unknown error
		found := false
		for _, kind := range kinds {
			bit, err := directory.Select(kind, name, false)
			if unknown = err; err == nil {
				found = true
				set[kind] |= bit &^ directory.Relations
			}
		}
		if !found {
			return set, unknown
		}
	}
	return set, nil
}

func appendObject(dst []byte, m directory.Member, set shown) []byte {
	if m.Group != nil {
		return append(directory.AppendGroup(dst, m.Group, set[groups], set[groups]), '}')
	}
	return append(directory.AppendUser(dst, m.User, set[users], set[users]), '}')
}

// page writes one page of a list: the context, how many there are if that was asked, the objects, and the link to the
// next page.
func (s *Server) page(g *graphCall, at listPlace, context string, all iter.Seq2[int, directory.Member], total int, write func([]byte, directory.Member) []byte) ([]byte, *graphError) {
	holds, refused := g.question(at)
	if refused != nil {
		return nil, refused
	}
	values := appendJSON([]byte(`{"@odata.context":`), context)
	if at.Count && at.From == 0 { // on the first page only
		n, refused := counted(all, holds, total)
		if refused != nil {
			return nil, refused
		}
		values = append(values, `,"@odata.count":`...)
		values = strconv.AppendInt(values, int64(n), 10)
	}
	values = append(values, `,"value":[`...)
	count, last, next := 0, at.From, 0
	for after, m := range all {
		if after <= at.From {
			continue
		}
		if ok, refused := meets(holds, m); refused != nil {
			return nil, refused
		} else if !ok {
			last = after
			continue
		}
		if count == at.Top {
			next = last
			break
		}
		if count > 0 {
			values = append(values, ',')
		}
		values = write(values, m)
		count, last = count+1, after
	}
	return s.finishList(g, values, at, next), nil
}

// finishList closes a list with the link to its next page, if there is one.
func (s *Server) finishList(g *graphCall, body []byte, at listPlace, next int) []byte {
	body = append(body, ']')
	if next > 0 {
		at.From, at.Issued = next, g.entry.At
		raw, _ := json.Marshal(at) // plain values always marshal
		body = append(body, `,"@odata.nextLink":`...)
		path := strings.TrimPrefix(g.URL.Path, "/"+g.version)
		body = appendJSON(body, g.link(path, "$"+skipToken, s.keys.sealed("list", raw)))
	}
	return append(body, '}')
}

func meets(holds condition, m directory.Member) (bool, *graphError) {
	if holds == nil {
		return true, nil
	}
	ok, err := holds(m.Value)
	if err != nil {
		return false, asGraphError(err)
	}
	return ok, nil
}

func counted(all iter.Seq2[int, directory.Member], holds condition, total int) (int, *graphError) {
	if holds == nil && total >= 0 {
		return total, nil
	}
	n := 0
	for _, m := range all {
		ok, refused := meets(holds, m)
		if refused != nil {
			return 0, refused
		}
		if ok {
			n++
		}
	}
	return n, nil
}

// objects are the live objects of a kind.
func objects(view directory.View, kind directory.Kind, from int) iter.Seq2[int, directory.Member] {
	return func(yield func(int, directory.Member) bool) {
		if kind == users {
			for after, u := range view.Users(from) {
				if !yield(after, directory.Member{User: u}) {
					return
				}
			}
			return
		}
		for after, group := range view.Groups(from) {
			if !yield(after, directory.Member{Group: group}) {
				return
			}
		}
	}
}

func (s *Server) list(g *graphCall, kind directory.Kind) ([]byte, *graphError) {
	at, refused := s.listStart(g)
	if refused != nil {
		return nil, refused
	}
	set, err := selection(at.Select, kind)
	if err != nil {
		return nil, asGraphError(err)
	}
	total := -1
	if at.Count && at.From == 0 {
		total = g.view.Count(kind)
	}
	all := objects(g.view, kind, at.From)
	if at.Order != "" {
		if all, refused = g.ordered(kind, at.Order); refused != nil {
			return nil, refused
		}
	}
	return s.page(g, at, g.context(kind, at.Select), all, total, func(dst []byte, m directory.Member) []byte {
		return appendObject(append(dst, '{'), m, set)
	})
}

var errNoCount = badRequest("$count is not currently supported.")

func (s *Server) count(g *graphCall, kind directory.Kind) ([]byte, *graphError) {
	if !g.eventual() {
		return nil, errNoCount
	}
	return g.number(objects(g.view, kind, 0), g.view.Count(kind))
}

func (g *graphCall) number(all iter.Seq2[int, directory.Member], total int) ([]byte, *graphError) {
	at := listPlace{Count: true}
	at.Filter, _ = g.option("filter")
	at.Search, _ = g.option("search")
	holds, refused := g.question(at)
	if refused != nil {
		return nil, refused
	}
	n, refused := counted(all, holds, total)
	return strconv.AppendInt(nil, int64(n), 10), refused
}

func (s *Server) one(g *graphCall, kind directory.Kind) ([]byte, *graphError) {
	names, _ := g.option("select")
	if refused := g.mayShow(names); refused != nil {
		return nil, refused
	}
	set, err := selection(names, kind)
	if err != nil {
		return nil, asGraphError(err)
	}
	var m directory.Member
	if kind == users {
		m.User, err = g.view.User(g.args[0])
	} else {
		m.Group, err = g.view.Group(g.args[0])
	}
	if err != nil {
		return nil, asGraphError(err)
	}
	body := appendJSON([]byte(`{"@odata.context":`), g.context(kind, names)+"/$entity")
	return appendObject(append(body, ','), m, set), nil
}

// context is the metadata address of a collection and what is selected of it.
func (g *graphCall) context(kind directory.Kind, selected string) string {
	address := g.metadata(kind.String() + "s")
	if selected != "" {
		address += "(" + strings.ReplaceAll(selected, " ", "") + ")"
	}
	return address
}

func (g *graphCall) metadata(of string) string {
	return g.origin + "/" + g.version + "/$metadata#" + of
}

func appendJSON(dst []byte, text string) []byte {
	raw, _ := json.Marshal(text) // text always marshals
	return append(dst, raw...)
}
