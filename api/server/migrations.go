package server

import (
	"time"

	"consentry/internal/domain"
	"consentry/internal/migration"
	"consentry/internal/service"
)

// Migration is one attempt to move one integration to a connector. Its id is the
// attempt's.
type Migration struct {
	ID              string         `json:"id"`
	AccountID       string         `json:"accountId"`
	IntegrationID   string         `json:"integrationId"`
	CampaignID      string         `json:"campaignId,omitempty"`
	Region          string         `json:"region"`
	Phase           domain.Phase   `json:"phase"`
	PhaseSince      domain.Instant `json:"phaseSince"`
	NeedsPerson     string         `json:"needsPerson,omitempty" doc:"Who can act now: tenant-administrator, account-administrator or operator."`
	Open            bool           `json:"open"`
	Overdue         bool           `json:"overdue"`
	OverdueSince    domain.Instant `json:"overdueSince"`
	ConnectorID     string         `json:"connectorId,omitempty"`
	Description     string         `json:"description,omitempty"`
	GoOnIfUnchanged bool           `json:"goOnIfUnchanged"`
	ProofID         string         `json:"proofId,omitempty" doc:"The proof an approval has to name."`
	ConsentProblem  *Reason        `json:"consentProblem,omitempty" doc:"Why the last consent failed."`
	Failure         *Reason        `json:"failure,omitempty" doc:"Why the last proof or cut-over came back."`
	Waiting         *Reason        `json:"waiting,omitempty" doc:"An outside part does not answer; retried by itself."`
	WaitingSince    domain.Instant `json:"waitingSince"`
	MigratedAt      domain.Instant `json:"migratedAt"`
	WayBackUntil    domain.Instant `json:"wayBackUntil"`
	StartedAt       domain.Instant `json:"startedAt"`
	EndedAt         domain.Instant `json:"endedAt"`
	UpdatedAt       domain.Instant `json:"updatedAt"`
}

func migrationOf(m domain.Migration) Migration {
	return Migration{
		ID: m.ID, AccountID: m.AccountID, IntegrationID: m.IntegrationID, CampaignID: m.CampaignID, Region: m.Region,
		Phase: m.Phase, PhaseSince: m.PhaseSince, NeedsPerson: migration.NeedsPerson(m.Phase, m.ConsentCode), Open: m.Open, Overdue: m.Overdue, OverdueSince: m.OverdueSince,
		ConnectorID: m.ConnectorID, Description: m.Description, GoOnIfUnchanged: m.GoOnIfUnchanged, ProofID: m.ProofID,
		ConsentProblem: reason(m.ConsentCode, m.ConsentText), Failure: reason(m.FailureCode, m.FailureText), Waiting: reason(m.WaitingCode, m.WaitingText),
		WaitingSince: m.WaitingSince, MigratedAt: m.MigratedAt, WayBackUntil: m.WayBackUntil, StartedAt: m.StartedAt, EndedAt: m.EndedAt, UpdatedAt: m.UpdatedAt,
	}
}

// MigrationDetail is a migration with its dates, what was shown, asked and done.
type MigrationDetail struct {
	Migration
	DateInForce *time.Time     `json:"dateInForce,omitempty" doc:"When synchronization through the legacy app ends; absent: no date is enforced."`
	Armed       Armed          `json:"armed"`
	Consent     *ConsentState  `json:"consent,omitempty" doc:"The latest consent session."`
	Connector   *Connector     `json:"connector,omitempty"`
	Proof       *Proof         `json:"proof,omitempty"`
	Decisions   []Decision     `json:"decisions" nullable:"false" doc:"The latest first."`
	Receipt     *Receipt       `json:"receipt,omitempty" doc:"Once migrated."`
	Deadline    domain.Instant `json:"deadline" doc:"An extension of this account's own."`
}

// Armed is what the workflow's one timer is set to; the date in force is what
// the store says.
type Armed struct {
	For             domain.Instant `json:"for"`
	CampaignVersion int64          `json:"campaignVersion"`
	ReadAt          domain.Instant `json:"readAt"`
}

// ConsentState is one attempt to consent.
type ConsentState struct {
	SessionID string                `json:"sessionId"`
	Leg       domain.ConsentLeg     `json:"leg"`
	Outcome   domain.ConsentOutcome `json:"outcome"`
	Problem   *Reason               `json:"problem,omitempty"`
	BegunAt   domain.Instant        `json:"begunAt"`
	ExpiresAt domain.Instant        `json:"expiresAt"`
	EndedAt   domain.Instant        `json:"endedAt"`
}

// Proof is what comparing the connector's reading with the mirror showed.
type Proof struct {
	ID          string              `json:"id"`
	Equal       bool                `json:"equal" doc:"Nothing changes."`
	Differences int64               `json:"differences"`
	Frozen      bool                `json:"frozen" doc:"Compared with the mirror as it stood: legacy could not be read."`
	AsOf        domain.Instant      `json:"asOf" doc:"When the mirror's side was last true."`
	ReadAt      domain.Instant      `json:"readAt"`
	Mirror      domain.Counts       `json:"mirror"`
	Shadow      domain.Counts       `json:"shadow"`
	Added       domain.Counts       `json:"added"`
	Changed     domain.Counts       `json:"changed"`
	Removed     domain.Counts       `json:"removed"`
	Examples    []domain.Difference `json:"examples" nullable:"false"`
}

// Decision is what a person asked for and how it came out.
type Decision struct {
	ID          string               `json:"id"`
	AccountID   string               `json:"accountId"`
	MigrationID string               `json:"migrationId"`
	Kind        domain.DecisionKind  `json:"kind"`
	State       domain.DecisionState `json:"state" enum:"given,applied,refused"`
	Refusal     *Reason              `json:"refusal,omitempty"`
	Because     string               `json:"because,omitempty" doc:"The reason that was given with it, in the giver's words."`
	GivenBy     string               `json:"givenBy"`
	GivenByName string               `json:"givenByName,omitempty" doc:"Of the person or token; absent when it is not known any more."`
	GivenAt     domain.Instant       `json:"givenAt"`
	DecidedAt   domain.Instant       `json:"decidedAt"`
}

func namedDecisionOf(d service.NamedDecision) Decision {
	out := decisionOf(d.Decision)
	out.GivenByName = d.By
	return out
}

func decisionOf(d domain.Decision) Decision {
	return Decision{
		ID: d.ID, AccountID: d.AccountID, MigrationID: d.MigrationID, Kind: d.Kind, State: d.State, Refusal: reason(d.Code, d.Reason),
		GivenBy: d.GivenBy, GivenAt: d.GivenAt, DecidedAt: d.DecidedAt, Because: d.Detail.Reason,
	}
}

// Receipt is what a finished switch leaves: what was done, until when it can be
// undone, and what is recommended next.
type Receipt struct {
	MigratedAt         domain.Instant `json:"migratedAt"`
	ApprovedBy         string         `json:"approvedBy" doc:"Id of the person or token whose decision led to it: the approval, or the description with goOnIfUnchanged."`
	ApprovedByName     string         `json:"approvedByName,omitempty" doc:"Absent when it is not known any more."`
	ApprovedAt         domain.Instant `json:"approvedAt"`
	ConnectorID        string         `json:"connectorId"`
	ConnectorName      string         `json:"connectorName"`
	Description        string         `json:"description"`
	WayBackUntil       domain.Instant `json:"wayBackUntil"`
	WayBackOpen        bool           `json:"wayBackOpen" doc:"It can be rolled back now, as far as our rows say."`
	NoWayBack          string         `json:"noWayBack,omitempty" doc:"Why it cannot, while its window is open."`
	CleanUpUntil       domain.Instant `json:"cleanUpUntil" doc:"When the recommendation ends by itself, once the way back is closed."`
	OldApp             *LegacyApp     `json:"oldApp,omitempty"`
	OldAppRemoved      string         `json:"oldAppRemoved,omitempty" doc:"confirmed by a person, proven by Microsoft's answer, or declined"`
	RemovalAdvisedFrom domain.Instant `json:"removalAdvisedFrom"`
	Recommendation     string         `json:"recommendation"`
}

func receiptOf(r service.MigrationRead) *Receipt {
	m := r.Migration
	if !m.Phase.Switched() {
		return nil
	}
	return &Receipt{
		MigratedAt: m.MigratedAt, ApprovedBy: r.Approval.GivenBy, ApprovedByName: r.Approval.By, ApprovedAt: r.Approval.GivenAt, ConnectorID: r.Connector.ID, ConnectorName: r.Connector.Name, Description: r.Connector.Description,
		WayBackUntil: m.WayBackUntil, WayBackOpen: m.Phase == domain.Migrated && r.NoWayBack == "", NoWayBack: r.NoWayBack, CleanUpUntil: m.CleanUpUntil, OldApp: legacyAppOf(r.Legacy, r.Secret), OldAppRemoved: m.OldAppRemoved, RemovalAdvisedFrom: m.RemovalAdvised,
		Recommendation: "Remove the old app registration in your tenant from the date given, if nothing else uses it: Entra admin center, App registrations, compare the application id, Delete. Microsoft can restore it for 30 days.",
	}
}

func migrationDetailOf(r service.MigrationRead) MigrationDetail {
	m := r.Migration
	d := MigrationDetail{
		Migration: migrationOf(m), Armed: Armed{For: m.ArmedFor, CampaignVersion: m.ArmedVersion, ReadAt: m.ArmedReadAt},
		Decisions: []Decision{}, Receipt: receiptOf(r), Deadline: m.Deadline,
	}
	if !r.DateInForce.IsZero() {
		date := r.DateInForce.UTC()
		d.DateInForce = &date
	}
	if cs := r.Session; cs.ID != "" {
		d.Consent = &ConsentState{
			SessionID: cs.ID, Leg: cs.Leg, Outcome: cs.Outcome, Problem: reason(cs.Code, cs.Text),
			BegunAt: cs.CreatedAt, ExpiresAt: cs.ExpiresAt, EndedAt: cs.EndedAt,
		}
	}
	if r.Connector.ID != "" {
		c := connectorOf(r.Connector)
		d.Connector = &c
	}
	if p := r.Proof; p.ID != "" {
		d.Proof = &Proof{
			ID: p.ID, Equal: p.Equal(), Differences: p.Differences(), Frozen: p.Frozen, AsOf: p.AsOf, ReadAt: p.ReadAt,
			Mirror: p.Mirror, Shadow: p.Shadow, Added: p.Added, Changed: p.Changed, Removed: p.Removed, Examples: append([]domain.Difference{}, p.Examples...),
		}
	}
	for _, one := range r.Decisions {
		d.Decisions = append(d.Decisions, namedDecisionOf(one))
	}
	return d
}
