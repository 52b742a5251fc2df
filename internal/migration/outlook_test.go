package migration_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/domain"
	"consentry/internal/migration"
)

func TestTheOutlookIsOneSentence(t *testing.T) {
	date := time.Date(2026, 8, 18, 10, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		change func(*migration.Situation)
		want   string
		at     time.Time
	}{
		"waits for consent": {
			func(s *migration.Situation) { s.Migration.Phase = domain.AwaitingConsent },
			"Contoso waits for the consent of its tenant; the consent is checked then, and the description asked for; synchronization through the old app ends on 18 August 2026 10:00 UTC; a Privileged Role Administrator or Global Administrator of the tenant can act.",
			date,
		},
		"the consent failed": {
			func(s *migration.Situation) {
				s.Migration.Phase, s.Migration.ConsentCode = domain.AwaitingConsent, migration.ConsentNoPrincipal
			},
			"Contoso waits for the consent of its tenant, because the last one came to nothing: the tenant does not hold our app;", date,
		},
		"paused": {
			func(s *migration.Situation) { s.Migration.Phase, s.Paused = domain.AwaitingApproval, true },
			"Contoso waits for the approval of what changes and its campaign is paused; the switch to the connector follows at once; synchronization through the old app ends on 18 August 2026 10:00 UTC; an operator can resume the campaign.", date,
		},
		"overdue": {
			func(s *migration.Situation) {
				s.Migration.Phase, s.Migration.Overdue = domain.AwaitingDescription, true
			},
			"synchronization through the old app ended on 18 August 2026 10:00 UTC, nothing is deleted, and migrating starts it again", time.Time{},
		},
		"Microsoft away": {
			func(s *migration.Situation) {
				s.Migration.Phase, s.Migration.WaitingCode = domain.Proving, migration.MicrosoftUnavailable
			},
			"(Microsoft does not answer, which is tried again by itself); the approval comes next", date,
		},
		"migrated": {
			func(s *migration.Situation) {
				s.Migration.Phase, s.Migration.WayBackUntil = domain.Migrated, domain.At(date.Add(time.Hour))
			},
			"the way back is open until 18 August 2026 11:00 UTC; somebody with the role approve can roll it back until then.", date.Add(time.Hour),
		},
		"closed":      {func(s *migration.Situation) { s.Migration.Phase = domain.Closed }, "Contoso is migrated and everything about it is done; nobody has to act.", time.Time{}},
		"cancelled":   {func(s *migration.Situation) { s.Migration.Phase = domain.Cancelled }, "Contoso is on its old app, because the migration was cancelled; it can be started again;", date},
		"never begun": {func(s *migration.Situation) { s.Migration.ID = "" }, "Contoso is on its old app, and no migration of it was opened;", date},
		"no campaign": {
			func(s *migration.Situation) { s.Migration.ID, s.Campaign = "", false },
			"Contoso is on its old app, and no campaign has been started for it; no date is in force; an operator can start a campaign.", time.Time{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := migration.Situation{Name: "Contoso", Campaign: true, Facts: migration.Facts{Migration: domain.Migration{ID: "mig_1"}, InForce: date}}
			c.change(&s)
			o := migration.OutlookOf(s)
			require.Contains(t, o.Sentence("Contoso"), c.want)
			require.Equal(t, c.at, o.At)
		})
	}
}

func TestEveryPhaseHasAnOutlook(t *testing.T) {
	for _, p := range phases {
		o := migration.OutlookOf(migration.Situation{Name: "Contoso", Facts: migration.Facts{Migration: domain.Migration{ID: "mig_1", Phase: p}}})
		text := o.Sentence("Contoso")
		require.NotContains(t, text, "not known", p)
		require.Equal(t, 1, strings.Count(text, "."), "%s: one sentence: %s", p, text)
		require.NotEmpty(t, o.Who, p)
	}
}
