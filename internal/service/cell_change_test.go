package service_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/service"
)

const (
	rightApp  = "5c1b0f0e-3a51-4c4e-9d0d-1d5d8a3a7f11"
	typedApp  = "5c1b0f0e-3a51-4c4e-9d0d-1d5d8a3a7f12"
	homeOfApp = "5c1b0f0e-3a51-4c4e-9d0d-1d5d8a3a7f13"
)

// cellWorld has one cell that was added with a typo, and its first certificate.
type cellWorld struct {
	*world
	t *testing.T
}

func newCellWorld(t *testing.T) *cellWorld {
	t.Helper()
	w := &cellWorld{newWorld(t), t}
	_, err := w.AddCell(t.Context(), olga, domain.Cell{ID: "cell-n", Name: "N", Region: "eu", Cloud: "global", ClientID: typedApp, ApplicationObjectID: typedApp, HomeTenantID: homeOfApp})
	require.NoError(t, err)
	step, err := w.PlanRotation(t.Context(), olga, "cell-n")
	require.NoError(t, err)
	_, err = w.RecordMinted(t.Context(), olga, step, service.NewCredential{
		Sealed: []byte("sealed"), CertificateDER: []byte("der"), Thumbprint: "256", SHA1: "AB", NotBefore: w.now, NotAfter: w.now.Add(14 * 24 * time.Hour),
	})
	require.NoError(t, err)
	w.door.taken = nil
	return w
}

func (w *cellWorld) credential(change func(*domain.Credential)) domain.Credential {
	w.t.Helper()
	c := list(w.t, w.world, func(r service.Rows) service.Table[domain.Credential] { return r.Credentials() }, service.Query{})[0]
	if change != nil {
		change(&c)
		require.NoError(w.t, w.store.Write(w.t.Context(), func(r service.Rows) error { return r.Credentials().Update(&c) }))
	}
	return c
}

func (w *cellWorld) cells() []domain.Cell {
	w.t.Helper()
	return list(w.t, w.world, func(r service.Rows) service.Table[domain.Cell] { return r.Cells() }, service.Query{Order: []string{"id"}})
}

func (w *cellWorld) calls() (kinds []domain.EngineCallKind) {
	for _, c := range w.door.taken {
		kinds = append(kinds, c.Kind)
	}
	return kinds
}

func TestAMistypedCellIsCorrectedBeforeAnythingReliesOnIt(t *testing.T) {
	w := newCellWorld(t)
	w.credential(func(c *domain.Credential) {
		c.LastProofAt, c.ProofCode, c.ProofText = domain.At(w.now), "app_missing", "There is no such application"
	})
	upper := strings.ToUpper(rightApp)
	change := service.CellChange{ClientID: &upper, ApplicationObjectID: &upper}
	changed, err := w.ChangeCell(t.Context(), olga, "k", "cell-n", change)
	require.NoError(t, err)
	require.Equal(t, rightApp, changed.ClientID)
	require.Equal(t, changed, w.cells()[0])
	c := w.credential(nil)
	require.Equal(t, []any{domain.CredentialPrepared, "", "", true, "AB"}, []any{c.State, c.ProofCode, c.ProofText, c.LastProofAt.IsZero(), c.SHA1}, "what Microsoft said was said of another registration")
	require.Equal(t, []domain.EngineCallKind{domain.CallSchedule, domain.CallTrigger}, w.calls(), "it is looked at once")

	entries := len(list(t, w.world, audit, service.Query{}))
	again, err := w.ChangeCell(t.Context(), olga, "k", "cell-n", change)
	require.NoError(t, err)
	require.Equal(t, changed, again)
	_, err = w.ChangeCell(t.Context(), olga, "", "cell-n", change)
	require.NoError(t, err)
	require.Len(t, list(t, w.world, audit, service.Query{}), entries, "neither a repeat nor what is so already changes anything")
	name := "Other"
	_, err = w.ChangeCell(t.Context(), olga, "k", "cell-n", service.CellChange{Name: &name})
	require.Equal(t, "key-reused", codeOf(t, err))
}

func TestACellThatIsReliedOnKeepsItsRegistration(t *testing.T) {
	name, right := "Europe 1", rightApp
	connector := domain.Connector{ID: "con_1", AccountID: "a", TenantID: homeOfApp, Product: domain.ProductDirectorySync, CellID: "cell-n", DisconnectedAt: domain.At(time.Now())}
	session := domain.ConsentSession{ID: "cs_1", AccountID: "a", CellID: "cell-n"}
	for reliance, c := range map[string]struct {
		begin func(w *cellWorld)
		code  string
	}{
		"a verified certificate":   {func(w *cellWorld) { w.credential(func(c *domain.Credential) { c.VerifiedAt = domain.At(w.now) }) }, "cell-proven"},
		"a connector that is past": {func(w *cellWorld) { w.write(func(r service.Rows) error { return r.Connectors().Insert(&connector) }) }, "cell-used"},
		"a consent that was begun": {func(w *cellWorld) {
			w.write(func(r service.Rows) error { return r.ConsentSessions().Insert(&session) })
		}, "cell-used"},
		"a certificate that signs now": {func(w *cellWorld) {
			w.credential(func(c *domain.Credential) { c.State, c.ActivatedAt = domain.CredentialActive, domain.At(w.now) })
		}, "cell-proven"},
	} {
		t.Run(reliance, func(t *testing.T) {
			w := newCellWorld(t)
			c.begin(w)
			before := w.cells()
			for _, change := range []service.CellChange{{ClientID: &right}, {ApplicationObjectID: &right}, {HomeTenantID: &right}, {Region: &[]string{"us"}[0]}, {Name: &name, ClientID: &right}} {
				_, err := w.ChangeCell(t.Context(), olga, "", "cell-n", change)
				require.Equal(t, domain.Conflict, domain.KindOf(err))
				require.Equal(t, c.code, codeOf(t, err))
			}
			_, err := w.RemoveCell(t.Context(), olga, "", "cell-n")
			require.Equal(t, c.code, codeOf(t, err))
			require.Equal(t, before, w.cells())
			require.Empty(t, w.door.taken)
			changed, err := w.ChangeCell(t.Context(), olga, "", "cell-n", service.CellChange{Name: &name})
			require.NoError(t, err)
			require.Equal(t, name, changed.Name)
			require.Empty(t, w.door.taken, "a name is nothing to the rotation")
		})
	}
}

func (w *cellWorld) write(fn func(service.Rows) error) {
	w.t.Helper()
	require.NoError(w.t, w.store.Write(w.t.Context(), fn))
}

func TestACorrectionIsHeldAgainstTheRulesOfAddingAllAtOnce(t *testing.T) {
	w := newCellWorld(t)
	_, err := w.AddCell(t.Context(), olga, domain.Cell{ID: "cell-o", Name: "O", Region: "eu", Cloud: "global", ClientID: rightApp, ApplicationObjectID: rightApp, HomeTenantID: homeOfApp})
	require.NoError(t, err)
	bad, empty, taken := "none", " ", rightApp
	_, err = w.ChangeCell(t.Context(), olga, "", "cell-n", service.CellChange{Name: &empty, ClientID: &bad, HomeTenantID: &bad})
	var refusal *domain.Error
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, domain.Invalid, refusal.Kind)
	require.Len(t, refusal.Breaches, 3)
	_, err = w.ChangeCell(t.Context(), olga, "", "cell-n", service.CellChange{ClientID: &taken})
	require.Equal(t, "registration-taken", codeOf(t, err))
	_, err = w.ChangeCell(t.Context(), ana, "", "cell-n", service.CellChange{ClientID: &taken})
	require.Equal(t, domain.Forbidden, domain.KindOf(err))
	_, err = w.ChangeCell(t.Context(), olga, "", "none", service.CellChange{ClientID: &taken})
	require.True(t, domain.IsNotFound(err))
	require.Equal(t, typedApp, w.cells()[0].ClientID)
}

func TestACellThatWasNeverUsedIsForgottenWithAReceipt(t *testing.T) {
	w := newCellWorld(t)
	w.door.fail = domain.Refuse(domain.Unavailable, "engine", "away")
	require.NoError(t, w.VerifyCell(t.Context(), olga, "cell-n"))
	w.door.fail, w.door.taken = nil, nil // its calls wait
	secret := w.credential(nil).SecretRef
	_, err := w.RemoveCell(t.Context(), ana, "", "cell-n")
	require.Equal(t, domain.Forbidden, domain.KindOf(err))

	receipt, err := w.RemoveCell(t.Context(), olga, "k", "cell-n")
	require.NoError(t, err)
	require.Equal(t, []service.DestroyedKey{{SHA1: "AB", Thumbprint: "256", KeyDestroyedAt: domain.At(w.now)}}, receipt.Certificates)
	require.Empty(t, w.cells())
	kept := list(t, w.world, func(r service.Rows) service.Table[domain.Secret] { return r.Secrets() }, service.By(service.Where{"id": secret}))[0]
	require.Empty(t, kept.Sealed)
	require.False(t, kept.DestroyedAt.IsZero())
	require.Equal(t, []domain.EngineCallKind{domain.CallUnschedule}, w.calls(), "what waited to be said to its schedule would make it again")
	require.Equal(t, contract.RotationScheduleID("cell-n"), w.door.taken[0].Target)
	last := list(t, w.world, audit, service.Query{Order: []string{"-seq"}, Limit: 1})[0]
	require.Equal(t, []string{"remove-cell", "cell-n", "done", typedApp}, []string{last.Action, last.Subject, last.Outcome, last.Detail["clientId"]})
	change := list(t, w.world, func(r service.Rows) service.Table[domain.Change] { return r.Changes() }, service.Query{Order: []string{"-seq"}, Limit: 1})[0]
	require.Equal(t, []string{"cell", "cell-n", "remove-cell"}, []string{change.Kind, change.SubjectID, change.What})

	again, err := w.RemoveCell(t.Context(), olga, "k", "cell-n")
	require.NoError(t, err)
	require.Equal(t, receipt, again)
	_, err = w.RemoveCell(t.Context(), olga, "", "cell-n")
	require.True(t, domain.IsNotFound(err))
	step, err := w.PlanRotation(t.Context(), olga, "cell-n")
	require.NoError(t, err, "a run that began before ends by itself")
	require.Equal(t, "nothing", step.Action)
	_, err = w.AddCell(t.Context(), olga, domain.Cell{ID: "cell-n", Name: "N", Region: "eu", Cloud: "global", ClientID: rightApp, ApplicationObjectID: rightApp, HomeTenantID: homeOfApp})
	require.NoError(t, err, "its id is free again")
}
