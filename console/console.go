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
	"consentry/internal/logkey"
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
	ViewAccess(ctx context.Context, caller domain.Caller, accountID string) (service.ViewAccess, error)

	Disconnect(ctx context.Context, caller domain.Caller, connectorID string) (service.Disconnected, error)
	BeginReconnect(ctx context.Context, caller domain.Caller, connectorID string) (service.ConsentStart, error)
	BeginConsent(ctx context.Context, caller domain.Caller, migrationID string) (service.ConsentStart, error)
	StartMigration(ctx context.Context, caller domain.Caller, integrationID string) (domain.Migration, error)
	GiveDecision(ctx context.Context, caller domain.Caller, key, migrationID string, kind domain.DecisionKind, detail domain.DecisionDetail) (domain.Decision, error)
	ReplaceLegacySecret(ctx context.Context, caller domain.Caller, key, integrationID string, order service.LegacySecretOrder) (service.LegacySecretReplaced, error)
	SynchronizeNow(ctx context.Context, caller domain.Caller, integrationID string) (domain.Integration, error)
	Invite(ctx context.Context, caller domain.Caller, order service.InvitationOrder) (service.Invited, error)
	WithdrawInvitation(ctx context.Context, caller domain.Caller, id string) (domain.Invitation, error)
	ChangeRole(ctx context.Context, caller domain.Caller, personID, accountID string, role domain.Role) (service.Access, error)
	RevokePerson(ctx context.Context, caller domain.Caller, personID, accountID string) error
	IssueToken(ctx context.Context, caller domain.Caller, order service.TokenOrder) (service.IssuedToken, error)
	WithdrawDeletion(ctx context.Context, caller domain.Caller, accountID string) (domain.AccountDeletion, error)
	RevokeToken(ctx context.Context, caller domain.Caller, id string) (domain.Token, error)
	PassToTemporal(ctx context.Context, caller domain.Caller, returnTo string) (string, error)
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
	// Temporal is where operators' passes to the Temporal UI are spent, on its own
	// host; "": there is no such way.
	Temporal string

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
	policy, temporal        string
	assets                  assets
	templates               map[string]*template.Template
}

// Mount adds the console's pages to e. Who sends a request, and that a form was
// not sent by another site, is seen to before: by the API's middleware.
func Mount(e *echo.Echo, d Deps) (*Pages, error) {
	p := &Pages{
		service: d.Service, caller: d.Caller, now: d.Now, log: d.Log, public: strings.TrimSuffix(d.Public, "/"),
		product: cmp.Or(d.Product, "Consentry"), signIn: cmp.Or(d.SignIn, "/auth/sign-in"), signOut: cmp.Or(d.SignOut, "/auth/sign-out"),
		events: cmp.Or(d.Events, "/events"), policy: policy(d.BrowserAuthorities), temporal: d.Temporal, host: "Microsoft",
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
	// Not a group: its middleware would also answer every address that nobody serves.
	for address, get := range map[string]echo.HandlerFunc{
		"/connectors": p.getConnectors, "/connectors/:id": p.getConnector, "/accounts": p.getAccounts, "/migrations/:id": p.getMigration,
		"/directory-sync": p.getSync, "/directory-sync/:id": p.getIntegration, "/people": p.getPeople, "/operators": p.getOperators, "/temporal": p.getTemporal,
	} {
		e.GET(address, p.guard(get))
	}
	for address, post := range map[string]echo.HandlerFunc{
		"/migrations/:id": p.postMigration, "/connectors/:id": p.postConnector, "/directory-sync": p.postSync, "/directory-sync/:id": p.postIntegration,
		"/people": p.postPeople, "/operators": p.postOperators, "/temporal": p.postTemporal, "/leaving": p.postLeaving,
	} {
		e.POST(address, p.guard(post))
	}
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
// in, at the same address, so that a link keeps its meaning.
func (p *Pages) guard(next echo.HandlerFunc) echo.HandlerFunc {
	return p.page(func(c echo.Context) error {
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

// againOf is where a request that failed can be tried again: its own address, or
// the page its form came from. What a form sent is not sent again by following it.
func againOf(c echo.Context) string {
	r := c.Request()
	if r.Method == http.MethodGet {
		return service.LocalPath(selfOf(c))
	}
	from, err := url.Parse(r.Referer())
	if err != nil || from.Host != r.Host {
		return ""
	}
	return service.LocalPath(from.RequestURI())
}

// Error answers a request of a browser with a page that says what happened.
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
		service.Log(c.Request().Context(), p.log).Error("a page could not be made", zap.String(logkey.Route, c.Path()), zap.Error(err))
	}
	return p.render(c, code, pageError, p.errorPage(p.caller(c), code, err, id, againOf(c)))
}

// Message is a small page of somebody else's, such as the end of a sign-in.
type Message struct {
	Status      int
	Title, Text string
	Code        string // of a refusal
	Correlation string
	Links       []Link
}

// Link is one way on from a message; the first is the one to take.
type Link struct{ Href, Text string }

// Show renders a message in the console's layout.
func (p *Pages) Show(c echo.Context, m Message) error {
	title := m.Title
	if m.Status >= http.StatusBadRequest {
		title = "Error: " + title
	}
	page := errorPage{
		layout:  layout{Product: p.product, Title: title, Self: "/", Person: p.personHead(p.caller(c), "")},
		Heading: m.Title, Words: m.Text, Code: m.Code, ID: m.Correlation, Links: m.Links,
	}
	return p.page(func(c echo.Context) error { return p.render(c, m.Status, pageError, page) })(c)
}

// sentence is what a person is told about a refusal.
func sentence(err error) string {
	if refused, ok := errors.AsType[*domain.Error](err); ok {
		return refused.Message
	}
	return ""
}
