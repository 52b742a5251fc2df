package service_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/contract"
	"consentry/internal/dirsync"
	"consentry/internal/domain"
	"consentry/internal/migration"
	"consentry/internal/service"
	"consentry/internal/store/storetest"
)

var regret = domain.DecisionDetail{Reason: "Payroll misses its groups"}

// tried answers for Microsoft when the old app is asked about.
func (w *migrationWorld) tried(v migration.OldApp, code string) {
	w.t.Helper()
	require.NoError(w.t, w.NoteOldApp(w.t.Context(), worker, "i", v, code))
}

// rollBack gives a roll-back, has Microsoft answer, and applies it.
func (w *migrationWorld) rollBack(v migration.OldApp, code string) (domain.Decision, contract.DecisionResult) {
	w.t.Helper()
	d, err := w.GiveDecision(w.t.Context(), ana, "", w.m.ID, domain.DecideRollBack, regret)
	require.NoError(w.t, err)
	trial, err := w.TrialForDecision(w.t.Context(), worker, d.ID)
	require.NoError(w.t, err)
	require.Equal(w.t, service.OldAppTrial{How: service.AskReading, TenantID: "tenant", IntegrationID: "i"}, trial)
	w.tried(v, code)
	return w.applied(d)
}

func TestARollBackRestoresTheConnectionAndNeverOldRows(t *testing.T) {
	w := newMigrationWorld(t)
	w.change(func(i *domain.Integration) { i.Schedule.TimesADay = 6 })
	w.reach(domain.AwaitingApproval)
	before := w.integration()
	w.dir.leave("u6") // known to leave before the switch: the first sync holds it
	w.decide(ana, domain.DecideApprove, domain.DecisionDetail{ProofID: w.row().ProofID})
	w.begunCutOver()
	w.dir.user("u7", "Seen by the first sync only")
	_, err := w.FinishMigration(t.Context(), worker, contract.FirstSyncDone{AttemptID: w.m.ID, RunID: w.first()})
	require.NoError(t, err)
	require.NotEmpty(t, storetest.Dump(t, w.store)["before_images"])
	w.change(func(i *domain.Integration) {
		i.Settings, i.Schedule = domain.SyncSettings{IncludeGuests: true}, domain.SyncSchedule{TimesADay: 24}
	})
	w.dir.leave("u5") // leaves while the connector synchronizes, and is removed by it
	require.Equal(t, domain.RunDone, w.round().State)
	require.NotContains(t, w.mirror(), "user u5 User 5")
	require.Empty(t, storetest.Dump(t, w.store)["before_images"], "the mirror has moved on, and no image of the past is kept")
	open := w.begin(contract.DirectorySyncInput{Purpose: domain.RunScheduled})
	w.change(func(i *domain.Integration) {
		i.Condition, i.ConditionCode = domain.ConditionError, contract.SyncConsentLost
	})
	switched := w.integration()

	d, res := w.rollBack(migration.OldAppWorks, "")
	require.Equal(t, domain.DecisionApplied, d.State, d.Reason)
	require.Equal(t, domain.RolledBack, res.Phase)
	m, i := w.row(), w.integration()
	require.False(t, m.Open)
	require.Equal(t, domain.RunStopped, w.run(open.RunID).State, "the connector's run applies nothing any more")
	require.Equal(t, domain.BoundLegacy, i.Binding)
	require.Empty(t, i.ConnectorID)
	require.Equal(t, before.Settings, i.Settings)
	require.Equal(t, before.Schedule, i.Schedule)
	require.Equal(t, switched.Epoch+1, i.Epoch, "the epoch only grows")
	require.False(t, i.Frozen)
	require.Equal(t, domain.ConditionOK, i.Condition, "what the connector met is over")
	require.Equal(t, 1, w.audited("bind-legacy-again"))
	require.NotContains(t, fmt.Sprint(storetest.Dump(t, w.store)["sync_links"]), cellClient, "where the connector had read to is forgotten")
	require.NotContains(t, w.mirror(), "user u5 User 5", "no old row comes back")
	require.Contains(t, w.notices(), "rolled-back")
	require.Equal(t, contract.DirectorySyncWorkflow, w.door.taken[len(w.door.taken)-1].Name, "a legacy round is asked for at once")
	require.True(t, i.NextDueAt.Due(w.now), "and due, should the engine lose it")

	w.dir.leave("u4")
	out := w.round()
	require.Equal(t, domain.RunDone, out.State)
	run := w.run(out.RunID)
	require.True(t, run.Full, "through the old app everything is read")
	require.Equal(t, legacyClient, run.ClientID)
	require.Zero(t, out.Removed)
	require.Contains(t, w.mirror(), "user u4 User 4", "what it would remove is held")
	require.NotContains(t, w.mirror(), "user u5 User 5", "leavers do not return")
	for _, h := range list(t, w.world, holds, service.By(service.Where{"state": "held"})) {
		require.Equal(t, dirsync.HoldRebound, h.Reason)
	}
	w.dir.user("u8", "Came after the roll-back")
	require.False(t, w.run(w.round().RunID).Full, "and goes on by its own position")
	require.Contains(t, w.mirror(), "user u8 Came after the roll-back")
}

func TestARollBackIsRefusedWithItsReason(t *testing.T) {
	give := func(w *migrationWorld) error {
		_, err := w.GiveDecision(t.Context(), ana, "", w.m.ID, domain.DecideRollBack, regret)
		return err
	}
	for name, c := range map[string]struct {
		before func(w *migrationWorld)
		code   string
		says   string
	}{
		"the window is over":  {func(w *migrationWorld) { w.now = w.row().WayBackUntil.Time }, migration.WayBackClosed, "closed on"},
		"the secret is over":  {func(w *migrationWorld) { w.oldApp(func(a *domain.LegacyApp) { a.SecretEndsAt = domain.At(w.now) }) }, migration.LegacySecretDead, "expired on"},
		"the secret is gone":  {func(w *migrationWorld) { w.oldApp(func(a *domain.LegacyApp) { a.SecretRef = "" }) }, migration.LegacySecretDead, "nothing to go back to"},
		"the date has passed": {func(w *migrationWorld) { w.campaignDatePassed() }, migration.WayBackPastDate, "later date"},
		"it is said to be removed": {func(w *migrationWorld) {
			w.decide(mika, domain.DecideCleanUp, domain.DecisionDetail{Removed: true})
		}, migration.NotInPhase, "way back is closed"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newMigrationWorld(t)
			w.reach(domain.Migrated)
			c.before(w)
			before, bound := w.row(), w.integration()
			err := give(w)
			require.Equal(t, c.code, codeOf(t, err))
			require.ErrorContains(t, err, c.says)
			require.Equal(t, before, w.row())
			require.Equal(t, bound, w.integration())
		})
	}
	w := newMigrationWorld(t)
	w.reach(domain.Migrated)
	_, err := w.GiveDecision(t.Context(), ana, "", w.m.ID, domain.DecideRollBack, domain.DecisionDetail{})
	require.Equal(t, "invalid-reason", codeOf(t, err))
	_, err = w.GiveDecision(t.Context(), mika, "", w.m.ID, domain.DecideRollBack, regret)
	require.Equal(t, "role-needed", codeOf(t, err))
	_, err = w.GiveDecision(t.Context(), olga, "", w.m.ID, domain.DecideRollBack, regret)
	require.NoError(t, err, "the vendor's operators may")
}

func TestWhatMicrosoftSaysOfTheOldAppDecidesARollBack(t *testing.T) {
	for _, c := range []struct {
		verdict migration.OldApp
		code    string
		refusal string
		says    string
	}{
		{migration.OldAppGone, "AADSTS700016", migration.LegacySecretDead, "does not know the app registration any more"},
		{migration.OldAppLives, "AADSTS7000222", migration.LegacySecretDead, "has expired"},
		{migration.OldAppUnknown, "", migration.OldAppNotTried, "Try again"},
	} {
		w := newMigrationWorld(t)
		w.reach(domain.Migrated)
		bound := w.integration()
		d, res := w.rollBack(c.verdict, c.code)
		require.Equal(t, domain.DecisionRefused, d.State)
		require.Equal(t, c.refusal, d.Code)
		require.Contains(t, d.Reason, c.says)
		require.Equal(t, domain.Migrated, res.Phase)
		require.Equal(t, bound, w.integration(), "nothing was changed")
	}

	w := newMigrationWorld(t)
	w.reach(domain.Migrated)
	w.tried(migration.OldAppWorks, "") // yesterday's answer
	w.now = w.now.Add(24 * time.Hour)
	d, _ := w.decide(ana, domain.DecideRollBack, regret)
	require.Equal(t, migration.OldAppNotAsked, d.Code, "only an answer to this very decision counts")
}

// A roll-back that finds no workflow is refused for that reason, and not with an
// answer of Microsoft that nobody has asked for.
func TestARollBackThatTheEngineDropsSaysSo(t *testing.T) {
	w := newMigrationWorld(t)
	w.reach(domain.Migrated)
	w.door.fail = domain.Refuse(domain.Gone, "workflow-complete", "complete")
	d, err := w.GiveDecision(t.Context(), ana, "", w.m.ID, domain.DecideRollBack, regret)
	require.NoError(t, err)
	d = w.decision(d.ID)
	require.Equal(t, domain.DecisionRefused, d.State)
	require.Equal(t, migration.OldAppNotAsked, d.Code)
	require.NotContains(t, d.Reason, "did not answer")
	require.Equal(t, domain.Migrated, w.row().Phase)
}

func TestALaterDateOpensTheWayBackAgain(t *testing.T) {
	w := newMigrationWorld(t)
	w.reach(domain.Migrated)
	w.campaignDatePassed()
	_, err := w.GiveDecision(t.Context(), ana, "", w.m.ID, domain.DecideRollBack, regret)
	require.Equal(t, migration.WayBackPastDate, codeOf(t, err))
	later := domain.At(w.now.Add(20 * day))
	d, _ := w.decide(olga, domain.DecideExtend, domain.DecisionDetail{Deadline: later})
	require.Equal(t, domain.DecisionApplied, d.State)
	_, res := w.rollBack(migration.OldAppWorks, "")
	require.Equal(t, domain.RolledBack, res.Phase)
	require.Equal(t, domain.RunDone, w.round().State, "legacy synchronizes until the account's own date")
	w.now = later.Time
	require.Equal(t, contract.SyncDeadlinePassed, w.begin(contract.DirectorySyncInput{Purpose: domain.RunScheduled}).Code, "and no longer")
}

// How the integration and its rows were before the switch is kept for the way
// back alone, and goes with it, whichever end the attempt comes to.
func TestWhatTheWayBackNeededGoesWithTheAttempt(t *testing.T) {
	kept := func(w *migrationWorld) int {
		all := storetest.Dump(t, w.store)
		return len(all["cut_over_snapshots"]) + len(all["before_images"])
	}
	for name, end := range map[domain.Phase]func(w *migrationWorld){
		domain.Cancelled: func(w *migrationWorld) {
			_, err := w.CompensateCutOver(t.Context(), worker, contract.FirstSyncFailed{AttemptID: w.m.ID, Code: contract.SyncUnavailable})
			require.NoError(t, err)
			require.NotZero(t, kept(w))
			w.decide(mika, domain.DecideCancel, domain.DecisionDetail{})
		},
		domain.RolledBack: func(w *migrationWorld) {
			_, err := w.FinishMigration(t.Context(), worker, contract.FirstSyncDone{AttemptID: w.m.ID, RunID: w.integration().LastRunID})
			require.NoError(t, err)
			require.NotZero(t, kept(w))
			w.rollBack(migration.OldAppWorks, "")
		},
		domain.Closed: func(w *migrationWorld) {
			_, err := w.FinishMigration(t.Context(), worker, contract.FirstSyncDone{AttemptID: w.m.ID, RunID: w.integration().LastRunID})
			require.NoError(t, err)
			_, err = w.OpenCleanUp(t.Context(), worker, w.m.ID)
			require.NoError(t, err)
			w.decide(mika, domain.DecideCleanUp, domain.DecisionDetail{})
		},
	} {
		t.Run(string(name), func(t *testing.T) {
			w := newMigrationWorld(t)
			w.reach(domain.CuttingOver)
			w.begunCutOver()
			w.dir.user("u77", "Seen by the first sync only")
			w.first()
			end(w)
			require.Equal(t, name, w.row().Phase)
			require.Zero(t, kept(w))
		})
	}
}

func TestTheNextAttemptAfterAWayOut(t *testing.T) {
	for _, out := range []domain.Phase{domain.Cancelled, domain.RolledBack} {
		t.Run(string(out), func(t *testing.T) {
			w := newMigrationWorld(t)
			if out == domain.Cancelled {
				w.reach(domain.AwaitingApproval)
				w.decide(olga, domain.DecideExtend, domain.DecisionDetail{Deadline: domain.At(w.now.Add(60 * day))})
				w.decide(mika, domain.DecideCancel, domain.DecisionDetail{})
			} else {
				w.reach(domain.Migrated)
				w.decide(olga, domain.DecideExtend, domain.DecisionDetail{Deadline: domain.At(w.now.Add(60 * day))})
				w.rollBack(migration.OldAppWorks, "")
			}
			first, connector := w.row(), w.connector()
			require.Equal(t, out, first.Phase)
			require.Equal(t, domain.RunDone, w.round().State, "legacy synchronizes meanwhile")

			w.reach(domain.Migrated)
			second := w.row()
			require.NotEqual(t, first.ID, second.ID)
			require.Equal(t, first.Deadline, second.Deadline, "a way out does not take the account's own date away")
			require.Equal(t, connector.ID, w.connector().ID, "the connector is found again")
			var starts []string
			for _, c := range w.door.taken {
				if c.Kind == domain.CallStart && c.Name == contract.MigrationWorkflow {
					require.Equal(t, contract.MigrationID("i"), c.Target, "one workflow id")
					starts = append(starts, c.DedupeID)
				}
			}
			require.Equal(t, []string{first.ID, second.ID}, starts, "told apart by the attempt")
			require.Equal(t, w.dir.objects(), w.mirror())
			_, err := w.GiveDecision(t.Context(), mika, "", first.ID, domain.DecideCancel, domain.DecisionDetail{})
			require.Equal(t, migration.MigrationEnded, codeOf(t, err))
			require.ErrorContains(t, err, "A new one can be started")
		})
	}
}

func (w *migrationWorld) oldApp(change func(*domain.LegacyApp)) {
	w.t.Helper()
	w.write(func(r service.Rows) error {
		app, err := r.LegacyApps().Get("i")
		if err != nil {
			return err
		}
		change(&app)
		return r.LegacyApps().Update(&app)
	})
}

func (w *migrationWorld) campaignDatePassed() {
	w.t.Helper()
	w.campaignDate(w.now.Add(time.Minute))
	w.now = w.now.Add(2 * time.Minute)
}

func (w *migrationWorld) campaignDate(at time.Time) {
	w.t.Helper()
	c := list(w.t, w.world, func(r service.Rows) service.Table[domain.Campaign] { return r.Campaigns() }, service.Query{})[0]
	c.Terms.Deadline = domain.At(at)
	_, err := w.ChangeCampaign(w.t.Context(), olga, c.ID, service.CampaignChange{Version: c.Version, Terms: c.Terms})
	require.NoError(w.t, err)
}
