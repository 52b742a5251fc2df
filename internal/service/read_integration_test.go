package service_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"consentry/internal/domain"
)

// An integration is read with its open attempt, whichever way the binding has it
// found, and with none that has ended.
func TestAnIntegrationIsReadWithItsOpenAttempt(t *testing.T) {
	w := newMigrationWorld(t)
	read := func() string {
		r, err := w.Integration(t.Context(), vera, "i")
		require.NoError(t, err)
		require.Empty(t, r.Legacy.SecretRef)
		return r.Migration.ID
	}
	require.Empty(t, read(), "there never was one")
	w.reach(domain.AwaitingDescription)
	require.Equal(t, w.m.ID, read())
	w.decide(mika, domain.DecideCancel, domain.DecisionDetail{})
	require.Empty(t, read(), "the cancelled one is over")

	w.reach(domain.Migrated)
	require.Equal(t, w.m.ID, read(), "bound to the connector, with the way back open")
	w.now = w.row().WayBackUntil.Time
	_, err := w.OpenCleanUp(t.Context(), worker, w.m.ID)
	require.NoError(t, err)
	w.decide(mika, domain.DecideCleanUp, domain.DecisionDetail{Removed: true})
	require.Equal(t, domain.Closed, w.row().Phase)
	require.Empty(t, read(), "the completed one is over")

	_, err = w.Integration(t.Context(), eve, "i")
	require.Equal(t, domain.NotFound, domain.KindOf(err))
	_, err = w.Integration(t.Context(), vera, "nowhere")
	require.Equal(t, domain.NotFound, domain.KindOf(err))
}
