package server

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"
	"github.com/labstack/echo/v4"

	"consentry/internal/domain"
	"consentry/internal/service"
)

// challenge tells a program how to authenticate (RFC 6750).
const challenge = `Bearer realm="consentry"`

// The cookies. Over https they carry the prefix that keeps other hosts and
// plain connections from setting them.
const (
	sessionCookie = "consentry_session"
	signInCookie  = "consentry_signin"
	consentCookie = "consentry_consent"
	inviteCookie  = "consentry_invitation"
)

func (s *server) cookieName(name string) string {
	if s.secure {
		return "__Host-" + name
	}
	return name
}

func (s *server) cookie(c echo.Context, name string) string {
	ck, err := c.Cookie(s.cookieName(name))
	if err != nil {
		return ""
	}
	return ck.Value
}

// setCookie: Lax, because the way back from Microsoft is a GET from another
// site and must carry it.
func (s *server) setCookie(c echo.Context, name, value string, lifetime time.Duration) {
	age := int(lifetime.Seconds())
	if value == "" {
		age = -1
	}
	c.SetCookie(&http.Cookie{ //nolint:gosec // Secure follows the public address: a laptop has plain http
		Name: s.cookieName(name), Value: value, Path: "/", MaxAge: age,
		HttpOnly: true, Secure: s.secure, SameSite: http.SameSiteLaxMode,
	})
}

// knowCaller puts who asks into the request.
func (s *server) knowCaller(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if !s.needsCaller(c.Request()) {
			return next(c)
		}
		caller, err := s.callerOf(c)
		if err != nil {
			return err
		}
		setCaller(c, caller)
		return next(c)
	}
}

func setCaller(c echo.Context, caller domain.Caller) {
	c.SetRequest(c.Request().WithContext(context.WithValue(c.Request().Context(), keyCaller, caller)))
}

// callerOf gives who is behind a request now: the machine of a bearer token, on
// the API's addresses alone, else the person of the session's cookie. A token
// that opens nothing is refused and never replaced by the cookie: whoever sends
// both means the token.
func (s *server) callerOf(c echo.Context) (domain.Caller, error) {
	ctx := c.Request().Context()
	if value, sent := bearer(c.Request()); sent {
		caller, err := s.Service.CallerOfToken(ctx, value)
		if refusal, ok := errors.AsType[*domain.Error](err); ok && refusal.Code == service.TokenRefused {
			return domain.Anonymous(), newProblem(ctx, http.StatusUnauthorized, refusal.Code, refusal.Message)
		}
		return caller, err
	}
	if cookie := s.cookie(c, sessionCookie); cookie != "" {
		return s.Service.CallerOf(ctx, cookie)
	}
	return domain.Anonymous(), nil
}

// bearer gives the token of a request to the API. Pages take none: a machine has
// no business there.
func bearer(r *http.Request) (value string, sent bool) {
	scheme, value, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || !takesBearer(r) {
		return "", false
	}
	return strings.TrimSpace(value), true
}

func takesBearer(r *http.Request) bool {
	return strings.HasPrefix(r.URL.Path, "/api/") || r.URL.Path == "/events"
}

// needsCaller spares addresses that nobody's identity changes, so that they work
// without the store, and the Temporal UI's host, where the console's cookie means
// nothing.
func (s *server) needsCaller(r *http.Request) bool {
	if s.door.at(r) {
		return false
	}
	for _, p := range []string{"/assets/", "/healthz", "/readyz", "/openapi"} {
		if strings.HasPrefix(r.URL.Path, p) {
			return false
		}
	}
	return true
}

// CallerFrom gives who makes the request: a person or a machine with the grants
// as they are now, or Anonymous.
func CallerFrom(ctx context.Context) domain.Caller {
	if caller, ok := ctx.Value(keyCaller).(domain.Caller); ok {
		return caller
	}
	return domain.Anonymous()
}

// requireCaller refuses whoever is not signed in, before anything of the
// request is looked at.
func (s *server) requireCaller(api huma.API) func(huma.Context, func(huma.Context)) {
	return func(c huma.Context, next func(huma.Context)) {
		ec := humaecho.Unwrap(c)
		if CallerFrom(ec.Request().Context()).Kind == domain.CallerAnonymous {
			c.SetHeader("WWW-Authenticate", challenge)
			_ = huma.WriteErr(api, c, http.StatusUnauthorized, "")
			return
		}
		next(c)
	}
}
