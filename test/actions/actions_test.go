package actions_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"

	"consentry/test/actions"
)

const histories = "../../workflows/testdata/histories/"

// The whole road with every question asked separately: consent, description,
// approval, the way back, and the answer about the old app. What its
// synchronizations cost beside their start is counted apart.
func TestAMigrationCostsAtMostThirtyActions(t *testing.T) {
	c, err := actions.OfFile(histories + "migration-happy.json")
	require.NoError(t, err)
	t.Logf("a complete migration: %s", c)
	require.LessOrEqual(t, c.Actions(), 30, c.String())
	require.Less(t, c.Events, 150, c.String())
}

// Opening ten thousand attempts at once must not ask the store ten thousand
// times: the first task arms the timer from its input and does nothing else.
func TestTheFirstTaskOfAMigrationOnlyArmsItsTimer(t *testing.T) {
	h, err := actions.Read(histories + "migration-happy.json")
	require.NoError(t, err)
	var kinds []enumspb.EventType
	for _, e := range h.GetEvents()[1:] {
		kinds = append(kinds, e.GetEventType())
		if e.GetEventType() == enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED {
			break
		}
	}
	require.Equal(t, []enumspb.EventType{
		enumspb.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED, enumspb.EVENT_TYPE_WORKFLOW_TASK_STARTED, enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED,
		enumspb.EVENT_TYPE_TIMER_STARTED, enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED,
	}, kinds)
}

func TestARoundCostsItsStartAndThreeActivities(t *testing.T) {
	c, err := actions.OfFile(histories + "sync-delta.json")
	require.NoError(t, err)
	t.Logf("a synchronization: %s", c)
	require.LessOrEqual(t, c.Actions(), 4, c.String())
}

func TestWhatIsBilled(t *testing.T) {
	event := func(kind enumspb.EventType) *historypb.HistoryEvent { return &historypb.HistoryEvent{EventType: kind} }
	marker := func(name string, task int64) *historypb.HistoryEvent {
		return &historypb.HistoryEvent{EventType: enumspb.EVENT_TYPE_MARKER_RECORDED, Attributes: &historypb.HistoryEvent_MarkerRecordedEventAttributes{
			MarkerRecordedEventAttributes: &historypb.MarkerRecordedEventAttributes{MarkerName: name, WorkflowTaskCompletedEventId: task},
		}}
	}
	child := &historypb.HistoryEvent{EventType: enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED, Attributes: &historypb.HistoryEvent_WorkflowExecutionStartedEventAttributes{
		WorkflowExecutionStartedEventAttributes: &historypb.WorkflowExecutionStartedEventAttributes{ParentWorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: "parent"}},
	}}
	retried := &historypb.HistoryEvent{EventType: enumspb.EVENT_TYPE_ACTIVITY_TASK_STARTED, Attributes: &historypb.HistoryEvent_ActivityTaskStartedEventAttributes{
		ActivityTaskStartedEventAttributes: &historypb.ActivityTaskStartedEventAttributes{Attempt: 3},
	}}
	for name, test := range map[string]struct {
		events []*historypb.HistoryEvent
		want   int
	}{
		"a start":                          {[]*historypb.HistoryEvent{event(enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED)}, 1},
		"a child's start is its parent's":  {[]*historypb.HistoryEvent{child}, 0},
		"starting a child":                 {[]*historypb.HistoryEvent{event(enumspb.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED), event(enumspb.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED)}, 2},
		"a timer, not its end":             {[]*historypb.HistoryEvent{event(enumspb.EVENT_TYPE_TIMER_STARTED), event(enumspb.EVENT_TYPE_TIMER_FIRED), event(enumspb.EVENT_TYPE_TIMER_CANCELED)}, 1},
		"an activity with two retries":     {[]*historypb.HistoryEvent{event(enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED), retried, event(enumspb.EVENT_TYPE_ACTIVITY_TASK_COMPLETED)}, 3},
		"an update once":                   {[]*historypb.HistoryEvent{event(enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED), event(enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED)}, 1},
		"a signal and an upsert":           {[]*historypb.HistoryEvent{event(enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED), event(enumspb.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES)}, 2},
		"local activities by task":         {[]*historypb.HistoryEvent{marker("LocalActivity", 4), marker("LocalActivity", 4), marker("LocalActivity", 9)}, 2},
		"side effects, not version marks":  {[]*historypb.HistoryEvent{marker("SideEffect", 4), marker("Version", 4)}, 1},
		"workflow tasks and the end: free": {[]*historypb.HistoryEvent{event(enumspb.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED), event(enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED)}, 0},
	} {
		require.Equal(t, test.want, actions.Of(&historypb.History{Events: test.events}).Actions(), name)
	}
}
