package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	otelprom "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/sdk/client"
	temporalotel "go.temporal.io/sdk/contrib/opentelemetry"

	"consentry/internal/domain"
	"consentry/internal/entra"
	"consentry/internal/metrics"
	"consentry/internal/tracing"
)

// temporalMetrics lets Temporal's SDK report into the same registry. Its labels
// vary from one use of a metric to the next, which OpenTelemetry's exporter
// bears and a plain Prometheus vector does not.
func (a *App) temporalMetrics() (func(*client.Options), error) {
	exporter, err := otelprom.New(otelprom.WithRegisterer(a.metrics.Registry), otelprom.WithoutScopeInfo(), otelprom.WithoutTargetInfo())
	if err != nil {
		return nil, fmt.Errorf("prepare the metrics of Temporal's SDK: %w", err)
	}
	meter := sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter)).Meter("temporal-sdk-go")
	handler := temporalotel.NewMetricsHandler(temporalotel.MetricsHandlerOptions{
		Meter: meter, OnError: func(error) { a.log.Debug("a metric of Temporal's SDK was dropped") },
	})
	return func(o *client.Options) { o.MetricsHandler = incompatible{MetricsHandler: handler, found: a.foreign} }, nil
}

// temporalTraces carries traces through Temporal: a span for each start, signal,
// update, workflow and activity. Off, it adds nothing, so that histories have no
// headers either.
func (a *App) temporalTraces() (func(*client.Options), error) {
	if !a.traces.On {
		return func(*client.Options) {}, nil
	}
	i, err := temporalotel.NewTracingInterceptor(temporalotel.TracerOptions{
		Tracer: a.traces, DisableBaggage: true, AllowInvalidParentSpans: true, TextMapPropagator: propagation.TraceContext{}, SpanStarter: tracing.StartTyped,
	})
	if err != nil {
		return nil, fmt.Errorf("prepare the traces of Temporal's SDK: %w", err)
	}
	return func(o *client.Options) { o.Interceptors = append(o.Interceptors, i) }, nil
}

// figures reads what the database knows for a scrape.
func (a *App) figures(ctx context.Context) (metrics.Figures, error) {
	f, err := a.Service.Figures(ctx)
	if err != nil {
		return metrics.Figures{}, err
	}
	known, err := a.Service.Processes(ctx, domain.System("monitoring"))
	if err != nil {
		return metrics.Figures{}, err
	}
	running := map[metrics.Running]int{}
	for _, p := range known.Running() {
		for _, kind := range p.Kinds {
			running[metrics.Running{Kind: kind, Version: p.Version, Revision: p.Revision}]++
		}
	}
	breaks, seq, err := a.audit.Next(ctx)
	return metrics.Figures{
		Waiting: f.Waiting, Oldest: f.Oldest, Migrations: f.Migrations, Overdue: f.Overdue, Holds: f.Holds,
		MirrorAge: f.MirrorAge, CertificateLeft: f.CertificateLeft, AuditBreaks: breaks, AuditChecked: seq, Processes: running,
	}, err
}

func (a *App) watchPool() {
	a.metrics.Pool(
		func() float64 { return float64(a.store.Pool().OpenConnections) },
		func() float64 { return float64(a.store.Pool().InUse) },
		func() float64 { return float64(a.store.Pool().WaitCount) },
	)
}

// watched counts every request to Microsoft by service and outcome. Addresses
// carry tenant and object ids and, with delta links, tokens: they are not kept.
func (a *App) watched(cloud entra.Cloud) *http.Client {
	var base http.RoundTripper
	if cloud.HTTP != nil && cloud.HTTP.Transport != nil {
		base = cloud.HTTP.Transport
	} else {
		own := http.DefaultTransport.(*http.Transport).Clone()
		own.MaxIdleConnsPerHost = 32
		own.ResponseHeaderTimeout = time.Minute
		base = own
	}
	graph := ""
	if u, err := url.Parse(cloud.GraphURL); err == nil {
		graph = u.Host + u.Path
	}
	return &http.Client{Transport: &watcher{base: base, graph: graph, metrics: a.metrics, traces: a.traces, answers: a.answers}}
}

type watcher struct {
	base    http.RoundTripper
	graph   string // host and path that Graph's addresses begin with
	metrics *metrics.Metrics
	traces  *tracing.Traces
	answers *answers
}

// RoundTrip implements http.RoundTripper.
func (w *watcher) RoundTrip(r *http.Request) (*http.Response, error) {
	began, asked := time.Now(), w.service(r)
	answer, err := w.base.RoundTrip(r)
	outcome := microsoftOutcome(r.Context(), answer, err)
	w.metrics.Microsoft(asked, outcome, time.Since(began))
	w.answers.note(outcome, time.Now())
	w.span(r, asked, outcome, began, answer)
	return answer, err
}

// span is written when the answer began. Our trace is not told to Microsoft.
func (w *watcher) span(r *http.Request, asked, outcome string, began time.Time, answer *http.Response) {
	route := tracing.Route(r.URL.Path)
	_, span := w.traces.Start(r.Context(), r.Method+" "+asked+" "+route, trace.WithTimestamp(began), trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(attribute.String("http.request.method", r.Method), attribute.String("http.route", route), attribute.String("consentry.service", asked), attribute.String("consentry.outcome", outcome)))
	if answer != nil {
		span.SetAttributes(attribute.Int("http.response.status_code", answer.StatusCode))
	}
	if outcome != "ok" {
		span.SetStatus(codes.Error, "")
	}
	span.End()
}

func (w *watcher) service(r *http.Request) string {
	switch {
	case w.graph != "" && strings.HasPrefix(r.URL.Host+r.URL.Path, w.graph):
		return "graph"
	case strings.HasSuffix(r.URL.Path, "/oauth2/v2.0/token"):
		return "token"
	}
	return "sign-in"
}

func microsoftOutcome(ctx context.Context, answer *http.Response, err error) string {
	switch {
	case err != nil && errors.Is(ctx.Err(), context.Canceled):
		return "cancelled"
	case err != nil:
		return "unreachable"
	case answer.StatusCode == http.StatusTooManyRequests:
		return "throttled"
	case answer.StatusCode >= http.StatusInternalServerError:
		return "unavailable"
	case answer.StatusCode >= http.StatusBadRequest:
		return "refused"
	}
	return "ok"
}
