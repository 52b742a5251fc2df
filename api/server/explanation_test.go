package server

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/domain"
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
