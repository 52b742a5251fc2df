package server

import (
	"time"

	"consentry/internal/domain"
	"consentry/internal/service"
)

// Explanation says why an integration is where it is. The date in force is the
// store's, whatever a timer of the engine is set to.
type Explanation struct {
	IntegrationID string         `json:"integrationId"`
	AccountID     string         `json:"accountId"`
	Name          string         `json:"name"`
	MigrationID   string         `json:"migrationId,omitempty" doc:"The open migration, or else the latest."`
	Phase         domain.Phase   `json:"phase,omitempty"`
	Since         domain.Instant `json:"since" doc:"Of the phase."`
	Status        string         `json:"status" doc:"The console's word."`
	Sentence      string         `json:"sentence" doc:"All of it in one sentence."`
	Why           string         `json:"why"`
	Next          string         `json:"next,omitempty"`
	NextAt        domain.Instant `json:"nextAt" doc:"When something happens by itself; null: not at a known time."`
	Who           string         `json:"who" doc:"Who can act."`
	CanAct        []string       `json:"canAct" nullable:"false" doc:"Names of the account's people who may."`
	NeedsPerson   bool           `json:"needsPerson" doc:"It waits for somebody; nothing goes on by itself."`
	Overdue       bool           `json:"overdue"`
	DateInForce   domain.Instant `json:"dateInForce" doc:"When synchronization through the old app ends; null: no date is in force."`
	DateFrom      string         `json:"dateFrom" enum:"campaign,extension,none"`
	CampaignID    string         `json:"campaignId,omitempty"`
	Deletion      *Leaving       `json:"deletion,omitempty" doc:"The account is to be deleted, or is being deleted; absent: it stays."`
	Facts         []service.Fact `json:"facts" nullable:"false"`
	AsOf          time.Time      `json:"asOf" doc:"When this was true."`
}

// Leaving is the deletion of an account that is asked for or has begun.
type Leaving struct {
	State       string         `json:"state" enum:"pending,deleting,deleted"`
	RequestedBy string         `json:"requestedBy"`
	RequestedAt domain.Instant `json:"requestedAt"`
	Due         domain.Instant `json:"due" doc:"When it is deleted; until then the request can be withdrawn, and no migration begins."`
	BeganAt     domain.Instant `json:"beganAt"`
}

func leavingOf(d domain.AccountDeletion) *Leaving {
	if d.ID == "" {
		return nil
	}
	return &Leaving{State: string(d.State), RequestedBy: d.RequestedBy, RequestedAt: d.RequestedAt, Due: d.DueAt, BeganAt: d.BeganAt}
}

func explanationOf(e service.Explanation) Explanation {
	m := e.Migration
	return Explanation{
		IntegrationID: e.Integration.ID, AccountID: e.Integration.AccountID, Name: e.Integration.Name, MigrationID: m.ID, Phase: m.Phase, Since: m.PhaseSince,
		Status: e.Status, Sentence: e.Sentence, Why: e.Why, Next: e.Next, NextAt: domain.At(e.NextAt), Who: e.Who, CanAct: append([]string{}, e.CanAct...),
		NeedsPerson: e.NeedsPerson, Overdue: m.Overdue, DateInForce: domain.At(e.DateInForce), DateFrom: e.DateFrom, CampaignID: e.Campaign.ID,
		Deletion: leavingOf(e.Deletion), Facts: append([]service.Fact{}, e.Facts...), AsOf: e.AsOf,
	}
}

// WaitingMigration is a migration that goes on only when a person acts, or one
// that went over and whose connector has lost its consent since.
type WaitingMigration struct {
	MigrationID   string         `json:"migrationId"`
	IntegrationID string         `json:"integrationId"`
	Name          string         `json:"name" doc:"Of the integration."`
	AccountID     string         `json:"accountId"`
	AccountName   string         `json:"accountName"`
	Phase         domain.Phase   `json:"phase"`
	Since         domain.Instant `json:"since" doc:"Since when it waits."`
	Status        string         `json:"status" doc:"The console's word."`
	Overdue       bool           `json:"overdue"`
	Who           string         `json:"who" doc:"Who can act."`
	DateInForce   domain.Instant `json:"dateInForce"`
}

// WaitingMigrations are those of one campaign.
type WaitingMigrations struct {
	Items []WaitingMigration `json:"items" nullable:"false" doc:"Overdue ones and those whose connector lost its consent first, then the others, each the longest waiting first."`
	Total int                `json:"total" doc:"How many there are."`
	AsOf  time.Time          `json:"asOf" doc:"When this was true."`
}

func waitingOf(w service.Waiting) WaitingMigrations {
	out := WaitingMigrations{Items: []WaitingMigration{}, Total: w.Total, AsOf: w.AsOf.UTC()}
	for _, one := range w.Items {
		m := one.Migration
		out.Items = append(out.Items, WaitingMigration{
			MigrationID: m.ID, IntegrationID: m.IntegrationID, Name: one.Integration.Name, AccountID: m.AccountID, AccountName: one.Account.Name, Phase: m.Phase,
			Since: domain.At(one.Since), Status: one.Status, Overdue: m.Overdue, Who: one.Who, DateInForce: domain.At(one.DateInForce),
		})
	}
	return out
}
