package contract

import (
	"time"

	"consentry/internal/domain"
)

// MigrationInput starts MigrationWorkflow. The rows of the attempt are written
// before; the dates let the first workflow task arm its timer without asking.
type MigrationInput struct {
	AttemptID     string `json:"attemptId"`
	IntegrationID string `json:"integrationId"`
	AccountID     string `json:"accountId"`
	Region        string `json:"region"`
	CampaignID    string `json:"campaignId"`
	Dates         Dates  `json:"dates"`
	// Standing is where an attempt goes on whose workflow was lost; zero: it begins.
	Standing Standing `json:"standing,omitzero"`
}

// Dates is one reading of what the campaign says now. NextAt is the earlier of
// the next reminder and the deadline, zero when neither lies ahead.
type Dates struct {
	NextAt          time.Time `json:"nextAt"`
	Deadline        time.Time `json:"deadline"`
	CampaignVersion int64     `json:"campaignVersion"`
	ReadAt          time.Time `json:"readAt"`
	Overdue         bool      `json:"overdue"`
}

// ConsentGranted says that a verified consent session exists for the attempt.
// PhaseSeq numbers the phase ConfirmingConsent that it began, so that a repeat,
// or a message that the attempt has overtaken, is told from news.
type ConsentGranted struct {
	AttemptID        string `json:"attemptId"`
	ConsentSessionID string `json:"consentSessionId"`
	PhaseSeq         int64  `json:"phaseSeq"`
}

// DatesChanged asks the attempt to read its dates again.
type DatesChanged struct {
	AttemptID       string `json:"attemptId"`
	CampaignVersion int64  `json:"campaignVersion"`
}

// ActorChanged says that somebody else has to act in the phase AwaitingConsent of
// this number, because of how the last consent came out: Code, "" if nothing
// stands against another one.
type ActorChanged struct {
	AttemptID string `json:"attemptId"`
	PhaseSeq  int64  `json:"phaseSeq"`
	Code      string `json:"code,omitempty"`
}

// ApplyDecision asks the attempt to apply a decision row; the update's id is the
// decision's id.
type ApplyDecision struct {
	AttemptID  string `json:"attemptId"`
	DecisionID string `json:"decisionId"`
}

// DecisionResult is how a decision came out. A refusal is a result, not an
// error. Standing is the migration afterwards; DatesChanged says that its dates
// have to be read again.
type DecisionResult struct {
	State        domain.DecisionState `json:"state"`
	Code         string               `json:"code,omitempty"`
	DatesChanged bool                 `json:"datesChanged,omitempty"`
	Standing
}

// MigrationDescription answers the query "describe".
type MigrationDescription struct {
	AttemptID   string       `json:"attemptId"`
	Phase       domain.Phase `json:"phase"`
	Since       time.Time    `json:"since"`
	NeedsPerson string       `json:"needsPerson,omitempty"`
	ArmedFor    time.Time    `json:"armedFor"`
	Dates       Dates        `json:"dates"`
	Note        string       `json:"note,omitempty"`
}

// DirectorySyncInput starts DirectorySyncWorkflow. AttemptID is set for a
// migration's own runs. ShadowRunID names the staging that a first sync goes on
// from. Budget, if set, is when a first sync gives up so that the migration can
// go back.
type DirectorySyncInput struct {
	IntegrationID string         `json:"integrationId"`
	AccountID     string         `json:"accountId"`
	Region        string         `json:"region"`
	AttemptID     string         `json:"attemptId,omitempty"`
	Purpose       domain.Purpose `json:"purpose"`
	ShadowRunID   string         `json:"shadowRunId,omitempty"`
	Budget        time.Duration  `json:"budget,omitempty"`
}

// DirectorySyncResult is how a run ended: data, because every end is known.
// State stopped with Code says which rule; error says which fault, after the
// bounded retries of the run.
type DirectorySyncResult struct {
	RunID   string          `json:"runId"`
	State   domain.RunState `json:"state"`
	Code    string          `json:"code,omitempty"`
	Read    int64           `json:"read"`
	Added   int64           `json:"added"`
	Changed int64           `json:"changed"`
	Removed int64           `json:"removed"`
	Held    int64           `json:"held"`
}

// SweepInput starts SweepWorkflow for a region.
type SweepInput struct {
	Region string `json:"region"`
}

// RotationInput starts CertificateRotationWorkflow for a cell.
type RotationInput struct {
	CellID string `json:"cellId"`
}
