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
		"the consent was refused to somebody": {
			func(s *migration.Situation) {
				s.Migration.Phase, s.Migration.ConsentCode, s.Migration.ConsentText = domain.AwaitingConsent, "role_insufficient", "You are a Helpdesk Administrator. Ask another."
			},
			"came to nothing, as the administrator was told: “You are a Helpdesk Administrator”;", date,
		},
		"begun": {
			func(s *migration.Situation) {
				s.Migration.Phase, s.Migration.ConsentBeganAt, s.Migration.Description = domain.AwaitingConsent, domain.At(date.Add(-time.Hour)), "Staff"
			},
			"the consent of its tenant, which was begun on 18 August 2026 09:00 UTC; the consent is checked then, and what would change is compared;", date,
		},
		"paused": {
			func(s *migration.Situation) { s.Migration.Phase, s.Paused = domain.AwaitingApproval, true },
			"Contoso waits for the approval of what changes, and its campaign is paused; no switch begins until it is resumed; synchronization through the old app ends on 18 August 2026 10:00 UTC; an operator can resume the campaign.", date,
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
				s.Migration.Phase, s.Migration.WayBackUntil, s.InForce = domain.Migrated, domain.At(date.Add(time.Hour)), time.Time{}
			},
			"the way back is open until 18 August 2026 11:00 UTC, and from then on removing the old app is recommended; an operator or somebody with the role approve can roll it back until then.", date.Add(time.Hour),
		},
		"the secret ends before the date": {
			func(s *migration.Situation) {
				s.Migration.Phase, s.SecretEnds = domain.AwaitingConsent, date.Add(-time.Hour)
			},
			"; synchronization through the old app ends on 18 August 2026 09:00 UTC, when its client secret does, unless another is entered before (its date is 18 August 2026 10:00 UTC); a Privileged", date.Add(-time.Hour),
		},
		"the secret ends, and no date is in force": {
			func(s *migration.Situation) {
				s.Migration.ID, s.InForce, s.SecretEnds, s.Now = "", time.Time{}, date, date.Add(-29*24*time.Hour)
			},
			"ends on 18 August 2026 10:00 UTC, when its client secret does, unless another is entered before (no date is in force);", date,
		},
		"the secret ends some day, and no date is in force": {
			func(s *migration.Situation) {
				s.Migration.ID, s.InForce, s.SecretEnds, s.Now = "", time.Time{}, date, date.Add(-31*24*time.Hour)
			},
			"; no date is in force;", time.Time{},
		},
		"the secret ends after the date": {
			func(s *migration.Situation) {
				s.Migration.Phase, s.SecretEnds = domain.AwaitingConsent, date.Add(time.Hour)
			},
			"; synchronization through the old app ends on 18 August 2026 10:00 UTC; a Privileged", date,
		},
		"the secret was to end": {
			func(s *migration.Situation) {
				s.Migration.Phase, s.SecretEnds, s.Now = domain.AwaitingConsent, date.Add(-time.Hour), date.Add(-time.Minute)
			},
			"; synchronization through the old app ends on 18 August 2026 10:00 UTC; a Privileged", date,
		},
		"the secret ends on the way out": {
			func(s *migration.Situation) {
				s.Migration.ID, s.SecretEnds, s.Leaves = "", date.Add(-time.Hour), date
			},
			"no migration begins until that is withdrawn; synchronization through the old app ends on 18 August 2026 09:00 UTC, when its client secret does,", date.Add(-time.Hour),
		},
		"the way back ends with the secret": {
			func(s *migration.Situation) {
				s.Migration.Phase, s.Migration.WayBackUntil, s.Bound, s.SecretEnds = domain.Migrated, domain.At(date.Add(time.Hour)), true, date.Add(-time.Hour)
			},
			"the way back is open until 18 August 2026 09:00 UTC, when the client secret of the old app ends, unless another is entered before, and from 18 August 2026 11:00 UTC on removing", date.Add(-time.Hour),
		},
		"consent in time": {
			func(s *migration.Situation) {
				s.Migration.Phase, s.Migration.Overdue, s.Grace = domain.AwaitingConsent, true, date.Add(time.Hour)
			},
			"the date was 18 August 2026 10:00 UTC, and because the consent was begun before it, synchronization through the old app goes on until 18 August 2026 11:00 UTC;", date.Add(time.Hour),
		},
		"the old secret is dead": {
			func(s *migration.Situation) {
				s.Migration.Phase, s.Condition, s.ConditionText, s.ConditionAt = domain.AwaitingApproval, domain.ConditionError, "Microsoft no longer accepts the secret. Migrate.", date.Add(-time.Hour)
			},
			"Contoso waits for the approval of what changes, and nothing is read through its old app since 18 August 2026 09:00 UTC: Microsoft no longer accepts the secret; the switch to the connector follows at once; migrating starts synchronization again (its date is 18 August 2026 10:00 UTC); somebody", date,
		},
		"the consent was taken back": {
			func(s *migration.Situation) {
				s.Migration.Phase, s.Bound, s.Condition, s.ConditionAt = domain.Closed, true, domain.ConditionError, date
			},
			"Contoso is bound to its connector and reads nothing since 18 August 2026 10:00 UTC: Microsoft no longer lets the connector read; nothing is deleted,", time.Time{},
		},
		"the new consent is checked": {
			func(s *migration.Situation) {
				s.Migration.ID, s.Bound, s.Condition, s.Reconnecting = "", true, domain.ConditionError, true
			},
			"Contoso has a new consent, which is being checked with real calls; synchronization starts again where it stood; nobody has to act.", time.Time{},
		},
		"the engine is away": {
			func(s *migration.Situation) {
				s.Migration.Phase, s.Undelivered, s.Given = domain.AwaitingDescription, true, true
			},
			"(the workflow engine does not answer; what was asked for is kept and delivered by itself)", date,
		},
		"a decision on its way": {
			func(s *migration.Situation) { s.Migration.Phase, s.Given = domain.AwaitingApproval, true },
			"waits for the approval of what changes (a decision is given and about to be applied);", date,
		},
		"goes on by itself": {
			func(s *migration.Situation) { s.Migration.Phase, s.Migration.GoOnIfUnchanged = domain.Proving, true },
			"the switch follows by itself if nothing changes, else the approval comes next;", date,
		},
		"never begun, too late": {
			func(s *migration.Situation) { s.Migration.ID, s.Migration.Overdue = "", true },
			"no migration of it was opened; synchronization through the old app ended on 18 August 2026 10:00 UTC,", time.Time{},
		},
		"the tenant is shared": {
			func(s *migration.Situation) {
				s.Migration.Phase, s.Migration.ConsentCode, s.Migration.ConsentText = domain.AwaitingConsent, migration.ConsentTenantShared, "Another account uses this tenant, too."
			},
			"Contoso waits for an operator, because another account uses its tenant, too; the administrator consents again after the decision; synchronization through the old app ends on 18 August 2026 10:00 UTC; an operator can decide that the accounts share the tenant (consentry tenant allow).", date,
		},
		"the way back ends with the date": {
			func(s *migration.Situation) {
				s.Migration.Phase, s.Migration.WayBackUntil, s.Bound = domain.Migrated, domain.At(date.Add(time.Hour)), true
			},
			"the way back is open until 18 August 2026 10:00 UTC, when the date for the old app passes, and from 18 August 2026 11:00 UTC on removing the old app is recommended; an operator or somebody with the role approve can roll it back while the way back is open.", date,
		},
		"the way back is shut by the date": {
			func(s *migration.Situation) {
				s.Migration.Phase, s.Migration.WayBackUntil, s.Bound = domain.Migrated, domain.At(date.Add(time.Hour)), true
				s.NoWayBack, s.PastDate = "The date for the old app has passed, so synchronization through it would be stopped. Ask.", true
			},
			"there is no way back now: the date for the old app has passed, so synchronization through it would be stopped; from 18 August 2026 11:00 UTC on removing the old app is recommended; nobody has to act, and an operator can give the account a later date, which opens the way back again.", date.Add(time.Hour),
		},
		"no way back, because the secret is dead": {
			func(s *migration.Situation) {
				s.Migration.Phase, s.Migration.WayBackUntil, s.Bound = domain.Migrated, domain.At(date.Add(time.Hour)), true
				s.NoWayBack = "The old app no longer lets us in. So."
			},
			"there is no way back now: the old app no longer lets us in; from 18 August 2026 11:00 UTC on removing the old app is recommended; nobody has to act.", date.Add(time.Hour),
		},
		"no way back, unless another secret is entered": {
			func(s *migration.Situation) {
				s.Migration.Phase, s.Migration.WayBackUntil, s.Bound = domain.Migrated, domain.At(date.Add(time.Hour)), true
				s.NoWayBack, s.NewSecret = "The client secret of the old app expired on X, so there is nothing to go back to. So.", true
			},
			"there is no way back now: the client secret of the old app expired on X, so there is nothing to go back to; from 18 August 2026 11:00 UTC on removing the old app is recommended; nobody has to act, and somebody with the role migrate can enter another client secret of the old app, which opens the way back again.", date.Add(time.Hour),
		},
		"approved, and the engine is away": {
			func(s *migration.Situation) {
				s.Migration.Phase, s.Undelivered, s.Given = domain.AwaitingApproval, true, true
				s.Answer = domain.DecideApprove
			},
			"nobody has to act before the decision that is given is applied.", date,
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
