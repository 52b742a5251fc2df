package console

import (
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"consentry/internal/domain"
)

// temporalPage is the operators' way to the Temporal UI, which has a host of its
// own and believes nobody's session here.
type temporalPage struct {
	layout
	Host string
	// Entry and Pass are the second step: where the pass goes, and its only copy.
	Entry, Pass string
}

func (p *Pages) temporalPage(c echo.Context) (temporalPage, error) {
	caller := p.caller(c)
	entry, err := url.Parse(p.temporal)
	if err != nil || p.temporal == "" || !caller.Operator() {
		return temporalPage{}, domain.Missing("page")
	}
	return temporalPage{
		layout: layout{Product: p.product, Title: "Temporal UI", Self: selfOf(c), Section: pageTemporal, Person: p.personHead(caller, "")},
		Host:   entry.Host,
	}, nil
}

func (p *Pages) getTemporal(c echo.Context) error {
	page, err := p.temporalPage(c)
	if err != nil {
		return err
	}
	return p.render(c, http.StatusOK, pageTemporal, page)
}

// postTemporal makes a pass and has the browser carry it over, in the body of a
// form: in an address it would stay in histories and logs.
func (p *Pages) postTemporal(c echo.Context) error {
	page, err := p.temporalPage(c)
	if err != nil {
		return err
	}
	page.Entry = p.temporal
	if page.Pass, err = p.service.PassToTemporal(c.Request().Context(), p.caller(c), c.QueryParam("return")); err != nil {
		return err
	}
	h := c.Response().Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", policy([]string{p.temporal}))
	// The other side lets in who comes from here, and the policy of the other pages
	// would have the browser send "Origin: null" to another site.
	h.Set("Referrer-Policy", "strict-origin")
	return p.render(c, http.StatusOK, pageTemporal, page)
}
