package app

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/entra"
	"consentry/internal/metrics"
	"consentry/internal/tracing"
)

// Microsoft is taken for away after several requests without an answer, and for
// well with the first answer, whatever it says.
func TestMicrosoftIsIllWhileItDoesNotAnswer(t *testing.T) {
	status := http.StatusServiceUnavailable
	microsoft := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	t.Cleanup(microsoft.Close)
	a := &App{metrics: metrics.New(), traces: tracing.Off(), answers: &answers{}}
	client := a.watched(entra.Cloud{GraphURL: microsoft.URL})
	ask := func(address string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
		require.NoError(t, err)
		if res, err := client.Do(req); err == nil {
			require.NoError(t, res.Body.Close())
		}
	}
	now := time.Now()
	p := a.answers.probe(func() time.Time { return now })
	require.True(t, p.Advisory, "the process can do its work all the same")
	ask(microsoft.URL)
	ask("http://127.0.0.1:1")
	require.NoError(t, p.Check(t.Context()), "a stumble")
	ask(microsoft.URL)
	require.ErrorContains(t, p.Check(t.Context()), "the last 3 requests")
	now = now.Add(time.Hour)
	require.NoError(t, p.Check(t.Context()), "what is long ago tells nothing about now")
	now = now.Add(-time.Hour)
	status = http.StatusForbidden
	ask(microsoft.URL)
	require.NoError(t, p.Check(t.Context()), "a refusal is an answer")
}
