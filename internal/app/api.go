package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"consentry/api/server"
	"consentry/console"
	"consentry/internal/domain"
	"consentry/internal/entra"
	"consentry/internal/service"
)

// API serves the API and the console until it is closed.
type API struct {
	Address string // where it listens

	http     *http.Server
	stopping chan struct{}
	done     chan error
	summed   chan struct{}
	sumUp    func(ctx context.Context, all bool) error
}

// StartAPI listens and serves. When it returns without an error, requests are
// answered.
func (a *App) StartAPI(ctx context.Context) (*API, error) {
	e, stopping, err := a.handler()
	if err != nil {
		return nil, err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", a.Config.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen on --listen %s: %w", a.Config.Listen, err)
	}
	s := &API{Address: l.Addr().String(), http: &http.Server{Handler: e, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute}, stopping: stopping, done: make(chan error, 1), summed: make(chan struct{}), sumUp: a.Service.SumUpStrangers}
	go s.sumUpWindows(context.WithoutCancel(ctx))
	a.presence.does(domain.KindAPI)
	a.life.Store(int32(working))
	go func() {
		err := s.http.Serve(l)
		if errors.Is(err, http.ErrServerClosed) {
			err = nil
		}
		s.done <- err
	}()
	return s, nil
}

// Close stops listening, ends event streams and lets requests finish; those
// that are not finished when ctx ends are cut.
func (s *API) Close(ctx context.Context) error {
	close(s.stopping)
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(fmt.Errorf("requests were cut that took longer than the process may take to stop: %w", err), s.http.Close())
	}
	err = errors.Join(err, <-s.done)
	<-s.summed
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return errors.Join(err, s.sumUp(last, true))
}

// sumUpWindows writes, window by window, how many refusals of strangers were not
// written one by one.
func (s *API) sumUpWindows(ctx context.Context) {
	defer close(s.summed)
	tick := time.NewTicker(15 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-s.stopping:
			return
		case <-tick.C:
			_ = s.sumUp(ctx, false) // logged there, and tried again
		}
	}
}

// handler mounts the console and the API on one Echo.
func (a *App) handler() (*echo.Echo, chan struct{}, error) {
	public, err := url.Parse(a.Config.PublicURL)
	if err != nil {
		return nil, nil, fmt.Errorf("--public-url: %w", err)
	}
	secret, err := secretFile(a.Config.ConsoleSecretFile)
	if err != nil {
		return nil, nil, err
	}
	proxies, err := a.Config.trustedProxies()
	if err != nil {
		return nil, nil, err
	}
	base := strings.TrimSuffix(a.Config.PublicURL, "/")
	browser := a.cloud.BrowserAuthority
	if browser == "" {
		browser = a.cloud.Authority
	}
	// The emulator is also the identity provider of the console in development:
	// browsers reach it by its plain address.
	provider := entra.ConsoleConfig{
		Issuer: a.Config.ConsoleIssuer, ClientID: a.Config.ConsoleClientID, ClientSecret: secret, RedirectURI: base + "/auth/callback", HTTP: a.cloud.HTTP,
	}
	signInHosts := []string{browser}
	if strings.HasPrefix(a.Config.ConsoleIssuer, a.cloud.Authority+"/") {
		provider.BrowserAuthority = a.cloud.BrowserAuthority
	} else {
		signInHosts = append(signInHosts, a.Config.ConsoleIssuer)
	}
	door := tenantDoor{signIn: entra.NewSignIn(a.cloud, credentials{a.Service, a.keeper}, time.Now), callback: base + "/consent/callback"}
	flow := service.NewConsentFlow(a.Service, door)

	temporalUI, err := optionalAddress("temporal-ui", a.Config.TemporalUI)
	if err != nil {
		return nil, nil, err
	}
	temporalDoor, err := optionalAddress("temporal-door", a.Config.TemporalDoor)
	if err != nil {
		return nil, nil, err
	}
	entry := ""
	if temporalDoor != nil {
		entry = temporalDoor.JoinPath(server.TemporalEnter).String()
	}
	e := echo.New()
	stopping := make(chan struct{})
	var pages *console.Pages
	server.Mount(e, server.Deps{
		Service: a.Service, Consent: flow, Console: consoleDoor{entra.NewConsole(provider, time.Now)}, PublicURL: public, FormTargets: signInHosts, TrustedProxies: proxies,
		Payloads: a.temporal.Codec, TemporalUI: temporalUI, TemporalDoor: temporalDoor,
		Health: a.health, Observe: a.metrics.Request, Tracer: a.traces, Stopping: stopping, Log: a.log.Named("api"),
		ShowPage: func(c echo.Context, p server.Page) error { return pages.Show(c, messageOf(p)) },
	})
	pages, err = console.Mount(e, console.Deps{
		Service: a.Service, Caller: func(c echo.Context) domain.Caller { return server.CallerFrom(c.Request().Context()) },
		BrowserAuthorities: signInHosts, Now: time.Now, Log: a.log.Named("console"), Public: base,
		SignIn: "/auth/sign-in", SignOut: "/auth/sign-out", Temporal: entry,
	})
	return e, stopping, err
}

// optionalAddress is nil for an address that was not given.
func optionalAddress(flag, value string) (*url.URL, error) {
	if value == "" {
		return nil, nil
	}
	u, err := url.Parse(value)
	if err != nil {
		return nil, fmt.Errorf("--%s: %w", flag, err)
	}
	return u, nil
}

// messageOf carries a small page of the browser routes into the console's layout.
func messageOf(p server.Page) console.Message {
	m := console.Message{Status: p.Status, Title: p.Title, Text: p.Text, Code: p.Code, Correlation: p.Correlation}
	for _, l := range p.Links {
		m.Links = append(m.Links, console.Link{Href: l.Href, Text: l.Text})
	}
	return m
}
