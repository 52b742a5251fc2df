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

// A campaign waits for its day, leaves out who is leaving, and a date that the
// account was given in another campaign means nothing in this one.
func TestWhomACampaignOpensAttemptsFor(t *testing.T) {
	w := newMigrationWorld(t)
	w.open()
	w.decide(olga, domain.DecideExtend, domain.DecisionDetail{Deadline: domain.At(w.now.Add(60 * 24 * time.Hour))})
	w.decide(mika, domain.DecideCancel, domain.DecisionDetail{})
	next := w.campaign()
	next.ID, next.StartedAt, next.Terms.AvailableFrom = "c2", domain.Instant{}, domain.At(w.now.Add(time.Hour))
	w.write(func(r service.Rows) error {
		for _, err := range []error{
			r.Campaigns().Insert(&next),
			r.Accounts().Insert(&domain.Account{ID: "leaves", Name: "Leaves", Region: "eu"}),
			r.Integrations().Insert(&domain.Integration{ID: "il", AccountID: "leaves", Name: "Leaves", Product: domain.ProductDirectorySync, Binding: domain.BoundLegacy, Epoch: 1, Condition: domain.ConditionOK}),
		} {
			if err != nil {
				return err
			}
		}
		return nil
	})
	_, err := w.RequestDeletion(t.Context(), olga, "leaves", "Leaves")
	require.NoError(t, err)
	_, err = w.StartCampaign(t.Context(), olga, "c2")
	require.Equal(t, "not-available-yet", codeOf(t, err))
	w.now = w.now.Add(time.Hour)
	out, err := w.StartCampaign(t.Context(), olga, "c2")
	require.NoError(t, err)
	require.Equal(t, service.CampaignStart{Opened: 1}, out)
	w.m, err = w.StartMigration(t.Context(), mika, "i")
	require.NoError(t, err)
	require.Equal(t, "c2", w.row().CampaignID)
	require.True(t, w.row().Deadline.IsZero())

	_, err = w.WithdrawDeletion(t.Context(), olga, "leaves")
	require.NoError(t, err)
	out, err = w.StartCampaign(t.Context(), olga, "c2")
	require.NoError(t, err)
	require.Equal(t, service.CampaignStart{Opened: 1, Already: 1}, out, "who stays after all is asked, too")
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
	require.True(t, m.WayBackUntil.Equal(m.MigratedAt.Add(14*24*time.Hour)), "the campaign's window")
	require.True(t, m.RemovalAdvised.Equal(m.WayBackUntil.Time))
	require.Equal(t, []string{"actions-needed", "migrated", "receipt", "clean-up"}, w.notices())
	require.Equal(t, w.dir.objects(), w.mirror(), "nothing of the directory is lost")
	require.Equal(t, []string{
		contract.MigrationWorkflow, contract.SignalConsentGranted, contract.UpdateApplyDecision, contract.UpdateApplyDecision, contract.CertificateRotationWorkflow,
	}, w.door.names())
	require.EqualValues(t, 8, m.PhaseSeq, "one number a phase")

	w.now = m.CleanUpUntil.Time
	s, err := w.AdvanceCleanUp(t.Context(), worker, m.ID)
	require.NoError(t, err)
	require.Equal(t, domain.Closed, s.Phase)
	require.False(t, w.row().Open)
	_, err = w.StartMigration(t.Context(), mika, "i")
	require.Equal(t, "already-migrated", codeOf(t, err))
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
		"close":    func() error { _, err := w.AdvanceCleanUp(ctx, worker, id); return err },
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
	due, err := w.ApprovalsToLookFor(t.Context(), worker, "eu")
	require.NoError(t, err)
	require.Len(t, due, 1, "what is missing may be granted in Microsoft's portal")
	w.consent("cs_2")
	before := w.row()
	inside(w.syncWorld, func(tx *service.Tx) (struct{}, error) {
		m := before
		return struct{}{}, tx.ConsentFailed(&m, "declined", "too late")
	})
	require.Equal(t, before, w.row(), "a late failure does not disturb it")
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
