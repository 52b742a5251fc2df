package server

import (
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"consentry/internal/consent"
	"consentry/internal/domain"
	"consentry/internal/service"
)

// consentStart takes the one-use address of a consent session and sends the
// browser to Microsoft. No login here is needed: the administrator of the tenant
// need not be a person of ours.
func (s *server) consentStart(c echo.Context) error {
	ctx := c.Request().Context()
	step, err := s.Consent.Open(ctx, CallerFrom(ctx), c.Param("token"), s.cookie(c, consentCookie))
	return s.sendOn(c, step, err)
}

// consentAgain starts the leg that the browser's session still has to do.
func (s *server) consentAgain(c echo.Context) error {
	ctx := c.Request().Context()
	step, err := s.Consent.Again(ctx, CallerFrom(ctx), c.Param("session"), s.cookie(c, consentCookie), c.QueryParam("fresh") != "")
	return s.sendOn(c, step, err)
}

func (s *server) sendOn(c echo.Context, step service.ConsentStep, err error) error {
	if step.Browser != "" {
		s.setCookie(c, consentCookie, step.Browser, consentCookieFor)
	}
	if err == nil {
		return c.Redirect(http.StatusSeeOther, step.Redirect)
	}
	p := s.problem(c.Request().Context(), err)
	page := Page{Status: p.Status, Title: "The consent did not begin", Text: p.Detail, Code: p.Code, Correlation: p.CorrelationID}
	if step.SessionID != "" { // bound already, only Microsoft did not answer
		page.Links = []PageLink{{Href: "/consent/again/" + step.SessionID, Text: "Try again"}}
	}
	page.Links = append(page.Links, beganAt(step, CallerFrom(c.Request().Context()))...)
	return s.show(c, page)
}

// consentReturn takes what Microsoft sent the browser back with, for the admin
// consent and for the sign-in.
func (s *server) consentReturn(c echo.Context) error {
	ctx := c.Request().Context()
	caller := CallerFrom(ctx)
	step, err := s.Consent.Return(ctx, caller, c.QueryParams(), s.cookie(c, consentCookie))
	switch {
	case step.Redirect != "":
		return c.Redirect(http.StatusSeeOther, step.Redirect)
	case err != nil:
		return s.sendOn(c, step, err)
	case step.SessionID == "": // refused, and what it says is to be read before one goes back
		page := consentPage(step, requestID(ctx))
		page.Links = append(page.Links, beganAt(step, caller)...)
		return s.show(c, page)
	case step.MigrationID != "" && caller.Sees(step.AccountID):
		return c.Redirect(http.StatusSeeOther, "/migrations/"+url.PathEscape(step.MigrationID))
	case step.ConnectorID != "" && caller.Sees(step.AccountID):
		return c.Redirect(http.StatusSeeOther, "/connectors/"+url.PathEscape(step.ConnectorID))
	}
	return s.show(c, consentPage(step, requestID(ctx)))
}

// beganAt is the page that a consent was begun from, for whoever may see it.
func beganAt(step service.ConsentStep, caller domain.Caller) []PageLink {
	switch {
	case !caller.Sees(step.AccountID):
	case step.MigrationID != "":
		return []PageLink{{Href: "/migrations/" + url.PathEscape(step.MigrationID), Text: "To the page of the migration"}}
	case step.ConnectorID != "":
		return []PageLink{{Href: "/connectors/" + url.PathEscape(step.ConnectorID), Text: "To the page of the connector"}}
	}
	return nil
}

// consentPage tells how the consent stands to somebody who has no login here.
func consentPage(step service.ConsentStep, correlation string) Page {
	if step.Verified {
		return Page{Status: http.StatusOK, Title: "Thank you, the consent is given", Text: "We check it now and go on by ourselves. You can close this page."}
	}
	p := Page{Status: http.StatusForbidden, Title: "The consent was not given", Text: step.Refusal.Sentence, Code: step.Refusal.Code, Correlation: correlation}
	if step.SessionID == "" {
		p.Status, p.Title = http.StatusBadRequest, "This answer was refused"
	}
	if step.Again {
		again := "/consent/again/" + url.PathEscape(step.SessionID)
		p.Links = []PageLink{{Href: again, Text: "Sign in with another account"}}
		if step.Refusal.Prompt == consent.PromptLogin {
			p.Links = append(p.Links, PageLink{Href: again + "?fresh=1", Text: "I have activated the role: sign in again"})
		}
	}
	return p
}
