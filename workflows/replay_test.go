package workflows

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/worker"

	"consentry/internal/domain"
	"consentry/internal/engine"
)

const histories = "testdata/histories"

// A failure here means that workflows which are under way would stop at their
// next task: they replay what they did, and the code no longer does the same.
// Gate the change with workflow.GetVersion, or, before the first release, record
// the histories anew (make record) and say why in the commit.
func TestRecordedHistoriesReplay(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(histories, "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, files, "there is no history to replay; record them with: make record")
	recorded := map[string]bool{}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		recorded[strings.SplitN(name, "-", 2)[0]] = true
		t.Run(name, func(t *testing.T) {
			r, err := worker.NewWorkflowReplayerWithOptions(engine.ReplayerOptions())
			require.NoError(t, err)
			Register(r)
			require.NoError(t, r.ReplayWorkflowHistoryFromJSONFile(nil, file))
		})
	}
	for _, family := range []string{"migration", "rotation", "connector", "sync", "sweep"} {
		require.True(t, recorded[family], "no history of %s is recorded", family)
	}
}

// Whoever cancels a migration's workflow at the engine sees it end, whatever it
// was waiting for: only then does its history close and its retention begin.
func TestAMigrationThatIsCancelledEndsInEveryPhase(t *testing.T) {
	for phase, file := range map[domain.Phase]string{
		domain.AwaitingConsent: "awaiting-consent", domain.ConfirmingConsent: "confirming-consent", domain.AwaitingDescription: "awaiting-description",
		domain.Proving: "proving", domain.AwaitingApproval: "awaiting-approval", domain.CuttingOver: "in-cut-over", domain.Migrated: "migrated", domain.CleanUp: "clean-up",
	} {
		b, err := os.ReadFile(filepath.Join(histories, "migration-cancelled-"+file+".json"))
		require.NoError(t, err, phase)
		require.Contains(t, string(b), `"EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED"`, phase)
		require.Contains(t, string(b), `"EVENT_TYPE_TIMER_STARTED"`, "%s: cancelled while a timer was armed", phase)
	}
}
