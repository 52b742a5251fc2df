package demo

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"consentry/internal/contract"
	"consentry/test/plaintext"
)

// requireOpaque searches Temporal's own database after a migration: names, addresses and secrets are nowhere in it, not
// even encoded, while ids and the names of our steps are in clear and show that the search finds what there is.
func (s *show) requireOpaque(t *testing.T, c *customer, description string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(filepath.Dir(s.App.Config.Database), "temporal", "*.db"))
	require.NoError(t, err)
	require.Len(t, files, 1)

	private := s.private(t, c, description)
	inClear := []string{contract.MigrationID(c.Integration), contract.SignalConsentGranted, "ServiceApplyDecision", "encryption-key-id"}

	found, read, err := plaintext.Search(t.Context(), files[0], private)
	require.NoError(t, err)
	require.Empty(t, found)
	require.Greater(t, read, 1000, "the database holds a migration")
	for _, text := range inClear {
		found, _, err := plaintext.Search(t.Context(), files[0], []string{text})
		require.NoError(t, err)
		require.NotEmpty(t, found, text)
	}
}

// private is what no log, trace or payload may hold of a customer.
func (s *show) private(t *testing.T, c *customer, description string) []string {
	t.Helper()
	private := []string{
		c.Name, c.Tenant.Name, c.Tenant.Domain, c.Tenant.ID, c.LegacyApp.Name, c.LegacyApp.ClientID, c.LegacyApp.Secret, s.world.Console.Secret, description,
		c.Person.Name, c.Person.UPN, c.GlobalAdmin.Name, c.GlobalAdmin.UPN, c.GlobalAdmin.ObjectID, s.world.Operator.Name, s.world.Operator.UPN,
	}
	for _, u := range s.Emulator.Directory(c.Tenant.ID).Users[:10] {
		private = append(private, u.ID, u.DisplayName, u.UserPrincipalName)
	}
	for _, g := range s.Emulator.Directory(c.Tenant.ID).Groups {
		private = append(private, g.ID, g.DisplayName)
	}
	for _, text := range private {
		require.GreaterOrEqual(t, len(text), 5, "%q is too short to be searched for", text)
	}
	return private
}
