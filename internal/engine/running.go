package engine

import (
	"context"
	"errors"
	"fmt"

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

// RunningMigrations implements service.Engine.
func (e *Engine) RunningMigrations(ctx context.Context, region string) (int, error) {
	query := fmt.Sprintf("WorkflowType = '%s' AND %s = '%s' AND ExecutionStatus = 'Running'", contract.MigrationWorkflow, contract.AttrRegion.GetName(), region)
	n, err := e.client.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Query: query})
	if err != nil {
		return 0, fmt.Errorf("count the migrations at work in %s: %w", region, err)
	}
	return int(n.GetCount()), nil
}
