package server

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"consentry/internal/domain"
	"consentry/internal/service"
)

// The addresses of ours on the Temporal UI's own host. Everything else there is
// the UI's, and the proxy asks at TemporalCheck before it passes a request on.
const (
	TemporalPrefix = "/consentry-ui"
	TemporalCheck  = TemporalPrefix + "/check"
	TemporalEnter  = TemporalPrefix + "/enter"
	TemporalCodec  = TemporalPrefix + "/codec"
)

// TemporalPage is the page of the console from which operators enter.
const TemporalPage = "/temporal"

// TemporalCookie is the visit's, over https behind the prefix of all our cookies.
// It opens nothing of the console, as the console's cookie opens nothing there.
const TemporalCookie = "consentry_temporal"

// passBody bounds what may come with a pass.
const passBody = 4 << 10

// temporalDoor is the host on which a proxy shows the Temporal UI to whoever this
// process lets in. The UI asks nobody who he is, and its code is not ours: so it
// has a host, and a cookie, of its own. The zero door does not exist.
type temporalDoor struct {
	host    string // as a browser sends it; "" = there is no such door
	name    string // the same without a port
	console string // origin of the console, which alone sends people in
	own     *http.CrossOriginProtection
}

func newTemporalDoor(door, console *url.URL) *temporalDoor {
	d := &temporalDoor{own: http.NewCrossOriginProtection(), console: console.Scheme + "://" + hostOf(console)}
	if door != nil {
		d.host, d.name = hostOf(door), door.Hostname()
	}
	return d
}

// hostOf is the host of an address as browsers write it.
func hostOf(u *url.URL) string {
	usual := map[string]string{"https": ":443", "http": ":80"}
	return strings.TrimSuffix(strings.ToLower(u.Host), usual[u.Scheme])
}

// at tells whether a request came to the door's host. oneSpelling has run.
func (d *temporalDoor) at(r *http.Request) bool { return d.host != "" && r.Host == d.host }

// oneSpelling makes every spelling of the door's host the one that routes know:
// under another, its requests would meet the console's routes.
func (d *temporalDoor) oneSpelling(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if name := (&url.URL{Host: r.Host}).Hostname(); strings.EqualFold(strings.TrimSuffix(name, "."), d.name) {
			r.Host = d.host
		}
		return next(c)
	}
}

// check is the door's cross-origin rule: a pass comes from the console's page and
// from nowhere else, everything else from the UI itself.
func (d *temporalDoor) check(r *http.Request) error {
	if r.URL.Path != TemporalEnter {
		return d.own.Check(r)
	}
	if r.Header.Get("Origin") != d.console {
		return errors.New("the pass does not come from the console")
	}
	return nil
}

// doorRoutes serves the door's host. Echo looks there for nothing else, so that
// no address of the console or the API exists on it.
func (s *server) doorRoutes(e *echo.Echo) {
	if s.door.host == "" {
		return
	}
	e.Pre(s.door.oneSpelling)
	g := e.Host(s.door.host)
	g.GET(TemporalCheck, s.visitor(s.checkVisitor))
	g.POST(TemporalEnter, s.enterTemporal)
	if s.Payloads != nil {
		g.POST(TemporalCodec+"/decode", s.visitor(s.decodePayloads))
		g.POST(TemporalCodec+"/encode", s.visitor(s.refuseEncoding))
	}
}

// visitor puts who visits into the request; nobody else's cookie or token counts
// at the door.
func (s *server) visitor(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		caller := domain.Anonymous()
		if cookie := s.cookie(c, TemporalCookie); cookie != "" {
			var err error
			if caller, err = s.Service.TemporalCaller(c.Request().Context(), cookie); err != nil {
				return err
			}
		}
		setCaller(c, caller)
		return next(c)
	}
}

// checkVisitor answers the proxy, which asks with the headers of a request to the
// UI, whether to pass it on. Whoever has no visit is shown the way in.
func (s *server) checkVisitor(c echo.Context) error {
	r := c.Request()
	switch known := CallerFrom(r.Context()).Kind != domain.CallerAnonymous; {
	case !known && wantsPage(r):
		return c.Redirect(http.StatusSeeOther, s.wayIn(r.Header.Get("X-Forwarded-Uri")))
	case !known:
		return unauthorized(r.Context())
	case !fromTheUI(r):
		return newProblem(r.Context(), http.StatusForbidden, "cross-origin", "This request was sent by another site and is refused.")
	}
	return c.NoContent(http.StatusNoContent)
}

// wayIn is the console's page, which leads back to a path of the UI.
func (s *server) wayIn(back string) string {
	page := s.door.console + TemporalPage
	if back = service.LocalPath(back); back != "/" {
		page += "?" + url.Values{"return": {back}}.Encode()
	}
	return page
}

// wantsPage tells a person's browser that opens an address from what a page asks
// by itself. The proxy asks with GET and says what the request was.
func wantsPage(r *http.Request) bool {
	method := r.Header.Get("X-Forwarded-Method")
	return (method == "" || method == http.MethodGet) && strings.Contains(r.Header.Get("Accept"), "text/html")
}

// fromTheUI refuses what another site has the browser ask for, but for opening a
// page: that carries the cookie, too, and the console itself does it.
func fromTheUI(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "cross-site", "same-site":
		return wantsPage(r) && r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
	}
	return true
}

// enterTemporal spends the pass that the console's page sent, in the body alone:
// an address is kept in places that we do not know.
func (s *server) enterTemporal(c echo.Context) error {
	r := c.Request()
	if r.Body != nil {
		r.Body = http.MaxBytesReader(c.Response(), r.Body, passBody)
	}
	in, err := s.Service.EnterTemporal(r.Context(), r.PostFormValue("pass"))
	if err != nil {
		p := s.problem(r.Context(), err)
		return s.show(c, Page{
			Status: p.Status, Title: "The Temporal UI is not open", Text: p.Detail, Code: p.Code, Correlation: p.CorrelationID,
			Links: []PageLink{{Href: s.wayIn(""), Text: "To the console"}},
		})
	}
	setCaller(c, in.Caller)
	s.setCookie(c, TemporalCookie, in.Cookie, in.Expires.Sub(s.Service.Now()))
	return c.Redirect(http.StatusSeeOther, in.Return)
}
