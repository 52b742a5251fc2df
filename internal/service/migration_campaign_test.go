package service_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/domain"
	"consentry/internal/migration"
	"consentry/internal/service"
)

// Whoever begins again does so under the date that was promised, whatever other
// campaign of the region has been started since; only starting that one moves an
// integration to its date.
func TestBeginningAgainMovesNoDate(t *testing.T) {
	w := newMigrationWorld(t)
	w.open()
	longer := domain.At(w.now.Add(60 * day))
	w.decide(olga, domain.DecideExtend, domain.DecisionDetail{Deadline: longer})
	w.decide(mika, domain.DecideCancel, domain.DecisionDetail{})
	first := w.campaign()
	second := first
	second.ID, second.StartedAt, second.Terms.Deadline = "c2", domain.At(w.now.Add(time.Minute)), domain.At(w.now.Add(10*day))
	w.write(func(r service.Rows) error { return r.Campaigns().Insert(&second) })
	w.now = w.now.Add(time.Hour)
	promised := func() domain.Instant {
		e, err := w.Explain(t.Context(), vera, "i")
		require.NoError(t, err)
		return domain.At(e.DateInForce)
	}
	require.Equal(t, longer, promised())

	w.open()
	require.Equal(t, []any{first.ID, longer}, []any{w.row().CampaignID, w.row().Deadline})
	require.Equal(t, longer, promised())

	w.decide(mika, domain.DecideCancel, domain.DecisionDetail{})
	out, err := w.StartCampaign(t.Context(), olga, second.ID)
	require.NoError(t, err)
	require.Equal(t, service.CampaignStart{Opened: 1}, out)
	require.Equal(t, second.Terms.Deadline, promised())
}

// Without an attempt it is the campaign whose date is in force already.
func TestTheFirstAttemptKeepsTheDateThatIsInForce(t *testing.T) {
	w := newMigrationWorld(t)
	first := w.campaign()
	later := first
	later.ID, later.StartedAt, later.Terms.Deadline = "c2", domain.At(w.now.Add(time.Minute)), domain.At(w.now.Add(90*day))
	w.write(func(r service.Rows) error { return r.Campaigns().Insert(&later) })
	w.open()
	require.Equal(t, first.ID, w.row().CampaignID)
}

// The way back is no promise once Microsoft has refused the old app, and is tried
// again all the same when somebody asks for it.
func TestAnOldAppThatWasRefusedIsNoWayBack(t *testing.T) {
	w := newMigrationWorld(t)
	w.reach(domain.Migrated)
	e, err := w.Explain(t.Context(), vera, "i")
	require.NoError(t, err)
	require.Contains(t, e.Who, "roll")
	w.write(func(r service.Rows) error {
		app, err := r.LegacyApps().Get("i")
		app.ProbedAt, app.ProbeVerdict, app.ProbeCode = domain.At(w.now), string(migration.OldAppGone), "AADSTS700016"
		if err != nil {
			return err
		}
		return r.LegacyApps().Update(&app)
	})
	e, err = w.Explain(t.Context(), vera, "i")
	require.NoError(t, err)
	require.Contains(t, e.Sentence, "there is no way back now: the client secret of the old app is refused by Microsoft")
	require.NotContains(t, e.Who, "roll")
	_, err = w.GiveDecision(t.Context(), olga, "", w.m.ID, domain.DecideRollBack, domain.DecisionDetail{Reason: "it was restored"})
	require.NoError(t, err)
}
