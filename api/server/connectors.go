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
	Actions []Action  `json:"actions" nullable:"false" doc:"The most urgent first."`
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
	add(s, api, op{method: http.MethodGet, path: prefix + "/accounts/{id}/actions", id: "list-actions", tag: "accounts", summary: "What people of the account have to do"},
		func(ctx context.Context, in *ByID) (*one[ActionsNeeded], error) {
			a, err := s.Service.Actions(ctx, CallerFrom(ctx), in.ID)
			return &one[ActionsNeeded]{actionsOf(a, s.Service.Now())}, err
		})
}

func (s *server) consentBegun(start service.ConsentStart) ConsentBegun {
	return ConsentBegun{SessionID: start.SessionID, StartURL: s.PublicURL.JoinPath(start.Path).String(), ExpiresAt: start.ExpiresAt}
}
