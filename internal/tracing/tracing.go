// Package tracing hands traces of what a process does to a collector: which
// request led to which command, workflow, activity and call to Microsoft, and
// what took long. It speaks OpenTelemetry (OTLP over HTTP) and is set by the
// standard OTEL_* variables; without them nothing is recorded and nothing sent.
//
// A trace leaves the house, so it holds names of our steps and opaque ids of
// ours, and nothing of a customer: redact.go is the one gate.
package tracing

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"
)

// Traces is where one process's spans go.
type Traces struct {
	trace.Tracer
	On       bool
	provider *sdktrace.TracerProvider
}

// Off records nothing.
func Off() *Traces { return &Traces{Tracer: noop.NewTracerProvider().Tracer(scope)} }

const scope = "consentry"

// Open reads the environment: an endpoint (OTEL_EXPORTER_OTLP_ENDPOINT or
// OTEL_EXPORTER_OTLP_TRACES_ENDPOINT) or OTEL_TRACES_EXPORTER=otlp turns traces
// on. Sampling, headers, batches and names are the SDK's own variables. A
// collector that does not answer harms nothing: spans are dropped and the log
// says so.
//
// The provider is not made the process's global one: libraries below us would
// then write spans of their own, with whole addresses in them.
func Open(ctx context.Context, program, version string, log *zap.Logger) (*Traces, error) {
	on, err := wanted(os.Getenv)
	if err != nil || !on {
		return Off(), err
	}
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("prepare the export of traces (OTEL_EXPORTER_OTLP_…): %w", err)
	}
	own := resource.NewSchemaless(
		attribute.String("service.name", cmp.Or(os.Getenv("OTEL_SERVICE_NAME"), program)), attribute.String("service.namespace", "consentry"),
		attribute.String("service.version", version),
	)
	of, err := resource.Merge(resource.Default(), own)
	if err != nil {
		return nil, fmt.Errorf("read OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		log.Warn("traces could not be handed over; what they tell of goes on", zap.Error(err))
	}))
	p := sdktrace.NewTracerProvider(sdktrace.WithResource(of), sdktrace.WithBatcher(gate{exporter}))
	return &Traces{Tracer: p.Tracer(scope, trace.WithInstrumentationVersion(version)), On: true, provider: p}, nil
}

// Close sends what is still held.
func (t *Traces) Close(ctx context.Context) error {
	if t.provider == nil {
		return nil
	}
	return t.provider.Shutdown(ctx)
}

// Mistake is a variable that traces cannot be sent by.
type Mistake struct{ Env, Value, Wrong, Remedy string }

// Error implements error, without the value: it may be an address with a password.
func (m *Mistake) Error() string { return m.Env + " " + m.Wrong + ": " + m.Remedy }

// Mistakes are all of them; none when no traces are wanted.
func Mistakes(env func(string) string) (all []*Mistake) {
	exporter := env("OTEL_TRACES_EXPORTER")
	if off(env) {
		return nil
	}
	if exporter != "" && exporter != "otlp" {
		all = append(all, &Mistake{"OTEL_TRACES_EXPORTER", exporter, "is not known", "choose otlp or none"})
	}
	if !named(env) {
		return all
	}
	for _, name := range []string{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"} {
		if protocol := env(name); protocol != "" {
			if protocol != "http/protobuf" {
				all = append(all, &Mistake{name, protocol, "is not spoken here", "traces are sent by http/protobuf (a collector takes that on port 4318)"})
			}
			break // the first wins
		}
	}
	for _, name := range []string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"} {
		if endpoint := env(name); endpoint != "" {
			if u, err := url.Parse(endpoint); err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
				all = append(all, &Mistake{name, endpoint, "is no address of a collector", "give http://HOST:4318 or an https address"})
			}
		}
	}
	return all
}

func off(env func(string) string) bool {
	return strings.EqualFold(env("OTEL_SDK_DISABLED"), "true") || env("OTEL_TRACES_EXPORTER") == "none"
}

func named(env func(string) string) bool {
	return env("OTEL_TRACES_EXPORTER") != "" || env("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != ""
}

func wanted(env func(string) string) (bool, error) {
	if wrong := Mistakes(env); len(wrong) > 0 {
		return false, wrong[0]
	}
	return !off(env) && named(env), nil
}
