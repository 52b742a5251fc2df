package contract_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"consentry/internal/contract"
	"consentry/internal/domain"
)

func TestEveryIDIsParsedBackByItsParser(t *testing.T) {
	got, err := contract.ParseMigrationID(contract.MigrationID("int_1"))
	require.NoError(t, err)
	require.Equal(t, "int_1", got)

	integration, attempt, purpose, err := contract.ParseDirectorySyncID(contract.DirectorySyncID("int_1"))
	require.NoError(t, err)
	require.Equal(t, []string{"int_1", "", ""}, []string{integration, attempt, string(purpose)})

	integration, attempt, purpose, err = contract.ParseDirectorySyncID(contract.MigrationSyncID("int_1", "mig_1", domain.RunShadow))
	require.NoError(t, err)
	require.Equal(t, []string{"int_1", "mig_1", "shadow"}, []string{integration, attempt, string(purpose)})

	connector, session, err := contract.ParseConnectorSetupID(contract.ConnectorSetupID("con_1", "cs_1"))
	require.NoError(t, err)
	require.Equal(t, []string{"con_1", "cs_1"}, []string{connector, session})

	cell, err := contract.ParseRotationScheduleID(contract.RotationScheduleID("cell_1"))
	require.NoError(t, err)
	require.Equal(t, "cell_1", cell)
}

func TestForeignIDsAreRefused(t *testing.T) {
	for _, id := range []string{"", "migration/", "migration/a/b", "directory-sync/a"} {
		_, err := contract.ParseMigrationID(id)
		require.Error(t, err, id)
	}
	for _, id := range []string{"", "directory-sync/", "directory-sync/a/b", "directory-sync/a//first", "migration/a"} {
		_, _, _, err := contract.ParseDirectorySyncID(id)
		require.Error(t, err, id)
	}
	for _, id := range []string{"", "connector-setup/a", "connector-setup//b", "connector-setup/a/", "connector-setup/a/b/c", "migration/a/b"} {
		_, _, err := contract.ParseConnectorSetupID(id)
		require.Error(t, err, id)
	}
}
