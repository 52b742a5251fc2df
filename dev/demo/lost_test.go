package demo

import (
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"

	"consentry/emulator"
	"consentry/internal/contract"
	"consentry/internal/domain"
	rules "consentry/internal/migration"
	"consentry/internal/service"
)

// terminator ends workflows at the engine, as somebody with its command line can.
type terminator struct {
	t *testing.T
	*show
	engine client.Client
}

func newTerminator(t *testing.T, s *show) *terminator {
	t.Helper()
	engine, err := client.Dial(client.Options{HostPort: s.App.Config.TemporalAddress, Logger: sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler))})
	require.NoError(t, err)
	t.Cleanup(engine.Close)
	return &terminator{t: t, show: s, engine: engine}
}

func (x *terminator) terminate(c *customer) {
	x.t.Helper()
	require.NoError(x.t, x.engine.TerminateWorkflow(x.t.Context(), contract.MigrationID(c.Integration), "", "a test of what the sweep finds"))
}

// stands waits until the migration's row is as it has to be.
func (x *terminator) stands(c *customer, why string, holds func(m migration) bool) (m migration) {
	x.t.Helper()
	require.Eventually(x.t, func() bool {
		var err error
		m, err = x.migration(x.t.Context(), c.attempt)
		return err == nil && holds(m)
	}, 90*time.Second, 50*time.Millisecond, why)
	return m
}

// runs waits until the sweep has started the workflow again.
func (x *terminator) runs(c *customer) {
	x.t.Helper()
	require.Eventually(x.t, func() bool {
		d, err := x.engine.DescribeWorkflowExecution(x.t.Context(), contract.MigrationID(c.Integration), "")
		return err == nil && d.GetWorkflowExecutionInfo().GetCloseTime() == nil
	}, 90*time.Second, 50*time.Millisecond, "the sweep must start it again")
}

// switched counts how often the integration was bound to its connector.
func (x *terminator) switched(c *customer) int {
	x.t.Helper()
	return x.done("bind-connector", c.Integration)
}

// done counts the entries of the audit that say so.
func (x *terminator) done(action, subject string) (n int) {
	x.t.Helper()
	require.NoError(x.t, x.App.Service.Read(x.t.Context(), domain.System("test"), func(tx *service.Tx) (err error) {
		n, err = tx.Rows.Audit().Count(service.By(service.Where{"subject": subject, "action": action, "outcome": "done"}))
		return err
	}))
	return n
}

func (c *customer) ready(t *testing.T) {
	t.Helper()
	require.NoError(t, c.consent(t.Context()))
	require.NoError(t, c.until(t.Context(), domain.AwaitingDescription))
	require.NoError(t, c.describe(t.Context()))
	require.NoError(t, c.until(t.Context(), domain.AwaitingApproval))
}

// Somebody terminates a migration's workflow: while it waits for the approval,
// which is then given to nobody; in the middle of the switch; and when it is
// migrated. The sweep starts it again each time, a decision is never lost, and
// what was switched once is not switched again behind anybody's back.
func TestAWorkflowThatIsTerminatedIsHealedByTheSweep(t *testing.T) {
	x := newTerminator(t, open(t))
	ctx := bounded(t)
	c, err := x.at(ctx, "contoso")
	require.NoError(t, err)
	c.ready(t)
	x.terminate(c)
	require.NoError(t, c.approve(ctx), "the decision is taken although nobody listens")
	require.NoError(t, c.until(ctx, domain.Migrated), "and carried out without being asked for again")
	require.Equal(t, 1, x.switched(c))
	x.terminate(c)
	x.runs(c)
	require.NoError(t, c.removeOldApp(ctx))
	require.Equal(t, 1, x.switched(c))
	x.requireSame(t, "contoso")

	c, err = x.at(ctx, "fabrikam")
	require.NoError(t, err)
	c.ready(t)
	before, err := x.integration(ctx, c.Customer)
	require.NoError(t, err)
	outage := x.Emulator.SetFault(emulator.Fault{TenantID: c.Tenant.ID, PathPrefix: "/v1.0/users/delta", Status: http.StatusServiceUnavailable, Remaining: -1})
	require.NoError(t, c.approve(ctx))
	require.Eventually(t, func() bool { return x.switched(c) == 1 }, 90*time.Second, 20*time.Millisecond, "it is switched and cannot read")
	x.terminate(c)
	m := x.stands(c, "the sweep must take the switch back", func(m migration) bool { return m.Phase == domain.AwaitingApproval && m.Failure != nil })
	require.Equal(t, rules.WorkflowLost, m.Failure.Code)
	after, err := x.integration(ctx, c.Customer)
	require.NoError(t, err)
	require.Equal(t, domain.BoundLegacy, after.Binding)
	require.Equal(t, before.Mirror, after.Mirror)
	require.Equal(t, before.LastRunID, after.LastRunID)
	x.requireSame(t, "fabrikam")
	x.Emulator.ClearFault(outage)

	// One press is enough: the comparison is made again and still nothing changes.
	require.NoError(t, c.decide(ctx, "approve again", map[string]any{"kind": domain.DecideApprove, "proofId": m.ProofID}))
	require.NoError(t, c.until(ctx, domain.Migrated))
	require.Equal(t, 2, x.switched(c), "once for each approval")
	x.requireSame(t, "fabrikam")
}

// Somebody cancels migrations' workflows at the engine, and an account is deleted:
// each time the workflow ends, so that its history closes. Before the switch that
// cancels the attempt; after it the sweep starts another one, which it misses
// although there is one too many beside; and a deleted account leaves none.
func TestAWorkflowThatIsCancelledEnds(t *testing.T) {
	x := newTerminator(t, open(t))
	ctx := bounded(t)
	c, err := x.at(ctx, "contoso")
	require.NoError(t, err)
	c.ready(t)
	run := x.cancel(c)
	x.ended(c, run)
	x.stands(c, "before the switch the attempt is cancelled", func(m migration) bool { return m.Phase == domain.Cancelled })

	_, err = x.engine.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: contract.MigrationID("nobodys"), TaskQueue: "nobody-works-here", TypedSearchAttributes: temporal.NewSearchAttributes(contract.AttrRegion.ValueSet(x.world.Customer("fabrikam").Region)),
	}, contract.MigrationWorkflow)
	require.NoError(t, err)
	c, err = x.at(ctx, "fabrikam")
	require.NoError(t, err)
	c.ready(t)
	require.NoError(t, c.approve(ctx))
	require.NoError(t, c.until(ctx, domain.Migrated))
	run = x.cancel(c)
	x.ended(c, run)
	x.runs(c)
	x.stands(c, "after the switch cancelling is no way out", func(m migration) bool { return m.Phase == domain.Migrated })

	run = x.run(c)
	_, err = x.operator.API(ctx, http.MethodPut, "/accounts/fabrikam/deletion", map[string]any{"name": c.Name}, nil)
	require.NoError(t, err)
	_, err = service.Do(ctx, x.App.Service, domain.System("test"), "", "let-time-pass", "fabrikam", func(tx *service.Tx) (domain.AccountDeletion, error) {
		d, err := tx.Rows.AccountDeletions().Get("fabrikam")
		if err == nil {
			d.DueAt = tx.At()
			err = tx.Rows.AccountDeletions().Update(&d)
		}
		return d, err
	})
	require.NoError(t, err)
	x.ended(c, run)
}

// run gives the run that is at work, or was last.
func (x *terminator) run(c *customer) string {
	x.t.Helper()
	d, err := x.engine.DescribeWorkflowExecution(x.t.Context(), contract.MigrationID(c.Integration), "")
	require.NoError(x.t, err)
	return d.GetWorkflowExecutionInfo().GetExecution().GetRunId()
}

func (x *terminator) cancel(c *customer) (run string) {
	x.t.Helper()
	run = x.run(c)
	require.NoError(x.t, x.engine.CancelWorkflow(x.t.Context(), contract.MigrationID(c.Integration), run))
	return run
}

// ended waits until a run has ended as cancelled.
func (x *terminator) ended(c *customer, run string) {
	x.t.Helper()
	require.Eventually(x.t, func() bool {
		d, err := x.engine.DescribeWorkflowExecution(x.t.Context(), contract.MigrationID(c.Integration), run)
		return err == nil && d.GetWorkflowExecutionInfo().GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED
	}, 90*time.Second, 50*time.Millisecond, "the cancelled workflow must end")
}
