// Package workflows holds the deterministic orchestration: what happens in
// which order, what waits for whom, and what is undone when a step fails. Every
// effect is an activity, every truth a row: a workflow follows the phases that
// the service's commands made true and never decides one by itself.
package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/logkey"
	"consentry/internal/migration"
)

// MigrationWorkflow moves one integration from its legacy app to a connector. It
// lives for months and stays small: some 110 events on the happy road, half a
// dozen more for each reminder.
//
// Its coroutines share one migrationRun: the main one drives the phases, one
// keeps time, one receives signals, and each update runs its handler. All of
// them learn of a new phase only through follow.
func MigrationWorkflow(ctx workflow.Context, in contract.MigrationInput) (contract.MigrationResult, error) {
	r := &migrationRun{
		in:       in,
		standing: contract.Standing{Phase: domain.AwaitingConsent, PhaseSeq: 1},
		since:    workflow.Now(ctx),
		dates:    in.Dates,
		leave:    func() {},

		shownOverdue:  in.Dates.Overdue, // whoever starts the workflow shows these
		shownDeadline: in.Dates.Deadline,
	}
	if in.Standing.PhaseSeq > 0 { // it was lost and goes on
		r.standing = in.Standing
		if r.phase() == domain.AwaitingConsent {
			r.shownConsent = in.Standing.Code
		}
	}
	if err := r.listen(ctx); err != nil {
		return contract.MigrationResult{}, err
	}
	workflow.Go(ctx, r.keepTime)
	err := r.drive(ctx)
	if err != nil && temporal.IsCanceledError(err) && ctx.Err() != nil {
		err = r.stop(ctx)
	}
	r.over = true
	r.finish(ctx)
	return contract.MigrationResult{AttemptID: in.AttemptID, Phase: r.standing.Phase}, err
}

// migrationRun is one attempt under way. All fields change on the workflow's
// coroutines only, of which one runs at a time.
type migrationRun struct {
	in       contract.MigrationInput
	standing contract.Standing
	since    time.Time // of the phase, as this workflow learnt it
	dates    contract.Dates

	leave    func() // ends what the present phase is doing
	nudged   bool   // the dates are to be read again
	retryAt  time.Time
	failures int    // of the present phase, in a row
	waiting  string // code of what is waited for
	armedFor time.Time
	ended    bool // the window of the present phase is over
	over     bool // nothing follows
	stopped  bool // cancelled from outside

	shownOverdue  bool
	shownConsent  string
	shownDeadline time.Time
}

func (r *migrationRun) phase() domain.Phase       { return r.standing.Phase }
func (r *migrationRun) attempt() contract.Attempt { return contract.Attempt{AttemptID: r.in.AttemptID} }

// follow takes over where the migration stands. Answers arrive in any order;
// the number of the phase says which of them is news.
func (r *migrationRun) follow(ctx workflow.Context, s contract.Standing) {
	if s.PhaseSeq <= r.standing.PhaseSeq {
		return
	}
	r.standing, r.since = s, workflow.Now(ctx)
	r.retryAt, r.failures, r.waiting, r.ended = time.Time{}, 0, "", false
	if s.Dates != nil {
		r.dates = *s.Dates
	}
	r.leave()
	r.showPhase(ctx)
}

// drive does what each phase asks for until an end is reached. A step that a
// decision overtakes is cancelled and its error means nothing.
func (r *migrationRun) drive(ctx workflow.Context) error {
	for !r.phase().Ended() {
		step, cancel := workflow.WithCancel(ctx)
		r.leave = cancel
		seq := r.standing.PhaseSeq
		problem, err := r.step(step)
		cancel()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case r.standing.PhaseSeq != seq:
			continue
		case err != nil:
			return err
		}
		if err := r.waitToRetry(ctx, problem); err != nil {
			return err
		}
	}
	return nil
}

// step is one phase's work. It returns when the phase has been left, or with the
// code of what keeps it.
func (r *migrationRun) step(ctx workflow.Context) (problem string, err error) {
	switch r.phase() {
	case domain.ConfirmingConsent:
		return r.confirmConsent(ctx)
	case domain.Proving:
		return r.prove(ctx)
	case domain.CuttingOver:
		return r.cutOver(ctx)
	case domain.Migrated:
		return r.whenWindowEnds(ctx, serviceOpenCleanUp)
	case domain.CleanUp:
		return r.climbDown(ctx)
	default: // somebody has to act
		return "", workflow.Await(ctx, func() bool { return false })
	}
}

func (r *migrationRun) confirmConsent(ctx workflow.Context) (string, error) {
	s, err := entraConfirmConsent(ctx, r.attempt())
	if err != nil {
		return "", err
	}
	r.follow(ctx, s)
	return contract.SyncUnexpectedFault, nil
}

// whenWindowEnds waits for the clock and then does what ends the phase.
func (r *migrationRun) whenWindowEnds(ctx workflow.Context, end func(workflow.Context, contract.Attempt) (contract.Standing, error)) (string, error) {
	if err := workflow.Await(ctx, func() bool { return r.ended }); err != nil {
		return "", err
	}
	s, err := end(ctx, r.attempt())
	if err != nil {
		return "", err
	}
	r.follow(ctx, s)
	return contract.SyncUnexpectedFault, nil
}

// climbDown goes from rung to rung of the clean-up ladder: at each the old app is
// looked for, and its removal recommended again until the ladder ends.
func (r *migrationRun) climbDown(ctx workflow.Context) (string, error) {
	for {
		if err := workflow.Await(ctx, func() bool { return r.ended }); err != nil {
			return "", err
		}
		s, err := serviceAdvanceCleanUp(ctx, r.attempt())
		if err != nil {
			return "", err
		}
		if s.PhaseSeq != r.standing.PhaseSeq {
			r.follow(ctx, s)
			return contract.SyncUnexpectedFault, nil
		}
		// The store's clock may be a little behind the engine's.
		if floor := workflow.Now(ctx).Add(alarmFloor); s.Until.Before(floor) {
			s.Until = floor
		}
		r.standing.Until, r.ended = s.Until, false
	}
}

// waitToRetry says what is waited for, in the row and here, and waits. The one
// timer carries this instant too.
func (r *migrationRun) waitToRetry(ctx workflow.Context, code string) error {
	seq := r.standing.PhaseSeq
	at := workflow.Now(ctx).Add(retryWait(r.failures))
	r.failures++
	if err := serviceNoteWaiting(ctx, contract.Waiting{AttemptID: r.in.AttemptID, Code: code, RetryAt: at}); err != nil {
		return err
	}
	if r.standing.PhaseSeq != seq {
		return nil
	}
	r.waiting, r.retryAt = code, at
	return workflow.Await(ctx, func() bool { return r.retryAt.IsZero() || r.standing.PhaseSeq != seq })
}

// stop records that the workflow was cancelled from outside. Cut-over has
// already taken itself back by then.
func (r *migrationRun) stop(ctx workflow.Context) error {
	cause := ctx.Err()
	detached, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	if r.phase().Ended() {
		return nil
	}
	s, err := serviceStopMigration(detached, r.attempt())
	if err != nil {
		return err
	}
	r.follow(detached, s)
	r.stopped, r.armedFor = true, time.Time{}
	r.showDetails(detached)
	return cause
}

// finish lets running handlers end and reads every signal that is left, so that
// nothing sent to this attempt is lost without a trace.
func (r *migrationRun) finish(ctx workflow.Context) {
	detached, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	_ = workflow.Await(detached, func() bool { return workflow.AllHandlersFinished(detached) })
	for _, name := range []string{contract.SignalConsentGranted, contract.SignalDatesChanged, contract.SignalActorChanged} {
		channel := workflow.GetSignalChannel(detached, name)
		for channel.ReceiveAsync(nil) {
			workflow.GetLogger(ctx).Info("a signal came after the migration had ended", logkey.Signal, name)
		}
	}
}

// frozenBy are the ends of a legacy run that will not change by waiting: nothing
// can be read through the legacy app, and the mirror stands as of its last round.
func frozenBy(code string) bool {
	switch code {
	case contract.SyncLegacyDead, contract.SyncDeadlinePassed, contract.SyncDisabled, contract.SyncTenantMismatch:
		return true
	}
	return false
}

// prove brings the mirror up to date through the legacy app, reads the same
// directory through the connector, and has the two compared.
func (r *migrationRun) prove(ctx workflow.Context) (string, error) {
	legacy, err := r.sync(ctx, contract.DirectorySyncInput{Purpose: domain.RunLegacy})
	if err != nil {
		return "", err
	}
	if legacy.State != domain.RunDone && !frozenBy(legacy.Code) {
		return legacy.Code, nil
	}
	shadow, err := r.sync(ctx, contract.DirectorySyncInput{Purpose: domain.RunShadow})
	if err != nil {
		return "", err
	}
	switch {
	case shadow.State == domain.RunDone:
		s, err := serviceRecordProof(ctx, contract.ShadowRead{
			AttemptID: r.in.AttemptID, ShadowRunID: shadow.RunID, Frozen: legacy.State != domain.RunDone,
		})
		if err != nil {
			return "", err
		}
		r.follow(ctx, s)
		return contract.SyncUnexpectedFault, nil
	case shadow.Code == contract.SyncConsentLost, shadow.Code == contract.SyncTenantMismatch:
		code := migration.ConsentWithdrawn
		if shadow.Code == contract.SyncTenantMismatch {
			code = migration.ConsentWrongTenant
		}
		s, err := serviceLoseConsent(ctx, contract.ConsentLost{AttemptID: r.in.AttemptID, Code: code})
		if err != nil {
			return "", err
		}
		r.follow(ctx, s)
	}
	return shadow.Code, nil
}

// cutOver switches the binding and synchronizes for the first time. Whatever
// goes wrong after the switch, cancellation included, is taken back on a context
// of its own: half switched is no state to leave an integration in.
func (r *migrationRun) cutOver(ctx workflow.Context) (string, error) {
	c, err := serviceBeginCutOver(ctx, r.attempt())
	if err != nil {
		return "", err
	}
	r.follow(ctx, c.Standing)
	if r.phase() != domain.CuttingOver {
		return "", nil
	}
	first, err := r.sync(ctx, contract.DirectorySyncInput{Purpose: domain.RunFirst, ShadowRunID: c.ShadowRunID, Budget: c.Budget})
	if err == nil && first.State == domain.RunDone {
		detached, cancel := workflow.NewDisconnectedContext(ctx)
		defer cancel()
		s, err := serviceFinishMigration(detached, contract.FirstSyncDone{AttemptID: r.in.AttemptID, RunID: first.RunID})
		if err != nil {
			return "", err
		}
		r.follow(ctx, s)
		return contract.SyncUnexpectedFault, nil
	}
	if err != nil {
		first.Code = contract.SyncCancelled
	}
	detached, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	s, err := serviceCompensateCutOver(detached, contract.FirstSyncFailed{AttemptID: r.in.AttemptID, RunID: first.RunID, Code: first.Code})
	if err != nil {
		return "", err
	}
	r.follow(ctx, s)
	return contract.SyncUnexpectedFault, nil
}

// sync runs one synchronization of the migration's own as a child. A child that
// fails as a workflow is a fault like any other; only cancellation is an error.
func (r *migrationRun) sync(ctx workflow.Context, in contract.DirectorySyncInput) (contract.DirectorySyncResult, error) {
	in.IntegrationID, in.AccountID, in.Region, in.AttemptID = r.in.IntegrationID, r.in.AccountID, r.in.Region, r.in.AttemptID
	ctx = migrationSync(ctx, in)
	var out contract.DirectorySyncResult
	err := workflow.ExecuteChildWorkflow(ctx, contract.DirectorySyncWorkflow, in).Get(ctx, &out)
	failed := contract.DirectorySyncResult{State: domain.RunError}
	switch {
	case err == nil:
		return out, nil
	case ctx.Err() != nil:
		return out, ctx.Err()
	case temporal.IsWorkflowExecutionAlreadyStartedError(err):
		failed.Code = contract.SyncRunOpen
	case temporal.IsCanceledError(err):
		failed.Code = contract.SyncCancelled
	default:
		workflow.GetLogger(ctx).Warn("a synchronization of the migration failed as a workflow", logkey.Purpose, string(in.Purpose), logkey.Error, err)
		failed.Code = contract.SyncUnexpectedFault
	}
	return failed, nil
}
