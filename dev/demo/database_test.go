package demo

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/emulator"
	"consentry/internal/domain"
)

// The database is broken off while the migration confirms the consent, and its
// first process killed in the middle of the switch. Meanwhile everybody is told to
// wait, by the one status that says so; when it answers again every process goes
// on by itself, and nobody meets what is left of the outage.
func TestAMigrationOutlivesRestartsOfItsDatabase(t *testing.T) {
	s := openOn(t, "postgres")
	ctx := bounded(t)
	c, err := s.at(ctx, "contoso")
	require.NoError(t, err)
	cluster := s.Postgres()
	outage := s.Emulator.SetFault(emulator.Fault{TenantID: c.Tenant.ID, PathPrefix: "/v1.0/", Status: http.StatusServiceUnavailable, Remaining: -1})
	require.NoError(t, c.consent(ctx))
	require.NoError(t, c.until(ctx, domain.ConfirmingConsent))
	require.Equal(t, []int{200, 200, 404}, c.asked(ctx))
	require.NoError(t, cluster.Halt(ctx, "immediate"))
	for range 20 {
		require.Equal(t, []int{503, 503, 503}, c.asked(ctx))
	}
	s.Emulator.ClearFault(outage)
	s.again(t)
	require.Equal(t, []int{200, 200, 404}, c.asked(ctx), "at once")
	require.NoError(t, c.until(ctx, domain.AwaitingDescription))
	require.NoError(t, c.describe(ctx))
	require.NoError(t, c.until(ctx, domain.AwaitingApproval))

	stumble := s.Emulator.SetFault(emulator.Fault{TenantID: c.Tenant.ID, PathPrefix: "/v1.0/users/delta", Status: http.StatusServiceUnavailable, Remaining: -1})
	require.NoError(t, c.approve(ctx))
	require.NoError(t, c.until(ctx, domain.CuttingOver))
	require.NoError(t, cluster.Kill())
	require.Eventually(t, func() bool { return c.asked(ctx)[0] == http.StatusServiceUnavailable }, 30*time.Second, 10*time.Millisecond)
	s.Emulator.ClearFault(stumble)
	s.again(t)
	require.NoError(t, c.done(ctx))
	s.requireSame(t, "contoso")
}

// again starts the database, whose sessions may take a moment to end if their
// server was killed.
func (s *show) again(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool { return s.Postgres().Resume(t.Context()) == nil }, time.Minute, 10*time.Millisecond)
}

// asked is how the API answers a read, a list, and a decision on a migration that
// is not there.
func (c *customer) asked(ctx context.Context) (statuses []int) {
	for _, r := range []struct{ method, path string }{
		{"GET", "/migrations/" + c.attempt}, {"GET", "/migrations"}, {"POST", "/migrations/mig_nobody/decisions"},
	} {
		var in any
		if r.method == "POST" {
			in = map[string]any{"kind": domain.DecideCancel}
		}
		status, _ := c.browser.API(ctx, r.method, r.path, in, nil) // the status says it
		statuses = append(statuses, status)
	}
	return statuses
}
