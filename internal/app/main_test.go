package app

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"consentry/internal/build"
	"consentry/internal/health"
	"consentry/internal/metrics"
)

// mainWith is a process without its signals: exit code, output, errors.
func mainWith(t *testing.T, environment map[string]string, args ...string) (code int, out, errs string) {
	t.Helper()
	_, _ = under(t, environment) // for the environment alone
	var o, e bytes.Buffer
	code = Main(t.Context(), APIProgram(), args, &o, &e)
	return code, o.String(), e.String()
}

func TestAMistakeInTheConfigurationHasItsOwnExitCode(t *testing.T) {
	code, _, errs := mainWith(t, map[string]string{"CONSENTRY_CLOUD": "mars"})
	require.Equal(t, 2, code)
	require.Contains(t, errs, "consentry-api: the configuration cannot work")
	require.Contains(t, errs, "--database")
	require.NotContains(t, errs, "goroutine")

	code, _, errs = mainWith(t, map[string]string{"CONSENTRY_CLOUD": "mars"}, "check")
	require.Equal(t, 2, code)
	require.Contains(t, errs, "mars")

	code, out, errs := mainWith(t, goodEnvironment(t), "check")
	require.Zero(t, code, errs)
	require.Contains(t, out, "complete")
}

func TestTheVersionIsSaidWithoutAConfiguration(t *testing.T) {
	version, revision := build.Name()
	for _, p := range []Program{WorkerProgram(), APIProgram()} {
		for _, args := range [][]string{{"--version"}, {"health", "--version"}} {
			var out, errs bytes.Buffer
			require.Zero(t, Main(t.Context(), p, args, &out, &errs), errs.String())
			require.Equal(t, p.Name+" "+version+" ("+revision+")\n", out.String())
			require.Empty(t, errs.String())
		}
	}
}

func TestTheHealthCommandSaysWhatTheProcessAnswers(t *testing.T) {
	a := &App{log: zap.NewNop(), metrics: metrics.New()}
	var clock time.Time // each question is asked anew
	var ill error
	a.health = health.New(func() time.Time { clock = clock.Add(time.Hour); return clock }, time.Second, a.log,
		health.Probe{Name: "process", Check: a.alive, Means: "It starts or stops."},
		health.Probe{Name: "database", Check: func(context.Context) error { return ill }, Means: "The disk is full."})
	answers := httptest.NewServer(a.internalRoutes())
	t.Cleanup(answers.Close)
	at := map[string]string{"CONSENTRY_METRICS_LISTEN": strings.TrimPrefix(answers.URL, "http://")}

	code, _, errs := mainWith(t, at, "health")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "It starts or stops.")

	a.life.Store(int32(working))
	code, out, errs := mainWith(t, at, "health")
	require.Zero(t, code, errs)
	require.Equal(t, "ready\n", out)

	ill = errors.New("no space")
	code, _, errs = mainWith(t, at, "health")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "The disk is full.")

	ill = nil
	a.life.Store(int32(stopping))
	code, _, errs = mainWith(t, at, "health")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "It starts or stops.")

	res, err := http.Get(answers.URL + "/healthz")
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusOK, res.StatusCode, "a process that stops is alive")
}

func TestTheHealthCommandAsksThisMachineOnly(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	free := l.Addr().String()
	require.NoError(t, l.Close())
	code, _, errs := mainWith(t, map[string]string{"CONSENTRY_METRICS_LISTEN": free, "HTTP_PROXY": "http://127.0.0.1:1"}, "health")
	require.Equal(t, 1, code)
	require.Contains(t, errs, "nothing answers at "+free)

	answers := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(answers.Close)
	_, port, err := net.SplitHostPort(strings.TrimPrefix(answers.URL, "http://"))
	require.NoError(t, err)
	code, _, errs = mainWith(t, nil, "health", "--metrics-listen=0.0.0.0:"+port)
	require.Zero(t, code, errs)
}
