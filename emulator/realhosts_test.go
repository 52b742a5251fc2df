package emulator_test

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"
	"github.com/stretchr/testify/require"
)

// TestUnderItsRealNames has a client that is told nothing at all: no address, no switched-off discovery. Only names
// lead to the emulator, as they do where somebody overrides DNS.
func TestUnderItsRealNames(t *testing.T) {
	const login, graph = "login.microsoftonline.com", "graph.microsoft.com"
	s := newStage(t, func(c *config) { c.Hosts, c.PublicURL = []string{login, graph}, "https://"+login })
	client := s.HTTPClient()
	transport, ok := client.Transport.(*http.Transport)
	require.True(t, ok)
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		require.Contains(t, []string{login + ":443", graph + ":443"}, address)
		return (&net.Dialer{}).DialContext(ctx, network, strings.TrimPrefix(s.HTTPSURL(), "https://"))
	}
	credential, err := confidential.NewCredFromSecret(legacySecret)
	require.NoError(t, err)
	msal, err := confidential.New("https://"+login+"/"+customerTenant, legacyApp, credential, confidential.WithHTTPClient(client))
	require.NoError(t, err)
	result, err := msal.AcquireTokenByCredential(t.Context(), graphScope)
	require.NoError(t, err)
	asked := map[string]bool{}
	for _, r := range s.Requests() {
		asked[r.Path] = true
	}
	require.True(t, asked["/common/discovery/instance"], "the client asked whether this is Microsoft")

	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+graph+"/v1.0/users?$top=1", nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+result.AccessToken)
	resp, err := client.Do(r)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, 200, resp.StatusCode)

	r, err = http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+login+"/"+customerTenant+"/v2.0/.well-known/openid-configuration", nil)
	require.NoError(t, err)
	resp, err = client.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	var document [4096]byte
	n, _ := resp.Body.Read(document[:])
	require.Contains(t, string(document[:n]), `"issuer":"https://`+login+"/"+customerTenant+`/v2.0"`)
}
