package campaign_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/campaign"
	"consentry/internal/contract"
	"consentry/internal/domain"
)

func TestMaySync(t *testing.T) {
	date := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	at := func(d time.Duration) domain.Instant { return domain.At(date.Add(d)) }
	type world struct {
		i   domain.Integration
		c   *domain.Campaign
		m   *domain.Migration
		now time.Duration // after the date
	}
	begin := func() world {
		return world{
			i: domain.Integration{Binding: domain.BoundLegacy},
			c: &domain.Campaign{StartedAt: at(-1000 * time.Hour), Terms: domain.CampaignTerms{Deadline: at(0), ConsentGrace: domain.Duration(time.Hour)}},
			m: &domain.Migration{Open: true, Phase: domain.AwaitingConsent},
		}
	}
	for name, c := range map[string]struct {
		change func(*world)
		code   string
	}{
		"before the date legacy goes on":                          {func(w *world) { w.now = -time.Second }, ""},
		"at the date it ends":                                     {func(w *world) {}, contract.SyncDeadlinePassed},
		"long after it, too":                                      {func(w *world) { w.now = 9000 * time.Hour }, contract.SyncDeadlinePassed},
		"a connector does not end":                                {func(w *world) { w.i.Binding = domain.BoundConnector }, ""},
		"the kill-switch lifts the date":                          {func(w *world) { w.c.Terms.KillSwitch = true }, ""},
		"without a campaign there is no date":                     {func(w *world) { w.c = nil }, ""},
		"a campaign without a date stops nobody":                  {func(w *world) { w.c.Terms.Deadline = domain.Instant{} }, ""},
		"an extension moves the date":                             {func(w *world) { w.m.Deadline = at(time.Hour) }, ""},
		"an extension ends, too":                                  {func(w *world) { w.m.Deadline, w.now = at(time.Hour), time.Hour }, contract.SyncDeadlinePassed},
		"a campaign date later than the extension wins":           {func(w *world) { w.m.Deadline = at(-time.Hour) }, contract.SyncDeadlinePassed},
		"consent begun in time has its grace":                     {func(w *world) { w.m.ConsentBeganAt = at(-time.Minute) }, ""},
		"the grace ends":                                          {func(w *world) { w.m.ConsentBeganAt, w.now = at(-time.Minute), time.Hour }, contract.SyncDeadlinePassed},
		"consent begun at the date is too late":                   {func(w *world) { w.m.ConsentBeganAt = at(0) }, contract.SyncDeadlinePassed},
		"a cancelled migration has no grace":                      {func(w *world) { w.m.ConsentBeganAt, w.m.Open, w.m.Phase = at(-time.Minute), false, domain.Cancelled }, contract.SyncDeadlinePassed},
		"a rolled back migration falls under the date":            {func(w *world) { w.m.Open, w.m.Phase = false, domain.RolledBack }, contract.SyncDeadlinePassed},
		"a migration that was never opened does not save anybody": {func(w *world) { w.m = nil }, contract.SyncDeadlinePassed},
		"a campaign that was never started has told nobody":       {func(w *world) { w.m, w.c.StartedAt = nil, domain.Instant{} }, ""},
		"a paused campaign still ends":                            {func(w *world) { w.c.Paused = true }, contract.SyncDeadlinePassed},
		"a person's switch holds for both bindings, before the date": {func(w *world) {
			w.i = domain.Integration{Binding: domain.BoundConnector, Condition: domain.ConditionDisabled}
			w.now = -time.Hour
		}, contract.SyncDisabled},
	} {
		t.Run(name, func(t *testing.T) {
			w := begin()
			c.change(&w)
			v := campaign.MaySync(w.i, w.c, w.m, date.Add(w.now))
			require.Equal(t, c.code, v.Code)
			require.Equal(t, c.code == "", v.Allowed)
			if !v.Allowed {
				require.Contains(t, v.Text, "Nothing is deleted")
			}
		})
	}
}
