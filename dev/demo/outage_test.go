package demo

import (
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/dev/visitor"
	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/service"
)

// The database goes away while a decision is being applied: whoever gave it is
// told where it stands, the activity that applies it is tried until the database
// is back, and then it is applied once. Repeating it with its key answers alike,
// and what was asked for meanwhile has changed nothing.
func TestADecisionOutlivesTheDatabase(t *testing.T) {
	x := newTerminator(t, openOn(t, "postgres"))
	ctx := bounded(t)
	c, err := x.at(ctx, "contoso")
	require.NoError(t, err)
	c.ready(t)
	m, err := x.migration(ctx, c.attempt)
	require.NoError(t, err)
	approve := map[string]any{"kind": domain.DecideApprove, "proofId": m.ProofID}
	give := func(key string, body map[string]any) (status int, d decision, err error) {
		status, err = c.browser.API(ctx, "POST", "/migrations/"+c.attempt+"/decisions", body, &d, "Idempotency-Key", key)
		return status, d, err
	}
	away := func(err error) {
		t.Helper()
		var refused *visitor.APIError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, http.StatusServiceUnavailable, refused.Status)
		require.Equal(t, "store-unavailable", refused.Code)
		require.Contains(t, refused.Detail, "Nothing was changed; try again.")
	}

	// The worker stands still, so that the decision is stored and not applied yet.
	require.NoError(t, syscall.Kill(x.WorkerPID(), syscall.SIGSTOP))
	t.Cleanup(func() { _ = syscall.Kill(x.WorkerPID(), syscall.SIGCONT) }) // it may have ended
	type answer struct {
		status int
		d      decision
		err    error
	}
	first := make(chan answer, 1)
	go func() {
		status, d, err := give("once", approve)
		first <- answer{status, d, err}
	}()
	require.Eventually(t, func() bool {
		n := 0
		return x.App.Service.Read(ctx, domain.System("test"), func(tx *service.Tx) (err error) {
			n, err = tx.Rows.Decisions().Count(service.By(service.Where{"migration_id": c.attempt, "kind": string(domain.DecideApprove)}))
			return err
		}) == nil && n == 1
	}, 30*time.Second, 10*time.Millisecond, "the decision is stored")
	require.NoError(t, x.Postgres().Halt(ctx, "immediate"))
	require.NoError(t, syscall.Kill(x.WorkerPID(), syscall.SIGCONT))
	require.Eventually(t, func() bool {
		d, err := x.engine.DescribeWorkflowExecution(ctx, contract.MigrationID(c.Integration), "")
		if err != nil {
			return false
		}
		for _, a := range d.GetPendingActivities() {
			if a.GetActivityType().GetName() == "ServiceApplyDecision" && a.GetAttempt() > 1 {
				return true
			}
		}
		return false
	}, 60*time.Second, 50*time.Millisecond, "it is being applied, and the database is away")

	got := <-first
	require.NoError(t, got.err)
	require.Equal(t, http.StatusAccepted, got.status, "it is stored, so that is the answer")
	require.Equal(t, domain.DecisionGiven, got.d.State)
	_, _, err = give("once", approve)
	away(err)
	_, _, err = give("another", map[string]any{"kind": domain.DecideCancel})
	away(err)
	_, err = c.browser.API(ctx, "GET", "/decisions/"+got.d.ID, nil, nil)
	away(err)

	require.NoError(t, x.Postgres().Resume(ctx))
	require.NoError(t, c.until(ctx, domain.Migrated))
	status, again, err := give("once", approve)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, got.d.ID, again.ID)
	require.Equal(t, domain.DecisionApplied, again.State)
	require.Equal(t, 1, x.done("apply-decision", got.d.ID))
	require.Equal(t, 1, x.switched(c))
	require.Zero(t, x.done("migration-"+string(domain.Cancelled), c.attempt))
	var late *visitor.APIError
	_, _, err = give("late", approve)
	require.ErrorAs(t, err, &late)
	require.Equal(t, http.StatusConflict, late.Status, "a late one is refused with its reason")
	x.requireSame(t, "contoso")
}
