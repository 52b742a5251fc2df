package contract

// Workflow types, registered by these names.
const (
	MigrationWorkflow           = "MigrationWorkflow"
	DirectorySyncWorkflow       = "DirectorySyncWorkflow"
	SweepWorkflow               = "SweepWorkflow"
	CertificateRotationWorkflow = "CertificateRotationWorkflow"
	ConnectorSetupWorkflow      = "ConnectorSetupWorkflow"
)

// Task queues, by what their workers may do. Only workers of "keys" can mint,
// publish and retire certificates; only "graph" is throttled by Microsoft.
const (
	QueueMigrations = "migrations"
	QueueGraph      = "graph"
	QueueKeys       = "keys"
)

// Signals, updates and queries of MigrationWorkflow.
const (
	SignalConsentGranted = "consent-granted"
	SignalDatesChanged   = "dates-changed"
	SignalActorChanged   = "actor-changed"
	UpdateApplyDecision  = "apply-decision"
	QueryDescribe        = "describe"
)
