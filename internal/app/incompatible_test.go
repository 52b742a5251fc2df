package app

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"consentry/internal/metrics"
)

func TestWorkflowsOfAnIncompatibleBuildAreNamedOnceWithTheRemedy(t *testing.T) {
	core, logged := observer.New(zapcore.DebugLevel)
	f := newFindings(metrics.New(), zap.New(core))
	h := incompatible{MetricsHandler: client.MetricsNopHandler, found: f}
	failed := func(reason string) {
		h.WithTags(map[string]string{"workflow_type": "MigrationWorkflow"}).WithTags(map[string]string{"failure_reason": reason}).Counter(taskFailed).Inc(1)
	}
	failed("WorkflowError")
	require.NoError(t, f.probe().Check(t.Context()))
	failed(nonDeterminism)
	failed(nonDeterminism)
	require.Error(t, f.probe().Check(t.Context()))
	require.Len(t, logged.All(), 1)
	entry := logged.All()[0].ContextMap()
	require.Equal(t, "MigrationWorkflow", entry["WorkflowType"])
	require.Contains(t, entry["remedy"], "Run the build that recorded them")
}
