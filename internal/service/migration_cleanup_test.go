package service_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/domain"
	"consentry/internal/migration"
	"consentry/internal/service"
)

func (w *migrationWorld) legacy() (a domain.LegacyApp, s domain.Secret) {
	w.t.Helper()
	require.NoError(w.t, w.store.Read(w.t.Context(), func(r service.Rows) (err error) {
		if a, err = r.LegacyApps().Get("i"); err != nil {
			return err
		}
		s, err = r.Secrets().Get("sec_old")
		return err
	}))
	return a, s
}

// destroyed holds the receipt of a destroyed secret.
func (w *migrationWorld) destroyed() {
	w.t.Helper()
	app, secret := w.legacy()
	require.Empty(w.t, app.SecretRef)
	require.Empty(w.t, secret.Sealed, "the sealed bytes are gone")
	require.True(w.t, app.DestroyedAt.Equal(w.now))
	require.True(w.t, secret.DestroyedAt.Equal(w.now))
	require.Equal(w.t, 1, w.audited("destroy-legacy-secret"))
	require.Equal(w.t, 1, w.changed("destroy-legacy-secret"))
	require.Contains(w.t, w.said("closed"), "was destroyed here")
	_, err := w.LegacySecretOf(w.t.Context(), "i")
	require.Equal(w.t, domain.Gone, domain.KindOf(err))
}

func (w *migrationWorld) said(kind string) string {
	w.t.Helper()
	found := list(w.t, w.world, func(r service.Rows) service.Table[domain.Notice] { return r.Notices() }, service.Query{Where: service.Where{"kind": kind}, Order: []string{"-created_at"}})
	require.NotEmpty(w.t, found, kind)
	return found[0].Body
}

func (w *migrationWorld) rung(v migration.OldApp, code string) domain.Phase {
	w.t.Helper()
	trial, err := w.TrialForCleanUp(w.t.Context(), worker, w.m.ID)
	require.NoError(w.t, err)
	if trial.How != service.AskNothing {
		w.tried(v, code)
	}
	s, err := w.AdvanceCleanUp(w.t.Context(), worker, w.m.ID)
	require.NoError(w.t, err)
	return s.Phase
}

func TestTheCleanUpLadder(t *testing.T) {
	w := newMigrationWorld(t)
	w.reach(domain.CleanUp)
	opened := w.now
	require.True(t, w.row().CleanUpNextAt.Equal(opened.Add(7*24*time.Hour)), "the first rung is the campaign's")
	require.Equal(t, domain.CleanUp, w.rung(migration.OldAppGone, ""), "too early: nothing is asked")
	require.Zero(t, w.audited("try-old-app"))

	for n, days := range []int{7, 21} {
		w.now = opened.Add(time.Duration(days) * 24 * time.Hour)
		require.Equal(t, domain.CleanUp, w.rung(migration.OldAppLives, "AADSTS7000215"))
		require.Equal(t, domain.CleanUp, w.rung(migration.OldAppLives, "AADSTS7000215"), "a rung is taken once")
		require.Equal(t, n+1, w.audited("try-old-app"))
	}
	var reminders int
	for _, kind := range w.notices() {
		if kind == "clean-up-reminder" {
			reminders++
		}
	}
	require.Equal(t, 2, reminders)
	body := w.said("clean-up-reminder")
	for _, exact := range []string{legacyClient, `"Directory Sync"`, "tenant", "still there"} {
		require.Contains(t, body, exact)
	}

	w.now = opened.Add(30 * 24 * time.Hour)
	require.Equal(t, domain.Closed, w.rung(migration.OldAppUnknown, ""), "the recommendation ends by itself")
	require.Empty(t, w.row().OldAppRemoved)
	w.destroyed()
}

func TestARemovalThatMicrosoftShowsClosesByItself(t *testing.T) {
	w := newMigrationWorld(t)
	w.reach(domain.CleanUp)
	w.now = w.row().CleanUpNextAt.Time
	require.Equal(t, domain.Closed, w.rung(migration.OldAppGone, "AADSTS700016"))
	require.Equal(t, "proven", w.row().OldAppRemoved)
	require.Contains(t, w.said("closed"), "Microsoft says")
	w.destroyed()
}

func TestSayingThatTheOldAppIsRemovedIsHeldAgainstMicrosoftsAnswer(t *testing.T) {
	for _, in := range []domain.Phase{domain.Migrated, domain.CleanUp} {
		for _, c := range []struct {
			verdict migration.OldApp
			code    string
			want    domain.DecisionState
		}{
			{migration.OldAppGone, "AADSTS700016", domain.DecisionApplied},
			{migration.OldAppUnknown, "AADSTS90002", domain.DecisionApplied},
			{migration.OldAppWorks, "", domain.DecisionRefused},
			{migration.OldAppLives, "AADSTS7000229", domain.DecisionRefused},
		} {
			t.Run(string(in)+" "+string(c.verdict), func(t *testing.T) {
				w := newMigrationWorld(t)
				w.reach(in)
				given, err := w.GiveDecision(t.Context(), mika, "", w.m.ID, domain.DecideCleanUp, domain.DecisionDetail{Removed: true})
				require.NoError(t, err)
				trial, err := w.TrialForDecision(t.Context(), worker, given.ID)
				require.NoError(t, err)
				require.Equal(t, service.AskForToken, trial.How)
				w.tried(c.verdict, c.code)
				d, res := w.applied(given)
				require.Equal(t, c.want, d.State, d.Reason)
				if c.want == domain.DecisionRefused {
					require.Equal(t, migration.OldAppStillThere, d.Code)
					require.Contains(t, d.Reason, "still there")
					require.Equal(t, in, res.Phase, "the way back stays as it was")
					require.Empty(t, w.row().OldAppRemoved)
					require.Equal(t, service.AskNothing, w.asked(d), "it has its answer, so nobody signs in for it again")
					return
				}
				if in == domain.Migrated {
					require.Equal(t, domain.CleanUp, res.Phase)
					require.Equal(t, domain.Closed, w.rung(migration.OldAppUnknown, ""))
				}
				require.Equal(t, "confirmed", w.row().OldAppRemoved)
				require.Contains(t, w.said("closed"), "When we asked Microsoft: "+migration.OldAppText(c.verdict, c.code))
				w.destroyed()
			})
		}
	}
}

func TestKeepingTheOldAppDestroysItsSecretHereAllTheSame(t *testing.T) {
	w := newMigrationWorld(t)
	w.reach(domain.CleanUp)
	given, err := w.GiveDecision(t.Context(), mika, "", w.m.ID, domain.DecideCleanUp, domain.DecisionDetail{})
	require.NoError(t, err)
	trial, err := w.TrialForDecision(t.Context(), worker, given.ID)
	require.NoError(t, err)
	require.Equal(t, service.AskNothing, trial.How, "nobody needs to know")
	_, res := w.applied(given)
	require.Equal(t, domain.Closed, res.Phase)
	require.Equal(t, "declined", w.row().OldAppRemoved)
	w.destroyed()
}

// Only what Microsoft said of this app at this time counts: neither an answer from
// before the clean-up, nor one from before somebody said that the app is removed.
func TestAnOldAnswerAboutTheOldAppCountsForNothing(t *testing.T) {
	w := newMigrationWorld(t)
	w.reach(domain.Migrated)
	w.tried(migration.OldAppGone, "AADSTS700016")
	w.now = w.now.Add(time.Hour)
	_, err := w.OpenCleanUp(t.Context(), worker, w.m.ID)
	require.NoError(t, err)
	w.now = w.row().CleanUpNextAt.Time
	s, err := w.AdvanceCleanUp(t.Context(), worker, w.m.ID)
	require.NoError(t, err)
	require.Equal(t, domain.CleanUp, s.Phase)

	w.tried(migration.OldAppWorks, "")
	w.now = w.now.Add(time.Hour)
	d, _ := w.decide(mika, domain.DecideCleanUp, domain.DecisionDetail{Removed: true})
	require.Equal(t, domain.DecisionApplied, d.State)
}
