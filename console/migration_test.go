package console_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/console/consoletest"
	"consentry/internal/domain"
	"consentry/internal/service"
)

func TestTheWizardStandsWhereTheMigrationDoes(t *testing.T) {
	w := open(t)
	for _, c := range []struct{ state, heading, current string }{
		{"new", "Sign in and consent at Microsoft", "Sign in and consent At Microsoft, by an administrator"},
		{"checking", "Checking the consent", "Sign in and consent At Microsoft, by an administrator"},
		{"describe", "Describe the connector", "Description What this connector is for"},
		{"proving", "Checking what changes", "Check what changes Nothing moves before this"},
		{"equal", "Check what changes", "Check what changes Nothing moves before this"},
		{"rebinding", "Moving to the connector", "Rebind Seconds"},
		{"first", "Moving to the connector", "First synchronization Minutes, goes on by itself"},
		{"migrated", "Migration complete", "Clean up Remove the old app"},
		{"cleanup", "Migration complete", "Clean up Remove the old app"},
	} {
		page := w.get("/migrations/mig_" + c.state)
		require.Equal(t, c.heading, page.one(t, "h1").text(), c.state)
		require.Equal(t, c.current, page.one(t, "li[aria-current=step]").text(), c.state)
		require.Len(t, page.all("#steps li"), 6)
	}
	require.Len(t, w.get("/migrations/mig_closed").all("#steps li.done"), 6)
	require.Empty(t, w.get("/migrations/mig_cancelled").all("#steps li.done"))
	require.Contains(t, w.get("/migrations/mig_cancelled").one(t, "#stage").text(), "This attempt was cancelled.")
}

func TestConsentIsOnePressAway(t *testing.T) {
	w := open(t)
	page := w.get("/migrations/mig_new")
	require.Contains(t, page.one(t, "#stage").text(), "Privileged Role Administrator or Global Administrator of new.onmicrosoft.com")
	require.Contains(t, page.one(t, "#stage").text(), "login.microsoftonline.com")
	require.Equal(t, "https://console.example/migrations/mig_new", page.one(t, "#share code").text())
	_, h := w.post("/migrations/mig_new", http.StatusSeeOther, url.Values{"do": {"consent"}})
	require.Equal(t, "/consent/start/one-use", h.Get("Location"), "the redirect stays ours: Microsoft's address is bound to the browser there")
	require.Equal(t, []string{"mig_new"}, w.commands.begun)
}

func TestConsentThatCannotBeginSaysWhy(t *testing.T) {
	w := open(t)
	w.commands.err = domain.Refuse(domain.Conflict, "not-now", "There is nothing to consent to now.")
	page, _ := w.post("/migrations/mig_new", http.StatusUnprocessableEntity, url.Values{"do": {"consent"}})
	require.Contains(t, page.one(t, "#problem[role=alert]").text(), "There is nothing to consent to now.")
	require.Empty(t, page.all("#wizard[data-live]"), "nothing moves while a problem is read")
	require.Contains(t, page.one(t, "title").text(), "Error: ")
}

func TestAFailedConsentSaysWhoCanHelp(t *testing.T) {
	page := open(t).get("/migrations/mig_failed")
	failed := page.one(t, "#consent-failed")
	require.Equal(t, "This role cannot grant the permissions", failed.one(t, "h2").text())
	require.Contains(t, failed.text(), "You are Cloud Application Administrator")
	require.Contains(t, failed.text(), "role_insufficient")
	require.Len(t, page.all("#share[open]"), 1, "another administrator is the likely way on")
	require.Contains(t, page.one(t, "li.problem").text(), "needs attention")
}

func TestOnlyTheSecondSignInIsRepeatedWhereItFailed(t *testing.T) {
	w := open(t)
	require.NoError(t, w.store.Write(t.Context(), func(rows service.Rows) error {
		cs, err := rows.ConsentSessions().Get("cs_int_failed")
		if err != nil {
			return err
		}
		cs.Outcome, cs.Leg, cs.Code = domain.ConsentOpen, domain.LegSignIn, "role_insufficient"
		return rows.ConsentSessions().Update(&cs)
	}))
	links := w.as(consoletest.Ben).get("/migrations/mig_failed").all("#stage footer a")
	require.Len(t, links, 2)
	require.Equal(t, "/consent/again/cs_int_failed", links[0].attr("href"))
	require.Equal(t, "/consent/again/cs_int_failed?fresh=1", links[1].attr("href"))
	require.Empty(t, w.as(consoletest.Ana).get("/migrations/mig_failed").all("#stage footer a"), "the session is Ben's browser's")
}

func TestWaitingForSomebodyElse(t *testing.T) {
	page := open(t).get("/migrations/mig_waiting")
	require.Contains(t, page.one(t, "#consent-waiting").text(), "Ben Okafor went to Microsoft")
	require.Equal(t, "Waiting for another administrator", page.one(t, "#wizard-status").text())
}

func TestTheDescriptionBeginsEmptyAndIsTheirs(t *testing.T) {
	w := open(t)
	page := w.get("/migrations/mig_describe")
	require.Equal(t, "Northwind Vienna", page.one(t, "#name[readonly]").attr("value"))
	require.Empty(t, page.one(t, "#description").text())
	require.Contains(t, page.one(t, "p.suggest q").text(), "describe.onmicrosoft.com")
	page.none(t, "#go-on[checked]")

	form := url.Values{"do": {"describe"}, "description": {"Office staff  <b>&"}, "go-on": {"yes"}, "key": {page.all("input[name=key]")[0].attr("value")}}
	_, h := w.post("/migrations/mig_describe", http.StatusSeeOther, form)
	require.Equal(t, "/migrations/mig_describe", h.Get("Location"))
	require.Equal(t, []domain.Decision{{MigrationID: "mig_describe", Kind: domain.DecideDescribe, GivenBy: "per_ana", Detail: domain.DecisionDetail{Description: "Office staff  <b>&", GoOnIfUnchanged: true}}}, w.commands.decisions)
	require.Equal(t, []string{form.Get("key")}, w.commands.keys)
	require.NotEmpty(t, form.Get("key"))
}

func TestARefusedDescriptionKeepsWhatWasTyped(t *testing.T) {
	w := open(t)
	w.commands.err = domain.InvalidField("description", "Enter a description")
	page, _ := w.post("/migrations/mig_describe", http.StatusUnprocessableEntity, url.Values{"do": {"describe"}, "description": {"<i>half"}, "go-on": {"yes"}})
	require.Equal(t, "#description", page.one(t, "#problem a").attr("href"))
	require.Equal(t, "Enter a description", page.one(t, "#problem a").text())
	require.Equal(t, "Error: Enter a description", page.one(t, "#description-err").text())
	field := page.one(t, "#description[aria-invalid=true]")
	require.Equal(t, "<i>half", field.text())
	require.Contains(t, field.attr("aria-describedby"), "description-err")
	page.one(t, "#go-on[checked]")
	require.Equal(t, "/migrations/mig_describe", page.one(t, "body").attr("data-self"))
}

func TestTheDescriptionMayComeFirst(t *testing.T) {
	page := open(t).get("/migrations/mig_given")
	require.Equal(t, "Office staff and groups, production tenant", page.one(t, "#description").text())
	page.one(t, "#go-on[checked]")
	require.Contains(t, page.one(t, "#steps").text(), "Given already")
	require.Contains(t, page.one(t, "#stage").text(), "Your decision is recorded")
}

func TestApprovingNamesTheProofThatWasShown(t *testing.T) {
	w := open(t)
	page := w.get("/migrations/mig_equal")
	require.Contains(t, page.one(t, "#stage").text(), "No difference")
	page.none(t, "#checked")
	form := url.Values{"do": {"approve"}, "proof": {page.all("input[name=proof]")[0].attr("value")}, "key": {"k"}}
	w.post("/migrations/mig_equal", http.StatusSeeOther, form)
	require.Equal(t, domain.DecisionDetail{ProofID: "prf_int_equal"}, w.commands.decisions[0].Detail)
}

func TestDifferencesAreShownAndHaveToBeLookedAt(t *testing.T) {
	w := open(t)
	page := w.get("/migrations/mig_differs")
	rows := page.all("table.diff tbody tr")
	require.Equal(t, "Users 4,180 4,181 +3 12 −2", rows[0].text())
	require.Equal(t, "Groups 212 212 0 0 0", rows[1].text())
	require.Equal(t, "Memberships 9,731 9,738 +11 0 −4", rows[2].text())
	require.Contains(t, page.one(t, "#ex-minus").text(), "<b>Robert</b> & Söhne", "names are text, whatever they hold")
	require.Contains(t, page.one(t, "#ex-tilde").text(), "displayName, department")
	require.Contains(t, page.text(), "Now as of 21 Jul 2026, 09:26 UTC , after as of 21 Jul 2026, 09:27 UTC")
	require.Contains(t, page.text(), "may be approved until 21 Jul 2026, 10:28 UTC")

	form := url.Values{"do": {"approve"}, "proof": {"prf_int_differs"}, "differs": {"yes"}}
	page, _ = w.post("/migrations/mig_differs", http.StatusUnprocessableEntity, form)
	require.Equal(t, "#checked", page.one(t, "#problem a").attr("href"))
	require.Empty(t, w.commands.decisions)
	form.Set("checked", "yes")
	w.post("/migrations/mig_differs", http.StatusSeeOther, form)
	require.Equal(t, domain.DecideApprove, w.commands.decisions[0].Kind)
	require.Contains(t, w.get("/migrations/mig_frozen").one(t, "#stage").text(), "as of 16 Jul 2026, 09:30 UTC")
}

func TestAUsedComparisonSaysWhatApprovingItDoes(t *testing.T) {
	w := open(t)
	page := w.get("/migrations/mig_backagain")
	require.Contains(t, page.one(t, "#used").text(), "If still nothing changes, the migration goes on by itself.")
	require.Equal(t, "Migrate now", page.one(t, "#stage button.primary").text())
	require.NotContains(t, page.text(), "may be approved until")
	require.NoError(t, w.store.Write(t.Context(), func(rows service.Rows) error {
		p, err := rows.Proofs().Get("prf_int_backagain")
		if err != nil {
			return err
		}
		p.Added.Users = 1
		return rows.Proofs().Update(&p)
	}))
	page = w.get("/migrations/mig_backagain")
	require.Contains(t, page.one(t, "#used").text(), "It is shown to you before anything is switched.")
	require.Equal(t, "Compare again", page.one(t, "#stage button.primary").text())
	w.get("/migrations/mig_equal").none(t, "#used")
}

// TestComparingAgainIsNoProblem: the button does what it says, although what it
// sends is an approval that is refused.
func TestComparingAgainIsNoProblem(t *testing.T) {
	w := open(t)
	require.NoError(t, w.store.Write(t.Context(), func(rows service.Rows) error {
		p, err := rows.Proofs().Get("prf_int_differs")
		if err != nil {
			return err
		}
		p.CreatedAt = domain.At(now.Add(-61 * time.Minute))
		return rows.Proofs().Update(&p)
	}))
	page := w.get("/migrations/mig_differs")
	require.Equal(t, "Compare again", page.one(t, "#stage button.primary").text())
	require.Contains(t, page.one(t, "#too-old").text(), "It is shown to you before anything is switched.")
	page.none(t, "#checked")
	page.one(t, "input[value=compare]")
	for _, code := range []string{"proof-too-old", "proof-used"} {
		w.commands.answer = domain.Decision{State: domain.DecisionRefused, Code: code, Reason: "It is made again."}
		_, h := w.post("/migrations/mig_differs", http.StatusSeeOther, url.Values{"do": {"compare"}, "proof": {"prf_int_differs"}})
		require.Equal(t, "/migrations/mig_differs", h.Get("Location"))
	}
	require.Equal(t, domain.DecisionDetail{ProofID: "prf_int_differs", CompareAgain: true}, w.commands.decisions[0].Detail, "nobody approved anything")
	w.commands.answer.Code = "campaign-paused"
	w.post("/migrations/mig_differs", http.StatusUnprocessableEntity, url.Values{"do": {"compare"}, "proof": {"prf_int_differs"}})

	// What it leads to is said once.
	require.NoError(t, w.store.Write(t.Context(), func(rows service.Rows) error {
		m, err := rows.Migrations().Get("mig_proving")
		if err != nil {
			return err
		}
		m.FailureCode, m.FailureText = "proof-used", "It is made again."
		d := domain.Decision{ID: "dec_p", AccountID: m.AccountID, MigrationID: m.ID, Kind: domain.DecideApprove, State: domain.DecisionRefused, Code: "proof-used", Reason: m.FailureText, DecidedAt: m.PhaseSince, GivenAt: m.PhaseSince}
		if err := rows.Decisions().Insert(&d); err != nil {
			return err
		}
		return rows.Migrations().Update(&m)
	}))
	require.Equal(t, 1, strings.Count(w.get("/migrations/mig_proving").text(), "It is made again."))
}

func TestADecisionRefusedWhenItIsCarriedOutIsAResult(t *testing.T) {
	w := open(t)
	w.commands.answer = domain.Decision{State: domain.DecisionRefused, Code: "proof-too-old", Reason: "The comparison was too old to be approved."}
	page, _ := w.post("/migrations/mig_equal", http.StatusUnprocessableEntity, url.Values{"do": {"approve"}, "proof": {"prf_old"}})
	require.Contains(t, page.one(t, "#problem").text(), "too old to be approved")
}

func TestRefusingNeedsAReason(t *testing.T) {
	w := open(t)
	page, _ := w.post("/migrations/mig_differs", http.StatusUnprocessableEntity, url.Values{"do": {"refuse"}, "reason": {"  "}})
	require.Equal(t, "#reason", page.one(t, "#problem a").attr("href"))
	page.one(t, "#refuse[open]")
	w.post("/migrations/mig_differs", http.StatusSeeOther, url.Values{"do": {"refuse"}, "reason": {" Not before the audit. "}, "proof": {"prf_int_differs"}})
	require.Equal(t, domain.DecisionDetail{ProofID: "prf_int_differs", Reason: "Not before the audit."}, w.commands.decisions[0].Detail)
}

func TestRolesSeeWhatTheyMayDo(t *testing.T) {
	w := open(t).as(consoletest.Leo)
	for _, s := range consoletest.States {
		w.get("/migrations/"+s.MigrationID()).none(t, "main form")
	}
	require.Contains(t, w.get("/migrations/mig_equal").text(), "This needs the role approve , which you do not have. It can be done by Ana Ruiz.")
	ben := w.as(consoletest.Ben)
	require.Len(t, ben.get("/migrations/mig_describe").all("main form"), 2, "describe, cancel")
	ben.get("/migrations/mig_describe").none(t, "#go-on")
	require.Len(t, ben.get("/migrations/mig_equal").all("main form"), 1, "cancel")
	w.commands.err = domain.Refuse(domain.Forbidden, "role-needed", "This needs the role \"approve\" in the account.")
	page, _ := ben.post("/migrations/mig_equal", http.StatusForbidden, url.Values{"do": {"approve"}, "proof": {"prf_int_equal"}})
	require.Contains(t, page.one(t, "#problem").text(), "needs the role")
}

func TestTheReceiptSaysWhatToRemoveAndFromWhen(t *testing.T) {
	w := open(t)
	page := w.get("/migrations/mig_migrated")
	text := page.one(t, "#clean-up").text()
	for _, want := range []string{"Northwind Riga Directory Sync", "98a2b1c5-7f0e-4b53-8f1a-", "from 2 Aug 2026, 09:30 UTC on", "migrated.onmicrosoft.com", "Deleted applications for 30 days"} {
		require.Contains(t, text, want)
	}
	require.Contains(t, page.one(t, "#stage").text(), "4,180")
	require.Contains(t, page.one(t, "#stage").text(), "2 removals are held back")

	page, _ = w.post("/migrations/mig_migrated", http.StatusUnprocessableEntity, url.Values{"do": {"removed"}, "way-back": {"open"}})
	require.Equal(t, "#understood", page.one(t, "#problem a").attr("href"))
	w.post("/migrations/mig_migrated", http.StatusSeeOther, url.Values{"do": {"removed"}, "way-back": {"open"}, "understood": {"yes"}})
	require.Equal(t, domain.DecisionDetail{Removed: true}, w.commands.decisions[0].Detail)
	page.none(t, "button[name=keep]")

	require.Contains(t, w.get("/migrations/mig_cleanup").one(t, "#clean-up").text(), "Keep it and stop reminding")
	w.post("/migrations/mig_cleanup", http.StatusSeeOther, url.Values{"do": {"keep"}})
	require.Equal(t, domain.DecideCleanUp, w.commands.decisions[1].Kind)
	require.False(t, w.commands.decisions[1].Detail.Removed)

	closed := w.get("/migrations/mig_closed")
	require.Contains(t, closed.one(t, "#clean-up").text(), "You told us that Northwind Bern Directory Sync is removed.")
	closed.none(t, "main form")
}

func TestHowThingsStandIsSaid(t *testing.T) {
	w := open(t)
	require.Contains(t, w.get("/migrations/mig_overdue").one(t, "#stage").text(), "Synchronization is stopped")
	require.Contains(t, w.get("/migrations/mig_paused").one(t, "#stage").text(), "On hold")
	require.Contains(t, w.get("/migrations/mig_throttled").one(t, "#stage").text(), "Waiting for Microsoft Microsoft asked us to wait.")
	require.Contains(t, w.get("/migrations/mig_backagain").one(t, "#stage").text(), "We went back to the old connection")
	require.Contains(t, w.get("/migrations/mig_expired").one(t, "#stage").text(), "The secret of the old app expired 16 Jul 2026, 09:30 UTC")
	bar := w.get("/migrations/mig_first").one(t, "progress")
	require.Equal(t, "9800", bar.attr("value"))
	require.Equal(t, "14123", bar.attr("max"))
	require.Equal(t, "6120", w.get("/migrations/mig_proving").one(t, "progress").attr("value"))
}

// The engine was away when the date passed: no timer rang, and nothing marked
// the rows. The pages say what the date says.
func TestADateThatNobodyMarkedIsSaidAllTheSame(t *testing.T) {
	w := open(t)
	w.change(t, func(m *domain.Migration, i *domain.Integration) {
		m.Overdue, m.OverdueSince = false, domain.Instant{}
		i.Condition, i.ConditionCode, i.ConditionText = domain.ConditionOK, "", ""
	})
	page := w.get("/migrations/mig_overdue")
	require.Contains(t, page.one(t, "#overdue").text(), "Overdue. Synchronization is stopped The date for migrating was 19 Jul 2026, 09:30 UTC . Nothing of what was read is deleted; it is as of 19 Jul 2026, 09:30 UTC .")
	require.Contains(t, page.one(t, "#wizard-head").text(), "Overdue: synchronization stopped on 19 Jul 2026, 09:30 UTC")
	need := page.one(t, "#need-mig_overdue").text()
	require.Contains(t, need, "Overdue: synchronization stopped on 19 Jul 2026, 09:30 UTC")
	require.Contains(t, need, "What was read last is as of 19 Jul 2026, 09:30 UTC")
	require.Contains(t, w.get("/connectors?account="+consoletest.Northwind).one(t, "#campaign").text(), "synchronization through the old app is stopped")
	for _, address := range []string{"/directory-sync?account=" + consoletest.Northwind, "/directory-sync/int_overdue"} {
		require.Contains(t, w.get(address).one(t, "#i-int_overdue").text(), "Stopped", address)
	}

	// Whoever began the consent in time has a day more, and is told so.
	w.change(t, func(m *domain.Migration, _ *domain.Integration) {
		m.ConsentBeganAt = domain.At(now.Add(-50 * time.Hour))
	})
	w.campaign(t, "cmp_past", func(c *domain.Campaign) { c.Terms.ConsentGrace = domain.Duration(72 * time.Hour) })
	page = w.get("/migrations/mig_overdue")
	require.Contains(t, page.one(t, "#overdue").text(), "Overdue. Synchronization stops soon")
	require.Contains(t, page.one(t, "#overdue").text(), "goes on until 22 Jul 2026, 09:30 UTC")
	require.Contains(t, page.one(t, "#need-mig_overdue").text(), "Overdue: synchronization stops on 22 Jul 2026, 09:30 UTC")

	// A later date that nobody told the rows of takes it back.
	w.change(t, func(m *domain.Migration, i *domain.Integration) {
		m.Overdue, m.OverdueSince = true, domain.At(now.Add(-48*time.Hour))
		i.Condition, i.ConditionCode = domain.ConditionStopped, "deadline-passed"
	})
	w.campaign(t, "cmp_past", func(c *domain.Campaign) { c.Terms.Deadline = domain.At(now.Add(20 * 24 * time.Hour)) })
	page = w.get("/migrations/mig_overdue")
	page.none(t, "#overdue")
	require.Contains(t, page.one(t, "#need-mig_overdue").text(), "Before 10 Aug 2026, 20 days left")
	require.Contains(t, w.get("/directory-sync/int_overdue").one(t, "#i-int_overdue").text(), "On schedule")
}

// change writes the rows of the overdue migration and its integration.
func (w *world) change(t *testing.T, fn func(*domain.Migration, *domain.Integration)) {
	t.Helper()
	require.NoError(t, w.store.Write(t.Context(), func(rows service.Rows) error {
		m, err := rows.Migrations().Get("mig_overdue")
		if err != nil {
			return err
		}
		i, err := rows.Integrations().Get("int_overdue")
		if err != nil {
			return err
		}
		fn(&m, &i)
		return errors.Join(rows.Migrations().Update(&m), rows.Integrations().Update(&i))
	}))
}

func (w *world) campaign(t *testing.T, id string, fn func(*domain.Campaign)) {
	t.Helper()
	require.NoError(t, w.store.Write(t.Context(), func(rows service.Rows) error {
		c, err := rows.Campaigns().Get(id)
		if err != nil {
			return err
		}
		fn(&c)
		return rows.Campaigns().Update(&c)
	}))
}

func TestWhyTheComparisonIsBackIsNamed(t *testing.T) {
	w := open(t)
	for code, want := range map[string]string{
		"first-sync-failed": "We went back to the old connection", "first-sync-unconsented": "We went back to the old connection", "first-sync-late": "We went back to the old connection", "consent-withdrawn": "We went back to the old connection",
		"workflow-lost": "We went back to the old connection", "proof-used": "The comparison is made again",
		"approval-refused": "These changes were refused", "proof-too-old": "The comparison was too old", "proof-differs": "Something changes, so it waits for you",
		"never-heard-of": "The comparison did not succeed",
	} {
		require.NoError(t, w.store.Write(t.Context(), func(rows service.Rows) error {
			m, err := rows.Migrations().Get("mig_backagain")
			if err != nil {
				return err
			}
			m.FailureCode, m.FailureText = code, "The words of the row."
			return rows.Migrations().Update(&m)
		}))
		require.Contains(t, w.get("/migrations/mig_backagain").one(t, "#stage").text(), want+" The words of the row.", code)
	}
}

func TestAFormThatIsNotOurs(t *testing.T) {
	w := open(t)
	page, _ := w.post("/migrations/mig_new", http.StatusUnprocessableEntity, url.Values{"do": {"explode"}})
	require.Contains(t, page.one(t, "#problem").text(), "does not know that form")
	require.Equal(t, http.StatusMethodNotAllowed, w.do(http.MethodDelete, "/migrations/mig_new", nil).Code)
}
