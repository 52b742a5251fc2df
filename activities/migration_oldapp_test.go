package activities_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/migration"
	"consentry/internal/service"
)

// oldApp answers for Microsoft about an old app, and remembers what was asked.
type oldApp struct {
	answer error
	asked  []string
}

func (o *oldApp) ProbeReading(context.Context, string, string) error {
	o.asked = append(o.asked, "reading")
	return o.answer
}

func (o *oldApp) ProbeToken(context.Context, string, string) error {
	o.asked = append(o.asked, "token")
	return o.answer
}

// migrated is the bench's migration behind its switch, in either phase.
func migrated(t *testing.T, p domain.Phase, answer error) (*consentBench, *oldApp) {
	t.Helper()
	b := newConsentBench(t)
	app := &oldApp{answer: answer}
	b.act.OldApps = app
	m := b.row()
	m.Phase, m.WayBackUntil, m.CleanUpUntil, m.CleanUpNextAt = p, domain.At(b.now.Add(time.Hour)), domain.At(b.now.Add(time.Hour)), domain.At(b.now)
	require.NoError(t, b.store.Write(t.Context(), func(r service.Rows) error {
		return errors.Join(
			r.Migrations().Update(&m),
			r.Secrets().Insert(&domain.Secret{ID: "sec", Sealed: []byte("sealed")}),
			r.LegacyApps().Insert(&domain.LegacyApp{ID: "i", ClientID: "old", SecretRef: "sec", SecretEndsAt: domain.At(b.now.Add(time.Hour))}),
			r.Decisions().Insert(
				&domain.Decision{ID: "back", AccountID: "a", MigrationID: "m", Kind: domain.DecideRollBack, State: domain.DecisionGiven, GivenAt: domain.At(b.now)},
				&domain.Decision{ID: "removed", AccountID: "a", MigrationID: "m", Kind: domain.DecideCleanUp, Detail: domain.DecisionDetail{Removed: true}, State: domain.DecisionGiven, GivenAt: domain.At(b.now)}),
		)
	}))
	return b, app
}

func (b *consentBench) apply(id string) (res contract.DecisionResult, err error) {
	b.t.Helper()
	v, err := b.env.ExecuteActivity(b.act.ServiceApplyDecision, contract.ApplyDecision{AttemptID: "m", DecisionID: id})
	if err == nil {
		require.NoError(b.t, v.Get(&res))
	}
	return res, err
}

// A way back has to lead somewhere, so everything a synchronization lives on is
// tried; an app that is said to be removed is asked for a token and no more.
func TestMicrosoftIsAskedAboutTheOldAppBeforeADecision(t *testing.T) {
	for name, c := range map[string]struct {
		decision string
		answer   error
		asked    string
		state    domain.DecisionState
		code     string
		probe    string
	}{
		"back to an app that does not let us in": {"back", entraError{"secret_invalid", "AADSTS7000215"}, "reading", domain.DecisionRefused, migration.LegacySecretDead, "AADSTS7000215"},
		"back while Microsoft is away":           {"back", entraError{kind: "unavailable"}, "reading", domain.DecisionRefused, migration.OldAppNotTried, ""},
		"removed, and it works":                  {"removed", nil, "token", domain.DecisionRefused, migration.OldAppStillThere, ""},
		"removed, and it is gone":                {"removed", entraError{"app_missing", "AADSTS700016"}, "token", domain.DecisionApplied, "", "AADSTS700016"},
		"removed, and no secret is held":         {"removed", domain.Missing("secret"), "token", domain.DecisionApplied, "", migration.CodeNoSecret},
	} {
		t.Run(name, func(t *testing.T) {
			b, app := migrated(t, domain.Migrated, c.answer)
			res, err := b.apply(c.decision)
			require.NoError(t, err)
			require.Equal(t, []any{c.state, c.code}, []any{res.State, res.Code})
			require.Equal(t, []string{c.asked}, app.asked)
			_, err = b.apply(c.decision)
			require.NoError(t, err)
			require.Len(t, app.asked, 1, "a decision that has its answer is asked about no more")
			require.NoError(t, b.store.Read(t.Context(), func(r service.Rows) error {
				legacy, err := r.LegacyApps().Get("i")
				require.Equal(t, c.probe, legacy.ProbeCode)
				return err
			}))
		})
	}
	b, _ := migrated(t, domain.Migrated, &domain.Error{Kind: domain.Unavailable, Code: "store-unavailable", Message: "the database is away"})
	_, err := b.apply("back")
	require.Error(t, err, "a fault of our own is no answer of Microsoft's, and is tried again")
	require.Equal(t, domain.Migrated, b.row().Phase)
}

func TestARungOfTheCleanUpLooksForTheOldApp(t *testing.T) {
	b, app := migrated(t, domain.CleanUp, entraError{"app_missing", "AADSTS700016"})
	v, err := b.env.ExecuteActivity(b.act.ServiceAdvanceCleanUp, contract.Attempt{AttemptID: "m"})
	require.NoError(t, err)
	var s contract.Standing
	require.NoError(t, v.Get(&s))
	require.Equal(t, domain.Closed, s.Phase)
	require.Equal(t, "proven", b.row().OldAppRemoved)
	require.Equal(t, []string{"token"}, app.asked)
}
