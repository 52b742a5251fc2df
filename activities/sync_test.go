package activities_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.uber.org/zap"

	"consentry/activities"
	"consentry/internal/contract"
	"consentry/internal/dirsync"
	"consentry/internal/domain"
	"consentry/internal/service"
	"consentry/internal/store/storetest"
)

// refusal is Microsoft saying no, in the shape of an adapter's error.
type refusal struct {
	kind string
	wait time.Duration
}

func (e refusal) Error() string       { return "Microsoft says " + e.kind }
func (e refusal) FaultKind() string   { return e.kind }
func (e refusal) FaultCode() string   { return "" }
func (e refusal) Wait() time.Duration { return e.wait }

// scripted answers each request by its stream and link, and remembers who asked.
type scripted struct {
	answers map[string]any // body or error
	asked   []string
	access  activities.DirectoryAccess
}

func (s *scripted) Page(_ context.Context, access activities.DirectoryAccess, stream dirsync.Stream, link string) ([]byte, error) {
	s.access = access
	s.asked = append(s.asked, string(stream)+" "+link)
	switch a := s.answers[string(stream)+" "+link].(type) {
	case error:
		return nil, a
	case string:
		return []byte(a), nil
	}
	return nil, errors.New("nobody scripted this")
}

type syncBench struct {
	*testsuite.TestActivityEnvironment
	t    *testing.T
	sync *activities.Sync
	svc  *service.Service
	dir  *scripted
	st   service.Store
	now  time.Time
	n    int
}

func newSyncBench(t *testing.T) *syncBench {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	b := &syncBench{TestActivityEnvironment: suite.NewTestActivityEnvironment(), t: t, dir: &scripted{answers: map[string]any{
		"users ":    `{"value":[{"id":"a","displayName":"Ann"}],"@odata.nextLink":"u2"}`,
		"users u2":  `{"value":[],"@odata.nextLink":"u3"}`,
		"users u3":  `{"value":[{"id":"b","displayName":"Bob"}],"@odata.deltaLink":"ud"}`,
		"groups ":   `{"value":[{"id":"g","displayName":"G","members@delta":[{"@odata.type":"#microsoft.graph.user","id":"a"}]}],"@odata.deltaLink":"gd"}`,
		"users ud":  `{"value":[{"id":"b","@removed":{"reason":"changed"}}],"@odata.deltaLink":"ud2"}`,
		"groups gd": `{"value":[],"@odata.deltaLink":"gd2"}`,
	}}, st: storetest.Open(t), now: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)}
	now := func() time.Time { return b.now }
	b.svc = service.New(service.Deps{Store: b.st, Now: now, Log: zap.NewNop()})
	b.sync = &activities.Sync{Service: b.svc, Directory: b.dir, Now: now}
	b.RegisterActivity(b.sync)
	require.NoError(t, b.st.Write(t.Context(), func(r service.Rows) error {
		return errors.Join(
			r.Accounts().Insert(&domain.Account{ID: "acc", Region: "eu"}),
			r.Integrations().Insert(&domain.Integration{ID: "i", AccountID: "acc", TenantID: "tenant", Binding: domain.BoundLegacy, Epoch: 1,
				Settings: domain.SyncSettings{IncludeGuests: true, IncludeDisabled: true}, Condition: domain.ConditionOK, NextDueAt: domain.At(b.now)}),
			r.LegacyApps().Insert(&domain.LegacyApp{ID: "i", ClientID: "legacy"}),
		)
	}))
	return b
}

func run[In, Out any](b *syncBench, activity func(context.Context, In) (Out, error), in In) (out Out, err error) {
	b.t.Helper()
	value, err := b.ExecuteActivity(activity, in)
	if err == nil {
		require.NoError(b.t, value.Get(&out))
	}
	return out, err
}

func (b *syncBench) begin() string {
	b.t.Helper()
	b.n++
	start, err := run(b, b.sync.ServiceBeginRun, contract.BeginRun{Key: fmt.Sprint(b.n), Input: contract.DirectorySyncInput{IntegrationID: "i", Purpose: domain.RunScheduled}})
	require.NoError(b.t, err)
	require.False(b.t, start.Refused, start.Code)
	return start.RunID
}

func (b *syncBench) read(runID string) (contract.ReadSlice, error) {
	b.t.Helper()
	return run(b, b.sync.GraphReadRound, contract.ReadRound{RunID: runID})
}

func (b *syncBench) mustRead(runID string) contract.ReadSlice {
	b.t.Helper()
	slice, err := b.read(runID)
	require.NoError(b.t, err)
	return slice
}

func (b *syncBench) apply(runID string) contract.DirectorySyncResult {
	b.t.Helper()
	out, err := run(b, b.sync.ServiceApplyRun, contract.ApplyRun{RunID: runID})
	require.NoError(b.t, err)
	return out
}

func (b *syncBench) names() (names []string) {
	b.t.Helper()
	page, err := b.svc.ReadDirectory(b.t.Context(), domain.System("test"), "i", "users", dirsync.Edge{}, 100)
	require.NoError(b.t, err)
	for _, o := range page.Objects {
		names = append(names, o.Name)
	}
	return names
}

func requireType(t *testing.T, err error, kind string, retry bool) {
	t.Helper()
	var application *temporal.ApplicationError
	require.ErrorAs(t, err, &application)
	require.Equal(t, kind, application.Type())
	require.Equal(t, !retry, application.NonRetryable())
}

func TestARoundIsReadPageByPageAndApplied(t *testing.T) {
	b := newSyncBench(t)
	id := b.begin()
	slice := b.mustRead(id)
	require.Equal(t, contract.ReadSlice{Full: true, Pages: 4, Read: 4}, slice)
	require.Equal(t, []string{"users ", "users u2", "users u3", "groups "}, b.dir.asked)
	require.Equal(t, activities.DirectoryAccess{TenantID: "tenant", IntegrationID: "i"}, b.dir.access)
	require.Equal(t, domain.RunDone, b.apply(id).State)
	require.Equal(t, []string{"Ann", "Bob"}, b.names())

	b.dir.asked = nil
	next := b.begin()
	b.mustRead(next)
	require.Equal(t, []string{"users ud", "groups gd"}, b.dir.asked, "the next round begins where this one ended")
	b.apply(next)
	require.Equal(t, []string{"Ann"}, b.names())
}

func TestActivitiesThatRunTwiceLeaveTheSameWorld(t *testing.T) {
	b := newSyncBench(t)
	in := contract.BeginRun{Key: "once", Input: contract.DirectorySyncInput{IntegrationID: "i", Purpose: domain.RunScheduled}}
	first, err := run(b, b.sync.ServiceBeginRun, in)
	require.NoError(t, err)
	again, err := run(b, b.sync.ServiceBeginRun, in)
	require.NoError(t, err)
	require.Equal(t, first, again)

	slice := b.mustRead(first.RunID)
	asked := len(b.dir.asked)
	require.Equal(t, slice, b.mustRead(first.RunID))
	require.Len(t, b.dir.asked, asked, "what is read is not read again")

	out := b.apply(first.RunID)
	require.Equal(t, out, b.apply(first.RunID))
	ended, err := run(b, b.sync.ServiceEndRun, contract.EndRun{RunID: first.RunID, State: string(domain.RunError), Code: contract.SyncUnavailable})
	require.NoError(t, err)
	require.Equal(t, out, ended, "a run that is done stays done")
}

func TestReadingEndsItsSliceAndGoesOnWhereItStood(t *testing.T) {
	b := newSyncBench(t)
	b.sync.PagesPerSlice = 2
	id := b.begin()
	require.True(t, b.mustRead(id).More)
	require.False(t, b.mustRead(id).More)
	require.Equal(t, []string{"users ", "users u2", "users u3", "groups "}, b.dir.asked)
}

func TestAFaultInTheMiddleRepeatsOnlyThePageItHit(t *testing.T) {
	b := newSyncBench(t)
	id := b.begin()
	good := b.dir.answers["users u3"]
	b.dir.answers["users u3"] = refusal{kind: "unavailable"}
	_, err := b.read(id)
	requireType(t, err, contract.ErrUnavailable, true)
	i := b.integration()
	require.Equal(t, contract.SyncUnavailable, i.ConditionCode, "people see that Microsoft does not answer")

	b.dir.answers["users u3"], b.dir.asked = good, nil
	b.mustRead(id)
	require.Equal(t, []string{"users u3", "groups "}, b.dir.asked)
	require.Equal(t, domain.ConditionOK, b.integration().Condition)
}

func (b *syncBench) integration() (i domain.Integration) {
	b.t.Helper()
	require.NoError(b.t, b.st.Read(b.t.Context(), func(r service.Rows) (err error) { i, err = r.Integrations().Get("i"); return err }))
	return i
}

func TestAnExpiredLinkTurnsIntoAFullRoundByItself(t *testing.T) {
	b := newSyncBench(t)
	first := b.begin()
	b.mustRead(first)
	b.apply(first)
	b.dir.answers["users ud"] = refusal{kind: "delta_expired"}
	b.dir.answers["users u3"] = `{"value":[],"@odata.deltaLink":"ud9"}` // Bob left meanwhile
	id := b.begin()
	require.True(t, b.mustRead(id).Full)
	out := b.apply(id)
	require.EqualValues(t, 1, out.Removed, "swept")
	require.Equal(t, []string{"Ann"}, b.names())
}

func TestALinkThatAlwaysExpiresEndsTheRun(t *testing.T) {
	b := newSyncBench(t)
	b.dir.answers["users u2"] = refusal{kind: "delta_expired"}
	_, err := b.read(b.begin())
	requireType(t, err, contract.ErrDeltaExpired, false)
	require.LessOrEqual(t, len(b.dir.asked), 8)
}

func TestThrottlingHonoursTheWaitAndIsNoError(t *testing.T) {
	b := newSyncBench(t)
	b.dir.answers["users "] = refusal{kind: "throttled", wait: 2 * time.Minute}
	_, err := b.read(b.begin())
	requireType(t, err, contract.ErrThrottled, true)
	var application *temporal.ApplicationError
	require.ErrorAs(t, err, &application)
	require.Equal(t, 2*time.Minute, application.NextRetryDelay())
	require.Equal(t, domain.ConditionOK, b.integration().Condition)
}

func TestAPageThatIsNoPageIsNeverApplied(t *testing.T) {
	for name, body := range map[string]string{"an empty object": `{}`, "a proxy's page": `<html>`} {
		t.Run(name, func(t *testing.T) {
			b := newSyncBench(t)
			b.dir.answers["groups "] = body
			_, err := b.read(b.begin())
			requireType(t, err, contract.ErrPageUnreadable, true)
			require.Empty(t, b.names())
		})
	}
}

func TestARunThatWasClosedIsNotReadOn(t *testing.T) {
	b := newSyncBench(t)
	id := b.begin()
	_, err := run(b, b.sync.ServiceEndRun, contract.EndRun{RunID: id, State: string(domain.RunStopped), Code: contract.SyncCancelled})
	require.NoError(t, err)
	slice := b.mustRead(id)
	require.Equal(t, contract.ReadSlice{Stopped: true, Code: contract.SyncCancelled, Full: true}, slice)
	require.Empty(t, b.dir.asked)
	require.Equal(t, domain.RunStopped, b.apply(id).State)
}

func TestAMigrationsRunWaitsForTheRowAndAnOrdinaryOneIsRefused(t *testing.T) {
	b := newSyncBench(t)
	require.NoError(t, b.st.Write(t.Context(), func(r service.Rows) error {
		return r.Migrations().Insert(&domain.Migration{ID: "m", AccountID: "acc", IntegrationID: "i", Phase: domain.Proving, Open: true})
	}))
	b.begin()
	_, err := run(b, b.sync.ServiceBeginRun, contract.BeginRun{Key: "m", Input: contract.DirectorySyncInput{IntegrationID: "i", AttemptID: "m", Purpose: domain.RunLegacy}})
	requireType(t, err, contract.ErrRunOpen, true)
}

func TestWhatDoesNotExistIsNotRetried(t *testing.T) {
	b := newSyncBench(t)
	_, err := b.read("run_unknown")
	requireType(t, err, contract.ErrNotFound, false)
	_, err = run(b, b.sync.ServiceApplyRun, contract.ApplyRun{RunID: "run_unknown"})
	requireType(t, err, contract.ErrNotFound, false)
	_, err = run(b, b.sync.ServiceBeginRun, contract.BeginRun{Key: "k", Input: contract.DirectorySyncInput{IntegrationID: "unknown"}})
	requireType(t, err, contract.ErrNotFound, false)
}

func TestTheSweepReportsWhatItStarted(t *testing.T) {
	b := newSyncBench(t)
	out, err := run(b, b.sync.ServiceStartDueRuns, contract.SweepInput{Region: "eu"})
	require.NoError(t, err)
	require.Equal(t, 1, out.Started)
}
