package contract

import (
	"fmt"
	"strings"

	"consentry/internal/domain"
)

// MigrationID is the workflow id of an integration's migration. Conflict policy
// fail, reuse allowed: a later attempt uses the same id, and the memo tells
// attempts apart.
func MigrationID(integrationID string) string { return "migration/" + integrationID }

// ParseMigrationID gives the integration of a migration's workflow id.
func ParseMigrationID(id string) (integrationID string, err error) {
	rest, ok := strings.CutPrefix(id, "migration/")
	if !ok || rest == "" || strings.Contains(rest, "/") {
		return "", fmt.Errorf("%q is not the id of a migration workflow", id)
	}
	return rest, nil
}

// DirectorySyncID is the workflow id of a scheduled or requested run. Exclusion
// is the run row, not this id.
func DirectorySyncID(integrationID string) string { return "directory-sync/" + integrationID }

// MigrationSyncID is the workflow id of a migration's own run: a child.
func MigrationSyncID(integrationID, attemptID string, purpose domain.Purpose) string {
	return "directory-sync/" + integrationID + "/" + attemptID + "/" + string(purpose)
}

// ParseDirectorySyncID takes both kinds apart; attemptID and purpose are empty
// for a scheduled or requested run.
func ParseDirectorySyncID(id string) (integrationID, attemptID string, purpose domain.Purpose, err error) {
	parts := strings.Split(id, "/")
	if parts[0] != "directory-sync" || (len(parts) != 2 && len(parts) != 4) || strings.Contains(id, "//") || strings.HasSuffix(id, "/") {
		return "", "", "", fmt.Errorf("%q is not the id of a directory sync workflow", id)
	}
	if len(parts) == 2 {
		return parts[1], "", "", nil
	}
	return parts[1], parts[2], domain.Purpose(parts[3]), nil
}

// RotationScheduleID is the schedule of a cell's rotation, the only thing that
// starts its workflow.
func RotationScheduleID(cellID string) string { return "certificate-rotation/" + cellID }

// ParseRotationScheduleID gives the cell of a rotation schedule's id.
func ParseRotationScheduleID(id string) (cellID string, err error) {
	rest, ok := strings.CutPrefix(id, "certificate-rotation/")
	if !ok || rest == "" {
		return "", fmt.Errorf("%q is not the id of a rotation schedule", id)
	}
	return rest, nil
}

// SweepScheduleID is the schedule that starts due runs of a region.
func SweepScheduleID(region string) string { return "sweep/" + region }

// ConnectorSetupID is the workflow that checks one consent given for a connector.
// The consent session is part of it: each is checked by a run of its own, and
// starting it again for the same session is the same run.
func ConnectorSetupID(connectorID, sessionID string) string {
	return "connector-setup/" + connectorID + "/" + sessionID
}

// ParseConnectorSetupID is the reverse of ConnectorSetupID.
func ParseConnectorSetupID(id string) (connectorID, sessionID string, err error) {
	rest, ok := strings.CutPrefix(id, "connector-setup/")
	connectorID, sessionID, cut := strings.Cut(rest, "/")
	if !ok || !cut || connectorID == "" || sessionID == "" || strings.Contains(sessionID, "/") {
		return "", "", fmt.Errorf("%q is not the id of a connector's workflow", id)
	}
	return connectorID, sessionID, nil
}
