// Package metrics counts what a process does, for Prometheus. docs/metrics.md is
// the list with meanings; a test holds it equal to what a scrape shows. Labels
// have few values: actions, codes, phases, regions, campaigns and cells, never
// accounts, people or tenants.
package metrics

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"consentry/internal/build"
)

// Metrics are one process's.
type Metrics struct {
	Registry *prometheus.Registry

	requests        *prometheus.CounterVec
	seconds         *prometheus.HistogramVec
	commands        *prometheus.CounterVec
	consentRefusals *prometheus.CounterVec
	strangers       *prometheus.CounterVec
	deliveries      *prometheus.CounterVec
	redeliveries    prometheus.Counter
	runs            *prometheus.CounterVec
	applied         prometheus.Counter
	microsoft       *prometheus.CounterVec
	microsoftTime   *prometheus.HistogramVec
	nondeterminism  *prometheus.CounterVec

	mu    sync.Mutex // guards a reading of the state
	state state
}

// state is what is read from the database when somebody scrapes.
type state struct {
	waiting, oldest prometheus.Gauge
	migrations      *prometheus.GaugeVec
	overdue         *prometheus.GaugeVec
	holds           prometheus.Gauge
	mirrorAge       *prometheus.GaugeVec
	certificate     *prometheus.GaugeVec
	breaks          prometheus.Gauge
	checked         prometheus.Gauge
	processes       *prometheus.GaugeVec
	failed          prometheus.Counter
}

// New makes the metrics of a process with those of Go, of the process and of
// the build.
func New() *Metrics {
	m := &Metrics{Registry: prometheus.NewRegistry()}
	m.Registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
		m.Registry.MustRegister(c)
		return c
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
		m.Registry.MustRegister(g)
		return g
	}
	histogram := func(name, help string, labels ...string) *prometheus.HistogramVec {
		h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: prometheus.ExponentialBuckets(0.002, 2.5, 10)}, labels)
		m.Registry.MustRegister(h)
		return h
	}
	m.requests = counter("consentry_http_requests_total", "Requests answered, by route template.", "method", "route", "status")
	m.seconds = histogram("consentry_http_request_seconds", "Time to answer, without live event streams.", "route")
	m.commands = counter("consentry_commands_total", "Commands: done, refused by a rule, or failed by a fault.", "action", "outcome")
	m.consentRefusals = counter("consentry_consent_refusals_total", "Answers from Microsoft that bound nothing, by code.", "code")
	m.strangers = counter("consentry_strangers_refused_total", "Refused requests of senders who are not signed in: forged callbacks, guessed links.", "action")
	m.deliveries = counter("consentry_engine_deliveries_total", "Calls handed to Temporal: taken, dropped (the workflow has ended) or failed.", "kind", "outcome")
	m.redeliveries = counter("consentry_engine_redeliveries_total", "Calls handed to Temporal that it had not taken before.").WithLabelValues()
	m.runs = counter("consentry_sync_runs_total", "Synchronization runs that ended.", "outcome")
	m.applied = counter("consentry_sync_objects_applied_total", "Changes that ended runs brought into mirrors.").WithLabelValues()
	m.microsoft = counter("consentry_microsoft_requests_total", "Requests to Microsoft.", "service", "outcome")
	m.microsoftTime = histogram("consentry_microsoft_request_seconds", "Time until Microsoft's answer began.", "service")
	m.nondeterminism = counter("consentry_incompatible_workflow_tasks_total", "Workflow tasks that this build cannot replay: another build recorded them.", "workflow_type")

	m.state = state{
		waiting:     gauge("consentry_engine_calls_waiting", "Calls that Temporal has not taken yet.").WithLabelValues(),
		oldest:      gauge("consentry_engine_call_oldest_seconds", "Age of the oldest of them.").WithLabelValues(),
		migrations:  gauge("consentry_migrations", "Migrations, by campaign and phase.", "campaign", "phase"),
		overdue:     gauge("consentry_migrations_overdue", "Open migrations whose date has passed.", "campaign"),
		holds:       gauge("consentry_holds_open", "Destructive changes that wait for a person.").WithLabelValues(),
		mirrorAge:   gauge("consentry_mirror_age_seconds", "Time since the region's longest unsynchronized mirror was complete.", "region"),
		certificate: gauge("consentry_certificate_days_left", "Days until the active certificate ends.", "cell"),
		breaks:      gauge("consentry_audit_chain_breaks", "Entries of the audit that do not follow from the one before.").WithLabelValues(),
		checked:     gauge("consentry_audit_checked_seq", "Up to which entry the audit was checked.").WithLabelValues(),
		processes:   gauge("consentry_processes", "Processes that told of themselves within the last 90 s, by what they do and their build.", "kind", "version", "revision"),
		failed:      counter("consentry_state_read_failures_total", "Scrapes that could not read the database: the gauges keep what was read before.").WithLabelValues(),
	}
	version, revision := build.Name()
	gauge("consentry_build_info", "Always 1; the labels say which build runs.", "version", "revision").WithLabelValues(version, revision).Set(1)
	return m
}

// Pool shows how the database's connections are used.
func (m *Metrics) Pool(open, inUse, waits func() float64) {
	m.Registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "consentry_database_connections_open", Help: "Open connections to the database."}, open),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "consentry_database_connections_in_use", Help: "Of them, those in use."}, inUse),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "consentry_database_waits_total", Help: "Times somebody waited for a connection."}, waits),
	)
}

// Request notes an answered request.
func (m *Metrics) Request(method, route string, status int, took time.Duration) {
	m.requests.WithLabelValues(method, route, strconv.Itoa(status)).Inc()
	if route != "/events" {
		m.seconds.WithLabelValues(route).Observe(took.Seconds())
	}
}

// Command implements service.Observer.
func (m *Metrics) Command(action, outcome string) { m.commands.WithLabelValues(action, outcome).Inc() }

// ConsentRefused implements service.Observer.
func (m *Metrics) ConsentRefused(code string) { m.consentRefusals.WithLabelValues(code).Inc() }

// StrangerRefused implements service.Observer.
func (m *Metrics) StrangerRefused(action string) { m.strangers.WithLabelValues(action).Inc() }

// Delivered implements service.Observer.
func (m *Metrics) Delivered(kind, outcome string, again bool) {
	m.deliveries.WithLabelValues(kind, outcome).Inc()
	if again {
		m.redeliveries.Inc()
	}
}

// RunEnded implements service.Observer.
func (m *Metrics) RunEnded(outcome string, applied int64) {
	m.runs.WithLabelValues(outcome).Inc()
	m.applied.Add(float64(applied))
}

// Microsoft notes a request to one of Microsoft's services.
func (m *Metrics) Microsoft(service, outcome string, took time.Duration) {
	m.microsoft.WithLabelValues(service, outcome).Inc()
	m.microsoftTime.WithLabelValues(service).Observe(took.Seconds())
}

// Incompatible notes a workflow task that this build cannot replay.
func (m *Metrics) Incompatible(workflowType string) {
	m.nondeterminism.WithLabelValues(workflowType).Inc()
}

// Handler shows the metrics; read fills in what the database knows.
func (m *Metrics) Handler(read func(context.Context) (Figures, error)) http.Handler {
	show := promhttp.HandlerFor(m.Registry, promhttp.HandlerOpts{})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.mu.Lock()
		defer m.mu.Unlock()
		f, err := read(r.Context())
		if err != nil {
			m.state.failed.Inc()
		} else {
			m.state.set(f)
		}
		show.ServeHTTP(w, r)
	})
}
