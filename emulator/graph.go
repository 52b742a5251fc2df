package emulator

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
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

var errForbidden = &graphError{status: http.StatusForbidden, code: "Authorization_RequestDenied", message: "Insufficient privileges to complete the operation."}

func badRequest(message string) *graphError {
	return &graphError{status: http.StatusBadRequest, code: "Request_BadRequest", message: message}
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
	if unknown, ok := errors.AsType[*directory.UnknownPropertyError](err); ok {
		return &graphError{status: http.StatusBadRequest, code: "BadRequest", message: unknown.Error()}
	}
	return badRequest(err.Error())
}

// graphCall is a request of a known app in a known tenant.
type graphCall struct {
	*call
	version string // v1.0 or beta
	tenant  *tenant
	app     *application
	caller  *principal
	roles   []string // in the token
}

// allow refuses callers without any of the permissions.
func (g *graphCall) allow(permissions []string) *graphError {
	if slices.ContainsFunc(g.roles, func(role string) bool { return slices.Contains(permissions, role) }) {
		return nil
	}
	return errForbidden
}

// options returns an OData query option, whose name may be spelled in any case.
func (g *graphCall) option(name string) (string, bool) {
	for given, values := range g.URL.Query() {
		if strings.EqualFold(given, "$"+name) && len(values) > 0 {
			return values[0], true
		}
	}
	return "", false
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

// graph answers Graph. A mutation of the world happens in the handlers that hold no lock; all others build their
// whole answer on one state of it.
func (s *Server) graph(w http.ResponseWriter, c *call) {
	version, path, _ := strings.Cut(strings.Trim(c.URL.Path, "/"), "/")
	g := &graphCall{call: c, version: version}
	if refused := s.recognise(g); refused != nil {
		writeGraphError(w, c, refused)
		return
	}
	segments := strings.Split(path, "/")
	if changed, body, refused := s.changeApplication(g, segments); changed {
		finishGraph(w, c, body, refused)
		return
	}
	s.mu.RLock()
	body, refused := s.read(g, segments)
	s.mu.RUnlock()
	finishGraph(w, c, body, refused)
}

func finishGraph(w http.ResponseWriter, c *call, body []byte, refused *graphError) {
	if refused != nil {
		writeGraphError(w, c, refused)
		return
	}
	h := graphHeader(w, c)
	if body == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	h.Set("Content-Type", "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8")
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(body)
}

// recognise checks the token and finds who calls (facts 7.2).
func (s *Server) recognise(g *graphCall) *graphError {
	unauthorized := func(code, message string) *graphError {
		return &graphError{status: http.StatusUnauthorized, code: code, message: message, header: http.Header{"Www-Authenticate": {
			`Bearer realm="", authorization_uri="` + s.HTTPSURL() + `/common/oauth2/authorize", client_id="` + graphAppID + `"`}}}
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
	roles, _ := claims["roles"].([]any)
	for _, role := range roles {
		if name, ok := role.(string); ok {
			g.roles = append(g.roles, name)
		}
	}
	return nil
}

// read routes the requests that change nothing.
func (s *Server) read(g *graphCall, path []string) ([]byte, *graphError) {
	if g.Method != http.MethodGet {
		return nil, s.unknown(g, path[0])
	}
	kind, collection := kindOf(path[0])
	appID, byApp := keyed(path[0], "applications", "appId")
	switch {
	case path[0] == "organization" && len(path) == 1:
		return organization(g)
	case collection && len(path) == 2 && isDelta(path[1]):
		return s.delta(g, kind)
	case collection && len(path) == 1:
		return s.list(g, kind)
	case collection && len(path) == 2:
		return one(g, kind, path[1])
	case path[0] == "groups" && len(path) == 3 && path[2] == "members":
		return s.members(g, path[1])
	case path[0] == "groups" && len(path) == 3 && path[2] == "transitiveMembers":
		return transitiveMembers(g, path[1])
	case byApp && len(path) == 1:
		return readApplication(g, s.world.app(appID), appID)
	case path[0] == "applications" && len(path) == 2:
		return readApplication(g, s.world.appByObject(path[1]), path[1])
	}
	return nil, s.unknown(g, path[len(path)-1])
}

func kindOf(segment string) (directory.Kind, bool) {
	switch segment {
	case "users":
		return directory.KindUser, true
	case "groups":
		return directory.KindGroup, true
	}
	return 0, false
}

// isDelta knows the spellings of the same function.
func isDelta(segment string) bool {
	return slices.Contains([]string{"delta", "microsoft.graph.delta"}, strings.TrimSuffix(segment, "()"))
}

// keyed reads the key of a segment such as applications(appId='...').
func keyed(segment, collection, name string) (string, bool) {
	rest, ok := strings.CutPrefix(segment, collection+"("+name+"='")
	if !ok {
		return "", false
	}
	return strings.CutSuffix(rest, "')")
}

func (s *Server) unknown(g *graphCall, segment string) *graphError {
	g.entry.Unknown = true
	return &graphError{status: http.StatusBadRequest, code: "BadRequest", message: "Resource not found for the segment '" + segment + "'."}
}

// graphHeader sets what every answer of Graph carries (facts 7.4).
func graphHeader(w http.ResponseWriter, c *call) http.Header {
	h := w.Header()
	h.Set("request-id", c.id)
	h.Set("client-request-id", c.correlation)
	h.Set("x-ms-ags-diagnostic", `{"ServerInfo":{"DataCenter":"Emulator","Slice":"E","Ring":"1","ScaleUnit":"000","RoleInstance":"EMULATOR"}}`)
	h.Set("x-ms-resource-unit", "1")
	h.Set("OData-Version", "4.0")
	h.Set("Cache-Control", "no-cache")
	return h
}

func writeGraphError(w http.ResponseWriter, c *call, e *graphError) {
	c.entry.Code = e.code
	h := graphHeader(w, c)
	for name, values := range e.header {
		h[name] = values
	}
	h.Set("Content-Type", "application/json")
	w.WriteHeader(e.status)
	_, _ = w.Write([]byte(graphErrorBody(c, e.code, e.message, c.entry.At)))
}

func graphErrorBody(c *call, code, message string, at time.Time) string {
	body, _ := json.Marshal(map[string]any{"error": map[string]any{"code": code, "message": message, "innerError": map[string]any{
		"date": at.Format("2006-01-02T15:04:05"), "request-id": c.id, "client-request-id": c.correlation}}})
	return string(body)
}

func organization(g *graphCall) ([]byte, *graphError) {
	if refused := g.allow(readOrganization); refused != nil {
		return nil, refused
	}
	all := map[string]any{
		"id": g.tenant.ID, "displayName": g.tenant.DisplayName, "tenantType": "AAD", "countryLetterCode": "DE", "preferredLanguage": "en",
		"createdDateTime": "2019-01-01T00:00:00Z", "onPremisesSyncEnabled": nil, "deletedDateTime": nil,
		"verifiedDomains": []any{map[string]any{"capabilities": "Email, OfficeCommunicationsOnline", "isDefault": true, "isInitial": true,
			"name": g.tenant.Domain, "type": "Managed"}},
	}
	shown := all
	if names, ok := g.option("select"); ok && names != "" {
		shown = map[string]any{"id": g.tenant.ID}
		for name := range strings.SplitSeq(names, ",") {
			value, known := all[strings.TrimSpace(name)]
			if !known {
				return nil, &graphError{status: http.StatusBadRequest, code: "BadRequest",
					message: "Could not find a property named '" + name + "' on type 'microsoft.graph.organization'."}
			}
			shown[strings.TrimSpace(name)] = value
		}
	}
	body, _ := json.Marshal(map[string]any{"@odata.context": g.origin + "/" + g.version + "/$metadata#organization", "value": []any{shown}})
	return body, nil
}
