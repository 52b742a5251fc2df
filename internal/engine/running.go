package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"

	"consentry/internal/contract"
)

// Running implements service.Engine. A workflow that the server does not know
// (any more) does not run; a namespace that it does not know is an error of
// another type and says nothing.
func (e *Engine) Running(ctx context.Context, workflowID string) (bool, error) {
	d, err := e.client.DescribeWorkflowExecution(ctx, workflowID, "")
	if _, missing := errors.AsType[*serviceerror.NotFound](err); missing {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("ask whether %s runs: %w", workflowID, err)
	}
	return d.GetWorkflowExecutionInfo().GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, nil
}

// idsPerQuery bounds the length of a query and of its answer, which is one page.
const idsPerQuery = 100

// RunningAmong implements service.Engine. Ids are made of letters, digits, "-",
// "_" and "/", so that they can stand in a query as they are.
func (e *Engine) RunningAmong(ctx context.Context, workflowIDs []string) ([]string, error) {
	var running []string
	for some := range slices.Chunk(workflowIDs, idsPerQuery) {
		answer, err := e.client.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Query:    fmt.Sprintf("WorkflowType = '%s' AND ExecutionStatus = 'Running' AND WorkflowId IN ('%s')", contract.MigrationWorkflow, strings.Join(some, "', '")),
			PageSize: idsPerQuery,
		})
		if err != nil {
			return nil, fmt.Errorf("look up which migrations are at work: %w", err)
		}
		for _, w := range answer.GetExecutions() {
			running = append(running, w.GetExecution().GetWorkflowId())
		}
	}
	return running, nil
}
