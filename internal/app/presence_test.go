package app

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.uber.org/zap"

	"consentry/internal/domain"
	"consentry/internal/metrics"
	"consentry/internal/service"
	"consentry/internal/store/storetest"
)

// present is a process that has nothing but a database.
func present(t *testing.T, s service.Store, program string) *App {
	t.Helper()
	a := &App{Config: Config{Process: program}, log: zap.NewNop(), metrics: metrics.New()}
	a.foreign = newFindings(a.metrics, a.log)
	a.Service = service.New(service.Deps{Store: s, Now: time.Now, Log: a.log})
	var err error
	a.presence, err = a.newPresence()
	require.NoError(t, err)
	t.Cleanup(func() { a.presence.close() })
	return a
}

func TestProcessesTellOfThemselvesUntilTheySayGoodbye(t *testing.T) {
	s := storetest.Open(t)
	worker, api := present(t, s, "consentry-worker"), present(t, s, "consentry-api")
	worker.presence.does(domain.KindWorker)
	api.presence.does(domain.KindAPI)
	seen := func(want int, about func(service.ProcessReport) bool) {
		t.Helper()
		require.Eventually(t, func() bool {
			r, err := api.Service.Processes(context.WithoutCancel(t.Context()), domain.System("test"))
			return err == nil && len(r.Running()) == want && about(r)
		}, 30*time.Second, 10*time.Millisecond)
	}
	seen(2, func(r service.ProcessReport) bool { return len(r.Troubles) == 0 })

	worker.foreign.note("MigrationWorkflow")
	worker.presence.does(domain.KindWorker) // tells at once
	seen(2, func(r service.ProcessReport) bool {
		return len(r.Troubles) == 1 && r.Troubles[0].Code == "incompatible" && r.Troubles[0].ProcessID == worker.presence.own.ID
	})
	probes := map[string]error{}
	for _, p := range api.processProbes() {
		require.True(t, p.Advisory)
		probes[p.Name] = p.Check(t.Context())
	}
	require.NoError(t, probes["processes"])
	require.ErrorContains(t, probes["builds"], "MigrationWorkflow")

	worker.presence.close()
	seen(1, func(r service.ProcessReport) bool { return r.Troubles[0].Code == "no-worker" })
}

func TestTemporalIsToldTheBuildAndNotTheMachine(t *testing.T) {
	a := present(t, storetest.Open(t), "consentry-worker")
	var o client.Options
	a.named(&o)
	require.Regexp(t, `^consentry-worker prc_[0-9a-z]{16} \S+ \S+$`, o.Identity)
}
