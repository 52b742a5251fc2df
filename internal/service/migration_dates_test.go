package service_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/migration"
	"consentry/internal/service"
)

const day = 24 * time.Hour

func (w *migrationWorld) readDates() contract.Dates {
	w.t.Helper()
	d, err := w.ReadDates(w.t.Context(), worker, w.m.ID)
	require.NoError(w.t, err)
	return d
}

func (w *migrationWorld) count(kind string) (n int) {
	for _, k := range w.notices() {
		if k == kind {
			n++
		}
	}
	return n
}

func (w *migrationWorld) campaign() domain.Campaign {
	w.t.Helper()
	return list(w.t, w.world, func(r service.Rows) service.Table[domain.Campaign] { return r.Campaigns() }, service.Query{})[0]
}

func (w *migrationWorld) setTerms(change func(*domain.CampaignTerms)) domain.Campaign {
	w.t.Helper()
	c := w.campaign()
	change(&c.Terms)
	c, err := w.ChangeCampaign(w.t.Context(), olga, "c", service.CampaignChange{Version: c.Version, Terms: c.Terms, Paused: c.Paused})
	require.NoError(w.t, err)
	return c
}

func (w *migrationWorld) nudges() (n int) {
	for _, name := range w.door.names() {
		if name == contract.SignalDatesChanged {
			n++
		}
	}
	return n
}

func TestEachRungIsToldOnceAndOverdueOnce(t *testing.T) {
	w := newMigrationWorld(t)
	w.open()
	start := w.now
	w.now = start.Add(15 * day)
	w.readDates()
	require.Zero(t, w.count("reminder"), "not before its time")

	for n, at := range []time.Duration{16 * day, 23 * day, 29 * day} {
		w.now = start.Add(at)
		w.readDates()
		w.readDates()
		require.Equal(t, n+1, w.count("reminder"))
	}
	w.now = start.Add(30 * day)
	d := w.readDates()
	require.True(t, d.Overdue)
	require.True(t, d.NextAt.IsZero())
	w.readDates()
	require.Equal(t, 1, w.count("overdue"))
	require.Equal(t, 1, w.audited("migration-overdue"))
	require.True(t, w.row().Overdue)
	require.Equal(t, domain.ConditionStopped, w.integration().Condition)
	require.Equal(t, contract.SyncDeadlinePassed, w.integration().ConditionCode)
	require.Equal(t, w.dir.objects(), w.mirror(), "nothing is deleted")
}

func TestRungsThatPassedUnsentAreOneMessage(t *testing.T) {
	w := newMigrationWorld(t)
	w.open()
	w.now = w.now.Add(29*day + time.Hour) // the worker was away for a month
	w.readDates()
	require.Equal(t, 1, w.count("reminder"))
}

func TestTheOpeningMessageStandsForTheRungsThatHavePassed(t *testing.T) {
	w := newMigrationWorld(t)
	w.now = w.now.Add(20 * day)
	w.open()
	w.readDates()
	require.Equal(t, []string{"actions-needed"}, w.notices())
	w.now = w.now.Add(4 * day)
	w.readDates()
	require.Equal(t, 1, w.count("reminder"))
}

func TestAKillSwitchFreesTheOverdue(t *testing.T) {
	w := newMigrationWorld(t)
	w.open()
	w.now = w.now.Add(31 * day)
	w.readDates()
	w.setTerms(func(t *domain.CampaignTerms) { t.KillSwitch = true })
	require.Equal(t, 1, w.nudges())
	w.readDates()
	require.False(t, w.row().Overdue)
	require.Equal(t, domain.ConditionOK, w.integration().Condition)
}

// inGrace opens an attempt whose consent was begun an hour before the date, at
// the date.
func inGrace(t *testing.T) (w *migrationWorld, deadline time.Time) {
	t.Helper()
	w = newMigrationWorld(t)
	w.open()
	deadline = w.now.Add(30 * day)
	w.write(func(r service.Rows) error {
		m, err := r.Migrations().Get(w.m.ID)
		if err != nil {
			return err
		}
		m.ConsentBeganAt = domain.At(deadline.Add(-time.Hour))
		return r.Migrations().Update(&m)
	})
	w.now = deadline
	return w, deadline
}

// The grace is the attempt's: giving it up ends it at once, and that is said.
func TestCancellingInTheGraceStopsAtOnce(t *testing.T) {
	w, _ := inGrace(t)
	w.readDates()
	require.Equal(t, domain.ConditionOK, w.integration().Condition)
	w.decide(mika, domain.DecideCancel, domain.DecisionDetail{})
	require.Equal(t, domain.ConditionStopped, w.integration().Condition)
	require.Equal(t, contract.SyncDeadlinePassed, w.begin(contract.DirectorySyncInput{Purpose: domain.RunScheduled}).Code)
}

func TestConsentBegunInTimeHasAGrace(t *testing.T) {
	w, deadline := inGrace(t)
	d := w.readDates()
	require.True(t, d.Overdue)
	require.True(t, d.NextAt.Equal(deadline.Add(2*day)), "the end of the grace lies ahead")
	require.Equal(t, domain.ConditionOK, w.integration().Condition)
	w.now = deadline.Add(2 * day)
	w.readDates()
	require.Equal(t, domain.ConditionStopped, w.integration().Condition)
	require.Equal(t, 1, w.count("overdue"))
}

func TestALateMigrationRestoresSynchronization(t *testing.T) {
	w := newMigrationWorld(t)
	w.open()
	w.now = w.now.Add(31 * day)
	w.readDates()
	w.dir.user("u42", "Hired after the date")
	w.consent("cs_1")
	_, err := w.ConsentConfirmed(t.Context(), worker, w.m.ID)
	require.NoError(t, err)
	w.decide(ana, domain.DecideDescribe, domain.DecisionDetail{Description: words, GoOnIfUnchanged: true})
	legacy := w.begin(contract.DirectorySyncInput{Purpose: domain.RunLegacy, AttemptID: w.m.ID})
	require.True(t, legacy.Refused)
	require.Equal(t, contract.SyncDeadlinePassed, legacy.Code)
	require.Equal(t, domain.AwaitingApproval, w.prove(true).Phase, "a frozen comparison is always looked at")
	require.True(t, w.proof().Frozen)
	w.decide(ana, domain.DecideApprove, domain.DecisionDetail{ProofID: w.row().ProofID})
	w.begunCutOver()
	s, err := w.FinishMigration(t.Context(), worker, contract.FirstSyncDone{AttemptID: w.m.ID, RunID: w.first()})
	require.NoError(t, err)
	require.Equal(t, domain.Migrated, s.Phase)
	require.False(t, w.row().Overdue)
	require.Equal(t, domain.ConditionOK, w.integration().Condition)
	require.Equal(t, w.dir.objects(), w.mirror())
}

func TestAnExtensionOfOneAccountLiftsTheStop(t *testing.T) {
	w := newMigrationWorld(t)
	w.open()
	w.now = w.now.Add(31 * day)
	w.readDates()
	until := domain.At(w.now.Add(10 * day))
	_, res := w.decide(olga, domain.DecideExtend, domain.DecisionDetail{Deadline: until, Reason: "merger"})
	require.True(t, res.DatesChanged)
	require.False(t, w.row().Overdue)
	require.Equal(t, domain.ConditionOK, w.integration().Condition)
	require.True(t, w.integration().NextDueAt.Equal(w.now), "what was missed is caught up at once")
	require.Equal(t, 1, w.audited("migration-not-overdue"))
	d := w.readDates()
	require.True(t, d.Deadline.Equal(until.Time))
	require.True(t, d.NextAt.Equal(until.Add(-7*day)), "the ladder belongs to the new date")
}

// Of several attempts the open one says which date holds, and after it the last.
func TestTheDateIsTheLatestAttempts(t *testing.T) {
	w := newMigrationWorld(t)
	w.open()
	w.decide(mika, domain.DecideCancel, domain.DecisionDetail{})
	w.now = w.now.Add(time.Hour)
	w.open()
	until := domain.At(w.now.Add(60 * day))
	w.decide(olga, domain.DecideExtend, domain.DecisionDetail{Deadline: until})
	w.now = w.now.Add(40 * day)
	require.Equal(t, domain.RunDone, w.round().State)
	w.decide(mika, domain.DecideCancel, domain.DecisionDetail{})
	require.Equal(t, domain.RunDone, w.round().State)
	w.now = until.Time
	require.Equal(t, contract.SyncDeadlinePassed, w.begin(contract.DirectorySyncInput{Purpose: domain.RunScheduled}).Code)
}

func TestAnEarlierDateNudgesAndALaterOneOnlyThoseItFrees(t *testing.T) {
	w := newMigrationWorld(t)
	w.open()
	start := w.now
	w.setTerms(func(t *domain.CampaignTerms) { t.Deadline = domain.At(start.Add(60 * day)) })
	require.Zero(t, w.nudges(), "its timer finds out by itself")
	c := w.setTerms(func(t *domain.CampaignTerms) { t.Deadline = domain.At(start.Add(10 * day)) })
	require.Equal(t, 1, w.nudges())
	require.EqualValues(t, 3, c.Version)
	w.readDates()
	require.EqualValues(t, 3, w.row().ArmedVersion)

	w.now = start.Add(11 * day)
	w.readDates()
	require.True(t, w.row().Overdue)
	w.setTerms(func(t *domain.CampaignTerms) { t.Deadline = domain.At(start.Add(60 * day)) })
	require.Equal(t, 2, w.nudges(), "the overdue hear of a later date")
	w.readDates()
	require.False(t, w.row().Overdue)
	w.setTerms(func(t *domain.CampaignTerms) { t.KillSwitch = true })
	require.True(t, w.readDates().NextAt.IsZero())
	w.setTerms(func(t *domain.CampaignTerms) { t.KillSwitch = false })
	require.Equal(t, 3, w.nudges(), "a lifted kill-switch arms those that no timer holds")
	told := map[string]bool{}
	for _, c := range w.door.taken {
		if c.Name == contract.SignalDatesChanged {
			told[c.DedupeID] = true
		}
	}
	require.Len(t, told, 3, "each edition is told on its own")
}

// Integrations that no open attempt looks after hear of a changed date at once,
// in both directions: one whose attempt was cancelled, and one that never had any.
func TestAChangedDateReachesWhatNoAttemptLooksAfter(t *testing.T) {
	for name, begin := range map[string]func(w *migrationWorld){
		"cancelled":      func(w *migrationWorld) { w.open(); w.decide(mika, domain.DecideCancel, domain.DecisionDetail{}) },
		"never migrated": func(*migrationWorld) {},
	} {
		t.Run(name, func(t *testing.T) {
			w := newMigrationWorld(t)
			begin(w)
			start := w.now
			w.setTerms(func(t *domain.CampaignTerms) { t.Deadline, t.KillSwitch = domain.At(start.Add(day)), true })
			w.now = start.Add(2 * day)
			w.setTerms(func(t *domain.CampaignTerms) { t.KillSwitch = false })
			require.Equal(t, domain.ConditionStopped, w.integration().Condition, "the date has passed, and is enforced again")
			require.Equal(t, contract.SyncDeadlinePassed, w.integration().ConditionCode)

			w.now = start.Add(3 * day)
			w.setTerms(func(t *domain.CampaignTerms) { t.Deadline = domain.At(start.Add(30 * day)) })
			require.Equal(t, domain.ConditionOK, w.integration().Condition)
			require.True(t, w.integration().NextDueAt.Equal(w.now), "what was missed is caught up at once")
			require.Zero(t, w.nudges(), "there is nobody to nudge")
			require.Equal(t, domain.RunDone, w.round().State)
		})
	}
}

// The engine is away from before the attempt until after the date: no workflow
// ever starts, and the date holds all the same.
func TestTheDateStopsWhatNoWorkflowLooksAfter(t *testing.T) {
	w := newMigrationWorld(t)
	w.door.fail = errors.New("the engine is away")
	w.open()
	before := w.mirror()
	date := w.campaign().Terms.Deadline
	w.now = date.Add(-time.Minute)
	w.dir.user("u9", "Hired in time")
	require.Equal(t, domain.RunDone, w.round().State, "until the date legacy goes on")
	w.now = date.Add(-time.Second)
	late := w.begin(contract.DirectorySyncInput{Purpose: domain.RunScheduled})
	require.False(t, late.Refused)
	w.dir.user("u10", "Read before the date, applied after it")
	w.now = date.Time
	w.read(late.RunID)
	require.Equal(t, contract.SyncDeadlinePassed, w.apply(late.RunID).Code, "a run that is at work is stopped, too")

	started, err := w.StartDueRuns(t.Context(), worker, "eu")
	require.NoError(t, err)
	require.Zero(t, started)
	refused := w.begin(contract.DirectorySyncInput{Purpose: domain.RunScheduled})
	require.Equal(t, contract.RunStart{Refused: true, Code: contract.SyncDeadlinePassed}, refused)
	_, err = w.SynchronizeNow(t.Context(), mika, "i")
	require.Equal(t, contract.SyncDeadlinePassed, codeOf(t, err))
	require.Equal(t, domain.ConditionStopped, w.integration().Condition)
	require.Contains(t, w.integration().ConditionText, "Nothing is deleted")
	require.Len(t, w.mirror(), len(before)+1, "nothing is deleted, and nothing came after the date")

	e, err := w.Explain(t.Context(), vera, "i")
	require.NoError(t, err)
	require.True(t, e.DateInForce.Equal(date.Time))
	require.Contains(t, e.Sentence, "ended on", "no timer has marked the attempt overdue")
	require.Empty(t, w.door.taken, "all this without a word from the engine")
}

func TestACampaignIsChangedOnTheVersionThatWasSeen(t *testing.T) {
	w := newMigrationWorld(t)
	terms := w.campaign().Terms
	_, err := w.ChangeCampaign(t.Context(), olga, "c", service.CampaignChange{Version: 7, Terms: terms})
	require.Equal(t, "campaign-changed", codeOf(t, err))
	_, err = w.ChangeCampaign(t.Context(), ana, "c", service.CampaignChange{Version: 1, Terms: terms})
	require.Equal(t, domain.Forbidden, domain.KindOf(err))
	terms.WayBack = 0
	_, err = w.ChangeCampaign(t.Context(), olga, "c", service.CampaignChange{Version: 1, Terms: terms})
	require.Equal(t, domain.Invalid, domain.KindOf(err))
	require.EqualValues(t, 1, w.campaign().Version)
}

// Whatever a run may end with, a migration that waits for it says it in words.
func TestEveryEndOfASynchronizationHasItsSentence(t *testing.T) {
	for _, code := range []string{
		contract.SyncRunOpen, contract.SyncBindingChanged, contract.SyncNotMigrating, contract.SyncCancelled, contract.SyncUnavailable, contract.SyncThrottled,
		contract.SyncConsentPending, contract.SyncDeltaExpired, contract.SyncStoreDown, contract.SyncMisconfigured, contract.SyncPageUnreadable, contract.SyncLost, contract.SyncUnexpectedFault,
	} {
		require.NotContains(t, migration.Text(code), "The reason is", code)
	}
}

func TestWaitingIsSaidOnceAndTakenBack(t *testing.T) {
	w := newMigrationWorld(t)
	w.open()
	note := contract.Waiting{AttemptID: w.m.ID, Code: migration.MicrosoftUnavailable}
	require.NoError(t, w.NoteWaiting(t.Context(), worker, note))
	since := w.row().WaitingSince
	w.now = w.now.Add(time.Minute)
	require.NoError(t, w.NoteWaiting(t.Context(), worker, note))
	require.Equal(t, since, w.row().WaitingSince)
	require.Equal(t, 1, w.changed("waiting"))
	require.NoError(t, w.ClearWaiting(t.Context(), worker, w.m.ID))
	require.Empty(t, w.row().WaitingCode)
	require.NoError(t, w.NoteWaiting(t.Context(), worker, note))
	w.consent("cs_1")
	require.Empty(t, w.row().WaitingCode, "a new phase waits for nothing yet")
}
