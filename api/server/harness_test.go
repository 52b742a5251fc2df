package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"consentry/internal/consent"
	"consentry/internal/domain"
	"consentry/internal/health"
	"consentry/internal/service"
	"consentry/internal/store/storetest"
	"consentry/test/standin"
)

const (
	issuer  = standin.Issuer
	contoso = standin.Contoso
	fabric  = standin.Fabrikam
	cellApp = standin.CellApp
)

// world is the real server on the real store, with an engine that takes every
// call and Microsoft replaced by the two doors below.
type world struct {
	t       *testing.T
	URL     string
	echo    *echo.Echo
	service *service.Service
	store   *outageStore
	engine  *standin.Engine
	clock   *standin.Clock
	door    *tenantDoor

	mu    sync.Mutex
	broke error // what the database probe answers
	stop  chan struct{}
}

// outageStore is the real store, and on demand one whose database does not
// answer.
type outageStore struct {
	service.Store
	down  atomic.Bool
	still atomic.Bool // it neither answers nor breaks off
}

func (s *outageStore) check(ctx context.Context) error {
	if s.still.Load() {
		<-ctx.Done()
		return ctx.Err()
	}
	if s.down.Load() {
		return domain.Refuse(domain.Unavailable, "store-unavailable", "The database does not answer. Nothing was changed; try again.")
	}
	return nil
}

func (s *outageStore) Write(ctx context.Context, fn func(service.Rows) error) error {
	if err := s.check(ctx); err != nil {
		return err
	}
	return s.Store.Write(ctx, fn)
}

func (s *outageStore) Read(ctx context.Context, fn func(service.Rows) error) error {
	if err := s.check(ctx); err != nil {
		return err
	}
	return s.Store.Read(ctx, fn)
}

func (s *outageStore) Look(ctx context.Context, fn func(service.Rows) error) error {
	if err := s.check(ctx); err != nil {
		return err
	}
	return s.Store.Look(ctx, fn)
}

// sealer seals by turning every bit, so that a value that was not sealed shows.
type sealer struct{}

func turned(b []byte) []byte {
	out := bytes.Clone(b)
	for i := range out {
		out[i] = ^out[i]
	}
	return out
}

func (sealer) Seal(_ context.Context, p []byte) ([]byte, error) { return turned(p), nil }
func (sealer) Open(_ context.Context, s []byte) ([]byte, error) { return turned(s), nil }

// tenantDoor stands for Microsoft in the consent flow: its addresses carry what
// it was given, and a code is redeemed as whoever the test put behind it, if
// verifier and nonce are those of the address that the browser was sent to.
type tenantDoor struct {
	mu     sync.Mutex
	people map[string]consent.Identity
	faults map[string]error
	sent   map[string]service.SignInLeg // by state
	before func()                       // runs while a code is being redeemed
}

func (d *tenantDoor) AdminConsentURL(_ context.Context, cell domain.Cell, tenantID, state string) (string, error) {
	return "https://login.test/" + tenantID + "/v2.0/adminconsent?" + url.Values{"client_id": {cell.ClientID}, "state": {state}}.Encode(), nil
}

func (d *tenantDoor) SignInURL(_ context.Context, leg service.SignInLeg) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sent[leg.State] = leg
	return "https://login.test/" + leg.TenantID + "/oauth2/v2.0/authorize?" + url.Values{"state": {leg.State}, "nonce": {leg.Nonce}, "prompt": {leg.Prompt}}.Encode(), nil
}

func (d *tenantDoor) Redeem(_ context.Context, leg service.RedeemLeg) (consent.Identity, error) {
	d.mu.Lock()
	before := d.before
	d.before = nil
	d.mu.Unlock()
	if before != nil {
		before()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.faults[leg.Code]; err != nil {
		return consent.Identity{}, err
	}
	for _, sent := range d.sent {
		if sent.Nonce == leg.Nonce && sent.Verifier == leg.Verifier && sent.TenantID == leg.TenantID {
			return d.people[leg.Code], nil
		}
	}
	return consent.Identity{}, errors.New("the verifier or nonce is another one")
}

// doorFault is an error of the kind that the real door answers.
type doorFault struct{ kind, code string }

func (f doorFault) Error() string     { return f.kind + " " + f.code }
func (f doorFault) FaultKind() string { return f.kind }
func (f doorFault) FaultCode() string { return f.code }

func member(tenant, object string, roles ...string) consent.Identity {
	return consent.Identity{TenantID: tenant, ObjectID: object, Roles: roles}
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := emptyWorld(t, time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC))
	w.mount(echo.New(), w.door)
	standin.Customers(t, w.service, w.clock.Now())
	return w
}

// emptyWorld has a store and a service, and serves nothing yet.
func emptyWorld(t *testing.T, now time.Time) *world {
	t.Helper()
	w := &world{t: t, store: &outageStore{Store: storetest.Open(t)}, engine: &standin.Engine{}, clock: standin.NewClock(now), stop: make(chan struct{})}
	w.door = &tenantDoor{people: map[string]consent.Identity{
		"global-admin":     member(contoso, "object-ga", consent.RoleGlobalAdministrator),
		"privileged-admin": member(contoso, "object-pra", consent.RolePrivilegedRoleAdministrator),
		"cloud-app-admin":  member(contoso, "object-caa", consent.RoleCloudApplicationAdministrator),
		"plain-user":       member(contoso, "object-user"),
		"other-tenant":     member(fabric, "object-other", consent.RoleGlobalAdministrator),
		"guest":            {TenantID: contoso, ObjectID: "object-guest", Roles: []string{consent.RoleGlobalAdministrator}, Guest: true},
	}, faults: map[string]error{
		"down":     doorFault{kind: "unavailable"},
		"stale":    doorFault{kind: "sign_in_stale", code: "AADSTS54005"},
		"unsigned": doorFault{kind: "identity_rejected"},
	}, sent: map[string]service.SignInLeg{}}
	w.service = service.New(service.Deps{Store: w.store, Engine: w.engine, Keeper: sealer{}, Now: w.clock.Now, Log: zap.NewNop()})
	return w
}

// mount serves the world through e, with the given way to Microsoft.
func (w *world) mount(e *echo.Echo, door service.TenantDoor) {
	w.t.Helper()
	w.echo = e
	server := httptest.NewServer(e)
	w.t.Cleanup(server.Close)
	w.t.Cleanup(func() { close(w.stop) }) // before the server waits for its streams
	w.URL = server.URL
	public, err := url.Parse(server.URL)
	require.NoError(w.t, err)
	Mount(e, Deps{
		Service: w.service, Consent: service.NewConsentFlow(w.service, door), Console: standin.Provider{}, PublicURL: public,
		Payloads: opened{}, TemporalUI: &url.URL{Scheme: "http", Host: "temporal.test:8233", Path: "/ui/"}, TemporalDoor: &url.URL{Scheme: "http", Host: doorHost},
		FormTargets: []string{"https://login.test"}, Stopping: w.stop, Log: zap.NewNop(),
		Health: health.New(w.clock.Now, 0, zap.NewNop(), health.Probe{Name: "database", Remedy: "Mend db.internal.", Check: func(context.Context) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.broke
		}}, health.Probe{Name: "engine", Check: func(context.Context) error { return nil }}),
	})
}

// migration gives the open attempt of an integration.
func (w *world) migration(integrationID string) domain.Migration {
	w.t.Helper()
	var m domain.Migration
	require.NoError(w.t, w.store.Read(w.t.Context(), func(r service.Rows) (err error) {
		m, err = r.Migrations().Find(service.By(service.Where{"integration_id": integrationID, "open": true}))
		return err
	}))
	return m
}

// rows is every table but the audit as text, to see whether anything changed.
func (w *world) rows() map[string]string {
	w.t.Helper()
	all := map[string]string{}
	require.NoError(w.t, w.store.Read(w.t.Context(), func(r service.Rows) error {
		return errors.Join(
			dump(all, "accounts", r.Accounts()), dump(all, "people", r.People()), dump(all, "grants", r.Grants()), dump(all, "sessions", r.Sessions()),
			dump(all, "temporal_visits", r.TemporalVisits()), dump(all, "tokens", r.Tokens()), dump(all, "invitations", r.Invitations()),
			dump(all, "integrations", r.Integrations()), dump(all, "connectors", r.Connectors()), dump(all, "cells", r.Cells()), dump(all, "credentials", r.Credentials()),
			dump(all, "campaigns", r.Campaigns()), dump(all, "migrations", r.Migrations()), dump(all, "decisions", r.Decisions()), dump(all, "consent_sessions", r.ConsentSessions()),
			dump(all, "sync_runs", r.SyncRuns()), dump(all, "notices", r.Notices()), dump(all, "changes", r.Changes()), dump(all, "command_keys", r.CommandKeys()),
			dump(all, "engine_calls", r.EngineCalls()), dump(all, "secrets", r.Secrets()), dump(all, "legacy_apps", r.LegacyApps()),
		)
	}))
	return all
}

func dump[T any](into map[string]string, name string, table service.Table[T]) error {
	rows, err := table.List(service.Query{})
	if err != nil {
		return err
	}
	b, err := json.MarshalIndent(rows, "", " ")
	into[name] = string(b)
	return err
}

// refusals lists the codes of refused commands since an audit number.
func (w *world) refusals(since int64) (codes []string) {
	w.t.Helper()
	require.NoError(w.t, w.store.Read(w.t.Context(), func(r service.Rows) error {
		entries, err := r.Audit().List(service.Query{Where: service.Where{"seq >": since, "outcome": "refused"}, Order: []string{"seq"}})
		for _, e := range entries {
			codes = append(codes, e.Code)
		}
		return err
	}))
	return codes
}

func (w *world) audited() (seq int64) {
	w.t.Helper()
	require.NoError(w.t, w.store.Read(w.t.Context(), func(r service.Rows) error {
		last, err := r.Audit().Find(service.Query{Order: []string{"-seq"}, Limit: 1})
		seq = last.Seq
		return err
	}))
	return seq
}

// browser is one browser with its cookies; it follows no redirect by itself.
type browser struct {
	w      *world
	client *http.Client
}

func (w *world) browser() *browser {
	jar, err := cookiejar.New(nil)
	require.NoError(w.t, err)
	return &browser{w: w, client: &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// as gives a browser that is signed in to the console.
func (w *world) as(subject string) *browser {
	w.t.Helper()
	b := w.browser()
	away := b.get("/auth/sign-in?return=/connectors")
	require.Equal(w.t, http.StatusSeeOther, away.status, away.body)
	back := b.get("/auth/callback?" + url.Values{"state": {away.query("state")}, "code": {subject}}.Encode())
	require.Equal(w.t, http.StatusSeeOther, back.status, back.body)
	require.Equal(w.t, "/connectors", back.header.Get("Location"))
	return b
}

type answer struct {
	t      *testing.T
	status int
	header http.Header
	body   string
}

// query gives a parameter of the address that the answer leads to.
func (a answer) query(name string) string {
	a.t.Helper()
	u, err := url.Parse(a.header.Get("Location"))
	require.NoError(a.t, err)
	v := u.Query().Get(name)
	require.NotEmpty(a.t, v, "the answer %d leads to %q, without %s: %s", a.status, a.header.Get("Location"), name, a.body)
	return v
}

func (a answer) into(v any) {
	a.t.Helper()
	require.NoError(a.t, json.Unmarshal([]byte(a.body), v), a.body)
}

func (a answer) problem() Problem {
	a.t.Helper()
	require.Equal(a.t, problemType, a.header.Get("Content-Type"), a.body)
	var p Problem
	a.into(&p)
	require.Equal(a.t, a.status, p.Status)
	require.Equal(a.t, a.header.Get("X-Request-Id"), p.CorrelationID)
	require.NotEmpty(a.t, p.Detail)
	return p
}

func (b *browser) get(path string) answer { return b.do(http.MethodGet, path, "", nil) }

func (b *browser) post(path string, body any) answer {
	b.w.t.Helper()
	text, err := json.Marshal(body)
	require.NoError(b.w.t, err)
	return b.do(http.MethodPost, path, string(text), nil)
}

func (b *browser) do(method, path, body string, headers map[string]string) answer {
	b.w.t.Helper()
	r, err := http.NewRequestWithContext(b.w.t.Context(), method, b.w.URL+path, strings.NewReader(body))
	require.NoError(b.w.t, err)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	response, err := b.client.Do(r)
	require.NoError(b.w.t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(b.w.t, err)
	return answer{t: b.w.t, status: response.StatusCode, header: response.Header, body: string(text)}
}

// begin starts a consent over the API and gives the path of its one-use address.
func (b *browser) begin(migrationID string) (sessionID, path string) {
	b.w.t.Helper()
	a := b.do(http.MethodPost, prefix+"/migrations/"+migrationID+"/consent-sessions", "", nil)
	require.Equal(b.w.t, http.StatusCreated, a.status, a.body)
	var begun ConsentBegun
	a.into(&begun)
	return begun.SessionID, strings.TrimPrefix(begun.StartURL, b.w.URL)
}

// accept opens the address and comes back from Microsoft with the consent given;
// it gives the state of the second leg.
func (b *browser) accept(path, tenant string) (state string) {
	b.w.t.Helper()
	away := b.get(path)
	require.Equal(b.w.t, http.StatusSeeOther, away.status, away.body)
	back := b.get("/consent/callback?" + accepted(away.query("state"), tenant))
	require.Equal(b.w.t, http.StatusSeeOther, back.status, back.body)
	require.Contains(b.w.t, back.header.Get("Location"), fmt.Sprintf("https://login.test/%s/oauth2/", tenant))
	return back.query("state")
}

func accepted(state, tenant string) string {
	return url.Values{"admin_consent": {"True"}, "tenant": {tenant}, "state": {state}, "scope": {"https://graph.microsoft.com/.default"}}.Encode()
}
