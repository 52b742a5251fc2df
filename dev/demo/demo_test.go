package demo

import (
	"context"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/dev/stack"
	"consentry/dev/visitor"
	"consentry/dev/world"
	"consentry/emulator"
	"consentry/internal/app"
	"consentry/internal/domain"
)

// open starts the whole system for one test: a real Temporal server, the worker
// as a process of its own, the emulated Microsoft over TLS, and small
// customers whose legacy integrations have synchronized.
func open(t *testing.T) *show {
	t.Helper()
	return openOn(t, "sqlite")
}

func openOn(t *testing.T, database string, tunes ...func(*stack.Options)) *show {
	t.Helper()
	bin, err := filepath.Abs("../../bin")
	require.NoError(t, err)
	for _, program := range []string{"temporal-dev", "consentry-worker"} {
		_, err := os.Stat(filepath.Join(bin, program))
		require.NotErrorIs(t, err, fs.ErrNotExist, "`make build` makes the programs that this test starts")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	t.Cleanup(cancel)
	now := time.Now()
	s := &show{world: world.New(7, world.Size{Users: 30, Groups: 4}, now.AddDate(1, 0, 0)), out: t.Output(), began: now, terms: demoTerms(now)}
	s.terms["us"] = s.terms["eu"] // nobody is late here
	dir := t.TempDir()
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o711)) // a database server runs as another user, who passes through
	o := stack.Options{
		Dir: dir, Database: database, World: s.world, SweepEvery: 2 * time.Second, ConsentDelay: 200 * time.Millisecond, KeyDelay: 200 * time.Millisecond,
		LogFormat: app.FormatJSON, WorkerProcess: true, WorkerProgram: filepath.Join(bin, "consentry-worker"), TemporalDev: filepath.Join(bin, "temporal-dev"),
	}
	for _, tune := range tunes {
		tune(&o)
	}
	s.Stack, err = stack.Start(ctx, o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	require.NoError(t, s.SetScene(ctx, s.terms))
	s.operator, err = s.signIn(ctx, s.world.Operator)
	require.NoError(t, err)
	return s
}

// bounded gives a wait of a test its end.
func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func (s *show) requireSame(t *testing.T, account string) {
	t.Helper()
	_, differences, err := s.compare(t.Context(), s.world.Customer(account))
	require.NoError(t, err)
	require.Empty(t, differences)
}

// While Microsoft does not answer, the migration waits and says so; a worker
// that dies in the middle of it changes nothing.
func TestAMigrationOutlivesAnOutageOfMicrosoftAndItsWorker(t *testing.T) {
	s := open(t)
	ctx := bounded(t)
	c, err := s.at(ctx, "contoso")
	require.NoError(t, err)
	outage := s.Emulator.SetFault(emulator.Fault{TenantID: c.Tenant.ID, PathPrefix: "/v1.0/", Status: http.StatusServiceUnavailable, Remaining: -1})
	require.NoError(t, c.consent(ctx))
	require.NoError(t, c.until(ctx, domain.ConfirmingConsent))
	require.Eventually(t, func() bool {
		m, err := s.migration(ctx, c.attempt)
		return err == nil && m.Waiting != nil
	}, 30*time.Second, 50*time.Millisecond, "the migration must say that it waits for Microsoft")

	s.KillWorker()
	s.Emulator.ClearFault(outage)
	require.NoError(t, s.StartWorker(ctx))
	require.NoError(t, c.until(ctx, domain.AwaitingDescription))
	m, err := s.migration(ctx, c.attempt)
	require.NoError(t, err)
	require.Nil(t, m.Waiting, "what has passed is said no more")

	require.NoError(t, c.describe(ctx))
	require.NoError(t, c.until(ctx, domain.AwaitingApproval))
	require.NoError(t, c.approve(ctx))
	require.NoError(t, c.done(ctx))
	s.requireSame(t, "contoso")
	s.requireOpaque(t, c, "Employees and groups of "+c.Name)
}

// A cut-over whose first synchronization cannot read goes back exactly: legacy
// binding, same mirror, a higher epoch, and the failure is told.
func TestACutOverThatFailsGoesBackToLegacy(t *testing.T) {
	s := open(t)
	ctx := bounded(t)
	c, err := s.at(ctx, "contoso")
	require.NoError(t, err)
	require.NoError(t, c.consent(ctx))
	require.NoError(t, c.until(ctx, domain.AwaitingDescription))
	require.NoError(t, c.describe(ctx))
	require.NoError(t, c.until(ctx, domain.AwaitingApproval))

	var before, after struct {
		Epoch    int64
		Binding  domain.Binding
		Mirror   domain.Counts
		Schedule domain.SyncSchedule
		Settings domain.SyncSettings
	}
	_, err = s.operator.API(ctx, "GET", "/integrations/"+c.Integration, nil, &before)
	require.NoError(t, err)
	cell := s.world.Cells[0]
	require.NoError(t, s.Emulator.DisableServicePrincipal(c.Tenant.ID, cell.ClientID))
	require.NoError(t, s.Emulator.RevokeConsent(c.Tenant.ID, cell.ClientID))
	require.NoError(t, c.approve(ctx))
	var failed *reason
	require.Eventually(t, func() bool {
		m, err := s.migration(ctx, c.attempt)
		failed = m.Failure
		return err == nil && m.Phase == domain.AwaitingApproval && m.Failure != nil
	}, 60*time.Second, 50*time.Millisecond, "the migration must come back with its failure")
	require.NotEmpty(t, failed.Text)

	_, err = s.operator.API(ctx, "GET", "/integrations/"+c.Integration, nil, &after)
	require.NoError(t, err)
	require.Equal(t, domain.BoundLegacy, after.Binding)
	require.Greater(t, after.Epoch, before.Epoch, "an epoch only grows")
	require.Equal(t, before.Mirror, after.Mirror)
	require.Equal(t, before.Schedule, after.Schedule)
	require.Equal(t, before.Settings, after.Settings)
	require.NoError(t, c.synchronize(ctx), "legacy synchronization goes on")
	s.requireSame(t, "contoso")
}

// With a dead legacy secret the connector is compared with the mirror as it
// stood. What is new arrives; what is gone at Microsoft is held, not removed.
func TestADifferenceIsApprovedAndRemovalsAreHeld(t *testing.T) {
	s := open(t)
	ctx := bounded(t)
	c, err := s.at(ctx, "adatum")
	require.NoError(t, err)
	// Tokens outlive the secret that they were asked for with; a new worker has none.
	s.KillWorker()
	require.NoError(t, s.StartWorker(ctx))
	dump := s.Emulator.Directory(c.Tenant.ID)
	gone := dump.Users[3].ID
	_, err = s.Emulator.CreateUser(c.Tenant.ID, emulator.User{DisplayName: "Nora Neu", UserPrincipalName: "nora.neu@adatum.example", AccountEnabled: true, UserType: "Member"})
	require.NoError(t, err)
	require.NoError(t, s.Emulator.DeleteUser(c.Tenant.ID, gone))

	require.NoError(t, c.consent(ctx))
	require.NoError(t, c.until(ctx, domain.AwaitingDescription))
	require.NoError(t, c.describe(ctx))
	require.NoError(t, c.until(ctx, domain.AwaitingApproval))
	m, err := s.migration(ctx, c.attempt)
	require.NoError(t, err)
	require.True(t, m.Proof.Frozen)
	require.False(t, m.Proof.Equal)

	err = c.decide(ctx, "wrong", map[string]any{"kind": domain.DecideApprove, "proofId": "prf_another"})
	require.ErrorContains(t, err, "not the latest", "an approval names the comparison that was seen")
	require.NoError(t, c.until(ctx, domain.AwaitingApproval))
	require.NoError(t, c.approve(ctx))
	require.NoError(t, c.done(ctx))

	i, err := s.integration(ctx, c.Customer)
	require.NoError(t, err)
	require.EqualValues(t, len(dump.Users)+1, i.Mirror.Users, "one came, and the one that is gone is held")
	var holds struct{ Items []struct{ ObjectID string } }
	_, err = c.browser.API(ctx, "GET", "/holds?integrationId="+c.Integration, nil, &holds)
	require.NoError(t, err)
	require.NotEmpty(t, holds.Items)
	require.Contains(t, holds.Items, struct{ ObjectID string }{gone})
}

// Who may not consent changes nothing and is told what is needed.
func TestAConsentByTheWrongPersonChangesNothing(t *testing.T) {
	s := open(t)
	ctx := bounded(t)
	c, err := s.at(ctx, "fabrikam")
	require.NoError(t, err)
	c.GlobalAdmin = c.CloudAppAdmin
	require.Error(t, c.consent(ctx), "the emulated Microsoft offers this person no consent")
	m, err := s.migration(ctx, c.attempt)
	require.NoError(t, err)
	require.Equal(t, domain.AwaitingConsent, m.Phase)

	ana, err := s.signIn(ctx, s.world.Customer("contoso").Person)
	require.NoError(t, err)
	_, err = ana.API(ctx, "GET", "/migrations/"+c.attempt, nil, nil)
	var refused *visitor.APIError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, http.StatusNotFound, refused.Status, "another account's migration does not exist")
}

// The comparison that ends the demonstration sees a difference.
func TestTheComparisonSeesEachKindOfDifference(t *testing.T) {
	s := open(t)
	c := s.world.Customer("fabrikam")
	s.requireSame(t, "fabrikam")
	dump := s.Emulator.Directory(c.Tenant.ID)
	require.NoError(t, s.Emulator.UpdateUser(c.Tenant.ID, dump.Users[0].ID, emulator.Patch{"jobTitle": "Something else"}))
	require.NoError(t, s.Emulator.DeleteUser(c.Tenant.ID, dump.Users[1].ID))
	_, err := s.Emulator.CreateGroup(c.Tenant.ID, emulator.Group{DisplayName: "New group", SecurityEnabled: true})
	require.NoError(t, err)
	_, differences, err := s.compare(t.Context(), c)
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(differences), 3)
}
