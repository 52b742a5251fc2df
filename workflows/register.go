package workflows

import (
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"consentry/internal/contract"
)

// Register makes every workflow known to a worker or replayer, each by its
// explicit name: the function's own name may change, a recorded history's may
// not.
func Register(r worker.WorkflowRegistry) {
	for name, fn := range map[string]any{
		contract.MigrationWorkflow:           MigrationWorkflow,
		contract.DirectorySyncWorkflow:       DirectorySyncWorkflow,
		contract.SweepWorkflow:               SweepWorkflow,
		contract.CertificateRotationWorkflow: CertificateRotationWorkflow,
		contract.ConnectorSetupWorkflow:      ConnectorSetupWorkflow,
	} {
		r.RegisterWorkflowWithOptions(fn, workflow.RegisterOptions{Name: name})
	}
}
