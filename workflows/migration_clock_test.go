package workflows

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/test/scripted"
)

func days(n int) time.Duration { return time.Duration(n) * 24 * time.Hour }

func TestRemindersAndDeadlineOnOneTimer(t *testing.T) {
	start := time.Date(2026, 6, 1, 8, 0, 0, 0, time.UTC)
	deadline := start.Add(days(30))
	on := func(next time.Time, overdue bool) contract.Dates {
		return contract.Dates{NextAt: next, Deadline: deadline, CampaignVersion: 1, Overdue: overdue}
	}
	b := newBench(t, scripted.Script{Described: true, GoOn: true, Dates: []contract.Dates{
		on(start.Add(days(23)), false), on(deadline, false), on(time.Time{}, true),
	}})
	b.at(days(40), func() {
		d := b.describe()
		require.True(t, d.Dates.Overdue)
		require.True(t, d.ArmedFor.IsZero(), "nothing lies ahead")
		require.Equal(t, domain.AwaitingConsent, d.Phase)
		b.grant("cs_1") // the same road still leads to Migrated
	})
	require.Equal(t, domain.Closed, b.run(on(start.Add(days(16)), false)).Phase)
	require.Equal(t, 3, b.rows.Called("ServiceReadDates"))
	require.Equal(t, []time.Duration{days(16), days(7), days(7), days(14), days(30)}, b.timers, "two reminders, the deadline, the way back, the clean-up")
}

func TestLaterDateNeedsNoMessageAndAnEarlierOneNudges(t *testing.T) {
	start := time.Date(2026, 6, 1, 8, 0, 0, 0, time.UTC)
	later, earlier := start.Add(days(60)), start.Add(days(5))
	at := func(t time.Time, version int64) contract.Dates {
		return contract.Dates{NextAt: t, Deadline: t, CampaignVersion: version}
	}
	b := newBench(t, scripted.Script{Dates: []contract.Dates{
		at(earlier, 2), // the nudge finds an earlier date
		at(later, 3),   // meanwhile it was moved: the timer finds out by itself
	}})
	b.at(days(1), func() {
		b.env.SignalWorkflow(contract.SignalDatesChanged, contract.DatesChanged{AttemptID: "mig_0", CampaignVersion: 9}) // not for us
		b.env.SignalWorkflow(contract.SignalDatesChanged, contract.DatesChanged{AttemptID: attempt, CampaignVersion: 2})
	})
	b.at(days(2), func() { require.True(t, b.describe().ArmedFor.Equal(earlier)) })
	b.at(days(6), func() {
		require.True(t, b.describe().ArmedFor.Equal(later))
		b.env.SignalWorkflow(contract.SignalDatesChanged, contract.DatesChanged{AttemptID: attempt, CampaignVersion: 2}) // old news
	})
	b.at(days(7), func() {
		require.Equal(t, 2, b.rows.Called("ServiceReadDates"))
		b.decide("dec_1", domain.DecideCancel)
	})
	require.Equal(t, domain.Cancelled, b.run(at(start.Add(days(30)), 1)).Phase)
}

func TestAnOldCampaignVersionCannotResurrectADate(t *testing.T) {
	start := time.Date(2026, 6, 1, 8, 0, 0, 0, time.UTC)
	b := newBench(t, scripted.Script{Dates: []contract.Dates{{NextAt: start.Add(days(2)), Deadline: start.Add(days(2)), CampaignVersion: 3}}})
	b.at(days(1), func() { b.decide("dec_1", domain.DecideExtend) }) // has the dates read again
	b.at(days(1)+time.Hour, func() {
		require.Equal(t, 1, b.rows.Called("ServiceReadDates"))
		require.EqualValues(t, 4, b.describe().Dates.CampaignVersion)
		b.decide("dec_2", domain.DecideCancel)
	})
	b.run(contract.Dates{NextAt: start.Add(days(9)), Deadline: start.Add(days(9)), CampaignVersion: 4})
}

// A store whose clock is behind would otherwise be asked in a tight loop.
func TestClockSkewDoesNotSpin(t *testing.T) {
	start := time.Date(2026, 6, 1, 8, 0, 0, 0, time.UTC)
	due := start.Add(days(1))
	b := newBench(t, scripted.Script{Dates: slices.Repeat([]contract.Dates{{NextAt: due, Deadline: due, CampaignVersion: 1}}, 3)})
	b.at(days(2), func() { b.decide("dec_1", domain.DecideCancel) })
	b.run(contract.Dates{NextAt: due, Deadline: due, CampaignVersion: 1})
	require.Equal(t, []time.Duration{days(1), alarmFloor, alarmFloor, alarmFloor}, b.timers)
}

func TestDeadlineThatPassesDuringCutOverIsSeenAfterCompensation(t *testing.T) {
	b := newBench(t, scripted.Script{Described: true, GoOn: true, Dates: []contract.Dates{{Overdue: true, CampaignVersion: 1}}})
	b.syncs.Results[domain.RunFirst] = []contract.DirectorySyncResult{{State: domain.RunError, Code: contract.SyncUnavailable}}
	b.at(time.Hour, func() { b.grant("cs_1") })
	b.whenIn(domain.AwaitingApproval, func() {
		require.True(t, b.describe().Dates.Overdue)
		b.decide("dec_1", domain.DecideApprove)
	})
	require.Equal(t, domain.Closed, b.run(noDates).Phase)
}
