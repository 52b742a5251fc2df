package shutdown

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.uber.org/zap"
	"google.golang.org/protobuf/types/known/durationpb"

	"consentry/internal/app"
	"consentry/internal/engine"
)

// TestANamespaceThatIsNotThereIsNamed by a real server: at the start of either
// program, and in the health of one whose namespace is deleted under it. No other
// worker mends it, so none is asked for.
func TestANamespaceThatIsNotThereIsNamed(t *testing.T) {
	s := start(t)
	for _, program := range []string{"consentry-api", "consentry-worker"} {
		_, err := s.Run(t.Context(), built(t, program), "TEMPORAL_NAMESPACE=mistyped", "CONSENTRY_LISTEN=127.0.0.1:0")
		require.ErrorContains(t, err, "exit status 1", program)
		said, err := os.ReadFile(filepath.Join(s.Dir(), program+".log"))
		require.NoError(t, err)
		require.Contains(t, string(said), program+": the Temporal namespace mistyped does not exist at 127.0.0.1:")
		require.Contains(t, string(said), "temporal operator namespace create --address 127.0.0.1:")
		require.Contains(t, string(said), "tcld namespace create --namespace mistyped ")
		require.NotContains(t, string(said), "tart a worker")
	}

	o, err := engine.ClientOptions(s.Temporal(), zap.NewNop())
	require.NoError(t, err)
	c, err := client.DialContext(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	_, err = c.WorkflowService().RegisterNamespace(t.Context(), &workflowservice.RegisterNamespaceRequest{
		Namespace: "short-lived", WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour),
	})
	require.NoError(t, err)
	api := s.api(t, "TEMPORAL_NAMESPACE=short-lived")
	require.NotContains(t, s.troubles(t, api.address), "namespace")
	_, err = c.OperatorService().DeleteNamespace(t.Context(), &operatorservice.DeleteNamespaceRequest{Namespace: "short-lived"})
	require.NoError(t, err)
	eventually(t, func() bool {
		return s.status(t, api.internals, "/readyz") == http.StatusServiceUnavailable && s.troubles(t, api.address)["namespace"] != ""
	}, "it is missed")
	require.Contains(t, s.troubles(t, api.address)["namespace"], "The Temporal namespace short-lived does not exist at 127.0.0.1:")
	require.Equal(t, 1, app.Main(t.Context(), app.APIProgram(), []string{"health", "--metrics-listen", api.internals}, os.Stderr, os.Stderr))
}

// troubles are the parts that `consentry status` calls ill, with what it says.
func (s *system) troubles(t *testing.T, address string) map[string]string {
	t.Helper()
	var report struct {
		Troubles []struct{ Code, Text, Remedy string }
	}
	s.callAt(t, address, http.MethodGet, "/processes", &report)
	ill := map[string]string{}
	for _, one := range report.Troubles {
		if one.Code == "part-ill" {
			name, _, _ := strings.Cut(one.Text, ": ")
			ill[name] = one.Text + " " + one.Remedy
		}
	}
	return ill
}
