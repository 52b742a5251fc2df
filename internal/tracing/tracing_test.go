package tracing

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.temporal.io/sdk/temporal"
	"go.uber.org/zap"
)

// Whatever a library writes into a span, only what is listed leaves.
func TestNothingButWhatIsListedLeavesTheProcess(t *testing.T) {
	out := tracetest.NewInMemoryExporter()
	p := sdktrace.NewTracerProvider(sdktrace.WithSyncer(gate{out}))
	t.Cleanup(func() { require.NoError(t, p.Shutdown(context.WithoutCancel(t.Context()))) })
	ctx, plain := p.Tracer("").Start(t.Context(), "plain")
	plain.SetAttributes(attribute.String("url.full", "https://planted.example?code=planted"), attribute.String("http.route", "/users/delta"))
	plain.RecordError(errors.New("planted"))
	plain.SetStatus(codes.Error, "planted")
	typed := StartTyped(ctx, p.Tracer(""), "typed")
	typed.RecordError(temporal.NewApplicationError("planted", "ConsentNotVisibleYet"))
	typed.SetStatus(codes.Error, "planted")
	typed.End()
	plain.End()

	spans := out.GetSpans()
	require.Len(t, spans, 2)
	require.Equal(t, []attribute.KeyValue{attribute.String("error.type", "ConsentNotVisibleYet")}, spans[0].Attributes)
	require.Equal(t, []attribute.KeyValue{attribute.String("http.route", "/users/delta")}, spans[1].Attributes)
	for _, s := range spans {
		require.Empty(t, s.Events)
		require.Equal(t, sdktrace.Status{Code: codes.Error}, s.Status)
	}
}

func TestAnAddressBecomesItsRoute(t *testing.T) {
	for path, route := range map[string]string{
		"/v1.0/users/delta": "/v1.0/users/delta",
		"/8f1c9b52-0000-4000-8000-000000000000/oauth2/v2.0/token": "/{}/oauth2/v2.0/token",
		"/v1.0/applications/8f1c/addKey":                          "/v1.0/applications/{}/addKey",
		"/v1.0/users/anna@contoso.example":                        "/v1.0/users/{}",
		"":                                                        "",
	} {
		require.Equal(t, route, Route(path))
	}
}

func TestTracesAreOffUntilTheEnvironmentNamesACollector(t *testing.T) {
	for _, c := range []struct {
		env   map[string]string
		on    bool
		wrong string
	}{
		{env: nil},
		{env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, on: true},
		{env: map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}, on: true},
		{env: map[string]string{"OTEL_TRACES_EXPORTER": "otlp"}, on: true},
		{env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "OTEL_TRACES_EXPORTER": "none"}},
		{env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "OTEL_SDK_DISABLED": "true"}},
		{env: map[string]string{"OTEL_TRACES_EXPORTER": "zipkin"}, wrong: "choose otlp or none"},
		{env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, wrong: "4318"},
		{env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318"}, wrong: "http://HOST:4318"},
		{env: map[string]string{"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}}, // for others' sake: no traces are wanted
	} {
		on, err := wanted(func(name string) string { return c.env[name] })
		require.Equal(t, c.on, on, c.env)
		if c.wrong != "" {
			require.ErrorContains(t, err, c.wrong)
			continue
		}
		require.NoError(t, err)
	}
	for _, name := range []string{"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_TRACES_EXPORTER"} {
		t.Setenv(name, "")
	}
	off, err := Open(t.Context(), "test", "v0", zap.NewNop())
	require.NoError(t, err)
	require.False(t, off.On)
	_, span := off.Start(t.Context(), "nothing")
	require.False(t, span.IsRecording())
	require.NoError(t, off.Close(t.Context()))
}
