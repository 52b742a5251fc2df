package scripted

import (
	"context"
	"sync"

	"consentry/internal/contract"
)

// Rotation plays activities.Rotation: the plan is a list that is used up, and
// each step answers with the next outcome, by default done.
type Rotation struct {
	Plan     []contract.RotationStep
	Outcomes map[string][]contract.RotationOutcome // by action

	mu    sync.Mutex
	calls []string
}

// Calls lists the steps that were carried out.
func (r *Rotation) Calls() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.calls...)
}

// ServicePlanRotation answers the next step of the plan.
func (r *Rotation) ServicePlanRotation(_ context.Context, in contract.RotationInput) (contract.RotationStep, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	step, ok := next(&r.Plan)
	if !ok {
		step = contract.RotationStep{Action: "nothing", Reason: "all_current", Message: "Nothing is due."}
	}
	step.CellID = in.CellID
	return step, nil
}

func (r *Rotation) do(in contract.RotationStep) (contract.RotationOutcome, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, in.Action)
	list := r.Outcomes[in.Action]
	out, _ := next(&list)
	if r.Outcomes != nil {
		r.Outcomes[in.Action] = list
	}
	return out, nil
}

// KeysMintCredential answers as the script says.
func (r *Rotation) KeysMintCredential(_ context.Context, in contract.RotationStep) (contract.RotationOutcome, error) {
	return r.do(in)
}

// GraphAddKey answers as the script says.
func (r *Rotation) GraphAddKey(_ context.Context, in contract.RotationStep) (contract.RotationOutcome, error) {
	return r.do(in)
}

// EntraProveCredential answers as the script says.
func (r *Rotation) EntraProveCredential(_ context.Context, in contract.RotationStep) (contract.RotationOutcome, error) {
	return r.do(in)
}

// ServiceActivateCredential answers as the script says.
func (r *Rotation) ServiceActivateCredential(_ context.Context, in contract.RotationStep) (contract.RotationOutcome, error) {
	return r.do(in)
}

// GraphRemoveKey answers as the script says.
func (r *Rotation) GraphRemoveKey(_ context.Context, in contract.RotationStep) (contract.RotationOutcome, error) {
	return r.do(in)
}
