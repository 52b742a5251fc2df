package server

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"consentry/internal/domain"
	"consentry/internal/service"
)

// DecisionAsked is what a person asks of a migration; each kind needs its own
// fields.
type DecisionAsked struct {
	Kind            domain.DecisionKind `json:"kind" enum:"describe,approve,refuse,cancel,roll-back,extend,clean-up"`
	Description     string              `json:"description,omitempty" doc:"describe: 10 to 120 characters that say more than the name."`
	GoOnIfUnchanged bool                `json:"goOnIfUnchanged,omitempty" doc:"describe: cut over by itself when nothing changes."`
	ProofID         string              `json:"proofId,omitempty" doc:"approve: the proof that was seen."`
	Reason          string              `json:"reason,omitempty" doc:"Why, at most 240 characters; roll-back and refuse need it."`
	Deadline        domain.Instant      `json:"deadline,omitzero" doc:"extend: the new date."`
	Removed         bool                `json:"removed,omitempty" doc:"clean-up: true = the old app is removed, false = declined."`
}

// ConsentBegun is where an administrator of the tenant begins.
type ConsentBegun struct {
	SessionID string         `json:"sessionId"`
	StartURL  string         `json:"startUrl" doc:"Works for the first browser that opens it; needs no login here."`
	ExpiresAt domain.Instant `json:"expiresAt"`
}

// decisionAnswer is 200 once the decision is applied or refused, 202 with its
// address while it is given.
type decisionAnswer struct {
	Status   int
	Location string `header:"Location"`
	Body     Decision
}

// migrationAnswer carries the status of what was asked.
type migrationAnswer struct {
	Location string `header:"Location"`
	Body     Migration
}

func (s *server) migrationRoutes(api huma.API) {
	s.migrationReads(api)
	add(s, api, op{method: http.MethodPost, path: prefix + "/integrations/{id}/migrations", id: "start-migration", tag: "migrations", summary: "Start a migration of the integration; an open one is the answer", status: http.StatusCreated},
		func(ctx context.Context, in *ByID) (*migrationAnswer, error) {
			m, err := s.Service.StartMigration(ctx, CallerFrom(ctx), in.ID)
			return &migrationAnswer{Location: prefix + "/migrations/" + m.ID, Body: migrationOf(m)}, err
		})
	add(s, api, op{method: http.MethodPost, path: prefix + "/migrations/{id}/consent-sessions", id: "begin-consent", tag: "consent", summary: "Begin a consent; an earlier open one of the same person ends", status: http.StatusCreated},
		func(ctx context.Context, in *ByID) (*one[ConsentBegun], error) {
			start, err := s.Service.BeginConsent(ctx, CallerFrom(ctx), in.ID)
			return &one[ConsentBegun]{s.consentBegun(start)}, err
		})

	type grantIn struct {
		ByID
		Body struct {
			ConsentSessionID string `json:"consentSessionId" minLength:"1" maxLength:"100"`
		}
	}
	add(s, api, op{method: http.MethodPost, path: prefix + "/migrations/{id}/signals/consent-granted", id: "signal-consent-granted", tag: "consent", summary: "Say that a verified session granted the consent; saying it again changes nothing", status: http.StatusAccepted},
		func(ctx context.Context, in *grantIn) (*one[Migration], error) {
			m, err := s.Service.GrantConsent(ctx, CallerFrom(ctx), in.ID, in.Body.ConsentSessionID)
			return &one[Migration]{migrationOf(m)}, err
		})

	type decideIn struct {
		ByID
		Key  string `header:"Idempotency-Key" maxLength:"200" doc:"A repeat with the same key answers alike and changes nothing."`
		Body DecisionAsked
	}
	add(s, api, op{method: http.MethodPost, path: prefix + "/migrations/{id}/decisions", id: "decide", tag: "decisions", summary: "Give a decision; 202 with its address when it is not applied within seconds", also: http.StatusAccepted},
		func(ctx context.Context, in *decideIn) (*decisionAnswer, error) {
			asked := in.Body
			detail := domain.DecisionDetail{
				Description: asked.Description, GoOnIfUnchanged: asked.GoOnIfUnchanged, ProofID: asked.ProofID,
				Reason: asked.Reason, Deadline: asked.Deadline, Removed: asked.Removed,
			}
			if in.Key == "" {
				in.Key = domain.NewID("key") // asked without one: every request is a decision of its own
			}
			d, err := s.Service.GiveDecision(ctx, CallerFrom(ctx), in.Key, in.ID, asked.Kind, detail)
			if err != nil {
				return nil, err
			}
			named, err := s.Service.Decision(ctx, CallerFrom(ctx), d.ID)
			if domain.KindOf(err) == domain.Unavailable {
				err = nil // it is stored; only who gave it cannot be named now
			}
			answer := &decisionAnswer{Status: http.StatusOK, Location: prefix + "/decisions/" + d.ID, Body: decisionOf(d)}
			answer.Body.GivenByName = named.By
			if d.State == domain.DecisionGiven {
				answer.Status = http.StatusAccepted
			}
			return answer, err
		})
}

func (s *server) migrationReads(api huma.API) {
	type listIn struct {
		Paging
		AccountID     string `query:"accountId" maxLength:"100"`
		IntegrationID string `query:"integrationId" maxLength:"100"`
		CampaignID    string `query:"campaignId" maxLength:"100"`
		Phase         string `query:"phase" enum:"AwaitingConsent,ConfirmingConsent,AwaitingDescription,Proving,AwaitingApproval,CuttingOver,Migrated,CleanUp,Closed,RolledBack,Cancelled"`
	}
	add(s, api, op{method: http.MethodGet, path: prefix + "/migrations", id: "list-migrations", tag: "migrations", summary: "Migrations"},
		func(ctx context.Context, in *listIn) (*list[Migration], error) {
			filter := service.MigrationFilter{AccountID: in.AccountID, IntegrationID: in.IntegrationID, CampaignID: in.CampaignID, Phase: domain.Phase(in.Phase)}
			rows, err := s.Service.Migrations(ctx, CallerFrom(ctx), filter, in.page())
			return listOf(rows, migrationOf), err
		})
	add(s, api, op{method: http.MethodGet, path: prefix + "/migrations/{id}", id: "get-migration", tag: "migrations", summary: "One migration with its proof, decisions and receipt"},
		func(ctx context.Context, in *ByID) (*one[MigrationDetail], error) {
			r, err := s.Service.Migration(ctx, CallerFrom(ctx), in.ID)
			if err != nil {
				return nil, err
			}
			return &one[MigrationDetail]{migrationDetailOf(r)}, nil
		})
	type decisionsIn struct {
		Paging
		MigrationID string `query:"migrationId" maxLength:"100"`
	}
	add(s, api, op{method: http.MethodGet, path: prefix + "/decisions", id: "list-decisions", tag: "decisions", summary: "Decisions"},
		func(ctx context.Context, in *decisionsIn) (*list[Decision], error) {
			rows, err := s.Service.Decisions(ctx, CallerFrom(ctx), in.MigrationID, in.page())
			return listOf(rows, namedDecisionOf), err
		})
	add(s, api, op{method: http.MethodGet, path: prefix + "/decisions/{id}", id: "get-decision", tag: "decisions", summary: "One decision"},
		func(ctx context.Context, in *ByID) (*one[Decision], error) {
			d, err := s.Service.Decision(ctx, CallerFrom(ctx), in.ID)
			return &one[Decision]{namedDecisionOf(d)}, err
		})
}
