package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	otelprom "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.temporal.io/sdk/client"
	temporalotel "go.temporal.io/sdk/contrib/opentelemetry"

	"consentry/internal/entra"
	"consentry/internal/metrics"
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

// figures reads what the database knows for a scrape.
func (a *App) figures(ctx context.Context) (metrics.Figures, error) {
	f, err := a.Service.Figures(ctx)
	if err != nil {
		return metrics.Figures{}, err
	}
	breaks, seq, err := a.audit.Next(ctx)
	return metrics.Figures{
		Waiting: f.Waiting, Oldest: f.Oldest, Migrations: f.Migrations, Overdue: f.Overdue, Holds: f.Holds,
		MirrorAge: f.MirrorAge, CertificateLeft: f.CertificateLeft, AuditBreaks: breaks, AuditChecked: seq,
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
	return &http.Client{Transport: &watcher{base: base, graph: graph, metrics: a.metrics}}
}

type watcher struct {
	base    http.RoundTripper
	graph   string // host and path that Graph's addresses begin with
	metrics *metrics.Metrics
}

// RoundTrip implements http.RoundTripper.
func (w *watcher) RoundTrip(r *http.Request) (*http.Response, error) {
	began := time.Now()
	answer, err := w.base.RoundTrip(r)
	w.metrics.Microsoft(w.service(r), microsoftOutcome(r.Context(), answer, err), time.Since(began))
	return answer, err
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
