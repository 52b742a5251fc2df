package activities_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/testsuite"
	"go.uber.org/zap"

	"consentry/activities"
	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/migration"
	"consentry/internal/service"
	"consentry/internal/store"
	"consentry/internal/store/storetest"
	"consentry/test/standin"
)

// entraError is the adapter's error as the activities see it.
type entraError struct {
	kind, code string
}

func (e entraError) Error() string       { return "Microsoft says " + e.kind }
func (e entraError) FaultKind() string   { return e.kind }
func (e entraError) FaultCode() string   { return e.code }
func (e entraError) Wait() time.Duration { return 0 }

// probes answers a consent's probes in turn, the last one for ever, and lets the
// clock run a minute each time.
type probes struct {
	answers []error
	made    int
	b       *consentBench
}

func (p *probes) ProbeConsent(_ context.Context, cellID, tenantID string) error {
	require.Equal(p.b.t, "cell", cellID)
	require.Equal(p.b.t, "tenant", tenantID)
	p.made++
	p.b.now = p.b.now.Add(time.Minute)
	answer := p.answers[0]
	if len(p.answers) > 1 {
		p.answers = p.answers[1:]
	}
	return answer
}

// consentBench is a migration whose consent is to be confirmed within ten
// minutes.
type consentBench struct {
	t      *testing.T
	store  *store.Store
	now    time.Time
	env    *testsuite.TestActivityEnvironment
	act    *activities.Migration
	probes *probes
}

func newConsentBench(t *testing.T, answers ...error) *consentBench {
	t.Helper()
	b := &consentBench{t: t, store: storetest.Open(t), now: time.Date(2026, 6, 1, 8, 0, 0, 0, time.UTC)}
	b.probes = &probes{answers: answers, b: b}
	clock := func() time.Time { return b.now }
	require.NoError(t, b.store.Write(t.Context(), func(r service.Rows) error {
		return errors.Join(
			r.Accounts().Insert(&domain.Account{ID: "a", Region: "eu"}),
			r.Cells().Insert(&domain.Cell{ID: "cell"}),
			r.Campaigns().Insert(&domain.Campaign{ID: "c", Terms: domain.CampaignTerms{ConsentBudget: domain.Duration(10 * time.Minute)}}),
			r.Integrations().Insert(&domain.Integration{ID: "i", AccountID: "a", Name: "Head office", TenantID: "tenant", Product: domain.ProductDirectorySync, Binding: domain.BoundLegacy}),
			r.ConsentSessions().Insert(&domain.ConsentSession{ID: "cs", AccountID: "a", MigrationID: "m", TenantID: "tenant", CellID: "cell"}),
			r.Migrations().Insert(&domain.Migration{
				ID: "m", AccountID: "a", IntegrationID: "i", CampaignID: "c", Phase: domain.ConfirmingConsent, PhaseSeq: 2, PhaseSince: domain.At(b.now), Open: true, ConsentSession: "cs",
			}),
		)
	}))
	s := service.New(service.Deps{Store: b.store, Engine: &standin.Engine{}, Now: clock, Log: zap.NewNop()})
	b.act = &activities.Migration{Service: s, Consents: b.probes, Now: clock, ProbeEvery: time.Millisecond}
	var suite testsuite.WorkflowTestSuite
	b.env = suite.NewTestActivityEnvironment()
	b.env.RegisterActivity(b.act)
	return b
}

func (b *consentBench) row() (m domain.Migration) {
	b.t.Helper()
	require.NoError(b.t, b.store.Read(b.t.Context(), func(r service.Rows) (err error) { m, err = r.Migrations().Get("m"); return err }))
	return m
}

func (b *consentBench) confirm() contract.Standing {
	b.t.Helper()
	v, err := b.env.ExecuteActivity(b.act.EntraConfirmConsent, contract.Attempt{AttemptID: "m"})
	require.NoError(b.t, err)
	var s contract.Standing
	require.NoError(b.t, v.Get(&s))
	require.Equal(b.t, b.row().Phase, s.Phase)
	require.Equal(b.t, b.row().PhaseSeq, s.PhaseSeq)
	return s
}

var spreading = entraError{kind: "not_visible_yet", code: "Authorization_RequestDenied"}

func TestAConsentIsBelievedAfterThreeSuccessesInARow(t *testing.T) {
	b := newConsentBench(t, spreading, nil, nil, spreading, nil, nil, nil)
	require.Equal(t, domain.AwaitingDescription, b.confirm().Phase)
	require.Equal(t, 7, b.probes.made, "a failure begins the row anew")

	again := b.confirm() // its answer was lost
	require.Equal(t, domain.AwaitingDescription, again.Phase)
	require.Equal(t, 7, b.probes.made, "what is confirmed is not probed again")
}

func TestAConsentThatDoesNotComeIsDiagnosed(t *testing.T) {
	for name, test := range map[string]struct {
		answer error
		code   string
		probes int
	}{
		"lacks a permission":       {spreading, migration.ConsentNoPermission, 10},
		"the app is not there":     {entraError{kind: "not_visible_yet", code: "AADSTS7000229"}, migration.ConsentNoPrincipal, 10},
		"nobody knows why":         {entraError{kind: "not_visible_yet"}, migration.ConsentNotVisible, 10},
		"switched off":             {entraError{kind: "app_disabled"}, migration.ConsentAppDisabled, 1},
		"another directory":        {entraError{kind: "tenant_mismatch"}, migration.ConsentWrongTenant, 1},
		"a tenant nobody knows":    {entraError{kind: "tenant_missing"}, migration.ConsentWrongTenant, 1},
		"the permission is denied": {entraError{kind: "consent_missing"}, migration.ConsentNoPermission, 10},
	} {
		t.Run(name, func(t *testing.T) {
			b := newConsentBench(t, test.answer)
			s := b.confirm()
			require.Equal(t, domain.AwaitingConsent, s.Phase)
			require.Equal(t, test.code, s.Code)
			require.Equal(t, migration.Text(test.code), b.row().ConsentText)
			require.Equal(t, test.probes, b.probes.made)
		})
	}
}

func TestWhileMicrosoftIsAwayNothingIsConcluded(t *testing.T) {
	away := make([]error, 0, 20)
	for range 15 { // well beyond the budget
		away = append(away, entraError{kind: "unavailable"})
	}
	b := newConsentBench(t, append(away, errors.New("a wire was cut"), nil, nil, nil)...)
	require.Equal(t, domain.AwaitingDescription, b.confirm().Phase)
	require.Empty(t, b.row().WaitingCode, "the note is taken back")
	var told int
	require.NoError(t, b.store.Read(t.Context(), func(r service.Rows) (err error) {
		told, err = r.Changes().Count(service.By(service.Where{"what": "waiting"}))
		return err
	}))
	require.Equal(t, 1, told, "said once")
}

func TestAnAttemptThatWentOnIsNotProbed(t *testing.T) {
	b := newConsentBench(t, nil)
	require.NoError(t, b.store.Write(t.Context(), func(r service.Rows) error {
		m, err := r.Migrations().Get("m")
		m.Phase, m.PhaseSeq = domain.Cancelled, 3
		return errors.Join(err, r.Migrations().Update(&m))
	}))
	require.Equal(t, domain.Cancelled, b.confirm().Phase)
	require.Zero(t, b.probes.made)
}

// A step that is out of order is no fault: the workflow lags behind and follows.
func TestOutOfOrderAnswersWhereTheMigrationStands(t *testing.T) {
	b := newConsentBench(t, nil)
	v, err := b.env.ExecuteActivity(b.act.ServiceOpenCleanUp, contract.Attempt{AttemptID: "m"})
	require.NoError(t, err)
	var s contract.Standing
	require.NoError(t, v.Get(&s))
	require.Equal(t, domain.ConfirmingConsent, s.Phase)
	require.EqualValues(t, 2, s.PhaseSeq)

	_, err = b.env.ExecuteActivity(b.act.ServiceOpenCleanUp, contract.Attempt{AttemptID: "nobody"})
	requireType(t, err, contract.ErrNotFound, false)

	v, err = b.env.ExecuteActivity(b.act.ServiceApplyDecision, contract.ApplyDecision{AttemptID: "m", DecisionID: "none"})
	require.NoError(t, err)
	var res contract.DecisionResult
	require.NoError(t, v.Get(&res))
	require.Equal(t, domain.DecisionRefused, res.State)
}
