package console_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/console/consoletest"
	"consentry/internal/domain"
)

func asked(code, verdict string) func(*domain.LegacyApp) {
	return func(a *domain.LegacyApp) {
		a.ProbedAt, a.ProbeVerdict, a.ProbeCode = in(-time.Hour), verdict, code
	}
}

var (
	secretDead  = asked("AADSTS7000222", "lives")
	appGone     = asked("AADSTS700016", "gone")
	appOff      = asked("AADSTS7000112", "lives")
	secretEnded = func(a *domain.LegacyApp) { a.SecretEndsAt = in(-time.Hour) }
)

// A page that says that nothing is read through the old app says nowhere that
// something is, and promises no way back to it.
func TestADeadOldAppIsDeadOnTheWholePageBeforeTheSwitch(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*domain.LegacyApp)
		back   string
		form   bool // another secret could help
	}{
		"its secret was refused": {secretDead, "None, unless another client secret of the old app is entered", true},
		"its secret has ended":   {secretEnded, "None, unless another client secret of the old app is entered", true},
		"it is gone":             {appGone, "None: the tenant does not know the old app any more", false},
		"it is switched off":     {appOff, "None as long as Microsoft does not let the old app in", false},
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t)
			w.legacy("int_equal", c.change)
			stage := w.get("/migrations/mig_equal").one(t, "#stage").text()
			require.Regexp(t, "(?i)nothing is read through the old app; nothing is deleted", stage)
			require.Contains(t, stage, "Nothing has changed so far: nothing is read through Northwind Madrid Directory Sync at the moment")
			require.Contains(t, stage, "by itself, through which nothing is read at the moment")
			require.Contains(t, stage, "The way back "+c.back)
			require.NotContains(t, stage, "is still read through")
			require.NotContains(t, stage, "Stays open")
			if c.form {
				require.Contains(t, stage, "Enter another secret")
			} else {
				require.NotContains(t, stage, "Enter another secret")
				require.Contains(t, stage, "Another client secret would change nothing.")
			}
		})
	}
	w := open(t)
	stage := w.get("/migrations/mig_equal").one(t, "#stage").text()
	require.Contains(t, stage, "the directory is still read through Northwind Madrid Directory Sync")
	require.Contains(t, stage, "Stays open for 14 days after the switch")
	w.legacy("int_equal", func(a *domain.LegacyApp) { a.SecretEndsAt = in(5 * 24 * time.Hour) })
	require.Contains(t, w.get("/migrations/mig_equal").one(t, "#stage").text(), "Stays open until 26 Jul 2026, 09:30 UTC, when the old app's client secret ends")
	w.campaign(t, "cmp_northwind", func(c *domain.Campaign) { c.Terms.Deadline = in(3 * 24 * time.Hour) })
	require.Contains(t, w.get("/migrations/mig_equal").one(t, "#stage").text(), "Stays open until 24 Jul 2026, 09:30 UTC, when the date for the old app passes")
	w.campaign(t, "cmp_northwind", func(c *domain.Campaign) { c.Terms.Deadline = in(-time.Hour) })
	require.Contains(t, w.get("/migrations/mig_equal").one(t, "#stage").text(), "None: the date for the old app has passed")
}

func TestADeadOldAppIsNoWayBackOnTheReceipt(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*domain.LegacyApp)
		says   string
		form   bool // another secret could help
		try    bool // a roll-back asks Microsoft anew
	}{
		"its secret was refused": {secretDead, "the client secret we hold has expired", true, true},
		"its secret has ended":   {secretEnded, "expired on", true, false},
		"it is gone":             {appGone, "the tenant does not know the app registration any more", false, true},
		"it is switched off":     {appOff, "switched off", false, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t)
			w.legacy("int_migrated", c.change)
			page := w.get("/migrations/mig_migrated")
			text := page.one(t, "#stage").text()
			require.Contains(t, text, "The way back There is none now")
			require.Contains(t, text, c.says)
			require.NotContains(t, text, "Open until")
			require.NotContains(t, text, "it leads there")
			require.Len(t, page.all("#roll-back input[value=roll-back]"), map[bool]int{true: 1}[c.try])
			require.Len(t, page.all("#doubt"), map[bool]int{true: 1}[c.try])
			if c.form {
				require.Contains(t, text, "Enter another secret")
			} else {
				require.NotContains(t, text, "Enter another secret")
			}
			e, err := w.commands.Explain(t.Context(), consoletest.Ana, "int_migrated")
			require.NoError(t, err)
			require.Contains(t, e.Sentence, "there is no way back now")
			require.Contains(t, e.Sentence, c.says)
			require.NotContains(t, e.Who, "roll it back")
		})
	}
	w := open(t)
	w.legacy("int_migrated", appGone)
	page := w.get("/migrations/mig_migrated")
	require.Contains(t, page.one(t, "#clean-up").text(), "If it is removed, say so below")
	page.none(t, "#understood")
	e, err := w.commands.Explain(t.Context(), consoletest.Ana, "int_migrated")
	require.NoError(t, err)
	require.Equal(t, "somebody with the role migrate can say that the old app is removed", e.Who)
	card := w.get("/directory-sync/int_migrated").one(t, "#legacy-secret")
	card.none(t, "form")
	require.Contains(t, card.text(), "so no client secret of it can work")
}

// What an explanation says of the end of the way back, the receipt says, too.
func TestTheReceiptNamesWhatEndsTheWayBackFirst(t *testing.T) {
	w := open(t)
	require.Contains(t, w.get("/migrations/mig_migrated").text(), "Open until 2 Aug 2026, 09:30 UTC Until then")
	w.legacy("int_migrated", func(a *domain.LegacyApp) { a.SecretEndsAt = in(5 * 24 * time.Hour) })
	require.Contains(t, w.get("/migrations/mig_migrated").text(), "Open until 26 Jul 2026, 09:30 UTC , when the old app's client secret ends")
	w.campaign(t, "cmp_northwind", func(c *domain.Campaign) { c.Terms.Deadline = in(3 * 24 * time.Hour) })
	require.Contains(t, w.get("/migrations/mig_migrated").text(), "Open until 24 Jul 2026, 09:30 UTC , when the date for the old app passes")
}

func TestAnEndedSecretIsSaidInTheExplanationBeforeAnybodyTriedIt(t *testing.T) {
	w := open(t)
	w.legacy("int_equal", secretEnded)
	e, err := w.commands.Explain(t.Context(), consoletest.Ana, "int_equal")
	require.NoError(t, err)
	require.Contains(t, e.Sentence, "the client secret of the old app ended on 21 July 2026 08:30 UTC, and without another nothing is read through it (its date is ")
	require.NotContains(t, e.Sentence, "synchronization through the old app ends on")
}
