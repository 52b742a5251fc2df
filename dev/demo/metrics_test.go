package demo

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"consentry/dev/world"
	"consentry/emulator"
	"consentry/internal/domain"
)

// served is what a process shows: each metric with its lines.
type served map[string][]sample

type sample struct {
	labels map[string]string
	value  string
}

var (
	metricLine = regexp.MustCompile(`^([a-z_]+?)(?:_bucket|_sum|_count)?(?:\{(.*)\})? (\S+)$`)
	exactLine  = regexp.MustCompile(`^([a-z_]+)(?:\{(.*)\})? (\S+)$`)
	labelForm  = regexp.MustCompile(`([a-z_]+)="((?:[^"\\]|\\.)*)"`)
)

// scrape reads the metrics of the process at address as Prometheus would.
func scrape(t *testing.T, address string) served {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/metrics", nil)
	require.NoError(t, err)
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	all, histograms := served{}, map[string]bool{}
	for line := range strings.Lines(string(body)) {
		line = strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(line, "# TYPE "); ok {
			name, kind, _ := strings.Cut(rest, " ")
			histograms[name] = kind == "histogram"
			continue
		}
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		parts := metricLine.FindStringSubmatch(line)
		require.NotNil(t, parts, line)
		if !histograms[parts[1]] {
			parts = exactLine.FindStringSubmatch(line)
		}
		s := sample{labels: map[string]string{}, value: parts[3]}
		for _, l := range labelForm.FindAllStringSubmatch(parts[2], -1) {
			if l[1] != "le" {
				s.labels[l[1]] = l[2]
			}
		}
		all[parts[1]] = append(all[parts[1]], s)
	}
	return all
}

// value is the one sample with these labels.
func (s served) value(t *testing.T, name string, labels map[string]string) string {
	t.Helper()
	var found []string
	for _, one := range s[name] {
		if len(labels) == 0 || maps.Equal(one.labels, labels) {
			found = append(found, one.value)
		}
	}
	require.Len(t, found, 1, "%s%v: %v", name, labels, s[name])
	return found[0]
}

// What may vary without bound: ids of ours, of Microsoft's and of requests.
var unbounded = regexp.MustCompile(`[a-z]{2,4}_[0-9a-hj-np-tv-z]{16}|[0-9a-f]{8}-[0-9a-f]{4}-|@|directory-sync/|migration/`)

// everySDKLabel is what each metric of Temporal's SDK has.
var everySDKLabel = []string{"namespace", "client_name", "task_queue", "worker_type", "workflow_type", "activity_type"}

// TestTheRunningProcessesServeWhatIsDocumented: after a migration with holds and
// a forged callback, worker and API together show every metric of docs/metrics.md
// with its labels, none beside, and no label takes an id for its value.
func TestTheRunningProcessesServeWhatIsDocumented(t *testing.T) {
	s := open(t)
	ctx := bounded(t)
	c, err := s.at(ctx, "adatum")
	require.NoError(t, err)
	s.KillWorker() // tokens outlive the secret that they were asked for with; a new worker has none
	require.NoError(t, s.StartWorker(ctx))
	require.NoError(t, s.Emulator.DeleteUser(c.Tenant.ID, s.Emulator.Directory(c.Tenant.ID).Users[3].ID))
	_, err = s.Emulator.CreateUser(c.Tenant.ID, emulator.User{DisplayName: "Nora Neu", UserPrincipalName: "nora.neu@adatum.example", AccountEnabled: true, UserType: "Member"})
	require.NoError(t, err)
	require.NoError(t, c.consent(ctx))
	require.NoError(t, c.until(ctx, domain.AwaitingDescription))
	require.NoError(t, c.describe(ctx))
	require.NoError(t, c.until(ctx, domain.AwaitingApproval))
	require.NoError(t, c.approve(ctx))
	require.NoError(t, c.until(ctx, domain.Migrated))
	forged, err := http.Get(s.Console + "/consent/callback?admin_consent=True&tenant=" + c.Tenant.ID + "&state=forged")
	require.NoError(t, err)
	require.NoError(t, forged.Body.Close())
	var holds struct{ Items []struct{ ObjectID string } }
	_, err = c.browser.API(ctx, "GET", "/holds?integrationId="+c.Integration, nil, &holds)
	require.NoError(t, err)
	require.NotEmpty(t, holds.Items)

	api, worker := scrape(t, s.App.MetricsAddress()), scrape(t, s.WorkerMetrics())
	text, err := os.ReadFile("../../docs/metrics.md")
	require.NoError(t, err)
	documented := map[string][]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `((?:consentry|temporal)_[a-z_]+)` \\| ([a-z_, ]*)\\|").FindAllStringSubmatch(string(text), -1) {
		documented[row[1]] = slices.Sorted(slices.Values(strings.FieldsFunc(row[2], func(r rune) bool { return r == ',' || r == ' ' })))
	}
	_, seldom, found := strings.Cut(string(text), "only once it has happened:")
	require.True(t, found)
	seldom, _, _ = strings.Cut(seldom, "\n\n")
	shown := map[string]bool{}
	for program, of := range map[string]served{"api": api, "worker": worker} {
		for name, samples := range of {
			shown[name] = true
			if strings.HasPrefix(name, "go_") || strings.HasPrefix(name, "process_") || strings.HasPrefix(name, "promhttp_") {
				continue
			}
			labels, known := documented[name]
			if !known {
				t.Errorf("%s serves %s%v, which is not documented", program, name, slices.Sorted(maps.Keys(samples[0].labels)))
				continue
			}
			for _, one := range samples {
				for label, value := range one.labels {
					ofTheSDK := strings.HasPrefix(name, "temporal_") && slices.Contains(everySDKLabel, label)
					if !slices.Contains(labels, label) && !ofTheSDK {
						t.Errorf("%s serves %s with the label %s=%q, which is not documented", program, name, label, value)
					}
					if unbounded.MatchString(value) {
						t.Errorf("%s serves %s with the label %s=%q, which has as many values as there are things", program, name, label, value)
					}
				}
			}
		}
	}
	for name := range documented {
		if !shown[name] && !strings.HasPrefix(name, "temporal_") && !strings.Contains(seldom, "`"+name+"`") {
			t.Errorf("%s is documented and served by neither", name)
		}
	}

	for program, of := range map[string]served{"api": api, "worker": worker} {
		require.Equal(t, fmt.Sprint(len(holds.Items)), of.value(t, "consentry_holds_open", nil), program)
		require.Equal(t, "0", of.value(t, "consentry_audit_chain_breaks", nil), program)
		require.Equal(t, "1", of.value(t, "consentry_migrations", map[string]string{"campaign": world.CampaignID(c.Region), "phase": "Migrated"}), program)
		require.Len(t, of["consentry_processes"], 2, program)
		require.NotEqual(t, "0", of.value(t, "consentry_audit_checked_seq", nil), program)
	}
}
