package service_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/contract"
	"consentry/internal/dirsync"
	"consentry/internal/domain"
	"consentry/internal/service"
	"consentry/internal/store/storetest"
)

// first runs the first synchronization over a shadow's staging.
func (w *syncWorld) first(shadow string) contract.DirectorySyncResult {
	w.t.Helper()
	start := w.begin(contract.DirectorySyncInput{Purpose: domain.RunFirst, AttemptID: "m", ShadowRunID: shadow})
	require.False(w.t, start.Refused, start.Code)
	w.read(start.RunID)
	return w.apply(start.RunID)
}

func TestAShadowWritesNothingAndItsComparisonNamesEveryDifference(t *testing.T) {
	w := newSyncWorld(t)
	w.round()
	m := w.migrate(domain.Proving)
	before := w.mirror()
	w.dir.user("u0", "Renamed")
	w.dir.user("u9", "New")
	w.dir.leave("u1")
	shadow := w.shadow()
	require.Equal(t, before, w.mirror())
	require.Equal(t, cellClient, w.run(shadow).ClientID)

	proof := inside(w, func(tx *service.Tx) (domain.Proof, error) { return tx.CompareShadow(m, shadow, true) })
	require.Equal(t, domain.Counts{Users: 1}, proof.Added)
	require.Equal(t, domain.Counts{Users: 1}, proof.Changed)
	require.Equal(t, domain.Counts{Users: 1, Memberships: 1}, proof.Removed)
	require.Equal(t, domain.Counts{Users: 7, Groups: 2, Memberships: 4}, proof.Mirror)
	require.Equal(t, domain.Counts{Users: 7, Groups: 2, Memberships: 3}, proof.Shadow)
	require.True(t, proof.Frozen)
	require.Equal(t, w.integration().LastSyncedAt, proof.AsOf)
	require.False(t, proof.Equal())
	require.Contains(t, proof.Examples, domain.Difference{Kind: "user", Change: "changed", ObjectID: "u0", Name: "Renamed", Fields: []string{"displayName"}})
}

func TestWhatBothSidesReadAlikeIsNoDifference(t *testing.T) {
	w := newSyncWorld(t)
	w.round()
	m := w.migrate(domain.Proving)
	shadow := w.shadow()
	proof := inside(w, func(tx *service.Tx) (domain.Proof, error) { return tx.CompareShadow(m, shadow, false) })
	require.True(t, proof.Equal())
	require.Empty(t, proof.Examples)

	_, err := service.Do(t.Context(), w.Service, worker, "", "test", "m", func(tx *service.Tx) (domain.Proof, error) {
		other := m
		other.ID = "another"
		return tx.CompareShadow(other, shadow, false)
	})
	require.Equal(t, domain.Conflict, domain.KindOf(err), "a shadow belongs to the attempt that read it")
}

func TestAShadowIsReadAfterTheDateToo(t *testing.T) {
	w := newSyncWorld(t)
	w.migrate(domain.Proving)
	w.now = w.now.Add(31 * 24 * time.Hour)
	require.Equal(t, contract.SyncDeadlinePassed, w.begin(contract.DirectorySyncInput{Purpose: domain.RunLegacy, AttemptID: "m"}).Code)
	w.shadow()
}

func TestTheFirstSynchronizationAppliesAllButRemovals(t *testing.T) {
	w := newSyncWorld(t)
	w.round()
	w.migrate(domain.Proving)
	w.dir.leave("u1")
	w.dir.user("u8", "Read by the shadow")
	shadow := w.shadow()
	w.dir.user("u0", "Changed since") // after the proof
	w.dir.user("u9", "New since")
	w.dir.leave("u8")
	w.cutOver()
	out := w.first(shadow)
	require.Equal(t, domain.RunDone, out.State)
	got := w.mirror()
	require.Contains(t, got, "user u0 Changed since", "the latest word wins")
	require.Contains(t, got, "user u9 New since")
	require.NotContains(t, got, "user u8 Read by the shadow", "it came and went between the two readings")
	require.Contains(t, got, "user u1 User 1", "nobody is removed by a change of connection")
	require.Contains(t, got, "g1 has u1")
	require.EqualValues(t, 0, out.Removed)
	require.EqualValues(t, 2, out.Held)
	for _, h := range list(t, w.world, holds, service.Query{}) {
		require.Equal(t, dirsync.HoldRebound, h.Reason)
	}
	run := w.run(out.RunID)
	require.True(t, run.Full)
	for _, table := range []string{"stage_users", "stage_groups", "stage_members", "sync_cursors"} {
		require.Empty(t, storetest.Dump(t, w.store)[table], "what was read is kept no longer than it is needed")
	}

	w.dir.user("u0", "Again") // the connector goes on by its own link
	w.phase(domain.Migrated)
	out = w.round()
	require.False(t, w.run(out.RunID).Full)
	require.Contains(t, w.mirror(), "user u0 Again")
	require.Contains(t, w.mirror(), "user u1 User 1", "what is held stays held")
}

func TestACompensationRestoresTheMirrorExactly(t *testing.T) {
	w := newSyncWorld(t)
	w.round()
	before, last := w.mirror(), w.integration()
	w.migrate(domain.Proving)
	w.dir.leave("u1")
	w.dir.user("u0", "Renamed")
	w.dir.user("u9", "New")
	w.dir.group("g3", "u2")
	shadow := w.shadow()
	w.cutOver()
	out := w.first(shadow)
	require.Equal(t, domain.RunDone, out.State)
	require.NotEqual(t, before, w.mirror())

	inside(w, func(tx *service.Tx) (struct{}, error) { return struct{}{}, tx.RestoreMirror("m") })
	require.Equal(t, before, w.mirror())
	require.Empty(t, list(t, w.world, holds, service.By(service.Where{"state": "held"})))
	w.phase(domain.AwaitingApproval)
	w.change(func(i *domain.Integration) { // what the migration's snapshot restores
		i.Binding, i.ConnectorID, i.Epoch, i.LastRunID = domain.BoundLegacy, "", i.Epoch+1, last.LastRunID
	})
	require.Equal(t, []int64{7, 2, 4}, []int64{w.integration().Users, w.integration().Groups, w.integration().Memberships})

	out = w.round()
	require.False(t, w.run(out.RunID).Full, "the mirror stands where the legacy link left it")
	require.Equal(t, w.dir.objects(), w.mirror())
}

func TestAFirstSynchronizationThatStopsHalfwayIsRestoredToo(t *testing.T) {
	w := newSyncWorld(t)
	w.round()
	before := w.mirror()
	w.migrate(domain.Proving)
	w.dir.size = 500
	for n := range 2500 { // more than one slice
		w.dir.user("x"+time.Duration(n).String(), "X")
	}
	shadow := w.shadow()
	w.cutOver()
	start := w.begin(contract.DirectorySyncInput{Purpose: domain.RunFirst, AttemptID: "m", ShadowRunID: shadow})
	w.read(start.RunID)
	slice, err := w.ApplySlice(t.Context(), worker, start.RunID)
	require.NoError(t, err)
	require.True(t, slice.More)
	require.Greater(t, len(w.mirror()), len(before)+900)

	inside(w, func(tx *service.Tx) (struct{}, error) {
		if err := tx.StopOpenRun("i", contract.SyncBindingChanged); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, tx.RestoreMirror("m")
	})
	require.Equal(t, before, w.mirror())
	out, err := w.ApplySlice(t.Context(), worker, start.RunID)
	require.NoError(t, err)
	require.Equal(t, service.Applied{Result: contract.DirectorySyncResult{
		RunID: start.RunID, State: domain.RunStopped, Code: contract.SyncBindingChanged, Read: out.Result.Read, Added: out.Result.Added,
	}}, out, "its next slice finds the row closed")
	require.Equal(t, before, w.mirror())
}

func TestARollBackReadsEverythingAndRemovesNothingByItself(t *testing.T) {
	w := newSyncWorld(t)
	w.round()
	w.migrate(domain.Proving)
	shadow := w.shadow()
	w.cutOver()
	w.first(shadow)
	w.phase(domain.RolledBack)
	w.change(func(i *domain.Integration) { i.Binding, i.ConnectorID, i.Epoch = domain.BoundLegacy, "", i.Epoch+1 })
	w.dir.leave("u1")
	out := w.round()
	require.True(t, w.run(out.RunID).Full, "the legacy link is from before the connector's rounds")
	require.Contains(t, w.mirror(), "user u1 User 1")
	require.EqualValues(t, 2, out.Held)
}

func TestAFirstSynchronizationWithoutItsShadowReadsEverything(t *testing.T) {
	w := newSyncWorld(t)
	w.round()
	w.migrate(domain.Proving)
	w.cutOver()
	out := w.first("run_unknown")
	require.Equal(t, domain.RunDone, out.State)
	require.Equal(t, w.dir.objects(), w.mirror())
}

// Microsoft lost the position between the two readings: the whole directory is
// read once more, beside what the proof saw, and nothing of either is left.
func TestAFirstSynchronizationThatLosesItsPositionReadsEverything(t *testing.T) {
	w := newSyncWorld(t)
	w.round()
	w.migrate(domain.Proving)
	shadow := w.shadow()
	w.cutOver()
	w.dir.user("u9", "New since")
	start := w.begin(contract.DirectorySyncInput{Purpose: domain.RunFirst, AttemptID: "m", ShadowRunID: shadow})
	_, err := w.ReadEverything(t.Context(), worker, start.RunID)
	require.NoError(t, err)
	w.read(start.RunID)
	require.Equal(t, domain.RunDone, w.apply(start.RunID).State)
	require.Equal(t, w.dir.objects(), w.mirror())
	for _, table := range []string{"stage_users", "stage_groups", "stage_members", "sync_cursors"} {
		require.Empty(t, storetest.Dump(t, w.store)[table])
	}
}

func TestANewerShadowForgetsTheOneBefore(t *testing.T) {
	w := newSyncWorld(t)
	w.migrate(domain.Proving)
	old, latest := w.shadow(), w.shadow()
	require.NoError(t, w.store.Read(t.Context(), func(r service.Rows) error {
		_, err := r.Mirror().Cursor(old)
		require.True(t, domain.IsNotFound(err))
		_, err = r.Mirror().Cursor(latest)
		return err
	}))
}
