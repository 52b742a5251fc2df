package console

import (
	"cmp"
	"context"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"go.uber.org/zap"

	"consentry/internal/domain"
	"consentry/internal/service"
)

// Service is what the pages read and the commands their forms give.
// *service.Service is it.
type Service interface {
	ViewAccounts(ctx context.Context, caller domain.Caller, text string, limit int) ([]domain.Account, bool, error)
	ViewConnectors(ctx context.Context, caller domain.Caller, accountID string) (service.ViewConnectors, error)
	ViewConnector(ctx context.Context, caller domain.Caller, id string) (service.ViewConnectorPage, error)
	ViewMigration(ctx context.Context, caller domain.Caller, id string) (service.ViewMigration, error)
	ViewSync(ctx context.Context, caller domain.Caller, accountID string) (service.ViewSync, error)
	ViewIntegration(ctx context.Context, caller domain.Caller, id string) (service.ViewSyncPage, error)

	BeginConsent(ctx context.Context, caller domain.Caller, migrationID string) (service.ConsentStart, error)
	GiveDecision(ctx context.Context, caller domain.Caller, key, migrationID string, kind domain.DecisionKind, detail domain.DecisionDetail) (domain.Decision, error)
	SynchronizeNow(ctx context.Context, caller domain.Caller, integrationID string) (domain.Integration, error)
}

// Deps are what the console stands on.
type Deps struct {
	Service Service
	// Caller tells who sends a request; a browser without a session is anonymous.
	Caller func(echo.Context) domain.Caller
	// BrowserAuthorities are the sign-in pages that a form may lead to: the
	// browser applies form-action to the redirect after a form, too.
	BrowserAuthorities []string
	Now                func() time.Time
	Log                *zap.Logger
	Public             string // the console's own address, to hand to somebody else
	Product            string // default "Consentry"

	// Addresses of the API that pages use; each has a default.
	SignIn, SignOut, Events string
}

// Pages is the mounted console.
type Pages struct {
	service                 Service
	caller                  func(echo.Context) domain.Caller
	now                     func() time.Time
	log                     *zap.Logger
	product, public, host   string
	signIn, signOut, events string
	policy                  string
	assets                  assets
	templates               map[string]*template.Template
}

// Mount adds the console's pages to e. Addresses that nobody serves get an
// error page, except below /api/.
func Mount(e *echo.Echo, d Deps) (*Pages, error) {
	p := &Pages{
		service: d.Service, caller: d.Caller, now: d.Now, log: d.Log, public: strings.TrimSuffix(d.Public, "/"),
		product: cmp.Or(d.Product, "Consentry"), signIn: cmp.Or(d.SignIn, "/sign-in"), signOut: cmp.Or(d.SignOut, "/sign-out"),
		events: cmp.Or(d.Events, "/api/v1/events"), policy: policy(d.BrowserAuthorities), host: "Microsoft",
	}
	if len(d.BrowserAuthorities) > 0 {
		p.host = hostOf(d.BrowserAuthorities[0])
	}
	if p.log == nil {
		p.log = zap.NewNop()
	}
	var err error
	if p.assets, err = loadAssets(); err != nil {
		return nil, err
	}
	if p.templates, err = loadTemplates(p.assets); err != nil {
		return nil, err
	}
	e.GET(assetPrefix+":name", p.page(p.assets.serve))
	e.GET("/", p.page(func(c echo.Context) error { return c.Redirect(http.StatusSeeOther, "/connectors") }))
	pages := e.Group("", p.guard)
	pages.GET("/connectors", p.getConnectors)
	pages.GET("/connectors/:id", p.getConnector)
	pages.GET("/accounts", p.getAccounts)
	pages.GET("/migrations/:id", p.getMigration)
	pages.POST("/migrations/:id", p.postMigration)
	pages.GET("/directory-sync", p.getSync)
	pages.POST("/directory-sync", p.postSync)
	pages.GET("/directory-sync/:id", p.getIntegration)
	pages.POST("/directory-sync/:id", p.postIntegration)
	e.RouteNotFound("/*", p.notFound)
	return p, nil
}

// policy is the Content-Security-Policy of every page.
func policy(authorities []string) string {
	targets := []string{"'self'"}
	for _, a := range authorities {
		if u, err := url.Parse(a); err == nil && u.Host != "" {
			targets = append(targets, u.Scheme+"://"+u.Host)
		}
	}
	slices.Sort(targets[1:])
	return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action " +
		strings.Join(slices.Compact(targets), " ") + "; frame-ancestors 'none'; base-uri 'none'"
}

// page sets the headers of everything a browser gets from here and turns errors
// into pages.
func (p *Pages) page(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		h.Set("Content-Security-Policy", p.policy)
		h.Set("Referrer-Policy", "same-origin")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		if err := next(c); err != nil {
			return p.Error(c, err)
		}
		return nil
	}
}

// guard lets only signed-in people through; everybody else sees where to sign
// in, at the same address, so that a link keeps its meaning. A form from
// another site is refused before anything is read.
func (p *Pages) guard(next echo.HandlerFunc) echo.HandlerFunc {
	crossOrigin := http.NewCrossOriginProtection()
	return p.page(func(c echo.Context) error {
		if err := crossOrigin.Check(c.Request()); err != nil {
			return domain.Refuse(domain.Forbidden, "cross-origin", "This was sent from another site and not carried out.")
		}
		if p.caller(c).Kind == domain.CallerAnonymous {
			return p.render(c, http.StatusUnauthorized, pageSignIn, p.signInPage(selfOf(c)))
		}
		return next(c)
	})
}

// selfOf is the address to come back to.
func selfOf(c echo.Context) string {
	u := c.Request().URL
	if u.RawQuery == "" {
		return u.Path
	}
	return u.Path + "?" + u.RawQuery
}

func (p *Pages) notFound(c echo.Context) error {
	if strings.HasPrefix(c.Request().URL.Path, "/api/") {
		return echo.ErrNotFound
	}
	return p.page(func(echo.Context) error { return domain.Missing("page") })(c)
}

// Error answers a request of a browser with a page that says what happened. The
// API's redirects for browsers (consent and sign-in) use it too.
func (p *Pages) Error(c echo.Context, err error) error {
	if c.Response().Committed {
		return err
	}
	code := statusOf(err)
	var he *echo.HTTPError
	if code == http.StatusInternalServerError && errors.As(err, &he) {
		code = he.Code
	}
	id := cmp.Or(c.Response().Header().Get(echo.HeaderXRequestID), c.Request().Header.Get(echo.HeaderXRequestID))
	if id == "" {
		id = domain.NewID("req")
		c.Response().Header().Set(echo.HeaderXRequestID, id)
	}
	if code >= http.StatusInternalServerError {
		p.log.Error("a page could not be made", zap.String("path", c.Path()), zap.String("request", id), zap.Error(err))
	}
	return p.render(c, code, pageError, p.errorPage(p.caller(c), code, err, id))
}

// sentence is what a person is told about a refusal.
func sentence(err error) string {
	var refused *domain.Error
	if errors.As(err, &refused) {
		return refused.Message
	}
	return ""
}
