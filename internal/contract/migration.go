package contract

import (
	"time"

	"consentry/internal/domain"
)

// Standing is where a migration stands after a command. PhaseSeq orders the
// standings: answers can overtake each other, and the one with the higher
// number is the later truth. Until is when the phase ends by itself, if it does.
type Standing struct {
	Phase    domain.Phase `json:"phase"`
	PhaseSeq int64        `json:"phaseSeq"`
	Code     string       `json:"code,omitempty"` // why the last consent, proof or cut-over came back
	Until    time.Time    `json:"until,omitzero"`
	Dates    *Dates       `json:"dates,omitempty"` // where the command read them anew
}

// Attempt names the migration that an activity acts on.
type Attempt struct {
	AttemptID string `json:"attemptId"`
}

// ConsentLost says that Microsoft no longer lets the connector read.
type ConsentLost struct {
	AttemptID string `json:"attemptId"`
	Code      string `json:"code"`
}

// ShadowRead says that a shadow run is complete and can be compared. Frozen
// means that the legacy side could not be read before it.
type ShadowRead struct {
	AttemptID   string `json:"attemptId"`
	ShadowRunID string `json:"shadowRunId"`
	Frozen      bool   `json:"frozen"`
}

// CutOver is what the first synchronization needs once the binding is switched.
type CutOver struct {
	Standing
	ShadowRunID string        `json:"shadowRunId"`
	Budget      time.Duration `json:"budget"`
}

// FirstSyncDone names the run that completes a cut-over.
type FirstSyncDone struct {
	AttemptID string `json:"attemptId"`
	RunID     string `json:"runId"`
}

// FirstSyncFailed names the reason why a cut-over has to be taken back.
type FirstSyncFailed struct {
	AttemptID string `json:"attemptId"`
	RunID     string `json:"runId,omitempty"`
	Code      string `json:"code"`
}

// Waiting says that an outside part does not answer, since when the attempt
// retries by itself.
type Waiting struct {
	AttemptID string    `json:"attemptId"`
	Code      string    `json:"code"`
	RetryAt   time.Time `json:"retryAt"`
}

// MigrationResult is how an attempt ended.
type MigrationResult struct {
	AttemptID string       `json:"attemptId"`
	Phase     domain.Phase `json:"phase"`
}

// CodeOtherAttempt answers a decision that was meant for another attempt of the
// same integration.
const CodeOtherAttempt = "other-attempt"
