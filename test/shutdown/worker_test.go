package shutdown

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/emulator"
)

type syncRun struct {
	ID    string
	State string
	Pages int
}

func (s *system) call(t *testing.T, method, path string, out any) {
	t.Helper()
	s.callAt(t, strings.TrimPrefix(s.Console, "http://"), method, path, out)
}

func (s *system) callAt(t *testing.T, address, method, path string, out any) {
	t.Helper()
	res, err := http.DefaultClient.Do(s.request(t, method, address, "/api/v1"+path))
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Less(t, res.StatusCode, 300, string(body))
	require.NoError(t, json.Unmarshal(body, out))
}

// runOf is the newest run of the integration.
func (s *system) runOf(t *testing.T, integration string) syncRun {
	t.Helper()
	var list struct{ Items []syncRun }
	s.call(t, http.MethodGet, "/sync-runs?integrationId="+integration, &list)
	require.NotEmpty(t, list.Items)
	return list.Items[0]
}

// reading begins a synchronization and returns when the worker waits for a page
// that Microsoft is slow to give.
func (s *system) reading(t *testing.T, account string, slow time.Duration) (run func() syncRun) {
	t.Helper()
	c := s.world.Customer(account)
	before := s.runOf(t, c.Integration)
	fault := s.Emulator.SetFault(emulator.Fault{TenantID: c.Tenant.ID, PathPrefix: "/v1.0/users/delta", Delay: emulator.Duration(slow)})
	var begun struct{}
	s.call(t, http.MethodPost, "/integrations/"+c.Integration+"/sync-runs", &begun)
	eventually(t, func() bool {
		return !slices.ContainsFunc(s.Emulator.Faults(), func(f emulator.Fault) bool { return f.ID == fault })
	}, "the page is asked for")
	run = func() syncRun { return s.runOf(t, c.Integration) }
	require.NotEqual(t, before.ID, run().ID)
	return run
}

func TestAWorkerThatIsToldToStopHandsItsWorkOn(t *testing.T) {
	t.Setenv("CONSENTRY_STOP_WITHIN", "10m") // the page comes in time, however busy the machine is
	s := start(t)
	t.Run("a page that is under way is taken in first", func(t *testing.T) {
		run := s.reading(t, "contoso", 3*time.Second)
		require.NoError(t, s.Worker().Signal(syscall.SIGTERM))
		require.NoError(t, requireEnds(t, s.Worker()), "exit code 0")
		require.Positive(t, run().Pages, "what Microsoft answered is kept")
		require.NoError(t, s.StartWorker(t.Context()))
		eventually(t, func() bool { return run().State == "done" }, "another worker completes it")
	})
	t.Run("a page that does not come keeps it no longer than it may stop", func(t *testing.T) {
		require.NoError(t, s.Worker().Signal(syscall.SIGTERM))
		require.NoError(t, requireEnds(t, s.Worker()))
		impatient, err := s.Run(t.Context(), built(t, "consentry-worker"), "CONSENTRY_STOP_WITHIN=1s")
		require.NoError(t, err)
		t.Cleanup(func() { impatient.Stop(0) })
		run := s.reading(t, "fabrikam", time.Hour)
		require.NoError(t, impatient.Signal(syscall.SIGTERM))
		require.NoError(t, requireEnds(t, impatient), "exit code 0")
		require.Equal(t, "reading", run().State)
		require.NoError(t, s.StartWorker(t.Context()))
		eventually(t, func() bool { return run().State == "done" }, "another worker completes it")
	})
}
