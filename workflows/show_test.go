package workflows

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	sdk "go.temporal.io/api/sdk/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/testsuite"

	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/migration"
	"consentry/internal/rotation"
	"consentry/test/scripted"
)

// Whoever knows nothing but the page learns in every phase where it stands, until
// when, who must act, what may be decided by whom, and where to read on.
func TestTheMigrationsPageSaysWhatToDoInEveryPhase(t *testing.T) {
	for _, stage := range migration.Stages {
		t.Run(string(stage.Phase), func(t *testing.T) {
			r := &migrationRun{
				in:       contract.MigrationInput{AttemptID: "mig_1", IntegrationID: "int_1", AccountID: "acc_1", CampaignID: "cam_1"},
				standing: contract.Standing{Phase: stage.Phase, PhaseSeq: 2, Until: time.Unix(1e9, 0)}, since: time.Unix(9e8, 0),
				dates: contract.Dates{NextAt: time.Unix(1e9, 0), Overdue: true, CampaignVersion: 3, ReadAt: time.Unix(9e8, 0)},
			}
			if at, _ := r.alarm(); !stage.Phase.Ended() {
				r.armedFor = at
			}
			text := detailsOf(r)
			require.NotEmpty(t, meanings[stage.Phase])
			require.NotContains(t, text, "goes on synchronizing", "it is overdue")
			require.Contains(t, text, "**Where**: **"+string(stage.Phase)+"** since 1998-07-09T16:00:00Z. "+meanings[stage.Phase])
			require.Contains(t, text, "**Who acts**: ")
			if stage.Actor != "" {
				require.Contains(t, text, stage.Actor)
			}
			for _, kind := range stage.Decisions {
				require.Regexp(t, string(kind)+` \(`+string(migration.RoleFor(kind, domain.DecisionDetail{}))+`( or operator)?\)`, text)
			}
			require.Equal(t, migration.Allows(stage.Phase, domain.DecideCancel), strings.Contains(text, "cancel (migrate or operator)"))
			require.Equal(t, migration.Allows(stage.Phase, domain.DecideRollBack), strings.Contains(text, "roll-back (approve or operator)"))
			require.NotContains(t, text, "or operator or operator")
			require.Equal(t, len(stage.Decisions) > 0, strings.Contains(text, "**May be decided**"))
			require.Equal(t, migration.BeforeCutOver(stage.Phase), strings.Contains(text, "**Overdue**"))
			if !r.armedFor.IsZero() {
				require.Contains(t, text, "armed for 2001-09-09T01:46:40Z")
			}
			if stage.Phase.Ended() {
				r.armedFor = time.Unix(1e9, 0) // of the phase before
				require.NotContains(t, detailsOf(r), "**Until**")
			}
			require.Contains(t, text, "`consentry explain int_1`")
			require.Contains(t, text, "attempt `mig_1`, integration `int_1`, account `acc_1`, campaign `cam_1`")
		})
	}
}

// The deadline stands on the page as it was read, and what is said about the
// legacy app fits the side of it on which the migration is.
func TestTheMigrationsPageDoesNotContradictItsDeadline(t *testing.T) {
	r := &migrationRun{
		in: contract.MigrationInput{IntegrationID: "int_1"}, standing: contract.Standing{Phase: domain.AwaitingConsent},
		dates: contract.Dates{Deadline: time.Unix(1e9, 0), CampaignVersion: 3, ReadAt: time.Unix(9e8, 0)},
	}
	const read = "2001-09-09T01:46:40Z (campaign version 3 as read at 1998-07-09T16:00:00Z"
	before := detailsOf(r)
	require.Contains(t, before, "**Deadline**: not before "+read)
	require.Contains(t, before, "At least until then the legacy app may go on synchronizing")
	r.dates.Overdue = true
	after := detailsOf(r)
	require.Contains(t, after, "synchronization is stopped")
	require.Contains(t, after, "**Deadline**: it was "+read)
	require.NotContains(t, after, "go on synchronizing")
	r.dates = contract.Dates{}
	require.Contains(t, detailsOf(r), "**Deadline**: none is in force")
	r.standing.Phase = domain.Migrated
	require.NotContains(t, detailsOf(r), "Deadline")
}

// A cancelled workflow says so, and what becomes of the attempt.
func TestACancelledMigrationsPageSaysWhatBecomesOfIt(t *testing.T) {
	r := &migrationRun{standing: contract.Standing{Phase: domain.Cancelled}, stopped: true}
	require.Contains(t, detailsOf(r), "the attempt is over")
	r.standing.Phase = domain.Migrated
	require.Contains(t, detailsOf(r), "the next sweep starts its workflow anew")
}

func TestTheRotationsPageSaysWhoActs(t *testing.T) {
	in := contract.RotationInput{CellID: "cell_1"}
	busy := rotationDetails(in, contract.RotationStep{Action: string(rotation.Prove), CredentialID: "crd_2", Reason: string(rotation.NotProven), Message: "Tokens must show it."})
	require.Contains(t, busy, "**Where**: the next step is **prove**")
	require.Contains(t, busy, "**Why**: Tokens must show it. (`not_proven`)")
	require.Contains(t, busy, "nobody has to")
	require.Contains(t, busy, "cell `cell_1`, credential `crd_2`")

	idle := rotationDetails(in, contract.RotationStep{Action: string(rotation.Nothing), Reason: string(rotation.AllCurrent), Message: "Nothing is due.", Until: time.Unix(1e9, 0)})
	require.Contains(t, idle, "nothing to do now")
	require.Contains(t, idle, "**Until**: 2001-09-09T01:46:40Z")

	for _, why := range []rotation.Reason{rotation.FirstKey, rotation.WaitingForPerson} {
		person := rotationDetails(in, contract.RotationStep{Action: string(rotation.Prove), Reason: string(why), Message: "It waits."})
		require.Contains(t, person, "**Who acts**: an engineer of the vendor")
	}
}

// Nobody has to act, but for what the customer alone can mend.
func TestTheSynchronizationsPageNamesWhoMendsIt(t *testing.T) {
	for code, who := range map[string]string{
		contract.SyncConsentLost: "a tenant administrator of the customer", contract.SyncTenantMismatch: "a tenant administrator of the customer",
		contract.SyncLegacyDead: "a tenant administrator of the customer", contract.SyncDeadlinePassed: "a tenant administrator of the customer",
		contract.SyncUnavailable: "nobody has to", "": "nobody has to",
	} {
		r := &syncRun{in: contract.DirectorySyncInput{IntegrationID: "int_1", Purpose: domain.RunScheduled}, code: code}
		require.Contains(t, r.details("gives up: "+code), "**Who acts**: "+who, code)
	}
}

func TestTheSynchronizationsPageSaysWhatItIsFor(t *testing.T) {
	for _, purpose := range []domain.Purpose{domain.RunScheduled, domain.RunManual, domain.RunLegacy, domain.RunShadow, domain.RunFirst} {
		r := &syncRun{in: contract.DirectorySyncInput{IntegrationID: "int_1", AccountID: "acc_1", Purpose: purpose}, id: "run_1"}
		r.read.Full, r.read.Pages, r.read.Read = true, 3, 300
		text := r.details("reads")
		require.NotEmpty(t, purposes[purpose])
		require.Contains(t, text, "the **"+string(purpose)+"** run reads. It reads the whole directory: 3 pages, 300 objects")
		require.Contains(t, text, purposes[purpose])
		require.Contains(t, text, "`consentry explain int_1`")
		require.NotContains(t, text, "attempt")
		require.NotContains(t, text, "**Until**")
		r.until = time.Unix(1e9, 0)
		require.Contains(t, r.details("reads"), "**Until**: 2001-09-09T01:46:40Z")
		r.over = true
		require.NotContains(t, r.details("ended done"), "taken back", "nothing of it lies ahead")
	}
}

func TestHowASynchronizationCameOutIsASentence(t *testing.T) {
	require.Equal(t, "ended done: 1 added, 2 changed, 3 removed, 4 held", endWords(contract.DirectorySyncResult{State: domain.RunDone, Added: 1, Changed: 2, Removed: 3, Held: 4}))
	require.Equal(t, "ended error sync-unavailable: 0 added, 0 changed, 0 removed, 0 held", endWords(contract.DirectorySyncResult{State: domain.RunError, Code: "sync-unavailable"}))
}

func TestASynchronizationThatHeldChangesSaysWhatBecomesOfThem(t *testing.T) {
	r := &syncRun{in: contract.DirectorySyncInput{IntegrationID: "int_1", AccountID: "acc_1", Purpose: domain.RunManual}, id: "run_1", held: 7}
	text := r.details("ended done")
	require.Contains(t, text, "**Who acts**: nobody has to. 7 removals are held: they stay in the mirror")
	require.Contains(t, text, "run `run_1`, integration `int_1`")
	require.Equal(t, 1, strings.Count(text, "**Who acts**"))
}

func TestTheConnectorsPageSaysWhetherItHeldAndWhoActs(t *testing.T) {
	in := contract.ConnectorSetupInput{ConnectorID: "con_1", ConsentSessionID: "cs_1", AccountID: "acc_1"}
	for name, c := range map[string]struct {
		out  *contract.ConnectorStanding
		says []string
	}{
		"while it is checked": {nil, []string{"**checked with real calls**", "**Until**: it works", "**Who acts**: nobody has to"}},
		"works":               {&contract.ConnectorStanding{Condition: domain.ConditionOK}, []string{"the connector **works**", "**Who acts**: nobody"}},
		"did not hold":        {&contract.ConnectorStanding{Condition: domain.ConditionError, Code: "consent-no-permission"}, []string{"**did not hold** (`consent-no-permission`)", migration.Text("consent-no-permission"), "**Who acts**: an administrator of the tenant"}},
	} {
		t.Run(name, func(t *testing.T) {
			text := connectorDetails(in, c.out)
			for _, words := range append(c.says, "**Where**: ", "connector `con_1`, consent session `cs_1`, account `acc_1`") {
				require.Contains(t, text, words)
			}
		})
	}
}

// The sweep says step by step what it does and what it has done; what failed is
// left to the next, and it says so.
func TestTheSweepsPageSaysWhatItDidAndWhatIsNext(t *testing.T) {
	p := sweepPage{region: "eu"}
	text := p.text("looks for synchronizations that are due")
	require.Contains(t, text, "**Where**: the sweep of region **eu** looks for synchronizations that are due.")
	require.NotContains(t, text, "**So far**")
	p.did("started %d synchronizations", 3)
	p.tried(nil, "looked for %d consents", 2)
	p.tried(errors.New("away"), "looked after %d migrations", 1)
	text = p.text("is **done**")
	require.Contains(t, text, "**So far**: started 3 synchronizations; looked for 2 consents; looked after 1 migrations in vain (the history says why).")
	require.Contains(t, text, "(`sweep/eu`)")
	for _, label := range []string{"Why", "Until", "Who acts"} {
		require.Contains(t, text, "**"+label+"**: ")
	}
}

// What a whole sweep shows at its end, asked as the Temporal UI asks.
func TestASweepThatIsDoneShowsIt(t *testing.T) {
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	env.RegisterActivityWithOptions(&scripted.Sync{Waiting: 3}, activity.RegisterOptions{SkipInvalidStructFunctions: true})
	env.ExecuteWorkflow(SweepWorkflow, contract.SweepInput{Region: "eu"})
	require.NoError(t, env.GetWorkflowError())
	v, err := env.QueryWorkflow("__temporal_workflow_metadata")
	require.NoError(t, err)
	var shown sdk.WorkflowMetadata
	require.NoError(t, v.Get(&shown))
	require.Contains(t, shown.GetCurrentDetails(), "the sweep of region **eu** is **done**.")
	require.Contains(t, shown.GetCurrentDetails(), "looked for 3 consents")
}

// A tenant that turns out to be shared is for an operator to decide: the list and
// the page say so at once, in one upsert, and no longer once it is decided.
func TestAMigrationShowsThatAnOperatorHasToDecide(t *testing.T) {
	b := newBench(t, scripted.Script{Described: true, GoOn: true})
	var upserts int
	b.env.OnUpsertTypedSearchAttributes(mock.Anything).Run(func(mock.Arguments) { upserts++ }).Return(nil)
	tell := func(seq int64, code string) {
		b.env.SignalWorkflow(contract.SignalActorChanged, contract.ActorChanged{AttemptID: attempt, PhaseSeq: seq, Code: code})
	}
	says := func(person, words string) {
		t.Helper()
		require.Equal(t, person, b.describe().NeedsPerson)
		v, err := b.env.QueryWorkflow("__temporal_workflow_metadata")
		require.NoError(t, err)
		var shown sdk.WorkflowMetadata
		require.NoError(t, v.Get(&shown))
		require.Contains(t, shown.GetCurrentDetails(), words)
	}
	b.at(time.Hour, func() { tell(1, migration.ConsentTenantShared) })
	b.at(2*time.Hour, func() {
		says("operator", "**Who acts**: an operator, who decides whether the accounts share the tenant (consentry tenant allow)")
		says("operator", "**Why**: last time: Another account uses the tenant, too.")
		require.Equal(t, 1, upserts, "one action")
		tell(0, "") // of a phase that is over
		b.env.SignalWorkflow(contract.SignalActorChanged, contract.ActorChanged{AttemptID: "another", PhaseSeq: 1})
	})
	b.at(3*time.Hour, func() {
		says("operator", "an operator, who decides")
		require.Equal(t, 1, upserts)
		tell(1, "")
	})
	b.at(4*time.Hour, func() {
		says("tenant-administrator", "**Who acts**: a Privileged Role Administrator")
		require.Equal(t, 2, upserts)
		b.grant("cs_1")
	})
	require.Equal(t, domain.Closed, b.run(noDates).Phase)
}

// A signal that overtakes the answer which began its phase is not lost.
func TestWhoHasToActIsShownAlsoAheadOfItsPhase(t *testing.T) {
	r := &migrationRun{standing: contract.Standing{Phase: domain.AwaitingConsent, PhaseSeq: 3, Code: migration.ConsentTenantShared}}
	require.Equal(t, migration.Operator, r.needsPerson())
	require.Contains(t, detailsOf(r), "**Who acts**: an operator")
	r.standing.Phase = domain.Proving
	require.Empty(t, r.needsPerson())
}

// Consent that was begun in time holds the date back, and the page does not say
// that synchronization has stopped.
func TestTheMigrationsPageKnowsTheGrace(t *testing.T) {
	r := &migrationRun{
		in: contract.MigrationInput{IntegrationID: "int_1"}, standing: contract.Standing{Phase: domain.AwaitingConsent},
		dates: contract.Dates{Deadline: time.Unix(9e8, 0), NextAt: time.Unix(1e9, 0), Overdue: true, CampaignVersion: 3, ReadAt: time.Unix(9e8, 0)},
	}
	text := detailsOf(r)
	require.Contains(t, text, "the legacy app may synchronize until 2001-09-09T01:46:40Z")
	require.NotContains(t, text, "synchronization is stopped")
	at, why := r.alarm()
	require.Equal(t, time.Unix(1e9, 0), at)
	require.Contains(t, why, "grace")
	r.dates.NextAt = time.Time{}
	require.Contains(t, detailsOf(r), "synchronization is stopped")
}

// What only the vendor can mend names the vendor, on every page as in the
// explanation.
func TestPagesNameTheVendorForFaultsOfItsOwn(t *testing.T) {
	r := &migrationRun{standing: contract.Standing{Phase: domain.Proving}, waiting: contract.SyncMisconfigured, retryAt: time.Unix(1e9, 0)}
	require.Contains(t, detailsOf(r), "**Who acts**: an operator of the vendor mends that")
	for _, code := range []string{contract.SyncMisconfigured, contract.SyncPageUnreadable} {
		require.True(t, migration.MendedByOperators(code))
		s := &syncRun{in: contract.DirectorySyncInput{IntegrationID: "int_1", Purpose: domain.RunScheduled}, code: code}
		require.Contains(t, s.details("gives up: "+code), "**Who acts**: an operator of the vendor")
	}
	text := connectorDetails(contract.ConnectorSetupInput{}, &contract.ConnectorStanding{Code: migration.CellMisconfigured})
	require.Contains(t, text, "**Who acts**: an operator of the vendor")
}
