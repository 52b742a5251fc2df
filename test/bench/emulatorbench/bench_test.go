package emulatorbench

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRatiosAreMediansOfPairs(t *testing.T) {
	of := []time.Duration{10, 90, 30}
	to := []time.Duration{10, 30, 15}
	require.InDelta(t, 2.0, ratio(of, to), 1e-9, "of 1, 3 and 2")
}

// TestEveryPartMeasures keeps the bench from rotting; its numbers say nothing at this size.
func TestEveryPartMeasures(t *testing.T) {
	seen := map[string]Figure{}
	require.NoError(t, run(t.Context(), size{users: 600, pages: 2, requests: 4, pairs: 1}, func(f Figure) { seen[f.Name] = f }))
	require.Len(t, seen, 8)
	for name, f := range seen {
		require.True(t, strings.HasPrefix(name, "emulator."), name)
		require.NotEmpty(t, f.Unit, name)
	}
}
