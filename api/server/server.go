// Package server is Consentry's HTTP face for machines and for browsers on
// their way: the API under /api/v1 with its OpenAPI document, the change feed
// and live events, health, the console's sign-in, and the callback of the
// consent at Microsoft. The console's pages are mounted beside it on the same
// Echo and use the same callers.
//
// Nothing is decided here: every route asks the service, which knows who may
// see and do what. This package turns requests into commands and reads, and
// refusals into answers that a person can act on (RFC 9457).
package server

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"
	"github.com/labstack/echo/v4"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"

	"consentry/internal/health"
	"consentry/internal/service"
)

// ConsoleDoor is the way of a browser to the console's identity provider and
// back. It has nothing to do with the consent of a tenant.
type ConsoleDoor interface {
	// AuthorizeURL is where a person signs in (code + PKCE, response_mode=query).
	AuthorizeURL(ctx context.Context, state, nonce, verifier string) (string, error)
	// Redeem exchanges the code and verifies the id token. For Entra issuers
	// subject is tenant id + "/" + object id.
	Redeem(ctx context.Context, code, nonce, verifier string) (issuer, subject string, err error)
}

// Deps are what the server stands on.
type Deps struct {
	Service *service.Service
	Consent *service.ConsentFlow
	Console ConsoleDoor
	// PublicURL is how browsers reach us; https makes every cookie Secure.
	PublicURL *url.URL
	// FormTargets are the origins a form may lead to: the sign-in hosts of the
	// clouds in use.
	FormTargets []string
	Health      *health.Monitor
	// Payloads opens what Temporal holds, for the operators' Temporal UI at
	// TemporalUI; nil: there is no such endpoint.
	Payloads   Payloads
	TemporalUI *url.URL
	// TemporalDoor is the Temporal UI's own host, on which a proxy asks us whom to
	// let in (docs/decisions/temporal-ui-door.md); nil: there is none.
	TemporalDoor *url.URL
	// Observe is told of every answered request; nil: nobody is.
	Observe func(method, route string, status int, took time.Duration)
	// TrustedProxies are the networks whose word on the client's address is taken
	// (X-Forwarded-For); none: the address of the connection counts.
	TrustedProxies []*net.IPNet
	// AnswerWithin bounds how long a request may wait for the parts behind it;
	// zero: a minute.
	AnswerWithin time.Duration
	// Stopping is closed when the process begins to stop: event streams end, so
	// that they do not hold the shutdown up.
	Stopping <-chan struct{}
	// ShowPage renders a small page in the console's layout; nil: a plain one.
	ShowPage func(echo.Context, Page) error
	// Tracer takes a span of every request; nil: there are none.
	Tracer trace.Tracer
	Log    *zap.Logger
}

type server struct {
	Deps
	feed   *feed
	secure bool
	codec  *codecDoor
	door   *temporalDoor
}

// Version of the API, as the OpenAPI document says it.
const Version = "1.0.0"

// prefix of everything that machines call.
const prefix = "/api/v1"

// Mount puts the middleware on e, for the console's routes too, and adds the
// API and the browser routes.
func Mount(e *echo.Echo, d Deps) {
	s := &server{Deps: d, feed: newFeed(d.Service.LastChange), secure: d.PublicURL.Scheme == "https", codec: newCodecDoor(d.TemporalUI), door: newTemporalDoor(d.TemporalDoor, d.PublicURL)}
	if s.Tracer == nil {
		s.Tracer = noop.NewTracerProvider().Tracer("")
	}
	e.HideBanner, e.HidePort = true, true
	e.HTTPErrorHandler = s.answerError
	e.IPExtractor = clientAddress(d.TrustedProxies)
	e.Use(s.identify, s.bound, s.trace, s.logAccess, s.recover, s.headers, s.protect, s.knowCaller)

	useProblems()
	api := humaecho.New(e, s.apiConfig())
	s.inventoryRoutes(api)
	s.integrationRoutes(api)
	s.migrationRoutes(api)
	s.campaignRoutes(api)
	s.recordRoutes(api)
	s.tokenRoutes(api)
	s.peopleRoutes(api)
	s.cellRoutes(api)
	s.liveRoutes(api)
	s.healthRoutes(api)
	s.processRoutes(api)
	s.codecKeyRoutes(api)
	s.browserRoutes(e)
	s.codecRoutes(e)
	s.doorRoutes(e)
}

// clientAddress reads who sent a request. Echo trusts private networks unless it
// is told not to; only what was configured is trusted here, since a made-up
// address would get an allowance of its own.
func clientAddress(proxies []*net.IPNet) echo.IPExtractor {
	if len(proxies) == 0 {
		return echo.ExtractIPDirect()
	}
	trust := []echo.TrustOption{echo.TrustLoopback(false), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false)}
	for _, network := range proxies {
		trust = append(trust, echo.TrustIPRange(network))
	}
	return echo.ExtractIPFromXFFHeader(trust...)
}

func (s *server) apiConfig() huma.Config {
	c := huma.DefaultConfig("Consentry", Version)
	c.Info.Description = "Moves customers' directory synchronization from hand-made app registrations to consented connectors, and keeps it there."
	c.Servers = []*huma.Server{{URL: s.PublicURL.String()}}
	c.DocsPath, c.SchemasPath = "", ""
	c.CreateHooks = nil // no "$schema" links in answers
	c.RejectUnknownQueryParameters = true
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"session": {Type: "apiKey", In: "cookie", Name: s.cookieName(sessionCookie), Description: "Set by signing in at /auth/sign-in."},
		"bearer":  {Type: "http", Scheme: "bearer", BearerFormat: "consentry_…", Description: "A token of a machine, issued at /api/v1/tokens. It has one role and ends by itself."},
	}
	registerTypes(c.Components.Schemas)
	return c
}

// op describes one operation; add fills in what all have in common.
type op struct {
	method, path, id, tag, summary string
	status                         int   // of success; 0 = 200
	body                           int64 // largest body; 0 = defaultBody
	open                           bool  // needs no caller
	also                           int   // another status of success, with the same body
}

// defaultBody bounds what a request may carry; an inventory has a bound of its
// own.
const defaultBody = 64 << 10

// bodyTime is how long a request's body may take: an inventory of many megabytes
// comes through a slow line, too.
const bodyTime = time.Minute

// add registers an operation whose handler may answer a domain.Error as it is.
func add[I, O any](s *server, api huma.API, o op, handle func(context.Context, *I) (*O, error)) {
	operation := huma.Operation{
		OperationID: o.id, Method: o.method, Path: o.path, Tags: []string{o.tag}, Summary: o.summary,
		DefaultStatus: o.status, MaxBodyBytes: o.body, BodyReadTimeout: bodyTime,
		Errors: []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusConflict, http.StatusGone, http.StatusUnprocessableEntity, http.StatusServiceUnavailable},
	}
	if o.body == 0 {
		operation.MaxBodyBytes = defaultBody
	}
	if o.open {
		operation.Errors = []int{http.StatusServiceUnavailable}
	} else {
		operation.Security = []map[string][]string{{"session": {}}, {"bearer": {}}}
		operation.Middlewares = huma.Middlewares{s.requireCaller(api)}
	}
	huma.Register(api, operation, func(ctx context.Context, in *I) (*O, error) {
		out, err := handle(ctx, in)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return out, nil
	})
	if o.also != 0 {
		documented := api.OpenAPI().Paths[o.path].Post
		documented.Responses[strconv.Itoa(o.also)] = documented.Responses[strconv.Itoa(http.StatusOK)]
	}
}
