package service_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"consentry/internal/contract"
	"consentry/internal/dirsync"
	"consentry/internal/domain"
	"consentry/internal/service"
)

// everything runs a round that reads the whole directory.
func (w *syncWorld) everything() contract.DirectorySyncResult {
	w.t.Helper()
	start := w.begin(contract.DirectorySyncInput{Purpose: domain.RunScheduled})
	_, err := w.ReadEverything(w.t.Context(), worker, start.RunID)
	require.NoError(w.t, err)
	w.read(start.RunID)
	return w.apply(start.RunID)
}

func (w *syncWorld) held() int {
	w.t.Helper()
	return len(list(w.t, w.world, holds, service.By(service.Where{"state": "held"})))
}

// A round that names everybody comes upon what is held again and again, in slices
// that see only a part of it. It stays held, once; and who leaves beside it, as
// people do, leaves.
func TestWhatIsHeldStaysHeldInRoundsThatReadEverything(t *testing.T) {
	w := newSyncWorld(t)
	w.SetSlice(2)
	w.round()
	before := w.mirror()
	for n := range 6 {
		w.dir.leave(fmt.Sprint("u", n))
	}
	out := w.everything()
	require.EqualValues(t, 10, out.Held, "six people and their four memberships")
	for range 2 {
		require.Equal(t, before, w.mirror())
		require.Equal(t, 10, w.held())
		out = w.everything()
		require.Zero(t, out.Held+out.Removed)
	}
	w.dir.leave("u6")
	out = w.everything()
	require.Equal(t, []int64{0, 1}, []int64{out.Held, out.Removed})
	require.NotContains(t, w.mirror(), "user u6 User 6")
	require.Len(t, w.mirror(), len(before)-1)
}

// The memberships of a group that is held are held with it, although nobody says
// that its members have left.
func TestMembershipsStayWithTheirGroup(t *testing.T) {
	w := newSyncWorld(t)
	for n := range 6 {
		w.dir.group(fmt.Sprint("h", n), "u6")
	}
	w.round()
	before := w.mirror()
	for n := range 6 {
		w.dir.dissolve(fmt.Sprint("h", n))
	}
	w.everything()
	require.Equal(t, before, w.mirror())
	follow := list(t, w.world, holds, service.By(service.Where{"kind": "membership", "state": "held"}))
	require.Len(t, follow, 6)
	require.Equal(t, dirsync.HoldFollows, follow[0].Reason)
}

// Whom the settings leave out is not gone: nobody would tell us of the memberships
// again when the settings change.
func TestWhoIsLeftOutKeepsTheMemberships(t *testing.T) {
	w := newSyncWorld(t)
	w.round()
	w.change(func(i *domain.Integration) { i.Settings.IncludeDisabled = false })
	w.dir.user("u0", "User 0")
	w.dir.users["u0"]["accountEnabled"] = false
	w.round()
	require.NotContains(t, w.mirror(), "user u0 User 0")
	require.Contains(t, w.mirror(), "g1 has u0")
}
