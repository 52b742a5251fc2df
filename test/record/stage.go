package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/temporalproto"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/engine"
	"consentry/test/scripted"
	"consentry/workflows"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// stage is where one scenario plays: workers of its own on the production
// queues, the production door to the engine, and the attempt's script.
type stage struct {
	ctx     context.Context //nolint:containedctx // lives as long as the scenario
	client  client.Client
	engine  *engine.Engine
	workers []worker.Worker

	id    string // of the integration, and in the attempt's and cell's ids
	rows  *scripted.Migration
	syncs *scripted.Syncs
}

var stages int

func newStage(ctx context.Context, c client.Client) *stage {
	stages++
	s := &stage{ctx: ctx, client: c, engine: engine.New(c, engine.Plain(), engine.DefaultSchedules()), id: fmt.Sprintf("int_%d", stages)}
	for _, queue := range []string{contract.QueueMigrations, contract.QueueGraph, contract.QueueKeys} {
		s.workers = append(s.workers, worker.New(c, queue, engine.WorkerOptions(0)))
	}
	return s
}

func (s *stage) attempt() string { return "mig_" + s.id }

// migration sets the stage for an attempt whose synchronizations are played.
func (s *stage) migration(script scripted.Script) {
	if script.WayBack == 0 {
		script.WayBack = time.Second
	}
	if script.CleanUp == 0 {
		script.CleanUp = time.Hour
	}
	s.rows = scripted.NewMigration(script, time.Now)
	s.syncs = &scripted.Syncs{Results: map[domain.Purpose][]contract.DirectorySyncResult{}}
	for _, w := range s.workers {
		w.RegisterWorkflowWithOptions(workflows.MigrationWorkflow, workflow.RegisterOptions{Name: contract.MigrationWorkflow})
		w.RegisterWorkflowWithOptions(s.syncs.Workflow, workflow.RegisterOptions{Name: contract.DirectorySyncWorkflow})
		w.RegisterActivityWithOptions(s.rows, activity.RegisterOptions{SkipInvalidStructFunctions: true})
		w.RegisterActivityWithOptions(s.syncs.ScriptedRunResult, activity.RegisterOptions{Name: "ScriptedRunResult"})
	}
}

// real sets the stage for the product's own workflows on played activities.
func (s *stage) real(played any) {
	for _, w := range s.workers {
		workflows.Register(w)
		w.RegisterActivityWithOptions(played, activity.RegisterOptions{SkipInvalidStructFunctions: true})
	}
}

// deliver hands a message over as the service would.
func (s *stage) deliver(kind domain.EngineCallKind, target, name, dedupe string, message any) error {
	payload, err := json.Marshal(message)
	if err != nil {
		return err
	}
	return s.engine.Deliver(s.ctx, domain.EngineCall{ID: "call", Kind: kind, Target: target, Name: name, DedupeID: dedupe, Payload: payload})
}

// begin starts the attempt.
func (s *stage) begin(d contract.Dates) error {
	d.ReadAt = time.Now().UTC()
	return s.deliver(domain.CallStart, contract.MigrationID(s.id), contract.MigrationWorkflow, s.attempt(), contract.MigrationInput{
		AttemptID: s.attempt(), IntegrationID: s.id, AccountID: "acc_1", Region: "eu", CampaignID: "cam_1", Dates: d, Standing: s.rows.Standing,
	})
}

func (s *stage) grant(session string) error {
	return s.deliver(domain.CallSignal, contract.MigrationID(s.id), contract.SignalConsentGranted, session, s.rows.Grant(s.attempt(), session))
}

func (s *stage) decide(id string, kind domain.DecisionKind) error {
	return s.deliver(domain.CallUpdate, contract.MigrationID(s.id), contract.UpdateApplyDecision, id, s.rows.Give(s.attempt(), id, kind))
}

// reaches waits until the workflow says that it is in the phase, or fails when
// the scenario's time is over. Asking leaves no event.
func (s *stage) reaches(p domain.Phase) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		v, err := s.client.QueryWorkflow(s.ctx, contract.MigrationID(s.id), "", contract.QueryDescribe)
		var d contract.MigrationDescription
		if err == nil && v.Get(&d) == nil && d.Phase == p {
			return nil
		}
		select {
		case <-s.ctx.Done():
			return fmt.Errorf("the attempt did not reach %s; it is in %s", p, d.Phase)
		case <-tick.C:
		}
	}
}

// history waits for the workflow's end and gives everything that happened.
func (s *stage) history(workflowID string) (*historypb.History, error) {
	_ = s.client.GetWorkflow(s.ctx, workflowID, "").Get(s.ctx, nil) // its end may be a cancellation
	out := &historypb.History{}
	events := s.client.GetWorkflowHistory(s.ctx, workflowID, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		e, err := events.Next()
		if err != nil {
			return nil, err
		}
		out.Events = append(out.Events, e)
	}
	return out, nil
}

func keep(path string, h *historypb.History) error {
	b, err := temporalproto.CustomJSONMarshalOptions{Indent: "  "}.Marshal(h)
	if err != nil {
		return fmt.Errorf("write the history: %w", err)
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}
