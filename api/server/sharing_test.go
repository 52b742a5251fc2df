package server

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/consent"
	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/service"
)

// shared lets the other customer use Contoso's tenant, too.
func (w *world) shared() {
	w.t.Helper()
	require.NoError(w.t, w.store.Write(w.t.Context(), func(r service.Rows) error {
		i, err := r.Integrations().Get("fabric")
		if err != nil {
			return err
		}
		i.TenantID = contoso
		return r.Integrations().Update(&i)
	}))
}

// refusedForSharing goes both legs as an administrator, whose sign-in is refused
// because the tenant is shared.
func (w *world) refusedForSharing() (sessionID string) {
	w.t.Helper()
	sessionID, path := w.as("mia-migrator").begin(w.migration("contoso").ID)
	admin := w.browser()
	refused := admin.get(signedIn(admin.accept(path, contoso), "global-admin"))
	require.Equal(w.t, http.StatusForbidden, refused.status, refused.body)
	require.Contains(w.t, refused.body, "You need not come back")
	return sessionID
}

func (w *world) allowSharing() {
	w.t.Helper()
	a := w.as("olga-operator").post(prefix+"/tenant-uses", map[string]any{"tenantId": contoso, "accountIds": []string{"acc-contoso"}, "reason": "one group with Fabrikam"})
	require.Equal(w.t, http.StatusOK, a.status, a.body)
}

// actors are the codes that the workflow was told.
func (w *world) actors() (told []string) {
	for _, c := range w.engine.Named(contract.SignalActorChanged) {
		told = append(told, string(c.Payload))
	}
	return told
}

// TestTheReasonForSharingIsKeptWhereItCanBeErased, and the chain shows which it
// was, also once another decision has taken its place.
func TestTheReasonForSharingIsKeptWhereItCanBeErased(t *testing.T) {
	w := newWorld(t)
	w.shared()
	w.allowSharing()
	again := w.as("olga-operator").post(prefix+"/tenant-uses", map[string]any{"tenantId": contoso, "accountIds": []string{"acc-contoso"}, "reason": "the group was sold"})
	require.Equal(t, http.StatusOK, again.status, again.body)
	var digests []string
	require.NoError(t, w.store.Read(t.Context(), func(r service.Rows) error {
		entries, err := r.Audit().List(service.Query{Where: service.Where{"action": "allow-tenant-use", "outcome": "done"}, Order: []string{"chain_seq"}})
		for _, e := range entries {
			require.Equal(t, contoso, e.Detail["tenant"])
			require.NotContains(t, fmt.Sprint(e), "Fabrikam")
			digests = append(digests, e.Detail["reasonDigest"])
		}
		return err
	}))
	require.Equal(t, []string{consent.Hash("one group with Fabrikam"), consent.Hash("the group was sold")}, digests)
}

// TestAConsentThatWaitedForTheDecisionAboutItsTenantCountsByItself: nobody
// consents twice, and at every moment it is said who acts.
func TestAConsentThatWaitedForTheDecisionAboutItsTenantCountsByItself(t *testing.T) {
	w := newWorld(t)
	w.shared()
	require.NotContains(t, w.explained("contoso").Sentence, "tenant, too", "nobody has proven anything yet")
	session := w.refusedForSharing()

	e := w.explained("contoso")
	require.Contains(t, e.Sentence, "waits for an operator, because another account uses its tenant, too; the consent that was given counts by itself after the decision;")
	require.Contains(t, e.Who, "an operator can decide that the accounts share the tenant")
	require.True(t, e.NeedsPerson)
	require.Empty(t, e.CanAct, "nobody of the account")
	var m MigrationDetail
	w.as("vic-viewer").get(prefix + "/migrations/" + w.migration("contoso").ID).into(&m)
	require.Equal(t, "operator", m.NeedsPerson)
	require.Len(t, w.actors(), 1, "its workflow shows it")
	require.Contains(t, w.actors()[0], `"code":"tenant_shared"`)

	w.clock.Pass(time.Hour)
	w.allowSharing()
	e = w.explained("contoso")
	require.Contains(t, e.Sentence, "has a consent that waited for the decision about its shared tenant, and the tenant is allowed now; the consent is looked for by itself")
	require.Contains(t, e.Sentence, "ends on 22 December 2026 10:00 UTC; nobody has to act.")
	require.False(t, e.NeedsPerson)
	require.Empty(t, e.CanAct)
	require.Equal(t, "allowed by an operator on 22 November 2026 11:00 UTC", e.fact("Shared tenant"), "the reason names others")
	require.Empty(t, e.fact("Last consent"))
	require.Len(t, w.actors(), 2)
	require.NotContains(t, w.actors()[1], "code")
	w.allowSharing()
	require.Len(t, w.actors(), 2, "decided twice is decided once")

	due, err := w.service.ApprovalsToLookFor(t.Context(), domain.System("test"), "eu")
	require.NoError(t, err)
	require.Len(t, due, 1, "the next sweep looks, and not one in a quarter of an hour")
	require.Equal(t, session, due[0].SessionID)
	taken, err := w.service.TakeApproval(t.Context(), domain.System("test"), service.Approval{SessionID: session, Consented: true})
	require.NoError(t, err)
	require.True(t, taken)
	require.Equal(t, domain.ConfirmingConsent, w.migration("contoso").Phase)
	require.Equal(t, "object-ga", w.session(session).VerifiedObject, "whose consent it is")
}

// TestBeforeTheDecisionAKeptConsentCountsForNothing, however often it is looked at.
func TestBeforeTheDecisionAKeptConsentCountsForNothing(t *testing.T) {
	w := newWorld(t)
	w.shared()
	session := w.refusedForSharing()
	for range 2 {
		taken, err := w.service.TakeApproval(t.Context(), domain.System("test"), service.Approval{SessionID: session, Consented: true})
		require.NoError(t, err)
		require.False(t, taken)
		require.Equal(t, domain.AwaitingConsent, w.migration("contoso").Phase)
	}
	require.Len(t, w.actors(), 1)
}

// TestAKeptConsentThatIsGoneIsAskedForAgain.
func TestAKeptConsentThatIsGoneIsAskedForAgain(t *testing.T) {
	w := newWorld(t)
	w.shared()
	session := w.refusedForSharing()
	w.allowSharing()
	_, err := w.service.TakeApproval(t.Context(), domain.System("test"), service.Approval{SessionID: session})
	require.NoError(t, err)
	e := w.explained("contoso")
	require.True(t, e.NeedsPerson)
	require.Contains(t, e.Who, "Global Administrator of the tenant can act")
}

// TestWhereNoConsentIsKeptTheAccountIsToldToConsentAgain.
func TestWhereNoConsentIsKeptTheAccountIsToldToConsentAgain(t *testing.T) {
	w := newWorld(t)
	w.shared()
	session := w.refusedForSharing()
	require.NoError(t, w.store.Write(t.Context(), func(r service.Rows) error { // it has waited its thirty days
		cs, err := r.ConsentSessions().Get(session)
		if err != nil {
			return err
		}
		cs.NextCheckAt = domain.Instant{}
		return r.ConsentSessions().Update(&cs)
	}))
	require.Contains(t, w.explained("contoso").Next, "the administrator consents again after the decision")
	w.allowSharing()
	e := w.explained("contoso")
	require.Contains(t, e.Sentence, "and an operator has allowed that another account uses the tenant, too, so that the administrator can consent again;")
	require.Contains(t, e.Who, "Privileged Role Administrator or Global Administrator of the tenant can act")
	require.True(t, e.NeedsPerson)
	require.Equal(t, []string{"ana-approver", "mia-migrator"}, e.CanAct)
	require.Contains(t, w.as("ana-approver").get(prefix+"/notices").body, `"kind":"tenant-allowed"`)
	require.NotContains(t, w.as("fay-fabric").get(prefix+"/notices").body, "tenant-allowed")
}

// TestAnotherRefusalIsTheAdministratorsAgain: who has to act follows the last
// consent.
func TestAnotherRefusalIsTheAdministratorsAgain(t *testing.T) {
	w := newWorld(t)
	w.shared()
	w.refusedForSharing()
	mia := w.as("mia-migrator")
	_, path := mia.begin(w.migration("contoso").ID)
	admin := w.browser()
	require.Equal(t, http.StatusForbidden, admin.get(signedIn(admin.accept(path, contoso), "plain-user")).status)
	require.Len(t, w.actors(), 2)
	require.Contains(t, w.actors()[1], consent.CodeRoleMissing)
	e := w.explained("contoso")
	require.Contains(t, e.Sentence, "as the administrator was told: “This account has none of the roles that may connect a directory”;")
	require.Contains(t, e.Who, "of the tenant can act")
	require.Equal(t, []string{"ana-approver", "mia-migrator"}, e.CanAct)
}

// TestAReconnectInASharedTenantNamesTheOperator, and the customer again once it is decided.
func TestAReconnectInASharedTenantNamesTheOperator(t *testing.T) {
	w := newWorld(t)
	w.inPhase("contoso", domain.Closed)
	w.lost()
	w.shared()
	_, path := w.as("mia-migrator").beginFor("/connectors/con_hq").start(w)
	admin := w.browser()
	refused := admin.get(signedIn(admin.accept(path, contoso), "global-admin"))
	require.Equal(t, http.StatusForbidden, refused.status, refused.body)
	require.NotContains(t, refused.body, "You need not come back")
	e := w.explained("contoso")
	require.Contains(t, e.Who, "tenant allow")
	require.Empty(t, e.CanAct)
	w.allowSharing()
	e = w.explained("contoso")
	require.Contains(t, e.Who, "somebody with the role migrate can reconnect it")
	require.Empty(t, w.connector("con_hq").ReconnectCode)
	require.Empty(t, w.actors(), "no workflow waits for it")
}
