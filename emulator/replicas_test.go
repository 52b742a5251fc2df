package emulator_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/emulator"
)

func lagging(choice string) func(*config) {
	return func(c *config) {
		c.Replicas = []emulator.Replica{{Name: "near", Lag: 0}, {Name: "far", Lag: emulator.Duration(time.Minute)}}
		c.Choice = choice
	}
}

// answers are the AADSTS numbers of several token requests in a row; 0 is a token.
func (s *stage) answers(t *testing.T, pair keyPair, n int) []int {
	t.Helper()
	path := "/" + customerTenant + "/oauth2/v2.0/token"
	var list []int
	for range n {
		status, body := s.post(t, path, s.assertionForm(t, path, pair, nil))
		code := 0
		if status != 200 {
			code = int(body["error_codes"].([]any)[0].(float64))
		}
		list = append(list, code)
	}
	return list
}

func TestReplicasDisagreeForAWhile(t *testing.T) {
	s := newStage(t, lagging(emulator.RoundRobin))
	require.Equal(t, []int{7000229, 7000229}, s.answers(t, s.key, 2), "the registration itself has spread long ago")
	require.NoError(t, s.GrantConsent(customerTenant, connectorApp))
	require.ElementsMatch(t, []int{0, 7000229}, s.answers(t, s.key, 2), "two calls, two answers")
	s.clock.Advance(time.Minute)
	require.Equal(t, []int{0, 0}, s.answers(t, s.key, 2))

	next := newKeyPair(t, 1, s.clock.Now().Add(-time.Hour), s.clock.Now().AddDate(0, 0, 30))
	id, err := s.AddCertificate(connectorApp, next.cert.Raw)
	require.NoError(t, err)
	require.ElementsMatch(t, []int{0, 700027}, s.answers(t, next, 2))
	s.clock.Advance(time.Minute)
	require.Equal(t, []int{0, 0}, s.answers(t, next, 2))
	require.NoError(t, s.RemoveCertificate(connectorApp, id))
	require.ElementsMatch(t, []int{0, 700027}, s.answers(t, next, 2), "a removed key works where nobody has heard of it")
	s.clock.Advance(time.Minute)
	require.Equal(t, []int{700027, 700027}, s.answers(t, next, 2))

	for _, change := range []struct {
		do   func(tenant, app string) error
		want int
	}{{s.DisableServicePrincipal, 7000112}, {s.EnableServicePrincipal, 0}, {s.RevokeConsent, 7000229}} {
		before := s.answers(t, s.key, 1)[0]
		require.NoError(t, change.do(customerTenant, connectorApp))
		require.ElementsMatch(t, []int{before, change.want}, s.answers(t, s.key, 2))
		s.clock.Advance(time.Minute)
		require.Equal(t, []int{change.want, change.want}, s.answers(t, s.key, 2))
	}
}

func TestRolesAndGraphLagToo(t *testing.T) {
	s := newStage(t, lagging(emulator.RoundRobin))
	require.NoError(t, s.GrantConsent(customerTenant, connectorApp))
	s.clock.Advance(time.Minute)
	path := "/" + customerTenant + "/oauth2/v2.0/token"
	_, body := s.post(t, path, s.assertionForm(t, path, s.key, nil))
	token := body["access_token"].(string)
	require.NoError(t, s.RevokeConsent(customerTenant, connectorApp))
	var statuses []int
	for range 2 {
		status, _ := s.get(t, token, "/v1.0/organization")
		statuses = append(statuses, status)
	}
	require.ElementsMatch(t, []int{200, 401}, statuses)
}

func TestStickyReplicas(t *testing.T) {
	s := newStage(t, lagging(emulator.Sticky))
	require.NoError(t, s.GrantConsent(customerTenant, connectorApp))
	got := s.answers(t, s.key, 6)
	for _, one := range got {
		require.Equal(t, got[0], one, "the same tenant and app always meet the same replica")
	}
}

func TestSettledConsentIsKnownEverywhereAtOnce(t *testing.T) {
	s := newStage(t, lagging(emulator.RoundRobin), func(c *config) { c.ConsentDelay = time.Hour })
	require.NoError(t, s.GrantConsent(customerTenant, connectorApp))
	require.NoError(t, s.SettleConsent(customerTenant, connectorApp))
	require.Equal(t, []int{0, 0}, s.answers(t, s.key, 2))
}

func TestReplicasThatMakeNoSense(t *testing.T) {
	for _, change := range []func(*config){
		func(c *config) { c.Choice = "random" },
		func(c *config) { c.Replicas = []emulator.Replica{{Lag: 1}} },
		func(c *config) { c.Replicas = []emulator.Replica{{Name: "a", Lag: -1}} },
		func(c *config) { c.Switches.ConsentDeclined = "no" },
		func(c *config) { c.Switches.MissingPrincipal = "no" },
		func(c *config) { c.Switches.Refusals = map[int]emulator.Refusal{1: {}} },
		func(c *config) { c.ControlAddr = "0.0.0.0:0" },
	} {
		var c config
		change(&c)
		_, err := emulator.New(c)
		require.Error(t, err)
	}
}
