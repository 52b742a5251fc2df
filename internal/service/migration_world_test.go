package service_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/service"
	"consentry/internal/store/storetest"
)

var (
	ana   = domain.Caller{Kind: domain.CallerPerson, ID: "per_ana", Grants: []domain.Grant{{AccountID: "a", Role: domain.RoleApprove}}}
	mika  = domain.Caller{Kind: domain.CallerPerson, ID: "per_mika", Grants: []domain.Grant{{AccountID: "a", Role: domain.RoleMigrate}}}
	vera  = domain.Caller{Kind: domain.CallerPerson, ID: "per_vera", Grants: []domain.Grant{{AccountID: "a", Role: domain.RoleView}}}
	eve   = domain.Caller{Kind: domain.CallerPerson, ID: "per_eve", Grants: []domain.Grant{{AccountID: "b", Role: domain.RoleApprove}}}
	olga  = domain.Caller{Kind: domain.CallerPerson, ID: "per_olga", Grants: []domain.Grant{{Role: domain.RoleOperator}}}
	words = "Staff directory of the head office"
)

// migrationWorld is a sync world whose campaign runs in days and whose one
// integration has synchronized through its legacy app.
type migrationWorld struct {
	*syncWorld
	t testing.TB
	m domain.Migration
}

func newMigrationWorld(t *testing.T) *migrationWorld {
	t.Helper()
	return migrationWorldOn(t, storetest.Open(t))
}

func migrationWorldOn(t testing.TB, s service.Store) *migrationWorld {
	t.Helper()
	w := &migrationWorld{syncWorld: syncWorldOn(t, s), t: t}
	day := domain.Duration(24 * time.Hour)
	w.write(func(r service.Rows) error {
		if _, err := r.Connectors().Delete(service.By(service.Where{"id": "conn"})); err != nil {
			return err
		}
		c, err := r.Campaigns().Get("c")
		if err != nil {
			return err
		}
		c.Version = 1
		c.Terms = domain.CampaignTerms{
			Deadline: domain.At(w.now.Add(30 * 24 * time.Hour)), Reminders: []domain.Duration{14 * day, 7 * day, day},
			ConsentGrace: 2 * day, ConsentBudget: day, ProofAge: day, FirstSync: day, WayBack: 14 * day, CleanUp: 30 * day,
			CleanUpReminders: []domain.Duration{7 * day, 21 * day},
		}
		if err := r.Secrets().Insert(&domain.Secret{ID: "sec_old", Sealed: []byte("sealed"), CreatedAt: domain.At(w.now)}); err != nil {
			return err
		}
		app := domain.LegacyApp{ID: "i", ClientID: legacyClient, Name: "Directory Sync", SecretRef: "sec_old", SecretEndsAt: domain.At(w.now.Add(365 * 24 * time.Hour))}
		if err := r.LegacyApps().Update(&app); err != nil {
			return err
		}
		return r.Campaigns().Update(&c)
	})
	require.Equal(t, domain.RunDone, w.round().State)
	w.door.taken = nil
	return w
}

// open opens the attempt.
func (w *migrationWorld) open() {
	w.t.Helper()
	m, err := w.StartMigration(w.t.Context(), mika, "i")
	require.NoError(w.t, err)
	w.m = m
}

func (w *migrationWorld) row() domain.Migration {
	w.t.Helper()
	var m domain.Migration
	require.NoError(w.t, w.store.Read(w.t.Context(), func(r service.Rows) (err error) { m, err = r.Migrations().Get(w.m.ID); return err }))
	return m
}

func (w *migrationWorld) connector() (c domain.Connector) {
	w.t.Helper()
	found := list(w.t, w.world, func(r service.Rows) service.Table[domain.Connector] { return r.Connectors() }, service.Query{})
	require.Len(w.t, found, 1)
	return found[0]
}

// consent grants through a verified session, as the callback does.
func (w *migrationWorld) consent(id string) {
	w.t.Helper()
	_, err := service.Do(w.t.Context(), w.Service, mika, "", "consent", id, func(tx *service.Tx) (bool, error) {
		session := domain.ConsentSession{
			ID: id, AccountID: "a", MigrationID: w.m.ID, TenantID: "tenant", CellID: "cell", Outcome: domain.ConsentVerified, VerifiedObject: "oid-admin", EndedAt: tx.At(),
		}
		if err := tx.ConsentSessions().Insert(&session); err != nil {
			return false, err
		}
		m, err := tx.Migrations().Get(w.m.ID)
		if err != nil {
			return false, err
		}
		return true, tx.ConsentGranted(&m, session)
	})
	require.NoError(w.t, err)
}

// decide gives a decision and applies it, as the workflow would.
func (w *migrationWorld) decide(who domain.Caller, kind domain.DecisionKind, detail domain.DecisionDetail) (domain.Decision, contract.DecisionResult) {
	w.t.Helper()
	d, err := w.GiveDecision(w.t.Context(), who, "", w.m.ID, kind, detail)
	require.NoError(w.t, err)
	return w.applied(d)
}

// applied applies a decision that was given.
func (w *migrationWorld) applied(d domain.Decision) (domain.Decision, contract.DecisionResult) {
	w.t.Helper()
	res, err := w.ApplyDecision(w.t.Context(), worker, contract.ApplyDecision{AttemptID: w.m.ID, DecisionID: d.ID})
	require.NoError(w.t, err)
	require.Equal(w.t, w.row().Phase, res.Phase)
	return w.decision(d.ID), res
}

func (w *migrationWorld) decision(id string) (d domain.Decision) {
	w.t.Helper()
	require.NoError(w.t, w.store.Read(w.t.Context(), func(r service.Rows) (err error) { d, err = r.Decisions().Get(id); return err }))
	return d
}

// reach brings a new attempt to a phase on the happy road.
func (w *migrationWorld) reach(p domain.Phase) {
	w.t.Helper()
	ctx := w.t.Context()
	w.open()
	steps := []struct {
		to domain.Phase
		do func()
	}{
		{domain.AwaitingConsent, func() {}},
		{domain.ConfirmingConsent, func() { w.consent("cs_" + w.m.ID) }},
		{domain.AwaitingDescription, func() {
			_, err := w.ConsentConfirmed(ctx, worker, w.m.ID)
			require.NoError(w.t, err)
		}},
		{domain.Proving, func() { w.decide(mika, domain.DecideDescribe, domain.DecisionDetail{Description: words}) }},
		{domain.AwaitingApproval, func() { w.prove(false) }},
		{domain.CuttingOver, func() { w.decide(ana, domain.DecideApprove, domain.DecisionDetail{ProofID: w.row().ProofID}) }},
		{domain.Migrated, func() {
			w.begunCutOver()
			_, err := w.FinishMigration(ctx, worker, contract.FirstSyncDone{AttemptID: w.m.ID, RunID: w.first()})
			require.NoError(w.t, err)
		}},
		{domain.CleanUp, func() {
			_, err := w.OpenCleanUp(ctx, worker, w.m.ID)
			require.NoError(w.t, err)
		}},
	}
	for _, s := range steps {
		s.do()
		require.Equal(w.t, s.to, w.row().Phase)
		if s.to == p {
			return
		}
	}
}

func (w *migrationWorld) prove(frozen bool) contract.Standing {
	w.t.Helper()
	start := w.begin(contract.DirectorySyncInput{Purpose: domain.RunShadow, AttemptID: w.m.ID})
	require.False(w.t, start.Refused, start.Code)
	w.read(start.RunID)
	s, err := w.RecordProof(w.t.Context(), worker, contract.ShadowRead{AttemptID: w.m.ID, ShadowRunID: start.RunID, Frozen: frozen})
	require.NoError(w.t, err)
	return s
}

func (w *migrationWorld) begunCutOver() contract.CutOver {
	w.t.Helper()
	c, err := w.BeginCutOver(w.t.Context(), worker, w.m.ID)
	require.NoError(w.t, err)
	return c
}

// first runs the first synchronization to its end.
func (w *migrationWorld) first() string {
	w.t.Helper()
	start := w.begin(contract.DirectorySyncInput{Purpose: domain.RunFirst, AttemptID: w.m.ID, ShadowRunID: w.proof().ShadowRunID})
	require.False(w.t, start.Refused, start.Code)
	w.read(start.RunID)
	require.Equal(w.t, domain.RunDone, w.apply(start.RunID).State)
	return start.RunID
}

func (w *migrationWorld) proof() (p domain.Proof) {
	w.t.Helper()
	require.NoError(w.t, w.store.Read(w.t.Context(), func(r service.Rows) (err error) { p, err = r.Proofs().Get(w.row().ProofID); return err }))
	return p
}

// notices gives what was told, in the order of the change log: of notices of one
// moment the rows alone do not know the first.
func (w *migrationWorld) notices() (kinds []string) {
	w.t.Helper()
	for _, c := range list(w.t, w.world, func(r service.Rows) service.Table[domain.Change] { return r.Changes() }, service.Query{Where: service.Where{"kind": "notice"}, Order: []string{"seq"}}) {
		kinds = append(kinds, c.What)
	}
	return kinds
}

func (w *migrationWorld) audited(action string) (n int) {
	w.t.Helper()
	return len(list(w.t, w.world, audit, service.By(service.Where{"action": action, "outcome": "done"})))
}

func (w *migrationWorld) changed(what string) (n int) {
	w.t.Helper()
	return len(list(w.t, w.world, func(r service.Rows) service.Table[domain.Change] { return r.Changes() }, service.By(service.Where{"what": what})))
}

func codeOf(t *testing.T, err error) string {
	t.Helper()
	var refusal *domain.Error
	require.ErrorAs(t, err, &refusal)
	return refusal.Code
}
