package service_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/service"
)

var admin = domain.Caller{Kind: domain.CallerPerson, ID: "p", Grants: []domain.Grant{{AccountID: "a", Role: domain.RoleMigrate}}}

func refusalCode(t *testing.T, err error) string {
	t.Helper()
	var refusal *domain.Error
	require.ErrorAs(t, err, &refusal)
	return refusal.Code
}

func TestSynchronizeNowStartsTheOrdinaryRun(t *testing.T) {
	w := newSyncWorld(t)
	_, err := w.SynchronizeNow(t.Context(), admin, "i")
	require.NoError(t, err)
	require.Len(t, w.door.taken, 1)
	call := w.door.taken[0]
	require.Equal(t, []string{contract.DirectorySyncID("i"), contract.DirectorySyncWorkflow}, []string{call.Target, call.Name})
	var in contract.DirectorySyncInput
	require.NoError(t, json.Unmarshal(call.Payload, &in))
	require.Equal(t, contract.DirectorySyncInput{IntegrationID: "i", AccountID: "a", Region: "eu", Purpose: domain.RunManual}, in)
}

func TestSynchronizeNowIsRefusedWithASentence(t *testing.T) {
	for name, c := range map[string]struct {
		before func(*syncWorld)
		caller domain.Caller
		code   string
	}{
		"while a run is under way": {func(w *syncWorld) { w.begin(contract.DirectorySyncInput{Purpose: domain.RunScheduled}) }, admin, contract.SyncRunOpen},
		"right after the last one by hand": {func(w *syncWorld) {
			start := w.begin(contract.DirectorySyncInput{Purpose: domain.RunManual})
			w.read(start.RunID)
			w.apply(start.RunID)
			w.now = w.now.Add(4 * time.Minute)
		}, admin, "too-soon"},
		"after the date":             {func(w *syncWorld) { w.now = w.now.Add(31 * 24 * time.Hour) }, admin, contract.SyncDeadlinePassed},
		"during the cut-over":        {func(w *syncWorld) { w.migrate(domain.CuttingOver) }, admin, contract.SyncCuttingOver},
		"while it is switched off":   {func(w *syncWorld) { w.change(func(i *domain.Integration) { i.Condition = domain.ConditionDisabled }) }, admin, contract.SyncDisabled},
		"to somebody who only looks": {func(*syncWorld) {}, domain.Caller{Kind: domain.CallerPerson, ID: "v", Grants: []domain.Grant{{AccountID: "a", Role: domain.RoleView}}}, "role-needed"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newSyncWorld(t)
			c.before(w)
			_, err := w.SynchronizeNow(t.Context(), c.caller, "i")
			require.Equal(t, c.code, refusalCode(t, err))
			require.Greater(t, len(err.Error()), 20)
			require.Empty(t, w.door.taken)
		})
	}
}

func TestSynchronizeNowIsPossibleAgainAfterAWhile(t *testing.T) {
	w := newSyncWorld(t)
	start := w.begin(contract.DirectorySyncInput{Purpose: domain.RunManual})
	w.read(start.RunID)
	w.apply(start.RunID)
	w.now = w.now.Add(5 * time.Minute)
	_, err := w.SynchronizeNow(t.Context(), admin, "i")
	require.NoError(t, err)
}

// What is shown has no seconds, so the moment it names must come after what they
// would have said.
func TestTheMomentThatIsNamedForTheNextOneIsAllowed(t *testing.T) {
	for seconds, next := range map[int]string{0: "12:16 UTC", 13: "12:17 UTC", 59: "12:17 UTC"} {
		w := newSyncWorld(t)
		w.now = time.Date(2026, 11, 2, 12, 11, seconds, 0, time.UTC)
		start := w.begin(contract.DirectorySyncInput{Purpose: domain.RunManual})
		w.read(start.RunID)
		w.apply(start.RunID)
		w.now = w.now.Add(time.Minute)
		_, err := w.SynchronizeNow(t.Context(), admin, "i")
		require.ErrorContains(t, err, "can be started at "+next)
		w.now, err = time.Parse("2006-01-02 15:04 UTC", "2026-11-02 "+next)
		require.NoError(t, err)
		_, err = w.SynchronizeNow(t.Context(), admin, "i")
		require.NoError(t, err, "at %s", next)
	}
}

func TestTheSweepStartsWhatIsDueAndPutsTheNextRoundAhead(t *testing.T) {
	w := newSyncWorld(t)
	w.write(func(r service.Rows) error {
		base := domain.Integration{AccountID: "a", Product: domain.ProductDirectorySync, Binding: domain.BoundLegacy, NextDueAt: domain.At(w.now)}
		later, never, elsewhere, own := base, base, base, base
		later.ID, later.Name, later.NextDueAt = "later", "later", domain.At(w.now.Add(time.Minute))
		never.ID, never.Name, never.NextDueAt = "never", "never", domain.Instant{}
		own.ID, own.Name, own.Schedule.Every = "own", "own", domain.Duration(30*time.Second)
		elsewhere.ID, elsewhere.AccountID = "elsewhere", "us"
		if err := r.Accounts().Insert(&domain.Account{ID: "us", Region: "us"}); err != nil {
			return err
		}
		return r.Integrations().Insert(&later, &never, &elsewhere, &own)
	})
	n, err := w.StartDueRuns(t.Context(), worker, "eu")
	require.NoError(t, err)
	require.Equal(t, 2, n)
	var targets []string
	for _, c := range w.door.taken {
		targets = append(targets, c.Target)
	}
	require.ElementsMatch(t, []string{contract.DirectorySyncID("i"), contract.DirectorySyncID("own")}, targets)
	next := w.integration().NextDueAt.Sub(w.now)
	require.InDelta(t, 8*time.Hour, next, float64(8*time.Hour)/10+1, "three a day, in a jittered window")
	own := list(t, w.world, func(r service.Rows) service.Table[domain.Integration] { return r.Integrations() }, service.By(service.Where{"id": "own"}))[0]
	require.Equal(t, 30*time.Second, own.NextDueAt.Sub(w.now), "the customer's own choice is kept to the letter")

	n, err = w.StartDueRuns(t.Context(), worker, "eu")
	require.NoError(t, err)
	require.Zero(t, n, "what was started is not due any more")
}

func TestTheSweepTellsAndStartsNothingAfterTheDate(t *testing.T) {
	w := newSyncWorld(t)
	w.now = w.now.Add(31 * 24 * time.Hour)
	n, err := w.StartDueRuns(t.Context(), worker, "eu")
	require.NoError(t, err)
	require.Zero(t, n)
	require.Empty(t, w.door.taken)
	i := w.integration()
	require.Equal(t, contract.SyncDeadlinePassed, i.ConditionCode)
	require.True(t, i.NextDueAt.After(w.now), "it is asked again later, in case the date moves")
}

func TestTheSweepLeavesAMigrationsRunAlone(t *testing.T) {
	w := newSyncWorld(t)
	w.migrate(domain.Proving)
	w.begin(contract.DirectorySyncInput{Purpose: domain.RunLegacy, AttemptID: "m"})
	n, err := w.StartDueRuns(t.Context(), worker, "eu")
	require.NoError(t, err)
	require.Zero(t, n)
}

func TestCampaignsFindIntegrationsWithoutAMigration(t *testing.T) {
	w := newSyncWorld(t)
	w.write(func(r service.Rows) error {
		earlier := func(id, region string, started bool, days int) *domain.Campaign {
			c := &domain.Campaign{ID: id, Region: region, Product: domain.ProductDirectorySync, Terms: domain.CampaignTerms{Deadline: domain.At(w.now.Add(time.Duration(days) * 24 * time.Hour))}}
			if started {
				c.StartedAt = domain.At(w.now)
			}
			return c
		}
		return r.Campaigns().Insert(earlier("other-region", "us", true, -1), earlier("not-started", "eu", false, -1), earlier("sooner", "eu", true, 7))
	})
	for days, want := range map[int]string{6: "", 8: contract.SyncDeadlinePassed} {
		now := w.now
		w.now = now.Add(time.Duration(days) * 24 * time.Hour)
		require.Equal(t, want, w.begin(contract.DirectorySyncInput{Purpose: domain.RunScheduled}).Code, fmt.Sprint(days, " days on"))
		w.now = now
	}
}
