package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"consentry/internal/contract"
	"consentry/internal/rotation"
)

// rotationPatience is how long one run waits for the next step of what it began:
// proofs lie minutes apart. What lies further ahead is the next run's.
const rotationPatience = 20 * time.Minute

// rotationSteps bounds one run. A whole rotation takes about ten steps; a run
// that needs more than this is going round in circles and leaves a result that
// shows it.
const rotationSteps = 100

// CertificateRotationWorkflow brings the certificates of one cell up to date:
// plan from what is recorded, do that one thing, and plan again. It decides
// nothing and remembers nothing, so a run that is lost at any point is continued
// by the next. Its schedule is the only thing that starts it.
func CertificateRotationWorkflow(ctx workflow.Context, in contract.RotationInput) (contract.RotationResult, error) {
	var step contract.RotationStep
	for n := range rotationSteps {
		var err error
		if step, err = servicePlanRotation(ctx, in); err != nil {
			return contract.RotationResult{}, err
		}
		workflow.SetCurrentDetails(ctx, rotationDetails(in, step))
		result := contract.RotationResult{Steps: n, Reason: step.Reason, NextAt: step.Until, Message: step.Message}
		if step.Action == string(rotation.Nothing) {
			wait := step.Until.Sub(workflow.Now(ctx))
			if step.Until.IsZero() || wait > rotationPatience {
				return result, nil
			}
			if err := rest(ctx, max(wait, time.Second), step.Message); err != nil {
				return result, err
			}
			continue
		}
		out, err := rotationStep(ctx, step)
		if err != nil {
			return result, err
		}
		if out.Refused && step.Reason == string(rotation.WaitingForPerson) {
			return result, nil
		}
	}
	return contract.RotationResult{Steps: rotationSteps, Reason: step.Reason, Message: step.Message}, nil
}

func rotationStep(ctx workflow.Context, step contract.RotationStep) (contract.RotationOutcome, error) {
	switch rotation.Action(step.Action) {
	case rotation.Mint:
		return keysMintCredential(ctx, step)
	case rotation.Publish:
		return graphAddKey(ctx, step)
	case rotation.Prove:
		return entraProveCredential(ctx, step)
	case rotation.Activate:
		return serviceActivateCredential(ctx, step)
	case rotation.Retire:
		return graphRemoveKey(ctx, step)
	default:
		return contract.RotationOutcome{}, temporal.NewNonRetryableApplicationError("the plan asks for "+step.Action+", which this version does not know", contract.ErrMisconfigured, nil)
	}
}

func rest(ctx workflow.Context, d time.Duration, why string) error {
	return workflow.NewTimerWithOptions(ctx, d, workflow.TimerOptions{Summary: why}).Get(ctx, nil)
}

// rotationDetails is the page of a cell's rotation.
func rotationDetails(in contract.RotationInput, step contract.RotationStep) string {
	var d details
	if step.Action == string(rotation.Nothing) {
		d.say("Where", "**nothing to do now**. %s", step.Message)
	} else {
		d.say("Where", "the next step is **%s**.", step.Action)
		d.say("Why", "%s (`%s`)", step.Message, step.Reason)
	}
	if !step.Until.IsZero() {
		d.say("Until", "%s; what is further ahead than %s is left to the next run of the schedule.", stamp(step.Until), rotationPatience)
	}
	if step.Reason == string(rotation.WaitingForPerson) || step.Reason == string(rotation.FirstKey) {
		d.say("Who acts", "an engineer of the vendor adds the certificate to the app registration.")
	} else {
		d.say("Who acts", "nobody has to. An operator may rotate at once: `consentry rotate %s`.", in.CellID)
	}
	d.ids("cell", in.CellID, "credential", step.CredentialID)
	return d.String()
}
