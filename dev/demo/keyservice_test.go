package demo

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/dev/stack"
	"consentry/internal/domain"
	"consentry/internal/health"
)

// keyService speaks as much of HashiCorp Vault's transit engine as sealing needs:
// it wraps by a prefix, for what is tested is that it can be away.
type keyService struct {
	t       *testing.T
	address string
	server  *http.Server
}

func newKeyService(t *testing.T) *keyService {
	t.Helper()
	k := &keyService{t: t, address: "127.0.0.1:0"}
	k.start()
	t.Cleanup(k.stop)
	t.Setenv("VAULT_ADDR", "http://"+k.address)
	t.Setenv("VAULT_TOKEN", "not-a-secret")
	return k
}

// start listens, after a stop at the same address as before.
func (k *keyService) start() {
	k.t.Helper()
	l, err := (&net.ListenConfig{}).Listen(k.t.Context(), "tcp", k.address)
	require.NoError(k.t, err)
	k.address = l.Addr().String()
	routes := http.NewServeMux()
	swap := func(from, to, remove, add string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			var in map[string]string
			value := ""
			if err := json.NewDecoder(r.Body).Decode(&in); err == nil {
				value, _ = strings.CutPrefix(in[from], remove)
			}
			_ = json.NewEncoder(w).Encode(map[string]any{"data": map[string]string{to: add + value}}) // whoever left needs no answer
		}
	}
	routes.HandleFunc("/v1/transit/encrypt/consentry", swap("plaintext", "ciphertext", "", "vault:v1:"))
	routes.HandleFunc("/v1/transit/decrypt/consentry", swap("ciphertext", "plaintext", "vault:v1:", ""))
	k.server = &http.Server{Handler: routes, ReadHeaderTimeout: time.Minute}
	go func(s *http.Server) { _ = s.Serve(l) }(k.server)
}

// stop ends it with every connection, as a power cut would.
func (k *keyService) stop() { _ = k.server.Close() }

// free is an address where nothing listens.
func free(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

// ill asks a process for its health: each part that is ill, with its remedy.
func ill(ctx context.Context, address string) (parts map[string]string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/readyz", nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	var r health.Report
	err = json.NewDecoder(res.Body).Decode(&r)
	parts = map[string]string{}
	for _, p := range r.Parts {
		if !p.Ready {
			parts[p.Name] = p.Remedy
		}
	}
	return parts, err
}

// The key service dies under a migration, and the worker with it. What is asked
// for meanwhile is kept; a worker that starts waits, says for what, and does the
// rest when the service is back. What runs has its keys in memory and goes on.
func TestAKeyServiceThatDiesDelaysAndLosesNothing(t *testing.T) {
	k := newKeyService(t)
	s := openOn(t, "sqlite", func(o *stack.Options) { o.SealingKey = "hashivault://consentry" })
	ctx := bounded(t)
	c, err := s.at(ctx, "contoso")
	require.NoError(t, err)
	require.NoError(t, c.consent(ctx))
	require.NoError(t, c.until(ctx, domain.AwaitingDescription))

	k.stop()
	s.KillWorker()
	described := make(chan error, 1)
	go func() { described <- c.describe(ctx) }() // given now, applied when somebody works
	address, up := free(t), make(chan error, 1)
	var worker *stack.Process
	go func() {
		var err error
		worker, err = s.Run(ctx, filepath.Join("..", "..", "bin", "consentry-worker"), "CONSENTRY_METRICS_LISTEN="+address)
		up <- err
	}()
	require.Eventually(t, func() bool {
		parts, err := ill(ctx, address)
		return err == nil && parts["sealing-key"] != "" && parts["payload-keys"] != ""
	}, time.Minute, 50*time.Millisecond, "a worker that cannot encrypt says which part is ill, with its remedy")
	parts, err := ill(ctx, address)
	require.NoError(t, err)
	require.Contains(t, parts["sealing-key"], "Restore access to the key")
	require.NotContains(t, parts, "database")
	require.NotContains(t, parts, "temporal")
	m, err := s.migration(ctx, c.attempt)
	require.NoError(t, err)
	require.Equal(t, domain.AwaitingDescription, m.Phase, "nobody works, and nothing is lost")

	k.start()
	require.NoError(t, <-up)
	t.Cleanup(func() { worker.Stop(10 * time.Second) })
	require.NoError(t, <-described, "the decision was kept")
	require.NoError(t, c.until(ctx, domain.AwaitingApproval))

	k.stop()
	require.NoError(t, c.approve(ctx))
	require.NoError(t, c.until(ctx, domain.Migrated), "the keys and tokens in memory are enough")
	k.start()
	require.NoError(t, c.done(ctx))
	s.requireSame(t, "contoso")
}
