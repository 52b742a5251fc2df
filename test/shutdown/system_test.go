package shutdown

import (
	"context"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/dev/stack"
	"consentry/dev/world"
)

// Nothing here is timed: patience bounds what has to happen at some time.
const (
	patience = 2 * time.Minute
	moment   = 20 * time.Millisecond
)

func built(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("../../bin", name))
	require.NoError(t, err)
	_, err = os.Stat(path)
	require.NotErrorIs(t, err, fs.ErrNotExist, "`make build` makes the programs that this test starts")
	return path
}

// system is everything that the programs of production stand on, with a worker
// of its own process, and the bearer token of an operator.
type system struct {
	*stack.Stack
	world *world.World
	token string
}

func start(t *testing.T) *system {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	w := world.New(11, world.Size{Users: 20, Groups: 3}, time.Now().AddDate(1, 0, 0))
	s, err := stack.Start(ctx, stack.Options{
		Dir: t.TempDir(), World: w, SweepEvery: time.Minute, ConsentDelay: 100 * time.Millisecond, KeyDelay: 100 * time.Millisecond,
		WorkerProcess: true, WorkerProgram: built(t, "consentry-worker"), TemporalDev: built(t, "temporal-dev"),
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	require.NoError(t, s.SetScene(ctx, world.DevTerms(time.Now())))
	token, err := os.ReadFile(s.OperatorToken())
	require.NoError(t, err)
	return &system{Stack: s, world: w, token: strings.TrimSpace(string(token))}
}

// process is a program of production that said where it listens.
type process struct {
	*stack.Process
	address, internals string
}

var where = regexp.MustCompile(`listening on (\S+); health and metrics at http://(\S+)$`)

func (s *system) api(t *testing.T, env ...string) process {
	t.Helper()
	p, err := s.Run(t.Context(), built(t, "consentry-api"), append(env, "CONSENTRY_LISTEN=127.0.0.1:0")...)
	require.NoError(t, err)
	t.Cleanup(func() { p.Stop(0) })
	at := where.FindStringSubmatch(p.Ready())
	require.NotNil(t, at, p.Ready())
	return process{Process: p, address: at[1], internals: at[2]}
}

// request is one of the operator's.
func (s *system) request(t *testing.T, method, address, path string) *http.Request {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, method, "http://"+address+path, nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+s.token)
	return r
}

// status is what the address answers; 0 when nobody does.
func (s *system) status(t *testing.T, address, path string) int {
	t.Helper()
	// A connection of its own: one that is kept alive would be taken while no other is.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(s.request(t, http.MethodGet, address, path))
	if err != nil {
		return 0
	}
	require.NoError(t, res.Body.Close())
	return res.StatusCode
}

func eventually(t *testing.T, holds func() bool, words string) {
	t.Helper()
	require.Eventually(t, holds, patience, moment, words)
}

func requireEnds(t *testing.T, p *stack.Process) error {
	t.Helper()
	select {
	case <-p.Done():
	case <-time.After(patience):
		t.Fatal("the process does not end")
	}
	return p.Ended()
}
