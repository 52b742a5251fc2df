//go:build browser

// Package door walks into the Temporal UI as an operator does, in a real browser: through the proxy with the
// configuration of production (deploy/Caddyfile), to the API's program and a real Temporal server with its UI. `make e2e`
// brings what it needs.
package door

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/api/server"
	"consentry/dev/stack"
	"consentry/dev/world"
	"consentry/emulator"
)

// The names of production, of two domains: nothing may depend on their being one site.
const (
	console = "console.example.com"
	ui      = "temporal.example.net"
)

const patience = 2 * time.Minute

func TestAnOperatorReadsPayloadsBehindTheProxyUntilSigningOut(t *testing.T) {
	w := world.New(13, world.Size{Users: 20, Groups: 3}, time.Now().AddDate(1, 0, 0))
	s, err := stack.Start(t.Context(), stack.Options{
		Dir: t.TempDir(), World: w, SweepEvery: time.Minute, ConsentDelay: 100 * time.Millisecond, KeyDelay: 100 * time.Millisecond,
		TemporalDev: program(t, "temporal-dev"), TemporalCodec: "https://" + ui + server.TemporalCodec,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	require.NoError(t, s.SetScene(t.Context(), world.DevTerms(time.Now())))
	proxy := serve(t, startAPI(t, s, w), strings.TrimPrefix(s.UI, "http://"))

	walk := exec.CommandContext(t.Context(), "node", "door.mjs")
	walk.Dir = "../e2e-browser"
	walk.Env = append(os.Environ(), "CONSOLE=https://"+console, "TEMPORAL_UI=https://"+ui, "PROXY="+proxy.address, "OPERATOR="+w.Operator.UPN, "CONSOLE_USER="+w.Customer("contoso").Person.UPN)
	said, err := walk.CombinedOutput()
	t.Logf("%s", said)
	require.NoError(t, err)
}

func program(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("../../bin", name))
	require.NoError(t, err)
	require.FileExists(t, path, "`make build` makes it")
	return path
}

// startAPI runs the API's program for browsers that come through the proxy, with an application of its own at the
// identity provider, which sends them back there.
func startAPI(t *testing.T, s *stack.Stack, w *world.World) string {
	t.Helper()
	const id, secret = "dddddddd-0000-4000-8000-00000000d007", "a secret of the console behind the proxy ~~~"
	require.NoError(t, s.Emulator.AddApplication(emulator.Application{
		AppID: id, TenantID: w.Home.ID, DisplayName: "Console behind a proxy", ServicePrincipal: true, Consented: true,
		RedirectURIs: []string{"https://" + console + "/auth/callback"}, DelegatedScopes: []string{"openid", "profile"},
		Secrets: []emulator.Secret{{Value: secret, NotAfter: time.Now().AddDate(1, 0, 0)}},
	}))
	file := filepath.Join(t.TempDir(), "console-secret")
	require.NoError(t, os.WriteFile(file, []byte(secret), 0o600))
	p, err := s.Run(t.Context(), program(t, "consentry-api"), "CONSENTRY_LISTEN=127.0.0.1:0", "CONSENTRY_PUBLIC_URL=https://"+console,
		"CONSENTRY_TEMPORAL_DOOR=https://"+ui, "CONSENTRY_TRUSTED_PROXIES=127.0.0.0/8", "CONSENTRY_CONSOLE_CLIENT_ID="+id, "CONSENTRY_CONSOLE_SECRET_FILE="+file)
	require.NoError(t, err)
	t.Cleanup(func() { p.Stop(10 * time.Second) })
	at := regexp.MustCompile(`listening on (\S+);`).FindStringSubmatch(p.Ready())
	require.NotNil(t, at, p.Ready())
	return at[1]
}

// proxy is a Caddy that runs: where TLS is spoken, and the file of its log.
type proxy struct{ address, log string }

// serve runs Caddy with the repository's file, its addresses put in place of the containers' and certificates of its own
// authority in place of the internet's.
func serve(t *testing.T, api, temporal string) proxy {
	t.Helper()
	caddy, err := exec.LookPath("caddy")
	require.NoError(t, err, "tools/prerequisites browser says how to get it")
	text, err := os.ReadFile("../../deploy/Caddyfile")
	require.NoError(t, err)
	plain, secure, health := free(t), free(t), free(t)
	config := string(text)
	for _, change := range [][2]string{
		{"\tadmin off\n", "\tadmin off\n\tlocal_certs\n\tskip_install_trust\n\tdefault_bind 127.0.0.1\n"},
		{"http_port 8080", "http_port " + plain}, {"https_port 8443", "https_port " + secure},
		{"api:8080", api}, {"temporal-ui:8080", temporal}, {"http://127.0.0.1:2020", "http://127.0.0.1:" + health},
	} {
		require.Contains(t, config, change[0])
		config = strings.ReplaceAll(config, change[0], change[1])
	}
	dir := t.TempDir()
	file, log := filepath.Join(dir, "Caddyfile"), filepath.Join(dir, "caddy.log")
	require.NoError(t, os.WriteFile(file, []byte(config), 0o600))
	out, err := os.Create(log)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	run := exec.CommandContext(ctx, caddy, "run", "--config", file, "--adapter", "caddyfile")
	run.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir, "CONSENTRY_HOST="+console, "CONSENTRY_TEMPORAL_SITE="+ui)
	run.Stdout, run.Stderr = out, out
	require.NoError(t, run.Start())
	t.Cleanup(func() {
		stop()
		_ = run.Wait() // it was told to end
		_ = out.Close()
		if t.Failed() {
			said, _ := os.ReadFile(log)
			t.Logf("the proxy said:\n%s", said)
		}
	})
	address := "127.0.0.1:" + secure
	require.Eventually(t, func() bool { return answers(t.Context(), address, console) && answers(t.Context(), address, ui) }, patience, 100*time.Millisecond, "the proxy does not serve")
	return proxy{address, log}
}

// answers tells whether a name is served at the proxy, whatever it says.
func answers(ctx context.Context, address, name string) bool {
	d := tls.Dialer{Config: &tls.Config{ServerName: name, InsecureSkipVerify: true}} // of an authority of its own, a minute old
	c, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return false
	}
	client := &http.Client{
		Transport:     &http.Transport{DialTLSContext: func(context.Context, string, string) (net.Conn, error) { return c, nil }, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("https://%s/healthz", name), nil)
	if err != nil {
		return false
	}
	answer, err := client.Do(request)
	if err != nil {
		return false
	}
	_ = answer.Body.Close()
	return answer.StatusCode < http.StatusInternalServerError
}

func free(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	_, port, err := net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	return port
}
