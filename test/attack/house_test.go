package attack

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"consentry/api/server"
	"consentry/internal/consent"
	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/entra"
	"consentry/internal/keys"
	"consentry/internal/service"
	"consentry/internal/store/storetest"
)

const (
	issuer  = "https://idp.test"
	contoso = "11111111-1111-4111-8111-111111111111"
	fabric  = "22222222-2222-4222-8222-222222222222"
	cellApp = "44444444-4444-4444-8444-444444444444"
	prefix  = "/api/v1"
)

// house is the product as an attacker on the internet meets it.
type house struct {
	t         *testing.T
	URL       string
	echo      *echo.Echo
	service   *service.Service
	store     service.Store
	engine    *engine
	microsoft *tokenService
	logged    *observer.ObservedLogs
	began     []domain.Migration // as the campaign started them

	mu    sync.Mutex
	clock time.Time
}

func (h *house) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.clock
}

func (h *house) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clock = h.clock.Add(d)
}

// engine stands for Temporal: it takes what it is handed and runs nothing.
type engine struct {
	mu    sync.Mutex
	taken []domain.EngineCall
}

func (e *engine) Deliver(_ context.Context, c domain.EngineCall) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.taken = append(e.taken, c)
	return nil
}

func (e *engine) Running(context.Context, string) (bool, error)          { return true, nil }
func (e *engine) RunningMigrations(context.Context, string) (int, error) { return 0, nil }

func (e *engine) grants() (n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range e.taken {
		if c.Name == contract.SignalConsentGranted {
			n++
		}
	}
	return n
}

// door is the way to Microsoft as internal/app builds it.
type door struct {
	legs     *entra.SignIn
	callback string
}

func (d *door) AdminConsentURL(_ context.Context, cell domain.Cell, tenantID, state string) (string, error) {
	return d.legs.AdminConsentURL(tenantID, cell.ClientID, d.callback, state), nil
}

func (d *door) SignInURL(_ context.Context, leg service.SignInLeg) (string, error) {
	return d.legs.AuthorizeURL(entra.SignInRequest{
		Tenant: leg.TenantID, ClientID: leg.Cell.ClientID, RedirectURI: d.callback, State: leg.State, Nonce: leg.Nonce, Verifier: leg.Verifier, Prompt: leg.Prompt,
	}), nil
}

func (d *door) Redeem(ctx context.Context, leg service.RedeemLeg) (consent.Identity, error) {
	return d.legs.Redeem(ctx, entra.RedeemRequest{
		CellID: leg.Cell.ID, Tenant: leg.TenantID, ClientID: leg.Cell.ClientID, Code: leg.Code, Verifier: leg.Verifier, Nonce: leg.Nonce, RedirectURI: d.callback,
	})
}

// consoleDoor stands for the console's identity provider, which is another matter: the code is who signed in.
type consoleDoor struct{}

func (consoleDoor) AuthorizeURL(_ context.Context, state, nonce, verifier string) (string, error) {
	return issuer + "/authorize?" + url.Values{"state": {state}, "nonce": {nonce}, "code_challenge": {verifier}}.Encode(), nil
}

func (consoleDoor) Redeem(_ context.Context, code, _, _ string) (who, subject string, err error) {
	if code == "" {
		return "", "", errors.New("no code")
	}
	return issuer, code, nil
}

// newHouse meets the token service that lies on demand.
func newHouse(t *testing.T) *house {
	t.Helper()
	h := bareHouse(t, time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC))
	h.microsoft = newTokenService(t, h.now)
	h.open(h.microsoft.cloud())
	return h
}

func bareHouse(t *testing.T, now time.Time) *house {
	t.Helper()
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	keeper, err := keys.Open(t.Context(), "base64key://"+base64.URLEncoding.EncodeToString(key))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, keeper.Close()) })
	h := &house{t: t, store: storetest.Open(t), engine: &engine{}, clock: now}
	core, logged := observer.New(zapcore.DebugLevel)
	h.logged = logged
	h.service = service.New(service.Deps{Store: h.store, Engine: h.engine, Keeper: keeper, Now: h.now, Log: zap.New(core)})
	return h
}

// open serves the house and takes in two customers, one of them with two integrations.
func (h *house) open(cloud entra.Cloud) *door {
	h.t.Helper()
	require.NoError(h.t, cloud.Validate())
	e := echo.New()
	served := httptest.NewServer(e)
	stopping := make(chan struct{})
	h.t.Cleanup(served.Close)
	h.t.Cleanup(func() { close(stopping) })
	h.URL, h.echo = served.URL, e
	public, err := url.Parse(served.URL)
	require.NoError(h.t, err)
	way := &door{legs: entra.NewSignIn(cloud, cellKey(), h.now), callback: h.URL + "/consent/callback"}
	server.Mount(e, server.Deps{
		Service: h.service, Consent: service.NewConsentFlow(h.service, way), Console: consoleDoor{}, PublicURL: public, Stopping: stopping, Log: zap.NewNop(),
	})

	person := func(subject string, role domain.Role) service.InventoryPerson {
		return service.InventoryPerson{Issuer: issuer, Subject: subject, Name: subject, Role: role}
	}
	integration := func(id, tenant string) service.InventoryIntegration {
		return service.InventoryIntegration{
			ID: id, Name: "Directory of " + id, TenantID: tenant, TenantDomain: id + ".test", Schedule: domain.SyncSchedule{TimesADay: 3},
			LegacyApp: service.InventoryLegacyApp{ClientID: "33333333-3333-4333-8333-333333333333", Name: "old app", Secret: "hush", SecretEndsAt: domain.At(h.now().Add(time.Hour))},
		}
	}
	hours := func(n int) domain.Duration { return domain.Duration(time.Duration(n) * time.Hour) }
	ctx, system := h.t.Context(), domain.System("test")
	_, err = h.service.ImportInventory(ctx, system, "", service.Inventory{
		Accounts: []service.InventoryAccount{
			{
				ID: "acc-contoso", Name: "Contoso", Region: "eu", TimeZone: "Europe/Berlin",
				People:       []service.InventoryPerson{person("mia", domain.RoleMigrate), person("ana", domain.RoleApprove), person("vic", domain.RoleView)},
				Integrations: []service.InventoryIntegration{integration("contoso", contoso), integration("contoso-two", contoso)},
			},
			{
				ID: "acc-fabric", Name: "Fabrikam", Region: "eu", TimeZone: "Europe/Berlin",
				People: []service.InventoryPerson{person("eve", domain.RoleApprove)}, Integrations: []service.InventoryIntegration{integration("fabric", fabric)},
			},
		},
		Campaigns: []service.InventoryCampaign{{ID: "campaign-eu", Name: "Europe", Region: "eu", Terms: domain.CampaignTerms{
			AvailableFrom: domain.At(h.now().Add(-time.Hour)), Deadline: domain.At(h.now().Add(30 * 24 * time.Hour)), Reminders: []domain.Duration{hours(72)},
			ConsentGrace: hours(48), ConsentBudget: hours(1), ProofAge: hours(1), FirstSync: hours(6), WayBack: hours(72), CleanUp: hours(720),
		}}},
	})
	require.NoError(h.t, err)
	_, err = h.service.RegisterCell(ctx, system, domain.Cell{ID: "cell-eu", Name: "Europe 1", Region: "eu", ClientID: cellApp}, service.FirstCertificate{
		Sealed: []byte("sealed"), Thumbprint: "ab", NotBefore: domain.At(h.now()), NotAfter: domain.At(h.now().Add(time.Hour)),
	})
	require.NoError(h.t, err)
	_, err = h.service.StartCampaign(ctx, system, "campaign-eu")
	require.NoError(h.t, err)
	h.read(func(r service.Rows) (err error) {
		h.began, err = r.Migrations().List(service.Query{})
		return err
	})
	return way
}

func (h *house) read(look func(service.Rows) error) {
	h.t.Helper()
	require.NoError(h.t, h.store.Read(h.t.Context(), look))
}

// migration is the latest attempt of an integration.
func (h *house) migration(integrationID string) (m domain.Migration) {
	h.t.Helper()
	h.read(func(r service.Rows) (err error) {
		m, err = r.Migrations().Find(service.Query{Where: service.Where{"integration_id": integrationID}, Order: []string{"-started_at", "-id"}})
		return err
	})
	return m
}

func (h *house) session(id string) (cs domain.ConsentSession) {
	h.t.Helper()
	h.read(func(r service.Rows) (err error) {
		cs, err = r.ConsentSessions().Get(id)
		return err
	})
	return cs
}

// end brings a migration to an end state, as its workflow would.
func (h *house) end(integrationID string, phase domain.Phase) {
	h.t.Helper()
	m := h.migration(integrationID)
	m.Phase, m.Open, m.EndedAt = phase, false, domain.At(h.now())
	require.NoError(h.t, h.store.Write(h.t.Context(), func(r service.Rows) error { return r.Migrations().Update(&m) }))
}

// rows is every row of every table but the audit, by table and id.
func (h *house) rows() map[string]string {
	h.t.Helper()
	all := map[string]string{}
	h.read(func(r service.Rows) error {
		return errors.Join(
			dump(all, "accounts", r.Accounts()), dump(all, "contacts", r.Contacts()), dump(all, "people", r.People()), dump(all, "grants", r.Grants()),
			dump(all, "sessions", r.Sessions()), dump(all, "sign_in_states", r.SignInStates()), dump(all, "integrations", r.Integrations()),
			dump(all, "legacy_apps", r.LegacyApps()), dump(all, "secrets", r.Secrets()), dump(all, "cells", r.Cells()), dump(all, "credentials", r.Credentials()),
			dump(all, "connectors", r.Connectors()), dump(all, "campaigns", r.Campaigns()), dump(all, "migrations", r.Migrations()), dump(all, "snapshots", r.Snapshots()),
			dump(all, "decisions", r.Decisions()), dump(all, "consent_sessions", r.ConsentSessions()), dump(all, "proofs", r.Proofs()), dump(all, "sync_runs", r.SyncRuns()),
			dump(all, "holds", r.Holds()), dump(all, "notices", r.Notices()), dump(all, "changes", r.Changes()), dump(all, "command_keys", r.CommandKeys()),
			dump(all, "engine_calls", r.EngineCalls()),
		)
	})
	return all
}

func dump[T any](into map[string]string, name string, table service.Table[T]) error {
	rows, err := table.List(service.Query{})
	for _, row := range rows {
		v := reflect.ValueOf(row)
		id := v.FieldByName("ID")
		if !id.IsValid() {
			id = v.FieldByName("Seq")
		}
		b, err := json.Marshal(row)
		if err != nil {
			return err
		}
		into[fmt.Sprintf("%s/%v", name, id)] = string(b)
	}
	return err
}

// changed lists the rows that are not as they were; a change log entry is named by its kind of row only.
func changed(before, after map[string]string) []string {
	var names []string
	for name, row := range after {
		if before[name] != row {
			if strings.HasPrefix(name, "changes/") {
				name = "changes"
			}
			names = append(names, name)
		}
	}
	for name := range before {
		if _, still := after[name]; !still {
			names = append(names, name+" is gone")
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// audit gives the entries after seq and checks that every chain still holds.
func (h *house) audit(after int64) (since []domain.AuditEntry) {
	h.t.Helper()
	h.read(func(r service.Rows) error {
		entries, err := r.Audit().List(service.Query{Order: []string{"seq"}})
		last := map[string]domain.AuditEntry{}
		for _, e := range entries {
			hash, err := service.AuditHash(e)
			require.NoError(h.t, err)
			require.Equal(h.t, hash, e.Hash)
			require.Equal(h.t, last[e.Chain].Hash, e.Previous)
			require.Equal(h.t, last[e.Chain].ChainSeq+1, e.ChainSeq)
			last[e.Chain] = e
			if e.Seq > after {
				since = append(since, e)
			}
		}
		return err
	})
	return since
}

func (h *house) audited() (seq int64) {
	h.t.Helper()
	h.read(func(r service.Rows) error {
		last, err := r.Audit().Find(service.Query{Order: []string{"-seq"}, Limit: 1})
		seq = last.Seq
		return err
	})
	return seq
}
