package service_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/contract"
	"consentry/internal/dirsync"
	"consentry/internal/domain"
	"consentry/internal/service"
)

func TestAFirstRoundReadsEverythingAndTheNextOnesOnlyChanges(t *testing.T) {
	w := newSyncWorld(t)
	out := w.round()
	require.Equal(t, domain.RunDone, out.State)
	require.EqualValues(t, 13, out.Added)
	require.Equal(t, w.dir.objects(), w.mirror())
	run := w.run(out.RunID)
	require.True(t, run.Full)
	require.False(t, run.Open)
	i := w.integration()
	require.Equal(t, domain.At(w.now), i.LastSyncedAt)
	require.Equal(t, []int64{7, 2, 4}, []int64{i.Users, i.Groups, i.Memberships})
	require.True(t, i.NextDueAt.After(w.now), "the next round lies ahead")

	w.dir.user("u0", "Renamed")
	w.dir.user("u9", "New")
	w.dir.leave("u1")
	w.dir.part("g2", "u3")
	w.now = w.now.Add(8 * time.Hour)
	out = w.round()
	require.False(t, w.run(out.RunID).Full)
	require.Equal(t, w.dir.objects(), w.mirror())
	require.EqualValues(t, 1, out.Added)
	require.EqualValues(t, 1, out.Changed)
	require.EqualValues(t, 3, out.Removed, "the user, the membership that went along, and the one that ended")

	require.NoError(t, w.store.Read(t.Context(), func(r service.Rows) error {
		_, err := r.Mirror().Cursor(out.RunID)
		require.True(t, domain.IsNotFound(err), "the staging is cleared")
		return nil
	}))
	done := list(t, w.world, audit, service.By(service.Where{"chain": "a", "action": "synchronize"}))
	require.Len(t, done, 2, "each completed round is one entry of the account's audit")
}

func TestARoundThatChangesNothingWritesNothing(t *testing.T) {
	w := newSyncWorld(t)
	w.round()
	before := w.mirror()
	out := w.round()
	require.Equal(t, []int64{0, 0, 0, 0}, []int64{out.Added, out.Changed, out.Removed, out.Held})
	require.Equal(t, before, w.mirror())
}

func TestADeadLinkReadsEverythingAnewAndSweeps(t *testing.T) {
	w := newSyncWorld(t)
	w.round()
	w.dir.leave("u6")
	w.dir.log = nil // Microsoft forgot what changed
	start := w.begin(contract.DirectorySyncInput{Purpose: domain.RunScheduled})
	require.False(t, start.Full)
	p, err := w.ReadEverything(t.Context(), worker, start.RunID)
	require.NoError(t, err)
	require.Equal(t, []any{"", true}, []any{p.Link, p.Full})
	w.read(start.RunID)
	out := w.apply(start.RunID)
	require.EqualValues(t, 1, out.Removed)
	require.Equal(t, w.dir.objects(), w.mirror())
}

func TestAPositionThatIsLostAgainAndAgainEndsTheRun(t *testing.T) {
	w := newSyncWorld(t)
	start := w.begin(contract.DirectorySyncInput{Purpose: domain.RunScheduled})
	for range 3 {
		_, err := w.ReadEverything(t.Context(), worker, start.RunID)
		require.NoError(t, err)
	}
	_, err := w.ReadEverything(t.Context(), worker, start.RunID)
	require.Equal(t, domain.Gone, domain.KindOf(err))
}

func TestAnEmptiedDirectoryIsHeldAndNotCopied(t *testing.T) {
	w := newSyncWorld(t)
	w.round()
	before := w.mirror()
	for n := range 7 {
		w.dir.leave(fmt.Sprintf("u%d", n))
	}
	out := w.round()
	require.Equal(t, before, w.mirror(), "more than the guard lets pass")
	require.EqualValues(t, 0, out.Removed)
	held := list(t, w.world, holds, service.By(service.Where{"state": "held"}))
	require.Len(t, held, 7+4, "users, and the memberships that stay with them")
	require.EqualValues(t, 11, out.Held)

	w.dir.user("u0", "User 0") // one comes back
	out = w.round()
	require.EqualValues(t, 0, out.Held, "what is held is not held twice")
	require.Len(t, list(t, w.world, holds, service.By(service.Where{"state": "held"})), 10)
	require.Len(t, list(t, w.world, holds, service.By(service.Where{"state": "gone", "object_id": "u0"})), 1, "seen again")
}

func TestTheDateStopsARunAtItsStartAndDeletesNothing(t *testing.T) {
	w := newSyncWorld(t)
	w.round()
	before := w.mirror()
	w.dir.leave("u1")
	w.now = w.now.Add(31 * 24 * time.Hour)
	start := w.begin(contract.DirectorySyncInput{Purpose: domain.RunScheduled})
	require.Equal(t, contract.RunStart{Refused: true, Code: contract.SyncDeadlinePassed}, start)
	i := w.integration()
	require.Equal(t, []string{string(domain.ConditionStopped), contract.SyncDeadlinePassed}, []string{string(i.Condition), i.ConditionCode})
	require.Contains(t, i.ConditionText, "Nothing is deleted")
	require.Equal(t, domain.At(w.now), i.ConditionSince)
	require.Equal(t, before, w.mirror())
	require.Len(t, list(t, w.world, audit, service.By(service.Where{"chain": "a", "outcome": "refused", "code": contract.SyncDeadlinePassed})), 1)
}

func TestTheDateStopsARunBetweenItsSlices(t *testing.T) {
	w := newSyncWorld(t)
	w.round()
	before := w.mirror()
	w.dir.user("u0", "Renamed")
	start := w.begin(contract.DirectorySyncInput{Purpose: domain.RunScheduled})
	w.read(start.RunID)
	w.now = w.now.Add(31 * 24 * time.Hour)
	out := w.apply(start.RunID)
	require.Equal(t, []string{string(domain.RunStopped), contract.SyncDeadlinePassed}, []string{string(out.State), out.Code})
	require.Equal(t, before, w.mirror())
	require.Equal(t, domain.ConditionStopped, w.integration().Condition)
	require.False(t, w.run(start.RunID).Open)
}

func TestASwitchOfTheBindingStopsARunThatWasBegunBefore(t *testing.T) {
	w := newSyncWorld(t)
	w.round()
	w.dir.user("u0", "Renamed")
	start := w.begin(contract.DirectorySyncInput{Purpose: domain.RunScheduled})
	w.read(start.RunID)
	w.change(func(i *domain.Integration) { i.Epoch++ })
	out := w.apply(start.RunID)
	require.Equal(t, contract.SyncBindingChanged, out.Code)
	require.NotContains(t, w.mirror(), "user u0 Renamed")
}

func TestOneRunAtATime(t *testing.T) {
	w := newSyncWorld(t)
	first := w.begin(contract.DirectorySyncInput{Purpose: domain.RunScheduled})
	again, err := w.BeginRun(t.Context(), worker, contract.BeginRun{Key: "key1", Input: contract.DirectorySyncInput{IntegrationID: "i", Purpose: domain.RunScheduled}})
	require.NoError(t, err)
	require.Equal(t, first, again, "asking again with the same key is the same run")

	w.migrate(domain.Proving)
	start := w.begin(contract.DirectorySyncInput{Purpose: domain.RunLegacy, AttemptID: "m"})
	require.Equal(t, contract.RunStart{Refused: true, Code: contract.SyncRunOpen}, start)
	require.False(t, w.begin(contract.DirectorySyncInput{Purpose: domain.RunShadow, AttemptID: "m"}).Refused, "a shadow run takes no row")

	second := w.begin(contract.DirectorySyncInput{Purpose: domain.RunManual})
	require.False(t, second.Refused, "the same workflow id: the earlier one is over")
	require.Equal(t, contract.SyncLost, w.run(first.RunID).Code)
	p := w.read(first.RunID)
	require.True(t, p.Ended, "the lost one finds its row closed")

	w.now = w.now.Add(2 * time.Hour)
	require.False(t, w.begin(contract.DirectorySyncInput{Purpose: domain.RunLegacy, AttemptID: "m"}).Refused, "a row that has not moved for long is taken")
}

func TestRunsOfAMigrationBelongToItsPhase(t *testing.T) {
	w := newSyncWorld(t)
	w.round()
	for purpose, phase := range map[domain.Purpose]domain.Phase{domain.RunLegacy: domain.Proving, domain.RunShadow: domain.Proving, domain.RunFirst: domain.CuttingOver} {
		require.Equal(t, contract.SyncNotMigrating, w.begin(contract.DirectorySyncInput{Purpose: purpose, AttemptID: "m"}).Code, "%s without a migration in %s", purpose, phase)
	}
	w.migrate(domain.CuttingOver)
	require.Equal(t, contract.SyncCuttingOver, w.begin(contract.DirectorySyncInput{Purpose: domain.RunScheduled}).Code)
	require.Equal(t, contract.SyncNotMigrating, w.begin(contract.DirectorySyncInput{Purpose: domain.RunFirst, AttemptID: "m"}).Code, "the binding is not switched yet")
	w.cutOver()
	require.Equal(t, contract.SyncNotMigrating, w.begin(contract.DirectorySyncInput{Purpose: domain.RunFirst, AttemptID: "other"}).Code)
}

func TestTroubleIsToldAndTakenBack(t *testing.T) {
	w := newSyncWorld(t)
	w.migrate(domain.Proving)
	start := w.begin(contract.DirectorySyncInput{Purpose: domain.RunLegacy, AttemptID: "m"})
	require.NoError(t, w.NoteTrouble(t.Context(), worker, start.RunID, contract.SyncUnavailable))
	since := domain.At(w.now)
	w.now = w.now.Add(time.Minute)
	require.NoError(t, w.NoteTrouble(t.Context(), worker, start.RunID, contract.SyncUnavailable))
	i := w.integration()
	require.Equal(t, []any{domain.ConditionError, contract.SyncUnavailable, since}, []any{i.Condition, i.ConditionCode, i.ConditionSince})
	require.Contains(t, i.ConditionText, "We try again by ourselves")
	migrations := func(r service.Rows) service.Table[domain.Migration] { return r.Migrations() }
	m := list(t, w.world, migrations, service.Query{})[0]
	require.Equal(t, []any{contract.SyncUnavailable, since}, []any{m.WaitingCode, m.WaitingSince})

	w.read(start.RunID)
	require.Equal(t, domain.ConditionOK, w.integration().Condition)
	require.Empty(t, list(t, w.world, migrations, service.Query{})[0].WaitingCode)
	require.Empty(t, w.run(start.RunID).Code)
}

func TestBeingAskedToSlowDownIsNoErrorOfTheIntegration(t *testing.T) {
	w := newSyncWorld(t)
	start := w.begin(contract.DirectorySyncInput{Purpose: domain.RunScheduled})
	require.NoError(t, w.NoteTrouble(t.Context(), worker, start.RunID, contract.SyncThrottled))
	require.Equal(t, domain.ConditionOK, w.integration().Condition)
	require.Equal(t, contract.SyncThrottled, w.run(start.RunID).Code)
}

func TestARunThatFailsSaysWhyOnTheIntegration(t *testing.T) {
	w := newSyncWorld(t)
	start := w.begin(contract.DirectorySyncInput{Purpose: domain.RunScheduled})
	end := contract.EndRun{RunID: start.RunID, State: string(domain.RunError), Code: contract.SyncLegacyDead}
	out, err := w.EndRun(t.Context(), worker, end)
	require.NoError(t, err)
	require.Equal(t, domain.RunError, out.State)
	i := w.integration()
	require.Equal(t, contract.SyncLegacyDead, i.ConditionCode)
	require.Contains(t, i.ConditionText, "expired on 22 November 2026")
	require.Contains(t, i.ConditionText, "Nothing is deleted")
	again, err := w.EndRun(t.Context(), worker, contract.EndRun{RunID: start.RunID, State: string(domain.RunStopped), Code: contract.SyncCancelled})
	require.NoError(t, err)
	require.Equal(t, out, again, "a run ends once")

	w.migrate(domain.Proving)
	shadow := w.shadow()
	w.cutOver()
	before := w.integration()
	first := w.begin(contract.DirectorySyncInput{Purpose: domain.RunFirst, AttemptID: "m", ShadowRunID: shadow})
	_, err = w.EndRun(t.Context(), worker, contract.EndRun{RunID: first.RunID, State: string(domain.RunError), Code: contract.SyncUnavailable})
	require.NoError(t, err)
	require.Equal(t, before.ConditionCode, w.integration().ConditionCode, "a first synchronization speaks of its migration only")
	w.phase(domain.Cancelled)
	w.change(func(i *domain.Integration) { i.Binding, i.ConnectorID = domain.BoundLegacy, "" })

	w.round()
	require.Equal(t, domain.ConditionOK, w.integration().Condition, "a completed round lifts it")
}

func TestLostConsentIsAConditionOfTheConnectorAndNoEmptyDirectory(t *testing.T) {
	w := newSyncWorld(t)
	w.round()
	before := w.mirror()
	w.change(func(i *domain.Integration) { i.Binding, i.ConnectorID, i.Epoch = domain.BoundConnector, "conn", 2 })
	connector := func() domain.Connector {
		return list(t, w.world, func(r service.Rows) service.Table[domain.Connector] { return r.Connectors() }, service.Query{})[0]
	}
	start := w.begin(contract.DirectorySyncInput{Purpose: domain.RunScheduled})
	_, err := w.EndRun(t.Context(), worker, contract.EndRun{RunID: start.RunID, State: string(domain.RunError), Code: contract.SyncConsentLost})
	require.NoError(t, err)
	require.Equal(t, contract.SyncConsentLost, connector().ConditionCode)
	require.Contains(t, connector().ConditionText, "Reconnect")
	notices := func(r service.Rows) service.Table[domain.Notice] { return r.Notices() }
	require.Len(t, list(t, w.world, notices, service.By(service.Where{"kind": "reconnect-needed"})), 1, "somebody is told to act")
	require.Equal(t, before, w.mirror())
	w.write(func(r service.Rows) error { // a consent that somebody tried meanwhile came to nothing
		c := connector()
		c.ReconnectCode, c.ReconnectText = "declined", "The permissions were not accepted."
		return r.Connectors().Update(&c)
	})
	w.round()
	require.Equal(t, domain.ConditionOK, connector().Condition)
	require.Empty(t, connector().ReconnectCode+connector().ReconnectText, "which explains nothing of what happens later")
}

func TestSettingsAreAppliedToWhatIsRead(t *testing.T) {
	w := newSyncWorld(t)
	w.dir.user("guest", "Guest")
	w.dir.users["guest"]["userType"] = "Guest"
	w.change(func(i *domain.Integration) { i.Settings.IncludeGuests = false })
	w.round()
	require.NotContains(t, w.mirror(), "user guest Guest")
	require.EqualValues(t, 7, w.integration().Users)
}

func TestAnUnreadRoundIsNotApplied(t *testing.T) {
	w := newSyncWorld(t)
	start := w.begin(contract.DirectorySyncInput{Purpose: domain.RunScheduled})
	_, err := w.ApplySlice(t.Context(), worker, start.RunID)
	require.Equal(t, domain.Conflict, domain.KindOf(err))
	require.Empty(t, w.mirror())
	_, err = w.ApplySlice(t.Context(), worker, "unknown")
	require.True(t, domain.IsNotFound(err))
}

func TestAnotherAccountsDirectoryDoesNotExist(t *testing.T) {
	w := newSyncWorld(t)
	w.round()
	stranger := domain.Caller{Kind: domain.CallerPerson, ID: "p", Grants: []domain.Grant{{AccountID: "other", Role: domain.RoleApprove}}}
	_, err := w.ReadDirectory(t.Context(), stranger, "i", "users", dirsync.Edge{}, 10)
	require.True(t, domain.IsNotFound(err))
	_, err = w.SynchronizeNow(t.Context(), stranger, "i")
	require.True(t, domain.IsNotFound(err))
	_, err = w.ReadDirectory(t.Context(), worker, "i", "devices", dirsync.Edge{}, 10)
	require.Equal(t, domain.Invalid, domain.KindOf(err))
}
