package server

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"consentry/internal/domain"
	"consentry/internal/migration"
	"consentry/internal/service"
)

// Integration is one directory synchronization of an account.
type Integration struct {
	ID           string              `json:"id"`
	AccountID    string              `json:"accountId"`
	Name         string              `json:"name"`
	TenantID     string              `json:"tenantId"`
	TenantDomain string              `json:"tenantDomain"`
	Product      string              `json:"product"`
	Binding      domain.Binding      `json:"binding" enum:"legacy,connector"`
	ConnectorID  string              `json:"connectorId,omitempty"`
	Epoch        int64               `json:"epoch" doc:"Grows with every switch of the binding."`
	Settings     domain.SyncSettings `json:"settings"`
	Schedule     domain.SyncSchedule `json:"schedule"`
	Frozen       bool                `json:"frozen" doc:"Its migration is open: settings may not be edited."`
	SharedTenant bool                `json:"sharedTenant" doc:"Another account reads the same tenant."`
	Condition    Condition           `json:"condition"`
	NextDueAt    domain.Instant      `json:"nextDueAt"`
	LastSyncedAt domain.Instant      `json:"lastSyncedAt" doc:"As of when the mirror is complete."`
	LastRunID    string              `json:"lastRunId,omitempty"`
	Mirror       domain.Counts       `json:"mirror"`
	CreatedAt    domain.Instant      `json:"createdAt"`
}

func integrationOf(i domain.Integration) Integration {
	return Integration{
		ID: i.ID, AccountID: i.AccountID, Name: i.Name, TenantID: i.TenantID, TenantDomain: i.TenantDomain, Product: i.Product,
		Binding: i.Binding, ConnectorID: i.ConnectorID, Epoch: i.Epoch, Settings: i.Settings, Schedule: i.Schedule, Frozen: i.Frozen, SharedTenant: i.SharedTenant,
		Condition: Condition{State: i.Condition, Code: i.ConditionCode, Text: i.ConditionText, Since: i.ConditionSince},
		NextDueAt: i.NextDueAt, LastSyncedAt: i.LastSyncedAt, LastRunID: i.LastRunID,
		Mirror: domain.Counts{Users: i.Users, Groups: i.Groups, Memberships: i.Memberships}, CreatedAt: i.CreatedAt,
	}
}

// LegacyApp is the customer's hand-made app registration. Its secret is given to
// nobody.
type LegacyApp struct {
	ClientID     string         `json:"clientId"`
	Name         string         `json:"name"`
	SecretEndsAt domain.Instant `json:"secretEndsAt"`
	EnteredAt    domain.Instant `json:"secretEnteredAt" doc:"When a person replaced its secret; null: it came with the inventory."`
	SecretState  string         `json:"secretState" enum:"none,untried,refused,ended,ending,good" doc:"How its secret fares. untried: entered, and Microsoft has not been asked with it yet; ending: within thirty days."`
	SecretText   string         `json:"secretText" doc:"The same in words."`
	DestroyedAt  domain.Instant `json:"destroyedAt" doc:"When we destroyed our copy of its secret."`
	AskedAt      domain.Instant `json:"askedAt" doc:"When Microsoft last said something about it: before a roll-back, to whether it is removed, to a synchronization that it refused, or to the first one with a new secret."`
	Answer       string         `json:"answer,omitempty" doc:"What Microsoft answered then, in words."`
}

func legacyAppOf(a domain.LegacyApp, secret service.ViewSecret) *LegacyApp {
	if a.ID == "" {
		return nil
	}
	out := &LegacyApp{
		ClientID: a.ClientID, Name: a.Name, SecretEndsAt: a.SecretEndsAt, EnteredAt: a.SecretEnteredAt, SecretState: string(secret.State), SecretText: "The client secret " + secret.Text + ".",
		DestroyedAt: a.DestroyedAt, AskedAt: a.ProbedAt,
	}
	if !a.ProbedAt.IsZero() {
		out.Answer = migration.OldAppText(migration.OldApp(a.ProbeVerdict), a.ProbeCode)
	}
	return out
}

// IntegrationDetail is an integration with its legacy app and open migration.
type IntegrationDetail struct {
	Integration
	LegacyApp *LegacyApp `json:"legacyApp,omitempty"`
	Migration *Migration `json:"migration,omitempty" doc:"The open migration."`
}

// Connector is an account's consented link to one tenant for one product.
type Connector struct {
	ID             string         `json:"id"`
	AccountID      string         `json:"accountId"`
	TenantID       string         `json:"tenantId"`
	Product        string         `json:"product"`
	Name           string         `json:"name"`
	Description    string         `json:"description"`
	CellID         string         `json:"cellId"`
	PermissionSet  int            `json:"permissionSet"`
	Permissions    []string       `json:"permissions" doc:"Application permissions of the set."`
	ConsentedBy    string         `json:"consentedBy" doc:"Object id of the administrator in the tenant."`
	ConsentedAt    domain.Instant `json:"consentedAt"`
	ConfirmedAt    domain.Instant `json:"confirmedAt"`
	EnrolledAt     domain.Instant `json:"enrolledAt" doc:"When it was handed to its cell's rotation."`
	DisconnectedAt domain.Instant `json:"disconnectedAt" doc:"Nothing reads through it since; its condition is the last that was seen."`
	Condition      Condition      `json:"condition"`
	Reconnect      Reconnect      `json:"reconnect"`
	CreatedAt      domain.Instant `json:"createdAt"`
}

func connectorOf(c domain.Connector) Connector {
	return Connector{
		ID: c.ID, AccountID: c.AccountID, TenantID: c.TenantID, Product: c.Product, Name: c.Name, Description: c.Description, CellID: c.CellID,
		PermissionSet: c.PermissionSet, Permissions: append([]string{}, domain.PermissionSets[c.PermissionSet].Application...),
		ConsentedBy: c.ConsentedBy, ConsentedAt: c.ConsentedAt, ConfirmedAt: c.ConfirmedAt, EnrolledAt: c.EnrolledAt, DisconnectedAt: c.DisconnectedAt,
		Condition: Condition{State: c.Condition, Code: c.ConditionCode, Text: c.ConditionText, Since: c.ConditionSince}, Reconnect: reconnectOf(c), CreatedAt: c.CreatedAt,
	}
}

// ConnectorDetail is a connector with its certificate and what uses it.
type ConnectorDetail struct {
	Connector
	ApplicationID string        `json:"applicationId" doc:"Client id of the app that was consented."`
	Certificate   *Certificate  `json:"certificate,omitempty" doc:"The one in use."`
	Integrations  []Integration `json:"integrations" nullable:"false"`
}

func (s *server) integrationRoutes(api huma.API) {
	type listIn struct {
		Paging
		AccountID string `query:"accountId" maxLength:"100"`
	}
	add(s, api, op{method: http.MethodGet, path: prefix + "/integrations", id: "list-integrations", tag: "integrations", summary: "Directory synchronizations"},
		func(ctx context.Context, in *listIn) (*list[Integration], error) {
			rows, err := s.Service.Integrations(ctx, CallerFrom(ctx), in.AccountID, in.page())
			return listOf(rows, integrationOf), err
		})
	add(s, api, op{method: http.MethodGet, path: prefix + "/integrations/{id}", id: "get-integration", tag: "integrations", summary: "One directory synchronization"},
		func(ctx context.Context, in *ByID) (*one[IntegrationDetail], error) {
			r, err := s.Service.Integration(ctx, CallerFrom(ctx), in.ID)
			if err != nil {
				return nil, err
			}
			d := IntegrationDetail{Integration: integrationOf(r.Integration), LegacyApp: legacyAppOf(r.Legacy, r.Secret)}
			if r.Migration.ID != "" {
				m := migrationOf(r.Migration)
				d.Migration = &m
			}
			return &one[IntegrationDetail]{d}, nil
		})
	s.secretRoutes(api)
	s.connectorRoutes(api)
	s.leavingRoutes(api)
	add(s, api, op{method: http.MethodGet, path: prefix + "/integrations/{id}/explanation", id: "explain-integration", tag: "integrations", summary: "Why it is where it is, what happens next and when, and who can act"},
		func(ctx context.Context, in *ByID) (*one[Explanation], error) {
			e, err := s.Service.Explain(ctx, CallerFrom(ctx), in.ID)
			return &one[Explanation]{explanationOf(e)}, err
		})
	s.syncRoutes(api)
}

func connectorDetailOf(r service.ConnectorRead) ConnectorDetail {
	d := ConnectorDetail{Connector: connectorOf(r.Connector), ApplicationID: r.Cell.ClientID, Integrations: []Integration{}}
	if r.Certificate.Active.ID != "" {
		c := certificateOf(r.Certificate.Active)
		d.Certificate = &c
	}
	for _, i := range r.Integrations {
		d.Integrations = append(d.Integrations, integrationOf(i))
	}
	return d
}
