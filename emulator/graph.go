package emulator

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"consentry/emulator/directory"
)

// graphError is a refusal of Graph.
type graphError struct {
	status  int
	code    string
	message string
	header  http.Header
}

func (e *graphError) Error() string { return e.code + ": " + e.message }

var (
	errForbidden = &graphError{status: http.StatusForbidden, code: "Authorization_RequestDenied", message: "Insufficient privileges to complete the operation."}
	errMethod    = &graphError{status: http.StatusMethodNotAllowed, code: "Request_BadRequest", message: "Specified HTTP method is not allowed for the request target."}
)

func badRequest(message string) *graphError {
	return &graphError{status: http.StatusBadRequest, code: "Request_BadRequest", message: message}
}

func unsupported(message string) *graphError {
	return &graphError{status: http.StatusBadRequest, code: "Request_UnsupportedQuery", message: message}
}

func notFound(id string) *graphError {
	return &graphError{status: http.StatusNotFound, code: "Request_ResourceNotFound",
		message: "Resource '" + id + "' does not exist or one of its queried reference-property objects are not present."}
}

// asGraphError words what the directory refused as Graph does.
func asGraphError(err error) *graphError {
	if missing, ok := errors.AsType[*directory.NotFoundError](err); ok {
		return notFound(missing.ID)
	}
	if elsewhere, ok := errors.AsType[*directory.NotServedError](err); ok {
		return &graphError{status: http.StatusNotImplemented, code: "NotImplemented", message: elsewhere.Error()}
	}
	if unknown, ok := errors.AsType[*directory.UnknownPropertyError](err); ok {
		return &graphError{status: http.StatusBadRequest, code: "BadRequest", message: unknown.Error()}
	}
	return badRequest(err.Error())
}

// graphCall is a request of a known app in a known tenant.
type graphCall struct {
	*call
	version string // v1.0 or beta
	path    []string
	args    []string // what stands in the path for the variable parts of its route
	query   url.Values
	tenant  *tenant
	app     *application
	caller  *principal
	person  string         // object id of who signed in, for a token that is not the app's own
	roles   []string       // in the token: app roles, or delegated permissions
	view    directory.View // the directory as the replica that answers knows it
	units   int            // what the request cost
	percent float64        // how much of its budget the app has used
}

// has tells whether the caller's token carries any of the permissions.
func (g *graphCall) has(permissions ...string) bool {
	return slices.ContainsFunc(g.roles, func(role string) bool { return slices.Contains(permissions, role) })
}

// option returns an OData query option, whose name may be spelled in any case and without its $.
func (g *graphCall) option(name string) (string, bool) {
	for given, values := range g.query {
		if len(values) > 0 && len(given) == len(name)+1 && given[0] == '$' && strings.EqualFold(given[1:], name) {
			return values[0], true
		}
	}
	return "", false
}

// askedOnce refuses a system query option that is repeated, as OData demands; names are the same in any case.
func (g *graphCall) askedOnce() *graphError {
	times := map[string]int{}
	for given, values := range g.query {
		name := strings.ToLower(given)
		if times[name] += len(values); times[name] > 1 && strings.HasPrefix(name, "$") {
			return &graphError{status: http.StatusBadRequest, code: "BadRequest",
				message: "Query option '" + name + "' was specified more than once, but it must be specified at most once."}
		}
	}
	return nil
}

// eventual tells whether the caller asks for advanced queries.
func (g *graphCall) eventual() bool {
	return strings.EqualFold(g.Header.Get("ConsistencyLevel"), "eventual")
}

// link is an absolute address of this service with a query.
func (g *graphCall) link(path string, query ...string) string {
	var pairs []string
	for i := 0; i+1 < len(query); i += 2 {
		if query[i+1] != "" || strings.HasSuffix(query[i], "token") {
			pairs = append(pairs, query[i]+"="+url.QueryEscape(query[i+1]))
		}
	}
	return g.origin + "/" + g.version + path + "?" + strings.Join(pairs, "&")
}

// reply is an answer of Graph before it is sent, alone or in a batch.
type reply struct {
	status int
	header http.Header
	body   []byte
}

const jsonType = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"

// graph answers Graph.
func (s *Server) graph(w http.ResponseWriter, c *call) {
	g, refused := s.graphCall(c)
	answer := g.refusal(refused)
	switch {
	case refused != nil:
	case len(g.path) == 1 && g.path[0] == "$batch":
		answer = s.batch(g)
	default:
		answer = s.answerGraph(g)
	}
	h := w.Header()
	maps.Copy(h, answer.header)
	w.WriteHeader(answer.status)
	_, _ = w.Write(answer.body)
}

func (s *Server) graphCall(c *call) (*graphCall, *graphError) {
	version, path, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(c.URL.Path, "/"), "/"), "/")
	g := &graphCall{call: c, version: version, path: segments(path), query: c.URL.Query(), units: 1}
	return g, s.recognise(g)
}

// answerGraph answers one request, which is the only one or one of a batch.
func (s *Server) answerGraph(g *graphCall) reply {
	r, refused := s.route(g)
	if refused == nil {
		refused = s.spend(g, r)
	}
	if refused == nil && !g.opens(r) {
		refused = errForbidden
	}
	if refused == nil {
		refused = g.askedOnce()
	}
	var body []byte
	if refused == nil {
		body, refused = r.answer(s, g)
	}
	switch {
	case refused != nil:
		return g.refusal(refused)
	case body == nil:
		return reply{status: http.StatusNoContent, header: g.headers()}
	}
	h := g.headers()
	h.Set("Content-Type", jsonType)
	if r.plain {
		h.Set("Content-Type", "text/plain")
	}
	return reply{status: http.StatusOK, header: h, body: body}
}

// recognise checks the token and finds who calls (facts 7.2).
func (s *Server) recognise(g *graphCall) *graphError {
	unauthorized := func(code, message string) *graphError {
		return &graphError{status: http.StatusUnauthorized, code: code, message: message, header: http.Header{"Www-Authenticate": {challenge(s.authority())}}}
	}
	text, ok := bearer(g.Request)
	if !ok {
		return unauthorized("InvalidAuthenticationToken", "Access token is empty.")
	}
	claims, ok := s.openGraphToken(text, g.entry.At)
	if !ok {
		return unauthorized("InvalidAuthenticationToken", "Access token validation failure. Invalid signature or format.")
	}
	if aud := claims["aud"]; aud != graphHost && aud != graphAppID {
		return unauthorized("InvalidAuthenticationToken", "Access token validation failure. Invalid audience.")
	}
	seconds, _ := claims["exp"].(float64)
	if !g.entry.At.Before(time.Unix(int64(seconds), 0)) {
		return unauthorized("InvalidAuthenticationToken", "Lifetime validation failed, the token is expired.")
	}
	tenantID, _ := claims["tid"].(string)
	appID, _ := claims["appid"].(string)
	s.mu.RLock()
	defer s.mu.RUnlock()
	g.tenant, g.app = s.world.tenant(tenantID), s.world.app(appID)
	if g.tenant != nil && g.app != nil {
		g.caller = g.tenant.principalAt(appID, g.seen())
	}
	if g.caller == nil || g.seen().Before(g.caller.seenByGraph) || claims["oid"] != g.caller.objectID && claims["idtyp"] == "app" {
		return unauthorized("Authorization_IdentityNotFound", "The identity of the calling application could not be established.")
	}
	if claims["idtyp"] == "user" {
		g.person, _ = claims["oid"].(string)
		scopes, _ := claims["scp"].(string)
		g.roles = strings.Fields(scopes)
		return nil
	}
	roles, _ := claims["roles"].([]any)
	for _, role := range roles {
		if name, ok := role.(string); ok {
			g.roles = append(g.roles, name)
		}
	}
	return nil
}

// headers are what every answer of Graph carries (facts 7.4).
func (g *graphCall) headers() http.Header {
	h := graphHeader(http.Header{}, g.call)
	h.Set("x-ms-resource-unit", strconv.Itoa(g.units))
	if g.percent > throttleWarning {
		h.Set("x-ms-throttle-limit-percentage", strconv.FormatFloat(min(g.percent, 1.8), 'f', 2, 64))
	}
	return h
}

func graphHeader(h http.Header, c *call) http.Header {
	h.Set("request-id", c.id)
	h.Set("client-request-id", c.correlation)
	h.Set("x-ms-ags-diagnostic", `{"ServerInfo":{"DataCenter":"Emulator","Slice":"E","Ring":"1","ScaleUnit":"000","RoleInstance":`+strconv.Quote(c.replica.Name)+`}}`)
	h.Set("OData-Version", "4.0")
	h.Set("Cache-Control", "no-cache")
	return h
}

func (g *graphCall) refusal(e *graphError) reply {
	if e == nil {
		return reply{}
	}
	g.entry.Code = e.code
	h := g.headers()
	maps.Copy(h, e.header)
	h.Set("Content-Type", "application/json")
	return reply{status: e.status, header: h, body: []byte(graphErrorBody(g.call, e.code, e.message, g.entry.At))}
}

func graphErrorBody(c *call, code, message string, at time.Time) string {
	inner, name := map[string]any{"date": at.Format("2006-01-02T15:04:05"), "request-id": c.id, "client-request-id": c.correlation}, "innerError"
	if c.switches != nil && c.switches.Graph.LowerInnerError {
		name = "innererror"
	}
	if c.switches != nil && c.switches.Graph.NoErrorCode {
		code = ""
	}
	body, _ := json.Marshal(map[string]any{"error": map[string]any{"code": code, "message": message, name: inner}}) // plain values always marshal
	return string(body)
}
