package migration_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"consentry/internal/migration"
)

// What each answer of Microsoft proves about the old app. Only one proves that it
// is gone: whatever else came to count as that would destroy a secret that the
// way back needs.
func TestWhatAnAnswerProvesAboutTheOldApp(t *testing.T) {
	for _, c := range []struct {
		kind, code string
		verdict    migration.OldApp
		text       string
	}{
		{"app_missing", "AADSTS700016", migration.OldAppGone, "does not know the app registration any more"},
		{"", "AADSTS700016", migration.OldAppGone, "does not know the app registration any more"},
		{"secret_invalid", "AADSTS7000215", migration.OldAppLives, "without the client secret we hold"},
		{"secret_expired", "AADSTS7000222", migration.OldAppLives, "has expired"},
		{"app_disabled", "AADSTS7000112", migration.OldAppLives, "switched off"},
		{"app_missing", "AADSTS7000229", migration.OldAppLives, "the app registration itself is still there"},
		{"policy", "AADSTS53003", migration.OldAppLives, "Conditional Access"},
		{"consent_missing", "Authorization_RequestDenied", migration.OldAppLives, "without the permission to read"},
		{"consent_missing", "Authorization_IdentityNotFound", migration.OldAppLives, "without the permission to read"},
		{"tenant_missing", "AADSTS90002", migration.OldAppUnknown, "another cloud"},
		{"tenant_missing", "AADSTS90038", migration.OldAppUnknown, "another cloud"},
		{"secret_invalid", "AADSTS1234567", migration.OldAppLives, "is still there"},
		{"secret_expired", "", migration.OldAppLives, "is still there"},
		{"app_disabled", "", migration.OldAppLives, "is still there"},
		{"app_missing", "", migration.OldAppUnknown, "no answer that proves anything"}, // a kind alone proves no removal
		{"unavailable", "", migration.OldAppUnknown, "no answer that proves anything"},
		{"throttled", "", migration.OldAppUnknown, "no answer that proves anything"},
		{"", "", migration.OldAppUnknown, "no answer that proves anything"},
		{"", migration.CodeNoSecret, migration.OldAppUnknown, "we hold no client secret"},
	} {
		verdict := migration.ReadOldApp(c.kind, c.code)
		require.Equal(t, c.verdict, verdict, "%s %s", c.kind, c.code)
		require.Contains(t, migration.OldAppText(verdict, c.code), c.text, "%s %s", c.kind, c.code)
	}
	require.Contains(t, migration.OldAppText(migration.OldAppWorks, ""), "its client secret works")
}
