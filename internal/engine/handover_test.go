package engine

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
)

// attempt runs an activity under a worker that is told to stop, and has the given
// time for that, while the activity is at work.
func attempt(t *testing.T, after time.Duration, work func(context.Context) (string, error)) (string, error) {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	stop := make(chan struct{})
	env.SetWorkerStopChannel(stop)
	env.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{&handover{after: after}}})
	activity := func(ctx context.Context) (string, error) {
		close(stop)
		return work(ctx)
	}
	env.RegisterActivity(activity)
	value, err := env.ExecuteActivity(activity)
	if err != nil {
		return "", err
	}
	var out string
	require.NoError(t, value.Get(&out))
	return out, nil
}

func TestAnAttemptThatTheStopCutsGivesItsWorkBack(t *testing.T) {
	_, err := attempt(t, 0, func(ctx context.Context) (string, error) {
		<-ctx.Done()
		return "", ctx.Err()
	})
	var handed *temporal.ApplicationError
	require.ErrorAs(t, err, &handed)
	require.Equal(t, "WorkerStops", handed.Type())
	require.False(t, handed.NonRetryable(), "another worker goes on")
}

func TestAStopChangesNothingOfWhatEndsInTime(t *testing.T) {
	out, err := attempt(t, time.Hour, func(context.Context) (string, error) { return "done", nil })
	require.NoError(t, err)
	require.Equal(t, "done", out)
	_, err = attempt(t, time.Hour, func(context.Context) (string, error) { return "", errors.New("its own trouble") })
	require.ErrorContains(t, err, "its own trouble")
	out, err = attempt(t, 0, func(ctx context.Context) (string, error) {
		<-ctx.Done()
		return "done at the last moment", nil
	})
	require.NoError(t, err)
	require.Equal(t, "done at the last moment", out)
}

func TestTheWordIsGivenWhileTheWorkerStillListens(t *testing.T) {
	for within, after := range map[time.Duration]time.Duration{time.Minute: 58 * time.Second, 20 * time.Second: 18 * time.Second, time.Second: time.Second / 2} {
		require.Equal(t, after, newHandover(within).after)
		require.Equal(t, within, WorkerOptions(within).WorkerStopTimeout)
	}
	require.Equal(t, 20*time.Second, WorkerOptions(0).WorkerStopTimeout)
}
