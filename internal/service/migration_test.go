package service_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/migration"
	"consentry/internal/service"
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
// integration has synchronised through its legacy app.
type migrationWorld struct {
	*syncWorld
	t *testing.T
	m domain.Migration
}

func newMigrationWorld(t *testing.T) *migrationWorld {
	t.Helper()
	w := &migrationWorld{syncWorld: newSyncWorld(t), t: t}
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
		{domain.ConfirmingConsent, func() { w.consent("cs_1") }},
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

// first runs the first synchronisation to its end.
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

func (w *migrationWorld) notices() (kinds []string) {
	w.t.Helper()
	for _, n := range list(w.t, w.world, func(r service.Rows) service.Table[domain.Notice] { return r.Notices() }, service.Query{Order: []string{"created_at"}}) {
		kinds = append(kinds, n.Kind)
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

func TestOpeningAnAttemptWritesEverythingItsWorkflowNeeds(t *testing.T) {
	w := newMigrationWorld(t)
	w.open()
	m := w.row()
	require.Equal(t, domain.AwaitingConsent, m.Phase)
	require.EqualValues(t, 1, m.PhaseSeq)
	require.True(t, w.integration().Frozen)
	require.Equal(t, []string{"actions-needed"}, w.notices())
	require.Equal(t, 1, w.audited("start-migration"))
	require.Equal(t, 1, w.changed("start-migration"))
	require.Equal(t, []string{contract.MigrationWorkflow}, w.door.names())

	var in contract.MigrationInput
	require.NoError(t, json.Unmarshal(w.door.taken[0].Payload, &in))
	require.Equal(t, m.ID, in.AttemptID)
	require.True(t, in.Dates.NextAt.Equal(w.now.Add(16*24*time.Hour)), "the first reminder, 14 days before the date")
	require.True(t, in.Dates.Deadline.Equal(w.now.Add(30*24*time.Hour)))
	require.True(t, m.ArmedFor.Equal(in.Dates.NextAt))

	again, err := w.StartMigration(t.Context(), mika, "i")
	require.NoError(t, err)
	require.Equal(t, m.ID, again.ID, "asking twice opens one")
	require.Len(t, w.door.taken, 1)
}

func TestWhoMayOpenAnAttempt(t *testing.T) {
	w := newMigrationWorld(t)
	_, err := w.StartMigration(t.Context(), eve, "i")
	require.Equal(t, domain.NotFound, domain.KindOf(err), "another account's integration does not exist")
	_, err = w.StartMigration(t.Context(), vera, "i")
	require.Equal(t, domain.Forbidden, domain.KindOf(err))
	_, err = w.StartMigration(t.Context(), olga, "i")
	require.NoError(t, err)
}

func TestACampaignOpensAttemptsOnlyWhereNoneIsOpen(t *testing.T) {
	w := newMigrationWorld(t)
	_, err := w.StartCampaign(t.Context(), ana, "c")
	require.Equal(t, domain.Forbidden, domain.KindOf(err))
	out, err := w.StartCampaign(t.Context(), olga, "c")
	require.NoError(t, err)
	require.Equal(t, service.CampaignStart{Opened: 1}, out)
	out, err = w.StartCampaign(t.Context(), olga, "c")
	require.NoError(t, err)
	require.Equal(t, service.CampaignStart{Already: 1}, out)
	require.Len(t, w.door.taken, 1)
}

func TestTheHappyRoad(t *testing.T) {
	w := newMigrationWorld(t)
	before := w.integration()
	w.reach(domain.CleanUp)
	m, i, c := w.row(), w.integration(), w.connector()
	require.Equal(t, domain.BoundConnector, i.Binding)
	require.Equal(t, c.ID, i.ConnectorID)
	require.Equal(t, before.Epoch+1, i.Epoch)
	require.False(t, i.Frozen)
	require.Equal(t, "Contoso", c.Name, "the first migration names it")
	require.Equal(t, words, c.Description)
	require.Equal(t, "oid-admin", c.ConsentedBy)
	require.False(t, c.EnrolledAt.IsZero())
	require.True(t, m.RemovalAdvised.Equal(m.WayBackUntil.Time))
	require.Equal(t, []string{"actions-needed", "migrated", "receipt", "clean-up"}, w.notices())
	require.Equal(t, w.dir.objects(), w.mirror(), "nothing of the directory is lost")
	require.Equal(t, []string{
		contract.MigrationWorkflow, contract.SignalConsentGranted, contract.UpdateApplyDecision, contract.UpdateApplyDecision, contract.CertificateRotationWorkflow,
	}, w.door.names())
	require.EqualValues(t, 8, m.PhaseSeq, "one number a phase")

	s, err := w.CloseMigration(t.Context(), worker, m.ID)
	require.NoError(t, err)
	require.Equal(t, domain.Closed, s.Phase)
	require.False(t, w.row().Open)
	for _, p := range []domain.Phase{domain.ConfirmingConsent, domain.AwaitingDescription, domain.Proving, domain.AwaitingApproval, domain.CuttingOver, domain.Migrated, domain.CleanUp, domain.Closed} {
		require.Equal(t, 1, w.audited("migration-"+string(p)), p)
		require.Equal(t, 1, w.changed("migration-"+string(p)), p)
	}
}

func TestStepsOutOfOrderAreRefusedAndChangeNothing(t *testing.T) {
	w := newMigrationWorld(t)
	w.open()
	before := w.row()
	ctx, id := t.Context(), w.m.ID
	for name, step := range map[string]func() error{
		"confirm": func() error { _, err := w.ConsentConfirmed(ctx, worker, id); return err },
		"deny":    func() error { _, err := w.ConsentNotConfirmed(ctx, worker, id, "x"); return err },
		"lose":    func() error { _, err := w.LoseConsent(ctx, worker, id, "x"); return err },
		"prove": func() error {
			_, err := w.RecordProof(ctx, worker, contract.ShadowRead{AttemptID: id, ShadowRunID: "run_x"})
			return err
		},
		"begin": func() error { _, err := w.BeginCutOver(ctx, worker, id); return err },
		"finish": func() error {
			_, err := w.FinishMigration(ctx, worker, contract.FirstSyncDone{AttemptID: id})
			return err
		},
		"compensate": func() error {
			_, err := w.CompensateCutOver(ctx, worker, contract.FirstSyncFailed{AttemptID: id})
			return err
		},
		"clean up": func() error { _, err := w.OpenCleanUp(ctx, worker, id); return err },
		"close":    func() error { _, err := w.CloseMigration(ctx, worker, id); return err },
	} {
		require.Equal(t, service.CodeOutOfOrder, codeOf(t, step()), name)
	}
	require.Equal(t, before, w.row())
}

func TestConsentThatIsNotConfirmedSaysWhyAndMayBeTriedAgain(t *testing.T) {
	w := newMigrationWorld(t)
	w.reach(domain.ConfirmingConsent)
	s, err := w.ConsentNotConfirmed(t.Context(), worker, w.m.ID, migration.ConsentNoPermission)
	require.NoError(t, err)
	require.Equal(t, migration.ConsentNoPermission, s.Code)
	require.Equal(t, domain.AwaitingConsent, s.Phase)
	require.Contains(t, w.row().ConsentText, "Privileged Role Administrator")
	require.Contains(t, w.notices(), "consent-failed")
	w.consent("cs_2")
	require.Empty(t, w.row().ConsentCode)
	require.Equal(t, domain.ConfirmingConsent, w.row().Phase)
	signal := w.door.taken[len(w.door.taken)-1]
	var m contract.ConsentGranted
	require.NoError(t, json.Unmarshal(signal.Payload, &m))
	require.Equal(t, w.row().PhaseSeq, m.PhaseSeq)
}

func TestASecondAdministratorsConsentChangesNothing(t *testing.T) {
	w := newMigrationWorld(t)
	w.reach(domain.AwaitingDescription)
	before, sent := w.row(), len(w.door.taken)
	w.consent("cs_2")
	require.Equal(t, before, w.row())
	require.Len(t, w.door.taken, sent)
}

func TestDescriptionGivenAheadIsPassedThrough(t *testing.T) {
	w := newMigrationWorld(t)
	w.open()
	_, res := w.decide(mika, domain.DecideDescribe, domain.DecisionDetail{Description: words})
	require.Equal(t, domain.AwaitingConsent, res.Phase)
	w.consent("cs_1")
	s, err := w.ConsentConfirmed(t.Context(), worker, w.m.ID)
	require.NoError(t, err)
	require.Equal(t, domain.Proving, s.Phase)
	require.Equal(t, words, w.connector().Description)
}

func TestALaterMigrationReusesTheConnector(t *testing.T) {
	w := newMigrationWorld(t)
	w.write(func(r service.Rows) error {
		return r.Connectors().Insert(&domain.Connector{ID: "conn", AccountID: "a", TenantID: "tenant", Product: domain.ProductDirectorySync, Name: "Head office", Description: "said before", CellID: "cell"})
	})
	w.reach(domain.AwaitingDescription)
	require.Equal(t, "conn", w.row().ConnectorID)
	require.Equal(t, "Head office", w.connector().Name)
	require.Equal(t, "said before", w.connector().Description, "it stands until it is confirmed or changed")
	w.decide(mika, domain.DecideDescribe, domain.DecisionDetail{Description: words})
	require.Equal(t, words, w.connector().Description)
}

func TestWhatMayBeDecidedByWhomAndWhen(t *testing.T) {
	w := newMigrationWorld(t)
	w.reach(domain.AwaitingDescription)
	give := func(who domain.Caller, kind domain.DecisionKind, d domain.DecisionDetail) error {
		_, err := w.GiveDecision(t.Context(), who, "", w.m.ID, kind, d)
		return err
	}
	describe := domain.DecisionDetail{Description: words}
	for name, c := range map[string]struct {
		err  error
		kind domain.Kind
		code string
	}{
		"another account":          {give(eve, domain.DecideDescribe, describe), domain.NotFound, "not-found"},
		"too small a role":         {give(vera, domain.DecideDescribe, describe), domain.Forbidden, "role-needed"},
		"an operator":              {give(olga, domain.DecideDescribe, describe), domain.Forbidden, "role-needed"},
		"approval beforehand":      {give(mika, domain.DecideDescribe, domain.DecisionDetail{Description: words, GoOnIfUnchanged: true}), domain.Forbidden, "role-needed"},
		"too short":                {give(mika, domain.DecideDescribe, domain.DecisionDetail{Description: "short"}), domain.Invalid, "invalid-description"},
		"no more than the name":    {give(mika, domain.DecideDescribe, domain.DecisionDetail{Description: " contoso "}), domain.Invalid, "invalid-description"},
		"nothing to approve":       {give(ana, domain.DecideApprove, domain.DecisionDetail{ProofID: "prf_1"}), domain.Conflict, migration.NotInPhase},
		"not migrated":             {give(mika, domain.DecideCleanUp, domain.DecisionDetail{Removed: true}), domain.Conflict, migration.NotInPhase},
		"extension by a customer":  {give(ana, domain.DecideExtend, domain.DecisionDetail{Deadline: domain.At(w.now.Add(900 * time.Hour))}), domain.Forbidden, "operator-needed"},
		"extension to the past":    {give(olga, domain.DecideExtend, domain.DecisionDetail{Deadline: domain.At(w.now)}), domain.Invalid, "invalid-deadline"},
		"extension without a date": {give(olga, domain.DecideExtend, domain.DecisionDetail{}), domain.Invalid, "invalid-deadline"},
		"no such kind":             {give(mika, "dance", domain.DecisionDetail{}), domain.Invalid, "invalid-kind"},
	} {
		require.Equal(t, c.kind, domain.KindOf(c.err), name)
		require.Equal(t, c.code, codeOf(t, c.err), name)
	}
	require.Empty(t, list(t, w.world, func(r service.Rows) service.Table[domain.Decision] { return r.Decisions() }, service.Query{}))
}

func TestAKeyMakesADecisionOnceOnly(t *testing.T) {
	w := newMigrationWorld(t)
	w.reach(domain.AwaitingDescription)
	sent := len(w.door.taken)
	first, err := w.GiveDecision(t.Context(), mika, "k", w.m.ID, domain.DecideDescribe, domain.DecisionDetail{Description: words})
	require.NoError(t, err)
	again, err := w.GiveDecision(t.Context(), mika, "k", w.m.ID, domain.DecideDescribe, domain.DecisionDetail{Description: words})
	require.NoError(t, err)
	require.Equal(t, first.ID, again.ID)
	require.Len(t, w.door.taken, sent+1)
	require.Equal(t, first.ID, w.door.taken[sent].DedupeID, "the decision's id is the update's")
}

func TestADecisionIsAppliedOnceAndKeepsItsAnswer(t *testing.T) {
	w := newMigrationWorld(t)
	w.reach(domain.AwaitingDescription)
	d, first := w.decide(mika, domain.DecideDescribe, domain.DecisionDetail{Description: words})
	w.prove(false)
	again, err := w.ApplyDecision(t.Context(), worker, contract.ApplyDecision{AttemptID: w.m.ID, DecisionID: d.ID})
	require.NoError(t, err)
	require.Equal(t, domain.DecisionApplied, again.State)
	require.Greater(t, again.PhaseSeq, first.PhaseSeq, "a repeat tells where the migration stands now")
	require.Equal(t, 1, w.audited("apply-decision"))

	other, err := w.ApplyDecision(t.Context(), worker, contract.ApplyDecision{AttemptID: w.m.ID, DecisionID: "dec_none"})
	require.True(t, domain.IsNotFound(err), "%v", other)
}

func TestNothingChangesGoesOnOnlyIfThatWasConfirmed(t *testing.T) {
	for name, c := range map[string]struct {
		goOn, frozen, differs bool
		want                  domain.Phase
		code                  string
	}{
		"confirmed":                  {goOn: true, want: domain.CuttingOver},
		"not confirmed":              {want: domain.AwaitingApproval},
		"frozen":                     {goOn: true, frozen: true, want: domain.AwaitingApproval},
		"something changes":          {goOn: true, differs: true, want: domain.AwaitingApproval, code: migration.ProofDiffers},
		"changes, and not confirmed": {differs: true, want: domain.AwaitingApproval},
	} {
		t.Run(name, func(t *testing.T) {
			w := newMigrationWorld(t)
			w.open()
			w.decide(ana, domain.DecideDescribe, domain.DecisionDetail{Description: words, GoOnIfUnchanged: c.goOn})
			w.consent("cs_1")
			_, err := w.ConsentConfirmed(t.Context(), worker, w.m.ID)
			require.NoError(t, err)
			if c.differs {
				w.dir.user("u99", "New hire")
			}
			s := w.prove(c.frozen)
			require.Equal(t, c.want, s.Phase)
			require.Equal(t, c.code, w.row().FailureCode)
			require.Equal(t, c.differs, !w.proof().Equal())
			again, err := w.RecordProof(t.Context(), worker, contract.ShadowRead{AttemptID: w.m.ID, ShadowRunID: w.proof().ShadowRunID, Frozen: c.frozen})
			require.NoError(t, err)
			require.Equal(t, s.PhaseSeq, again.PhaseSeq, "a shadow has its say once")
		})
	}
}

func TestApprovalNamesTheProofThatStandsAndIsFresh(t *testing.T) {
	w := newMigrationWorld(t)
	w.reach(domain.AwaitingApproval)
	d, res := w.decide(ana, domain.DecideApprove, domain.DecisionDetail{ProofID: "prf_other"})
	require.Equal(t, domain.DecisionRefused, d.State)
	require.Equal(t, migration.ProofOther, d.Code)
	require.Equal(t, domain.Proving, res.Phase)

	w.prove(false)
	seen := w.row().ProofID
	w.now = w.now.Add(25 * time.Hour)
	d, res = w.decide(ana, domain.DecideApprove, domain.DecisionDetail{ProofID: seen})
	require.Equal(t, migration.ProofTooOld, d.Code)
	require.Equal(t, domain.Proving, res.Phase)
	require.NotEmpty(t, d.Reason)
}

func TestARefusalStaysWithItsReason(t *testing.T) {
	w := newMigrationWorld(t)
	w.reach(domain.AwaitingApproval)
	seq := w.row().PhaseSeq
	_, res := w.decide(ana, domain.DecideRefuse, domain.DecisionDetail{Reason: "two leavers are still   paid"})
	require.Equal(t, domain.DecisionApplied, res.State)
	require.Equal(t, domain.AwaitingApproval, res.Phase)
	require.Equal(t, seq, w.row().PhaseSeq)
	require.Equal(t, "The changes were refused: two leavers are still paid", w.row().FailureText)
	require.Equal(t, domain.BoundLegacy, w.integration().Binding)
}

func TestAPausedCampaignBeginsNoSwitch(t *testing.T) {
	w := newMigrationWorld(t)
	w.reach(domain.AwaitingApproval)
	terms := list(t, w.world, func(r service.Rows) service.Table[domain.Campaign] { return r.Campaigns() }, service.Query{})[0].Terms
	_, err := w.ChangeCampaign(t.Context(), olga, "c", service.CampaignChange{Version: 1, Terms: terms, Paused: true})
	require.NoError(t, err)
	d, _ := w.decide(ana, domain.DecideApprove, domain.DecisionDetail{ProofID: w.row().ProofID})
	require.Equal(t, migration.CampaignPaused, d.Code)
	require.Equal(t, domain.AwaitingApproval, w.row().Phase)
}

func TestCancellingLeavesNothingOpen(t *testing.T) {
	for _, p := range []domain.Phase{domain.AwaitingConsent, domain.ConfirmingConsent, domain.AwaitingDescription, domain.Proving, domain.AwaitingApproval} {
		t.Run(string(p), func(t *testing.T) {
			w := newMigrationWorld(t)
			w.reach(p)
			left, err := w.GiveDecision(t.Context(), mika, "", w.m.ID, domain.DecideDescribe, domain.DecisionDetail{Description: words})
			require.NoError(t, err)
			d, res := w.decide(olga, domain.DecideCancel, domain.DecisionDetail{})
			require.Equal(t, domain.DecisionApplied, d.State)
			require.Equal(t, domain.Cancelled, res.Phase)
			require.False(t, w.row().Open)
			require.False(t, w.integration().Frozen)
			require.Equal(t, migration.MigrationEnded, w.decision(left.ID).Code, "a decision nobody applied gets its answer")
			_, err = w.GiveDecision(t.Context(), mika, "", w.m.ID, domain.DecideDescribe, domain.DecisionDetail{Description: words})
			require.Equal(t, migration.MigrationEnded, codeOf(t, err))
			again, err := w.StartMigration(t.Context(), mika, "i")
			require.NoError(t, err)
			require.NotEqual(t, w.m.ID, again.ID, "a new attempt may be opened")
		})
	}
}

func TestCleanUpAnswers(t *testing.T) {
	w := newMigrationWorld(t)
	w.reach(domain.Migrated)
	_, err := w.GiveDecision(t.Context(), mika, "", w.m.ID, domain.DecideCleanUp, domain.DecisionDetail{})
	require.Equal(t, migration.WayBackStillOpen, codeOf(t, err))
	_, err = w.GiveDecision(t.Context(), ana, "", w.m.ID, domain.DecideRollBack, domain.DecisionDetail{})
	require.Equal(t, migration.RollBackUnavailable, codeOf(t, err))
	_, res := w.decide(mika, domain.DecideCleanUp, domain.DecisionDetail{Removed: true})
	require.Equal(t, domain.CleanUp, res.Phase)
	require.False(t, res.Until.After(w.now), "nothing more is waited for")
	require.Equal(t, "confirmed", w.row().OldAppRemoved)

	w = newMigrationWorld(t)
	w.reach(domain.CleanUp)
	_, res = w.decide(mika, domain.DecideCleanUp, domain.DecisionDetail{})
	require.Equal(t, domain.Closed, res.Phase)
	require.Equal(t, "declined", w.row().OldAppRemoved)
}
