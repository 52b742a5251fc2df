package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/migration"
)

// Engine delivers the service's calls to Temporal.
type Engine struct {
	client    client.Client
	data      converter.DataConverter
	schedules Schedules
}

// New builds an Engine on a client that was dialled with the converters.
func New(c client.Client, with Converters, s Schedules) *Engine {
	return &Engine{client: c, data: with.Data, schedules: s}
}

// Deliver implements service.Engine: every kind is safe to repeat. A target that
// is complete gives a domain.Error of kind Gone.
func (e *Engine) Deliver(ctx context.Context, call domain.EngineCall) error {
	var err error
	switch call.Kind {
	case domain.CallStart:
		err = e.start(ctx, call)
	case domain.CallSignal:
		err = e.client.SignalWorkflow(ctx, call.Target, "", call.Name, json.RawMessage(call.Payload))
	case domain.CallUpdate:
		err = e.update(ctx, call)
	case domain.CallTrigger:
		err = e.client.ScheduleClient().GetHandle(ctx, call.Target).Trigger(ctx, client.ScheduleTriggerOptions{})
	case domain.CallSchedule:
		err = e.ensureSchedule(ctx, call)
	case domain.CallUnschedule:
		err = e.endSchedule(ctx, call)
	case domain.CallCancel: // asking twice is asking once
		err = e.client.CancelWorkflow(ctx, call.Target, "")
	default:
		return fmt.Errorf("unknown kind of engine call %q", call.Kind)
	}
	var missing *serviceerror.NotFound
	if errors.As(err, &missing) && call.Kind != domain.CallTrigger {
		return &domain.Error{Kind: domain.Gone, Code: "workflow-complete", Message: "The workflow " + call.Target + " is complete.", Err: err}
	}
	if err != nil {
		return fmt.Errorf("%s %s on %s: %w", call.Kind, call.Name, call.Target, err)
	}
	return nil
}

// update sends the update under the decision's id and waits until it is applied:
// the same id on the same run runs the handler once, however often it is sent.
func (e *Engine) update(ctx context.Context, call domain.EngineCall) error {
	h, err := e.client.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		UpdateID: call.DedupeID, WorkflowID: call.Target, UpdateName: call.Name,
		Args: []any{json.RawMessage(call.Payload)}, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err != nil {
		return err
	}
	return h.Get(ctx, nil)
}

func (e *Engine) start(ctx context.Context, call domain.EngineCall) error {
	switch call.Name {
	case contract.MigrationWorkflow:
		return e.startMigration(ctx, call)
	case contract.DirectorySyncWorkflow:
		return e.startSync(ctx, call)
	case contract.ConnectorSetupWorkflow:
		return e.startConnectorSetup(ctx, call)
	default:
		return fmt.Errorf("no workflow type %q can be started", call.Name)
	}
}

// startMigration starts an attempt. "Already started" is success only for this
// very attempt; another attempt that still runs has to end first, so the call
// stays waiting.
func (e *Engine) startMigration(ctx context.Context, call domain.EngineCall) error {
	var in contract.MigrationInput
	if err := json.Unmarshal(call.Payload, &in); err != nil {
		return fmt.Errorf("read the input of %s: %w", call.Target, err)
	}
	phase := domain.AwaitingConsent
	if in.Standing.PhaseSeq > 0 {
		phase = in.Standing.Phase
	}
	attributes := []temporal.SearchAttributeUpdate{
		contract.AttrAccountID.ValueSet(in.AccountID), contract.AttrRegion.ValueSet(in.Region), contract.AttrCampaignID.ValueSet(in.CampaignID),
		contract.AttrMigrationPhase.ValueSet(string(phase)), contract.AttrNeedsPerson.ValueSet(migration.NeedsPerson(phase, in.Standing.Code)), contract.AttrOverdue.ValueSet(in.Dates.Overdue),
	}
	if !in.Dates.Deadline.IsZero() {
		attributes = append(attributes, contract.AttrDeadlineArmed.ValueSet(in.Dates.Deadline))
	}
	if phase == domain.AwaitingConsent && in.Standing.Code != "" {
		attributes = append(attributes, contract.AttrConsentError.ValueSet(in.Standing.Code))
	}
	_, err := e.client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: call.Target, TaskQueue: contract.QueueMigrations, WorkflowExecutionErrorWhenAlreadyStarted: true,
		Memo:                  map[string]any{contract.MemoAttemptID: in.AttemptID},
		TypedSearchAttributes: temporal.NewSearchAttributes(attributes...),
		StaticSummary:         "Move integration " + in.IntegrationID + " from its legacy app to a connector",
		StaticDetails:         "Account `" + in.AccountID + "`, campaign `" + in.CampaignID + "`, attempt `" + in.AttemptID + "`.",
	}, call.Name, json.RawMessage(call.Payload))
	if !temporal.IsWorkflowExecutionAlreadyStartedError(err) {
		return err
	}
	running, derr := e.attemptOf(ctx, call.Target)
	if derr != nil {
		return derr
	}
	if running != in.AttemptID {
		return fmt.Errorf("attempt %s has to end before attempt %s can start", running, in.AttemptID)
	}
	return nil
}

// attemptOf reads the memo that says which attempt runs under a workflow id.
func (e *Engine) attemptOf(ctx context.Context, workflowID string) (string, error) {
	d, err := e.client.DescribeWorkflowExecution(ctx, workflowID, "")
	if err != nil {
		return "", err
	}
	var attempt string
	if p, ok := d.GetWorkflowExecutionInfo().GetMemo().GetFields()[contract.MemoAttemptID]; ok {
		if err := e.data.FromPayload(p, &attempt); err != nil {
			return "", fmt.Errorf("read which attempt runs as %s: %w", workflowID, err)
		}
	}
	return attempt, nil
}

// startSync starts a run. One that is running already serves the same purpose:
// exclusion is the run row, and its next round sees the same directory.
func (e *Engine) startSync(ctx context.Context, call domain.EngineCall) error {
	var in contract.DirectorySyncInput
	if err := json.Unmarshal(call.Payload, &in); err != nil {
		return fmt.Errorf("read the input of %s: %w", call.Target, err)
	}
	_, err := e.client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: call.Target, TaskQueue: contract.QueueMigrations,
		TypedSearchAttributes: temporal.NewSearchAttributes(contract.AttrAccountID.ValueSet(in.AccountID), contract.AttrRegion.ValueSet(in.Region)),
		StaticSummary:         "Synchronize integration " + in.IntegrationID + " (" + string(in.Purpose) + ")",
	}, call.Name, json.RawMessage(call.Payload))
	return err
}

// startConnectorSetup starts the check of one consent. The id carries the consent
// session, so one that runs is this very check; one that ran and is started again
// finds the connector settled and ends.
func (e *Engine) startConnectorSetup(ctx context.Context, call domain.EngineCall) error {
	var in contract.ConnectorSetupInput
	if err := json.Unmarshal(call.Payload, &in); err != nil {
		return fmt.Errorf("read the input of %s: %w", call.Target, err)
	}
	_, err := e.client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: call.Target, TaskQueue: contract.QueueMigrations,
		TypedSearchAttributes: temporal.NewSearchAttributes(contract.AttrAccountID.ValueSet(in.AccountID), contract.AttrRegion.ValueSet(in.Region)),
		StaticSummary:         "Check the consent given for connector " + in.ConnectorID,
		StaticDetails:         "Account `" + in.AccountID + "`, consent session `" + in.ConsentSessionID + "`.",
	}, call.Name, json.RawMessage(call.Payload))
	return err
}
