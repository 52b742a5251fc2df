package app

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"go.temporal.io/sdk/client"
	"go.uber.org/zap"

	"consentry/internal/build"
	"consentry/internal/health"
	"consentry/internal/logkey"
	"consentry/internal/metrics"
)

// incompatible notices workflow tasks that this build cannot replay, because
// another build recorded them. The SDK tells it by a metric only: the task is
// repeated for ever, and the workflow stands still without an error of its own.
type incompatible struct {
	client.MetricsHandler
	tags  map[string]string
	found *findings
}

// findings are the workflow types of one process.
type findings struct {
	metrics *metrics.Metrics
	log     *zap.Logger

	mu    sync.Mutex
	types map[string]bool
}

func newFindings(m *metrics.Metrics, log *zap.Logger) *findings {
	return &findings{metrics: m, log: log, types: map[string]bool{}}
}

// The metric, and what its tag says of a replay that went another way
// (go.temporal.io/sdk/internal/common/metrics).
const (
	taskFailed     = "temporal_workflow_task_execution_failed"
	nonDeterminism = "NonDeterminismError"
	remedy         = "Run the build that recorded them again; release the newer one with the change gated by a version (docs/development.md)."
)

// WithTags implements client.MetricsHandler.
func (h incompatible) WithTags(tags map[string]string) client.MetricsHandler {
	all := make(map[string]string, len(h.tags)+len(tags))
	for _, from := range []map[string]string{h.tags, tags} {
		maps.Copy(all, from)
	}
	return incompatible{h.MetricsHandler.WithTags(tags), all, h.found}
}

// Counter implements client.MetricsHandler.
func (h incompatible) Counter(name string) client.MetricsCounter {
	c := h.MetricsHandler.Counter(name)
	if name != taskFailed || h.tags["failure_reason"] != nonDeterminism {
		return c
	}
	return noted{c, func() { h.found.note(h.tags["workflow_type"]) }}
}

type noted struct {
	client.MetricsCounter
	note func()
}

// Inc implements client.MetricsCounter.
func (n noted) Inc(by int64) {
	n.note()
	n.MetricsCounter.Inc(by)
}

func (f *findings) note(workflowType string) {
	f.metrics.Incompatible(workflowType)
	f.mu.Lock()
	known := f.types[workflowType]
	f.types[workflowType] = true
	f.mu.Unlock()
	if !known { // the task is repeated, the sentence is not
		version, revision := build.Name()
		f.log.Error("workflows were recorded by a build that this one cannot replay; they stand still and lose nothing",
			zap.String(logkey.WorkflowType, workflowType), zap.String(logkey.Version, version), zap.String(logkey.Revision, revision), zap.String(logkey.Remedy, remedy))
	}
}

// names are the types, in order.
func (f *findings) names() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Sorted(maps.Keys(f.types))
}

// probe shows it beside the other parts. New workflows run, so the process stays
// ready.
func (f *findings) probe() health.Probe {
	return health.Probe{
		Name: "workflow-builds", Advisory: true,
		Check: func(context.Context) error {
			f.mu.Lock()
			defer f.mu.Unlock()
			if len(f.types) > 0 {
				return fmt.Errorf("%d workflow types cannot be replayed", len(f.types))
			}
			return nil
		},
		Means:  "Workflows were recorded by a build that this one cannot replay: they stand still and lose nothing. The log names their types and this build.",
		Remedy: remedy,
	}
}
