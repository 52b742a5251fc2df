package server

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"consentry/internal/domain"
)

// Payloads opens what the workflow engine holds encrypted.
type Payloads interface {
	// DecodeJSON opens payloads of a namespace, in the JSON of Temporal's codec servers.
	DecodeJSON(ctx context.Context, namespace string, body []byte) ([]byte, error)
}

const (
	codecPrefix = "/codec/"
	// codecBody bounds one page of a history; Temporal's answers are smaller.
	codecBody = 8 << 20
	// codecNoted is how often the reading of one person is written down. Temporal's UI asks many times a page, so every
	// request would bury the rest of the audit trail and add nothing: the histories themselves say what is in them.
	codecNoted = 15 * time.Minute
)

// codecDoor is the endpoint at which the Temporal UI, in an operator's browser, has payloads opened. It is the one
// place where a request of another site carries the session, so it lets in exactly one origin and changes nothing.
type codecDoor struct {
	origin string // the Temporal UI's, "" = none
	guard  *http.CrossOriginProtection

	mu    sync.Mutex
	noted map[string]reading // by caller
}

type reading struct {
	at  time.Time
	err error
}

func newCodecDoor(ui *url.URL) *codecDoor {
	d := &codecDoor{guard: http.NewCrossOriginProtection(), noted: map[string]reading{}}
	if ui != nil && ui.Host != "" {
		origin := ui.Scheme + "://" + ui.Host
		if d.guard.AddTrustedOrigin(origin) == nil {
			d.origin = origin
		}
	}
	return d
}

// check is the endpoint's cross-origin rule. The headers stand on refusals too: without them the UI cannot read what
// it is told.
func (d *codecDoor) check(c echo.Context) error {
	r, h := c.Request(), c.Response().Header()
	h.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if origin != "" && origin != d.origin {
		return errors.New("the request comes from an origin that is not the Temporal UI's")
	}
	if origin != "" {
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	return d.guard.Check(r)
}

func (s *server) codecRoutes(e *echo.Echo) {
	if s.Payloads == nil {
		return
	}
	e.POST(codecPrefix+"decode", s.decodePayloads)
	e.POST(codecPrefix+"encode", s.refuseEncoding)
	e.OPTIONS(codecPrefix+"decode", s.codecPreflight)
	e.OPTIONS(codecPrefix+"encode", s.codecPreflight)
}

// codecPreflight answers what a browser asks before the UI's request.
func (s *server) codecPreflight(c echo.Context) error {
	h := c.Response().Header()
	if h.Get("Access-Control-Allow-Origin") != "" {
		h.Set("Access-Control-Allow-Methods", http.MethodPost)
		h.Set("Access-Control-Allow-Headers", "Content-Type, X-Namespace")
		h.Set("Access-Control-Max-Age", "600")
	}
	return c.NoContent(http.StatusNoContent)
}

// decodePayloads opens payloads for an operator.
func (s *server) decodePayloads(c echo.Context) error {
	ctx := c.Request().Context()
	if err := s.mayRead(ctx); err != nil {
		return err
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Response(), c.Request().Body, codecBody))
	if err != nil {
		return newProblem(ctx, http.StatusRequestEntityTooLarge, "too-large", "The request is too large or ended early. Ask for fewer payloads at a time.")
	}
	opened, err := s.Payloads.DecodeJSON(ctx, c.Request().Header.Get("X-Namespace"), body)
	if err != nil {
		return err
	}
	return c.Blob(http.StatusOK, echo.MIMEApplicationJSON, opened)
}

// refuseEncoding: whoever could have payloads encrypted could send a workflow what the API would check and audit. The
// UI asks for it only to write, and its write actions are off.
func (s *server) refuseEncoding(c echo.Context) error {
	ctx := c.Request().Context()
	if CallerFrom(ctx).Kind == domain.CallerAnonymous {
		return unauthorized(ctx)
	}
	return newProblem(ctx, http.StatusForbidden, "encoding-refused", "Nothing is encrypted for others. Decisions are made in the console or through the API, which checks and records them.")
}

// mayRead lets operators in, and has it written down now and then.
func (s *server) mayRead(ctx context.Context) error {
	caller := CallerFrom(ctx)
	if caller.Kind == domain.CallerAnonymous {
		return unauthorized(ctx)
	}
	who, now := string(caller.Kind)+"/"+caller.ID, s.Service.Now()
	s.codec.mu.Lock()
	last, noted := s.codec.noted[who]
	s.codec.mu.Unlock()
	if noted && now.Sub(last.at) < codecNoted && (last.err == nil) == caller.Operator() {
		return last.err
	}
	err := s.Service.NotePayloadReading(ctx, caller)
	if err != nil && domain.KindOf(err) != domain.Forbidden {
		return err
	}
	s.codec.mu.Lock()
	defer s.codec.mu.Unlock()
	for other, r := range s.codec.noted { // what no longer counts is not kept
		if now.Sub(r.at) >= codecNoted {
			delete(s.codec.noted, other)
		}
	}
	s.codec.noted[who] = reading{at: now, err: err}
	return err
}

func unauthorized(ctx context.Context) error {
	return newProblem(ctx, http.StatusUnauthorized, "sign-in-needed", "Sign in to the console as an operator in this browser, then try again.")
}

func onCodecPath(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, codecPrefix) }
