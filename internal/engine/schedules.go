package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"consentry/internal/contract"
	"consentry/internal/domain"
)

// Schedules are the intervals that an installation chooses.
type Schedules struct {
	RotationCron   string        // when a cell's certificates are looked after, daily
	RotationJitter time.Duration // so that cells do not all ask Microsoft at once
	SweepEvery     time.Duration // how often due synchronizations are looked for
}

// DefaultSchedules rotates daily in the small hours (UTC) and sweeps every
// minute.
func DefaultSchedules() Schedules {
	return Schedules{RotationCron: "17 2 * * *", RotationJitter: time.Hour, SweepEvery: time.Minute}
}

// ensureSchedule creates a cell's rotation schedule; that it exists is success.
// It buffers one firing and catches up for days: a rotation that an outage
// delayed must still happen.
func (e *Engine) ensureSchedule(ctx context.Context, call domain.EngineCall) error {
	if _, err := contract.ParseRotationScheduleID(call.Target); err != nil {
		return err
	}
	return e.create(ctx, client.ScheduleOptions{
		ID:            call.Target,
		Spec:          client.ScheduleSpec{CronExpressions: []string{e.schedules.RotationCron}, Jitter: e.schedules.RotationJitter},
		Overlap:       enumspb.SCHEDULE_OVERLAP_POLICY_BUFFER_ONE,
		CatchupWindow: 14 * 24 * time.Hour,
		Action: &client.ScheduleWorkflowAction{
			ID: call.Target, Workflow: call.Name, Args: []any{json.RawMessage(call.Payload)}, TaskQueue: contract.QueueKeys,
			StaticSummary: "Rotate the certificate of cell " + strings.TrimPrefix(call.Target, "certificate-rotation/"),
			StaticDetails: "One run plans from what is recorded, takes the steps that are due and ends. The schedule of the same id starts it.",
		},
	})
}

// endSchedule deletes a cell's rotation schedule; that there is none is success.
// A run that is at work finds no cell any more and ends by itself.
func (e *Engine) endSchedule(ctx context.Context, call domain.EngineCall) error {
	err := e.client.ScheduleClient().GetHandle(ctx, call.Target).Delete(ctx)
	if _, missing := errors.AsType[*serviceerror.NotFound](err); missing {
		return nil
	}
	return err
}

// EnsureSweep creates a region's sweep schedule. Missed firings are skipped: one
// sweep finds everything that is due.
func (e *Engine) EnsureSweep(ctx context.Context, region string) error {
	return e.create(ctx, client.ScheduleOptions{
		ID:            contract.SweepScheduleID(region),
		Spec:          client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: e.schedules.SweepEvery}}},
		Overlap:       enumspb.SCHEDULE_OVERLAP_POLICY_SKIP,
		CatchupWindow: time.Minute,
		Action: &client.ScheduleWorkflowAction{
			ID: contract.SweepScheduleID(region), Workflow: contract.SweepWorkflow, Args: []any{contract.SweepInput{Region: region}},
			TaskQueue:             contract.QueueMigrations,
			StaticSummary:         "Start due synchronizations of region " + region,
			StaticDetails:         "One firing of the schedule of the same id.",
			TypedSearchAttributes: temporal.NewSearchAttributes(contract.AttrRegion.ValueSet(region)),
		},
	})
}

func (e *Engine) create(ctx context.Context, o client.ScheduleOptions) error {
	_, err := e.client.ScheduleClient().Create(ctx, o)
	if err == nil || errors.Is(err, temporal.ErrScheduleAlreadyRunning) {
		return nil
	}
	return fmt.Errorf("create schedule %s: %w", o.ID, err)
}
