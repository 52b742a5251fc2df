package server

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"consentry/internal/domain"
	"consentry/internal/service"
)

// Action is something that a person of the account has to do.
type Action struct {
	Kind        string     `json:"kind" enum:"migrate,reconnect"`
	Title       string     `json:"title"`
	Why         string     `json:"why,omitempty"`
	MigrationID string     `json:"migrationId,omitempty"`
	ConnectorID string     `json:"connectorId,omitempty"`
	Due         *time.Time `json:"due,omitempty" doc:"When synchronization through the legacy app ends; absent: no date is enforced."`
}

// ActionsNeeded is everything that is to do in an account.
type ActionsNeeded struct {
	Actions []Action  `json:"actions" nullable:"false" doc:"The most urgent first; what is on hold, because its campaign is paused, is none of them."`
	AsOf    time.Time `json:"asOf"`
}

func actionsOf(a service.Actions, asOf time.Time) ActionsNeeded {
	needed := ActionsNeeded{Actions: []Action{}, AsOf: asOf.UTC()}
	for _, r := range a.Reconnects {
		needed.Actions = append(needed.Actions, Action{Kind: "reconnect", Title: "Reconnect " + r.Connector.Name, Why: r.Connector.ConditionText, ConnectorID: r.Connector.ID})
	}
	for _, t := range a.Tasks {
		action := Action{Kind: "migrate", Title: "Migrate " + t.Integration.Name, Why: t.Migration.ConsentText, MigrationID: t.Migration.ID}
		if !t.DateInForce.IsZero() {
			due := t.DateInForce.UTC()
			action.Due = &due
		}
		needed.Actions = append(needed.Actions, action)
	}
	return needed
}

// Reconnect says how consenting anew to a connector stands.
type Reconnect struct {
	Needed   bool           `json:"needed" doc:"Microsoft no longer lets the connector read; an administrator has to consent again."`
	Checking bool           `json:"checking" doc:"A consent was given and is being checked with real calls."`
	Since    domain.Instant `json:"since" doc:"Of the check."`
	Problem  *Reason        `json:"problem,omitempty" doc:"Why the last consent for it came to nothing."`
}

func reconnectOf(c domain.Connector) Reconnect {
	return Reconnect{
		Needed: c.Condition == domain.ConditionError && c.DisconnectedAt.IsZero(), Checking: c.ReconnectSession != "", Since: c.ReconnectSince,
		Problem: reason(c.ReconnectCode, c.ReconnectText),
	}
}

// Disconnected is the receipt of a disconnected connector.
type Disconnected struct {
	ConnectorID    string         `json:"connectorId"`
	TenantID       string         `json:"tenantId"`
	ApplicationID  string         `json:"applicationId" doc:"Our application, which an administrator can remove from the tenant."`
	DisconnectedAt domain.Instant `json:"disconnectedAt"`
	DisconnectedBy string         `json:"disconnectedBy"`
	ByName         string         `json:"disconnectedByName,omitempty" doc:"Of the person or token; absent when it is not known any more."`
	SessionsEnded  int            `json:"sessionsEnded" doc:"Consent sessions that were open and ended with it."`
	EvidenceUntil  domain.Instant `json:"evidenceUntil" doc:"Until when the evidence of the consent is kept."`
	NextStep       string         `json:"nextStep"`
	AsOf           domain.Instant `json:"asOf"`
}

func disconnectedOf(d service.Disconnected) Disconnected {
	return Disconnected{
		ConnectorID: d.Connector.ID, TenantID: d.Connector.TenantID, ApplicationID: d.Cell.ClientID, DisconnectedAt: d.Connector.DisconnectedAt,
		DisconnectedBy: d.Connector.DisconnectedBy, SessionsEnded: d.Sessions, EvidenceUntil: d.Connector.EvidenceUntil, AsOf: d.AsOf,
		NextStep: "Remove our application from your tenant: Entra admin center, Enterprise applications, compare the application id, Properties, Delete.",
	}
}

// TenantUse is an operator's decision that an account may use a tenant of several.
type TenantUse struct {
	TenantID  string         `json:"tenantId"`
	AccountID string         `json:"accountId"`
	Reason    string         `json:"reason"`
	DecidedBy string         `json:"decidedBy"`
	DecidedAt domain.Instant `json:"decidedAt"`
}

// TenantUses is every account that the decision lists.
type TenantUses struct {
	Uses []TenantUse `json:"uses" nullable:"false"`
}

func (s *server) connectorRoutes(api huma.API) {
	type listIn struct {
		Paging
		AccountID string `query:"accountId" maxLength:"100"`
	}
	add(s, api, op{method: http.MethodGet, path: prefix + "/connectors", id: "list-connectors", tag: "connectors", summary: "Connectors"},
		func(ctx context.Context, in *listIn) (*list[Connector], error) {
			rows, err := s.Service.Connectors(ctx, CallerFrom(ctx), in.AccountID, in.page())
			return listOf(rows, connectorOf), err
		})
	add(s, api, op{method: http.MethodGet, path: prefix + "/connectors/{id}", id: "get-connector", tag: "connectors", summary: "One connector with its certificate"},
		func(ctx context.Context, in *ByID) (*one[ConnectorDetail], error) {
			r, err := s.Service.Connector(ctx, CallerFrom(ctx), in.ID)
			if err != nil {
				return nil, err
			}
			return &one[ConnectorDetail]{connectorDetailOf(r)}, nil
		})
	add(s, api, op{method: http.MethodPost, path: prefix + "/connectors/{id}/consent-sessions", id: "begin-reconnect", tag: "consent", summary: "Begin a consent that connects the connector anew; an earlier open one of the same person ends", status: http.StatusCreated},
		func(ctx context.Context, in *ByID) (*one[ConsentBegun], error) {
			start, err := s.Service.BeginReconnect(ctx, CallerFrom(ctx), in.ID)
			return &one[ConsentBegun]{s.consentBegun(start)}, err
		})
	add(s, api, op{method: http.MethodDelete, path: prefix + "/connectors/{id}", id: "disconnect", tag: "connectors", summary: "Let a connector go that nothing uses; asking again answers the same receipt"},
		func(ctx context.Context, in *ByID) (*one[Disconnected], error) {
			d, err := s.Service.Disconnect(ctx, CallerFrom(ctx), in.ID)
			if err != nil {
				return nil, err
			}
			out := disconnectedOf(d)
			names, err := s.Service.NamesOf(ctx, CallerFrom(ctx), out.DisconnectedBy)
			out.ByName = names[out.DisconnectedBy]
			return &one[Disconnected]{out}, err
		})
	type allowIn struct {
		Body struct {
			TenantID   string   `json:"tenantId" doc:"A GUID."`
			AccountIDs []string `json:"accountIds" maxItems:"100"`
			Reason     string   `json:"reason" doc:"Why, at most 240 characters."`
		}
	}
	add(s, api, op{method: http.MethodPost, path: prefix + "/tenant-uses", id: "allow-tenant-use", tag: "accounts", summary: "Decide that accounts share a tenant; each still proves itself (operators)"},
		func(ctx context.Context, in *allowIn) (*one[TenantUses], error) {
			rows, err := s.Service.AllowTenantUse(ctx, CallerFrom(ctx), in.Body.TenantID, in.Body.AccountIDs, in.Body.Reason)
			uses := TenantUses{Uses: []TenantUse{}}
			for _, u := range rows {
				uses.Uses = append(uses.Uses, TenantUse{TenantID: u.TenantID, AccountID: u.AccountID, Reason: u.Reason, DecidedBy: u.DecidedBy, DecidedAt: u.DecidedAt})
			}
			return &one[TenantUses]{uses}, err
		})
	add(s, api, op{method: http.MethodGet, path: prefix + "/accounts/{id}", id: "get-account", tag: "accounts", summary: "One account"},
		func(ctx context.Context, in *ByID) (*one[Account], error) {
			a, err := s.Service.Account(ctx, CallerFrom(ctx), in.ID)
			return &one[Account]{accountOf(a)}, err
		})
	add(s, api, op{method: http.MethodGet, path: prefix + "/accounts/{id}/actions", id: "list-actions", tag: "accounts", summary: "What people of the account have to do"},
		func(ctx context.Context, in *ByID) (*one[ActionsNeeded], error) {
			a, err := s.Service.Actions(ctx, CallerFrom(ctx), in.ID)
			return &one[ActionsNeeded]{actionsOf(a, s.Service.Now())}, err
		})
}

func (s *server) consentBegun(start service.ConsentStart) ConsentBegun {
	return ConsentBegun{SessionID: start.SessionID, StartURL: s.PublicURL.JoinPath(start.Path).String(), ExpiresAt: start.ExpiresAt}
}
