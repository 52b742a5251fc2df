package workflows

import (
	"go.temporal.io/sdk/workflow"

	"consentry/activities"
	"consentry/internal/contract"
)

// The activities as workflow code names them. The pointers are nil: only their
// method names matter, which are the activity types. This is the one file of
// the room that knows the activities' types; everything else calls the typed
// functions below.
var (
	syncs      *activities.Sync
	migrations *activities.Migration
	rotations  *activities.Rotation
	connectors *activities.Connector
	leavings   *activities.Leaving
)

// ---- Migration ------------------------------------------------------------

func entraConfirmConsent(ctx workflow.Context, in contract.Attempt) (out contract.Standing, err error) {
	err = workflow.ExecuteActivity(watch(ctx, "confirm the consent with real calls"), migrations.EntraConfirmConsent, in).Get(ctx, &out)
	return out, err
}

func entraFindApprovals(ctx workflow.Context, in contract.SweepInput) (out contract.ApprovalsFound, err error) {
	err = workflow.ExecuteActivity(ctx, migrations.EntraFindApprovals, in).Get(ctx, &out)
	return out, err
}

func serviceHealLost(ctx workflow.Context, in contract.SweepInput) (out contract.LostHealed, err error) {
	err = workflow.ExecuteActivity(ctx, migrations.ServiceHealLost, in).Get(ctx, &out)
	return out, err
}

func serviceApplyDecision(ctx workflow.Context, in contract.ApplyDecision) (out contract.DecisionResult, err error) {
	err = workflow.ExecuteActivity(command(ctx, "apply decision "+in.DecisionID), migrations.ServiceApplyDecision, in).Get(ctx, &out)
	return out, err
}

func serviceLoseConsent(ctx workflow.Context, in contract.ConsentLost) (out contract.Standing, err error) {
	err = workflow.ExecuteActivity(command(ctx, "ask for consent again: "+in.Code), migrations.ServiceLoseConsent, in).Get(ctx, &out)
	return out, err
}

func serviceRecordProof(ctx workflow.Context, in contract.ShadowRead) (out contract.Standing, err error) {
	err = workflow.ExecuteActivity(comparison(ctx, "compare both sides"), migrations.ServiceRecordProof, in).Get(ctx, &out)
	return out, err
}

func serviceBeginCutOver(ctx workflow.Context, in contract.Attempt) (out contract.CutOver, err error) {
	err = workflow.ExecuteActivity(command(ctx, "switch the binding"), migrations.ServiceBeginCutOver, in).Get(ctx, &out)
	return out, err
}

func serviceFinishMigration(ctx workflow.Context, in contract.FirstSyncDone) (out contract.Standing, err error) {
	err = workflow.ExecuteActivity(command(ctx, "record that it is migrated"), migrations.ServiceFinishMigration, in).Get(ctx, &out)
	return out, err
}

func serviceCompensateCutOver(ctx workflow.Context, in contract.FirstSyncFailed) (out contract.Standing, err error) {
	err = workflow.ExecuteActivity(comparison(ctx, "put everything back: "+in.Code), migrations.ServiceCompensateCutOver, in).Get(ctx, &out)
	return out, err
}

func serviceOpenCleanUp(ctx workflow.Context, in contract.Attempt) (out contract.Standing, err error) {
	err = workflow.ExecuteActivity(command(ctx, "close the way back"), migrations.ServiceOpenCleanUp, in).Get(ctx, &out)
	return out, err
}

func serviceAdvanceCleanUp(ctx workflow.Context, in contract.Attempt) (out contract.Standing, err error) {
	err = workflow.ExecuteActivity(command(ctx, "look for the old app, then remind or close"), migrations.ServiceAdvanceCleanUp, in).Get(ctx, &out)
	return out, err
}

func serviceStopMigration(ctx workflow.Context, in contract.Attempt) (out contract.Standing, err error) {
	err = workflow.ExecuteActivity(comparison(ctx, "record that an operator stopped it"), migrations.ServiceStopMigration, in).Get(ctx, &out)
	return out, err
}

func serviceReadDates(ctx workflow.Context, in contract.Attempt) (out contract.Dates, err error) {
	err = workflow.ExecuteActivity(command(ctx, "read the dates and tell what is due"), migrations.ServiceReadDates, in).Get(ctx, &out)
	return out, err
}

func serviceNoteWaiting(ctx workflow.Context, in contract.Waiting) error {
	return workflow.ExecuteActivity(command(ctx, "note what is waited for: "+in.Code), migrations.ServiceNoteWaiting, in).Get(ctx, nil)
}

// ---- Connector ------------------------------------------------------------

func entraConfirmConnector(ctx workflow.Context, in contract.ConnectorSetupInput) (out contract.ConnectorStanding, err error) {
	err = workflow.ExecuteActivity(watch(ctx, "confirm the consent with real calls"), connectors.EntraConfirmConnector, in).Get(ctx, &out)
	return out, err
}

// ---- Rotation -------------------------------------------------------------

func servicePlanRotation(ctx workflow.Context, in contract.RotationInput) (out contract.RotationStep, err error) {
	err = workflow.ExecuteActivity(command(ctx, "plan the next step"), rotations.ServicePlanRotation, in).Get(ctx, &out)
	return out, err
}

func keysMintCredential(ctx workflow.Context, in contract.RotationStep) (out contract.RotationOutcome, err error) {
	err = workflow.ExecuteActivity(keyWork(ctx, in.Message), rotations.KeysMintCredential, in).Get(ctx, &out)
	return out, err
}

func graphAddKey(ctx workflow.Context, in contract.RotationStep) (out contract.RotationOutcome, err error) {
	err = workflow.ExecuteActivity(keyWork(ctx, in.Message), rotations.GraphAddKey, in).Get(ctx, &out)
	return out, err
}

func entraProveCredential(ctx workflow.Context, in contract.RotationStep) (out contract.RotationOutcome, err error) {
	err = workflow.ExecuteActivity(keyWork(ctx, in.Message), rotations.EntraProveCredential, in).Get(ctx, &out)
	return out, err
}

func serviceActivateCredential(ctx workflow.Context, in contract.RotationStep) (out contract.RotationOutcome, err error) {
	err = workflow.ExecuteActivity(command(ctx, in.Message), rotations.ServiceActivateCredential, in).Get(ctx, &out)
	return out, err
}

func graphRemoveKey(ctx workflow.Context, in contract.RotationStep) (out contract.RotationOutcome, err error) {
	err = workflow.ExecuteActivity(keyWork(ctx, in.Message), rotations.GraphRemoveKey, in).Get(ctx, &out)
	return out, err
}

// ---- Synchronization ------------------------------------------------------

func serviceBeginRun(ctx workflow.Context, in contract.BeginRun) (out contract.RunStart, err error) {
	err = workflow.ExecuteActivity(ctx, syncs.ServiceBeginRun, in).Get(ctx, &out)
	return out, err
}

func graphReadRound(ctx workflow.Context, in contract.ReadRound) (out contract.ReadSlice, err error) {
	err = workflow.ExecuteActivity(ctx, syncs.GraphReadRound, in).Get(ctx, &out)
	return out, err
}

func serviceApplyRun(ctx workflow.Context, in contract.ApplyRun) (out contract.DirectorySyncResult, err error) {
	err = workflow.ExecuteActivity(ctx, syncs.ServiceApplyRun, in).Get(ctx, &out)
	return out, err
}

func serviceEndRun(ctx workflow.Context, in contract.EndRun) (out contract.DirectorySyncResult, err error) {
	err = workflow.ExecuteActivity(ctx, syncs.ServiceEndRun, in).Get(ctx, &out)
	return out, err
}

func serviceStartDueRuns(ctx workflow.Context, in contract.SweepInput) (out contract.SweepResult, err error) {
	err = workflow.ExecuteActivity(ctx, syncs.ServiceStartDueRuns, in).Get(ctx, &out)
	return out, err
}

// ---- Leaving --------------------------------------------------------------

func serviceErase(ctx workflow.Context, in contract.SweepInput) (out contract.Erased, err error) {
	err = workflow.ExecuteActivity(ctx, leavings.ServiceErase, in).Get(ctx, &out)
	return out, err
}
