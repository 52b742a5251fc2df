package migration_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/domain"
	"consentry/internal/migration"
)

func TestHowTheSecretOfAnOldAppFares(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	in := func(d time.Duration) domain.Instant { return domain.At(now.Add(d)) }
	const day = 24 * time.Hour
	for name, c := range map[string]struct {
		change func(*domain.LegacyApp)
		state  migration.SecretState
		says   string
	}{
		"held and good":                {func(*domain.LegacyApp) {}, migration.SecretGood, "ends on 22 November 2027 10:00 UTC"},
		"with an end that nobody told": {func(a *domain.LegacyApp) { a.SecretEndsAt = domain.Instant{} }, migration.SecretGood, "not told"},
		"not held":                     {func(a *domain.LegacyApp) { a.SecretRef = "" }, migration.SecretNone, "is not held"},
		"thirty days before its end":   {func(a *domain.LegacyApp) { a.SecretEndsAt = in(30 * day) }, migration.SecretEnding, "ends on 22 December 2026"},
		"a moment earlier":             {func(a *domain.LegacyApp) { a.SecretEndsAt = in(30*day + time.Second) }, migration.SecretGood, "ends on"},
		"at its end":                   {func(a *domain.LegacyApp) { a.SecretEndsAt = in(0) }, migration.SecretEnded, "ended on 22 November 2026 10:00 UTC"},
		"refused, whatever its date": {func(a *domain.LegacyApp) {
			a.ProbedAt, a.ProbeVerdict, a.ProbeCode = in(-day), "lives", "AADSTS7000215"
		}, migration.SecretRefused, "without the client secret we hold"},
		"of an app that is gone":        {func(a *domain.LegacyApp) { a.ProbedAt, a.ProbeVerdict = in(-day), "gone" }, migration.SecretRefused, "does not know the app registration"},
		"an answer that proves nothing": {func(a *domain.LegacyApp) { a.ProbedAt, a.ProbeVerdict = in(-day), "unknown" }, migration.SecretGood, "ends on"},
		"entered, and nobody has asked": {func(a *domain.LegacyApp) { a.SecretEnteredAt = in(-day) }, migration.SecretUntried, "was entered on 21 November 2026 10:00 UTC, ends on 22 November 2027 10:00 UTC, and has not been tried"},
		"entered after the one before fell": {func(a *domain.LegacyApp) {
			a.SecretEnteredAt, a.ProbedAt, a.ProbeVerdict = in(-day), in(-2*day), "lives"
		}, migration.SecretUntried, "has not been tried"},
		"entered, tried and taken": {func(a *domain.LegacyApp) {
			a.SecretEnteredAt, a.ProbedAt, a.ProbeVerdict = in(-2*day), in(-day), "works"
		}, migration.SecretGood, "ends on"},
		"entered, tried and refused": {func(a *domain.LegacyApp) {
			a.SecretEnteredAt, a.ProbedAt, a.ProbeVerdict = in(-2*day), in(-day), "lives"
		}, migration.SecretRefused, "is refused by Microsoft"},
		"entered and tried at the same time": {func(a *domain.LegacyApp) { a.SecretEnteredAt, a.ProbedAt, a.ProbeVerdict = in(-day), in(-day), "works" }, migration.SecretGood, "ends on"},
	} {
		app := domain.LegacyApp{SecretRef: "sec", SecretEndsAt: in(365 * day)}
		c.change(&app)
		require.Equal(t, c.state, migration.SecretStateOf(app, now), name)
		require.Contains(t, migration.SecretText(app, now), c.says, name)
	}
}

func TestWarningsOfASecretsEnd(t *testing.T) {
	ends := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	const day = 24 * time.Hour
	for before, rung := range map[time.Duration]int{31 * day: 0, 30 * day: 1, 8 * day: 1, 7 * day: 2, time.Second: 2, 0: 3, -day: 3} {
		require.Equal(t, rung, migration.SecretRung(ends, ends.Add(-before)), before)
	}
	require.Zero(t, migration.SecretRung(time.Time{}, ends), "no end is known")
}

// Each answer of Microsoft has its own sentence, with what to do; the first of
// its sentences stands within others, and so does not end in the middle.
func TestWhatARefusedSecretMeans(t *testing.T) {
	for code, says := range map[string]string{
		"AADSTS7000222": "has expired", "AADSTS7000215": "Secret ID", "AADSTS700016": "does not know the old app registration", "AADSTS7000112": "switched off",
		"AADSTS7000229": "no enterprise app", "Authorization_RequestDenied": "no permission", "Authorization_IdentityNotFound": "no permission", migration.CodeNoSecret: "hold no client secret",
	} {
		text := migration.SecretRefusal(code)
		require.Contains(t, text, says, code)
		require.Contains(t, text, ". Nothing is deleted. ", code)
		require.Contains(t, text, "igrate to a connector", code)
		require.Contains(t, text, "to start it again.", code)
	}
	require.NotContains(t, migration.SecretRefusal("AADSTS700016"), "Enter a new", "no secret opens what is gone")
	require.Empty(t, migration.SecretRefusal("AADSTS1"))
}
