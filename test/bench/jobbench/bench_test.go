package jobbench

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestEveryReadIsMeasured keeps the bench from rotting; its numbers say nothing at this size.
func TestEveryReadIsMeasured(t *testing.T) {
	seen := map[string]Figure{}
	require.NoError(t, run(t.Context(), size{integrations: 60, requests: 8, pairs: 1}, func(f Figure) { seen[f.Name] = f }))
	require.Len(t, seen, 2*4*5)
	for name, f := range seen {
		require.True(t, strings.HasPrefix(name, "job.read_"), name)
		require.NotEmpty(t, f.Unit, name)
		require.Positive(t, f.Value, name)
	}
}

func TestTheWriterIsMeasured(t *testing.T) {
	seen := map[string]Figure{}
	require.NoError(t, writer(t.Context(), size{requests: 16, pairs: 1}, func(f Figure) { seen[f.Name] = f }))
	require.Len(t, seen, 2)
	for name, f := range seen {
		require.True(t, strings.HasPrefix(name, "job.postgres.commands"), name)
		require.Positive(t, f.Value, name)
	}
}
