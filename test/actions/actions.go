// Package actions counts what a workflow history costs where the engine is
// rented: billable actions by the published price rules, as far as a history
// shows them. Heartbeats that reach the server and queries are billed too and
// leave no event.
package actions

import (
	"fmt"
	"os"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
)

// Cost is what one history costs.
type Cost struct {
	Starts, Timers, Signals, Updates, Activities, LocalActivities, Children, Attributes, Others int

	Events int
	Bytes  int
}

// Actions is the bill.
func (c Cost) Actions() int {
	return c.Starts + c.Timers + c.Signals + c.Updates + c.Activities + c.LocalActivities + c.Children + c.Attributes + c.Others
}

// String itemises the bill.
func (c Cost) String() string {
	return fmt.Sprintf("%d actions (start %d, timers %d, signals %d, updates %d, activities %d, local %d, children %d, attributes %d, other %d), %d events, %d bytes",
		c.Actions(), c.Starts, c.Timers, c.Signals, c.Updates, c.Activities, c.LocalActivities, c.Children, c.Attributes, c.Others, c.Events, c.Bytes)
}

// childStart is what starting a child costs: the command and the start. The
// child's own history therefore does not count its start again.
const childStart = 2

// Of counts one history.
func Of(h *historypb.History) Cost {
	c := Cost{Events: len(h.GetEvents()), Bytes: h.Size()}
	local := map[int64]bool{} // workflow tasks that ran local activities: one action each
	for _, e := range h.GetEvents() {
		switch e.GetEventType() {
		case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
			if e.GetWorkflowExecutionStartedEventAttributes().GetParentWorkflowExecution() == nil {
				c.Starts++
			}
		case enumspb.EVENT_TYPE_TIMER_STARTED:
			c.Timers++
		case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
			c.Signals++
		case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
			c.Updates++
		case enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
			c.Activities++
		case enumspb.EVENT_TYPE_ACTIVITY_TASK_STARTED: // written once, with the number of the attempt that ended it
			c.Activities += max(int(e.GetActivityTaskStartedEventAttributes().GetAttempt())-1, 0)
		case enumspb.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED:
			c.Children += childStart
		case enumspb.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES:
			c.Attributes++
		case enumspb.EVENT_TYPE_MARKER_RECORDED:
			a := e.GetMarkerRecordedEventAttributes()
			switch a.GetMarkerName() {
			case "LocalActivity":
				local[a.GetWorkflowTaskCompletedEventId()] = true
			case "SideEffect", "MutableSideEffect":
				c.Others++
			}
		case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED:
			c.Others++
		default:
		}
	}
	c.LocalActivities = len(local)
	return c
}

// OfFile counts a recorded history.
func OfFile(path string) (Cost, error) {
	h, err := Read(path)
	return Of(h), err
}

// Read gives a recorded history.
func Read(path string) (*historypb.History, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	h, err := client.HistoryFromJSON(f, client.HistoryJSONOptions{})
	if err != nil {
		return nil, fmt.Errorf("read the history %s: %w", path, err)
	}
	return h, nil
}
