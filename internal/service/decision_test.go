package service_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/migration"
	"consentry/internal/service"
)

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
		"extension for a decade":   {give(olga, domain.DecideExtend, domain.DecisionDetail{Deadline: domain.At(w.now.AddDate(10, 0, 0))}), domain.Invalid, "invalid-deadline"},
		"extension to what is":     {give(olga, domain.DecideExtend, domain.DecisionDetail{Deadline: domain.At(w.now.Add(30 * 24 * time.Hour))}), domain.Conflict, migration.DeadlineNotLater},
		"extension for ever":       {give(olga, domain.DecideExtend, domain.DecisionDetail{Deadline: domain.At(w.now.Add(800 * day))}), domain.Invalid, "invalid-deadline"},
		"extension without a date": {give(olga, domain.DecideExtend, domain.DecisionDetail{}), domain.Invalid, "invalid-deadline"},
		"no such kind":             {give(mika, "dance", domain.DecisionDetail{}), domain.Invalid, "invalid-kind"},
	} {
		require.Equal(t, c.kind, domain.KindOf(c.err), name)
		require.Equal(t, c.code, codeOf(t, c.err), name)
	}
	require.Empty(t, list(t, w.world, func(r service.Rows) service.Table[domain.Decision] { return r.Decisions() }, service.Query{}))
}

// The connector to come bears the integration's name of today; one that was let go
// has no say in it.
func TestADescriptionIsHeldAgainstTheNameItWillStandBeside(t *testing.T) {
	w := newMigrationWorld(t)
	w.reach(domain.AwaitingDescription)
	w.decide(mika, domain.DecideCancel, domain.DecisionDetail{})
	_, err := w.Disconnect(t.Context(), ana, w.connector().ID)
	require.NoError(t, err)
	w.change(func(i *domain.Integration) { i.Name = "Contoso head office" })
	w.open()
	_, err = w.GiveDecision(t.Context(), mika, "", w.m.ID, domain.DecideDescribe, domain.DecisionDetail{Description: "Contoso head office"})
	require.Equal(t, "invalid-description", codeOf(t, err))
	w.decide(mika, domain.DecideDescribe, domain.DecisionDetail{Description: words})
	w.consent("cs_again")
	_, err = w.ConsentConfirmed(t.Context(), worker, w.m.ID)
	require.NoError(t, err)
	for _, c := range list(t, w.world, func(r service.Rows) service.Table[domain.Connector] { return r.Connectors() }, service.Query{}) {
		require.Equal(t, c.ID == w.row().ConnectorID, c.DisconnectedAt.IsZero(), "what was let go stays so")
		require.Equal(t, c.DisconnectedAt.IsZero(), c.Name == "Contoso head office")
	}
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

func TestAReadingIsComparedWhenItIsComplete(t *testing.T) {
	w := newMigrationWorld(t)
	w.reach(domain.Proving)
	start := w.begin(contract.DirectorySyncInput{Purpose: domain.RunShadow, AttemptID: w.m.ID})
	_, err := w.RecordProof(t.Context(), worker, contract.ShadowRead{AttemptID: w.m.ID, ShadowRunID: start.RunID})
	require.Equal(t, "not-read", codeOf(t, err))
	require.Equal(t, domain.Proving, w.row().Phase)
}

func TestApprovalNamesTheProofThatStandsAndIsFresh(t *testing.T) {
	w := newMigrationWorld(t)
	w.reach(domain.AwaitingApproval)
	_, err := w.GiveDecision(t.Context(), ana, "", w.m.ID, domain.DecideApprove, domain.DecisionDetail{ProofID: "prf_other"})
	refusal, ok := errors.AsType[*domain.Error](err)
	require.True(t, ok)
	require.Equal(t, migration.ProofOther, refusal.Code)
	require.Equal(t, "proofId", refusal.Field)
	require.Equal(t, domain.AwaitingApproval, w.row().Phase, "a mistake makes no new comparison")

	// The comparison is replaced between giving and applying.
	given, err := w.GiveDecision(t.Context(), ana, "", w.m.ID, domain.DecideApprove, domain.DecisionDetail{ProofID: w.row().ProofID})
	require.NoError(t, err)
	require.NoError(t, w.store.Write(t.Context(), func(r service.Rows) error {
		m, err := r.Migrations().Get(w.m.ID)
		if err != nil {
			return err
		}
		m.ProofID = "prf_later"
		return r.Migrations().Update(&m)
	}))
	res, err := w.ApplyDecision(t.Context(), worker, contract.ApplyDecision{AttemptID: w.m.ID, DecisionID: given.ID})
	require.NoError(t, err)
	require.Equal(t, domain.DecisionRefused, res.State)
	require.Equal(t, migration.ProofOther, res.Code)
	require.Equal(t, domain.Proving, res.Phase)

	w.prove(false)
	seen := w.row().ProofID
	w.now = w.now.Add(25 * time.Hour)
	d, res := w.decide(ana, domain.DecideApprove, domain.DecisionDetail{ProofID: seen})
	require.Equal(t, migration.ProofTooOld, d.Code)
	require.Equal(t, domain.Proving, res.Phase)
	require.NotEmpty(t, d.Reason)
}

func TestARefusalStaysWithItsReason(t *testing.T) {
	w := newMigrationWorld(t)
	w.reach(domain.AwaitingApproval)
	seq := w.row().PhaseSeq
	for _, none := range []string{"", " \n ", "steers \x1b[2J a terminal", strings.Repeat("x", 241)} {
		_, err := w.GiveDecision(t.Context(), ana, "", w.m.ID, domain.DecideRefuse, domain.DecisionDetail{Reason: none})
		require.Equal(t, domain.Invalid, domain.KindOf(err), "%q", none)
		require.Equal(t, "invalid-reason", codeOf(t, err))
	}
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
	w.decide(mika, domain.DecideCancel, domain.DecisionDetail{})

	w.open() // nor does one that was confirmed beforehand
	w.decide(ana, domain.DecideDescribe, domain.DecisionDetail{Description: words, GoOnIfUnchanged: true})
	w.consent("cs_paused")
	_, err = w.ConsentConfirmed(t.Context(), worker, w.m.ID)
	require.NoError(t, err)
	require.Equal(t, domain.AwaitingApproval, w.prove(false).Phase)
	require.Equal(t, migration.CampaignPaused, w.row().FailureCode)
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
	_, res := w.decide(mika, domain.DecideCleanUp, domain.DecisionDetail{Removed: true})
	require.Equal(t, domain.CleanUp, res.Phase)
	require.False(t, res.Until.After(w.now), "nothing more is waited for")
	require.Equal(t, "confirmed", w.row().OldAppRemoved)
	require.True(t, w.row().WayBackUntil.Equal(w.now), "the way back is over, and is shown as over")

	w = newMigrationWorld(t)
	w.reach(domain.CleanUp)
	_, res = w.decide(mika, domain.DecideCleanUp, domain.DecisionDetail{})
	require.Equal(t, domain.Closed, res.Phase)
	require.Equal(t, "declined", w.row().OldAppRemoved)
}

func TestAKeyIsForOneDecision(t *testing.T) {
	w := newMigrationWorld(t)
	w.reach(domain.AwaitingDescription)
	give := func(text string) (domain.Decision, error) {
		return w.GiveDecision(t.Context(), ana, "k1", w.m.ID, domain.DecideDescribe, domain.DecisionDetail{Description: text})
	}
	first, err := give("Employees and groups of the head office")
	require.NoError(t, err)
	again, err := give("Employees and groups of the head office")
	require.NoError(t, err)
	require.Equal(t, first.ID, again.ID)
	_, err = give("Something else altogether")
	require.Equal(t, domain.Conflict, domain.KindOf(err))
	require.ErrorContains(t, err, "Idempotency-Key")
	require.Len(t, list(t, w.world, func(r service.Rows) service.Table[domain.Decision] { return r.Decisions() }, service.Query{}), 1)
}
