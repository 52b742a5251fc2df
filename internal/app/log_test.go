package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"consentry/internal/engine"
	"consentry/internal/logkey"
	"consentry/internal/service"
	"consentry/internal/tracing"
)

func TestTheLogIsWrittenForMachinesOrForPeople(t *testing.T) {
	written := func(format string) []byte {
		file := filepath.Join(t.TempDir(), "log")
		log, err := NewLogger("info", format, file)
		require.NoError(t, err)
		log.Named("api").Debug("not asked for")
		log.Named("api").Info("request", zap.String(logkey.Route, "/x"), zap.Duration(logkey.Took, 1500*time.Millisecond))
		b, err := os.ReadFile(file)
		require.NoError(t, err)
		return b
	}
	var line map[string]any
	require.NoError(t, json.Unmarshal(written(FormatJSON), &line), "one line, one object")
	at, err := time.Parse(time.RFC3339Nano, line["ts"].(string))
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), at, time.Minute)
	require.Equal(t, time.UTC, at.Location())
	delete(line, "ts")
	require.Equal(t, map[string]any{"level": "info", "logger": "api", "msg": "request", "route": "/x", "took": 1.5}, line)

	require.Regexp(t, `^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} UTC  INFO   api  request  \{"route": "/x", "took": "1\.5s"\}\n$`, string(written(FormatHuman)))
}

// Whatever an activity logs names the workflow, the activity and the trace, by
// the keys that Temporal's SDK uses for its own lines.
func TestALineOfAnActivityNamesItsTraceAndWorkflow(t *testing.T) {
	core, lines := observer.New(zap.InfoLevel)
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	env.SetWorkerOptions(worker.Options{Interceptors: traced(t)})
	var of trace.SpanContext
	env.RegisterActivityWithOptions(func(ctx context.Context) error {
		of = trace.SpanContextFromContext(ctx)
		service.Log(ctx, zap.New(core)).Info("a line")
		return nil
	}, activity.RegisterOptions{Name: "GraphReadRound"})
	_, err := env.ExecuteActivity("GraphReadRound")
	require.NoError(t, err)
	require.True(t, of.IsValid())
	keys := lines.All()[0].ContextMap()
	require.Equal(t, of.TraceID().String(), keys[logkey.TraceID])
	require.Equal(t, of.SpanID().String(), keys[logkey.SpanID])
	require.Equal(t, "GraphReadRound", keys[logkey.ActivityType])
	require.NotEmpty(t, keys[logkey.WorkflowID])
	require.NotEmpty(t, keys[logkey.RunID])
	require.EqualValues(t, 1, keys[logkey.Attempt])
}

// The SDK writes the error of an attempt outside of the trace. Ours beside it names
// both, so that the way from the error to the trace does not end there.
func TestAnAttemptThatFailedNamesItsTrace(t *testing.T) {
	core, lines := observer.New(zap.InfoLevel)
	sdk, err := engine.ClientOptions("127.0.0.1:1", zap.New(core))
	require.NoError(t, err)
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(sdk.Logger)
	env := suite.NewTestActivityEnvironment()
	env.SetWorkerOptions(worker.Options{Interceptors: traced(t)})
	var of trace.SpanContext
	env.RegisterActivityWithOptions(func(ctx context.Context) error {
		of = trace.SpanContextFromContext(ctx)
		return errors.New("Microsoft does not answer")
	}, activity.RegisterOptions{Name: "GraphReadRound"})
	_, err = env.ExecuteActivity("GraphReadRound")
	require.Error(t, err)
	ours := lines.FilterMessage("an attempt of an activity failed").All()
	require.Len(t, ours, 1)
	keys := ours[0].ContextMap()
	require.Equal(t, of.TraceID().String(), fmt.Sprint(keys[logkey.TraceID]))
	require.Equal(t, of.SpanID().String(), fmt.Sprint(keys[logkey.SpanID]))
	require.Equal(t, "GraphReadRound", keys[logkey.ActivityType])
	require.NotEmpty(t, keys[logkey.RunID])
	require.EqualValues(t, 1, keys[logkey.Attempt])
	require.Len(t, lines.FilterMessage("Activity error.").All(), 1, "the SDK's own: docs/log-keys.md names it")
}

// traced are the interceptors of a worker's activities while traces are recorded.
func traced(t *testing.T) []interceptor.WorkerInterceptor {
	t.Helper()
	p := sdktrace.NewTracerProvider()
	t.Cleanup(func() { require.NoError(t, p.Shutdown(context.WithoutCancel(t.Context()))) })
	a := &App{traces: &tracing.Traces{Tracer: p.Tracer(""), On: true}}
	spans, err := a.temporalTraces()
	require.NoError(t, err)
	var client client.Options
	spans(&client)
	all := engine.WorkerOptions(0).Interceptors
	for _, i := range client.Interceptors { // a client's go before the worker's
		all = append([]interceptor.WorkerInterceptor{i.(interceptor.WorkerInterceptor)}, all...)
	}
	return all
}
