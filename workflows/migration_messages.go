package workflows

import (
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"consentry/internal/contract"
	"consentry/internal/domain"
)

// listen installs everything that can be asked or told, before anything blocks:
// a message of the first task finds its handler.
func (r *migrationRun) listen(ctx workflow.Context) error {
	if err := workflow.SetQueryHandler(ctx, contract.QueryDescribe, r.describe); err != nil {
		return err
	}
	err := workflow.SetUpdateHandlerWithOptions(ctx, contract.UpdateApplyDecision, r.applyDecision, workflow.UpdateHandlerOptions{
		Validator:   checkDecision,
		Description: "Apply a decision that is recorded in the store. It carries ids only: what was decided, by whom and whether they may is in the row.",
	})
	if err != nil {
		return err
	}
	workflow.Go(ctx, r.receive)
	return nil
}

// receive takes signals in until the attempt is over. Updates of the same task
// run before it, so nothing here or there relies on an order: follow sorts it out.
func (r *migrationRun) receive(ctx workflow.Context) {
	s := workflow.NewSelector(ctx)
	s.AddReceive(workflow.GetSignalChannel(ctx, contract.SignalConsentGranted), func(c workflow.ReceiveChannel, _ bool) {
		var m contract.ConsentGranted
		c.Receive(ctx, &m)
		if m.AttemptID == r.in.AttemptID {
			r.follow(ctx, contract.Standing{Phase: domain.ConfirmingConsent, PhaseSeq: m.PhaseSeq})
		}
	})
	s.AddReceive(workflow.GetSignalChannel(ctx, contract.SignalDatesChanged), func(c workflow.ReceiveChannel, _ bool) {
		var m contract.DatesChanged
		c.Receive(ctx, &m)
		if m.AttemptID == r.in.AttemptID && m.CampaignVersion > r.dates.CampaignVersion {
			r.nudged = true
		}
	})
	s.AddReceive(workflow.GetSignalChannel(ctx, contract.SignalActorChanged), func(c workflow.ReceiveChannel, _ bool) {
		var m contract.ActorChanged
		c.Receive(ctx, &m)
		if m.AttemptID == r.in.AttemptID {
			r.changeActor(ctx, m)
		}
	})
	for !r.over {
		s.Select(ctx)
	}
}

// changeActor shows why the last consent came to nothing, where that changes who
// has to act. Nothing else is done with it: the row knows it already.
func (r *migrationRun) changeActor(ctx workflow.Context, m contract.ActorChanged) {
	switch {
	case m.PhaseSeq > r.standing.PhaseSeq: // it overtook the answer that began the phase
		r.follow(ctx, contract.Standing{Phase: domain.AwaitingConsent, PhaseSeq: m.PhaseSeq, Code: m.Code})
	case m.PhaseSeq == r.standing.PhaseSeq && r.phase() == domain.AwaitingConsent:
		r.standing.Code = m.Code
		r.showPhase(ctx)
	}
}

// checkDecision looks at the shape only: what may be decided now depends on
// rows, and signals of the same task may not have been read yet.
func checkDecision(_ workflow.Context, m contract.ApplyDecision) error {
	if m.AttemptID == "" || m.DecisionID == "" {
		return temporal.NewNonRetryableApplicationError("a decision needs the ids of its attempt and of its row", contract.ErrMisconfigured, nil)
	}
	return nil
}

// applyDecision has a decision applied. It goes on when the workflow is
// cancelled meanwhile: a decision that is being applied gets its answer.
func (r *migrationRun) applyDecision(ctx workflow.Context, m contract.ApplyDecision) (contract.DecisionResult, error) {
	if m.AttemptID != r.in.AttemptID {
		return contract.DecisionResult{State: domain.DecisionRefused, Code: contract.CodeOtherAttempt, Standing: r.standing}, nil
	}
	detached, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	res, err := serviceApplyDecision(detached, m)
	if err != nil {
		return contract.DecisionResult{}, err
	}
	r.follow(ctx, res.Standing)
	if res.DatesChanged {
		r.nudged = true
	}
	return res, nil
}

func (r *migrationRun) describe() (contract.MigrationDescription, error) {
	return contract.MigrationDescription{
		AttemptID: r.in.AttemptID, Phase: r.phase(), Since: r.since, NeedsPerson: r.needsPerson(),
		ArmedFor: r.armedFor, Dates: r.dates, Note: r.note(),
	}, nil
}
