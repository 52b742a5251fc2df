package service_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/domain"
	"consentry/internal/service"
)

// told are processes that tell of themselves in a world whose clock stands.
func (w *world) told(t *testing.T, all ...domain.Process) service.ProcessReport {
	t.Helper()
	for _, p := range all {
		require.NoError(t, w.TellProcess(t.Context(), p))
	}
	r, err := w.Processes(t.Context(), domain.System("test"))
	require.NoError(t, err)
	return r
}

func codesOf(r service.ProcessReport) map[string]string {
	codes := map[string]string{}
	for _, t := range r.Troubles {
		codes[t.Code] = t.ProcessID
	}
	return codes
}

func TestABuildThatDoesNotFitIsNamedWithTheRemedy(t *testing.T) {
	w := newWorld(t)
	began := domain.At(w.now)
	worker := domain.Process{ID: "prc_w", Program: "consentry-worker", Kinds: []string{"worker"}, Version: "v1", Revision: "aaaa", SchemaVersion: 70, StartedAt: began}
	api := domain.Process{ID: "prc_a", Program: "consentry-api", Kinds: []string{"api"}, Version: "v1", Revision: "aaaa", SchemaVersion: 70, StartedAt: began}

	require.Equal(t, map[string]string{"no-api": ""}, codesOf(w.told(t, worker)))
	r := w.told(t, api)
	require.Empty(t, r.Troubles)
	require.Len(t, r.Running(), 2)

	// Executables of two programs differ though they are of one build.
	worker.Revision, api.Revision = "exe-1", "exe-2"
	require.Empty(t, w.told(t, worker, api).Troubles)

	newer := domain.Process{ID: "prc_n", Program: "consentry-worker", Kinds: []string{"worker"}, Version: "v2", Revision: "bbbb", SchemaVersion: 70, StartedAt: domain.At(w.now.Add(time.Second))}
	r = w.told(t, newer)
	require.Equal(t, []string{"other-build", "other-build"}, []string{r.Troubles[0].Code, r.Troubles[1].Code})
	require.Contains(t, r.Troubles[0].Remedy, "v2 bbbb")

	newer.SchemaVersion, worker.Incompatible = 75, []string{"MigrationWorkflow"}
	r = w.told(t, newer, worker)
	require.Equal(t, "prc_w", codesOf(r)["incompatible"])
	require.Contains(t, codesOf(r), "old-schema")
	for _, trouble := range r.Troubles {
		require.NotEqual(t, "prc_n", trouble.ProcessID, "the newest schema's build is the wanted one")
		require.NotEmpty(t, trouble.Remedy)
	}

	nobody, err := w.Processes(t.Context(), domain.Caller{Kind: domain.CallerPerson, ID: "ana"})
	require.Equal(t, domain.Forbidden, domain.KindOf(err))
	require.Empty(t, nobody.Processes)
	require.Empty(t, nobody.Troubles)
}

func TestAProcessThatEndsWithoutAWordIsMissedAndForgotten(t *testing.T) {
	w := newWorld(t)
	worker := domain.Process{ID: "prc_w", Program: "consentry-dev", Kinds: []string{"worker", "api"}, StartedAt: domain.At(w.now)}
	other := domain.Process{ID: "prc_o", Program: "consentry-dev", Kinds: []string{"worker", "api"}, StartedAt: domain.At(w.now)}
	require.Empty(t, w.told(t, worker, other).Troubles)

	w.now = w.now.Add(service.ProcessLostAfter)
	r := w.told(t)
	require.Len(t, r.Processes, 2, "they are shown as lost")
	require.Empty(t, r.Running())
	require.Equal(t, map[string]string{"no-worker": "", "no-api": ""}, codesOf(r))

	require.NoError(t, w.RetireProcess(t.Context(), "prc_o"))
	require.Len(t, w.told(t).Processes, 1, "who says goodbye is not missed")
	w.now = w.now.Add(25 * time.Hour)
	r = w.told(t, other)
	require.Len(t, r.Processes, 1, "the lost one is forgotten")
	require.Equal(t, "prc_o", r.Processes[0].ID)
}
