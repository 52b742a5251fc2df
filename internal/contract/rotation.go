package contract

import "time"

// RotationStep is the next thing to do with a cell's certificates, as planned
// from what was recorded. Whoever carries it out asks again whether it still is.
type RotationStep struct {
	CellID       string    `json:"cellId"`
	Action       string    `json:"action"` // of package rotation
	CredentialID string    `json:"credentialId,omitempty"`
	SignerID     string    `json:"signerId,omitempty"`
	Reason       string    `json:"reason"`
	Message      string    `json:"message"`
	Until        time.Time `json:"until,omitzero"` // of nothing: when to ask again
}

// RotationOutcome is how a step came out. Overtaken means that it was no longer
// the next step; Refused that the token server does not accept the key yet;
// Lost that Microsoft's answer did not arrive, so that only a proof can tell.
type RotationOutcome struct {
	Overtaken bool `json:"overtaken,omitempty"`
	Refused   bool `json:"refused,omitempty"`
	Lost      bool `json:"lost,omitempty"`
}

// RotationResult is how one run of a cell's rotation ended.
type RotationResult struct {
	Steps   int       `json:"steps"`
	Reason  string    `json:"reason"`
	NextAt  time.Time `json:"nextAt,omitzero"`
	Message string    `json:"message"`
}
