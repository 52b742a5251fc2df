package console_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/console/consoletest"
	"consentry/internal/domain"
)

func pause(c *domain.Campaign) { c.Paused = true }

// While a campaign is paused nobody is asked for what would be refused; what is
// on hold stays where it is looked for.
func TestWhatIsOnHoldIsShownAndAskedOfNobody(t *testing.T) {
	w := open(t)
	w.campaign(t, "cmp_contoso", pause)
	page := w.get("/connectors")
	require.Empty(t, page.one(t, "#needed").text())
	require.Contains(t, page.one(t, "#campaign").text(), "On hold: nothing to do at the moment")
	row := page.one(t, "#m-mig_hq")
	require.Equal(t, "On hold", row.one(t, "span.badge").text())
	require.Contains(t, row.text(), "On hold, nothing to do")
	require.Equal(t, "Open : Contoso HQ", row.one(t, "a.btn").text())
	require.Equal(t, "btn", row.one(t, "a.btn").attr("class"))
	require.NotContains(t, w.get("/directory-sync").one(t, "#i-int_hq").text(), "Migrate now")
}

func TestOthersAreAskedWhileSomeAreOnHold(t *testing.T) {
	page := open(t).get("/connectors?account=" + consoletest.Northwind)
	require.Empty(t, page.all("#need-mig_paused"))
	page.one(t, "#need-mig_new")
	page.one(t, "#m-mig_paused")
	require.NotContains(t, page.one(t, "#campaign").text(), "On hold")
}

func TestOnHoldEverythingButTheSwitchIsOffered(t *testing.T) {
	w := open(t)
	w.campaign(t, "cmp_northwind", pause)
	for _, state := range []string{"equal", "differs", "backagain"} {
		page := w.get("/migrations/mig_" + state)
		require.NotContains(t, page.one(t, "#stage").text(), "Migrate now", state)
		require.Contains(t, page.one(t, "#on-hold").text(), "an approval would be refused", state)
		page.none(t, "input[value=approve]")
		page.one(t, "input[value=refuse]")
		page.one(t, "#cancel")
	}
	w.get("/migrations/mig_new").one(t, "input[value=consent]")
	w.get("/migrations/mig_describe").one(t, "input[value=describe]")
	w.get("/migrations/mig_migrated").one(t, "input[value=roll-back]")

	page := w.get("/connectors?account=" + consoletest.Northwind)
	require.Contains(t, page.one(t, "#need-mig_first").text(), "Continue", "what has begun goes on")
	require.NotContains(t, page.one(t, "#m-mig_first").text(), "On hold")
}

// A pause moves no date.
func TestWhatTheDateStoppedIsSaidOnHoldToo(t *testing.T) {
	w := open(t)
	w.campaign(t, "cmp_past", pause)
	require.Contains(t, w.get("/migrations/mig_overdue").one(t, "#wizard-head").text(), "On hold, nothing to do: synchronization stopped on 19 Jul 2026, 09:30 UTC")
	w.campaign(t, "cmp_contoso", func(c *domain.Campaign) { c.Paused, c.Terms.Deadline = true, domain.At(now.Add(-time.Hour)) })
	said := w.get("/connectors").one(t, "#campaign").text()
	require.Contains(t, said, "The date stays in force: synchronization of 1 of these 2 through the old app is stopped. Nothing is deleted")
	require.NotContains(t, said, "Synchronization goes on")
	w.campaign(t, "cmp_contoso", func(c *domain.Campaign) { c.Terms.ConsentGrace = 0 })
	require.Contains(t, w.get("/connectors").one(t, "#campaign").text(), "The date stays in force: synchronization through the old app is stopped.")
}

// Of several only some are stopped: one has a while longer, because its consent
// was begun in time, and others have a later date.
func TestOnlyWhatIsStoppedIsCalledSo(t *testing.T) {
	w := open(t)
	w.campaign(t, "cmp_contoso", func(c *domain.Campaign) {
		c.Terms.Deadline, c.Terms.ConsentGrace = domain.At(now.Add(-time.Hour)), domain.Duration(72*time.Hour)
	})
	page := w.get("/connectors")
	require.Contains(t, page.one(t, "#m-mig_lab").text(), "Overdue: synchronization stops on 24 Jul 2026, 08:30 UTC")
	require.Contains(t, page.one(t, "#m-mig_hq").text(), "Overdue: synchronization stopped on 21 Jul 2026, 08:30 UTC")
	said := page.one(t, "#campaign").text()
	require.Contains(t, said, "For 1 of them the date has passed, so its synchronization through the old app is stopped; that of the others goes on")
	require.NotContains(t, said, "The date has passed, so synchronization")
}

// An attempt that has ended keeps no mark of the date: the date itself says how
// things are.
func TestAnEndedAttemptFallsUnderTheDateThatIsInForceNow(t *testing.T) {
	w := open(t)
	of := "/connectors?account=" + consoletest.Northwind
	w.campaign(t, "cmp_northwind", func(c *domain.Campaign) { c.Terms.Deadline = domain.At(now.Add(-time.Hour)) })
	require.Contains(t, w.get(of).one(t, "#l-mig_cancelled").text(), "synchronization stopped on 21 Jul 2026, 08:30 UTC")
	w.campaign(t, "cmp_northwind", func(c *domain.Campaign) { c.Terms.Deadline = domain.At(now.Add(20 * 24 * time.Hour)) })
	require.Contains(t, w.get(of).one(t, "#l-mig_cancelled").text(), "Before 10 Aug 2026, 20 days left")
}

// Paused first, and then the date moved into the past.
func TestAPauseWithADateSaysTheDateEverywhere(t *testing.T) {
	w := open(t)
	w.campaign(t, "cmp_contoso", pause)
	said := w.get("/connectors").one(t, "#campaign").text()
	require.Contains(t, said, "The date stays in force: synchronization through the old app goes on until 21 Aug 2026, 09:30 UTC")
	require.Contains(t, w.get("/connectors").one(t, "#m-mig_hq").text(), "On hold, nothing to do. The date stays 21 Aug 2026, 09:30 UTC")
	require.Contains(t, w.get("/migrations/mig_hq").one(t, "#stage").text(), "synchronization through the old app ends 21 Aug 2026, 09:30 UTC")

	require.Contains(t, said, "a consent that is begun before the date keeps synchronization going")
	require.Contains(t, w.get("/migrations/mig_hq").one(t, "#stage").text(), "A consent that is begun before then keeps it going")
	w.campaign(t, "cmp_contoso", func(c *domain.Campaign) { c.Terms.ConsentGrace = 0 })
	for _, page := range []string{"/connectors", "/migrations/mig_hq"} {
		require.NotContains(t, w.get(page).text(), "consent that is begun before", "without a grace it does not")
	}
	w.campaign(t, "cmp_contoso", func(c *domain.Campaign) { c.Terms.Deadline, c.Terms.ConsentGrace = domain.At(now.Add(-time.Hour)), 0 })
	page := w.get("/connectors").text()
	require.Contains(t, page, "through the old app is stopped. Nothing is deleted, and nothing is to be done here before we resume the migration.")
	stage := w.get("/migrations/mig_hq").one(t, "#stage").text()
	require.Contains(t, stage, "The date for migrating was 21 Jul 2026, 08:30 UTC")
	require.Contains(t, stage, "which waits until we resume the migration")
	require.NotContains(t, stage, "Completing these steps")
	card := w.get("/directory-sync").one(t, "#i-int_hq").text()
	require.Contains(t, card, "Stopped")
	require.Contains(t, card, "The migration is on hold, so nothing is to be done here before we resume it.")
	e, err := w.commands.Explain(t.Context(), consoletest.Ana, "int_hq")
	require.NoError(t, err)
	require.Equal(t, "an operator can resume the campaign", e.Who)
	require.Contains(t, e.Sentence, "synchronization through the old app ended on 21 July 2026 08:30 UTC")
	for _, text := range []string{page, stage, card} {
		require.NotContains(t, text, "goes on as it is")
		require.NotContains(t, text, "without you being told")
	}

	w.campaign(t, "cmp_contoso", func(c *domain.Campaign) { c.Terms.ConsentGrace = domain.Duration(72 * time.Hour) })
	w.campaign(t, "cmp_contoso", func(c *domain.Campaign) { c.Terms.Deadline = domain.Instant{} })
	require.Contains(t, w.get("/connectors").one(t, "#campaign").text(), "no date is in force")
}
