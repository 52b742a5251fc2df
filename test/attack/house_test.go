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
	"consentry/test/standin"
)

const (
	contoso = standin.Contoso
	fabric  = standin.Fabrikam
	cellApp = standin.CellApp
	prefix  = "/api/v1"
)

// house is the product as an attacker on the internet meets it.
type house struct {
	t         *testing.T
	URL       string
	echo      *echo.Echo
	service   *service.Service
	store     service.Store
	engine    *standin.Engine
	clock     *standin.Clock
	microsoft *tokenService
	logged    *observer.ObservedLogs
	began     []domain.Migration // as the campaign started them
}

// grants counts what told a workflow that consent was given.
func (h *house) grants() int { return len(h.engine.Named(contract.SignalConsentGranted)) }

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

// newHouse meets the token service that lies on demand.
func newHouse(t *testing.T) *house {
	t.Helper()
	h := bareHouse(t, time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC))
	h.microsoft = newTokenService(t, h.clock.Now)
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
	h := &house{t: t, store: storetest.Open(t), engine: &standin.Engine{}, clock: standin.NewClock(now)}
	core, logged := observer.New(zapcore.DebugLevel)
	h.logged = logged
	h.service = service.New(service.Deps{Store: h.store, Engine: h.engine, Keeper: keeper, Now: h.clock.Now, Log: zap.New(core)})
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
	way := &door{legs: entra.NewSignIn(cloud, cellKey(), h.clock.Now), callback: h.URL + "/consent/callback"}
	server.Mount(e, server.Deps{
		Service: h.service, Consent: service.NewConsentFlow(h.service, way), Console: standin.Provider{}, PublicURL: public, Stopping: stopping, Log: zap.NewNop(),
	})

	standin.Customers(h.t, h.service, h.clock.Now())
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
	m.Phase, m.Open, m.EndedAt = phase, false, domain.At(h.clock.Now())
	require.NoError(h.t, h.store.Write(h.t.Context(), func(r service.Rows) error { return r.Migrations().Update(&m) }))
}

// rows is every row of every table but the audit, by table and id.
func (h *house) rows() map[string]string {
	h.t.Helper()
	all := map[string]string{}
	h.read(func(r service.Rows) error {
		return errors.Join(
			dump(all, "accounts", r.Accounts()), dump(all, "contacts", r.Contacts()), dump(all, "people", r.People()), dump(all, "grants", r.Grants()),
			dump(all, "sessions", r.Sessions()), dump(all, "sign_in_states", r.SignInStates()), dump(all, "temporal_visits", r.TemporalVisits()), dump(all, "integrations", r.Integrations()),
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
