package service_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/migration"
	"consentry/internal/service"
)

func (w *migrationWorld) given(who domain.Caller, kind domain.DecisionKind, detail domain.DecisionDetail) domain.Decision {
	w.t.Helper()
	d, err := w.GiveDecision(w.t.Context(), who, "", w.m.ID, kind, detail)
	require.NoError(w.t, err)
	return d
}

func (w *migrationWorld) asked(d domain.Decision) service.OldAppCall {
	w.t.Helper()
	trial, err := w.TrialForDecision(w.t.Context(), worker, d.ID)
	require.NoError(w.t, err)
	return trial.How
}

// A roll-back was given in time and is applied when the worker is back: what
// holds is how things stand then, and Microsoft is not asked for nothing.
func TestARollBackThatComesLateIsRefused(t *testing.T) {
	for code, late := range map[string]func(w *migrationWorld){
		migration.WayBackClosed:   func(w *migrationWorld) { w.now = w.row().WayBackUntil.Time },
		migration.WayBackPastDate: func(w *migrationWorld) { w.campaignDate(w.now.Add(time.Hour)); w.now = w.now.Add(time.Hour) },
		migration.NotInPhase: func(w *migrationWorld) {
			_, err := w.OpenCleanUp(w.t.Context(), worker, w.m.ID)
			require.NoError(w.t, err)
		},
	} {
		t.Run(code, func(t *testing.T) {
			w := newMigrationWorld(t)
			w.reach(domain.Migrated)
			d := w.given(ana, domain.DecideRollBack, regret)
			require.Equal(t, service.AskReading, w.asked(d))
			late(w)
			before := w.integration()
			require.Equal(t, service.AskNothing, w.asked(d))
			w.tried(migration.OldAppWorks, "")
			d, res := w.applied(d)
			require.Equal(t, []any{domain.DecisionRefused, code}, []any{d.State, d.Code})
			require.NotEqual(t, domain.RolledBack, res.Phase)
			require.Equal(t, before, w.integration())
			require.Len(t, list(t, w.world, audit, service.By(service.Where{"action": "apply-decision", "outcome": "refused", "code": code})), 1)
			require.Equal(t, service.AskNothing, w.asked(d), "it has its answer")
		})
	}
}

// Of two dates that were given the later one stands, whichever is applied last;
// and a date that has come before it was applied is none.
func TestAnExtensionThatIsNoneIsRefused(t *testing.T) {
	w := newMigrationWorld(t)
	w.open()
	to := func(days int) domain.DecisionDetail {
		return domain.DecisionDetail{Deadline: domain.At(w.now.Add(time.Duration(days) * day))}
	}
	shorter, longer := w.given(olga, domain.DecideExtend, to(50)), w.given(olga, domain.DecideExtend, to(60))
	w.applied(longer)
	d, _ := w.applied(shorter)
	require.Equal(t, migration.DeadlineNotLater, d.Code)
	require.Equal(t, longer.Detail.Deadline, w.row().Deadline)
	_, err := w.GiveDecision(t.Context(), olga, "", w.m.ID, domain.DecideExtend, to(40))
	require.Equal(t, migration.DeadlineNotLater, codeOf(t, err), "earlier than the account's own date")

	late := w.given(olga, domain.DecideExtend, to(70))
	w.now = w.now.Add(70 * day)
	d, _ = w.applied(late)
	require.Equal(t, migration.DeadlineNotLater, d.Code)
}

func TestADecisionBelongsToItsAttempt(t *testing.T) {
	w := newMigrationWorld(t)
	w.open()
	old := w.given(mika, domain.DecideDescribe, domain.DecisionDetail{Description: words})
	w.decide(mika, domain.DecideCancel, domain.DecisionDetail{})
	w.open()
	res, err := w.ApplyDecision(t.Context(), worker, contract.ApplyDecision{AttemptID: w.m.ID, DecisionID: old.ID})
	require.NoError(t, err)
	require.Equal(t, []any{domain.DecisionRefused, contract.CodeOtherAttempt, domain.AwaitingConsent}, []any{res.State, res.Code, res.Phase})
	require.Empty(t, w.row().Description)
}

// leaving is a store that goes away with the first commit.
type leaving struct {
	service.Store
	away bool
}

func (l *leaving) Write(ctx context.Context, fn func(service.Rows) error) error {
	if l.away {
		return errAway
	}
	err := l.Store.Write(ctx, fn)
	l.away = err == nil
	return err
}

func (l *leaving) Read(ctx context.Context, fn func(service.Rows) error) error {
	if l.away {
		return errAway
	}
	return l.Store.Read(ctx, fn)
}

var errAway = &domain.Error{Kind: domain.Unavailable, Code: "store-unavailable", Message: "the database is away"}

// The database is away: before the commit nothing is given, and behind it the
// decision is, whatever cannot be read any more. It is told to the workflow, and
// given again with the same key, when the database is back.
func TestADecisionWhileTheDatabaseIsAway(t *testing.T) {
	w := newMigrationWorld(t)
	w.open()
	sent := len(w.door.taken)
	store := &leaving{Store: w.store, away: true}
	s := service.New(service.Deps{Store: store, Engine: w.door, Keeper: plainKeeper{}, Now: func() time.Time { return w.now }, Log: zap.NewNop()})
	describe := func(s *service.Service) (domain.Decision, error) {
		return s.GiveDecision(t.Context(), mika, "k", w.m.ID, domain.DecideDescribe, domain.DecisionDetail{Description: words})
	}
	_, err := describe(s)
	require.Equal(t, domain.Unavailable, domain.KindOf(err))
	store.away = false
	d, err := describe(s)
	require.NoError(t, err, "to call it undone would be untrue")
	require.Equal(t, domain.DecisionGiven, d.State)
	require.Len(t, w.door.taken, sent)

	again, err := describe(w.Service)
	require.NoError(t, err)
	require.Equal(t, d.ID, again.ID)
	w.now = w.now.Add(time.Minute)
	_, err = w.RedeliverCalls(t.Context())
	require.NoError(t, err)
	require.Equal(t, d.ID, w.door.taken[sent].DedupeID)
	d, _ = w.applied(d)
	require.Equal(t, domain.DecisionApplied, d.State)
}
