package app

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"consentry/dev/postgres"
	"consentry/internal/engine"
	"consentry/internal/health"
	"consentry/internal/service"
	"consentry/internal/store"
	"consentry/internal/store/storetest"
)

// A server that is down is no schema of another version, and the process is ready
// again with the server's first answer.
func TestADatabaseThatIsAwayHasNoOtherSchema(t *testing.T) {
	cluster, err := postgres.Start(t.Context(), postgres.Options{Unsafe: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cluster.Stop()) })
	require.NoError(t, cluster.Create(t.Context(), "consentry"))
	s := storetest.At(t, cluster.URL("consentry"))
	known, err := store.KnownSchemaVersion()
	require.NoError(t, err)
	core, logged := observer.New(zapcore.WarnLevel)
	a := &App{log: zap.NewNop(), store: s, presence: &presence{}, Service: service.New(service.Deps{Store: s, Now: time.Now, Log: zap.NewNop()})}
	m := health.New(time.Now, 0, zap.New(core), append(a.databaseProbes(known), a.processProbes()...)...)
	ill := func() (names []string) {
		for _, p := range m.Report(t.Context()).Parts {
			if !p.Ready {
				names = append(names, p.Name)
			}
		}
		return names
	}
	before := ill()
	require.NotContains(t, before, "schema")

	require.NoError(t, cluster.Halt(t.Context(), "fast"))
	require.Equal(t, append([]string{"database"}, before...), ill())
	_, asked := errors.AsType[*health.NotAsked](schemaIs(t.Context(), s, known))
	require.True(t, asked)
	require.NoError(t, cluster.Resume(t.Context()))
	require.Equal(t, before, ill())
	require.ErrorContains(t, schemaIs(t.Context(), s, known-1), "this program knows")
	for _, line := range logged.FilterMessage("a part is ill").All() {
		require.NotEqual(t, "schema", line.ContextMap()["part"])
	}

	late, cancel := context.WithCancel(t.Context())
	cancel()
	_, asked = errors.AsType[*health.NotAsked](schemaIs(late, s, known))
	require.True(t, asked, "an answer that nobody waited for")
}

func TestOnlyWhatTheServerSaysIsAVerdict(t *testing.T) {
	require.NoError(t, onlyVerdict[*engine.NoNamespace](nil))
	none := &engine.NoNamespace{Namespace: "n", Address: "a"}
	require.Equal(t, error(none), onlyVerdict[*engine.NoNamespace](none))
	_, asked := errors.AsType[*health.NotAsked](onlyVerdict[*engine.LacksSearchAttributes](context.DeadlineExceeded))
	require.True(t, asked)
}
