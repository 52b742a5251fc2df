package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"
	"github.com/labstack/echo/v4"
	"go.uber.org/zap"

	"consentry/internal/domain"
	"consentry/internal/service"
)

// Problem is the one shape of every refusal and fault (RFC 9457).
type Problem struct {
	Type          string         `json:"type" format:"uri" doc:"Names the kind of problem; stable." example:"urn:consentry:problem:role-needed"`
	Title         string         `json:"title" doc:"The status in words."`
	Status        int            `json:"status"`
	Detail        string         `json:"detail" doc:"What happened and what to do, for a person."`
	Code          string         `json:"code" doc:"Stable code of the refusal, for programs."`
	Field         string         `json:"field,omitempty" doc:"The field that broke a rule."`
	Errors        []FieldProblem `json:"errors,omitempty" doc:"Every field that broke a rule."`
	CorrelationID string         `json:"correlationId" doc:"Say this when you ask us about it."`
}

// FieldProblem is one field that broke a rule.
type FieldProblem struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

// Error implements error.
func (p *Problem) Error() string { return p.Detail }

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders implements huma.HeadersError.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{}
	if p.Status == http.StatusServiceUnavailable {
		h.Set("Retry-After", "5")
	}
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", challenge)
		if p.Code == service.TokenRefused {
			h.Set("WWW-Authenticate", challenge+`, error="invalid_token"`)
		}
	}
	return h
}

// ContentType implements huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return problemType }

const problemType = "application/problem+json"

// statusOf is the one place where kinds of refusal become HTTP: 422 for what
// makes no sense, with every field that does not, 409 for what makes sense and is
// refused as things stand.
var statusOf = map[domain.Kind]int{
	domain.NotFound:    http.StatusNotFound,
	domain.Invalid:     http.StatusUnprocessableEntity,
	domain.Conflict:    http.StatusConflict,
	domain.Forbidden:   http.StatusForbidden,
	domain.Unavailable: http.StatusServiceUnavailable,
	domain.Gone:        http.StatusGone,
}

func newProblem(ctx context.Context, status int, code, detail string) *Problem {
	return &Problem{Type: "urn:consentry:problem:" + code, Title: http.StatusText(status), Status: status, Detail: detail, Code: code, CorrelationID: requestID(ctx)}
}

// problem turns an error of a command or read into an answer. What is no
// domain.Error is a fault of ours: it is logged, and the answer tells only its
// correlation id.
func (s *server) problem(ctx context.Context, err error) *Problem {
	if known, ok := errors.AsType[*Problem](err); ok {
		return known
	}
	if refusal, ok := errors.AsType[*domain.Error](err); ok && statusOf[refusal.Kind] != 0 {
		p := newProblem(ctx, statusOf[refusal.Kind], refusal.Code, refusal.Message)
		p.tellFields(refusal)
		if refusal.Kind == domain.Unavailable {
			s.log(ctx).Warn("a part did not answer", zap.Error(err))
		}
		return p
	}
	if ctx.Err() != nil {
		return newProblem(ctx, http.StatusServiceUnavailable, "cancelled", "The request ended before its answer was ready. Ask again.")
	}
	s.log(ctx).Error("a request met a fault", zap.Error(err))
	return newProblem(ctx, http.StatusInternalServerError, "fault", "Something of ours failed. What you asked for may or may not have happened; look at it again before you repeat it, and tell us the correlation id.")
}

// tellFields names the fields of a refusal, and says when there are several.
func (p *Problem) tellFields(refusal *domain.Error) {
	p.Field = refusal.Field
	for _, b := range refusal.Breaches {
		p.Errors = append(p.Errors, FieldProblem(b))
	}
	switch n := len(p.Errors); {
	case n > 1:
		p.Detail = fmt.Sprintf("%d fields make no sense, and nothing was changed. The first is %s: %s.", n, refusal.Field, refusal.Message)
	case refusal.Field != "":
		p.Errors = []FieldProblem{{Field: refusal.Field, Message: refusal.Message}}
	}
}

// codes of refusals that come from HTTP itself.
var codeOf = map[int]string{
	http.StatusBadRequest:            "malformed",
	http.StatusUnauthorized:          "sign-in-needed",
	http.StatusForbidden:             "forbidden",
	http.StatusNotFound:              "not-found",
	http.StatusMethodNotAllowed:      "method-not-allowed",
	http.StatusNotAcceptable:         "not-acceptable",
	http.StatusRequestTimeout:        "too-slow",
	http.StatusRequestEntityTooLarge: "too-large",
	http.StatusUnsupportedMediaType:  "unsupported-media-type",
	http.StatusUnprocessableEntity:   "invalid",
}

var sentenceOf = map[int]string{
	http.StatusBadRequest:            "The request is malformed: %s",
	http.StatusUnauthorized:          "You are not signed in. Sign in at /auth/sign-in, or send a bearer token, and ask again.",
	http.StatusForbidden:             "This is not allowed from here.",
	http.StatusNotFound:              "There is nothing at this address.",
	http.StatusMethodNotAllowed:      "This address does not take that method.",
	http.StatusNotAcceptable:         "We answer in JSON only.",
	http.StatusRequestTimeout:        "The body came too slowly. Send it again.",
	http.StatusRequestEntityTooLarge: "The body is larger than this address takes.",
	http.StatusUnsupportedMediaType:  "The body must be JSON (Content-Type: application/json).",
	http.StatusUnprocessableEntity:   "A field breaks a rule: %s",
}

// httpProblem words a refusal of HTTP or of the schema. Values that were sent
// are not repeated: they may be secrets.
func httpProblem(ctx context.Context, status int, errs ...error) *Problem {
	code, sentence := codeOf[status], sentenceOf[status]
	if code == "" {
		code, sentence = "fault", "Something of ours failed. Tell us the correlation id."
	}
	p := newProblem(ctx, status, code, sentence)
	for _, err := range errs {
		if f, ok := fieldOf(err); ok {
			p.Errors = append(p.Errors, f)
		}
	}
	reason := "look at the documentation at /openapi.json."
	if len(p.Errors) > 0 {
		p.Field = p.Errors[0].Field
		reason = fmt.Sprintf("%s: %s.", p.Errors[0].Field, p.Errors[0].Message)
	}
	if strings.Contains(sentence, "%s") {
		p.Detail = fmt.Sprintf(sentence, reason)
	}
	return p
}

// useProblems makes the framework's own refusals (schema, body, media type) use
// the same shape. The framework keeps this in package variables.
var useProblems = sync.OnceFunc(func() {
	useWords()
	huma.NewError = func(status int, _ string, errs ...error) huma.StatusError {
		return httpProblem(context.Background(), status, errs...) //nolint:forbidigo // the framework gives no context here
	}
	huma.NewErrorWithContext = func(c huma.Context, status int, _ string, errs ...error) huma.StatusError {
		return httpProblem(humaecho.Unwrap(c).Request().Context(), status, errs...)
	}
})

// answerError ends a request that no handler answered: unknown addresses, and
// what browser routes and middleware returned.
func (s *server) answerError(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	ctx := c.Request().Context()
	var p *Problem
	if he, ok := errors.AsType[*echo.HTTPError](err); ok {
		p = httpProblem(ctx, he.Code)
	} else {
		p = s.problem(ctx, err)
	}
	if forMachines(c.Request()) {
		err = s.writeProblem(c, p)
	} else {
		page := Page{Status: p.Status, Title: p.Title, Text: p.Detail, Correlation: p.CorrelationID}
		if p.Status == http.StatusServiceUnavailable && c.Request().Method == http.MethodGet {
			page.Links = []PageLink{{Href: service.LocalPath(c.Request().URL.RequestURI()), Text: "Try again"}}
		}
		err = s.show(c, page)
	}
	if err != nil {
		s.log(ctx).Warn("an answer could not be written", zap.Error(err))
	}
}

func (s *server) writeProblem(c echo.Context, p *Problem) error {
	maps.Copy(c.Response().Header(), p.GetHeaders())
	c.Response().Header().Set(echo.HeaderContentType, problemType)
	c.Response().WriteHeader(p.Status)
	return json.NewEncoder(c.Response()).Encode(p)
}

// forMachines tells the API's addresses from those of pages.
func forMachines(r *http.Request) bool {
	for _, p := range []string{"/api/", "/events", "/openapi", "/healthz", "/readyz", codecPrefix, TemporalCheck, TemporalCodec} {
		if strings.HasPrefix(r.URL.Path, p) {
			return true
		}
	}
	return false
}
