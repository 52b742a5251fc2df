package server

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/migration"
	"consentry/internal/service"
)

func (w *world) explained(integrationID string) (e Explanation) {
	w.t.Helper()
	a := w.as("vic-viewer").get(prefix + "/integrations/" + integrationID + "/explanation")
	require.Equal(w.t, http.StatusOK, a.status, a.body)
	a.into(&e)
	return e
}

func (e Explanation) fact(name string) string {
	for _, f := range e.Facts {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

// TestADecisionOnItsWayIsExplained, also while the engine is away.
func TestADecisionOnItsWayIsExplained(t *testing.T) {
	w := newWorld(t)
	a := w.as("ana-approver").do(http.MethodPost, prefix+"/migrations/"+w.migration("contoso").ID+"/decisions", `{"kind":"describe","description":"People of the head office"}`, nil)
	require.Equal(t, http.StatusAccepted, a.status, a.body)
	e := w.explained("contoso")
	require.Contains(t, e.Sentence, "(a decision is given and about to be applied)")
	require.Equal(t, "describe, given on 22 November 2026 10:00 UTC by ana-approver", e.fact("Not yet applied"))
	require.Empty(t, e.fact("Workflow engine"))

	require.NoError(t, w.store.Write(t.Context(), func(r service.Rows) error {
		call, err := r.EngineCalls().Find(service.Query{Where: service.Where{"target": "migration/contoso"}, Order: []string{"-created_at", "-id"}, Limit: 1})
		if err != nil {
			return err
		}
		call.State, call.Attempts, call.LastError = "waiting", 3, "dial tcp 10.0.0.7:7233: connection refused"
		return r.EngineCalls().Update(&call)
	}))
	e = w.explained("contoso")
	require.Contains(t, e.Sentence, "the workflow engine does not answer; what was asked for is kept and delivered by itself")
	require.Equal(t, "does not answer; messages that wait: 1, the oldest since 22 November 2026 10:00 UTC, tried 3 times", e.fact("Workflow engine"))
	require.NotContains(t, w.as("vic-viewer").get(prefix+"/integrations/contoso/explanation").body, "10.0.0.7", "where the engine is, is no customer's matter")
	require.NotContains(t, w.explained("contoso-two").Sentence, "engine", "only what it is about")
}

// TestReasonsAreShown to whoever asks what was decided: with the decision, and in the explanation.
func TestReasonsAreShown(t *testing.T) {
	w := newWorld(t)
	a := w.as("ana-approver").do(http.MethodPost, prefix+"/migrations/"+w.migration("contoso").ID+"/decisions", `{"kind":"cancel","reason":"The tenant is sold"}`, nil)
	require.Equal(t, http.StatusAccepted, a.status, a.body)
	require.Contains(t, a.body, `"because":"The tenant is sold"`)
	e := w.explained("contoso")
	require.Equal(t, "cancel, given on 22 November 2026 10:00 UTC by ana-approver: “The tenant is sold”", e.fact("Not yet applied"))
	require.False(t, e.NeedsPerson, "it is decided")
	require.Contains(t, e.Who, "nobody has to act before the decision that is given is applied")
	require.Empty(t, e.CanAct)
}

// TestEveryDecisionIsAFact: who, what and when, with or without a reason, and what came of it.
func TestEveryDecisionIsAFact(t *testing.T) {
	w := newWorld(t)
	m := w.migration("contoso")
	for n, d := range []domain.Decision{
		{Kind: domain.DecideDescribe, State: domain.DecisionApplied, GivenBy: "ana-approver", Detail: domain.DecisionDetail{Description: "People", GoOnIfUnchanged: true}},
		{Kind: domain.DecideApprove, State: domain.DecisionRefused, GivenBy: "ana-approver", Code: migration.ProofTooOld, Reason: "The comparison is too old."},
		{Kind: domain.DecideExtend, State: domain.DecisionApplied, GivenBy: "nobody any more", Detail: domain.DecisionDetail{Deadline: domain.At(w.clock.Now().Add(90 * 24 * time.Hour)), Reason: "Holidays"}},
		{Kind: domain.DecideCleanUp, State: domain.DecisionApplied, GivenBy: "nobody any more"},
	} {
		d.ID, d.AccountID, d.MigrationID, d.GivenAt = fmt.Sprintf("dec_%d", n), m.AccountID, m.ID, domain.At(w.clock.Now().Add(time.Duration(n)*time.Minute))
		require.NoError(t, w.store.Write(t.Context(), func(r service.Rows) error { return r.Decisions().Insert(&d) }))
	}
	var said []string
	for _, f := range w.explained("contoso").Facts {
		if f.Name == "Decision" {
			said = append(said, f.Value)
		}
	}
	require.Equal(t, []string{
		"describe, and go on if nothing changes, applied, given on 22 November 2026 10:00 UTC by ana-approver",
		"approve, refused, given on 22 November 2026 10:01 UTC by ana-approver; why it was refused: The comparison is too old.",
		"extend to 20 February 2027 10:00 UTC, applied, given on 22 November 2026 10:02 UTC by nobody any more: “Holidays”",
		"clean-up, the old app is kept, applied, given on 22 November 2026 10:03 UTC by nobody any more",
	}, said)
}

// TestTheEndOfTheOldSecretIsInTheSentence where it comes before the date in force.
func TestTheEndOfTheOldSecretIsInTheSentence(t *testing.T) {
	w := newWorld(t)
	secret := func(change func(*domain.LegacyApp)) Explanation {
		require.NoError(t, w.store.Write(t.Context(), func(r service.Rows) error {
			app, err := r.LegacyApps().Get("contoso")
			if err != nil {
				return err
			}
			change(&app)
			return r.LegacyApps().Update(&app)
		}))
		return w.explained("contoso")
	}
	ends := w.clock.Now().Add(10 * 24 * time.Hour)
	e := secret(func(a *domain.LegacyApp) { a.SecretEndsAt = domain.At(ends) })
	require.Contains(t, e.Sentence, "synchronization through the old app ends on 2 December 2026 10:00 UTC, when its client secret does, unless another is entered before (its date is 22 December 2026 10:00 UTC)")
	require.True(t, e.NextAt.Equal(ends))
	require.Equal(t, "ends on 2 December 2026 10:00 UTC", e.fact("Old app's secret"))
	e = secret(func(a *domain.LegacyApp) { a.SecretEndsAt = domain.At(ends.Add(90 * 24 * time.Hour)) })
	require.Contains(t, e.Sentence, "synchronization through the old app ends on 22 December 2026 10:00 UTC;")
	e = secret(func(a *domain.LegacyApp) { a.SecretEndsAt, a.SecretRef = domain.At(ends), "" })
	require.NotContains(t, e.Sentence, "client secret", "what is not held ends nothing")
}

// TestALostConsentIsExplained: what was migrated long ago, and reads nothing.
func TestALostConsentIsExplained(t *testing.T) {
	w := newWorld(t)
	w.inPhase("contoso", domain.Closed)
	w.lost()
	require.NoError(t, w.store.Write(t.Context(), func(r service.Rows) error {
		i, err := r.Integrations().Get("contoso")
		i.Condition, i.ConditionText, i.ConditionSince = domain.ConditionError, "Microsoft no longer lets the connector read.", domain.At(w.clock.Now())
		if err != nil {
			return err
		}
		return r.Integrations().Update(&i)
	}))
	e := w.explained("contoso")
	require.Equal(t, "Directory of contoso is bound to its connector and reads nothing since 22 November 2026 10:00 UTC: Microsoft no longer lets the connector read; nothing is deleted, and after the consent synchronization starts again where it stood; somebody with the role migrate can reconnect it, with an administrator of the tenant.", e.Sentence)
	require.Equal(t, "Needs consent again", e.Status)
	require.True(t, e.NeedsPerson)
	require.Equal(t, []string{"ana-approver", "mia-migrator"}, e.CanAct)
	require.NoError(t, w.store.Write(t.Context(), func(r service.Rows) error {
		c, err := r.Connectors().Get("con_hq")
		c.ReconnectSession = "cs_1"
		if err != nil {
			return err
		}
		return r.Connectors().Update(&c)
	}))
	e = w.explained("contoso")
	require.Contains(t, e.Sentence, "has a new consent, which is being checked")
	require.False(t, e.NeedsPerson)
	require.Empty(t, e.CanAct)
}

// TestAPassedDateIsExplained, whatever the migration is or was, and what a
// consent that was begun in time still holds back.
func TestAPassedDateIsExplained(t *testing.T) {
	w := newWorld(t)
	const stopped = "synchronization through the old app ended on 22 December 2026 10:00 UTC, nothing is deleted, and migrating starts it again"
	require.NoError(t, w.store.Write(t.Context(), func(r service.Rows) error {
		m := w.migrationIn(r, "contoso")
		m.ConsentBeganAt = domain.At(w.clock.Now())
		return r.Migrations().Update(&m)
	}))
	w.clock.Pass(30*24*time.Hour + time.Minute)
	e := w.explained("contoso")
	require.Contains(t, e.Sentence, "because the consent was begun before it, synchronization through the old app goes on until 24 December 2026 10:00 UTC;")
	two := w.explained("contoso-two")
	require.Contains(t, two.Sentence, stopped, "no timer has rung, and the date holds all the same")
	require.Contains(t, two.fact("Condition"), "stopped since 22 December 2026 10:00 UTC")
	require.Equal(t, "ok", e.fact("Condition"))
	w.clock.Pass(48 * time.Hour)
	e = w.explained("contoso")
	require.Contains(t, e.Sentence, stopped)
	require.True(t, e.Overdue)
	w.inPhase("contoso", domain.Cancelled)
	require.Contains(t, w.explained("contoso").Sentence, "because the migration was cancelled; it can be started again; "+stopped)
	w.inPhase("contoso", domain.CuttingOver)
	require.NotContains(t, w.explained("contoso").Sentence, "ended on", "what is being switched is past that")
}

// TestAFaultThatPassesAsksNobodyToConsentAgain, and one of the vendor's own side
// asks the vendor.
func TestAFaultThatPassesAsksNobodyToConsentAgain(t *testing.T) {
	w := newWorld(t)
	w.inPhase("contoso", domain.Closed)
	w.lost()
	w.condition("contoso", contract.SyncUnavailable, "Microsoft does not answer. We try again by ourselves; nothing is lost.")
	w.connectorIs(domain.ConditionOK)
	e := w.explained("contoso")
	require.Contains(t, e.Sentence, "reads nothing since 22 November 2026 10:00 UTC: Microsoft does not answer; nothing is deleted, and the next synchronization tries again; nobody has to act.")
	require.False(t, e.NeedsPerson)
	require.Equal(t, "Migrated", e.Status)
	require.Empty(t, e.CanAct)

	w.condition("contoso", contract.SyncMisconfigured, "Our own app registration does not answer as it should. The vendor's operators have to act; you do not.")
	e = w.explained("contoso")
	require.Contains(t, e.Who, "an operator has to mend that")
	require.True(t, e.NeedsPerson)

	w.condition("contoso", contract.SyncConsentLost, "Microsoft no longer lets the connector read.")
	e = w.explained("contoso")
	require.Contains(t, e.Sentence, "is connected again; its next synchronization goes on where it stood; nobody has to act.", "the connector works, and has not been read yet")
	require.False(t, e.NeedsPerson)
}

// TestWhatAConnectorLostEverythingBoundToItHasLost, also what has not tried since.
func TestWhatAConnectorLostEverythingBoundToItHasLost(t *testing.T) {
	w := newWorld(t)
	w.inPhase("contoso", domain.Closed)
	w.lost()
	e := w.explained("contoso")
	require.Equal(t, "Needs consent again", e.Status)
	require.True(t, e.NeedsPerson)
}

// TestAPendingDeletionIsExplained: when, who asked, how it is stopped, and that
// nothing begins meanwhile.
func TestAPendingDeletionIsExplained(t *testing.T) {
	w := newWorld(t)
	for _, id := range []string{"contoso", "contoso-two"} {
		w.inPhase(id, domain.Cancelled)
	}
	require.NotContains(t, w.as("vic-viewer").get(prefix+"/integrations/contoso/explanation").body, `"deletion"`)
	a := w.as("ana-approver").do(http.MethodPut, prefix+"/accounts/acc-contoso/deletion", `{"name":"Contoso"}`, nil)
	require.Equal(t, http.StatusOK, a.status, a.body)
	e := w.explained("contoso")
	require.Equal(t, "Directory of contoso is on its old app, because the migration was cancelled, and its account is to be deleted on 22 December 2026 10:00 UTC; "+
		"no migration begins until that is withdrawn; synchronization through the old app ends on 22 December 2026 10:00 UTC; "+
		"an operator or somebody with the role approve can withdraw the deletion before its date.", e.Sentence)
	require.Equal(t, []string{"ana-approver"}, e.CanAct)
	require.Equal(t, "due on 22 December 2026 10:00 UTC, asked for on 22 November 2026 10:00 UTC by ana-approver; "+
		"whoever has the role approve, or an operator, withdraws it before that (consentry account undo acc-contoso)", e.fact("Deletion of the account"))
	require.NotNil(t, e.Deletion)
	require.Equal(t, "pending", e.Deletion.State)
	require.Equal(t, domain.At(w.clock.Now().Add(30*24*time.Hour)), e.Deletion.Due)
	require.Equal(t, e.Deletion.Due, e.NextAt)

	w.clock.Pass(30 * 24 * time.Hour)
	e = w.explained("contoso")
	require.Contains(t, e.Sentence, "its account was to be deleted on 22 December 2026 10:00 UTC; the next sweep begins with that; nobody has to act.")
	require.Contains(t, e.fact("Deletion of the account"), "it cannot be withdrawn any more")
	require.True(t, e.NextAt.IsZero())

	_, err := w.service.EraseNext(t.Context(), domain.System("test"), "eu")
	require.NoError(t, err)
	a = w.as("olga-operator").get(prefix + "/integrations/contoso/explanation")
	require.Equal(t, http.StatusOK, a.status, a.body)
	a.into(&e)
	require.Contains(t, e.Sentence, "belongs to an account that is being deleted since 22 December 2026 10:00 UTC; everything that is held of it goes with it; nobody has to act.")
	require.Equal(t, "Being deleted", e.Status)
	require.Equal(t, "deleting", e.Deletion.State)
	require.Equal(t, http.StatusOK, w.as("olga-operator").get(prefix+"/campaigns/campaign-eu/waiting").status, "nor does it break the list of those who wait")
}

// TestAWithdrawnDeletionIsSaidNoMore.
func TestAWithdrawnDeletionIsSaidNoMore(t *testing.T) {
	w := newWorld(t)
	w.inPhase("fabric", domain.RolledBack)
	fay := w.as("fay-fabric")
	require.Equal(t, http.StatusOK, fay.do(http.MethodPut, prefix+"/accounts/acc-fabric/deletion", `{"name":"Fabrikam"}`, nil).status)
	require.Equal(t, http.StatusOK, fay.do(http.MethodDelete, prefix+"/accounts/acc-fabric/deletion", "", nil).status)
	a := fay.get(prefix + "/integrations/fabric/explanation")
	require.NotContains(t, a.body, "deletion")
	require.Contains(t, a.body, "it can be started again")
}

// TestAKillSwitchIsNoMissingCampaign: where no date is enforced a campaign has
// been started all the same.
func TestAKillSwitchIsNoMissingCampaign(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.store.Write(t.Context(), func(r service.Rows) error {
		if _, err := r.Migrations().Delete(service.By(service.Where{"integration_id": "contoso"})); err != nil {
			return err
		}
		c, err := r.Campaigns().Get("campaign-eu")
		if err != nil {
			return err
		}
		c.Terms.KillSwitch = true
		return r.Campaigns().Update(&c)
	}))
	e := w.explained("contoso")
	require.Contains(t, e.Sentence, "no migration of it was opened; no date is in force; an operator or somebody with the role migrate can start it.")
	require.Equal(t, "campaign-eu", e.CampaignID)
}

// TestTheWayBackIsNotAnnouncedWhenItsTimeIsOver, while its workflow has not come to it.
func TestTheWayBackIsNotAnnouncedWhenItsTimeIsOver(t *testing.T) {
	w := newWorld(t)
	w.inPhase("contoso", domain.Migrated)
	require.NoError(t, w.store.Write(t.Context(), func(r service.Rows) error {
		m := w.migrationIn(r, "contoso")
		m.WayBackUntil = domain.At(w.clock.Now().Add(-time.Hour))
		return r.Migrations().Update(&m)
	}))
	e := w.explained("contoso")
	require.Contains(t, e.Sentence, "the way back closed on 22 November 2026 09:00 UTC, and removing the old app is recommended; nobody has to act.")
	require.True(t, e.NextAt.IsZero())
	require.Empty(t, e.CanAct, "nobody can roll it back")
}

func (w *world) condition(integrationID, code, text string) {
	w.t.Helper()
	require.NoError(w.t, w.store.Write(w.t.Context(), func(r service.Rows) error {
		i, err := r.Integrations().Get(integrationID)
		if err != nil {
			return err
		}
		i.Condition, i.ConditionCode, i.ConditionText, i.ConditionSince = domain.ConditionError, code, text, domain.At(w.clock.Now())
		return r.Integrations().Update(&i)
	}))
}

func (w *world) connectorIs(condition domain.Condition) {
	w.t.Helper()
	require.NoError(w.t, w.store.Write(w.t.Context(), func(r service.Rows) error {
		c, err := r.Connectors().Get("con_hq")
		if err != nil {
			return err
		}
		c.Condition, c.ConditionCode, c.ConditionText = condition, "", ""
		return r.Connectors().Update(&c)
	}))
}
