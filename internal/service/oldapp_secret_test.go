package service_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/migration"
	"consentry/internal/service"
	"consentry/internal/store/storetest"
)

const newSecret = "Xq8~aNewSecretOfTheOldAppThatNobodySees0"

func (w *migrationWorld) app() (app domain.LegacyApp) {
	w.t.Helper()
	require.NoError(w.t, w.store.Read(w.t.Context(), func(r service.Rows) (err error) { app, err = r.LegacyApps().Get("i"); return err }))
	return app
}

func (w *migrationWorld) order() service.LegacySecretOrder {
	return service.LegacySecretOrder{Secret: newSecret, EndsAt: domain.At(w.now.Add(700 * 24 * time.Hour))}
}

func (w *migrationWorld) replace(who domain.Caller) (service.LegacySecretReplaced, error) {
	w.t.Helper()
	return w.ReplaceLegacySecret(w.t.Context(), who, "", "i", w.order())
}

// ended ends a run as one whose token Microsoft refused with a code.
func (w *migrationWorld) refusedRun(purpose domain.Purpose, code string) {
	w.t.Helper()
	start := w.begin(contract.DirectorySyncInput{Purpose: purpose, AttemptID: w.m.ID})
	require.False(w.t, start.Refused, start.Code)
	w.tried(migration.ReadOldApp("", code), code)
	_, err := w.EndRun(w.t.Context(), worker, contract.EndRun{RunID: start.RunID, State: string(domain.RunError), Code: contract.SyncLegacyDead})
	require.NoError(w.t, err)
}

func TestANewSecretTakesThePlaceOfTheOldAndIsTried(t *testing.T) {
	storetest.Each(t, func(t *testing.T, e storetest.Engine) {
		t.Helper()
		storetest.UseFor(t, e)
		w := newMigrationWorld(t)
		w.refusedRun(domain.RunScheduled, "AADSTS7000222")
		require.Equal(t, domain.ConditionError, w.integration().Condition)
		require.Contains(t, w.integration().ConditionText, "has expired. Nothing is deleted. Enter a new client secret")
		require.Equal(t, migration.SecretRefused, migration.SecretStateOf(w.app(), w.now))

		w.now = w.now.Add(time.Minute)
		done, err := w.ReplaceLegacySecret(t.Context(), mika, "k", "i", w.order())
		require.NoError(t, err)
		require.Contains(t, done.Next, "A synchronization through the old app tries it now")
		require.Equal(t, w.order().EndsAt, done.EndsAt)

		app := w.app()
		require.NotEqual(t, "sec_old", app.SecretRef)
		require.Equal(t, domain.LegacyApp{ID: "i", ClientID: legacyClient, Name: "Directory Sync", SecretRef: app.SecretRef, SecretEndsAt: w.order().EndsAt, SecretEnteredAt: domain.At(w.now)}, app)
		kept := map[string]domain.Secret{}
		for _, s := range list(t, w.world, secrets, service.Query{}) {
			kept[s.ID] = s
		}
		require.Len(t, kept, 2)
		require.Empty(t, kept["sec_old"].Sealed, "the one of before is destroyed")
		require.Equal(t, domain.At(w.now), kept["sec_old"].DestroyedAt)
		require.Equal(t, reversed([]byte(newSecret)), kept[app.SecretRef].Sealed)
		given, err := w.LegacySecretOf(t.Context(), "i")
		require.NoError(t, err)
		require.Equal(t, service.LegacySecret{ClientID: legacyClient, Sealed: kept[app.SecretRef].Sealed}, given, "whoever asks next reads with the new one")
		receipts := list(t, w.world, audit, service.By(service.Where{"action": "replace-legacy-secret", "outcome": "done"}))
		require.Len(t, receipts, 1)
		require.Equal(t, map[string]string{"secret": app.SecretRef, "destroyed": "sec_old", "ends": "2028-10-22T10:01:00Z"}, receipts[0].Detail)
		require.Equal(t, []string{contract.DirectorySyncWorkflow}, w.door.names())
		require.Equal(t, domain.ConditionError, w.integration().Condition, "a secret that was entered mends nothing before Microsoft took it")

		again, err := w.ReplaceLegacySecret(t.Context(), mika, "k", "i", w.order())
		require.NoError(t, err)
		require.Equal(t, done, again)
		require.Equal(t, app, w.app())
		require.Len(t, w.door.taken, 1, "a repeat starts nothing")
		other := w.order()
		other.EndsAt = domain.At(w.now.Add(time.Hour))
		_, err = w.ReplaceLegacySecret(t.Context(), mika, "k", "i", other)
		require.Equal(t, "key-reused", codeOf(t, err))

		require.Equal(t, domain.RunDone, w.round().State)
		require.Equal(t, domain.ConditionOK, w.integration().Condition)
		require.Equal(t, migration.SecretGood, migration.SecretStateOf(w.app(), w.now))
	})
}

func TestEachRefusalOfASecretHasItsOwnDiagnosis(t *testing.T) {
	w := newMigrationWorld(t)
	for code, says := range map[string]string{"AADSTS7000215": "Secret ID", "AADSTS7000222": "has expired", "AADSTS700016": "does not know", "AADSTS9": "lets nothing be read"} {
		_, err := w.replace(mika)
		require.NoError(t, err)
		w.now = w.now.Add(time.Minute)
		w.refusedRun(domain.RunManual, code)
		require.Contains(t, w.integration().ConditionText, says, code)
		e, err := w.Explain(t.Context(), mika, "i")
		require.NoError(t, err)
		require.Contains(t, fmt.Sprint(e.Facts), says, "the condition is among the facts: %s", code)
		w.now = w.now.Add(time.Minute)
	}
}

func TestWhatIsNoSecretIsRefusedInWordsThatDoNotRepeatIt(t *testing.T) {
	w := newMigrationWorld(t)
	good := w.order()
	for name, c := range map[string]struct {
		secret string
		ends   domain.Instant
		field  string
		says   string
	}{
		"nothing":                    {" \n", good.EndsAt, "secret", "Enter the Value"},
		"the Secret ID":              {" 0f0e5c1b-3a51-4c4e-9d0d-1D5D8A3A7F11\n", good.EndsAt, "secret", "Secret ID"},
		"what the portal shows":      {"Xq8****************", good.EndsAt, "secret", "stars"},
		"two words":                  {"Xq8~aNewSecret ofTheOldApp", good.EndsAt, "secret", "no blanks"},
		"two lines":                  {"Xq8~aNewSecret\nofTheOldApp", good.EndsAt, "secret", "line breaks"},
		"a letter that looks like a": {"Xq8~аNewSecretOfTheOldApp", good.EndsAt, "secret", "beyond ASCII"},
		"a part of it":               {"Xq8~aNewSec", good.EndsAt, "secret", "12 to 256"},
		"a whole file":               {strings.Repeat("x", 257), good.EndsAt, "secret", "12 to 256"},
		"no end":                     {newSecret, domain.Instant{}, "secretEndsAt", "Each one has an end"},
		"an end that has passed":     {newSecret, domain.At(w.now), "secretEndsAt", "has passed"},
	} {
		before := w.app()
		_, err := w.ReplaceLegacySecret(t.Context(), mika, "", "i", service.LegacySecretOrder{Secret: c.secret, EndsAt: c.ends})
		var refusal *domain.Error
		require.ErrorAs(t, err, &refusal, name)
		require.Equal(t, c.field, refusal.Field, name)
		require.Contains(t, refusal.Message, c.says, name)
		if s := strings.TrimSpace(c.secret); s != "" {
			require.NotContains(t, refusal.Message, s, name)
		}
		require.Equal(t, before, w.app(), name)
	}
	require.Len(t, list(t, w.world, audit, service.By(service.Where{"action": "replace-legacy-secret", "outcome": "refused"})), 10)
	_, err := w.ReplaceLegacySecret(t.Context(), mika, "", "i", service.LegacySecretOrder{Secret: "\t" + newSecret + "\r\n", EndsAt: good.EndsAt})
	require.NoError(t, err)
	given, err := w.LegacySecretOf(t.Context(), "i")
	require.NoError(t, err)
	require.Equal(t, reversed([]byte(newSecret)), given.Sealed, "what copying put around it is dropped")
	require.NotContains(t, fmt.Sprintf("%v %+v %#v %s", good, good, good, good), newSecret)
}

func TestWhoMayReplaceASecret(t *testing.T) {
	for name, c := range map[string]struct {
		who  domain.Caller
		code string
	}{
		"may migrate": {mika, ""}, "may approve": {ana, ""}, "an operator": {olga, ""},
		"only looks": {vera, "role-needed"}, "of another account": {eve, "not-found"}, "nobody": {domain.Anonymous(), "not-found"},
	} {
		w := newMigrationWorld(t)
		_, err := w.replace(c.who)
		if c.code == "" {
			require.NoError(t, err, name)
			continue
		}
		require.Equal(t, c.code, codeOf(t, err), name)
		require.Equal(t, "sec_old", w.app().SecretRef, name)
		refused := list(t, w.world, audit, service.By(service.Where{"action": "replace-legacy-secret", "outcome": "refused"}))
		require.Len(t, refused, 1, name)
		require.Equal(t, c.code, refused[0].Code, name)
		_, err = w.ReplaceLegacySecret(t.Context(), c.who, "", "i", service.LegacySecretOrder{})
		require.Equal(t, c.code, codeOf(t, err), "who may not learns nothing of the rules: %s", name)
	}
}

func TestWhenASecretMayBeReplaced(t *testing.T) {
	const day = 24 * time.Hour
	for name, c := range map[string]struct {
		before func(*migrationWorld)
		code   string // of the refusal; "" = taken
		says   string
	}{
		"without a migration":       {func(*migrationWorld) {}, "", "tries it now"},
		"awaiting consent":          {func(w *migrationWorld) { w.reach(domain.AwaitingConsent) }, "", "tries it now"},
		"while it is proven":        {func(w *migrationWorld) { w.reach(domain.Proving) }, "", "tries it now"},
		"awaiting approval":         {func(w *migrationWorld) { w.reach(domain.AwaitingApproval) }, "", "tries it now"},
		"right after a run":         {func(w *migrationWorld) { w.round() }, "", "begins by itself"},
		"while a run is under way":  {func(w *migrationWorld) { w.begin(contract.DirectorySyncInput{Purpose: domain.RunScheduled}) }, "", "begins by itself"},
		"before the switch is made": {func(w *migrationWorld) { w.reach(domain.CuttingOver) }, "", "begins by itself"},
		"during the switch":         {func(w *migrationWorld) { w.reach(domain.CuttingOver); w.begunCutOver() }, "", "before the migration is rolled back"},
		"on the way back":           {func(w *migrationWorld) { w.reach(domain.Migrated) }, "", "before the migration is rolled back"},
		"after a cancellation": {func(w *migrationWorld) {
			w.reach(domain.AwaitingConsent)
			w.decide(mika, domain.DecideCancel, domain.DecisionDetail{})
		}, "", "tries it now"},
		"within the grace": {func(w *migrationWorld) { w.reach(domain.ConfirmingConsent); w.graced(); w.now = w.now.Add(31 * day) }, "", "tries it now"},
		"after the date":   {func(w *migrationWorld) { w.reach(domain.AwaitingConsent); w.now = w.now.Add(30 * day) }, "deadline-passed", "would not start synchronization"},
		"migrated, after the date": {func(w *migrationWorld) {
			w.now = w.now.Add(20 * day)
			w.reach(domain.Migrated)
			w.now = w.now.Add(11 * day)
		}, "deadline-passed", "nor open the way back"},
		"after the way back closed": {func(w *migrationWorld) { w.reach(domain.Migrated); w.now = w.now.Add(14 * day) }, "way-back-closed", "remove the old app instead"},
		"in the clean-up":           {func(w *migrationWorld) { w.reach(domain.CleanUp) }, "way-back-closed", "remove the old app instead"},
		"when it is destroyed": {func(w *migrationWorld) {
			w.reach(domain.CleanUp)
			w.decide(mika, domain.DecideCleanUp, domain.DecisionDetail{})
		}, "legacy-secret-destroyed", "was destroyed here on"},
		"of an account that is gone": {func(w *migrationWorld) { w.closing() }, "account-closed", "is being deleted"},
		"without an old app": {func(w *migrationWorld) {
			w.write(func(r service.Rows) error {
				_, err := r.LegacyApps().Delete(service.By(service.Where{"id": "i"}))
				return err
			})
		}, "no-legacy-app", "never had"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newMigrationWorld(t)
			w.now = w.now.Add(time.Minute)
			c.before(w)
			w.door.taken = nil
			before := list(t, w.world, secrets, service.Query{Order: []string{"id"}})
			done, err := w.replace(olga)
			read, rerr := w.Integration(t.Context(), olga, "i")
			require.NoError(t, rerr)
			if c.code == "" {
				require.NoError(t, err)
				require.Contains(t, done.Next, c.says)
				require.Equal(t, strings.Contains(c.says, "now"), len(w.door.taken) == 1)
				require.Equal(t, c.says == "begins by itself", w.integration().NextDueAt.Equal(w.now))
				require.Empty(t, read.Secret.No)
				return
			}
			require.Equal(t, c.code, codeOf(t, err))
			require.Contains(t, err.Error(), c.says)
			require.Empty(t, w.door.taken)
			require.Equal(t, before, list(t, w.world, secrets, service.Query{Order: []string{"id"}}))
			if read.Legacy.ID != "" {
				require.Equal(t, err.Error(), read.Secret.No, "the page says it before anybody types a secret")
			}
		})
	}
}

// graced has consent begun before the date, which holds it back for two days.
func (w *migrationWorld) graced() {
	w.t.Helper()
	m := w.row()
	m.ConsentBeganAt = domain.At(w.now)
	w.write(func(r service.Rows) error { return r.Migrations().Update(&m) })
}

func (w *migrationWorld) closing() {
	w.t.Helper()
	w.write(func(r service.Rows) error {
		return r.AccountDeletions().Insert(&domain.AccountDeletion{ID: "a", Region: "eu", State: domain.DeletionBegun, BeganAt: domain.At(w.now)})
	})
}

// A way back that a dead secret had closed is open again, once Microsoft takes
// the new one, and not before.
func TestANewSecretOpensTheWayBack(t *testing.T) {
	w := newMigrationWorld(t)
	w.reach(domain.Migrated)
	app := w.app()
	app.SecretEndsAt = domain.At(w.now)
	w.write(func(r service.Rows) error { return r.LegacyApps().Update(&app) })
	_, err := w.GiveDecision(t.Context(), ana, "", w.m.ID, domain.DecideRollBack, regret)
	require.Equal(t, migration.LegacySecretDead, codeOf(t, err))
	require.Contains(t, err.Error(), "Enter a new one")

	w.now = w.now.Add(time.Minute)
	_, err = w.replace(mika)
	require.NoError(t, err)
	d, res := w.rollBack(migration.OldAppLives, "AADSTS7000215")
	require.Equal(t, migration.LegacySecretDead, d.Code)
	require.Equal(t, domain.Migrated, res.Phase)
	e, err := w.Explain(t.Context(), ana, "i")
	require.NoError(t, err)
	require.Contains(t, fmt.Sprint(e.Facts), "is refused by Microsoft")

	w.now = w.now.Add(time.Minute)
	_, err = w.replace(mika)
	require.NoError(t, err)
	d, res = w.rollBack(migration.OldAppWorks, "")
	require.Equal(t, domain.DecisionApplied, d.State, d.Reason)
	require.Equal(t, domain.RolledBack, res.Phase)
}

// A comparison with the frozen mirror is followed by one with a fresh legacy
// round, once a new secret is there.
func TestTheNextProofReadsWithTheNewSecret(t *testing.T) {
	w := newMigrationWorld(t)
	w.reach(domain.Proving)
	w.refusedRun(domain.RunLegacy, "AADSTS7000222")
	w.prove(true)
	require.True(t, w.proof().Frozen)

	_, err := w.replace(mika)
	require.NoError(t, err)
	w.now = w.now.Add(25 * time.Hour) // too old to be approved by now
	w.decide(ana, domain.DecideApprove, domain.DecisionDetail{ProofID: w.row().ProofID})
	require.Equal(t, domain.Proving, w.row().Phase)
	given, err := w.LegacySecretOf(t.Context(), "i")
	require.NoError(t, err)
	require.Equal(t, reversed([]byte(newSecret)), given.Sealed)
	start := w.begin(contract.DirectorySyncInput{Purpose: domain.RunLegacy, AttemptID: w.m.ID})
	require.False(t, start.Refused, start.Code)
	w.read(start.RunID)
	require.Equal(t, domain.RunDone, w.apply(start.RunID).State)
	w.prove(false)
	require.False(t, w.proof().Frozen)
	require.Equal(t, migration.SecretGood, migration.SecretStateOf(w.app(), w.now))
}

func TestAnOlderInventoryDoesNotBringAnEarlierSecretBack(t *testing.T) {
	w := newWorld(t)
	inv := sampleInventory()
	old := &inv.Accounts[0].Integrations[0].LegacyApp
	old.SecretEndsAt = domain.At(w.now.Add(time.Hour))
	take := func() service.InventoryReport {
		t.Helper()
		report, err := w.ImportInventory(t.Context(), domain.System("test"), "", inv)
		require.NoError(t, err)
		return report
	}
	take()
	ends := domain.At(w.now.Add(1000 * time.Hour))
	_, err := w.ReplaceLegacySecret(t.Context(), olga, "", "contoso-hq", service.LegacySecretOrder{Secret: newSecret, EndsAt: ends})
	require.NoError(t, err)
	app := func() domain.LegacyApp {
		return list(t, w, func(r service.Rows) service.Table[domain.LegacyApp] { return r.LegacyApps() }, service.Query{})[0]
	}
	entered := app()
	rows, err := json.Marshal(take().Rows())
	require.NoError(t, err)
	require.Contains(t, string(rows), "a person entered a secret of its old app that ends later")
	require.NotContains(t, string(rows), "secretEndsAt")
	require.Equal(t, entered, app())

	old.SecretEndsAt = domain.At(w.now.Add(2000 * time.Hour))
	take()
	require.Equal(t, old.SecretEndsAt, app().SecretEndsAt, "a later one is news")
	require.NotEqual(t, entered.SecretRef, app().SecretRef)
	require.True(t, app().SecretEnteredAt.IsZero())
}

func TestAnAccountIsToldOfTheEndOfItsSecretOnceForEachWarning(t *testing.T) {
	storetest.Each(t, func(t *testing.T, e storetest.Engine) {
		t.Helper()
		storetest.UseFor(t, e)
		w := newMigrationWorld(t)
		app := w.app()
		w.open()
		w.m.CampaignID = ""
		w.write(func(r service.Rows) error { return r.Migrations().Update(&w.m) }) // no date stops it here
		told := func() (titles []string) {
			for _, n := range list(t, w.world, func(r service.Rows) service.Table[domain.Notice] { return r.Notices() }, service.By(service.Where{"kind": "legacy-secret-ends"})) {
				require.Equal(t, w.m.ID, n.MigrationID)
				require.Contains(t, n.Body, "enter a new secret of the same app")
				titles = append(titles, n.Title)
			}
			return titles
		}
		sweep := func(before time.Duration) int {
			w.now = app.SecretEndsAt.Add(-before)
			for range 2 {
				w.change(func(i *domain.Integration) { i.NextDueAt = domain.At(w.now) })
				_, err := w.StartDueRuns(t.Context(), worker, "eu")
				require.NoError(t, err)
			}
			return len(told())
		}
		const day = 24 * time.Hour
		require.Equal(t, 0, sweep(31*day))
		require.Equal(t, 1, sweep(29*day))
		require.Equal(t, 1, sweep(8*day))
		require.Equal(t, 2, sweep(6*day))
		require.Equal(t, 3, sweep(-time.Hour))
		require.Contains(t, fmt.Sprint(told()), "has ended")
		_, err := w.replace(mika)
		require.NoError(t, err)
		require.Equal(t, 3, sweep(-2*day), "the new one's end is far away")
		w.change(func(i *domain.Integration) { i.Binding = domain.BoundConnector })
		app.SecretEndsAt = w.order().EndsAt
		require.Equal(t, 3, sweep(day), "a connector needs none")
	})
}

func TestTheExplanationNamesTheEndOfASecretThatComesFirst(t *testing.T) {
	w := newMigrationWorld(t)
	w.open()
	fact := func() string {
		e, err := w.Explain(t.Context(), vera, "i")
		require.NoError(t, err)
		for _, f := range e.Facts {
			if f.Name == "Old app's secret" {
				return f.Value
			}
		}
		return ""
	}
	require.Empty(t, fact(), "it ends long after the date")
	app := w.app()
	for until, says := range map[time.Duration]string{24 * time.Hour: "ends on 23 November 2026 10:00 UTC", -time.Hour: "ended on 22 November 2026 09:00 UTC"} {
		app.SecretEndsAt = domain.At(w.now.Add(until))
		w.write(func(r service.Rows) error { return r.LegacyApps().Update(&app) })
		require.Equal(t, says, fact())
	}
	_, err := w.replace(mika)
	require.NoError(t, err)
	require.Contains(t, fact(), "has not been tried at Microsoft yet")
}
