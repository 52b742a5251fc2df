package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"go.uber.org/zap"

	"consentry/internal/domain"
	"consentry/internal/logkey"
	"consentry/internal/service"
)

type contextKey int

const (
	keyRequestID contextKey = iota
	keyCaller
)

var requestIDForm = regexp.MustCompile(`^[A-Za-z0-9_-]{8,64}$`)

// identify gives each request an id, a proxy's if it sent one, and puts it on
// the answer.
func (s *server) identify(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		id := c.Request().Header.Get(echo.HeaderXRequestID)
		if !requestIDForm.MatchString(id) {
			id = domain.NewID("req")
		}
		c.Response().Header().Set(echo.HeaderXRequestID, id)
		ctx := service.WithSource(context.WithValue(c.Request().Context(), keyRequestID, id), c.RealIP())
		ctx = service.LogWith(ctx, zap.String(logkey.Request, id))
		c.SetRequest(c.Request().WithContext(ctx))
		return next(c)
	}
}

// answerWithin is longer than a command waits for its turn in both queues and a
// decision for its being applied.
const answerWithin = time.Minute

// bound ends the waiting of a request for a part that neither answers nor breaks
// off: a database that stands still, a machine that has left the network. Streams
// live on, and an inventory takes as long as it is large.
func (s *server) bound(next echo.HandlerFunc) echo.HandlerFunc {
	within := cmp.Or(s.AnswerWithin, answerWithin)
	return func(c echo.Context) error {
		r := c.Request()
		if r.URL.Path == "/events" || r.URL.Path == inventoryPath {
			return next(c)
		}
		ctx, cancel := context.WithTimeout(r.Context(), within)
		defer cancel()
		c.SetRequest(r.WithContext(ctx))
		return next(c)
	}
}

func requestID(ctx context.Context) string {
	id, _ := ctx.Value(keyRequestID).(string)
	return id
}

func (s *server) log(ctx context.Context) *zap.Logger { return service.Log(ctx, s.Log) }

// logAccess writes one line a request.
func (s *server) logAccess(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		began := s.Service.Now()
		if err := next(c); err != nil {
			c.Error(err)
		}
		route := routeOf(c)
		took := s.Service.Now().Sub(began)
		if s.Observe != nil {
			s.Observe(methodOf(c.Request()), route, c.Response().Status, took)
		}
		fields := []zap.Field{
			zap.String(logkey.Method, c.Request().Method), zap.String(logkey.Route, route),
			zap.Int(logkey.Status, c.Response().Status), zap.Duration(logkey.Took, took), zap.Int64(logkey.Bytes, c.Response().Size),
			zap.String(logkey.Caller, CallerFrom(c.Request().Context()).ID),
		}
		log := s.log(c.Request().Context())
		switch {
		case c.Response().Status >= http.StatusInternalServerError:
			log.Warn("request", fields...)
		case s.needsCaller(c.Request()):
			log.Info("request", fields...)
		default: // probes, assets, and what the Temporal UI's proxy asks about each of its requests
			log.Debug("request", fields...)
		}
		return nil
	}
}

// methodOf keeps made-up methods from becoming names.
func methodOf(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return r.Method
	}
	return "other"
}

// recover keeps a fault of one request from ending the process.
func (s *server) recover(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			cause := recover()
			if cause == nil {
				return
			}
			if asError, ok := cause.(error); ok && errors.Is(asError, http.ErrAbortHandler) {
				err = asError
				return
			}
			s.log(c.Request().Context()).Error("a request panicked", zap.String(logkey.Route, c.Path()), zap.Stack(logkey.Stack))
			err = fmt.Errorf("a handler panicked: %v", cause)
		}()
		return next(c)
	}
}

// headers are what every answer carries. Handlers of assets set a Cache-Control
// of their own.
func (s *server) headers(next echo.HandlerFunc) echo.HandlerFunc {
	// form-action also governs where the answer of a form may lead, so the
	// sign-in hosts have to stand there.
	policy := strings.Join([]string{
		"default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "font-src 'self'", "connect-src 'self'", "manifest-src 'self'",
		strings.Join(append([]string{"form-action 'self'"}, s.FormTargets...), " "), "frame-ancestors 'none'", "base-uri 'none'",
	}, "; ")
	return func(c echo.Context) error {
		h := c.Response().Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("Referrer-Policy", "same-origin")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "private, no-cache")
		if s.secure {
			h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
		}
		if s.door.at(c.Request()) {
			h.Set("Content-Security-Policy", "default-src 'none'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'")
		}
		if forMachines(c.Request()) || s.door.at(c.Request()) {
			h.Set("Cache-Control", "no-store")
		}
		return next(c)
	}
}

// protect refuses writes that another site made the browser send, and bounds
// every body. A browser adds cookies by itself but never a bearer token, and a
// request with one is made by the token alone, so it needs no protection.
func (s *server) protect(next echo.HandlerFunc) echo.HandlerFunc {
	guard := http.NewCrossOriginProtection()
	return func(c echo.Context) error {
		r, check := c.Request(), guard.Check
		switch _, byToken := bearer(r); {
		case byToken: // whoever sent it knows the token
			check = func(*http.Request) error { return nil }
		case s.door.at(r):
			check = s.door.check
		case onCodecPath(r):
			check = func(*http.Request) error { return s.codec.check(c) }
		}
		if err := check(r); err != nil {
			return newProblem(r.Context(), http.StatusForbidden, "cross-origin", "This request was sent by another site and is refused. Nothing has changed; open the page here and try again.")
		}
		if r.Body != nil && r.Body != http.NoBody {
			r.Body = http.MaxBytesReader(c.Response(), r.Body, inventoryBody)
		}
		return next(c)
	}
}
