package service_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/consent"
	"consentry/internal/domain"
	"consentry/internal/service"
)

func temporalVisits(r service.Rows) service.Table[domain.TemporalVisit] { return r.TemporalVisits() }

// signedIn invites somebody and signs him in; the caller is what his cookie gives.
func (w *world) signedIn(t *testing.T, subject, accountID string, role domain.Role) (domain.Caller, string) {
	t.Helper()
	if accountID != "" && len(list(t, w, func(r service.Rows) service.Table[domain.Account] { return r.Accounts() }, service.Query{})) == 0 {
		require.NoError(t, w.store.Write(t.Context(), func(r service.Rows) error { return r.Accounts().Insert(&domain.Account{ID: accountID, Name: "A"}) }))
	}
	_, err := w.InvitePerson(t.Context(), domain.System("test"), service.PersonOrder{Issuer: "i", Subject: subject, Name: subject, AccountID: accountID, Role: role})
	require.NoError(t, err)
	in, err := w.SignIn(t.Context(), "i", subject)
	require.NoError(t, err)
	caller, err := w.CallerOf(t.Context(), in.Cookie)
	require.NoError(t, err)
	require.Equal(t, consent.Hash(in.Cookie), caller.Session)
	return caller, in.Cookie
}

func (w *world) visitor(t *testing.T, cookie string) domain.CallerKind {
	t.Helper()
	caller, err := w.TemporalCaller(t.Context(), cookie)
	require.NoError(t, err)
	require.Empty(t, caller.Session, "a visit opens no other")
	return caller.Kind
}

func TestAPassOpensTheTemporalUIOnce(t *testing.T) {
	w := newWorld(t)
	olga, session := w.signedIn(t, "olga", "", domain.RoleOperator)
	pass, err := w.PassToTemporal(t.Context(), olga, "/namespaces/consentry/workflows?query=x")
	require.NoError(t, err)
	require.Equal(t, domain.CallerAnonymous, w.visitor(t, pass), "a pass is no cookie")
	in, err := w.EnterTemporal(t.Context(), pass)
	require.NoError(t, err)
	require.Equal(t, "/namespaces/consentry/workflows?query=x", in.Return)
	require.Equal(t, olga.ID, in.Caller.ID)
	require.Equal(t, w.now.Add(12*time.Hour), in.Expires, "it ends with the session")
	require.Equal(t, domain.CallerPerson, w.visitor(t, in.Cookie))

	for name, value := range map[string]string{"spent": pass, "its cookie": in.Cookie, "the session's cookie": session, "made up": domain.NewToken(), "none": ""} {
		_, err = w.EnterTemporal(t.Context(), value)
		require.Equal(t, domain.Gone, domain.KindOf(err), name)
	}
	for name, value := range map[string]string{"the session's cookie": session, "the session": olga.Session, "its row": consent.Hash(in.Cookie), "made up": domain.NewToken(), "none": ""} {
		require.Equal(t, domain.CallerAnonymous, w.visitor(t, value), name)
	}
	caller, err := w.CallerOf(t.Context(), in.Cookie)
	require.NoError(t, err)
	require.Equal(t, domain.CallerAnonymous, caller.Kind, "the visit's cookie is no session of the console")
	for _, v := range list(t, w, temporalVisits, service.Query{}) {
		require.NotContains(t, []string{pass, in.Cookie}, v.ID, "only digests are kept")
	}

	outcomes := map[string]int{}
	for _, e := range list(t, w, audit, service.By(service.Where{"action": "enter-temporal"})) {
		outcomes[e.Outcome]++
	}
	require.Equal(t, map[string]int{"done": 1, "refused": 5}, outcomes)
}

func TestAPassLivesAMinute(t *testing.T) {
	w := newWorld(t)
	olga, _ := w.signedIn(t, "olga", "", domain.RoleOperator)
	pass, err := w.PassToTemporal(t.Context(), olga, "https://evil.test")
	require.NoError(t, err)
	late, err := w.PassToTemporal(t.Context(), olga, "//evil.test")
	require.NoError(t, err)
	w.now = w.now.Add(time.Minute - time.Microsecond)
	in, err := w.EnterTemporal(t.Context(), pass)
	require.NoError(t, err)
	require.Equal(t, "/", in.Return, "nobody is sent to another host")
	_, err = w.EnterTemporal(t.Context(), late)
	require.Equal(t, domain.Gone, domain.KindOf(err), "entering ends what else the session had")
	late, err = w.PassToTemporal(t.Context(), olga, "/")
	require.NoError(t, err)
	w.now = w.now.Add(time.Minute)
	_, err = w.EnterTemporal(t.Context(), late)
	require.Equal(t, domain.Gone, domain.KindOf(err))
	require.Equal(t, domain.CallerPerson, w.visitor(t, in.Cookie))
	_, err = w.PassToTemporal(t.Context(), olga, "/")
	require.NoError(t, err)
	require.Len(t, list(t, w, temporalVisits, service.Query{}), 2, "what is over is not kept")
}

func TestOnlyOperatorsInASessionGetAPass(t *testing.T) {
	w := newWorld(t)
	ana, _ := w.signedIn(t, "ana", "a", domain.RoleApprove)
	olga, _ := w.signedIn(t, "olga", "", domain.RoleOperator)
	machine := domain.Caller{Kind: domain.CallerMachine, ID: "tok", Grants: olga.Grants}
	for name, caller := range map[string]domain.Caller{"an account's": ana, "a token": machine, "nobody": domain.Anonymous(), "the system": domain.System("x")} {
		_, err := w.PassToTemporal(t.Context(), caller, "/")
		require.Equal(t, domain.Forbidden, domain.KindOf(err), name)
	}
	require.Empty(t, list(t, w, temporalVisits, service.Query{}))
}

// Whatever ends the session or the role ends the visit, and a pass on its way,
// with the next question.
func TestAVisitEndsWithSessionAndRole(t *testing.T) {
	for name, end := range map[string]func(w *world, olga domain.Caller, cookie string) error{
		"sign-out": func(w *world, olga domain.Caller, cookie string) error {
			return w.SignOut(t.Context(), olga, cookie)
		},
		"revoked": func(w *world, olga domain.Caller, _ string) error {
			return w.RevokePerson(t.Context(), domain.System("test"), olga.ID, "")
		},
		"role lost, session kept": func(w *world, olga domain.Caller, _ string) error {
			return w.store.Write(t.Context(), func(r service.Rows) error {
				_, err := r.Grants().Delete(service.By(service.Where{"person_id": olga.ID}))
				return err
			})
		},
		"session over": func(w *world, _ domain.Caller, _ string) error {
			w.now = w.now.Add(12 * time.Hour)
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			olga, session := w.signedIn(t, "olga", "", domain.RoleOperator)
			other, _ := w.signedIn(t, "omar", "", domain.RoleOperator)
			enter := func(caller domain.Caller) string {
				pass, err := w.PassToTemporal(t.Context(), caller, "/")
				require.NoError(t, err)
				in, err := w.EnterTemporal(t.Context(), pass)
				require.NoError(t, err)
				return in.Cookie
			}
			mine, his := enter(olga), enter(other)
			onItsWay, err := w.PassToTemporal(t.Context(), olga, "/")
			require.NoError(t, err)
			require.NoError(t, end(w, olga, session))
			require.Equal(t, domain.CallerAnonymous, w.visitor(t, mine))
			_, err = w.EnterTemporal(t.Context(), onItsWay)
			require.Equal(t, domain.Gone, domain.KindOf(err))
			if name != "session over" {
				require.Equal(t, domain.CallerPerson, w.visitor(t, his), "somebody else's goes on")
			}
		})
	}
}
