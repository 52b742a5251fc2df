package console_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"consentry/console"
	"consentry/console/consoletest"
	"consentry/internal/domain"
	"consentry/internal/service"
	"consentry/internal/store"
	"consentry/internal/store/storetest"
)

// now is a Tuesday morning; nothing in the console asks the machine's clock.
var now = time.Date(2026, 7, 21, 9, 30, 0, 0, time.UTC)

// commands stands in for what the pages' forms cause: it records them and
// answers as told. Reads go to the real service on a real store.
type commands struct {
	*service.Service
	begun     []string
	started   []string
	decisions []domain.Decision
	keys      []string
	synced    []string
	secrets   []service.LegacySecretOrder
	err       error
	answer    domain.Decision
}

func (c *commands) BeginConsent(_ context.Context, _ domain.Caller, id string) (service.ConsentStart, error) {
	c.begun = append(c.begun, id)
	return service.ConsentStart{Path: "/consent/start/one-use"}, c.err
}

func (c *commands) Disconnect(_ context.Context, _ domain.Caller, id string) (service.Disconnected, error) {
	c.begun = append(c.begun, "disconnect "+id)
	return service.Disconnected{}, c.err
}

func (c *commands) BeginReconnect(_ context.Context, _ domain.Caller, id string) (service.ConsentStart, error) {
	c.begun = append(c.begun, id)
	return service.ConsentStart{Path: "/consent/start/one-use"}, c.err
}

func (c *commands) StartMigration(_ context.Context, _ domain.Caller, id string) (domain.Migration, error) {
	c.started = append(c.started, id)
	return domain.Migration{ID: "mig_new"}, c.err
}

func (c *commands) GiveDecision(_ context.Context, caller domain.Caller, key, id string, kind domain.DecisionKind, detail domain.DecisionDetail) (domain.Decision, error) {
	c.decisions = append(c.decisions, domain.Decision{MigrationID: id, Kind: kind, Detail: detail, GivenBy: caller.ID})
	c.keys = append(c.keys, key)
	return c.answer, c.err
}

func (c *commands) SynchronizeNow(_ context.Context, _ domain.Caller, id string) (domain.Integration, error) {
	c.synced = append(c.synced, id)
	return domain.Integration{}, c.err
}

func (c *commands) ReplaceLegacySecret(_ context.Context, _ domain.Caller, key, id string, order service.LegacySecretOrder) (service.LegacySecretReplaced, error) {
	c.secrets = append(c.secrets, order)
	c.keys = append(c.keys, key+" "+id)
	return service.LegacySecretReplaced{}, c.err
}

// world is the console on a seeded store.
type world struct {
	t        *testing.T
	echo     *echo.Echo
	commands *commands
	store    *store.Store
	pages    *console.Pages
	who      domain.Caller
}

func open(t *testing.T) *world {
	t.Helper()
	db := storetest.Open(t)
	require.NoError(t, consoletest.Seed(t.Context(), db, now))
	w := &world{t: t, echo: echo.New(), store: db, who: consoletest.Ana}
	w.commands = &commands{Service: service.New(service.Deps{Store: db, Now: func() time.Time { return now }, Log: zap.NewNop()})}
	var err error
	w.pages, err = console.Mount(w.echo, console.Deps{
		Service: w.commands, Caller: func(echo.Context) domain.Caller { return w.who }, Now: func() time.Time { return now }, Log: zap.NewNop(),
		BrowserAuthorities: []string{"https://login.microsoftonline.com/", "https://login.microsoftonline.us"}, Public: "https://console.example/",
		Temporal: "https://temporal.example/consentry-ui/enter",
	})
	require.NoError(t, err)
	return w
}

// as changes who looks.
func (w *world) as(who domain.Caller) *world { w.who = who; return w }

func (w *world) do(method, address string, form url.Values) *httptest.ResponseRecorder {
	w.t.Helper()
	var body *strings.Reader
	if body = strings.NewReader(form.Encode()); form == nil {
		body = strings.NewReader("")
	}
	r := httptest.NewRequestWithContext(w.t.Context(), method, address, body)
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	rec := httptest.NewRecorder()
	w.echo.ServeHTTP(rec, r)
	return rec
}

// get reads a page that has to be there.
func (w *world) get(address string) node {
	w.t.Helper()
	rec := w.do(http.MethodGet, address, nil)
	require.Equal(w.t, http.StatusOK, rec.Code, "%s: %s", address, rec.Body)
	return parse(w.t, rec.Body.String())
}

// post sends a form and expects a status; a page that comes with it is parsed.
func (w *world) post(address string, status int, form url.Values) (node, http.Header) {
	w.t.Helper()
	rec := w.do(http.MethodPost, address, form)
	require.Equal(w.t, status, rec.Code, "%s: %s", address, rec.Body)
	return parse(w.t, rec.Body.String()), rec.Header()
}
