package entra

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// answers reads every answer that is no success and returns it as an *Error. It stands below MSAL, x/oauth2,
// go-oidc and the Graph SDK, so that all of them fail alike. A round tripper should not interpret answers; here
// that is the purpose, because nothing above this one would do it without losing status, headers or its balance.
type answers struct{ base http.RoundTripper }

// maxErrorBody is far more than Microsoft sends; an intermediary may send anything.
const maxErrorBody = 64 << 10

// correlationHeader names a request by an id of our own, which Microsoft keeps and returns. It is all there is to
// name a request that was never answered.
const correlationHeader = "client-request-id"

func (a *answers) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Header.Get(correlationHeader) == "" { // MSAL and the Graph SDK send one, the OIDC libraries do not
		request = request.Clone(request.Context())
		request.Header.Set(correlationHeader, uuid.NewString())
	}
	response, err := a.base.RoundTrip(request)
	trailOf(request.Context()).exchanged(request, response)
	if err != nil {
		return nil, err
	}
	success := response.StatusCode >= 200 && response.StatusCode < 300
	if success && (response.StatusCode == http.StatusNoContent || isJSON(response)) {
		response.Body = &body{ReadCloser: response.Body, request: request, response: response, left: maxAnswer}
		return response, nil
	}
	defer response.Body.Close()
	// A body cut short is still worth classifying by its status.
	text, _ := io.ReadAll(io.LimitReader(response.Body, maxErrorBody))
	if success {
		return nil, &Error{
			Kind: Unavailable, HTTPStatus: response.StatusCode, RequestID: requestID(response), CorrelationID: identifier(request.Header.Get(correlationHeader)),
			err: fmt.Errorf("%s answered with something that is not JSON; a proxy may stand between us and Microsoft", request.URL.Host),
		}
	}
	return nil, read(request, response, text)
}

func isJSON(response *http.Response) bool {
	media, _, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	return err == nil && (strings.HasSuffix(media, "/json") || strings.HasSuffix(media, "+json"))
}

// read makes an *Error of an answer. The body may be the token service's error, Graph's, an empty object, a web
// page, or nothing.
func read(request *http.Request, response *http.Response, body []byte) *Error {
	e := &Error{HTTPStatus: response.StatusCode, RequestID: requestID(response), RetryAfter: retryAfter(response)}
	fields := parse(body)
	switch {
	case fields.graphCode != "" || fields.graph:
		e.Code = fields.graphCode
		e.Kind = graphKind(request, response.StatusCode, fields)
	case fields.oauth != "":
		e.Code = fields.oauth
		if fields.aadsts != "" {
			e.Code = "AADSTS" + fields.aadsts
		}
		e.Kind = tokenKind(response.StatusCode, fields)
	default:
		e.Kind = statusKind(response.StatusCode)
		if request.Header.Get("Authorization") == "" && e.Kind == TokenRejected {
			e.Kind = Unexpected // no token of ours was there to be rejected
		}
	}
	if fields.requestID != "" {
		e.RequestID = fields.requestID
	}
	e.CorrelationID = fields.correlationID
	if e.CorrelationID == "" {
		e.CorrelationID = identifier(response.Header.Get(correlationHeader))
	}
	if e.CorrelationID == "" {
		e.CorrelationID = identifier(request.Header.Get(correlationHeader))
	}
	return e
}

type errorFields struct {
	oauth, aadsts            string
	graph                    bool
	graphCode                string
	innerCode                string
	message                  string
	requestID, correlationID string
}

var (
	aadstsCode = regexp.MustCompile(`AADSTS(\d{4,9})`)
	codeForm   = regexp.MustCompile(`^[A-Za-z0-9_.]{1,80}$`)
	idForm     = regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)
)

func parse(body []byte) errorFields {
	var document map[string]json.RawMessage
	if json.Unmarshal(bytes.TrimSpace(body), &document) != nil {
		return errorFields{}
	}
	var fields errorFields
	if graph := object(document["error"]); graph != nil {
		fields.graph = true
		fields.graphCode = matching(codeForm, text(graph["code"]))
		fields.message = text(graph["message"])
		// The spelling varies between services.
		inner := object(graph["innerError"])
		if inner == nil {
			inner = object(graph["innererror"])
		}
		fields.innerCode = matching(codeForm, text(inner["code"]))
		fields.requestID = identifier(text(inner["request-id"]))
		fields.correlationID = identifier(text(inner["client-request-id"]))
		return fields
	}
	fields.oauth = matching(codeForm, text(document["error"]))
	fields.requestID = identifier(text(document["trace_id"]))
	fields.correlationID = identifier(text(document["correlation_id"]))
	var codes []json.Number
	if json.Unmarshal(document["error_codes"], &codes) == nil && len(codes) > 0 {
		fields.aadsts = matching(codeForm, codes[0].String())
	} else if m := aadstsCode.FindStringSubmatch(text(document["error_description"])); m != nil {
		fields.aadsts = m[1]
	}
	return fields
}

func object(raw json.RawMessage) map[string]json.RawMessage {
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil {
		return nil
	}
	return fields
}

func text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// What is repeated to people has the form it should have, or is dropped.
func matching(form *regexp.Regexp, s string) string {
	if form.MatchString(s) {
		return s
	}
	return ""
}

func identifier(s string) string { return matching(idForm, s) }

func requestID(response *http.Response) string {
	for _, name := range []string{"request-id", "x-ms-request-id"} {
		if id := identifier(response.Header.Get(name)); id != "" {
			return id
		}
	}
	return ""
}

// retryAfter reads seconds, or a date relative to the answer's own Date, so that our clock does not matter.
func retryAfter(response *http.Response) time.Duration {
	value := strings.TrimSpace(response.Header.Get("Retry-After"))
	if seconds, err := strconv.ParseFloat(value, 64); err == nil {
		if seconds > 0 && seconds < 1e6 {
			return time.Duration(seconds * float64(time.Second))
		}
		return 0
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	sent, err := http.ParseTime(response.Header.Get("Date"))
	if err != nil {
		return 0
	}
	return max(at.Sub(sent), 0)
}

func statusKind(status int) Kind {
	switch status {
	case http.StatusTooManyRequests:
		return Throttled
	case http.StatusGone:
		return DeltaExpired
	case http.StatusUnauthorized:
		return TokenRejected
	case http.StatusNotImplemented:
		return Unexpected
	case http.StatusRequestTimeout:
		return Unavailable
	}
	if status >= 500 {
		return Unavailable
	}
	return Unexpected
}
