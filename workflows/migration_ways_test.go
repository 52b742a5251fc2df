package workflows

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/migration"
	"consentry/test/scripted"
)

func TestRollBackWithinTheWindowEndsTheAttempt(t *testing.T) {
	b := newBench(t, scripted.Script{Described: true, GoOn: true, WayBack: 14 * 24 * time.Hour})
	var back *answer
	b.at(time.Hour, func() { b.grant("cs_1") })
	b.whenIn(domain.Migrated, func() {
		back = b.decide("dec_1", domain.DecideRollBack)
	})
	start := b.env.Now()
	require.Equal(t, domain.RolledBack, b.run(noDates).Phase)
	require.Less(t, b.env.Now().Sub(start), 24*time.Hour, "nobody waits for the window")
	require.Equal(t, domain.DecisionApplied, back.result.State)
	require.Equal(t, domain.RolledBack, back.result.Phase)
	require.NotContains(t, b.rows.Calls(), "ServiceOpenCleanUp")
}

func TestARefusedRollBackLeavesTheWindowOpen(t *testing.T) {
	b := newBench(t, scripted.Script{Described: true, GoOn: true, WayBack: 14 * 24 * time.Hour, RollBacks: []string{migration.OldAppNotTried, ""}})
	var first *answer
	b.at(time.Hour, func() { b.grant("cs_1") })
	b.whenIn(domain.Migrated, func() {
		first = b.decide("dec_1", domain.DecideRollBack)
		b.at(24*time.Hour, func() {
			require.Equal(t, domain.Migrated, b.describe().Phase)
			require.False(t, b.describe().ArmedFor.IsZero(), "the window still ends by itself")
			b.decide("dec_2", domain.DecideRollBack)
		})
	})
	require.Equal(t, domain.RolledBack, b.run(noDates).Phase)
	require.Equal(t, migration.OldAppNotTried, first.result.Code)
}

func TestTheCleanUpLadderIsClimbedRungByRung(t *testing.T) {
	week := 7 * 24 * time.Hour
	b := newBench(t, scripted.Script{Described: true, GoOn: true, WayBack: week, CleanUp: week, Rungs: []time.Duration{2 * week, 0, week}})
	b.at(time.Hour, func() { b.grant("cs_1") })
	b.whenIn(domain.CleanUp, func() {
		b.at(week+time.Hour, func() {
			require.Equal(t, domain.CleanUp, b.describe().Phase)
			require.Equal(t, 1, b.rows.Called("ServiceAdvanceCleanUp"))
		})
	})
	start := b.env.Now()
	require.Equal(t, domain.Closed, b.run(noDates).Phase)
	require.Equal(t, 4, b.rows.Called("ServiceAdvanceCleanUp"))
	require.Equal(t, 5*week, b.env.Now().Sub(start).Truncate(time.Hour*2), "one timer a rung, and a store's clock behind the engine's is no busy loop")
}

func TestKeepingTheOldAppEndsTheLadder(t *testing.T) {
	week := 7 * 24 * time.Hour
	b := newBench(t, scripted.Script{Described: true, GoOn: true, CleanUp: week, Rungs: []time.Duration{week, week, week}})
	b.at(time.Hour, func() { b.grant("cs_1") })
	b.whenIn(domain.CleanUp, func() { b.at(week+time.Hour, func() { b.decide("dec_1", domain.DecideCleanUp) }) })
	require.Equal(t, domain.Closed, b.run(noDates).Phase)
	require.Equal(t, 1, b.rows.Called("ServiceAdvanceCleanUp"))
}

func TestAnExtensionAfterTheSwitchChangesNoTimer(t *testing.T) {
	b := newBench(t, scripted.Script{Described: true, GoOn: true, WayBack: 14 * 24 * time.Hour})
	b.at(time.Hour, func() { b.grant("cs_1") })
	b.whenIn(domain.Migrated, func() { b.decide("dec_1", domain.DecideExtend) })
	require.Equal(t, domain.Closed, b.run(noDates).Phase)
	require.Zero(t, b.rows.Called("ServiceReadDates"))
}

// A workflow that was lost is started again at its row's standing, and goes on
// from there to the end as if nothing had been.
func TestALostAttemptGoesOnWhereItStood(t *testing.T) {
	week := 7 * 24 * time.Hour
	for phase, c := range map[domain.Phase]struct {
		do     func(b *bench)
		begins string // the first activity
	}{
		domain.AwaitingConsent:     {func(b *bench) { b.grant("cs_2") }, "EntraConfirmConsent"},
		domain.ConfirmingConsent:   {func(*bench) {}, "EntraConfirmConsent"},
		domain.AwaitingDescription: {func(b *bench) { b.decide("dec_1", domain.DecideDescribe) }, "ServiceApplyDecision"},
		domain.Proving:             {func(*bench) {}, "ServiceRecordProof"},
		domain.AwaitingApproval:    {func(b *bench) { b.decide("dec_1", domain.DecideApprove) }, "ServiceApplyDecision"},
		domain.Migrated:            {func(*bench) {}, "ServiceOpenCleanUp"},
		domain.CleanUp:             {func(*bench) {}, "ServiceAdvanceCleanUp"},
	} {
		t.Run(string(phase), func(t *testing.T) {
			standing := contract.Standing{Phase: phase, PhaseSeq: 9}
			if phase.Switched() {
				standing.Until = time.Date(2026, 6, 1, 7, 0, 0, 0, time.UTC) // passed while nobody kept time
			}
			b := newBench(t, scripted.Script{Described: true, GoOn: true, WayBack: week, CleanUp: week, Standing: standing})
			b.at(time.Minute, func() { c.do(b) })
			start := b.env.Now()
			require.Equal(t, domain.Closed, b.run(noDates).Phase)
			require.Equal(t, c.begins, b.rows.Calls()[0])
			if phase == domain.CleanUp {
				require.Less(t, b.env.Now().Sub(start), time.Hour, "what was due meanwhile is done at once")
			}
		})
	}
}
