package workflows

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/test/scripted"
)

const attempt = "mig_1"

// bench is one attempt in a test environment whose time skips ahead.
type bench struct {
	t      *testing.T
	env    *testsuite.TestWorkflowEnvironment
	rows   *scripted.Migration
	syncs  *scripted.Syncs
	timers []time.Duration // armed on the migration, in order
}

func newBench(t *testing.T, s scripted.Script) *bench {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	env.SetStartTime(time.Date(2026, 6, 1, 8, 0, 0, 0, time.UTC))
	env.SetTestTimeout(30 * time.Second)
	if s.WayBack == 0 {
		s.WayBack = 14 * 24 * time.Hour
	}
	if s.CleanUp == 0 {
		s.CleanUp = 30 * 24 * time.Hour
	}
	b := &bench{t: t, env: env, rows: scripted.NewMigration(s, env.Now), syncs: &scripted.Syncs{Results: map[domain.Purpose][]contract.DirectorySyncResult{}}}
	env.RegisterWorkflowWithOptions(MigrationWorkflow, workflow.RegisterOptions{Name: contract.MigrationWorkflow})
	env.RegisterWorkflowWithOptions(b.syncs.Workflow, workflow.RegisterOptions{Name: contract.DirectorySyncWorkflow})
	env.RegisterActivityWithOptions(b.rows, activity.RegisterOptions{SkipInvalidStructFunctions: true})
	env.RegisterActivityWithOptions(b.syncs.ScriptedRunResult, activity.RegisterOptions{Name: "ScriptedRunResult"})
	env.SetOnTimerScheduledListener(func(_ string, d time.Duration) { b.timers = append(b.timers, d) })
	return b
}

// run starts the attempt with the dates and runs it to its end.
func (b *bench) run(d contract.Dates) contract.MigrationResult {
	b.t.Helper()
	b.start(d)
	require.True(b.t, b.env.IsWorkflowCompleted())
	require.NoError(b.t, b.env.GetWorkflowError())
	var res contract.MigrationResult
	require.NoError(b.t, b.env.GetWorkflowResult(&res))
	require.Equal(b.t, b.rows.Phase(), res.Phase, "the workflow ends where the rows say")
	return res
}

func (b *bench) start(d contract.Dates) {
	b.env.ExecuteWorkflow(contract.MigrationWorkflow, contract.MigrationInput{
		AttemptID: attempt, IntegrationID: "int_1", AccountID: "acc_1", Region: "eu", CampaignID: "cam_1", Dates: d, Standing: b.rows.Standing,
	})
}

// at does something so long after the start.
func (b *bench) at(d time.Duration, do func()) { b.env.RegisterDelayedCallback(do, d) }

// whenIn does something once, within minutes after the attempt is found in the phase.
func (b *bench) whenIn(p domain.Phase, do func()) {
	var look func()
	tries := 0
	look = func() {
		if tries++; tries > 20000 {
			return
		}
		if b.rows.Phase() == p && b.describe().Phase == p {
			do()
			return
		}
		b.env.RegisterDelayedCallback(look, 10*time.Minute)
	}
	b.env.RegisterDelayedCallback(look, 10*time.Minute)
}

func (b *bench) grant(session string) {
	b.env.SignalWorkflow(contract.SignalConsentGranted, b.rows.Grant(attempt, session))
}

// answer keeps what an update came to.
type answer struct {
	rejected error
	err      error
	result   contract.DecisionResult
}

func (b *bench) decide(id string, kind domain.DecisionKind) *answer {
	return b.update(id, b.rows.Give(attempt, id, kind))
}

func (b *bench) update(id string, m contract.ApplyDecision) *answer {
	a := &answer{}
	b.env.UpdateWorkflow(contract.UpdateApplyDecision, id, &testsuite.TestUpdateCallback{
		OnAccept: func() {},
		OnReject: func(err error) { a.rejected = err },
		OnComplete: func(v any, err error) {
			a.err = err
			if r, ok := v.(contract.DecisionResult); ok {
				a.result = r
			}
		},
	}, m)
	return a
}

func (b *bench) describe() contract.MigrationDescription {
	b.t.Helper()
	v, err := b.env.QueryWorkflow(contract.QueryDescribe)
	require.NoError(b.t, err)
	var d contract.MigrationDescription
	require.NoError(b.t, v.Get(&d))
	return d
}

func (b *bench) purposes() []domain.Purpose {
	var out []domain.Purpose
	for _, r := range b.syncs.Runs() {
		out = append(out, r.Purpose)
	}
	return out
}
