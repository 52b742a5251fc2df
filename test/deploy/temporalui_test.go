package deploy

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"consentry/api/server"
)

var withTemporalHost = map[string]string{"CONSENTRY_TEMPORAL_HOST": "temporal.example.net"}

func TestWithoutAHostTheTemporalUIIsOnLoopbackAlone(t *testing.T) {
	c := load(t)
	ui := c.Services["temporal-ui"]
	require.Equal(t, []string{"127.0.0.1:8233:8080"}, ui.Ports)
	require.Empty(t, ui.Environment["TEMPORAL_CODEC_ENDPOINT"])
	require.Empty(t, c.Services["api"].Environment["CONSENTRY_TEMPORAL_DOOR"])
	require.Equal(t, "http://temporal-ui.invalid", c.Services["proxy"].Environment["CONSENTRY_TEMPORAL_SITE"], "a site without a certificate, under a name that leads nowhere (RFC 2606)")
	require.NotContains(t, ui.Environment["TEMPORAL_CORS_ORIGINS"], "localhost")
}

// The UI, the API that lets people in, and the proxy that asks it speak of the
// same host and addresses.
func TestTheTemporalUIIsBehindItsDoor(t *testing.T) {
	c := loadWith(t, withTemporalHost)
	proxy, api, ui := c.Services["proxy"], c.Services["api"], c.Services["temporal-ui"]
	door := "https://temporal.example.net"
	require.Equal(t, "temporal.example.net", proxy.Environment["CONSENTRY_TEMPORAL_SITE"])
	require.Equal(t, door, api.Environment["CONSENTRY_TEMPORAL_DOOR"])
	require.Equal(t, door+server.TemporalCodec, ui.Environment["TEMPORAL_CODEC_ENDPOINT"])
	require.Equal(t, "true", ui.Environment["TEMPORAL_CODEC_INCLUDE_CREDENTIALS"])
	require.Equal(t, "true", ui.Environment["TEMPORAL_DISABLE_WRITE_ACTIONS"])
	require.Equal(t, door, ui.Environment["TEMPORAL_CORS_ORIGINS"])
	require.Equal(t, api.Environment["CONSENTRY_PUBLIC_URL"]+server.TemporalPage, ui.Environment["TEMPORAL_CODEC_DEFAULT_ERROR_LINK"])
	require.Equal(t, []string{"127.0.0.1:8233:8080"}, ui.Ports, "around the proxy nobody reaches it but on the machine")
	require.True(t, meet(proxy, ui))

	caddy := read(t, "deploy/Caddyfile")
	require.Equal(t, 1, strings.Count(caddy, "temporal-ui:"), "there is one way to the UI")
	_, site, found := strings.Cut(caddy, "\n{$CONSENTRY_TEMPORAL_SITE} {\n")
	require.True(t, found)
	site, _, _ = strings.Cut(site, "\n}\n")
	ours, theirs, found := strings.Cut(site, "\thandle {\n")
	require.True(t, found)
	to := "api:" + port(api.Environment["CONSENTRY_LISTEN"])
	require.Contains(t, ours, "\thandle "+server.TemporalPrefix+"/* {\n\t\treverse_proxy "+to+" {\n\t\t\tlb_try_duration 15s\n\t\t}\n")
	asked, rest, found := strings.Cut(theirs, "\n\t\t}\n")
	require.True(t, found)
	require.True(t, strings.HasPrefix(asked, "\t\tforward_auth "+to+" {\n\t\t\turi "+server.TemporalCheck+"\n"), asked)
	require.Contains(t, asked, "\n\t\t\tlb_try_duration 15s", "while the API is started again nobody is answered 502")
	require.True(t, strings.HasPrefix(rest, "\t\treverse_proxy temporal-ui:"+port(ui.Ports[0])+" {\n"), rest)
}
