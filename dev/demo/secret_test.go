package demo

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/dev/visitor"
	"consentry/internal/domain"
	"consentry/test/plaintext"
)

// replaceSecret enters another client secret of the customer's old app.
func (c *customer) replaceSecret(ctx context.Context, value string, ends time.Time) error {
	_, err := c.browser.API(ctx, "PUT", "/integrations/"+c.Integration+"/legacy-secret", map[string]any{"secret": value, "secretEndsAt": ends.UTC()}, nil)
	return err
}

// reads waits for what a synchronization says of the old app.
func (c *customer) reads(ctx context.Context, t *testing.T, state, says string) {
	t.Helper()
	var i integration
	require.Eventually(t, func() bool {
		var err error
		i, err = c.show.integration(ctx, c.Customer)
		return err == nil && i.Condition.State == state && strings.Contains(i.Condition.Text, says)
	}, 60*time.Second, 50*time.Millisecond, "%s: %s, and it is %+v", state, says, &i.Condition)
}

// A secret that ends before the date stops synchronization, and another one
// starts it again, proven by reading; a wrong one says what is wrong with it. The
// next comparison is with what was read through it, and none of the secrets is
// anywhere at the engine.
func TestASecretThatEndedIsReplacedByTheCustomer(t *testing.T) {
	s := open(t)
	ctx := bounded(t)
	c, err := s.at(ctx, "adatum")
	require.NoError(t, err)
	s.KillWorker() // tokens outlive the secret that they were asked for with; a new worker has none
	require.NoError(t, s.StartWorker(ctx))
	_, err = c.browser.API(ctx, "POST", "/integrations/"+c.Integration+"/sync-runs", nil, nil)
	require.NoError(t, err)
	c.reads(ctx, t, string(domain.ConditionError), "has expired. Nothing is deleted. Enter a new client secret")

	ended, another, good := c.LegacyApp.Secret, "Xq8~OfAnotherAppOfTheCustomer", "Xq8~TheNewSecretOfTheOldApp"
	ends := time.Now().AddDate(0, 0, 90)
	c.LegacyApp.Secret = good
	require.NoError(t, s.world.ExpireSecret(s.Emulator, c.Customer, ends), "made in the portal")
	var refused *visitor.APIError
	require.ErrorAs(t, c.replaceSecret(ctx, c.Tenant.ID, ends), &refused)
	require.Contains(t, refused.Detail, "Secret ID")
	require.NoError(t, c.replaceSecret(ctx, another, ends))
	c.reads(ctx, t, string(domain.ConditionError), "a Secret ID, or the secret of another app")
	require.NoError(t, c.replaceSecret(ctx, good, ends))
	c.reads(ctx, t, string(domain.ConditionOK), "")
	s.requireSame(t, "adatum")

	require.NoError(t, c.consent(ctx))
	require.NoError(t, c.until(ctx, domain.AwaitingDescription))
	require.NoError(t, c.describe(ctx))
	require.NoError(t, c.until(ctx, domain.AwaitingApproval))
	m, err := s.migration(ctx, c.attempt)
	require.NoError(t, err)
	require.False(t, m.Proof.Frozen)
	require.True(t, m.Proof.Equal)

	for _, databases := range []string{"temporal/*.db", "consentry.db"} {
		files, err := filepath.Glob(filepath.Join(filepath.Dir(s.App.Config.Database), databases))
		require.NoError(t, err)
		require.NotEmpty(t, files, databases)
		found, read, err := plaintext.Search(ctx, files[0], []string{ended, another, good})
		require.NoError(t, err)
		require.Empty(t, found)
		require.Greater(t, read, 1000, databases)
	}
}
