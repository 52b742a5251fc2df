package workflows

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/logkey"
)

// DirectorySyncWorkflow runs one round: a row, pages into the staging, slices
// into the mirror. It holds no data and no position of its own, both are the
// store's, so it costs its start and three activities however long the round
// is, plus one for each further slice of reading. Every end that the product
// knows is a result; only a store that is away for a day makes it fail.
func DirectorySyncWorkflow(ctx workflow.Context, in contract.DirectorySyncInput) (contract.DirectorySyncResult, error) {
	r := &syncRun{in: in}
	if in.Budget > 0 {
		r.until = workflow.Now(ctx).Add(in.Budget)
	}
	return r.run(ctx)
}

type syncRun struct {
	in    contract.DirectorySyncInput
	id    string    // of the run's row
	until time.Time // a first synchronization gives up here; zero = no budget
	read  contract.ReadSlice
	held  int64  // changes that wait for a person
	code  string // why it ended, other than done
	over  bool   // nothing of it lies ahead any more
}

func (r *syncRun) run(ctx workflow.Context) (contract.DirectorySyncResult, error) {
	r.show(ctx, "asks whether it may run")
	key := workflow.GetInfo(ctx).WorkflowExecution.RunID
	start, err := serviceBeginRun(r.step(ctx, beginStep, "begin a "+string(r.in.Purpose)+" run"), contract.BeginRun{Key: key, Input: r.in})
	if err != nil {
		return r.notBegun(ctx, err)
	}
	if start.Refused {
		r.code = start.Code
		r.showEnd(ctx, "was refused: "+start.Code)
		return contract.DirectorySyncResult{State: domain.RunStopped, Code: start.Code}, nil
	}
	r.id, r.read.Full = start.RunID, start.Full

	for n := 1; ; n++ {
		if r.late(ctx) {
			return r.giveUp(ctx, contract.SyncBudgetExceeded)
		}
		r.show(ctx, "reads")
		r.read, err = graphReadRound(r.step(ctx, readStep, fmt.Sprintf("read pages, slice %d", n)), contract.ReadRound{RunID: r.id})
		if err != nil {
			return r.failed(ctx, err)
		}
		if r.read.Stopped {
			r.code = r.read.Code
			r.showEnd(ctx, "was stopped: "+r.read.Code)
			return contract.DirectorySyncResult{RunID: r.id, State: domain.RunStopped, Code: r.read.Code, Read: r.read.Read}, nil
		}
		if !r.read.More {
			break
		}
	}
	if r.in.Purpose == domain.RunShadow { // its last page has completed it
		r.showEnd(ctx, "is complete")
		return contract.DirectorySyncResult{RunID: r.id, State: domain.RunDone, Read: r.read.Read}, nil
	}
	if r.late(ctx) {
		return r.giveUp(ctx, contract.SyncBudgetExceeded)
	}
	r.show(ctx, "applies")
	out, err := serviceApplyRun(r.step(ctx, applyStep, "apply what was read"), contract.ApplyRun{RunID: r.id})
	if err != nil {
		return r.failed(ctx, err)
	}
	r.held = out.Held
	r.code = out.Code
	r.showEnd(ctx, endWords(out))
	return out, nil
}

// endWords says how a run came out; one that is done has no code.
func endWords(out contract.DirectorySyncResult) string {
	how := strings.TrimSpace(string(out.State) + " " + out.Code)
	return fmt.Sprintf("ended %s: %d added, %d changed, %d removed, %d held", how, out.Added, out.Changed, out.Removed, out.Held)
}

// notBegun ends a run that has no row to close.
func (r *syncRun) notBegun(ctx workflow.Context, err error) (contract.DirectorySyncResult, error) {
	if ctx.Err() != nil {
		return contract.DirectorySyncResult{}, ctx.Err()
	}
	code := r.codeOf(ctx, err)
	r.code = code
	state := domain.RunError
	if code == contract.SyncRunOpen {
		state = domain.RunStopped
	}
	r.showEnd(ctx, "could not begin: "+code)
	return contract.DirectorySyncResult{State: state, Code: code}, nil
}

// failed ends a run after a fault that outlasted its retries, or after
// cancellation, which stays one.
func (r *syncRun) failed(ctx workflow.Context, err error) (contract.DirectorySyncResult, error) {
	if ctx.Err() != nil {
		if _, err := r.giveUp(ctx, contract.SyncCancelled); err != nil {
			return contract.DirectorySyncResult{}, err
		}
		return contract.DirectorySyncResult{}, ctx.Err()
	}
	return r.giveUp(ctx, r.codeOf(ctx, err))
}

// giveUp closes the row, on a context of its own, so that a cancelled run leaves
// no open row behind.
func (r *syncRun) giveUp(ctx workflow.Context, code string) (contract.DirectorySyncResult, error) {
	detached, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	r.code = code
	r.showEnd(ctx, "gives up: "+code)
	state := domain.RunError
	if code == contract.SyncCancelled {
		state = domain.RunStopped
	}
	out, err := serviceEndRun(endStep(detached, "close the run: "+code), contract.EndRun{RunID: r.id, State: string(state), Code: code})
	r.showLost(detached)
	return out, err
}

// showLost puts a lost consent where operators filter. A migration shows its own.
func (r *syncRun) showLost(ctx workflow.Context) {
	if r.in.AttemptID != "" || r.code != contract.SyncConsentLost {
		return
	}
	err := workflow.UpsertTypedSearchAttributes(ctx,
		contract.AttrNeedsPerson.ValueSet(domain.AwaitingConsent.NeedsPerson()), contract.AttrConsentError.ValueSet(r.code))
	if err != nil {
		workflow.GetLogger(ctx).Error("search attributes could not be set", logkey.Error, err)
	}
}

func (r *syncRun) late(ctx workflow.Context) bool {
	return !r.until.IsZero() && !workflow.Now(ctx).Before(r.until)
}

// codeOf reads the code of an activity's failure. Out of time means the budget
// where there is one, and else whatever was the trouble at last.
func (r *syncRun) codeOf(ctx workflow.Context, err error) string {
	var application *temporal.ApplicationError
	known := errors.As(err, &application)
	// Nothing bounds the number of attempts, so a fault that could have been
	// retried, or none at all, means that the time was over.
	outOfTime := !known || !application.NonRetryable()
	switch {
	case !r.until.IsZero() && (outOfTime || r.late(ctx)):
		return contract.SyncBudgetExceeded
	case known:
		return contract.SyncCodeOf(application.Type())
	}
	return contract.SyncUnexpectedFault
}

// show says on the workflow's page where the run stands: ids and counts only.
func (r *syncRun) show(ctx workflow.Context, what string) {
	workflow.SetCurrentDetails(ctx, r.details(what))
}

// showEnd is show for a run whose end is settled.
func (r *syncRun) showEnd(ctx workflow.Context, what string) {
	r.over = true
	r.show(ctx, what)
}

func (r *syncRun) details(what string) string {
	kind := "changes since the last round"
	if r.read.Full {
		kind = "the whole directory"
	}
	var d details
	d.say("Where", "the **%s** run %s. It reads %s: %d pages, %d objects and memberships.", r.in.Purpose, what, kind, r.read.Pages, r.read.Read)
	d.say("Why", "%s", purposes[r.in.Purpose])
	if !r.until.IsZero() && !r.over {
		d.say("Until", "%s; a first synchronization that is not done by then is taken back.", stamp(r.until))
	}
	switch who := mendedBy[r.code]; {
	case who != "":
		d.say("Who acts", "%s", who)
	case r.held > 0:
		d.say("Who acts", "nobody has to. %d removals are held: they stay in the mirror, everything else was applied, and each round looks at them again. The console's page *Directory synchronization* lists them.", r.held)
	default:
		d.say("Who acts", "nobody has to. Faults of Microsoft and of the network are tried again; what a rule stopped says so above.")
	}
	d.ids("run", r.id, "integration", r.in.IntegrationID, "account", r.in.AccountID, "attempt", r.in.AttemptID)
	return d.String()
}

// mendedBy says who acts when a run ended for what only they can mend.
var mendedBy = map[string]string{
	contract.SyncConsentLost:    "a tenant administrator of the customer: Microsoft no longer lets the connector read, and nothing is synchronized until they consent again. The command below says where.",
	contract.SyncTenantMismatch: "a tenant administrator of the customer, and an operator of the vendor first: Microsoft does not know the integration's tenant, or answers for another directory. Is the tenant's id right? If it is, a consent in that tenant brings synchronization back.",
	contract.SyncLegacyDead:     "a tenant administrator of the customer: the legacy app no longer lets us in, and consenting to the connector, or a new client secret of that app before its date, is what brings synchronization back.",
	contract.SyncMisconfigured:  "an operator of the vendor: our own app registration does not answer as it should. The next synchronization tries again.",
	contract.SyncPageUnreadable: "an operator of the vendor: an answer of Microsoft could not be read. The next synchronization tries again.",
	contract.SyncDeadlinePassed: "a tenant administrator of the customer: the date for the legacy app has passed, and consenting to the connector is what brings synchronization back.",
}

// purposes say what a run is for.
var purposes = map[domain.Purpose]string{
	domain.RunScheduled: "its time had come.",
	domain.RunManual:    "somebody asked for it.",
	domain.RunLegacy:    "a migration wants the mirror fresh through the legacy app before it compares.",
	domain.RunShadow:    "a migration reads the directory through the connector to compare it; nothing is applied.",
	domain.RunFirst:     "the integration was switched to the connector; removals are held, everything else is applied.",
}

// The steps of a run, and how long each is tried. A pending retry shows in the
// engine's pages, and the trouble itself on the console.
type stepKind int

const (
	beginStep stepKind = iota
	readStep
	applyStep
)

// step gives a step its options. Where there is a budget, what is left of it is
// the time that the step has.
func (r *syncRun) step(ctx workflow.Context, kind stepKind, summary string) workflow.Context {
	o := workflow.ActivityOptions{
		StartToCloseTimeout: time.Minute, ScheduleToCloseTimeout: 15 * time.Minute, Summary: summary,
		RetryPolicy: &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: time.Minute},
	}
	switch kind {
	case beginStep:
	case readStep: // a slice ends after minutes; a page may take its time on top
		o.TaskQueue = contract.QueueGraph
		o.StartToCloseTimeout, o.ScheduleToCloseTimeout, o.HeartbeatTimeout = 20*time.Minute, 2*time.Hour, 30*time.Second
		o.RetryPolicy.InitialInterval, o.RetryPolicy.MaximumInterval = 2*time.Second, 5*time.Minute
		if r.in.AttemptID != "" { // its migration says what it waits for, and asks again
			o.ScheduleToCloseTimeout = 30 * time.Minute
		}
	case applyStep: // slices that are done stay done
		o.StartToCloseTimeout, o.ScheduleToCloseTimeout, o.HeartbeatTimeout = time.Hour, 3*time.Hour, 30*time.Second
	}
	if !r.until.IsZero() {
		o.ScheduleToCloseTimeout = max(r.until.Sub(workflow.Now(ctx)), time.Second)
	}
	return workflow.WithActivityOptions(ctx, o)
}

// endStep closes a row. It is tried for a day, because a row that stays open
// keeps later rounds waiting until they find it abandoned.
func endStep(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: time.Minute, ScheduleToCloseTimeout: 24 * time.Hour, Summary: summary,
		RetryPolicy: &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: 5 * time.Minute},
	})
}
