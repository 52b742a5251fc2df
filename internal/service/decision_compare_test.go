package service_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"consentry/internal/domain"
	"consentry/internal/migration"
)

// Asking for another comparison switches nothing, also where this one could be
// approved after all, because somebody has changed how old it may be meanwhile.
func TestComparingAgainApprovesNothing(t *testing.T) {
	w := newMigrationWorld(t)
	w.reach(domain.AwaitingApproval)
	d, res := w.decide(ana, domain.DecideApprove, domain.DecisionDetail{ProofID: w.row().ProofID, CompareAgain: true})
	require.Equal(t, domain.Proving, res.Phase)
	require.Equal(t, []any{domain.DecisionRefused, migration.ProofTooOld}, []any{d.State, d.Code})
	require.Empty(t, w.row().ApprovedProof)
	require.False(t, w.row().GoOnIfUnchanged)
}
