package server

import (
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"
	"go.uber.org/zap"

	"consentry/internal/domain"
)

func (s *server) browserRoutes(e *echo.Echo) {
	e.GET("/auth/sign-in", s.signIn)
	e.GET("/auth/callback", s.signInReturn)
	e.POST("/auth/sign-out", s.signOut)
	e.GET("/auth/signed-out", s.signedOut)
	e.GET("/auth/invitation/:token", s.openInvitation)
	e.GET("/consent/start/:token", s.consentStart)
	e.GET("/consent/again/:session", s.consentAgain)
	e.GET("/consent/callback", s.consentReturn)
}

// SignInPath is where a browser without a session begins; it comes back to the
// local path returnTo.
func SignInPath(returnTo string) string {
	return "/auth/sign-in?" + url.Values{"return": {returnTo}}.Encode()
}

// signIn sends the browser to the console's identity provider.
func (s *server) signIn(c echo.Context) error {
	ctx := c.Request().Context()
	start, err := s.Service.BeginSignIn(ctx, s.cookie(c, signInCookie), c.QueryParam("return"))
	if err != nil {
		return err
	}
	address, err := s.Console.AuthorizeURL(ctx, start.State, start.Nonce, start.Verifier)
	if err != nil {
		return &domain.Error{Kind: domain.Unavailable, Code: "sign-in-unavailable", Message: "The sign-in service does not answer at the moment. Try again in a minute.", Err: err}
	}
	s.setCookie(c, signInCookie, start.Browser, start.Expires.Sub(s.Service.Now()))
	return c.Redirect(http.StatusSeeOther, address)
}

// signInReturn ends the way to the identity provider: only an invited person
// gets a session.
func (s *server) signInReturn(c echo.Context) error {
	ctx := c.Request().Context()
	taken, err := s.Service.TakeSignIn(ctx, c.QueryParam("state"), s.cookie(c, signInCookie))
	if err != nil {
		return s.refuseSignIn(c, err)
	}
	again := []PageLink{{Href: SignInPath(taken.Return), Text: "Sign in"}}
	if c.QueryParam("error") != "" {
		return s.show(c, Page{Status: http.StatusForbidden, Title: "You are not signed in", Text: "The sign-in was not completed. Nothing has changed.", Code: "sign-in-declined", Links: again})
	}
	issuer, subject, err := s.Console.Redeem(ctx, c.QueryParam("code"), taken.Nonce, taken.Verifier)
	if err != nil {
		s.log(ctx).Warn("a console sign-in could not be verified", zap.Error(err))
		return s.show(c, Page{
			Status: http.StatusForbidden, Title: "You are not signed in", Text: "The sign-in could not be verified, or the sign-in service does not answer. Nothing has changed; try again.",
			Code: "sign-in-invalid", Correlation: requestID(ctx), Links: again,
		})
	}
	goOn := taken.Return
	if invitation := s.cookie(c, inviteCookie); invitation != "" {
		s.setCookie(c, inviteCookie, "", 0)
		joined, err := s.Service.Redeem(ctx, issuer, subject, invitation)
		if err != nil {
			return s.refuseInvitation(c, err)
		}
		goOn = joinedPath(joined)
	}
	in, err := s.Service.SignIn(ctx, issuer, subject)
	if err != nil {
		return s.refuseSignIn(c, err)
	}
	if old := s.cookie(c, sessionCookie); old != "" {
		if err := s.Service.SignOut(ctx, in.Caller, old); err != nil {
			return err
		}
	}
	s.setCookie(c, sessionCookie, in.Cookie, in.Expires.Sub(s.Service.Now()))
	s.setCookie(c, signInCookie, "", 0)
	return c.Redirect(http.StatusSeeOther, goOn)
}

// joinedPath is the page of what an invitation was to, which says so and names
// the role.
func joinedPath(accountID string) string {
	if accountID == "" {
		return "/operators?joined=1"
	}
	return "/connectors?" + url.Values{"account": {accountID}, "joined": {"1"}}.Encode()
}

// invitationCookieFor bounds the way from the link to the end of the sign-in.
const invitationCookieFor = 15 * time.Minute

// openInvitation shows what a link offers and keeps it for the sign-in that
// follows. Opening spends nothing: programs that look at links before people do
// must not use them up.
func (s *server) openInvitation(c echo.Context) error {
	i, account, err := s.Service.OpenInvitation(c.Request().Context(), c.Param("token"))
	if err != nil {
		return s.refuseInvitation(c, err)
	}
	s.setCookie(c, inviteCookie, c.Param("token"), invitationCookieFor)
	whose := "the vendor's operations"
	if account != "" {
		whose = "the account " + account
	}
	return s.show(c, Page{
		Status: http.StatusOK, Title: "You are invited",
		Text:  fmt.Sprintf("Somebody invited you, as %s, to %s with the role %q. Sign in to accept; the invitation is then yours and the link is used up.", i.Name, whose, i.Role),
		Links: []PageLink{{Href: SignInPath("/"), Text: "Sign in and accept"}},
	})
}

func (s *server) refuseSignIn(c echo.Context, err error) error {
	p := s.problem(c.Request().Context(), err)
	return s.show(c, Page{Status: p.Status, Title: "You are not signed in", Text: p.Detail, Code: p.Code, Correlation: p.CorrelationID, Links: []PageLink{{Href: SignInPath("/"), Text: "Sign in"}}})
}

// refuseInvitation says nothing of the session, which a link does not change.
func (s *server) refuseInvitation(c echo.Context, err error) error {
	p := s.problem(c.Request().Context(), err)
	on := PageLink{Href: SignInPath("/"), Text: "Sign in"}
	if CallerFrom(c.Request().Context()).Kind != domain.CallerAnonymous {
		on = PageLink{Href: "/", Text: "To the start page"}
	}
	return s.show(c, Page{Status: p.Status, Title: "This invitation was not accepted", Text: p.Detail, Code: p.Code, Correlation: p.CorrelationID, Links: []PageLink{on}})
}

// signOut ends the session here; the identity provider's own goes on.
func (s *server) signOut(c echo.Context) error {
	ctx := c.Request().Context()
	if cookie := s.cookie(c, sessionCookie); cookie != "" {
		if err := s.Service.SignOut(ctx, CallerFrom(ctx), cookie); err != nil {
			return err
		}
	}
	s.setCookie(c, sessionCookie, "", 0)
	return c.Redirect(http.StatusSeeOther, "/auth/signed-out")
}

func (s *server) signedOut(c echo.Context) error {
	return s.show(c, Page{Status: http.StatusOK, Title: "You are signed out", Text: "This browser no longer has a session here.", Links: []PageLink{{Href: SignInPath("/"), Text: "Sign in"}}})
}

// consentCookieFor outlives the session it binds, so that a late callback is
// recognised as ours and refused with the right words.
const consentCookieFor = 24 * time.Hour
