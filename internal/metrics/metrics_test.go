package metrics

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

var full = Figures{
	Waiting: 1, Oldest: time.Minute, Migrations: map[string]map[string]int{"eu": {"Migrated": 3}}, Overdue: map[string]int{"eu": 1}, Holds: 2,
	MirrorAge: map[string]time.Duration{"eu": time.Hour}, CertificateLeft: map[string]time.Duration{"cell": 48 * time.Hour}, AuditChecked: 9,
	Processes: map[Running]int{{"worker", "v1", "abc"}: 2},
}

func scrape(t *testing.T, m *Metrics, f Figures, err error) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler(func(context.Context) (Figures, error) { return f, err }).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	require.Equal(t, http.StatusOK, w.Code)
	return w.Body.String()
}

// used has seen one of everything.
func used() *Metrics {
	m := New()
	m.Request("GET", "/api/v1/migrations", 200, time.Millisecond)
	m.Request("GET", "/events", 200, time.Hour)
	m.Command("describe", "done")
	m.ConsentRefused("state_unknown")
	m.StrangerRefused("consent-return")
	m.Delivered("update", "taken", true)
	m.RunEnded("done", 12)
	m.Microsoft("graph", "ok", time.Millisecond)
	m.Incompatible("MigrationWorkflow")
	one := func() float64 { return 1 }
	m.Pool(one, one, one)
	return m
}

var row = regexp.MustCompile("(?m)^\\| `(consentry_[a-z_]+)` \\| ([a-z_, ]*)\\|")

// TestTheDocumentedListIsWhatAScrapeShows, with its labels.
func TestTheDocumentedListIsWhatAScrapeShows(t *testing.T) {
	doc, err := os.ReadFile("../../docs/metrics.md")
	require.NoError(t, err)
	documented := map[string][]string{}
	for _, m := range row.FindAllStringSubmatch(string(doc), -1) {
		documented[m[1]] = strings.FieldsFunc(m[2], func(r rune) bool { return r == ',' || r == ' ' })
	}
	m := used()
	scrape(t, m, full, nil)
	families, err := m.Registry.Gather()
	require.NoError(t, err)
	shown := map[string][]string{}
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "consentry_") {
			continue
		}
		labels := []string{}
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, l.GetName())
		}
		shown[f.GetName()] = labels
	}
	for name, labels := range documented {
		require.ElementsMatch(t, labels, shown[name], name)
	}
	require.Len(t, shown, len(documented))
}

func TestGaugesAreOfNowAndKeptThroughAnOutage(t *testing.T) {
	m := used()
	text := scrape(t, m, full, nil)
	require.Contains(t, text, `consentry_migrations{campaign="eu",phase="Migrated"} 3`)
	require.Contains(t, text, `consentry_certificate_days_left{cell="cell"} 2`)
	require.NotContains(t, text, `consentry_http_request_seconds_count{route="/events"}`, "a stream's length is no answer's time")
	kept := scrape(t, m, Figures{}, errors.New("the database is away"))
	require.Contains(t, kept, `consentry_migrations{campaign="eu",phase="Migrated"} 3`)
	require.Contains(t, kept, "consentry_state_read_failures_total 1")
	require.NotContains(t, scrape(t, m, Figures{}, nil), `campaign="eu"`, "what is gone is not shown")
}

// TestAlertsUseWhatExists and say what they mean and what to do.
func TestAlertsUseWhatExists(t *testing.T) {
	file, err := os.ReadFile("../../deploy/prometheus-alerts.yml")
	require.NoError(t, err)
	var rules struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Expr, For string
				Labels           map[string]string
				Annotations      map[string]string
			}
		}
	}
	require.NoError(t, yaml.Unmarshal(file, &rules))
	m := used()
	scrape(t, m, full, nil)
	families, err := m.Registry.Gather()
	require.NoError(t, err)
	var names []string
	for _, f := range families {
		names = append(names, f.GetName())
	}
	labelsOf := func(name string) (labels []string) {
		for _, f := range families {
			if f.GetName() == name {
				for _, l := range f.GetMetric()[0].GetLabel() {
					labels = append(labels, l.GetName())
				}
			}
		}
		return labels
	}
	require.NotEmpty(t, rules.Groups)
	for _, r := range rules.Groups[0].Rules {
		var labels []string
		for _, m := range regexp.MustCompile(`(consentry_[a-z_]+)(?:\{([^}]*)\})?`).FindAllStringSubmatch(r.Expr, -1) {
			require.True(t, slices.Contains(names, m[1]), "%s asks for %s", r.Alert, m[1])
			labels = labelsOf(m[1])
			for _, l := range regexp.MustCompile(`([a-z_]+)\s*=`).FindAllStringSubmatch(m[2], -1) {
				require.Contains(t, labels, l[1], "%s selects %s by it", r.Alert, m[1])
			}
		}
		for _, by := range regexp.MustCompile(`by \(([^)]*)\)`).FindAllStringSubmatch(r.Expr, -1) { // of one metric each
			for l := range strings.SplitSeq(by[1], ",") {
				require.Contains(t, labels, strings.TrimSpace(l), "%s sums by it", r.Alert)
			}
		}
		require.Contains(t, []string{"page", "ticket"}, r.Labels["severity"], r.Alert)
		require.NotEmpty(t, r.Annotations["means"], r.Alert)
		require.NotEmpty(t, r.Annotations["do"], r.Alert)
		if r.For != "" {
			_, err := time.ParseDuration(r.For)
			require.NoError(t, err, r.Alert)
		}
	}
}
