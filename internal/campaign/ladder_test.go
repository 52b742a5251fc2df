package campaign_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/campaign"
	"consentry/internal/domain"
)

const day = 24 * time.Hour

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

func in(d time.Duration) time.Time { return noon.Add(d) }

// thirty is a campaign that ends thirty days after noon, with three reminders.
func thirty() domain.Campaign {
	return domain.Campaign{Version: 3, Terms: domain.CampaignTerms{
		Deadline:     domain.At(in(30 * day)),
		Reminders:    []domain.Duration{domain.Duration(day), domain.Duration(14 * day), domain.Duration(7 * day), domain.Duration(7 * day)},
		ConsentGrace: domain.Duration(2 * day),
	}}
}

func TestNextInstant(t *testing.T) {
	for name, test := range map[string]struct {
		change  func(*domain.Campaign, *domain.Migration)
		now     time.Time
		next    time.Time
		overdue bool
	}{
		"the first reminder":               {now: in(0), next: in(16 * day)},
		"a reminder's own instant is past": {now: in(16 * day), next: in(23 * day)},
		"the deadline after the last rung": {now: in(29 * day), next: in(30 * day)},
		"nothing after the deadline":       {now: in(30 * day), overdue: true},
		"the end of the grace": {
			change: func(_ *domain.Campaign, m *domain.Migration) { m.ConsentBeganAt = domain.At(in(29 * day)) },
			now:    in(30 * day), next: in(32 * day), overdue: true,
		},
		"no grace for a consent begun late": {
			change: func(_ *domain.Campaign, m *domain.Migration) { m.ConsentBeganAt = domain.At(in(30 * day)) },
			now:    in(30 * day), overdue: true,
		},
		"paused: reminders wait, the date stays": {
			change: func(c *domain.Campaign, _ *domain.Migration) { c.Paused = true },
			now:    in(0), next: in(30 * day),
		},
		"the kill-switch leaves nothing ahead": {
			change: func(c *domain.Campaign, _ *domain.Migration) { c.Terms.KillSwitch = true },
			now:    in(0),
		},
		"an account's own later date has its own ladder": {
			change: func(_ *domain.Campaign, m *domain.Migration) { m.Deadline = domain.At(in(60 * day)) },
			now:    in(31 * day), next: in(46 * day),
		},
		"an own date that the campaign has passed counts no more": {
			change: func(_ *domain.Campaign, m *domain.Migration) { m.Deadline = domain.At(in(10 * day)) },
			now:    in(0), next: in(16 * day),
		},
	} {
		c, m := thirty(), domain.Migration{}
		if test.change != nil {
			test.change(&c, &m)
		}
		d := campaign.Read(c, m, test.now)
		require.True(t, d.NextAt.Equal(test.next), "%s: %s", name, d.NextAt)
		require.Equal(t, test.overdue, d.Overdue, name)
		require.EqualValues(t, 3, d.Version, name)
		require.True(t, d.NextAt.IsZero() || d.NextAt.After(test.now), "%s: what comes next lies ahead", name)
	}
}

func TestEachRungIsDueOnce(t *testing.T) {
	c, m := thirty(), domain.Migration{}
	due := func(now time.Time) (int, bool) {
		rung, due := campaign.Reminder(c, m, now)
		if due {
			m.RemindedRungs, m.RemindedFor = rung, domain.At(campaign.DateInForce(c, &m))
		}
		return rung, due
	}
	for _, test := range []struct {
		at   time.Duration
		rung int
		due  bool
	}{
		{15 * day, 0, false}, {16 * day, 1, true}, {17 * day, 1, false}, {29 * day, 3, true}, {29*day + time.Hour, 3, false}, {30 * day, 0, false},
	} {
		rung, is := due(in(test.at))
		require.Equal(t, test.due, is, test.at)
		require.Equal(t, test.rung, rung, test.at)
	}

	m.Deadline = domain.At(in(60 * day)) // another date begins the ladder anew
	_, is := due(in(46 * day))
	require.True(t, is)
	c.Paused = true
	_, is = due(in(59 * day))
	require.False(t, is, "nobody can act on it")
}
