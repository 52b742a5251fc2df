package service_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"consentry/internal/service"
)

// A call that another process delivers later belongs to the trace of the command
// that wrote it, and its log lines say so.
func TestARedeliveredCallBelongsToItsCommandsTrace(t *testing.T) {
	w := newWorld(t)
	spans := tracetest.NewSpanRecorder()
	p := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	t.Cleanup(func() { require.NoError(t, p.Shutdown(context.WithoutCancel(t.Context()))) })
	core, lines := observer.New(zap.WarnLevel)
	w.Service = service.New(service.Deps{
		Store: w.store, Engine: w.door, Keeper: plainKeeper{}, Now: func() time.Time { return w.now }, Log: zap.New(core), Tracer: p.Tracer(""),
	})
	w.door.fail = errors.New("engine away")
	callFrom(t, w, "start")
	w.door.fail = nil
	w.now = w.now.Add(time.Minute)
	elsewhere, other := p.Tracer("").Start(t.Context(), "the loop of another process")
	taken, err := w.RedeliverCalls(elsewhere)
	require.NoError(t, err)
	require.Equal(t, 1, taken)
	other.End()

	ended := spans.Ended()
	require.Len(t, ended, 4)
	command := ended[1].SpanContext()
	for i, name := range []string{"engine call signal start", "command call", "engine call signal start"} {
		require.Equal(t, name, ended[i].Name())
		require.Equal(t, command.TraceID(), ended[i].SpanContext().TraceID())
	}
	require.Equal(t, command.SpanID(), ended[2].Parent().SpanID())
	require.Equal(t, 1, lines.Len())
	require.Equal(t, command.TraceID().String(), lines.All()[0].ContextMap()["TraceID"])
}
