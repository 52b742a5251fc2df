package emulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// maxBatch is how many requests a batch may hold.
const maxBatch = 20

// batchStep is one request of a batch.
type batchStep struct {
	ID        string            `json:"id"`
	Method    string            `json:"method"`
	URL       string            `json:"url"`
	Headers   map[string]string `json:"headers"`
	Body      json.RawMessage   `json:"body"`
	DependsOn []string          `json:"dependsOn"`
}

// batchAnswer is the answer to one of them.
type batchAnswer struct {
	ID      string            `json:"id"`
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers"`
	Body    json.RawMessage   `json:"body,omitempty"`
}

// batch answers several requests at once (facts 5.14). Each has its own status, faults and budget; the batch itself
// succeeds whenever it could be read.
func (s *Server) batch(g *graphCall) reply {
	if g.Method != http.MethodPost {
		return g.refusal(errMethod)
	}
	var asked struct {
		Requests []batchStep `json:"requests"`
	}
	if json.Unmarshal(g.content, &asked) != nil {
		return g.refusal(errJSON)
	}
	if err := checkBatch(asked.Requests); err != nil {
		return g.refusal(&graphError{status: http.StatusBadRequest, code: "BadRequest", message: err.Error()})
	}
	answers := []batchAnswer{}
	failed := map[string]bool{}
	for i := range asked.Requests {
		step := &asked.Requests[i]
		var r reply
		if slices.ContainsFunc(step.DependsOn, func(id string) bool { return failed[id] }) {
			r = g.refusal(&graphError{status: http.StatusFailedDependency, code: "FailedDependency", message: "A request that this one depends on has failed."})
		} else {
			r = s.step(g, step)
		}
		failed[step.ID] = r.status >= http.StatusBadRequest
		answers = append(answers, step.answer(r))
	}
	if !g.switches.Graph.OrderedBatch {
		slices.Reverse(answers)
	}
	g.entry.Code = ""                                             // of a request inside
	body, _ := json.Marshal(map[string]any{"responses": answers}) // what was read as JSON marshals
	h := g.headers()
	h.Set("Content-Type", "application/json")
	return reply{status: http.StatusOK, header: h, body: body}
}

// checkBatch refuses a batch that could not be answered request by request. A request may only wait for earlier ones,
// which also keeps them from waiting for each other.
func checkBatch(steps []batchStep) error {
	if len(steps) == 0 || len(steps) > maxBatch {
		return fmt.Errorf("a batch holds between 1 and %d requests, not %d", maxBatch, len(steps))
	}
	seen := map[string]bool{}
	for i := range steps {
		step := &steps[i]
		switch {
		case step.ID == "" || seen[strings.ToLower(step.ID)]:
			return fmt.Errorf("every request of a batch needs an id of its own, which '%s' is not", step.ID)
		case step.Method == "" || step.URL == "" || strings.Contains(step.URL, "://"):
			return fmt.Errorf("the request '%s' needs a method and a relative url", step.ID)
		case strings.HasPrefix(strings.TrimPrefix(step.URL, "/"), "$batch"):
			return fmt.Errorf("the request '%s' is a batch itself", step.ID)
		case len(step.Body) > 0 && step.header("Content-Type") == "":
			return fmt.Errorf("the request '%s' has a body and no Content-Type header", step.ID)
		}
		for _, other := range step.DependsOn {
			if !seen[strings.ToLower(other)] {
				return fmt.Errorf("the request '%s' depends on '%s', which is not an earlier one", step.ID, other)
			}
		}
		seen[strings.ToLower(step.ID)] = true
	}
	return nil
}

func (b *batchStep) header(name string) string {
	for given, value := range b.Headers {
		if strings.EqualFold(given, name) {
			return value
		}
	}
	return ""
}

// step answers one request as if it had come alone, from the same caller.
func (s *Server) step(g *graphCall, b *batchStep) reply {
	content := []byte(b.Body)
	if media, _, _ := mime.ParseMediaType(b.header("Content-Type")); len(content) > 0 && !strings.HasSuffix(media, "json") {
		var text []byte
		if json.Unmarshal(b.Body, &text) == nil { // anything but JSON stands there as base64
			content = text
		}
	}
	request, err := http.NewRequestWithContext(g.Context(), strings.ToUpper(b.Method), g.origin+"/"+g.version+"/"+strings.TrimPrefix(b.URL, "/"), bytes.NewReader(content))
	if err != nil {
		return g.refusal(&graphError{status: http.StatusBadRequest, code: "BadRequest", message: "The url of the request is invalid."})
	}
	for name, value := range b.Headers {
		request.Header.Set(name, value)
	}
	inner := &call{Request: request, id: uuid.NewString(), correlation: g.correlation, origin: g.origin, content: content, replica: g.replica, switches: g.switches,
		entry: &Request{At: g.entry.At, Method: request.Method, Path: request.URL.Path, TenantID: g.tenant.ID, AppID: g.app.AppID}}
	inner.entry.ID = inner.id
	if id := b.header("client-request-id"); isGUID(id) {
		inner.correlation = id
	}
	inner.strike(s.faults.take(inner))
	path := strings.TrimPrefix(request.URL.Path, "/"+g.version+"/")
	each := &graphCall{call: inner, version: g.version, path: segments(strings.TrimSuffix(path, "/")), query: request.URL.Query(), units: 1,
		tenant: g.tenant, app: g.app, caller: g.caller, person: g.person, roles: g.roles}
	var r reply
	if inner.fault.replaces() {
		r = inner.fault.reply(inner)
	} else {
		r = s.answerGraph(each)
	}
	inner.entry.Status = r.status
	s.requests.add(*inner.entry)
	return r
}

func (b *batchStep) answer(r reply) batchAnswer {
	a := batchAnswer{ID: b.ID, Status: r.status, Headers: map[string]string{}}
	for name, values := range r.header {
		switch name {
		case "Content-Type", "Retry-After", "Location", "Cache-Control", "Odata-Version":
			a.Headers[name] = values[0]
		default:
			if strings.HasPrefix(name, "X-Ms-") || name == "Request-Id" || name == "Client-Request-Id" {
				a.Headers[name] = values[0]
			}
		}
	}
	switch {
	case len(r.body) == 0:
	case json.Valid(r.body):
		a.Body = r.body
	default:
		a.Body, _ = json.Marshal(string(r.body)) // text always marshals
	}
	return a
}
