package service_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"consentry/internal/domain"
	"consentry/internal/service"
)

// TestWhatNobodyServesIsRefused: it would be taken in and never looked at again.
func TestWhatNobodyServesIsRefused(t *testing.T) {
	w := newWorld(t)
	w.Service = service.New(service.Deps{
		Store: w.store, Engine: w.door, Keeper: plainKeeper{}, Now: func() time.Time { return w.now }, Log: zap.NewNop(),
		Served: service.Served{Regions: []string{"eu", "us"}, Cloud: "global", Issuer: "https://idp"},
	})
	olga := domain.System("test")
	imported := func(breakIt func(*service.Inventory)) error {
		inv := sampleInventory()
		breakIt(&inv)
		_, err := w.ImportInventory(t.Context(), olga, "", inv)
		return err
	}
	cell := domain.Cell{
		ID: "cell-eu-1", Name: "EU 1", Region: "eu", Cloud: "global", ClientID: "5c1b0f0e-3a51-4c4e-9d0d-1d5d8a3a7f11",
		ApplicationObjectID: "5c1b0f0e-3a51-4c4e-9d0d-1d5d8a3a7f12", HomeTenantID: "5c1b0f0e-3a51-4c4e-9d0d-1d5d8a3a7f13",
	}
	added := func(change func(*domain.Cell)) error {
		c := cell
		change(&c)
		_, err := w.AddCell(t.Context(), olga, c)
		return err
	}
	_, person := w.InvitePerson(t.Context(), olga, service.PersonOrder{Issuer: "https://other", Subject: "s", Name: "Ada", Role: domain.RoleOperator})
	for _, c := range []struct {
		field, names string
		err          error
	}{
		{"accounts[0].region", "eu, us", imported(func(i *service.Inventory) { i.Accounts[0].Region = "mars" })},
		{"campaigns[0].region", "eu, us", imported(func(i *service.Inventory) { i.Campaigns[0].Region = "mars" })},
		{"operators[0].issuer", "https://idp", imported(func(i *service.Inventory) { i.Operators[0].Issuer = "http://idp" })},
		{"accounts[0].people[0].issuer", "https://idp", imported(func(i *service.Inventory) { i.Accounts[0].People[0].Issuer = "http://idp" })},
		{"region", "eu, us", added(func(c *domain.Cell) { c.Region = "mars" })},
		{"cloud", "global", added(func(c *domain.Cell) { c.Cloud = "venus" })},
		{"issuer", "https://idp", person},
	} {
		var refusal *domain.Error
		require.ErrorAs(t, c.err, &refusal, c.field)
		require.Equal(t, c.field, refusal.Field)
		require.Contains(t, refusal.Message, c.names, "whoever is refused learns what there is")
	}
	require.NoError(t, imported(func(*service.Inventory) {}))
	require.NoError(t, added(func(*domain.Cell) {}))
	require.ErrorContains(t, added(func(c *domain.Cell) { c.ID = "cell-eu-2" }), "cell-eu-1", "two cells of one registration would remove each other's certificates")
}

// TestADeadlineLiesAheadAndWithinTwoYears: one in the past stops a whole region
// in this moment.
func TestADeadlineLiesAheadAndWithinTwoYears(t *testing.T) {
	w := newWorld(t)
	olga := domain.System("test")
	for words, deadline := range map[string]time.Time{"passed already": w.now.Add(-time.Hour), "too far": w.now.AddDate(3, 0, 0)} {
		inventory := sampleInventory()
		inventory.Campaigns[0].Terms.AvailableFrom, inventory.Campaigns[0].Terms.Deadline = domain.Instant{}, domain.At(deadline)
		_, err := w.ImportInventory(t.Context(), olga, "", inventory)
		require.ErrorContains(t, err, words)
	}
	_, err := w.ImportInventory(t.Context(), olga, "", sampleInventory())
	require.NoError(t, err)
	c := list(t, w, func(r service.Rows) service.Table[domain.Campaign] { return r.Campaigns() }, service.Query{})[0]
	change := func(deadline time.Time) error {
		terms := c.Terms
		terms.Deadline = domain.At(deadline)
		next, err := w.ChangeCampaign(t.Context(), olga, c.ID, service.CampaignChange{Version: c.Version, Terms: terms})
		if err == nil {
			c = next
		}
		return err
	}
	require.ErrorContains(t, change(w.now.Add(-time.Hour)), "passed already")
	require.ErrorContains(t, change(w.now.AddDate(3, 0, 0)), "too far")
	require.NoError(t, change(w.now.Add(time.Hour)))
	w.now = w.now.Add(2 * time.Hour)
	require.NoError(t, change(c.Terms.Deadline.Time), "a campaign past its date can still be changed in everything else")
}
