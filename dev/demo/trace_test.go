package demo

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"consentry/internal/domain"
)

// collected is a collector of traces: what every process has sent to it.
type collected struct {
	mu    sync.Mutex
	raw   [][]byte
	spans map[string]*otlp.Span
}

// collect starts one and tells this process, and those it starts, to use it.
func collect(t *testing.T) *collected {
	t.Helper()
	c := &collected{spans: map[string]*otlp.Span{}}
	answers := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var batch collector.ExportTraceServiceRequest
		if err != nil || proto.Unmarshal(body, &batch) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.raw = append(c.raw, body)
		for _, of := range batch.ResourceSpans {
			for _, scope := range of.ScopeSpans {
				for _, span := range scope.Spans {
					c.spans[hex.EncodeToString(span.SpanId)] = span
				}
			}
		}
	}))
	t.Cleanup(answers.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", answers.URL)
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
	return c
}

// roads are the ways from a span named so up to its trace's first, as far as
// their spans have come.
func (c *collected) roads(name string) (roads []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, from := range c.spans {
		if !strings.HasPrefix(from.Name, name) {
			continue
		}
		var road []string
		for span := from; span != nil; span = c.spans[hex.EncodeToString(span.ParentSpanId)] {
			if !bytes.Equal(span.TraceId, from.TraceId) {
				break
			}
			road = append(road, span.Name)
		}
		roads = append(roads, strings.Join(road, " < "))
	}
	return roads
}

func (c *collected) awaitRoad(t *testing.T, road ...string) {
	t.Helper()
	want := strings.Join(road, " < ")
	if !eventually(func() bool {
		return slices.Contains(c.roads(road[0]), want)
	}) {
		require.Fail(t, "no trace goes this way", "want %s\n got %s", want, strings.Join(c.roads(road[0]), "\n     "))
	}
}

func eventually(ok func() bool) bool {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); <-tick.C {
		if ok() {
			return true
		}
	}
	return false
}

// What a person asks for is one trace, over both processes and through Temporal
// down to Microsoft; and neither traces nor logs hold anything of the customer.
func TestARequestIsOneTraceDownToMicrosoft(t *testing.T) {
	traces := collect(t)
	s := open(t)
	ctx := bounded(t)
	c, err := s.at(ctx, "contoso")
	require.NoError(t, err)
	require.NoError(t, c.synchronize(ctx))
	require.NoError(t, c.consent(ctx))
	require.NoError(t, c.until(ctx, domain.AwaitingDescription))
	require.NoError(t, c.describe(ctx))

	traces.awaitRoad(t, "GET graph /v1.0/users/delta", "RunActivity:GraphReadRound", "StartActivity:GraphReadRound", "RunWorkflow:DirectorySyncWorkflow",
		"StartWorkflow:DirectorySyncWorkflow", "engine call start DirectorySyncWorkflow", "command synchronize-now", "POST /api/v1/integrations/:id/sync-runs")
	traces.awaitRoad(t, "HandleSignal:consent-granted", "SignalWorkflow:consent-granted", "engine call signal consent-granted", "command verify-consent", "GET /consent/callback")
	traces.awaitRoad(t, "command apply-decision", "RunActivity:ServiceApplyDecision", "StartActivity:ServiceApplyDecision", "HandleUpdate:apply-decision",
		"UpdateWorkflow:apply-decision", "engine call update apply-decision", "command decide", "POST /api/v1/migrations/:id/decisions")

	private := append(s.private(t, c, "Employees and groups of "+c.Name), "client_assertion", "deltatoken", "code=", "state=", "?$select", "?%24select")
	token, err := os.ReadFile(s.OperatorToken())
	require.NoError(t, err)
	private = append(private, strings.TrimSpace(string(token)))
	traces.mu.Lock()
	defer traces.mu.Unlock()
	sent := bytes.Join(traces.raw, nil)
	require.Contains(t, string(sent), c.Integration, "ids of ours are there to be found")
	for _, text := range private {
		// What was sent is binary and long: it is not shown.
		if bytes.Contains(sent, []byte(text)) {
			require.Fail(t, "the traces hold what is nobody's business", text)
		}
	}

	requests := 0
	for _, name := range []string{"consentry.log", "worker.log"} {
		log, err := os.ReadFile(filepath.Join(s.Dir(), name))
		require.NoError(t, err)
		require.NotEmpty(t, log)
		for _, text := range private {
			require.NotContains(t, string(log), text, "%s holds it", name)
		}
		for line := range bytes.Lines(log) {
			var told struct {
				Logger       string `json:"logger"`
				Msg          string `json:"msg"`
				Request      string `json:"request"`
				TraceID      string `json:"TraceID"`
				WorkflowID   string `json:"WorkflowID"`
				ActivityType string `json:"ActivityType"`
			}
			require.NoError(t, json.Unmarshal(line, &told), "%s", line)
			switch {
			case told.Logger == "microsoft":
			case told.Msg == "request" || told.Request != "":
				requests++
				require.NotEmpty(t, told.Request, "%s", line)
				require.NotEmpty(t, told.TraceID, "%s", line)
			case told.ActivityType != "":
				require.NotEmpty(t, told.WorkflowID, "%s", line)
				require.NotEmpty(t, told.TraceID, "%s", line)
			}
		}
	}
	require.Positive(t, requests)
}
